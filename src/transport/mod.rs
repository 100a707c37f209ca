//! The seam to the network: one request out, one answer in, and how far a request came when there is none.
//!
//! Whether a call may be repeated hangs on that last point, so a [`TransportError`] says just that:
//! *not sent*, *sent and unanswered*, or *answered in part*.

mod classify;
mod http_client;
mod settings;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use url::{Host, Url};

pub(crate) use settings::Network;

/// Sends one request and returns its answer, without retries and without following redirects.
///
/// The client brings one of its own. Implement the trait to reach the service another way, or to put
/// something between: the emulator's in-memory front is an implementation too.
///
/// ```
/// use bytes::Bytes;
/// use defender_response::{Transport, TransportError};
/// use http::{Request, Response};
///
/// /// Refuses everything that would change something.
/// struct ReadOnly<T>(T);
///
/// #[async_trait::async_trait]
/// impl<T: Transport> Transport for ReadOnly<T> {
///     async fn send(&self, request: Request<Bytes>, limit: usize) -> Result<Response<Bytes>, TransportError> {
///         if request.method() != http::Method::GET && request.uri().path().starts_with("/api") {
///             return Err(TransportError::not_sent("this transport only reads"));
///         }
///         self.0.send(request, limit).await
///     }
/// }
/// ```
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends `request` (with an absolute URI) and reads the whole answer, which may be `limit` bytes
    /// long at most; a longer one is [`TransportError::partial`].
    ///
    /// # Errors
    /// When there is no whole answer. An answer with an error status is an answer.
    async fn send(
        &self,
        request: Request<Bytes>,
        limit: usize,
    ) -> Result<Response<Bytes>, TransportError>;
}

#[async_trait]
impl<T: Transport + ?Sized> Transport for Arc<T> {
    async fn send(
        &self,
        request: Request<Bytes>,
        limit: usize,
    ) -> Result<Response<Bytes>, TransportError> {
        (**self).send(request, limit).await
    }
}

/// The last gate of a dry run: lets reads through and nothing else, whatever the code above believes to do.
pub(crate) struct ReadOnly<'t>(pub(crate) &'t dyn Transport);

#[async_trait]
impl Transport for ReadOnly<'_> {
    async fn send(
        &self,
        request: Request<Bytes>,
        limit: usize,
    ) -> Result<Response<Bytes>, TransportError> {
        if request.method() == http::Method::GET {
            return self.0.send(request, limit).await;
        }
        Err(TransportError { stage: Stage::Withheld, source: None })
    }
}

/// Why there is no answer, and how far the request came.
///
/// # Troubleshooting
/// *Not sent*: the name doesn't resolve, nothing listens, a proxy or firewall is in the way, or the
/// TLS handshake failed (an inspecting proxy whose root certificate isn't trusted:
/// [`root_certificate`](crate::ClientBuilder::root_certificate)), or the other side said over HTTP/2 that it took nothing up.
/// *Unanswered* or *partial*: the connection broke or timed out after the request had left; what the
/// service did with it isn't known.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{stage}")]
pub struct TransportError {
    stage: Stage,
    #[source]
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Withheld,
    NotSent,
    Unanswered,
    Partial,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Withheld => "the request would change something, and was withheld",
            Stage::NotSent => "the request was not sent",
            Stage::Unanswered => "the request was sent and no answer came",
            Stage::Partial => "the request was sent and its answer could not be read to the end",
        })
    }
}

impl TransportError {
    fn new(stage: Stage, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { stage, source: Some(Arc::from(source.into())) }
    }

    /// The request certainly did not reach the service: repeating it is safe.
    pub fn not_sent(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Stage::NotSent, source)
    }

    /// The request may have reached the service, and no answer came.
    pub fn unanswered(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Stage::Unanswered, source)
    }

    /// An answer began and broke off, or was longer than allowed.
    pub fn partial(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Stage::Partial, source)
    }

    /// Whether the request certainly did not reach the service.
    #[must_use]
    pub fn is_not_sent(&self) -> bool {
        matches!(self.stage, Stage::NotSent | Stage::Withheld)
    }

    /// Whether a dry run kept it back.
    pub(crate) fn is_withheld(&self) -> bool {
        self.stage == Stage::Withheld
    }

    /// Whether an answer began and could not be read to the end.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.stage == Stage::Partial
    }
}

/// Whether the URL's host is this machine itself.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
