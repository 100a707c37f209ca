//! What a plan holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::note::{Note, Notes};
use super::skip::{LeftOut, Skip, SkipReason};
use crate::model::{IndicatorAction, IndicatorType};
use crate::types::Timestamp;

/// An indicator to be pushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Planned {
    /// What the value is.
    pub indicator_type: IndicatorType,
    /// The value, as it is sent.
    pub value: String,
    /// What is done where it is seen.
    pub action: IndicatorAction,
    /// When it ends: the latest end of its sources.
    pub expires: Timestamp,
    /// The highest confidence of its sources, if one of them states any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<u8>,
    /// When the newest of its sources was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<Timestamp>,
    /// The objects it comes from, by their place in [`Plan::sources`](super::Plan::sources); one at least.
    pub sources: Vec<usize>,
    /// What has to be known about it.
    #[serde(default, skip_serializing_if = "notes_are_empty")]
    pub notes: Notes,
}

/// An indicator to be deleted, if it is there and ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Withdrawal {
    /// What the value is.
    pub indicator_type: IndicatorType,
    /// The value, as it was sent.
    pub value: String,
    /// Why.
    pub cause: Cause,
    /// The objects it comes from, by their place in [`Plan::sources`](super::Plan::sources); one at least.
    pub sources: Vec<usize>,
}

/// Why an object's indicators are withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Cause {
    /// The object says it is revoked.
    Revoked,
    /// The object's time is over.
    Expired,
}

/// An indicator object of the feed, or what stands where one could be, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Source {
    /// Its place among all objects of the feed, from 0. What is no object counts, too; of several in a row that name
    /// neither a type nor an id the first is a source.
    pub index: u64,
    /// Its id; empty if it has none.
    pub id: String,
    /// Its name, cut to some 200 characters; empty if it has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// When it was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<Timestamp>,
    /// What became of it.
    pub fate: Fate,
    /// What has to be known about it; what concerns one indicator stands there.
    #[serde(default, skip_serializing_if = "notes_are_empty")]
    pub notes: Notes,
    /// The alternatives of its pattern that make no indicator.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn notes_are_empty(notes: &Notes) -> bool {
    notes.is_empty()
}

/// What became of an object: exactly one of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fate {
    /// It makes indicators, by their place in [`Plan::indicators`](super::Plan::indicators); one at least.
    Planned(Vec<usize>),
    /// Its indicators are withdrawn.
    Withdrawn {
        /// Why.
        cause: Cause,
        /// By their place in [`Plan::withdrawals`](super::Plan::withdrawals); none if other objects want them all.
        withdrawals: Vec<usize>,
    },
    /// It makes none.
    Skipped(Skip),
}

/// How many of what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Counts {
    /// Objects of the feed, of any type, readable or not.
    pub objects: u64,
    /// Objects of other types, which a plan passes over, by type. From the hundredth type on they stand under `…`.
    pub others: BTreeMap<String, u64>,
    /// Sources: indicator objects, and what couldn't be read.
    pub sources: u64,
    /// Sources that make indicators.
    pub planned: u64,
    /// Of these, sources of whose pattern some alternatives were left out.
    pub planned_in_part: u64,
    /// Sources whose indicators are withdrawn.
    pub withdrawn: BTreeMap<Cause, u64>,
    /// Sources that make none, by reason.
    pub skipped: BTreeMap<SkipReason, u64>,
    /// What couldn't be read and is no source of its own, by reason: of a row of lines or values that name neither a
    /// type nor an id all but the first, and whatever comes behind the first 10,000 that can't be read or have no id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unlisted: BTreeMap<SkipReason, u64>,
    /// Alternatives left out, by reason.
    pub left_out: BTreeMap<SkipReason, u64>,
    /// Indicators, by type.
    pub indicators: BTreeMap<IndicatorType, u64>,
    /// Indicators to be deleted.
    pub withdrawals: u64,
    /// Indicators and sources with a note, by note.
    pub notes: BTreeMap<Note, u64>,
}

/// Whether the whole feed was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Completeness {
    /// It was.
    Whole,
    /// It was, and says that it goes on in another page.
    MorePages,
    /// It couldn't be read to its end: why.
    Incomplete(String),
}

/// The tenant a plan is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Binding {
    /// The tenant's id.
    pub tenant: String,
    /// The API's base, which says the cloud.
    pub cloud: String,
}
