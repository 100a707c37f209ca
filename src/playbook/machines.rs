//! The actions on a machine.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::action::{About, Action, Job, Outcome, Watch, object, value};
use super::envelope::{Category, Fault, State};
use super::fault::Effect;
use super::form;
use crate::actions::{Disposition, Submitted};
use crate::error::{Error, Result};
use crate::machines::{
    Isolate, IsolationType, MachineHandle, RestrictCodeExecution, RunAntiVirusScan, ScanType,
    Unisolate, UnrestrictCodeExecution,
};
use crate::model::{ActionStatus, MachineAction};
use crate::operation::Operation;
use crate::types::MachineId;

/// A machine and why.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MachineArguments {
    /// The machine's id: 40 hexadecimal digits.
    #[schemars(regex(pattern = r"^[0-9a-fA-F]{40}$"))]
    pub(super) machine_id: String,
    /// Why: what auditors read.
    #[schemars(length(min = 1, max = 1000), regex(pattern = r"\S"))]
    pub(super) comment: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct IsolateArguments {
    /// The machine's id: 40 hexadecimal digits.
    #[schemars(regex(pattern = r"^[0-9a-fA-F]{40}$"))]
    machine_id: String,
    /// Why: what auditors read.
    #[schemars(length(min = 1, max = 1000), regex(pattern = r"\S"))]
    comment: String,
    /// How far; `Full` where it is missing.
    #[serde(default, deserialize_with = "form::filled")]
    #[schemars(transform = form::may_be_empty)]
    isolation_type: Option<Isolation>,
}

/// How far an isolation goes.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
pub(super) enum Isolation {
    /// Only the connection to the service is left.
    Full,
    /// Outlook, Teams and the tenant's exclusions are left too: for hosts behind proxies.
    Selective,
}

impl From<Isolation> for IsolationType {
    fn from(kind: Isolation) -> Self {
        match kind {
            Isolation::Full => Self::Full,
            Isolation::Selective => Self::Selective,
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ScanArguments {
    /// The machine's id: 40 hexadecimal digits.
    #[schemars(regex(pattern = r"^[0-9a-fA-F]{40}$"))]
    machine_id: String,
    /// Why: what auditors read.
    #[schemars(length(min = 1, max = 1000), regex(pattern = r"\S"))]
    comment: String,
    /// How thorough.
    scan_type: Scan,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
enum Scan {
    /// The places where malware settles.
    Quick,
    /// The whole disk.
    Full,
}

/// A machine action: the outputs that playbooks know, and the whole.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ActionOutput {
    /// The action's id.
    id: String,
    /// What it does.
    #[serde(rename = "type")]
    kind: String,
    /// How far it has come, in the service's words.
    status: String,
    /// Who asked.
    requestor: Option<String>,
    /// A title, rarely there.
    title: Option<String>,
    /// The machine.
    machineid: Option<String>,
    /// Of an isolation or a scan; may not be filled at first.
    scope: Option<String>,
    /// The action as the service has it.
    machine_action: Map<String, Value>,
}

pub(super) fn show(action: &MachineAction) -> Value {
    value(&output(action))
}

pub(super) fn output(action: &MachineAction) -> ActionOutput {
    ActionOutput {
        id: action.id.to_string(),
        kind: action.action_type.to_string(),
        status: action.status.to_string(),
        requestor: action.requestor.clone(),
        title: action.title.clone(),
        machineid: action.machine_id.as_ref().map(ToString::to_string),
        scope: action.scope.clone(),
        machine_action: object(action),
    }
}

/// An action that was submitted, or why it wasn't, or what would be.
async fn submitted<O: Operation>(
    job: &Job<'_>,
    operation: &O,
    outcome: impl Future<Output = Result<Submitted>> + Send,
) -> Outcome {
    match outcome.await {
        Ok(submitted) => Outcome::submitted(job, submitted),
        Err(error) if error.is_dry_run() => would_send(job, operation),
        Err(error) => told(&error),
    }
}

impl Outcome {
    /// A machine action was submitted, or found: the listed outputs are its result, its end is waited for as the call says,
    /// and there is a token to go on by.
    #[must_use]
    pub fn submitted(job: &Job<'_>, submitted: Submitted) -> Self {
        as_submitted(job, submitted)
    }
}

fn as_submitted(job: &Job<'_>, submitted: Submitted) -> Outcome {
    let action = submitted.action().clone();
    let disposition = submitted.disposition();
    let (is_over, scope) = (action.status.is_terminal(), submitted.scope_confirmed());
    let state = match (disposition, &action.status) {
        _ if job.plan => State::Planned,
        (Disposition::Created, status) if !status.is_terminal() => State::Submitted,
        (_, status) => state_of(status),
    };
    let mut told = if job.plan {
        Outcome::planned(json!({ "would_send": [], "there": show(&action) }), "")
    } else {
        Outcome::done(&show(&action))
    };
    told.state = state;
    told.disposition = Some(disposition.as_str().to_owned());
    if disposition == Disposition::AlreadyPending && scope == Some(false) {
        let what = format!(
            "{} is under way as {}, which isn't what was asked for; nothing was submitted",
            action.id,
            action.scope.as_deref().unwrap_or_default()
        );
        told.error = Some(Fault::new("other_scope", Category::Conflict, what));
        return told;
    }
    if disposition == Disposition::AlreadyInState {
        let age = submitted.age().map(|age| age.as_secs()).unwrap_or_default();
        told.warnings.push(format!(
            "nothing was submitted: by the service's records it is so already, as of {age} s ago"
        ));
    }
    let done = is_over && action.status == ActionStatus::Succeeded;
    if !job.plan && !done {
        let (handle, action) = (submitted.into_handle(), Some(action));
        told.watch = Some(Watch { handle, action, show, effect: Effect::Once });
    }
    told
}

pub(super) fn state_of(status: &ActionStatus) -> State {
    match status {
        ActionStatus::Pending => State::Submitted,
        ActionStatus::Succeeded => State::Succeeded,
        ActionStatus::Failed => State::Failed,
        ActionStatus::Cancelled => State::Cancelled,
        ActionStatus::TimeOut => State::TimedOut,
        _ => State::InProgress,
    }
}

/// An error that may hold an action.
fn told(error: &Error) -> Outcome {
    let mut told = Outcome::failed(error, Effect::Once);
    if let Some(action) = error.action() {
        told.result = show(action);
    }
    if error.is_outcome_unknown()
        && let (Some(reference), Some(fault)) = (error.reference(), &mut told.error)
    {
        let hint = format!(
            "wait for 60 s at least; if it was sent with an idempotency key, the same call then finds it, and else look for an \
             action whose comment begins with [{reference}]"
        );
        fault.hint = Some(hint);
    }
    told
}

pub(super) fn would_send<O: Operation>(job: &Job<'_>, operation: &O) -> Outcome {
    match withheld(job, operation) {
        Ok(call) => Outcome::planned(json!({ "would_send": [call] }), "would_send"),
        Err(error) => Outcome::failed(&error, Effect::Once),
    }
}

/// A call as a plan shows it.
pub(super) fn withheld<O: Operation>(job: &Job<'_>, operation: &O) -> Result<Value> {
    let preview = job.client.preview(operation)?;
    let body = preview.body.and_then(|body| serde_json::from_str::<Value>(&body).ok());
    Ok(json!({
        "operation": preview.operation, "method": preview.method.as_str(),
        "url": preview.url.as_str(), "body": body, "roles": preview.roles,
    }))
}

fn handle(job: &Job<'_>, id: &MachineId) -> MachineHandle {
    let host = job.client.machine(id);
    match job.key {
        Some(key) => host.keyed(key),
        None => host,
    }
}

pub(super) fn machine_id(text: &str) -> Result<MachineId, Fault> {
    text.parse().map_err(|error| Fault::usage("invalid_arguments", format!("machine_id: {error}")))
}

/// Cuts a machine off.
pub(super) struct IsolateEndpoint;

#[async_trait]
impl Action for IsolateEndpoint {
    fn about(&self) -> About {
        About::new::<IsolateArguments, ActionOutput>(
            "isolate_endpoint",
            "Isolate a machine",
            "Cuts a machine off the network; it keeps its connection to the service. It takes \
             effect when the device next reports.",
        )
        .role(Isolate::SPEC.roles)
        .role(&["Machine.Read.All", "Machine.ReadWrite.All"])
        .changing(Effect::Once)
        .undone_by("deisolate_endpoint")
    }

    async fn act(&self, job: Job<'_>) -> Outcome {
        let read = job.arguments::<IsolateArguments>();
        let (arguments, id) = match read.and_then(|a| Ok((machine_id(&a.machine_id)?, a))) {
            Ok((id, arguments)) => (arguments, id),
            Err(fault) => return Outcome::rejected(fault),
        };
        let kind = arguments.isolation_type.unwrap_or(Isolation::Full).into();
        let operation = Isolate::new(id.clone(), kind, &arguments.comment);
        let host = handle(&job, &id);
        let outcome = host.isolate(kind, &arguments.comment);
        let mut told = submitted(&job, &operation, outcome).await;
        if arguments.isolation_type.is_none() {
            told.warnings.push(
                "isolation_type is missing, and taken as Full; Selective is the one for hosts that reach the service through \
                 a proxy or VPN, which may not recover from Full"
                    .to_owned(),
            );
        }
        told
    }
}

/// Scans a machine.
pub(super) struct ScanEndpoint;

#[async_trait]
impl Action for ScanEndpoint {
    fn about(&self) -> About {
        About::new::<ScanArguments, ActionOutput>(
            "scan",
            "Scan a machine",
            "Scans a machine with Defender Antivirus.",
        )
        .role(RunAntiVirusScan::SPEC.roles)
        .role(&["Machine.Read.All", "Machine.ReadWrite.All"])
        .changing(Effect::Once)
    }

    async fn act(&self, job: Job<'_>) -> Outcome {
        let read = job.arguments::<ScanArguments>();
        let (arguments, id) = match read.and_then(|a| Ok((machine_id(&a.machine_id)?, a))) {
            Ok((id, arguments)) => (arguments, id),
            Err(fault) => return Outcome::rejected(fault),
        };
        let kind = match arguments.scan_type {
            Scan::Quick => ScanType::Quick,
            Scan::Full => ScanType::Full,
        };
        let operation = RunAntiVirusScan::new(id.clone(), kind, &arguments.comment);
        let host = handle(&job, &id);
        submitted(&job, &operation, host.scan(kind, &arguments.comment)).await
    }
}

/// The three actions that take a machine and a comment alone.
macro_rules! plain {
    ($name:ident, $operation:ident, $verb:ident, $called:literal, $title:literal, $text:literal $(, $undo:literal)?) => {
        pub(super) struct $name;

        #[async_trait]
        impl Action for $name {
            fn about(&self) -> About {
                About::new::<MachineArguments, ActionOutput>($called, $title, $text)
                    .role($operation::SPEC.roles)
                    .role(&["Machine.Read.All", "Machine.ReadWrite.All"])
                    .changing(Effect::Once)
                    $(.undone_by($undo))?
            }

            async fn act(&self, job: Job<'_>) -> Outcome {
                let read = job.arguments::<MachineArguments>();
                let (arguments, id) = match read.and_then(|a| Ok((machine_id(&a.machine_id)?, a))) {
                    Ok((id, arguments)) => (arguments, id),
                    Err(fault) => return Outcome::rejected(fault),
                };
                let operation = $operation::new(id.clone(), &arguments.comment);
                let host = handle(&job, &id);
                submitted(&job, &operation, host.$verb(&arguments.comment)).await
            }
        }
    };
}

plain!(
    DeisolateEndpoint,
    Unisolate,
    unisolate,
    "deisolate_endpoint",
    "Release a machine",
    "Releases a machine from isolation or containment, whoever isolated it.",
    "isolate_endpoint"
);
plain!(
    Restrict,
    RestrictCodeExecution,
    restrict_code_execution,
    "restrict_code_execution",
    "Restrict code execution",
    "Lets a machine run only code that Microsoft signed.",
    "unrestrict_code_execution"
);
plain!(
    Unrestrict,
    UnrestrictCodeExecution,
    unrestrict_code_execution,
    "unrestrict_code_execution",
    "Lift the restriction of code execution",
    "Lets a machine run any code again.",
    "restrict_code_execution"
);
