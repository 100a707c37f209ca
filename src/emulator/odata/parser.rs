//! From tokens to a filter. `and` binds closer than `or`; brackets nest up to a cap, so that no text can
//! drive the recursion deep.

use std::marker::PhantomData;

use super::filter::{Comparison, Filter, Literal, TextTest};
use super::lexer::{Token, tokens};
use super::{Column, Row, Type, error};
use crate::emulator::answer::Refusal;

/// Deeper brackets are refused.
const DEEPEST: usize = 40;

impl Filter {
    /// Reads a filter over rows of one kind.
    pub(crate) fn parse<R: Row>(text: &str) -> Result<Self, Refusal> {
        let tokens = tokens(text)?;
        let mut parser = Parser::<R> { rest: &tokens, depth: 0, rows: PhantomData };
        let filter = parser.either()?;
        if parser.rest.is_empty() { Ok(filter) } else { Err(parser.unexpected()) }
    }
}

struct Parser<'a, R> {
    rest: &'a [Token],
    depth: usize,
    rows: PhantomData<R>,
}

impl<'a, R: Row> Parser<'a, R> {
    fn either(&mut self) -> Result<Filter, Refusal> {
        let mut parts = vec![self.both()?];
        while self.takes_word("or") {
            parts.push(self.both()?);
        }
        Ok(one_or(parts, Filter::Any))
    }

    fn both(&mut self) -> Result<Filter, Refusal> {
        let mut parts = vec![self.term()?];
        while self.takes_word("and") {
            parts.push(self.term()?);
        }
        Ok(one_or(parts, Filter::All))
    }

    fn term(&mut self) -> Result<Filter, Refusal> {
        if self.takes(&Token::Open) {
            if self.depth == DEEPEST {
                return Err(error("The recursion limit of the filter has been exceeded"));
            }
            self.depth += 1;
            let inner = self.either()?;
            self.depth -= 1;
            self.require(&Token::Close)?;
            return Ok(inner);
        }
        let word = self.word()?;
        match word {
            "startswith" => self.text_function(Filter::StartsWith),
            "contains" => self.text_function(Filter::Contains),
            _ => match word.strip_suffix("/any") {
                Some(list) => self.any(list),
                None => self.comparison(word),
            },
        }
    }

    fn comparison(&mut self, name: &str) -> Result<Filter, Refusal> {
        let column = Column::of::<R>(name)?;
        let operator = self.word()?;
        if operator == "in" {
            return self.one_of(column);
        }
        let comparison = match operator {
            "eq" => Comparison::Eq,
            "ne" => Comparison::Ne,
            "gt" => Comparison::Gt,
            "ge" => Comparison::Ge,
            "lt" => Comparison::Lt,
            "le" => Comparison::Le,
            other => return Err(error(format!("Syntax error at '{other}'"))),
        };
        let literal = self.literal(column)?;
        Ok(Filter::Compare(column, comparison, literal))
    }

    fn one_of(&mut self, column: Column) -> Result<Filter, Refusal> {
        self.require(&Token::Open)?;
        let mut literals = vec![self.literal(column)?];
        while self.takes(&Token::Comma) {
            literals.push(self.literal(column)?);
        }
        self.require(&Token::Close)?;
        Ok(Filter::OneOf(column, literals))
    }

    /// `startswith(column,'text')` and the like.
    fn text_function(
        &mut self,
        filter: impl FnOnce(Column, String) -> Filter,
    ) -> Result<Filter, Refusal> {
        self.require(&Token::Open)?;
        let column = Column::of::<R>(self.word()?)?;
        if column.kind != Type::Text {
            return Err(mismatch(column));
        }
        self.require(&Token::Comma)?;
        let text = self.text()?;
        self.require(&Token::Close)?;
        Ok(filter(column, text))
    }

    /// `machineTags/any(tag: tag eq 'text')`, with `startswith` or `contains` in place of `eq`.
    fn any(&mut self, list: &str) -> Result<Filter, Refusal> {
        let column = Column::of::<R>(list)?;
        if column.kind != Type::Texts {
            return Err(mismatch(column));
        }
        self.require(&Token::Open)?;
        let variable = self.word()?;
        self.require(&Token::Colon)?;
        let test = match self.word()? {
            "startswith" => TextTest::StartsWith(self.text_of(variable)?),
            "contains" => TextTest::Contains(self.text_of(variable)?),
            word if word == variable && self.takes_word("eq") => TextTest::Is(self.text()?),
            _ => return Err(self.unexpected()),
        };
        self.require(&Token::Close)?;
        Ok(Filter::SomeText(column, test))
    }

    /// `(variable,'text')`.
    fn text_of(&mut self, variable: &str) -> Result<String, Refusal> {
        self.require(&Token::Open)?;
        if !self.takes_word(variable) {
            return Err(self.unexpected());
        }
        self.require(&Token::Comma)?;
        let text = self.text()?;
        self.require(&Token::Close)?;
        Ok(text)
    }

    fn literal(&mut self, column: Column) -> Result<Literal, Refusal> {
        let literal = match self.next()? {
            Token::Text(text) => Literal::Text(text.clone()),
            Token::Number(number) => Literal::Number(*number),
            Token::Time(time) => Literal::Time(*time),
            Token::Word(word) if word == "null" => Literal::Null,
            Token::Word(word) if word == "true" => Literal::Flag(true),
            Token::Word(word) if word == "false" => Literal::Flag(false),
            _ => return Err(error("Syntax error: a literal was expected")),
        };
        if literal.fits(column.kind) { Ok(literal) } else { Err(mismatch(column)) }
    }

    fn text(&mut self) -> Result<String, Refusal> {
        match self.next()? {
            Token::Text(text) => Ok(text.clone()),
            _ => Err(error("Syntax error: a string literal was expected")),
        }
    }

    fn word(&mut self) -> Result<&'a str, Refusal> {
        match self.next()? {
            Token::Word(word) => Ok(word),
            _ => Err(error("Syntax error: a name was expected")),
        }
    }

    fn next(&mut self) -> Result<&'a Token, Refusal> {
        let (first, rest) = self.rest.split_first().ok_or_else(|| self.unexpected())?;
        self.rest = rest;
        Ok(first)
    }

    fn require(&mut self, token: &Token) -> Result<(), Refusal> {
        if self.takes(token) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn takes(&mut self, token: &Token) -> bool {
        let found = self.rest.first() == Some(token);
        if found {
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
        found
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let found = matches!(self.rest.first(), Some(Token::Word(next)) if next == word);
        if found {
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
        found
    }

    fn unexpected(&self) -> Refusal {
        match self.rest.first() {
            Some(token) => error(format!("Syntax error at {token:?}")),
            None => error("Syntax error: the expression ends too early"),
        }
    }
}

fn one_or(mut parts: Vec<Filter>, several: fn(Vec<Filter>) -> Filter) -> Filter {
    match (parts.pop(), parts.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            parts.extend(last);
            several(parts)
        }
    }
}

fn mismatch(column: Column) -> Refusal {
    error(format!("A value of an incompatible type was compared with '{}'", column.name))
}
