//! What a feed revokes or lets expire is deleted where it is ours and still what it was; everything else stays.

use defender_response::emulator::{Emulator, FaultRule, PlainFault, StatusFault};
use defender_response::model::{IndicatorAction, IndicatorType};
use defender_response::stix::{DeletionOutcome, Plan, PushReport, SourceOutcome};
use defender_response::{Client, IndicatorId, NewIndicator};
use serde_json::{Value, json};

use crate::pushing::{
    calls, check, check_full, domain, ends, fill, object, options, others, plan_of, revoked, store,
    writes,
};
use crate::pushing_trouble::{rewrite, with_hook};
use crate::script::emulated;

const OURS: &str = "defender-response";

fn block(objects: &[Value]) -> Plan {
    plan_of(objects, &options(IndicatorAction::Block))
}

async fn pushed(emulator: &Emulator, client: &Client, plan: &Plan) -> PushReport {
    let before = others(emulator, OURS);
    let report = client.indicators().push(plan).await.unwrap();
    check(emulator, plan, &report, &before);
    report
}

async fn by_hand(client: &Client, value: &str) -> IndicatorId {
    let (kind, action) = (IndicatorType::DomainName, IndicatorAction::Block);
    let new = NewIndicator::new(kind, value, action, "by hand", "why").application("another tool");
    client.indicators().create_or_update(new).await.unwrap().id
}

#[tokio::test(start_paused = true)]
async fn ours_is_deleted_theirs_stays_and_what_is_absent_is_told_apart() {
    let (emulator, client) = emulated(Emulator::builder());
    assert!(pushed(&emulator, &client, &block(&[domain(0), domain(3)])).await.is_complete());
    let theirs = by_hand(&client, "d1.evil.example").await;
    let mut over = domain(3);
    over["valid_until"] = json!("2026-02-01T00:00:00Z");
    let plan = block(&[revoked(domain(0)), revoked(domain(1)), revoked(domain(2)), over]);
    let report = pushed(&emulator, &client, &plan).await;
    let outcomes: Vec<_> = report.sources().iter().map(|source| source.outcome).collect();
    let [gone, theirs_stays, absent] =
        [SourceOutcome::Deleted, SourceOutcome::NotOurs, SourceOutcome::NotThere];
    assert_eq!(outcomes, [gone, theirs_stays, absent, gone]);
    assert_eq!(report.withdrawals()[1].outcome, DeletionOutcome::NotOurs { ids: vec![theirs] });
    assert_eq!(report.sources()[1].reason.as_deref(), Some("it is somebody else's"));
    assert!(store(&emulator, OURS).0.is_empty() && report.is_complete());
    assert!(calls(&emulator, "get_indicator") >= 2, "read again by id");

    let again = pushed(&emulator, &client, &plan).await;
    assert_eq!(ends(&again), [(absent, 3), (theirs_stays, 1)]);
}

#[tokio::test(start_paused = true)]
async fn all_of_ours_with_the_value_go_whatever_their_action_and_nothing_but_that_value() {
    let (emulator, client) = emulated(Emulator::builder());
    let url = |path: &str| object(path, &format!("[url:value = 'https://evil.example/{path}']"));
    let objects =
        [domain(0), url("A"), url("a"), object("h", "[domain-name:value = 'evil.example']")];
    let watch = plan_of(&objects, &options(IndicatorAction::Audit));
    assert!(pushed(&emulator, &client, &watch).await.is_complete());
    let second = NewIndicator::new(
        IndicatorType::DomainName,
        "D0.evil.example",
        IndicatorAction::Warn,
        "left over",
        "of an earlier run",
    );
    client.indicators().create_or_update(second.application(OURS)).await.unwrap();
    let report = client.indicators().push(&block(&[revoked(domain(0)), revoked(url("A"))])).await;
    let report = report.unwrap();
    assert_eq!(ends(&report), [(SourceOutcome::Deleted, 2)]);
    let DeletionOutcome::Deleted { ids } = &report.withdrawals()[0].outcome else {
        panic!("{report:?}")
    };
    assert_eq!(ids.len(), 2);
    let (left, _) = store(&emulator, OURS);
    let left: Vec<_> = left.values().map(|i| i["indicatorValue"].as_str().unwrap()).collect();
    assert_eq!(left, ["https://evil.example/a", "evil.example"]);
}

#[tokio::test(start_paused = true)]
async fn what_another_object_still_wants_is_not_deleted() {
    let (emulator, client) = emulated(Emulator::builder());
    let same = object("9", "[domain-name:value = 'd0.evil.example']");
    let report = pushed(&emulator, &client, &block(&[revoked(domain(0)), same])).await;
    assert_eq!(ends(&report), [(SourceOutcome::Accepted, 1), (SourceOutcome::NothingToDelete, 1)]);
    assert_eq!(store(&emulator, OURS).0.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_another_one_when_it_is_read_again_is_left_alone() {
    for (member, value) in [
        ("application", json!("another tool")),
        ("application", json!(null)),
        ("indicatorValue", json!("good.example")),
        ("indicatorType", json!("Url")),
        ("action", json!("Allowed")),
    ] {
        for count in [1, 25] {
            let changed = value.clone();
            let (emulator, client) =
                with_hook(Emulator::builder(), move |emulator, request, answer| {
                    // From the second read on: by id for a few, in a list for many.
                    let (path, Some(answer)) = (request.uri().path(), answer) else { return };
                    let again =
                        path.contains("/indicators/1") || calls(emulator, "list_indicators") > 2;
                    if request.method() == http::Method::GET && again {
                        rewrite(answer, |body| match body["value"].as_array_mut() {
                            Some(items) => items
                                .iter_mut()
                                .filter(|item| item["application"] == OURS)
                                .for_each(|item| item[member] = changed.clone()),
                            None => body[member] = changed.clone(),
                        });
                    }
                });
            let objects: Vec<_> = (0..count).map(domain).collect();
            assert!(client.indicators().push(&block(&objects)).await.unwrap().is_complete());
            let gone: Vec<_> = (0..count).map(|n| revoked(domain(n))).collect();
            emulator.clear_journal();
            // One list at the beginning; the one after it is the second read.
            assert!(client.indicators().list(None).all().await.is_ok());
            let report = client.indicators().push(&block(&gone)).await.unwrap();
            assert_eq!(ends(&report), [(SourceOutcome::Changed, count as u64)], "{member} {count}");
            assert_eq!(writes(&emulator), 0, "{member} {count}");
            assert_eq!(store(&emulator, OURS).0.len(), count);
            assert!(!report.is_complete());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_somebody_deletes_meanwhile_was_not_there() {
    let (emulator, client) = emulated(Emulator::builder());
    assert!(pushed(&emulator, &client, &block(&[domain(0), domain(1)])).await.is_complete());
    let id = store(&emulator, OURS).0.into_keys().next().unwrap();
    let plan = block(&[revoked(domain(0)), revoked(domain(1))]);
    let (taken, mut told) = (emulator.clone(), 0);
    let push = client.indicators().push(&plan).progress(move |_| {
        told += 1;
        if told == 2 {
            assert!(taken.remove_indicator(&id));
        }
    });
    let report = push.await.unwrap();
    assert_eq!(ends(&report), [(SourceOutcome::Deleted, 1), (SourceOutcome::NotThere, 1)]);
}

/// Pushes and then revokes so many, while somebody deletes one of them just before the first deletion arrives.
async fn overtaken(mode: &str, count: usize) -> (Emulator, PushReport) {
    let builder = Emulator::builder().set("batch_delete", mode).unwrap();
    let (emulator, client) = with_hook(builder, |emulator, request, answer| {
        let first = calls(emulator, "batch_delete_indicators") == 0;
        if answer.is_none() && first && request.uri().path().ends_with("/BatchDelete") {
            let id = store(emulator, OURS).0.into_keys().next().unwrap();
            assert!(emulator.remove_indicator(&id));
        }
    });
    let objects: Vec<_> = (0..count).map(domain).collect();
    assert!(client.indicators().push(&block(&objects)).await.unwrap().is_complete());
    let gone: Vec<_> = (0..count).map(|n| revoked(domain(n))).collect();
    let report = client.indicators().push(&block(&gone)).await.unwrap();
    (emulator, report)
}

#[tokio::test(start_paused = true)]
async fn a_batch_refused_for_one_that_is_missing_is_looked_at_again() {
    for count in [5, 60] {
        let (emulator, report) = overtaken("atomic", count).await;
        let deleted = (SourceOutcome::Deleted, count as u64 - 1);
        assert_eq!(ends(&report), [deleted, (SourceOutcome::NotThere, 1)]);
        assert!(store(&emulator, OURS).0.is_empty());

        // All are gone: which one was missing before can't be told.
        let (emulator, report) = overtaken("partial", count).await;
        assert_eq!(ends(&report), [(SourceOutcome::Deleted, count as u64)]);
        assert!(store(&emulator, OURS).0.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_deletion_whose_answer_was_lost_is_settled_by_looking() {
    for (count, operation) in [(1, "delete_indicator"), (60, "batch_delete_indicators")] {
        for fault in
            [PlainFault::ResetAfterEffect, PlainFault::HangBeforeEffect, PlainFault::Html200]
        {
            let (emulator, client) = emulated(Emulator::builder());
            let objects: Vec<_> = (0..count).map(domain).collect();
            assert!(pushed(&emulator, &client, &block(&objects)).await.is_complete());
            let gone: Vec<_> = (0..count).map(|n| revoked(domain(n))).collect();
            emulator.fault(FaultRule::new(operation, fault)).unwrap();
            let report = pushed(&emulator, &client, &block(&gone)).await;
            assert_eq!(ends(&report), [(SourceOutcome::Deleted, count as u64)], "{fault:?}");
            assert!(store(&emulator, OURS).0.is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_never_succeeds_has_failed_and_the_rest_goes_on() {
    let (emulator, client) = emulated(Emulator::builder());
    assert!(pushed(&emulator, &client, &block(&[domain(0)])).await.is_complete());
    let broken = FaultRule::new("delete_indicator", StatusFault::new(500)).times(100);
    emulator.fault(broken).unwrap();
    let report = pushed(&emulator, &client, &block(&[revoked(domain(0)), domain(1)])).await;
    assert_eq!(ends(&report), [(SourceOutcome::Accepted, 1), (SourceOutcome::Failed, 1)]);
    assert_eq!(store(&emulator, OURS).0.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_right_that_is_lost_between_deletions_leaves_the_rest_not_sent() {
    let (emulator, client) = emulated(Emulator::builder());
    let objects: Vec<_> = (0..501).map(domain).collect();
    assert!(pushed(&emulator, &client, &block(&objects)).await.is_complete());
    let gone: Vec<_> = (0..501).map(|n| revoked(domain(n))).collect();
    emulator.fault(FaultRule::new("delete_indicator", StatusFault::new(403))).unwrap();
    let report = pushed(&emulator, &client, &block(&gone)).await;
    assert_eq!(ends(&report), [(SourceOutcome::NotSent, 1), (SourceOutcome::Deleted, 500)]);
    assert!(report.error().is_some() && !report.is_complete());
    assert_eq!(store(&emulator, OURS).0.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn withdrawals_make_room_for_what_comes() {
    let (emulator, client) = emulated(Emulator::builder());
    let objects: Vec<_> = (0..30).map(domain).collect();
    assert!(pushed(&emulator, &client, &block(&objects)).await.is_complete());
    fill(&emulator, 0);
    let mut next: Vec<_> = (0..30).map(|n| revoked(domain(n))).collect();
    next.extend((30..60).map(domain));
    let plan = block(&next);
    let report = client.indicators().push(&plan).await.unwrap();
    check_full(&emulator, &plan, &report, 0);
    assert_eq!(ends(&report), [(SourceOutcome::Accepted, 30), (SourceOutcome::Deleted, 30)]);
}
