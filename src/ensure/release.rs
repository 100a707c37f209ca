//! Ending one isolation without touching any other.

use std::time::Duration;

use super::judge::{Aspect, is_under_way};
use super::known::Known;
use super::lease::{Lease, LeaseEnd};
use super::plan::in_force;
use super::read::{History, history, in_time};
use crate::actions::{Care, Comment, Disposition, reference_of, submit_if, told};
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::machines::Unisolate;
use crate::model::{ActionStatus, ActionType, MachineAction};
use crate::types::{ActionId, Timestamp};
use crate::waits::{Deadline, Patience, Pauses, last_reports, still_running, unread, verdict};

/// Looks once the deadline has come: what is cancelled then is looked at again, and records that show ever new ones aren't
/// followed.
const LAST_LOOKS: u32 = 3;

/// The end of a lease, from [`Lease::release`].
#[derive(Debug)]
#[must_use = "nothing is done until `within` is awaited"]
pub struct LeaseRelease {
    client: Client,
    lease: Lease,
    comment: Comment,
    pauses: Pauses,
}

/// What is next.
#[derive(Debug)]
enum Step {
    Over(LeaseEnd),
    Failed(Error),
    /// Something of the lease's has to be kept from being carried out.
    Stop(Box<MachineAction>),
    Submit,
    Await(Box<MachineAction>),
    /// Until a list shows what this client sent and nobody answered, or that can't be any more.
    Wait,
}

impl LeaseRelease {
    pub(super) fn new(client: &Client, lease: Lease, comment: Comment) -> Self {
        Self { client: client.clone(), lease, comment, pauses: Pauses::default() }
    }

    /// Reads at this pace, in place of every 5 s growing to every 30 s.
    pub fn every(mut self, pace: Duration) -> Self {
        self.pauses.every(pace);
        self
    }

    /// Ends the lease, and comes back when the machine is released by the service's records, or after `limit` (and a last
    /// look). Nothing is submitted after it; what left before it is still followed until its outcome is known or can't be.
    ///
    /// # Errors
    /// [`is_conflict`](Error::is_conflict) for a lease of another tenant or cloud;
    /// [`is_still_running`](Error::is_still_running) with the action that hasn't ended by then: the isolation itself, or the
    /// release; [`is_action_failed`](Error::is_action_failed), [`is_action_timed_out`](Error::is_action_timed_out) and
    /// [`is_action_cancelled`](Error::is_action_cancelled) for the release;
    /// [`is_outcome_unknown`](Error::is_outcome_unknown); and what any call may run into that doesn't pass. After each, the
    /// lease is as good as before.
    pub async fn within(mut self, limit: Duration) -> Result<LeaseEnd> {
        self.lease.check(&self.client).await.map_err(|e| self.named(e))?;
        let comment = self.ending()?;
        let mut run = Run::default();
        let deadline = Deadline::after(self.client.clock(), limit);
        let mut patience = Patience::default();
        let mut last_looks = 0;
        loop {
            let left = deadline.left(self.client.clock());
            let last = left.is_zero();
            last_looks += u32::from(last);
            let late = match in_time(left, self.look(&mut run)).await {
                Err(error) if patience.bears(&error, self.client.clock().now()) => Err(error),
                Err(error) => return Err(self.named(error)),
                Ok(step) => {
                    patience.read();
                    match step {
                        Step::Over(end) => return Ok(end),
                        Step::Failed(error) => return Err(self.named(error)),
                        Step::Stop(action) if last_looks < LAST_LOOKS => {
                            if self.stop(&mut run, &action.id).await? {
                                continue;
                            }
                            Ok(Some(action))
                        }
                        Step::Submit if !last => {
                            self.submit(&mut run, &comment, left).await?;
                            Ok(None)
                        }
                        Step::Submit | Step::Wait => Ok(None),
                        Step::Stop(action) | Step::Await(action) => Ok(Some(action)),
                    }
                }
            };
            if last {
                return Err(self.late(late).await);
            }
            let left = deadline.left(self.client.clock());
            tokio::time::sleep(self.pauses.next().min(left)).await;
        }
    }

    /// The comment of the release, which names the lease's isolation, so that a later call knows it again.
    fn ending(&self) -> Result<Comment> {
        let comment = Comment::from(format!("{}{}", self.comment.text(), self.mark()));
        for comment in [&self.comment, &comment] {
            comment.render().map_err(|e| self.named(e))?;
        }
        Ok(comment)
    }

    fn mark(&self) -> String {
        format!(" | ends: {}", self.lease.action())
    }

    async fn look(&self, run: &mut Run) -> Result<Step> {
        let mut history = history(&self.client, self.lease.machine()).await?;
        history.unseen.retain(|unseen| Aspect::Isolation.is_of(&unseen.kind));
        let actions = &mut history.actions;
        run.known.lay_over(actions);
        for id in [Some(self.lease.action()), run.released.as_ref()].into_iter().flatten() {
            if actions.iter().all(|action| action.id != *id) {
                actions.push(self.client.action(id).get().await?);
            }
        }
        let now = self.client.service_time();
        let Some(own) = history.actions.iter().find(|action| action.id == *self.lease.action())
        else {
            return Err(Error::new(ErrorKind::NotFound, "the lease's isolation isn't on record"));
        };
        if own.machine_id.as_ref().is_some_and(|id| id != self.lease.machine())
            || own.action_type != ActionType::Isolate
        {
            let what = "the lease's action isn't an isolation of its machine";
            return Ok(Step::Failed(Error::new(ErrorKind::Conflict, what).about(own.clone())));
        }
        run.own = Own::of(own);
        Ok(self.decide(&history, own, run, now))
    }

    fn decide(&self, history: &History, own: &MachineAction, run: &Run, now: Timestamp) -> Step {
        let History { actions, unseen } = history;
        let mine = || actions.iter().filter(|action| run.own.is(action));
        if let Some(armed) = mine().find(|action| is_under_way(action, now)) {
            return run.stop_or_await(armed);
        }
        let mark = self.mark();
        let is_for_it =
            |a: &MachineAction| a.requestor_comment.as_deref().is_some_and(|c| c.ends_with(&mark));
        let releases = || actions.iter().filter(|a| a.action_type == ActionType::Unisolate);
        let ended = mine().map(|action| action.last_update_date_time_utc).max().flatten();
        // A release that finished after the isolation has ended it, whoever asked for it.
        let done = releases()
            .filter(|a| a.status == ActionStatus::Succeeded && a.last_update_date_time_utc > ended)
            .max_by_key(|a| a.last_update_date_time_utc);
        let theirs = beside(actions, &run.own, now);
        let end = match (done, theirs) {
            (Some(release), _) if is_for_it(release) => {
                Some(LeaseEnd::Released { action: Box::new(release.clone()) })
            }
            (Some(by), _) | (None, Some(by)) => {
                Some(LeaseEnd::Superseded { by: Box::new(by.clone()) })
            }
            (None, None) => None,
        };
        if let Some(end) = end {
            // A release of ours that is still armed would undo what came instead.
            return match releases().find(|a| is_for_it(a) && is_under_way(a, now)) {
                Some(release) => run.stop_or_await(release),
                None if unseen.is_empty() => Step::Over(end),
                None => Step::Wait,
            };
        }
        if let Some(release) = releases().find(|a| Some(&a.id) == run.released.as_ref())
            && release.status.is_terminal()
            && release.status != ActionStatus::Succeeded
        {
            let failed = verdict(&release.id, release.clone()).err();
            return Step::Failed(failed.unwrap_or_else(nothing_comes_of_it));
        }
        if let Some(release) = releases().find(|action| is_under_way(action, now)) {
            return Step::Await(Box::new(release.clone()));
        }
        match &run.refused {
            Some(_) if own.status == ActionStatus::Cancelled => {
                Step::Over(LeaseEnd::Cancelled { action: Box::new(own.clone()) })
            }
            Some(refusal) => Step::Failed(refusal.clone()),
            None if run.released.is_some() => Step::Failed(nothing_comes_of_it()),
            None => Step::Submit,
        }
    }

    /// Cancels an action of the lease's: whether to look again at once.
    async fn stop(&self, run: &mut Run, id: &ActionId) -> Result<bool> {
        match self.client.action(id).cancel(self.comment.text()).await {
            Ok(action) => {
                run.known.learn(&action);
                Ok(true)
            }
            Err(error) if error.is_invalid_request() || error.is_still_running() => {
                run.uncancellable.push(id.clone());
                error.action().into_iter().for_each(|action| run.known.learn(action));
                Ok(true)
            }
            Err(error) if error.may_pass() => Ok(false),
            Err(error) => Err(self.named(error)),
        }
    }

    async fn submit(&self, run: &mut Run, comment: &Comment, left: Duration) -> Result<()> {
        let own = run.own.clone();
        let now = self.client.service_time();
        // The look is the last word: somebody may have isolated the machine while this waited for its turn.
        let check = move |actions: &[MachineAction]| match beside(actions, &own, now) {
            Some(theirs) => {
                let what = format!("{}; nothing was submitted", told(theirs, now));
                Err(Error::new(ErrorKind::AlreadyRunning, what).about(theirs.clone()))
            }
            None => Ok(()),
        };
        let care = Care { regardless: true, ..Care::default() };
        let operation = Unisolate::new(self.lease.machine().clone(), comment.clone());
        // What doesn't get a slot in time isn't sent.
        let client = self.client.queuing_at_most(left);
        match submit_if(&client, &care, operation, check).await {
            Ok(submitted) => {
                let ours =
                    matches!(submitted.disposition(), Disposition::Created | Disposition::Adopted);
                run.released = Some(submitted.id().clone()).filter(|_| ours);
                Ok(())
            }
            // What stands in the way is seen, and told, at the next look.
            Err(error)
                if error.is_conflict() || error.is_already_running() || error.is_throttled() =>
            {
                Ok(())
            }
            Err(error) if error.is_invalid_request() => {
                run.refused = Some(error);
                Ok(())
            }
            Err(error) => Err(self.named(error)),
        }
    }

    async fn late(&self, late: Result<Option<Box<MachineAction>>>) -> Error {
        let now = self.client.service_time();
        let machine = self.lease.machine();
        self.named(match late {
            Ok(Some(action)) => {
                let reports = last_reports(&self.client, std::iter::once(machine)).await;
                let reported = reports.get(machine.as_str()).copied();
                still_running(&action.id, *action.clone(), now, reported)
            }
            Ok(None) => Error::new(ErrorKind::Timeout, "the isolation isn't ended by the deadline"),
            Err(trouble) => unread("the machine's actions", Some(trouble)),
        })
    }

    fn named(&self, error: Error) -> Error {
        error.of("release", self.lease.machine().as_str())
    }
}

/// How far a call has come.
#[derive(Debug, Default)]
struct Run {
    own: Own,
    known: Known,
    released: Option<ActionId>,
    /// What couldn't be cancelled, and so has to end by itself.
    uncancellable: Vec<ActionId>,
    refused: Option<Error>,
}

impl Run {
    fn stop_or_await(&self, action: &MachineAction) -> Step {
        let action = Box::new(action.clone());
        if self.uncancellable.contains(&action.id) {
            Step::Await(action)
        } else {
            Step::Stop(action)
        }
    }
}

/// The lease's isolation, and duplicates that the service made of it: they carry its reference.
#[derive(Clone, Debug, Default)]
struct Own {
    id: Option<ActionId>,
    reference: Option<String>,
}

impl Own {
    fn of(own: &MachineAction) -> Self {
        let reference = own.requestor_comment.as_deref().and_then(reference_of);
        Self { id: Some(own.id.clone()), reference: reference.map(str::to_owned) }
    }

    fn is(&self, action: &MachineAction) -> bool {
        let reference = action.requestor_comment.as_deref().and_then(reference_of);
        let same = reference.is_some() && reference == self.reference.as_deref();
        action.action_type == ActionType::Isolate && (same || Some(&action.id) == self.id.as_ref())
    }
}

/// Another isolation that keeps the machine isolated too, or is about to.
fn beside<'a>(
    actions: &'a [MachineAction],
    own: &Own,
    now: Timestamp,
) -> Option<&'a MachineAction> {
    in_force(actions, Aspect::Isolation, now).find(|action| !own.is(action))
}

fn nothing_comes_of_it() -> Error {
    Error::new(ErrorKind::Conflict, "the release was done, and the records don't show its effect")
}
