//! Actions on machine actions: reading, waiting, cancelling.

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::action::{About, Action, Job, Outcome, Watch, value};
use super::envelope::{Category, Fault};
use super::fault::Effect;
use super::form;
use super::machines::{ActionOutput, show, state_of, would_send};
use crate::actions::{ActionHandle, CancelMachineAction, GetMachineAction};
use crate::client::Client;
use crate::error::Result;
use crate::operation::Operation;
use crate::types::ActionId;
use crate::waits::ResumeToken;

const GUID: &str = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetArguments {
    /// The action's id.
    #[schemars(regex(pattern = GUID))]
    action_id: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CancelArguments {
    /// The action's id.
    #[schemars(regex(pattern = GUID))]
    action_id: String,
    /// Why: what auditors read.
    #[schemars(length(min = 1, max = 1000), regex(pattern = r"\S"))]
    comment: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = ["action_id", "token"].map(form::given)))]
struct WaitArguments {
    /// The action's id.
    #[serde(default, deserialize_with = "form::filled")]
    #[schemars(transform = form::may_be_empty)]
    #[schemars(regex(pattern = GUID))]
    action_id: Option<String>,
    /// A token from `resume`, which is refused elsewhere than in its tenant.
    #[serde(default, deserialize_with = "form::filled")]
    #[schemars(transform = form::may_be_empty)]
    token: Option<String>,
}

fn action_id(text: &str) -> Result<ActionId, Fault> {
    text.parse().map_err(|error| Fault::usage("invalid_arguments", format!("action_id: {error}")))
}

/// A token as text without blanks or quotes.
pub(super) async fn resume_token(handle: &ActionHandle) -> Result<String> {
    let token = handle.resume_token().await?;
    Ok(URL_SAFE_NO_PAD.encode(value(&token).to_string()))
}

async fn resumed(client: &Client, token: &str) -> Result<ActionHandle, Outcome> {
    let read = URL_SAFE_NO_PAD.decode(token.trim()).ok();
    let read = read.and_then(|text| serde_json::from_slice::<ResumeToken>(&text).ok());
    let Some(read) = read else {
        let what = "the token isn't one that this version has given";
        return Err(Outcome::rejected(Fault::usage("invalid_arguments", what)));
    };
    client.resume(&read).await.map_err(|error| Outcome::failed(&error, Effect::Reads))
}

pub(super) struct GetActionInfo;

#[async_trait]
impl Action for GetActionInfo {
    fn about(&self) -> About {
        About::new::<GetArguments, ActionOutput>(
            "get_action_info",
            "Read a machine action",
            "Reads a machine action once. That it could be read is what succeeds; how the action stands is its `status`.",
        )
        .role(GetMachineAction::SPEC.roles)
    }

    async fn act(&self, job: Job<'_>) -> Outcome {
        let read = job.arguments::<GetArguments>().and_then(|a| action_id(&a.action_id));
        let id = match read {
            Ok(id) => id,
            Err(fault) => return Outcome::rejected(fault),
        };
        match job.client.action(id).get().await {
            Ok(action) => Outcome::done(&show(&action)),
            Err(error) => Outcome::failed(&error, Effect::Reads),
        }
    }
}

pub(super) struct CancelAction;

#[async_trait]
impl Action for CancelAction {
    fn about(&self) -> About {
        About::new::<CancelArguments, ActionOutput>(
            "cancel_machine_action",
            "Cancel a machine action",
            "Cancels a machine action, whoever asked for it. It succeeds once the record says that it is cancelled; the \
             device may have carried it out before.",
        )
        .role(CancelMachineAction::SPEC.roles)
        .role(GetMachineAction::SPEC.roles)
        .changing(Effect::Idempotent)
    }

    async fn act(&self, job: Job<'_>) -> Outcome {
        let read = job.arguments::<CancelArguments>();
        let (id, comment) = match read.and_then(|a| Ok((action_id(&a.action_id)?, a.comment))) {
            Ok(read) => read,
            Err(fault) => return Outcome::rejected(fault),
        };
        let error = match job.client.action(id.clone()).cancel(&comment).await {
            Ok(action) if job.plan => {
                let there = json!({ "would_send": [], "there": show(&action) });
                return Outcome::planned(there, "already_in_state");
            }
            Ok(action) => return Outcome::done(&show(&action)),
            Err(error) if job.plan && error.is_invalid_request() && error.action().is_some() => {
                let there = error.action().map(show);
                let there = json!({ "would_send": [], "there": there });
                let mut told = Outcome::planned(there, "");
                told.disposition = None;
                told.warnings.push(error.to_string());
                return told;
            }
            Err(error) if error.is_dry_run() => {
                return would_send(&job, &CancelMachineAction::new(id, &comment));
            }
            Err(error) => error,
        };
        let mut told = Outcome::failed(&error, Effect::Idempotent);
        if error.is_still_running() {
            let handle = job.client.action(id);
            let action = error.action().cloned();
            told.watch = Some(Watch { handle, action, show, effect: Effect::Idempotent });
        }
        if let Some(action) = error.action() {
            told.result = show(action);
            // It has ended otherwise than the caller believed.
            if let Some(fault) = told.error.as_mut().filter(|_| error.is_invalid_request()) {
                fault.category = Category::Conflict;
            }
        }
        told
    }
}

/// The pure wait; what another action submitted is waited for by the runner.
pub(super) struct WaitForAction;

#[async_trait]
impl Action for WaitForAction {
    fn about(&self) -> About {
        About::new::<WaitArguments, ActionOutput>(
            "wait_for_action",
            "Wait for a machine action",
            "Goes on with a machine action that was submitted before, for as long as `wait` says; without it, it is looked at once.",
        )
        .role(GetMachineAction::SPEC.roles)
    }

    async fn act(&self, job: Job<'_>) -> Outcome {
        let arguments = match job.arguments::<WaitArguments>() {
            Ok(arguments) => arguments,
            Err(fault) => return Outcome::rejected(fault),
        };
        let handle = match (arguments.action_id, arguments.token) {
            (Some(id), None) => match action_id(&id) {
                Ok(id) => job.client.action(id),
                Err(fault) => return Outcome::rejected(fault),
            },
            (None, Some(token)) => match resumed(job.client, &token).await {
                Ok(handle) => handle,
                Err(told) => return told,
            },
            _ => {
                let what = "the arguments: one of action_id and token is needed, and not both";
                return Outcome::rejected(Fault::usage("invalid_arguments", what));
            }
        };
        let action = match handle.get().await {
            Ok(action) => action,
            Err(error) => return Outcome::failed(&error, Effect::Reads),
        };
        let mut told = Outcome::done(&show(&action));
        told.state = state_of(&action.status);
        told.watch = Some(Watch { handle, action: Some(action), show, effect: Effect::Reads });
        told
    }
}
