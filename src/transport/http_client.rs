//! The client's own transport: reqwest, kept from doing anything by itself.

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{Request, Response};

use super::classify::{within_answer, without_answer};
use super::{Transport, TransportError, is_loopback};

pub(super) struct HttpTransport {
    /// By a proxy, if there is one.
    outside: reqwest::Client,
    /// Nothing stands between a program and its own machine.
    loopback: reqwest::Client,
}

impl HttpTransport {
    /// Both are set up by `builder`.
    pub(super) fn new(
        builder: impl Fn() -> reqwest::ClientBuilder,
        by_proxy: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> reqwest::Result<Self> {
        let outside = own(by_proxy(builder())).build()?;
        let loopback = own(builder()).no_proxy().build()?;
        Ok(Self { outside, loopback })
    }
}

/// Reqwest would follow redirects with the token, and send again what the other side refused, past the quota.
///
/// What hyper-util sends again by itself can't be switched off and needn't be: only what no connection has taken over,
/// when a kept one closes just then.
fn own(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    builder
        .user_agent(concat!("defender-response/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(
        &self,
        request: Request<Bytes>,
        limit: usize,
    ) -> Result<Response<Bytes>, TransportError> {
        let request = reqwest::Request::try_from(request).map_err(without_answer)?;
        let client = if is_loopback(request.url()) { &self.loopback } else { &self.outside };
        let mut answer = client.execute(request).await.map_err(without_answer)?;

        let announced = answer.content_length();
        // As a rule it comes in one piece, which needn't be copied.
        let mut body = Bytes::new();
        let mut pieces = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(within_answer)? {
            if body.len().max(pieces.len()) + chunk.len() > limit {
                return Err(TransportError::partial(format!("it is longer than {limit} bytes")));
            }
            if body.is_empty() {
                body = chunk;
                continue;
            }
            if pieces.is_empty() {
                pieces.extend_from_slice(&body);
            }
            pieces.extend_from_slice(&chunk);
        }
        if !pieces.is_empty() {
            body = pieces.freeze();
        }

        // Over HTTP/2, hyper takes a stream that is cancelled half-way for one that has ended.
        if announced.is_some_and(|length| length > body.len() as u64) {
            return Err(TransportError::partial("it is shorter than announced"));
        }

        let mut response = Response::new(body);
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}
