//! Reading a JSON body as the service does: property names are case-sensitive (page common-errors),
//! members it doesn't know are no matter.

use serde_json::{Map, Value};

use crate::emulator::answer::Refusal;

/// The body of a request, known to be a JSON object.
#[derive(Clone, Copy)]
pub(super) struct Body<'a> {
    members: &'a Map<String, Value>,
    any_case: bool,
}

impl<'a> Body<'a> {
    pub(super) fn of(json: Option<&'a Value>) -> Result<Self, Refusal> {
        let members = json.and_then(Value::as_object).ok_or_else(Refusal::body)?;
        Ok(Self { members, any_case: false })
    }

    /// The same body, its property names counting in any case if `any_case`.
    pub(super) fn in_any_case(self, any_case: bool) -> Self {
        Self { any_case, ..self }
    }

    /// A member that isn't null.
    pub(super) fn get(self, name: &str) -> Result<Option<&'a Value>, Refusal> {
        let in_other_case = || self.members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        let found = match self.members.get(name) {
            Some(value) => Some(value),
            None => match in_other_case() {
                Some((_, value)) if self.any_case => Some(value),
                Some(_) => return Err(Refusal::body()),
                None => None,
            },
        };
        Ok(found.filter(|value| !value.is_null()))
    }

    pub(super) fn text(self, name: &str) -> Result<Option<&'a str>, Refusal> {
        match self.get(name)? {
            None => Ok(None),
            Some(value) => value.as_str().map(Some).ok_or_else(Refusal::body),
        }
    }

    pub(super) fn texts(self, name: &str) -> Result<Option<Vec<String>>, Refusal> {
        let Some(value) = self.get(name)? else { return Ok(None) };
        let texts = value.as_array().ok_or_else(Refusal::body)?.iter();
        let texts = texts.map(|text| text.as_str().map(str::to_owned).ok_or_else(Refusal::body));
        texts.collect::<Result<_, _>>().map(Some)
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
