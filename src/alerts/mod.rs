//! Alerts: read one, list them, update and comment.

mod batch;
mod operations;
mod update;

use std::sync::{Mutex, PoisonError};

use crate::actions::{Comment, Key, Repeats, settle};
use crate::audit::Told;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Alert;
use crate::odata::{Filter, List};
use crate::operation::Operation;
use crate::send::{Course, Witness};
use crate::types::AlertId;

pub use batch::BatchUpdateAlerts;
pub use operations::{GetAlert, ListAlerts, UpdateAlert};
pub use update::{AlertUpdate, UpdatedAlert};

impl Client {
    /// A handle on an alert, by its id. Nothing is sent until one of its methods is called.
    #[must_use]
    pub fn alert(&self, id: impl Into<AlertId>) -> AlertHandle {
        AlertHandle { client: self.clone(), id: id.into() }
    }

    /// The tenant's alerts.
    #[must_use]
    pub fn alerts(&self) -> Alerts {
        Alerts { client: self.clone() }
    }
}

/// A handle on one alert.
#[derive(Clone, Debug)]
pub struct AlertHandle {
    client: Client,
    id: AlertId,
}

impl AlertHandle {
    /// The alert's id.
    #[must_use]
    pub fn id(&self) -> &AlertId {
        &self.id
    }

    /// Reads the alert, with its evidence: [`GetAlert`].
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found) also for alerts of other Defender products, which only Microsoft Graph has.
    pub async fn get(&self) -> Result<Alert> {
        self.client.send(&GetAlert::new(self.id.clone())).await.map_err(hint)
    }

    /// Updates the alert: [`UpdateAlert`].
    ///
    /// ```no_run
    /// use defender_response::AlertUpdate;
    /// use defender_response::model::{AlertStatus, Classification, Determination};
    /// # async fn f(alert: defender_response::AlertHandle) -> defender_response::Result<()> {
    /// let updated = alert
    ///     .update(
    ///         AlertUpdate::new()
    ///             .status(AlertStatus::Resolved)
    ///             .classify(Classification::TruePositive, Determination::Malware)
    ///             .comment("contained by playbook")
    ///             .only_if(AlertStatus::New, None),
    ///     )
    ///     .await?;
    /// assert!(updated.confirmed());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`is_conflict`](Error::is_conflict) when [`only_if`](AlertUpdate::only_if) doesn't hold, and nothing was changed then.
    /// [`is_outcome_unknown`](Error::is_outcome_unknown) when the answer to an update with a comment was lost and the alert
    /// doesn't show the comment within half a minute: a comment can be added twice and none removed. [`is_not_found`](Error::is_not_found), [`is_permission_denied`](Error::is_permission_denied).
    pub async fn update(&self, update: AlertUpdate) -> Result<UpdatedAlert> {
        let mut operation = UpdateAlert::new(self.id.clone(), update);
        let call = operation.call();
        let call = call.map_err(|e| e.of(UpdateAlert::SPEC.name, self.id.as_str()))?;
        self.refer_by_key(&mut operation.update)
            .await
            .map_err(|e| e.of(UpdateAlert::SPEC.name, self.id.as_str()))?;
        let reference = refer(&self.client, &mut operation.update);
        if let (Some(_), Some(reference)) = (operation.update.key(), &reference)
            && let Some(alert) = self.repeated(reference).await?
        {
            return Ok(UpdatedAlert::adopted(alert));
        }
        self.client.admit(UpdateAlert::SPEC, &call, None).await?.give_back();
        let call = operation.call()?.referring(reference.as_deref());
        let witness = Witness::new(UpdateAlert::SPEC.name, call);
        let record = self.client.audit(UpdateAlert::SPEC, witness.call())?;
        let outcome = self.send(&operation, &witness).await;
        let outcome = match (outcome, &reference) {
            (Err(lost), Some(reference)) if lost.is_outcome_unknown() => {
                let found = settle(&self.client, |client| commented(client, &self.id, reference));
                found.await.ok_or_else(|| lost.referenced(reference))
            }
            (outcome, _) => outcome.map_err(hint),
        };
        witness.told();
        if let Some(record) = record {
            record.tell(&outcome, |_| Told::done());
        }
        Ok(UpdatedAlert::judge(outcome?, &operation.update))
    }

    async fn refer_by_key(&self, update: &mut AlertUpdate) -> Result<()> {
        let Some(key) = update.key().map(str::to_owned) else { return Ok(()) };
        Key::check(&key)?;
        if !self.client.writes_references() {
            return Err(Error::configuration(
                "an idempotency key travels as the comment's reference, and this client writes none",
            ));
        }
        let tenant = self.client.place().await?.tenant;
        let said = update.clone();
        let arguments = said.arguments();
        let (tenant, target, kind) = (&*tenant, self.id.as_str(), UpdateAlert::SPEC.name);
        let key = Key { text: &key, tenant, target, kind, arguments: &arguments };
        if let Some(comment) = update.comment_mut() {
            comment.refer_by(&key);
        }
        Ok(())
    }

    /// The alert, if it shows a comment of the same key.
    async fn repeated(&self, reference: &str) -> Result<Option<Alert>> {
        let alert = self.get().await?;
        let texts = || alert.comments.iter().filter_map(|comment| comment.comment.as_deref());
        if texts().any(|text| Key::repeats(reference, text) == Repeats::Same) {
            return Ok(Some(alert));
        }
        if texts().any(|text| Key::repeats(reference, text) == Repeats::OtherArguments) {
            let what = "it was updated under the same idempotency key with other arguments; nothing was changed";
            let error = Error::new(ErrorKind::Conflict, what);
            let error = error.advising("what differs needs a key of its own");
            return Err(error.of(UpdateAlert::SPEC.name, self.id.as_str()));
        }
        Ok(None)
    }

    /// A condition is looked at once the request may leave, so that what was seen isn't as old as the queue.
    async fn send(&self, operation: &UpdateAlert, witness: &Witness) -> Result<Alert> {
        if !operation.update.has_condition() {
            return self.client.send_watched(operation, witness).await;
        }
        let mut course = Course::default();
        let at_once = self.client.at_once();
        loop {
            let safety = operation.safety();
            let slot = self.client.reserve(UpdateAlert::SPEC, safety, &mut course).await?;
            let alert = match at_once.send(&GetAlert::new(self.id.clone())).await {
                Ok(alert) => alert,
                Err(error) if error.is_throttled() => {
                    drop(slot);
                    self.client.pause_for(&mut course, error).await?;
                    continue;
                }
                Err(error) => return Err(course.broken_off(error)),
            };
            if let Err(conflict) = operation.update.check_against(&alert) {
                // An earlier try of this very call may be what changed it.
                if course.is_unclear()
                    && UpdatedAlert::judge(alert.clone(), &operation.update).confirmed()
                {
                    return Ok(alert);
                }
                return Err(course.broken_off(conflict));
            }
            let sent = self.client.send_reserved(operation, (slot, &mut course), witness).await?;
            if let Some(alert) = sent {
                return Ok(alert);
            }
        }
    }

    /// Adds a comment, and changes nothing else: [`UpdateAlert`] with the comment alone.
    ///
    /// ```no_run
    /// # async fn f(alert: defender_response::AlertHandle) -> defender_response::Result<()> {
    /// alert.comment("INC-4711: host isolated, scan running").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub async fn comment(&self, comment: impl Into<Comment>) -> Result<UpdatedAlert> {
        self.update(AlertUpdate::new().comment(comment)).await
    }
}

/// The tenant's alerts, from [`Client::alerts`].
#[derive(Clone, Debug)]
pub struct Alerts {
    client: Client,
}

impl Alerts {
    /// The alerts that the filter lets through, oldest first, without their evidence: [`ListAlerts`].
    ///
    /// The service filters by `alertCreationTime`, `lastUpdateTime`, `incidentId`, `InvestigationId`, `id`, `assignedTo`,
    /// `detectionSource`, `lastEventTime`, `status`, `severity` and `category`.
    ///
    /// ```no_run
    /// use defender_response::Filter;
    /// # async fn f(defender: defender_response::Client) -> defender_response::Result<()> {
    /// let new = defender.alerts().list(Filter::eq("status", "New")).all().await?;
    /// # Ok(()) }
    /// ```
    pub fn list(&self, filter: impl Into<Option<Filter>>) -> List<Alert> {
        List::new(&self.client, ListAlerts::new(filter.into()))
    }

    /// The same with the evidence of each alert, which makes the answers much longer.
    pub fn list_with_evidence(&self, filter: impl Into<Option<Filter>>) -> List<Alert> {
        List::new(&self.client, ListAlerts::new(filter.into()).with_evidence())
    }

    /// Updates several alerts at once: [`BatchUpdateAlerts`].
    ///
    /// The service's answer is empty: it doesn't say which alerts were updated. Read those that matter. Where the answer to
    /// one with a comment was lost, each alert is read, and `Ok` means that all of them show the comment; with very many there
    /// is no time for that, and the outcome is unknown.
    ///
    /// # Errors
    /// As [`AlertHandle::update`]; a condition ([`AlertUpdate::only_if`]) is refused, since none can be checked for all.
    pub async fn batch_update(
        &self,
        alerts: impl IntoIterator<Item = AlertId>,
        update: AlertUpdate,
    ) -> Result<()> {
        let mut operation = BatchUpdateAlerts::new(alerts, update);
        let call = operation.call().map_err(|e| e.of(BatchUpdateAlerts::SPEC.name, ""))?;
        let reference = refer(&self.client, &mut operation.update);
        self.client.admit(BatchUpdateAlerts::SPEC, &call, None).await?.give_back();
        let call = operation.call()?.referring(reference.as_deref());
        let witness = Witness::new(BatchUpdateAlerts::SPEC.name, call);
        let record = self.client.audit(BatchUpdateAlerts::SPEC, witness.call())?;
        let outcome = self.client.send_watched(&operation, &witness).await;
        let outcome = match (outcome, &reference) {
            (Err(lost), Some(reference)) if lost.is_outcome_unknown() => {
                let open = Mutex::new(operation.alerts.clone());
                let found = settle(&self.client, |client| all_commented(client, &open, reference));
                found.await.ok_or_else(|| lost.referenced(reference))
            }
            (outcome, _) => outcome,
        };
        witness.told();
        if let Some(record) = record {
            record.tell(&outcome, |()| Told::done());
        }
        outcome
    }
}

/// Puts a fresh reference before the comment, if there is one and the client writes them.
fn refer(client: &Client, update: &mut AlertUpdate) -> Option<String> {
    let comment = update.comment_mut().filter(|_| client.writes_references())?;
    Some(comment.refer().to_owned())
}

/// The alert, once it shows a comment with this reference: by which a lost answer is settled.
async fn commented(client: Client, alert: &AlertId, reference: &str) -> Result<Option<Alert>> {
    let alert = client.send(&GetAlert::new(alert.clone())).await?;
    let shows = |text: &Option<String>| text.as_ref().is_some_and(|t| t.contains(reference));
    let is_there = alert.comments.iter().any(|comment| shows(&comment.comment));
    Ok(is_there.then_some(alert))
}

/// Whether all alerts show a comment with this reference; those that did once aren't read again.
async fn all_commented(
    client: Client,
    open: &Mutex<Vec<AlertId>>,
    reference: &str,
) -> Result<Option<()>> {
    let last = || open.lock().unwrap_or_else(PoisonError::into_inner).last().cloned();
    while let Some(alert) = last() {
        if commented(client.clone(), &alert, reference).await?.is_none() {
            return Ok(None);
        }
        open.lock().unwrap_or_else(PoisonError::into_inner).pop();
    }
    Ok(Some(()))
}

fn hint(error: Error) -> Error {
    if !error.is_not_found() {
        return error;
    }
    error.advising("it may not be an alert of Defender for Endpoint: those of other Defender products are in Microsoft Graph alone")
}
