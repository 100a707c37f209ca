//! What went wrong, as questions with a yes or no, and what to do about each.

use super::{Error, ErrorKind};

impl Error {
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

    /// The object isn't as it was expected to be, so nothing was changed: an alert that was edited, an action under way that
    /// would undo this one, or an isolation of another scope. [`action`](Self::action) holds the action, where there is one.
    ///
    /// # Troubleshooting
    /// Somebody else has been at it. The message says what was found and whose it is; look at it before you decide again.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.kind() == ErrorKind::Conflict
    }

    /// A [`Guard`](crate::Guard) forbids it, or [`expecting`](crate::MachineHandle::expecting) another machine does. Nothing
    /// was sent.
    ///
    /// # Troubleshooting
    /// The message names the rule. Whoever wrote the guard meant this to be decided by a person.
    #[must_use]
    pub fn is_guarded(&self) -> bool {
        self.kind() == ErrorKind::Guarded
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

    /// An action is already under way on the machine, of the same kind or of the one it would undo (400
    /// `ActiveRequestAlreadyExists`).
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
    /// The service is slow or the network drops packets. It may have done what was asked, and the same call can be made
    /// again; one that must not be repeated is [`is_outcome_unknown`](Self::is_outcome_unknown) instead.
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
    /// Try again later: it may have done what was asked, and the same call can be made again.
    /// [`correlation_id`](Self::correlation_id) is what support asks for.
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

    /// A dry run: the call would have changed something, and wasn't sent.
    ///
    /// # Troubleshooting
    /// Do it without the dry run.
    #[must_use]
    pub fn is_dry_run(&self) -> bool {
        self.kind() == ErrorKind::DryRun
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
