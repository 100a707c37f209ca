//! Waiting for one action.

use std::fmt;
use std::time::Duration;

use super::updates::Updates;
use super::watch::{Deadline, Watch};
use super::words::{describe, still_running, unread, verdict, with_cause};
use crate::actions::{ActionHandle, CancelMachineAction, Comment};
use crate::error::{Error, ErrorKind, Result};
use crate::model::MachineAction;
use crate::operation::Operation;

impl ActionHandle {
    /// Waits for the action's end; [`Wait::within`] says for how long.
    pub fn wait(&self) -> Wait {
        Wait { watch: Watch::new(self.clone()), on_update: None, cancel: None }
    }
}

/// A wait for the end of a machine action, from [`ActionHandle::wait`].
///
/// Permission `Machine.Read.All` or `Machine.ReadWrite.All`, which `Machine.Isolate` doesn't include. Each read draws on
/// the quota of 100 a minute, 1,500 an hour; for many actions [`Client::wait_all`](crate::Client::wait_all) shares them.
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
    watch: Watch,
    on_update: Option<OnUpdate>,
    cancel: Option<Comment>,
}

type OnUpdate = Box<dyn FnMut(&MachineAction) + Send>;

impl Wait {
    /// Reads at this pace, in place of every 5 s growing to every 30 s.
    pub fn every(mut self, pace: Duration) -> Self {
        self.watch.pauses.every(pace);
        self
    }

    /// Calls `tell` with the action after each read.
    pub fn on_update(mut self, tell: impl FnMut(&MachineAction) + Send + 'static) -> Self {
        self.on_update = Some(Box::new(tell));
        self
    }

    /// Cancels the action when it hasn't ended by the deadline, with this comment: a wait otherwise leaves it armed.
    ///
    /// The end is then [`is_action_cancelled`](Error::is_action_cancelled), and told only once the service's record of the
    /// action says so, which may take half a minute beyond the deadline. An action that ends otherwise in that time is
    /// told as it ended, and one that can't be cancelled is still running, with the reason as its cause. A cancelled
    /// action may have been carried out without having been reported. Permission and quota as for
    /// [`cancel`](ActionHandle::cancel).
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # async fn f(action: defender_response::ActionHandle) -> defender_response::Result<()> {
    /// let wait = action.wait().cancel_on_deadline("INC-4711: not within ten minutes");
    /// match wait.within(Duration::from_secs(600)).await {
    ///     Err(error) if error.is_action_cancelled() => println!("no longer armed"),
    ///     outcome => println!("{:?}", outcome?.status),
    /// }
    /// # Ok(()) }
    /// ```
    pub fn cancel_on_deadline(mut self, comment: impl Into<Comment>) -> Self {
        self.cancel = Some(comment.into());
        self
    }

    /// The action as it changes, read at this wait's pace: a stream that ends with the action.
    pub fn updates(self) -> Updates {
        Updates::new(self.watch)
    }

    /// Waits until the action has ended, for `limit` at most (and a last read of five seconds).
    ///
    /// `Ok` means that it succeeded *by the service's records*. A read that fails now and then doesn't
    /// end the wait. Dropping the future stops the reading and nothing else. Just before the deadline the machine is read
    /// once, so that the error can tell when its device was last heard of.
    ///
    /// # Errors
    /// [`is_action_failed`](Error::is_action_failed), [`is_action_cancelled`](Error::is_action_cancelled),
    /// [`is_action_timed_out`](Error::is_action_timed_out) when it ended otherwise, and
    /// [`is_still_running`](Error::is_still_running) when it hasn't by then: all hold the action. What ends
    /// the wait early is an error that no later read would get past, such as a missing role. A comment for
    /// [`cancel_on_deadline`](Self::cancel_on_deadline) that can't be sent is refused before the first read.
    pub async fn within(mut self, limit: Duration) -> Result<MachineAction> {
        if let Some(comment) = &self.cancel {
            let id = self.watch.handle.id().as_str();
            comment.render().map_err(|error| error.of(CancelMachineAction::SPEC.name, id))?;
        }
        let deadline = Deadline::after(self.watch.clock(), limit);
        let mut reported = None;
        loop {
            if self.watch.look(deadline.left(self.watch.clock())).await?
                && let Some(action) = &self.watch.seen
            {
                if let Some(tell) = &mut self.on_update {
                    tell(action);
                }
                if action.status.is_terminal() {
                    return verdict(self.watch.handle.id(), action.clone());
                }
            }
            let left = deadline.left(self.watch.clock());
            if left.is_zero() {
                break;
            }
            let pause = self.watch.pauses.next();
            if pause >= left {
                reported = self.watch.last_report(left).await;
            }
            tokio::time::sleep(pause.min(deadline.left(self.watch.clock()))).await;
        }
        let Watch { handle, seen, trouble, .. } = self.watch;
        let now = handle.client().service_time();
        let late = match seen {
            Some(action) => with_cause(still_running(handle.id(), action, now, reported), trouble),
            None => unread("the action", trouble).of("wait", handle.id().as_str()),
        };
        match self.cancel {
            Some(comment) => cancelled_late(&handle, comment, late).await,
            None => Err(late),
        }
    }
}

/// The deadline has come, and the caller wants it undone.
async fn cancelled_late(
    handle: &ActionHandle,
    comment: Comment,
    late: Error,
) -> Result<MachineAction> {
    match handle.cancel(comment).await {
        Ok(action) => {
            let what = format!("{} was cancelled at the deadline of the wait", describe(&action));
            let error = Error::new(ErrorKind::ActionCancelled, what);
            Err(error.of("wait", handle.id().as_str()).about(action))
        }
        Err(error) => match error.action() {
            Some(action) if action.status.is_terminal() => verdict(handle.id(), action.clone()),
            _ => Err(late.adding("cancelling it didn't succeed").caused_by(error)),
        },
    }
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("action", &self.watch.handle.id()).finish_non_exhaustive()
    }
}
