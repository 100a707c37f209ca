//! The values whose form the grammar prescribes, kept as they were written.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::types::{ParseError, Timestamp};

macro_rules! checked {
    ($(#[$doc:meta])* $name:ident, $valid:path, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name<'a>(Cow<'a, str>);

        impl<'a> $name<'a> {
            /// Without a check: the lexer has seen what it is.
            pub(super) fn parsed(text: impl Into<Cow<'a, str>>) -> Self {
                Self(text.into())
            }

            /// As it was written, without quotes and prefix.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            pub(super) fn into_owned(self) -> $name<'static> {
                $name(Cow::Owned(self.0.into_owned()))
            }
        }

        impl FromStr for $name<'_> {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, ParseError> {
                if $valid(text) {
                    Ok(Self(Cow::Owned(text.to_owned())))
                } else {
                    Err(ParseError::new(text, $expected))
                }
            }
        }

        impl fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

checked! {
    /// A number of any size and precision, kept as it was written: `1` and `1.0` are different texts, and two numbers
    /// are equal here if they are written alike.
    Number, is_number, "a number such as 10 or -0.5"
}

checked! {
    /// A point in time as patterns write it, in UTC: `2024-01-15T12:30:45.123Z`.
    ///
    /// The form is checked, the calendar is not: `2023-02-30T00:00:00Z` is a valid pattern's time.
    Time, is_time, "a UTC time such as 2024-10-21T11:25:48Z"
}

checked! {
    /// Bytes in hexadecimal digits, two for each.
    Hex, is_hex, "pairs of hexadecimal digits"
}

checked! {
    /// Bytes in base 64, padded, and at least one of them.
    Binary, is_binary, "bytes in base 64"
}

impl Number<'_> {
    /// The nearest floating-point number; infinite if it is too large for one.
    #[must_use]
    pub fn as_f64(&self) -> f64 {
        self.0.parse().unwrap_or(f64::NAN)
    }

    /// The number, if it is a whole one (without a point) that fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }
}

impl From<i64> for Number<'_> {
    fn from(number: i64) -> Self {
        Self(Cow::Owned(number.to_string()))
    }
}

impl Time<'_> {
    /// The moment; `None` if the calendar has no such day. A leap second is the second before it; what is finer than
    /// a nanosecond is cut off.
    #[must_use]
    pub fn timestamp(&self) -> Option<Timestamp> {
        /// `2024-01-15T12:30:45.123456789`
        const FINEST: usize = 29;
        match self.0.get(..FINEST) {
            Some(finest) if self.0.len() > FINEST + 1 => format!("{finest}Z").parse().ok(),
            _ => self.0.parse().ok(),
        }
    }
}

/// What a text of digits is, as the grammar tells numbers apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Digits {
    Whole,
    Fraction,
}

/// The number at the beginning of a text, as long as it can be: its kind and its length.
pub(super) fn number(bytes: &[u8]) -> Option<(Digits, usize)> {
    let digits = |from: usize| bytes.iter().skip(from).take_while(|b| b.is_ascii_digit()).count();
    let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let whole = digits(sign);
    let end = sign + whole;
    if bytes.get(end) == Some(&b'.') {
        let fraction = digits(end + 1);
        if fraction > 0 {
            return Some((Digits::Fraction, end + 1 + fraction));
        }
    }
    match bytes.get(sign) {
        Some(b'0') => Some((Digits::Whole, sign + 1)),
        _ if whole > 0 => Some((Digits::Whole, end)),
        _ => None,
    }
}

pub(super) fn is_number(text: &str) -> bool {
    number(text.as_bytes()).is_some_and(|(_, length)| length == text.len())
}

pub(super) fn is_hex(text: &str) -> bool {
    text.len().is_multiple_of(2) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

pub(super) fn is_binary(text: &str) -> bool {
    let unpadded = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    let valid = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
    !unpadded.is_empty() && text.len().is_multiple_of(4) && unpadded.bytes().all(valid)
}

pub(super) fn is_time(text: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00:00";
    let bytes = text.as_bytes();
    let Some((moment, rest)) = bytes.split_at_checked(FORM.len()) else { return false };
    let formed = moment.iter().zip(FORM).all(|(byte, form)| match form {
        b'0' => byte.is_ascii_digit(),
        _ => byte == form,
    });
    let between = |from: usize, lowest: &[u8], highest: &[u8]| {
        moment.get(from..from + 2).is_some_and(|pair| lowest <= pair && pair <= highest)
    };
    let zoned = match rest {
        b"Z" => true,
        [b'.', fraction @ .., b'Z'] => {
            !fraction.is_empty() && fraction.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    };
    formed
        && zoned
        && between(5, b"01", b"12")
        && between(8, b"01", b"31")
        && between(11, b"00", b"23")
        && between(14, b"00", b"59")
        && between(17, b"00", b"60")
}
