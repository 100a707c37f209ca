//! The small values everything else is written in: identifiers, points in time, secrets.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// A text that is not what its type promises: an identifier, a time, a region's name.
///
/// # Troubleshooting
/// The message names the value and the form that was expected. Most often an identifier of another
/// kind was given: a Microsoft Entra device id (a GUID) is not a Defender machine id (40 hex digits).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not {expected}")]
pub struct ParseError {
    given: String,
    expected: &'static str,
}

impl ParseError {
    pub(crate) fn new(given: &str, expected: &'static str) -> Self {
        Self { given: printable(given, 80), expected }
    }
}

/// A foreign text made fit for a message: control characters replaced, cut at `max` characters.
pub(crate) fn printable(text: &str, max: usize) -> String {
    if text.len() <= max && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut out: String =
        text.chars().take(max).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(max).is_some() {
        out.push('…');
    }
    out
}

/// Without blanks at its ends, of which by far most texts have none.
pub(crate) fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim(),
    }
}

/// The door for answers: what was sent is kept, however odd.
pub(crate) trait AsSent {
    fn as_sent(text: &str) -> Self;

    fn is_empty(&self) -> bool;
}

/// Whether a reader would see it: neither a blank, nor a control or formatting character.
pub(crate) fn is_visible(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_graphic();
    }
    let formatting = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !(c.is_whitespace() || c.is_control() || formatting)
}

/// Random enough for references and for spreading things in time: from the keys that the standard library
/// draws from the operating system for its hash maps.
pub(crate) fn random_bits() -> u64 {
    RandomState::new().hash_one(SystemTime::now())
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $valid:ident, $fold:expr, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

        }

        impl AsSent for $name {
            fn as_sent(text: &str) -> Self {
                Self(if $valid(text) { $fold(text) } else { text.to_owned() })
            }

            fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl FromStr for $name {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, ParseError> {
                let trimmed = text.trim();
                if $valid(trimmed) {
                    Ok(Self($fold(trimmed)))
                } else {
                    Err(ParseError::new(text, $expected))
                }
            }
        }

        impl TryFrom<&str> for $name {
            type Error = ParseError;

            fn try_from(text: &str) -> Result<Self, ParseError> {
                text.parse()
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseError;

            fn try_from(text: String) -> Result<Self, ParseError> {
                text.parse()
            }
        }

        impl From<&$name> for $name {
            fn from(id: &$name) -> Self {
                id.clone()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

identifier!(
    /// The identifier of a machine in Microsoft Defender for Endpoint: 40 hexadecimal digits.
    ///
    /// It is not the Microsoft Entra device id and not the host's name. Parsing is strict; a machine
    /// inside an answer keeps the identifier exactly as the service sent it.
    ///
    /// ```
    /// # use defender_response::MachineId;
    /// let id: MachineId = "1e5bc9d7e413ddd7902c2932e418702b84d0cc07".parse()?;
    /// assert!("../alerts/x?".parse::<MachineId>().is_err());
    /// # Ok::<(), defender_response::ParseError>(())
    /// ```
    MachineId,
    is_machine_id,
    str::to_ascii_lowercase,
    "a machine id (40 hexadecimal digits, as on the device page of the Defender portal)"
);

identifier!(
    /// The identifier of a machine action: a GUID.
    ///
    /// Store it, and any other process can go on watching the action with
    /// [`Client::action`](crate::Client::action).
    ///
    /// ```
    /// # use defender_response::ActionId;
    /// let id: ActionId = "5382f7ea-7557-4ab7-9782-d50480024a4e".parse()?;
    /// assert_eq!(id.as_str(), "5382f7ea-7557-4ab7-9782-d50480024a4e");
    /// # Ok::<(), defender_response::ParseError>(())
    /// ```
    ActionId,
    is_guid,
    str::to_ascii_lowercase,
    "a machine action id (a GUID such as 5382f7ea-7557-4ab7-9782-d50480024a4e)"
);

identifier!(
    /// The identifier of an alert. Its form varies (`da637472900382838869_1364969609`, `ar638…_73827727`, with a
    /// minus after the underscore, without a prefix), so it is opaque: letters, digits, `_` and `-`.
    ///
    /// ```
    /// # use defender_response::AlertId;
    /// let id: AlertId = "da637472900382838869_-1364969609".parse()?;
    /// assert!("../machines/x?".parse::<AlertId>().is_err());
    /// # Ok::<(), defender_response::ParseError>(())
    /// ```
    AlertId,
    is_alert_id,
    str::to_owned,
    "an alert id (letters, digits, _ and -, such as da637472900382838869_1364969609)"
);

identifier!(
    /// The identifier of an indicator: a number as text. The service doesn't use one twice.
    ///
    /// ```
    /// # use defender_response::IndicatorId;
    /// let id: IndicatorId = "2841".parse()?;
    /// assert!("28.41".parse::<IndicatorId>().is_err());
    /// # Ok::<(), defender_response::ParseError>(())
    /// ```
    IndicatorId,
    is_indicator_id,
    str::to_owned,
    "an indicator id (a number such as 2841)"
);

fn is_alert_id(text: &str) -> bool {
    (1..=200).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

fn is_indicator_id(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

pub(crate) fn is_machine_id(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

pub(crate) fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// A point in time, UTC, as the service writes it: `2024-10-21T11:25:48.3308187Z`.
///
/// Zero to nine fraction digits are read. Serialises to and from that text.
///
/// ```
/// # use defender_response::Timestamp;
/// # use std::time::Duration;
/// let created: Timestamp = "2024-10-21T11:25:48.3308187Z".parse()?;
/// let later: Timestamp = "2024-10-21T11:26:48.3308187Z".parse()?;
/// assert_eq!(later.since(created), Duration::from_secs(60));
/// # Ok::<(), defender_response::ParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// The time that has passed since `earlier`; zero if `earlier` is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::try_from(self.0.duration_since(earlier.0)).unwrap_or_default()
    }

    /// This time moved later by `by`; the last representable time if that is beyond it.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by).unwrap_or(jiff::Timestamp::MAX))
    }

    /// This time moved earlier by `by`; the first representable time if that is before it.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(by).unwrap_or(jiff::Timestamp::MIN))
    }

    /// The time in an HTTP header: `Thu, 04 May 2023 18:25:48 GMT`.
    pub(crate) fn from_http_date(text: &str) -> Option<Self> {
        let parser = jiff::fmt::rfc2822::DateTimeParser::new();
        parser.parse_timestamp(text.trim()).ok().map(Self)
    }

    /// The time to the second, as the service's functions take it: `2019-09-22T08:44:05Z`.
    pub(crate) fn to_seconds(self) -> Self {
        Self(jiff::Timestamp::from_second(self.0.as_second()).unwrap_or(self.0))
    }

    /// By year, month and day, then hour, minute, second and nanosecond; `None` if there is no such time.
    pub(crate) fn from_utc(date: (i16, i8, i8), time: (i8, i8, i8, i32)) -> Option<Self> {
        let ((year, month, day), (hour, minute, second, nanosecond)) = (date, time);
        let utc =
            jiff::civil::DateTime::new(year, month, day, hour, minute, second, nanosecond).ok()?;
        jiff::tz::Offset::UTC.to_timestamp(utc).ok().map(Self)
    }

    /// The time so many whole seconds after 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn from_unix_seconds(seconds: i64) -> Option<Self> {
        jiff::Timestamp::from_second(seconds).ok().map(Self)
    }

    /// Whole seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        self.0.as_second()
    }
}

impl FromStr for Timestamp {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.parse()
            .map(Self)
            .map_err(|_| ParseError::new(text, "a UTC time such as 2024-10-21T11:25:48Z"))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        jiff::Timestamp::try_from(time).map_or(Self(jiff::Timestamp::MAX), Self)
    }
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        time.0.into()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A client secret, a token, an assertion: wiped when dropped, and never printed.
///
/// ```
/// # use defender_response::Secret;
/// let secret = Secret::new("hunter2");
/// assert_eq!(format!("{secret:?}"), "Secret(…)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
