//! The emulated world: tenants with their applications and machines, what the service has on record,
//! and, kept apart from it, what is really the case on each host.

mod action;
mod actor;
mod alert;
mod estate;
mod indicator;
mod life;
mod machine;
mod submit;
mod tenant;

pub(crate) use action::{Action, ActionView, Kind, Status};
pub(crate) use actor::Deed;
pub use actor::{Act, ActRefused, Actor};
pub use alert::AlertSetup;
pub(crate) use alert::{Alert, AlertChange};
pub(crate) use estate::{default_alerts, default_machines, default_tenant};
pub(crate) use indicator::{Author, Draft, Indicator, Stored};
pub(crate) use life::Event;
pub use machine::{Host, Isolation, MachineSetup};
pub(crate) use machine::{Machine, Offline};
pub(crate) use submit::{Submission, Submitted};
pub(crate) use tenant::{App, ClientSecret, Federation, Tenant};
pub use tenant::{AppSetup, Plan, Standing, TenantSetup};

use std::collections::HashMap;

use super::agenda::Agenda;
use super::ids::Ids;
use super::moment::Moment;
use super::switches::Switches;

/// What every change in the world needs beside the tenant it happens in.
pub(crate) struct Scene<'a> {
    pub(crate) now: Moment,
    pub(crate) tenant: usize,
    pub(crate) switches: &'a Switches,
    pub(crate) agenda: &'a mut Agenda,
    pub(crate) ids: &'a mut Ids,
}

/// All tenants, by number and by id or domain.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    tenants: Vec<Tenant>,
    by_name: HashMap<String, usize>,
}

impl Directory {
    pub(crate) fn add(&mut self, tenant: Tenant) {
        let number = self.tenants.len();
        self.by_name.insert(tenant.id.to_ascii_lowercase(), number);
        self.by_name.insert(tenant.domain.to_ascii_lowercase(), number);
        self.tenants.push(tenant);
    }

    /// The tenant with this id or domain, in lower case.
    pub(crate) fn tenant(&self, name: &str) -> Option<(usize, &Tenant)> {
        let number = *self.by_name.get(name)?;
        Some((number, self.tenants.get(number)?))
    }

    pub(crate) fn get(&self, number: usize) -> Option<&Tenant> {
        self.tenants.get(number)
    }

    pub(crate) fn get_mut(&mut self, number: usize) -> Option<&mut Tenant> {
        self.tenants.get_mut(number)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Tenant> {
        self.tenants.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Tenant> {
        self.tenants.iter_mut()
    }

    /// The machine with this id, wherever it is, and its tenant's number.
    pub(crate) fn home_of(&self, machine_id: &str) -> Option<(usize, usize)> {
        self.tenants
            .iter()
            .enumerate()
            .find_map(|(number, tenant)| Some((number, tenant.machine_with_id(machine_id)?)))
    }
}
