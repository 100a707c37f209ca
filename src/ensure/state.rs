//! A machine's state as far as its actions tell it, with what it goes by.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::machines::IsolationType;
use crate::model::{ActionType, MachineAction};
use crate::types::{ActionId, MachineId, Timestamp};
use crate::waits::Rough;

/// What state a machine is in *by the service's records*, from [`MachineHandle::state`](crate::MachineHandle::state).
///
/// The service publishes no such property. The state is derived from the machine's actions, in the order in which they
/// finished, and carries the action it goes by. **What no action shows isn't in it**: a host that was released locally (the
/// force-release script, a changed firewall), re-imaged, or isolated and reversed by automatic attack disruption, which
/// the API may not list. An action that was submitted a moment ago by another process may not be listed yet, nor the end
/// of one: of a single machine, what is listed as under way is read by its id before that is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MachineState {
    /// The machine.
    pub machine: MachineId,
    /// Whether it is cut off the network, or contained.
    pub isolation: OnRecord<IsolationState>,
    /// Whether it runs only code signed by Microsoft.
    pub restriction: OnRecord<RestrictionState>,
    /// When the records were read, by the service's clock.
    pub read_at: Timestamp,
}

/// A state and what it goes by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OnRecord<S> {
    /// The state.
    pub state: S,
    /// The newest action that succeeded, by the time it finished. `None` if none did. While the state is pending or
    /// unknown, it is what was so before.
    pub evidence: Option<Evidence>,
    /// All that hasn't ended: each may still be carried out. An isolated machine may have a further isolation armed.
    pub under_way: Vec<MachineAction>,
}

/// Whether a machine is isolated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IsolationState {
    /// Isolated, and how far where the records tell.
    Isolated(Option<IsolationType>),
    /// Released. A machine of which nothing is on record is [`Unknown`](Self::Unknown).
    Released,
    /// An action is under way that changes it.
    Pending(Box<MachineAction>),
    /// The records don't tell.
    Unknown(Doubt),
}

/// Whether a machine's code execution is restricted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RestrictionState {
    /// Restricted to code signed by Microsoft.
    Restricted,
    /// The restriction was lifted. A machine of which nothing is on record is [`Unknown`](Self::Unknown).
    Lifted,
    /// An action is under way that changes it.
    Pending(Box<MachineAction>),
    /// The records don't tell.
    Unknown(Doubt),
}

/// Why the records don't tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Doubt {
    /// There is no action that would tell.
    NoRecord,
    /// This one failed, was cancelled or was never reported, and may have been carried out all the same.
    MaybeDone(Box<MachineAction>),
    /// Opposite actions finished at the same time, or it isn't on record when.
    NoOrder,
    /// This client sent one of this type a moment ago, no answer came, and no list shows it: it may be armed, or done.
    Unanswered {
        /// The type.
        action_type: ActionType,
        /// The reference by which it can be looked for.
        reference: Option<String>,
    },
}

/// The action that a state goes by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Evidence {
    /// Its id.
    pub action: ActionId,
    /// What it did.
    pub action_type: ActionType,
    /// When it finished, by the service's clock.
    pub finished: Timestamp,
    /// Who asked for it: a user, an application by name or by id.
    pub requestor: Option<String>,
    /// Where from: `PublicApi` or `Portal`.
    pub source: Option<String>,
    /// The comment it was asked for with.
    pub comment: Option<String>,
    /// How old the evidence is: the time from then to when the records were read.
    #[serde(rename = "age_seconds", serialize_with = "seconds")]
    pub age: Duration,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's form
fn seconds<S: serde::Serializer>(age: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(age.as_secs())
}

impl Evidence {
    pub(super) fn of(action: &MachineAction, read_at: Timestamp) -> Option<Self> {
        let finished = action.last_update_date_time_utc?;
        Some(Self {
            action: action.id.clone(),
            action_type: action.action_type.clone(),
            finished,
            requestor: action.requestor.clone(),
            source: action.request_source.clone(),
            comment: action.requestor_comment.clone(),
            age: read_at.since(finished),
        })
    }
}

impl MachineState {
    /// Whether it is isolated, of either kind, by the records.
    #[must_use]
    pub fn is_isolated(&self) -> bool {
        matches!(self.isolation.state, IsolationState::Isolated(_))
    }

    /// Whether it was released by the records. What is unknown isn't.
    #[must_use]
    pub fn is_released(&self) -> bool {
        matches!(self.isolation.state, IsolationState::Released)
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = self.requestor.as_deref().unwrap_or("somebody unnamed");
        let source = self.source.as_deref().map(|s| format!(" ({s})")).unwrap_or_default();
        write!(
            f,
            "{} {} by {by}{source}, finished {} ago",
            self.action_type,
            self.action,
            Rough(self.age)
        )
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRecord => f.write_str("no action on record tells"),
            Self::MaybeDone(action) => write!(
                f,
                "{} {} is {}, and may have been carried out or not",
                action.action_type, action.id, action.status
            ),
            Self::NoOrder => f.write_str("it isn't on record which of its actions came last"),
            Self::Unanswered { action_type, .. } => {
                write!(f, "this client's own {action_type} went unanswered, and no list shows it")
            }
        }
    }
}

fn under_way(f: &mut fmt::Formatter<'_>, action: &MachineAction) -> fmt::Result {
    write!(f, "pending: {} {} is {}", action.action_type, action.id, action.status)
}

impl fmt::Display for IsolationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Isolated(Some(kind)) => write!(f, "isolated ({})", kind.as_str()),
            Self::Isolated(None) => f.write_str("isolated"),
            Self::Released => f.write_str("released"),
            Self::Pending(action) => under_way(f, action),
            Self::Unknown(why) => write!(f, "unknown: {why}"),
        }
    }
}

impl fmt::Display for RestrictionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Restricted => f.write_str("restricted"),
            Self::Lifted => f.write_str("unrestricted"),
            Self::Pending(action) => under_way(f, action),
            Self::Unknown(why) => write!(f, "unknown: {why}"),
        }
    }
}

/// `isolated (Full), by the records: Isolate 5382… by analyst@corp.example (Portal), finished 9 h ago`.
impl<S: fmt::Display> fmt::Display for OnRecord<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, by the records", self.state)?;
        match &self.evidence {
            Some(evidence) => write!(f, ": {evidence}"),
            None => Ok(()),
        }
    }
}
