//! The worst feeds there are: any bytes, changed feeds, depth, and lists against lists.

use std::thread;

use defender_response::stix::{FeedError, Plan, Planner, SkipReason};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{TestCaseResult, TestRunner};
use serde_json::json;

use crate::made::{indicator, options, plan, whole};

fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(512 * 1024).spawn(work).unwrap();
    thread.join().unwrap();
}

/// Everything that can be done with a feed: an overflow ends the whole test run.
fn read(feed: &[u8], piece: usize) -> Result<Plan, FeedError> {
    let mut planner = Planner::new(options().any_of().widen_network()).unwrap();
    for piece in feed.chunks(piece.max(1)) {
        planner.push(piece);
    }
    let outcome = planner.finish();
    let plan = match &outcome {
        Ok(plan) => plan,
        Err(error) => error.plan().unwrap(),
    };
    whole(plan);
    assert!(!plan.table().to_string().is_empty());
    let again: Plan = serde_json::from_slice(&serde_json::to_vec(plan).unwrap()).unwrap();
    assert_eq!(&again, plan);
    outcome
}

#[test]
fn what_is_nested_over_and_over_needs_little_stack() {
    on_a_small_stack(|| {
        for piece in [
            "[",
            "{\"a\":",
            "{\"objects\":[",
            "[[{\"type\":\"bundle\",\"objects\":[",
            "{\"a\":\n",
            "\"",
            "\\",
        ] {
            let feed = piece.repeat(1_200_000 / piece.len());
            for start in ["", "[", "{\"type\":\"indicator\",\"id\":\"i\",\"name\":"] {
                let feed = format!("{start}{feed}");
                assert!(read(feed.as_bytes(), 64 * 1024).is_err(), "{start}{piece}");
            }
        }
        let deep = "{\"objects\":[".repeat(20) + &"]}".repeat(20);
        assert!(read(deep.as_bytes(), 7).is_err());
    });
}

#[test]
fn lists_against_lists_make_no_long_plan() {
    let list = |path: &str, from: u32| {
        let names: Vec<_> = (from..from + 900).map(|n| format!("'h{n}.example'")).collect();
        format!("{path} IN ({})", names.join(","))
    };
    let lists: Vec<_> = (0..3).map(|n| list("domain-name:value", 300 * n)).collect();
    let met = plan(&[indicator(1, &format!("[{}]", lists.join(" AND ")))], &options());
    assert_eq!((met.indicators().len(), met.indicators()[0].value.as_str()), (300, "h600.example"));
    let twice = plan(&[indicator(1, &format!("[{}] OR [{}]", lists[0], lists[0]))], &options());
    assert_eq!(twice.indicators().len(), 900);
    assert!(twice.indicators().iter().all(|planned| planned.sources == [0]));
    let either = "(domain-name:value = 'a.example' OR domain-name:value = 'b.example')";
    let text = format!("[{}]", vec![either; 40].join(" AND "));
    assert_eq!(
        plan(&[indicator(1, &text)], &options()).skips().next().unwrap().1.reason,
        SkipReason::TooManyAlternatives
    );
}

/// A feed of all that is read.
fn feed() -> String {
    let object = |n: u32, pattern: &str| {
        let mut object = indicator(n, pattern);
        object["modified"] = json!("2026-01-01T00:00:00.5Z");
        object["valid_until"] = json!("2027-01-01");
        object["labels"] = json!(["misp:to_ids=\"True\"", "tlp:green"]);
        object["object_marking_refs"] = json!(["marking-definition--1"]);
        object["granular_markings"] = json!([{"marking_ref": "marking-definition--2"}]);
        object["confidence"] = json!(70);
        object
    };
    let objects = json!([
        object(1, "[domain-name:value = 'a.example' OR url:value = 'hxxp://b[.]example/x#y']"),
        object(2, "[ipv4-addr:value IN ('81.2.69.142', '10.0.0.1/32')] START t'2026-01-01T00:00:00Z' STOP t'2026-12-01T00:00:00Z'"),
        object(3, "[file:hashes.'SHA-256' = '2000000000000000000000000000000000000000000000000000000000000001' AND file:name = 'x']"),
        {"type": "indicator", "id": "indicator--2", "revoked": "true"},
        {"type": "marking-definition", "id": "marking-definition--1", "definition": {"tlp": "green"}},
        {"type": "relationship", "id": "relationship--1", "x": [[], {}, -1.5e3, "\u{e9}\\\""]},
    ]);
    json!({"type": "bundle", "id": "bundle--1", "more": true, "objects": objects}).to_string()
}

fn holds<S: Strategy>(
    feeds: impl FnOnce() -> S + Send + 'static,
    of: impl Fn(S::Value) -> TestCaseResult + Send + 'static,
) {
    on_a_small_stack(move || {
        let outcome = TestRunner::default().run(&feeds(), of).map_err(|error| error.to_string());
        outcome.unwrap_or_else(|error| panic!("{error}"));
    });
}

#[test]
fn any_bytes_are_a_plan_or_an_error() {
    holds(
        || (vec(any::<u8>(), 0..200), 1..9usize),
        |(feed, piece)| {
            let _ = read(&feed, piece);
            Ok(())
        },
    );
}

#[test]
fn a_changed_feed_is_a_plan_or_an_error() {
    const PIECES: &[&str] = &[
        "",
        "\"",
        "\\",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\n",
        "\0",
        "\u{ff}",
        "null",
        "9e999",
        "true",
        "\"type\":",
        "\"objects\":[",
        "'",
        " AND ",
        " OR ",
        "]\"",
        "/32",
        "\\u0000",
        "\\ud800",
        "--",
    ];
    let change = || (any::<Index>(), 0..6usize, select(PIECES));
    holds(
        move || (vec(change(), 1..6), any::<Index>(), 1..400usize),
        |(changes, cut, piece)| {
            let mut text = feed().into_bytes();
            for (at, drop, insert) in changes {
                let at = at.index(text.len());
                let end = (at + drop).min(text.len());
                text.splice(at..end, insert.bytes());
            }
            let cut = cut.index(4 * text.len());
            let _ = read(text.get(..cut).unwrap_or(&text), piece);
            Ok(())
        },
    );
}

#[test]
fn what_a_hostile_object_says_is_cut_before_it_is_kept() {
    let long = "x".repeat(500_000);
    let feed = json!([
        {"type": "indicator", "id": format!("indicator--{long}"), "pattern": "[a:b = 1]"},
        {"type": "indicator", "id": "indicator--1", "name": long, "pattern": format!("[a:b = '{}']", &long[..60_000])},
        {"type": "indicator", "id": "indicator--2", "pattern": format!("[url:value = 'http://a.example/{}']", &long[..60_000])},
        {"type": "indicator", "id": "indicator--3", "pattern_type": long, "pattern": "[a:b = 1]"},
        {"type": "indicator", "id": "indicator--4", "pattern": "[a:b = 1]", "valid_until": long},
        {"type": long},
        {"type": "marking-definition", "id": long, "definition": {"tlp": "red"}},
        long,
    ]);
    let plan = read(feed.to_string().as_bytes(), 4096).unwrap();
    let size = serde_json::to_vec(&plan).unwrap().len();
    assert!(size < 8000, "{size} bytes of a feed of {}", feed.to_string().len());
    // As many names of types as one likes, and as many texts as one likes.
    let types: Vec<_> = (0..2000).map(|n| json!({"type": format!("x-{n}")})).collect();
    let plan = read(json!(types).to_string().as_bytes(), 4096).unwrap();
    assert_eq!((plan.counts().others.len(), plan.counts().others["…"]), (101, 1900));
}
