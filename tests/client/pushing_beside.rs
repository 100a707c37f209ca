//! Pushes while others bring, take and delete, and after tries of which nobody knows what came: nothing of theirs is
//! overwritten, and what was done is told as done.

use std::time::Duration;

use defender_response::emulator::{Emulator, FaultRule, PlainFault, StatusFault};
use defender_response::model::{IndicatorAction, IndicatorType};
use defender_response::stix::{IndicatorOutcome, Plan, PushReport, SourceOutcome};
use defender_response::{Client, NewIndicator};
use serde_json::{Value, json};

use crate::pushing::{
    calls, domain, domains, ends, fill, object, options, others, plan_of, revoked, store,
};
use crate::pushing_trouble::{rewrite, with_hook};
use crate::script::emulated;

const OURS: &str = "defender-response";

async fn theirs(client: &Client, value: &str, action: IndicatorAction) -> String {
    let kind = IndicatorType::DomainName;
    let new = NewIndicator::new(kind, value, action, "by hand", "why").application("another tool");
    client.indicators().create_or_update(new).await.unwrap().id.to_string()
}

/// Waits until so many imports arrived, and then some seconds more.
async fn after_imports(emulator: &Emulator, count: u64, seconds: u64) {
    while calls(emulator, "import_indicators") < count {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn block(objects: &[Value]) -> Plan {
    plan_of(objects, &options(IndicatorAction::Block))
}

#[tokio::test(start_paused = true)]
async fn what_somebody_brings_while_a_lost_answer_is_settled_is_left_alone() {
    let (emulator, client) = emulated(Emulator::builder());
    emulator.fault(FaultRule::new("import_indicators", PlainFault::ResetBeforeEffect)).unwrap();
    let plan = domains(3);
    let somebody = async {
        after_imports(&emulator, 1, 1).await;
        theirs(&client, "d1.evil.example", IndicatorAction::Block).await
    };
    let (report, id) = tokio::join!(client.indicators().push(&plan).send(), somebody);
    let report = report.unwrap();
    assert_eq!(ends(&report), [(SourceOutcome::Accepted, 2), (SourceOutcome::AlreadyPresent, 1)]);
    let there = others(&emulator, OURS).into_iter().find(|i| i["id"] == *id).unwrap();
    assert!(there["title"] == "by hand" && there["lastUpdatedBy"].is_null(), "{there}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_names_somebody_elses_indicator_is_not_believed() {
    let (_, client) = with_hook(Emulator::builder(), |emulator, request, answer| {
        let Some(answer) = answer.filter(|_| request.uri().path().ends_with("/import")) else {
            return;
        };
        let all = emulator.indicators();
        let theirs = all.iter().find(|i| i["application"] == "another tool").unwrap()["id"].clone();
        rewrite(answer, |body| body["value"][1]["id"] = theirs);
    });
    let id = theirs(&client, "d1.evil.example", IndicatorAction::Allowed).await;
    let report = client.indicators().push(&domains(3)).await.unwrap();
    assert_eq!(ends(&report), [(SourceOutcome::Accepted, 2), (SourceOutcome::Unknown, 1)]);
    let reason = report.sources()[1].reason.as_deref().unwrap_or_default();
    assert!(reason.contains(&id) && reason.contains("somebody else's"), "{reason}");
}

/// What is told of three that were lost once and then met with this.
async fn lost_and_then(second: &[StatusFault]) -> PushReport {
    let (emulator, client) = emulated(Emulator::builder());
    emulator.fault(FaultRule::new("import_indicators", PlainFault::ResetBeforeEffect)).unwrap();
    for fault in second {
        emulator.fault(FaultRule::new("import_indicators", fault.clone())).unwrap();
    }
    client.queue_within(Duration::from_secs(30)).indicators().push(&domains(3)).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_was_lost_once_and_then_refused_is_unknown_and_never_called_not_sent() {
    let slow = StatusFault::new(429).retry_after(300);
    for second in [
        vec![StatusFault::new(403)],
        vec![StatusFault::new(401), StatusFault::new(401)],
        vec![slow],
        // The halves of a batch that was lost once were lost too.
        vec![StatusFault::new(400), StatusFault::new(403)],
    ] {
        let report = lost_and_then(&second).await;
        assert_eq!(ends(&report), [(SourceOutcome::Unknown, 3)], "{second:?}");
        assert!(report.error().is_some() && !report.is_complete());
    }
}

/// A tenant that is full, so many of it ours with another action than the plan's.
async fn full_of_ours(count: usize) -> (Emulator, Client, Plan) {
    let (emulator, client) = emulated(Emulator::builder());
    let objects: Vec<_> = (0..count).map(domain).collect();
    let watched = plan_of(&objects, &options(IndicatorAction::Audit));
    assert!(client.indicators().push(&watched).await.unwrap().is_complete());
    fill(&emulator, 0);
    (emulator, client, block(&objects))
}

#[tokio::test(start_paused = true)]
async fn at_the_cap_what_was_deleted_for_one_that_was_not_accepted_is_told() {
    for (fault, outcome) in [
        (FaultRule::new("import_indicators", StatusFault::new(403)), SourceOutcome::NotSent),
        (FaultRule::new("import_indicators", StatusFault::new(400)), SourceOutcome::Failed),
    ] {
        let (emulator, client, plan) = full_of_ours(1).await;
        let old = store(&emulator, OURS).0.into_keys().next().unwrap();
        emulator.fault(fault).unwrap();
        let report = client.indicators().push(&plan).await.unwrap();
        assert_eq!(ends(&report), [(outcome, 1)]);
        assert!(store(&emulator, OURS).0.is_empty());
        let told = serde_json::to_value(&report.indicators()[0]).unwrap();
        assert_eq!(told["replaced"], json!([old]));
        let reason = report.sources()[0].reason.as_deref().unwrap_or_default();
        let what = format!("ours with another action, {old}, was deleted before");
        assert!(reason.contains(&what), "{reason}");
        assert!(report.to_string().contains("deleted before"), "{report}");
    }
}

#[tokio::test(start_paused = true)]
async fn at_the_cap_a_refusal_costs_fifty_at_most() {
    let (emulator, client, plan) = full_of_ours(120).await;
    emulator.fault(FaultRule::new("import_indicators", StatusFault::new(403))).unwrap();
    let report = client.indicators().push(&plan).await.unwrap();
    assert_eq!(ends(&report), [(SourceOutcome::NotSent, 120)]);
    assert_eq!(store(&emulator, OURS).0.len(), 70);

    let (emulator, client, plan) = full_of_ours(120).await;
    for n in 0..120 {
        emulator.fail_indicator(format!("d{n}.evil.example"), "known good");
    }
    let report = client.indicators().push(&plan).await.unwrap();
    assert_eq!(ends(&report), [(SourceOutcome::Failed, 120)]);
    assert_eq!(store(&emulator, OURS).0.len(), 70);
    let reason = report.sources().iter().filter_map(|source| source.reason.as_deref());
    assert_eq!(reason.filter(|reason| reason.contains("was left as it is")).count(), 70);

    let (emulator, client, plan) = full_of_ours(120).await;
    let report = client.indicators().push(&plan).await.unwrap();
    assert_eq!(ends(&report), [(SourceOutcome::Accepted, 120)]);
    assert_eq!(store(&emulator, OURS).0.len(), 120);
}

#[tokio::test(start_paused = true)]
async fn room_that_others_take_while_the_push_waits_is_no_room() {
    let (emulator, client) = emulated(Emulator::builder());
    fill(&emulator, 10);
    let slow = StatusFault::new(429).retry_after(300);
    emulator.fault(FaultRule::new("import_indicators", slow)).unwrap();
    let plan = domains(10);
    let somebody = async {
        after_imports(&emulator, 1, 100).await;
        for n in 0..6 {
            theirs(&client, &format!("x{n}.other.example"), IndicatorAction::Block).await;
        }
    };
    let (report, ()) = tokio::join!(client.indicators().push(&plan).send(), somebody);
    let report = report.unwrap();
    assert_eq!(ends(&report), [(SourceOutcome::Accepted, 4), (SourceOutcome::NoRoom, 6)]);
    assert_eq!(report.sources()[0].outcome, SourceOutcome::Accepted, "the first have it");
}

/// Ours of a URL whose host was written in capitals.
async fn url_in_capitals(client: &Client, owner: &str) -> Value {
    let source = object("1", "[url:value = 'https://evil.example/A']");
    let plan = block(std::slice::from_ref(&source));
    let (kind, action) = (IndicatorType::Url, IndicatorAction::Block);
    let new =
        NewIndicator::new(kind, "https://Evil.example/A", action, "of 1", "of 1, indicator--1")
            .expiration_time(plan.indicators()[0].expires)
            .application(owner);
    client.indicators().create_or_update(new).await.unwrap();
    source
}

#[tokio::test(start_paused = true)]
async fn what_counts_as_there_never_leaves_the_feed() {
    let (emulator, client) = emulated(Emulator::builder());
    let plan = block(&[url_in_capitals(&client, "defender-response/feed").await]);
    let report = client.indicators().sync(&plan, "feed").await.unwrap();
    assert_eq!(ends(&report), [(SourceOutcome::Unchanged, 1)]);
    assert!(report.departed().is_empty(), "{:?}", report.departed());
    assert_eq!(store(&emulator, "defender-response/feed").0.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_counts_as_there_is_withdrawn() {
    let (emulator, client) = emulated(Emulator::builder());
    let plan = block(&[revoked(url_in_capitals(&client, OURS).await)]);
    let report = client.indicators().push(&plan).await.unwrap();
    assert_eq!(ends(&report), [(SourceOutcome::Deleted, 1)]);
    assert!(store(&emulator, OURS).0.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_single_deletion_that_finds_nothing_did_not_delete() {
    let (emulator, client) = with_hook(Emulator::builder(), |emulator, request, answer| {
        if answer.is_none() && request.method() == http::Method::DELETE {
            for id in store(emulator, OURS).0.into_keys() {
                assert!(emulator.remove_indicator(&id));
            }
        }
    });
    assert!(client.indicators().push(&domains(1)).await.unwrap().is_complete());
    let report = client.indicators().push(&block(&[revoked(domain(0))])).await.unwrap();
    assert_eq!(ends(&report), [(SourceOutcome::NotThere, 1)]);
    assert_eq!(calls(&emulator, "delete_indicator"), 1);
}

/// A plan of the first three domains made so many days later; the first one's end is stated in the feed.
fn days_later(days: u64) -> Plan {
    let now = crate::pushing::NOW.parse::<defender_response::Timestamp>().unwrap();
    let at = std::time::SystemTime::from(now) + Duration::from_secs(days * 86_400);
    let mut stated = domain(0);
    stated["valid_until"] = json!(format!("2026-08-{:02}T00:00:00Z", 1 + days % 28));
    let options = options(IndicatorAction::Block).at(at.into());
    plan_of(&[stated, domain(1), domain(2)], &options)
}

#[tokio::test(start_paused = true)]
async fn an_end_that_the_feed_does_not_state_is_only_renewed_once_a_quarter_has_passed() {
    let (emulator, client) = emulated(Emulator::builder());
    let push = async |days| client.indicators().push(&days_later(days)).await.unwrap();
    assert!(push(0).await.is_complete());
    for (days, sent) in [(1, 1), (22, 1), (23, 3), (24, 1)] {
        let report = push(days).await;
        let count = |report: &PushReport| {
            let sent = |result: &&_| {
                let result: &&defender_response::stix::IndicatorResult = result;
                matches!(result.outcome, IndicatorOutcome::Accepted { .. })
            };
            report.indicators().iter().filter(sent).count()
        };
        assert_eq!(count(&report), sent, "after {days} days");
        assert!(report.is_complete());
    }
    assert_eq!(store(&emulator, OURS).0.len(), 3);
}
