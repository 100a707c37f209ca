//! Writing down what a client changes.

use std::sync::Arc;

use super::{Client, ClientBuilder};
#[cfg(feature = "playbook")]
use crate::audit::Approved;
use crate::audit::{AuditEvent, AuditPhase, AuditSink, Auditor, Record, Run};
use crate::error::Result;
use crate::operation::{Call, Spec};

impl ClientBuilder {
    /// Writes every call that changes something to this sink, before it and after it. Several may be set. If one that is
    /// [required](AuditSink::is_required) doesn't take the event before a call, the call isn't made.
    pub fn audit(mut self, sink: impl AuditSink + 'static) -> Self {
        self.auditor.sinks.push(Arc::new(sink));
        self
    }
}

impl Client {
    /// A client that writes to this sink as well, as [`ClientBuilder::audit`] says. It shares everything else with this one.
    #[must_use]
    pub fn audited(&self, sink: impl AuditSink + 'static) -> Self {
        let mut client = self.clone();
        let mut auditor = Auditor::clone(&self.auditor);
        auditor.sinks.push(Arc::new(sink));
        client.auditor = Arc::new(auditor);
        client
    }

    /// A client whose audit events name this run of a playbook. It shares everything else with this one.
    #[must_use]
    pub fn on_behalf_of(&self, run: Run) -> Self {
        let mut client = self.clone();
        let mut auditor = Auditor::clone(&self.auditor);
        auditor.run = Some(run);
        client.auditor = Arc::new(auditor);
        client
    }

    /// A client whose audit events name this approval.
    #[cfg(feature = "playbook")]
    pub(crate) fn with_leave(&self, approval: Approved) -> Self {
        let mut client = self.clone();
        let mut auditor = Auditor::clone(&self.auditor);
        auditor.approval = Some(approval);
        client.auditor = Arc::new(auditor);
        client
    }

    /// A client whose audit events have this reference where the call has none of its own.
    #[cfg(feature = "playbook")]
    pub(crate) fn with_reference(&self, reference: String) -> Self {
        let mut client = self.clone();
        let mut auditor = Auditor::clone(&self.auditor);
        auditor.reference = Some(reference);
        client.auditor = Arc::new(auditor);
        client
    }

    /// Writes down what is about to be sent. Of a dry run there is nothing to write.
    pub(crate) fn audit(&self, spec: &'static Spec, call: &Call) -> Result<Option<Record>> {
        if self.terms.dry {
            return Ok(None);
        }
        let (writer, _) = self.senders();
        let source = writer.tokens.source();
        let clock = Arc::clone(&writer.clock);
        let approval = self.auditor.approval.as_ref();
        let event = AuditEvent {
            at: clock.wall(),
            phase: AuditPhase::Before,
            tenant: source.tenant().map(str::to_owned),
            application: source.application().map(str::to_owned),
            run: self.auditor.run.clone(),
            approved_by: approval.map(|approval| approval.by.clone()),
            plan_id: approval.map(|approval| approval.plan_id.clone()),
            operation: spec.name,
            target: call.target().to_owned(),
            reference: call
                .reference()
                .map(str::to_owned)
                .or_else(|| self.auditor.reference.clone()),
            disposition: None,
            state: None,
            action: None,
            http_status: None,
            correlation_id: None,
        };
        self.auditor.begin(event, Box::new(move || clock.wall())).map(Some)
    }
}
