//! Generated feeds, the plan of one, and the least that reading one at all costs.

mod numbers;

use std::borrow::Cow;
use std::fmt::Write;

use defender_response::model::{IndicatorAction, Severity};
use defender_response::stix::{Plan, PlanOptions, Planner};
use numbers::Numbers;
use serde::Deserialize;

fn id(numbers: &mut Numbers) -> String {
    format!(
        "{}-{}-4{}-8{}-{}",
        numbers.hex(8),
        numbers.hex(4),
        numbers.hex(3),
        numbers.hex(3),
        numbers.hex(12)
    )
}

/// In the mix of published feeds.
fn pattern(numbers: &mut Numbers, n: u64) -> String {
    let address = |n: u64| format!("{}.{}.{}.{}", 20 + n % 80, n / 80 % 256, n / 9 % 256, n % 251);
    match n * 7919 % 1000 {
        0..300 => format!("[domain-name:value = '{}.example']", numbers.hex(12)),
        300..700 => {
            let name = ["'SHA-256'", "'SHA-256'", "SHA256", "sha256"][(n % 4) as usize];
            format!("[file:hashes.{name} = '{}']", numbers.hex(64))
        }
        700..740 => format!("[ipv4-addr:value = '{}']", address(numbers.next())),
        740..860 => format!(
            "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '{}']",
            address(numbers.next())
        ),
        860..960 => {
            format!("[url:value = 'https://{}.example/{}']", numbers.hex(9), numbers.hex(20))
        }
        _ => format!(r"[windows-registry-key:key = 'HKLM\\\\Software\\\\{}']", numbers.hex(8)),
    }
}

fn indicator(numbers: &mut Numbers, n: u64) -> String {
    format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"indicator--{}","created_by_ref":"identity--{}","created":"2026-01-{:02}T10:11:12.123Z","modified":"2026-02-{:02}T10:11:12.123Z","name":"Indicator number {n}","description":"Seen in the campaign that was observed in the first weeks of the year; related to the loader of which a sample was analysed.","indicator_types":["malicious-activity"],"pattern":"{}","pattern_type":"stix","pattern_version":"2.1","valid_from":"2026-01-01T00:00:00Z","labels":["misp:type=\"sha256\"","misp:to_ids=\"True\""],"kill_chain_phases":[{{"kill_chain_name":"lockheed-martin-cyber-kill-chain","phase_name":"command-and-control"}}],"object_marking_refs":["marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"]}}"#,
        id(numbers),
        id(numbers),
        1 + n % 28,
        1 + n % 28,
        pattern(numbers, n)
    )
}

fn relationship(numbers: &mut Numbers) -> String {
    format!(
        r#"{{"type":"relationship","spec_version":"2.1","id":"relationship--{}","created":"2026-01-01T10:11:12.123Z","modified":"2026-01-01T10:11:12.123Z","relationship_type":"indicates","source_ref":"indicator--{}","target_ref":"malware--{}"}}"#,
        id(numbers),
        id(numbers),
        id(numbers)
    )
}

/// A bundle of so many indicators, alone or with as many relationships.
pub fn bundle(count: u64, with_others: bool) -> String {
    let mut numbers = Numbers(7);
    let mut text = String::from(r#"{"type":"bundle","id":"bundle--1","objects":["#);
    for n in 0..count {
        let comma = if n == 0 { "" } else { ",\n" };
        let _ = write!(text, "{comma}{}", indicator(&mut numbers, n));
        if with_others {
            let _ = write!(text, ",\n{}", relationship(&mut numbers));
        }
    }
    text.push_str("]}");
    text
}

/// What `serde_json` reads at the least.
#[derive(Deserialize)]
struct Floor<'a> {
    #[serde(borrow)]
    objects: Vec<Least<'a>>,
}

#[derive(Deserialize)]
struct Least<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    pattern: Option<Cow<'a, str>>,
    #[serde(borrow)]
    modified: Option<Cow<'a, str>>,
    #[serde(borrow)]
    valid_until: Option<Cow<'a, str>>,
    revoked: Option<bool>,
}

pub fn options() -> PlanOptions {
    PlanOptions::new(IndicatorAction::Block)
        .severity(Severity::High)
        .at("2026-03-01T00:00:00Z".parse().expect("a time"))
}

pub fn planned(feed: &[u8]) -> Plan {
    let mut planner = Planner::new(options()).expect("options");
    planner.push(feed);
    planner.finish().expect("a plan")
}

/// How many indicators there are to plan, by the floor.
pub fn floor(feed: &[u8]) -> usize {
    let floor: Floor<'_> = serde_json::from_slice(feed).expect("a bundle");
    floor
        .objects
        .iter()
        .filter(|o| o.kind == "indicator" && !o.id.is_empty() && o.revoked != Some(true))
        .filter(|o| o.pattern.is_some() && o.modified.is_some() && o.valid_until.is_none())
        .count()
}

/// The texts of a feed's patterns.
pub fn patterns(feed: &[u8]) -> Vec<Cow<'_, str>> {
    let floor: Floor<'_> = serde_json::from_slice(feed).expect("a bundle");
    floor.objects.into_iter().filter_map(|o| o.pattern).collect()
}
