//! What STIX costs, stage by stage, on generated indicators in the mix that published feeds show.

#[path = "feed/numbers.rs"]
mod numbers;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use defender_response::stix::Pattern;
use numbers::Numbers;

fn address(numbers: &mut Numbers) -> String {
    let n = numbers.next();
    format!("198.51.{}.{}", n % 256, n / 256 % 256)
}

/// Of a thousand: 868 single comparisons, 130 with AND, 1 with OR, 1 with an escape.
fn patterns(count: u64) -> Vec<String> {
    let mut numbers = Numbers(1);
    let pattern = |n| match n * 7919 % 1000 {
        0..330 => format!("[domain-name:value = '{}.example']", numbers.hex(12)),
        330..740 => {
            let name = ["'SHA-256'", "'SHA-256'", "SHA256", "sha256"][(n % 4) as usize];
            format!("[file:hashes.{name} = '{}']", numbers.hex(64))
        }
        740..800 => format!("[ipv4-addr:value = '{}']", address(&mut numbers)),
        800..868 => {
            format!("[url:value = 'https://{}.example/{}']", numbers.hex(9), numbers.hex(20))
        }
        868..998 => format!(
            "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '{}']",
            address(&mut numbers)
        ),
        998 => format!(
            "[file:hashes.MD5 = '{}' OR file:hashes.'SHA-1' = '{}']",
            numbers.hex(32),
            numbers.hex(40)
        ),
        _ => format!(r"[windows-registry-key:key = 'HKLM\\Software\\{}']", numbers.hex(8)),
    };
    (0..count).map(pattern).collect()
}

fn parse(c: &mut Criterion) {
    let feed = patterns(1000);
    let mut group = c.benchmark_group("parse pattern");
    group.throughput(Throughput::Elements(feed.len() as u64));
    group.bench_function("feed of 1,000", |b| {
        b.iter(|| {
            for text in &feed {
                drop(black_box(Pattern::parse(black_box(text))));
            }
        });
    });
    group.throughput(Throughput::Elements(1));
    for (name, text) in [
        ("one address", "[ipv4-addr:value = '198.51.100.17']".to_owned()),
        ("one hash", format!("[file:hashes.'SHA-256' = '{}']", "0123456789abcdef".repeat(4))),
    ] {
        group.bench_function(name, |b| b.iter(|| Pattern::parse(black_box(&text))));
        group.bench_function(format!("{name}, owned"), |b| {
            b.iter(|| black_box(&text).parse::<Pattern<'static>>());
        });
    }
    group.finish();
}

criterion_group!(benches, parse);
criterion_main!(benches);
