//! One error for everything that can go wrong, told apart by its kind.
//!
//! A message says what happened, to what, and what to do about it. A cause is reachable by `source()`
//! and isn't repeated in the message.

mod predicates;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{Machine, MachineAction};
use crate::types::{ParseError, Timestamp, printable};

/// What goes into a message may come from the other side: control characters are replaced, and it is cut.
const LONGEST_MESSAGE: usize = 3000;

/// A result whose error is the crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of thing went wrong. The predicates of [`Error`] ask for one kind each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument was refused before anything was sent.
    InvalidInput,
    /// The client can't be built, or isn't set up for this call.
    Configuration,
    /// No token could be had.
    SignIn,
    /// The service refused the token.
    Unauthorized,
    /// The tenant has no active licence for the service, or never opened it.
    Unlicensed,
    /// The application lacks a role.
    PermissionDenied,
    /// The tenant has switched the feature off.
    FeatureDisabled,
    /// There is no such machine, action, or other object.
    NotFound,
    /// Several machines match, and one was meant.
    Ambiguous,
    /// The object isn't as it was expected to be, so nothing was changed.
    Conflict,
    /// A guard of the program's own forbids it.
    Guarded,
    /// The device can't do this action.
    Unsupported,
    /// The service refused the request as malformed.
    InvalidRequest,
    /// An action is already under way on the machine.
    AlreadyRunning,
    /// A quota is used up.
    Throttled,
    /// A time limit of ours ran out on a call that may be repeated.
    Timeout,
    /// The service could not be reached.
    Connect,
    /// The service failed, or its answer can't be used.
    Service,
    /// Something other than the service answered.
    Intermediary,
    /// Whether the action was submitted isn't known.
    OutcomeUnknown,
    /// A dry run: the call would have changed something, and wasn't sent.
    DryRun,
    /// The machine action ended as failed.
    ActionFailed,
    /// The machine action was cancelled.
    ActionCancelled,
    /// The device never reported back: the service's own `TimeOut`.
    ActionTimedOut,
    /// The machine action is still running at the deadline of a wait.
    StillRunning,
}

/// What went wrong: what happened, to what, and what to do.
///
/// Cheap to clone. Branch on [`kind`](Self::kind) or on a predicate; messages are for people and may
/// change. It never contains a secret or a token.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    operation: Option<&'static str>,
    target: Option<String>,
    what: String,
    advice: Option<Cow<'static, str>>,
    status: Option<u16>,
    code: Option<String>,
    correlation_id: Option<String>,
    retry_after: Option<Duration>,
    missing_roles: Vec<String>,
    reference: Option<String>,
    lasting: bool,
    after_unclear: bool,
    sent_between: Option<(Timestamp, Timestamp)>,
    action: Option<Box<MachineAction>>,
    candidates: Vec<Machine>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// What kind of thing went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The operation that failed, by its name in the catalog, such as `isolate`.
    #[must_use]
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation
    }

    /// What it was about: a machine id, an action id, a host.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        self.0.target.as_deref()
    }

    /// The HTTP status of the answer, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The service's error code, such as `ResourceNotFound`
    /// ([documentation](https://learn.microsoft.com/defender-endpoint/api/common-errors)).
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// The identifier to give to Microsoft's support: `target` of a service error, the correlation id of
    /// a sign-in error.
    #[must_use]
    pub fn correlation_id(&self) -> Option<&str> {
        self.0.correlation_id.as_deref()
    }

    /// How long the service asked to wait before the next try.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The roles of which any one would have allowed the call, as the service named them.
    #[must_use]
    pub fn missing_roles(&self) -> &[String] {
        &self.0.missing_roles
    }

    /// The reference that the submitted comment began with, by which the action can be found in the
    /// portal, on [`OutcomeUnknown`](ErrorKind::OutcomeUnknown).
    #[must_use]
    pub fn reference(&self) -> Option<&str> {
        self.0.reference.as_deref()
    }

    /// Between which times, by the service's clock, the request went out, on [`OutcomeUnknown`](ErrorKind::OutcomeUnknown) of
    /// a verb: what was created before or after isn't from it.
    #[must_use]
    pub fn sent_between(&self) -> Option<(Timestamp, Timestamp)> {
        self.0.sent_between
    }

    /// The machine action as last read, where the error is about how one ended or is still running.
    #[must_use]
    pub fn action(&self) -> Option<&MachineAction> {
        self.0.action.as_deref()
    }

    /// The machines that matched, where one was meant.
    #[must_use]
    pub fn candidates(&self) -> &[Machine] {
        &self.0.candidates
    }
}

/// For operations of one's own.
impl Error {
    /// An argument that can't be right, for [`Operation::call`](crate::Operation::call).
    ///
    /// ```
    /// use defender_response::Error;
    /// let error = Error::invalid_input("the tag is blank");
    /// assert!(error.is_invalid_input());
    /// ```
    pub fn invalid_input(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, what)
    }

    /// An answer that can't be used, for [`Operation::decode`](crate::Operation::decode). Where a call must not be
    /// repeated it becomes an unknown outcome.
    pub fn unusable_answer(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Service, what)
    }
}

/// Made here, completed by whoever knows more: the operation, the target, the answer.
impl Error {
    pub(crate) fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            kind,
            operation: None,
            target: None,
            what: printable(&what.into(), LONGEST_MESSAGE),
            advice: None,
            status: None,
            code: None,
            correlation_id: None,
            retry_after: None,
            missing_roles: Vec::new(),
            reference: None,
            lasting: false,
            after_unclear: false,
            sent_between: None,
            action: None,
            candidates: Vec::new(),
            source: None,
        }))
    }

    pub(crate) fn configuration(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Configuration, what)
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    pub(crate) fn of(self, operation: &'static str, target: &str) -> Self {
        self.with(|e| {
            e.operation = Some(operation);
            e.target = Some(printable(target, 200)).filter(|t| !t.is_empty());
        })
    }

    /// The same kind of error, said of something else.
    pub(crate) fn instead(self, what: &str) -> Self {
        self.with(|e| {
            what.clone_into(&mut e.what);
            e.source = None;
        })
    }

    /// The same error with something more to say.
    pub(crate) fn adding(self, more: &str) -> Self {
        self.with(|e| {
            let whole = format!("{}; {more}", e.what);
            e.what = printable(&whole, LONGEST_MESSAGE);
        })
    }

    pub(crate) fn advising(self, advice: impl Into<Cow<'static, str>>) -> Self {
        self.with(|e| e.advice = Some(advice.into()))
    }

    /// Takes a secret out of everything that came from the other side.
    pub(crate) fn scrubbed(self, scrub: impl Fn(&str) -> String) -> Self {
        self.with(|e| {
            e.what = scrub(&e.what);
            e.target = e.target.as_deref().map(&scrub);
            e.code = e.code.as_deref().map(&scrub);
            e.correlation_id = e.correlation_id.as_deref().map(&scrub);
        })
    }

    /// The same answer, told by a caller who must not repeat the call.
    pub(crate) fn outcome_unknown(cause: Self) -> Self {
        let inner = cause.0.clone();
        let error = Self::new(
            ErrorKind::OutcomeUnknown,
            "the request went out and no usable answer came back; whether it took effect isn't known",
        );
        error
            .answered(inner.status, inner.code.clone(), inner.correlation_id.clone())
            .retry_in(inner.retry_after)
            .advising("don't repeat it before you have looked at what is recorded for its target")
            .caused_by(cause)
    }

    pub(crate) fn caused_by(self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.with(|e| e.source = Some(Arc::new(source)))
    }

    pub(crate) fn answered(
        self,
        status: Option<u16>,
        code: Option<String>,
        id: Option<String>,
    ) -> Self {
        self.with(|e| {
            e.status = status;
            e.code = code;
            e.correlation_id = id;
        })
    }

    pub(crate) fn retry_in(self, after: Option<Duration>) -> Self {
        self.with(|e| e.retry_after = after)
    }

    pub(crate) fn lacking(self, roles: Vec<String>) -> Self {
        self.with(|e| e.missing_roles = roles)
    }

    /// A sign-in error that won't pass by itself.
    pub(crate) fn lasting(self) -> Self {
        self.with(|e| e.lasting = true)
    }

    /// Whether the same call may well succeed a little later.
    pub(crate) fn may_pass(&self) -> bool {
        use ErrorKind::{Connect, Intermediary, Service, SignIn, Throttled, Timeout};
        !self.0.lasting
            && matches!(
                self.kind(),
                Connect | Intermediary | Service | SignIn | Throttled | Timeout
            )
    }

    /// An earlier try of the same call went unanswered.
    pub(crate) fn after_an_unclear_try(self) -> Self {
        self.with(|e| {
            e.after_unclear = true;
            e.what.push_str(" (an earlier try went unanswered, and may have taken effect)");
        })
    }

    pub(crate) fn is_after_an_unclear_try(&self) -> bool {
        self.0.after_unclear
    }

    pub(crate) fn within(self, window: (Timestamp, Timestamp)) -> Self {
        self.with(|e| e.sent_between = Some(window))
    }

    pub(crate) fn referenced(self, reference: &str) -> Self {
        self.with(|e| e.reference = Some(reference.to_owned()))
    }

    pub(crate) fn among(self, candidates: Vec<Machine>) -> Self {
        self.with(|e| e.candidates = candidates)
    }

    pub(crate) fn about(self, action: MachineAction) -> Self {
        self.with(|e| e.action = Some(Box::new(action)))
    }
}

impl From<ParseError> for Error {
    fn from(error: ParseError) -> Self {
        Self::invalid_input(error.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { operation, target, what, advice, .. } = &*self.0;
        match (operation, target) {
            (Some(operation), Some(target)) => write!(f, "{operation} {target}: {what}")?,
            (Some(operation), None) => write!(f, "{operation}: {what}")?,
            (None, Some(target)) => write!(f, "{target}: {what}")?,
            (None, None) => f.write_str(what)?,
        }
        match advice {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, status, code, correlation_id, source, .. } = &*self.0;
        let mut debug = f.debug_struct("Error");
        debug.field("kind", kind).field("message", &format_args!("{self}"));
        if let Some(status) = status {
            debug.field("status", status);
        }
        if let Some(code) = code {
            debug.field("code", code);
        }
        if let Some(id) = correlation_id {
            debug.field("correlation_id", id);
        }
        if let Some(source) = source {
            debug.field("source", source);
        }
        debug.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|e| e as &(dyn StdError + 'static))
    }
}
