//! Ending one isolation without touching any other.

use std::time::Duration;

use super::judge::{Aspect, is_under_way};
use super::lease::{Lease, LeaseEnd};
use super::plan::in_force;
use super::read::history;
use crate::actions::{Care, Comment, Disposition, submit_if, told};
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::machines::Unisolate;
use crate::model::{ActionStatus, ActionType, MachineAction};
use crate::types::Timestamp;
use crate::waits::{Deadline, Patience, Pauses, last_reports, still_running, unread, verdict};

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
    Cancel,
    Submit,
    Await(Box<MachineAction>),
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
    /// look).
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
        let mut run = Run { released: None, uncancellable: false, refused: None };
        let deadline = Deadline::after(self.client.clock(), limit);
        let mut patience = Patience::new(self.client.clock().now());
        loop {
            let last = deadline.left(self.client.clock()).is_zero();
            let late = match self.look(&run).await {
                Err(error) if patience.bears(&error, self.client.clock().now()) => Err(error),
                Err(error) => return Err(self.named(error)),
                Ok(step) => {
                    patience.read();
                    match step {
                        Step::Over(end) => return Ok(end),
                        Step::Failed(error) => return Err(self.named(error)),
                        Step::Cancel => {
                            if self.cancel(&mut run).await? {
                                continue;
                            }
                            Ok(None)
                        }
                        Step::Submit if last => Ok(None),
                        Step::Submit => {
                            self.submit(&mut run, &comment).await?;
                            Ok(None)
                        }
                        Step::Await(action) => Ok(Some(action)),
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

    async fn look(&self, run: &Run) -> Result<Step> {
        let mut actions = history(&self.client, self.lease.machine()).await?;
        for id in [Some(self.lease.action()), run.released.as_ref().map(|a| &a.id)] {
            let Some(id) = id else { continue };
            if actions.iter().all(|action| action.id != *id) {
                actions.push(self.client.action(id).get().await?);
            }
        }
        let now = self.client.service_time();
        let named = |action: &&MachineAction| action.id == *self.lease.action();
        let Some(own) = actions.iter().find(named) else {
            return Err(Error::new(ErrorKind::NotFound, "the lease's isolation isn't on record"));
        };
        Ok(self.decide(&actions, own, run, now))
    }

    fn decide(
        &self,
        actions: &[MachineAction],
        own: &MachineAction,
        run: &Run,
        now: Timestamp,
    ) -> Step {
        if own.machine_id.as_ref().is_some_and(|id| id != self.lease.machine())
            || own.action_type != ActionType::Isolate
        {
            let what = "the lease's action isn't an isolation of its machine";
            return Step::Failed(Error::new(ErrorKind::Conflict, what).about(own.clone()));
        }
        let own_under_way = is_under_way(own, now);
        if own_under_way {
            return if run.uncancellable {
                Step::Await(Box::new(own.clone()))
            } else {
                Step::Cancel
            };
        }
        let releases = || actions.iter().filter(|a| a.action_type == ActionType::Unisolate);
        if let Some(release) = run.released.as_ref().and_then(|r| releases().find(|a| a.id == r.id))
            && release.status.is_terminal()
            && release.status != ActionStatus::Succeeded
        {
            let failed = verdict(&release.id, release.clone()).err();
            return Step::Failed(failed.unwrap_or_else(nothing_comes_of_it));
        }
        // A release that finished after the isolation has ended it, whoever asked for it.
        let after = |a: &&MachineAction| {
            a.status == ActionStatus::Succeeded
                && a.last_update_date_time_utc > own.last_update_date_time_utc
        };
        if let Some(release) = releases().filter(after).max_by_key(|a| a.last_update_date_time_utc)
        {
            let mark = self.mark();
            let ours = release.requestor_comment.as_deref().is_some_and(|c| c.ends_with(&mark));
            let release = Box::new(release.clone());
            return Step::Over(if ours {
                LeaseEnd::Released { action: release }
            } else {
                LeaseEnd::Superseded { by: release }
            });
        }
        if let Some(theirs) = beside(actions, own, now) {
            return Step::Over(LeaseEnd::Superseded { by: Box::new(theirs.clone()) });
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

    /// Whether to look again at once.
    async fn cancel(&self, run: &mut Run) -> Result<bool> {
        let outcome = self.client.action(self.lease.action()).cancel(self.comment.text()).await;
        match outcome {
            Ok(_) => Ok(true),
            Err(error) if error.is_invalid_request() || error.is_still_running() => {
                let over = error.action().is_some_and(|action| action.status.is_terminal());
                run.uncancellable |= !over;
                Ok(true)
            }
            Err(error) if error.may_pass() => Ok(false),
            Err(error) => Err(self.named(error)),
        }
    }

    async fn submit(&self, run: &mut Run, comment: &Comment) -> Result<()> {
        let lease = self.lease.action().clone();
        let now = self.client.service_time();
        // The look is the last word: somebody may have isolated the machine while this waited for its turn.
        let check = move |actions: &[MachineAction]| {
            let own = actions.iter().find(|action| action.id == lease);
            let theirs = match own {
                Some(own) => beside(actions, own, now),
                None => in_force(actions, Aspect::Isolation, now).next(),
            };
            match theirs {
                Some(theirs) => {
                    let what = format!("{}; nothing was submitted", told(theirs, now));
                    Err(Error::new(ErrorKind::AlreadyRunning, what).about(theirs.clone()))
                }
                None => Ok(()),
            }
        };
        let care = Care { regardless: true, ..Care::default() };
        let operation = Unisolate::new(self.lease.machine().clone(), comment.clone());
        match submit_if(&self.client, &care, operation, check).await {
            Ok(submitted) => {
                let ours =
                    matches!(submitted.disposition(), Disposition::Created | Disposition::Adopted);
                run.released = Some(submitted.action().clone()).filter(|_| ours);
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
#[derive(Debug)]
struct Run {
    released: Option<MachineAction>,
    uncancellable: bool,
    refused: Option<Error>,
}

/// Another isolation that keeps the machine isolated too, or is about to.
fn beside<'a>(
    actions: &'a [MachineAction],
    own: &MachineAction,
    now: Timestamp,
) -> Option<&'a MachineAction> {
    in_force(actions, Aspect::Isolation, now).find(|action| action.id != own.id)
}

fn nothing_comes_of_it() -> Error {
    Error::new(ErrorKind::Conflict, "the release was done, and the records don't show its effect")
}
