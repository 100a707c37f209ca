//! What is told of a call that was stopped before it came to its end.

use serde_json::Value;

use super::follow::{go_on, resume};
use crate::client::Client;
use crate::playbook::envelope::{Category, Fault, Request, Response, State};
use crate::playbook::fault::Effect;
use crate::playbook::ledger::Written;

/// What a call comes to that was stopped with so much written, which may be all that it did.
pub(super) async fn told(
    client: &Client,
    request: &Request,
    effect: Effect,
    (written, is_all): (&Written, bool),
) -> Response {
    let is_nothing = written.is_nothing() && written.action.is_none();
    if effect == Effect::Reads || is_nothing && is_all {
        return nothing_done(request);
    }
    let is_safe = matches!(effect, Effect::Reads | Effect::Idempotent);
    let mut response = if written.is_unclear() || is_nothing {
        let what = "it was stopped, and whether what was on its way was done isn't known";
        let hint = match &written.reference {
            Some(reference) => format!(
                "wait for 60 s at least, and look for an action whose comment begins with [{reference}]"
            ),
            None => "wait for 60 s at least, and look at what is recorded".to_owned(),
        };
        interrupted(State::Unknown, Category::Unknown, what, Some(hint))
    } else if let Some((what, id)) = &written.action {
        let what = format!("the wait was stopped, and the action goes on: {id}, {what}");
        let hint = Some("go on with the token in resume".to_owned());
        interrupted(State::Submitted, Category::StillRunning, &what, hint)
    } else {
        let what = "it was stopped between one change and the next; those before were made";
        interrupted(State::Unknown, Category::Partly, what, None)
    };
    if let Some(fault) = &mut response.error {
        fault.retry_safe = is_safe;
    }
    if let Some((_, id)) = &written.action {
        resume(&client.action(id), None, &mut response).await;
    }
    response
}

/// Where nothing was sent that changes something.
fn nothing_done(request: &Request) -> Response {
    let what = "it was stopped, and nothing was changed by it";
    let mut response = interrupted(State::Rejected, Category::Internal, what, None);
    if let Some(fault) = &mut response.error {
        fault.retry_safe = true;
    }
    // A token that was given is as good as before.
    let given = request.arguments.get("token").and_then(Value::as_str);
    if let Some(token) = given.filter(|_| request.action == "wait_for_action") {
        response.resume = Some(go_on(token.to_owned(), None));
    }
    response
}

fn interrupted(state: State, category: Category, what: &str, hint: Option<String>) -> Response {
    let mut fault = Fault::new("interrupted", category, what);
    fault.hint = hint;
    Response { state, ..Response::rejected(fault) }
}
