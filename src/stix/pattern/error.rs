//! Why a text is not a pattern.

use crate::types::printable;

/// A text that is not a pattern.
///
/// The message says where, what stands there, and what was expected.
///
/// # Troubleshooting
/// Most often a value lacks its quotes, a property with a hyphen lacks them (`hashes.'SHA-256'`), a backslash in a
/// text isn't doubled, or a keyword isn't in capitals. A text without any `[` is rarely a STIX pattern: compare the
/// indicator's `pattern_type`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at byte {position}: expected {expected}, found {found}")]
pub struct PatternError {
    position: usize,
    expected: &'static str,
    found: String,
}

impl PatternError {
    /// What stands at `position` is named by its first few characters.
    pub(super) fn at(text: &str, position: usize, expected: &'static str) -> Self {
        let rest = text.get(position..).unwrap_or_default();
        let found = if rest.is_empty() {
            "the end".to_owned()
        } else {
            format!("`{}`", printable(rest, 16))
        };
        Self { position, expected, found }
    }

    pub(super) fn too_long(text: &str) -> Self {
        let position = super::MAX_LENGTH;
        Self { position, expected: "the end", found: format!("a pattern of {} bytes", text.len()) }
    }

    /// Where reading stopped: the byte, from 0 on, at which what was not expected begins.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// What would have been read there.
    #[must_use]
    pub fn expected(&self) -> &str {
        self.expected
    }
}
