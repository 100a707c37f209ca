//! From words to a tree. Groups are kept on a stack of our own, so that no text can drive a recursion.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::chain::{Chain, Operator};
use super::error::PatternError;
use super::lexer::{Lexer, Sign, Word};
use super::literal::{Number, Time, is_time};
use super::tree::{Comparison, Condition, Literal, Observation, Path, Qualifier, Step, Test};
use super::words::{Keyword, is_plain_property};
use super::{MAX_LENGTH, MAX_NESTING};

type Parsed<T> = Result<T, PatternError>;

pub(super) fn parse(text: &str) -> Parsed<Observation<'_>> {
    if text.len() > MAX_LENGTH {
        return Err(PatternError::too_long(text));
    }
    Parser { words: Lexer::new(text), nesting: 0 }.observations()
}

struct Parser<'a> {
    words: Lexer<'a>,
    /// Groups that are open, of both kinds.
    nesting: usize,
}

impl<'a> Parser<'a> {
    /// The whole text.
    fn observations(&mut self) -> Parsed<Observation<'a>> {
        let mut around = Vec::new();
        let mut here = Chain::default();
        loop {
            while self.opens_group()? {
                around.push(std::mem::take(&mut here));
            }
            if !self.takes(Sign::OpenBracket) {
                return Err(self.words.unexpected("`[` or `(`"));
            }
            let mut operand = Observation::Of(self.comparison()?);
            self.qualify(&mut operand)?;
            while !around.is_empty() && self.closes_group() {
                operand = here.end(operand);
                here = around.pop().unwrap_or_default();
                self.qualify(&mut operand)?;
            }
            let operator = match self.words.word() {
                Word::Keyword(Keyword::And) => Operator::And,
                Word::Keyword(Keyword::Or) => Operator::Or,
                Word::Keyword(Keyword::FollowedBy) => Operator::FollowedBy,
                Word::End if around.is_empty() => return Ok(here.end(operand)),
                _ => {
                    let expected = if around.is_empty() {
                        "AND, OR, FOLLOWEDBY, a qualifier or the end"
                    } else {
                        "AND, OR, FOLLOWEDBY, a qualifier or `)`"
                    };
                    return Err(self.words.unexpected(expected));
                }
            };
            self.words.advance();
            here.push(operand, operator);
        }
    }

    /// From behind a `[` to behind its `]`.
    fn comparison(&mut self) -> Parsed<Comparison<'a>> {
        let mut around = Vec::new();
        let mut here = Chain::default();
        loop {
            while self.opens_group()? {
                around.push(std::mem::take(&mut here));
            }
            let mut operand = Comparison::Test(self.test()?);
            while !around.is_empty() && self.closes_group() {
                operand = here.end(operand);
                here = around.pop().unwrap_or_default();
            }
            if around.is_empty() && self.takes(Sign::CloseBracket) {
                return Ok(here.end(operand));
            }
            let operator = match self.words.word() {
                Word::Keyword(Keyword::And) => Operator::And,
                Word::Keyword(Keyword::Or) => Operator::Or,
                _ => {
                    let expected =
                        if around.is_empty() { "AND, OR or `]`" } else { "AND, OR or `)`" };
                    return Err(self.words.unexpected(expected));
                }
            };
            self.words.advance();
            here.push(operand, operator);
        }
    }

    fn opens_group(&mut self) -> Parsed<bool> {
        if self.nesting == MAX_NESTING && self.sees(Sign::OpenGroup) {
            return Err(self.words.unexpected("no group inside 40 others"));
        }
        let opens = self.takes(Sign::OpenGroup);
        self.nesting += usize::from(opens);
        Ok(opens)
    }

    fn closes_group(&mut self) -> bool {
        let closes = self.takes(Sign::CloseGroup);
        self.nesting -= usize::from(closes);
        closes
    }

    /// All qualifiers that follow. Those of a group add to those of what is in it.
    fn qualify(&mut self, operand: &mut Observation<'a>) -> Parsed<()> {
        while let Some(qualifier) = self.qualifier()? {
            if let Observation::Qualified(_, qualifiers) = operand {
                qualifiers.push(qualifier);
            } else {
                let inner = std::mem::replace(operand, Observation::And(Vec::new()));
                *operand = Observation::Qualified(Box::new(inner), vec![qualifier]);
            }
        }
        Ok(())
    }

    fn qualifier(&mut self) -> Parsed<Option<Qualifier<'a>>> {
        if self.takes_keyword(Keyword::Within) {
            let seconds = self.amount(true, "a number of seconds")?;
            self.keyword(Keyword::Seconds, "SECONDS")?;
            return Ok(Some(Qualifier::Within(seconds)));
        }
        if self.takes_keyword(Keyword::Repeats) {
            let times = self.amount(false, "a whole number of times")?;
            self.keyword(Keyword::Times, "TIMES")?;
            return Ok(Some(Qualifier::Repeats(times)));
        }
        if self.takes_keyword(Keyword::Start) {
            let start = self.time()?;
            self.keyword(Keyword::Stop, "STOP")?;
            return Ok(Some(Qualifier::StartStop { start, stop: self.time()? }));
        }
        Ok(None)
    }

    /// A number that isn't negative.
    fn amount(&mut self, fraction: bool, expected: &'static str) -> Parsed<Number<'a>> {
        let position = self.words.position();
        match self.words.advance() {
            Word::Whole(number) if !number.as_str().starts_with('-') => Ok(number),
            Word::Fraction(number) if fraction && !number.as_str().starts_with('-') => Ok(number),
            word => Err(self.words.refused(word, position, expected)),
        }
    }

    fn time(&mut self) -> Parsed<Time<'a>> {
        let position = self.words.position();
        match self.words.advance() {
            Word::Literal(Literal::Time(time)) => Ok(time),
            Word::Literal(Literal::Text(text)) if is_time(&text) => Ok(Time::parsed(text)),
            word => {
                let expected = "a time such as t'2024-10-21T11:25:48Z'";
                Err(self.words.refused(word, position, expected))
            }
        }
    }

    fn test(&mut self) -> Parsed<Test<'a>> {
        let negated = self.takes_keyword(Keyword::Not);
        if self.takes_keyword(Keyword::Exists) {
            return Ok(Test { path: self.path()?, negated, condition: Condition::Exists });
        }
        if negated {
            return Err(self.words.unexpected("EXISTS"));
        }
        let path = self.path()?;
        let negated = self.takes_keyword(Keyword::Not);
        Ok(Test { path, negated, condition: self.condition()? })
    }

    fn path(&mut self) -> Parsed<Path<'a>> {
        let position = self.words.position();
        let object = match self.words.advance() {
            Word::Name(object) => object,
            word => return Err(self.words.refused(word, position, "an object's type")),
        };
        if !self.takes(Sign::Colon) {
            return Err(self.words.unexpected("`:` and a property"));
        }
        let mut steps = SmallVec::new();
        steps.push(self.property()?);
        loop {
            if self.takes(Sign::Dot) {
                steps.push(self.property()?);
            } else if self.takes(Sign::OpenBracket) {
                steps.push(self.item()?);
            } else {
                return Ok(Path::parsed(object, steps));
            }
        }
    }

    fn property(&mut self) -> Parsed<Step<'a>> {
        let position = self.words.position();
        match self.words.advance() {
            Word::Name(name) if is_plain_property(name) => Ok(Step::Property(Cow::Borrowed(name))),
            Word::Literal(Literal::Text(name)) => Ok(Step::Property(name)),
            word => {
                let expected = "a property, in quotes if it isn't a plain word";
                Err(self.words.refused(word, position, expected))
            }
        }
    }

    /// From behind the `[` in a path to behind its `]`.
    fn item(&mut self) -> Parsed<Step<'a>> {
        let position = self.words.position();
        let step = match self.words.advance() {
            Word::Sign(Sign::Star) => Step::Any,
            Word::Whole(index) => Step::Index(index),
            word => return Err(self.words.refused(word, position, "a whole number or `*`")),
        };
        if self.takes(Sign::CloseBracket) { Ok(step) } else { Err(self.words.unexpected("`]`")) }
    }

    fn condition(&mut self) -> Parsed<Condition<'a>> {
        let position = self.words.position();
        match self.words.advance() {
            Word::Sign(Sign::Equal) => self.literal().map(Condition::Equal),
            Word::Sign(Sign::NotEqual) => self.literal().map(Condition::NotEqual),
            Word::Ordered(order) => {
                if let Word::Keyword(Keyword::True | Keyword::False) = self.words.word() {
                    return Err(self.words.unexpected("a value that has an order"));
                }
                self.literal().map(|value| Condition::Ordered(order, value))
            }
            Word::Keyword(Keyword::In) => self.set().map(Condition::In),
            Word::Keyword(Keyword::Like) => self.text().map(Condition::Like),
            Word::Keyword(Keyword::Matches) => self.text().map(Condition::Matches),
            Word::Keyword(Keyword::IsSubset) => self.text().map(Condition::IsSubset),
            Word::Keyword(Keyword::IsSuperset) => self.text().map(Condition::IsSuperset),
            word => Err(self.words.refused(word, position, "an operator")),
        }
    }

    fn literal(&mut self) -> Parsed<Literal<'a>> {
        let position = self.words.position();
        match self.words.advance() {
            Word::Literal(literal) => Ok(literal),
            Word::Whole(number) | Word::Fraction(number) => Ok(Literal::Number(number)),
            Word::Keyword(Keyword::True) => Ok(Literal::Bool(true)),
            Word::Keyword(Keyword::False) => Ok(Literal::Bool(false)),
            word => {
                let expected = "a value: a text in quotes, a number, true, false, a time or bytes";
                Err(self.words.refused(word, position, expected))
            }
        }
    }

    fn text(&mut self) -> Parsed<Cow<'a, str>> {
        let position = self.words.position();
        match self.words.advance() {
            Word::Literal(Literal::Text(text)) => Ok(text),
            word => Err(self.words.refused(word, position, "a text in quotes")),
        }
    }

    fn set(&mut self) -> Parsed<Vec<Literal<'a>>> {
        if !self.takes(Sign::OpenGroup) {
            return Err(self.words.unexpected("`(` and values"));
        }
        let mut values = Vec::new();
        if self.takes(Sign::CloseGroup) {
            return Ok(values);
        }
        loop {
            values.push(self.literal()?);
            if self.takes(Sign::CloseGroup) {
                return Ok(values);
            }
            if !self.takes(Sign::Comma) {
                return Err(self.words.unexpected("`,` or `)`"));
            }
        }
    }

    fn sees(&self, sign: Sign) -> bool {
        matches!(self.words.word(), Word::Sign(next) if *next == sign)
    }

    fn takes(&mut self, sign: Sign) -> bool {
        let sees = self.sees(sign);
        if sees {
            self.words.advance();
        }
        sees
    }

    fn takes_keyword(&mut self, keyword: Keyword) -> bool {
        let sees = matches!(self.words.word(), Word::Keyword(next) if *next == keyword);
        if sees {
            self.words.advance();
        }
        sees
    }

    fn keyword(&mut self, keyword: Keyword, expected: &'static str) -> Parsed<()> {
        if self.takes_keyword(keyword) { Ok(()) } else { Err(self.words.unexpected(expected)) }
    }
}
