//! The seam to whatever hands out tokens, and what passes through it.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use url::Url;

use super::error::TokenError;
use crate::clock::Clock;
use crate::transport::Transport;
use crate::types::{Secret, Timestamp};

/// Hands out tokens for the Defender for Endpoint API. The client keeps them: a source only fetches.
///
/// ```
/// use defender_response::{Token, TokenError, TokenRequest, TokenSource};
/// use std::time::Duration;
///
/// /// Asks a vault that holds ready-made tokens.
/// struct Vault;
///
/// #[async_trait::async_trait]
/// impl TokenSource for Vault {
///     async fn fetch(&self, ask: &TokenRequest<'_>) -> Result<Token, TokenError> {
///         let text = format!("token for {}", ask.audience());
///         Ok(Token::new(text, Duration::from_secs(3600)))
///     }
/// }
/// ```
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// Fetches a fresh token. It is not asked again while that token is good.
    ///
    /// # Errors
    /// When there is no token to be had; say with the error whether asking again later may help.
    async fn fetch(&self, ask: &TokenRequest<'_>) -> Result<Token, TokenError>;

    /// Whether the source is set up so that it could work. Asked once, when a client is built.
    ///
    /// # Errors
    /// When it can't: an empty tenant, a missing file.
    fn check(&self) -> Result<(), TokenError> {
        Ok(())
    }

    /// The tenant it signs in to, by id or domain, if it knows. A token of another tenant is refused.
    fn tenant(&self) -> Option<&str> {
        None
    }

    /// The application (client) id it signs in as, if it knows.
    fn application(&self) -> Option<&str> {
        None
    }

    /// When the credential itself ends, if it knows; `check` warns about it.
    fn expires(&self) -> Option<Timestamp> {
        None
    }

    /// A number that changes when the credential does. After a permanent error the source is left alone for
    /// a while, unless this has changed. It is asked under a lock: no waiting in it.
    fn fingerprint(&self) -> u64 {
        0
    }
}

#[async_trait]
impl<S: TokenSource + ?Sized> TokenSource for Box<S> {
    async fn fetch(&self, ask: &TokenRequest<'_>) -> Result<Token, TokenError> {
        (**self).fetch(ask).await
    }

    fn check(&self) -> Result<(), TokenError> {
        (**self).check()
    }

    fn tenant(&self) -> Option<&str> {
        (**self).tenant()
    }

    fn application(&self) -> Option<&str> {
        (**self).application()
    }

    fn expires(&self) -> Option<Timestamp> {
        (**self).expires()
    }

    fn fingerprint(&self) -> u64 {
        (**self).fingerprint()
    }
}

/// What a token is asked for.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct TokenRequest<'a> {
    authority: &'a Url,
    audience: &'a str,
    claims: Option<&'a str>,
    transport: &'a dyn Transport,
    clock: &'a dyn Clock,
}

impl<'a> TokenRequest<'a> {
    /// A request, for tests of a source of one's own.
    ///
    /// ```no_run
    /// use defender_response::{ClientSecret, SystemClock, TokenRequest, TokenSource, Transport};
    /// # async fn f(credential: ClientSecret, transport: impl Transport) -> Result<(), Box<dyn std::error::Error>> {
    /// let authority = "https://login.microsoftonline.com".parse()?;
    /// let audience = "https://api.securitycenter.microsoft.com";
    /// let ask = TokenRequest::new(&authority, audience, &transport, &SystemClock);
    /// let token = credential.fetch(&ask).await?;
    /// # Ok(()) }
    /// ```
    pub fn new(
        authority: &'a Url,
        audience: &'a str,
        transport: &'a dyn Transport,
        clock: &'a dyn Clock,
    ) -> Self {
        Self { authority, audience, claims: None, transport, clock }
    }

    /// Adds the claims that the service asked for with `insufficient_claims`, as JSON text.
    #[must_use]
    pub fn with_claims(mut self, claims: Option<&'a str>) -> Self {
        self.claims = claims;
        self
    }

    /// The sign-in host, such as `https://login.microsoftonline.com/`.
    #[must_use]
    pub fn authority(&self) -> &'a Url {
        self.authority
    }

    /// The API the token is for, without `/.default`.
    #[must_use]
    pub fn audience(&self) -> &'a str {
        self.audience
    }

    /// The claims the service asks for, as JSON text; they are for this one fetch.
    #[must_use]
    pub fn claims(&self) -> Option<&'a str> {
        self.claims
    }

    /// The client's clock.
    #[must_use]
    pub fn clock(&self) -> &'a dyn Clock {
        self.clock
    }

    /// The client's way to the network.
    #[must_use]
    pub fn transport(&self) -> &'a dyn Transport {
        self.transport
    }
}

impl fmt::Debug for TokenRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRequest")
            .field("authority", &self.authority.as_str())
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

/// An access token and how long it is good for.
#[derive(Clone, Debug)]
pub struct Token {
    secret: Secret,
    lifetime: Duration,
}

impl Token {
    /// A token that is good for `lifetime` from now.
    pub fn new(secret: impl Into<Secret>, lifetime: Duration) -> Self {
        Self { secret: secret.into(), lifetime }
    }

    /// The token itself.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// How long it was good for when it was issued.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }
}
