//! From text to words. Each byte is looked at a bounded number of times, since no word is ever read again.

use std::borrow::Cow;

use super::error::PatternError;
use super::literal::{self, Digits};
use super::tree::Order;
use super::words::{Keyword, begins_name, continues_name};

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    OpenBracket,
    CloseBracket,
    OpenGroup,
    CloseGroup,
    Colon,
    Dot,
    Comma,
    Star,
    Equal,
    NotEqual,
    Ordered(Order),
    Keyword(Keyword),
    /// As far as letters, digits, `_` and `-` go.
    Name,
    Whole,
    Fraction,
    /// A text as it stands.
    Plain,
    /// A text in which something is escaped.
    Escaped,
    Time,
    Hex,
    Binary,
    /// What begins no word.
    Stray,
    /// What begins as a word and doesn't end as one.
    Invalid,
    End,
}

/// A word that was taken out of the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken<'a> {
    pub(super) word: Word,
    /// Without quotes and prefix, and not decoded.
    pub(super) text: &'a str,
    position: usize,
}

impl<'a> Taken<'a> {
    /// The text that it is, if it is one.
    pub(super) fn decoded(&self) -> Option<Cow<'a, str>> {
        match self.word {
            Word::Plain => Some(Cow::Borrowed(self.text)),
            Word::Escaped => Some(Cow::Owned(unescaped(self.text))),
            _ => None,
        }
    }
}

/// Words one by one, with the next one always known.
pub(super) struct Lexer<'a> {
    text: &'a str,
    /// Where what hasn't been read begins.
    rest: usize,
    next: Taken<'a>,
    /// Why `next` is invalid: where, and what was expected.
    problem: (usize, &'static str),
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let next = Taken { word: Word::End, text: "", position: 0 };
        let mut lexer = Self { text, rest: 0, next, problem: (0, "") };
        lexer.take();
        lexer
    }

    /// The next word.
    pub(super) fn word(&self) -> Word {
        self.next.word
    }

    /// Takes the next word and reads the one behind it.
    pub(super) fn take(&mut self) -> Taken<'a> {
        let taken = self.next;
        // What follows it could be wrong in a way of its own, and the first mistake is the one to tell of.
        if taken.word != Word::Invalid {
            self.skip_blanks();
            self.next = self.read();
        }
        taken
    }

    /// The next word isn't what the grammar asks for.
    pub(super) fn unexpected(&self, expected: &'static str) -> PatternError {
        self.refused(self.next, expected)
    }

    /// The word that was taken isn't.
    pub(super) fn refused(&self, taken: Taken<'a>, expected: &'static str) -> PatternError {
        let (position, expected) = match taken.word {
            Word::Invalid => self.problem,
            _ => (taken.position, expected),
        };
        PatternError::at(self.text, position, expected)
    }

    fn from(&self, start: usize) -> &'a str {
        self.text.get(start..).unwrap_or_default()
    }

    /// Blanks and comments. A comment that isn't closed is left for `read` to refuse.
    fn skip_blanks(&mut self) {
        loop {
            let rest = self.from(self.rest);
            match rest.as_bytes() {
                [b' ' | b'\t'..=b'\r', ..] => self.rest += 1,
                [b'/', b'/', comment @ ..] => {
                    let end = comment.iter().position(|b| matches!(b, b'\r' | b'\n'));
                    self.rest += 2 + end.unwrap_or(comment.len());
                }
                [b'/', b'*', ..] => {
                    let Some(end) = self.from(self.rest + 2).find("*/") else { return };
                    self.rest += end + 4;
                }
                [0x80..=0xff, ..] => match rest.chars().next() {
                    Some(c) if c.is_whitespace() => self.rest += c.len_utf8(),
                    _ => return,
                },
                _ => return,
            }
        }
    }

    fn read(&mut self) -> Taken<'a> {
        let bytes = self.from(self.rest).as_bytes();
        let (word, length) = match bytes {
            [] => (Word::End, 0),
            [b'[', ..] => (Word::OpenBracket, 1),
            [b']', ..] => (Word::CloseBracket, 1),
            [b'(', ..] => (Word::OpenGroup, 1),
            [b')', ..] => (Word::CloseGroup, 1),
            [b':', ..] => (Word::Colon, 1),
            [b',', ..] => (Word::Comma, 1),
            [b'*', ..] => (Word::Star, 1),
            [b'=', b'=', ..] => (Word::Equal, 2),
            [b'=', ..] => (Word::Equal, 1),
            [b'!', b'=', ..] | [b'<', b'>', ..] => (Word::NotEqual, 2),
            [b'<', b'=', ..] => (Word::Ordered(Order::LessOrEqual), 2),
            [b'<', ..] => (Word::Ordered(Order::Less), 1),
            [b'>', b'=', ..] => (Word::Ordered(Order::GreaterOrEqual), 2),
            [b'>', ..] => (Word::Ordered(Order::Greater), 1),
            [b'\'', ..] => return self.text(),
            [b't', b'\'', ..] => return self.prefixed(Word::Time),
            [b'h', b'\'', ..] => return self.prefixed(Word::Hex),
            [b'b', b'\'', ..] => return self.prefixed(Word::Binary),
            [b'0'..=b'9' | b'+' | b'-' | b'.', ..] => match literal::number(bytes) {
                Some((Digits::Whole, length)) => (Word::Whole, length),
                Some((Digits::Fraction, length)) => (Word::Fraction, length),
                None if bytes.first() == Some(&b'.') => (Word::Dot, 1),
                None => (Word::Stray, 0),
            },
            [first, ..] if begins_name(*first) => return self.name(bytes),
            [b'/', b'*', ..] => return self.invalid(self.rest, "a comment that ends in `*/`"),
            _ => (Word::Stray, 0),
        };
        self.taken(word, (0, length), length)
    }

    /// The word of the next `length` bytes; its text is between `inner`.
    fn taken(&mut self, word: Word, inner: (usize, usize), length: usize) -> Taken<'a> {
        let position = self.rest;
        let text = self.text.get(position + inner.0..position + inner.1).unwrap_or_default();
        self.rest += length;
        Taken { word, text, position }
    }

    fn invalid(&mut self, position: usize, expected: &'static str) -> Taken<'a> {
        self.problem = (position, expected);
        self.taken(Word::Invalid, (0, 0), 0)
    }

    fn name(&mut self, bytes: &[u8]) -> Taken<'a> {
        let length = bytes.iter().position(|&b| !continues_name(b)).unwrap_or(bytes.len());
        let name = self.taken(Word::Name, (0, length), length);
        match Keyword::of(name.text) {
            Some(keyword) => Taken { word: Word::Keyword(keyword), ..name },
            None => name,
        }
    }

    fn text(&mut self) -> Taken<'a> {
        let mut end = 1;
        let mut word = Word::Plain;
        loop {
            let rest = self.from(self.rest + end).as_bytes();
            let Some(length) = memchr::memchr2(b'\'', b'\\', rest) else {
                return self.invalid(self.rest, "a text that ends in a quote");
            };
            end += length;
            match rest.get(length..) {
                Some([b'\\', b'\\' | b'\'', ..]) => {
                    word = Word::Escaped;
                    end += 2;
                }
                Some([b'\\', ..]) => return self.invalid(self.rest + end, "`\\\\` or `\\'`"),
                _ => return self.taken(word, (1, end), end + 1),
            }
        }
    }

    /// A literal of one letter and a text in quotes, in which nothing can be escaped.
    fn prefixed(&mut self, word: Word) -> Taken<'a> {
        let (valid, expected): (fn(&str) -> bool, _) = match word {
            Word::Time => (literal::is_time, "a time such as t'2024-10-21T11:25:48Z'"),
            Word::Hex => (literal::is_hex, "pairs of hexadecimal digits in quotes"),
            _ => (literal::is_binary, "bytes in base 64 in quotes"),
        };
        match self.from(self.rest + 2).split_once('\'') {
            Some((text, _)) if valid(text) => self.taken(word, (2, text.len() + 2), text.len() + 3),
            _ => self.invalid(self.rest, expected),
        }
    }
}

/// A text whose escapes are known to be valid, without its backslashes.
fn unescaped(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, special)) = rest.split_once('\\') {
        decoded.push_str(plain);
        let mut characters = special.chars();
        decoded.extend(characters.next());
        rest = characters.as_str();
    }
    decoded.push_str(rest);
    decoded
}
