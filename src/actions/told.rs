//! An action in words.

use crate::model::MachineAction;
use crate::types::Timestamp;

/// An action as people are told of it: `Unisolate 5382…, asked for by analyst@corp.example (Portal), is Pending`.
pub(crate) fn told(action: &MachineAction, now: Timestamp) -> String {
    let by = action.requestor.as_deref().unwrap_or("somebody unnamed");
    let source = action.request_source.as_ref().map(|s| format!(" ({s})")).unwrap_or_default();
    let since = action
        .creation_date_time_utc
        .map(|created| format!(" {} s ago", now.since(created).as_secs()))
        .unwrap_or_default();
    format!(
        "{} {}, asked for{since} by {by}{source}, is {}",
        action.action_type, action.id, action.status
    )
}
