//! Reading a JSON body as the service does: property names are case-sensitive (page common-errors),
//! members it doesn't know are no matter.

use serde_json::{Map, Value};

use crate::emulator::answer::Refusal;

/// The body of a request, known to be a JSON object.
#[derive(Clone, Copy)]
pub(super) struct Body<'a>(&'a Map<String, Value>);

impl<'a> Body<'a> {
    pub(super) fn of(json: Option<&'a Value>) -> Result<Self, Refusal> {
        json.and_then(Value::as_object).map(Self).ok_or_else(Refusal::body)
    }

    /// A member that isn't null.
    pub(super) fn get(self, name: &str) -> Result<Option<&'a Value>, Refusal> {
        match self.0.get(name) {
            Some(Value::Null) => Ok(None),
            Some(value) => Ok(Some(value)),
            None if self.0.keys().any(|key| key.eq_ignore_ascii_case(name)) => Err(Refusal::body()),
            None => Ok(None),
        }
    }

    pub(super) fn text(self, name: &str) -> Result<Option<&'a str>, Refusal> {
        match self.get(name)? {
            None => Ok(None),
            Some(value) => value.as_str().map(Some).ok_or_else(Refusal::body),
        }
    }

    /// A text that has to be there and to say something.
    pub(super) fn needed_text(self, name: &str) -> Result<&'a str, Refusal> {
        self.text(name)?
            .filter(|text| !text.trim().is_empty())
            .ok_or_else(|| Refusal::missing(name))
    }

    /// A text that is one of `words`, if it is there.
    pub(super) fn word(
        self,
        name: &str,
        words: &[&'static str],
    ) -> Result<Option<&'static str>, Refusal> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        words.iter().find(|word| **word == text).map(|word| Some(*word)).ok_or_else(Refusal::body)
    }
}
