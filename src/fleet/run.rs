//! Submitting to many machines, some at a time.

use std::collections::{HashMap, VecDeque};
use std::fmt;

use tokio::task::JoinSet;

use super::record::{Done, FanOutRecord, Version};
use super::survey::Known;
use super::{FanOutSummary, Verb};
use crate::actions::{Comment, Submitted};
use crate::client::{Client, Place};
use crate::error::{Error, ErrorKind, Result};
use crate::types::MachineId;

pub(super) type OnProgress = Box<dyn FnMut(&FanOutProgress) + Send>;

/// What became of one machine of a fan-out.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FanOutOutcome {
    /// The machine.
    pub machine: MachineId,
    /// Its name, if it was found.
    pub name: Option<String>,
    /// What the verb gave.
    pub result: Result<Submitted>,
}

/// How far a fan-out has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FanOutProgress {
    /// How many machines are done with, those of the record that is gone on with included.
    pub done: usize,
    /// How many of them ended in an error.
    pub failed: usize,
    /// How many there are in all.
    pub machines: usize,
}

/// A fan-out under way, from [`FanOut::survey`](super::FanOut::survey): one outcome after another.
///
/// Dropping it gives up what is under way; what has left then is told by an event `abandoned`.
#[must_use = "nothing is sent until `next` is awaited"]
pub struct FanOutRun {
    pub(super) client: Client,
    pub(super) place: Place,
    pub(super) verb: Verb,
    pub(super) comment: Comment,
    pub(super) at_once: usize,
    pub(super) stops_on_unknown: bool,
    pub(super) on_progress: Option<OnProgress>,
    pub(super) summary: FanOutSummary,
    pub(super) known: HashMap<MachineId, Known>,
    pub(super) run: String,
    pub(super) waiting: VecDeque<MachineId>,
    pub(super) under_way: JoinSet<(MachineId, Result<Submitted>)>,
    pub(super) begun: Vec<MachineId>,
    pub(super) done: Vec<Done>,
    /// How many were done with by earlier runs.
    pub(super) earlier: usize,
    pub(super) failed: usize,
    pub(super) stopped: Option<Error>,
    pub(super) is_halted: bool,
}

impl FanOutRun {
    /// Who it is about. Nothing is sent before the first [`next`](Self::next).
    #[must_use]
    pub fn summary(&self) -> &FanOutSummary {
        &self.summary
    }

    /// The next outcome, as they come; `None` when there is none any more.
    pub async fn next(&mut self) -> Option<FanOutOutcome> {
        while !self.is_halted && self.stopped.is_none() && self.under_way.len() < self.at_once {
            let Some(machine) = self.waiting.pop_front() else { break };
            self.begun.push(machine.clone());
            let (verb, comment) = (self.verb, self.comment.clone());
            let mut host = self.client.machine(&machine);
            if self.client.writes_references() {
                host = host.keyed(&self.run);
            }
            let refusal = self.known.get(&machine).and_then(|known| known.refusal.clone());
            self.under_way.spawn(async move {
                let result = match refusal {
                    None => verb.submit(host, comment).await,
                    Some(why) => {
                        Err(Error::new(ErrorKind::Guarded, format!("{why}; nothing was sent"))
                            .of(verb.spec().name, machine.as_str()))
                    }
                };
                (machine, result)
            });
        }
        // A task of ours neither panics nor is aborted while somebody waits here.
        let (machine, result) = self.under_way.join_next().await?.ok()?;
        self.begun.retain(|begun| *begun != machine);
        let name = self.known.get(&machine).map(|known| known.name.clone());
        self.take(&machine, name.clone(), &result);
        Some(FanOutOutcome { machine, name, result })
    }

    /// Begins nothing new: [`next`](Self::next) then gives the outcomes of what is under way, and the record names the rest as
    /// left. `next` may be dropped and called again, so that it can be raced with a signal.
    pub fn halt(&mut self) {
        self.is_halted = true;
    }

    /// Why it stopped before all machines were dealt with, if it did: an error that each would have met, or the first
    /// unknown outcome.
    #[must_use]
    pub fn stopped(&self) -> Option<&Error> {
        self.stopped.as_ref()
    }

    /// What was done and what is left, to be stored and gone on with.
    #[must_use]
    pub fn record(&self) -> FanOutRecord {
        let Place { tenant, application, cloud } = self.place.clone();
        FanOutRecord {
            version: Version,
            tenant,
            app: application,
            cloud,
            run: self.run.clone(),
            verb: self.verb,
            comment: self.comment.text().to_owned(),
            done: self.done.clone(),
            left: self.begun.iter().chain(&self.waiting).cloned().collect(),
        }
    }

    fn take(&mut self, machine: &MachineId, name: Option<String>, result: &Result<Submitted>) {
        // One that was superseded was done by an earlier run.
        let superseded = |error: &&Error| error.is_superseded();
        let action = match result {
            Ok(submitted) => Some(submitted.action()),
            Err(error) => Some(error).filter(superseded).and_then(Error::action),
        };
        let done = Done {
            machine: machine.clone(),
            name,
            disposition: result.as_ref().ok().map(|s| s.disposition().as_str().to_owned()),
            action: action.map(|action| action.id.clone()),
            status: action.map(|action| action.status.clone()),
            error: result.as_ref().err().map(ToString::to_string),
            reference: result.as_ref().err().and_then(Error::reference).map(str::to_owned),
            nothing_done: result
                .as_ref()
                .is_err_and(|error| !error.is_outcome_unknown() && !error.is_superseded()),
        };
        self.done.push(done);
        if let Err(error) = result {
            self.failed += 1;
            let unknown = self.stops_on_unknown && error.is_outcome_unknown();
            if self.stopped.is_none() && (unknown || concerns_all(error)) {
                self.stopped = Some(error.clone());
            }
        }
        let progress = FanOutProgress {
            done: self.done.len(),
            failed: self.failed,
            machines: self.earlier + self.summary.machines,
        };
        if let Some(tell) = &mut self.on_progress {
            tell(&progress);
        }
    }
}

/// Every other machine would meet with the same.
fn concerns_all(error: &Error) -> bool {
    error.is_permission_denied()
        || error.is_unauthorized()
        || error.is_unlicensed()
        || error.is_feature_disabled()
        || error.is_configuration()
        || (error.is_sign_in() && !error.may_pass())
}

impl fmt::Debug for FanOutRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FanOutRun")
            .field("verb", &self.verb)
            .field("machines", &self.summary.machines)
            .field("done", &self.done.len())
            .finish_non_exhaustive()
    }
}
