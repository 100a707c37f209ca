//! Scanning a machine with Defender Antivirus.

use super::{MachineHandle, submission, submitted};
use crate::actions::{Comment, Submission, Submitted};
use crate::error::Result;
use crate::model::{ActionType, MachineAction};
use crate::operation::{Call, Operation, Safety, Spec};
use crate::types::MachineId;
use http::Method;

/// How thorough an antivirus scan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScanType {
    /// The places where malware settles: minutes.
    Quick,
    /// The whole disk: hours.
    Full,
}

impl ScanType {
    /// The value on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quick => "Quick",
            Self::Full => "Full",
        }
    }
}

/// Scans a machine with Defender Antivirus, which may be in passive mode
/// ([documentation](https://learn.microsoft.com/defender-endpoint/api/run-av-scan)).
///
/// Permission `Machine.Scan`; quota 100 a minute, 1,500 an hour. Plan 1 or 2. Windows; macOS
/// and Linux with client 101.98.84 or newer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunAntiVirusScan {
    /// The machine.
    pub machine: MachineId,
    /// How thorough.
    pub scan_type: ScanType,
    /// Why.
    pub comment: Comment,
}

impl RunAntiVirusScan {
    /// The scan of `machine`.
    #[must_use]
    pub fn new(machine: MachineId, scan_type: ScanType, comment: impl Into<Comment>) -> Self {
        Self { machine, scan_type, comment: comment.into() }
    }
}

impl Operation for RunAntiVirusScan {
    type Output = MachineAction;
    const SPEC: &'static Spec =
        &Spec::new("scan", Method::POST, "/machines/{}/runAntiVirusScan", &["Machine.Scan"])
            .safety(Safety::Once);

    fn call(&self) -> Result<Call> {
        submission(
            &self.machine,
            "runAntiVirusScan",
            &self.comment,
            Some(("ScanType", self.scan_type.as_str())),
        )
    }

    fn decode(&self, body: &[u8]) -> Result<MachineAction> {
        submitted(&self.machine, &ActionType::RunAntiVirusScan, body)
    }
}

impl Submission for RunAntiVirusScan {
    const KIND: ActionType = ActionType::RunAntiVirusScan;

    fn machine(&self) -> &MachineId {
        &self.machine
    }

    fn scope(&self) -> Option<&'static str> {
        Some(self.scan_type.as_str())
    }

    fn comment_mut(&mut self) -> &mut Comment {
        &mut self.comment
    }
}

impl MachineHandle {
    /// Scans the machine with Defender Antivirus: submits [`RunAntiVirusScan`].
    ///
    /// What it finds shows up as alerts, not in the action.
    ///
    /// ```no_run
    /// # async fn f(host: defender_response::MachineHandle) -> defender_response::Result<()> {
    /// use defender_response::ScanType;
    /// let action = host.scan(ScanType::Quick, "INC-4711").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`is_outcome_unknown`](crate::Error::is_outcome_unknown) when the answer was lost: don't repeat it blindly. Otherwise
    /// nothing was submitted: [`is_already_running`](crate::Error::is_already_running), [`is_permission_denied`](crate::Error::is_permission_denied),
    /// [`is_not_found`](crate::Error::is_not_found), [`is_unsupported`](crate::Error::is_unsupported) and what any call may run into.
    pub async fn scan(
        &self,
        scan_type: ScanType,
        comment: impl Into<Comment>,
    ) -> Result<Submitted> {
        self.submit(RunAntiVirusScan::new(self.id.clone(), scan_type, comment)).await
    }
}
