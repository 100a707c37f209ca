//! Cancelling a machine action.

use http::Method;
use serde_json::json;

use super::Comment;
use crate::error::Result;
use crate::model::MachineAction;
use crate::operation::{Call, Operation, Path, Safety, Spec};
use crate::reads::{about, decode_action};
use crate::types::ActionId;

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
