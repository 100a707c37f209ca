//! Setting up an emulator: its clock, its tenants, how it behaves from the start.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::handle::{Emulator, Home, Shared};
use super::service::Service;
use super::setting::SwitchError;
use super::switches::Switches;
use super::world::{
    AppSetup, MachineSetup, TenantSetup, default_alerts, default_machines, default_tenant,
};
use crate::clock::{Clock, SystemClock};

/// Builds an [`Emulator`].
///
/// ```
/// use std::time::Duration;
/// use defender_response::emulator::Emulator;
///
/// let emulator = Emulator::builder()
///     .settle(Duration::from_secs(30))
///     .set("duplicate_action", "refused")?
///     .fleet(2_000)
///     .build();
/// assert_eq!(emulator.machines().len(), 2_006);
/// # Ok::<(), defender_response::emulator::SwitchError>(())
/// ```
#[must_use]
pub struct EmulatorBuilder {
    clock: Arc<dyn Clock>,
    switches: Switches,
    seed: u64,
    tenants: Vec<TenantSetup>,
    apps: Vec<AppSetup>,
    machines: Vec<MachineSetup>,
}

impl fmt::Debug for EmulatorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmulatorBuilder").finish_non_exhaustive()
    }
}

impl Default for EmulatorBuilder {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            switches: Switches::default(),
            seed: 42,
            tenants: Vec::new(),
            apps: Vec::new(),
            machines: Vec::new(),
        }
    }
}

impl EmulatorBuilder {
    /// The service's clock; the system's unless said.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// How long an action takes until it has succeeded; two seconds unless said.
    pub fn settle(mut self, time: Duration) -> Self {
        self.switches.settle = time;
        self
    }

    /// Sets a switch by name.
    ///
    /// # Errors
    /// When there is no such switch, or it doesn't take the value.
    pub fn set(mut self, name: &str, value: &str) -> Result<Self, SwitchError> {
        self.switches.set(name, value)?;
        Ok(self)
    }

    /// Where made-up identifiers start; emulators with one seed make the same ones.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Adds a tenant. The first one added takes the place of the company that is there otherwise.
    pub fn tenant(mut self, tenant: TenantSetup) -> Self {
        self.tenants.push(tenant);
        self
    }

    /// Adds an application to the first tenant.
    pub fn app(mut self, app: AppSetup) -> Self {
        self.apps.push(app);
        self
    }

    /// Adds a machine to the first tenant.
    pub fn machine(mut self, machine: MachineSetup) -> Self {
        self.machines.push(machine);
        self
    }

    /// Adds `count` workstations to the first tenant, named `ws-1000.fleet.example` and so on.
    pub fn fleet(mut self, count: usize) -> Self {
        let names = (0..count).map(|n| format!("ws-{}.fleet.example", 1000 + n));
        self.machines.extend(names.map(MachineSetup::new));
        self
    }

    /// The emulator.
    #[must_use]
    pub fn build(self) -> Emulator {
        let mut service = Service::new(Arc::clone(&self.clock), self.switches, self.seed);
        let now = service.catch_up();

        let mut tenants = self.tenants.into_iter();
        let mut first = tenants.next().unwrap_or_else(default_company);
        for app in self.apps {
            first = first.app(app);
        }
        first = first.machines(self.machines);

        let home = first.home();
        for tenant in std::iter::once(first).chain(tenants) {
            let tenant = tenant.build(&mut service.ids, now);
            service.directory.add(tenant);
        }
        Emulator(Arc::new(Shared { service: Mutex::new(service), clock: self.clock, home }))
    }
}

fn default_company() -> TenantSetup {
    let company = default_tenant().machines(default_machines());
    default_alerts().into_iter().fold(company, TenantSetup::alert)
}

impl TenantSetup {
    fn home(&self) -> Home {
        let (client_id, client_secret) = self.first_credential();
        Home { tenant_id: self.id().to_owned(), client_id, client_secret }
    }
}
