//! What an approval is for, and whether there is one.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::client::Client;
use crate::playbook::envelope::{Category, Fault, Request};
use crate::playbook::fault::Effect;

/// Of the tenant, the action, its arguments, and what the files hold that they name.
pub(super) async fn plan_id(
    client: &Client,
    request: &Request,
    with: &[u8],
) -> Result<String, Fault> {
    let place = client.place().await;
    let place = place.map_err(|error| Fault::of(&error, Effect::Reads))?;
    let mut hash = Sha256::new();
    let arguments = sorted(&request.arguments);
    let parts = [
        place.tenant.as_bytes(),
        place.cloud.as_bytes(),
        request.action.as_bytes(),
        arguments.as_bytes(),
        with,
    ];
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hex = |byte: &u8| format!("{byte:02x}");
    Ok(hash.finalize().iter().take(16).map(hex).collect())
}

pub(super) fn check(request: &Request, id: &str) -> Result<(), Fault> {
    let refuse = |what: &str| {
        let hint = "call it in mode plan, and have the plan_id of the answer approved";
        Err(not_approved(what, hint))
    };
    match &request.approval {
        None => refuse("it changes something, and no approval is named"),
        Some(approval) if approval.by.trim().is_empty() => refuse("the approval is nobody's"),
        Some(approval) if approval.plan_id != id => refuse("the approval is for something else"),
        Some(_) => Ok(()),
    }
}

fn not_approved(what: &str, hint: &str) -> Fault {
    let mut fault = Fault::new("not_approved", Category::Refused, what);
    fault.retry_safe = true;
    fault.hint = Some(hint.to_owned());
    fault
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
