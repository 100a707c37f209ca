//! From an envelope to an envelope.

use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::action::{Action, Job, Watch};
use super::envelope::{Category, Fault, Mode, Request, Response, Resume, SCHEMA_VERSION, State};
use super::fault::{self, Effect};
use super::machines::state_of;
use super::records::resume_token;
use super::registry::Registry;
use crate::client::Client;
use crate::error::Error;
use crate::model::MachineAction;

/// The service gives an action up after three days and some 14 minutes.
const ARMED: Duration = Duration::from_secs(3 * 86_400 + 15 * 60);

/// What is under way when the caller wants to stop may take so long to come to its end.
const GRACE: Duration = Duration::from_secs(5);

/// Calls actions for a runner.
///
/// ```no_run
/// use defender_response::playbook::{Request, Runner};
/// # async fn f(defender: defender_response::Client) {
/// let runner = Runner::new(defender);
/// let arguments = serde_json::json!({ "machine_id": "1e5bc9d7e413ddd7902c2932e418702b84d0cc07", "comment": "INC-4711" });
/// let response = runner.run(&Request::new("isolate_endpoint", arguments)).await;
/// println!("{}", response.to_json());
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Runner {
    client: Client,
    registry: Registry,
    needs_approval: bool,
    data: Option<PathBuf>,
}

impl Runner {
    /// A runner with the crate's own actions.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, registry: Registry::default(), needs_approval: false, data: None }
    }

    /// With these actions.
    #[must_use]
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = registry;
        self
    }

    /// Refuses what changes something and names no approval. One is for a plan: for its `plan_id`, which is of the tenant, the
    /// action, its arguments and what files they name hold. Who may approve is the caller's to check.
    #[must_use]
    pub fn require_approval(mut self) -> Self {
        self.needs_approval = true;
        self
    }

    /// Files are named relative to this folder, and only inside it. Without it, as the process sees them.
    #[must_use]
    pub fn data_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.data = Some(folder.into());
        self
    }

    /// Carries a call out, and waits as it says.
    pub async fn run(&self, request: &Request) -> Response {
        self.run_until(request, std::future::pending()).await
    }

    /// The same, until the caller wants to stop: a wait then ends at once with the token to go on by, and the action
    /// is left alone. What is being submitted has five seconds to come to its end, and is `unknown` if it doesn't.
    pub async fn run_until(
        &self,
        request: &Request,
        stop: impl Future<Output = ()> + Send,
    ) -> Response {
        match Box::pin(self.try_run(request, stop)).await {
            Ok(response) | Err(response) => response,
        }
    }

    async fn try_run(
        &self,
        request: &Request,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<Response, Response> {
        let reject = |fault| Response::rejected(fault);
        // Serde would also take them by their places.
        if !request.arguments.is_object() {
            return Err(reject(Fault::usage("invalid_arguments", "the arguments are no object")));
        }
        if request.schema_version != SCHEMA_VERSION {
            let what = format!(
                "schema_version {} isn't known here; it is {SCHEMA_VERSION}",
                request.schema_version
            );
            return Err(reject(Fault::usage("unknown_version", what)));
        }
        let Some(action) = self.registry.get(&request.action) else {
            let what =
                format!("there is no action {:?}", crate::types::printable(&request.action, 80));
            return Err(reject(Fault::usage("unknown_action", what)));
        };
        let about = action.about();
        let plan = request.mode == Mode::Plan;
        let mut client = self.client.with_terms(|terms| terms.dry |= plan || !about.changes);
        if let Some(run) = &request.run {
            client = client.on_behalf_of(run.clone());
        }
        let key = request.key().filter(|_| about.changes);
        let wait = request.wait.map(|wait| Duration::from_secs(wait.max_seconds.into()));
        let job = Job {
            client: &client,
            arguments: &request.arguments,
            key: key.as_deref(),
            wait,
            plan,
            data: self.data.as_deref(),
        };
        let mut plan_id = None;
        if about.changes && (self.needs_approval || plan || request.approval.is_some()) {
            let id = self.plan_id(action, &job, &request.action).await.map_err(reject)?;
            if !plan {
                Self::check_approval(request, &id).map_err(reject)?;
            }
            plan_id = Some(id);
        }
        let mut stop = pin!(stop);
        let mut acting = action.act(job);
        let (outcome, stopped) = tokio::select! {
            outcome = &mut acting => (Some(outcome), false),
            () = &mut stop => (tokio::time::timeout(GRACE, acting).await.ok(), true),
        };
        let Some(outcome) = outcome else { return Err(broken_off(about.effect)) };
        let mut response = Response {
            ok: outcome.error.is_none(),
            state: outcome.state,
            disposition: outcome.disposition,
            result: outcome.result,
            items: outcome.items,
            warnings: outcome.warnings,
            error: outcome.error,
            ..reject(Fault::usage("", ""))
        };
        if let (true, Some(id), Value::Object(result)) = (plan, plan_id, &mut response.result) {
            result.insert("plan_id".to_owned(), id.into());
        }
        let Some(watch) = outcome.watch else { return Ok(response) };
        if response.ok {
            self.follow(&watch, &mut response, wait, (stop, stopped)).await;
        }
        if matches!(response.state, State::Submitted | State::InProgress) {
            resume(&watch, &mut response).await;
        }
        Ok(response)
    }

    /// Waits for the end, for as long as was asked; without that, as it stands is as asked.
    async fn follow(
        &self,
        watch: &Watch,
        response: &mut Response,
        wait: Option<Duration>,
        (stop, stopped): (impl Future<Output = ()>, bool),
    ) {
        let is_over = matches!(
            response.state,
            State::Succeeded | State::Failed | State::Cancelled | State::TimedOut
        );
        // A wait without time is one look, by which a resumed action is told as it stands.
        let limit = match wait {
            _ if is_over => Duration::ZERO,
            Some(limit) => limit,
            None if watch.effect == Effect::Reads => Duration::ZERO,
            None => return,
        };
        let stopping = async {
            if !stopped {
                stop.await;
            }
        };
        let outcome = tokio::select! {
            biased;
            outcome = watch.handle.wait().within(limit) => outcome,
            () = stopping, if !is_over => {
                let what = "the wait was broken off; the action goes on";
                let mut fault = Fault::new("interrupted", Category::StillRunning, what);
                fault.retry_safe = watch.effect == Effect::Reads;
                fault.hint = Some("go on with the token in resume".to_owned());
                (response.ok, response.error) = (false, Some(fault));
                return;
            }
        };
        match outcome {
            Ok(action) => show(watch, response, &action),
            Err(error) => {
                if let Some(action) = error.action() {
                    show(watch, response, action);
                }
                ended(watch, response, &error);
            }
        }
    }

    /// Of the tenant, the action, its arguments, and what the files hold that they name.
    async fn plan_id(
        &self,
        action: &dyn Action,
        job: &Job<'_>,
        name: &str,
    ) -> Result<String, Fault> {
        let with = action.approved_with(job)?;
        let place = self.client.place().await;
        let place = place.map_err(|error| Fault::of(&error, Effect::Reads))?;
        let mut hash = Sha256::new();
        let arguments = sorted(job.arguments);
        let parts = [
            place.tenant.as_bytes(),
            place.cloud.as_bytes(),
            name.as_bytes(),
            arguments.as_bytes(),
            &with,
        ];
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let hex = |byte: &u8| format!("{byte:02x}");
        Ok(hash.finalize().iter().take(16).map(hex).collect())
    }

    fn check_approval(request: &Request, id: &str) -> Result<(), Fault> {
        let refuse = |what: &str| {
            let mut fault = Fault::new("not_approved", Category::Refused, what);
            fault.retry_safe = true;
            fault.hint = Some(
                "call it in mode plan, and have the plan_id of the answer approved".to_owned(),
            );
            Err(fault)
        };
        match &request.approval {
            None => refuse("it changes something, and no approval is named"),
            Some(approval) if approval.by.trim().is_empty() => refuse("the approval is nobody's"),
            Some(approval) if approval.plan_id != id => {
                refuse("the approval is for something else")
            }
            Some(_) => Ok(()),
        }
    }
}

fn show(watch: &Watch, response: &mut Response, action: &MachineAction) {
    response.state = state_of(&action.status);
    response.result = (watch.show)(action);
}

/// The wait ended in an error. What was submitted was submitted, whatever the error says.
fn ended(watch: &Watch, response: &mut Response, error: &Error) {
    let mut fault = Fault::of(error, watch.effect);
    fault.retry_safe = watch.effect == Effect::Reads;
    response.ok = false;
    if error.action().is_none() && watch.effect == Effect::Reads {
        response.state = fault::state(error, watch.effect);
    }
    response.error = Some(fault);
}

/// The caller wanted to stop, and what was under way didn't come to its end.
fn broken_off(effect: Effect) -> Response {
    let what = "it was broken off, and whether anything was submitted isn't known";
    let mut response = Response::rejected(Fault::new("interrupted", Category::Unknown, what));
    response.state = State::Unknown;
    if let Some(fault) = &mut response.error {
        fault.retry_safe = matches!(effect, Effect::Reads | Effect::Idempotent);
        fault.hint = Some("wait for 60 s at least, and look at what is recorded".to_owned());
    }
    response
}

async fn resume(watch: &Watch, response: &mut Response) {
    let created = watch.action.as_ref().and_then(|action| action.creation_date_time_utc);
    match resume_token(&watch.handle).await {
        Ok(token) => {
            let armed_until = created.map(|created| created.plus(ARMED));
            response.resume = Some(Resume { token, poll_after_seconds: 30, armed_until });
        }
        Err(error) => response.warnings.push(format!("there is no token to go on by: {error}")),
    }
}

/// JSON with its members in order, whatever order they came in. Parsed values are no deeper than the parser lets them be.
fn sorted(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            let member = |(name, value): (&String, &Value)| {
                format!("{}:{}", Value::from(name.as_str()), sorted(value))
            };
            format!("{{{}}}", members.into_iter().map(member).collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(sorted).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}
