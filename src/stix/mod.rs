//! Threat intelligence in [STIX](https://docs.oasis-open.org/cti/stix/v2.1/stix-v2.1.html) 2.0 and 2.1.
//!
//! [`plan`](plan()) reads a feed and says what is to be done with each of its indicators; [`Planner`] does the same for a
//! feed that arrives in pieces.

pub mod pattern;
mod plan;
mod push;
mod reader;

pub use pattern::{Pattern, PatternError};
pub use plan::{
    Binding, Cause, Completeness, Counts, Effect, Fate, FeedError, LeftOut, Note, Notes, Plan,
    PlanOptions, Planned, Planner, Skip, SkipReason, Source, Table, Tlp, Trouble, Withdrawal, plan,
};
pub use push::{
    Change, DeletionOutcome, DeletionResult, IndicatorOutcome, IndicatorResult, Phase, Progress,
    Push, PushReport, SourceOutcome, SourceResult, Summary, Sync,
};
