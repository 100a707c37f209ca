//! What a plan of a feed costs, by stages, beside the least that reading the feed at all costs: `serde_json` into a
//! small borrowed struct.

mod feed;

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use defender_response::stix::{self, Pattern};
use feed::{bundle, floor, options, patterns, planned};

fn stages(group: &mut BenchmarkGroup<'_, WallTime>, feed: &str) {
    let bytes = feed.as_bytes();
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("floor: serde_json, small borrowed struct", |b| {
        b.iter(|| floor(black_box(bytes)));
    });
    let other = feed.replace(r#""type":"indicator""#, r#""type":"x-nothing""#);
    group.bench_function("reader alone: the same objects, of no interest", |b| {
        b.iter(|| planned(black_box(other.as_bytes())));
    });
    let patterns = patterns(bytes);
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
