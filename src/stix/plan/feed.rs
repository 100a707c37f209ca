//! A feed that can't be read to its end.

use std::fmt;
use std::io;

use super::Plan;
use crate::error::Error;

/// What is wrong with a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// It ends inside an object or a list.
    CutShort,
    /// What stands there can't stand there.
    Malformed,
    /// Its containers hold containers more than 16 deep.
    TooDeep,
    /// It isn't UTF-8.
    Encoding,
    /// Nothing is in it.
    Empty,
    /// Nothing in it is STIX.
    NotStix,
    /// Reading it failed.
    Read,
    /// The options can't be followed.
    Options,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CutShort => "the feed is cut short",
            Self::Malformed => "the feed isn't JSON from there on",
            Self::TooDeep => "the feed's containers are nested too deep",
            Self::Encoding => "the feed isn't UTF-8",
            Self::Empty => "the feed is empty",
            Self::NotStix => "nothing in the feed is STIX",
            Self::Read => "reading the feed failed",
            Self::Options => "the plan's options can't be followed",
        })
    }
}

/// A feed that couldn't be read to its end, with the plan of what was read.
///
/// # Troubleshooting
/// [`trouble`](Self::trouble) says what is wrong and [`offset`](Self::offset) after how many bytes. The plan says that
/// it is incomplete. Pushing it does no harm, since each of its indicators stands in the feed; telling from it what
/// has *left* the feed would.
///
/// ```
/// use defender_response::model::IndicatorAction;
/// use defender_response::stix::{self, PlanOptions, Trouble};
///
/// let feed = r#"[{"type": "indicator", "id": "indicator--1", "pattern": "[domain-name:value = 'evil.example']"}, {"ty"#;
/// let error = stix::plan(feed.as_bytes(), &PlanOptions::new(IndicatorAction::Block)).unwrap_err();
/// assert_eq!(error.trouble(), Trouble::CutShort);
/// let plan = error.into_plan().expect("what was read");
/// assert!(!plan.is_complete());
/// assert_eq!(plan.indicators().len(), 1);
/// ```
pub struct FeedError(Box<Inner>);

struct Inner {
    trouble: Trouble,
    offset: u64,
    plan: Option<Plan>,
    read: Option<io::Error>,
    options: Option<Error>,
}

impl FeedError {
    pub(super) fn new(
        trouble: Trouble,
        offset: u64,
        plan: Option<Plan>,
        read: Option<io::Error>,
    ) -> Self {
        Self(Box::new(Inner { trouble, offset, plan, read, options: None }))
    }

    pub(super) fn options(error: Error) -> Self {
        Self(Box::new(Inner {
            trouble: Trouble::Options,
            offset: 0,
            plan: None,
            read: None,
            options: Some(error),
        }))
    }

    /// What is wrong.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        self.0.trouble
    }

    /// After how many bytes of the feed it showed.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.0.offset
    }

    /// The plan of what was read, unless the options already were wrong.
    #[must_use]
    pub fn plan(&self) -> Option<&Plan> {
        self.0.plan.as_ref()
    }

    /// The plan of what was read, by value.
    #[must_use]
    pub fn into_plan(self) -> Option<Plan> {
        self.0.plan
    }
}

impl fmt::Display for FeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { trouble, offset, plan, .. } = &*self.0;
        write!(f, "{trouble}")?;
        if let Some(plan) = plan {
            let read = plan.counts().objects;
            write!(f, ", after {offset} bytes; {read} objects were read until then")?;
        }
        Ok(())
    }
}

impl fmt::Debug for FeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeedError")
            .field("trouble", &self.0.trouble)
            .field("offset", &self.0.offset)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for FeedError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let Inner { read, options, .. } = &*self.0;
        read.as_ref().map(|e| e as _).or_else(|| options.as_ref().map(|e| e as _))
    }
}

/// For `?` in functions that talk to the service. The plan of what was read is lost that way.
impl From<FeedError> for Error {
    fn from(mut error: FeedError) -> Self {
        if let Some(options) = error.0.options.take() {
            return options;
        }
        Self::invalid_input(error.to_string()).caused_by(error)
    }
}
