//! What goes in and what comes out, whichever the action.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::form;
use super::key::IdempotencyKey;
use crate::audit::Run;
use crate::types::Timestamp;

/// The version of both envelopes.
pub const SCHEMA_VERSION: u32 = 1;

/// An action is given up after three days.
const LONGEST_WAIT: u32 = 259_200;

/// Characters of a key, and of an id or a name.
const LONGEST_KEY: usize = 500;
const LONGEST_ID: usize = 200;

/// A call of an action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// 1.
    #[serde(deserialize_with = "form::whole")]
    #[schemars(range(min = 1, max = 1))]
    pub schema_version: u32,
    /// The action's name.
    pub action: String,
    /// Its arguments.
    #[serde(default = "nothing")]
    #[schemars(with = "serde_json::Map<String, Value>")]
    pub arguments: Value,
    /// Which step of which run asks, for the audit log. Execution and step make an `idempotency_key`, unless that says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// What a repeat of this call is known by. **If it isn't given, it is made of the run's execution, step and iteration**, where
    /// the first two are: then a step that a loop comes to again finds what it did the first time, unless `iteration` tells them
    /// apart. `false`: no key, whatever the run says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<IdempotencyKey>,
    /// For how long the end of the action is waited for. Without it, submitted is as asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<WaitFor>,
    /// Whether it is done, or only shown.
    #[serde(default)]
    pub mode: Mode,
    /// Who approved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
}

fn nothing() -> Value {
    Value::Object(serde_json::Map::new())
}

impl Request {
    /// A call without further ado.
    #[must_use]
    pub fn new(action: impl Into<String>, arguments: Value) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            action: action.into(),
            arguments,
            run: None,
            idempotency_key: None,
            wait: None,
            mode: Mode::Apply,
            approval: None,
        }
    }

    /// Whether it is what its schema says, where its types alone don't.
    pub(super) fn check(&self) -> Result<(), Fault> {
        let wrong = |what: &str| Err(Fault::usage("invalid_request", what));
        let longer = |text: &str, limit: usize| text.chars().nth(limit).is_some();
        if self.schema_version != SCHEMA_VERSION {
            let version = self.schema_version;
            let what = format!("schema_version {version} isn't known here; it is {SCHEMA_VERSION}");
            return Err(Fault::usage("unknown_version", what));
        }
        // Serde would also take them by their places.
        if !self.arguments.is_object() {
            return Err(Fault::usage("invalid_arguments", "the arguments are no object"));
        }
        if self.wait.is_some_and(|wait| wait.max_seconds > LONGEST_WAIT) {
            return wrong("wait: max_seconds is 259200 at most");
        }
        let key = match &self.idempotency_key {
            Some(IdempotencyKey::Given(key)) => Some(key.as_str()),
            _ => None,
        };
        if key.is_some_and(|key| key.trim().is_empty() || longer(key, LONGEST_KEY)) {
            return wrong("idempotency_key: it has 1 to 500 characters, not all of them blanks");
        }
        let run = self.run.clone().unwrap_or_default();
        let ids = [&run.playbook_id, &run.execution_id, &run.step_id, &run.iteration];
        if ids.into_iter().flatten().any(|id| longer(id, LONGEST_ID)) {
            return wrong("run: an id has 200 characters at most");
        }
        if let Some(Approval { by, plan_id, .. }) = &self.approval
            && [by, plan_id].into_iter().any(|text| text.is_empty() || longer(text, LONGEST_ID))
        {
            return wrong("approval: by and plan_id have 1 to 200 characters each");
        }
        Ok(())
    }

    /// The key that was given, or one of execution, step and iteration.
    pub(super) fn key(&self) -> Option<String> {
        match &self.idempotency_key {
            Some(IdempotencyKey::Given(key)) => return Some(key.clone()),
            Some(IdempotencyKey::No) => return None,
            None => {}
        }
        let run = self.run.as_ref()?;
        // A template that wasn't filled in names no run.
        let filled = |id: &Option<String>| id.clone().filter(|id| !id.trim().is_empty());
        let (execution, step) = (filled(&run.execution_id)?, filled(&run.step_id)?);
        let key = format!("{}:{execution}/{step}", execution.len());
        Some(match filled(&run.iteration) {
            Some(iteration) => format!("{}:{iteration};{key}", iteration.len()),
            None => key,
        })
    }
}

/// For how long is waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitFor {
    /// So many seconds at most.
    #[serde(deserialize_with = "form::whole")]
    #[schemars(range(max = LONGEST_WAIT))]
    pub max_seconds: u32,
}

/// Whether it is done, or only shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It is done.
    #[default]
    Apply,
    /// What would be sent is shown, and stopped at the transport. Reads are made.
    Plan,
}

/// Somebody's leave for one plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Who, for the audit log.
    #[schemars(length(min = 1, max = 200))]
    pub by: String,
    /// What: `plan_id` of the answer in mode `plan`.
    #[schemars(length(min = 1, max = 200))]
    pub plan_id: String,
    /// Until when. Without it the approval holds for the same plan for as long, and as often, as it is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub expires: Option<Timestamp>,
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Response {
    /// 1.
    #[schemars(range(min = 1, max = 1))]
    pub schema_version: u32,
    /// Whether it is as asked.
    pub ok: bool,
    /// How far it has come.
    pub state: State,
    /// How a submission came to its action: `created`, `adopted`, `already_pending`, `already_in_state`; in a plan
    /// `would_send` where something would be sent.
    pub disposition: Option<String>,
    /// The action's result by its schema; in mode `plan` what would be sent; null where there is none.
    pub result: Value,
    /// One by one what became of many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<Value>>,
    /// How to go on with an action that hasn't ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Resume>,
    /// What should be known.
    pub warnings: Vec<String>,
    /// Why it isn't as asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Fault>,
}

/// How far something has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum State {
    /// A plan: nothing was sent.
    Planned,
    /// The service has it, and the device hasn't.
    Submitted,
    /// The device has it, or it was under way before.
    InProgress,
    /// Done by the service's records; of a read, read.
    Succeeded,
    /// The device reported that it couldn't.
    Failed,
    /// The device never reported: it may be done or not.
    TimedOut,
    /// Somebody cancelled it.
    Cancelled,
    /// It was done before under the same key, and its opposite since.
    Superseded,
    /// Nothing was done.
    Rejected,
    /// Whether something was done isn't known.
    Unknown,
}

/// How to go on with an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resume {
    /// For the action `wait_for_action`, and `run_action --resume`.
    pub token: String,
    /// When to look again.
    pub poll_after_seconds: u32,
    /// Until when the device may still carry it out, about.
    #[schemars(with = "Option<String>")]
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    pub armed_until: Option<Timestamp>,
}

#[allow(clippy::ref_option)] // serde's form
fn as_text<S: serde::Serializer>(time: &Option<Timestamp>, s: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.to_string()).serialize(s)
}

fn from_text<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(d)?;
    text.map(|text| text.parse().map_err(serde::de::Error::custom)).transpose()
}

/// Why something isn't as asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fault {
    /// The kind of error, such as `permission_denied`.
    pub code: String,
    /// What a runner decides by.
    pub category: Category,
    /// For people.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// Of the service's answer.
    pub http_status: Option<u16>,
    /// What support asks for.
    pub correlation_id: Option<String>,
    /// Whether the same call can be made again and nothing is done twice, for certain. It may still fail again.
    pub retry_safe: bool,
}

/// What was to be done isn't what somebody has approved.
pub(super) fn not_approved(what: &str) -> Fault {
    let mut fault = Fault::new("not_approved", Category::Refused, what);
    fault.retry_safe = true;
    let hint = "call it in mode plan, and have the plan_id of the answer approved";
    fault.hint = Some(hint.to_owned());
    fault
}

/// What a runner decides by. Each has an exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Category {
    /// A failure of the service, the network or this program.
    Internal,
    /// The call can't be right.
    Usage,
    /// Signing in failed.
    SignIn,
    /// A role, a licence or a feature is missing.
    Permission,
    /// There is no such thing, or several.
    NotFound,
    /// It isn't as it was expected to be.
    Conflict,
    /// A quota is used up.
    Throttled,
    /// The action ended as failed or cancelled.
    ActionFailed,
    /// The action hasn't ended.
    StillRunning,
    /// A guard forbids it, or an approval is missing.
    Refused,
    /// Some of it is done.
    Partly,
    /// Whether it was done isn't known.
    Unknown,
}

impl Category {
    /// The exit status of a program that calls one action.
    #[must_use]
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::Usage => 2,
            Self::SignIn => 3,
            Self::Permission => 4,
            Self::NotFound => 5,
            Self::Conflict => 6,
            Self::Throttled => 7,
            Self::ActionFailed => 8,
            Self::StillRunning => 9,
            Self::Refused => 10,
            Self::Partly => 11,
            Self::Unknown => 12,
        }
    }
}

impl From<Fault> for Response {
    /// What is answered where nothing was done.
    fn from(fault: Fault) -> Self {
        Self::rejected(fault)
    }
}

impl Response {
    /// What is answered where nothing was done.
    pub(super) fn rejected(fault: Fault) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            ok: false,
            state: State::Rejected,
            disposition: None,
            result: Value::Null,
            items: None,
            resume: None,
            warnings: Vec::new(),
            error: Some(fault),
        }
    }

    /// The exit status of a program that calls one action: 0 if it is as asked.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match &self.error {
            None => 0,
            Some(fault) => fault.category.exit_status(),
        }
    }

    /// The same as one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings, numbers and JSON values: none of it can't be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}
