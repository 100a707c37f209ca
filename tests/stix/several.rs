//! What counts where several things are said of the same.

use defender_response::stix::{Cause, Note, SkipReason, Tlp};
use serde_json::json;

use crate::made::{indicator, options, plan, with};

const A: &str = "[domain-name:value = 'a.example']";
const RED: &str = "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed";
const CLEAR: &str = "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9";

#[test]
fn a_revocation_whose_pattern_makes_nothing_says_why() {
    for (pattern, reason) in [
        ("no pattern", SkipReason::InvalidPattern),
        ("[mutex:name = 'm']", SkipReason::UnsupportedObject),
    ] {
        let plan = plan(&[with(1, pattern, json!({"revoked": true}))], &options());
        let left_out: Vec<_> = plan.sources()[0].left_out.iter().map(|l| l.reason).collect();
        assert_eq!(left_out, [reason]);
        assert_eq!(plan.counts().withdrawn.get(&Cause::Revoked), Some(&1));
    }
}

#[test]
fn alternatives_left_out_for_several_reasons_are_all_told() {
    let either = "[mutex:name = 'm'] OR [ipv4-addr:value = '10.0.0.1']";
    let several = plan(&[indicator(1, either)], &options());
    assert_eq!(several.skips().next().unwrap().1.reason, SkipReason::UnsupportedObject);
    let left_out: Vec<_> = several.sources()[0].left_out.iter().map(|l| l.reason).collect();
    assert_eq!(left_out, [SkipReason::UnsupportedObject, SkipReason::NotExternal]);
    let one = plan(&[indicator(1, "[mutex:name = 'm']")], &options());
    assert!(one.sources()[0].left_out.is_empty(), "the skip says it already");
}

#[test]
fn of_several_markings_the_strictest_counts() {
    for markings in [[RED, CLEAR], [CLEAR, RED]] {
        let plan = plan(&[with(1, A, json!({"object_marking_refs": markings}))], &options());
        assert_eq!(plan.counts().skipped.get(&SkipReason::Tlp), Some(&1), "{markings:?}");
    }
}

#[test]
fn of_a_marking_that_is_defined_twice_the_strictest_definition_counts() {
    let define = |tlp: &str| json!({"type": "marking-definition", "id": "marking-definition--7", "definition_type": "tlp", "definition": {"tlp": tlp}});
    let marked = with(1, A, json!({"object_marking_refs": ["marking-definition--7"]}));
    for order in [["red", "green"], ["green", "red"]] {
        let plan = plan(&[define(order[0]), define(order[1]), marked.clone()], &options());
        assert_eq!(plan.counts().skipped.get(&SkipReason::Tlp), Some(&1), "{order:?}");
    }
}

#[test]
fn a_marking_of_its_own_and_one_that_the_feed_defines_count_together() {
    let own = json!({"type": "marking-definition", "id": "marking-definition--7", "definition_type": "tlp", "definition": {"tlp": "amber"}});
    let marked = with(1, A, json!({"object_marking_refs": [CLEAR, "marking-definition--7"]}));
    let plan = plan(&[own, marked], &options().tlp_at_most(Tlp::Green));
    assert_eq!(plan.counts().skipped.get(&SkipReason::Tlp), Some(&1));
}

#[test]
fn of_two_ends_of_one_object_the_earlier_counts() {
    let until = |stop: &str, valid_until: &str| {
        let pattern = format!("{A} START t'2026-01-01T00:00:00Z' STOP t'{stop}T00:00:00Z'");
        let object = with(1, &pattern, json!({"valid_until": format!("{valid_until}T00:00:00Z")}));
        plan(&[object], &options()).indicators()[0].expires.to_string()
    };
    assert_eq!(until("2026-11-01", "2026-12-01"), "2026-11-01T00:00:00Z");
    assert_eq!(until("2026-12-01", "2026-11-01"), "2026-11-01T00:00:00Z");
}

#[test]
fn a_value_of_several_objects_is_as_new_as_the_newest_and_has_the_notes_of_all() {
    let old = with(1, A, json!({"modified": "2026-01-01T00:00:00Z"}));
    let new =
        with(2, "[domain-name:value = 'a[.]example']", json!({"modified": "2026-02-01T00:00:00Z"}));
    for objects in [[old.clone(), new.clone()], [new, old]] {
        let plan = plan(&objects, &options());
        let [planned] = plan.indicators() else { panic!() };
        assert_eq!(planned.modified.unwrap().to_string(), "2026-02-01T00:00:00Z");
        assert!(planned.notes.contains(Note::Refanged), "{}", planned.notes);
    }
}

#[test]
fn a_value_that_is_revoked_and_expired_is_revoked() {
    let expired = with(1, A, json!({"valid_until": "2026-01-01T00:00:00Z"}));
    let revoked = with(2, A, json!({"revoked": true}));
    for objects in [[expired.clone(), revoked.clone()], [revoked, expired]] {
        let plan = plan(&objects, &options());
        let [withdrawal] = plan.withdrawals() else { panic!() };
        assert_eq!(withdrawal.cause, Cause::Revoked);
        assert_eq!(withdrawal.sources, [0, 1]);
    }
}

#[test]
fn a_confidence_in_a_text_may_have_blanks_around() {
    let object = with(1, A, json!({"confidence": " 20 "}));
    let plan = plan(&[object], &options().confidence_at_least(50));
    assert_eq!(plan.counts().skipped.get(&SkipReason::LowConfidence), Some(&1));
}

#[test]
fn of_a_time_frame_in_another_what_both_hold_counts() {
    let frame = |from: &str, to: &str| format!("START t'{from}T00:00:00Z' STOP t'{to}T00:00:00Z'");
    let (narrow, wide) = (frame("2026-09-01", "2026-11-01"), frame("2026-01-01", "2026-12-01"));
    for [inner, outer] in [[&narrow, &wide], [&wide, &narrow]] {
        let pattern = format!("({A} {inner}) {outer}");
        let plan = plan(&[indicator(1, &pattern)], &options());
        assert_eq!(plan.indicators()[0].expires.to_string(), "2026-11-01T00:00:00Z", "{pattern}");
    }
    let (later, now) = (frame("2026-10-15", "2026-12-01"), frame("2026-01-01", "2026-12-01"));
    for [inner, outer] in [[&later, &now], [&now, &later]] {
        let pattern = format!("({A} {inner}) {outer}");
        let plan = plan(&[indicator(1, &pattern)], &options());
        assert_eq!(plan.skips().next().unwrap().1.reason, SkipReason::NotYetValid, "{pattern}");
    }
}

#[test]
fn a_frame_may_be_finer_than_a_nanosecond() {
    for digits in [1, 9, 10, 12, 40] {
        let pattern = format!(
            "{A} START t'2026-01-01T00:00:00Z' STOP t'2026-11-01T00:00:00.{}Z'",
            "5".repeat(digits)
        );
        let plan = plan(&[indicator(1, &pattern)], &options());
        let expires = plan.indicators()[0].expires.to_string();
        assert_eq!(expires, format!("2026-11-01T00:00:00.{}Z", "5".repeat(digits.min(9))));
    }
}

#[test]
fn two_items_of_a_list_do_not_contradict_each_other() {
    let hash = "d0".repeat(16);
    let both =
        format!("[file:hashes.MD5 = '{hash}' AND file:x_names[*] = 'a' AND file:x_names[*] = 'b']");
    assert_eq!(plan(&[indicator(1, &both)], &options()).indicators()[0].value, hash);
    let one = both.replace("[*]", "");
    let skipped = plan(&[indicator(1, &one)], &options());
    assert_eq!(skipped.skips().next().unwrap().1.reason, SkipReason::Contradiction);
}

#[test]
fn a_property_of_another_object_is_no_detail_to_drop() {
    let widened = options().widen_network();
    for (other, reason) in
        [("url:x_note = 'n'", Some(SkipReason::Conjunction)), ("domain-name:x_note = 'n'", None)]
    {
        let pattern = format!("[domain-name:value = 'a.example' AND {other}]");
        let plan = plan(&[indicator(1, &pattern)], &widened);
        assert_eq!(plan.skips().next().map(|(_, skip)| skip.reason), reason, "{pattern}");
    }
}

#[test]
fn amber_strict_is_stricter_than_amber_and_less_than_red() {
    let marked = |id: &str, most: Tlp| {
        let markings = json!({"object_marking_refs": [format!("marking-definition--{id}")]});
        plan(&[with(1, A, markings)], &options().tlp_at_most(most)).indicators().len()
    };
    let (amber, strict, red) = (
        "f88d31f6-486f-44da-b317-01333bde0b82",
        "939a9414-2ddd-4d32-a0cd-375ea402b003",
        "5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
    );
    for (most, made) in
        [(Tlp::Amber, [1, 0, 0]), (Tlp::AmberStrict, [1, 1, 0]), (Tlp::Red, [1, 1, 1])]
    {
        assert_eq!([amber, strict, red].map(|id| marked(id, most)), made, "{most}");
    }
}
