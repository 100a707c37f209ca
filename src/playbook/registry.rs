//! Actions by name.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::action::{About, Action};
use super::alerts::{CommentAlert, UpdateOneAlert};
use super::iocs::{CreateIocs, PlanIocs, SyncIocs};
use super::machines::{DeisolateEndpoint, IsolateEndpoint, Restrict, ScanEndpoint, Unrestrict};
use super::records::{CancelAction, GetActionInfo, WaitForAction};
use super::states::{CheckConnection, EnsureState, GetMachineState};

/// Actions by name, those of the crate and those of its user.
#[derive(Clone)]
pub struct Registry(BTreeMap<&'static str, Entry>);

#[derive(Clone)]
struct Entry {
    action: Arc<dyn Action>,
    /// The crate's own, which changes nothing but by its client.
    own: bool,
}

impl Default for Registry {
    /// The crate's own actions.
    fn default() -> Self {
        let mut registry = Self::empty();
        let own: [Arc<dyn Action>; 19] = [
            Arc::new(IsolateEndpoint),
            Arc::new(DeisolateEndpoint),
            Arc::new(ScanEndpoint),
            Arc::new(Restrict),
            Arc::new(Unrestrict),
            Arc::new(GetActionInfo),
            Arc::new(CancelAction),
            Arc::new(UpdateOneAlert),
            Arc::new(CommentAlert),
            Arc::new(CreateIocs),
            Arc::new(WaitForAction),
            Arc::new(GetMachineState),
            Arc::new(EnsureState::Isolated),
            Arc::new(EnsureState::Released),
            Arc::new(EnsureState::Restricted),
            Arc::new(EnsureState::Unrestricted),
            Arc::new(CheckConnection),
            Arc::new(PlanIocs),
            Arc::new(SyncIocs),
        ];
        for action in own {
            registry.0.insert(action.about().name, Entry { action, own: true });
        }
        registry
    }
}

impl Registry {
    /// No action at all.
    #[must_use]
    pub fn empty() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds an action, in place of one with its name.
    #[must_use]
    pub fn with(mut self, action: impl Action + 'static) -> Self {
        let name = action.about().name;
        self.0.insert(name, Entry { action: Arc::new(action), own: false });
        self
    }

    /// The action with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&dyn Action> {
        self.0.get(name).map(|entry| &*entry.action)
    }

    pub(super) fn is_own(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|entry| entry.own)
    }

    /// What is known about each, by name.
    pub fn list(&self) -> impl Iterator<Item = About> {
        self.0.values().map(|entry| entry.action.about())
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
