//! The operations on indicators, one by one and as a list.

use http::Method;

use super::NewIndicator;
use crate::error::{Error, Result};
use crate::model::Indicator;
use crate::odata::{Filter, ListQuery, PAGE_LIMIT, Page, Paged};
use crate::operation::{Call, Operation, Path, Safety, Spec, read_object};
use crate::types::IndicatorId;

pub(super) const ROLES: &[&str] = &["Ti.ReadWrite", "Ti.ReadWrite.All"];

/// The most items of one import or one batch delete.
pub(crate) const LARGEST_BATCH: usize = 500;

/// Creates an indicator, or updates the one of the same value, type and action
/// ([documentation](https://learn.microsoft.com/defender-endpoint/api/post-ti-indicator)).
///
/// Permission `Ti.ReadWrite` (own) or `Ti.ReadWrite.All`; quota 100 a minute, 1,500 an hour. A tenant has 15,000
/// indicators at most. The raw call doesn't look at the expiry, which needs a clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateOrUpdateIndicator {
    /// The indicator.
    pub indicator: NewIndicator,
}

impl Operation for CreateOrUpdateIndicator {
    type Output = Indicator;
    const SPEC: &'static Spec =
        &Spec::new("create_or_update_indicator", Method::POST, "/indicators", ROLES)
            .safety(Safety::Idempotent);

    fn call(&self) -> Result<Call> {
        let path = Path::new(["indicators"])?;
        Call::new(self.indicator.value(), path).json(&self.indicator.body()?)
    }

    fn decode(&self, body: &[u8]) -> Result<Indicator> {
        let stored: Indicator = with_id(read_object(body)?)?;
        let sent = &self.indicator;
        let value = sent.wire_value()?;
        let same_value =
            stored.indicator_value.as_ref().is_none_or(|v| v.eq_ignore_ascii_case(&value));
        let same_type = stored.indicator_type.as_str().is_empty()
            || stored.indicator_type == *sent.indicator_type();
        let same_action = stored.action.as_str().is_empty() || stored.action == *sent.action();
        if same_value && same_type && same_action {
            return Ok(stored);
        }
        Err(Error::unusable_answer(format!("the answer is about another indicator, {}", stored.id)))
    }
}

/// Reads one indicator. The documentation lacks this call; public clients use it.
///
/// Permission `Ti.ReadWrite` (own) or `Ti.ReadWrite.All`; quota taken as 100 a minute, 1,500 an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetIndicator {
    /// The indicator.
    pub indicator: IndicatorId,
}

impl Operation for GetIndicator {
    type Output = Indicator;
    const SPEC: &'static Spec = &Spec::new("get_indicator", Method::GET, "/indicators/{}", ROLES);

    fn call(&self) -> Result<Call> {
        let path = Path::new(["indicators", self.indicator.as_str()])?;
        Ok(Call::new(self.indicator.as_str(), path))
    }

    fn decode(&self, body: &[u8]) -> Result<Indicator> {
        let stored: Indicator = with_id(read_object(body)?)?;
        if stored.id == self.indicator {
            return Ok(stored);
        }
        Err(Error::unusable_answer(format!("the answer is about another indicator, {}", stored.id)))
    }
}

/// Reads one page of the tenant's active indicators
/// ([documentation](https://learn.microsoft.com/defender-endpoint/api/get-ti-indicators-collection)).
///
/// With `Ti.ReadWrite` alone the list shows only what this application created. Quota 100 a minute, 1,500 an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListIndicators {
    /// Which part of the list.
    pub query: ListQuery,
}

impl ListIndicators {
    /// The first page of all indicators, or of those that the filter lets through, oldest first.
    #[must_use]
    pub fn new(filter: Option<Filter>) -> Self {
        Self { query: ListQuery::new(filter, "creationTimeDateTimeUtc") }
    }
}

impl Operation for ListIndicators {
    type Output = Page<Indicator>;
    const SPEC: &'static Spec =
        &Spec::new("list_indicators", Method::GET, "/indicators", ROLES).answer_limit(PAGE_LIMIT);

    fn call(&self) -> Result<Call> {
        self.query.call("indicators")
    }

    fn decode(&self, body: &[u8]) -> Result<Page<Indicator>> {
        Page::read(body)
    }
}

impl Paged for ListIndicators {
    type Item = Indicator;

    fn query(&mut self) -> &mut ListQuery {
        &mut self.query
    }

    fn key(indicator: &Indicator) -> &str {
        indicator.id.as_str()
    }
}

/// Deletes one indicator
/// ([documentation](https://learn.microsoft.com/defender-endpoint/api/delete-ti-indicator-by-id)).
///
/// Permission `Ti.ReadWrite` (own) or `Ti.ReadWrite.All`; quota 100 a minute, 1,500 an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteIndicator {
    /// The indicator.
    pub indicator: IndicatorId,
}

impl Operation for DeleteIndicator {
    type Output = ();
    const SPEC: &'static Spec =
        &Spec::new("delete_indicator", Method::DELETE, "/indicators/{}", ROLES)
            .safety(Safety::Idempotent);

    fn call(&self) -> Result<Call> {
        let path = Path::new(["indicators", self.indicator.as_str()])?;
        Ok(Call::new(self.indicator.as_str(), path))
    }

    fn decode(&self, _: &[u8]) -> Result<()> {
        Ok(())
    }
}

/// Deletes up to 500 indicators
/// ([documentation](https://learn.microsoft.com/defender-endpoint/api/batch-delete-ti-indicators)).
///
/// It is refused with 404 if *any* of them is missing; whether the others are deleted then isn't documented, so list
/// again. Permission `Ti.ReadWrite` (own) or `Ti.ReadWrite.All`; quota 30 a minute, 1,500 an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchDeleteIndicators {
    /// The indicators.
    pub indicators: Vec<IndicatorId>,
}

impl Operation for BatchDeleteIndicators {
    type Output = ();
    const SPEC: &'static Spec =
        &Spec::new("batch_delete_indicators", Method::POST, "/indicators/BatchDelete", ROLES)
            .quota(30, Some(1500))
            .safety(Safety::Idempotent);

    fn call(&self) -> Result<Call> {
        check_batch(self.indicators.len(), "deleted")?;
        let ids: Vec<_> = self.indicators.iter().map(IndicatorId::as_str).collect();
        Call::new(format!("{} indicators", ids.len()), Path::new(["indicators", "BatchDelete"])?)
            .json(&serde_json::json!({ "IndicatorIds": ids }))
    }

    fn decode(&self, _: &[u8]) -> Result<()> {
        Ok(())
    }
}

fn with_id(indicator: Indicator) -> Result<Indicator> {
    if indicator.id.as_str().is_empty() {
        return Err(Error::unusable_answer("the answer is an indicator without an id"));
    }
    Ok(indicator)
}

pub(super) fn check_batch(length: usize, done: &str) -> Result<()> {
    if (1..=LARGEST_BATCH).contains(&length) {
        return Ok(());
    }
    Err(Error::invalid_input(format!(
        "{length} indicators can't be {done} in one call, which takes 1 to {LARGEST_BATCH}"
    )))
}
