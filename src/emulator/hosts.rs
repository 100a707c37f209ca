//! What a test can do to hosts behind the service's back: look at the truth, cut a sensor off, undo an
//! isolation locally.

use std::fmt;
use std::time::Duration;

use super::handle::Emulator;
use super::world::{Event, Host, Isolation, Machine, Offline};

/// No emulated tenant has a machine with this id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSuchMachine(pub(crate) String);

impl fmt::Display for NoSuchMachine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the emulator has no machine with the id {:?}", self.0)
    }
}

impl std::error::Error for NoSuchMachine {}

impl Emulator {
    /// What is really the case on the machine with this id.
    #[must_use]
    pub fn host(&self, machine_id: &str) -> Option<Host> {
        let mut service = self.0.lock();
        service.catch_up();
        let (tenant, machine) = service.directory.home_of(machine_id)?;
        service.directory.get(tenant)?.machines.get(machine).map(Machine::host)
    }

    /// Undoes an isolation on the host itself, as the force-release script does. The service's records
    /// don't learn of it.
    ///
    /// # Errors
    /// When there is no such machine, as with the other methods about hosts.
    pub fn force_release(&self, machine_id: &str) -> Result<(), NoSuchMachine> {
        self.with_machine(machine_id, |machine| machine.truth.isolation = Isolation::None)
    }

    /// Cuts the sensor off: for `time`, or until [`set_online`](Self::set_online). What it is told
    /// meanwhile waits for it.
    ///
    /// # Errors
    /// When there is no such machine.
    pub fn set_offline(
        &self,
        machine_id: &str,
        time: Option<Duration>,
    ) -> Result<(), NoSuchMachine> {
        let mut service = self.0.lock();
        let now = service.catch_up();
        let unknown = || NoSuchMachine(machine_id.to_owned());
        let (tenant, number) = service.directory.home_of(machine_id).ok_or_else(unknown)?;
        let end = time.map(|time| now.at.saturating_add(time));
        if let Some(end) = end {
            service.agenda.enter(end, tenant, Event::Return(number));
        }
        drop(service);
        self.with_machine(machine_id, |machine| {
            machine.link.offline = Some(end.map_or(Offline::ForGood, Offline::Until));
        })
    }

    /// Brings the sensor back: what waited for it happens now.
    ///
    /// # Errors
    /// When there is no such machine.
    pub fn set_online(&self, machine_id: &str) -> Result<(), NoSuchMachine> {
        self.reconnect(machine_id)
    }

    /// Whether the sensor's reports get lost: the host then does what it is told, and its actions stay
    /// `InProgress` until they time out. An isolated host behind a VPN's full tunnel is like that.
    ///
    /// # Errors
    /// When there is no such machine.
    pub fn set_mute(&self, machine_id: &str, mute: bool) -> Result<(), NoSuchMachine> {
        self.with_machine(machine_id, |machine| machine.link.mute = mute)?;
        if mute { Ok(()) } else { self.reconnect(machine_id) }
    }

    /// Lets actions on this host fail with this error, or succeed again.
    ///
    /// # Errors
    /// When there is no such machine.
    pub fn set_failing(&self, machine_id: &str, error: Option<i32>) -> Result<(), NoSuchMachine> {
        self.with_machine(machine_id, |machine| machine.link.failing = error)
    }

    fn with_machine(
        &self,
        machine_id: &str,
        change: impl FnOnce(&mut Machine),
    ) -> Result<(), NoSuchMachine> {
        let mut service = self.0.lock();
        service.catch_up();
        service
            .directory
            .home_of(machine_id)
            .and_then(|(tenant, number)| {
                service.directory.get_mut(tenant)?.machines.get_mut(number)
            })
            .map(change)
            .ok_or_else(|| NoSuchMachine(machine_id.to_owned()))
    }

    fn reconnect(&self, machine_id: &str) -> Result<(), NoSuchMachine> {
        let mut service = self.0.lock();
        service
            .directory
            .home_of(machine_id)
            .and_then(|(number, machine)| {
                service.in_tenant(number, |tenant, scene| tenant.reconnect(machine, scene))
            })
            .ok_or_else(|| NoSuchMachine(machine_id.to_owned()))
    }
}
