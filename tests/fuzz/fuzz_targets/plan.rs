//! Any pattern, with any options: one fate, and indicators that the service takes.

#![no_main]

use defender_response::model::{IndicatorAction, IndicatorType};
use defender_response::stix::{Fate, PlanOptions, Planner};
use libfuzzer_sys::fuzz_target;

fn options(bits: u16) -> PlanOptions {
    let on = |bit: u32| bits & (1 << bit) != 0;
    let certificates = (IndicatorType::CertificateThumbprint, IndicatorAction::BlockAndRemediate);
    let mut options = PlanOptions::new(IndicatorAction::Block)
        .action_for(certificates.0, certificates.1)
        .at("2026-10-01T00:00:00Z".parse().unwrap());
    let switches: [fn(PlanOptions) -> PlanOptions; 11] = [
        PlanOptions::hostnames,
        PlanOptions::source_addresses,
        PlanOptions::artifact_hashes,
        PlanOptions::all_hashes,
        PlanOptions::without_md5,
        PlanOptions::without_root_urls,
        |options| options.expand_networks(16),
        PlanOptions::widen_network,
        PlanOptions::any_of,
        PlanOptions::widen_repeats,
        PlanOptions::all_or_nothing,
    ];
    for (bit, switch) in (0..).zip(switches) {
        if on(bit) {
            options = switch(options);
        }
    }
    options
}

fuzz_target!(|input: (u16, &str)| {
    let (bits, pattern) = input;
    let object = serde_json::json!({"type": "indicator", "id": "indicator--1", "pattern": pattern});
    let mut planner = Planner::new(options(bits)).unwrap();
    planner.push(object.to_string().as_bytes());
    let plan = planner.finish().unwrap();
    let [source] = plan.sources() else { panic!() };
    match &source.fate {
        Fate::Planned(places) => assert_eq!(places.len(), plan.indicators().len()),
        _ => assert!(plan.indicators().is_empty()),
    }
    for (planned, new) in plan.indicators().iter().zip(plan.new_indicators()) {
        assert!(planned.expires > plan.at());
        assert_eq!(new.wire_value().unwrap(), planned.value);
    }
});
