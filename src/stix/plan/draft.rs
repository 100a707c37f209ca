//! One object of a feed on its way into a plan.

use super::note::{Note, Notes};
use super::outcome::Cause;
use super::rules::{Atom, Compiled, Policy, Value, compile};
use super::skip::{LeftOut, Skip, SkipReason};
use super::time::when;
use super::tlp::{Tlp, marking_key};
use crate::stix::Pattern;
use crate::stix::reader::{Member, Object, truth};
use crate::types::{Timestamp, printable, trimmed};

const LONGEST_ID: usize = 250;
const LONGEST_NAME: usize = 200;

/// What is to become of an object as long as nothing else is known.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Its values are indicators, until then.
    Active(Option<Timestamp>),
    /// Its values are withdrawn.
    Withdrawn(Cause),
    Skipped(Skip),
}

/// An indicator object, read.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) index: u64,
    pub(super) id: String,
    pub(super) name: String,
    /// When it was last changed, by which its versions are told apart.
    pub(super) modified: Option<Timestamp>,
    pub(super) confidence: Option<u8>,
    pub(super) notes: Notes,
    pub(super) verdict: Verdict,
    pub(super) atoms: Vec<Atom>,
    pub(super) left_out: Vec<LeftOut>,
    /// What its other versions made.
    pub(super) past: Vec<Atom>,
    pub(super) tlp: Option<Tlp>,
    /// Markings whose definitions have yet to come.
    pub(super) markings: Vec<String>,
}

impl Draft {
    /// Something that can't be read.
    pub(super) fn unreadable(index: u64, id: Option<&str>, skip: Skip) -> Self {
        Self::skipped(index, printable(id.unwrap_or_default(), LONGEST_ID), skip)
    }

    fn skipped(index: u64, id: String, skip: Skip) -> Self {
        Self {
            index,
            id,
            name: String::new(),
            modified: None,
            confidence: None,
            notes: Notes::NONE,
            verdict: Verdict::Skipped(skip),
            atoms: Vec::new(),
            left_out: Vec::new(),
            past: Vec::new(),
            tlp: None,
            markings: Vec::new(),
        }
    }

    pub(super) fn is_revoked(&self) -> bool {
        matches!(self.verdict, Verdict::Withdrawn(Cause::Revoked))
    }

    /// Keeps what another version of it said: a revocation is of all that was ever said.
    pub(super) fn take_values(&mut self, older: &mut Self) {
        self.past.append(&mut older.past);
        self.past.append(&mut older.atoms);
    }

    /// An indicator object.
    pub(super) fn of(index: u64, object: &Object<'_>, policy: &Policy) -> Self {
        let Some(id) = object.id.text().filter(|id| is_id(id)) else {
            let id = object.id.text();
            let what = if id.is_some() { "its id is no id" } else { "it has no id" };
            return Self::unreadable(index, id, Skip::new(SkipReason::InvalidObject, what));
        };
        let mut draft = Self::skipped(index, id.to_owned(), SkipReason::InvalidObject.into());
        if let Some(name) = object.name.text() {
            draft.name = printable(trimmed(name), LONGEST_NAME);
        }
        draft.modified = draft.version(object);
        draft.verdict = match draft.judge(object, policy) {
            Ok(verdict) => verdict,
            Err(skip) => Verdict::Skipped(skip),
        };
        if matches!(draft.verdict, Verdict::Skipped(_)) {
            draft.atoms = Vec::new();
        }
        draft
    }

    /// A version's time; one that can't be read is none.
    fn version(&mut self, object: &Object<'_>) -> Option<Timestamp> {
        for member in [&object.modified, &object.created] {
            match when(member) {
                Ok(Some(when)) => {
                    self.notes = self.notes.with_if(when.supposed, Note::TimeWithoutZone);
                    return Some(when.at);
                }
                Ok(None) => {}
                Err(_) => self.notes = self.notes.with(Note::TimeIgnored),
            }
        }
        None
    }

    fn judge(&mut self, object: &Object<'_>, policy: &Policy) -> Result<Verdict, Skip> {
        let odd = |what: String| Skip::new(SkipReason::InvalidObject, what);
        match &object.pattern_type {
            Member::Absent => {}
            Member::Text(kind) if trimmed(kind).eq_ignore_ascii_case("stix") => {}
            Member::Text(kind) => return Err(Skip::new(SkipReason::PatternLanguage, kind)),
            _ => return Err(odd("its pattern_type is no text".to_owned())),
        }
        let revoked = truth(&object.revoked)
            .map_err(|()| odd("its `revoked` is neither true nor false".to_owned()))?
            == Some(true);
        let text = matches!(object.revoked, Member::Text(_));
        self.notes = self.notes.with_if(text, Note::RevokedAsText);

        let made = self.values(object, policy);
        if revoked {
            // Values that can't be read were never pushed; the revocation holds all the same.
            match made {
                Ok(atoms) => self.atoms = atoms,
                Err(Skip { reason, detail }) if self.left_out.is_empty() => {
                    self.left_out.push(LeftOut { reason, detail, count: 1 });
                }
                Err(_) => {}
            }
            return Ok(Verdict::Withdrawn(Cause::Revoked));
        }
        let atoms = made?;
        let (from, until) = (self.time("valid_from", object)?, self.time("valid_until", object)?);
        if atoms.iter().all(|atom| atom.over) || until.is_some_and(|until| until <= policy.now) {
            self.atoms = atoms;
            return Ok(Verdict::Withdrawn(Cause::Expired));
        }
        if let Some(from) = from.filter(|from| *from > policy.now) {
            return Err(Skip::new(SkipReason::NotYetValid, format!("from {from} on")));
        }
        self.select(object, policy)?;
        self.atoms = atoms;
        self.keep_active(policy)?;
        Ok(Verdict::Active(until))
    }

    /// What its pattern makes; the first reason if it is nothing.
    fn values(&mut self, object: &Object<'_>, policy: &Policy) -> Result<Vec<Atom>, Skip> {
        let text = match &object.pattern {
            Member::Text(text) => text,
            Member::Absent => {
                return Err(Skip::new(SkipReason::InvalidObject, "it has no pattern"));
            }
            _ => return Err(Skip::new(SkipReason::InvalidObject, "its pattern is no text")),
        };
        let pattern = Pattern::parse(text)
            .map_err(|error| Skip::new(SkipReason::InvalidPattern, error.to_string()))?;
        let Compiled { atoms, left_out, .. } = compile(pattern.observation(), policy);
        self.left_out = left_out;
        if atoms.is_empty() {
            return Err(self.left_out_alone());
        }
        Ok(atoms)
    }

    /// Why nothing is made at all, if each alternative was left out.
    fn left_out_alone(&mut self) -> Skip {
        let Some(first) = self.left_out.first() else {
            return Skip::new(SkipReason::InvalidPattern, "it has no alternatives");
        };
        let skip = Skip { reason: first.reason, detail: first.detail.clone() };
        if self.left_out.len() == 1 {
            self.left_out.clear();
        }
        skip
    }

    fn time(&mut self, name: &str, object: &Object<'_>) -> Result<Option<Timestamp>, Skip> {
        let member = if name == "valid_from" { &object.valid_from } else { &object.valid_until };
        let read = when(member).map_err(|what| {
            Skip::new(SkipReason::InvalidObject, format!("its {name} is no time: {what}"))
        })?;
        let supposed = read.is_some_and(|when| when.supposed);
        self.notes = self.notes.with_if(supposed, Note::TimeWithoutZone);
        Ok(read.map(|when| when.at))
    }

    /// Whether the options let it through.
    fn select(&mut self, object: &Object<'_>, policy: &Policy) -> Result<(), Skip> {
        let options = &policy.options;
        let labels = || object.labels.items.iter().chain(&object.indicator_types.items);
        if !options.allow_benign
            && labels().any(|label| trimmed(label).eq_ignore_ascii_case("benign"))
        {
            return Err(SkipReason::Benign.into());
        }
        if !options.allow_not_for_detection {
            let detection = truth(&object.detection).ok().flatten();
            let detection = detection.or(object.inner.detection);
            if detection == Some(false) || labels().any(|label| is_not_to_ids(label)) {
                return Err(SkipReason::NotForDetection.into());
            }
        }
        self.confidence = confidence(&object.confidence);
        if let (Some(least), Some(confidence)) = (options.confidence_at_least, self.confidence)
            && confidence < least
        {
            return Err(Skip::new(SkipReason::LowConfidence, confidence.to_string()));
        }
        let among = |list: &[String]| {
            labels().find(|label| list.iter().any(|l| l.trim().eq_ignore_ascii_case(label.trim())))
        };
        if let Some(label) = among(&options.without_labels) {
            return Err(Skip::new(SkipReason::Label, label));
        }
        if !options.only_labels.is_empty() && among(&options.only_labels).is_none() {
            return Err(Skip::new(SkipReason::Label, "none of those asked for"));
        }
        for marking in object.markings.items.iter().chain(&object.inner.marking_refs) {
            let marking = marking_key(marking);
            match Tlp::of_marking(&marking) {
                Some(tlp) => self.tlp = self.tlp.max(Some(tlp)),
                None => self.markings.push(marking),
            }
        }
        let named = labels().filter_map(|label| Tlp::of_label(label)).max();
        self.tlp = self.tlp.max(named);
        Ok(())
    }

    /// Leaves out what isn't pushed: alternatives whose time is over, and protected values.
    fn keep_active(&mut self, policy: &Policy) -> Result<(), Skip> {
        let Self { atoms, left_out, .. } = self;
        atoms.retain_mut(|atom| match may_be_pushed(atom, policy) {
            Ok(()) => true,
            Err(skip) => {
                skip.leave_out(left_out);
                false
            }
        });
        if self.atoms.is_empty() {
            return Err(self.left_out_alone());
        }
        if let Some(first) = self.left_out.first() {
            if policy.options.all_or_nothing {
                let what = format!("{}: {}", first.reason, first.detail);
                return Err(Skip::new(SkipReason::InPart, what));
            }
            self.notes = self.notes.with(Note::BranchesLeftOut);
        }
        Ok(())
    }
}

fn may_be_pushed(atom: &mut Atom, policy: &Policy) -> Result<(), Skip> {
    let Value { kind, value, notes } = &mut atom.value;
    if let Some(until) = atom.until.filter(|_| atom.over) {
        return Err(Skip::new(SkipReason::Expired, format!("since {until}")));
    }
    if let Some(what) = policy.protected.reason(kind, value) {
        if !policy.protected.is_allowed(value) {
            return Err(Skip::new(SkipReason::Protected, format!("{value}: {what}")));
        }
        *notes = notes.with(Note::ProtectionOverridden);
    }
    policy.actions.of(kind).map_err(|what| Skip::new(SkipReason::Action, what))?;
    Ok(())
}

/// `type--uuid`, and whatever else feeds use: one word of printable characters.
fn is_id(id: &str) -> bool {
    (1..=LONGEST_ID).contains(&id.len())
        && (id.bytes().all(|b| b.is_ascii_graphic()) || id.chars().all(crate::types::is_visible))
}

/// `misp:to_ids="False"`, however it is written.
fn is_not_to_ids(label: &str) -> bool {
    const NAME: &str = "misp:to_ids";
    let label = trimmed(label);
    let named = label.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME));
    let value =
        label.get(NAME.len()..).filter(|_| named).and_then(|l| l.trim_start().strip_prefix('='));
    value.is_some_and(|v| v.trim().trim_matches('"').eq_ignore_ascii_case("false"))
}

/// From 0 to 100; anything else says nothing.
fn confidence(member: &Member<'_>) -> Option<u8> {
    let number = match member {
        Member::Number(number) => *number,
        Member::Text(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    let stated = (0.0..=100.0).contains(&number);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    stated.then_some(number as u8)
}
