//! Idempotency keys: a reference that another process comes to again, so that it finds what was submitted under the key.

use sha2::{Digest, Sha256};

use super::comment::{ALPHABET, reference_of};
use crate::error::{Error, Result};

/// Letters of the reference that stand for the key, and as many for the arguments.
const HALF: usize = 5;

/// Longer keys are refused.
const LONGEST: usize = 500;

/// An idempotency key, with all that it is bound to.
#[derive(Clone, Debug)]
pub(crate) struct Key<'a> {
    pub(crate) text: &'a str,
    pub(crate) tenant: &'a str,
    /// The machine or the alert.
    pub(crate) target: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) arguments: &'a [&'a str],
}

/// What a recorded comment is to a keyed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeats {
    /// Of the same key with the same arguments.
    Same,
    /// Of the same key with others.
    OtherArguments,
    /// Of another key, or of none.
    No,
}

impl Key<'_> {
    /// # Errors
    /// For a key that is blank or over-long.
    pub(crate) fn check(key: &str) -> Result<()> {
        if key.trim().is_empty() || key.chars().nth(LONGEST).is_some() {
            return Err(Error::invalid_input(format!(
                "an idempotency key has 1 to {LONGEST} characters, not all of them blanks"
            )));
        }
        Ok(())
    }

    /// `dr-`, five letters for key, tenant, target and kind, and five for these and the arguments: 25 bits each.
    pub(crate) fn reference(&self) -> String {
        let bound = [self.text, self.tenant, &self.target.to_ascii_lowercase(), self.kind];
        let all: Vec<&str> = bound.iter().copied().chain(self.arguments.iter().copied()).collect();
        format!("dr-{}{}", letters("key", &bound), letters("arguments", &all))
    }

    /// What a recorded comment is to this one.
    pub(crate) fn repeats(reference: &str, comment: &str) -> Repeats {
        let half = "dr-".len() + HALF;
        match reference_of(comment) {
            Some(theirs) if theirs == reference => Repeats::Same,
            Some(theirs) if theirs.get(..half) == reference.get(..half) => Repeats::OtherArguments,
            _ => Repeats::No,
        }
    }
}

fn letters(what: &str, parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in std::iter::once(&what).chain(parts) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let letter = |byte: u8| ALPHABET.get(usize::from(byte % 32)).map(|&b| char::from(b));
    hash.finalize().iter().take(HALF).filter_map(|&byte| letter(byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key<'_> = Key {
        text: "run-1/step-2",
        tenant: "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f",
        target: "1e5bc9d7e413ddd7902c2932e418702b84d0cc07",
        kind: "Isolate",
        arguments: &["Full", "INC-4711"],
    };

    #[test]
    fn a_reference_is_the_same_in_every_process() {
        // Written into tenants' records: it may never change.
        assert_eq!(KEY.reference(), "dr-489s6q3e2g");
        let comment = format!("[{}] INC-4711", KEY.reference());
        assert_eq!(Key::repeats(&KEY.reference(), &comment), Repeats::Same);
        assert_eq!(Key::repeats(&KEY.reference(), "[dr-k3f9m2x7qa] INC-4711"), Repeats::No);
        assert_eq!(Key::repeats(&KEY.reference(), "INC-4711"), Repeats::No);
    }

    #[test]
    fn a_key_is_counted_in_characters_and_not_blank() {
        for (key, is_good) in [
            ("k".to_owned(), true),
            ("\u{e9}".repeat(LONGEST), true),
            ("\u{e9}".repeat(LONGEST + 1), false),
            (String::new(), false),
            (" \t".to_owned(), false),
        ] {
            assert_eq!(Key::check(&key).is_ok(), is_good, "{key:?}");
        }
    }

    #[test]
    fn it_is_bound_to_all_that_matters() {
        let recorded = format!("[{}] INC-4711", KEY.reference());
        for (key, expected) in [
            (Key { text: "run-1/step-3", ..KEY }, Repeats::No),
            (Key { tenant: "another", ..KEY }, Repeats::No),
            (Key { target: "2e5bc9d7e413ddd7902c2932e418702b84d0cc07", ..KEY }, Repeats::No),
            (Key { kind: "Unisolate", ..KEY }, Repeats::No),
            (Key { arguments: &["Selective", "INC-4711"], ..KEY }, Repeats::OtherArguments),
            (Key { arguments: &["Full", "INC-4712"], ..KEY }, Repeats::OtherArguments),
            (Key { arguments: &["FullINC", "-4711"], ..KEY }, Repeats::OtherArguments),
            (Key { target: "1E5BC9D7E413DDD7902C2932E418702B84D0CC07", ..KEY }, Repeats::Same),
        ] {
            assert_eq!(Key::repeats(&key.reference(), &recorded), expected, "{key:?}");
        }
    }
}
