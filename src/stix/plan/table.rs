//! A plan for people.

use std::collections::BTreeMap;
use std::fmt;

use super::Plan;
use super::outcome::{Completeness, Fate};
use crate::types::printable;

/// So many indicators, withdrawals and skips each are shown one by one.
const ROWS: usize = 40;

/// A plan as a table, by [`Plan::table`].
///
/// At most 40 rows of a kind are shown, [`all`](Self::all) shows them all. Values can't play tricks on a terminal: what
/// isn't printable is shown as a blank.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Table<'p> {
    plan: &'p Plan,
    rows: usize,
}

impl<'p> Table<'p> {
    pub(super) fn of(plan: &'p Plan) -> Self {
        Self { plan, rows: ROWS }
    }

    /// Shows all rows.
    pub fn all(mut self) -> Self {
        self.rows = usize::MAX;
        self
    }

    fn rest(&self, f: &mut fmt::Formatter<'_>, total: usize) -> fmt::Result {
        match total.checked_sub(self.rows) {
            None | Some(0) => Ok(()),
            Some(more) => writeln!(f, "  … and {more} more"),
        }
    }

    fn heading(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (plan, options) = (self.plan, self.plan.options());
        write!(f, "Plan of {}", plan.at())?;
        match plan.binding() {
            Some(binding) => writeln!(f, " for tenant {} at {}", binding.tenant, binding.cloud)?,
            None => writeln!(f, ", for no tenant yet")?,
        }
        match plan.completeness() {
            Completeness::Whole => {}
            Completeness::MorePages => writeln!(f, "NOT WHOLE: the feed goes on in another page")?,
            Completeness::Incomplete(why) => writeln!(f, "INCOMPLETE: {why}")?,
        }
        match &options.device_groups {
            None => writeln!(f, "For all devices")?,
            Some(groups) => writeln!(f, "For the device groups {}", groups.join(", "))?,
        }
        if !plan.notes().is_empty() {
            writeln!(f, "Noted: {}", plan.notes())?;
        }
        if !options.allow_protected.is_empty() {
            writeln!(f, "Let through though protected: {}", options.allow_protected.join(", "))?;
        }
        Ok(())
    }

    fn indicators(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let planned = self.plan.indicators();
        if planned.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nTo be pushed:")?;
        for planned in planned.iter().take(self.rows) {
            let source = planned.sources.first().and_then(|at| self.plan.sources().get(*at));
            let more = match planned.sources.len() {
                0 | 1 => String::new(),
                n => format!(" +{}", n - 1),
            };
            let day = planned.expires.to_string();
            writeln!(
                f,
                "  {:<21} {:<17} until {}  {}  {}{more}  {}",
                planned.indicator_type.as_str(),
                planned.action.as_str(),
                day.get(..10).unwrap_or(&day),
                printable(&planned.value, 90),
                source.map_or("", |source| source.id.as_str()),
                planned.notes
            )?;
        }
        self.rest(f, planned.len())
    }

    fn withdrawals(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let withdrawals = self.plan.withdrawals();
        if withdrawals.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nTo be deleted, where they are there and ours:")?;
        for withdrawal in withdrawals.iter().take(self.rows) {
            let kind = withdrawal.indicator_type.as_str();
            let value = printable(&withdrawal.value, 90);
            writeln!(f, "  {kind:<21} {value}  {:?}", withdrawal.cause)?;
        }
        self.rest(f, withdrawals.len())
    }

    fn skips(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let skipped = self.plan.skips().count();
        if skipped == 0 {
            return Ok(());
        }
        writeln!(f, "\nSkipped:")?;
        for (source, skip) in self.plan.skips().take(self.rows) {
            let id = if source.id.is_empty() { "without id" } else { source.id.as_str() };
            writeln!(f, "  {:<20} #{} {id}  {}", skip.reason, source.index, skip.detail)?;
        }
        self.rest(f, skipped)
    }

    fn left_out(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_part = || {
            let sources = self.plan.sources().iter();
            sources.filter(|s| matches!(s.fate, Fate::Planned(_)) && !s.left_out.is_empty())
        };
        let total = in_part().count();
        if total == 0 {
            return Ok(());
        }
        writeln!(f, "\nTaken in part; left out:")?;
        for source in in_part().take(self.rows) {
            for left in &source.left_out {
                writeln!(
                    f,
                    "  {:<20} #{} {}  {}× {}",
                    left.reason, source.index, source.id, left.count, left.detail
                )?;
            }
        }
        self.rest(f, total)
    }

    fn counts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn row<K: fmt::Display>(
            f: &mut fmt::Formatter<'_>,
            name: &str,
            counts: &BTreeMap<K, u64>,
        ) -> fmt::Result {
            if counts.is_empty() {
                return Ok(());
            }
            let items: Vec<_> = counts.iter().map(|(what, n)| format!("{what} {n}")).collect();
            writeln!(f, "  {name:<14} {}", items.join(", "))
        }
        let counts = self.plan.counts();
        let withdrawn: u64 = counts.withdrawn.values().sum();
        let skipped: u64 = counts.skipped.values().sum();
        writeln!(
            f,
            "\n{} objects, {} of them sources: {} planned ({} in part), {withdrawn} withdrawn, {skipped} skipped",
            counts.objects, counts.sources, counts.planned, counts.planned_in_part
        )?;
        writeln!(
            f,
            "{} indicators to be pushed, {} to be deleted",
            self.plan.indicators().len(),
            counts.withdrawals
        )?;
        row(f, "indicators", &counts.indicators)?;
        row(f, "skipped", &counts.skipped)?;
        row(f, "not listed", &counts.unlisted)?;
        row(f, "left out", &counts.left_out)?;
        row(f, "notes", &counts.notes)?;
        row(f, "other objects", &counts.others)
    }
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.heading(f)?;
        self.indicators(f)?;
        self.withdrawals(f)?;
        self.skips(f)?;
        self.left_out(f)?;
        self.counts(f)
    }
}
