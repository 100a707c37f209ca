//! What went wrong with an attempt, and whether it may have taken effect all the same.

use std::time::Duration;

use url::Url;

use crate::auth::TokenError;
use crate::error::{Error, ErrorKind};
use crate::operation::Safety;
use crate::transport::TransportError;

/// An attempt without a usable answer.
#[derive(Debug)]
pub(super) struct Failure {
    error: Error,
    effect: Effect,
    /// The claims that a 401 asks for with `insufficient_claims`, as JSON text.
    pub(super) claims: Option<String>,
}

/// What the attempt did at the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// Nothing: it wasn't sent, or the service refused it.
    None,
    /// It may have taken effect.
    Unknown,
}

impl Failure {
    /// The service, or something before it, said no.
    pub(super) fn refused(error: Error) -> Self {
        Self { error, effect: Effect::None, claims: None }
    }

    /// There is an answer that doesn't tell what happened.
    pub(super) fn unclear(error: Error) -> Self {
        Self { error, effect: Effect::Unknown, claims: None }
    }

    /// There is no whole answer.
    pub(super) fn transport(base: &Url, cause: TransportError) -> Self {
        let host = base.host_str().unwrap_or_default();
        if cause.is_not_sent() {
            let error = Error::new(ErrorKind::Connect, format!("{host} could not be reached"))
                .advising("check the region, name resolution, and what stands between");
            return Self::refused(error.caused_by(cause));
        }
        let error = Error::new(ErrorKind::Service, format!("{host} gave no whole answer"));
        Self::unclear(error.caused_by(cause))
    }

    /// No answer came in time.
    pub(super) fn timed_out(limit: Duration) -> Self {
        let what = format!("no answer came within {} s", limit.as_secs());
        Self::unclear(Error::new(ErrorKind::Timeout, what))
    }

    /// Adds why there was no other token to try.
    pub(super) fn because(self, cause: TokenError) -> Self {
        Self { error: self.error.caused_by(cause), ..self }
    }

    pub(super) fn error(&self) -> &Error {
        &self.error
    }

    /// Whether the token was refused, and another may be taken.
    pub(super) fn is_unauthorized(&self) -> bool {
        self.error.is_unauthorized()
    }

    /// Whether the token lacks a role that may have been granted since.
    pub(super) fn is_missing_a_role(&self) -> bool {
        self.error.is_permission_denied() && !self.error.missing_roles().is_empty()
    }

    /// The error as the caller may act on it: where a call must not be repeated, an unclear answer is an
    /// unknown outcome and nothing else.
    pub(super) fn told(self, safety: Safety) -> Error {
        match (self.effect, safety) {
            (Effect::Unknown, Safety::Once) => Error::outcome_unknown(self.error),
            _ => self.error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unclear_answer_is_an_unknown_outcome_only_where_it_matters() {
        for (safety, kind) in [
            (Safety::Read, ErrorKind::Timeout),
            (Safety::Idempotent, ErrorKind::Timeout),
            (Safety::Once, ErrorKind::OutcomeUnknown),
        ] {
            let failure = Failure::timed_out(Duration::from_secs(30));
            assert_eq!(failure.told(safety).kind(), kind, "{safety:?}");
        }
    }

    #[test]
    fn a_request_that_was_not_sent_is_never_an_unknown_outcome() {
        let base = Url::parse("https://api.securitycenter.microsoft.com").unwrap();
        let failure = Failure::transport(&base, TransportError::not_sent("no route"));
        assert_eq!(failure.told(Safety::Once).kind(), ErrorKind::Connect);
    }
}
