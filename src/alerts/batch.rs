//! One update for several alerts.

use http::Method;
use serde_json::Value;

use super::AlertUpdate;
use crate::error::{Error, Result};
use crate::operation::{Call, Operation, Path, Safety, Spec};
use crate::types::AlertId;

/// Updates several alerts alike
/// ([documentation](https://learn.microsoft.com/defender-endpoint/api/batch-update-alerts)).
///
/// The answer is empty: nothing is said of the single alerts. Permission `Alert.ReadWrite.All`; quota 10 a
/// minute, 500 an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchUpdateAlerts {
    /// The alerts.
    pub alerts: Vec<AlertId>,
    /// What changes, for each.
    pub update: AlertUpdate,
}

impl BatchUpdateAlerts {
    /// The update of `alerts`.
    #[must_use]
    pub fn new(alerts: impl IntoIterator<Item = AlertId>, update: AlertUpdate) -> Self {
        Self { alerts: alerts.into_iter().collect(), update }
    }
}

impl Operation for BatchUpdateAlerts {
    type Output = ();
    const SPEC: &'static Spec = &Spec::new(
        "batch_update_alerts",
        Method::POST,
        "/alerts/batchUpdate",
        &["Alert.ReadWrite.All"],
    )
    .quota(10, Some(500))
    .safety(Safety::Idempotent);

    fn call(&self) -> Result<Call> {
        if self.alerts.is_empty() {
            return Err(Error::input("there is no alert to update"));
        }
        if self.update.has_condition() {
            return Err(Error::input("only_if can't be checked for several alerts at once"));
        }
        let ids: Vec<Value> = self.alerts.iter().map(|id| id.as_str().into()).collect();
        let mut body = self.update.body()?;
        body.insert("alertIds".into(), ids.into());
        let target = format!("{} alerts", self.alerts.len());
        Call::new(target, Path::new(["alerts", "batchUpdate"])?).json(&body)
    }

    fn safety(&self) -> Safety {
        self.update.safety()
    }

    fn decode(&self, _: &[u8]) -> Result<()> {
        Ok(())
    }
}
