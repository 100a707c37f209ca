//! The response verbs on a machine: each an operation, its wire call and its method in one block.

use http::Method;
use serde_json::{Value, json};

use crate::actions::{Comment, Submission, Submitted, decode_action, submit};
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Machine, MachineAction};
use crate::operation::{Call, Operation, Path, Safety, Spec, read_object};
use crate::types::{MachineId, is_machine_id};

impl Client {
    /// A handle on a machine, by its id. Nothing is sent until one of its methods is called.
    #[must_use]
    pub fn machine(&self, id: impl Into<MachineId>) -> MachineHandle {
        MachineHandle { client: self.clone(), id: id.into() }
    }

    /// The tenant's machines.
    #[must_use]
    pub fn machines(&self) -> Machines {
        Machines { client: self.clone() }
    }
}

/// A handle on one machine, and what can be done to it.
///
/// Each verb *submits* an action. That it is done is learnt by waiting for it:
///
/// ```no_run
/// # use defender_response::{IsolationType, MachineHandle};
/// # use std::time::Duration;
/// # async fn f(host: MachineHandle) -> defender_response::Result<()> {
/// let action = host.isolate(IsolationType::Full, "INC-4711: beaconing").await?;
/// action.wait().within(Duration::from_secs(600)).await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct MachineHandle {
    client: Client,
    id: MachineId,
}

impl MachineHandle {
    /// The machine's id.
    #[must_use]
    pub fn id(&self) -> &MachineId {
        &self.id
    }
}

/// The tenant's machines, from [`Client::machines`].
#[derive(Clone, Debug)]
pub struct Machines {
    client: Client,
}

// ---- get ---------------------------------------------------------------------------------------

/// Reads one machine, by its id or its name
/// ([documentation](https://learn.microsoft.com/defender-endpoint/api/get-machine-by-id)).
///
/// Permission `Machine.Read.All` or `Machine.ReadWrite.All`; quota 100 a minute, 1,500 an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetMachine {
    key: String,
}

impl GetMachine {
    /// A read by id.
    #[must_use]
    pub fn by_id(machine: &MachineId) -> Self {
        Self { key: machine.as_str().to_owned() }
    }

    /// A read by host name.
    #[must_use]
    pub fn by_name(name: impl Into<String>) -> Self {
        Self { key: name.into().trim().to_owned() }
    }
}

impl Operation for GetMachine {
    type Output = Machine;
    const SPEC: &'static Spec = &Spec::new(
        "get_machine",
        Method::GET,
        "/machines/{}",
        &["Machine.Read.All", "Machine.ReadWrite.All"],
    );

    fn call(&self) -> Result<Call> {
        let path = Path::new(["machines", &self.key])?;
        Ok(Call::new(&self.key, path))
    }

    fn decode(&self, body: &[u8]) -> Result<Machine> {
        read_object(body)
    }
}

impl MachineHandle {
    /// Reads the machine: [`GetMachine`].
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found) for an id the tenant doesn't have, and what any read may run into.
    pub async fn get(&self) -> Result<Machine> {
        self.client.send(&GetMachine::by_id(&self.id)).await
    }
}

impl Machines {
    /// Reads the machine of this name: [`GetMachine`].
    ///
    /// The name is the full one (`ws-042.corp.example`); whether the service finds a host by its first label isn't
    /// documented. Where several entries share a name, the service picks one of them.
    ///
    /// ```no_run
    /// # async fn f(defender: defender_response::Client) -> defender_response::Result<()> {
    /// let machine = defender.machines().by_name("ws-042.corp.example").await?;
    /// let host = defender.machine(&machine.id);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found) also when the service answers with a machine of another name;
    /// [`is_invalid_input`](Error::is_invalid_input) for what can't be a host name.
    pub async fn by_name(&self, name: &str) -> Result<Machine> {
        let name = name.trim();
        let target = |error: Error| error.of(GetMachine::SPEC.name, name);
        if !is_host_name(name) {
            return Err(target(Error::input("this isn't a host name")));
        }
        let machine = self.client.send(&GetMachine::by_name(name)).await?;
        if machine.is_named(name) {
            return Ok(machine);
        }
        let other = machine.computer_dns_name.as_deref().unwrap_or("a machine without a name");
        Err(target(Error::new(
            ErrorKind::NotFound,
            format!("there is no machine of exactly this name; the service answered with {other}"),
        )))
    }
}

fn is_host_name(text: &str) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
    };
    text.len() <= 253 && text.split('.').all(label) && !is_machine_id(text)
}

// ---- isolate -----------------------------------------------------------------------------------

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
            &json!({ "Comment": self.comment.render()?, "IsolationType": self.isolation_type.as_str() }),
        )
    }

    fn decode(&self, body: &[u8]) -> Result<MachineAction> {
        decode_action(body)
    }
}

impl Submission for Isolate {
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
    /// [`is_outcome_unknown`](Error::is_outcome_unknown) when the answer was lost: don't repeat it blindly. Otherwise
    /// nothing was submitted: [`is_already_running`](Error::is_already_running), [`is_permission_denied`](Error::is_permission_denied),
    /// [`is_not_found`](Error::is_not_found), [`is_unsupported`](Error::is_unsupported) and what any call may run into.
    pub async fn isolate(
        &self,
        isolation_type: IsolationType,
        comment: impl Into<Comment>,
    ) -> Result<Submitted> {
        submit(&self.client, Isolate::new(self.id.clone(), isolation_type, comment)).await
    }
}

// ---- unisolate ---------------------------------------------------------------------------------

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
            .safety(Safety::Once);

    fn call(&self) -> Result<Call> {
        submission(&self.machine, "unisolate", &json!({ "Comment": self.comment.render()? }))
    }

    fn decode(&self, body: &[u8]) -> Result<MachineAction> {
        decode_action(body)
    }
}

impl Submission for Unisolate {
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
    /// [`is_outcome_unknown`](Error::is_outcome_unknown) when the answer was lost: don't repeat it blindly. Otherwise
    /// nothing was submitted: [`is_already_running`](Error::is_already_running), [`is_permission_denied`](Error::is_permission_denied),
    /// [`is_not_found`](Error::is_not_found), [`is_unsupported`](Error::is_unsupported) and what any call may run into.
    pub async fn unisolate(&self, comment: impl Into<Comment>) -> Result<Submitted> {
        submit(&self.client, Unisolate::new(self.id.clone(), comment)).await
    }
}

// ---- scan --------------------------------------------------------------------------------------

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
            &json!({ "Comment": self.comment.render()?, "ScanType": self.scan_type.as_str() }),
        )
    }

    fn decode(&self, body: &[u8]) -> Result<MachineAction> {
        decode_action(body)
    }
}

impl Submission for RunAntiVirusScan {
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
    /// [`is_outcome_unknown`](Error::is_outcome_unknown) when the answer was lost: don't repeat it blindly. Otherwise
    /// nothing was submitted: [`is_already_running`](Error::is_already_running), [`is_permission_denied`](Error::is_permission_denied),
    /// [`is_not_found`](Error::is_not_found), [`is_unsupported`](Error::is_unsupported) and what any call may run into.
    pub async fn scan(
        &self,
        scan_type: ScanType,
        comment: impl Into<Comment>,
    ) -> Result<Submitted> {
        submit(&self.client, RunAntiVirusScan::new(self.id.clone(), scan_type, comment)).await
    }
}

// ---- restrict ----------------------------------------------------------------------------------

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
        submission(
            &self.machine,
            "restrictCodeExecution",
            &json!({ "Comment": self.comment.render()? }),
        )
    }

    fn decode(&self, body: &[u8]) -> Result<MachineAction> {
        decode_action(body)
    }
}

impl Submission for RestrictCodeExecution {
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
    /// [`is_outcome_unknown`](Error::is_outcome_unknown) when the answer was lost: don't repeat it blindly. Otherwise
    /// nothing was submitted: [`is_already_running`](Error::is_already_running), [`is_permission_denied`](Error::is_permission_denied),
    /// [`is_not_found`](Error::is_not_found), [`is_unsupported`](Error::is_unsupported) and what any call may run into.
    pub async fn restrict_code_execution(&self, comment: impl Into<Comment>) -> Result<Submitted> {
        submit(&self.client, RestrictCodeExecution::new(self.id.clone(), comment)).await
    }
}

// ---- unrestrict --------------------------------------------------------------------------------

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
    .safety(Safety::Once);

    fn call(&self) -> Result<Call> {
        submission(
            &self.machine,
            "unrestrictCodeExecution",
            &json!({ "Comment": self.comment.render()? }),
        )
    }

    fn decode(&self, body: &[u8]) -> Result<MachineAction> {
        decode_action(body)
    }
}

impl Submission for UnrestrictCodeExecution {
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
    /// [`is_outcome_unknown`](Error::is_outcome_unknown) when the answer was lost: don't repeat it blindly. Otherwise
    /// nothing was submitted: [`is_already_running`](Error::is_already_running), [`is_permission_denied`](Error::is_permission_denied),
    /// [`is_not_found`](Error::is_not_found), [`is_unsupported`](Error::is_unsupported) and what any call may run into.
    pub async fn unrestrict_code_execution(
        &self,
        comment: impl Into<Comment>,
    ) -> Result<Submitted> {
        submit(&self.client, UnrestrictCodeExecution::new(self.id.clone(), comment)).await
    }
}

/// What the verbs share: `POST /api/machines/{id}/{verb}`.
fn submission(machine: &MachineId, verb: &str, body: &Value) -> Result<Call> {
    let path = Path::new(["machines", machine.as_str(), verb])?;
    Call::new(machine.as_str(), path).json(body)
}
