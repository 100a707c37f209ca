//! One process, one application, many customers' tenants: a client for each, made on demand, over one transport.
//!
//! Nothing but the transport is shared, so a tenant whose sign-in hangs or fails holds up no other.

mod connection;
mod consent;
mod network;
mod settings;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::auth::TokenSource;
use crate::client::{Client, ClientBuilder, Keepers};
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind, Result};
use crate::send::Terms;
use crate::transport::{Network, Transport};

pub use connection::Connection;
pub use consent::{ConsentOutcome, ConsentRequest};
pub use settings::{ClosingPolicy, TenantSettings};

/// A client that nobody asked for during this time is dropped; the next call makes it anew.
const IDLE: Duration = Duration::from_secs(30 * 60);

/// How often idle clients are looked for.
const SWEEP: Duration = Duration::from_secs(60);

type Credential = dyn Fn(&str) -> Box<dyn TokenSource> + Send + Sync;

/// The tenants of an integrator, each under one label of the integrator's own, such as a customer number.
///
/// ```
/// use defender_response::{ClientSecret, Region, TenantSettings, Tenants};
///
/// # fn main() -> defender_response::Result<()> {
/// let app = "8b2c1d4e-0000-4000-8000-9f8e7d6c5b4a";
/// let tenants = Tenants::builder(move |tenant| ClientSecret::new(tenant, app, "the app's secret")).build()?;
/// tenants.add("customer-1", "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f", TenantSettings::new().region(Region::Europe))?;
/// let defender = tenants.client("customer-1")?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Tenants(Arc<Shared>);

struct Shared {
    credential: Box<Credential>,
    defaults: TenantSettings,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    idle: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tenants: BTreeMap<String, Entry>,
    swept: Option<Instant>,
}

struct Entry {
    tenant: String,
    settings: TenantSettings,
    client: Option<Client>,
    /// What the guards of a client that was dropped have counted, and until when that matters.
    counts: Option<(Keepers, Instant)>,
    used: Instant,
    was_connected: bool,
}

impl Tenants {
    /// Begins with how the application signs in to a tenant: called with the tenant's id or domain.
    pub fn builder<S: TokenSource + 'static>(
        credential: impl Fn(&str) -> S + Send + Sync + 'static,
    ) -> TenantsBuilder {
        TenantsBuilder {
            credential: Box::new(move |tenant| Box::new(credential(tenant))),
            defaults: TenantSettings::new(),
            transport: None,
            network: Network::default(),
            clock: Arc::new(SystemClock),
            idle: IDLE,
        }
    }

    /// Adds a tenant under a label. What its settings don't say is as in the defaults.
    ///
    /// # Errors
    /// [`is_conflict`](Error::is_conflict) when the label is taken, or the tenant is there under another one: acting on the
    /// wrong customer's machines is worse than not acting. [`is_configuration`](Error::is_configuration) when no client
    /// can be built like this.
    pub fn add(
        &self,
        label: impl Into<String>,
        tenant: impl Into<String>,
        settings: TenantSettings,
    ) -> Result<()> {
        let (label, tenant) = (label.into(), tenant.into().trim().to_lowercase());
        let client = self.build(&tenant, &settings)?;
        let now = self.0.clock.now();
        let mut state = self.lock();
        if state.tenants.contains_key(&label) {
            return Err(conflict(format!("the label {label:?} is taken")));
        }
        let other = state.tenants.iter().find(|(_, entry)| entry.tenant == tenant);
        if let Some((other, _)) = other {
            return Err(conflict(format!(
                "the tenant {tenant} is there already, under the label {other:?}"
            )));
        }
        let client = Some(client);
        let entry =
            Entry { tenant, settings, client, counts: None, used: now, was_connected: false };
        state.tenants.insert(label, entry);
        Ok(())
    }

    /// Takes a tenant out, if it is there. Clients that are in use stay as they are.
    pub fn remove(&self, label: &str) {
        self.lock().tenants.remove(label);
    }

    /// The labels, in order.
    #[must_use]
    pub fn labels(&self) -> Vec<String> {
        self.lock().tenants.keys().cloned().collect()
    }

    /// The client of the tenant under this label, made now if there is none.
    ///
    /// # Errors
    /// [`is_configuration`](Error::is_configuration) for a label that isn't there.
    pub fn client(&self, label: &str) -> Result<Client> {
        let now = self.0.clock.now();
        let (tenant, settings) = {
            let mut state = self.lock();
            state.sweep(now, self.0.idle);
            let entry = state.tenants.get_mut(label).ok_or_else(|| unknown(label))?;
            entry.used = now;
            if let Some(client) = &entry.client {
                return Ok(client.clone());
            }
            (entry.tenant.clone(), entry.settings.clone())
        };
        // Built outside the lock: the credential is the integrator's own code.
        let built = self.build(&tenant, &settings)?;
        let mut state = self.lock();
        let entry = state.tenants.get_mut(label).ok_or_else(|| unknown(label))?;
        if entry.tenant != tenant {
            return Err(conflict(format!(
                "the label {label:?} was given to another tenant meanwhile"
            )));
        }
        let counted = entry.counts.take().filter(|(_, until)| now < *until);
        let built = match counted {
            Some((keepers, _)) => built.kept_by(keepers),
            None => built,
        };
        Ok(entry.client.get_or_insert(built).clone())
    }

    /// The settings of the tenant under this label, completed by the defaults.
    ///
    /// # Errors
    /// [`is_configuration`](Error::is_configuration) for a label that isn't there.
    pub fn settings(&self, label: &str) -> Result<TenantSettings> {
        let state = self.lock();
        let entry = state.tenants.get(label).ok_or_else(|| unknown(label))?;
        Ok(entry.settings.clone().or(&self.0.defaults))
    }

    /// How many clients are kept ready.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.lock().tenants.values().filter(|entry| entry.client.is_some()).count()
    }

    fn build(&self, tenant: &str, settings: &TenantSettings) -> Result<Client> {
        let builder: ClientBuilder = Client::builder((self.0.credential)(tenant))
            .transport(Arc::clone(&self.0.transport))
            .clock(Arc::clone(&self.0.clock));
        settings.clone().or(&self.0.defaults).set_up(builder).build()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn sweep(&mut self, now: Instant, idle: Duration) {
        if self.swept.is_some_and(|at| now.saturating_duration_since(at) < SWEEP) {
            return;
        }
        self.swept = Some(now);
        for entry in self.tenants.values_mut() {
            let in_use = entry.client.as_ref().is_some_and(Client::is_in_use);
            let is_idle = !in_use && now.saturating_duration_since(entry.used) >= idle;
            if is_idle && let Some(client) = entry.client.take() {
                entry.counts = client.counts().and_then(|(keepers, window)| {
                    now.checked_add(window).map(|until| (keepers, until))
                });
            }
            entry.counts.take_if(|(_, until)| now >= *until);
        }
    }
}

impl fmt::Debug for Tenants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenants").field("labels", &self.labels()).finish_non_exhaustive()
    }
}

/// Sets up [`Tenants`].
#[must_use]
pub struct TenantsBuilder {
    credential: Box<Credential>,
    defaults: TenantSettings,
    transport: Option<Arc<dyn Transport>>,
    network: Network,
    clock: Arc<dyn Clock>,
    idle: Duration,
}

impl TenantsBuilder {
    /// What holds for a tenant whose own settings don't say otherwise.
    pub fn defaults(mut self, settings: TenantSettings) -> Self {
        self.defaults = settings;
        self
    }

    /// Drops a client that nobody asked for during this time, in place of half an hour.
    pub fn idle_after(mut self, time: Duration) -> Self {
        self.idle = time;
        self
    }

    /// Another way to the network, such as the emulator's in-memory front.
    pub fn transport(mut self, transport: impl Transport + 'static) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// Another clock, for tests.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The tenants, none yet.
    ///
    /// # Errors
    /// [`is_configuration`](Error::is_configuration) when the HTTP client can't be built,
    /// or a setting of the network can't be.
    pub fn build(self) -> Result<Tenants> {
        let transport = self.network.transport(self.transport, true, Terms::default().attempt)?;
        Ok(Tenants(Arc::new(Shared {
            credential: self.credential,
            defaults: self.defaults,
            transport,
            clock: self.clock,
            idle: self.idle,
            state: Mutex::default(),
        })))
    }
}

impl fmt::Debug for TenantsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantsBuilder").field("defaults", &self.defaults).finish_non_exhaustive()
    }
}

fn conflict(what: String) -> Error {
    Error::new(ErrorKind::Conflict, what)
}

fn unknown(label: &str) -> Error {
    Error::configuration(format!("there is no tenant under the label {label:?}"))
}
