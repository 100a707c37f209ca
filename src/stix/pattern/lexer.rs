//! From text to words. Each byte is looked at a bounded number of times, since no word is ever read again.

use std::borrow::Cow;

use super::error::PatternError;
use super::literal::{self, Digits};
use super::tree::Order;
use super::words::{Keyword, continues_name};

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
    /// Of letters, digits and `_`.
    Name,
    /// The same with a `-`, which only the type of an object may have.
    HyphenatedName,
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

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.rest + ahead).copied()
    }

    /// Blanks and comments. A comment that isn't closed is left for `read` to refuse.
    fn skip_blanks(&mut self) {
        loop {
            match self.byte(0) {
                Some(b' ' | b'\t'..=b'\r') => self.rest += 1,
                Some(b'/') => match self.byte(1) {
                    Some(b'/') => {
                        let comment = self.from(self.rest);
                        self.rest += comment.find(['\r', '\n']).unwrap_or(comment.len());
                    }
                    Some(b'*') => {
                        let Some(end) = self.from(self.rest + 2).find("*/") else { return };
                        self.rest += end + 4;
                    }
                    _ => return,
                },
                Some(0x80..) => match self.from(self.rest).chars().next() {
                    Some(c) if c.is_whitespace() => self.rest += c.len_utf8(),
                    _ => return,
                },
                _ => return,
            }
        }
    }

    fn read(&mut self) -> Taken<'a> {
        let Some(first) = self.byte(0) else { return self.sign(Word::End, 0) };
        match (first, self.byte(1)) {
            (b'\'', _) => self.text(),
            (b't', Some(b'\'')) => self.prefixed(Word::Time),
            (b'h', Some(b'\'')) => self.prefixed(Word::Hex),
            (b'b', Some(b'\'')) => self.prefixed(Word::Binary),
            (b'a'..=b'z' | b'A'..=b'Z' | b'_', _) => self.name(),
            (b'0'..=b'9' | b'+' | b'-', _) | (b'.', Some(b'0'..=b'9')) => self.number(),
            (b'[', _) => self.sign(Word::OpenBracket, 1),
            (b']', _) => self.sign(Word::CloseBracket, 1),
            (b'(', _) => self.sign(Word::OpenGroup, 1),
            (b')', _) => self.sign(Word::CloseGroup, 1),
            (b':', _) => self.sign(Word::Colon, 1),
            (b'.', _) => self.sign(Word::Dot, 1),
            (b',', _) => self.sign(Word::Comma, 1),
            (b'*', _) => self.sign(Word::Star, 1),
            (b'=', Some(b'=')) => self.sign(Word::Equal, 2),
            (b'=', _) => self.sign(Word::Equal, 1),
            (b'!', Some(b'=')) | (b'<', Some(b'>')) => self.sign(Word::NotEqual, 2),
            (b'<', Some(b'=')) => self.sign(Word::Ordered(Order::LessOrEqual), 2),
            (b'<', _) => self.sign(Word::Ordered(Order::Less), 1),
            (b'>', Some(b'=')) => self.sign(Word::Ordered(Order::GreaterOrEqual), 2),
            (b'>', _) => self.sign(Word::Ordered(Order::Greater), 1),
            (b'/', Some(b'*')) => self.invalid(self.rest, "a comment that ends in `*/`"),
            _ => self.sign(Word::Stray, 0),
        }
    }

    fn sign(&mut self, word: Word, length: usize) -> Taken<'a> {
        let position = self.rest;
        self.rest += length;
        Taken { word, text: "", position }
    }

    fn number(&mut self) -> Taken<'a> {
        match literal::number(self.from(self.rest).as_bytes()) {
            Some((Digits::Whole, length)) => self.taken(Word::Whole, (0, length), length),
            Some((Digits::Fraction, length)) => self.taken(Word::Fraction, (0, length), length),
            None => self.sign(Word::Stray, 0),
        }
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
        self.sign(Word::Invalid, 0)
    }

    fn name(&mut self) -> Taken<'a> {
        let mut hyphenated = false;
        let rest = self.text.as_bytes().iter().skip(self.rest);
        let name = rest.take_while(|&&byte| {
            hyphenated |= byte == b'-';
            continues_name(byte)
        });
        let length = name.count();
        let word = if hyphenated { Word::HyphenatedName } else { Word::Name };
        let name = self.taken(word, (0, length), length);
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
