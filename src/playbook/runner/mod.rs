//! From an envelope to an envelope.

mod approval;
mod follow;
mod stopped;

use std::future::Future;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::time::Duration;

use serde_json::Value;

use super::action::{Action, Job, Outcome};
use super::envelope::{Category, Fault, Mode, Request, Response, State, not_approved};
use super::fault::Effect;
use super::ledger::Ledger;
use super::registry::Registry;
use crate::audit::Approved;
use crate::client::Client;

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
    /// action, its arguments, what files they name hold, and what it would do. It is planned once more before it is done,
    /// and refused if it would do something else by now. Who may approve is the caller's to check.
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

    /// The same, until the caller wants to stop: nothing more is begun then. A wait ends at once with the token to go on
    /// by, and the action is left alone; a call that changed nothing so far ends as one that did nothing; what is on its
    /// way has five seconds to come to its end, and is `unknown` if it doesn't.
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
        request.check().map_err(Response::rejected)?;
        let Some(action) = self.registry.get(&request.action) else {
            let what =
                format!("there is no action {:?}", crate::types::printable(&request.action, 80));
            return Err(Response::rejected(Fault::usage("unknown_action", what)));
        };
        let about = action.about();
        let plan = request.mode == Mode::Plan;
        let effect = if plan || !about.changes { Effect::Reads } else { about.effect };
        let ledger = Ledger::default();
        let mut client = self.client.with_terms(|terms| terms.dry |= effect == Effect::Reads);
        client = client.audited(ledger.clone());
        if let Some(run) = &request.run {
            client = client.on_behalf_of(run.clone());
        }
        let key = request.key().filter(|_| about.changes);
        let wait = request.wait.map(|wait| Duration::from_secs(wait.max_seconds.into()));
        let mut job = Job {
            client: &client,
            arguments: &request.arguments,
            key: key.as_deref(),
            wait,
            plan,
            data: self.data.as_deref(),
            approved: None,
            leave: None,
            ledger: &ledger,
        };
        // What a user's own action does beside the client isn't known here.
        let may_drop = self.registry.is_own(&request.action);
        let mut stop = pin!(stop);
        let (with, does, approved);
        let mut asked = None;
        if about.changes && (self.needs_approval || plan || request.approval.is_some()) {
            with = action.approved_with(&job).map_err(Response::rejected)?;
            job.approved = Some(&with);
            let first = tokio::select! {
                first = approval::asked(&self.client, request, &with) => first,
                () = &mut stop => {
                    return Err(stopped::told(&client, request, effect, (&ledger.read(), true)).await);
                }
            };
            let first = first.map_err(Response::rejected)?;
            if !plan {
                let approval = approval::check(&self.client, request, &first);
                let approval = approval.map_err(Response::rejected)?;
                let dry = self.client.with_terms(|terms| terms.dry = true);
                let look = Job { client: &dry, plan: true, ..job.clone() };
                let reads = (&ledger, Effect::Reads, may_drop);
                let (seen, was_stopped) = act(action, look, reads, stop.as_mut()).await;
                let Some(seen) = seen.filter(|_| !was_stopped) else {
                    let written = ledger.read();
                    return Err(stopped::told(&client, request, effect, (&written, may_drop)).await);
                };
                if seen.error.is_some() {
                    return Err(response(seen));
                }
                does = approval::does(&seen);
                approval::still_does(approval, &first, &seen, &does)
                    .and_then(|()| approval::still(&self.client, approval))
                    .map_err(Response::rejected)?;
                job.leave = Some(&does);
                let (by, plan_id) = (approval.by.clone(), approval.plan_id.clone());
                approved = client
                    .with_leave(Approved { by, plan_id })
                    .with_terms(|terms| terms.dry |= does.is_empty());
                job.client = &approved;
            }
            asked = Some(first);
        }
        let has_leave = job.leave.is_some();
        let (outcome, was_stopped) =
            act(action, job, (&ledger, effect, may_drop), stop.as_mut()).await;
        let written = ledger.read();
        let Some(mut outcome) = outcome else {
            return Err(stopped::told(&client, request, effect, (&written, may_drop)).await);
        };
        if outcome.state == State::Planned && !plan {
            return Err(Response::rejected(stopped_short(has_leave)));
        }
        let plan_id = asked.filter(|_| plan && outcome.error.is_none());
        let plan_id = plan_id.map(|asked| approval::plan_id(&asked, &approval::does(&outcome)));
        let watch = outcome.watch.take();
        let mut response = response(outcome);
        if written.refused {
            response.warnings.push("it was stopped, and what wasn't begun by then was left".into());
        }
        if let (Some(id), Value::Object(result)) = (plan_id, &mut response.result) {
            result.insert("plan_id".to_owned(), id.into());
        }
        let Some(watch) = watch else { return Ok(response) };
        if response.ok {
            follow::follow(&watch, &mut response, wait, (stop, was_stopped)).await;
        }
        if matches!(response.state, State::Submitted | State::InProgress) {
            let created = watch.action.as_ref().and_then(|action| action.creation_date_time_utc);
            follow::resume(&watch.handle, created, &mut response).await;
        }
        Ok(response)
    }
}

fn response(outcome: Outcome) -> Response {
    Response {
        ok: outcome.error.is_none(),
        state: outcome.state,
        disposition: outcome.disposition,
        result: outcome.result,
        items: outcome.items,
        warnings: outcome.warnings,
        error: outcome.error,
        ..Response::rejected(Fault::usage("", ""))
    }
}

/// What wasn't a plan, and ended as one: the client let nothing through.
fn stopped_short(has_leave: bool) -> Fault {
    if has_leave {
        return not_approved("it would send something, and the approved plan sends nothing");
    }
    let what = "the action says that it only reads, and would change something; nothing was sent";
    Fault::new("dry_run", Category::Internal, what)
}

/// Carries an action out until it is stopped, and then no longer than what is on its way may take: its outcome, unless it
/// was broken off, and whether it was stopped.
async fn act(
    action: &dyn Action,
    job: Job<'_>,
    (ledger, effect, may_drop): (&Ledger, Effect, bool),
    stop: Pin<&mut (impl Future<Output = ()> + Send)>,
) -> (Option<Outcome>, bool) {
    let mut acting = action.act(job);
    tokio::select! {
        outcome = &mut acting => return (Some(outcome), false),
        () = stop => ledger.close(),
    }
    let is_idle = effect == Effect::Reads || ledger.read().is_nothing();
    let grace = if is_idle && may_drop { Duration::ZERO } else { GRACE };
    let outcome = tokio::time::timeout(grace, acting).await.ok();
    // It failed for being stopped.
    let is_ours = |o: &Outcome| o.error.as_ref().is_some_and(|e| e.code == "audit_failed");
    (outcome.filter(|outcome| !(ledger.read().refused && is_ours(outcome))), true)
}
