//! From a feed to a plan, piece by piece.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::time::SystemTime;

use super::Plan;
use super::draft::{Draft, Verdict};
use super::feed::{FeedError, Trouble};
use super::index::Index;
use super::merge::{Finished, merge};
use super::options::PlanOptions;
use super::outcome::Completeness;
use super::rules::Policy;
use super::skip::{Skip, SkipReason};
use super::tlp::{Markings, Tlp};
use crate::error::{Error, Result};
use crate::stix::reader::{Glimpse, Object, Reader, Sink, Stop};

/// So many types of other objects are counted by name.
const MOST_TYPES: usize = 100;
/// So many things that can't be read and have no id, or only in part, are told one by one.
const MOST_UNREADABLE: u64 = 10_000;
/// How much of a feed is read at once.
const PIECE: usize = 128 * 1024;

/// Makes a plan of a feed that arrives in pieces, without a clock and without reading anything by itself.
///
/// Pieces may be of any size, and are no more than pieces: the plan doesn't depend on where they end. Memory grows
/// with the plan, not with the feed: an object that is no indicator is gone once it has been counted.
///
/// ```
/// use defender_response::model::IndicatorAction;
/// use defender_response::stix::{PlanOptions, Planner};
///
/// let feed = br#"{"type": "bundle", "id": "bundle--1", "objects": [
///     {"type": "indicator", "id": "indicator--1", "pattern": "[domain-name:value = 'evil.example']"},
///     {"type": "indicator", "id": "indicator--2", "pattern": "[mutex:name = 'm']"}]}"#;
/// let mut planner = Planner::new(PlanOptions::new(IndicatorAction::Block).at("2026-03-01T00:00:00Z".parse()?))?;
/// for piece in feed.chunks(64) {
///     planner.push(piece);
/// }
/// let plan = planner.finish()?;
/// assert_eq!(plan.indicators()[0].value, "evil.example");
/// assert_eq!(plan.skips().count(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Planner {
    reader: Reader,
    pub(super) gather: Gather,
}

impl Planner {
    /// A planner for a feed still to come.
    ///
    /// # Errors
    /// [`is_invalid_input`](Error::is_invalid_input) for options that contradict themselves or can't be followed, and
    /// without [`PlanOptions::at`].
    pub fn new(options: PlanOptions) -> Result<Self> {
        let Some(now) = options.at else {
            return Err(Error::invalid_input("a planner has no clock: set PlanOptions::at"));
        };
        options.check()?;
        let policy = Policy::new(options, now)?;
        Ok(Self { reader: Reader::new(), gather: Gather::new(policy) })
    }

    /// Takes the next piece of the feed. What can't be read is told by [`finish`](Self::finish).
    pub fn push(&mut self, piece: &[u8]) {
        self.reader.push(piece, &mut self.gather);
    }

    /// The plan.
    ///
    /// # Errors
    /// If the feed was cut short or isn't STIX. The error has the plan of what was read, which says that it is
    /// incomplete: [`FeedError::into_plan`].
    pub fn finish(mut self) -> std::result::Result<Plan, FeedError> {
        let offset = self.reader.offset();
        let trouble = match self.reader.finish(&mut self.gather) {
            Err(Stop::CutShort) => Some(Trouble::CutShort),
            Err(Stop::Malformed) => Some(Trouble::Malformed),
            Err(Stop::TooDeep) => Some(Trouble::TooDeep),
            Err(Stop::Encoding) => Some(Trouble::Encoding),
            Ok(()) if self.gather.is_nothing() => {
                Some(if self.gather.objects == 0 { Trouble::Empty } else { Trouble::NotStix })
            }
            Ok(()) => None,
        };
        match trouble {
            None => Ok(self.gather.finish(None)),
            Some(trouble) => Err(self.fail(trouble, offset, None)),
        }
    }

    fn fail(self, trouble: Trouble, offset: u64, cause: Option<io::Error>) -> FeedError {
        let why = trouble.to_string();
        FeedError::new(trouble, offset, Some(self.gather.finish(Some(why))), cause)
    }
}

impl std::fmt::Debug for Planner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Planner").field("read", &self.reader.offset()).finish_non_exhaustive()
    }
}

/// Makes a plan of a feed: a bundle, a list of objects, one object, one object a line, or a TAXII envelope, of STIX 2.0
/// or 2.1, with or without a byte-order mark.
///
/// Without [`PlanOptions::at`] the plan is made for the system's time.
///
/// ```
/// use defender_response::model::{IndicatorAction, Severity};
/// use defender_response::stix::{self, PlanOptions};
///
/// let feed = r#"[{"type": "indicator", "id": "indicator--1", "pattern": "[url:value = 'http://evil.example/a']"}]"#;
/// let options = PlanOptions::new(IndicatorAction::Block).severity(Severity::High);
/// let plan = stix::plan(feed.as_bytes(), &options)?;
/// println!("{}", plan.table());
/// assert_eq!(plan.indicators().len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`Planner::new`] and [`Planner::finish`], and if the feed can't be read; what was read until then is in the
/// error.
pub fn plan(mut feed: impl Read, options: &PlanOptions) -> std::result::Result<Plan, FeedError> {
    let mut options = options.clone();
    options.at = options.at.or_else(|| Some(SystemTime::now().into()));
    let mut planner = Planner::new(options).map_err(FeedError::options)?;
    let mut piece = vec![0; PIECE];
    loop {
        match feed.read(&mut piece) {
            Ok(0) => return planner.finish(),
            Ok(length) => planner.push(piece.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                let offset = planner.reader.offset();
                return Err(planner.fail(Trouble::Read, offset, Some(error)));
            }
        }
    }
}

/// What is gathered from a feed.
pub(super) struct Gather {
    policy: Policy,
    drafts: Vec<Draft>,
    by_id: Index,
    index: u64,
    objects: u64,
    /// Whether the last thing was no object, so that a long row of them is told once.
    in_junk: bool,
    others: BTreeMap<String, u64>,
    unlisted: BTreeMap<SkipReason, u64>,
    /// How much was told that can't be read.
    told: u64,
    markings: Markings,
    /// Something was there that is STIX, or a container for it.
    anything: bool,
    /// As far as the feed itself says.
    completeness: Completeness,
}

impl Gather {
    fn new(policy: Policy) -> Self {
        Self {
            policy,
            drafts: Vec::new(),
            by_id: Index::default(),
            index: 0,
            objects: 0,
            in_junk: false,
            others: BTreeMap::new(),
            unlisted: BTreeMap::new(),
            told: 0,
            markings: Markings::default(),
            anything: false,
            completeness: Completeness::Whole,
        }
    }

    fn is_nothing(&self) -> bool {
        !self.anything
    }

    fn next_index(&mut self) -> u64 {
        let index = self.index;
        self.index += 1;
        self.objects += 1;
        self.in_junk = false;
        index
    }

    fn one(&mut self, object: &Object<'_>) {
        let Some(kind) = object.kind.text() else {
            if object.id.text().is_none() && !object.is_more_than_an_envelope {
                let more = crate::stix::reader::truth(&object.more).ok().flatten();
                return self.container(more.or(object.next.then_some(true)));
            }
            let index = self.next_index();
            let skip = Skip::new(SkipReason::InvalidObject, "it has no type");
            return self.unreadable(index, object.id.text(), skip);
        };
        if kind == "bundle" {
            return self.container(None);
        }
        self.anything = true;
        let index = self.next_index();
        match kind {
            "indicator" => self.add(Draft::of(index, object, &self.policy)),
            "marking-definition" => {
                self.define(object);
                self.count(kind);
            }
            _ => self.count(kind),
        }
    }

    /// Counts an object that no plan is made of.
    #[cfg(feature = "stix2")]
    pub(super) fn pass_over(&mut self, kind: &str) {
        self.next_index();
        self.anything = true;
        self.count(kind);
    }

    fn count(&mut self, kind: &str) {
        if let Some(count) = self.others.get_mut(kind) {
            *count += 1;
            return;
        }
        let full = self.others.len() >= MOST_TYPES;
        let name = if full { "…".to_owned() } else { crate::types::printable(kind, 60) };
        *self.others.entry(name).or_default() += 1;
    }

    fn define(&mut self, object: &Object<'_>) {
        let name = object.name.text().and_then(Tlp::of_label);
        let tlp = object.inner.tlp.as_deref().and_then(Tlp::named).or(name);
        let (Some(id), Some(tlp)) = (object.id.text(), tlp) else { return };
        self.markings.define(id, tlp);
    }

    /// Adds an object, of whose versions the newest stays.
    fn add(&mut self, draft: Draft) {
        if draft.id.is_empty() {
            return self.tell(draft);
        }
        let new = self.drafts.len();
        let drafts = &self.drafts;
        let at = |place: usize| drafts.get(place).is_some_and(|known| known.id == draft.id);
        let place = self.by_id.place(draft.id.as_str(), new, at);
        let Some(known) = self.drafts.get_mut(place) else {
            return self.drafts.push(draft);
        };
        let newer = draft.modified > known.modified
            || draft.modified == known.modified && (draft.is_revoked() || !known.is_revoked());
        // The newest stays where its id is found, and the other goes to the end.
        let mut older = draft;
        if newer {
            std::mem::swap(known, &mut older);
        }
        known.take_values(&mut older);
        let same = known.modified == older.modified;
        let what = if same { "the same version stands at" } else { "a newer version stands at" };
        let skip = Skip::new(SkipReason::Superseded, format!("{what} {}", known.index));
        older.verdict = Verdict::Skipped(skip);
        older.atoms = Vec::new();
        older.left_out = Vec::new();
        self.drafts.push(older);
    }

    fn finish(self, incomplete: Option<String>) -> Plan {
        let unlisted: u64 = self.unlisted.values().sum();
        let completeness = match incomplete {
            Some(why) => Completeness::Incomplete(why),
            None if unlisted > 0 => Completeness::Incomplete(format!(
                "{unlisted} lines or objects can't be read, besides those that are told one by one"
            )),
            None => self.completeness,
        };
        let finished = Finished {
            drafts: self.drafts,
            markings: self.markings,
            objects: self.objects,
            others: self.others,
            unlisted: self.unlisted,
            completeness,
        };
        merge(finished, self.policy)
    }

    fn broken(&mut self, what: &str, glimpse: &Glimpse) {
        let index = self.next_index();
        self.anything |= glimpse.kind.is_some();
        let skip = Skip::new(SkipReason::InvalidObject, what);
        self.unreadable(index, glimpse.id.as_deref(), skip);
    }

    fn unreadable(&mut self, index: u64, id: Option<&str>, skip: Skip) {
        if self.told >= MOST_UNREADABLE {
            return *self.unlisted.entry(skip.reason).or_default() += 1;
        }
        self.tell(Draft::unreadable(index, id, skip));
    }

    /// What has no id isn't kept without end: it takes more room here than in the feed.
    fn tell(&mut self, draft: Draft) {
        match draft.verdict {
            Verdict::Skipped(skip) if self.told >= MOST_UNREADABLE => {
                *self.unlisted.entry(skip.reason).or_default() += 1;
            }
            _ => {
                self.told += 1;
                self.drafts.push(draft);
            }
        }
    }
}

impl Sink for Gather {
    fn take(&mut self, objects: &[Object<'_>]) {
        for object in objects {
            self.one(object);
        }
    }

    fn object(&mut self, text: &[u8]) {
        match serde_json::from_slice::<Object<'_>>(text) {
            Ok(object) => self.one(&object),
            Err(error) => self.broken(&error.to_string(), &Glimpse::of(text)),
        }
    }

    fn too_long(&mut self, beginning: &[u8]) {
        let glimpse = Glimpse::of(beginning);
        let index = self.next_index();
        self.anything |= glimpse.kind.is_some();
        match &glimpse.kind {
            Some(kind) if kind != "indicator" => self.count(kind),
            _ => {
                let skip = SkipReason::TooLarge.into();
                self.unreadable(index, glimpse.id.as_deref(), skip);
            }
        }
    }

    fn no_object(&mut self, what: &'static str, beginning: &[u8]) {
        let glimpse = Glimpse::of(beginning);
        if self.in_junk && glimpse.kind.is_none() && glimpse.id.is_none() {
            self.next_index();
            *self.unlisted.entry(SkipReason::InvalidObject).or_default() += 1;
        } else {
            self.broken(what, &glimpse);
        }
        self.in_junk = true;
    }

    fn lost(&mut self) {
        if !matches!(self.completeness, Completeness::Incomplete(_)) {
            let why = "the feed has text outside its objects, or lines that can't be read";
            self.completeness = Completeness::Incomplete(why.to_owned());
        }
    }

    fn container(&mut self, more: Option<bool>) {
        self.anything = true;
        match (more, &self.completeness) {
            (None, _) | (_, Completeness::Incomplete(_)) => {}
            (Some(true), _) => self.completeness = Completeness::MorePages,
            (Some(false), _) => self.completeness = Completeness::Whole,
        }
    }
}
