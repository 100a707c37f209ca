//! On what terms calls are made: how long each may take, by three clocks, and whether it goes first.

use std::time::Duration;

use crate::error::{Error, Result};

/// A client carries its terms, so that a clone of it can have others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// Waiting for a quota slot, over all tries; for ever if not set.
    pub queue: Option<Duration>,
    /// From the granted slot, repeats and the pauses between them included, waiting for further slots not.
    pub call: Duration,
    /// One request, connecting included.
    pub attempt: Duration,
    /// Goes before other calls that wait.
    pub urgent: bool,
    /// Only reads reach the network.
    pub dry: bool,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            queue: None,
            call: Duration::from_secs(60),
            attempt: Duration::from_secs(30),
            urgent: false,
            dry: false,
        }
    }
}

impl Terms {
    pub(crate) fn check(&self) -> Result<()> {
        if self.call.is_zero() || self.attempt.is_zero() {
            return Err(Error::configuration(
                "a call can't be made in no time: call_within and attempt_within need some",
            ));
        }
        Ok(())
    }
}
