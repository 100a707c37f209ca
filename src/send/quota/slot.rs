//! Waiting in line, and the slot at its end. Both give back what they hold when they are dropped.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;

use super::family::{Family, Place, Settled, place};
use super::{lock, sooner};
use crate::clock::Clock;

/// A call's place in the line of its family, which it keeps when it has to queue again.
#[derive(Clone)]
pub(crate) struct Ticket {
    family: Arc<Mutex<Family>>,
    clock: Arc<dyn Clock>,
    place: Place,
}

/// What is said of a wait whose end can't be told.
const SOON: Duration = Duration::from_secs(1);

/// For how long a request may be under way to which nobody listens any more.
const UNDER_WAY: Duration = Duration::from_secs(30);

/// The line is longer than the caller wants to wait: at least so long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full(pub(crate) Duration);

impl Ticket {
    pub(super) fn new(family: Arc<Mutex<Family>>, clock: Arc<dyn Clock>, urgent: bool) -> Self {
        let number = lock(&family).next_number();
        Self { family, clock, place: place(urgent, number) }
    }

    /// Waits for a slot, for so long at most.
    pub(crate) async fn slot(&self, limit: Option<Duration>) -> Result<Slot, Full> {
        let began = self.clock.now();
        let deadline = limit.and_then(|limit| began.checked_add(limit));
        let line = InLine::enter(self);
        if let Some(limit) = limit {
            let wait = lock(&self.family).shortest_wait(self.place, began);
            if wait > limit {
                return Err(Full(wait));
            }
        }
        loop {
            let now = self.clock.now();
            let granted = lock(&self.family).grant(self.place, now);
            let Err(opens) = granted else { break };
            if deadline.is_some_and(|deadline| now >= deadline) {
                let wait = lock(&self.family).shortest_wait(self.place, now);
                return Err(Full(wait.max(SOON)));
            }
            let woken = line.woken.notified();
            match sooner(opens, deadline) {
                Some(at) => {
                    // Whether it was woken or its time has come, the loop looks again.
                    let _ = tokio::time::timeout(at.saturating_duration_since(now), woken).await;
                }
                None => woken.await,
            }
        }
        Ok(Slot { ticket: self.clone(), end: Settled::Unused })
    }
}

/// Standing in line. Whoever leaves it lets the next one look.
struct InLine<'a> {
    ticket: &'a Ticket,
    woken: Arc<Notify>,
}

impl<'a> InLine<'a> {
    fn enter(ticket: &'a Ticket) -> Self {
        let woken = lock(&ticket.family).enter(ticket.place);
        Self { ticket, woken }
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        lock(&self.ticket.family).leave(self.ticket.place);
    }
}

/// Leave for one request. It counts once the request has left, and not at all if it never does.
pub(crate) struct Slot {
    ticket: Ticket,
    end: Settled,
}

impl Slot {
    /// Whether it may still be used: since it was given, the service may have asked for a pause.
    pub(crate) fn is_good(&self) -> bool {
        lock(&self.ticket.family).still_lets_through(self.ticket.place)
    }

    /// The request leaves now. Should nobody see an answer, it has arrived within `limit` if at all, or within what the
    /// network may take where that is longer.
    pub(crate) fn leaves(&mut self, limit: Duration) {
        self.end = Settled::Lost(self.ticket.clock.now() + limit.max(UNDER_WAY));
    }

    /// The request certainly never left.
    pub(crate) fn never_left(mut self) {
        self.end = Settled::Unused;
    }

    /// The answer was seen.
    pub(crate) fn answered(mut self) {
        self.end = Settled::Answered;
    }

    /// The service refused the request for want of quota.
    pub(crate) fn throttled(mut self, pause: Duration) {
        self.end = Settled::Throttled(pause);
    }

    /// The connection is gone: the request has arrived by now, if at all.
    pub(crate) fn lost(mut self) {
        self.end = Settled::Lost(self.ticket.clock.now());
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let now = self.ticket.clock.now();
        lock(&self.ticket.family).settle(self.ticket.place, self.end, now);
    }
}
