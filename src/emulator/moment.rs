//! One point in the emulated world's time, and how the service writes times down.
//!
//! What happens by itself goes by a clock that only moves forward; what is written into answers goes
//! by the wall. A [`Moment`] holds both, so that an event found late still carries its own time.

use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};

use crate::types::Timestamp;

/// Now, by both of the world's clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// Time since the world began.
    pub(crate) at: Duration,
    /// What the service's own wall clock shows.
    pub(crate) wall: Timestamp,
}

impl Moment {
    /// The moment at which the world's age was `at`, seen from a later one.
    pub(crate) fn back_to(self, at: Duration) -> Self {
        Self { at, wall: self.wall.minus(self.at.saturating_sub(at)) }
    }
}

/// A time as the service writes it: 0 to 7 fraction digits, trailing zeros dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp(pub(crate) Timestamp);

impl Stamp {
    pub(crate) fn text(self) -> String {
        let text = self.0.to_string();
        let Some((whole, fraction)) = text.trim_end_matches('Z').split_once('.') else {
            return text;
        };
        let fraction = fraction.get(..7).unwrap_or(fraction).trim_end_matches('0');
        if fraction.is_empty() { format!("{whole}Z") } else { format!("{whole}.{fraction}Z") }
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text())
    }
}

/// A time as HTTP headers write it: `Thu, 04 May 2023 18:25:48 GMT`.
pub(crate) fn http_date(time: Timestamp) -> String {
    jiff::Timestamp::try_from(SystemTime::from(time))
        .ok()
        .and_then(|t| {
            jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&t).ok()
        })
        .unwrap_or_default()
}

/// A time as the token endpoint writes it: `2016-01-09 02:02:12Z`.
pub(crate) fn entra_date(time: Timestamp) -> String {
    let text = time.to_string();
    let whole = text.split(['.', 'Z']).next().unwrap_or_default();
    format!("{}Z", whole.replacen('T', " ", 1))
}

/// Reads a time as filters and `findbyip` write it, with or without a time of day.
pub(crate) fn read_time(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    let date = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    if date.len() != 10 || !date.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
        return None;
    }
    format!("{date}T00:00:00Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_up_to_seven_digits_and_no_trailing_zeros() {
        for (given, written) in [
            ("2023-04-25T22:52:11Z", "2023-04-25T22:52:11Z"),
            ("2023-04-25T22:52:11.570Z", "2023-04-25T22:52:11.57Z"),
            ("2023-04-25T22:52:11.123456789Z", "2023-04-25T22:52:11.1234567Z"),
            ("2023-04-25T22:52:11.00000001Z", "2023-04-25T22:52:11Z"),
        ] {
            assert_eq!(given.parse().map(Stamp).map(Stamp::text), Ok(written.to_owned()));
        }
    }

    #[test]
    fn dates_are_written_as_each_reader_expects() {
        let time: Timestamp = "2023-05-04T18:25:48.5Z".parse().unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(http_date(time), "Thu, 04 May 2023 18:25:48 GMT");
        assert_eq!(entra_date(time), "2023-05-04 18:25:48Z");
    }

    #[test]
    fn a_bare_date_is_its_first_instant() {
        assert_eq!(read_time("2018-08-01Z"), "2018-08-01T00:00:00Z".parse().ok());
        assert_eq!(read_time("2018-08-01T00:00:00.5Z"), "2018-08-01T00:00:00.5Z".parse().ok());
        assert_eq!(read_time("yesterday"), None);
    }
}
