//! Times as feeds write them.

use crate::stix::reader::Member;
use crate::types::{Timestamp, trimmed};

/// A time, and whether its zone had to be supposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct When {
    pub(super) at: Timestamp,
    pub(super) supposed: bool,
}

/// Reads a time. One without a zone, or a day, is read as UTC. `Err` has what can't be read.
pub(super) fn when(member: &Member<'_>) -> Result<Option<When>, String> {
    let text = match member {
        Member::Absent => return Ok(None),
        Member::Text(text) => trimmed(text),
        Member::Odd => return Err("a list or an object".to_owned()),
        Member::Bool(value) => return Err(value.to_string()),
        Member::Number(value) => return Err(value.to_string()),
    };
    if text.is_empty() {
        return Ok(None);
    }
    if let Some(at) = plain(text).or_else(|| text.parse().ok()) {
        return Ok(Some(When { at, supposed: false }));
    }
    let day = if text.len() == 10 { "T00:00:00Z" } else { "Z" };
    match format!("{text}{day}").parse() {
        Ok(at) if text.len() <= 40 => Ok(Some(When { at, supposed: true })),
        _ => Err(text.to_owned()),
    }
}

/// What by far most times are: `2022-01-01T00:00:00.000Z`. `None` is no verdict.
fn plain(text: &str) -> Option<Timestamp> {
    let (moment, rest) = text.as_bytes().split_at_checked("2022-01-01T00:00:00".len())?;
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2] =
        moment
    else {
        return None;
    };
    let pair = |tens: u8, ones: u8| {
        let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
        digits.then(|| ((tens - b'0') * 10 + (ones - b'0')).cast_signed())
    };
    let nanoseconds = match *rest {
        [b'Z'] => 0,
        [b'.', tens, ones, last, b'Z'] if last.is_ascii_digit() => {
            (i32::from(pair(tens, ones)?) * 10 + i32::from(last - b'0')) * 1_000_000
        }
        _ => return None,
    };
    let year = i16::from(pair(y1, y2)?) * 100 + i16::from(pair(y3, y4)?);
    Timestamp::from_utc(
        (year, pair(m1, m2)?, pair(d1, d2)?),
        (pair(h1, h2)?, pair(n1, n2)?, pair(s1, s2)?, nanoseconds),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_short_way_to_a_time_says_what_the_long_one_does(
            text in "[0-3][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{3})?Z"
        ) {
            if let Some(short) = plain(&text) {
                prop_assert_eq!(Some(short), text.parse().ok());
            }
        }
    }

    #[test]
    fn most_times_go_the_short_way() {
        for text in ["2024-02-29T23:59:59Z", "2026-01-02T03:04:05.678Z"] {
            assert_eq!(plain(text), Some(text.parse().unwrap()));
        }
        assert_eq!(plain("2023-02-29T00:00:00Z"), None);
    }

    #[test]
    fn times_are_read_as_feeds_write_them() {
        for (text, read) in [
            ("2022-01-01T00:00:00Z", Some(("2022-01-01T00:00:00Z", false))),
            (" 2022-01-01T02:00:00.5+02:00", Some(("2022-01-01T00:00:00.5Z", false))),
            ("2022-01-01T00:00:00", Some(("2022-01-01T00:00:00Z", true))),
            ("2022-01-01 10:00:00.25", Some(("2022-01-01T10:00:00.25Z", true))),
            ("2022-01-01", Some(("2022-01-01T00:00:00Z", true))),
            ("", None),
        ] {
            let when = when(&Member::Text(text.into())).unwrap();
            assert_eq!(
                when.map(|w| (w.at.to_string(), w.supposed)),
                read.map(|(t, s)| (t.to_owned(), s)),
                "{text}"
            );
        }
        for text in ["soon", "2022-13-01", "2022-01-01T00:00:00 Mars"] {
            assert!(when(&Member::Text(text.into())).is_err(), "{text}");
        }
    }
}
