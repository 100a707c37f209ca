//! One alternative of a pattern: tests that all have to hold for one object.

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use super::target::{Algorithm, FileOf, Target};
use super::value::{addresses, domain, hash, url};
use super::{Policy, Value};
use crate::model::IndicatorType;
use crate::stix::pattern::{Condition, Literal, Path, Step, Test};
use crate::stix::plan::note::{Note, Notes};
use crate::stix::plan::skip::{Skip, SkipReason};

type Read<T> = Result<T, Skip>;

/// So many tests are held against one another one by one.
const FEW: usize = 8;

/// The texts that a test asks for.
enum Asked<'f> {
    One(&'f str),
    Any(Vec<&'f str>),
}

/// A test, by what it is good for.
struct Fact<'f, 'p> {
    path: &'f Path<'p>,
    target: Target,
    /// The texts one of which the property has to be; otherwise, why it can't be told.
    asked: Result<Asked<'f>, SkipReason>,
    /// Whether they are networks rather than values.
    network: bool,
}

/// What the tests together make. An inner error leaves out one of several values.
pub(super) fn values(tests: &[&Test<'_>], policy: &Policy) -> Read<Vec<Read<Value>>> {
    if let Some(test) = tests.iter().find(|test| is_negation(test)) {
        return Err(Skip::new(SkipReason::Negation, test.path.to_string()));
    }
    if let [test] = tests {
        return alone(&Fact::of(test, policy), policy);
    }
    let facts: Vec<_> = tests.iter().map(|test| Fact::of(test, policy)).collect();
    contradictions(&facts)?;
    let first = facts.first().map(|fact| fact.target);
    if let Some(of) = first.and_then(Target::file_of)
        && facts.iter().all(|fact| fact.target.file_of() == Some(of))
    {
        return file(&facts, of, policy);
    }
    if facts.iter().all(|fact| fact.target.is_certificate()) {
        return certificate(&facts, policy);
    }
    network(&facts, policy)
}

/// What one test makes by itself.
fn alone(fact: &Fact<'_, '_>, policy: &Policy) -> Read<Vec<Read<Value>>> {
    match fact.target.reason() {
        Some(reason) => Err(Skip::new(reason, fact.path.to_string())),
        None if fact.target == Target::Origin && !policy.options.source_addresses => {
            Err(Skip::new(SkipReason::SourceAddress, fact.path.to_string()))
        }
        None => made(fact, fact.texts()?, policy),
    }
}

/// `NOT !=` is no negation, and `!=` is one.
fn is_negation(test: &Test<'_>) -> bool {
    test.negated != matches!(test.condition, Condition::NotEqual(_))
}

impl<'f, 'p> Fact<'f, 'p> {
    fn of(test: &'f Test<'p>, policy: &Policy) -> Self {
        let mut network = false;
        let asked = match &test.condition {
            Condition::IsSubset(asked) => {
                network = true;
                Ok(Asked::One(asked))
            }
            Condition::Like(asked) if !asked.contains(['%', '_']) => Ok(Asked::One(asked)),
            _ => match test.equals() {
                Some([literal]) => {
                    literal.as_text().map(Asked::One).ok_or(SkipReason::InvalidValue)
                }
                Some(literals) => {
                    let texts: Option<Vec<_>> = literals.iter().map(Literal::as_text).collect();
                    texts.map(Asked::Any).ok_or(SkipReason::InvalidValue)
                }
                None => Err(SkipReason::UnsupportedOperator),
            },
        };
        Self { path: &test.path, target: Target::of(&test.path, policy), asked, network }
    }

    fn texts(&self) -> Read<&[&'f str]> {
        match &self.asked {
            Ok(Asked::One(text)) => Ok(std::slice::from_ref(text)),
            Ok(Asked::Any(texts)) if texts.is_empty() => {
                Err(Skip::new(SkipReason::Contradiction, format!("{} IN ()", self.path)))
            }
            Ok(Asked::Any(texts)) => Ok(texts),
            Err(reason) => Err(Skip::new(*reason, self.path.to_string())),
        }
    }

    /// Whether it says which values there may be.
    fn is_equality(&self) -> bool {
        self.asked.is_ok() && !self.network
    }
}

/// The indicators of one property that is one of these texts.
fn made(fact: &Fact<'_, '_>, texts: &[&str], policy: &Policy) -> Read<Vec<Read<Value>>> {
    if fact.network
        && !matches!(fact.target, Target::Address { .. } | Target::Destination | Target::Origin)
    {
        return Err(Skip::new(SkipReason::UnsupportedOperator, fact.path.to_string()));
    }
    let mut made = Vec::with_capacity(texts.len());
    for text in texts {
        match fact.target {
            Target::Address { v4 } => push_all(&mut made, addresses(text, Some(v4), policy)),
            Target::Domain => made.push(domain(text)),
            Target::Url => made.push(url(text, policy)),
            Target::Destination => push_all(&mut made, by_value(text, policy)),
            Target::Origin => {
                let values = by_value(text, policy).map(|values| {
                    let widened =
                        |v: Value| Value { notes: v.notes.with(Note::SourceAddress), ..v };
                    values.into_iter().map(widened).collect()
                });
                push_all(&mut made, values);
            }
            Target::Hash(of, algorithm) => made.push(file_hash(text, of, algorithm, policy)),
            Target::Certificate => made.push(thumbprint(text)),
            other => {
                let reason = other.reason().unwrap_or(SkipReason::UnsupportedProperty);
                return Err(Skip::new(reason, fact.path.to_string()));
            }
        }
    }
    Ok(made)
}

fn push_all(made: &mut Vec<Read<Value>>, values: Read<Vec<Value>>) {
    match values {
        Ok(values) => made.extend(values.into_iter().map(Ok)),
        Err(skip) => made.push(Err(skip)),
    }
}

/// What a connection goes to: an address or a name.
fn by_value(text: &str, policy: &Policy) -> Read<Vec<Value>> {
    match addresses(text, None, policy) {
        Err(skip) if skip.reason == SkipReason::InvalidValue && !text.contains('/') => {
            domain(text).map(|value| vec![value])
        }
        values => values,
    }
}

fn file_hash(text: &str, of: FileOf, algorithm: Algorithm, policy: &Policy) -> Read<Value> {
    if algorithm == Algorithm::Md5 && policy.options.without_md5 {
        return Err(Skip::new(SkipReason::WeakHash, text));
    }
    let kind = match algorithm {
        Algorithm::Md5 => IndicatorType::FileMd5,
        Algorithm::Sha1 => IndicatorType::FileSha1,
        Algorithm::Sha256 => IndicatorType::FileSha256,
    };
    let value = hash(text, algorithm.digits())?;
    let notes = Notes::NONE.with_if(of == FileOf::Image, Note::AnyUse);
    Ok(Value { kind, value, notes })
}

fn thumbprint(text: &str) -> Read<Value> {
    let value = hash(text, Algorithm::Sha1.digits())?;
    Ok(Value { kind: IndicatorType::CertificateThumbprint, value, notes: Note::SignersOnly.into() })
}

/// Two tests of one property that no value passes.
fn contradictions<'p>(facts: &[Fact<'_, 'p>]) -> Read<()> {
    // A list may hold both.
    let is_one =
        |fact: &&Fact<'_, '_>| fact.is_equality() && !fact.path.steps().contains(&Step::Any);
    let mut equalities = facts.iter().filter(is_one);
    let twice = |(at, fact): (usize, &Fact<'_, 'p>)| {
        facts.iter().skip(at + 1).any(|other| other.path == fact.path)
    };
    // By far most have no property twice.
    if facts.len() <= FEW && !facts.iter().enumerate().any(twice) {
        return equalities.try_for_each(|fact| fact.texts().map(drop));
    }
    let mut seen: HashMap<&Path<'p>, HashSet<Cow<'_, str>>> = HashMap::new();
    for fact in equalities {
        let texts: HashSet<_> = fact.texts()?.iter().map(|text| fact.target.key(text)).collect();
        match seen.entry(fact.path) {
            Entry::Vacant(entry) => {
                entry.insert(texts);
            }
            Entry::Occupied(mut entry) => {
                entry.get_mut().retain(|known| texts.contains(known));
                if entry.get().is_empty() {
                    return Err(Skip::new(SkipReason::Contradiction, fact.path.to_string()));
                }
            }
        }
    }
    Ok(())
}

/// The texts that all equalities with that target leave; `None` if there is no equality with it.
fn common<'f>(facts: &'f [Fact<'f, '_>], target: Target) -> Option<Vec<&'f str>> {
    let mut equalities = facts
        .iter()
        .filter(|fact| fact.target == target && fact.is_equality())
        .filter_map(|fact| fact.texts().ok());
    let mut common: Vec<_> = equalities.next()?.to_vec();
    for texts in equalities {
        let texts: HashSet<_> = texts.iter().map(|text| target.key(text)).collect();
        common.retain(|known| texts.contains(&target.key(known)));
    }
    Some(common)
}

/// A file by its hashes and whatever else it must have: the strongest hash says it all.
fn file(facts: &[Fact<'_, '_>], of: FileOf, policy: &Policy) -> Read<Vec<Read<Value>>> {
    let first = facts.first().and_then(holder);
    let one = first.is_some() && facts.iter().all(|fact| holder(fact) == first);
    if of == FileOf::Content && !one {
        return Err(conjunction(facts));
    }
    let mut notes = Notes::NONE;
    let mut kinds = 0;
    for algorithm in [Algorithm::Sha256, Algorithm::Sha1, Algorithm::Md5] {
        kinds += usize::from(facts.iter().any(|f| f.target == Target::Hash(of, algorithm)));
    }
    let others = facts.iter().any(|f| matches!(f.target, Target::OtherHash(_)));
    notes = notes.with_if(kinds + usize::from(others) > 1, Note::StrongestHash);
    let inexact = |f: &Fact<'_, '_>| {
        matches!(f.target, Target::FileProperty(_))
            || matches!(f.target, Target::Hash(..)) && !f.is_equality()
    };
    notes = notes.with_if(facts.iter().any(inexact), Note::HashAlone);

    let mut made = Vec::new();
    for algorithm in [Algorithm::Sha256, Algorithm::Sha1, Algorithm::Md5] {
        let target = Target::Hash(of, algorithm);
        let Some(texts) = common(facts, target) else { continue };
        if texts.is_empty() {
            return Err(Skip::new(SkipReason::Contradiction, "two hashes of one kind"));
        }
        for text in texts {
            let value = file_hash(text, of, algorithm, policy);
            made.push(value.map(|v| Value { notes: v.notes.and(notes), ..v }));
        }
        if !policy.options.all_hashes {
            break;
        }
    }
    if made.is_empty() { Err(first_reason(facts)) } else { Ok(made) }
}

/// What has the hash; none if it is any of several, as `[*]` may be another one in each test.
fn holder<'f, 'p>(fact: &'f Fact<'_, 'p>) -> Option<(&'f str, &'f [Step<'p>])> {
    let (_, steps) = fact.path.steps().split_last()?;
    (!steps.contains(&Step::Any)).then(|| (fact.path.object(), steps))
}

/// A certificate by its thumbprint, whatever else it must have.
fn certificate(facts: &[Fact<'_, '_>], _: &Policy) -> Read<Vec<Read<Value>>> {
    let Some(texts) = common(facts, Target::Certificate) else {
        return Err(first_reason(facts));
    };
    if texts.is_empty() {
        return Err(Skip::new(SkipReason::Contradiction, "two thumbprints"));
    }
    let other_hash = facts.iter().any(|f| f.target == Target::CertificateHash);
    let property = |f: &Fact<'_, '_>| {
        f.target == Target::CertificateProperty
            || f.target == Target::Certificate && !f.is_equality()
    };
    let notes = Notes::NONE
        .with_if(other_hash, Note::StrongestHash)
        .with_if(facts.iter().any(property), Note::HashAlone);
    let value = |text: &&str| thumbprint(text).map(|v| Value { notes: v.notes.and(notes), ..v });
    Ok(texts.iter().map(value).collect())
}

/// An address, domain or URL, with what else a connection to it must have.
fn network(facts: &[Fact<'_, '_>], policy: &Policy) -> Read<Vec<Read<Value>>> {
    let is_main = |target: Target| {
        matches!(
            target,
            Target::Address { .. }
                | Target::Domain
                | Target::Url
                | Target::Destination
                | Target::Origin
        )
    };
    let hash = |f: &Fact<'_, '_>| matches!(f.target, Target::Hash(..) | Target::Certificate);
    let both = |t: Target| facts.iter().any(|f| f.target == t);
    // Where a connection comes from is a detail of where it goes.
    let main = if both(Target::Destination) {
        Target::Destination
    } else {
        match facts.iter().find(|f| is_main(f.target)) {
            Some(fact) => fact.target,
            None if facts.iter().any(hash) => return Err(conjunction(facts)),
            None => return Err(first_reason(facts)),
        }
    };
    let mains = || facts.iter().filter(|fact| fact.target == main);
    let alone = || mains().next().filter(|fact| fact.asked.is_ok() && mains().count() == 1);
    let chosen = mains().find(|fact| fact.is_equality()).or_else(alone);
    let object = mains().next().map_or("", |fact| fact.path.object());
    let mut details = Vec::new();
    for fact in facts {
        match fact.target {
            target if target == main && fact.path.object() == object => {
                let exact = fact.is_equality() || chosen.is_some_and(|c| std::ptr::eq(c, fact));
                details.extend((!exact).then_some(fact));
            }
            Target::DestinationType if main == Target::Destination && fact.is_equality() => {}
            Target::OriginType if main == Target::Origin && fact.is_equality() => {}
            Target::Origin | Target::OriginType if main == Target::Destination => {
                details.push(fact);
            }
            Target::Traffic | Target::DestinationType | Target::OriginType => details.push(fact),
            Target::NetworkProperty if fact.path.object() == object => details.push(fact),
            _ => return Err(conjunction(facts)),
        }
    }
    if main == Target::Origin && !policy.options.source_addresses {
        let path = facts.first().map(|fact| fact.path.to_string());
        return Err(Skip::new(SkipReason::SourceAddress, path.unwrap_or_default()));
    }
    let Some(fact) = chosen else {
        return Err(mains().find_map(|fact| fact.texts().err()).unwrap_or(SkipReason::Cidr.into()));
    };
    if let Some(detail) = details.first()
        && !policy.options.widen_network
    {
        return Err(Skip::new(SkipReason::NetworkDetail, detail.path.to_string()));
    }
    let texts: Vec<_> = match common(facts, main) {
        Some(common) => common,
        None => fact.texts()?.to_vec(),
    };
    if texts.is_empty() {
        return Err(Skip::new(SkipReason::Contradiction, fact.path.to_string()));
    }
    let widened = |v: Value| Value {
        notes: v.notes.with_if(!details.is_empty(), Note::NetworkDetailDropped),
        ..v
    };
    let types = match main {
        Target::Destination => common(facts, Target::DestinationType),
        Target::Origin => common(facts, Target::OriginType),
        _ => None,
    };
    let types = types.map(|mut types| {
        types.sort_unstable();
        types
    });
    let agrees = |value: Value| match &types {
        Some(types) if types.binary_search(&object_type(&value)).is_err() => {
            let what = format!("{} is an {}", value.value, object_type(&value));
            Err(Skip::new(SkipReason::Contradiction, what))
        }
        _ => Ok(widened(value)),
    };
    Ok(made(fact, &texts, policy)?.into_iter().map(|value| value.and_then(agrees)).collect())
}

/// The STIX object that has the value.
fn object_type(value: &Value) -> &'static str {
    match value.kind {
        IndicatorType::IpAddress if value.value.contains(':') => "ipv6-addr",
        IndicatorType::IpAddress => "ipv4-addr",
        _ => "domain-name",
    }
}

fn conjunction(facts: &[Fact<'_, '_>]) -> Skip {
    let mut paths: Vec<_> = facts.iter().map(|fact| fact.path.to_string()).collect();
    paths.dedup();
    paths.truncate(3);
    Skip::new(SkipReason::Conjunction, paths.join(" AND "))
}

/// Of tests that make nothing, why the first doesn't; a test that could is asked first.
fn first_reason(facts: &[Fact<'_, '_>]) -> Skip {
    let mut useful = facts.iter().filter(|fact| fact.target.reason().is_none());
    if let Some(skip) = useful.find_map(|fact| fact.texts().err()) {
        return skip;
    }
    let mut reasons = facts.iter().filter_map(|f| Some((f.target.reason()?, f.path)));
    match reasons.next() {
        Some((reason, path)) => Skip::new(reason, path.to_string()),
        None => conjunction(facts),
    }
}
