//! The one way a call leaves the crate: token, request, answer, verdict. Every operation takes it.

mod answer;
mod envelope;
mod failure;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use tracing::debug;
use url::Url;

use crate::auth::{Bearer, TokenCache, TokenError};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::operation::{Call, Operation, Safety, Spec};
use crate::transport::Transport;
use failure::Failure;

/// How long one attempt may take, connecting included.
const ATTEMPT: Duration = Duration::from_secs(30);

/// What sending needs; one for a client and its clones.
pub(crate) struct Sender {
    pub base: Url,
    pub transport: Arc<dyn Transport>,
    pub tokens: TokenCache,
    pub clock: Arc<dyn Clock>,
}

/// A successful answer, and the token it was had with.
struct Answered {
    status: StatusCode,
    body: Bytes,
    bearer: Bearer,
}

impl Sender {
    /// Sends a typed operation and reads its answer.
    pub(crate) async fn send<O: Operation>(&self, operation: &O) -> Result<O::Output> {
        let (spec, safety) = (O::SPEC, operation.safety());
        let call = operation.call().map_err(|e| e.of(spec.name, ""))?;
        let answered = self.attempt(spec, safety, &call).await?;
        operation.decode(&answered.body).map_err(|error| {
            let error = error
                .answered(Some(answered.status.as_u16()), None, None)
                .scrubbed(|text| answered.bearer.scrub(text));
            Failure::unclear(error).told(safety).of(spec.name, call.target())
        })
    }

    /// One attempt: a successful answer, or what went wrong.
    async fn attempt(&self, spec: &Spec, safety: Safety, call: &Call) -> Result<Answered> {
        let failed = |error: Error| error.of(spec.name, call.target());
        let bearer = self.tokens.get().await.map_err(|e| failed(no_token(e)))?;
        let request = self.request(spec, call, &bearer).map_err(failed)?;

        let started = self.clock.now();
        let sending = self.transport.send(request, spec.answer_limit);
        let outcome = match tokio::time::timeout(ATTEMPT, sending).await {
            Ok(Ok(response)) => answer::read(response, &bearer, &*self.clock),
            Ok(Err(error)) => Err(Failure::transport(&self.base, error)),
            Err(_) => Err(Failure::timed_out(ATTEMPT)),
        };
        let took = self.clock.now().saturating_duration_since(started);

        match outcome {
            Ok((status, body)) => {
                debug!(operation = spec.name, target = call.target(), ?took, "answered");
                Ok(Answered { status, body, bearer })
            }
            Err(failure) => {
                let error = failed(failure.told(safety));
                debug!(operation = spec.name, target = call.target(), ?took, %error, "failed");
                if error.is_unauthorized() {
                    self.tokens.reject(&bearer).await;
                }
                Err(error)
            }
        }
    }

    fn request(&self, spec: &Spec, call: &Call, bearer: &Bearer) -> Result<Request<Bytes>> {
        let mut request = Request::builder()
            .method(spec.method.clone())
            .uri(call.url(&self.base)?.as_str())
            .header(header::ACCEPT, HeaderValue::from_static("application/json"))
            .header(header::AUTHORIZATION, bearer.header());
        if call.body().is_some() {
            request =
                request.header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        request
            .body(call.body().cloned().unwrap_or_default())
            .map_err(|e| Error::invalid_input("the request can't be built").caused_by(e))
    }
}

fn no_token(error: TokenError) -> Error {
    let kind = Error::new(ErrorKind::SignIn, "signing in failed, so nothing was sent");
    let kind = kind.answered(None, None, error.correlation_id().map(str::to_owned));
    let kind = if error.is_permanent() {
        kind.lasting().advising("the cause says what to mend")
    } else {
        kind.advising("try again later")
    };
    kind.caused_by(error)
}
