//! On what terms calls are made: quotas and time limits, for a whole client or for one call.

use std::time::Duration;

use super::{Client, ClientBuilder};
use crate::operation::Spec;
use crate::send::{QuotaPolicy, QuotaUse};

impl ClientBuilder {
    /// How much of the service's quota this client uses: the documented figures less 20 %, if not set.
    pub fn quota_policy(mut self, policy: QuotaPolicy) -> Self {
        self.quota_policy = policy;
        self
    }

    /// Gives a call up, with [`is_throttled`](crate::Error::is_throttled) and nothing done, when the quota would keep it waiting
    /// longer than this. If not set, calls wait as long as it takes.
    pub fn queue_within(mut self, limit: Duration) -> Self {
        self.terms.queue = Some(limit);
        self
    }

    /// How long a call may take once it has its quota slot, repeats included: 60 s if not set.
    pub fn call_within(mut self, limit: Duration) -> Self {
        self.terms.call = limit;
        self
    }

    /// How long one request may take, connecting included: 30 s if not set, and more than
    /// [`connect_within`](Self::connect_within).
    pub fn attempt_within(mut self, limit: Duration) -> Self {
        self.terms.attempt = limit;
        self
    }
}

/// Other terms for some calls: each gives a client that shares everything with this one, token and quota included.
impl Client {
    /// Calls that are given up when the quota would keep them waiting longer than this, with
    /// [`is_throttled`](crate::Error::is_throttled) and [`retry_after`](crate::Error::retry_after); nothing was done then.
    ///
    /// ```no_run
    /// # use defender_response::{Client, IsolationType, MachineId};
    /// # use std::time::Duration;
    /// # async fn f(defender: Client, id: MachineId) -> defender_response::Result<()> {
    /// let impatient = defender.queue_within(Duration::from_secs(5));
    /// let action = impatient.machine(id).isolate(IsolationType::Full, "INC-4711").await?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn queue_within(&self, limit: Duration) -> Self {
        self.with_terms(|terms| terms.queue = Some(limit))
    }

    /// No longer than this, and no longer than they would anyway.
    pub(crate) fn queuing_at_most(&self, limit: Duration) -> Self {
        self.with_terms(|terms| {
            terms.queue = Some(terms.queue.map_or(limit, |queue| queue.min(limit)));
        })
    }

    /// Calls that may take so long once they have their quota slot, repeats included.
    #[must_use]
    pub fn call_within(&self, limit: Duration) -> Self {
        self.with_terms(|terms| terms.call = limit)
    }

    /// Calls of which each single request may take so long, connecting included. Where that is less than connecting may
    /// take, a slow connect counts as sent and unanswered.
    #[must_use]
    pub fn attempt_within(&self, limit: Duration) -> Self {
        self.with_terms(|terms| terms.attempt = limit)
    }

    /// Calls that go before all others of this client that wait for quota. Releases and cancellations do by themselves.
    ///
    /// ```no_run
    /// # use defender_response::{Client, IsolationType, MachineId};
    /// # async fn f(defender: Client, domain_controller: MachineId) -> defender_response::Result<()> {
    /// defender.urgent().machine(domain_controller).isolate(IsolationType::Full, "INC-4711").await?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn urgent(&self) -> Self {
        self.with_terms(|terms| terms.urgent = true)
    }

    /// What is left of the quota, for each family of calls that this client has made so far.
    ///
    /// ```no_run
    /// # fn f(defender: defender_response::Client) {
    /// for family in defender.quota() {
    ///     println!("{} {}: {} now, {} waiting", family.method, family.route, family.left_this_minute, family.waiting);
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn quota(&self) -> Vec<QuotaUse> {
        let (writer, reader) = self.senders();
        let mut used = writer.quotas.all_used();
        used.extend(reader.into_iter().flat_map(|reader| reader.quotas.all_used()));
        used.sort_by_key(|family| (family.route, family.method.to_string()));
        used
    }

    /// What is left of the quota that an operation draws on.
    ///
    /// ```no_run
    /// # use defender_response::{Isolate, Operation};
    /// # fn f(defender: defender_response::Client) {
    /// println!("{} more this minute", defender.quota_of(Isolate::SPEC).left_this_minute);
    /// # }
    /// ```
    #[must_use]
    pub fn quota_of(&self, spec: &'static Spec) -> QuotaUse {
        self.sender_for(spec.safety).quotas.used(spec)
    }
}
