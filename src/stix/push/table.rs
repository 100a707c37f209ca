//! A report for people.

use std::fmt;

use super::report::{DeletionResult, PushReport};
use crate::types::{IndicatorId, printable};

/// So many rows of a kind are shown.
const ROWS: usize = 40;

impl fmt::Display for PushReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dry = if self.is_dry_run() { " (a dry run: nothing was changed)" } else { "" };
        writeln!(f, "Pushed as {}{dry}", self.application())?;
        writeln!(f, "The tenant had {} active indicators before", self.active_before())?;
        if self.sees_others() == Some(false) {
            writeln!(f, "Other people's indicators can't be seen: that takes Ti.ReadWrite.All")?;
        }
        if let Some(error) = self.error() {
            writeln!(f, "ENDED EARLY: {error}")?;
        }
        self.open(f)?;
        self.beside(f)?;
        let summary = self.summary();
        writeln!(f)?;
        row(f, "sources", summary.sources.iter())?;
        row(f, "indicators", summary.indicators.iter())?;
        row(f, "withdrawals", summary.withdrawals.iter())?;
        row(f, "left the feed", summary.departed.iter())?;
        match (self.is_dry_run(), summary.complete) {
            (true, _) => Ok(()),
            (false, true) => {
                writeln!(f, "What was accepted takes effect within minutes to two days.")
            }
            (false, false) => {
                writeln!(f, "Not all of it is done; pushing again sends only what is left.")
            }
        }
    }
}

impl PushReport {
    /// What is left to be done.
    fn open(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open: Vec<_> = self.sources().iter().filter(|s| !s.outcome.is_fine()).collect();
        if open.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nNot done:")?;
        for source in open.iter().take(ROWS) {
            let id = if source.id.is_empty() { "without id" } else { source.id.as_str() };
            let reason = source.reason.as_deref().unwrap_or_default();
            writeln!(
                f,
                "  {:<10} #{} {id}  {}",
                source.outcome,
                source.index,
                printable(reason, 160)
            )?;
        }
        rest(f, open.len())
    }

    /// What has to be known beside the sources.
    fn beside(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noted: Vec<_> = self
            .indicators()
            .iter()
            .filter(|i| !i.leftover.is_empty() || !i.contested_by.is_empty())
            .collect();
        if !noted.is_empty() {
            writeln!(f, "\nAlso there:")?;
        }
        for result in noted.iter().take(ROWS) {
            let name = |ids: &[IndicatorId]| {
                ids.iter().map(IndicatorId::as_str).collect::<Vec<_>>().join(", ")
            };
            write!(f, "  {} {}:", result.indicator_type, printable(&result.value, 90))?;
            if !result.leftover.is_empty() {
                write!(f, " ours with another action, not deleted: {}.", name(&result.leftover))?;
            }
            if !result.contested_by.is_empty() {
                write!(f, " somebody else's with another action: {}.", name(&result.contested_by))?;
            }
            writeln!(f)?;
        }
        rest(f, noted.len())?;
        let left: Vec<&DeletionResult> = self.departed().iter().collect();
        if !left.is_empty() {
            writeln!(f, "\nLeft the feed:")?;
        }
        for gone in left.iter().take(ROWS) {
            let (kind, value) = (gone.indicator_type.as_str(), printable(&gone.value, 90));
            let outcome = gone.outcome.as_str().replace('_', " ");
            let reason = gone.outcome.reason().unwrap_or_default();
            writeln!(f, "  {kind:<21} {value}  {outcome}  {}", printable(reason, 160))?;
        }
        rest(f, left.len())
    }
}

fn rest(f: &mut fmt::Formatter<'_>, total: usize) -> fmt::Result {
    match total.checked_sub(ROWS) {
        None | Some(0) => Ok(()),
        Some(more) => writeln!(f, "  … and {more} more"),
    }
}

fn row<'c, K: fmt::Display + 'c>(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    counts: impl Iterator<Item = (&'c K, &'c u64)>,
) -> fmt::Result {
    let items: Vec<_> =
        counts.map(|(what, n)| format!("{} {n}", what.to_string().replace('_', " "))).collect();
    if items.is_empty() { Ok(()) } else { writeln!(f, "  {name:<14} {}", items.join(", ")) }
}
