//! A filter cut into tokens.

use super::error;
use crate::emulator::answer::Refusal;
use crate::emulator::moment::read_time;
use crate::types::Timestamp;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Word(String),
    Text(String),
    Number(f64),
    Time(Timestamp),
    Open,
    Close,
    Comma,
    Colon,
}

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Refusal> {
    let mut rest = text.trim_start();
    let mut out = Vec::new();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            ',' => (Token::Comma, 1),
            ':' => (Token::Colon, 1),
            '\'' => quoted(rest)?,
            '0'..='9' | '-' => value(rest)?,
            c if c.is_ascii_alphabetic() || c == '$' || c == '@' => word(rest),
            c => return Err(error(format!("Syntax error: character '{c}' is not valid"))),
        };
        out.push(token);
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    Ok(out)
}

/// A text in single quotes; a quote inside it is doubled.
fn quoted(rest: &str) -> Result<(Token, usize), Refusal> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != '\'' {
            text.push(c);
        } else if chars.next_if(|(_, next)| *next == '\'').is_some() {
            text.push('\'');
        } else {
            return Ok((Token::Text(text), at + 1));
        }
    }
    Err(error("There is an unterminated string literal"))
}

/// A number or a time, bare.
fn value(rest: &str) -> Result<(Token, usize), Refusal> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-.:+".contains(c);
    let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
    let text = rest.get(..length).unwrap_or_default();
    let token = match (text.parse(), read_time(text)) {
        (Ok(number), _) => Token::Number(number),
        (_, Some(time)) => Token::Time(time),
        _ => return Err(error(format!("Unrecognized literal '{text}'"))),
    };
    Ok((token, length))
}

fn word(rest: &str) -> (Token, usize) {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_/.$@".contains(c);
    let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
    (Token::Word(rest.get(..length).unwrap_or_default().to_owned()), length)
}
