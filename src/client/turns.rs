//! Taking turns on a machine: one call of a client at a time looks at it and acts, and the next one knows what was
//! submitted even while the service's list doesn't show it yet.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::model::{ActionType, MachineAction};
use crate::types::MachineId;

/// Longer than any list was seen to lag.
const REMEMBERED: Duration = Duration::from_secs(120);

/// For how long a submission is remembered that no list has shown.
const UNLISTED: Duration = Duration::from_secs(1800);

/// For how long a request may be under way whose caller has gone away.
const UNDER_WAY: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(crate) struct Turns {
    machines: Mutex<HashMap<String, Arc<AsyncMutex<Memory>>>>,
    gates: Mutex<HashMap<Errand, Arc<AsyncMutex<()>>>>,
}

/// What is wanted of a machine, and whether urgently.
type Errand = (String, ActionType, bool);

/// What left for one machine of late, oldest first.
#[derive(Default)]
struct Memory {
    submitted: Vec<Sent>,
    unseen: Vec<Unseen>,
}

/// A submission that was answered.
struct Sent {
    at: Instant,
    action: MachineAction,
    /// Whether a list has shown it.
    listed: bool,
}

/// What left for a machine and a list doesn't show.
#[derive(Debug, Default)]
pub(crate) struct Unlisted {
    /// What was submitted, newest first.
    pub(crate) submitted: Vec<MachineAction>,
    /// What left and of which nothing more is known, newest first.
    pub(crate) unseen: Vec<Unseen>,
}

/// A submission that left and of which nothing more is known.
#[derive(Clone, Debug)]
pub(crate) struct Unseen {
    pub(crate) kind: ActionType,
    pub(crate) reference: Option<String>,
    pub(crate) at: Instant,
    /// Whether it has left at all.
    left: Arc<AtomicBool>,
}

/// The right to act on one machine, and what left for it of late. Who has it waits for no slot of a submission's, so
/// that nobody waits in a circle.
pub(crate) struct Turn(OwnedMutexGuard<Memory>);

/// The right to queue for a turn: of the calls that want the same of a machine one is in the line, and the others don't
/// keep slots from those who could use them.
pub(crate) struct Gate(#[allow(dead_code)] OwnedMutexGuard<()>);

impl Turns {
    pub(crate) async fn gate(&self, machine: &MachineId, kind: ActionType, urgent: bool) -> Gate {
        let gate = {
            let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
            if gates.len().is_power_of_two() {
                gates.retain(|_, gate| Arc::strong_count(gate) > 1);
            }
            Arc::clone(gates.entry((key(machine), kind, urgent)).or_default())
        };
        Gate(gate.lock_owned().await)
    }

    pub(crate) async fn of(&self, machine: &MachineId, now: impl Fn() -> Instant) -> Turn {
        let memory = {
            let mut machines = self.machines.lock().unwrap_or_else(PoisonError::into_inner);
            // Now and then those are dropped on which nobody acts, and of which nothing of late is known.
            if machines.len().is_power_of_two() {
                machines.retain(|_, memory| {
                    memory.try_lock().is_ok_and(|memory| memory.is_fresh(now()))
                        || Arc::strong_count(memory) > 1
                });
            }
            Arc::clone(machines.entry(key(machine)).or_default())
        };
        let mut turn = Turn(memory.lock_owned().await);
        turn.0.forget_what_is_old(now());
        turn
    }

    /// The machines on which something was done of late, as far as that is still remembered.
    pub(crate) fn machines(&self) -> Vec<MachineId> {
        let machines = self.machines.lock().unwrap_or_else(PoisonError::into_inner);
        machines.keys().filter_map(|key| key.parse().ok()).collect()
    }

    /// What left for a machine and the list doesn't show, once nobody is about to submit something.
    pub(crate) async fn unlisted(
        &self,
        machine: &MachineId,
        listed: &[MachineAction],
        now: Instant,
    ) -> Unlisted {
        let memory = {
            let machines = self.machines.lock().unwrap_or_else(PoisonError::into_inner);
            machines.get(&key(machine)).map(Arc::clone)
        };
        match memory {
            Some(memory) => memory.lock().await.unlisted(listed, now),
            None => Unlisted::default(),
        }
    }
}

impl Turn {
    /// What left and the list doesn't show.
    pub(crate) fn unlisted(&mut self, listed: &[MachineAction], now: Instant) -> Unlisted {
        self.0.unlisted(listed, now)
    }

    /// A submission is about to leave, which `left` tells. Until something more is known of it, it may have been done.
    pub(crate) fn leaves(
        &mut self,
        kind: ActionType,
        reference: Option<String>,
        left: Arc<AtomicBool>,
        at: Instant,
    ) {
        self.0.unseen.push(Unseen { kind, reference, at, left });
    }

    /// Nothing more is known of the one that left last, up to now.
    pub(crate) fn is_open(&mut self, now: Instant) {
        if let Some(last) = self.0.unseen.last_mut() {
            last.at = now;
        }
    }

    /// What became of the one that left last is known.
    pub(crate) fn is_seen(&mut self) {
        self.0.unseen.pop();
    }

    pub(crate) fn remember(&mut self, action: &MachineAction, now: Instant) {
        self.0.submitted.retain(|sent| sent.action.id != action.id);
        self.0.submitted.push(Sent { at: now, action: action.clone(), listed: false });
    }
}

impl Memory {
    /// Holds a list against it. What the list shows of the unseen is seen.
    fn unlisted(&mut self, listed: &[MachineAction], now: Instant) -> Unlisted {
        let shows = |reference: &String| {
            let comments = listed.iter().filter_map(|a| a.requestor_comment.as_deref());
            comments.into_iter().any(|comment| comment.contains(reference))
        };
        self.unseen.retain(|unseen| !unseen.reference.as_ref().is_some_and(shows));
        let is_listed = |sent: &Sent| listed.iter().any(|action| action.id == sent.action.id);
        for sent in &mut self.submitted {
            sent.listed |= is_listed(sent);
        }
        self.forget_what_is_old(now);
        let submitted = self.submitted.iter().rev().filter(|sent| !is_listed(sent));
        let left = |unseen: &&Unseen| unseen.left.load(Ordering::Relaxed);
        Unlisted {
            submitted: submitted.map(|sent| sent.action.clone()).collect(),
            unseen: self.unseen.iter().rev().filter(left).cloned().collect(),
        }
    }

    fn is_fresh(&self, now: Instant) -> bool {
        self.submitted.iter().any(|sent| sent.is_fresh(now))
            || self.unseen.iter().any(|unseen| unseen.is_fresh(now))
    }

    fn forget_what_is_old(&mut self, now: Instant) {
        self.submitted.retain(|sent| sent.is_fresh(now));
        self.unseen.retain(|unseen| unseen.is_fresh(now));
    }
}

impl Sent {
    fn is_fresh(&self, now: Instant) -> bool {
        let limit = if self.listed { REMEMBERED } else { UNLISTED };
        now.saturating_duration_since(self.at) < limit
    }
}

impl Unseen {
    fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) < REMEMBERED + UNDER_WAY
    }
}

fn key(machine: &MachineId) -> String {
    machine.as_str().to_ascii_lowercase()
}
