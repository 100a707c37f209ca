//! What a push or a sync came to.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::feed::Feed;
use super::told::items;
use crate::error::Error;
use crate::playbook::action::{Job, Outcome, object, value};
use crate::playbook::envelope::{Category, Fault, State};
use crate::playbook::fault::Effect;
use crate::stix::{DeletionOutcome, DeletionResult, IndicatorOutcome, PushReport, SourceOutcome};

/// What became of a feed, in numbers; `items` has what became of each source, and of each value to be deleted.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PushOutput {
    /// The hash of the plan.
    plan_hash: String,
    /// Whether the whole feed was read.
    feed_complete: bool,
    /// What the plan has, in numbers.
    planned: Map<String, Value>,
    /// What became of it, in numbers.
    summary: Map<String, Value>,
}

const DELETE: &str = "delete";

pub(super) fn pushed(job: &Job<'_>, feed: &Feed, outcome: Result<PushReport, Error>) -> Outcome {
    let report = match outcome {
        Ok(report) => report,
        // Only where nothing was changed.
        Err(error) => return Outcome::failed(&error, Effect::Reads),
    };
    let result = value(&PushOutput {
        plan_hash: feed.plan.hash(),
        feed_complete: feed.is_complete(),
        planned: object(feed.plan.counts()),
        summary: object(&report.summary()),
    });
    let tally = Tally::of(&report);
    let mut told = match (job.plan, tally.would) {
        // Without a plan it is one that was approved as sending nothing.
        (_, true) => Outcome::planned(result, "would_send"),
        (true, false) => Outcome::planned(result, "already_in_state"),
        (false, false) => Outcome::done(&result),
    };
    told.does = Some(does(&report));
    told.items = Some(items(&report));
    if report.is_complete() {
        return told;
    }
    let what = tally.in_words(&report);
    if job.plan {
        told.warnings.push(what);
        return told;
    }
    let (code, category, state) = match (tally.done, tally.unknown) {
        (false, true) => ("outcome_unknown", Category::Unknown, State::Unknown),
        (true, true) => ("partly", Category::Partly, State::Unknown),
        (true, false) => ("partly", Category::Partly, State::Failed),
        (false, false) => ("failed", Category::ActionFailed, State::Failed),
    };
    let mut fault = Fault::new(code, category, what);
    fault.hint = Some(
        "items tell of each source what became of it; the same can be pushed again".to_owned(),
    );
    // What is there as it should be isn't sent again.
    fault.retry_safe = true;
    (told.state, told.error) = (state, Some(fault));
    told
}

/// What would be created, updated and deleted, by value.
fn does(report: &PushReport) -> Vec<Value> {
    let sent = report.indicators().iter().filter_map(|result| match &result.outcome {
        IndicatorOutcome::WouldSend { change } => {
            Some(json!([change, result.indicator_type, result.value, result.action]))
        }
        _ => None,
    });
    let deleted = report.withdrawals().iter().chain(report.departed());
    let deleted = deleted.filter_map(|result| match &result.outcome {
        DeletionOutcome::WouldDelete { ids } => {
            Some(json!([DELETE, result.indicator_type, result.value, ids]))
        }
        _ => None,
    });
    sent.chain(deleted).collect()
}

/// How many indicators an approved plan deletes.
pub(super) fn deletions(does: &[Value]) -> usize {
    let deleted = does.iter().filter(|one| one.get(0).and_then(Value::as_str) == Some(DELETE));
    deleted.filter_map(|one| one.get(3)?.as_array()).map(Vec::len).sum()
}

/// What a report comes to, all that was to be sent and to be deleted together.
struct Tally {
    /// Some of it is as it should be.
    done: bool,
    /// Of some of it nothing is known.
    unknown: bool,
    /// Some of it would be sent or deleted.
    would: bool,
    sources: usize,
    departed: usize,
    leftover: usize,
}

impl Tally {
    fn of(report: &PushReport) -> Self {
        use DeletionOutcome as D;
        use IndicatorOutcome as I;
        use SourceOutcome as S;
        let sources = || report.sources().iter().map(|source| source.outcome);
        let sent = || report.indicators().iter().map(|result| &result.outcome);
        let deleted =
            || report.withdrawals().iter().chain(report.departed()).map(|result| &result.outcome);
        let is_open = |result: &&DeletionResult| {
            matches!(
                result.outcome,
                D::Changed { .. } | D::Failed { .. } | D::NotSent { .. } | D::Unknown { .. }
            )
        };
        Self {
            done: sources().any(|o| o.is_fine() && o != S::Skipped && o != S::NothingToDelete)
                || sent().any(|o| matches!(o, I::Accepted { .. } | I::Unchanged { .. }))
                || deleted().any(|o| matches!(o, D::Deleted { .. } | D::Gone { .. })),
            unknown: sent().any(|o| matches!(o, I::Unknown { .. }))
                || deleted().any(|o| matches!(o, D::Unknown { .. })),
            would: sent().any(|o| matches!(o, I::WouldSend { .. }))
                || deleted().any(|o| matches!(o, D::WouldDelete { .. })),
            sources: sources().filter(|outcome| !outcome.is_fine()).count(),
            departed: report.departed().iter().filter(is_open).count(),
            leftover: report.indicators().iter().filter(|i| !i.leftover.is_empty()).count(),
        }
    }

    fn in_words(&self, report: &PushReport) -> String {
        let (of, open) = (report.sources().len(), self.sources);
        let are = if report.is_dry_run() { "wouldn't be" } else { "aren't" };
        let departed = match (self.departed, report.departed().len()) {
            (0, _) => String::new(),
            (open, of) => format!(", nor is {open} that left the feed (of {of})"),
        };
        let leftover = match self.leftover {
            0 => String::new(),
            left => format!(", and of {left} an older one is left"),
        };
        let why = report.error().map(|error| format!(": {error}")).unwrap_or_default();
        format!("{open} of {of} sources {are} as they should be{departed}{leftover}{why}")
    }
}
