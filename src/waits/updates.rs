//! One action as a stream of what its record says.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::watch::Watch;
use crate::error::Result;
use crate::model::MachineAction;

/// A machine action as it changes, from [`Wait::updates`](super::Wait::updates).
///
/// It is a [`Stream`]; without a stream library, [`next`](Self::next) does. The first item is the action as it is; then
/// comes one whenever a read shows another record than the one before, and the last is the action as it ended, however
/// that was. A read that fails now and then isn't told. An error that no later read would get past is told, and ends the
/// stream. It has no deadline: the service itself gives an action up after about three days. Dropping it stops the
/// reading and nothing else.
///
/// Permission `Machine.Read.All` or `Machine.ReadWrite.All`; each read draws on the quota of 100 a minute, 1,500 an hour.
///
/// ```no_run
/// # async fn f(action: defender_response::ActionHandle) -> defender_response::Result<()> {
/// let mut updates = action.wait().updates();
/// while let Some(action) = updates.next().await.transpose()? {
///     println!("{}", action.status);
/// }
/// # Ok(()) }
/// ```
#[must_use = "updates are read only as they are polled"]
pub struct Updates {
    state: State,
}

type Step = (Watch, Result<MachineAction>);

enum State {
    Resting(Box<Watch>),
    Looking(Pin<Box<dyn Future<Output = Step> + Send>>),
    Ended,
}

impl Updates {
    pub(super) fn new(watch: Watch) -> Self {
        Self { state: State::Resting(Box::new(watch)) }
    }

    /// The next change; `None` after the action's end, and after an error.
    pub async fn next(&mut self) -> Option<Result<MachineAction>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for Updates {
    type Item = Result<MachineAction>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<MachineAction>>> {
        loop {
            self.state = match std::mem::replace(&mut self.state, State::Ended) {
                State::Ended => return Poll::Ready(None),
                State::Resting(watch) => State::Looking(Box::pin(change(*watch))),
                State::Looking(mut step) => {
                    let Poll::Ready((watch, told)) = step.as_mut().poll(cx) else {
                        self.state = State::Looking(step);
                        return Poll::Pending;
                    };
                    if told.as_ref().is_ok_and(|action| !action.status.is_terminal()) {
                        self.state = State::Resting(Box::new(watch));
                    }
                    return Poll::Ready(Some(told));
                }
            };
        }
    }
}

/// Reads until the record differs from what was told last.
async fn change(mut watch: Watch) -> Step {
    let told = watch.seen.clone();
    let mut first = told.is_none();
    loop {
        if !std::mem::take(&mut first) {
            let pause = watch.pauses.next();
            tokio::time::sleep(pause).await;
        }
        match watch.look(std::time::Duration::MAX).await {
            Ok(true) => match &watch.seen {
                Some(action) if Some(action) != told.as_ref() => {
                    let action = action.clone();
                    return (watch, Ok(action));
                }
                _ => {}
            },
            Ok(false) => {}
            Err(error) => return (watch, Err(error)),
        }
    }
}

impl fmt::Debug for Updates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Updates").finish_non_exhaustive()
    }
}
