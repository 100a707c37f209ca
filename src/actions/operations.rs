//! The two operations on a machine action itself: reading it and cancelling it.

use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::Comment;
use crate::error::{Error, Result};
use crate::model::{ActionStatus, ActionType, MachineAction};
use crate::operation::{Call, Operation, Path, Safety, Spec, read_object};
use crate::types::ActionId;

/// Reads one machine action
/// ([documentation](https://learn.microsoft.com/defender-endpoint/api/get-machineaction-object)).
///
/// Permission `Machine.Read.All` or `Machine.ReadWrite.All`; quota 100 a minute, 1,500 an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetMachineAction {
    /// The action.
    pub action: ActionId,
}

impl GetMachineAction {
    /// A read of `action`.
    #[must_use]
    pub fn new(action: ActionId) -> Self {
        Self { action }
    }
}

impl Operation for GetMachineAction {
    type Output = MachineAction;
    const SPEC: &'static Spec = &Spec::new(
        "get_machine_action",
        Method::GET,
        "/machineactions/{}",
        &["Machine.Read.All", "Machine.ReadWrite.All"],
    );

    fn call(&self) -> Result<Call> {
        let path = Path::new(["machineactions", self.action.as_str()])?;
        Ok(Call::new(self.action.as_str(), path))
    }

    fn decode(&self, body: &[u8]) -> Result<MachineAction> {
        about(&self.action, decode_action(body)?)
    }
}

/// Cancels a machine action that isn't finished
/// ([documentation](https://learn.microsoft.com/defender-endpoint/api/cancel-machine-action)).
///
/// Permission: any one of the roles of the action verbs; quota 100 a minute, 1,500 an hour. A 400 means
/// that it can no longer be cancelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelMachineAction {
    /// The action.
    pub action: ActionId,
    /// Why.
    pub comment: Comment,
}

impl CancelMachineAction {
    /// The cancellation of `action`.
    #[must_use]
    pub fn new(action: ActionId, comment: impl Into<Comment>) -> Self {
        Self { action, comment: comment.into() }
    }
}

impl Operation for CancelMachineAction {
    type Output = MachineAction;
    const SPEC: &'static Spec = &Spec::new(
        "cancel_machine_action",
        Method::POST,
        "/machineactions/{}/cancel",
        &[
            "Machine.CollectForensics",
            "Machine.Isolate",
            "Machine.RestrictExecution",
            "Machine.Scan",
            "Machine.Offboard",
            "Machine.StopAndQuarantine",
            "Machine.LiveResponse",
        ],
    )
    .safety(Safety::Idempotent)
    .urgent();

    fn call(&self) -> Result<Call> {
        let path = Path::new(["machineactions", self.action.as_str(), "cancel"])?;
        Call::new(self.action.as_str(), path).json(&json!({ "Comment": self.comment.render()? }))
    }

    fn decode(&self, body: &[u8]) -> Result<MachineAction> {
        about(&self.action, decode_action(body)?)
    }
}

/// A machine action that can be held on to: one without an id can't, however well it parses.
///
/// Where the whole can't be read, what matters is: an action was created, and this is its id.
pub(crate) fn decode_action(body: &[u8]) -> Result<MachineAction> {
    #[derive(Deserialize)]
    struct Essence {
        id: ActionId,
        #[serde(rename = "type", default)]
        action_type: ActionType,
        #[serde(default)]
        status: ActionStatus,
    }
    let action: MachineAction = read_object(body).or_else(|unreadable| {
        let essence: Essence = read_object(body).map_err(|_| unreadable)?;
        Ok::<_, Error>(MachineAction::new(essence.id, essence.action_type, essence.status))
    })?;
    if action.id.as_str().is_empty() {
        return Err(Error::unusable_answer("the answer is a machine action without an id"));
    }
    Ok(action)
}

/// An answer about another action than the one that was asked for is no answer.
fn about(asked: &ActionId, action: MachineAction) -> Result<MachineAction> {
    if action.id.as_str().eq_ignore_ascii_case(asked.as_str()) {
        return Ok(action);
    }
    Err(Error::unusable_answer(format!("the answer is about another action, {}", action.id)))
}
