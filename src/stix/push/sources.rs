//! From the outcomes of indicators and withdrawals to one outcome for each source.

use super::report::{
    DeletionOutcome, DeletionResult, IndicatorOutcome, IndicatorResult, SourceOutcome, SourceResult,
};
use crate::stix::plan::{Fate, Plan, Source};

pub(super) fn sources(
    plan: &Plan,
    indicators: &[IndicatorResult],
    withdrawals: &[DeletionResult],
) -> Vec<SourceResult> {
    let source = |source: &Source| {
        let mut result = SourceResult {
            index: source.index,
            id: source.id.clone(),
            outcome: SourceOutcome::Skipped,
            reason: None,
            indicators: Vec::new(),
            withdrawals: Vec::new(),
        };
        match &source.fate {
            Fate::Planned(places) => {
                result.indicators.clone_from(places);
                let found = places.iter().filter_map(|at| indicators.get(*at));
                let found = found.map(|i| (of_indicator(&i.outcome), i.outcome.reason()));
                (result.outcome, result.reason) = joined(found.collect());
                let beside = places.iter().filter_map(|at| indicators.get(*at)).find_map(beside);
                result.reason = result.reason.or(beside);
                if let (None, Some(left)) = (&result.reason, source.left_out.first()) {
                    let count: u64 = source.left_out.iter().map(|left| left.count).sum();
                    result.reason =
                        Some(format!("{count} alternatives left out, first {}", left.reason));
                }
            }
            Fate::Withdrawn { withdrawals: places, .. } => {
                result.withdrawals.clone_from(places);
                let found = places.iter().filter_map(|at| withdrawals.get(*at));
                let found = found.map(|w| (of_deletion(&w.outcome), w.outcome.reason()));
                (result.outcome, result.reason) = joined(found.collect());
            }
            Fate::Skipped(skip) => result.reason = Some(skip.to_string()),
        }
        result
    };
    plan.sources().iter().map(source).collect()
}

/// What has to be known of an indicator that is there as it should be.
fn beside(result: &IndicatorResult) -> Option<String> {
    if let Some(id) = result.leftover.first() {
        return Some(format!("ours with another action, {id}, couldn't be deleted"));
    }
    let id = result.contested_by.first()?;
    Some(format!("somebody else's with another action is there, {id}, and may win"))
}

/// The worst, or "in part" where some are fine; of fine ones the one that tells most. Nothing at all is nothing to delete,
/// since a source that makes indicators makes one at least.
fn joined(mut all: Vec<(SourceOutcome, Option<&str>)>) -> (SourceOutcome, Option<String>) {
    use SourceOutcome::{
        Accepted, AlreadyPresent, Changed, Deleted, Expired, Failed, InPart, NoRoom, NotOurs,
        NotSent, NotThere, Skipped, Unchanged, Unknown, WouldDelete, WouldSend,
    };
    let rank = |outcome: SourceOutcome| match outcome {
        Unknown => 0,
        Failed => 1,
        Changed => 2,
        NoRoom => 3,
        NotSent | InPart => 4,
        WouldSend | WouldDelete => 5,
        Accepted | Deleted => 6,
        NotOurs | AlreadyPresent => 7,
        Unchanged | NotThere => 8,
        Expired | Skipped | SourceOutcome::NothingToDelete => 9,
    };
    all.sort_by_key(|(outcome, _)| rank(*outcome));
    let Some((worst, reason)) = all.first() else {
        return (SourceOutcome::NothingToDelete, None);
    };
    let any_fine = all.iter().any(|(outcome, _)| outcome.is_fine());
    let outcome = if !worst.is_fine() && any_fine { InPart } else { *worst };
    (outcome, reason.map(str::to_owned))
}

fn of_indicator(outcome: &IndicatorOutcome) -> SourceOutcome {
    match outcome {
        IndicatorOutcome::Accepted { .. } => SourceOutcome::Accepted,
        IndicatorOutcome::Unchanged { .. } => SourceOutcome::Unchanged,
        IndicatorOutcome::AlreadyPresent { same_groups: true, .. } => SourceOutcome::AlreadyPresent,
        IndicatorOutcome::AlreadyPresent { same_groups: false, .. } => SourceOutcome::InPart,
        IndicatorOutcome::NoRoom => SourceOutcome::NoRoom,
        IndicatorOutcome::Expired => SourceOutcome::Expired,
        IndicatorOutcome::Failed { .. } => SourceOutcome::Failed,
        IndicatorOutcome::Unknown { .. } => SourceOutcome::Unknown,
        IndicatorOutcome::NotSent { .. } => SourceOutcome::NotSent,
        IndicatorOutcome::WouldSend { .. } => SourceOutcome::WouldSend,
    }
}

fn of_deletion(outcome: &DeletionOutcome) -> SourceOutcome {
    match outcome {
        DeletionOutcome::Deleted { .. } => SourceOutcome::Deleted,
        DeletionOutcome::NotThere => SourceOutcome::NotThere,
        DeletionOutcome::NotOurs { .. } => SourceOutcome::NotOurs,
        DeletionOutcome::Changed { .. } => SourceOutcome::Changed,
        DeletionOutcome::Failed { .. } => SourceOutcome::Failed,
        DeletionOutcome::Unknown { .. } => SourceOutcome::Unknown,
        DeletionOutcome::NotSent { .. } => SourceOutcome::NotSent,
        DeletionOutcome::WouldDelete { .. } => SourceOutcome::WouldDelete,
    }
}
