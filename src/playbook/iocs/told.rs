//! What is said of a feed beside its numbers: its notes, and each value that it comes to.

use serde_json::{Map, Value, json};

use super::feed::Feed;
use crate::playbook::action::{Outcome, object};
use crate::stix::{
    Completeness, DeletionResult, Fate, Note, Plan, PushReport, Source, SourceResult,
};

/// With what has to be known of the plan as a whole.
pub(super) fn noted(feed: &Feed, mut told: Outcome) -> Outcome {
    if feed.is_empty {
        told.warnings.push("the feed is empty: there is nothing to push".to_owned());
    } else if *feed.plan.completeness() == Completeness::MorePages {
        told.warnings.push("the feed goes on in another page, which isn't here".to_owned());
    }
    let notes = feed.plan.notes();
    let alerts = [Note::AlertIsAudit, Note::AlertAndBlockIsBlock, Note::AuditAlerts];
    if feed.wants_no_alert && alerts.into_iter().any(|note| notes.contains(note)) {
        told.warnings.push(
            "generate_alert: false was overruled, since the action that was asked for raises alerts in any case".to_owned(),
        );
    }
    told.warnings.extend(notes.iter().map(in_words));
    told
}

fn in_words(note: Note) -> String {
    let words = match note {
        Note::AlertIsAudit => "Alert is an old word for Audit with an alert, which is what is set",
        Note::AlertAndBlockIsBlock => {
            "AlertAndBlock is an old word for Block with an alert, which is what is set"
        }
        Note::AuditAlerts => "Audit raises an alert in any case",
        Note::NetworkOnlyBlocked => {
            "BlockAndRemediate is for files and certificates; addresses, domains and URLs get Block"
        }
        other => other.as_str(),
    };
    words.to_owned()
}

/// A source of a plan that isn't pushed.
pub(super) fn planned(plan: &Plan, source: &Source) -> Value {
    match &source.fate {
        Fate::Planned(places) => {
            let values = places.iter().filter_map(|at| plan.indicators().get(*at));
            let values: Vec<_> =
                values.map(|p| json!({ "type": p.indicator_type, "value": p.value })).collect();
            json!({ "id": source.id, "outcome": "planned", "indicators": values })
        }
        Fate::Withdrawn { cause, withdrawals } => {
            let cause = format!("{cause:?}").to_lowercase();
            let values = withdrawals.iter().filter_map(|at| plan.withdrawals().get(*at));
            let values: Vec<_> =
                values.map(|w| json!({ "type": w.indicator_type, "value": w.value })).collect();
            json!({ "id": source.id, "outcome": "withdrawn", "reason": cause, "withdrawals": values })
        }
        Fate::Skipped(skip) => {
            json!({ "id": source.id, "outcome": "skipped", "reason": skip.to_string() })
        }
    }
}

/// Each source with its values, and each value that is deleted.
pub(super) fn items(report: &PushReport) -> Vec<Value> {
    let sources = report.sources().iter().map(|source| item(report, source));
    let deleted = |why: &'static str| {
        move |result: &DeletionResult| {
            let mut item = by_value(object(result));
            item.insert("why".to_owned(), why.into());
            Value::Object(item)
        }
    };
    let withdrawn = report.withdrawals().iter().map(deleted("withdrawn"));
    sources.chain(withdrawn).chain(report.departed().iter().map(deleted("departed"))).collect()
}

fn item(report: &PushReport, source: &SourceResult) -> Value {
    let mut item = object(source);
    let sent = source.indicators.iter().filter_map(|at| report.indicators().get(*at));
    let sent: Vec<_> = sent.map(|result| by_value(object(result))).collect();
    let gone = source.withdrawals.iter().filter_map(|at| report.withdrawals().get(*at));
    let gone: Vec<_> = gone.map(|result| by_value(object(result))).collect();
    item.insert("indicators".to_owned(), json!(sent));
    item.insert("withdrawals".to_owned(), json!(gone));
    Value::Object(item)
}

/// Called as playbooks know it.
fn by_value(mut members: Map<String, Value>) -> Map<String, Value> {
    if let Some(kind) = members.remove("indicator_type") {
        members.insert("type".to_owned(), kind);
    }
    members
}
