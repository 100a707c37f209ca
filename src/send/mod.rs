//! The one way a call leaves the crate: token, slot, request, answer, verdict, and again where that is safe.
//! Every operation takes it.
//!
//! | | certainly not sent, or 429 | sent and unanswered, 5xx, 2xx that can't be read |
//! |---|---|---|
//! | [`Read`](Safety::Read), [`Idempotent`](Safety::Idempotent) | repeated | repeated |
//! | [`Once`](Safety::Once) | repeated | an unknown outcome, which the verbs then try to settle |

mod answer;
mod budget;
mod course;
mod decision;
mod envelope;
mod failure;
mod quota;
mod terms;
mod witness;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, header};
use tracing::debug;
use url::Url;

use crate::auth::{Bearer, TokenCache, TokenError, TokenErrorKind};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::operation::{Call, Operation, Safety, Spec};
use crate::transport::{ReadOnly, Transport};
use crate::types::Timestamp;
pub(crate) use budget::Budget;
pub(crate) use course::Course;
use course::give_back;
use decision::Decision;
use failure::Failure;
pub use quota::{QuotaPolicy, QuotaUse};
pub(crate) use quota::{Quotas, Slot};
pub(crate) use terms::Terms;
pub(crate) use witness::Witness;

/// What sending needs; one for a client and its clones, and one more for a reader of its own.
pub(crate) struct Sender {
    pub base: Url,
    pub transport: Arc<dyn Transport>,
    pub tokens: TokenCache,
    pub clock: Arc<dyn Clock>,
    pub quotas: Quotas,
    pub budget: Budget,
    /// How far the service's clock is ahead of ours, in milliseconds, by the last answer's `Date`.
    pub ahead: Arc<AtomicI64>,
    /// Another audience that public clients use for this cloud, named where the usual one isn't known.
    pub other_audience: Option<&'static str>,
}

/// One call, and on what terms it is made.
struct Ask<'a> {
    spec: &'static Spec,
    safety: Safety,
    terms: Terms,
    witness: &'a Witness,
}

/// How an exchange ended that isn't an error.
enum Exchanged {
    Answered,
    /// The caller had reserved its slot, and needs another one.
    Requeued,
}

/// Reads the body of a success.
type Read<'a> = &'a mut (dyn FnMut(&[u8]) -> Result<()> + Send);

impl Sender {
    /// Sends a typed operation and reads its answer.
    pub(crate) async fn send<O: Operation>(
        &self,
        operation: &O,
        terms: Terms,
    ) -> Result<O::Output> {
        let call = operation.call().map_err(|e| e.of(O::SPEC.name, ""))?;
        let witness = Witness::new(O::SPEC.name, call);
        let outcome = self.send_watched(operation, terms, &witness).await;
        witness.told();
        outcome
    }

    /// The same for a caller who goes on where the outcome is unknown.
    pub(crate) async fn send_watched<O: Operation>(
        &self,
        operation: &O,
        terms: Terms,
        witness: &Witness,
    ) -> Result<O::Output> {
        let mut course = Course::default();
        loop {
            let reserved = (None, &mut course);
            // Only who has reserved a slot is asked to queue by itself.
            if let Some(output) = self.send_reserved(operation, terms, reserved, witness).await? {
                return Ok(output);
            }
        }
    }

    /// The same for a caller who has reserved its slot and looked around since: it is given `None` when it has to queue
    /// again, for what it saw is old by then.
    pub(crate) async fn send_reserved<O: Operation>(
        &self,
        operation: &O,
        terms: Terms,
        (slot, course): (Option<Slot>, &mut Course),
        witness: &Witness,
    ) -> Result<Option<O::Output>> {
        let (spec, safety) = (O::SPEC, operation.safety());
        let named = |error: Error| error.of(spec.name, witness.call().target());
        terms.check().map_err(named)?;
        let ask = Ask { spec, safety, terms, witness };
        let mut output = None;
        let mut read = |body: &[u8]| {
            output = Some(operation.decode(body)?);
            Ok(())
        };
        match self.exchange(&ask, slot, course, &mut read).await.map_err(named)? {
            Exchanged::Answered => output
                .map(Some)
                .ok_or_else(|| named(Error::unusable_answer("there is no answer to read"))),
            Exchanged::Requeued => Ok(None),
        }
    }

    /// A slot ahead of its request, for a caller who looks around first.
    pub(crate) async fn reserve(
        &self,
        spec: &'static Spec,
        safety: Safety,
        terms: Terms,
        course: &mut Course,
    ) -> Result<Slot> {
        let named = |error: Error| error.of(spec.name, "");
        self.token(safety).await.map_err(|error| named(course.broken_off(error)))?;
        self.queue(spec, terms, course).await.map_err(named)
    }

    /// Waits in line. A call keeps its place when it has to come back.
    async fn queue(&self, spec: &'static Spec, terms: Terms, course: &mut Course) -> Result<Slot> {
        let urgent = terms.urgent || spec.urgent;
        let ticket = course.ticket.get_or_insert_with(|| self.quotas.ticket(spec, urgent)).clone();
        let began = self.clock.now();
        let slot = ticket.slot(course.queue_left(&terms)).await;
        course.has_queued(self.clock.now().saturating_duration_since(began));
        slot.map_err(|full| course.turned_away(full))
    }

    /// The loop. What follows on a failure is [`decision::decide`]'s to say; here it is done.
    async fn exchange(
        &self,
        ask: &Ask<'_>,
        mut reserved: Option<Slot>,
        course: &mut Course,
        read: Read<'_>,
    ) -> Result<Exchanged> {
        let has_looked = reserved.is_some();
        let first = self.token(ask.safety).await;
        let mut bearer = first.map_err(|error| course.broken_off(error))?;
        let mut replays = false;
        loop {
            let mut slot = match reserved.take().filter(Slot::is_good) {
                Some(slot) => slot,
                None if has_looked => return Ok(Exchanged::Requeued),
                None => self.queue(ask.spec, ask.terms, course).await?,
            };
            let began = self.clock.now();

            // It may have come to its end in the queue.
            if !std::mem::take(&mut replays) {
                bearer = match self.token(ask.safety).await {
                    Ok(bearer) => bearer,
                    Err(error) => return Err(course.broken_off(error)),
                };
            }
            let spent = self.clock.now().saturating_duration_since(began);
            let limit = course.limit(ask.safety, &ask.terms, spent)?;
            let mut failure = match self.attempt(ask, &bearer, &mut slot, limit, read).await {
                Ok(()) => {
                    slot.answered();
                    self.budget.earn();
                    return Ok(Exchanged::Answered);
                }
                Err(failure) => failure,
            };

            let now = self.clock.now();
            let took = now.saturating_duration_since(began);
            let kind = (ask.spec, ask.safety, &ask.terms);
            let decision = course.decide(&failure, took, kind, self.budget.covers(now));
            give_back(slot, &failure, decision);
            match decision {
                Decision::GiveUp => return Err(course.told(failure, ask.safety)),
                Decision::Gone => return read(b"").map(|()| Exchanged::Answered),
                Decision::Queue(_) => {}
                Decision::Repeat(pause) => {
                    self.budget.spend();
                    tokio::time::sleep(pause).await;
                }
                Decision::AnotherToken => {
                    match self.other_token(&bearer, &failure).await {
                        Ok(Some(other)) => {
                            bearer = admitted(other, ask.safety)
                                .map_err(|error| course.broken_off(error))?;
                        }
                        Ok(None) => return Err(course.told(failure, ask.safety)),
                        Err(error) => {
                            failure = failure.because(error);
                            return Err(course.told(failure, ask.safety));
                        }
                    }
                    (course.another_token, replays) = (true, true);
                    // What the other token took is of the call's time too.
                    course.spends(self.clock.now().saturating_duration_since(now));
                    if course.is_over(ask.safety, &ask.terms) {
                        return Err(course.told(failure, ask.safety));
                    }
                }
            }
        }
    }

    /// One request and its answer.
    async fn attempt(
        &self,
        ask: &Ask<'_>,
        bearer: &Bearer,
        slot: &mut Slot,
        limit: Duration,
        read: Read<'_>,
    ) -> Result<(), Failure> {
        let (spec, call) = (ask.spec, ask.witness.call());
        let request = self.request(spec, call, bearer).map_err(Failure::refused)?;
        let started = self.clock.now();
        slot.leaves(limit);
        if ask.safety == Safety::Once {
            ask.witness.leaves();
        }
        let reading = ReadOnly(&*self.transport);
        let transport: &dyn Transport = if ask.terms.dry { &reading } else { &*self.transport };
        let sending = transport.send(request, spec.answer_limit);
        let outcome = match tokio::time::timeout(limit, sending).await {
            Ok(Ok(response)) => {
                let date = answer::date(&response);
                let outcome = answer::read(response, bearer, &*self.clock);
                outcome.and_then(|(status, body)| {
                    self.set_clock(date);
                    read(&body).map_err(|error| {
                        let error = error.answered(Some(status.as_u16()), None, None);
                        Failure::unclear(error.scrubbed(|text| bearer.scrub(text)))
                    })
                })
            }
            Ok(Err(error)) => Err(Failure::transport(&self.base, error)),
            Err(_) => Err(Failure::timed_out(limit)),
        };
        let took = self.clock.now().saturating_duration_since(started);
        match &outcome {
            Ok(()) => debug!(operation = spec.name, target = call.target(), ?took, "answered"),
            Err(failure) => {
                let error = failure.error();
                debug!(operation = spec.name, target = call.target(), ?took, %error, "failed");
            }
        }
        if matches!(&outcome, Err(failure) if !failure.verdict(ask.safety).may_have_taken_effect())
        {
            ask.witness.nothing_done();
        }
        outcome
    }

    /// A usable token, held against what was asked for: a call that changes something isn't made with
    /// another tenant's or another API's.
    pub(crate) async fn token(&self, safety: Safety) -> Result<Bearer> {
        let bearer = self.tokens.get().await.map_err(|e| self.no_token(e))?;
        admitted(bearer, safety)
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
        Ok(self.tokens.with_other_roles(refused).await)
    }

    fn request(&self, spec: &Spec, call: &Call, bearer: &Bearer) -> Result<Request<Bytes>> {
        let uri = call.uri(&self.base)?.try_into();
        let mut request = Request::new(call.body().cloned().unwrap_or_default());
        *request.uri_mut() =
            uri.map_err(|e| Error::invalid_input("the request can't be built").caused_by(e))?;
        *request.method_mut() = spec.method.clone();
        let json = HeaderValue::from_static("application/json");
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, json.clone());
        headers.insert(header::AUTHORIZATION, bearer.header());
        if call.body().is_some() {
            headers.insert(header::CONTENT_TYPE, json);
        }
        Ok(request)
    }

    /// The time by the service's clock, as far as its answers have shown it.
    pub(crate) fn service_time(&self) -> Timestamp {
        let ahead = self.ahead.load(Ordering::Relaxed);
        let by = Duration::from_millis(ahead.unsigned_abs());
        let ours = self.clock.wall();
        if ahead < 0 { ours.minus(by) } else { ours.plus(by) }
    }

    fn set_clock(&self, date: Option<Timestamp>) {
        let Some(theirs) = date else { return };
        let ours = self.clock.wall();
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let ahead = millis(theirs.since(ours)) - millis(ours.since(theirs));
        // The header has whole seconds, so that much says nothing.
        let ahead = if ahead.unsigned_abs() <= 1500 { 0 } else { ahead };
        self.ahead.store(ahead, Ordering::Relaxed);
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
