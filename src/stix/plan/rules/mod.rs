//! From a pattern to indicators: what each part of a pattern is good for, and why not.
//!
//! Each indicator is a trigger by itself. So what is made of a pattern must imply it, each indicator alone, or
//! carry a note that it doesn't.

mod alternative;
mod target;
mod value;

pub(super) use value::is_root;

use std::collections::HashSet;
use std::net::IpAddr;

use super::actions::Actions;
use super::note::{Note, Notes};
use super::options::PlanOptions;
use super::protected::Protected;
use super::skip::{LeftOut, Skip, SkipReason};
use crate::error::Result;
use crate::model::IndicatorType;
use crate::stix::pattern::{Comparison, Observation, Qualifier, Test};
use crate::types::Timestamp;

/// So many alternatives an `AND` with `OR`s below may have.
const MOST_ALTERNATIVES: usize = 64;

/// The options, ready to be asked.
pub(super) struct Policy {
    pub(super) options: PlanOptions,
    pub(super) now: Timestamp,
    pub(super) protected: Protected,
    pub(super) actions: Actions,
}

impl Policy {
    pub(super) fn new(options: PlanOptions, now: Timestamp) -> Result<Self> {
        let protected = Protected::new(&options)?;
        let actions = Actions::new(&options)?;
        Ok(Self { options, now, protected, actions })
    }

    #[cfg(test)]
    pub(super) fn for_tests() -> Self {
        let options = PlanOptions::new(crate::model::IndicatorAction::Block);
        Self::new(options, "2026-11-21T00:00:00Z".parse().unwrap()).unwrap()
    }
}

/// A value as an indicator has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::struct_field_names)]
pub(super) struct Value {
    pub(super) kind: IndicatorType,
    pub(super) value: String,
    pub(super) notes: Notes,
}

/// A value that a pattern makes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Atom {
    pub(super) value: Value,
    /// When the pattern says it ends.
    pub(super) until: Option<Timestamp>,
    /// Whether that is past.
    pub(super) over: bool,
}

/// What a pattern makes.
#[derive(Debug, Default)]
pub(super) struct Compiled {
    pub(super) atoms: Vec<Atom>,
    /// The alternatives that make nothing, by reason.
    pub(super) left_out: Vec<LeftOut>,
    /// How many atoms there are when twins are next looked for.
    crowded: usize,
}

impl Compiled {
    /// Twins are dropped from time to time, so that a short text with many alternatives doesn't fill the memory.
    fn add(&mut self, atom: Atom) {
        const CROWD: usize = 1024;
        self.atoms.push(atom);
        if self.atoms.len() >= self.crowded.max(CROWD) {
            let mut seen = HashSet::new();
            self.atoms.retain(|atom| seen.insert(atom.clone()));
            self.crowded = self.atoms.len() * 2;
        }
    }

    fn leave_out(&mut self, skip: Skip) {
        skip.leave_out(&mut self.left_out);
    }
}

/// What stands around a part of a pattern.
#[derive(Clone, Copy, Default)]
struct Scope {
    start: Option<Timestamp>,
    stop: Option<Timestamp>,
    notes: Notes,
}

/// What a pattern makes.
pub(super) fn compile(observation: &Observation<'_>, policy: &Policy) -> Compiled {
    let mut compiled = Compiled::default();
    Compiler { policy, compiled: &mut compiled }.observation(observation, Scope::default());
    compiled
}

struct Compiler<'c> {
    policy: &'c Policy,
    compiled: &'c mut Compiled,
}

impl Compiler<'_> {
    fn observation(&mut self, observation: &Observation<'_>, scope: Scope) {
        match observation {
            Observation::Of(comparison) => self.comparison(comparison, scope),
            Observation::Or(parts) => parts.iter().for_each(|part| self.observation(part, scope)),
            Observation::And(parts) => {
                self.joined(parts, SkipReason::SeveralObservations, scope);
            }
            Observation::FollowedBy(parts) => self.joined(parts, SkipReason::FollowedBy, scope),
            Observation::Qualified(inner, qualifiers) => match self.qualified(qualifiers, scope) {
                Ok(scope) => self.observation(inner, scope),
                Err(skip) => self.compiled.leave_out(skip),
            },
        }
    }

    fn joined(&mut self, parts: &[Observation<'_>], reason: SkipReason, scope: Scope) {
        if !self.policy.options.any_of {
            return self.compiled.leave_out(reason.into());
        }
        let scope = Scope { notes: scope.notes.with(Note::AnyOf), ..scope };
        for part in parts {
            self.observation(part, scope);
        }
    }

    fn qualified(
        &self,
        qualifiers: &[Qualifier<'_>],
        mut scope: Scope,
    ) -> std::result::Result<Scope, Skip> {
        for qualifier in qualifiers {
            match qualifier {
                // One sighting takes no time; several are judged where they are joined.
                Qualifier::Within(_) => {}
                Qualifier::Repeats(times) if times.as_i64() == Some(1) => {}
                Qualifier::Repeats(times) => {
                    if !self.policy.options.widen_repeats {
                        return Err(Skip::new(SkipReason::Repeats, format!("{times} times")));
                    }
                    scope.notes = scope.notes.with(Note::RepeatsDropped);
                }
                Qualifier::StartStop { start, stop } => {
                    let (Some(start), Some(stop)) = (start.timestamp(), stop.timestamp()) else {
                        let what = format!("no such time: {start} or {stop}");
                        return Err(Skip::new(SkipReason::InvalidPattern, what));
                    };
                    if stop <= start {
                        let what = format!("it stops at {stop}, before it starts");
                        return Err(Skip::new(SkipReason::Contradiction, what));
                    }
                    scope.start = Some(scope.start.map_or(start, |outer| outer.max(start)));
                    scope.stop = Some(scope.stop.map_or(stop, |outer| outer.min(stop)));
                }
            }
        }
        Ok(scope)
    }

    fn comparison(&mut self, comparison: &Comparison<'_>, scope: Scope) {
        match comparison {
            Comparison::Or(parts) => parts.iter().for_each(|part| self.comparison(part, scope)),
            Comparison::Test(test) => self.alternative(&[test], scope),
            Comparison::And(_) => match alternatives(comparison) {
                Some(all) => all.iter().for_each(|tests| self.alternative(tests, scope)),
                None => self.compiled.leave_out(SkipReason::TooManyAlternatives.into()),
            },
        }
    }

    fn alternative(&mut self, tests: &[&Test<'_>], scope: Scope) {
        let policy = self.policy;
        if let Some(start) = scope.start.filter(|start| policy.now < *start) {
            let from = format!("from {start} on");
            return self.compiled.leave_out(Skip::new(SkipReason::NotYetValid, from));
        }
        let Scope { stop: until, notes, .. } = scope;
        let over = until.is_some_and(|stop| stop <= policy.now);
        match alternative::values(tests, policy) {
            Ok(values) => {
                if self.compiled.atoms.is_empty() {
                    self.compiled.atoms.reserve_exact(values.len());
                }
                for value in values {
                    match value {
                        Ok(value) => {
                            let value = Value { notes: value.notes.and(notes), ..value };
                            self.compiled.add(Atom { value, until, over });
                        }
                        Err(skip) => self.compiled.leave_out(skip),
                    }
                }
            }
            Err(skip) => self.compiled.leave_out(skip),
        }
    }
}

/// The alternatives of a comparison, each a list of tests that all have to hold. `None` if there are too many.
fn alternatives<'t, 'p>(comparison: &'t Comparison<'p>) -> Option<Vec<Vec<&'t Test<'p>>>> {
    match comparison {
        Comparison::Test(test) => Some(vec![vec![test]]),
        Comparison::Or(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(alternatives(part)?);
                if all.len() > MOST_ALTERNATIVES {
                    return None;
                }
            }
            Some(all)
        }
        Comparison::And(parts) => {
            let mut all: Vec<Vec<&Test<'_>>> = vec![Vec::new()];
            for part in parts {
                if let Comparison::Test(test) = part {
                    for tests in &mut all {
                        tests.push(test);
                    }
                    continue;
                }
                let more = alternatives(part)?;
                if all.len().saturating_mul(more.len()) > MOST_ALTERNATIVES {
                    return None;
                }
                let joined = |tests: &Vec<&'t Test<'p>>| {
                    let tests = tests.clone();
                    more.iter().map(move |other| [tests.as_slice(), other].concat())
                };
                all = all.iter().flat_map(joined).collect();
            }
            Some(all)
        }
    }
}

/// An address or a network that a caller wrote.
pub(super) fn network(text: &str) -> Option<(IpAddr, u32)> {
    let (address, prefix) = match text.trim().split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text.trim(), None),
    };
    let address: IpAddr = address.parse().ok()?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let length = prefix.map_or(Some(bits), |prefix| prefix.parse().ok())?;
    (length <= bits).then_some((address, length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stix::Pattern;

    #[test]
    fn a_short_text_with_many_alternatives_makes_no_long_list() {
        let names: Vec<_> = (0..3000).map(|n| format!("'h{n}.example'")).collect();
        let list = format!("domain-name:value IN ({})", names.join(","));
        let either = ["(network-traffic:dst_port = 1 OR network-traffic:dst_port = 2)"; 6];
        let text = format!("[{list} AND {}]", either.join(" AND "));
        let mut policy = Policy::for_tests();
        policy.options.widen_network = true;
        let made = compile(Pattern::parse(&text).unwrap().observation(), &policy);
        assert!((3000..=2 * 3000 + 1024).contains(&made.atoms.len()), "{}", made.atoms.len());
        assert_eq!(made.atoms[2999].value.value, "h2999.example");
    }
}
