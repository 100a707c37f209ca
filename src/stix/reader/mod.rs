//! A feed, taken apart into its objects as it arrives: a bundle, a list, one object, one a line, an envelope.
//!
//! Nothing is kept of an object that has been handed on. What is unfinished at the end of a piece is kept up to
//! [`LONGEST_OBJECT`].

mod lines;
mod member;
mod object;
mod scan;
mod utf8;

pub(super) use member::{Member, truth};
pub(super) use object::{Glimpse, Object};
use scan::{Scanner, Step};
use utf8::Valid;

/// A longer object is passed over, and costs itself alone.
pub(super) const LONGEST_OBJECT: usize = 1024 * 1024;

/// Containers in containers are opened down to here.
const DEEPEST: usize = 16;

/// So many objects are read before they are handed on: reading and judging in turns for each would mean fetching the
/// code of both anew each time.
const ROW: usize = 32;

/// So much is kept of an object that is too long, to tell what it was.
const GLIMPSE: usize = 16 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Where the objects go.
pub(super) trait Sink {
    /// Takes objects that were read.
    fn take(&mut self, objects: &[Object<'_>]);

    /// Takes the text of one object, from brace to brace.
    fn object(&mut self, text: &[u8]);

    /// An object that is too long, by its beginning.
    fn too_long(&mut self, beginning: &[u8]);

    /// Something that is no object, by its beginning.
    fn no_object(&mut self, what: &'static str, beginning: &[u8]);

    /// Text outside all containers and objects can't be read, so what it held isn't known.
    fn lost(&mut self);

    /// A container has ended, and said whether there are more pages.
    fn container(&mut self, more: Option<bool>);
}

/// Why a feed can't be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// It ends inside an object or a container.
    CutShort,
    /// What stands there can't stand there.
    Malformed,
    /// It has containers in containers in containers.
    TooDeep,
    /// It is UTF-16 or UTF-32.
    Encoding,
}

enum Frame {
    List,
    Envelope(Scanner),
}

enum State {
    Between,
    /// In a byte-order mark before a line or an object, behind so many of its bytes.
    Mark(usize),
    /// Inside an object; `kept` has its beginning.
    Object(Scanner),
    /// Inside an object that is too long.
    TooLong(Scanner),
    /// Behind an envelope's list of objects.
    Tail(Scanner),
    /// Inside a text that stands where an object should.
    Text {
        escaped: bool,
    },
    /// Inside a literal that stands where an object should.
    Literal,
    /// In a line that is no object.
    Junk,
    Stopped(Stop),
}

/// The reader's state between two pieces of the feed.
pub(super) struct Reader {
    frames: Vec<Frame>,
    state: State,
    kept: Vec<u8>,
    offset: u64,
    /// Where in the feed the text begins that is being read.
    at: u64,
    /// How much of a byte-order mark has been seen; `None` behind it.
    mark: Option<usize>,
    #[cfg(test)]
    scanned: u64,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self {
            frames: Vec::new(),
            state: State::Between,
            kept: Vec::new(),
            offset: 0,
            at: 0,
            mark: Some(0),
            #[cfg(test)]
            scanned: 0,
        }
    }

    /// How many bytes of the feed were read.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn stopped(&self) -> Option<Stop> {
        match self.state {
            State::Stopped(stop) => Some(stop),
            _ => None,
        }
    }

    /// Takes the next piece of the feed.
    pub(super) fn push<S: Sink>(&mut self, piece: &[u8], sink: &mut S) {
        let mut piece = piece;
        while let Some(seen) = self.mark {
            let Some((first, rest)) = piece.split_first() else { return };
            match BYTE_ORDER_MARK.get(seen) {
                Some(expected) if expected == first => {
                    self.mark = Some(seen + 1);
                    piece = rest;
                    self.offset += 1;
                }
                Some(_) if seen > 0 || matches!(first, 0xfe | 0xff | 0x00) => {
                    self.state = State::Stopped(Stop::Encoding);
                    self.mark = None;
                }
                _ => self.mark = None,
            }
        }
        let base = self.offset;
        self.read(piece, base, sink);
        if self.stopped().is_none() {
            self.offset = base.saturating_add(piece.len() as u64);
        }
    }

    /// Says that the feed has ended.
    pub(super) fn finish<S: Sink>(&mut self, sink: &mut S) -> Result<(), Stop> {
        match self.state {
            State::Stopped(stop) => Err(stop),
            State::Between | State::Junk if self.frames.is_empty() => Ok(()),
            State::Mark(_) => {
                self.junk(&[], sink);
                Ok(())
            }
            State::Object(_) if self.frames.is_empty() => {
                let text = std::mem::take(&mut self.kept);
                self.swallowed_lines(&text, sink);
                Err(Stop::CutShort)
            }
            _ => Err(Stop::CutShort),
        }
    }

    fn read<S: Sink>(&mut self, piece: &[u8], base: u64, sink: &mut S) {
        let mut rest = piece;
        let mut valid = Valid::default();
        let mut row = Vec::new();
        while !rest.is_empty() {
            self.at = base.saturating_add((piece.len() - rest.len()) as u64);
            #[cfg(test)]
            let before = rest.len() as u64;
            rest = match std::mem::replace(&mut self.state, State::Between) {
                State::Between => self.between(rest, &mut valid, &mut row, sink),
                State::Mark(seen) => self.mark(seen, rest, sink),
                State::Object(scanner) => self.inside(scanner, rest, sink),
                State::TooLong(scanner) => self.too_long(scanner, rest, sink),
                State::Tail(scanner) => self.tail(scanner, rest, sink),
                State::Text { escaped } => self.text(escaped, rest),
                State::Literal => {
                    let ends =
                        |b: &u8| matches!(b, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t');
                    let end = rest.iter().position(ends);
                    if end.is_none() {
                        self.state = State::Literal;
                    }
                    rest.get(end.unwrap_or(rest.len())..).unwrap_or_default()
                }
                State::Junk => {
                    let end = memchr::memchr(b'\n', rest);
                    if end.is_none() {
                        self.state = State::Junk;
                    }
                    end.and_then(|end| rest.get(end + 1..)).unwrap_or_default()
                }
                State::Stopped(stop) => {
                    self.state = State::Stopped(stop);
                    &[]
                }
            };
            #[cfg(test)]
            {
                self.scanned += before - rest.len() as u64;
            }
        }
        sink.take(&row);
    }

    /// Before, between and behind objects.
    fn between<'p, S: Sink>(
        &mut self,
        piece: &'p [u8],
        valid: &mut Valid<'p>,
        row: &mut Vec<Object<'p>>,
        sink: &mut S,
    ) -> &'p [u8] {
        let blank = |b: &u8| matches!(b, b' ' | b'\n' | b'\r' | b'\t');
        let comma = |b: &u8| !self.frames.is_empty() && *b == b',';
        let start = piece.iter().position(|b| !blank(b) && !comma(b)).unwrap_or(piece.len());
        let rest = piece.get(start..).unwrap_or_default();
        let behind = rest.get(1..).unwrap_or_default();
        if row.len() == ROW || rest.first() != Some(&b'{') {
            sink.take(row);
            row.clear();
        }
        match rest.first() {
            None => rest,
            Some(b'{') => {
                if let Some((object, length)) = Object::first_of(valid.from(rest)) {
                    row.push(object);
                    return rest.get(length..).unwrap_or_default();
                }
                sink.take(row);
                row.clear();
                self.state = State::Object(Scanner::new(self.frames.is_empty()));
                rest
            }
            Some(b'[') => {
                self.open(Frame::List);
                behind
            }
            Some(b']') if !self.frames.is_empty() => {
                match self.frames.pop() {
                    Some(Frame::Envelope(mut scanner)) => {
                        scanner.behind_objects();
                        self.state = State::Tail(scanner);
                    }
                    Some(Frame::List) | None => {}
                }
                behind
            }
            Some(first) if self.frames.is_empty() && BYTE_ORDER_MARK.first() == Some(first) => {
                self.state = State::Mark(1);
                behind
            }
            Some(_) if self.frames.is_empty() => {
                self.junk(&[], sink);
                rest
            }
            Some(b'"') => {
                sink.no_object("it is a text", &[]);
                self.state = State::Text { escaped: false };
                behind
            }
            Some(byte) if byte.is_ascii_alphanumeric() || *byte == b'-' => {
                sink.no_object("it is a number or a word", &[]);
                self.state = State::Literal;
                rest
            }
            Some(_) => {
                self.stop(Stop::Malformed, start);
                rest
            }
        }
    }

    fn open(&mut self, frame: Frame) {
        if self.frames.len() < DEEPEST {
            self.frames.push(frame);
        } else {
            self.stop(Stop::TooDeep, 0);
        }
    }

    fn inside<'p, S: Sink>(
        &mut self,
        mut scanner: Scanner,
        piece: &'p [u8],
        sink: &mut S,
    ) -> &'p [u8] {
        let step = scanner.run(piece);
        let (Step::End(used) | Step::Objects(used) | Step::Broken(used)) = step else {
            self.keep(scanner, piece);
            return &[];
        };
        let (head, rest) = piece.split_at_checked(used).unwrap_or((piece, &[]));
        let too_long = self.kept.len() + used > LONGEST_OBJECT;
        match step {
            Step::Objects(_) => {
                self.kept = Vec::new();
                self.open(Frame::Envelope(scanner));
            }
            Step::Broken(_) if !self.frames.is_empty() => self.stop(Stop::Malformed, used),
            Step::Broken(_) if !too_long => return self.broken_line(piece, used, sink),
            _ if too_long => {
                self.glimpse(head);
                sink.too_long(&std::mem::take(&mut self.kept));
                if matches!(step, Step::Broken(_)) {
                    sink.lost();
                    self.state = State::Junk;
                }
            }
            _ if self.kept.is_empty() => sink.object(head),
            _ => {
                self.kept.extend_from_slice(head);
                sink.object(&self.kept);
                self.kept.clear();
            }
        }
        rest
    }

    fn stop(&mut self, stop: Stop, used: usize) {
        self.offset = self.at.saturating_add(used as u64);
        self.state = State::Stopped(stop);
    }

    /// Keeps an unfinished object until the next piece.
    fn keep(&mut self, scanner: Scanner, piece: &[u8]) {
        if self.kept.len() + piece.len() <= LONGEST_OBJECT {
            self.kept.extend_from_slice(piece);
            self.state = State::Object(scanner);
        } else {
            self.glimpse(piece);
            self.state = State::TooLong(scanner);
        }
    }

    /// Keeps no more than the beginning of what is too long.
    fn glimpse(&mut self, piece: &[u8]) {
        let room = GLIMPSE.saturating_sub(self.kept.len());
        self.kept.extend(piece.get(..room.min(piece.len())).unwrap_or_default());
        self.kept.truncate(GLIMPSE);
        self.kept.shrink_to_fit();
    }

    fn too_long<'p, S: Sink>(
        &mut self,
        mut scanner: Scanner,
        piece: &'p [u8],
        sink: &mut S,
    ) -> &'p [u8] {
        let step = scanner.run(piece);
        let (Step::End(used) | Step::Objects(used) | Step::Broken(used)) = step else {
            self.state = State::TooLong(scanner);
            return &[];
        };
        let kept = std::mem::take(&mut self.kept);
        match step {
            Step::Objects(_) => self.open(Frame::Envelope(scanner)),
            Step::Broken(_) if self.frames.is_empty() => {
                sink.too_long(&kept);
                sink.lost();
                self.state = State::Junk;
            }
            Step::Broken(_) => self.stop(Stop::Malformed, used),
            _ => sink.too_long(&kept),
        }
        piece.get(used..).unwrap_or_default()
    }

    /// To the end of an envelope.
    fn tail<'p, S: Sink>(
        &mut self,
        mut scanner: Scanner,
        piece: &'p [u8],
        sink: &mut S,
    ) -> &'p [u8] {
        match scanner.run(piece) {
            Step::More => {
                self.state = State::Tail(scanner);
                &[]
            }
            Step::End(used) => {
                sink.container(scanner.more());
                piece.get(used..).unwrap_or_default()
            }
            Step::Objects(used) => {
                self.open(Frame::Envelope(scanner));
                piece.get(used..).unwrap_or_default()
            }
            Step::Broken(used) => {
                self.stop(Stop::Malformed, used);
                &[]
            }
        }
    }

    fn text<'p>(&mut self, mut escaped: bool, piece: &'p [u8]) -> &'p [u8] {
        for (at, byte) in piece.iter().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => return piece.get(at + 1..).unwrap_or_default(),
                _ => {}
            }
        }
        self.state = State::Text { escaped };
        &[]
    }
}
