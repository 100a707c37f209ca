//! Waiting for an action's end, and how to go on with one that hasn't ended.

use std::future::Future;
use std::time::Duration;

use crate::actions::ActionHandle;
use crate::error::Error;
use crate::model::MachineAction;
use crate::playbook::action::Watch;
use crate::playbook::envelope::{Category, Fault, Response, Resume, State};
use crate::playbook::fault::{self, Effect};
use crate::playbook::machines::state_of;
use crate::playbook::records::resume_token;
use crate::types::Timestamp;

/// The service gives an action up after three days and some 14 minutes.
const ARMED: Duration = Duration::from_secs(3 * 86_400 + 15 * 60);

/// A token takes a sign-in where the last one is used up, which a caller who wants to stop doesn't wait for.
const A_TOKEN: Duration = Duration::from_secs(2);

/// Waits for the end, for as long as was asked; without that, as it stands is as asked.
pub(super) async fn follow(
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

/// Tells how to go on with an action that was created then, if that is known.
pub(super) async fn resume(
    handle: &ActionHandle,
    created: Option<Timestamp>,
    response: &mut Response,
) {
    let why = match tokio::time::timeout(A_TOKEN, resume_token(handle)).await {
        Ok(Ok(token)) => {
            response.resume = Some(go_on(token, created));
            return;
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "signing in takes too long".to_owned(),
    };
    response
        .warnings
        .push(format!("there is no token to go on by: {why}; the action is {}", handle.id()));
}

pub(super) fn go_on(token: String, created: Option<Timestamp>) -> Resume {
    let armed_until = created.map(|created| created.plus(ARMED));
    Resume { token, poll_after_seconds: 30, armed_until }
}
