//! Taking turns on a machine: one call of a client at a time looks at it and acts, and the next one knows what was
//! submitted even while the service's list doesn't show it yet.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::OwnedMutexGuard;

use crate::model::MachineAction;
use crate::types::MachineId;

/// Longer than any list was seen to lag.
const REMEMBERED: Duration = Duration::from_secs(120);

type Memory = Vec<(Instant, MachineAction)>;

#[derive(Default)]
pub(crate) struct Turns(Mutex<HashMap<String, Arc<tokio::sync::Mutex<Memory>>>>);

/// The right to act on one machine, and what was submitted to it of late.
pub(crate) struct Turn(OwnedMutexGuard<Memory>);

impl Turns {
    pub(crate) async fn of(&self, machine: &MachineId, now: Instant) -> Turn {
        let memory = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Now and then those are dropped on which nobody acts, and of which nothing of late is known.
            if turns.len().is_power_of_two() {
                turns.retain(|_, memory| {
                    memory
                        .try_lock()
                        .is_ok_and(|memory| memory.iter().any(|(at, _)| is_fresh(*at, now)))
                        || Arc::strong_count(memory) > 1
                });
            }
            Arc::clone(turns.entry(machine.as_str().to_ascii_lowercase()).or_default())
        };
        let mut turn = Turn(memory.lock_owned().await);
        turn.0.retain(|(at, _)| is_fresh(*at, now));
        turn
    }
}

impl Turn {
    /// What this client submitted of late, newest first.
    pub(crate) fn submitted(&self) -> impl Iterator<Item = &MachineAction> {
        self.0.iter().rev().map(|(_, action)| action)
    }

    pub(crate) fn remember(&mut self, action: &MachineAction, now: Instant) {
        self.0.retain(|(_, other)| other.id != action.id);
        self.0.push((now, action.clone()));
    }
}

fn is_fresh(at: Instant, now: Instant) -> bool {
    now.saturating_duration_since(at) < REMEMBERED
}
