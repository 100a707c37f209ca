//! The operations on one alert, and the list.

use http::Method;

use super::AlertUpdate;
use crate::error::{Error, Result};
use crate::model::Alert;
use crate::odata::{Filter, ListQuery, PAGE_LIMIT, Page, Paged};
use crate::operation::{Call, Operation, Path, Safety, Spec, read_object};
use crate::types::AlertId;

const READ: &[&str] = &["Alert.Read.All", "Alert.ReadWrite.All"];

/// An alert with evidence of many processes is long.
const ALERT_LIMIT: usize = 16 * 1024 * 1024;

/// Reads one alert, with its evidence
/// ([documentation](https://learn.microsoft.com/defender-endpoint/api/get-alert-info-by-id)).
///
/// Permission `Alert.Read.All` or `Alert.ReadWrite.All`; quota 100 a minute, 1,500 an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetAlert {
    /// The alert.
    pub alert: AlertId,
}

impl GetAlert {
    /// A read of `alert`.
    #[must_use]
    pub fn new(alert: AlertId) -> Self {
        Self { alert }
    }
}

impl Operation for GetAlert {
    type Output = Alert;
    const SPEC: &'static Spec =
        &Spec::new("get_alert", Method::GET, "/alerts/{}", READ).answer_limit(ALERT_LIMIT);

    fn call(&self) -> Result<Call> {
        Ok(Call::new(self.alert.as_str(), Path::new(["alerts", self.alert.as_str()])?))
    }

    fn decode(&self, body: &[u8]) -> Result<Alert> {
        about(&self.alert, read_object(body)?)
    }
}

/// Updates one alert ([documentation](https://learn.microsoft.com/defender-endpoint/api/update-alert)).
///
/// A comment is *added*; none can be removed. So an update with a comment is sent once; one without may be
/// repeated. Permission `Alert.ReadWrite.All`; quota 100 a minute, 1,500 an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateAlert {
    /// The alert.
    pub alert: AlertId,
    /// What changes. A condition in it isn't checked by the raw call.
    pub update: AlertUpdate,
}

impl UpdateAlert {
    /// The update of `alert`.
    #[must_use]
    pub fn new(alert: AlertId, update: AlertUpdate) -> Self {
        Self { alert, update }
    }
}

impl Operation for UpdateAlert {
    type Output = Alert;
    const SPEC: &'static Spec =
        &Spec::new("update_alert", Method::PATCH, "/alerts/{}", &["Alert.ReadWrite.All"])
            .safety(Safety::Idempotent)
            .answer_limit(ALERT_LIMIT);

    fn call(&self) -> Result<Call> {
        let path = Path::new(["alerts", self.alert.as_str()])?;
        Ok(Call::new(self.alert.as_str(), path)
            .json(&self.update.body()?)?
            .referring(self.update.reference()))
    }

    fn safety(&self) -> Safety {
        self.update.safety()
    }

    fn decode(&self, body: &[u8]) -> Result<Alert> {
        about(&self.alert, read_object(body)?)
    }
}

/// Reads one page of the tenant's alerts
/// ([documentation](https://learn.microsoft.com/defender-endpoint/api/get-alerts)).
///
/// Permission `Alert.Read.All` or `Alert.ReadWrite.All`; quota 100 a minute, 1,500 an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListAlerts {
    /// Which part of the list.
    pub query: ListQuery,
}

impl ListAlerts {
    /// The first page of all alerts, or of those that the filter lets through, oldest first.
    #[must_use]
    pub fn new(filter: Option<Filter>) -> Self {
        Self { query: ListQuery::new(filter, "alertCreationTime") }
    }

    /// The same with evidence, in pages of 100.
    #[must_use]
    pub fn with_evidence(mut self) -> Self {
        self.query.more.push(("$expand", "evidence"));
        self.query.top = 100;
        self
    }
}

impl Operation for ListAlerts {
    type Output = Page<Alert>;
    const SPEC: &'static Spec =
        &Spec::new("list_alerts", Method::GET, "/alerts", READ).answer_limit(PAGE_LIMIT);

    fn call(&self) -> Result<Call> {
        self.query.call("alerts")
    }

    fn decode(&self, body: &[u8]) -> Result<Page<Alert>> {
        Page::read(body)
    }
}

impl Paged for ListAlerts {
    type Item = Alert;

    fn query(&mut self) -> &mut ListQuery {
        &mut self.query
    }

    fn key(alert: &Alert) -> &str {
        alert.id.as_str()
    }
}

/// An answer about another alert than the one that was asked for is no answer.
fn about(asked: &AlertId, alert: Alert) -> Result<Alert> {
    if alert.id == *asked {
        return Ok(alert);
    }
    Err(Error::unusable_answer(format!(
        "the answer is about another alert, {:?}",
        alert.id.as_str()
    )))
}
