//! A guard at work: it counts the machines that were acted on.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::subject::{About, Act};
use super::{Guard, Limit};

/// A guard with its counts, shared by a client and its clones.
#[derive(Debug)]
pub(crate) struct Keeper {
    guard: Guard,
    counted: Mutex<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    numbers: u64,
    /// For each limit who was acted on, oldest first.
    by_limit: Vec<VecDeque<Entry>>,
}

#[derive(Debug)]
struct Entry {
    at: Instant,
    machine: String,
    number: u64,
}

/// Leave to act. It counts while it is kept, and for good once the request has left.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Pass {
    entries: Vec<(Arc<Keeper>, u64)>,
    used: bool,
}

impl Keeper {
    pub(crate) fn new(guard: Guard) -> Arc<Self> {
        let by_limit = guard.limits().iter().map(|_| VecDeque::new()).collect();
        Arc::new(Self { guard, counted: Mutex::new(Counted { numbers: 0, by_limit }) })
    }

    /// Leave for an act, or why there is none.
    pub(crate) fn admit(
        self: &Arc<Self>,
        act: &Act<'_>,
        now: Instant,
        pass: &mut Pass,
    ) -> Result<(), String> {
        if let Some(objection) = self.guard.objection(act) {
            return Err(objection);
        }
        let About::Machine(machine) = act.about else { return Ok(()) };
        let machine = machine.id.as_str().to_ascii_lowercase();
        let mut counted = self.counted();
        counted.numbers += 1;
        let number = counted.numbers;
        let limits = || self.guard.limits().iter();
        for (place, (limit, entries)) in limits().zip(&mut counted.by_limit).enumerate() {
            entries.retain(|entry| now.saturating_duration_since(entry.at) < limit.window());
            if limit.counts(act.operation) && is_used_up(limit, entries, &machine) {
                return Err(format!(
                    "the guard's limit at_most[{place}] is reached: {} machines in {} minutes",
                    limit.machines(),
                    limit.minutes()
                ));
            }
        }
        for (limit, entries) in limits().zip(&mut counted.by_limit) {
            if limit.counts(act.operation) {
                entries.push_back(Entry { at: now, machine: machine.clone(), number });
            }
        }
        drop(counted);
        pass.entries.push((Arc::clone(self), number));
        Ok(())
    }

    /// For how long what was counted may matter.
    pub(crate) fn longest_window(&self) -> Option<Duration> {
        self.guard.limits().iter().map(Limit::window).max()
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_used_up(limit: &Limit, entries: &VecDeque<Entry>, machine: &str) -> bool {
    let machines: HashSet<_> = entries.iter().map(|entry| entry.machine.as_str()).collect();
    !machines.contains(machine) && machines.len() >= limit.machines() as usize
}

impl Pass {
    /// The request leaves.
    pub(crate) fn leaves(&mut self) {
        self.used = true;
    }

    /// It did nothing to the machine.
    pub(crate) fn give_back(mut self) {
        self.used = false;
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.used {
            return;
        }
        for (keeper, number) in &self.entries {
            for entries in &mut keeper.counted().by_limit {
                entries.retain(|entry| entry.number != *number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Machine;

    fn machine(number: u32) -> Machine {
        serde_json::from_str(&format!(r#"{{"id":"{number:040x}"}}"#)).unwrap()
    }

    fn admit(
        keeper: &Arc<Keeper>,
        number: u32,
        operation: &str,
        now: Instant,
    ) -> Result<Pass, String> {
        let machine = machine(number);
        let act = Act { operation, about: About::Machine(&machine), contains: false };
        let mut pass = Pass::default();
        keeper.admit(&act, now, &mut pass).map(|()| pass)
    }

    #[test]
    fn a_limit_counts_machines_in_its_window() {
        let keeper = Keeper::new(Guard::new().at_most(Limit::new(2, 60).operation("isolate")));
        let start = Instant::now();
        let _one = admit(&keeper, 1, "isolate", start).unwrap();
        let _two = admit(&keeper, 2, "isolate", start + Duration::from_secs(1800)).unwrap();
        let _one_again = admit(&keeper, 1, "isolate", start).unwrap();
        let _another_operation = admit(&keeper, 3, "scan", start).unwrap();
        let told = admit(&keeper, 3, "isolate", start + Duration::from_secs(3599)).unwrap_err();
        assert!(told.contains("at_most[0]") && told.contains("2 machines in 60 minutes"), "{told}");
        let _hour_later = admit(&keeper, 3, "isolate", start + Duration::from_secs(3600)).unwrap();
    }

    #[test]
    fn what_cannot_be_counted_is_refused() {
        let keeper = Keeper::new(Guard::new().at_most(Limit::new(5, 60).operation("other")));
        let now = Instant::now();
        for (operation, about, is_refused) in [
            ("tag_many", About::Untold, true),
            ("isolate", About::Untold, false),
            ("tag_many", About::Nothing, false),
        ] {
            let act = Act { operation, about, contains: false };
            let told = keeper.admit(&act, now, &mut Pass::default());
            assert_eq!(told.is_err_and(|told| told.contains("at_most[0]")), is_refused);
        }
    }

    #[test]
    fn what_is_given_back_does_not_count() {
        let keeper = Keeper::new(Guard::new().at_most(Limit::new(1, 1)));
        let now = Instant::now();
        admit(&keeper, 1, "isolate", now).unwrap().give_back();
        let _pass = admit(&keeper, 2, "isolate", now).unwrap();
        assert!(admit(&keeper, 3, "isolate", now).is_err());
        let nobody = Keeper::new(Guard::new().at_most(Limit::new(0, 1)));
        assert!(admit(&nobody, 1, "isolate", now).is_err());
    }
}
