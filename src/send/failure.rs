//! What went wrong with an attempt, how far it came, and how the caller is told.

use std::time::Duration;

use url::Url;

use super::decision::Verdict;
use crate::auth::TokenError;
use crate::error::{Error, ErrorKind};
use crate::operation::Safety;
use crate::transport::TransportError;

/// An attempt without a usable answer.
#[derive(Debug)]
pub(super) struct Failure {
    error: Error,
    verdict: Verdict,
    /// It is a refusal, and nothing shows that it is the service's own.
    doubtful: bool,
    /// The claims that a 401 asks for with `insufficient_claims`, as JSON text.
    pub(super) claims: Option<String>,
}

impl Failure {
    /// The service, or something before it, said no.
    pub(super) fn refused(error: Error) -> Self {
        let verdict = match error.kind() {
            ErrorKind::Throttled => Verdict::Throttled,
            ErrorKind::Unauthorized => Verdict::TokenRefused,
            ErrorKind::PermissionDenied if !error.missing_roles().is_empty() => {
                Verdict::TokenRefused
            }
            ErrorKind::NotFound => Verdict::NotThere,
            _ => Verdict::Refused,
        };
        Self { error, verdict, doubtful: false, claims: None }
    }

    /// There is no answer, or one that doesn't tell what happened.
    pub(super) fn unclear(error: Error) -> Self {
        Self { error, verdict: Verdict::Unclear, doubtful: false, claims: None }
    }

    /// Something in between answered. It will again, and what the request did isn't known.
    pub(super) fn blocked(error: Error) -> Self {
        Self { error, verdict: Verdict::Blocked, doubtful: false, claims: None }
    }

    /// There is no whole answer.
    pub(super) fn transport(base: &Url, cause: TransportError) -> Self {
        if cause.is_withheld() {
            let what = "a dry run: the call would change something, and was not sent";
            let error = Error::new(ErrorKind::DryRun, what).caused_by(cause);
            return Self { error, verdict: Verdict::Withheld, doubtful: false, claims: None };
        }
        let host = base.host_str().unwrap_or_default();
        if cause.is_not_sent() {
            let error = Error::new(ErrorKind::Connect, format!("{host} could not be reached"))
                .advising("check the region, name resolution, and what stands between")
                .caused_by(cause);
            return Self { error, verdict: Verdict::NotSent, doubtful: false, claims: None };
        }
        let error = Error::new(ErrorKind::Service, format!("{host} gave no whole answer"));
        Self::unclear(error.caused_by(cause))
    }

    /// No answer came in time.
    pub(super) fn timed_out(limit: Duration) -> Self {
        let what = format!("no answer came within {:.0} s", limit.as_secs_f64());
        Self::unclear(Error::new(ErrorKind::Timeout, what))
    }

    /// Adds why there was no other token to try.
    pub(super) fn because(self, cause: TokenError) -> Self {
        Self { error: self.error.caused_by(cause), ..self }
    }

    pub(super) fn error(&self) -> &Error {
        &self.error
    }

    /// A refusal that may be somebody else's is believed where a mistake would do no harm.
    pub(super) fn verdict(&self, safety: Safety) -> Verdict {
        if self.doubtful && safety == Safety::Once { Verdict::Blocked } else { self.verdict }
    }

    pub(super) fn doubtful(self) -> Self {
        Self { doubtful: true, ..self }
    }

    /// Whether the token was refused as a whole, and not one role of it missed.
    pub(super) fn is_unauthorized(&self) -> bool {
        self.error.is_unauthorized()
    }

    /// The error as the caller may act on it. Where a call must not be repeated, an unclear answer is an unknown
    /// outcome and nothing else; where it was repeated, an earlier try may be the one that took effect.
    pub(super) fn told(self, safety: Safety, earlier: Option<Error>) -> Error {
        let may_have_taken_effect = self.verdict(safety).may_have_taken_effect();
        match (safety, earlier) {
            (Safety::Once, _) if may_have_taken_effect => Error::outcome_unknown(self.error),
            (Safety::Idempotent, Some(earlier)) => match self.verdict {
                Verdict::NotSent | Verdict::Throttled => earlier,
                _ => self.error.after_an_unclear_try(),
            },
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
            assert_eq!(failure.told(safety, None).kind(), kind, "{safety:?}");
        }
    }

    #[test]
    fn a_request_that_was_not_sent_is_never_an_unknown_outcome() {
        let base = Url::parse("https://api.securitycenter.microsoft.com").unwrap();
        let failure = || Failure::transport(&base, TransportError::not_sent("no route"));
        assert_eq!(failure().told(Safety::Once, None).kind(), ErrorKind::Connect);

        let earlier = || Some(Error::new(ErrorKind::Timeout, "no answer came"));
        assert_eq!(
            failure().told(Safety::Idempotent, earlier()).kind(),
            ErrorKind::Timeout,
            "the first try may have arrived, so nobody can say that none did"
        );
        assert_eq!(failure().told(Safety::Read, earlier()).kind(), ErrorKind::Connect);
    }
}
