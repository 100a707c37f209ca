//! What an object says beside its pattern: versions, times, policies; and which of several a value comes from.

use std::time::Duration;

use defender_response::model::{IndicatorAction, IndicatorType};
use defender_response::stix::{Cause, Fate, Note, Plan, PlanOptions, Planner, SkipReason, Tlp};
use serde_json::{Value, json};

use crate::made::{NOW, indicator, options, plan, with};

const A: &str = "[domain-name:value = 'a.example']";
const B: &str = "[domain-name:value = 'b.example']";

fn reason(object: Value, options: &PlanOptions) -> Option<SkipReason> {
    let plan = plan(&[object], options);
    plan.skips().next().map(|(_, skip)| skip.reason)
}

fn a(members: Value) -> Value {
    with(1, A, members)
}

fn values(plan: &Plan) -> Vec<&str> {
    plan.indicators().iter().map(|p| p.value.as_str()).collect()
}

#[test]
fn other_pattern_languages_are_skipped_and_none_means_stix() {
    for (language, skipped) in [
        (json!("stix"), None),
        (json!("STIX"), None),
        (json!(null), None),
        (json!("yara"), Some(SkipReason::PatternLanguage)),
        (json!("Sigma"), Some(SkipReason::PatternLanguage)),
        (json!(5), Some(SkipReason::InvalidObject)),
    ] {
        assert_eq!(reason(a(json!({"pattern_type": language})), &options()), skipped, "{language}");
    }
}

#[test]
fn objects_of_other_types_are_counted_by_type() {
    let others = json!([{"type": "malware", "id": "malware--1"}, {"type": "malware"}, {"type": "Indicator", "pattern": A}]);
    let plan = plan(others.as_array().unwrap(), &options());
    assert_eq!(plan.counts().others.get("malware"), Some(&2));
    assert_eq!(plan.counts().others.get("Indicator"), Some(&1));
    assert!(plan.sources().is_empty());
}

#[test]
fn the_newest_version_stands_wherever_it_stands() {
    let version = |pattern, month: u32| {
        with(1, pattern, json!({"modified": format!("2026-{month:02}-01T00:00:00Z")}))
    };
    for order in [[1, 2, 3], [3, 2, 1], [2, 3, 1], [1, 3, 2]] {
        let objects: Vec<_> =
            order.iter().map(|n| version(if *n == 3 { B } else { A }, *n)).collect();
        let plan = plan(&objects, &options());
        assert_eq!(values(&plan), ["b.example"], "{order:?}");
        assert_eq!(plan.counts().skipped.get(&SkipReason::Superseded), Some(&2));
        let indexes: Vec<_> = plan.sources().iter().map(|s| s.index).collect();
        assert_eq!(indexes, [0, 1, 2], "in the feed's order");
    }
}

#[test]
fn a_version_without_modified_goes_by_created_and_without_any_is_the_oldest() {
    let old = with(1, A, json!({"created": "2026-01-01T00:00:00Z"}));
    assert_eq!(values(&plan(&[old.clone(), indicator(1, B)], &options())), ["a.example"]);
    let new = with(1, B, json!({"modified": "2026-01-01T00:00:01"}));
    assert_eq!(values(&plan(&[new, old], &options())), ["b.example"]);
    assert_eq!(
        values(&plan(&[indicator(1, A), indicator(1, B)], &options())),
        ["b.example"],
        "the later"
    );
}

#[test]
fn a_revoked_version_revokes_wherever_it_stands() {
    let active = with(1, A, json!({"modified": "2026-01-01T00:00:00Z"}));
    for revoked in [
        with(1, A, json!({"modified": "2026-02-01T00:00:00Z", "revoked": true})),
        with(1, A, json!({"modified": "2026-01-01T00:00:00Z", "revoked": true})),
        json!({"type": "indicator", "id": "indicator--1", "modified": "2026-02-01T00:00:00Z", "revoked": true}),
    ] {
        for objects in [[active.clone(), revoked.clone()], [revoked.clone(), active.clone()]] {
            let plan = plan(&objects, &options());
            assert!(plan.indicators().is_empty(), "{objects:?}");
            assert_eq!(plan.withdrawals()[0].value, "a.example");
            assert_eq!(plan.withdrawals()[0].cause, Cause::Revoked);
        }
    }
}

#[test]
fn a_revocation_withdraws_what_any_version_said() {
    let bare = json!({"type": "indicator", "id": "indicator--1", "modified": "2026-03-01T00:00:00Z", "revoked": true});
    let changed = with(
        1,
        "[domain-name:value = 'c.example']",
        json!({"modified": "2026-03-01T00:00:00Z", "revoked": true}),
    );
    let one = with(1, A, json!({"modified": "2026-01-01T00:00:00Z"}));
    let two = with(1, B, json!({"modified": "2026-02-01T00:00:00Z"}));
    let ends = [
        (&bare, vec!["a.example", "b.example"]),
        (&changed, vec!["a.example", "b.example", "c.example"]),
    ];
    for (revoked, expected) in ends {
        for objects in [
            [&one, &two, revoked],
            [revoked, &one, &two],
            [&two, revoked, &one],
            [revoked, &two, &one],
        ] {
            let objects: Vec<_> = objects.into_iter().cloned().collect();
            let plan = plan(&objects, &options());
            let mut withdrawn: Vec<_> =
                plan.withdrawals().iter().map(|w| w.value.as_str()).collect();
            withdrawn.sort_unstable();
            assert_eq!(withdrawn, expected);
        }
    }
}

#[test]
fn a_revoked_value_that_another_object_wants_stays() {
    let revoked = with(1, A, json!({"revoked": true}));
    let plan = plan(&[revoked, indicator(2, A)], &options());
    assert_eq!(values(&plan), ["a.example"]);
    assert!(plan.withdrawals().is_empty());
    assert!(plan.sources()[0].notes.contains(Note::StillWanted));
    assert!(
        matches!(&plan.sources()[0].fate, Fate::Withdrawn { withdrawals, .. } if withdrawals.is_empty())
    );
}

#[test]
fn revoked_may_be_a_text_or_null_and_nothing_else() {
    for (revoked, withdrawn) in [
        (json!("False"), false),
        (json!("true"), true),
        (json!(null), false),
        (json!(""), false),
        (json!(true), true),
    ] {
        let plan = plan(&[a(json!({"revoked": revoked}))], &options());
        assert_eq!(!plan.withdrawals().is_empty(), withdrawn, "{revoked}");
        assert_eq!(plan.sources()[0].notes.contains(Note::RevokedAsText), revoked.is_string());
    }
    for odd in [json!("maybe"), json!(1), json!([])] {
        assert_eq!(reason(a(json!({"revoked": odd})), &options()), Some(SkipReason::InvalidObject));
    }
}

#[test]
fn what_is_over_is_withdrawn_and_what_is_to_come_held_back() {
    let plan = plan(&[a(json!({"valid_until": NOW}))], &options());
    assert_eq!(plan.withdrawals()[0].cause, Cause::Expired);
    assert_eq!(
        reason(a(json!({"valid_from": "2026-10-01T00:00:01Z"})), &options()),
        Some(SkipReason::NotYetValid)
    );
    assert_eq!(reason(a(json!({"valid_from": NOW})), &options()), None);
    assert_eq!(
        reason(a(json!({"valid_until": "soon"})), &options()),
        Some(SkipReason::InvalidObject)
    );
}

#[test]
fn a_time_without_a_zone_is_utc_and_told() {
    let plan =
        plan(&[a(json!({"valid_until": "2027-01-01T00:00:00", "modified": "never"}))], &options());
    assert_eq!(plan.indicators()[0].expires.to_string(), "2027-01-01T00:00:00Z");
    let notes: Vec<_> = plan.sources()[0].notes.iter().collect();
    assert_eq!(notes, [Note::TimeWithoutZone, Note::TimeIgnored]);
}

#[test]
fn every_indicator_ends() {
    let days = |pattern: &str, options: &PlanOptions| {
        let plan = plan(&[indicator(1, pattern)], options);
        plan.indicators()[0].expires.since(plan.at()).as_secs() / 86_400
    };
    let hash = format!("[file:hashes.MD5 = '{}']", "a1".repeat(16));
    assert_eq!(days("[ipv4-addr:value = '93.184.216.34']", &options()), 30);
    assert_eq!(days(A, &options()), 90);
    assert_eq!(days("[url:value = 'http://a.example/x']", &options()), 90);
    assert_eq!(days(&hash, &options()), 180);
    let set = options().lifetime(IndicatorType::DomainName, Duration::from_secs(7 * 86_400));
    assert_eq!(days(A, &set), 7);
}

#[test]
fn benign_objects_are_skipped_unless_allowed() {
    for members in [json!({"labels": ["benign"]}), json!({"indicator_types": ["Benign"]})] {
        assert_eq!(reason(a(members.clone()), &options()), Some(SkipReason::Benign));
        assert_eq!(reason(a(members), &options().allow_benign()), None);
    }
}

#[test]
fn objects_that_are_not_for_detection_are_skipped_unless_allowed() {
    let extension = "extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba";
    for members in [
        json!({"labels": ["misp:to_ids=\"False\""]}),
        json!({"x_opencti_detection": false}),
        json!({"extensions": {extension: {"extension_type": "property-extension", "detection": false}}}),
    ] {
        assert_eq!(
            reason(a(members.clone()), &options()),
            Some(SkipReason::NotForDetection),
            "{members}"
        );
        assert_eq!(reason(a(members), &options().allow_not_for_detection()), None);
    }
    assert_eq!(
        reason(
            a(json!({"labels": ["misp:to_ids=\"True\""], "x_opencti_detection": true})),
            &options()
        ),
        None
    );
    assert_eq!(
        reason(
            a(json!({"extensions": {"extension-definition--1": {"detection": false}}})),
            &options()
        ),
        None
    );
}

#[test]
fn red_markings_are_skipped_unless_allowed() {
    let one = "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed";
    let two = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1";
    for members in [
        json!({"object_marking_refs": [one]}),
        json!({"object_marking_refs": [two]}),
        json!({"granular_markings": [{"marking_ref": two, "selectors": ["pattern"]}]}),
        json!({"labels": ["tlp:red"]}),
    ] {
        assert_eq!(reason(a(members.clone()), &options()), Some(SkipReason::Tlp), "{members}");
        assert_eq!(reason(a(members), &options().tlp_at_most(Tlp::Red)), None);
    }
    let amber = json!({"object_marking_refs": ["marking-definition--f88d31f6-486f-44da-b317-01333bde0b82"]});
    assert_eq!(reason(a(amber.clone()), &options()), None);
    assert_eq!(reason(a(amber), &options().tlp_at_most(Tlp::Green)), Some(SkipReason::Tlp));
}

#[test]
fn a_marking_that_the_feed_defines_counts_wherever_it_stands() {
    let own = json!({"type": "marking-definition", "id": "marking-definition--7", "definition_type": "tlp", "definition": {"tlp": "red"}});
    let extended = json!({"type": "marking-definition", "id": "marking-definition--7", "extensions": {
        "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d": {"extension_type": "property-extension", "tlp_2_0": "red"}}});
    let marked = a(json!({"object_marking_refs": ["marking-definition--7"]}));
    for objects in
        [[own.clone(), marked.clone()], [marked.clone(), own], [marked.clone(), extended]]
    {
        let plan = plan(&objects, &options());
        assert_eq!(plan.counts().skipped.get(&SkipReason::Tlp), Some(&1));
    }
    assert_eq!(reason(marked, &options()), None, "one that nobody defines");
}

#[test]
fn a_marking_that_came_after_too_many_is_taken_for_red() {
    let definition = |n: u32| json!({"type": "marking-definition", "id": format!("marking-definition--{n}"), "definition": {"tlp": if n > 10_000 { "red" } else { "green" }}});
    let marked = |n: u32| a(json!({"object_marking_refs": [format!("marking-definition--{n}")]}));
    let feed = |object: Value, most: u32| -> Vec<_> {
        (1..=most).map(definition).chain([object]).collect()
    };
    let skipped = |object: Value, most: u32, options: &PlanOptions| {
        plan(&feed(object, most), options).counts().skipped.contains_key(&SkipReason::Tlp)
    };
    assert!(skipped(marked(10_001), 10_001, &options()));
    assert!(!skipped(marked(10_000), 10_001, &options()), "one that is known");
    assert!(!skipped(marked(10_001), 10_000, &options()), "one that nobody defines");
    assert!(!skipped(marked(10_001), 10_001, &options().tlp_at_most(Tlp::Red)));
}

#[test]
fn markings_are_found_in_capitals_and_labels_with_blanks() {
    let red = "MARKING-DEFINITION--5E57C739-391A-4EB3-B6BE-7D15CA92D5ED";
    for members in [json!({"object_marking_refs": [red]}), json!({"labels": [" tlp:red"]})] {
        assert_eq!(reason(a(members.clone()), &options()), Some(SkipReason::Tlp), "{members}");
    }
    let own = json!({"type": "marking-definition", "id": "marking-definition--ab", "definition": {"tlp": "red"}});
    let marked = a(json!({"object_marking_refs": ["marking-definition--AB"]}));
    assert!(plan(&[own, marked], &options()).indicators().is_empty());
}

#[test]
fn confidence_and_labels_select() {
    let sure = options().confidence_at_least(70);
    assert_eq!(reason(a(json!({"confidence": 69})), &sure), Some(SkipReason::LowConfidence));
    assert_eq!(reason(a(json!({"confidence": "70"})), &sure), None);
    assert_eq!(reason(a(json!({})), &sure), None, "none is stated");
    let labelled = options().only_labels(["phishing"]).without_labels(["test"]);
    assert_eq!(reason(a(json!({"labels": ["Phishing"]})), &labelled), None);
    assert_eq!(reason(a(json!({"labels": ["c2"]})), &labelled), Some(SkipReason::Label));
    assert_eq!(
        reason(a(json!({"labels": ["phishing", "TEST"]})), &labelled),
        Some(SkipReason::Label)
    );
}

#[test]
fn a_value_is_planned_once_with_all_its_sources_and_the_longest_life() {
    let plan = plan(
        &[
            with(
                1,
                "[domain-name:value = 'A.example']",
                json!({"valid_until": "2026-11-01T00:00:00Z", "confidence": 10}),
            ),
            with(2, A, json!({"valid_until": "2026-12-01T00:00:00Z", "confidence": 90})),
            indicator(3, "[domain-name:value IN ('a.example', 'a.example.')]"),
        ],
        &options(),
    );
    let [planned] = plan.indicators() else { panic!() };
    assert_eq!(planned.sources, [0, 1, 2]);
    assert_eq!(planned.expires.to_string(), "2026-12-30T00:00:00Z");
    assert_eq!(planned.confidence, Some(90));
    assert_eq!(plan.sources()[2].fate, Fate::Planned(vec![0]));
}

#[test]
fn indicators_stand_in_the_order_of_what_matters() {
    let plan = plan(
        &[
            indicator(1, "[domain-name:value = 'none.example']"),
            with(
                2,
                "[domain-name:value = 'old.example']",
                json!({"modified": "2026-01-01T00:00:00Z"}),
            ),
            with(
                3,
                "[domain-name:value = 'new.example']",
                json!({"modified": "2026-02-01T00:00:00Z"}),
            ),
            with(4, "[domain-name:value = 'sure.example']", json!({"confidence": 80})),
            with(5, "[domain-name:value = 'surer.example']", json!({"confidence": 90})),
        ],
        &options(),
    );
    assert_eq!(
        values(&plan),
        ["surer.example", "sure.example", "new.example", "old.example", "none.example"]
    );
    assert_eq!(plan.sources()[0].fate, Fate::Planned(vec![4]));
}

#[test]
fn the_action_follows_the_type() {
    let hash = format!("[file:hashes.MD5 = '{}']", "a1".repeat(16));
    let thumbprint = format!("[x509-certificate:hashes.'SHA-1' = '{}']", "a1".repeat(20));
    let objects = [indicator(1, A), indicator(2, &hash), indicator(3, &thumbprint)];
    let actions = |action| {
        let plan = plan(&objects, &PlanOptions::new(action).at(NOW.parse().unwrap()));
        let actions: Vec<_> =
            plan.indicators().iter().map(|p| p.action.as_str().to_owned()).collect();
        (
            actions.join(" "),
            plan.counts().skipped.get(&SkipReason::Action).copied(),
            plan.notes().iter().collect::<Vec<_>>(),
        )
    };
    assert_eq!(
        actions(IndicatorAction::BlockAndRemediate),
        (
            "Block BlockAndRemediate BlockAndRemediate".to_owned(),
            None,
            vec![Note::NetworkOnlyBlocked]
        )
    );
    assert_eq!(actions(IndicatorAction::Block), ("Block Block".to_owned(), Some(1), vec![]));
    assert_eq!(
        actions(IndicatorAction::Alert),
        ("Audit Audit".to_owned(), Some(1), vec![Note::AlertIsAudit, Note::AuditAlerts])
    );
    assert_eq!(
        actions(IndicatorAction::AlertAndBlock),
        ("Block Block".to_owned(), Some(1), vec![Note::AlertAndBlockIsBlock])
    );
    assert_eq!(actions(IndicatorAction::Allowed).0, "Allowed Allowed Allowed");
}

#[test]
fn old_words_for_the_action_raise_an_alert_whatever_the_option_says() {
    let options = PlanOptions::new(IndicatorAction::AlertAndBlock)
        .generate_alert(false)
        .at(NOW.parse().unwrap());
    let plan = plan(&[indicator(1, A)], &options);
    let new = plan.new_indicators().next().unwrap();
    assert!(format!("{new:?}").contains("generate_alert: Some(true)"), "{new:?}");
}

#[test]
fn options_that_cannot_be_followed_are_refused_before_a_feed_is_read() {
    let on = || PlanOptions::new(IndicatorAction::Block).at(NOW.parse().unwrap());
    for (options, part) in [
        (PlanOptions::new(IndicatorAction::Block), "no clock"),
        (
            on().action_for(IndicatorType::Url, IndicatorAction::BlockAndRemediate),
            "isn't an action",
        ),
        (on().device_groups(Vec::<String>::new()), "no device group"),
        (on().expand_networks(17), "16 addresses"),
        (on().longest_url(5000), "4096"),
        (on().title(" "), "blank"),
        (on().protect_domain("corp"), "isn't a domain"),
        (on().protect_network("10.0.0.0/33"), "neither an address"),
        (on().educate_url("no url"), "educate"),
        (on().lifetime(IndicatorType::Url, Duration::ZERO), "lifetime"),
    ] {
        let error = Planner::new(options).unwrap_err();
        assert!(error.is_invalid_input() && error.to_string().contains(part), "{error}");
    }
}

#[test]
fn what_is_no_pattern_is_skipped_alone() {
    for pattern in ["error", "", "[domain-name:value = 'x'", "[domain-name:value == ]"] {
        assert_eq!(reason(indicator(1, pattern), &options()), Some(SkipReason::InvalidPattern));
    }
    let deep = format!("{}[domain-name:value = 'a.example']{}", "(".repeat(41), ")".repeat(41));
    assert_eq!(reason(indicator(1, &deep), &options()), Some(SkipReason::InvalidPattern));
    let long = format!("[domain-name:value = '{}']", "a".repeat(64 * 1024));
    assert_eq!(reason(indicator(1, &long), &options()), Some(SkipReason::InvalidPattern));
}
