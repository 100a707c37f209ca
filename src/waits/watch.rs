//! Reading one action again and again, and what to make of a read that fails.

use std::time::{Duration, Instant};

use crate::actions::ActionHandle;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::machines::GetMachine;
use crate::model::MachineAction;
use crate::types::Timestamp;

/// The pace without `every`: from the first pause to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The pace is never faster than this, whatever is asked for.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);

/// What the last read may take when the deadline has come.
pub(crate) const LAST_READ: Duration = Duration::from_secs(5);

/// A new action may not be found at once, and a known one once in a while; for how long that is believed.
const NOT_YET_FOUND: Duration = Duration::from_secs(30);

/// The pauses of a wait.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pauses {
    every: Option<Duration>,
    last: Option<Duration>,
}

impl Pauses {
    pub(crate) fn every(&mut self, pace: Duration) {
        self.every = Some(pace.max(SHORTEST_PAUSE));
    }

    pub(crate) fn next(&mut self) -> Duration {
        let grown = |last: Duration| (last * 3 / 2).min(LONGEST_PAUSE);
        let pause = self.every.unwrap_or(self.last.map_or(FIRST_PAUSE, grown));
        self.last = Some(pause);
        pause
    }
}

/// The end of a wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    pub(crate) fn after(clock: &dyn Clock, limit: Duration) -> Self {
        Self(clock.now().checked_add(limit))
    }

    pub(crate) fn left(self, clock: &dyn Clock) -> Duration {
        self.0.map_or(Duration::MAX, |at| at.saturating_duration_since(clock.now()))
    }
}

/// Which failed reads a wait gets over.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patience {
    refused: bool,
    missing: Missing,
}

impl Patience {
    pub(crate) fn read(&mut self) {
        *self = Self::default();
    }

    /// Whether a later read may get past this.
    pub(crate) fn bears(&mut self, error: &Error, now: Instant) -> bool {
        // The token is fetched anew after a 401, so one of them says nothing yet.
        if error.is_unauthorized() && !self.refused {
            self.refused = true;
            return true;
        }
        error.may_pass() || (error.is_not_found() && self.missing.may_be_found(now))
    }
}

/// Since when something isn't found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Missing(Option<Instant>);

impl Missing {
    /// It isn't found now: whether that may change.
    pub(super) fn may_be_found(&mut self, now: Instant) -> bool {
        let since = *self.0.get_or_insert(now);
        now.saturating_duration_since(since) < NOT_YET_FOUND
    }
}

/// One action being watched.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) handle: ActionHandle,
    pub(super) pauses: Pauses,
    pub(super) seen: Option<MachineAction>,
    pub(super) trouble: Option<Error>,
    patience: Patience,
}

impl Watch {
    pub(super) fn new(handle: ActionHandle) -> Self {
        Self {
            handle,
            pauses: Pauses::default(),
            seen: None,
            trouble: None,
            patience: Patience::default(),
        }
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        self.handle.client().clock()
    }

    /// Reads once: whether it could be read. An error is one that no later read would get past.
    pub(super) async fn look(&mut self, left: Duration) -> Result<bool> {
        let read = tokio::time::timeout(left.max(LAST_READ), self.handle.get()).await;
        let late = || Error::new(ErrorKind::Timeout, "the action could not be read in time");
        let now = self.clock().now();
        match read.unwrap_or_else(|_| Err(late())) {
            Ok(action) => {
                self.patience.read();
                self.seen = Some(action);
                self.trouble = None;
                Ok(true)
            }
            Err(error) if self.patience.bears(&error, now) => {
                self.trouble = Some(error);
                Ok(false)
            }
            Err(error) => Err(self.seen.take().into_iter().fold(error, Error::about)),
        }
    }

    /// When the device was last heard of, if that can be read in time.
    pub(super) async fn last_report(&self, left: Duration) -> Option<Timestamp> {
        let machine = self.seen.as_ref()?.machine_id.as_ref()?;
        let client = self.handle.client().with_terms(|terms| terms.call = left.min(LAST_READ));
        let operation = GetMachine::by_id(machine);
        let read = tokio::time::timeout(left, client.send(&operation)).await;
        read.ok()?.ok()?.last_seen
    }
}
