//! A push that meets with trouble: lost answers, refused batches, a full tenant, a lost right, answers out of order.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use defender_response::emulator::{
    Emulator, EmulatorBuilder, Fault, FaultRule, InMemory, PlainFault, StatusFault,
};
use defender_response::model::{IndicatorAction, IndicatorType};
use defender_response::stix::{IndicatorOutcome, Plan, PushReport, SourceOutcome};
use defender_response::{Client, Error, NewIndicator, TestClock, Transport, TransportError};
use http::{Request, Response};
use serde_json::{Value, json};

use crate::pushing::{
    calls, check, check_full, domain, domains, ends, fill, object, options, others, plan_of, store,
    writes,
};
use crate::script::{emulated, signing_in_to};

const OURS: &str = "defender-response";

/// A way to the emulator on which something happens.
struct Through<F> {
    inner: InMemory,
    happens: F,
}

#[async_trait::async_trait]
impl<F> Transport for Through<F>
where
    F: Fn(&Request<Bytes>, Option<&mut Response<Bytes>>) + Send + Sync,
{
    async fn send(
        &self,
        request: Request<Bytes>,
        limit: usize,
    ) -> Result<Response<Bytes>, TransportError> {
        (self.happens)(&request, None);
        let asked = request.clone();
        let mut answer = self.inner.send(request, limit).await?;
        (self.happens)(&asked, Some(&mut answer));
        Ok(answer)
    }
}

/// An emulated service, and a client of it on whose way something happens: to each request before it arrives, and to its
/// answer.
pub fn with_hook(
    builder: EmulatorBuilder,
    happens: impl Fn(&Emulator, &Request<Bytes>, Option<&mut Response<Bytes>>) + Send + Sync + 'static,
) -> (Emulator, Client) {
    let clock = Arc::new(TestClock::starting_at(crate::pushing::NOW.parse().unwrap()));
    let emulator = builder.clock(clock.clone()).build();
    let seen = emulator.clone();
    let way = Through {
        inner: emulator.transport(),
        happens: move |request: &_, answer: Option<&mut _>| happens(&seen, request, answer),
    };
    let client = signing_in_to(&emulator)
        .base_url(emulator.base_url())
        .authority(emulator.authority())
        .transport(way)
        .clock(clock)
        .build()
        .unwrap();
    (emulator, client)
}

/// Rewrites a JSON answer.
pub fn rewrite(answer: &mut Response<Bytes>, change: impl FnOnce(&mut Value)) {
    let mut body: Value = serde_json::from_slice(answer.body()).unwrap();
    change(&mut body);
    *answer.body_mut() = serde_json::to_vec(&body).unwrap().into();
}

async fn pushed(emulator: &Emulator, client: &Client, plan: &Plan) -> PushReport {
    let before = others(emulator, OURS);
    let report = client.indicators().push(plan).await.unwrap();
    check(emulator, plan, &report, &before);
    report
}

#[tokio::test(start_paused = true)]
async fn an_answer_lost_after_the_effect_is_settled_by_reading_and_nothing_is_sent_twice() {
    let faults: [Fault; 5] = [
        PlainFault::ResetAfterEffect.into(),
        PlainFault::HangAfterEffect.into(),
        PlainFault::HalfBody.into(),
        PlainFault::OversizedBody.into(),
        StatusFault::new(503).after_effect().into(),
    ];
    for fault in faults {
        let (emulator, client) = emulated(Emulator::builder());
        emulator.fault(FaultRule::new("import_indicators", fault.clone())).unwrap();
        let plan = domains(1200);
        let report = pushed(&emulator, &client, &plan).await;
        assert_eq!(ends(&report), [(SourceOutcome::Accepted, 1200)], "{fault:?}");
        assert!(report.is_complete());
        assert_eq!(calls(&emulator, "import_indicators"), 3, "{fault:?}");
        assert_eq!(store(&emulator, OURS).0.len(), 1200);
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_whose_answer_was_lost_is_settled_by_what_the_list_says_of_it() {
    for (fault, sent) in [(PlainFault::ResetAfterEffect, 1), (PlainFault::ResetBeforeEffect, 2)] {
        let (emulator, client) = emulated(Emulator::builder());
        assert!(pushed(&emulator, &client, &domains(3)).await.is_complete());
        let objects = [domain(0), domain(1), domain(2)];
        let louder = plan_of(&objects, &options(IndicatorAction::Block).title("another title"));
        emulator.clear_journal();
        emulator.fault(FaultRule::new("import_indicators", fault)).unwrap();
        let report = pushed(&emulator, &client, &louder).await;
        assert_eq!(ends(&report), [(SourceOutcome::Accepted, 3)], "{fault:?}");
        assert_eq!(calls(&emulator, "import_indicators"), sent, "{fault:?}");
        let (ours, _) = store(&emulator, OURS);
        assert!(ours.values().all(|i| i["title"] == "another title"), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_lost_before_the_effect_is_looked_for_and_then_sent_once_more() {
    for fault in [PlainFault::ResetBeforeEffect, PlainFault::HangBeforeEffect, PlainFault::Html200]
    {
        let (emulator, client) = emulated(Emulator::builder());
        emulator.fault(FaultRule::new("import_indicators", fault)).unwrap();
        let report = pushed(&emulator, &client, &domains(1200)).await;
        assert_eq!(ends(&report), [(SourceOutcome::Accepted, 1200)], "{fault:?}");
        assert_eq!(calls(&emulator, "import_indicators"), 4, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_settled_is_unknown_and_a_later_push_settles_it() {
    let (emulator, client) = emulated(Emulator::builder());
    let lost = FaultRule::new("import_indicators", PlainFault::ResetBeforeEffect).times(4);
    emulator.fault(lost).unwrap();
    let plan = domains(1200);
    let report = pushed(&emulator, &client, &plan).await;
    assert_eq!(ends(&report), [(SourceOutcome::Unknown, 1000), (SourceOutcome::NotSent, 200)]);
    assert!(report.error().is_some_and(Error::is_outcome_unknown) && !report.is_complete());
    assert!(report.to_string().contains("ENDED EARLY"), "{report}");
    let again = pushed(&emulator, &client, &plan).await;
    assert_eq!(ends(&again), [(SourceOutcome::Accepted, 1200)]);
}

#[tokio::test(start_paused = true)]
async fn without_a_look_nothing_is_sent_again() {
    let (emulator, client) = with_hook(Emulator::builder(), |emulator, request, _| {
        if request.uri().path().ends_with("/import") {
            let blind = FaultRule::new("list_indicators", PlainFault::ResetBeforeEffect);
            emulator.fault(blind.times(1000)).unwrap();
        }
    });
    emulator.fault(FaultRule::new("import_indicators", PlainFault::ResetAfterEffect)).unwrap();
    let plan = domains(3);
    let report = client.indicators().push(&plan).await.unwrap();
    assert_eq!(ends(&report), [(SourceOutcome::Unknown, 3)]);
    assert_eq!(calls(&emulator, "import_indicators"), 1);
    assert_eq!(store(&emulator, OURS).0.len(), 3, "it had taken effect");
}

/// Domains with hashes among them that this emulator refuses, batch and all.
fn with_bad(count: usize, bad: &[usize]) -> (Emulator, Client, Plan) {
    let builder = Emulator::builder().set("file_md5", "refused").unwrap();
    let (emulator, client) = emulated(builder.set("import_bad_item", "batch_refused").unwrap());
    let md5 = |n| object(&format!("{n}"), &format!("[file:hashes.MD5 = '{n:032x}']"));
    let one = |n| if bad.contains(&n) { md5(n) } else { domain(n) };
    let objects: Vec<_> = (0..count).map(one).collect();
    (emulator, client, plan_of(&objects, &options(IndicatorAction::Block)))
}

#[tokio::test(start_paused = true)]
async fn a_batch_refused_for_one_value_is_halved_down_to_it() {
    for bad in [&[0][..], &[499], &[250, 251], &[7, 600, 1199]] {
        let (emulator, client, plan) = with_bad(1200, bad);
        let report = pushed(&emulator, &client, &plan).await;
        let refused = bad.len() as u64;
        let told = [(SourceOutcome::Accepted, 1200 - refused), (SourceOutcome::Failed, refused)];
        assert_eq!(ends(&report), told, "{bad:?}");
        for n in bad {
            let reason = report.sources()[*n].reason.as_deref().unwrap_or_default();
            assert!(reason.contains("'FileMd5' are not supported"), "{reason}");
        }
        assert!(calls(&emulator, "import_indicators") <= 3 + 18 * refused, "{bad:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn singling_out_ends_where_all_are_refused() {
    let all: Vec<_> = (0..1200).collect();
    let (emulator, client, plan) = with_bad(1200, &all);
    let report = pushed(&emulator, &client, &plan).await;
    assert_eq!(ends(&report), [(SourceOutcome::Failed, 1200)]);
    let calls = calls(&emulator, "import_indicators");
    assert!((200..=3 + 256).contains(&calls), "{calls}");
    let last = report.sources()[1199].reason.as_deref().unwrap_or_default();
    assert!(last.contains("not singled out"), "{last}");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_takes_smaller_batches_gets_them() {
    let refused = |emulator: &Emulator, request: &Request<Bytes>, answer: Option<&mut _>| {
        if answer.is_some() || !request.uri().path().ends_with("/import") {
            return;
        }
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        if body["Indicators"].as_array().unwrap().len() > 250 {
            let body = r#"{"error":{"code":"MaximumBatchSizeExceeded","message":"allowed: 250"}}"#;
            let fault = StatusFault::new(400).body(body);
            emulator.fault(FaultRule::new("import_indicators", fault)).unwrap();
        }
    };
    let (emulator, client) = with_hook(Emulator::builder(), refused);
    let report = pushed(&emulator, &client, &domains(1200)).await;
    assert_eq!(ends(&report), [(SourceOutcome::Accepted, 1200)]);
    assert_eq!(calls(&emulator, "import_indicators"), 6, "one too many, and five of 250");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_what_matters_least_and_is_told() {
    let (emulator, client) = emulated(Emulator::builder());
    fill(&emulator, 600);
    let sure = |n: usize| {
        let mut object = domain(n);
        object["confidence"] = json!(if n < 700 { 10 } else { 90 });
        object
    };
    let objects: Vec<_> = (0..1200).map(sure).collect();
    let plan = plan_of(&objects, &options(IndicatorAction::Block));
    let report = client.indicators().push(&plan).await.unwrap();
    check_full(&emulator, &plan, &report, 0);
    assert_eq!(ends(&report), [(SourceOutcome::Accepted, 600), (SourceOutcome::NoRoom, 600)]);
    for source in &report.sources()[700..] {
        assert_eq!(source.outcome, SourceOutcome::Accepted, "the surest go first");
    }
    assert_eq!(report.active_before(), 14_400);
    assert_eq!(calls(&emulator, "import_indicators"), 2, "nothing was sent that doesn't fit");
    assert!(!report.is_complete());
}

#[tokio::test(start_paused = true)]
async fn a_tenant_full_of_what_cannot_be_seen_refuses_and_that_is_told() {
    let (emulator, client) = emulated(Emulator::builder());
    fill(&emulator, 600);
    emulator.set_roles(emulator.client_id(), &["Ti.ReadWrite"]);
    let plan = domains(1200);
    let report = client.indicators().push(&plan).await.unwrap();
    check_full(&emulator, &plan, &report, 0);
    assert_eq!(ends(&report), [(SourceOutcome::Accepted, 600), (SourceOutcome::Failed, 600)]);
    assert_eq!(report.sees_others(), Some(false));
    assert!(report.to_string().contains("can't be seen"), "{report}");
    let reason = report.sources()[1199].reason.as_deref().unwrap_or_default();
    assert!(reason.contains("Maximum number of indicators"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn at_the_cap_and_only_there_what_is_replaced_goes_first() {
    for (room, first, calls) in [(0, "delete", 2), (4, "delete", 3)] {
        let (emulator, client) = emulated(Emulator::builder());
        let objects: Vec<_> = (0..10).map(domain).collect();
        let watched = plan_of(&objects, &options(IndicatorAction::Audit));
        assert!(client.indicators().push(&watched).await.unwrap().is_complete());
        fill(&emulator, room);
        emulator.clear_journal();
        let blocked = plan_of(&objects, &options(IndicatorAction::Block));
        let report = client.indicators().push(&blocked).await.unwrap();
        check_full(&emulator, &blocked, &report, room);
        assert_eq!(ends(&report), [(SourceOutcome::Accepted, 10)], "room for {room}");
        let done: Vec<_> = emulator.journal().into_iter().filter(|e| e.effect).collect();
        let done: Vec<_> = done.iter().map(|entry| entry.operation).collect();
        assert!(done[0].contains(first), "room for {room}: {done:?}");
        assert_eq!(done.len(), calls, "room for {room}: {done:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn at_the_cap_what_would_replace_one_that_cannot_be_deleted_has_failed() {
    let (emulator, client) = emulated(Emulator::builder());
    let watched = plan_of(&[domain(0)], &options(IndicatorAction::Audit));
    assert!(client.indicators().push(&watched).await.unwrap().is_complete());
    fill(&emulator, 0);
    let broken = FaultRule::new("delete_indicator", StatusFault::new(500)).times(100);
    emulator.fault(broken).unwrap();
    let blocked = plan_of(&[domain(0)], &options(IndicatorAction::Block));
    emulator.clear_journal();
    let report = client.indicators().push(&blocked).await.unwrap();
    assert_eq!(ends(&report), [(SourceOutcome::Failed, 1)]);
    let reason = report.sources()[0].reason.as_deref().unwrap_or_default();
    assert!(reason.contains("the tenant is full"), "{reason}");
    assert_eq!(calls(&emulator, "import_indicators"), 0);
}

#[tokio::test(start_paused = true)]
async fn without_the_right_nothing_is_changed_and_the_error_says_so() {
    let (emulator, client) = emulated(Emulator::builder().set("ti_read_all", "true").unwrap());
    for roles in [&["Machine.Read.All"][..], &["Ti.Read.All"]] {
        emulator.set_roles(emulator.client_id(), roles);
        emulator.revoke_tokens();
        let told = client.indicators().push(&domains(3)).await.unwrap_err();
        assert!(told.is_permission_denied(), "{told}");
    }
    assert_eq!(store(&emulator, OURS).0.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_right_that_is_lost_half_way_leaves_the_rest_not_sent() {
    let (emulator, client) = emulated(Emulator::builder());
    let (plan, before) = (domains(1200), others(&emulator, OURS));
    let taken = emulator.clone();
    let push = client.indicators().push(&plan).progress(move |progress| {
        if progress.done == 500 {
            taken.set_roles(taken.client_id(), &["Machine.Read.All"]);
            taken.revoke_tokens();
        }
    });
    let report = push.await.unwrap();
    check(&emulator, &plan, &report, &before);
    assert_eq!(ends(&report), [(SourceOutcome::Accepted, 500), (SourceOutcome::NotSent, 700)]);
    assert!(report.error().is_some_and(Error::is_permission_denied));
    assert!(report.sources()[1199].reason.is_some());
}

#[tokio::test(start_paused = true)]
async fn the_quota_of_thirty_a_minute_is_kept() {
    let (emulator, client) = emulated(Emulator::builder());
    let began = tokio::time::Instant::now();
    let report = pushed(&emulator, &client, &domains(14_000)).await;
    assert!(report.is_complete());
    assert_eq!(calls(&emulator, "import_indicators"), 28);
    assert!(emulator.journal().iter().all(|entry| entry.status != Some(429)));
    assert!((60..70).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_somebody_brings_while_the_push_waits_is_left_alone() {
    let (emulator, client) = emulated(Emulator::builder());
    let (plan, other) = (domains(1200), client.clone());
    let slow = StatusFault::new(429).retry_after(300);
    let seen = emulator.clone();
    let somebody = async move {
        while calls(&seen, "import_indicators") < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_secs(100)).await;
        let (kind, value) = (IndicatorType::DomainName, "d700.evil.example");
        let new = NewIndicator::new(kind, value, IndicatorAction::Block, "by hand", "why");
        other.indicators().create_or_update(new).await.unwrap();
    };
    let slower = emulator.clone();
    let push = client.indicators().push(&plan).progress(move |progress| {
        if progress.done == 500 {
            slower.fault(FaultRule::new("import_indicators", slow.clone())).unwrap();
        }
    });
    let (report, ()) = tokio::join!(push.send(), somebody);
    let report = report.unwrap();
    assert_eq!(
        ends(&report),
        [(SourceOutcome::Accepted, 1199), (SourceOutcome::AlreadyPresent, 1)]
    );
    let theirs = others(&emulator, OURS);
    let theirs: Vec<_> = theirs.iter().filter(|i| i["title"] == "by hand").collect();
    assert!(theirs.len() == 1 && theirs[0]["lastUpdatedBy"].is_null(), "{theirs:?}");
}

#[tokio::test(start_paused = true)]
async fn an_impatient_client_is_told_of_the_quota() {
    let (emulator, client) = emulated(Emulator::builder());
    let slow = StatusFault::new(429).retry_after(300);
    emulator.fault(FaultRule::new("import_indicators", slow)).unwrap();
    let hurried = client.queue_within(Duration::from_secs(5));
    let told = hurried.indicators().push(&domains(3)).await.unwrap_err();
    assert!(told.is_throttled(), "{told}");
    assert_eq!(store(&emulator, OURS).0.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn answers_count_by_position_and_value_and_what_they_leave_out_is_looked_for() {
    type Change = fn(&mut Vec<Value>);
    let changes: [Change; 4] = [
        |items| items.reverse(),
        |items| drop(items.remove(2)),
        |items| items[3]["id"] = json!(null),
        |items| items.iter_mut().for_each(|item| item["indicator"] = json!("other.example")),
    ];
    for (nth, change) in changes.into_iter().enumerate() {
        let (emulator, client) = with_hook(Emulator::builder(), move |_, request, answer| {
            if let Some(answer) = answer.filter(|_| request.uri().path().ends_with("/import")) {
                rewrite(answer, |body| change(body["value"].as_array_mut().unwrap()));
            }
        });
        let plan = domains(20);
        let report = pushed(&emulator, &client, &plan).await;
        assert_eq!(ends(&report), [(SourceOutcome::Accepted, 20)], "{nth}");
        assert_eq!(calls(&emulator, "import_indicators"), 1, "{nth}");
        let ids: BTreeSet<_> = report
            .indicators()
            .iter()
            .map(|result| match &result.outcome {
                IndicatorOutcome::Accepted { id, .. } => id.to_string(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(ids, store(&emulator, OURS).0.into_keys().collect(), "{nth}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_service_is_an_error_and_nothing_was_sent() {
    let (emulator, client) = emulated(Emulator::builder());
    emulator.fault(FaultRule::new("*", PlainFault::Refused).times(100)).unwrap();
    let told = client.indicators().push(&domains(3)).await.unwrap_err();
    assert!(told.is_connect() || told.is_sign_in(), "{told}");
    assert_eq!(writes(&emulator), 0);
}
