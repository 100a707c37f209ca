//! The client: how it is set up, and the raw call. The response verbs stand in `machines` and `actions`.

mod auditing;
mod environment;
mod guarding;
mod network;
mod place;
mod terms;
mod turns;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use url::Url;

use crate::audit::{Auditor, Told};
use crate::auth::{TokenCache, TokenSource};
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, Result};
use crate::guard::Guard;
use crate::operation::{HeldAs, Operation, Preview, Safety, Spec};
use crate::region::{Region, parse_base};
use crate::send::{Budget, Course, QuotaPolicy, Quotas, Sender, Slot, Terms, Witness};
use crate::transport::{Network, Transport};
use crate::types::{Timestamp, is_guid};
pub(crate) use guarding::Keepers;
pub(crate) use place::Place;
pub(crate) use turns::{Turn, Turns, Unlisted, Unseen};

/// Between two tries to get through where nobody says how long it takes.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

/// A client of the Defender for Endpoint API for one tenant. Clones share everything and cost nothing.
///
/// ```no_run
/// use defender_response::{Client, ClientSecret, IsolationType, MachineId, Region};
/// use std::time::Duration;
///
/// # async fn contain(id: MachineId) -> defender_response::Result<()> {
/// let defender = Client::builder(ClientSecret::new(
///     "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f",
///     "8b2c1d4e-0000-4000-8000-9f8e7d6c5b4a",
///     std::env::var("DEFENDER_CLIENT_SECRET").unwrap_or_default(),
/// ))
/// .region(Region::Europe)
/// .build()?;
///
/// let action = defender.machine(id).isolate(IsolationType::Full, "INC-4711: beaconing").await?;
/// let done = action.wait().within(Duration::from_secs(600)).await?;
/// println!("{} by the service's records", done.status);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    terms: Terms,
    guards: Keepers,
    auditor: Arc<Auditor>,
}

struct Shared {
    sender: Sender,
    /// Reads go by an application of their own, where there is one.
    reader: Option<Sender>,
    authority: Url,
    audience: String,
    references: bool,
    turns: Turns,
}

impl Client {
    /// Begins a client that signs in with `credential`.
    pub fn builder(credential: impl TokenSource + 'static) -> ClientBuilder {
        ClientBuilder {
            credential: Arc::new(credential),
            reader: None,
            region: Region::default(),
            base_url: None,
            authority: None,
            audience: None,
            transport: None,
            network: Network::default(),
            clock: Arc::new(SystemClock),
            references: true,
            quota_policy: QuotaPolicy::default(),
            terms: Terms::default(),
            guards: Vec::new(),
            auditor: Auditor::default(),
        }
    }

    /// A client set up by the environment.
    ///
    /// | variable | |
    /// |---|---|
    /// | `DEFENDER_TENANT_ID` | the tenant, by id or domain |
    /// | `DEFENDER_CLIENT_ID` | the application (client) id |
    /// | `DEFENDER_CLIENT_SECRET` | the secret's value |
    /// | or `DEFENDER_CLIENT_SECRET_FILE` | a file that holds it, read again for every token |
    /// | or `DEFENDER_CLIENT_CERTIFICATE_PATH` | a PEM file with certificate and key (feature `certificate`) |
    /// | or `DEFENDER_FEDERATED_TOKEN_FILE` | a workload identity's token, read again for every token |
    /// | `DEFENDER_READER_CLIENT_ID`, and `DEFENDER_READER_CLIENT_SECRET` or `DEFENDER_READER_CLIENT_SECRET_FILE` | a second application of the tenant, which reads |
    /// | `DEFENDER_REGION` | a [`Region`] by name; the global one if unset |
    /// | `DEFENDER_BASE_URL`, `DEFENDER_AUTHORITY`, `DEFENDER_AUDIENCE` | each replaces the region's |
    ///
    /// Of the four proofs only one may be set. Where no variable down to them is set, the names with `AZURE_` are read in
    /// their place, the first proof that is set counts, and `AZURE_AUTHORITY_HOST` gives the authority. The two sets are
    /// never mixed. An empty variable counts as unset.
    ///
    /// # Errors
    /// [`is_configuration`](Error::is_configuration), naming what was looked for.
    pub fn from_env() -> Result<Self> {
        ClientBuilder::from_env()?.build()
    }

    /// Sends one operation as it is, and reads its answer: repeated where that is safe, but no look-up before, no
    /// reference added to its comment, no reconciling after. The verbs of [`MachineHandle`](crate::MachineHandle) are the safe ones.
    ///
    /// ```no_run
    /// # use defender_response::{Client, GetMachine, MachineId};
    /// # async fn f(defender: Client, id: MachineId) -> defender_response::Result<()> {
    /// let machine = defender.send(&GetMachine::by_id(&id)).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Every kind that [`ErrorKind`](crate::ErrorKind) lists but those about how an action ended.
    pub async fn send<O: Operation>(&self, operation: &O) -> Result<O::Output> {
        let call = operation.call().map_err(|e| e.of(O::SPEC.name, ""))?;
        let operation = &HeldAs { operation, safety: guarding::safety_of(operation, &call) };
        if operation.safety == Safety::Read {
            let witness = Witness::new(O::SPEC.name, call);
            return self
                .sender_for(Safety::Read)
                .send_watched(operation, self.terms, &witness)
                .await;
        }
        let pass = self.admit(O::SPEC, &call, None).await?;
        let witness = Witness::new(O::SPEC.name, call);
        let record = self.audit(O::SPEC, witness.call())?;
        let outcome = if self.guards.is_empty() {
            self.send_watched(operation, &witness).await
        } else {
            Box::pin(self.send_guarded(operation, pass, &witness)).await
        };
        witness.told();
        if let Some(record) = record {
            record.tell(&outcome, |_| Told::done());
        }
        outcome
    }

    pub(crate) async fn send_read<O: Operation>(&self, operation: &O) -> Result<O::Output> {
        self.sender_for(Safety::Read).send(operation, self.terms).await
    }

    /// The same for a caller who was admitted, and goes on where the outcome is unknown.
    pub(crate) async fn send_watched<O: Operation>(
        &self,
        operation: &O,
        witness: &Witness,
    ) -> Result<O::Output> {
        self.same_tenant().await.map_err(|e| e.of(O::SPEC.name, ""))?;
        let sender = self.sender_for(operation.safety());
        sender.send_watched(operation, self.terms, witness).await
    }

    /// The same for a caller who has reserved its slot and looked around since. `None` is when it has to do so again.
    pub(crate) async fn send_reserved<O: Operation>(
        &self,
        operation: &O,
        (slot, course): (Slot, &mut Course),
        witness: &Witness,
    ) -> Result<Option<O::Output>> {
        let sender = self.sender_for(operation.safety());
        sender.send_reserved(operation, self.terms, (Some(slot), course), witness).await
    }

    /// A slot for an operation that changes something, ahead of its request.
    pub(crate) async fn reserve(
        &self,
        spec: &'static Spec,
        safety: Safety,
        course: &mut Course,
    ) -> Result<Slot> {
        self.same_tenant().await.map_err(|e| e.of(spec.name, ""))?;
        self.sender_for(safety).reserve(spec, safety, self.terms, course).await
    }

    /// For reads of a caller who holds a slot: they queue for nothing, and where one would have to, it is turned away.
    pub(crate) fn at_once(&self) -> Self {
        self.with_terms(|terms| terms.queue = Some(Duration::ZERO))
    }

    /// Waits until what turned a call away may let it through, for no longer than the call may queue.
    pub(crate) async fn pause_for(&self, course: &mut Course, refusal: Error) -> Result<()> {
        let pause = refusal.retry_after().unwrap_or_default().max(SHORTEST_PAUSE);
        if course.queue_left(&self.terms).is_some_and(|left| left < pause) {
            return Err(course.broken_off(refusal));
        }
        course.has_queued(pause);
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Waits for something else than a slot, for no longer than the call may queue.
    pub(crate) async fn queue_for<F: Future + Send>(
        &self,
        course: &mut Course,
        what: F,
    ) -> Result<F::Output> {
        let Some(limit) = course.queue_left(&self.terms) else { return Ok(what.await) };
        let began = self.clock().now();
        let came = tokio::time::timeout(limit, what).await;
        course.has_queued(self.clock().now().saturating_duration_since(began));
        came.map_err(|_| course.turned_away_by_another_call())
    }

    /// Whether writer and reader turn out to be of two tenants, which only their tokens tell for certain.
    async fn same_tenant(&self) -> Result<()> {
        let Some(reader) = &self.shared.reader else { return Ok(()) };
        let tokens = (self.shared.sender.tokens.get().await, reader.tokens.get().await);
        let (Ok(one), Ok(other)) = tokens else { return Ok(()) };
        match (&one.claims().tenant, &other.claims().tenant) {
            (Some(one), Some(other)) if !one.eq_ignore_ascii_case(other) => {
                Err(two_tenants(one, other))
            }
            _ => Ok(()),
        }
    }

    /// Signs in now if that isn't done, so that the first call needn't wait for it, and a wrong credential shows
    /// when a service starts. While a usable token is there it returns at once.
    ///
    /// ```no_run
    /// # async fn f(defender: defender_response::Client) -> defender_response::Result<()> {
    /// defender.sign_in().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`is_sign_in`](Error::is_sign_in), also for a token of another tenant or another API.
    pub async fn sign_in(&self) -> Result<()> {
        self.shared.sender.token(Safety::Once).await?;
        if let Some(reader) = &self.shared.reader {
            reader.token(Safety::Once).await?;
        }
        Ok(())
    }

    /// The tenant, as its token says or else as the credential was set up; `None` if neither does.
    pub(crate) async fn tenant(&self) -> Result<Option<String>> {
        let sender = &self.shared.sender;
        let bearer = sender.token(Safety::Once).await?;
        let said = bearer.claims().tenant.clone();
        Ok(said.or_else(|| sender.tokens.tenant().map(str::to_owned)))
    }

    /// The roles of the application that reads, as its token says.
    pub(crate) async fn reading_roles(&self) -> Result<Vec<String>> {
        let bearer = self.sender_for(Safety::Read).token(Safety::Read).await?;
        Ok(bearer.claims().roles.clone())
    }

    fn sender_for(&self, safety: Safety) -> &Sender {
        match &self.shared.reader {
            Some(reader) if safety == Safety::Read => reader,
            _ => &self.shared.sender,
        }
    }

    /// What writes go by, and what reads go by if that is another application.
    pub(crate) fn senders(&self) -> (&Sender, Option<&Sender>) {
        (&self.shared.sender, self.shared.reader.as_ref())
    }

    /// The audience that tokens are asked for.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.shared.audience
    }

    /// What [`send`](Self::send) would put on the wire. Nothing is sent, and no token is needed.
    ///
    /// ```
    /// # use defender_response::{Client, ClientSecret, Isolate, IsolationType};
    /// # let id = "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f";
    /// # let defender = Client::builder(ClientSecret::new(id, id, "secret")).build()?;
    /// let machine = "1e5bc9d7e413ddd7902c2932e418702b84d0cc07".parse()?;
    /// let preview = defender.preview(&Isolate::new(machine, IsolationType::Full, "INC-4711"))?;
    /// assert_eq!(preview.body.as_deref(), Some(r#"{"Comment":"INC-4711","IsolationType":"Full"}"#));
    /// assert_eq!(preview.roles, ["Machine.Isolate"]);
    /// # Ok::<(), defender_response::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the operation's arguments can't be right.
    pub fn preview<O: Operation>(&self, operation: &O) -> Result<Preview> {
        let call = operation.call().map_err(|e| e.of(O::SPEC.name, ""))?;
        Ok(Preview {
            operation: O::SPEC.name,
            method: O::SPEC.method.clone(),
            url: call.url(&self.shared.sender.base)?,
            body: call.body().map(|body| String::from_utf8_lossy(body).into_owned()),
            roles: O::SPEC.roles,
            safety: operation.safety(),
        })
    }

    /// The API's base, such as `https://api.securitycenter.microsoft.com/`.
    #[must_use]
    pub fn base_url(&self) -> &Url {
        &self.shared.sender.base
    }

    /// Whether the other shares everything with this one.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Whether somebody else holds a clone.
    pub(crate) fn is_in_use(&self) -> bool {
        Arc::strong_count(&self.shared) > 1
    }

    /// The clock the client goes by.
    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.shared.sender.clock
    }

    /// A clone that calls on other terms.
    pub(crate) fn with_terms(&self, change: impl FnOnce(&mut Terms)) -> Self {
        let mut client = self.clone();
        change(&mut client.terms);
        client
    }

    pub(crate) fn is_urgent(&self) -> bool {
        self.terms.urgent
    }

    /// The time by the service's clock, as far as its answers have shown it.
    pub(crate) fn service_time(&self) -> Timestamp {
        self.shared.sender.service_time()
    }

    /// Whose turn it is to act on a machine.
    pub(crate) fn turns(&self) -> &Turns {
        &self.shared.turns
    }

    /// Whether submitted comments begin with a reference.
    pub(crate) fn writes_references(&self) -> bool {
        self.shared.references
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base_url().as_str())
            .field("authority", &self.shared.authority.as_str())
            .field("audience", &self.shared.audience)
            .finish_non_exhaustive()
    }
}

/// Sets a [`Client`] up. Everything but the credential has a default.
#[must_use]
pub struct ClientBuilder {
    credential: Arc<dyn TokenSource>,
    reader: Option<Arc<dyn TokenSource>>,
    region: Region,
    base_url: Option<String>,
    authority: Option<String>,
    audience: Option<String>,
    transport: Option<Arc<dyn Transport>>,
    network: Network,
    clock: Arc<dyn Clock>,
    references: bool,
    quota_policy: QuotaPolicy,
    terms: Terms,
    guards: Vec<Guard>,
    auditor: Auditor,
}

impl ClientBuilder {
    /// What [`Client::from_env`] builds, to be set up further: with guards, time limits, a proxy.
    ///
    /// ```no_run
    /// # use defender_response::{ClientBuilder, Guard, Rule};
    /// let guard = Guard::new().never(Rule::new().tag("tier-0"));
    /// let defender = ClientBuilder::from_env()?.guard(guard).build()?;
    /// # Ok::<(), defender_response::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`is_configuration`](Error::is_configuration), naming what was looked for.
    pub fn from_env() -> Result<Self> {
        environment::builder(&environment::Process)
    }

    /// Another application for reads, where the rights to act are kept in one of their own, which can't read its
    /// actions back. Waiting, listing and looking up go by `credential`; everything that changes something goes by the
    /// builder's. Each has a token of its own. Both have to be of one tenant.
    ///
    /// ```
    /// # use defender_response::{Client, ClientSecret};
    /// # let (tenant, app, other) = ("contoso.example", "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f", "8b2c1d4e-0000-4000-8000-9f8e7d6c5b4a");
    /// let writer = ClientSecret::new(tenant, app, "secret of the one with Machine.Isolate");
    /// let reader = ClientSecret::new(tenant, other, "secret of the one with Machine.Read.All");
    /// let defender = Client::builder(writer).reader(reader).build()?;
    /// # Ok::<(), defender_response::Error>(())
    /// ```
    pub fn reader(mut self, credential: impl TokenSource + 'static) -> Self {
        self.reader = Some(Arc::new(credential));
        self
    }

    /// The region or cloud, which gives base, authority and audience. Global if not set.
    pub fn region(mut self, region: Region) -> Self {
        self.region = region;
        self
    }

    /// Another API host than the region's, as it is pasted: `/`, `/api` and `/api/` at its end are
    /// understood. https only, except to this machine itself. Authority and audience stay the region's.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// Another sign-in host than the region's.
    pub fn authority(mut self, url: impl Into<String>) -> Self {
        self.authority = Some(url.into());
        self
    }

    /// Another token audience than the region's, with or without `/.default`.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Another way to the network, such as the emulator's in-memory front. The settings of the crate's own, from
    /// [`proxy`](Self::proxy) to [`idle_for`](Self::idle_for), are errors beside it.
    pub fn transport(mut self, transport: impl Transport + 'static) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// Another clock, for tests.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Leaves comments as they are given.
    ///
    /// A comment otherwise begins with a short random reference, `[dr-k3f9m2x7qa] `, by which a submitted
    /// action can be told from somebody else's. Without it that can only be guessed from the text.
    pub fn without_references(mut self) -> Self {
        self.references = false;
        self
    }

    /// The client.
    ///
    /// # Errors
    /// [`is_configuration`](Error::is_configuration): a base URL or authority that isn't one, an empty audience, a
    /// credential that can't work, no TLS for https, a setting of the network that can't be. Nothing is sent yet.
    pub fn build(self) -> Result<Client> {
        let endpoint = self.region.endpoint();
        let base = self.base_url.as_deref().unwrap_or(endpoint.base);
        let base = parse_base("base URL", endpoint.base, base)?;
        let authority = self.authority.as_deref().unwrap_or(endpoint.authority);
        let authority = parse_base("authority", endpoint.authority, authority)?;
        let audience = self.audience.as_deref().unwrap_or(endpoint.audience).trim();
        let audience = audience.strip_suffix("/.default").unwrap_or(audience).to_owned();
        if audience.is_empty() {
            return Err(Error::configuration("the audience is empty"));
        }
        self.quota_policy.check()?;
        self.terms.check()?;
        let guards = guarding::with(&[], self.guards)?;
        check_credentials(&*self.credential, self.reader.as_deref())?;
        let https = [&base, &authority].iter().any(|url| url.scheme() == "https");
        let transport = self.network.transport(self.transport, https, self.terms.attempt)?;
        let other_audience = endpoint.alternative_audience.filter(|_| self.audience.is_none());
        let ahead = Arc::new(AtomicI64::new(0));
        let sender = |credential| Sender {
            base: base.clone(),
            transport: Arc::clone(&transport),
            tokens: TokenCache::new(
                credential,
                authority.clone(),
                audience.clone(),
                Arc::clone(&transport),
                Arc::clone(&self.clock),
            ),
            clock: Arc::clone(&self.clock),
            quotas: Quotas::new(self.quota_policy, Arc::clone(&self.clock)),
            budget: Budget::new(self.clock.now()),
            ahead: Arc::clone(&ahead),
            other_audience,
        };
        let (writer, reader) = (sender(self.credential), self.reader.map(sender));
        let (references, turns) = (self.references, Turns::default());
        let shared = Shared { sender: writer, reader, authority, audience, references, turns };
        let auditor = Arc::new(self.auditor);
        Ok(Client { shared: Arc::new(shared), terms: self.terms, guards, auditor })
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("region", &self.region)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

fn check_credentials(writer: &dyn TokenSource, reader: Option<&dyn TokenSource>) -> Result<()> {
    for credential in [Some(writer), reader].into_iter().flatten() {
        credential
            .check()
            .map_err(|e| Error::configuration("the credential can't work").caused_by(e))?;
    }
    let tenants = writer.tenant().zip(reader.and_then(TokenSource::tenant));
    // A domain may be any tenant's; then only the tokens tell.
    match tenants {
        Some((one, other))
            if is_guid(one) && is_guid(other) && !one.eq_ignore_ascii_case(other) =>
        {
            Err(two_tenants(one, other))
        }
        _ => Ok(()),
    }
}

fn two_tenants(writer: &str, reader: &str) -> Error {
    Error::configuration(format!(
        "the reader is of the tenant {reader}, and the writer of {writer}: both have to be of one"
    ))
}
