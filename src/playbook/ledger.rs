//! What a call has written so far: so that one that is stopped can tell, and begins nothing more.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::fault::Effect;
use crate::audit::{AuditEvent, AuditPhase, AuditSink};
use crate::error::ErrorKind;
use crate::types::ActionId;

/// Stands among the sinks of the call's client: what changes something passes it before and after.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger(Arc<Mutex<Written>>);

/// What was written.
#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // each is a fact of its own
pub(super) struct Written {
    closed: bool,
    /// Something wasn't begun, since the ledger was closed.
    pub(super) refused: bool,
    /// Begun, and not told yet what became of it.
    open: usize,
    /// It may have been done.
    unclear: bool,
    /// It was done.
    done: bool,
    /// The action of the last submission, in words and by its id.
    pub(super) action: Option<(String, ActionId)>,
    /// Of what was begun last.
    pub(super) reference: Option<String>,
}

impl Ledger {
    fn written(&self) -> MutexGuard<'_, Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing more is begun.
    pub(super) fn close(&self) {
        self.written().closed = true;
    }

    pub(super) fn read(&self) -> Written {
        self.written().clone()
    }

    /// What repeating a call of several comes to, now that it is known what of it was done.
    pub(super) fn effect(&self) -> Effect {
        if self.written().is_nothing() { Effect::Reads } else { Effect::Several }
    }
}

impl Written {
    /// Whether certainly nothing was changed.
    pub(super) fn is_nothing(&self) -> bool {
        self.open == 0 && !self.unclear && !self.done
    }

    pub(super) fn is_unclear(&self) -> bool {
        self.open > 0 || self.unclear
    }

    fn begin(&mut self, event: &AuditEvent) -> io::Result<()> {
        if self.closed {
            self.refused = true;
            return Err(io::Error::other("the call was stopped"));
        }
        self.open += 1;
        // Of a feed it is the plan's hash, by which nothing is found in a comment.
        self.reference = event.reference.clone().filter(|reference| reference.starts_with("dr-"));
        Ok(())
    }

    fn end(&mut self, event: &AuditEvent) {
        self.open = self.open.saturating_sub(1);
        match (event.disposition, event.state.as_deref()) {
            (Some(how), status) => {
                self.done |= matches!(how, "created" | "adopted");
                let status = status.unwrap_or("unknown");
                let what = format!("{} of {} is {status}", event.operation, event.target);
                self.action = event.action.clone().map(|action| (what, action));
            }
            (None, Some("done")) => self.done = true,
            (None, Some("not_sent")) => {}
            (None, state) => self.unclear |= state.is_none_or(is_unclear),
        }
    }
}

/// Whether a call that ended so may have been carried out.
fn is_unclear(state: &str) -> bool {
    let kinds = [
        ErrorKind::OutcomeUnknown,
        ErrorKind::Service,
        ErrorKind::Timeout,
        ErrorKind::Intermediary,
        ErrorKind::StillRunning,
    ];
    state == "caller_gone" || kinds.iter().any(|kind| kind.as_str() == state)
}

impl AuditSink for Ledger {
    fn record(&self, event: &AuditEvent) -> io::Result<()> {
        match event.phase {
            AuditPhase::Before => self.written().begin(event),
            AuditPhase::After => {
                self.written().end(event);
                Ok(())
            }
        }
    }

    fn is_required(&self) -> bool {
        true
    }
}
