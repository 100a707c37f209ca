//! Carrying out faults: what the service still does, what the journal says, and what leaves.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{HeaderName, LOCATION, RETRY_AFTER};

use super::answer::{Answer, Form, Refusal};
use super::api::Repeat;
use super::entra::EntraError;
use super::faults::{Fault, PlainFault, StatusFault};
use super::reply::{Outcome, Reply};
use super::service::{Arrived, Service};

/// Between two bytes of a dripping body.
const DRIP: Duration = Duration::from_secs(1);

/// An oversized body.
const FLOOD: usize = 64 * 1024 * 1024;

/// No such host exists.
const ELSEWHERE: &str = "https://elsewhere.emulated.example/";

const PROXY_PAGE: &str = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Web access \
                          gateway</h1><p>Please sign in to continue.</p></body></html>";

impl Service {
    pub(crate) fn serve_badly(&mut self, mut arrived: Arrived, fault: Fault) -> Reply {
        match fault {
            Fault::Plain(PlainFault::DuplicateReturnsPending) => {
                arrived.repeat = Some(Repeat::AfterAnalyst { refused: false });
                self.serve(&arrived)
            }
            Fault::Plain(PlainFault::DuplicateRefused) => {
                arrived.repeat = Some(Repeat::AfterAnalyst { refused: true });
                self.serve(&arrived)
            }
            Fault::Plain(PlainFault::StuckDuplicate) => {
                arrived.repeat = Some(Repeat::Stuck);
                self.serve(&arrived)
            }
            Fault::Plain(fault) => self.fail(&arrived, fault),
            Fault::Status(fault) => self.answer_with_status(&arrived, fault),
            Fault::Aadsts { aadsts } => {
                let error = EntraError::numbered(aadsts);
                let answer = error.into_answer(&mut self.ids, arrived.now);
                self.send(&arrived, answer)
            }
            Fault::Delay { delay } => {
                let delay = Duration::try_from_secs_f64(delay).unwrap_or_default();
                Reply { delay, ..self.serve(&arrived) }
            }
            Fault::RedirectTo { redirect } => self.redirect(&arrived, redirect),
        }
    }

    fn fail(&mut self, arrived: &Arrived, fault: PlainFault) -> Reply {
        match fault {
            // Never received, so never entered.
            PlainFault::Refused => Outcome::NotReached.into(),
            PlainFault::ResetBeforeEffect => self.lose(arrived, false, Outcome::Reset),
            PlainFault::ResetAfterEffect => self.lose(arrived, true, Outcome::Reset),
            PlainFault::HangBeforeEffect => self.lose(arrived, false, Outcome::Hang),
            PlainFault::HangAfterEffect => self.lose(arrived, true, Outcome::Hang),
            PlainFault::HalfBody => self.spoil(arrived, Outcome::Half),
            PlainFault::SlowDrip => self.spoil(arrived, |answer| Outcome::Drip(answer, DRIP)),
            PlainFault::OversizedBody => self.spoil(arrived, |answer| {
                let piece = Bytes::from(vec![b' '; 64 * 1024]);
                Outcome::Flood(answer.map(|_| piece), FLOOD)
            }),
            PlainFault::Html200 => {
                self.send(arrived, Answer::raw(StatusCode::OK, Form::Html, PROXY_PAGE))
            }
            PlainFault::Redirect => self.redirect(arrived, ELSEWHERE.to_owned()),
            PlainFault::DuplicateReturnsPending
            | PlainFault::DuplicateRefused
            | PlainFault::StuckDuplicate => self.serve(arrived),
        }
    }

    /// No answer leaves; the journal says whether there was an effect.
    fn lose(&mut self, arrived: &Arrived, done: bool, outcome: Outcome) -> Reply {
        let effect = done && self.answer(arrived).effect;
        self.enter(arrived, None, effect);
        outcome.into()
    }

    /// The answer leaves and doesn't arrive as it should.
    fn spoil(
        &mut self,
        arrived: &Arrived,
        how: impl FnOnce(http::Response<Bytes>) -> Outcome,
    ) -> Reply {
        let answer = self.answer(arrived);
        self.enter(arrived, Some(answer.status), answer.effect);
        how(answer.into_response(arrived.now)).into()
    }

    fn redirect(&mut self, arrived: &Arrived, to: String) -> Reply {
        let answer = Answer::empty(StatusCode::TEMPORARY_REDIRECT).with(LOCATION, to);
        self.send(arrived, answer)
    }

    fn answer_with_status(&mut self, arrived: &Arrived, fault: StatusFault) -> Reply {
        let effect = fault.after_effect && self.answer(arrived).effect;
        let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::BAD_GATEWAY);
        let answer = match (fault.body, fault.html) {
            (Some(body), true) => Answer::raw(status, Form::Html, body),
            (Some(body), false) => Answer::raw(status, Form::Plain, body),
            (None, true) => Answer::raw(status, Form::Html, PROXY_PAGE),
            (None, false) => error_of(status).into_answer(&self.ids.guid()),
        };
        let retry_after = fault.retry_after.map(|wait| (RETRY_AFTER, wait.to_string()));
        let others = fault
            .headers
            .into_iter()
            .filter_map(|(name, text)| Some((HeaderName::from_bytes(name.as_bytes()).ok()?, text)));
        let answer = retry_after.into_iter().chain(others).fold(answer, |a, (n, t)| a.with(n, t));
        self.send(arrived, answer.changed_if(effect))
    }
}

/// The service's own error with this status; no message is promised.
fn error_of(status: StatusCode) -> Refusal {
    let code = match status.as_u16() {
        400 => "BadRequest",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "ResourceNotFound",
        408 => "RequestTimeout",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        _ => "InternalServerError",
    };
    Refusal::new(status, code, "")
}
