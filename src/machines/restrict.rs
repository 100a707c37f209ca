//! Letting a machine run only code signed by Microsoft, and lifting that.

use super::{MachineHandle, submission, submitted};
use crate::actions::{Comment, Submission, Submitted};
use crate::error::Result;
use crate::model::{ActionType, MachineAction};
use crate::operation::{Call, Operation, Safety, Spec};
use crate::types::MachineId;
use http::Method;

/// Lets a machine run only code signed by Microsoft
/// ([documentation](https://learn.microsoft.com/defender-endpoint/api/restrict-code-execution)).
///
/// Permission `Machine.RestrictExecution`; quota 100 a minute, 1,500 an hour. Plan 2.
/// Windows 10 1709, Windows 11, Windows Server 2019 and newer, with Defender Antivirus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestrictCodeExecution {
    /// The machine.
    pub machine: MachineId,
    /// Why.
    pub comment: Comment,
}

impl RestrictCodeExecution {
    /// The restriction of `machine`.
    #[must_use]
    pub fn new(machine: MachineId, comment: impl Into<Comment>) -> Self {
        Self { machine, comment: comment.into() }
    }
}

impl Operation for RestrictCodeExecution {
    type Output = MachineAction;
    const SPEC: &'static Spec = &Spec::new(
        "restrict_code_execution",
        Method::POST,
        "/machines/{}/restrictCodeExecution",
        &["Machine.RestrictExecution"],
    )
    .safety(Safety::Once);

    fn call(&self) -> Result<Call> {
        submission(&self.machine, "restrictCodeExecution", &self.comment, None)
    }

    fn decode(&self, body: &[u8]) -> Result<MachineAction> {
        submitted(&self.machine, &ActionType::RestrictCodeExecution, body)
    }
}

impl Submission for RestrictCodeExecution {
    const KIND: ActionType = ActionType::RestrictCodeExecution;
    const OPPOSITE: Option<ActionType> = Some(ActionType::UnrestrictCodeExecution);

    fn machine(&self) -> &MachineId {
        &self.machine
    }

    fn comment_mut(&mut self) -> &mut Comment {
        &mut self.comment
    }
}

impl MachineHandle {
    /// Lets the machine run only code signed by Microsoft: submits [`RestrictCodeExecution`].
    ///
    /// ```no_run
    /// # async fn f(host: defender_response::MachineHandle) -> defender_response::Result<()> {
    /// let action = host.restrict_code_execution("INC-4711: ransomware").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`is_outcome_unknown`](crate::Error::is_outcome_unknown) when the answer was lost: don't repeat it blindly. Otherwise
    /// nothing was submitted: [`is_conflict`](crate::Error::is_conflict), [`is_already_running`](crate::Error::is_already_running), [`is_permission_denied`](crate::Error::is_permission_denied),
    /// [`is_not_found`](crate::Error::is_not_found), [`is_unsupported`](crate::Error::is_unsupported) and what any call may run into.
    pub async fn restrict_code_execution(&self, comment: impl Into<Comment>) -> Result<Submitted> {
        self.submit(RestrictCodeExecution::new(self.id.clone(), comment)).await
    }
}

/// Lifts the restriction to code signed by Microsoft
/// ([documentation](https://learn.microsoft.com/defender-endpoint/api/unrestrict-code-execution)).
///
/// Permission `Machine.RestrictExecution`; quota 100 a minute, 1,500 an hour. Systems as for
/// [`RestrictCodeExecution`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnrestrictCodeExecution {
    /// The machine.
    pub machine: MachineId,
    /// Why.
    pub comment: Comment,
}

impl UnrestrictCodeExecution {
    /// The end of the restriction of `machine`.
    #[must_use]
    pub fn new(machine: MachineId, comment: impl Into<Comment>) -> Self {
        Self { machine, comment: comment.into() }
    }
}

impl Operation for UnrestrictCodeExecution {
    type Output = MachineAction;
    const SPEC: &'static Spec = &Spec::new(
        "unrestrict_code_execution",
        Method::POST,
        "/machines/{}/unrestrictCodeExecution",
        &["Machine.RestrictExecution"],
    )
    .safety(Safety::Once)
    .urgent();

    fn call(&self) -> Result<Call> {
        submission(&self.machine, "unrestrictCodeExecution", &self.comment, None)
    }

    fn decode(&self, body: &[u8]) -> Result<MachineAction> {
        submitted(&self.machine, &ActionType::UnrestrictCodeExecution, body)
    }
}

impl Submission for UnrestrictCodeExecution {
    const KIND: ActionType = ActionType::UnrestrictCodeExecution;
    const OPPOSITE: Option<ActionType> = Some(ActionType::RestrictCodeExecution);
    const LIFTS: bool = true;

    fn machine(&self) -> &MachineId {
        &self.machine
    }

    fn comment_mut(&mut self) -> &mut Comment {
        &mut self.comment
    }
}

impl MachineHandle {
    /// Lifts the restriction to code signed by Microsoft: submits [`UnrestrictCodeExecution`].
    ///
    /// ```no_run
    /// # async fn f(host: defender_response::MachineHandle) -> defender_response::Result<()> {
    /// let action = host.unrestrict_code_execution("INC-4711: host cleaned").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`is_outcome_unknown`](crate::Error::is_outcome_unknown) when the answer was lost: don't repeat it blindly. Otherwise
    /// nothing was submitted: [`is_conflict`](crate::Error::is_conflict), [`is_already_running`](crate::Error::is_already_running), [`is_permission_denied`](crate::Error::is_permission_denied),
    /// [`is_not_found`](crate::Error::is_not_found), [`is_unsupported`](crate::Error::is_unsupported) and what any call may run into.
    pub async fn unrestrict_code_execution(
        &self,
        comment: impl Into<Comment>,
    ) -> Result<Submitted> {
        self.submit(UnrestrictCodeExecution::new(self.id.clone(), comment)).await
    }
}
