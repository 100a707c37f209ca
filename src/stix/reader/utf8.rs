//! What of a piece is UTF-8, looked at once and not object by object.

/// So much is looked at at once: what fits into a processor's nearer memory, so that it is fetched once.
const WINDOW: usize = 128 * 1024;
/// With less than this left, the next part is looked at.
const LEAST: usize = 16 * 1024;

/// The part of a piece that was looked at last.
#[derive(Default)]
pub(super) struct Valid<'p> {
    text: &'p str,
    /// How much of the piece was left where it begins.
    left: usize,
}

impl<'p> Valid<'p> {
    /// The text at the beginning of the rest of the piece, up to what isn't UTF-8; if it is long, a part of it.
    pub(super) fn from(&mut self, rest: &'p [u8]) -> &'p str {
        let ahead = self.left.saturating_sub(rest.len());
        match self.text.get(ahead..) {
            Some(text) if text.len() >= LEAST.min(rest.len()) => text,
            _ => {
                let window = rest.get(..WINDOW).unwrap_or(rest);
                *self = Self { text: beginning(window), left: rest.len() };
                self.text
            }
        }
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
            assert_eq!(valid.from(&piece[at..]), text, "{at}");
        }
    }

    #[test]
    fn what_is_left_of_a_long_piece_is_never_little() {
        let piece = "\u{e9}".repeat(WINDOW).into_bytes();
        let mut valid = Valid::default();
        for at in (0..piece.len()).step_by(2222) {
            let text = valid.from(&piece[at..]);
            assert!(text.len() >= LEAST.min(piece.len() - at), "{at}: {}", text.len());
            assert_eq!(text.as_bytes(), &piece[at..at + text.len()]);
        }
    }
}
