//! One family's line: who is next, and whether the service has asked for a pause.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::ledger::{Ledger, Opening};
use super::policy::{QuotaPolicy, QuotaUse};
use crate::operation::Spec;

/// A place in the line: urgent calls before all others, each lane in the order of coming.
pub(super) type Place = (bool, u64);

/// Where a call stands in line. `false` sorts first.
pub(super) fn place(urgent: bool, number: u64) -> Place {
    (!urgent, number)
}

fn is_urgent((ordinary, _): Place) -> bool {
    !ordinary
}

/// Whether calls are let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    Open,
    /// The service refused a call and asked for a pause.
    Paused(Instant),
    /// The pause is over; one call tries whether the service agrees, and the others wait for it.
    Trying(Option<Place>),
}

/// How a call that had a slot has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// It never left.
    Unused,
    /// Its answer was seen.
    Answered,
    /// It was refused with 429, and no other should be tried for so long.
    Throttled(Duration),
    /// No answer was seen; it may have arrived until then.
    Lost(Instant),
}

pub(super) struct Family {
    spec: &'static Spec,
    ledger: Ledger,
    unlimited: bool,
    gate: Gate,
    waiting: BTreeMap<Place, Arc<Notify>>,
    numbers: u64,
}

impl Family {
    pub(super) fn new(spec: &'static Spec, policy: QuotaPolicy) -> Self {
        let hour = spec.quota.per_hour.map(|calls| policy.room(calls));
        Self {
            spec,
            ledger: Ledger::new(policy.room(spec.quota.per_minute), hour),
            unlimited: policy == QuotaPolicy::Unlimited,
            gate: Gate::Open,
            waiting: BTreeMap::new(),
            numbers: 0,
        }
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Stands in line.
    pub(super) fn enter(&mut self, place: Place) -> Arc<Notify> {
        Arc::clone(self.waiting.entry(place).or_default())
    }

    /// Leaves the line; the one who is first now takes a look.
    pub(super) fn leave(&mut self, place: Place) {
        self.waiting.remove(&place);
        self.wake_first();
    }

    /// A slot for the call at this place, or when to ask again; `None` is when woken.
    pub(super) fn grant(&mut self, place: Place, now: Instant) -> Result<(), Option<Instant>> {
        if self.waiting.first_key_value().is_some_and(|(first, _)| *first < place) {
            return Err(None);
        }
        if let Gate::Paused(until) = self.gate {
            if now < until {
                return Err(Some(until));
            }
            self.gate = Gate::Trying(None);
        }
        if let Gate::Trying(Some(_)) = self.gate {
            return Err(None);
        }
        if !self.unlimited {
            match self.ledger.opening(now, is_urgent(place), 1) {
                Opening::Now => self.ledger.grant(),
                Opening::At(at) => return Err(Some(at)),
                Opening::WhenSettled => return Err(None),
            }
        }
        if let Gate::Trying(trying) = &mut self.gate {
            *trying = Some(place);
        }
        self.leave(place);
        Ok(())
    }

    /// Whether a slot that was granted a while ago may still be used.
    pub(super) fn still_lets_through(&self, place: Place) -> bool {
        self.gate == Gate::Open || self.gate == Gate::Trying(Some(place))
    }

    pub(super) fn settle(&mut self, place: Place, settled: Settled, now: Instant) {
        if !self.unlimited {
            let seen = match settled {
                Settled::Unused => None,
                Settled::Answered | Settled::Throttled(_) => Some(now),
                Settled::Lost(until) => Some(until.max(now)),
            };
            self.ledger.settle(seen, now);
        }
        let tried = self.gate == Gate::Trying(Some(place));
        match settled {
            Settled::Throttled(pause) => {
                let until = now + pause;
                self.gate = match self.gate {
                    Gate::Paused(other) => Gate::Paused(until.max(other)),
                    _ => Gate::Paused(until),
                };
            }
            Settled::Answered if tried => self.gate = Gate::Open,
            Settled::Unused | Settled::Lost(_) if tried => self.gate = Gate::Trying(None),
            _ => {}
        }
        self.wake_first();
    }

    /// How long the call at this place waits at least, as things stand.
    pub(super) fn shortest_wait(&self, place: Place, now: Instant) -> Duration {
        let ahead = self.waiting.range(..place).count();
        let opens = match self.ledger.opening(now, is_urgent(place), ahead + 1) {
            _ if self.unlimited => now,
            Opening::At(at) => at,
            Opening::Now | Opening::WhenSettled => now,
        };
        let opens = match self.gate {
            Gate::Paused(until) => opens.max(until),
            _ => opens,
        };
        opens.saturating_duration_since(now)
    }

    pub(super) fn used(&self, now: Instant) -> QuotaUse {
        let (minute, hour) = self.ledger.left(now);
        let paused_for = match self.gate {
            Gate::Paused(until) => Some(until.saturating_duration_since(now)),
            _ => None,
        };
        QuotaUse {
            method: self.spec.method.clone(),
            route: self.spec.route,
            left_this_minute: minute,
            left_this_hour: hour,
            waiting: self.waiting.len(),
            paused_for: paused_for.filter(|pause| !pause.is_zero()),
        }
    }

    fn wake_first(&self) {
        if let Some((_, first)) = self.waiting.first_key_value() {
            first.notify_one();
        }
    }
}
