//! Feeds of which a part can't be read: nothing is lost in silence, and no such plan passes for a whole one.

use defender_response::stix::{Completeness, Fate, Plan, Planner, SkipReason};

use crate::made::{options, read, whole};

const MARK: &str = "\u{feff}";

fn object(name: &str) -> String {
    format!(
        r#"{{"type":"indicator","id":"indicator--{name}","pattern":"[domain-name:value = '{name}.example']"}}"#
    )
}

fn bundle(name: &str) -> String {
    format!(r#"{{"type":"bundle","id":"bundle--{name}","objects":[{}]}}"#, object(name))
}

fn values(plan: &Plan) -> Vec<&str> {
    plan.indicators().iter().map(|planned| planned.value.as_str()).collect()
}

/// Whole, and byte by byte.
fn both(feed: &str) -> Plan {
    let at_once = read(feed).unwrap_or_else(|error| panic!("{error}: {feed}"));
    let mut planner = Planner::new(options()).unwrap();
    feed.as_bytes().iter().for_each(|byte| planner.push(&[*byte]));
    assert_eq!(planner.finish().unwrap(), at_once, "{feed}");
    whole(&at_once);
    at_once
}

#[test]
fn a_byte_order_mark_before_any_value_is_passed_over() {
    let (a, b) = (object("a"), object("b"));
    for feed in [
        format!("{MARK}{}\n{MARK}{}", bundle("a"), bundle("b")),
        format!("{MARK}{}{MARK}{}", bundle("a"), bundle("b")),
        format!("{MARK}{MARK}{a}\n{MARK}{b}\n"),
        format!("{a}\n{MARK}{MARK} [{b}]"),
        format!("{a}\n{b}\n{MARK}"),
    ] {
        let plan = both(&feed);
        assert_eq!(values(&plan), ["a.example", "b.example"], "{feed}");
        assert!(plan.is_complete() && plan.skips().next().is_none(), "{feed}");
    }
}

#[test]
fn a_line_with_a_mark_is_read_behind_one_that_is_broken() {
    let plan = both(&format!("{}\n{{\"x\":\n{MARK}{}\n", object("a"), object("b")));
    assert_eq!(values(&plan), ["a.example", "b.example"]);
    assert!(!plan.is_complete());
}

#[test]
fn a_feed_with_text_beside_its_objects_is_not_whole() {
    for beside in
        ["<html>502 Bad Gateway", "\u{fe}", "\u{3fe}", ",", "]", r#"{"id":[1}"#, "{\"a\":1,\n"]
    {
        for feed in [
            format!("{}\n{beside}\n{}", bundle("a"), bundle("b")),
            format!("{beside}\n{}\n{}", bundle("a"), object("b")),
        ] {
            let plan = both(&feed);
            assert!(matches!(plan.completeness(), Completeness::Incomplete(_)), "{feed}");
            assert_eq!(values(&plan), ["a.example", "b.example"], "{feed}");
        }
    }
    for end in ["<html>502 Bad Gateway", "\n<", "x"] {
        assert!(!both(&format!("{}{end}", bundle("a"))).is_complete(), "{end}");
    }
}

#[test]
fn a_line_too_long_that_lacks_its_end_leaves_no_whole_feed() {
    let long = format!(r#"{{"type":"malware","x":"{}"#, "x".repeat(1024 * 1024 + 1));
    let plan = read(&format!("{long}\n{}\n", object("a"))).unwrap();
    assert_eq!((values(&plan), plan.is_complete()), (vec!["a.example"], false));
}

#[test]
fn broken_lines_in_a_row_are_told_each_by_its_id() {
    let whole_line = object("0");
    let broken: Vec<_> =
        (1..20).map(|n| object(&n.to_string()).trim_end_matches('}').to_owned()).collect();
    let plan = both(&format!("{whole_line}\n{}\n{whole_line}\n", broken.join("\n")));
    let told: Vec<_> = plan
        .sources()
        .iter()
        .filter(|source| {
            matches!(&source.fate, Fate::Skipped(skip) if skip.reason == SkipReason::InvalidObject)
        })
        .map(|source| source.id.clone())
        .collect();
    let expected: Vec<_> = (1..20).map(|n| format!("indicator--{n}")).collect();
    assert_eq!(told, expected);
    assert!(!plan.is_complete());
}

#[test]
fn lines_that_name_nothing_are_counted() {
    let plan = both(&format!("{}\n{}{}", object("a"), "<p>\n".repeat(100), object("b")));
    assert_eq!(plan.skips().count(), 1);
    assert_eq!(plan.counts().unlisted[&SkipReason::InvalidObject], 99);
    assert_eq!(plan.counts().objects, 102);
    assert!(plan.table().to_string().contains("InvalidObject 99"));
}

#[test]
fn what_cannot_be_read_is_told_up_to_a_number_and_counted_behind_it() {
    for thing in [r#"{"a":1}"#, r#"{"type":"indicator"}"#, r#"{"a":01}"#] {
        let feed = format!("[{}{thing},{}]", format!("{thing},").repeat(10_999), object("a"));
        let plan = read(&feed).unwrap();
        whole(&plan);
        assert_eq!(values(&plan), ["a.example"]);
        assert_eq!(plan.sources().len(), 10_001, "{thing}");
        assert_eq!(plan.counts().unlisted[&SkipReason::InvalidObject], 1000, "{thing}");
        assert!(!plan.is_complete(), "{thing}");
    }
}

#[test]
fn more_pages_are_heard_of_however_it_is_said() {
    let a = object("a");
    let envelope = |says: &str| format!(r#"{{{says}"objects":[{a}]}}"#);
    for more in [r#""more":"true","#, r#""more":" TRUE ","#, r#""next":"abc","#, r#""next":7,"#] {
        for feed in [
            envelope(more),
            format!(r#"{{"objects":[{a}],{}}}"#, more.trim_end_matches(',')),
            format!("{{{}}}{a}", more.trim_end_matches(',')),
            format!("{}{}", envelope(more), bundle("b")),
            format!("{}{}", envelope(more), envelope("")),
        ] {
            assert_eq!(both(&feed).completeness(), &Completeness::MorePages, "{feed}");
        }
    }
    for last in [
        r#""more":false,"#,
        r#""more":"false","next":"abc","#,
        r#""next":null,"#,
        r#""next":"","#,
        r#""more":null,"#,
        r#""x":{"more":true,"next":"a"},"#,
    ] {
        assert!(both(&envelope(last)).is_complete(), "{last}");
    }
    let cleared = format!("{}{}", envelope(r#""next":"2","#), envelope(r#""more":"False","#));
    assert!(both(&cleared).is_complete());
}
