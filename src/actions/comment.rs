//! The comment every action needs, and the reference that makes it recognisable.

use std::borrow::Cow;
use std::fmt;

use super::key::Key;
use crate::error::{Error, Result};
use crate::types::{is_visible, random_bits};

/// The longest comment that is sent, in characters, without its reference (16 more). The service's own limit
/// isn't documented; should it cut, the reference at the beginning is what stays.
const LONGEST: usize = 1000;

/// Why an action is taken: what auditors read next to it in the portal.
///
/// It is checked when the operation is sent: it may not be blank or longer than 1,000 characters (not counting the
/// 16 of its reference), and is refused and not cut.
///
/// ```
/// # use defender_response::Comment;
/// let comment = Comment::from("INC-4711: beaconing to a known host");
/// assert_eq!(comment.text(), "INC-4711: beaconing to a known host");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    reference: Option<String>,
    /// The reference stands for an idempotency key, and isn't made afresh.
    keyed: bool,
    text: String,
}

impl Comment {
    /// The comment without its reference.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Puts a fresh reference before the text, and tells it.
    pub(crate) fn refer(&mut self) -> &str {
        if !self.keyed {
            self.reference = None;
        }
        self.reference.get_or_insert_with(fresh_reference)
    }

    /// Puts the reference of an idempotency key before the text.
    pub(crate) fn refer_by(&mut self, key: &Key<'_>) {
        self.reference = Some(key.reference());
        self.keyed = true;
    }

    pub(crate) fn reference(&self) -> Option<&str> {
        self.reference.as_deref()
    }

    pub(crate) fn has_reference(&self) -> bool {
        self.reference.is_some()
    }

    /// What is sent: `[dr-k3f9m2x7qa] INC-4711`, or the text alone.
    pub(crate) fn render(&self) -> Result<Cow<'_, str>> {
        let (mut length, mut is_blank, mut control) = (0, true, None);
        for c in self.text.chars() {
            length += 1;
            is_blank = is_blank && !is_visible(c);
            if c.is_control() && !matches!(c, '\n' | '\r' | '\t') {
                control = control.or(Some(c));
            }
        }
        if is_blank {
            return Err(Error::invalid_input(
                "the comment is blank: say why, since auditors read it",
            ));
        }
        if length > LONGEST {
            return Err(Error::invalid_input(format!(
                "the comment has {length} characters; at most {LONGEST} are sent, and none is cut"
            )));
        }
        if let Some(control) = control {
            return Err(Error::invalid_input(format!(
                "the comment holds the control character {control:?}"
            )));
        }
        Ok(match &self.reference {
            Some(reference) => ["[", reference, "] ", &self.text].concat().into(),
            None => self.text.as_str().into(),
        })
    }
}

impl From<&str> for Comment {
    fn from(text: &str) -> Self {
        Self { reference: None, keyed: false, text: text.to_owned() }
    }
}

impl From<String> for Comment {
    fn from(text: String) -> Self {
        Self { reference: None, keyed: false, text }
    }
}

impl From<&String> for Comment {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl fmt::Display for Comment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The reference that a recorded comment begins with, if it has one: then the action was submitted by this crate.
pub(crate) fn reference_of(comment: &str) -> Option<&str> {
    let reference = comment.strip_prefix('[')?.split_once("] ")?.0;
    let random = reference.strip_prefix("dr-")?;
    let is_ours = random.len() == 10 && random.bytes().all(|b| ALPHABET.contains(&b));
    is_ours.then_some(reference)
}

pub(super) const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// `dr-` and ten letters or digits: 50 random bits.
pub(crate) fn fresh_reference() -> String {
    let mut bits = random_bits();
    let mut reference = String::from("dr-");
    for _ in 0..10 {
        reference.extend(ALPHABET.get((bits % 32) as usize).map(|&b| char::from(b)));
        bits /= 32;
    }
    reference
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_comment_is_refused_and_not_cut() {
        for text in ["", " \n\t", "\u{200b}\u{feff}", "\u{202e}", &"é".repeat(1001), "null\0byte"]
        {
            assert!(Comment::from(text).render().is_err(), "{text:?}");
        }
        let longest = "é".repeat(1000);
        assert_eq!(Comment::from(&longest).render().unwrap(), longest);
    }

    #[test]
    fn somebody_elses_comment_has_no_reference() {
        for text in [
            "",
            "INC-4711",
            "[dr-] x",
            "[dr-abcdefghi1] x",
            "[dr-abcdefghij]x",
            "re [dr-abcdefghij] x",
        ] {
            assert_eq!(reference_of(text), None, "{text}");
        }
    }

    #[test]
    fn references_look_as_documented_and_differ() {
        let mut seen = HashSet::new();
        for _ in 0..10_000 {
            let mut comment = Comment::from("INC-4711");
            let reference = comment.refer().to_owned();
            assert!(reference.len() == 13 && reference.starts_with("dr-"), "{reference}");
            assert_eq!(comment.render().unwrap(), format!("[{reference}] INC-4711"));
            assert_eq!(reference_of(&comment.render().unwrap()), Some(&*reference));
            assert!(seen.insert(reference));
        }
    }
}
