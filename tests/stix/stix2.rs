//! Values of the crate `stix2` in a plan.

use defender_response::stix::{Fate, Planner, SkipReason};
use serde_json::json;
use stix2::markings::{MarkingDefinition, TlpLevel};
use stix2::objects::{Indicator, Malware};
use stix2::vocab::PatternType;
use stix2::{Bundle, StixObject};

use crate::made::{options, whole};

const ID: &str = "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f";

/// As its fields say, which `stix2` itself wouldn't build: its parser knows no `AND` inside an observation.
fn indicator(pattern: &str) -> Indicator {
    let indicator = json!({
        "type": "indicator", "spec_version": "2.1", "id": ID, "pattern": "", "pattern_type": "stix",
        "created": "2026-01-01T00:00:00Z", "modified": "2026-01-01T00:00:00.000Z", "valid_from": "2026-01-01T00:00:00Z",
    });
    let mut indicator: Indicator = serde_json::from_value(indicator).unwrap();
    pattern.clone_into(&mut indicator.pattern);
    indicator
}

fn planner() -> Planner {
    Planner::new(options()).unwrap()
}

fn reason(indicator: &Indicator) -> Option<SkipReason> {
    let mut planner = planner();
    planner.push_stix2_indicator(indicator);
    let plan = planner.finish().unwrap();
    whole(&plan);
    plan.skips().next().map(|(_, skip)| skip.reason)
}

#[test]
fn an_indicator_is_planned_by_its_fields() {
    let pattern = "[network-traffic:dst_ref.type = 'domain-name' AND network-traffic:dst_ref.value = 'it\\'s' OR url:value = 'http://a.example/\\\\x']";
    let mut indicator = indicator(
        "[domain-name:value IN ('a.example', 'b.example') AND domain-name:value = 'a.example']",
    );
    indicator.name = Some("A name".to_owned());
    indicator.valid_until = Some("2026-12-24T00:00:00Z".parse().unwrap());
    indicator.common.confidence = Some(70);
    let mut planner = planner();
    planner.push_stix2_indicator(&indicator);
    let plan = planner.finish().unwrap();
    let first = &plan.indicators()[0];
    assert_eq!((first.value.as_str(), first.confidence), ("a.example", Some(70)));
    assert_eq!(first.expires.to_string(), "2026-12-24T00:00:00Z");
    let source = &plan.sources()[0];
    assert_eq!((source.id.as_str(), source.name.as_str()), (ID, "A name"));
    assert_eq!(source.modified.unwrap().to_string(), "2026-01-01T00:00:00Z");
    indicator.pattern = pattern.to_owned();
    assert_eq!(reason(&indicator), Some(SkipReason::InvalidValue));
}

#[test]
fn what_the_fields_say_counts_as_in_a_feed() {
    let active = indicator("[domain-name:value = 'a.example']");
    assert_eq!(reason(&active), None);
    let change = |change: &dyn Fn(&mut Indicator)| {
        let mut changed = active.clone();
        change(&mut changed);
        reason(&changed)
    };
    assert_eq!(change(&|i| i.pattern_type = PatternType::Yara), Some(SkipReason::PatternLanguage));
    assert_eq!(change(&|i| i.pattern = "(".repeat(100_000)), Some(SkipReason::InvalidPattern));
    assert_eq!(
        change(&|i| i.valid_from = "2027-01-01T00:00:00Z".parse().unwrap()),
        Some(SkipReason::NotYetValid)
    );
    assert_eq!(change(&|i| i.common.labels.push("benign".to_owned())), Some(SkipReason::Benign));
    let detection = |i: &mut Indicator| {
        i.common.custom_properties.insert("x_opencti_detection".to_owned(), json!(false));
    };
    assert_eq!(change(&detection), Some(SkipReason::NotForDetection));
    let twice = |i: &mut Indicator| {
        i.common
            .custom_properties
            .insert("pattern".to_owned(), json!("[domain-name:value = 'b.example']"));
    };
    assert_eq!(change(&twice), Some(SkipReason::InvalidObject));
    assert_eq!(
        change(&|i| i.description = Some("x".repeat(1024 * 1024))),
        Some(SkipReason::TooLarge)
    );
}

#[test]
fn a_bundle_counts_all_its_objects_and_its_markings() {
    let marking = MarkingDefinition::tlp(TlpLevel::Red);
    let mut red = indicator("[domain-name:value = 'a.example']");
    red.common.object_marking_refs.push(marking.id.clone());
    let malware: Malware = serde_json::from_value(json!({
        "type": "malware", "id": "malware--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f", "is_family": false,
        "created": "2026-01-01T00:00:00Z", "modified": "2026-01-01T00:00:00Z",
    }))
    .unwrap();
    let objects = vec![
        StixObject::Malware(malware),
        StixObject::Indicator(red),
        StixObject::MarkingDefinition(marking),
    ];
    let mut planner = planner();
    planner.push_stix2(&Bundle::from_objects(objects));
    let plan = planner.finish().unwrap();
    whole(&plan);
    assert_eq!(plan.counts().others.values().sum::<u64>(), 2);
    let Fate::Skipped(skip) = &plan.sources()[0].fate else { panic!() };
    assert_eq!((skip.reason, plan.sources()[0].index), (SkipReason::Tlp, 1));
    assert!(plan.is_complete());
}

#[test]
fn a_bundle_of_nothing_is_a_whole_feed() {
    let mut planner = planner();
    planner.push_stix2(&Bundle::new());
    assert!(planner.finish().unwrap().is_complete());
}

#[test]
fn a_newer_version_in_a_feed_stands_before_a_value() {
    let mut planner = planner();
    planner.push_stix2_indicator(&indicator("[domain-name:value = 'a.example']"));
    planner.push(
        json!({"type": "indicator", "id": ID, "modified": "2026-02-01T00:00:00Z", "revoked": true})
            .to_string()
            .as_bytes(),
    );
    let plan = planner.finish().unwrap();
    assert!(plan.indicators().is_empty());
    assert_eq!(plan.withdrawals()[0].value, "a.example");
}
