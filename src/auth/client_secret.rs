//! The client credentials flow with a secret: what most service principals sign in with.
//!
//! The secret is fixed, or comes from a file or a provider. Those are asked again at every fetch, so that a
//! running process takes a rotated secret up by itself.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use super::entra::{self, Proof};
use super::error::{TokenError, TokenErrorKind};
use super::registration::Registration;
use super::secret_file::{SecretFile, aside};
use super::source::{Token, TokenRequest, TokenSource};
use crate::types::{Secret, Timestamp};

/// An application (service principal) that signs in with a client secret
/// ([documentation](https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow)).
///
/// ```
/// # use defender_response::{Client, ClientSecret, Region};
/// # fn main() -> defender_response::Result<()> {
/// let defender = Client::builder(ClientSecret::new("contoso.example", "8b2c…", "the secret's value"))
///     .region(Region::Europe)
///     .build();
/// assert!(defender.unwrap_err().is_configuration()); // an application id is a GUID
/// # Ok(()) }
/// ```
///
/// # Rotation
/// With [`from_file`](Self::from_file) and [`from_provider`](Self::from_provider) the secret is asked for at every
/// fetch. When Entra calls it wrong or expired, it is asked for once more, and tried if it has changed.
#[derive(Clone)]
pub struct ClientSecret {
    registration: Registration,
    origin: Origin,
    expires: Option<Timestamp>,
}

#[derive(Clone)]
enum Origin {
    Fixed(Secret),
    File(Arc<SecretFile>),
    Provider(Arc<Provider>),
}

struct Provider {
    ask: Box<dyn Fn() -> Result<Secret, TokenError> + Send + Sync>,
    hasher: RandomState,
    /// Of the secret that it gave last.
    hash: AtomicU64,
}

impl ClientSecret {
    /// The tenant (its id or a verified domain), the application's (client) id, and the secret's *value*.
    ///
    /// They are checked when the client is built.
    pub fn new(
        tenant: impl Into<String>,
        application: impl Into<String>,
        secret: impl Into<Secret>,
    ) -> Self {
        Self::of(tenant, application, Origin::Fixed(secret.into()))
    }

    /// The secret's value is the one line of a file, such as a mounted Kubernetes secret. The file is read when the
    /// client is built and again at every fetch. A byte order mark and blanks around the line are ignored.
    ///
    /// A file that is missing, empty, longer than 16 KiB or of several lines is an error of the build or of that
    /// fetch; the next fetch reads it afresh.
    ///
    /// ```no_run
    /// # use defender_response::{Client, ClientSecret};
    /// # fn main() -> defender_response::Result<()> {
    /// # let (tenant, app) = ("", "");
    /// let credential = ClientSecret::from_file(tenant, app, "/var/run/secrets/defender/client-secret");
    /// let defender = Client::builder(credential).build()?;
    /// # Ok(()) }
    /// ```
    pub fn from_file(
        tenant: impl Into<String>,
        application: impl Into<String>,
        path: impl Into<PathBuf>,
    ) -> Self {
        let file = SecretFile::new("client secret", path);
        Self::of(tenant, application, Origin::File(Arc::new(file)))
    }

    /// The secret's value is whatever `provider` gives, which is asked at every fetch and may wait: it runs on a
    /// thread of its own. It isn't asked when the client is built.
    ///
    /// Its error is the fetch's error: say with [`TokenError::transient`] that asking again later may help.
    ///
    /// ```
    /// # use defender_response::{ClientSecret, Secret, TokenError};
    /// # fn read_from_vault(name: &str) -> std::io::Result<String> { Ok(String::new()) }
    /// # let (tenant, app) = ("", "");
    /// let credential = ClientSecret::from_provider(tenant, app, || {
    ///     let unreachable = |e| TokenError::transient("the vault gives no secret").caused_by(e);
    ///     read_from_vault("defender").map(Secret::from).map_err(unreachable)
    /// });
    /// ```
    pub fn from_provider(
        tenant: impl Into<String>,
        application: impl Into<String>,
        provider: impl Fn() -> Result<Secret, TokenError> + Send + Sync + 'static,
    ) -> Self {
        let provider = Provider {
            ask: Box::new(provider),
            hasher: RandomState::new(),
            hash: AtomicU64::new(0),
        };
        Self::of(tenant, application, Origin::Provider(Arc::new(provider)))
    }

    /// When the secret expires, as the registration shows it; a warning can then come before the failure. Nothing is
    /// refused because of it.
    ///
    /// ```
    /// # use defender_response::{ClientSecret, TokenSource};
    /// # let (tenant, app, secret) = ("", "", "");
    /// let credential = ClientSecret::new(tenant, app, secret).expires_at("2027-03-01T00:00:00Z".parse()?);
    /// assert!(credential.expires().is_some());
    /// # Ok::<(), defender_response::ParseError>(())
    /// ```
    #[must_use]
    pub fn expires_at(mut self, end: Timestamp) -> Self {
        self.expires = Some(end);
        self
    }

    fn of(tenant: impl Into<String>, application: impl Into<String>, origin: Origin) -> Self {
        Self { registration: Registration::new(tenant, application), origin, expires: None }
    }

    async fn sign_in(&self, ask: &TokenRequest<'_>, secret: &Secret) -> Result<Token, TokenError> {
        let Registration { tenant, application } = &self.registration;
        entra::fetch(ask, tenant, application, Proof::Secret(secret)).await
    }
}

impl Origin {
    async fn read(&self) -> Result<Secret, TokenError> {
        match self {
            Self::Fixed(secret) => Ok(secret.clone()),
            Self::File(file) => file.read_aside().await,
            Self::Provider(provider) => {
                let provider = Arc::clone(provider);
                aside("the secret's provider", move || provider.read()).await
            }
        }
    }
}

impl Provider {
    fn read(&self) -> Result<Secret, TokenError> {
        let secret = (self.ask)()?;
        if secret.expose().trim().is_empty() {
            return Err(TokenError::permanent("the secret's provider gave an empty secret"));
        }
        self.hash.store(self.hasher.hash_one(secret.expose()), Ordering::Relaxed);
        Ok(secret)
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ClientSecret");
        shown
            .field("tenant", &self.registration.tenant)
            .field("application", &self.registration.application);
        match &self.origin {
            Origin::File(file) => shown.field("file", file.path()),
            Origin::Fixed(_) | Origin::Provider(_) => &mut shown,
        };
        if let Some(end) = self.expires {
            shown.field("expires", &end);
        }
        shown.finish_non_exhaustive()
    }
}

#[async_trait]
impl TokenSource for ClientSecret {
    async fn fetch(&self, ask: &TokenRequest<'_>) -> Result<Token, TokenError> {
        let secret = self.origin.read().await?;
        let refusal = match self.sign_in(ask, &secret).await {
            Err(e) if is_rotation(e.kind()) && !matches!(self.origin, Origin::Fixed(_)) => e,
            settled => return settled,
        };
        // Entra's refusal says more than a second reading that fails.
        match self.origin.read().await {
            Ok(changed) if changed != secret => self.sign_in(ask, &changed).await,
            _ => Err(refusal),
        }
    }

    fn check(&self) -> Result<(), TokenError> {
        self.registration.check()?;
        match &self.origin {
            Origin::Fixed(secret) if secret.expose().trim().is_empty() => {
                Err(TokenError::permanent("the client secret is empty"))
            }
            Origin::Fixed(_) | Origin::Provider(_) => Ok(()),
            Origin::File(file) => file.read().map(drop),
        }
    }

    fn tenant(&self) -> Option<&str> {
        Some(&self.registration.tenant)
    }

    fn application(&self) -> Option<&str> {
        Some(&self.registration.application)
    }

    fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    /// A file is looked at; a provider isn't asked, so what counts is the secret it gave last.
    fn fingerprint(&self) -> u64 {
        match &self.origin {
            Origin::Fixed(_) => 0,
            Origin::File(file) => file.fingerprint(),
            Origin::Provider(provider) => provider.hash.load(Ordering::Relaxed),
        }
    }
}

/// What Entra says of a secret that has been replaced.
fn is_rotation(kind: TokenErrorKind) -> bool {
    matches!(kind, TokenErrorKind::WrongSecret | TokenErrorKind::ExpiredSecret)
}
