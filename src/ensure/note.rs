//! Owner and review date of a containment, written into its comment, where auditors and other processes find them.

use crate::actions::reference_of;
use crate::error::{Error, Result};
use crate::types::Timestamp;

const OWNER: &str = " | owner: ";
const REVIEW: &str = " | review by: ";

/// Longer than any name of a team or a person.
const LONGEST_OWNER: usize = 100;

/// What a containment's comment says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Note<'a> {
    pub(super) reason: &'a str,
    pub(super) owner: Option<&'a str>,
    pub(super) review_by: Option<Timestamp>,
}

/// `INC-4711: beaconing | owner: tier 2 | review by: 2026-03-02T08:00:00Z`.
pub(super) fn write(reason: &str, owner: &str, review_by: Timestamp) -> Result<String> {
    let owner = owner.trim();
    let is_plain = owner.chars().all(|c| !c.is_control() && c != '|');
    if owner.is_empty() || owner.chars().count() > LONGEST_OWNER || !is_plain {
        return Err(Error::invalid_input(
            "a containment's owner has 1 to 100 characters, none of them a line break or '|'",
        ));
    }
    if reason.contains(OWNER) || reason.contains(REVIEW) {
        return Err(Error::invalid_input("the reason reads like the note of an owner or a review"));
    }
    Ok(format!("{reason}{OWNER}{owner}{REVIEW}{}", review_by.to_seconds()))
}

/// The text of a recorded comment, its reference taken off.
pub(super) fn text_of(comment: &str) -> &str {
    match reference_of(comment) {
        Some(_) => comment.split_once("] ").map_or(comment, |(_, text)| text),
        None => comment,
    }
}

/// Reads it back out of a comment, its reference taken off. What isn't there isn't made up.
pub(super) fn read(comment: &str) -> Note<'_> {
    let (rest, review_by) = match comment.rsplit_once(REVIEW) {
        Some((rest, time)) => match time.trim().parse() {
            Ok(time) => (rest, Some(time)),
            Err(_) => (comment, None),
        },
        None => (comment, None),
    };
    match rest.rsplit_once(OWNER).filter(|_| review_by.is_some()) {
        Some((reason, owner)) => Note { reason, owner: Some(owner), review_by },
        None => Note { reason: comment, owner: None, review_by: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_as_it_was_written() {
        let time: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
        let text = write("INC-4711: beaconing", "tier 2", time).unwrap();
        assert_eq!(text, "INC-4711: beaconing | owner: tier 2 | review by: 2026-03-02T08:00:00Z");
        let note =
            Note { reason: "INC-4711: beaconing", owner: Some("tier 2"), review_by: Some(time) };
        assert_eq!(read(&text), note);
    }

    #[test]
    fn what_is_no_note_stays_a_comment() {
        for comment in [
            "",
            "by hand",
            "x | owner: y",
            "x | review by: soon",
            "x | review by: 2026-03-02T08:00:00Z",
        ] {
            let note = read(comment);
            assert_eq!((note.reason, note.owner, note.review_by), (comment, None, None));
        }
    }

    #[test]
    fn an_owner_that_could_not_be_read_back_is_refused() {
        let time: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
        for owner in ["", " ", "a|b", "a\nb", &"x".repeat(101)] {
            assert!(write("INC-4711", owner, time).is_err(), "{owner:?}");
        }
        assert!(write("x | owner: y", "z", time).is_err());
    }
}
