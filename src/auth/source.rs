//! The seam to whatever hands out tokens, and what passes through it.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use url::Url;

use crate::transport::Transport;
use crate::types::Secret;

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
}

/// What a token is asked for.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct TokenRequest<'a> {
    authority: &'a Url,
    audience: &'a str,
    transport: &'a dyn Transport,
}

impl<'a> TokenRequest<'a> {
    pub(crate) fn new(authority: &'a Url, audience: &'a str, transport: &'a dyn Transport) -> Self {
        Self { authority, audience, transport }
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

/// Why there is no token.
///
/// # Troubleshooting
/// *Permanent* errors need a person: the secret, the application or the tenant is wrong. Others may pass by
/// themselves.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct TokenError {
    message: String,
    permanent: bool,
    codes: Vec<u32>,
    correlation_id: Option<String>,
    #[source]
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl TokenError {
    fn new(message: impl Into<String>, permanent: bool) -> Self {
        Self {
            message: message.into(),
            permanent,
            codes: Vec::new(),
            correlation_id: None,
            source: None,
        }
    }

    /// Asking again is of no use until somebody changes something. The message must not hold a secret.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::new(message, true)
    }

    /// Asking again later may help. The message must not hold a secret.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(message, false)
    }

    /// Adds the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    pub(crate) fn of_entra(mut self, codes: Vec<u32>, correlation_id: Option<String>) -> Self {
        self.codes = codes;
        self.correlation_id = correlation_id;
        self
    }

    /// Whether asking again is of no use until somebody changes something.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        self.permanent
    }

    /// Entra's numeric codes (`AADSTS…`), if it gave any
    /// ([list](https://learn.microsoft.com/entra/identity-platform/reference-error-codes)).
    #[must_use]
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// The identifier to give to support.
    #[must_use]
    pub fn correlation_id(&self) -> Option<&str> {
        self.correlation_id.as_deref()
    }
}
