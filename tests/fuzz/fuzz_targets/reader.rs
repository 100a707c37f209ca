//! Any feed in any pieces: no panic, no overflow, and the same plan as at once.

#![no_main]

use defender_response::model::IndicatorAction;
use defender_response::stix::{FeedError, Plan, PlanOptions, Planner, Trouble};
use libfuzzer_sys::fuzz_target;

fn planner() -> Planner {
    let now = "2026-10-01T00:00:00Z".parse().unwrap();
    Planner::new(PlanOptions::new(IndicatorAction::Block).at(now)).unwrap()
}

fn told(outcome: Result<Plan, FeedError>) -> (Option<(Trouble, u64)>, Plan) {
    match outcome {
        Ok(plan) => (None, plan),
        Err(error) => (Some((error.trouble(), error.offset())), error.into_plan().unwrap()),
    }
}

fuzz_target!(|input: (u8, &[u8])| {
    let (size, feed) = input;
    let mut at_once = planner();
    at_once.push(feed);
    let mut in_pieces = planner();
    for piece in feed.chunks(usize::from(size).max(1)) {
        in_pieces.push(piece);
    }
    let (at_once, in_pieces) = (told(at_once.finish()), told(in_pieces.finish()));
    assert_eq!(at_once, in_pieces);
    let plan = at_once.1;
    let counts = plan.counts();
    assert_eq!(counts.objects, counts.sources + counts.others.values().sum::<u64>());
    let stored = serde_json::to_vec(&plan).unwrap();
    assert_eq!(serde_json::from_slice::<Plan>(&stored).unwrap(), plan);
});
