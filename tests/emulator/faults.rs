//! Faults by rule: what reaches the caller, and what the journal says happened.

use std::time::Duration;

use defender_response::emulator::{
    Emulator, Fault, FaultRule, JournalEntry, PlainFault, StatusFault,
};
use serde_json::json;

use crate::plain::{Plain, WORKSTATION, both_fronts, on_test_clock, seconds};

fn last(emulator: &Emulator) -> JournalEntry {
    emulator.journal().pop().expect("an entry")
}

/// What a client in memory gets to see, in a few words.
async fn seen(client: &Plain) -> String {
    let body = json!({"Comment": "c", "IsolationType": "Full"}).to_string();
    let path = format!("/api/machines/{WORKSTATION}/isolate");
    let sent = client.try_send("POST", &path, &[], &body);
    match tokio::time::timeout(Duration::from_secs(86_400), sent).await {
        Err(_) => "nothing".to_owned(),
        Ok(Err(error)) => error,
        Ok(Ok(answer)) => answer.status.to_string(),
    }
}

const NO_ANSWER: &str = "the request was sent and no answer came";
const PARTIAL: &str = "the request was sent and its answer could not be read to the end";

#[tokio::test(start_paused = true)]
async fn each_fault_is_seen_and_judged_in_memory() {
    use PlainFault as F;
    let after = StatusFault::new(503).retry_after(2).after_effect();
    let cases: [(Fault, &str, Option<u16>, bool); 13] = [
        (F::ResetBeforeEffect.into(), NO_ANSWER, None, false),
        (F::ResetAfterEffect.into(), NO_ANSWER, None, true),
        (F::HangBeforeEffect.into(), "nothing", None, false),
        (F::HangAfterEffect.into(), "nothing", None, true),
        (F::HalfBody.into(), PARTIAL, Some(201), true),
        (F::SlowDrip.into(), "201", Some(201), true),
        (F::Html200.into(), "200", Some(200), false),
        (F::OversizedBody.into(), PARTIAL, Some(201), true),
        (F::Redirect.into(), "307", Some(307), false),
        (StatusFault::new(503).into(), "503", Some(503), false),
        (after.into(), "503", Some(503), true),
        (StatusFault::new(502).html().into(), "502", Some(502), false),
        (Duration::from_secs(19).into(), "201", Some(201), true),
    ];
    for (fault, sight, status, effect) in cases {
        let emulator = on_test_clock(Emulator::builder());
        let client = Plain::signed_in(&emulator).await;
        emulator.fault(FaultRule::new("isolate", fault.clone())).expect("a rule");
        assert_eq!(seen(&client).await, sight, "{fault:?}");
        let entry = last(&emulator);
        assert_eq!(
            (entry.operation, entry.status, entry.effect),
            ("isolate", status, effect),
            "{fault:?}"
        );
        assert_eq!(emulator.actions().len(), usize::from(effect), "{fault:?}");
        assert_eq!(emulator.faults(), [], "used up");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_was_never_a_request() {
    let emulator = on_test_clock(Emulator::builder());
    let client = Plain::signed_in(&emulator).await;
    emulator.fault(FaultRule::new("*", PlainFault::Refused)).expect("a rule");
    assert_eq!(seen(&client).await, "the request was not sent");
    assert_eq!(last(&emulator).operation, "token");
}

#[tokio::test(start_paused = true)]
async fn a_drip_lasts_as_long_as_its_body() {
    let emulator = on_test_clock(Emulator::builder());
    let client = Plain::signed_in(&emulator).await;
    emulator.fault(FaultRule::new("get_machine", PlainFault::SlowDrip)).expect("a rule");
    let began = tokio::time::Instant::now();
    let machine = client.get(&format!("/api/machines/{WORKSTATION}")).await;
    assert_eq!(began.elapsed().as_secs(), machine.text.len() as u64);
}

#[tokio::test]
async fn faults_are_seen_on_the_socket_as_they_are_in_a_network() {
    let (emulator, _listening, [_, client]) = both_fronts().await;
    let client = client.sign_in(&emulator).await;
    for (fault, sight) in [
        (PlainFault::ResetBeforeEffect, "reset"),
        (PlainFault::ResetAfterEffect, "reset"),
        (PlainFault::HalfBody, "bytes of"),
        (PlainFault::Html200, "200"),
        (PlainFault::Redirect, "307"),
    ] {
        emulator.fault(FaultRule::new("isolate", fault)).expect("a rule");
        let seen = seen(&client).await;
        assert!(seen.contains(sight), "{fault:?}: {seen}");
    }
    emulator.fault(FaultRule::new("list_machines", PlainFault::OversizedBody)).expect("a rule");
    assert!(client.get("/api/machines").await.text.len() >= 64 << 20);
}

#[tokio::test]
async fn rules_are_posted_read_and_dropped_over_http() {
    let (_emulator, _listening, clients) = both_fronts().await;
    for client in clients {
        let rules = json!([
            {"operation": "isolate", "times": 1, "fault": "reset_after_effect"},
            {"operation": "isolate", "times": 3, "fault": {"status": 503, "retry_after": 2, "after_effect": true}},
        ]);
        let posted = client.post("/emulator/faults", rules.clone()).await;
        assert_eq!(
            (posted.status, posted.json.as_array().map(Vec::len)),
            (200, Some(2)),
            "{}",
            posted.text
        );
        let one = json!({"operation": "token", "fault": {"aadsts": 90055}});
        assert_eq!(
            client.post("/emulator/faults", one).await.json.as_array().map(Vec::len),
            Some(3)
        );
        for mistake in [
            json!([{"operation": "isolate", "fault": "explode"}]),
            json!([{"operation": "x", "fault": "refused"}]),
        ] {
            let refused = client.post("/emulator/faults", mistake).await;
            assert_eq!((refused.status, refused.code()), (400, "InvalidInput"));
        }
        assert_eq!(client.get("/emulator/faults").await.json.as_array().map(Vec::len), Some(3));
        assert_eq!(client.delete("/emulator/faults").await.status, 204);
        assert_eq!(client.get("/emulator/faults").await.json, json!([]));
    }
}

#[tokio::test]
async fn the_token_endpoint_fails_by_number_or_with_any_body() {
    let emulator = Emulator::new();
    let client = Plain::in_memory(&emulator);
    let form = crate::plain::v2_form(&emulator);
    for (code, status) in [(90055, 503), (7_000_215, 401), (53003, 400)] {
        emulator.fault(FaultRule::new("token", Fault::Aadsts { aadsts: code })).expect("a rule");
        let answer = client.ask_token(&emulator, &form).await;
        assert_eq!((answer.status, &answer.json["error_codes"]), (status, &json!([code])));
    }
    emulator
        .fault(FaultRule::new("token", StatusFault::new(200).body("not JSON")))
        .expect("a rule");
    assert_eq!(client.ask_token(&emulator, &form).await.text, "not JSON");
}

#[tokio::test(start_paused = true)]
async fn duplicates_by_fault_need_no_earlier_action_of_ours() {
    let emulator = on_test_clock(Emulator::builder());
    let client = Plain::signed_in(&emulator).await;
    emulator.fault(FaultRule::new("isolate", PlainFault::DuplicateReturnsPending)).expect("a rule");
    let theirs = client.isolate(WORKSTATION, "ours").await;
    assert_eq!((theirs.status, theirs.text_at("/requestor")), (201, "a.keller@corp.example"));
    seconds(60).await;
    emulator.fault(FaultRule::new("scan", PlainFault::DuplicateRefused)).expect("a rule");
    let body = json!({"Comment": "c", "ScanType": "Quick"});
    let refused = client.post(&format!("/api/machines/{WORKSTATION}/runAntiVirusScan"), body).await;
    assert_eq!(refused.code(), "ActiveRequestAlreadyExists");
    emulator.fault(FaultRule::new("isolate", PlainFault::StuckDuplicate)).expect("a rule");
    let stuck = client.isolate(WORKSTATION, "again").await;
    seconds(60).await;
    assert_eq!(client.status_of(stuck.id()).await, "Pending");
}
