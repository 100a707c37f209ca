//! What will happen by itself, in the order of time: actions that begin and end, sensors that return,
//! other people who act.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Duration;

use super::world::Event;

/// The queue of coming events.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    queue: BinaryHeap<Reverse<Entry>>,
    entered: u64,
}

/// An event that is due.
#[derive(Debug)]
pub(crate) struct Due {
    pub(crate) at: Duration,
    pub(crate) tenant: usize,
    pub(crate) event: Event,
}

#[derive(Debug)]
struct Entry {
    due: Due,
    /// Events of the same instant happen in the order they were entered.
    number: u64,
}

impl Agenda {
    pub(crate) fn enter(&mut self, at: Duration, tenant: usize, event: Event) {
        self.entered += 1;
        let due = Due { at, tenant, event };
        self.queue.push(Reverse(Entry { due, number: self.entered }));
    }

    /// The next event that is due at `now`, if any.
    pub(crate) fn next_due(&mut self, now: Duration) -> Option<Due> {
        if self.queue.peek()?.0.due.at > now {
            return None;
        }
        self.queue.pop().map(|Reverse(entry)| entry.due)
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.due.at.cmp(&other.due.at).then(self.number.cmp(&other.number))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}
