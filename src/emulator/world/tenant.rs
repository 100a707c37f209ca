//! A tenant: its licence, its registered applications, its machines and everything the service keeps
//! for it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::action::Actions;
use super::alert::{Alert, AlertSetup};
use super::indicator::Indicators;
use super::machine::{Machine, MachineSetup};
use crate::emulator::ids::Ids;
use crate::emulator::moment::Moment;
use crate::types::{Secret, Timestamp};

/// Whether a tenant may use the service at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// Licensed and set up.
    #[default]
    Active,
    /// No active licence: every call is answered 401, "Account mode is inactive".
    Inactive,
    /// Defender was never opened in this tenant: every call is answered 401, "not provisioned".
    NotProvisioned,
    /// The service's principal is missing: no token is given (AADSTS500011).
    NoPrincipal,
}

/// What a tenant has bought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Plan {
    /// Plan 1: no restriction of code execution.
    One,
    /// Plan 2: everything.
    #[default]
    Two,
}

/// A tenant to be emulated.
///
/// ```
/// use defender_response::emulator::{AppSetup, Emulator, MachineSetup, TenantSetup};
///
/// let customer = TenantSetup::new("7d3c0e5a-52a7-4f2f-9a55-0c3c8e1c7f10", "customer.example")
///     .app(AppSetup::new("1c8e62f0-8bd5-4bd5-9a1b-2f6a4f0d7f2e", "s3cret").roles(["Machine.Isolate"]))
///     .machine(MachineSetup::new("till-01.customer.example"));
/// let emulator = Emulator::builder().tenant(customer).build();
/// assert_eq!(emulator.machines().len(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct TenantSetup {
    id: String,
    domain: String,
    standing: Standing,
    plan: Plan,
    geo: Option<String>,
    audiences: Vec<String>,
    apps: Vec<AppSetup>,
    machines: Vec<MachineSetup>,
    alerts: Vec<AlertSetup>,
}

impl TenantSetup {
    /// A licensed tenant with this id (a GUID) and domain, without applications or machines.
    #[must_use]
    pub fn new(id: impl Into<String>, domain: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            domain: domain.into(),
            standing: Standing::default(),
            plan: Plan::default(),
            geo: None,
            audiences: Vec::new(),
            apps: Vec::new(),
            machines: Vec::new(),
            alerts: Vec::new(),
        }
    }

    /// Adds an application.
    #[must_use]
    pub fn app(mut self, app: AppSetup) -> Self {
        self.apps.push(app);
        self
    }

    /// Adds a machine.
    #[must_use]
    pub fn machine(mut self, machine: MachineSetup) -> Self {
        self.machines.push(machine);
        self
    }

    /// Adds machines.
    #[must_use]
    pub fn machines(mut self, machines: impl IntoIterator<Item = MachineSetup>) -> Self {
        self.machines.extend(machines);
        self
    }

    /// Adds an alert.
    #[must_use]
    pub fn alert(mut self, alert: AlertSetup) -> Self {
        self.alerts.push(alert);
        self
    }

    /// Whether it may use the service; licensed unless said.
    #[must_use]
    pub fn standing(mut self, standing: Standing) -> Self {
        self.standing = standing;
        self
    }

    /// What it has bought; Plan 2 unless said.
    #[must_use]
    pub fn plan(mut self, plan: Plan) -> Self {
        self.plan = plan;
        self
    }

    /// The region its data is in, such as `eu`; the hosts of other regions are then foreign to it
    /// (switch `foreign_host`).
    #[must_use]
    pub fn geo(mut self, geo: impl Into<String>) -> Self {
        self.geo = Some(geo.into());
        self
    }

    /// Accepts one more token audience, as the clouds of governments have.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The first application's id and first secret; empty if there is none.
    pub(crate) fn first_credential(&self) -> (String, String) {
        let app = self.apps.first();
        let secret = app.and_then(|app| app.secrets.first());
        (
            app.map(|app| app.id.clone()).unwrap_or_default(),
            secret.map(|secret| secret.text.expose().to_owned()).unwrap_or_default(),
        )
    }

    pub(crate) fn build(self, ids: &mut Ids, now: Moment) -> Tenant {
        let mut tenant = Tenant {
            id: self.id,
            domain: self.domain,
            standing: self.standing,
            plan: self.plan,
            geo: self.geo,
            audiences: self.audiences,
            apps: self.apps.into_iter().map(App::from).collect(),
            machines: Vec::new(),
            machine_ids: HashMap::new(),
            actions: Actions::default(),
            alerts: BTreeMap::new(),
            indicators: Indicators::default(),
            doomed_indicators: HashMap::new(),
        };
        for machine in self.machines {
            tenant.add_machine(machine, ids, now);
        }
        for alert in self.alerts {
            tenant.add_alert(alert, ids, now);
        }
        tenant
    }
}

/// An application registered in a tenant.
#[derive(Clone, Debug)]
pub struct AppSetup {
    id: String,
    name: String,
    roles: Vec<String>,
    secrets: Vec<ClientSecret>,
    thumbprints: Vec<String>,
    federations: Vec<Federation>,
    lifetime: i64,
    disabled: bool,
}

impl AppSetup {
    /// An application with this client id (a GUID) and secret, and without any role.
    #[must_use]
    pub fn new(client_id: impl Into<String>, secret: impl Into<Secret>) -> Self {
        Self {
            id: client_id.into(),
            name: "Response automation".to_owned(),
            roles: Vec::new(),
            secrets: vec![ClientSecret { text: secret.into(), expires: None }],
            thumbprints: Vec::new(),
            federations: Vec::new(),
            lifetime: 3599,
            disabled: false,
        }
    }

    /// Its display name, which actions name as their requestor.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The roles an administrator has consented to, such as `Machine.Isolate`.
    #[must_use]
    pub fn roles<R: Into<String>>(mut self, roles: impl IntoIterator<Item = R>) -> Self {
        self.roles.extend(roles.into_iter().map(Into::into));
        self
    }

    /// One more secret that works, until `expires` if that is given.
    #[must_use]
    pub fn secret(mut self, secret: impl Into<Secret>, expires: Option<Timestamp>) -> Self {
        self.secrets.push(ClientSecret { text: secret.into(), expires });
        self
    }

    /// A registered certificate, by its thumbprint as assertions carry it (`x5t#S256` or `x5t`, base64url).
    /// Signatures aren't verified.
    #[must_use]
    pub fn certificate(mut self, thumbprint: impl Into<String>) -> Self {
        self.thumbprints.push(thumbprint.into());
        self
    }

    /// A federated credential: assertions with exactly this issuer, subject and audience are taken.
    #[must_use]
    pub fn federation(
        mut self,
        issuer: impl Into<String>,
        subject: impl Into<String>,
        audience: impl Into<String>,
    ) -> Self {
        let (issuer, subject, audience) = (issuer.into(), subject.into(), audience.into());
        self.federations.push(Federation { issuer, subject, audience });
        self
    }

    /// How long its tokens are valid; 3,599 seconds unless said.
    #[must_use]
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
        self
    }

    /// Turned off by an administrator: no token is given (AADSTS7000112).
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.disabled = true;
        self
    }
}

/// A secret and the end of its validity.
#[derive(Clone, Debug)]
pub(crate) struct ClientSecret {
    pub(crate) text: Secret,
    pub(crate) expires: Option<Timestamp>,
}

/// Whose statements stand for an application.
#[derive(Clone, Debug)]
pub(crate) struct Federation {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) audience: String,
}

/// A registered application.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) roles: Arc<[String]>,
    pub(crate) secrets: Vec<ClientSecret>,
    pub(crate) thumbprints: Vec<String>,
    pub(crate) federations: Vec<Federation>,
    pub(crate) lifetime: i64,
    pub(crate) disabled: bool,
}

impl From<AppSetup> for App {
    fn from(setup: AppSetup) -> Self {
        Self {
            id: setup.id,
            name: setup.name,
            roles: setup.roles.into(),
            secrets: setup.secrets,
            thumbprints: setup.thumbprints,
            federations: setup.federations,
            lifetime: setup.lifetime,
            disabled: setup.disabled,
        }
    }
}

/// A tenant as the emulator keeps it.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) id: String,
    pub(crate) domain: String,
    pub(crate) standing: Standing,
    pub(crate) plan: Plan,
    pub(crate) geo: Option<String>,
    pub(crate) audiences: Vec<String>,
    pub(crate) apps: Vec<App>,
    pub(crate) machines: Vec<Machine>,
    machine_ids: HashMap<String, usize>,
    pub(crate) actions: Actions,
    pub(crate) alerts: BTreeMap<String, Alert>,
    pub(crate) indicators: Indicators,
    /// Values that are refused in any indicator, each with the reason given.
    pub(crate) doomed_indicators: HashMap<String, String>,
}

impl Tenant {
    pub(crate) fn app(&self, client_id: &str) -> Option<(usize, &App)> {
        self.apps.iter().enumerate().find(|(_, app)| app.id.eq_ignore_ascii_case(client_id))
    }

    pub(crate) fn add_machine(
        &mut self,
        setup: MachineSetup,
        ids: &mut Ids,
        now: Moment,
    ) -> String {
        let machine = setup.build(ids, now);
        let id = machine.record.id.clone();
        self.machine_ids.insert(id.to_ascii_lowercase(), self.machines.len());
        self.machines.push(machine);
        id
    }

    pub(crate) fn add_alert(&mut self, setup: AlertSetup, ids: &mut Ids, now: Moment) -> String {
        let number = setup.machine_id().and_then(|id| self.machine_with_id(id));
        let machine = number.and_then(|number| self.machines.get(number));
        let alert = setup.build(&self.id, machine, ids, now);
        let id = alert.id.clone();
        self.alerts.insert(id.clone(), alert);
        id
    }

    pub(crate) fn machine_with_id(&self, id: &str) -> Option<usize> {
        self.machine_ids.get(&id.to_ascii_lowercase()).copied()
    }

    /// The machine with this id or computer name; of several with one name, the one seen last.
    pub(crate) fn machine_called(&self, id_or_name: &str) -> Option<&Machine> {
        if let Some(number) = self.machine_with_id(id_or_name) {
            return self.machines.get(number);
        }
        self.machines
            .iter()
            .filter(|machine| machine.record.computer_dns_name.eq_ignore_ascii_case(id_or_name))
            .max_by_key(|machine| machine.record.last_seen)
    }
}
