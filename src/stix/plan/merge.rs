//! From what was gathered of a feed to the plan: each value once, in order, and each source with what became of it.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::draft::{Draft, Verdict};
use super::index::Index;
use super::note::{Note, Notes};
use super::outcome::{Cause, Completeness, Counts, Fate, Planned, Source, Withdrawal};
use super::rules::{Atom, Policy, Value};
use super::skip::{Skip, SkipReason};
use super::tlp::{Markings, Tlp};
use super::{Body, Plan};
use crate::model::IndicatorType;
use crate::types::Timestamp;

/// What was gathered.
pub(super) struct Finished {
    pub(super) drafts: Vec<Draft>,
    pub(super) markings: Markings,
    pub(super) objects: u64,
    pub(super) others: BTreeMap<String, u64>,
    pub(super) unlisted: BTreeMap<SkipReason, u64>,
    pub(super) completeness: Completeness,
}

pub(super) fn merge(finished: Finished, policy: Policy) -> Plan {
    let Finished { mut drafts, markings, objects, others, unlisted, completeness } = finished;
    drafts.sort_by_key(|draft| draft.index);
    let mut merge = Merge {
        policy: &policy,
        markings: &markings,
        planned: Vec::with_capacity(drafts.len()),
        by_value: Index::for_about(drafts.len()),
        withdrawn: Vec::new(),
        withdrawals: Vec::new(),
        by_withdrawn: Index::default(),
    };
    let mut sources: Vec<_> =
        drafts.into_iter().enumerate().map(|(place, draft)| merge.source(place, draft)).collect();
    merge.withdraw(&mut sources);
    let Merge { planned, withdrawals, .. } = merge;
    let indicators = in_order(planned, &mut sources);

    let mut counts = Counts { objects, others, unlisted, ..Counts::default() };
    count(&mut counts, &sources, &indicators);
    counts.withdrawals = withdrawals.len() as u64;
    let notes = policy.actions.notes;
    let alert = policy.actions.alert;
    Plan::from_body(Body {
        at: policy.now,
        options: policy.options,
        alert,
        notes,
        binding: None,
        completeness,
        indicators,
        withdrawals,
        sources,
        counts,
    })
}

struct Merge<'m> {
    policy: &'m Policy,
    markings: &'m Markings,
    planned: Vec<Planned>,
    by_value: Index,
    /// What is to be withdrawn, with the place of its source.
    withdrawn: Vec<(usize, Cause, Vec<Atom>)>,
    withdrawals: Vec<Withdrawal>,
    by_withdrawn: Index,
}

impl Merge<'_> {
    fn source(&mut self, place: usize, mut draft: Draft) -> Source {
        let atoms = std::mem::take(&mut draft.atoms);
        if let Verdict::Active(_) = draft.verdict
            && let Some(tlp) = self.too_strict(&draft)
        {
            draft.verdict = Verdict::Skipped(Skip::new(SkipReason::Tlp, tlp));
        }
        let past = std::mem::take(&mut draft.past);
        let atoms = if draft.is_revoked() { [atoms, past].concat() } else { atoms };
        let fate = match draft.verdict {
            Verdict::Active(until) => {
                let mut places = Vec::with_capacity(atoms.len());
                for atom in atoms {
                    let (modified, confidence) = (draft.modified, draft.confidence);
                    places.extend(self.plan(place, atom, until, modified, confidence));
                }
                Fate::Planned(places)
            }
            Verdict::Withdrawn(cause) => {
                self.withdrawn.push((place, cause, atoms));
                Fate::Withdrawn { cause, withdrawals: Vec::new() }
            }
            Verdict::Skipped(skip) => Fate::Skipped(skip),
        };
        Source {
            index: draft.index,
            id: draft.id,
            name: draft.name,
            modified: draft.modified,
            fate,
            notes: draft.notes,
            left_out: draft.left_out,
        }
    }

    fn too_strict(&self, draft: &Draft) -> Option<String> {
        let most = self.policy.options.tlp_at_most;
        if most < Tlp::Red && self.markings.may_lack(&draft.markings) {
            return Some("its marking may be one of those beyond the first 10,000".to_owned());
        }
        let tlp = draft.tlp.max(self.markings.strictest(&draft.markings));
        tlp.filter(|tlp| *tlp > most).map(|tlp| tlp.to_string())
    }

    /// Where the value stands, if the source hadn't brought it before.
    fn plan(
        &mut self,
        source: usize,
        atom: Atom,
        valid_until: Option<Timestamp>,
        modified: Option<Timestamp>,
        confidence: Option<u8>,
    ) -> Option<usize> {
        let Atom { value: Value { kind, value, notes }, until, .. } = atom;
        let stated = match (until, valid_until) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (one, other) => one.or(other),
        };
        let expires =
            stated.unwrap_or_else(|| self.policy.now.plus(self.policy.options.lifetime_of(&kind)));
        let new = self.planned.len();
        let planned = &self.planned;
        let same =
            |at: usize| is(planned.get(at).map(|p| (&p.indicator_type, &*p.value)), &kind, &value);
        let at = self.by_value.place(&(&kind, value.as_str()), new, same);
        if let Some(known) = self.planned.get_mut(at) {
            known.expires = known.expires.max(expires);
            known.confidence = known.confidence.max(confidence);
            known.modified = known.modified.max(modified);
            known.notes = known.notes.and(notes);
            if known.sources.last() == Some(&source) {
                return None;
            }
            known.sources.push(source);
        } else {
            // A type without an action was left out before.
            let action = self.policy.actions.of(&kind).cloned().unwrap_or_default();
            self.planned.push(Planned {
                indicator_type: kind,
                value,
                action,
                expires,
                confidence,
                modified,
                sources: vec![source],
                notes,
            });
        }
        Some(at)
    }

    /// Withdraws what no object of the feed wants any more.
    fn withdraw(&mut self, sources: &mut [Source]) {
        for (place, cause, atoms) in std::mem::take(&mut self.withdrawn) {
            let mut places = Vec::new();
            let mut wanted = false;
            for Atom { value: Value { kind, value, .. }, .. } in atoms {
                let key = (&kind, value.as_str());
                let planned = |at: usize| {
                    is(self.planned.get(at).map(|p| (&p.indicator_type, &*p.value)), &kind, &value)
                };
                if self.by_value.find(&key, planned).is_some() {
                    wanted = true;
                    continue;
                }
                let new = self.withdrawals.len();
                let known = &self.withdrawals;
                let same = |at: usize| {
                    is(known.get(at).map(|w| (&w.indicator_type, &*w.value)), &kind, &value)
                };
                let at = self.by_withdrawn.place(&key, new, same);
                if let Some(known) = self.withdrawals.get_mut(at) {
                    known.cause = known.cause.min(cause);
                    if known.sources.last() == Some(&place) {
                        continue;
                    }
                    known.sources.push(place);
                } else {
                    let sources = vec![place];
                    self.withdrawals.push(Withdrawal {
                        indicator_type: kind,
                        value,
                        cause,
                        sources,
                    });
                }
                places.push(at);
            }
            if let Some(source) = sources.get_mut(place) {
                source.fate = Fate::Withdrawn { cause, withdrawals: places };
                if wanted {
                    source.notes = source.notes.with(Note::StillWanted);
                }
            }
        }
    }
}

fn is(known: Option<(&IndicatorType, &str)>, kind: &IndicatorType, value: &str) -> bool {
    known.is_some_and(|(k, v)| v == value && k == kind)
}

/// What matters most first, as [`Plan::indicators`] says.
fn in_order(planned: Vec<Planned>, sources: &mut [Source]) -> Vec<Planned> {
    let rank = |p: &Planned| (Reverse(p.confidence), Reverse(p.modified));
    if planned.is_sorted_by_key(rank) {
        return planned;
    }
    let mut order: Vec<_> = planned.iter().map(rank).zip(0..).collect();
    order.sort_by_key(|(rank, _)| *rank);
    let mut places = vec![0; order.len()];
    for (new, (_, old)) in order.iter().enumerate() {
        if let Some(place) = places.get_mut(*old) {
            *place = new;
        }
    }
    for source in sources {
        if let Fate::Planned(own) = &mut source.fate {
            for place in own {
                *place = places.get(*place).copied().unwrap_or(*place);
            }
        }
    }
    let mut planned: Vec<_> = planned.into_iter().map(Some).collect();
    order.iter().filter_map(|(_, old)| planned.get_mut(*old)?.take()).collect()
}

fn count(counts: &mut Counts, sources: &[Source], indicators: &[Planned]) {
    fn note(counts: &mut Counts, notes: Notes) {
        if !notes.is_empty() {
            notes.iter().for_each(|note| *counts.notes.entry(note).or_default() += 1);
        }
    }
    counts.sources = sources.len() as u64;
    for source in sources {
        match &source.fate {
            Fate::Planned(_) => {
                counts.planned += 1;
                counts.planned_in_part += u64::from(!source.left_out.is_empty());
            }
            Fate::Withdrawn { cause, .. } => *counts.withdrawn.entry(*cause).or_default() += 1,
            Fate::Skipped(skip) => *counts.skipped.entry(skip.reason).or_default() += 1,
        }
        if matches!(source.fate, Fate::Planned(_)) {
            for left_out in &source.left_out {
                *counts.left_out.entry(left_out.reason).or_default() += left_out.count;
            }
        }
        note(counts, source.notes);
    }
    for planned in indicators {
        match counts.indicators.get_mut(&planned.indicator_type) {
            Some(count) => *count += 1,
            None => drop(counts.indicators.insert(planned.indicator_type.clone(), 1)),
        }
        note(counts, planned.notes);
    }
}
