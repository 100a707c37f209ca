//! Many indicators in one call, and what the service says of each.

use http::Method;
use serde::Deserialize;
use serde_json::Value;

use super::NewIndicator;
use super::operations::{ROLES, check_batch};
use crate::error::Result;
use crate::model::{ImportResult, IndicatorType};
use crate::odata::PAGE_LIMIT;
use crate::operation::{Call, Operation, Path, Safety, Spec, read_object};
use crate::types::IndicatorId;

/// Creates or updates up to 500 indicators
/// ([documentation](https://learn.microsoft.com/defender-endpoint/api/import-ti-indicators)).
///
/// An answer of 200 may hold items that failed. Permission `Ti.ReadWrite` (own) or `Ti.ReadWrite.All`; quota
/// 30 a minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportIndicators {
    /// The indicators.
    pub indicators: Vec<NewIndicator>,
}

/// The service's answer to an import, as it was sent. [`ImportOutcome::read`] matches it to what was sent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ImportAnswer {
    /// One result an item, as a rule in the order they were sent.
    pub value: Vec<ImportResult>,
}

impl Operation for ImportIndicators {
    type Output = ImportAnswer;
    const SPEC: &'static Spec =
        &Spec::new("import_indicators", Method::POST, "/indicators/import", ROLES)
            .quota(30, None)
            .answer_limit(PAGE_LIMIT)
            .safety(Safety::Idempotent);

    fn call(&self) -> Result<Call> {
        check_batch(self.indicators.len(), "imported")?;
        let bodies = self.indicators.iter().map(|i| Ok(Value::Object(i.body()?)));
        let bodies: Vec<Value> = bodies.collect::<Result<_>>()?;
        Call::new(format!("{} indicators", bodies.len()), Path::new(["indicators", "import"])?)
            .json(&serde_json::json!({ "Indicators": bodies }))
    }

    fn decode(&self, body: &[u8]) -> Result<ImportAnswer> {
        read_object(body)
    }
}

/// What became of one item of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportOutcome {
    /// The service accepted it. It takes effect within minutes to two days.
    Accepted {
        /// The indicator's id.
        id: IndicatorId,
    },
    /// The service refused it.
    Failed {
        /// Its reason, as sent; empty if it gave none.
        reason: String,
    },
    /// The answer says nothing, or nothing certain, of this item.
    Unknown,
}

impl ImportOutcome {
    /// The outcome of each item, in the order they were sent.
    ///
    /// The answer names values without their types, and a value may have been sent with two actions. Where it has all
    /// values in the order they were sent, a result counts for the item at its position. Otherwise it counts by its
    /// value, if that was sent once and answered once; everything else is [`Unknown`](Self::Unknown).
    #[must_use]
    pub fn read(sent: &[NewIndicator], answer: &ImportAnswer) -> Vec<Self> {
        let values: Vec<_> = sent.iter().map(Key::of).collect();
        let results = &answer.value;
        let in_order = values.len() == results.len()
            && values.iter().zip(results).all(|(key, result)| key.names(result));
        if in_order {
            return results.iter().map(Self::of).collect();
        }
        let only = |key: &Key| {
            let mut named = results.iter().filter(|result| key.names(result));
            let once = values.iter().filter(|other| other.collides(key)).count() == 1;
            named.next().filter(|_| once && named.next().is_none())
        };
        values.iter().map(|key| only(key).map_or(Self::Unknown, Self::of)).collect()
    }

    /// Only a plain `isFailed: false` with an id is an acceptance.
    fn of(result: &ImportResult) -> Self {
        let id = result.id.as_deref().and_then(|id| id.parse().ok());
        match (result.is_failed, id) {
            (Some(true), _) => {
                Self::Failed { reason: result.failure_reason.clone().unwrap_or_default() }
            }
            (Some(false), Some(id)) => Self::Accepted { id },
            _ => Self::Unknown,
        }
    }
}

/// A value as an answer names it. Case makes another URL, and nothing else another value.
struct Key {
    value: String,
    case_matters: bool,
}

impl Key {
    fn of(new: &NewIndicator) -> Self {
        let case_matters = *new.indicator_type() == IndicatorType::Url;
        Self { value: new.wire_value().unwrap_or_default(), case_matters }
    }

    fn names(&self, result: &ImportResult) -> bool {
        result.indicator.as_deref().is_some_and(|named| {
            named == self.value || (!self.case_matters && named.eq_ignore_ascii_case(&self.value))
        })
    }

    fn collides(&self, other: &Self) -> bool {
        self.value.eq_ignore_ascii_case(&other.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::IndicatorAction;

    fn sent(values: &[&str]) -> Vec<NewIndicator> {
        let new = |value: &&str| {
            NewIndicator::new(IndicatorType::DomainName, *value, IndicatorAction::Block, "t", "d")
        };
        values.iter().map(new).collect()
    }

    fn answer(items: &[(&str, &str)]) -> ImportAnswer {
        let item = |(id, value): &(&str, &str)| ImportResult {
            id: Some((*id).to_owned()),
            indicator: Some((*value).to_owned()),
            is_failed: Some(id.is_empty()),
            failure_reason: None,
        };
        ImportAnswer { value: items.iter().map(item).collect() }
    }

    fn accepted(id: &str) -> ImportOutcome {
        ImportOutcome::Accepted { id: id.parse().unwrap() }
    }

    #[test]
    fn results_are_matched_by_position_and_value() {
        let sent = sent(&["a.example", "a.example", "b.example"]);
        let answer = answer(&[("1", "a.example"), ("", "a.example"), ("3", "B.EXAMPLE")]);
        let failed = ImportOutcome::Failed { reason: String::new() };
        assert_eq!(ImportOutcome::read(&sent, &answer), [accepted("1"), failed, accepted("3")]);
    }

    #[test]
    fn results_out_of_order_are_matched_only_where_the_value_is_unmistakable() {
        let sent = sent(&["a.example", "b.example", "c.example", "c.example"]);
        let answer = answer(&[("2", "b.example"), ("1", "a.example"), ("4", "c.example")]);
        let read = ImportOutcome::read(&sent, &answer);
        assert_eq!(read[..2], [accepted("1"), accepted("2")]);
        assert_eq!(
            read[2..],
            [ImportOutcome::Unknown, ImportOutcome::Unknown],
            "which one isn't said"
        );
    }

    #[test]
    fn urls_that_differ_in_case_are_two() {
        let url =
            |value| NewIndicator::new(IndicatorType::Url, value, IndicatorAction::Block, "t", "d");
        let sent = [url("https://e.example/A"), url("https://e.example/a")];
        let reversed = answer(&[("", "https://e.example/a"), ("5", "https://e.example/A")]);
        let read = ImportOutcome::read(&sent, &reversed);
        assert!(read.iter().all(|outcome| *outcome == ImportOutcome::Unknown), "{read:?}");
    }

    #[test]
    fn what_the_answer_does_not_say_is_unknown() {
        let sent = sent(&["a.example", "b.example"]);
        let mut silent = answer(&[("1", "a.example")]);
        silent.value[0].is_failed = None;
        assert_eq!(
            ImportOutcome::read(&sent, &silent),
            [ImportOutcome::Unknown, ImportOutcome::Unknown]
        );
    }
}
