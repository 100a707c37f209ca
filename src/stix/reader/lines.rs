//! One object a line, and lines that aren't one.

use super::{BYTE_ORDER_MARK, Reader, Sink, State};

impl Reader {
    /// Passes over a byte-order mark, as files that were joined have it between them.
    pub(super) fn mark<'p, S: Sink>(
        &mut self,
        seen: usize,
        piece: &'p [u8],
        sink: &mut S,
    ) -> &'p [u8] {
        let expected = BYTE_ORDER_MARK.get(seen..).unwrap_or_default();
        let fitting = expected.iter().zip(piece).take_while(|(a, b)| a == b).count();
        if fitting == expected.len() {
            self.state = State::Between;
        } else if fitting == piece.len() {
            self.state = State::Mark(seen + fitting);
        } else {
            self.junk(&[], sink);
        }
        piece.get(fitting..).unwrap_or_default()
    }

    /// Passes over the line whose beginning this is.
    pub(super) fn junk<S: Sink>(&mut self, line: &[u8], sink: &mut S) {
        sink.no_object("the line isn't an object", line);
        sink.lost();
        self.state = State::Junk;
    }

    /// A line that isn't JSON costs itself alone, wherever the error showed.
    pub(super) fn broken_line<'p, S: Sink>(
        &mut self,
        piece: &'p [u8],
        used: usize,
        sink: &mut S,
    ) -> &'p [u8] {
        let (head, rest) = piece.split_at_checked(used).unwrap_or((piece, &[]));
        let mut text = std::mem::take(&mut self.kept);
        text.extend_from_slice(head);
        let Some(end) = memchr::memrchr(b'\n', &text) else {
            self.junk(&text, sink);
            return rest;
        };
        let (lines, begun) = text.split_at_checked(end).unwrap_or_default();
        self.swallowed_lines(lines, sink);
        self.state = State::Between;
        // No deeper than this: there is no other line in what has begun.
        let behind = self.at.saturating_add(used as u64);
        self.read(begun, behind.saturating_sub(begun.len() as u64), sink);
        rest
    }

    /// A line that lacks its end may have swallowed lines that are whole. Each is read by itself and once, so that
    /// not even lines that all lack their end take more than that.
    pub(super) fn swallowed_lines<S: Sink>(&mut self, text: &[u8], sink: &mut S) {
        let mut lines = text.split(|byte| *byte == b'\n');
        self.junk(lines.next().unwrap_or_default(), sink);
        for line in lines {
            self.state = State::Between;
            self.read(line, self.at, sink);
            if !self.frames.is_empty() || !matches!(self.state, State::Between | State::Junk) {
                self.frames.clear();
                self.kept.clear();
                self.junk(line, sink);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Object;
    use super::*;

    struct Nothing;

    impl Sink for Nothing {
        fn take(&mut self, _: &[Object<'_>]) {}

        fn object(&mut self, _: &[u8]) {}

        fn too_long(&mut self, _: &[u8]) {}

        fn no_object(&mut self, _: &'static str, _: &[u8]) {}

        fn lost(&mut self) {}

        fn container(&mut self, _: Option<bool>) {}
    }

    /// How often each byte of the feed is looked at.
    fn work(feed: &[u8], piece: usize) -> u64 {
        let mut reader = Reader::new();
        for piece in feed.chunks(piece) {
            reader.push(piece, &mut Nothing);
        }
        let _ = reader.finish(&mut Nothing);
        reader.scanned.div_ceil(feed.len() as u64)
    }

    #[test]
    fn lines_that_lack_their_end_are_read_twice_at_most() {
        for (line, end) in [
            ("{\"a\":\n", ""),
            ("{\"a\":\n", "\"\n"),
            ("{\"a\":\n", "\"\n{}\n"),
            ("{\"a\":[\n", "]}{\n{}\n"),
            ("{\"a\":{},\"b\":[\n", "{\"\n\n{}"),
            ("{\"a\":\"\n", "{}"),
            ("[{\"a\":\n", "\"\n"),
        ] {
            for size in [100_000, super::super::LONGEST_OBJECT * 5 / 4] {
                let feed = line.repeat(size / line.len()) + end;
                for piece in [feed.len(), 1000] {
                    let work = work(feed.as_bytes(), piece);
                    assert!(work <= 2, "{work} times: {line}..{end} in pieces of {piece}");
                }
            }
        }
    }
}
