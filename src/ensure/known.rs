//! What one call has learnt of single actions, which a list may not show yet.

use crate::model::MachineAction;

/// Actions that have ended: no list makes them run again.
#[derive(Debug, Default)]
pub(super) struct Known(Vec<MachineAction>);

impl Known {
    pub(super) fn learn(&mut self, action: &MachineAction) {
        if action.status.is_terminal() && self.0.iter().all(|known| known.id != action.id) {
            self.0.push(action.clone());
        }
    }

    /// Puts what is known in the place of what was listed.
    pub(super) fn lay_over(&self, listed: &mut Vec<MachineAction>) {
        for known in &self.0 {
            match listed.iter_mut().find(|action| action.id == known.id) {
                Some(action) if action.status.is_terminal() => {}
                Some(action) => *action = known.clone(),
                None => listed.push(known.clone()),
            }
        }
    }
}
