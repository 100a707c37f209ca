//! What is written down about every call that changes something: one event before it and one after.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tracing::{error, info};

use crate::error::{Error, ErrorKind, Result};
use crate::types::{ActionId, Timestamp};

/// Which step of which run of a playbook asks for something; for the audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "playbook", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The playbook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "playbook", schemars(length(max = 200)))]
    pub playbook_id: Option<String>,
    /// Its execution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "playbook", schemars(length(max = 200)))]
    pub execution_id: Option<String>,
    /// The step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "playbook", schemars(length(max = 200)))]
    pub step_id: Option<String>,
    /// Which time it is that the execution comes to the step, as in a loop: a text or a number.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "text_or_number")]
    #[cfg_attr(feature = "playbook", schemars(transform = or_a_number, length(max = 200)))]
    pub iteration: Option<String>,
}

/// A number is the text that it is written as, and a whole one is written without a point.
fn text_or_number<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Text(String),
        Number(serde_json::Number),
    }
    Ok(Option::<Given>::deserialize(d)?.map(|given| match given {
        Given::Text(text) => text,
        Given::Number(number) => match number.to_string().strip_suffix(".0") {
            Some(whole) => whole.to_owned(),
            None => number.to_string(),
        },
    }))
}

#[cfg(feature = "playbook")]
fn or_a_number(schema: &mut schemars::Schema) {
    schema.insert("type".to_owned(), serde_json::json!(["string", "number", "null"]));
}

/// Whether something is about to be done, or is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AuditPhase {
    /// Nothing was sent yet.
    Before,
    /// The caller is about to be told what became of it.
    After,
}

/// One entry of the audit log. It holds no secret and no token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AuditEvent {
    /// When, by this machine's clock.
    pub at: Timestamp,
    /// Before or after.
    pub phase: AuditPhase,
    /// The tenant, as the credential was set up.
    pub tenant: Option<String>,
    /// The application that acts, as the credential was set up.
    pub application: Option<String>,
    /// On whose behalf.
    pub run: Option<Run>,
    /// Who approved it, where it was approved.
    pub approved_by: Option<String>,
    /// The plan that was approved.
    pub plan_id: Option<String>,
    /// The operation by its name in the catalog.
    pub operation: &'static str,
    /// What it is about: a machine, an action, an alert.
    pub target: String,
    /// The reference that the comment begins with; of what a playbook's feed changes, the hash of its plan.
    pub reference: Option<String>,
    /// How a submission came to its action.
    pub disposition: Option<&'static str>,
    /// Afterwards: the action's status, `done`, `not_sent`, the kind of error, or `caller_gone` when the caller went away
    /// before it was told, and a request may have left by then.
    pub state: Option<String>,
    /// The action.
    pub action: Option<ActionId>,
    /// The HTTP status of an answer that was an error.
    pub http_status: Option<u16>,
    /// What support asks for, where the service gave one: it comes with errors alone. What was done is found again by its
    /// reference.
    pub correlation_id: Option<String>,
}

/// Where audit events go, beside the `tracing` target `defender_response::audit`.
///
/// It is called on the thread that makes the call, so it should be quick.
pub trait AuditSink: Send + Sync {
    /// Writes one event down.
    ///
    /// # Errors
    /// Whatever kept it from being written.
    fn record(&self, event: &AuditEvent) -> io::Result<()>;

    /// Whether nothing is changed that can't be written down first.
    fn is_required(&self) -> bool {
        false
    }
}

/// A line of JSON for each event.
///
/// ```no_run
/// # use defender_response::{Client, ClientSecret, JsonLines};
/// # fn f(credential: ClientSecret) -> Result<(), Box<dyn std::error::Error>> {
/// let log = JsonLines::append("audit.jsonl")?.required();
/// let defender = Client::builder(credential).audit(log).build()?;
/// # Ok(()) }
/// ```
pub struct JsonLines {
    out: Mutex<Box<dyn Write + Send>>,
    required: bool,
}

impl JsonLines {
    /// Lines to a writer, which is flushed after each.
    pub fn new(out: impl Write + Send + 'static) -> Self {
        Self { out: Mutex::new(Box::new(out)), required: false }
    }

    /// Lines at the end of a file, which is created if it isn't there.
    ///
    /// # Errors
    /// When it can't be opened.
    pub fn append(path: impl AsRef<Path>) -> io::Result<Self> {
        Ok(Self::new(OpenOptions::new().create(true).append(true).open(path)?))
    }

    /// Nothing is changed that can't be written down first.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

impl AuditSink for JsonLines {
    fn record(&self, event: &AuditEvent) -> io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // In one piece, so that other processes' lines in the same file stay whole.
        out.write_all(&line)?;
        out.flush()
    }

    fn is_required(&self) -> bool {
        self.required
    }
}

impl fmt::Debug for JsonLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLines").field("required", &self.required).finish_non_exhaustive()
    }
}

/// The sinks of a client, and on whose behalf it acts.
#[derive(Clone, Default)]
pub(crate) struct Auditor {
    pub(crate) sinks: Vec<Arc<dyn AuditSink>>,
    pub(crate) run: Option<Run>,
    pub(crate) approval: Option<Approved>,
    pub(crate) reference: Option<String>,
}

/// Whose leave a call has, and for which plan.
#[derive(Clone, Debug)]
pub(crate) struct Approved {
    pub(crate) by: String,
    pub(crate) plan_id: String,
}

impl Auditor {
    /// Writes down what is about to be done.
    ///
    /// # Errors
    /// If a sink that is required doesn't take it.
    pub(crate) fn begin(self: &Arc<Self>, event: AuditEvent, now: Now) -> Result<Record> {
        let record = Record { auditor: Arc::clone(self), event, now, open: true, left: None };
        let (took, outcome) = record.write(&record.auditor.sinks);
        match outcome {
            Ok(()) => Ok(record),
            Err(cause) => {
                let what = "it could not be written to the audit log, so nothing was sent";
                let error = Error::new(ErrorKind::AuditFailed, what);
                Err(error.of(record.withdrawn(&took), "").caused_by(cause))
            }
        }
    }
}

/// The wall clock of the client.
pub(crate) type Now = Box<dyn Fn() -> Timestamp + Send + Sync>;

/// A call that was written down, until it is written down what became of it.
pub(crate) struct Record {
    auditor: Arc<Auditor>,
    event: AuditEvent,
    now: Now,
    open: bool,
    /// Whether a request may have left, where that is known.
    left: Option<Arc<AtomicBool>>,
}

/// What an event says afterwards.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) state: String,
    pub(crate) disposition: Option<&'static str>,
    pub(crate) action: Option<ActionId>,
}

impl Told {
    pub(crate) fn done() -> Self {
        Self { state: "done".to_owned(), ..Self::default() }
    }
}

impl Record {
    /// Of a call whose request raises this flag when it leaves.
    pub(crate) fn watching(mut self, left: Arc<AtomicBool>) -> Self {
        self.left = Some(left);
        self
    }

    /// Writes down what became of it.
    pub(crate) fn tell<T>(mut self, outcome: &Result<T>, told: impl FnOnce(&T) -> Told) {
        let told = match outcome {
            Ok(output) => told(output),
            Err(error) => {
                self.event.http_status = error.status();
                self.event.correlation_id = error.correlation_id().map(str::to_owned);
                let action = error.action().map(|action| action.id.clone());
                Told { state: error.kind().as_str().to_owned(), action, disposition: None }
            }
        };
        self.close(told);
    }

    fn close(&mut self, told: Told) {
        self.open = false;
        self.event.at = (self.now)();
        self.event.phase = AuditPhase::After;
        self.event.state = Some(told.state);
        self.event.disposition = told.disposition;
        self.event.action = told.action;
        if let (_, Err(error)) = self.write(&self.auditor.sinks) {
            // What was done is done: it can only be told.
            error!(
                target: "defender_response::audit",
                operation = self.event.operation, %error, "the audit log could not be written"
            );
        }
    }

    /// It isn't begun, which those are told that took it for begun.
    fn withdrawn(mut self, took: &[Arc<dyn AuditSink>]) -> &'static str {
        self.open = false;
        self.event.at = (self.now)();
        self.event.phase = AuditPhase::After;
        self.event.state = Some("not_sent".to_owned());
        // Whom it can't be told any more has a call that never ended.
        let _ = self.write(took);
        self.event.operation
    }

    /// To all these sinks, whatever one of them says: those that took it, and the error of one that is required.
    fn write(&self, sinks: &[Arc<dyn AuditSink>]) -> (Vec<Arc<dyn AuditSink>>, io::Result<()>) {
        let event = &self.event;
        let run = event.run.clone().unwrap_or_default();
        info!(
            target: "defender_response::audit",
            tenant = event.tenant,
            application = event.application,
            playbook = run.playbook_id,
            execution = run.execution_id,
            step = run.step_id,
            approved_by = event.approved_by,
            plan = event.plan_id,
            operation = event.operation,
            about = event.target,
            reference = event.reference,
            disposition = event.disposition,
            state = event.state,
            action = event.action.as_ref().map(ActionId::as_str),
            http_status = event.http_status,
            correlation_id = event.correlation_id,
            "{}",
            match event.phase {
                AuditPhase::Before => "before",
                AuditPhase::After => "after",
            }
        );
        let (mut took, mut outcome) = (Vec::new(), Ok(()));
        for sink in sinks {
            match sink.record(event) {
                Err(error) if sink.is_required() => outcome = Err(error),
                Err(error) => {
                    error!(target: "defender_response::audit", %error, "a sink failed");
                }
                Ok(()) => took.push(Arc::clone(sink)),
            }
        }
        (took, outcome)
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if self.open {
            let left = self.left.as_ref().is_none_or(|left| left.load(Ordering::Relaxed));
            let state = if left { "caller_gone" } else { "not_sent" };
            self.close(Told { state: state.to_owned(), ..Told::default() });
        }
    }
}
