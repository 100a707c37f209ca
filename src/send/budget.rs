//! The retry budget: how much a client repeats in all, so that many calls at once don't multiply an outage.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// In tenths of a repeat.
const FULL: u32 = 200;
const A_REPEAT: u32 = 10;
const AN_ANSWER: u32 = 2;
/// Time alone gives back a repeat every five seconds, so that a lone caller can always try again.
const EVERY: Duration = Duration::from_millis(500);

/// Twenty repeats at most; each is earned by five answers, or by five seconds.
pub(crate) struct Budget(Mutex<Kept>);

struct Kept {
    tenths: u32,
    since: Instant,
}

impl Budget {
    pub(crate) fn new(now: Instant) -> Self {
        Self(Mutex::new(Kept { tenths: FULL, since: now }))
    }

    /// An answer came, by which some of a repeat is earned.
    pub(super) fn earn(&self) {
        self.with(|kept| kept.tenths = (kept.tenths + AN_ANSWER).min(FULL));
    }

    /// Whether another repeat is covered.
    pub(super) fn covers(&self, now: Instant) -> bool {
        self.with(|kept| {
            kept.refill(now);
            kept.tenths >= A_REPEAT
        })
    }

    pub(super) fn spend(&self) {
        self.with(|kept| kept.tenths = kept.tenths.saturating_sub(A_REPEAT));
    }

    fn with<T>(&self, change: impl FnOnce(&mut Kept) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Kept {
    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.since).as_millis() / EVERY.as_millis();
        if passed > 0 {
            let earned = u32::try_from(passed).unwrap_or(FULL).min(FULL);
            self.tenths = (self.tenths + earned).min(FULL);
            self.since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent_at(budget: &Budget, now: Instant) -> u32 {
        let mut spent = 0;
        while budget.covers(now) {
            budget.spend();
            spent += 1;
        }
        spent
    }

    #[test]
    fn repeats_are_earned_by_answers_and_by_time() {
        let now = Instant::now();
        let budget = Budget::new(now);
        assert_eq!(spent_at(&budget, now), 20);
        (0..10).for_each(|_| budget.earn());
        assert_eq!(spent_at(&budget, now), 2);
        let later = now + Duration::from_secs(15);
        assert_eq!(spent_at(&budget, later), 3);
        assert_eq!(spent_at(&budget, later + Duration::from_secs(86_400)), 20);
    }
}
