//! Submitting an action on a machine: the reference goes in, and the answer is held against it.

use std::fmt;
use std::ops::Deref;

use super::{ActionHandle, Comment};
use crate::client::Client;
use crate::error::{Error, Result};
use crate::model::MachineAction;
use crate::operation::Operation;

/// An operation that submits an action on a machine.
pub(crate) trait Submission: Operation<Output = MachineAction> {
    fn comment_mut(&mut self) -> &mut Comment;
}

/// How a submission came to its action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Disposition {
    /// The service created an action for this submission.
    Created,
    /// The service answered with an action that was pending already, somebody else's or an earlier run's.
    /// No further one was created. Its scope may not be the one that was asked for.
    AlreadyPending,
}

impl fmt::Display for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Created => "created",
            Self::AlreadyPending => "already pending",
        })
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
}

impl Submitted {
    /// How the submission came to this action.
    #[must_use]
    pub fn disposition(&self) -> Disposition {
        self.disposition
    }

    /// The action as the service recorded it in its answer: as a rule `Pending`, its scope not yet filled.
    #[must_use]
    pub fn action(&self) -> &MachineAction {
        &self.action
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

/// Somebody else's finished action in the answer: what became of ours isn't known.
fn not_ours<O: Submission>(
    operation: &O,
    action: MachineAction,
    reference: Option<String>,
) -> Error {
    let what =
        format!("the answer is another action, {}, that has ended as {}", action.id, action.status);
    let error = Error::outcome_unknown(Error::unusable_answer(what)).about(action);
    let target = operation.call().map(|call| call.target().to_owned()).unwrap_or_default();
    let error = error.of(O::SPEC.name, &target);
    match reference {
        Some(reference) => error.referenced(&reference),
        None => error,
    }
}

/// Sends the submission, with a reference before its comment unless the client leaves that off.
///
/// The service may answer with an action that was pending before (unisolate-machine), so an action counts
/// as created only if it carries our comment.
pub(crate) async fn submit<O: Submission>(client: &Client, mut operation: O) -> Result<Submitted> {
    let reference = client.writes_references().then(|| operation.comment_mut().refer().to_owned());
    let action = client.send(&operation).await.map_err(|error| match &reference {
        Some(reference) if error.is_outcome_unknown() => error.referenced(reference),
        _ => error,
    })?;

    let recorded = action.requestor_comment.as_deref().unwrap_or_default();
    let ours = match &reference {
        Some(reference) => recorded.contains(reference.as_str()),
        None => recorded == operation.comment_mut().text(),
    };
    if !ours && action.status.is_terminal() {
        return Err(not_ours(&operation, action, reference));
    }
    let disposition = if ours { Disposition::Created } else { Disposition::AlreadyPending };
    Ok(Submitted { handle: client.action(action.id.clone()), action, disposition })
}
