//! Actions by name, JSON in and JSON out: for playbook runners, which don't link Rust.
//!
//! A runner knows an action's name, hands over arguments, and decides from the answer whether to go on, to wait, to retry or
//! to call a human. [`Runner`] takes a [`Request`] and gives a [`Response`]; [`Registry`] has the actions, each with the
//! JSON Schema of its arguments and of its result; an [`Action`] of one's own can be added.
//!
//! `retry_safe` is true only where it is certain that the same call does nothing twice. After a submission whose answer was
//! lost it is false, and an *idempotency key* is what lets the same call find the earlier action, from another process too:
//! see [`MachineHandle::keyed`](crate::MachineHandle::keyed) for what two processes at the same moment can still do.
//!
//! The Rust items of this module are outside semver before 1.0. The names of the actions, their arguments and outputs, and
//! the envelopes keep to their `schema_version`.

mod action;
mod alerts;
mod envelope;
mod fault;
mod form;
mod iocs;
mod key;
mod ledger;
mod machines;
mod records;
mod registry;
mod runner;
mod states;
mod strict;
mod withheld;

use serde_json::Value;

pub use action::{About, Action, Job, Outcome};
pub use envelope::{
    Approval, Category, Fault, Mode, Request, Response, Resume, SCHEMA_VERSION, State, WaitFor,
};
pub use fault::Effect;
pub use key::IdempotencyKey;
pub use registry::Registry;
pub use runner::Runner;
pub use strict::parse;

/// The JSON Schema of the envelope that goes in.
#[must_use]
pub fn request_schema() -> Value {
    action::schema::<Request>(false)
}

/// The JSON Schema of the envelope that comes out.
#[must_use]
pub fn response_schema() -> Value {
    action::schema::<Response>(true)
}
