//! Submitting an action on a machine: its turn, a look at what there is, the request, and where the answer was lost,
//! another look.
//!
//! | what is guaranteed | as long as |
//! |---|---|
//! | one submission is at most one request that reaches the service | always |
//! | `Created` and `Adopted` are actions of this very submission | references are on, and the service keeps comments as they are sent |
//! | calls of one client (and its clones) don't submit the same twice to a machine | the list shows an action within two minutes |
//! | what another process submitted before is seen, and not repeated | the list shows it by then |
//! | ages and times are right to a second or two | answers carry `Date`; our own clock may be off |
//!
//! Not guaranteed: two processes that look in the same moment both find nothing, and both submit; the service then
//! answers the second with the first one's action, with a refusal, or with a duplicate that stays pending. An action that
//! isn't found after a lost answer may show up later. And no record shows what happens to a host locally.

use std::time::{Duration, Instant};

use super::recent::{Finding, is_under_way, judge, recent, with_own};
use super::settle::settle;
use super::submitted::{Disposition, Submitted};
use super::{Comment, GetMachineAction};
use crate::client::{Client, Turn};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ActionType, MachineAction};
use crate::operation::Operation;
use crate::send::Witness;
use crate::types::{MachineId, Timestamp};

/// What an HTTP date and a creation time may differ by when they mean the same moment.
const SLACK: Duration = Duration::from_secs(2);

/// An operation that submits an action on a machine.
pub(crate) trait Submission: Operation<Output = MachineAction> {
    /// The kind of action it submits.
    const KIND: ActionType;
    /// The kind that undoes it, where it changes a state. One that changes none is never looked for beforehand.
    const OPPOSITE: Option<ActionType> = None;

    fn machine(&self) -> &MachineId;

    fn comment_mut(&mut self) -> &mut Comment;

    /// How far it goes, by the name the service records.
    fn scope(&self) -> Option<&'static str> {
        None
    }
}

/// What a caller said about looking before.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Care {
    /// Submits although the machine is in that state by the records.
    pub regardless: bool,
    pub without_lookup: bool,
    /// When the caller itself looked, at many machines at once.
    pub looked: Option<Instant>,
    /// Gives up when the request is turned away, so that the caller looks again before the next one.
    pub looking_again: bool,
}

/// For how long a look at many machines stands for one at each.
const FRESH: Duration = Duration::from_secs(2);

/// Submits an action, unless there is one already.
pub(crate) async fn submit<O: Submission>(
    client: &Client,
    care: Care,
    operation: O,
) -> Result<Submitted> {
    submit_if(client, care, operation, |_| Ok(())).await
}

/// Submits an action, unless there is one already, or what the look before it shows is refused.
pub(crate) async fn submit_if<O: Submission>(
    client: &Client,
    care: Care,
    mut operation: O,
    check: impl Fn(&[MachineAction]) -> Result<()> + Send + Sync,
) -> Result<Submitted> {
    if client.writes_references() {
        operation.comment_mut().refer();
    }
    let reference = operation.comment_mut().reference().map(str::to_owned);
    let text = operation.comment_mut().text().to_owned();
    let call = operation.call().map_err(|e| e.of(O::SPEC.name, ""))?;
    let witness = Witness::new(O::SPEC.name, call.target(), call.reference());
    let wanted = Wanted { client, operation: &operation, reference, text };

    // The turn first and the look after it, so that what was seen isn't old when the request leaves.
    let slot = client.reserve(O::SPEC, operation.safety()).await.map_err(|e| wanted.named(e))?;
    let mut turn = client.turns().of(operation.machine(), client.clock().now()).await;
    if O::OPPOSITE.is_some()
        && !care.without_lookup
        && let Some(there) = wanted.look_before(&turn, care, &check).await?
    {
        return Ok(there);
    }
    let left = client.service_time().minus(SLACK);
    let sending = client.with_terms(|terms| {
        if care.looking_again {
            terms.queue = Some(Duration::ZERO);
        }
    });
    let outcome = match sending.send_watched(&operation, slot, &witness).await {
        Ok(action) => wanted.accept(action, left).await,
        Err(error) if error.is_outcome_unknown() => wanted.adopt(error, left).await,
        Err(error) if error.is_already_running() => wanted.find_running(error).await,
        Err(error) => Err(error),
    };
    if let Ok(submitted) = &outcome {
        turn.remember(submitted.action(), client.clock().now());
    }
    witness.told();
    outcome
}

/// One submission, with what tells its action from others.
struct Wanted<'a, O> {
    client: &'a Client,
    operation: &'a O,
    reference: Option<String>,
    text: String,
}

impl<O: Submission> Wanted<'_, O> {
    async fn look_before(
        &self,
        turn: &Turn,
        care: Care,
        check: &(impl Fn(&[MachineAction]) -> Result<()> + Send + Sync),
    ) -> Result<Option<Submitted>> {
        let urgent = O::SPEC.urgent;
        let client = self.client.with_terms(|terms| terms.urgent |= urgent);
        let now = self.client.clock().now();
        if care.looked.is_some_and(|at| now.saturating_duration_since(at) < FRESH) {
            let actions = with_own(&client, turn, Vec::new(), &[Some(O::KIND), O::OPPOSITE]).await;
            return self.judged(&actions, care);
        }
        let actions = self.recent(&client, O::OPPOSITE.as_ref()).await.map_err(|cause| {
            let what = "the machine's recent actions could not be read, so nothing was submitted";
            let error = cause.clone().instead(what).advising(if cause.is_permission_denied() {
                "grant the role that reading them needs, or submit without_lookup()"
            } else {
                "without_lookup() submits without having looked"
            });
            self.named(error.caused_by(cause))
        })?;
        let actions = with_own(&client, turn, actions, &[Some(O::KIND), O::OPPOSITE]).await;
        check(&actions).map_err(|error| self.named(error))?;
        self.judged(&actions, care)
    }

    fn judged(&self, actions: &[MachineAction], care: Care) -> Result<Option<Submitted>> {
        match judge(actions, &O::KIND, self.client.service_time()) {
            Finding::Nothing => Ok(None),
            Finding::Pending(action) => Ok(Some(self.already_pending(action))),
            Finding::Opposed(action) => Err(self.opposed(action)),
            Finding::Done(_) if care.regardless => Ok(None),
            Finding::Done(action) => self.already_in_state(action).map(Some),
        }
    }

    /// A 2xx: ours if it carries our reference, and otherwise one that was there before.
    async fn accept(&self, mut action: MachineAction, left: Timestamp) -> Result<Submitted> {
        if action.requestor_comment.is_none()
            && let Ok(whole) = self.client.send(&GetMachineAction::new(action.id.clone())).await
        {
            action = whole;
        }
        if self.is_ours(&action, left) {
            return Ok(self.submitted(action, Disposition::Created));
        }
        if !action.status.is_terminal() {
            return Ok(self.submitted(action, Disposition::AlreadyPending));
        }
        // Somebody else's, and over: what became of ours isn't known.
        let what = format!(
            "the answer is another action, {}, that has ended as {}",
            action.id, action.status
        );
        let error = Error::outcome_unknown(Error::unusable_answer(what)).about(action);
        self.adopt(self.named(error), left).await
    }

    /// The answer was lost: an action with our reference proves that it was submitted. None proves nothing.
    async fn adopt(&self, lost: Error, left: Timestamp) -> Result<Submitted> {
        let until = self.client.service_time().plus(SLACK);
        let found = match &self.reference {
            Some(reference) => {
                let look = |client| async move {
                    let actions = self.recent(&client, None).await?;
                    Ok(actions.into_iter().find(|action| carries(action, reference)))
                };
                settle(self.client, look).await
            }
            None => None,
        };
        if let Some(action) = found {
            return Ok(self.submitted(action, Disposition::Adopted));
        }
        let lost = lost.within((left, until));
        Err(match &self.reference {
            Some(reference) => lost.referenced(reference),
            None => lost,
        })
    }

    /// The service refused it since one is under way, and doesn't say which.
    async fn find_running(&self, refusal: Error) -> Result<Submitted> {
        let look = |client| async move {
            let actions = self.recent(&client, O::OPPOSITE.as_ref()).await?;
            let now = client.service_time();
            let running = actions.into_iter().filter(|action| is_under_way(action, now));
            Ok(running.max_by_key(|action| {
                (action.action_type == O::KIND, action.creation_date_time_utc)
            }))
        };
        match settle(self.client, look).await {
            Some(action) if action.action_type != O::KIND => {
                Err(self.opposed(action).caused_by(refusal))
            }
            Some(action) => Ok(self.already_pending(action)),
            None => Err(refusal),
        }
    }

    async fn recent(
        &self,
        client: &Client,
        opposite: Option<&ActionType>,
    ) -> Result<Vec<MachineAction>> {
        recent(client, self.operation.machine(), &O::KIND, opposite).await
    }

    /// Without a reference there is the text alone, which an earlier run may have used too, and the time.
    fn is_ours(&self, action: &MachineAction, left: Timestamp) -> bool {
        match &self.reference {
            Some(reference) => carries(action, reference),
            None => {
                action.requestor_comment.as_ref() == Some(&self.text)
                    && action.creation_date_time_utc.is_none_or(|created| created >= left)
            }
        }
    }

    fn already_pending(&self, action: MachineAction) -> Submitted {
        let ours = self.reference.as_ref().is_some_and(|reference| carries(&action, reference));
        let disposition = if ours { Disposition::Adopted } else { Disposition::AlreadyPending };
        self.submitted(action, disposition)
    }

    /// In the state that was asked for, or in another one of its kind.
    fn already_in_state(&self, action: MachineAction) -> Result<Submitted> {
        let submitted = self.submitted(action, Disposition::AlreadyInState);
        if submitted.scope_confirmed() != Some(false) {
            return Ok(submitted);
        }
        let action = submitted.action().clone();
        let what = format!(
            "{} already, as {} and not as {}; nothing was submitted",
            told(&action, self.client.service_time()),
            action.scope.as_deref().unwrap_or_default(),
            self.operation.scope().unwrap_or_default(),
        );
        let error = Error::new(ErrorKind::Conflict, what).about(action);
        Err(self.named(error.advising("release it first, or submit it regardless()")))
    }

    fn opposed(&self, action: MachineAction) -> Error {
        let what = format!("{}; nothing was submitted", told(&action, self.client.service_time()));
        let error = Error::new(ErrorKind::Conflict, what).about(action);
        self.named(error.advising("wait for that action's end, or cancel it"))
    }

    fn submitted(&self, action: MachineAction, disposition: Disposition) -> Submitted {
        let handle = self.client.action(action.id.clone());
        let (scope, now) = (self.operation.scope(), self.client.service_time());
        Submitted::new(handle, action, disposition, scope, now)
    }

    fn named(&self, error: Error) -> Error {
        error.of(O::SPEC.name, self.operation.machine().as_str())
    }
}

fn carries(action: &MachineAction, reference: &str) -> bool {
    action.requestor_comment.as_deref().is_some_and(|comment| comment.contains(reference))
}

/// An action as people are told of it: `Unisolate 5382…, asked for by analyst@corp.example (Portal), is Pending`.
pub(crate) fn told(action: &MachineAction, now: Timestamp) -> String {
    let by = action.requestor.as_deref().unwrap_or("somebody unnamed");
    let source = action.request_source.as_ref().map(|s| format!(" ({s})")).unwrap_or_default();
    let since = action
        .creation_date_time_utc
        .map(|created| format!(" {} s ago", now.since(created).as_secs()))
        .unwrap_or_default();
    format!(
        "{} {}, asked for{since} by {by}{source}, is {}",
        action.action_type, action.id, action.status
    )
}
