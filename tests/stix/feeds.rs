//! Feeds: their forms, what is wrong with them, and that it doesn't matter in which pieces they come.

use std::io::{self, Read};

use defender_response::stix::{
    self, Completeness, Fate, FeedError, Plan, Planner, SkipReason, Trouble,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::made::{options, read, whole};

const A: &str = r#"{"type":"indicator","spec_version":"2.1","id":"indicator--a","pattern":"[domain-name:value = 'a.example']","pattern_type":"stix"}"#;
/// As 2.0 has it, in several lines, with a bracket and an escape in its texts.
const B: &str = "{\n  \"type\": \"indicator\",\n \"id\": \"indicator--b\", \"name\": \"}]\\\"\\\\\",\r\n \"pattern\": \"[domain-name:value = 'b.example']\"\n}";
const MALWARE: &str = r#"{"type":"malware","id":"malware--m","objects":[{"type":"indicator"}],"x":[{"objects":[1]}]}"#;

fn values(plan: &Plan) -> Vec<&str> {
    plan.indicators().iter().map(|planned| planned.value.as_str()).collect()
}

/// The same objects in each form.
fn forms() -> Vec<String> {
    let list = format!("[{A}, {MALWARE},\n{B}]");
    vec![
        format!(r#"{{"type":"bundle","id":"bundle--1","spec_version":"2.0","objects":{list}}}"#),
        format!(r#"{{"objects" : {list}, "id":"bundle--1", "type":"bundle"}}"#),
        format!(r#"{{"more":false,"objects":{list},"x":{{"y":["]"]}}}}"#),
        list,
        format!("{A}\n{MALWARE}\r\n{B}\n"),
        format!("{A}\n\n  {MALWARE}{B}"),
        format!("[{A}]\n[{MALWARE}]\n[{B}]"),
    ]
}

#[test]
fn each_form_of_a_feed_gives_the_same_plan() {
    for form in forms() {
        for start in ["", "\u{feff}", "\r\n\t "] {
            let plan = read(&format!("{start}{form}")).unwrap();
            whole(&plan);
            assert_eq!(values(&plan), ["a.example", "b.example"], "{form}");
            assert_eq!((plan.counts().objects, plan.counts().others["malware"]), (3, 1), "{form}");
            assert_eq!(plan.sources()[1].name, r#"}]"\"#);
            assert!(plan.is_complete(), "{form}");
        }
    }
    let one = read(A).unwrap();
    assert_eq!((values(&one), one.is_complete()), (vec!["a.example"], true));
}

#[test]
fn an_envelope_with_more_pages_is_no_whole_feed() {
    for envelope in [
        format!(r#"{{"more":true,"next":"2","objects":[{A}]}}"#),
        format!(r#"{{"objects":[{A}],"more" : true}}"#),
    ] {
        let plan = read(&envelope).unwrap();
        assert_eq!(plan.completeness(), &Completeness::MorePages, "{envelope}");
        assert_eq!(values(&plan), ["a.example"]);
    }
    let last = format!(r#"{{"more":true,"objects":[{A}]}}{{"more":false,"objects":[{B}]}}"#);
    assert!(read(&last).unwrap().is_complete(), "the pages one after another");
}

#[test]
fn a_container_without_objects_is_a_whole_feed_of_nothing() {
    for feed in [
        r#"{"type":"bundle","id":"bundle--1"}"#,
        r#"{"type":"bundle","id":"bundle--1","objects":[]}"#,
        r#"{"objects":[]}"#,
        r#"{"more":false}"#,
        "{}",
    ] {
        let plan = read(feed).unwrap();
        assert!(plan.sources().is_empty() && plan.is_complete(), "{feed}");
    }
}

fn trouble(feed: &[u8]) -> (Trouble, u64) {
    let error = stix::plan(feed, &options()).unwrap_err();
    assert!(!error.plan().unwrap().is_complete());
    assert!(error.to_string().starts_with(&error.trouble().to_string()));
    (error.trouble(), error.offset())
}

#[test]
fn what_is_no_feed_is_told_and_where() {
    for (feed, expected, offset) in [
        (&b""[..], Trouble::Empty, 0),
        (b" \n", Trouble::Empty, 2),
        (b"\xef\xbb\xbf", Trouble::Empty, 3),
        (b"[]", Trouble::Empty, 2),
        (b"<html>\n<p>\n", Trouble::NotStix, 11),
        (b"[1, \"x\", null]", Trouble::NotStix, 14),
        (b"[{\"a\":1}]", Trouble::NotStix, 9),
        (b"\xff\xfe[\0]\0", Trouble::Encoding, 0),
        (b"\xef\xbb[]", Trouble::Encoding, 2),
        (b"[{\"a\":1} ; {}]", Trouble::Malformed, 9),
        (b"[{\"a\":[1}]", Trouble::Malformed, 8),
        (b"{\"type\":\"bundle\",\"objects\":[{}}", Trouble::Malformed, 30),
        (b"[{\"type\":\"malware\"},", Trouble::CutShort, 20),
        (b"{\"type\":\"bundle\",\"objects\":[]", Trouble::CutShort, 29),
        (b"[[[[[[[[[[[[[[[[[[[[", Trouble::TooDeep, 16),
    ] {
        let text = String::from_utf8_lossy(feed);
        assert_eq!(trouble(feed), (expected, offset), "{text}");
        let mut planner = Planner::new(options()).unwrap();
        for byte in feed {
            planner.push(&[*byte]);
        }
        let error = planner.finish().unwrap_err();
        assert_eq!((error.trouble(), error.offset()), (expected, offset), "{text}, byte by byte");
    }
}

#[test]
fn a_feed_cut_short_keeps_what_was_read_and_says_so() {
    let list = format!("[{A},{MALWARE},{B},{A}]");
    let ends: Vec<_> = list.match_indices("},{").map(|(at, _)| at + 1).collect();
    for cut in 1..list.len() {
        let error = read(&list[..cut]).unwrap_err();
        assert_eq!(error.trouble(), Trouble::CutShort, "{}", &list[..cut]);
        let plan = error.into_plan().unwrap();
        whole(&plan);
        let Completeness::Incomplete(why) = plan.completeness() else { panic!() };
        assert!(why.contains("cut short"));
        let expected = ends.iter().filter(|end| **end <= cut).count();
        let whole_list = usize::from(cut == list.len() - 1);
        assert_eq!(plan.counts().objects, (expected + whole_list) as u64, "{}", &list[..cut]);
    }
}

#[test]
fn a_feed_that_cannot_be_read_on_keeps_what_was_read() {
    struct Breaks<'f>(&'f [u8]);
    impl Read for Breaks<'_> {
        fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
            match self.0.read(piece) {
                Ok(0) => Err(io::Error::new(io::ErrorKind::ConnectionReset, "gone")),
                other => other,
            }
        }
    }
    let error = stix::plan(Breaks(A.as_bytes()), &options()).unwrap_err();
    assert_eq!((error.trouble(), error.offset()), (Trouble::Read, A.len() as u64));
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("gone"));
    let plan = error.into_plan().unwrap();
    assert_eq!((values(&plan), plan.is_complete()), (vec!["a.example"], false));
}

/// What stands where an object should, its id as far as it can be told, and why it makes nothing.
fn bad_objects() -> Vec<(String, &'static str, SkipReason)> {
    let long = "x".repeat(1024 * 1024);
    let deep = "[".repeat(200) + &"]".repeat(200);
    let bad = |text: &str| (text.to_owned(), "", SkipReason::InvalidObject);
    let named = |rest: &str| {
        let text = format!(r#"{{"type":"indicator","id":"indicator--bad",{rest}}}"#);
        (text, "indicator--bad", SkipReason::InvalidObject)
    };
    let too_long = named(&format!(r#""description":"{long}""#));
    vec![
        bad("5"),
        bad("-1.5e3"),
        bad("null"),
        bad(r#""te\"x]t""#),
        bad(r#"{"id":7,"type":"indicator"}"#),
        bad(r#"{"type":"indicator","pattern":"[domain-name:value = 'x.example']"}"#),
        bad(r#"{"type":7}"#),
        bad(r#"{"x":1}"#),
        named(r#""pattern":5"#),
        named(r#""name":"n""#),
        named(
            r#""pattern":"[domain-name:value = 'x.example']","pattern":"[domain-name:value = 'y.example']""#,
        ),
        named(r#""pattern":"\q""#),
        named(r#""pattern":"\ud800 ""#),
        named("\"name\":\"\u{1}\""),
        named(r#""x":tru"#),
        named(r#""x":01"#),
        named(r#""x" "y""#),
        named(r#""pattern":"[domain-name:value = 'x.example']","valid_until":"soon""#),
        named(&format!(r#""name":{deep}"#)),
        (too_long.0, too_long.1, SkipReason::TooLarge),
    ]
}

#[test]
fn a_bad_object_costs_itself_alone_and_is_told_with_index_id_and_reason() {
    for (text, id, reason) in bad_objects() {
        let feed = format!("[{A},{text} ,{B}]");
        let shown = &text[..text.len().min(200)];
        let plan = read(&feed).unwrap_or_else(|error| panic!("{error}: {shown}"));
        whole(&plan);
        assert_eq!(values(&plan), ["a.example", "b.example"], "{shown}");
        let source = &plan.sources()[1];
        assert_eq!((source.index, source.id.as_str()), (1, id), "{shown}");
        let Fate::Skipped(skip) = &source.fate else { panic!("{shown}") };
        assert_eq!(skip.reason, reason, "{shown}");
        assert!(!skip.detail.is_empty() || reason == SkipReason::TooLarge, "{shown}");
    }
}

#[test]
fn what_is_no_object_is_told_once_in_a_row() {
    let plan = read(&format!(r#"[1,"x",null,{A},2,{B}]"#)).unwrap();
    whole(&plan);
    let told: Vec<_> = plan.sources().iter().map(|source| (source.index, &*source.id)).collect();
    assert_eq!(told, [(0, ""), (3, "indicator--a"), (4, ""), (5, "indicator--b")]);
}

#[test]
fn bytes_that_are_no_text_cost_their_object_alone() {
    let bad = b"{\"type\":\"indicator\",\"id\":\"indicator--bad\",\"name\":\"\xff\"}";
    let feed = [b"[", A.as_bytes(), b",", bad, b",", B.as_bytes(), b"]"].concat();
    let plan = stix::plan(feed.as_slice(), &options()).unwrap();
    assert_eq!(values(&plan), ["a.example", "b.example"]);
    assert_eq!(plan.skips().count(), 1);
}

#[test]
fn an_object_too_long_that_is_no_indicator_is_counted_as_it_would_be() {
    let feed = format!(r#"[{A},{{"type":"malware","x":"{}"}},{B}]"#, "x".repeat(1024 * 1024));
    let plan = read(&feed).unwrap();
    assert_eq!(values(&plan), ["a.example", "b.example"]);
    assert_eq!((plan.counts().others["malware"], plan.skips().count()), (1, 0));
}

#[test]
fn a_line_that_is_no_object_costs_itself_alone() {
    for line in [
        "error: gone away",
        r#"{"type":"indicator","id":"indicator--bad","pattern":"[a"#,
        r#"{"type":"indicator","id":"indicator--bad","x":[1,"#,
        r#"{"type":"indicator","id":"indicator--bad","x":[1}"#,
        r#"{"type":"indicator","id":"indicator--bad""#,
    ] {
        let feed = format!("{A}\n{line}\n{MALWARE}\n{A}\n");
        let plan = read(&feed).unwrap_or_else(|error| panic!("{error}: {line}"));
        whole(&plan);
        assert_eq!(plan.counts().others.get("malware"), Some(&1), "{line}");
        assert_eq!(values(&plan), ["a.example"], "{line}");
        assert_eq!(plan.counts().skipped[&SkipReason::InvalidObject], 1, "{line}");
    }
    // At the end nothing tells that line from a feed cut short.
    let error = read(&format!("{A}\n{{\"id\":\n{}\n", B.replace(['\n', '\r'], ""))).unwrap_err();
    assert_eq!(error.trouble(), Trouble::CutShort);
    assert_eq!(values(error.plan().unwrap()), ["a.example", "b.example"]);
}

/// What feeds are made of, whole and broken.
fn pieces() -> impl Strategy<Value = Vec<&'static str>> {
    let piece = select(vec![
        A,
        B,
        MALWARE,
        ",",
        "\n",
        "[",
        "]",
        "{",
        "}",
        "\"",
        "\\",
        "nul",
        "7",
        "<p>",
        "\u{feff}",
        r#"{"objects":["#,
        r#"{"type":"bundle","objects":["#,
        "]}",
        r#"],"more":true}"#,
        r#"{"type":"indicator","id":"indicator--a","revoked":true}"#,
        r#"{"type":"indicator","id":"indicator--c","pattern":"[a"#,
        r#"{"type":"indicator","pattern":"\q"}"#,
    ]);
    vec(piece, 0..24)
}

fn told(outcome: Result<Plan, FeedError>) -> (Option<(Trouble, u64)>, Plan) {
    match outcome {
        Ok(plan) => (None, plan),
        Err(error) => (Some((error.trouble(), error.offset())), error.into_plan().unwrap()),
    }
}

proptest! {
    #[test]
    fn pieces_of_any_size_give_the_same_plan(
        form in prop_oneof![
            select(forms()),
            pieces().prop_map(|pieces| pieces.concat()),
            pieces().prop_map(|pieces| pieces.join("\n")),
            pieces().prop_map(|pieces| format!("[{}]", pieces.join(","))),
        ],
        cut in any::<Index>(),
        sizes in vec(0..60usize, 1..20),
    ) {
        let feed = form.get(..cut.index(2 * form.len() + 1)).unwrap_or(&form).as_bytes();
        let mut at_once = Planner::new(options()).unwrap();
        at_once.push(feed);
        let mut in_pieces = Planner::new(options()).unwrap();
        let mut rest = feed;
        for size in sizes.iter().cycle().map(|size| size.saturating_sub(1)).take(4096) {
            let (piece, more) = rest.split_at(size.min(rest.len()));
            in_pieces.push(piece);
            rest = more;
        }
        in_pieces.push(rest);
        let (at_once, in_pieces) = (told(at_once.finish()), told(in_pieces.finish()));
        whole(&at_once.1);
        prop_assert_eq!(at_once, in_pieces);
    }
}

#[test]
fn junk_is_told_again_behind_an_object() {
    let plan = read(&format!("junk\njunk\n{A}\njunk\njunk\n")).unwrap();
    assert_eq!(plan.skips().count(), 2);
    assert_eq!(values(&plan), ["a.example"]);
}

#[test]
fn only_a_container_has_its_objects_in_a_list() {
    let feed = r#"[{"type": "indicator", "id": "indicator--1", "objects": [{"type": "indicator"}], "pattern": "[url:value = 'http://a.example/x']"}]"#;
    let plan = read(feed).unwrap();
    assert_eq!(plan.counts().objects, 1);
    assert_eq!(plan.indicators().len(), 1);
}
