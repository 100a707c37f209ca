//! Staying inside the quota: a slot for every request, in the order the calls came, urgent ones first.
//!
//! The service counts arrivals, which nobody here sees. A slot is taken before its request leaves and counts until
//! a window's length after its answer was seen, so that no window of the service's can hold more.

mod family;
mod ledger;
mod policy;
mod slot;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use http::Method;

use crate::clock::Clock;
use crate::operation::Spec;
use family::Family;
pub use policy::{QuotaPolicy, QuotaUse};
pub(crate) use slot::Slot;
pub(super) use slot::{Full, Ticket};

/// So few that looking through them is quicker than any map.
type Families = Vec<((Method, &'static str), Arc<Mutex<Family>>)>;

/// The families of one application's calls. A family is one method and route, as the service counts.
pub(crate) struct Quotas {
    policy: QuotaPolicy,
    clock: Arc<dyn Clock>,
    families: Mutex<Families>,
}

impl Quotas {
    pub(crate) fn new(policy: QuotaPolicy, clock: Arc<dyn Clock>) -> Self {
        Self { policy, clock, families: Mutex::default() }
    }

    /// A place in the line for the operation's family.
    pub(super) fn ticket(&self, spec: &'static Spec, urgent: bool) -> Ticket {
        Ticket::new(self.family(spec), Arc::clone(&self.clock), urgent)
    }

    /// What is left of the family that the operation draws on.
    pub(crate) fn used(&self, spec: &'static Spec) -> QuotaUse {
        let now = self.clock.now();
        let family = find(&self.families(), spec);
        match family {
            Some(family) => lock(&family).used(now),
            None => Family::new(spec, self.policy).used(now),
        }
    }

    /// What is left of each family that was called so far.
    pub(crate) fn all_used(&self) -> Vec<QuotaUse> {
        let now = self.clock.now();
        let families = self.families().clone();
        families.iter().map(|(_, family)| lock(family).used(now)).collect()
    }

    fn family(&self, spec: &'static Spec) -> Arc<Mutex<Family>> {
        let mut families = self.families();
        find(&families, spec).unwrap_or_else(|| {
            let family = Arc::new(Mutex::new(Family::new(spec, self.policy)));
            families.push(((spec.method.clone(), spec.route), Arc::clone(&family)));
            family
        })
    }

    fn families(&self) -> MutexGuard<'_, Families> {
        lock(&self.families)
    }
}

fn find(families: &Families, spec: &Spec) -> Option<Arc<Mutex<Family>>> {
    let is_its = |((method, route), _): &&((Method, &str), _)| {
        *route == spec.route && *method == spec.method
    };
    families.iter().find(is_its).map(|(_, family)| Arc::clone(family))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The sooner of two times, where `None` is never.
fn sooner(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
