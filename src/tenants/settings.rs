//! What can be set for all tenants and for each, and the policy on closing an incident.

use crate::actions::Comment;
use crate::alerts::{AlertHandle, AlertUpdate, UpdatedAlert};
use crate::client::ClientBuilder;
use crate::error::Result;
use crate::guard::Guard;
use crate::model::{AlertStatus, Classification, Determination};
use crate::region::Region;

/// Settings of a tenant, or the defaults for all of them. What isn't set is left to the defaults, and those to the
/// crate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct TenantSettings {
    region: Option<Region>,
    base_url: Option<String>,
    authority: Option<String>,
    audience: Option<String>,
    closing: Option<ClosingPolicy>,
    guards: Vec<Guard>,
}

impl TenantSettings {
    /// Settings that say nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`ClientBuilder::region`].
    pub fn region(mut self, region: Region) -> Self {
        self.region = Some(region);
        self
    }

    /// As [`ClientBuilder::base_url`].
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// As [`ClientBuilder::authority`].
    pub fn authority(mut self, url: impl Into<String>) -> Self {
        self.authority = Some(url.into());
        self
    }

    /// As [`ClientBuilder::audience`].
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// As [`ClientBuilder::guard`]. A tenant is held against its own guards and against those of the defaults. What their limits
    /// have counted outlasts a client that was idle and is made anew, and is forgotten with a tenant that is taken out.
    pub fn guard(mut self, guard: Guard) -> Self {
        self.guards.push(guard);
        self
    }

    /// What is done to the alerts of an incident that is closed.
    pub fn closing(mut self, policy: ClosingPolicy) -> Self {
        self.closing = Some(policy);
        self
    }

    /// The policy that is set; to leave alerts alone if none is.
    #[must_use]
    pub fn closing_policy(&self) -> ClosingPolicy {
        self.closing.unwrap_or_default()
    }

    /// These settings, completed by others.
    pub(super) fn or(self, defaults: &Self) -> Self {
        let defaults = defaults.clone();
        // A region of its own brings its own hosts and audience.
        let own_region = self.region.is_some();
        let inherited = |value: Option<String>| value.filter(|_| !own_region);
        Self {
            region: self.region.or(defaults.region),
            base_url: self.base_url.or_else(|| inherited(defaults.base_url)),
            authority: self.authority.or_else(|| inherited(defaults.authority)),
            audience: self.audience.or_else(|| inherited(defaults.audience)),
            closing: self.closing.or(defaults.closing),
            guards: [defaults.guards, self.guards].concat(),
        }
    }

    pub(super) fn set_up(self, mut builder: ClientBuilder) -> ClientBuilder {
        if let Some(region) = self.region {
            builder = builder.region(region);
        }
        if let Some(url) = self.base_url {
            builder = builder.base_url(url);
        }
        if let Some(url) = self.authority {
            builder = builder.authority(url);
        }
        if let Some(audience) = self.audience {
            builder = builder.audience(audience);
        }
        self.guards.into_iter().fold(builder, ClientBuilder::guard)
    }
}

/// What is done to the alerts of an incident that is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClosingPolicy {
    /// They are left alone.
    #[default]
    Leave,
    /// They are commented on.
    Comment,
    /// They are commented on and resolved.
    ResolveAndComment,
}

impl ClosingPolicy {
    /// Does to the alert what the policy says. `None` when it leaves alerts alone.
    ///
    /// ```no_run
    /// use defender_response::model::{Classification, Determination};
    /// use defender_response::{AlertId, Tenants};
    /// # async fn f(tenants: Tenants, alert: AlertId) -> defender_response::Result<()> {
    /// let policy = tenants.settings("customer-1")?.closing_policy();
    /// let alert = tenants.client("customer-1")?.alert(alert);
    /// let verdict = (Classification::TruePositive, Determination::Malware);
    /// policy.apply(&alert, "INC-4711 closed: contained", verdict).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`AlertHandle::update`].
    pub async fn apply(
        self,
        alert: &AlertHandle,
        comment: impl Into<Comment>,
        (classification, determination): (Classification, Determination),
    ) -> Result<Option<UpdatedAlert>> {
        let comment = AlertUpdate::new().comment(comment);
        let update = match self {
            Self::Leave => return Ok(None),
            Self::Comment => comment,
            Self::ResolveAndComment => {
                comment.status(AlertStatus::Resolved).classify(classification, determination)
            }
        };
        alert.update(update).await.map(Some)
    }
}
