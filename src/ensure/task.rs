//! One machine on its way to a state.

use std::time::Instant;

use super::judge::{Standing, judge};
use super::known::Known;
use super::plan::{Goal, Plan, plan, strangers};
use super::read::{History, state_of};
use super::state::{MachineState, OnRecord};
use crate::actions::{Care, Comment, Disposition, Submission, Submitted, submit_if, told};
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::machines::{Isolate, RestrictCodeExecution, Unisolate, UnrestrictCodeExecution};
use crate::model::{ActionStatus, MachineAction};
use crate::types::{ActionId, MachineId, Timestamp};
use crate::waits::{still_running, unread, verdict};

/// A machine that is in the state that was asked for, by the service's records.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Ensured {
    /// The state it is in, with the evidence.
    pub state: MachineState,
    /// What was submitted for it. `None` where nothing was needed, or somebody else's was waited for.
    pub submitted: Option<ActionId>,
    /// What was cancelled for it.
    pub cancelled: Vec<MachineAction>,
}

/// What is asked for, of each machine.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) goal: Goal,
    pub(super) comment: Comment,
    pub(super) including_others: bool,
    /// The name that the machine has to have.
    pub(super) expected: Option<String>,
}

#[derive(Debug)]
pub(super) struct Task {
    pub(super) machine: MachineId,
    submitted: Option<ActionId>,
    cancelled: Vec<MachineAction>,
    /// What couldn't be cancelled, and so has to end by itself.
    uncancellable: Vec<ActionId>,
    known: Known,
    awaited: Option<Box<MachineAction>>,
    /// What ends it, once the state is read in which the machine is left.
    broken_off: Option<Error>,
    left: Option<OnRecord<Standing>>,
    rounds: u32,
}

/// What to do on the wire.
#[derive(Debug)]
pub(super) enum Act {
    Cancel(Box<MachineAction>),
    Submit { regardless: bool },
}

/// What came of it.
pub(super) enum Outcome {
    Cancelled(Result<MachineAction>, ActionId),
    Submitted(Result<Submitted>),
}

pub(super) enum Next {
    Over(Box<Result<Ensured>>),
    Act(Act),
    Wait,
}

impl Task {
    pub(super) fn new(machine: MachineId) -> Self {
        Self {
            machine,
            submitted: None,
            cancelled: Vec::new(),
            uncancellable: Vec::new(),
            known: Known::default(),
            awaited: None,
            broken_off: None,
            left: None,
            rounds: 0,
        }
    }

    /// What the task itself knows of an action that no list shows.
    pub(super) async fn complete(&self, client: &Client, history: &mut History) {
        let actions = &mut history.actions;
        self.known.lay_over(actions);
        if let Some(id) = &self.submitted
            && actions.iter().all(|other| other.id != *id)
            && let Ok(action) = client.action(id).get().await
        {
            actions.push(action);
        }
    }

    pub(super) fn next(&mut self, history: &History, wish: &Wish, now: Timestamp) -> Next {
        let (aspect, actions) = (wish.goal.aspect(), &history.actions);
        let record = judge(history, aspect, now);
        let plan = plan(&record, actions, wish.goal, wish.including_others, now);
        let is_unclear = history.unseen.iter().any(|unseen| aspect.is_of(&unseen.kind));
        self.left = Some(record);
        self.awaited = None;
        if let Some(error) = self.broken_off.take_if(|_| !matches!(plan, Plan::Done)) {
            return over(Err(self.told(error, wish)));
        }
        let own = actions.iter().find(|action| Some(&action.id) == self.submitted.as_ref());
        if let Some(own) = own.filter(|_| !matches!(plan, Plan::Done))
            && own.status.is_terminal()
            && own.status != ActionStatus::Succeeded
        {
            let error = verdict(&own.id, own.clone()).err();
            return over(Err(self.told(error.unwrap_or_else(stuck), wish)));
        }
        match plan {
            Plan::Done => over(Ok(Ensured {
                state: state_of(&self.machine, history, now),
                submitted: self.submitted.clone(),
                cancelled: std::mem::take(&mut self.cancelled),
            })),
            // What went unanswered may still undo it, or do it.
            _ if is_unclear => Next::Wait,
            Plan::Conflict(error) => over(Err(self.told(error, wish))),
            Plan::Cancel(action) if !self.uncancellable.contains(&action.id) => {
                Next::Act(Act::Cancel(action))
            }
            Plan::Await(action) | Plan::Cancel(action) => {
                self.awaited = Some(action);
                Next::Wait
            }
            Plan::Submit { .. } if own.is_some() => {
                let what = "what was submitted was done, and something else has undone it since";
                over(Err(self.told(Error::new(ErrorKind::Conflict, what), wish)))
            }
            // It is under way, and can't be read at the moment.
            Plan::Submit { .. } if self.submitted.is_some() => Next::Wait,
            Plan::Submit { .. } if self.rounds > 3 => over(Err(self.told(stuck(), wish))),
            Plan::Submit { regardless } => {
                self.rounds += 1;
                Next::Act(Act::Submit { regardless })
            }
        }
    }

    /// Takes in what came of an act: whether to look again at once.
    pub(super) fn take(&mut self, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Cancelled(Ok(action), _) => {
                self.known.learn(&action);
                self.cancelled.push(action);
                true
            }
            Outcome::Cancelled(Err(error), _) if error.may_pass() => false,
            Outcome::Cancelled(Err(error), id)
                if error.is_invalid_request() || error.is_still_running() =>
            {
                self.uncancellable.push(id);
                error.action().into_iter().for_each(|action| self.known.learn(action));
                true
            }
            Outcome::Submitted(Ok(submitted)) => {
                let ours =
                    matches!(submitted.disposition(), Disposition::Created | Disposition::Adopted);
                if ours && submitted.action().status != ActionStatus::Succeeded {
                    self.submitted = Some(submitted.id().clone());
                }
                false
            }
            Outcome::Submitted(Err(error)) if error.is_throttled() => false,
            // One that no list shows yet.
            Outcome::Submitted(Err(error)) if error.is_already_running() => {
                self.rounds = self.rounds.saturating_sub(1);
                false
            }
            Outcome::Cancelled(Err(error), _) | Outcome::Submitted(Err(error)) => {
                self.broken_off = Some(error);
                true
            }
        }
    }

    /// The deadline has come.
    pub(super) fn late(
        &self,
        wish: &Wish,
        now: Timestamp,
        reported: Option<Timestamp>,
        trouble: Option<&Error>,
    ) -> Error {
        if let Some(error) = &self.broken_off {
            return self.told(error.clone(), wish);
        }
        let Some(record) = &self.left else {
            let id = self.machine.as_str();
            let error = unread("the machine's actions", trouble.cloned()).of(wish.goal.name(), id);
            return error.adding("the machine's state isn't known");
        };
        let running = self.awaited.as_deref().or(record.under_way.first());
        let error = match running {
            Some(action) => still_running(&action.id, action.clone(), now, reported),
            None => {
                Error::new(ErrorKind::Timeout, "the machine isn't in the state by the deadline")
            }
        };
        let error = self.told(error, wish);
        match trouble {
            Some(trouble) => error.caused_by(trouble.clone()),
            None => error,
        }
    }

    pub(super) fn is_broken_off(&self) -> bool {
        self.broken_off.is_some()
    }

    /// The records can't be read any more.
    pub(super) fn lost(&self, error: Error, wish: &Wish) -> Error {
        match self.broken_off.clone() {
            Some(broken_off) => self.told(broken_off, wish),
            None => self.told(error, wish),
        }
    }

    /// An error that names the machine and the state it was left in.
    fn told(&self, error: Error, wish: &Wish) -> Error {
        let error = error.of(wish.goal.name(), self.machine.as_str());
        let Some(record) = &self.left else { return error };
        let cancelled = self
            .cancelled
            .iter()
            .map(|action| format!("; {} {} was cancelled for it", action.action_type, action.id));
        let cancelled: String = cancelled.collect();
        let state = wish.goal.describe(record);
        // What was read before something was sent isn't what is left, and the records may be late with what was sent.
        let when = match (self.broken_off.is_some(), error.is_outcome_unknown()) {
            (true, _) => "before that it was",
            (false, true) => "the records say since",
            (false, false) => "the machine was left",
        };
        error.adding(&format!("{when}: {state}{cancelled}"))
    }
}

fn over(outcome: Result<Ensured>) -> Next {
    Next::Over(Box::new(outcome))
}

fn stuck() -> Error {
    Error::new(
        ErrorKind::Conflict,
        "the service accepts what is asked for, and nothing comes of it",
    )
}

impl Goal {
    /// A record as a state of this goal's kind.
    fn describe(self, record: &OnRecord<Standing>) -> String {
        let record = record.clone();
        match self {
            Self::Isolated(_) | Self::Released => {
                record.map(super::state::IsolationState::from).to_string()
            }
            Self::Restricted | Self::Unrestricted => {
                record.map(super::state::RestrictionState::from).to_string()
            }
        }
    }
}

/// Carries an act out.
pub(super) async fn carry_out(
    client: Client,
    machine: MachineId,
    wish: Wish,
    act: Act,
    looked: Option<Instant>,
) -> Outcome {
    let Wish { goal, comment, including_others, expected } = wish;
    let regardless = match act {
        Act::Cancel(action) => {
            let outcome = client.action(&action.id).cancel(comment).await;
            return Outcome::Cancelled(outcome, action.id);
        }
        Act::Submit { regardless } => regardless,
    };
    let care = Care { regardless, without_lookup: false, looked, expected, key: None };
    Outcome::Submitted(match goal {
        Goal::Isolated(kind) => {
            begin(&client, &care, Isolate::new(machine, kind, comment), None).await
        }
        Goal::Restricted => {
            begin(&client, &care, RestrictCodeExecution::new(machine, comment), None).await
        }
        Goal::Released => {
            let others = (!including_others).then_some(goal);
            begin(&client, &care, Unisolate::new(machine, comment), others).await
        }
        Goal::Unrestricted => {
            let others = (!including_others).then_some(goal);
            begin(&client, &care, UnrestrictCodeExecution::new(machine, comment), others).await
        }
    })
}

/// Submits it; where `spare` is given, only if nothing of somebody else's would be undone.
async fn begin<O: Submission>(
    client: &Client,
    care: &Care,
    operation: O,
    spare: Option<Goal>,
) -> Result<Submitted> {
    let now = client.service_time();
    let check = |actions: &[MachineAction]| match spare {
        Some(goal) => match strangers(actions, goal.aspect(), now) {
            Some(theirs) => {
                let what = format!("{}; nothing was submitted", told(theirs, now));
                Err(Error::new(ErrorKind::Conflict, what).about(theirs.clone()))
            }
            None => Ok(()),
        },
        None => Ok(()),
    };
    submit_if(client, care, operation, check).await
}
