//! Plans of small feeds written here.

use defender_response::model::IndicatorAction;
use defender_response::stix::{self, Fate, FeedError, Note, Plan, PlanOptions, SkipReason};
use serde_json::{Value, json};

pub const NOW: &str = "2026-10-01T00:00:00Z";

pub fn options() -> PlanOptions {
    PlanOptions::new(IndicatorAction::Block)
        .action_for(
            defender_response::model::IndicatorType::CertificateThumbprint,
            IndicatorAction::BlockAndRemediate,
        )
        .at(NOW.parse().unwrap())
}

pub fn read(feed: &str) -> Result<Plan, FeedError> {
    stix::plan(feed.as_bytes(), &options())
}

pub fn plan(objects: &[Value], options: &PlanOptions) -> Plan {
    let feed = serde_json::to_vec(objects).unwrap();
    let plan = stix::plan(feed.as_slice(), options).unwrap();
    whole(&plan);
    plan
}

/// Every source has one fate, and all places point at each other.
pub fn whole(plan: &Plan) {
    let counts = plan.counts();
    let skipped: u64 = counts.skipped.values().sum();
    let withdrawn: u64 = counts.withdrawn.values().sum();
    assert_eq!(counts.sources, counts.planned + withdrawn + skipped);
    assert_eq!(counts.sources, plan.sources().len() as u64);
    let others: u64 = counts.others.values().chain(counts.unlisted.values()).sum();
    assert_eq!(counts.objects, counts.sources + others);
    for (at, planned) in plan.indicators().iter().enumerate() {
        assert!(!planned.sources.is_empty());
        assert!(planned.expires > plan.at(), "{planned:?}");
        for source in &planned.sources {
            let Fate::Planned(places) = &plan.sources()[*source].fate else { panic!() };
            assert!(places.contains(&at));
        }
    }
    for source in plan.sources() {
        if let Fate::Planned(places) = &source.fate {
            assert!(!places.is_empty());
        }
    }
}

pub fn indicator(n: u32, pattern: &str) -> Value {
    json!({"type": "indicator", "id": format!("indicator--{n}"), "pattern": pattern})
}

/// The indicator with more members.
pub fn with(n: u32, pattern: &str, members: Value) -> Value {
    let mut object = indicator(n, pattern);
    let Value::Object(members) = members else { panic!() };
    object.as_object_mut().unwrap().extend(members);
    object
}

/// What becomes of one pattern: `type value` of each indicator, or why there is none.
pub fn made(pattern: &str, options: &PlanOptions) -> Result<Vec<String>, SkipReason> {
    let plan = plan(&[indicator(1, pattern)], options);
    match &plan.sources()[0].fate {
        Fate::Planned(places) => Ok(places
            .iter()
            .map(|at| &plan.indicators()[*at])
            .map(|p| format!("{} {}", p.indicator_type, p.value))
            .collect()),
        Fate::Skipped(skip) => Err(skip.reason),
        other => panic!("{other:?}"),
    }
}

/// The notes of all that one pattern makes.
pub fn notes(pattern: &str, options: &PlanOptions) -> Vec<Note> {
    let plan = plan(&[indicator(1, pattern)], options);
    let mut notes: Vec<_> = plan.sources()[0].notes.iter().collect();
    notes.extend(plan.indicators().iter().flat_map(|p| p.notes.iter()));
    notes.sort();
    notes.dedup();
    notes
}
