//! One error for everything that can go wrong, told apart by its kind.
//!
//! A message says what happened, to what, and what to do about it. A cause is reachable by `source()`
//! and isn't repeated in the message.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{Machine, MachineAction};
use crate::types::{ParseError, printable};

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
    /// The device can't do this action.
    Unsupported,
    /// The service refused the request as malformed.
    InvalidRequest,
    /// An action of the same kind is already under way on the machine.
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

    /// An argument was refused before anything was sent.
    ///
    /// # Troubleshooting
    /// The message names the argument and what was expected. Nothing reached the service.
    #[must_use]
    pub fn is_invalid_input(&self) -> bool {
        self.kind() == ErrorKind::InvalidInput
    }

    /// The client can't be built, or isn't set up for this call.
    ///
    /// # Troubleshooting
    /// The message names the setting. For [`Client::from_env`](crate::Client::from_env) it lists the
    /// variables that were looked for. A base URL is the host alone: no `/api`, no query.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        self.kind() == ErrorKind::Configuration
    }

    /// No token could be had.
    ///
    /// # Troubleshooting
    /// The cause carries Entra's code (`AADSTS…`) and correlation id. The usual ones: the secret's *id*
    /// was used for its value (7000215), the secret has expired (7000222), the application isn't in this
    /// tenant (700016), the tenant doesn't exist in this cloud (90002).
    #[must_use]
    pub fn is_sign_in(&self) -> bool {
        self.kind() == ErrorKind::SignIn
    }

    /// The service refused the token (401).
    ///
    /// # Troubleshooting
    /// The token is for another audience or cloud, or was revoked. Compare the region's audience with the
    /// application's permissions: they have to be those of *WindowsDefenderATP*.
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        self.kind() == ErrorKind::Unauthorized
    }

    /// The tenant has no active licence for Defender for Endpoint, or never opened it (a 401 too).
    ///
    /// # Troubleshooting
    /// A new token won't help. An administrator checks the subscription and opens the Defender portal
    /// once, which provisions the service.
    #[must_use]
    pub fn is_unlicensed(&self) -> bool {
        self.kind() == ErrorKind::Unlicensed
    }

    /// The application lacks a role (403). [`missing_roles`](Self::missing_roles) names those that help.
    ///
    /// # Troubleshooting
    /// Add one of the roles as an *application* permission of *WindowsDefenderATP* and have an
    /// administrator consent. A token issued before the consent doesn't carry the role.
    #[must_use]
    pub fn is_permission_denied(&self) -> bool {
        self.kind() == ErrorKind::PermissionDenied
    }

    /// The tenant has switched the feature off (403 `DisabledFeature`).
    ///
    /// # Troubleshooting
    /// An administrator switches it on in the Defender portal, under the endpoints' advanced features.
    #[must_use]
    pub fn is_feature_disabled(&self) -> bool {
        self.kind() == ErrorKind::FeatureDisabled
    }

    /// There is no such machine, action, or other object (404).
    ///
    /// # Troubleshooting
    /// An Entra device id isn't a machine id. A machine of another tenant, or one that was merged or
    /// removed, isn't found either.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }

    /// Several machines match, and one was meant. [`candidates`](Self::candidates) lists them.
    ///
    /// # Troubleshooting
    /// A re-imaged host leaves its old entry behind. Name the machine by its id, or say which entry counts
    /// with [`Find::newest_active`](crate::Find::newest_active).
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        self.kind() == ErrorKind::Ambiguous
    }

    /// The object isn't as it was expected to be, so nothing was changed.
    ///
    /// # Troubleshooting
    /// Somebody else has been at it. The message says what was found; look at it before you decide again.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.kind() == ErrorKind::Conflict
    }

    /// The device can't do this action (400 `OsPlatformNotSupported`, `ClientVersionNotSupported`).
    ///
    /// # Troubleshooting
    /// The table of actions in the README lists the systems of each. An old sensor needs an update.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        self.kind() == ErrorKind::Unsupported
    }

    /// The service refused the request as malformed (other 400s).
    ///
    /// # Troubleshooting
    /// [`code`](Self::code) says which part. Repeating the same request is of no use.
    #[must_use]
    pub fn is_invalid_request(&self) -> bool {
        self.kind() == ErrorKind::InvalidRequest
    }

    /// An action of the same kind is already under way on the machine (400 `ActiveRequestAlreadyExists`).
    ///
    /// # Troubleshooting
    /// Nothing was submitted. Somebody else, or an earlier run, did. Wait for that action or cancel it.
    #[must_use]
    pub fn is_already_running(&self) -> bool {
        self.kind() == ErrorKind::AlreadyRunning
    }

    /// A quota is used up (429). [`retry_after`](Self::retry_after) tells for how long, if the service did.
    ///
    /// # Troubleshooting
    /// The quota is counted per application and tenant, so other tools with the same application use it
    /// too. Nothing was done; the call can be repeated.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        self.kind() == ErrorKind::Throttled
    }

    /// A time limit of ours ran out on a call that may be repeated.
    ///
    /// # Troubleshooting
    /// The service is slow or the network drops packets. A call that must not be repeated is
    /// [`is_outcome_unknown`](Self::is_outcome_unknown) instead.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.kind() == ErrorKind::Timeout
    }

    /// The service could not be reached; nothing was sent.
    ///
    /// # Troubleshooting
    /// Name resolution, a firewall, a proxy, or a TLS inspection whose root certificate isn't trusted. The
    /// cause says which. Check the region: its host is the target.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        self.kind() == ErrorKind::Connect
    }

    /// The service failed, or its answer can't be used (5xx, unreadable).
    ///
    /// # Troubleshooting
    /// Try again later. [`correlation_id`](Self::correlation_id) is what support asks for.
    #[must_use]
    pub fn is_service(&self) -> bool {
        self.kind() == ErrorKind::Service
    }

    /// Something other than the service answered: a proxy's page, a captive portal, a redirect.
    ///
    /// # Troubleshooting
    /// Check the base URL, and what stands between: the message gives the status and the page's title.
    /// Redirects aren't followed, so the token doesn't leave for another host.
    #[must_use]
    pub fn is_intermediary(&self) -> bool {
        self.kind() == ErrorKind::Intermediary
    }

    /// Whether the action was submitted isn't known: the request went out, and no usable answer came.
    ///
    /// # Troubleshooting
    /// **Don't repeat it blindly**: a second isolation may stay pending and fire after a release. Look at
    /// the machine's recent actions for the comment's reference, in the portal or by the API.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        self.kind() == ErrorKind::OutcomeUnknown
    }

    /// The machine action ended as failed. [`action`](Self::action) holds it.
    ///
    /// # Troubleshooting
    /// The device reported the failure; `error_hresult` is its reason as a Windows error.
    #[must_use]
    pub fn is_action_failed(&self) -> bool {
        self.kind() == ErrorKind::ActionFailed
    }

    /// The machine action was cancelled. [`action`](Self::action) says by whom and why.
    ///
    /// # Troubleshooting
    /// Somebody else decided against it: ask before submitting it again.
    #[must_use]
    pub fn is_action_cancelled(&self) -> bool {
        self.kind() == ErrorKind::ActionCancelled
    }

    /// The device never reported back, for about three days: the service's own `TimeOut`.
    ///
    /// # Troubleshooting
    /// **The device may have done it or not.** An isolated device behind a full VPN tunnel or a proxy may
    /// never report. Check the host itself.
    #[must_use]
    pub fn is_action_timed_out(&self) -> bool {
        self.kind() == ErrorKind::ActionTimedOut
    }

    /// The machine action is still running at the deadline of a wait. [`action`](Self::action) holds it.
    ///
    /// # Troubleshooting
    /// It hasn't failed and stays armed until about three days after its creation. Store its id and wait
    /// on [`Client::action`](crate::Client::action) later, or cancel it.
    #[must_use]
    pub fn is_still_running(&self) -> bool {
        self.kind() == ErrorKind::StillRunning
    }
}

/// Made here, completed by whoever knows more: the operation, the target, the answer.
impl Error {
    pub(crate) fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            kind,
            operation: None,
            target: None,
            what: what.into(),
            advice: None,
            status: None,
            code: None,
            correlation_id: None,
            retry_after: None,
            missing_roles: Vec::new(),
            reference: None,
            lasting: false,
            action: None,
            candidates: Vec::new(),
            source: None,
        }))
    }

    pub(crate) fn input(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, what)
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

    pub(crate) fn advising(self, advice: impl Into<Cow<'static, str>>) -> Self {
        self.with(|e| e.advice = Some(advice.into()))
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
        Self::input(error.to_string())
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
