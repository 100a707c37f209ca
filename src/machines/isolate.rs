//! Cutting a machine off the network, and letting it back.

use super::{MachineHandle, submission, submitted};
use crate::actions::{Comment, Submission, Submitted};
use crate::error::Result;
use crate::model::{ActionType, MachineAction};
use crate::operation::{Call, Operation, Safety, Spec};
use crate::types::MachineId;
use http::Method;

/// How far an isolation goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IsolationType {
    /// The device keeps only its connection to the service.
    Full,
    /// It also keeps Outlook, Teams and Skype, and the tenant's isolation exclusions. The one to take for
    /// hosts that reach the service through a proxy or VPN named in an exclusion.
    Selective,
    /// For a device that isn't onboarded: the onboarded devices around it block its traffic. The service
    /// calls this `UnManagedDevice`.
    ContainUnmanaged,
}

impl IsolationType {
    /// The value on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "Full",
            Self::Selective => "Selective",
            Self::ContainUnmanaged => "UnManagedDevice",
        }
    }
}

impl serde::Serialize for IsolationType {
    /// As the wire has it.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Cuts a machine off the network
/// ([documentation](https://learn.microsoft.com/defender-endpoint/api/isolate-machine)).
///
/// Permission `Machine.Isolate`; quota 100 a minute, 1,500 an hour. Plan 1 or 2. Full: Windows 11,
/// Windows 10 1703, Windows Server 2012 R2 and newer, macOS, Linux; selective: the same without Linux.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Isolate {
    /// The machine.
    pub machine: MachineId,
    /// How far.
    pub isolation_type: IsolationType,
    /// Why.
    pub comment: Comment,
}

impl Isolate {
    /// The isolation of `machine`.
    #[must_use]
    pub fn new(
        machine: MachineId,
        isolation_type: IsolationType,
        comment: impl Into<Comment>,
    ) -> Self {
        Self { machine, isolation_type, comment: comment.into() }
    }
}

impl Operation for Isolate {
    type Output = MachineAction;
    const SPEC: &'static Spec =
        &Spec::new("isolate", Method::POST, "/machines/{}/isolate", &["Machine.Isolate"])
            .safety(Safety::Once);

    fn call(&self) -> Result<Call> {
        submission(
            &self.machine,
            "isolate",
            &self.comment,
            Some(("IsolationType", self.isolation_type.as_str())),
        )
    }

    fn decode(&self, body: &[u8]) -> Result<MachineAction> {
        submitted(&self.machine, &ActionType::Isolate, body)
    }
}

impl Submission for Isolate {
    const KIND: ActionType = ActionType::Isolate;
    const OPPOSITE: Option<ActionType> = Some(ActionType::Unisolate);

    fn machine(&self) -> &MachineId {
        &self.machine
    }

    fn scope(&self) -> Option<&'static str> {
        Some(self.isolation_type.as_str())
    }

    fn comment_mut(&mut self) -> &mut Comment {
        &mut self.comment
    }
}

impl MachineHandle {
    /// Cuts the machine off the network: submits [`Isolate`].
    ///
    /// The device keeps its connection to the service, so that it can be released again. Behind a proxy or a full
    /// VPN tunnel it may not recover from `Full`. Isolating a Hyper-V host cuts off its virtual machines. While the device
    /// is offline the action stays pending, for up to three days.
    ///
    /// ```no_run
    /// # async fn f(host: defender_response::MachineHandle) -> defender_response::Result<()> {
    /// use defender_response::IsolationType;
    /// let action = host.isolate(IsolationType::Selective, "INC-4711: beaconing").await?;
    /// println!("{} {}", action.disposition(), action.id());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`is_outcome_unknown`](crate::Error::is_outcome_unknown) when the answer was lost: don't repeat it blindly. Otherwise
    /// nothing was submitted: [`is_conflict`](crate::Error::is_conflict), [`is_already_running`](crate::Error::is_already_running), [`is_permission_denied`](crate::Error::is_permission_denied),
    /// [`is_not_found`](crate::Error::is_not_found), [`is_unsupported`](crate::Error::is_unsupported) and what any call may run into.
    pub async fn isolate(
        &self,
        isolation_type: IsolationType,
        comment: impl Into<Comment>,
    ) -> Result<Submitted> {
        self.submit(Isolate::new(self.id.clone(), isolation_type, comment)).await
    }
}

/// Releases a machine from isolation or containment
/// ([documentation](https://learn.microsoft.com/defender-endpoint/api/unisolate-machine)).
///
/// Permission `Machine.Isolate`; quota 100 a minute, 1,500 an hour. Systems as for
/// [`Isolate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unisolate {
    /// The machine.
    pub machine: MachineId,
    /// Why.
    pub comment: Comment,
}

impl Unisolate {
    /// The release of `machine`.
    #[must_use]
    pub fn new(machine: MachineId, comment: impl Into<Comment>) -> Self {
        Self { machine, comment: comment.into() }
    }
}

impl Operation for Unisolate {
    type Output = MachineAction;
    const SPEC: &'static Spec =
        &Spec::new("unisolate", Method::POST, "/machines/{}/unisolate", &["Machine.Isolate"])
            .safety(Safety::Once)
            .urgent();

    fn call(&self) -> Result<Call> {
        submission(&self.machine, "unisolate", &self.comment, None)
    }

    fn decode(&self, body: &[u8]) -> Result<MachineAction> {
        submitted(&self.machine, &ActionType::Unisolate, body)
    }
}

impl Submission for Unisolate {
    const KIND: ActionType = ActionType::Unisolate;
    const OPPOSITE: Option<ActionType> = Some(ActionType::Isolate);
    const LIFTS: bool = true;

    fn machine(&self) -> &MachineId {
        &self.machine
    }

    fn comment_mut(&mut self) -> &mut Comment {
        &mut self.comment
    }
}

impl MachineHandle {
    /// Releases the machine from isolation or containment: submits [`Unisolate`].
    ///
    /// The service refuses it while the isolation is still pending: [`cancel`](crate::ActionHandle::cancel) that instead.
    ///
    /// ```no_run
    /// # async fn f(host: defender_response::MachineHandle) -> defender_response::Result<()> {
    /// let action = host.unisolate("INC-4711: host cleaned").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`is_outcome_unknown`](crate::Error::is_outcome_unknown) when the answer was lost: don't repeat it blindly. Otherwise
    /// nothing was submitted: [`is_conflict`](crate::Error::is_conflict), [`is_already_running`](crate::Error::is_already_running), [`is_permission_denied`](crate::Error::is_permission_denied),
    /// [`is_not_found`](crate::Error::is_not_found), [`is_unsupported`](crate::Error::is_unsupported) and what any call may run into.
    pub async fn unisolate(&self, comment: impl Into<Comment>) -> Result<Submitted> {
        self.submit(Unisolate::new(self.id.clone(), comment)).await
    }
}
