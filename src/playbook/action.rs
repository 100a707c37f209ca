//! An action as a runner calls it: what is known about it, what it is given, what it answers.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::envelope::{Fault, State};
use super::fault::{self, Effect};
use super::ledger::Ledger;
use crate::actions::ActionHandle;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::model::MachineAction;

/// Something a runner can call by name. Users may add their own to a [`Registry`](super::Registry).
///
/// ```
/// use async_trait::async_trait;
/// use defender_response::playbook::{About, Action, Effect, Fault, Job, Outcome, Registry};
/// use defender_response::{IsolationType, MachineId};
/// use serde_json::Value;
///
/// /// Isolates the machine that an incident names.
/// struct IsolateByIncident;
///
/// #[async_trait]
/// impl Action for IsolateByIncident {
///     fn about(&self) -> About {
///         About::new::<Value, Value>("isolate_by_incident", "Isolate by incident", "Isolates the incident's machine.")
///             .changing(Effect::Once)
///             .undone_by("deisolate_endpoint")
///     }
///
///     async fn act(&self, job: Job<'_>) -> Outcome {
///         let machine = job.arguments.pointer("/incident/machine").and_then(Value::as_str);
///         let Some(machine) = machine.and_then(|id| id.parse::<MachineId>().ok()) else {
///             return Outcome::rejected(Fault::usage("invalid_arguments", "the incident names no machine"));
///         };
///         let mut host = job.client.machine(machine);
///         if let Some(key) = job.key {
///             host = host.keyed(key);
///         }
///         match host.isolate(IsolationType::Full, "by the incident").await {
///             // What was submitted is waited for, and gone on with by its token.
///             Ok(submitted) => Outcome::submitted(&job, submitted),
///             // In a plan it says what would be sent.
///             Err(error) => Outcome::failed(&error, Effect::Once),
///         }
///     }
/// }
///
/// let registry = Registry::default().with(IsolateByIncident);
/// assert!(registry.get("isolate_by_incident").is_some());
/// ```
#[async_trait]
pub trait Action: Send + Sync {
    /// What is known about it.
    fn about(&self) -> About;

    /// Does it. In a plan ([`Job::plan`]) the client lets reads through and nothing else. Where there is an approval it is
    /// planned once more first, and not done if the plan's result is another one by now.
    async fn act(&self, job: Job<'_>) -> Outcome;

    /// What an approval is bound to beside the arguments, such as what a file that they name holds. [`act`](Self::act) is
    /// given it as [`Job::approved`], and has to see to it that nothing else is done.
    ///
    /// # Errors
    /// What can't be read can't be approved.
    fn approved_with(&self, _job: &Job<'_>) -> Result<Vec<u8>, Fault> {
        Ok(Vec::new())
    }
}

/// What is known about an action.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct About {
    /// Its name.
    pub name: &'static str,
    /// A title.
    pub title: &'static str,
    /// What it does.
    pub description: &'static str,
    /// The roles it takes, each entry those of which any one will do.
    pub roles: Vec<Vec<&'static str>>,
    /// Whether it changes anything.
    pub changes: bool,
    /// The action that takes it back, if there is one.
    pub undone_by: Option<&'static str>,
    /// The schema of its arguments.
    pub arguments: Value,
    /// The schema of its result.
    pub result: Value,
    /// What repeating it comes to.
    #[serde(skip)]
    pub effect: Effect,
}

impl About {
    /// An action with arguments `A` and result `R` that only reads; the setters change that.
    #[must_use]
    pub fn new<A: JsonSchema, R: JsonSchema>(
        name: &'static str,
        title: &'static str,
        description: &'static str,
    ) -> Self {
        Self {
            name,
            title,
            description,
            roles: Vec::new(),
            changes: false,
            undone_by: None,
            arguments: schema::<A>(false),
            result: schema::<R>(true),
            effect: Effect::Reads,
        }
    }

    /// It changes something.
    #[must_use]
    pub fn changing(mut self, effect: Effect) -> Self {
        self.changes = true;
        self.effect = effect;
        self
    }

    /// Any one of these roles is needed, beside what was said before.
    #[must_use]
    pub fn role(mut self, any_of: &[&'static str]) -> Self {
        self.roles.push(any_of.to_vec());
        self
    }

    /// That action takes it back.
    #[must_use]
    pub fn undone_by(mut self, action: &'static str) -> Self {
        self.undone_by = Some(action);
        self
    }
}

/// The JSON Schema of a type, as it is read or as it is written.
pub(super) fn schema<T: JsonSchema>(written: bool) -> Value {
    let settings = SchemaSettings::draft2020_12();
    let settings = if written { settings.for_serialize() } else { settings.for_deserialize() };
    SchemaGenerator::new(settings).into_root_schema_for::<T>().to_value()
}

/// What an action is given.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Job<'a> {
    /// Where it is done. In a plan it lets reads through and nothing else.
    pub client: &'a Client,
    /// Its arguments.
    pub arguments: &'a Value,
    /// What it is known by.
    pub key: Option<&'a str>,
    /// For how long an end is waited for, for actions that wait themselves.
    pub wait: Option<Duration>,
    /// Whether it is only to be shown.
    pub plan: bool,
    /// The folder that files are named in.
    pub data: Option<&'a Path>,
    /// What [`Action::approved_with`] gave where an approval was held against it, or a plan is made for one.
    pub approved: Option<&'a [u8]>,
    /// What an approved plan would do.
    pub(super) leave: Option<&'a [Value]>,
    /// What was written so far.
    pub(super) ledger: &'a Ledger,
}

impl Job<'_> {
    /// The arguments as they are meant.
    ///
    /// # Errors
    /// A fault of category `usage` that names what doesn't fit.
    pub fn arguments<A: DeserializeOwned>(&self) -> Result<A, Fault> {
        A::deserialize(self.arguments)
            .map_err(|error| Fault::usage("invalid_arguments", format!("the arguments: {error}")))
    }

    /// Where a file is that the arguments name: in the data folder, if there is one, and nowhere else then.
    ///
    /// # Errors
    /// A path that leads out of the data folder.
    pub fn file(&self, named: &str) -> Result<PathBuf, Fault> {
        let Some(folder) = self.data else { return Ok(PathBuf::from(named)) };
        let path = Path::new(named);
        if path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Ok(folder.join(path));
        }
        let what = "files are named relative to the data folder, and inside it";
        Err(Fault::usage("invalid_arguments", format!("{named:?}: {what}")))
    }
}

/// What an action answers.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// How far it has come.
    pub state: State,
    /// How a submission came to its action.
    pub disposition: Option<String>,
    /// The result.
    pub result: Value,
    /// One by one what became of many.
    pub items: Option<Vec<Value>>,
    /// What should be known.
    pub warnings: Vec<String>,
    /// Why it isn't as asked.
    pub error: Option<Fault>,
    /// An action whose end may be waited for.
    pub(super) watch: Option<Watch>,
    /// Of a plan: what it would do, where `result.would_send` doesn't say it.
    pub(super) does: Option<Vec<Value>>,
}

/// A machine action to wait for, and how it is shown.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) handle: ActionHandle,
    pub(super) action: Option<MachineAction>,
    pub(super) show: fn(&MachineAction) -> Value,
    pub(super) effect: Effect,
}

impl Outcome {
    /// It is done.
    #[must_use]
    pub fn done(result: &impl Serialize) -> Self {
        Self {
            state: State::Succeeded,
            disposition: None,
            result: value(result),
            items: None,
            warnings: Vec::new(),
            error: None,
            watch: None,
            does: None,
        }
    }

    /// It isn't, and nothing was changed.
    #[must_use]
    pub fn rejected(fault: Fault) -> Self {
        Self { state: State::Rejected, error: Some(fault), ..Self::done(&Value::Null) }
    }

    /// It ended in the crate's error. That a plan's client let something not through is a plan.
    #[must_use]
    pub fn failed(error: &Error, effect: Effect) -> Self {
        if error.is_dry_run() {
            let call = json!({ "operation": error.operation(), "target": error.target() });
            return Self::planned(json!({ "would_send": [call] }), "would_send");
        }
        let fault = Some(Fault::of(error, effect));
        Self { state: fault::state(error, effect), error: fault, ..Self::done(&Value::Null) }
    }

    /// It would be done: an answer in a plan alone. `would_send` in the result lists the calls
    /// ([`Client::preview`](crate::Client::preview) tells them), to which an approval is bound; without it, to the whole result.
    /// The disposition is `would_send`, or how it stands where nothing would be.
    #[must_use]
    pub fn planned(result: Value, disposition: &str) -> Self {
        let disposition = Some(disposition.to_owned());
        Self { state: State::Planned, disposition, result, ..Self::done(&Value::Null) }
    }
}

pub(super) fn value(result: &impl Serialize) -> Value {
    serde_json::to_value(result).unwrap_or(Value::Null)
}

/// Beside the listed outputs stands the full object.
pub(super) fn object(whole: &impl Serialize) -> Map<String, Value> {
    match value(whole) {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
