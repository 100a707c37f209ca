//! Quotas, counted per tenant, application and operation; what other programs use up counts too.
//!
//! The pages give figures a minute and an hour, and not whether the windows are fixed or sliding (switch
//! `quota_window`). A refused call isn't counted.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::operation::{Limits, Operation};
use super::switches::Window;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Whose calls are counted together.
pub(crate) type Payer = (usize, usize, Operation);

#[derive(Debug, Default)]
pub(crate) struct Quotas {
    calls: HashMap<Payer, VecDeque<Duration>>,
    /// Calls a minute that others make in the application's name.
    others: HashMap<Operation, usize>,
}

impl Quotas {
    pub(crate) fn set_others(&mut self, operation: Operation, per_minute: usize) {
        self.others.insert(operation, per_minute);
    }

    /// Counts a call, or says after how long one would be let in.
    pub(crate) fn take(
        &mut self,
        payer: Payer,
        limits: Limits,
        window: Window,
        now: Duration,
    ) -> Result<(), Duration> {
        let others = self.others.get(&payer.2).copied().unwrap_or(0);
        let calls = self.calls.entry(payer).or_default();
        while calls.front().is_some_and(|call| now.saturating_sub(*call) >= HOUR) {
            calls.pop_front();
        }
        let hour = limits.hour.unwrap_or(usize::MAX);
        for (length, allowed) in [(HOUR, hour), (MINUTE, limits.minute)] {
            let from = window.start(length, now);
            let ours = calls.iter().rev().take_while(|call| window.holds(from, **call)).count();
            if ours.saturating_add(others_between(others, from, now)) >= allowed {
                let oldest = calls.iter().find(|call| window.holds(from, **call)).copied();
                return Err(window.reopens(length, now, oldest));
            }
        }
        calls.push_back(now);
        Ok(())
    }
}

impl Window {
    /// Where the window that ends now began; none if before the world did.
    fn start(self, length: Duration, now: Duration) -> Option<Duration> {
        match self {
            Self::Sliding => now.checked_sub(length),
            Self::Fixed => {
                let seconds = length.as_secs();
                Some(Duration::from_secs(now.as_secs() / seconds * seconds))
            }
        }
    }

    /// Whether a call counts in the window with this beginning. A sliding window no longer holds what
    /// happened exactly its length ago.
    fn holds(self, from: Option<Duration>, call: Duration) -> bool {
        match (self, from) {
            (_, None) => true,
            (Self::Sliding, Some(from)) => call > from,
            (Self::Fixed, Some(from)) => call >= from,
        }
    }

    fn reopens(self, length: Duration, now: Duration, oldest: Option<Duration>) -> Duration {
        let end = match self {
            Self::Sliding => oldest.unwrap_or(now) + length,
            Self::Fixed => self.start(length, now).unwrap_or_default() + length,
        };
        end.saturating_sub(now)
    }
}

/// How many of so many calls a minute, evenly spread, fall between two times.
fn others_between(per_minute: usize, from: Option<Duration>, to: Duration) -> usize {
    let until = |time: Duration| time.as_millis() * per_minute as u128 / MINUTE.as_millis();
    usize::try_from(until(to) - until(from.unwrap_or_default())).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { minute: 3, hour: Some(5) };

    fn let_in(window: Window, others: usize, times: &[u64]) -> Vec<bool> {
        let mut quotas = Quotas::default();
        quotas.set_others(Operation::Isolate, others);
        let payer = (0, 0, Operation::Isolate);
        let mut take = |at| quotas.take(payer, LIMITS, window, Duration::from_secs(at)).is_ok();
        times.iter().map(|at| take(*at)).collect()
    }

    #[test]
    fn a_sliding_window_never_holds_more_than_allowed() {
        let times = [50, 50, 50, 59, 60, 109, 110, 110, 170, 3649, 3650];
        let expected = [true, true, true, false, false, false, true, true, false, false, true];
        assert_eq!(let_in(Window::Sliding, 0, &times), expected);
    }

    #[test]
    fn a_fixed_window_starts_anew_on_the_minute() {
        let times = [59, 59, 59, 59, 60, 60, 60, 120, 3599, 3600];
        let expected = [true, true, true, false, true, true, false, false, false, true];
        assert_eq!(let_in(Window::Fixed, 0, &times), expected);
    }

    #[test]
    fn what_others_use_is_gone() {
        assert_eq!(let_in(Window::Sliding, 2, &[61, 61, 61]), [true, false, false]);
    }

    #[test]
    fn the_wait_named_is_the_wait_needed() {
        for window in [Window::Fixed, Window::Sliding] {
            let mut quotas = Quotas::default();
            let payer = (0, 0, Operation::Scan);
            let mut now = Duration::from_millis(10_300);
            for _ in 0..40 {
                if let Err(wait) = quotas.take(payer, LIMITS, window, now) {
                    let early = now + wait.saturating_sub(Duration::from_millis(1));
                    assert!(quotas.take(payer, LIMITS, window, early).is_err());
                    now += wait;
                    assert_eq!(quotas.take(payer, LIMITS, window, now), Ok(()));
                }
                now += Duration::from_millis(700);
            }
        }
    }
}
