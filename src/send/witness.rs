//! Tells the audit log of a submission whose caller went away before it was told what became of it.

use std::sync::atomic::{AtomicBool, Ordering};

use tracing::warn;

/// Watches over one call that must not be repeated, from when its request leaves until its caller is told.
pub(crate) struct Witness {
    operation: &'static str,
    target: String,
    reference: Option<String>,
    left: AtomicBool,
}

impl Witness {
    pub(crate) fn new(operation: &'static str, target: &str, reference: Option<&str>) -> Self {
        Self {
            operation,
            target: target.to_owned(),
            reference: reference.map(str::to_owned),
            left: AtomicBool::new(false),
        }
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
    pub(crate) fn told(self) {
        self.nothing_done();
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        if *self.left.get_mut() {
            warn!(
                target: "defender_response::audit",
                operation = self.operation,
                target = self.target,
                reference = self.reference,
                "abandoned"
            );
        }
    }
}
