//! Times as feeds write them.

use crate::stix::reader::Member;
use crate::types::Timestamp;

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
        Member::Text(text) => text.trim(),
        Member::Odd => return Err("a list or an object".to_owned()),
        Member::Bool(value) => return Err(value.to_string()),
        Member::Number(value) => return Err(value.to_string()),
    };
    if text.is_empty() {
        return Ok(None);
    }
    if let Ok(at) = text.parse() {
        return Ok(Some(When { at, supposed: false }));
    }
    let day = if text.len() == 10 { "T00:00:00Z" } else { "Z" };
    match format!("{text}{day}").parse() {
        Ok(at) if text.len() <= 40 => Ok(Some(When { at, supposed: true })),
        _ => Err(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
