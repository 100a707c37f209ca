//! From words to a tree. Groups are kept on a stack of our own, so that no text can drive a recursion.

use std::borrow::Cow;

use super::chain::{Chain, Operator};
use super::error::PatternError;
use super::lexer::{Lexer, Word};
use super::literal::{Binary, Hex, Number, Time, is_time};
use super::tree::{Comparison, Condition, Literal, Observation, Path, Qualifier, Step, Test};
use super::words::Keyword;
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
            if !self.takes(Word::OpenBracket) {
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
            self.words.take();
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
            if around.is_empty() && self.takes(Word::CloseBracket) {
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
            self.words.take();
            here.push(operand, operator);
        }
    }

    fn opens_group(&mut self) -> Parsed<bool> {
        if self.nesting == MAX_NESTING && self.words.word() == Word::OpenGroup {
            return Err(self.words.unexpected("no group inside 40 others"));
        }
        let opens = self.takes(Word::OpenGroup);
        self.nesting += usize::from(opens);
        Ok(opens)
    }

    fn closes_group(&mut self) -> bool {
        let closes = self.takes(Word::CloseGroup);
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
        if self.takes(Word::Keyword(Keyword::Within)) {
            let seconds = self.amount(true, "a number of seconds")?;
            self.keyword(Keyword::Seconds, "SECONDS")?;
            return Ok(Some(Qualifier::Within(seconds)));
        }
        if self.takes(Word::Keyword(Keyword::Repeats)) {
            let times = self.amount(false, "a whole number of times")?;
            self.keyword(Keyword::Times, "TIMES")?;
            return Ok(Some(Qualifier::Repeats(times)));
        }
        if self.takes(Word::Keyword(Keyword::Start)) {
            let start = self.time()?;
            self.keyword(Keyword::Stop, "STOP")?;
            return Ok(Some(Qualifier::StartStop { start, stop: self.time()? }));
        }
        Ok(None)
    }

    /// A number that isn't negative.
    fn amount(&mut self, fraction: bool, expected: &'static str) -> Parsed<Number<'a>> {
        let taken = self.words.take();
        match taken.word {
            Word::Whole | Word::Fraction if taken.text.starts_with('-') => {}
            Word::Whole => return Ok(Number::parsed(taken.text)),
            Word::Fraction if fraction => return Ok(Number::parsed(taken.text)),
            _ => {}
        }
        Err(self.words.refused(taken, expected))
    }

    fn time(&mut self) -> Parsed<Time<'a>> {
        let taken = self.words.take();
        match taken.word {
            Word::Time => Ok(Time::parsed(taken.text)),
            Word::Plain if is_time(taken.text) => Ok(Time::parsed(taken.text)),
            _ => Err(self.words.refused(taken, "a time such as t'2024-10-21T11:25:48Z'")),
        }
    }

    fn test(&mut self) -> Parsed<Test<'a>> {
        let negated = self.takes(Word::Keyword(Keyword::Not));
        if self.takes(Word::Keyword(Keyword::Exists)) {
            return Ok(Test { path: self.path()?, negated, condition: Condition::Exists });
        }
        if negated {
            return Err(self.words.unexpected("EXISTS"));
        }
        let path = self.path()?;
        let negated = self.takes(Word::Keyword(Keyword::Not));
        Ok(Test { path, negated, condition: self.condition()? })
    }

    fn path(&mut self) -> Parsed<Path<'a>> {
        let object = self.words.take();
        if !matches!(object.word, Word::Name | Word::HyphenatedName) {
            return Err(self.words.refused(object, "an object's type"));
        }
        if !self.takes(Word::Colon) {
            return Err(self.words.unexpected("`:` and a property"));
        }
        let mut path = Path::parsed(object.text, self.property()?);
        loop {
            if self.takes(Word::Dot) {
                path.push(self.property()?);
            } else if self.takes(Word::OpenBracket) {
                path.push(self.item()?);
            } else {
                return Ok(path);
            }
        }
    }

    fn property(&mut self) -> Parsed<Step<'a>> {
        let taken = self.words.take();
        if taken.word == Word::Name {
            return Ok(Step::Property(Cow::Borrowed(taken.text)));
        }
        let expected = "a property, in quotes if it isn't a plain word";
        taken.decoded().map(Step::Property).ok_or_else(|| self.words.refused(taken, expected))
    }

    /// From behind the `[` in a path to behind its `]`.
    fn item(&mut self) -> Parsed<Step<'a>> {
        let taken = self.words.take();
        let step = match taken.word {
            Word::Star => Step::Any,
            Word::Whole => Step::Index(Number::parsed(taken.text)),
            _ => return Err(self.words.refused(taken, "a whole number or `*`")),
        };
        if self.takes(Word::CloseBracket) { Ok(step) } else { Err(self.words.unexpected("`]`")) }
    }

    fn condition(&mut self) -> Parsed<Condition<'a>> {
        let taken = self.words.take();
        match taken.word {
            Word::Equal => self.literal().map(Condition::Equal),
            Word::NotEqual => self.literal().map(Condition::NotEqual),
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
            _ => Err(self.words.refused(taken, "an operator")),
        }
    }

    fn literal(&mut self) -> Parsed<Literal<'a>> {
        let taken = self.words.take();
        Ok(match taken.word {
            Word::Plain => Literal::Text(Cow::Borrowed(taken.text)),
            Word::Whole | Word::Fraction => Literal::Number(Number::parsed(taken.text)),
            Word::Keyword(Keyword::True) => Literal::Bool(true),
            Word::Keyword(Keyword::False) => Literal::Bool(false),
            Word::Time => Literal::Time(Time::parsed(taken.text)),
            Word::Hex => Literal::Hex(Hex::parsed(taken.text)),
            Word::Binary => Literal::Binary(Binary::parsed(taken.text)),
            _ => {
                let expected = "a value: a text in quotes, a number, true, false, a time or bytes";
                let text = taken.decoded().ok_or_else(|| self.words.refused(taken, expected))?;
                Literal::Text(text)
            }
        })
    }

    fn text(&mut self) -> Parsed<Cow<'a, str>> {
        let taken = self.words.take();
        taken.decoded().ok_or_else(|| self.words.refused(taken, "a text in quotes"))
    }

    fn set(&mut self) -> Parsed<Vec<Literal<'a>>> {
        if !self.takes(Word::OpenGroup) {
            return Err(self.words.unexpected("`(` and values"));
        }
        let mut values = Vec::new();
        if self.takes(Word::CloseGroup) {
            return Ok(values);
        }
        loop {
            values.push(self.literal()?);
            if self.takes(Word::CloseGroup) {
                return Ok(values);
            }
            if !self.takes(Word::Comma) {
                return Err(self.words.unexpected("`,` or `)`"));
            }
        }
    }

    fn takes(&mut self, word: Word) -> bool {
        let sees = self.words.word() == word;
        if sees {
            self.words.take();
        }
        sees
    }

    fn keyword(&mut self, keyword: Keyword, expected: &'static str) -> Parsed<()> {
        let takes = self.takes(Word::Keyword(keyword));
        if takes { Ok(()) } else { Err(self.words.unexpected(expected)) }
    }
}
