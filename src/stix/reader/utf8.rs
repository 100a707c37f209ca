//! What of a piece is UTF-8, looked at once and not object by object.

/// The part of a piece that was looked at last.
#[derive(Default)]
pub(super) struct Valid<'p> {
    text: &'p str,
    /// How much of the piece was left where it begins.
    left: usize,
}

impl<'p> Valid<'p> {
    /// The text at the beginning of the rest of the piece, up to what isn't UTF-8 and `longest` bytes.
    pub(super) fn from(&mut self, rest: &'p [u8], longest: usize) -> &'p str {
        let ahead = self.left.saturating_sub(rest.len());
        let text = match self.text.get(ahead..) {
            Some(text) if !text.is_empty() => text,
            _ => {
                *self = Self { text: beginning(rest), left: rest.len() };
                self.text
            }
        };
        let longest = longest.min(text.len());
        // A character has four bytes at most.
        (0..4).find_map(|n| text.get(..longest.saturating_sub(n))).unwrap_or_default()
    }
}

fn beginning(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap_or_else(|error| {
        let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
        str::from_utf8(valid).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_found_from_any_place_of_it() {
        let piece = b"ab\xc3\xa9cd\xffef\xc3";
        let mut valid = Valid::default();
        for (at, text) in
            [(0, "ab\u{e9}cd"), (1, "b\u{e9}cd"), (5, "d"), (6, ""), (7, "ef"), (8, "f"), (9, "")]
        {
            assert_eq!(valid.from(&piece[at..], 99), text, "{at}");
        }
    }

    #[test]
    fn no_character_is_cut() {
        let text = "a\u{1f600}b".as_bytes();
        for (longest, length) in [(0, 0), (1, 1), (2, 1), (4, 1), (5, 5), (6, 6), (7, 6)] {
            assert_eq!(Valid::default().from(text, longest).len(), length, "{longest}");
        }
    }
}
