//! How fast a wait for many actions reads, whatever their number.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::clock::Clock;

/// Reads a minute at most, lists and single ones together.
const READS: usize = 60;

/// With the last sweep, which isn't lost to those before it.
const WITH_THE_LAST: usize = 90;

const MINUTE: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Pace(VecDeque<Instant>);

impl Pace {
    /// Whether the last sweep may read once more without waiting.
    pub(super) fn has_room(&mut self, clock: &dyn Clock) -> bool {
        self.forget(clock.now());
        self.0.len() < WITH_THE_LAST
    }

    fn forget(&mut self, now: Instant) {
        while self.0.front().is_some_and(|at| now.saturating_duration_since(*at) > MINUTE) {
            self.0.pop_front();
        }
    }

    /// Waits until one more read is in order.
    pub(super) async fn turn(&mut self, clock: &dyn Clock, last: bool) {
        let reads = if last { WITH_THE_LAST } else { READS };
        loop {
            let now = clock.now();
            self.forget(now);
            match self.0.front() {
                Some(first) if self.0.len() >= reads => {
                    let passed = now.saturating_duration_since(*first);
                    let left = MINUTE.saturating_sub(passed) + Duration::from_millis(1);
                    tokio::time::sleep(left).await;
                }
                _ => break,
            }
        }
        self.0.push_back(clock.now());
    }
}
