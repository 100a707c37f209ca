//! Waiting for the end of a machine action: polling, since the service has no callback.

use std::fmt;
use std::time::{Duration, Instant};

use super::ActionHandle;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ActionStatus, MachineAction};

/// The pace without [`every`](Wait::every): from the first pause to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The pace is never faster than this, whatever is asked for.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);

/// What the last read may take when the deadline has come.
const LAST_READ: Duration = Duration::from_secs(5);

/// A new action may not be found at once; for how long that is believed.
const NOT_YET_FOUND: Duration = Duration::from_secs(30);

/// A wait for the end of a machine action, from [`ActionHandle::wait`].
///
/// ```no_run
/// # use std::time::Duration;
/// # async fn f(action: defender_response::ActionHandle) -> defender_response::Result<()> {
/// let done = action
///     .wait()
///     .on_update(|action| eprintln!("{}", action.status))
///     .within(Duration::from_secs(600))
///     .await?;
/// # Ok(()) }
/// ```
#[must_use = "a wait does nothing until `within` is awaited"]
pub struct Wait {
    handle: ActionHandle,
    every: Option<Duration>,
    on_update: Option<OnUpdate>,
}

type OnUpdate = Box<dyn FnMut(&MachineAction) + Send>;

impl Wait {
    pub(super) fn new(handle: ActionHandle) -> Self {
        Self { handle, every: None, on_update: None }
    }

    /// Reads at this pace, in place of every 5 s growing to every 30 s. Each read draws on the quota of
    /// 100 a minute.
    pub fn every(mut self, pace: Duration) -> Self {
        self.every = Some(pace);
        self
    }

    /// Calls `tell` with the action after each read.
    pub fn on_update(mut self, tell: impl FnMut(&MachineAction) + Send + 'static) -> Self {
        self.on_update = Some(Box::new(tell));
        self
    }

    /// Waits until the action has ended, for `limit` at most (and a last read of five seconds).
    ///
    /// `Ok` means that it succeeded *by the service's records*. A read that fails now and then doesn't
    /// end the wait. Dropping the future stops the reading and nothing else.
    ///
    /// # Errors
    /// [`is_action_failed`](Error::is_action_failed), [`is_action_cancelled`](Error::is_action_cancelled),
    /// [`is_action_timed_out`](Error::is_action_timed_out) when it ended otherwise, and
    /// [`is_still_running`](Error::is_still_running) when it hasn't by then: all hold the action. What ends
    /// the wait early is an error that no later read would get past, such as a missing role.
    pub async fn within(mut self, limit: Duration) -> Result<MachineAction> {
        let started = self.now();
        let deadline = started.checked_add(limit);
        let mut pause = self.every.unwrap_or(FIRST_PAUSE).max(SHORTEST_PAUSE);
        let mut seen = None;
        let mut refused = 0;
        loop {
            let trouble = match self.read(self.until(deadline)).await {
                Ok(action) if action.status.is_terminal() => return verdict(&self.handle, action),
                Ok(action) => {
                    refused = 0;
                    seen = Some(action);
                    None
                }
                // The token is fetched anew after a 401, so one of them says nothing yet.
                Err(error) if error.is_unauthorized() && refused == 0 => {
                    refused += 1;
                    Some(error)
                }
                Err(error) if self.goes_on(&error, started) => Some(error),
                Err(error) => return Err(seen.into_iter().fold(error, Error::about)),
            };
            let left = self.until(deadline);
            if left.is_zero() {
                return Err(self.still_running(seen, trouble));
            }
            tokio::time::sleep(pause.min(left)).await;
            if self.every.is_none() {
                pause = (pause * 3 / 2).min(LONGEST_PAUSE);
            }
        }
    }

    async fn read(&mut self, left: Duration) -> Result<MachineAction> {
        let action = tokio::time::timeout(left.max(LAST_READ), self.handle.get()).await.map_err(
            |_| Error::new(ErrorKind::Timeout, "the action could not be read in time"),
        )??;
        if let Some(tell) = &mut self.on_update {
            tell(&action);
        }
        Ok(action)
    }

    fn goes_on(&self, error: &Error, started: Instant) -> bool {
        let young = self.now().saturating_duration_since(started) < NOT_YET_FOUND;
        error.may_pass() || (error.is_not_found() && young)
    }

    fn now(&self) -> Instant {
        self.handle.client().clock().now()
    }

    fn until(&self, deadline: Option<Instant>) -> Duration {
        deadline.map_or(Duration::MAX, |at| at.saturating_duration_since(self.now()))
    }

    /// The deadline has come. What isn't known isn't said: without a single read there is only trouble.
    fn still_running(&self, seen: Option<MachineAction>, trouble: Option<Error>) -> Error {
        let id = self.handle.id();
        let Some(action) = seen else {
            let what = "the action could not be read before the deadline, so its state isn't known";
            let error = Error::new(ErrorKind::Timeout, what).of("wait", id.as_str());
            return match trouble {
                Some(trouble) => error.caused_by(trouble),
                None => error,
            };
        };
        let age = action
            .creation_date_time_utc
            .map(|created| self.handle.client().clock().wall().since(created));
        let since = age.map(|age| format!(" for {}", Rough(age))).unwrap_or_default();
        let error = Error::new(
            ErrorKind::StillRunning,
            format!("{} is {}{since}, not ended", describe(&action), status(&action.status)),
        )
        .of("wait", id.as_str())
        .advising(
            "it stays armed until about three days after its creation: wait on its id again, or cancel it",
        )
        .about(action);
        match trouble {
            Some(trouble) => error.caused_by(trouble),
            None => error,
        }
    }
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("action", &self.handle.id()).finish_non_exhaustive()
    }
}

/// `Ok` on Succeeded alone.
fn verdict(handle: &ActionHandle, action: MachineAction) -> Result<MachineAction> {
    let what = describe(&action);
    let error = match &action.status {
        ActionStatus::Succeeded => return Ok(action),
        ActionStatus::Cancelled => {
            let by = action.cancellation_requestor.as_deref().unwrap_or("somebody unnamed");
            Error::new(ErrorKind::ActionCancelled, format!("{what} was cancelled by {by}"))
        }
        ActionStatus::TimeOut => Error::new(
            ErrorKind::ActionTimedOut,
            format!("{what} timed out: the device never reported back, so it may have been carried out or not"),
        )
        .advising("check the host itself"),
        _ => Error::new(
            ErrorKind::ActionFailed,
            format!("{what} failed on the device{}", hresult(action.error_hresult)),
        ),
    };
    Err(error.of("wait", handle.id().as_str()).about(action))
}

fn describe(action: &MachineAction) -> String {
    let kind = match action.action_type.as_str() {
        "" => "the action",
        kind => kind,
    };
    match &action.computer_dns_name {
        Some(name) => format!("{kind} on {name}"),
        None => kind.to_owned(),
    }
}

fn status(status: &ActionStatus) -> String {
    match status {
        ActionStatus::Unrecognized(other) => {
            format!("in a state this crate doesn't know ({other:?})")
        }
        known => known.to_string(),
    }
}

/// A Windows error, the way it is looked up.
fn hresult(code: Option<i64>) -> String {
    match code {
        None | Some(0) => String::new(),
        Some(code) => format!(" with error 0x{:08X}", code & 0xFFFF_FFFF),
    }
}

/// A duration as people say it.
struct Rough(Duration);

impl fmt::Display for Rough {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            s @ ..120 => write!(f, "{s} s"),
            s @ 120..7200 => write!(f, "{} min", s / 60),
            s @ 7200..172_800 => write!(f, "{} h", s / 3600),
            s => write!(f, "{} days", s / 86_400),
        }
    }
}
