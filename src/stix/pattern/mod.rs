//! The patterns of indicators: the whole language of
//! [STIX 2.1](https://docs.oasis-open.org/cti/stix/v2.1/os/stix-v2.1-os.html#_e8slinrhxcc9), and what 2.0 wrote.
//!
//! [`Pattern::parse`] reads one into a tree of plain data. From the root: an [`Observation`] joins sightings, each
//! [`Observation::Of`] holds a [`Comparison`], and that joins [`Test`]s of one property each.
//!
//! ```
//! use defender_response::stix::Pattern;
//! use defender_response::stix::pattern::{Comparison, Observation};
//!
//! let pattern = Pattern::parse("[ipv4-addr:value = '198.51.100.1' OR file:name = 'it\\'s']")?;
//! let Observation::Of(Comparison::Or(branches)) = pattern.observation() else { panic!() };
//! assert_eq!(branches.len(), 2);
//!
//! for test in pattern.tests() {
//!     println!("{} {:?}", test.path, test.equals());
//! }
//! # Ok::<(), defender_response::stix::PatternError>(())
//! ```
//!
//! A pattern is hostile input: it is read in time and memory linear in its length, whatever it holds, up to
//! [`MAX_LENGTH`] bytes and [`MAX_NESTING`] groups. A tree is therefore never deeper than a few hundred nodes, so that
//! code that walks it may recurse.

mod chain;
mod display;
mod error;
mod lexer;
mod literal;
mod owned;
mod parser;
mod tree;
mod walk;
mod words;

use std::fmt;
use std::str::FromStr;

pub use error::PatternError;
pub use literal::{Binary, Hex, Number, Time};
pub use tree::{Comparison, Condition, Literal, Observation, Order, Path, Qualifier, Step, Test};
pub use walk::{Comparisons, Tests};

/// The longest pattern that is read, in bytes.
pub const MAX_LENGTH: usize = 64 * 1024;

/// So many groups may be open at once, those around observations and those in a comparison taken together.
pub const MAX_NESTING: usize = 40;

/// A parsed pattern, which borrows from its text what stands there as it is.
///
/// It prints as a pattern that parses to the same tree, with one blank between words, without comments, and with
/// groups only where they are needed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern<'a> {
    observation: Observation<'a>,
}

impl<'a> Pattern<'a> {
    /// Reads a pattern.
    ///
    /// # Errors
    /// If it isn't one, with the position and what was expected there; if it is longer than [`MAX_LENGTH`] or
    /// nested deeper than [`MAX_NESTING`].
    pub fn parse(text: &'a str) -> Result<Self, PatternError> {
        parser::parse(text).map(|observation| Self { observation })
    }

    /// The same pattern, borrowing from nothing.
    #[must_use]
    pub fn into_owned(self) -> Pattern<'static> {
        Pattern { observation: self.observation.into_owned() }
    }

    /// The tree.
    #[must_use]
    pub fn observation(&self) -> &Observation<'a> {
        &self.observation
    }

    /// The tree, by value.
    #[must_use]
    pub fn into_observation(self) -> Observation<'a> {
        self.observation
    }

    /// All tests, from left to right, whatever joins them.
    pub fn tests(&self) -> Tests<'_, 'a> {
        self.observation.tests()
    }
}

impl FromStr for Pattern<'static> {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        Pattern::parse(text).map(Pattern::into_owned)
    }
}

impl fmt::Display for Pattern<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.observation.fmt(f)
    }
}
