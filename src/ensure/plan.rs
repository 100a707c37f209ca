//! What is next on the way to a state: decided from the records alone.

use super::judge::{Aspect, OVER, Standing, is_under_way};
use super::note::{self, Note};
use super::state::OnRecord;
use crate::actions::{reference_of, told};
use crate::error::{Error, ErrorKind};
use crate::machines::IsolationType;
use crate::model::{ActionStatus, MachineAction};
use crate::types::Timestamp;

/// A state that a machine is to be brought into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Goal {
    /// Isolated, of exactly this type.
    Isolated(IsolationType),
    /// Neither isolated nor contained.
    Released,
    /// Restricted to code signed by Microsoft.
    Restricted,
    /// Not restricted.
    Unrestricted,
}

impl Goal {
    pub(super) fn aspect(self) -> Aspect {
        match self {
            Self::Isolated(_) | Self::Released => Aspect::Isolation,
            Self::Restricted | Self::Unrestricted => Aspect::Restriction,
        }
    }

    pub(super) fn is_on(self) -> bool {
        matches!(self, Self::Isolated(_) | Self::Restricted)
    }

    fn scope(self) -> Option<&'static str> {
        match self {
            Self::Isolated(kind) => Some(kind.as_str()),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Isolated(_) => "ensure_isolated",
            Self::Released => "ensure_released",
            Self::Restricted => "ensure_restricted",
            Self::Unrestricted => "ensure_unrestricted",
        }
    }
}

/// The next step.
#[derive(Debug)]
pub(super) enum Plan {
    /// It is in the state.
    Done,
    /// This has to end first.
    Await(Box<MachineAction>),
    /// This has to be gone first.
    Cancel(Box<MachineAction>),
    /// What brings it there has to be submitted; although the records may say that it is there, where they are in doubt.
    Submit { regardless: bool },
    /// It isn't ours to go on.
    Conflict(Error),
}

pub(super) fn plan(
    record: &OnRecord<Standing>,
    actions: &[MachineAction],
    goal: Goal,
    including_others: bool,
    now: Timestamp,
) -> Plan {
    let aspect = goal.aspect();
    let opposite = if goal.is_on() { aspect.off() } else { aspect.on() };
    let opposed = record.under_way.iter().filter(|action| action.action_type == opposite);
    if let Some(action) = opposed.max_by_key(|action| action.creation_date_time_utc) {
        return if including_others || is_ours(action) {
            Plan::Cancel(Box::new(action.clone()))
        } else {
            conflict(&whose(action, now), action, "wait for its end, or say including_others()")
        };
    }
    if goal.is_on() {
        return towards_on(record, goal, now);
    }
    match (&record.state, record.under_way.first()) {
        (Standing::Off, _) => Plan::Done,
        (_, Some(action)) => Plan::Await(Box::new(action.clone())),
        (state, None) => match strangers(actions, aspect, now) {
            Some(theirs) if !including_others => {
                let what = whose(theirs, now);
                conflict(&what, theirs, "it isn't ours to undo: ask, or say including_others()")
            }
            _ => Plan::Submit { regardless: matches!(state, Standing::Unknown(_)) },
        },
    }
}

fn towards_on(record: &OnRecord<Standing>, goal: Goal, now: Timestamp) -> Plan {
    let is_other = |scope: Option<&str>| match (scope, goal.scope()) {
        (Some(scope), Some(wanted)) => !scope.eq_ignore_ascii_case(wanted),
        _ => false,
    };
    if let Some(action) = record.under_way.iter().find(|action| is_other(action.scope.as_deref())) {
        let what = format!("{}, of another kind", told(action, now));
        return conflict(&what, action, "wait for its end, or release the machine first");
    }
    match &record.state {
        Standing::On(scope) if is_other(scope.as_deref()) => {
            another_kind(record, "in another way than asked for")
        }
        Standing::On(None) if goal.scope().is_some() => {
            another_kind(record, "and the records don't tell how far")
        }
        Standing::On(_) => Plan::Done,
        Standing::Pending(action) => Plan::Await(action.clone()),
        Standing::Off => Plan::Submit { regardless: false },
        Standing::Unknown(_) => Plan::Submit { regardless: true },
    }
}

/// A machine isn't released to be isolated again: for that time it would be on the network.
fn another_kind(record: &OnRecord<Standing>, how: &str) -> Plan {
    let evidence = record.evidence.as_ref().map(|e| format!(" ({e})")).unwrap_or_default();
    let what = format!("the machine is isolated already, {how}{evidence}");
    Plan::Conflict(
        Error::new(ErrorKind::Conflict, what).advising("release it first if that is what is meant"),
    )
}

fn conflict(what: &str, action: &MachineAction, advice: &'static str) -> Plan {
    let error = Error::new(ErrorKind::Conflict, what).about(action.clone());
    Plan::Conflict(error.advising(advice))
}

/// Submitted by this crate: its comment begins with a reference.
pub(super) fn is_referenced(action: &MachineAction) -> bool {
    action.requestor_comment.as_deref().is_some_and(|comment| reference_of(comment).is_some())
}

/// Ours to undo: submitted by this crate, and nobody's by a lease.
pub(super) fn is_ours(action: &MachineAction) -> bool {
    is_referenced(action) && note_of(action).is_none_or(|note| note.owner.is_none())
}

fn note_of(action: &MachineAction) -> Option<Note<'_>> {
    action.requestor_comment.as_deref().map(|comment| note::read(note::text_of(comment)))
}

/// An action with the owner of its lease, if it has one.
fn whose(action: &MachineAction, now: Timestamp) -> String {
    let note = note_of(action).and_then(|note| note.owner.zip(note.review_by));
    let lease = note.map(|(owner, review)| {
        format!("; it is under a lease of {owner}, to be reviewed by {}", review.to_seconds())
    });
    format!("{}{}", told(action, now), lease.unwrap_or_default())
}

/// Somebody else's action that may be what keeps the machine isolated, or restricted.
pub(super) fn strangers(
    actions: &[MachineAction],
    aspect: Aspect,
    now: Timestamp,
) -> Option<&MachineAction> {
    in_force(actions, aspect, now).find(|action| !is_ours(action))
}

/// What may keep the machine isolated, or restricted, or is about to: not released since, by the records, and neither
/// taken back nor failed.
pub(super) fn in_force(
    actions: &[MachineAction],
    aspect: Aspect,
    now: Timestamp,
) -> impl Iterator<Item = &MachineAction> {
    let undone = actions
        .iter()
        .filter(|a| a.action_type == aspect.off() && a.status == ActionStatus::Succeeded)
        .filter_map(|a| a.last_update_date_time_utc)
        .max();
    actions.iter().filter(move |action| {
        let wanted = match action.status {
            ActionStatus::Cancelled | ActionStatus::Failed => false,
            ActionStatus::Succeeded | ActionStatus::TimeOut => {
                undone.is_none_or(|at| action.last_update_date_time_utc.is_none_or(|end| end >= at))
            }
            _ if is_under_way(action, now) => true,
            // Given up by now, whatever it is called.
            _ => undone
                .zip(action.creation_date_time_utc)
                .is_none_or(|(at, created)| created.plus(OVER) >= at),
        };
        action.action_type == aspect.on() && wanted
    })
}
