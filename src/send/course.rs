//! What one call has been through: how often and how long it was tried, and what its earlier tries may have done.

use std::time::Duration;

use super::decision::{Case, Decision, Verdict, decide};
use super::failure::Failure;
use super::quota::{Full, Slot, Ticket};
use super::terms::Terms;
use crate::error::{Error, ErrorKind, Result};
use crate::operation::{Safety, Spec};
use crate::types::random_bits;

/// What is said of a wait whose end can't be told.
const SOON: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(crate) struct Course {
    /// Its place in line.
    pub(super) ticket: Option<Ticket>,
    tries: u32,
    throttled: u32,
    queued: Duration,
    /// Of the call's time.
    used: Duration,
    pub(super) another_token: bool,
    /// The first try that may have taken effect.
    unclear: Option<Error>,
    /// The last refusal for want of quota.
    refusal: Option<Error>,
}

impl Course {
    /// How long the call may still wait for a slot.
    pub(crate) fn queue_left(&self, terms: &Terms) -> Option<Duration> {
        terms.queue.map(|limit| limit.saturating_sub(self.queued))
    }

    pub(crate) fn has_queued(&mut self, time: Duration) {
        self.queued = self.queued.saturating_add(time);
    }

    /// Takes some of the call's time.
    pub(super) fn spends(&mut self, time: Duration) {
        self.used = self.used.saturating_add(time);
    }

    /// Whether too little of the call's time is left for another try.
    pub(super) fn is_over(&self, safety: Safety, terms: &Terms) -> bool {
        let left = terms.call.saturating_sub(self.used);
        left.is_zero() || left < needed(safety, terms)
    }

    /// How long the next try may take, `spent` of which are gone already; or that there is too little left to begin it.
    pub(super) fn limit(
        &mut self,
        safety: Safety,
        terms: &Terms,
        spent: Duration,
    ) -> Result<Duration> {
        let limit = terms.attempt.min(terms.call.saturating_sub(self.used).saturating_sub(spent));
        if limit.is_zero() || limit < needed(safety, terms) {
            let what =
                "what it needed first left it too little of its time, so that it was not sent";
            return Err(self.broken_off(Error::new(ErrorKind::Timeout, what)));
        }
        Ok(limit)
    }

    /// What follows on a try that took so long and failed.
    pub(super) fn decide(
        &mut self,
        failure: &Failure,
        took: Duration,
        (spec, safety, terms): (&'static Spec, Safety, &Terms),
        budget: bool,
    ) -> Decision {
        let verdict = failure.verdict(safety);
        self.used = self.used.saturating_add(took);
        match verdict {
            Verdict::Throttled => {
                self.throttled += 1;
                self.refusal = Some(failure.error().clone());
            }
            Verdict::TokenRefused if !self.another_token => {}
            _ => self.tries += 1,
        }
        let decision = decide(&Case {
            safety,
            verdict,
            tries: self.tries,
            throttled: self.throttled,
            left: terms.call.saturating_sub(self.used),
            needed: needed(safety, terms),
            asked: failure.error().retry_after(),
            another_token: self.another_token,
            after_unclear: self.unclear.is_some(),
            deletes: spec.method == http::Method::DELETE,
            budget,
            chance: random_bits().to_le_bytes()[0],
        });
        if verdict.may_have_taken_effect() && safety != Safety::Read && self.unclear.is_none() {
            self.unclear = Some(failure.error().clone());
        }
        match decision {
            Decision::Repeat(pause) => self.used = self.used.saturating_add(pause),
            // Its time begins anew with the next slot: nothing has been done so far.
            Decision::Queue(_) => self.used = Duration::ZERO,
            _ => {}
        }
        decision
    }

    /// Whether an earlier try may have taken effect.
    pub(crate) fn is_unclear(&self) -> bool {
        self.unclear.is_some()
    }

    /// The end of it, for a reason that came before the next try.
    pub(crate) fn broken_off(&mut self, reason: Error) -> Error {
        self.unclear.take().unwrap_or(reason)
    }

    /// The end of it, since another call holds what it needs.
    pub(crate) fn turned_away_by_another_call(&mut self) -> Error {
        let what = "another call of this client is acting on the machine, and its turn would not have come in the time given";
        let error = Error::new(ErrorKind::Throttled, what).retry_in(Some(SOON));
        self.broken_off(
            error.advising("nothing was done; wait longer with queue_within, or call again later"),
        )
    }

    /// The end of it, since the line is too long.
    pub(super) fn turned_away(&mut self, Full(wait): Full) -> Error {
        let what = "the quota is used up, and its turn would not have come in the time given";
        let error = match &self.refusal {
            Some(refusal) => Error::new(ErrorKind::Throttled, what).answered(
                refusal.status(),
                refusal.code().map(str::to_owned),
                refusal.correlation_id().map(str::to_owned),
            ),
            None => Error::new(ErrorKind::Throttled, what),
        };
        let error = error
            .retry_in(Some(wait))
            .advising("nothing was done; wait longer with queue_within, or call again later");
        self.broken_off(error)
    }

    /// The end of it, with the last try's failure.
    pub(super) fn told(&mut self, failure: Failure, safety: Safety) -> Error {
        failure.told(safety, self.unclear.take())
    }
}

/// What a try needs of the call's time: one that must not be cut short isn't begun with less than half of its own.
fn needed(safety: Safety, terms: &Terms) -> Duration {
    if safety == Safety::Once { terms.attempt.min(terms.call) / 2 } else { Duration::ZERO }
}

/// How the slot of a try that failed is given back.
pub(super) fn give_back(slot: Slot, failure: &Failure, decision: Decision) {
    let verdict = failure.verdict(Safety::Read);
    match decision {
        Decision::Queue(pause) => slot.throttled(pause),
        _ if matches!(verdict, Verdict::NotSent | Verdict::Withheld) => slot.never_left(),
        _ if failure.error().status().is_some() => slot.answered(),
        // Given up, and perhaps still on its way: it counts as long as it may arrive.
        _ if failure.error().is_timeout() => drop(slot),
        _ => slot.lost(),
    }
}
