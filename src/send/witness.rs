//! Tells the audit log of a submission whose caller went away before it was told what became of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::warn;

use crate::operation::Call;

/// Watches over one call that must not be repeated, from when its request leaves until its caller is told.
/// It holds the call: what is admitted and written down is what is sent.
pub(crate) struct Witness {
    operation: &'static str,
    call: Call,
    left: Arc<AtomicBool>,
    told: bool,
}

impl Witness {
    pub(crate) fn new(operation: &'static str, call: Call) -> Self {
        Self { operation, call, left: Arc::default(), told: false }
    }

    pub(crate) fn call(&self) -> &Call {
        &self.call
    }

    /// The request leaves.
    pub(super) fn leaves(&self) {
        self.left.store(true, Ordering::Relaxed);
    }

    /// The request certainly did nothing.
    pub(super) fn nothing_done(&self) {
        self.left.store(false, Ordering::Relaxed);
    }

    /// The caller is about to be told what became of it.
    pub(crate) fn told(mut self) {
        self.told = true;
    }

    /// Whether a request is on its way, or was, that may have done something.
    pub(crate) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.left)
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        if !self.told && self.left.load(Ordering::Relaxed) {
            warn!(
                target: "defender_response::audit",
                operation = self.operation,
                target = self.call.target(),
                reference = self.call.reference(),
                "abandoned"
            );
        }
    }
}
