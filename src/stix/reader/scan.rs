//! Finds where a JSON object ends, in pieces of any size: strings, escapes and nesting, and nothing more.

/// Brackets are matched by kind down to here; deeper ones are only counted.
const KINDS: u32 = 32;

/// What a piece of text brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The object goes on behind the piece.
    More,
    /// The object ends; so many bytes of the piece are its.
    End(usize),
    /// It is a container, and its list of objects begins behind so many bytes.
    Objects(usize),
    /// No JSON goes on like the byte there.
    Broken(usize),
}

/// The first letters of a name or of a short text.
#[derive(Clone, Copy, Debug, Default)]
struct Short {
    bytes: [u8; 8],
    length: usize,
}

impl Short {
    fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if let Some(slot) = self.bytes.get_mut(self.length) {
                *slot = byte;
            }
            self.length = self.length.saturating_add(1);
        }
    }

    fn is(&self, text: &str) -> bool {
        self.length == text.len() && self.bytes.get(..self.length) == Some(text.as_bytes())
    }

    fn truth(&self) -> Option<bool> {
        let text = self.bytes.get(..self.length).unwrap_or_default().trim_ascii();
        if text.eq_ignore_ascii_case(b"true") {
            return Some(true);
        }
        text.eq_ignore_ascii_case(b"false").then_some(false)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Name,
    Type,
    More,
    Next,
    Other,
}

/// Where the text of one object stands.
#[derive(Clone, Debug)]
pub(super) struct Scanner {
    depth: u32,
    /// Bit by bit from the innermost: whether it is an object.
    kinds: u32,
    /// The last byte that wasn't blank; `"` for a whole string, `0` for a literal.
    last: u8,
    string: Option<Role>,
    escaped: bool,
    name: Short,
    kind: Short,
    more: Option<bool>,
    /// Whether the container names a next page.
    next: bool,
    /// A short text that is a value.
    value: Short,
    /// Whether lines separate objects, so that a string with a line break in it is broken.
    lines: bool,
}

impl Scanner {
    /// For an object whose opening brace is still to come.
    pub(super) fn new(lines: bool) -> Self {
        Self {
            depth: 0,
            kinds: 0,
            last: b':',
            string: None,
            escaped: false,
            name: Short::default(),
            kind: Short::default(),
            more: None,
            next: false,
            value: Short::default(),
            lines,
        }
    }

    /// What the container says of pages to come.
    pub(super) fn more(&self) -> Option<bool> {
        self.more.or(self.next.then_some(true))
    }

    /// Goes on behind the container's list of objects.
    pub(super) fn behind_objects(&mut self) {
        self.last = b']';
    }

    fn in_object(&self) -> bool {
        self.kinds & 1 == 1
    }

    /// Whether a value may stand here.
    fn expects_value(&self) -> bool {
        match self.last {
            b':' => true,
            b'[' | b',' => !self.in_object(),
            _ => false,
        }
    }

    pub(super) fn run(&mut self, piece: &[u8]) -> Step {
        let mut at = 0;
        while let Some(&byte) = piece.get(at) {
            if let Some(role) = self.string {
                match self.string(piece, at, role) {
                    Ok(next) => at = next,
                    Err(broken) => return Step::Broken(broken),
                }
                continue;
            }
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => {}
                b'"' => self.open_string(),
                b'{' | b'[' => {
                    if self.lines && self.depth <= KINDS && !self.expects_value() {
                        return Step::Broken(at);
                    }
                    if byte == b'[' && self.opens_objects() {
                        return Step::Objects(at + 1);
                    }
                    self.depth = self.depth.saturating_add(1);
                    self.kinds = self.kinds << 1 | u32::from(byte == b'{');
                    self.last = byte;
                }
                b'}' | b']' => {
                    if self.depth <= KINDS && self.in_object() != (byte == b'}') {
                        return Step::Broken(at);
                    }
                    self.depth = self.depth.saturating_sub(1);
                    self.kinds >>= 1;
                    self.last = byte;
                    if self.depth == 0 {
                        return Step::End(at + 1);
                    }
                }
                b',' | b':' => self.last = byte,
                _ => self.literal(byte),
            }
            at += 1;
        }
        Step::More
    }

    fn open_string(&mut self) {
        self.string = Some(if self.depth != 1 {
            Role::Other
        } else if self.last == b':' {
            if self.name.is("type") {
                self.kind = Short::default();
                Role::Type
            } else if self.name.is("more") {
                self.value = Short::default();
                Role::More
            } else if self.name.is("next") {
                Role::Next
            } else {
                Role::Other
            }
        } else {
            self.name = Short::default();
            Role::Name
        });
    }

    /// Goes to the string's end, or to the piece's.
    fn string(&mut self, piece: &[u8], at: usize, role: Role) -> Result<usize, usize> {
        let rest = piece.get(at..).unwrap_or_default();
        if self.escaped {
            self.escaped = false;
            self.keep(role, rest.get(..1).unwrap_or_default());
            return Ok(at + 1);
        }
        let length = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
        let text = rest.get(..length).unwrap_or_default();
        if self.lines
            && let Some(line_break) = memchr::memchr(b'\n', text)
        {
            return Err(at + line_break);
        }
        self.keep(role, text);
        match rest.get(length) {
            Some(b'"') => {
                if role == Role::More {
                    self.more = self.value.truth();
                }
                self.string = None;
                self.last = b'"';
            }
            Some(_) => self.escaped = true,
            None => return Ok(at + length),
        }
        Ok(at + length + 1)
    }

    fn keep(&mut self, role: Role, text: &[u8]) {
        match role {
            Role::Name => self.name.push(text),
            Role::Type => self.kind.push(text),
            Role::More => self.value.push(text),
            // An empty one names none.
            Role::Next => self.next |= !text.is_empty(),
            Role::Other => {}
        }
    }

    fn opens_objects(&self) -> bool {
        self.depth == 1
            && self.last == b':'
            && self.name.is("objects")
            && (self.kind.length == 0 || self.kind.is("bundle"))
    }

    fn literal(&mut self, byte: u8) {
        if self.depth == 1 && self.last == b':' {
            if self.name.is("more") && byte != b'n' {
                self.more = Some(byte == b't');
            } else if self.name.is("next") {
                self.next |= byte != b'n';
            }
        }
        self.last = b'0';
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(lines: bool, text: &str) -> Step {
        Scanner::new(lines).run(text.as_bytes())
    }

    #[test]
    fn an_object_ends_where_its_braces_do() {
        assert_eq!(run(false, r#"{"a":"}\"}\\","b":[{}]},"#), Step::End(23));
        assert_eq!(run(false, r#"{"a":{"#), Step::More);
        assert_eq!(run(false, r#"{"a":[}"#), Step::Broken(6));
    }

    #[test]
    fn only_a_list_of_objects_at_the_first_level_makes_a_container() {
        assert_eq!(run(false, r#"{"type":"bundle","objects": ["#), Step::Objects(29));
        assert_eq!(run(false, r#"{"objects":["#), Step::Objects(12));
        assert_eq!(run(false, r#"{"type":"x-thing","objects":[]}"#), Step::End(31));
        assert_eq!(run(false, r#"{"a":{"objects":[]}}"#), Step::End(20));
        assert_eq!(run(false, r#"{"objects":{}}"#), Step::End(14));
    }

    #[test]
    fn a_line_that_lacks_its_end_is_seen_at_the_next_one() {
        assert_eq!(run(true, "{\"a\":\"b\n"), Step::Broken(7));
        assert_eq!(run(true, "{\"a\":1\n{"), Step::Broken(7));
        assert_eq!(run(true, "{\"a\":1,\n{"), Step::Broken(8));
        assert_eq!(run(true, "{\"a\":\n{}\n}"), Step::End(10));
    }

    #[test]
    fn pieces_of_any_size_give_the_same_end() {
        let text = r#"{"type":"bundle","more":true,"x":"\\\"","objects":["#.as_bytes();
        let whole = Scanner::new(true).run(text);
        let mut scanner = Scanner::new(true);
        let steps: Vec<_> = text.iter().map(|b| scanner.run(&[*b])).collect();
        assert_eq!(whole, Step::Objects(text.len()));
        assert_eq!(steps.last(), Some(&Step::Objects(1)));
        assert!(steps[..text.len() - 1].iter().all(|s| *s == Step::More));
        assert_eq!(scanner.more(), Some(true));
    }
}
