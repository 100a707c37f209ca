//! The two clocks a client lives by: one that only moves forward, and the one on the wall.
//!
//! Deadlines and pauses go by the first. Ages, expiries and what the service wrote go by the second,
//! which jumps when a laptop wakes or an administrator sets it.

use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use crate::types::Timestamp;

/// Tells the time to a client, or to the emulator.
///
/// The default, [`SystemClock`], is right outside tests.
pub trait Clock: Send + Sync + fmt::Debug {
    /// A time that only moves forward.
    ///
    /// It has to agree with tokio's clock, since sleeping is done by tokio.
    fn now(&self) -> Instant;

    /// The time of day.
    fn wall(&self) -> Timestamp;
}

/// The time of the machine the program runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn wall(&self) -> Timestamp {
        SystemTime::now().into()
    }
}

/// A clock for tests: its wall time starts where it is told and moves with tokio's clock, so that a
/// paused runtime moves both.
///
/// ```
/// # use defender_response::{Clock, TestClock};
/// # use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// let clock = TestClock::starting_at("2026-03-01T03:00:00Z".parse().unwrap());
/// tokio::time::sleep(Duration::from_secs(90)).await;
/// assert_eq!(clock.wall().to_string(), "2026-03-01T03:01:30Z");
/// # }
/// ```
#[derive(Debug)]
pub struct TestClock {
    started: Instant,
    wall_at_start: Mutex<Timestamp>,
}

impl TestClock {
    /// A clock whose wall shows `wall` now.
    #[must_use]
    pub fn starting_at(wall: Timestamp) -> Self {
        Self { started: SystemClock.now(), wall_at_start: Mutex::new(wall) }
    }

    /// Sets the wall clock forward by `by`, as a machine does that slept; `now()` doesn't move.
    pub fn set_forward(&self, by: Duration) {
        self.shift(|wall| wall.plus(by));
    }

    /// Sets the wall clock back by `by`; `now()` doesn't move.
    pub fn set_back(&self, by: Duration) {
        self.shift(|wall| wall.minus(by));
    }

    fn shift(&self, change: impl FnOnce(Timestamp) -> Timestamp) {
        let mut wall = self.wall_at_start.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *wall = change(*wall);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Instant {
        SystemClock.now()
    }

    fn wall(&self) -> Timestamp {
        let start = *self.wall_at_start.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        start.plus(self.now().saturating_duration_since(self.started))
    }
}
