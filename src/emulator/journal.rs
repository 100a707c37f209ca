//! What was received and what it changed: the judge in tests about lost answers. It never holds a
//! token or a secret.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use super::operation::Operation;

/// Older entries are dropped beyond this many, so that a long load test doesn't fill the memory.
const KEPT: usize = 200_000;

/// One received request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct JournalEntry {
    /// When it was received, by the service's clock.
    pub at: String,
    /// The operation's name, such as `isolate`; `unknown` for anything the service doesn't have.
    pub operation: &'static str,
    /// What it was about, as given in the path: a machine, an action, an alert, an indicator; the
    /// tenant for `token`.
    pub target: Option<String>,
    /// The comment in its body, if it had one.
    pub comment: Option<String>,
    /// The status it was answered with; none if it was never answered.
    pub status: Option<u16>,
    /// Whether it changed the service's state.
    pub effect: bool,
}

/// How many requests came in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Requests to the token endpoint.
    pub token_requests: u64,
    /// Requests by operation, the token endpoint's included.
    pub operations: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: VecDeque<JournalEntry>,
    stats: Stats,
}

impl Journal {
    pub(crate) fn enter(&mut self, entry: JournalEntry) {
        if entry.operation == Operation::Token.name() {
            self.stats.token_requests += 1;
        }
        *self.stats.operations.entry(entry.operation).or_default() += 1;
        if self.entries.len() >= KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    pub(crate) fn entries(&self) -> Vec<JournalEntry> {
        self.entries.iter().cloned().collect()
    }

    pub(crate) fn stats(&self) -> Stats {
        self.stats.clone()
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.stats = Stats::default();
    }
}
