//! From text to words. Each byte is looked at a bounded number of times, since no word is ever read again.

use std::borrow::Cow;

use super::error::PatternError;
use super::literal::{self, Binary, Digits, Hex, Number, Time};
use super::tree::{Literal, Order};
use super::words::{Keyword, begins_name, continues_name};

/// One word of a pattern.
#[derive(Debug)]
pub(super) enum Word<'a> {
    Sign(Sign),
    Ordered(Order),
    Keyword(Keyword),
    /// As far as letters, digits, `_` and `-` go.
    Name(&'a str),
    Whole(Number<'a>),
    Fraction(Number<'a>),
    /// Any other literal.
    Literal(Literal<'a>),
    /// What begins no word.
    Stray,
    End,
    /// What begins as a word and doesn't end as one.
    Invalid(Box<PatternError>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
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
}

/// Words one by one, with the next one always read.
pub(super) struct Lexer<'a> {
    text: &'a str,
    /// Where what hasn't been read begins.
    rest: usize,
    word: Word<'a>,
    /// Where `word` begins.
    position: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut lexer = Self { text, rest: 0, word: Word::End, position: 0 };
        lexer.advance();
        lexer
    }

    /// The next word.
    pub(super) fn word(&self) -> &Word<'a> {
        &self.word
    }

    /// Where the next word begins.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// Takes the next word and reads the one behind it.
    pub(super) fn advance(&mut self) -> Word<'a> {
        self.skip_blanks();
        self.position = self.rest;
        let next = self.read().unwrap_or_else(|error| Word::Invalid(Box::new(error)));
        std::mem::replace(&mut self.word, next)
    }

    /// The next word isn't what the grammar asks for.
    pub(super) fn unexpected(&self, expected: &'static str) -> PatternError {
        match &self.word {
            Word::Invalid(error) => (**error).clone(),
            _ => self.wrong(self.position, expected),
        }
    }

    /// The word that was taken from `position` isn't.
    pub(super) fn refused(
        &self,
        word: Word<'a>,
        position: usize,
        expected: &'static str,
    ) -> PatternError {
        match word {
            Word::Invalid(error) => *error,
            _ => self.wrong(position, expected),
        }
    }

    fn wrong(&self, position: usize, expected: &'static str) -> PatternError {
        PatternError::at(self.text, position, expected)
    }

    fn bytes(&self) -> &'a [u8] {
        self.from(self.rest).as_bytes()
    }

    fn from(&self, start: usize) -> &'a str {
        self.text.get(start..).unwrap_or_default()
    }

    /// Blanks and comments. A comment that isn't closed is left for `read` to refuse.
    fn skip_blanks(&mut self) {
        loop {
            match self.bytes() {
                [b' ' | b'\t'..=b'\r', ..] => self.rest += 1,
                [b'/', b'/', comment @ ..] => {
                    let end = comment.iter().position(|b| matches!(b, b'\r' | b'\n'));
                    self.rest += 2 + end.unwrap_or(comment.len());
                }
                [b'/', b'*', ..] => {
                    let Some(end) = self.from(self.rest + 2).find("*/") else { return };
                    self.rest += end + 4;
                }
                [0x80..=0xff, ..] => match self.from(self.rest).chars().next() {
                    Some(c) if c.is_whitespace() => self.rest += c.len_utf8(),
                    _ => return,
                },
                _ => return,
            }
        }
    }

    fn read(&mut self) -> Result<Word<'a>, PatternError> {
        let bytes = self.bytes();
        let (length, word) = match bytes {
            [] => (0, Word::End),
            [b'[', ..] => (1, Word::Sign(Sign::OpenBracket)),
            [b']', ..] => (1, Word::Sign(Sign::CloseBracket)),
            [b'(', ..] => (1, Word::Sign(Sign::OpenGroup)),
            [b')', ..] => (1, Word::Sign(Sign::CloseGroup)),
            [b':', ..] => (1, Word::Sign(Sign::Colon)),
            [b',', ..] => (1, Word::Sign(Sign::Comma)),
            [b'*', ..] => (1, Word::Sign(Sign::Star)),
            [b'=', b'=', ..] => (2, Word::Sign(Sign::Equal)),
            [b'=', ..] => (1, Word::Sign(Sign::Equal)),
            [b'!', b'=', ..] | [b'<', b'>', ..] => (2, Word::Sign(Sign::NotEqual)),
            [b'<', b'=', ..] => (2, Word::Ordered(Order::LessOrEqual)),
            [b'<', ..] => (1, Word::Ordered(Order::Less)),
            [b'>', b'=', ..] => (2, Word::Ordered(Order::GreaterOrEqual)),
            [b'>', ..] => (1, Word::Ordered(Order::Greater)),
            [b'\'', ..] => return self.quoted().map(|text| Word::Literal(Literal::Text(text))),
            [b't', b'\'', ..] => return self.prefixed("a time such as t'2024-10-21T11:25:48Z'"),
            [b'h', b'\'', ..] => return self.prefixed("pairs of hexadecimal digits in quotes"),
            [b'b', b'\'', ..] => return self.prefixed("bytes in base 64 in quotes"),
            [b'0'..=b'9' | b'+' | b'-' | b'.', ..] => match literal::number(bytes) {
                Some((digits, length)) => (length, self.number(digits, length)),
                None if bytes.first() == Some(&b'.') => (1, Word::Sign(Sign::Dot)),
                None => (0, Word::Stray),
            },
            [first, ..] if begins_name(*first) => {
                let length = bytes.iter().position(|&b| !continues_name(b)).unwrap_or(bytes.len());
                (length, name(self.piece(length)))
            }
            [b'/', b'*', ..] => {
                return Err(self.wrong(self.position, "a comment that ends in `*/`"));
            }
            _ => (0, Word::Stray),
        };
        self.rest += length;
        Ok(word)
    }

    fn piece(&self, length: usize) -> &'a str {
        self.from(self.rest).get(..length).unwrap_or_default()
    }

    fn number(&self, digits: Digits, length: usize) -> Word<'a> {
        let number = Number::parsed(self.piece(length));
        match digits {
            Digits::Whole => Word::Whole(number),
            Digits::Fraction => Word::Fraction(number),
        }
    }

    /// A text in quotes, decoded. It is borrowed unless something in it is escaped.
    fn quoted(&mut self) -> Result<Cow<'a, str>, PatternError> {
        self.rest += 1;
        let mut decoded = String::new();
        loop {
            let rest = self.from(self.rest);
            let Some(length) = memchr::memchr2(b'\'', b'\\', rest.as_bytes()) else {
                return Err(self.wrong(self.position, "a text that ends in a quote"));
            };
            let (plain, special) = rest.split_at_checked(length).unwrap_or_default();
            match special.as_bytes() {
                [b'\\', b'\\' | b'\'', ..] => {
                    decoded.push_str(plain);
                    decoded.push_str(special.get(1..2).unwrap_or_default());
                    self.rest += length + 2;
                }
                [b'\\', ..] => {
                    let at = self.rest + length;
                    return Err(self.wrong(at, "`\\\\` or `\\'`"));
                }
                _ => {
                    self.rest += length + 1;
                    if decoded.is_empty() {
                        return Ok(Cow::Borrowed(plain));
                    }
                    decoded.push_str(plain);
                    return Ok(Cow::Owned(decoded));
                }
            }
        }
    }

    /// A literal of one letter and a text in quotes, in which nothing can be escaped.
    fn prefixed(&mut self, expected: &'static str) -> Result<Word<'a>, PatternError> {
        let rest = self.from(self.rest + 2);
        let inner = rest.split_once('\'').map(|(inner, _)| inner);
        let inner = inner.ok_or_else(|| self.wrong(self.position, expected))?;
        let literal = match self.bytes().first() {
            Some(b't') if literal::is_time(inner) => Literal::Time(Time::parsed(inner)),
            Some(b'h') if literal::is_hex(inner) => Literal::Hex(Hex::parsed(inner)),
            Some(b'b') if literal::is_binary(inner) => Literal::Binary(Binary::parsed(inner)),
            _ => return Err(self.wrong(self.position, expected)),
        };
        self.rest += inner.len() + 3;
        Ok(Word::Literal(literal))
    }
}

fn name(word: &str) -> Word<'_> {
    Keyword::of(word).map_or(Word::Name(word), Word::Keyword)
}
