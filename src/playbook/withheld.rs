//! The calls that would bring a machine into a state, as a plan shows them.

use serde_json::{Value, json};

use super::action::Job;
use super::machines::withheld;
use crate::actions::CancelMachineAction;
use crate::ensure::Goal;
use crate::error::Result;
use crate::machines::{Isolate, RestrictCodeExecution, Unisolate, UnrestrictCodeExecution};
use crate::model::{ActionType, MachineAction};
use crate::types::MachineId;

/// What would be cancelled first, and what would be submitted: by the state as it is on record. What depends on how that goes
/// says so in `when`.
pub(super) async fn calls(
    job: &Job<'_>,
    id: &MachineId,
    goal: Goal,
    comment: &str,
) -> Result<Vec<Value>> {
    let state = job.client.machine(id).state().await?;
    let (under_way, opposite) = match goal {
        Goal::Isolated(_) => (&state.isolation.under_way, ActionType::Unisolate),
        Goal::Released => (&state.isolation.under_way, ActionType::Isolate),
        Goal::Restricted => (&state.restriction.under_way, ActionType::UnrestrictCodeExecution),
        Goal::Unrestricted => (&state.restriction.under_way, ActionType::RestrictCodeExecution),
    };
    let opposed = under_way.iter().filter(|action| action.action_type == opposite);
    let mut opposed: Vec<&MachineAction> = opposed.collect();
    opposed.sort_by_key(|action| std::cmp::Reverse(action.creation_date_time_utc));
    let mut calls = Vec::new();
    for action in opposed {
        let cancel = withheld(job, &CancelMachineAction::new(action.id.clone(), comment))?;
        calls.push(only(cancel, &calls, "it is still under way then"));
    }
    let id = id.clone();
    let submit = match goal {
        Goal::Isolated(kind) => withheld(job, &Isolate::new(id, kind, comment)),
        Goal::Released => withheld(job, &Unisolate::new(id, comment)),
        Goal::Restricted => withheld(job, &RestrictCodeExecution::new(id, comment)),
        Goal::Unrestricted => withheld(job, &UnrestrictCodeExecution::new(id, comment)),
    }?;
    calls.push(only(submit, &calls, "the machine isn't in the state once that is cancelled"));
    Ok(calls)
}

/// What others come before depends on them.
fn only(mut call: Value, before: &[Value], when: &str) -> Value {
    let when = if before.is_empty() { Value::Null } else { json!(when) };
    if let Some(members) = call.as_object_mut() {
        members.insert("when".to_owned(), when);
    }
    call
}
