//! Bringing the tenant's indicators of one feed in line with the feed, what left it included.

use std::collections::HashSet;

use super::run::Run;
use super::world::exact;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Indicator;
use crate::stix::plan::Plan;

/// So many deletions are let pass unsaid, or a tenth of ours if that is more.
const FEW: usize = 50;

/// Refuses a plan of which can't be told what left the feed.
pub(super) fn check(plan: &Plan) -> Result<()> {
    let refuse =
        |what: &str| Err(Error::new(ErrorKind::Conflict, what).advising("push it instead"));
    if !plan.is_complete() {
        return refuse("the plan isn't of a whole feed, so what left it can't be told");
    }
    if plan.indicators().is_empty() {
        return refuse("the plan has no indicators, so a sync would delete all there are");
    }
    Ok(())
}

impl Run<'_> {
    /// Ours that neither the plan's indicators nor its withdrawals name, oldest first.
    ///
    /// # Errors
    /// If more would be deleted, the plan's withdrawals included, than the caller said or a share of ours.
    pub(super) fn departing(&self, limit: Option<usize>) -> Result<Vec<Indicator>> {
        let plan = self.plan();
        let wanted = plan.indicators().iter().map(|p| (&p.indicator_type, &p.value));
        let wanted: HashSet<_> =
            wanted.map(|(kind, value)| (kind.clone(), exact(kind, value))).collect();
        let withdrawn = plan.withdrawals().iter();
        let withdrawn: HashSet<_> = withdrawn
            .map(|w| (w.indicator_type.clone(), exact(&w.indicator_type, &w.value)))
            .collect();
        let (mut ours, mut withdrawals, mut departing) = (0, 0, Vec::new());
        for indicator in self.world.ours() {
            ours += 1;
            let kind = indicator.indicator_type.clone();
            let value = exact(&kind, indicator.indicator_value.as_deref().unwrap_or_default());
            let key = (kind, value);
            if withdrawn.contains(&key) {
                withdrawals += 1;
            } else if !wanted.contains(&key) {
                departing.push(indicator.clone());
            }
        }
        let deletions = departing.len() + withdrawals;
        let allowed = limit.unwrap_or(FEW.max(ours / 10));
        if deletions > allowed {
            let what = format!(
                "the sync would delete {deletions} of {ours} indicators, and {allowed} are allowed; nothing was changed"
            );
            let advice = format!(
                "see what left the feed, and say allow_deletes({deletions}) if that is right"
            );
            return Err(Error::new(ErrorKind::Conflict, what).advising(advice));
        }
        let number = |i: &Indicator| i.id.as_str().parse::<u128>().unwrap_or(u128::MAX);
        departing.sort_by_key(number);
        Ok(departing)
    }
}
