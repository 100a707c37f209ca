//! The handle tests and programs hold: where to reach the emulator, what came in, what is really so.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use serde::Serialize;

use super::builder::EmulatorBuilder;
use super::entra::AUDIENCE;
use super::journal::{JournalEntry, Stats};
use super::memory::InMemory;
use super::reply::Reply;
use super::service::Service;
use super::setting::{Switch, SwitchError};
use super::socket::Listening;
use crate::clock::Clock;

/// An emulated Defender for Endpoint, with Entra's token endpoint beside it.
///
/// Clones are handles to the same emulator. It holds no thread and no task: what happens by itself is
/// caught up with whenever it is asked something.
///
/// ```
/// use defender_response::Transport;
/// use defender_response::emulator::Emulator;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// let emulator = Emulator::new();
/// let request = http::Request::post(format!("{}/{}/oauth2/token", emulator.authority(), emulator.tenant_id()))
///     .body(bytes::Bytes::from_static(b"grant_type=client_credentials"))
///     .unwrap();
/// let answer = emulator.transport().send(request, 1 << 20).await.unwrap();
/// assert_eq!(answer.status(), 400);
/// assert_eq!(emulator.stats().token_requests, 1);
/// # }
/// ```
#[derive(Clone)]
pub struct Emulator(pub(crate) Arc<Shared>);

/// What all handles and both fronts share.
pub(crate) struct Shared {
    pub(crate) service: Mutex<Service>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) home: Home,
}

/// Whom a single client signs in as.
pub(crate) struct Home {
    pub(crate) tenant_id: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
}

/// A machine's id and full name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MachineName {
    /// Its id.
    pub id: String,
    /// Its full name.
    pub name: String,
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Service> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn handle(&self, request: Request<Bytes>) -> Reply {
        let now = self.clock.now();
        self.lock().handle(now, request)
    }

    pub(crate) fn too_large(&self) -> Response<Bytes> {
        let now = self.clock.now();
        self.lock().too_large(now)
    }

    pub(crate) fn latency(&self) -> Duration {
        self.lock().switches.latency
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator").field("tenant_id", &self.tenant_id()).finish_non_exhaustive()
    }
}

impl Default for Emulator {
    fn default() -> Self {
        Self::new()
    }
}

impl Emulator {
    /// A small company: one tenant, one application with every role, six machines.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// An emulator with tenants, machines, a clock or a behaviour of your own.
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder::default()
    }

    /// The in-memory front. Time there is tokio's, so it works in a paused runtime.
    #[must_use]
    pub fn transport(&self) -> InMemory {
        InMemory(Arc::clone(&self.0))
    }

    /// The socket front, in real time; port 0 picks a free one.
    ///
    /// # Errors
    /// When the address can't be listened on.
    pub async fn listen(&self, address: SocketAddr) -> io::Result<Listening> {
        Listening::start(address, Arc::clone(&self.0)).await
    }

    /// The id of the first tenant.
    #[must_use]
    pub fn tenant_id(&self) -> &str {
        &self.0.home.tenant_id
    }

    /// The client id of the first tenant's first application.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.0.home.client_id
    }

    /// The secret of that application.
    #[must_use]
    pub fn client_secret(&self) -> &str {
        &self.0.home.client_secret
    }

    /// A base URL for the in-memory front; no such host exists.
    #[must_use]
    pub fn base_url(&self) -> &'static str {
        "https://api.emulated.example"
    }

    /// A login authority for the in-memory front; no such host exists.
    #[must_use]
    pub fn authority(&self) -> &'static str {
        "https://login.emulated.example"
    }

    /// The audience to ask tokens for.
    #[must_use]
    pub fn audience(&self) -> &'static str {
        AUDIENCE
    }

    /// All machines of all tenants.
    #[must_use]
    pub fn machines(&self) -> Vec<MachineName> {
        let service = self.0.lock();
        let records = service.directory.iter().flat_map(|t| &t.machines).map(|m| &m.record);
        records
            .map(|record| MachineName {
                id: record.id.clone(),
                name: record.computer_dns_name.clone(),
            })
            .collect()
    }

    /// The requests received so far, oldest first; the newest 200,000 are kept.
    #[must_use]
    pub fn journal(&self) -> Vec<JournalEntry> {
        self.0.lock().journal.entries()
    }

    /// How many requests were received.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.lock().journal.stats()
    }

    /// Forgets journal and statistics.
    pub fn clear_journal(&self) {
        self.0.lock().journal.clear();
    }

    /// Sets a switch by name, from now on.
    ///
    /// # Errors
    /// When there is no such switch, or it doesn't take the value.
    pub fn set(&self, name: &str, value: &str) -> Result<(), SwitchError> {
        let mut service = self.0.lock();
        service.catch_up();
        service.switches.set(name, value)
    }

    /// All switches with their values.
    #[must_use]
    pub fn switches(&self) -> Vec<Switch> {
        self.0.lock().switches.list()
    }
}
