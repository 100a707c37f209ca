//! Real feeds and what becomes of each of their indicators, counted by hand. They aren't part of the crate: without
//! the folder beside it the tests say so and hold.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::PathBuf;

use defender_response::stix::{self, Plan, PlanOptions};

use crate::made::{NOW, options, whole};

fn bundles() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/stix-data/bundles");
    if !folder.is_dir() {
        eprintln!("SKIPPED: {} is not here, so no real feed is planned", folder.display());
        return None;
    }
    Some(folder)
}

fn by_name<K: Display>(counts: &BTreeMap<K, u64>) -> String {
    let items: Vec<_> = counts.iter().map(|(what, n)| format!("{n} {what}")).collect();
    items.join(", ")
}

/// What became of whom, as the table below writes it.
fn summary(plan: &Plan) -> [String; 5] {
    let counts = plan.counts();
    let withdrawn: Vec<_> = counts.withdrawn.iter().map(|(c, n)| format!("{n} {c:?}")).collect();
    [
        format!("{}/{} planned", counts.planned, counts.sources),
        by_name(&counts.indicators),
        withdrawn.join(", "),
        by_name(&counts.skipped),
        by_name(&counts.left_out),
    ]
}

/// The feed; sources; indicators; withdrawn sources; skipped sources; alternatives left out.
const GOLDEN: &[(&str, [&str; 5])] = &[
    // Four networks of 131,072 addresses each; two certificates by issuer and serial number.
    (
        "apt1.json",
        ["6/12 planned", "3 DomainName, 3 FileMd5", "", "2 UnsupportedProperty, 4 Cidr", ""],
    ),
    ("indicator-for-malicious-url.json", ["1/1 planned", "1 Url", "", "", ""]),
    ("malware-indicator-for-file-hash.json", ["1/1 planned", "1 FileSha256", "", "", ""]),
    // A domain; the same domain with its address, which is more than the domain; a file's name.
    (
        "misp-events-stix20.json",
        ["1/3 planned", "1 DomainName", "", "1 UnsupportedProperty, 1 NetworkDetail", ""],
    ),
    (
        "misp-events-stix21.json",
        ["1/3 planned", "1 DomainName", "", "1 UnsupportedProperty, 1 NetworkDetail", ""],
    ),
    ("mvt-candiru.stix2", ["125/125 planned", "125 DomainName", "", "", ""]),
    // Valid until 2025; `revoked` is the text "False".
    ("opencti-indicator-sample.json", ["0/1 planned", "", "1 Expired", "", ""]),
    // 96 addresses and domains valid until 2022; four MD5s; two files by MD5, SHA-1 or SHA-256, or else by a SHA-512,
    // or an SSDEEP, a size and a type; two YARA rules.
    (
        "sekoia-apt31.jsonl",
        [
            "6/104 planned",
            "6 FileMd5, 2 FileSha1, 2 FileSha256",
            "96 Expired",
            "2 PatternLanguage",
            "2 UnsupportedProperty, 2 UnsupportedHash",
        ],
    ),
    ("sighting-of-an-indicator.json", ["1/1 planned", "1 Url", "", "", ""]),
    // Four addresses that connections came from.
    (
        "talos-2026-07-uat-7810.json",
        ["86/90 planned", "77 FileSha256, 9 Url", "", "4 SourceAddress", ""],
    ),
    (
        "unit42-2024-06-24-clickfix.json",
        ["11/11 planned", "4 FileSha256, 3 DomainName, 4 Url", "", "", ""],
    ),
    // Mail by its sender.
    ("using-granular-markings.json", ["0/1 planned", "", "", "1 UnsupportedObject", ""]),
];

#[test]
fn each_real_feed_is_planned_as_counted_by_hand() {
    let Some(folder) = bundles() else { return };
    let mut differ = Vec::new();
    for (name, golden) in GOLDEN {
        let feed = std::fs::read(folder.join(name)).unwrap();
        let plan = stix::plan(feed.as_slice(), &options()).unwrap();
        whole(&plan);
        assert!(plan.is_complete(), "{name}");
        let mut order: [String; 5] = golden.map(String::from);
        let mut made = summary(&plan);
        for summary in [&mut order, &mut made] {
            for row in summary {
                let mut items: Vec<_> = row.split(", ").collect();
                items.sort_unstable();
                *row = items.join(", ");
            }
        }
        if made != order {
            differ.push(format!("{name}: {made:?}"));
        }
    }
    assert!(differ.is_empty(), "{differ:#?}");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name()).collect();
    files.retain(|file| !GOLDEN.iter().any(|(name, _)| file == *name));
    assert!(files.is_empty(), "not in the table: {files:?}");
}

fn planned(name: &str, options: &PlanOptions) -> Option<Plan> {
    let feed = std::fs::read(bundles()?.join(name)).unwrap();
    Some(stix::plan(feed.as_slice(), options).unwrap())
}

#[test]
fn a_real_feed_that_is_over_is_withdrawn_value_by_value() {
    let later = options().at("2026-12-01T00:00:00Z".parse().unwrap());
    let Some(plan) = planned("sekoia-apt31.jsonl", &later) else { return };
    assert!(plan.indicators().is_empty());
    // 53 addresses, 43 domains and ten hashes.
    assert_eq!(plan.withdrawals().len(), 53 + 43 + 10);
}

#[test]
fn options_open_what_real_feeds_have() {
    let widened = options().source_addresses().widen_network();
    let Some(plan) = planned("talos-2026-07-uat-7810.json", &widened) else { return };
    assert_eq!(plan.counts().planned, 90);
    let Some(plan) = planned("misp-events-stix20.json", &widened) else { return };
    assert_eq!((plan.counts().planned, plan.indicators().len()), (2, 1), "one domain twice");
    assert_eq!(plan.at().to_string(), NOW);
}
