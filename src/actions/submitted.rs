//! What a submission comes to.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use super::ActionHandle;
use super::recent::ended_at;
use crate::model::MachineAction;
use crate::types::Timestamp;

/// How a submission came to its action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Disposition {
    /// The service created an action for this submission.
    Created,
    /// The answer was lost, and the action was found among the machine's by the reference in its comment: it is the
    /// one that this submission created, or one that an earlier run submitted under the same
    /// [idempotency key](crate::MachineHandle::keyed).
    Adopted,
    /// An action of this kind was under way already, somebody else's or an earlier run's, and is returned in place of a further
    /// one. Its scope may not be the one that was asked for: [`Submitted::scope_confirmed`].
    AlreadyPending,
    /// By the service's records the machine is in this state already; nothing was sent, and the action is the evidence,
    /// [as old as it is](Submitted::age). A host may have been released locally since, which no record shows:
    /// [`regardless`](crate::MachineHandle::regardless) sends all the same.
    AlreadyInState,
}

impl Disposition {
    /// The disposition in lower case: `created`, `adopted`, `already_pending`, `already_in_state`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Adopted => "adopted",
            Self::AlreadyPending => "already_pending",
            Self::AlreadyInState => "already_in_state",
        }
    }
}

impl fmt::Display for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.as_str().replace('_', " "))
    }
}

/// An action that was *submitted*, which doesn't mean that it is done: [`wait`](ActionHandle::wait) tells that.
///
/// It derefs to the [`ActionHandle`].
#[derive(Clone, Debug)]
#[must_use = "a submitted action isn't done: wait for it, or store its id"]
pub struct Submitted {
    handle: ActionHandle,
    action: MachineAction,
    disposition: Disposition,
    asked_scope: Option<&'static str>,
    age: Option<Duration>,
}

impl Submitted {
    pub(super) fn new(
        handle: ActionHandle,
        action: MachineAction,
        disposition: Disposition,
        asked_scope: Option<&'static str>,
        now: Timestamp,
    ) -> Self {
        let age = ended_at(&action).map(|at| now.since(at));
        Self { handle, action, disposition, asked_scope, age }
    }

    /// How the submission came to this action.
    #[must_use]
    pub fn disposition(&self) -> Disposition {
        self.disposition
    }

    /// The action as the service recorded it when it was submitted or found: as a rule `Pending`, its scope not yet
    /// filled.
    #[must_use]
    pub fn action(&self) -> &MachineAction {
        &self.action
    }

    /// How long ago the record last changed, by the service's clock. Of
    /// [`AlreadyInState`](Disposition::AlreadyInState) it is the age of the evidence.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.age
    }

    /// Whether the action's scope, `Full` or `Selective`, is the one that was asked for. `None` where the record doesn't show
    /// it yet, and for kinds without a scope.
    #[must_use]
    pub fn scope_confirmed(&self) -> Option<bool> {
        Some(self.action.scope.as_deref()?.eq_ignore_ascii_case(self.asked_scope?))
    }

    /// The handle alone.
    #[must_use]
    pub fn into_handle(self) -> ActionHandle {
        self.handle
    }
}

impl Deref for Submitted {
    type Target = ActionHandle;

    fn deref(&self) -> &ActionHandle {
        &self.handle
    }
}
