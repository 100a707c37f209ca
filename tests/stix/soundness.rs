//! What is planned implies the pattern: whatever makes an indicator fire in a small world is what the pattern is about,
//! unless a note says that it widens.

use std::cell::Cell;

use defender_response::Timestamp;
use defender_response::model::IndicatorType;
use defender_response::stix::pattern::{
    Comparison, Condition, Observation, Path, Qualifier, Step, Test,
};
use defender_response::stix::{self, Note, Pattern, PlanOptions, Planned};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{TestCaseError, TestRunner};

use crate::made::{indicator, options};

const ADDRESSES: [&str; 3] = ["81.2.69.142", "81.2.69.143", "2a02:6b8::7"];
const DOMAINS: [&str; 3] = ["a.example", "sub.a.example", "b.example"];
const URLS: [&str; 3] = ["http://a.example/", "http://a.example/x", "http://b.example/x"];
const MD5: [&str; 2] = ["00000000000000000000000000000001", "00000000000000000000000000000002"];
const SHA1: [&str; 2] =
    ["1000000000000000000000000000000000000001", "1000000000000000000000000000000000000002"];
const SHA256: [&str; 2] = [
    "2000000000000000000000000000000000000000000000000000000000000001",
    "2000000000000000000000000000000000000000000000000000000000000002",
];

/// A thing that is seen: its type, and its properties by path.
type Thing = (&'static str, Vec<(&'static str, &'static str)>);

fn file(content: usize, name: &'static str) -> Thing {
    let hashes = [
        ("hashes.MD5", MD5[content]),
        ("hashes.SHA1", SHA1[content]),
        ("hashes.SHA256", SHA256[content]),
    ];
    ("file", [hashes.as_slice(), &[("name", name)]].concat())
}

fn address(value: &'static str) -> Thing {
    (kind_of(value), vec![("value", value)])
}

fn kind_of(value: &str) -> &'static str {
    match value {
        _ if value.contains(':') => "ipv6-addr",
        _ if value.ends_with("example") => "domain-name",
        _ => "ipv4-addr",
    }
}

/// Everything that can be seen at one time.
fn world() -> Vec<Vec<Thing>> {
    let mut world = Vec::new();
    for (content, hash) in SHA256.into_iter().enumerate() {
        for name in ["a.exe", "b.exe"] {
            world.push(vec![file(content, name)]);
            world.push(vec![file(content, name), ("mutex", vec![("name", "m")])]);
            let process =
                ("process", vec![("image_ref.hashes.SHA256", hash), ("command_line", "c")]);
            world.push(vec![file(content, name), process]);
        }
    }
    for source in [ADDRESSES[0], ADDRESSES[1]] {
        for to in ADDRESSES.into_iter().chain(DOMAINS) {
            for port in ["80", "443"] {
                let traffic = vec![
                    ("src_ref.value", source),
                    ("src_ref.type", kind_of(source)),
                    ("dst_ref.value", to),
                    ("dst_ref.type", kind_of(to)),
                    ("protocols.*", port),
                ];
                world.push(vec![("network-traffic", traffic), address(source), address(to)]);
            }
        }
    }
    for url in URLS {
        let host = if url.contains("a.example") { DOMAINS[0] } else { DOMAINS[2] };
        for resolved in ["81.2.69.142", "81.2.69.143"] {
            let domain = vec![("value", host), ("resolves_to_refs.*.value", resolved)];
            let traffic =
                ("network-traffic", vec![("dst_ref.value", host), ("dst_ref.type", "domain-name")]);
            world.push(vec![("url", vec![("value", url)]), ("domain-name", domain), traffic]);
        }
    }
    for hash in SHA1 {
        for issuer in ["i", "j"] {
            world.push(vec![("x509-certificate", vec![("hashes.SHA1", hash), ("issuer", issuer)])]);
        }
    }
    world
}

/// Whether Defender acts on it; `Some(false)` if only because it acts on what lies below, too.
fn fires(planned: &Planned, seen: &[Thing]) -> Option<bool> {
    let has = |kind: &str, path: &str, passes: &dyn Fn(&str) -> bool| {
        let things = seen.iter().filter(|thing| thing.0 == kind);
        things.flat_map(|thing| &thing.1).any(|(p, v)| *p == path && passes(v))
    };
    let value = planned.value.as_str();
    let is = |v: &str| v == value;
    let below = |v: &str| v.ends_with(&format!(".{value}"));
    let (exact, wide) = match planned.indicator_type {
        IndicatorType::FileMd5 => (has("file", "hashes.MD5", &is), false),
        IndicatorType::FileSha1 => (has("file", "hashes.SHA1", &is), false),
        IndicatorType::FileSha256 => (has("file", "hashes.SHA256", &is), false),
        IndicatorType::CertificateThumbprint => {
            (has("x509-certificate", "hashes.SHA1", &is), false)
        }
        IndicatorType::IpAddress => (has("network-traffic", "dst_ref.value", &is), false),
        IndicatorType::DomainName => (
            has("network-traffic", "dst_ref.value", &is),
            has("network-traffic", "dst_ref.value", &below),
        ),
        IndicatorType::Url => {
            (has("url", "value", &is), has("url", "value", &|v| v.starts_with(value)))
        }
        _ => panic!("{planned:?}"),
    };
    if exact { Some(true) } else { wide.then_some(false) }
}

fn path_of(path: &Path<'_>) -> String {
    let steps = path.steps().iter().map(|step| match step {
        Step::Property(name)
            if path.steps()[0].as_property() == Some("hashes") || name.contains('-') =>
        {
            name.replace('-', "")
        }
        Step::Property(name) => name.to_string(),
        _ => "*".to_owned(),
    });
    steps.collect::<Vec<_>>().join(".")
}

fn passes(test: &Test<'_>, thing: &Thing) -> bool {
    let path = path_of(&test.path);
    let mut values = thing.1.iter().filter(|(p, _)| *p == path).map(|(_, value)| *value);
    values.any(|value| {
        let holds = match &test.condition {
            Condition::Equal(literal) => literal.as_text() == Some(value),
            Condition::NotEqual(literal) => literal.as_text() != Some(value),
            Condition::In(literals) => literals.iter().any(|l| l.as_text() == Some(value)),
            Condition::Like(like) => match like.strip_suffix('%') {
                Some(start) => value.starts_with(start),
                None => like == value,
            },
            Condition::IsSubset(network) => match network.split_once('/') {
                Some((_, "31")) => value.starts_with("81.2.69.14"),
                Some((address, _)) => address == value,
                None => network == value,
            },
            Condition::Exists => true,
            other => panic!("{other:?}"),
        };
        holds != test.negated
    })
}

fn holds(tree: &Comparison<'_>, chosen: &[&Thing]) -> bool {
    match tree {
        Comparison::Test(test) => {
            chosen.iter().any(|thing| thing.0 == test.path.object() && passes(test, thing))
        }
        Comparison::And(parts) => parts.iter().all(|part| holds(part, chosen)),
        Comparison::Or(parts) => parts.iter().any(|part| holds(part, chosen)),
        _ => panic!(),
    }
}

/// Whether one thing of each type can be chosen so that the comparison holds.
fn matches_one(tree: &Comparison<'_>, seen: &[Thing], chosen: &mut Vec<usize>) -> bool {
    let things: Vec<_> = chosen.iter().map(|at| &seen[*at]).collect();
    if holds(tree, &things) {
        return true;
    }
    let from = chosen.last().map_or(0, |at| at + 1);
    (from..seen.len()).any(|at| {
        if chosen.iter().any(|other| seen[*other].0 == seen[at].0) {
            return false;
        }
        chosen.push(at);
        let found = matches_one(tree, seen, chosen);
        chosen.pop();
        found
    })
}

/// Whether a single sighting at that time is all that the pattern wants.
fn matches(tree: &Observation<'_>, seen: &[Thing], at: Timestamp) -> bool {
    match tree {
        Observation::Of(comparison) => matches_one(comparison, seen, &mut Vec::new()),
        Observation::Or(parts) => parts.iter().any(|part| matches(part, seen, at)),
        Observation::And(_) | Observation::FollowedBy(_) => false,
        Observation::Qualified(inner, qualifiers) => {
            matches(inner, seen, at)
                && qualifiers.iter().all(|qualifier| match qualifier {
                    Qualifier::Repeats(times) => times.as_i64() == Some(1),
                    Qualifier::StartStop { start, stop } => {
                        start.timestamp().unwrap() <= at && at < stop.timestamp().unwrap()
                    }
                    _ => true,
                })
        }
        _ => panic!(),
    }
}

fn test() -> impl Strategy<Value = String> {
    let paths: Vec<(&'static str, Vec<&'static str>)> = vec![
        ("file:hashes.MD5", MD5.to_vec()),
        ("file:hashes.'SHA-1'", SHA1.to_vec()),
        ("file:hashes.'SHA-256'", SHA256.to_vec()),
        ("file:name", vec!["a.exe", "b.exe"]),
        ("process:image_ref.hashes.'SHA-256'", SHA256.to_vec()),
        ("process:command_line", vec!["c", "d"]),
        ("mutex:name", vec!["m", "n"]),
        ("ipv4-addr:value", ADDRESSES[..2].to_vec()),
        ("ipv6-addr:value", ADDRESSES[2..].to_vec()),
        ("domain-name:value", DOMAINS.to_vec()),
        ("domain-name:resolves_to_refs[*].value", ADDRESSES[..2].to_vec()),
        ("url:value", URLS.to_vec()),
        ("network-traffic:dst_ref.value", [ADDRESSES, DOMAINS].concat()),
        ("network-traffic:dst_ref.type", vec!["ipv4-addr", "ipv6-addr", "domain-name"]),
        ("network-traffic:src_ref.value", ADDRESSES[..2].to_vec()),
        ("network-traffic:src_ref.type", vec!["ipv4-addr", "ipv6-addr"]),
        ("network-traffic:protocols[*]", vec!["80", "443"]),
        ("x509-certificate:hashes.'SHA-1'", SHA1.to_vec()),
        ("x509-certificate:issuer", vec!["i", "j"]),
    ];
    let operator = prop_oneof![
        9 => Just("="), 2 => Just("IN"), 1 => Just("!="), 1 => Just("NOT ="), 1 => Just("NOT !="),
        1 => Just("NOT IN"), 1 => Just("LIKE"), 1 => Just("LIKE %"), 1 => Just("/32"),
        1 => Just("/31"), 1 => Just("EXISTS"),
    ];
    (select(paths), operator).prop_flat_map(|((path, values), operator)| {
        let some = subsequence(values.clone(), 1..=values.len());
        (select(values), some).prop_map(move |(value, some)| match operator {
            "IN" | "NOT IN" => format!("{path} {operator} ('{}')", some.join("','")),
            "LIKE %" => format!("{path} LIKE '{}%'", &value[..1]),
            "/32" | "/31" if value.starts_with("81.") => {
                format!("{path} ISSUBSET '{value}{operator}'")
            }
            "/32" | "/31" => format!("{path} = '{value}'"),
            "EXISTS" => format!("EXISTS {path}"),
            _ => format!("{path} {operator} '{value}'"),
        })
    })
}

/// Patterns over what the world has.
fn pattern() -> impl Strategy<Value = String> {
    let comparison = test().prop_recursive(3, 8, 3, |inner| {
        (vec(inner, 2..4), select(vec![" AND ", " AND ", " OR "]))
            .prop_map(|(parts, word)| format!("({})", parts.join(word)))
    });
    let one = comparison.prop_map(|comparison| format!("[{comparison}]"));
    one.prop_recursive(2, 4, 2, |inner| {
        let joined =
            (vec(inner.clone(), 2..3), select(vec![" OR ", " OR ", " AND ", " FOLLOWEDBY "]));
        let qualifiers = vec![
            "WITHIN 5 SECONDS",
            "REPEATS 1 TIMES",
            "REPEATS 2 TIMES",
            "START t'2026-09-01T00:00:00Z' STOP t'2026-10-05T00:00:00Z'",
            "START t'2026-09-01T00:00:00Z' STOP t'2026-09-05T00:00:00Z'",
            "START t'2026-11-01T00:00:00Z' STOP t'2026-12-05T00:00:00Z'",
        ];
        prop_oneof![
            joined.prop_map(|(parts, word)| format!("({})", parts.join(word))),
            (inner, select(qualifiers)).prop_map(|(inner, word)| format!("({inner} {word})")),
        ]
    })
}

/// What says that an indicator fires on more than the pattern, for reasons that this world has.
const WIDE: [Note; 7] = [
    Note::StrongestHash,
    Note::HashAlone,
    Note::AnyUse,
    Note::NetworkDetailDropped,
    Note::AnyOf,
    Note::RepeatsDropped,
    Note::SourceAddress,
];

fn is_sound(text: &str, options: &PlanOptions, expected: &[Note]) -> Result<usize, TestCaseError> {
    let feed = serde_json::to_vec(&[indicator(1, text)]).unwrap();
    let plan = stix::plan(feed.as_slice(), options).unwrap();
    let pattern = Pattern::parse(text).unwrap();
    for planned in plan.indicators() {
        for seen in world() {
            let Some(exact) = fires(planned, &seen) else { continue };
            let last = planned.expires.to_string().parse::<Timestamp>().unwrap();
            for at in [plan.at(), before(last)] {
                let below = [Note::CoversSubdomains, Note::WholeHost];
                let told = WIDE.iter().any(|note| planned.notes.contains(*note))
                    || !exact && below.iter().any(|note| planned.notes.contains(*note));
                prop_assert!(
                    told || matches(pattern.observation(), &seen, at),
                    "{planned:?} fires at {at} on {seen:?}, and not {text}"
                );
            }
        }
        for note in WIDE.iter().filter(|note| !expected.contains(note)) {
            prop_assert!(!planned.notes.contains(*note), "{note} wasn't asked for: {text}");
        }
    }
    Ok(plan.indicators().len())
}

fn before(at: Timestamp) -> Timestamp {
    (std::time::SystemTime::from(at) - std::time::Duration::from_secs(1)).into()
}

#[test]
fn each_planned_indicator_alone_implies_the_pattern_unless_it_says_that_it_widens() {
    let by_default = [Note::StrongestHash, Note::HashAlone, Note::AnyUse];
    let open = || options().widen_network().any_of().widen_repeats().source_addresses();
    let options = [
        (options(), &by_default[..]),
        (options().all_hashes().expand_networks(16), &by_default),
        (open(), &WIDE),
    ];
    let made = Cell::new([0; 3]);
    let mut runner = TestRunner::new(ProptestConfig { cases: 300, ..ProptestConfig::default() });
    let outcome = runner.run(&pattern(), |text| {
        for (at, (options, expected)) in options.iter().enumerate() {
            let mut counts = made.get();
            counts[at] += usize::from(is_sound(&text, options, expected)? > 0);
            made.set(counts);
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    // The property would also hold for a planner that plans nothing.
    let counts = made.get();
    assert!(counts.iter().all(|made| *made > 10) && counts[2] > counts[0], "{counts:?}");
}
