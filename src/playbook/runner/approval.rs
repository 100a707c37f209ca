//! What an approval is for, and whether there is one.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::client::Client;
use crate::playbook::action::Outcome;
use crate::playbook::envelope::{Approval, Fault, Request, not_approved};
use crate::playbook::fault::Effect;

/// Of the tenant, the action, its arguments, and what the files hold that they name: the first half of a plan's id.
pub(super) async fn asked(
    client: &Client,
    request: &Request,
    with: &[u8],
) -> Result<String, Fault> {
    let place = client.place().await;
    let place = place.map_err(|error| Fault::of(&error, Effect::Reads))?;
    let arguments = sorted(&request.arguments);
    Ok(hashed(&[
        place.tenant.as_bytes(),
        place.cloud.as_bytes(),
        request.action.as_bytes(),
        arguments.as_bytes(),
        with,
    ]))
}

/// The whole id of a plan: what was asked for, and what it comes to.
pub(super) fn plan_id(asked: &str, does: &[Value]) -> String {
    let each: Vec<_> = does.iter().map(sorted).collect();
    let parts: Vec<_> = each.iter().map(String::as_bytes).collect();
    format!("{asked}{}", hashed(&parts))
}

fn hashed(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hex = |byte: &u8| format!("{byte:02x}");
    hash.finalize().iter().take(16).map(hex).collect()
}

/// What a plan would do, call by call or value by value: nothing where it is empty.
pub(super) fn does(seen: &Outcome) -> Vec<Value> {
    if let Some(does) = &seen.does {
        return does.clone();
    }
    match seen.result.get("would_send").and_then(Value::as_array) {
        Some(calls) => calls.clone(),
        // A user's own action: whatever it shows.
        None => vec![json!([seen.disposition, seen.result])],
    }
}

/// What can be held against an approval before its plan is looked at again.
pub(super) fn check<'r>(
    client: &Client,
    request: &'r Request,
    asked: &str,
) -> Result<&'r Approval, Fault> {
    let refuse = |what: &str| Err(not_approved(what));
    match &request.approval {
        None => refuse("it changes something, and no approval is named"),
        Some(approval) if approval.by.trim().is_empty() => refuse("the approval is nobody's"),
        Some(approval) if !approval.plan_id.starts_with(asked) => {
            refuse("the approval is for something else")
        }
        Some(approval) => still(client, approval).map(|()| approval),
    }
}

/// Whether its time isn't over.
pub(super) fn still(client: &Client, approval: &Approval) -> Result<(), Fault> {
    match approval.expires.filter(|end| *end <= client.service_time()) {
        Some(end) => Err(not_approved(&format!("the approval ended at {end}"))),
        None => Ok(()),
    }
}

/// Whether what the plan comes to now is what was approved. What was done under the same key is found, and not done again.
pub(super) fn still_does(
    approval: &Approval,
    asked: &str,
    seen: &Outcome,
    does: &[Value],
) -> Result<(), Fault> {
    let is_found = does.is_empty() && seen.disposition.as_deref() == Some("adopted");
    if is_found || approval.plan_id == plan_id(asked, does) {
        return Ok(());
    }
    let what = match does.len() {
        0 => "it would send nothing now, which isn't what was approved".to_owned(),
        n => format!("it would do something else now than what was approved: {n} in all"),
    };
    Err(not_approved(&what))
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
