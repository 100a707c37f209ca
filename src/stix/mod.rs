//! Threat intelligence in [STIX](https://docs.oasis-open.org/cti/stix/v2.1/stix-v2.1.html) 2.0 and 2.1.

pub mod pattern;

pub use pattern::{Pattern, PatternError};
