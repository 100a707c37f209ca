//! What a plan of a feed costs, by stages, beside the least that reading the feed at all costs: `serde_json` into a
//! small borrowed struct.

use std::fmt::Write;
use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use defender_response::model::{IndicatorAction, Severity};
use defender_response::stix::{self, Pattern, Plan, PlanOptions, Planner};
use serde::Deserialize;

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn hex(&mut self, digits: usize) -> String {
        let mut hex = String::new();
        while hex.len() < digits {
            let _ = write!(hex, "{:08x}", self.next() & 0xffff_ffff);
        }
        hex.truncate(digits);
        hex
    }

    fn id(&mut self) -> String {
        format!(
            "{}-{}-4{}-8{}-{}",
            self.hex(8),
            self.hex(4),
            self.hex(3),
            self.hex(3),
            self.hex(12)
        )
    }
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
        numbers.id(),
        numbers.id(),
        1 + n % 28,
        1 + n % 28,
        pattern(numbers, n)
    )
}

fn relationship(numbers: &mut Numbers) -> String {
    format!(
        r#"{{"type":"relationship","spec_version":"2.1","id":"relationship--{}","created":"2026-01-01T10:11:12.123Z","modified":"2026-01-01T10:11:12.123Z","relationship_type":"indicates","source_ref":"indicator--{}","target_ref":"malware--{}"}}"#,
        numbers.id(),
        numbers.id(),
        numbers.id()
    )
}

fn bundle(count: u64, with_others: bool) -> String {
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

#[derive(Deserialize)]
struct Floor<'a> {
    #[serde(borrow)]
    objects: Vec<Least<'a>>,
}

#[derive(Deserialize)]
struct Least<'a> {
    #[serde(borrow, rename = "type")]
    kind: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    id: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    pattern: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow)]
    modified: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow)]
    valid_until: Option<std::borrow::Cow<'a, str>>,
    revoked: Option<bool>,
}

fn options() -> PlanOptions {
    PlanOptions::new(IndicatorAction::Block)
        .severity(Severity::High)
        .at("2026-03-01T00:00:00Z".parse().expect("a time"))
}

fn planned(feed: &[u8]) -> Plan {
    let mut planner = Planner::new(options()).expect("options");
    planner.push(feed);
    planner.finish().expect("a plan")
}

fn stages(group: &mut BenchmarkGroup<'_, WallTime>, feed: &str) {
    let bytes = feed.as_bytes();
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("floor: serde_json, small borrowed struct", |b| {
        b.iter(|| {
            let floor: Floor<'_> = serde_json::from_slice(black_box(bytes)).expect("a bundle");
            floor
                .objects
                .iter()
                .filter(|o| o.kind == "indicator" && !o.id.is_empty() && o.revoked != Some(true))
                .filter(|o| o.pattern.is_some() && o.modified.is_some() && o.valid_until.is_none())
                .count()
        });
    });
    let other = feed.replace(r#""type":"indicator""#, r#""type":"x-nothing""#);
    group.bench_function("reader alone: the same objects, of no interest", |b| {
        b.iter(|| planned(black_box(other.as_bytes())));
    });
    let floor: Floor<'_> = serde_json::from_slice(bytes).expect("a bundle");
    let patterns: Vec<_> = floor.objects.iter().filter_map(|o| o.pattern.as_deref()).collect();
    group.bench_function("patterns alone", |b| {
        b.iter(|| patterns.iter().filter(|text| Pattern::parse(black_box(text)).is_ok()).count());
    });
    group.bench_function("plan", |b| b.iter(|| planned(black_box(bytes))));
    group.bench_function("plan, read in pieces", |b| {
        b.iter(|| stix::plan(black_box(bytes), &options()).expect("a plan"));
    });
    let plan = planned(bytes);
    group.bench_function("the plan's hash", |b| b.iter(|| black_box(&plan).hash()));
}

fn plans(c: &mut Criterion) {
    let feed = bundle(10_000, false);
    let mut group = c.benchmark_group("10,000 indicators");
    stages(&mut group, &feed);
    group.finish();
    let feed = bundle(37_000, true);
    let mut group = c.benchmark_group("37,000 indicators among other objects");
    group.sample_size(10);
    stages(&mut group, &feed);
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(500))
        .measurement_time(std::time::Duration::from_secs(3))
        .sample_size(20);
    targets = plans
}
criterion_main!(benches);
