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

use crate::auth::{Bearer, TokenCache, TokenError, TokenErrorKind};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::operation::{Call, Operation, Safety, Spec};
use crate::transport::Transport;
use failure::Failure;

/// How long one attempt may take, connecting included.
const ATTEMPT: Duration = Duration::from_secs(30);

/// What sending needs; one for a client and its clones, and one more for a reader of its own.
pub(crate) struct Sender {
    pub base: Url,
    pub transport: Arc<dyn Transport>,
    pub tokens: TokenCache,
    pub clock: Arc<dyn Clock>,
    /// Another audience that public clients use for this cloud, named where the usual one isn't known.
    pub other_audience: Option<&'static str>,
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
        let answered = self.exchange(spec, safety, &call).await?;
        operation.decode(&answered.body).map_err(|error| {
            let error = error
                .answered(Some(answered.status.as_u16()), None, None)
                .scrubbed(|text| answered.bearer.scrub(text));
            Failure::unclear(error).told(safety).of(spec.name, call.target())
        })
    }

    /// A usable token, held against what was asked for: a call that changes something isn't made with
    /// another tenant's or another API's.
    pub(crate) async fn token(&self, safety: Safety) -> Result<Bearer> {
        let bearer = self.tokens.get().await.map_err(|e| self.no_token(e))?;
        admitted(bearer, safety)
    }

    /// One attempt, and a second if the service refused the token and there is another.
    async fn exchange(&self, spec: &Spec, safety: Safety, call: &Call) -> Result<Answered> {
        let named = |error: Error| error.of(spec.name, call.target());
        let bearer = self.token(safety).await.map_err(named)?;
        let failure = match self.attempt(spec, call, &bearer).await {
            Ok(answered) => return Ok(answered),
            Err(failure) => failure,
        };
        let outcome = match self.other_token(&bearer, &failure).await {
            Ok(Some(other)) => {
                let other = admitted(other, safety).map_err(named)?;
                self.attempt(spec, call, &other).await
            }
            Ok(None) => Err(failure),
            Err(error) => Err(failure.because(error)),
        };
        outcome.map_err(|failure| named(failure.told(safety)))
    }

    /// Another token, where that may help: after a 401, and after a 403 if a role was granted since.
    async fn other_token(
        &self,
        refused: &Bearer,
        failure: &Failure,
    ) -> Result<Option<Bearer>, TokenError> {
        if failure.is_unauthorized() {
            return self.tokens.renewed(refused, failure.claims.clone()).await;
        }
        if failure.is_missing_a_role() {
            return Ok(self.tokens.with_other_roles(refused).await);
        }
        Ok(None)
    }

    async fn attempt(
        &self,
        spec: &Spec,
        call: &Call,
        bearer: &Bearer,
    ) -> Result<Answered, Failure> {
        let request = self.request(spec, call, bearer).map_err(Failure::refused)?;
        let started = self.clock.now();
        let sending = self.transport.send(request, spec.answer_limit);
        let outcome = match tokio::time::timeout(ATTEMPT, sending).await {
            Ok(Ok(response)) => answer::read(response, bearer, &*self.clock),
            Ok(Err(error)) => Err(Failure::transport(&self.base, error)),
            Err(_) => Err(Failure::timed_out(ATTEMPT)),
        };
        let took = self.clock.now().saturating_duration_since(started);
        match outcome {
            Ok((status, body)) => {
                debug!(operation = spec.name, target = call.target(), ?took, "answered");
                Ok(Answered { status, body, bearer: bearer.clone() })
            }
            Err(failure) => {
                let error = failure.error();
                debug!(operation = spec.name, target = call.target(), ?took, %error, "failed");
                Err(failure)
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

    fn no_token(&self, error: TokenError) -> Error {
        let told = Error::new(ErrorKind::SignIn, "signing in failed, so nothing was sent");
        let told = told.answered(None, None, error.correlation_id().map(str::to_owned));
        let told = if error.is_permanent() { told.lasting() } else { told };
        let advice = error.kind().advice();
        let by_audience =
            matches!(error.kind(), TokenErrorKind::NotProvisioned | TokenErrorKind::WrongAudience);
        let told = match self.other_audience.filter(|_| by_audience) {
            Some(other) => told.advising(format!(
                "{advice}; public clients also use the audience {other} for this cloud"
            )),
            None => told.advising(advice),
        };
        told.caused_by(error)
    }
}

/// A token, unless it is another tenant's or another API's and something is to be changed with it.
fn admitted(bearer: Bearer, safety: Safety) -> Result<Bearer> {
    match bearer.objection() {
        Some(objection) if safety != Safety::Read => {
            let what = format!("{objection}; nothing was changed");
            let error = Error::new(ErrorKind::SignIn, what).lasting();
            Err(error.advising("check tenant, region and audience"))
        }
        _ => Ok(bearer),
    }
}
