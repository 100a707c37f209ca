//! What became of a plan: of each indicator, of each withdrawal, and of each source exactly one thing.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::error::Error;
use crate::model::{IndicatorAction, IndicatorType};
use crate::types::IndicatorId;

/// How an indicator comes to be as it is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Change {
    /// A new one.
    Create,
    /// Ours of the same value, type, action and device groups, with other words or another end.
    Update,
    /// A new one in place of ours with another action or other device groups, which is deleted.
    Replace,
}

/// What became of an indicator of a plan: exactly one of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
#[non_exhaustive]
pub enum IndicatorOutcome {
    /// The service accepted it. It takes effect within minutes to two days, and no call tells when.
    Accepted {
        /// Its id.
        id: IndicatorId,
        /// How.
        change: Change,
    },
    /// Ours is there already and says all that the plan says; nothing was sent.
    Unchanged {
        /// Its id.
        id: IndicatorId,
    },
    /// Somebody else's of the same value, type and action is there, and was left alone; nothing was sent.
    AlreadyPresent {
        /// Its id.
        id: IndicatorId,
        /// Whether it is for the device groups that the plan is for. If not, other devices may go without.
        same_groups: bool,
    },
    /// The tenant holds 15,000 indicators, and what the plan puts before it took what room there was.
    NoRoom,
    /// Its time ended since the plan was made; nothing was sent.
    Expired,
    /// The service refused it, or it can't be sent.
    Failed {
        /// Why, in the service's words where it gave any.
        reason: String,
    },
    /// It was sent, and whether it was accepted couldn't be found out. Push the plan again.
    Unknown {
        /// Why.
        reason: String,
    },
    /// The push ended before its turn came.
    NotSent {
        /// Why.
        reason: String,
    },
    /// A dry run: it would be sent.
    WouldSend {
        /// To what end.
        change: Change,
    },
}

/// What became of the indicators of a value that is to be deleted: exactly one of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeletionOutcome {
    /// Ours are deleted.
    Deleted {
        /// Their ids.
        ids: Vec<IndicatorId>,
    },
    /// There are none, or none any more.
    NotThere,
    /// What is there isn't ours, and was left alone.
    NotOurs {
        /// Their ids.
        ids: Vec<IndicatorId>,
    },
    /// Read again before its deletion, it was another indicator than when it was listed, and was left alone.
    Changed {
        /// Their ids.
        ids: Vec<IndicatorId>,
    },
    /// The service refused it; it is still there.
    Failed {
        /// Why.
        reason: String,
    },
    /// Whether it was deleted couldn't be found out. Push the plan again.
    Unknown {
        /// Why.
        reason: String,
    },
    /// The push ended before its turn came.
    NotSent {
        /// Why.
        reason: String,
    },
    /// A dry run: they would be deleted.
    WouldDelete {
        /// Their ids.
        ids: Vec<IndicatorId>,
    },
}

macro_rules! source_outcomes {
    ($( $(#[$doc:meta])* $name:ident $word:literal $fine:literal ),+ $(,)?) => {
        /// What became of a STIX indicator: exactly one of these.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum SourceOutcome { $( $(#[$doc])* $name, )+ }

        impl SourceOutcome {
            /// Its name in lower case, such as `already_present`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$name => $word, )+ }
            }

            /// Whether nothing is left to be done about it.
            #[must_use]
            pub const fn is_fine(self) -> bool {
                match self { $( Self::$name => $fine, )+ }
            }
        }
    };
}

source_outcomes! {
    /// All its indicators are there as they should be, and at least one was accepted just now.
    Accepted "accepted" true,
    /// All its indicators were there already, ours.
    Unchanged "unchanged" true,
    /// All its indicators were there already, at least one of them somebody else's.
    AlreadyPresent "already_present" true,
    /// Some of its indicators are there as they should be, and some are not, or for other device groups.
    InPart "in_part" false,
    /// The tenant is full.
    NoRoom "no_room" false,
    /// Its indicators' time ended since the plan was made.
    Expired "expired" true,
    /// The service refused its indicators, or a deletion.
    Failed "failed" false,
    /// What became of its indicators couldn't be found out.
    Unknown "unknown" false,
    /// The push ended before its turn came.
    NotSent "not_sent" false,
    /// It is revoked or expired, and its indicators of ours are deleted.
    Deleted "deleted" true,
    /// It is revoked or expired, and none of its indicators is there.
    NotThere "not_there" true,
    /// It is revoked or expired, and what is there of it isn't ours.
    NotOurs "not_ours" true,
    /// It is revoked or expired, and its indicator became another one meanwhile, which was left alone.
    Changed "changed" false,
    /// It is revoked or expired, and there is nothing to delete: other objects want all its values, or it has none.
    NothingToDelete "nothing_to_delete" true,
    /// The plan skips it.
    Skipped "skipped" true,
    /// A dry run: its indicators would be sent.
    WouldSend "would_send" true,
    /// A dry run: its indicators would be deleted.
    WouldDelete "would_delete" true,
}

impl fmt::Display for SourceOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.as_str().replace('_', " "))
    }
}

/// An indicator of the plan, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct IndicatorResult {
    /// What the value is.
    pub indicator_type: IndicatorType,
    /// The value, as it is sent.
    pub value: String,
    /// What is done where it is seen.
    pub action: IndicatorAction,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: IndicatorOutcome,
    /// Ours of the same value with another action or for other device groups, which should be gone and couldn't be
    /// deleted. Pushing the plan again tries once more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leftover: Vec<IndicatorId>,
    /// Other people's of the same value with another action. Of several actions `Allowed` wins, then `Warn`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contested_by: Vec<IndicatorId>,
}

/// A value that is to be deleted, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeletionResult {
    /// What the value is.
    pub indicator_type: IndicatorType,
    /// The value.
    pub value: String,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: DeletionOutcome,
}

/// A STIX indicator, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SourceResult {
    /// Its place among all objects of the feed, from 0.
    pub index: u64,
    /// Its id; empty if it has none.
    pub id: String,
    /// What became of it.
    pub outcome: SourceOutcome,
    /// Why, where that needs a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its indicators, by their place in [`PushReport::indicators`].
    pub indicators: Vec<usize>,
    /// What of it is to be deleted, by its place in [`PushReport::withdrawals`].
    pub withdrawals: Vec<usize>,
}

/// What became of a plan.
///
/// It is `Ok` that this comes in, also where some of the plan wasn't accepted: look at
/// [`is_complete`](Self::is_complete), or at each of [`sources`](Self::sources). As text it is a readable table.
#[derive(Clone, Debug)]
#[must_use = "a report may tell of indicators that weren't accepted"]
pub struct PushReport {
    pub(super) application: String,
    pub(super) dry_run: bool,
    pub(super) active_before: usize,
    pub(super) sees_others: Option<bool>,
    pub(super) indicators: Vec<IndicatorResult>,
    pub(super) withdrawals: Vec<DeletionResult>,
    pub(super) departed: Vec<DeletionResult>,
    pub(super) sources: Vec<SourceResult>,
    pub(super) error: Option<Error>,
}

impl PushReport {
    /// The tag by which the push knows its own: `application` of the indicators it created.
    #[must_use]
    pub fn application(&self) -> &str {
        &self.application
    }

    /// Whether it was a dry run, in which nothing was changed.
    #[must_use]
    pub fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// How many active indicators the tenant had before, as far as the application may see them.
    #[must_use]
    pub fn active_before(&self) -> usize {
        self.active_before
    }

    /// Whether the application may see other people's indicators, as its token says. If not, theirs can't be told from
    /// none: it is left to the service not to change them, and the 15,000 are counted without them.
    #[must_use]
    pub fn sees_others(&self) -> Option<bool> {
        self.sees_others
    }

    /// The plan's indicators, in its order, with what became of each.
    #[must_use]
    pub fn indicators(&self) -> &[IndicatorResult] {
        &self.indicators
    }

    /// The plan's withdrawals, in its order, with what became of each.
    #[must_use]
    pub fn withdrawals(&self) -> &[DeletionResult] {
        &self.withdrawals
    }

    /// What a sync found of ours that isn't in the feed any more. None after a push.
    #[must_use]
    pub fn departed(&self) -> &[DeletionResult] {
        &self.departed
    }

    /// The plan's sources, in its order, with what became of each.
    #[must_use]
    pub fn sources(&self) -> &[SourceResult] {
        &self.sources
    }

    /// What ended the push before its end, if something did. What was left then is `NotSent`.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// Whether all that the plan says is so, by the service's answers: nothing failed, nothing is left to be done. What
    /// the plan itself skips doesn't count against it.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let gone = |result: &DeletionResult| {
            use DeletionOutcome::{Changed, Failed, NotSent, Unknown};
            !matches!(
                result.outcome,
                Changed { .. } | Failed { .. } | NotSent { .. } | Unknown { .. }
            )
        };
        self.error.is_none()
            && self.sources.iter().all(|source| source.outcome.is_fine())
            && self.indicators.iter().all(|result| result.leftover.is_empty())
            && self.departed.iter().all(gone)
    }

    /// How many of what.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary {
            application: self.application.clone(),
            dry_run: self.dry_run,
            complete: self.is_complete(),
            active_before: self.active_before,
            sees_others: self.sees_others,
            error: self.error.as_ref().map(ToString::to_string),
            ..Summary::default()
        };
        for source in &self.sources {
            *summary.sources.entry(source.outcome).or_default() += 1;
        }
        let mut count = |name| *summary.indicators.entry(name).or_default() += 1;
        self.indicators.iter().for_each(|result| count(result.outcome.as_str()));
        let mut count = |name| *summary.withdrawals.entry(name).or_default() += 1;
        self.withdrawals.iter().for_each(|result| count(result.outcome.as_str()));
        let mut count = |name| *summary.departed.entry(name).or_default() += 1;
        self.departed.iter().for_each(|result| count(result.outcome.as_str()));
        summary
    }
}

/// How many of what a push came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// [`PushReport::application`].
    pub application: String,
    /// [`PushReport::is_dry_run`].
    pub dry_run: bool,
    /// [`PushReport::is_complete`].
    pub complete: bool,
    /// [`PushReport::active_before`].
    pub active_before: usize,
    /// [`PushReport::sees_others`].
    pub sees_others: Option<bool>,
    /// Sources, by outcome.
    pub sources: BTreeMap<SourceOutcome, u64>,
    /// Indicators, by outcome.
    pub indicators: BTreeMap<&'static str, u64>,
    /// Withdrawals, by outcome.
    pub withdrawals: BTreeMap<&'static str, u64>,
    /// What left the feed, by outcome.
    pub departed: BTreeMap<&'static str, u64>,
    /// What ended the push before its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl IndicatorOutcome {
    /// Its name in lower case, such as `already_present`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Unchanged { .. } => "unchanged",
            Self::AlreadyPresent { .. } => "already_present",
            Self::NoRoom => "no_room",
            Self::Expired => "expired",
            Self::Failed { .. } => "failed",
            Self::Unknown { .. } => "unknown",
            Self::NotSent { .. } => "not_sent",
            Self::WouldSend { .. } => "would_send",
        }
    }

    /// Why, where that needs a word.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Failed { reason } | Self::Unknown { reason } | Self::NotSent { reason } => {
                Some(reason)
            }
            Self::NoRoom => Some("the tenant's 15,000 indicators are used up"),
            Self::AlreadyPresent { same_groups: true, .. } => Some("somebody else's is there"),
            Self::AlreadyPresent { same_groups: false, .. } => {
                Some("somebody else's is there, for other device groups")
            }
            _ => None,
        }
    }
}

impl DeletionOutcome {
    /// Its name in lower case, such as `not_there`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Deleted { .. } => "deleted",
            Self::NotThere => "not_there",
            Self::NotOurs { .. } => "not_ours",
            Self::Changed { .. } => "changed",
            Self::Failed { .. } => "failed",
            Self::Unknown { .. } => "unknown",
            Self::NotSent { .. } => "not_sent",
            Self::WouldDelete { .. } => "would_delete",
        }
    }

    /// Why, where that needs a word.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Failed { reason } | Self::Unknown { reason } | Self::NotSent { reason } => {
                Some(reason)
            }
            Self::Changed { .. } => Some("it was changed since it was listed"),
            Self::NotOurs { .. } => Some("it is somebody else's"),
            _ => None,
        }
    }
}
