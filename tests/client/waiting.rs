//! What a wait says when an action ends, and when it doesn't.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use defender_response::{ActionHandle, ActionId, Disposition, IsolationType, MachineId, TestClock};

use crate::script::{ACTION, MACHINE, Script, action, error, json, unanswered};

const MINUTE: Duration = Duration::from_secs(60);

fn handle(script: &Script) -> ActionHandle {
    let clock = TestClock::starting_at("2026-03-01T03:12:00Z".parse().unwrap());
    let client = script.builder().clock(Arc::new(clock)).build().unwrap();
    client.action(ACTION.parse::<ActionId>().unwrap())
}

fn ended(
    status: &str,
    more: &str,
) -> Result<http::Response<bytes::Bytes>, defender_response::TransportError> {
    json(
        200,
        &format!(
            r#"{{"id":"{ACTION}","type":"Isolate","status":"{status}","computerDnsName":"ws-042.corp.example"{more}}}"#
        ),
    )
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_well_on_succeeded_alone() {
    let script = Script::new()
        .then(action(200, "Pending"))
        .then(action(200, "SomethingNew"))
        .then(action(200, "InProgress"))
        .then(action(200, "Succeeded"));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    let tell = move |action: &defender_response::model::MachineAction| {
        told.lock().unwrap().push(action.status.to_string());
    };
    let done = handle(&script).wait().on_update(tell).within(10 * MINUTE).await.unwrap();
    assert_eq!(done.status.as_str(), "Succeeded");
    assert_eq!(*seen.lock().unwrap(), ["Pending", "SomethingNew", "InProgress", "Succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn failed_cancelled_and_timed_out_are_errors_that_hold_the_action() {
    let failed = handle(&Script::new().then(ended("Failed", r#","errorHResult":-2147024891"#)));
    let error = failed.wait().within(MINUTE).await.unwrap_err();
    assert!(error.is_action_failed() && error.to_string().contains("0x80070005"), "{error}");

    let cancelled = handle(
        &Script::new()
            .then(ended("Cancelled", r#","cancellationRequestor":"analyst@corp.example""#)),
    );
    let error = cancelled.wait().within(MINUTE).await.unwrap_err();
    assert!(
        error.is_action_cancelled() && error.to_string().contains("analyst@corp.example"),
        "{error}"
    );

    let timed_out = handle(&Script::new().then(ended("TimeOut", r#","errorHResult":-2145844840"#)));
    let error = timed_out.wait().within(MINUTE).await.unwrap_err();
    assert!(
        error.is_action_timed_out()
            && error.to_string().contains("may have been carried out or not"),
        "{error}"
    );
    assert_eq!(error.action().unwrap().status.as_str(), "TimeOut");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_says_still_running_since_when_and_how_to_go_on() {
    let mut script = Script::new();
    for _ in 0..100 {
        script = script.then(action(200, "Pending"));
    }
    let began = tokio::time::Instant::now();
    let error = handle(&script).wait().within(10 * MINUTE).await.unwrap_err();
    assert_eq!(began.elapsed(), 10 * MINUTE);
    assert!(error.is_still_running() && error.action().is_some());
    let text = error.to_string();
    assert!(text.contains("Isolate on ws-042.corp.example has been pending 22 min"), "{text}");
    assert!(text.contains(ACTION) && text.contains("about three days"), "{text}");
    assert!(!text.contains("offline"), "{text}");
    let reads = script.sent().len();
    assert!((20..30).contains(&reads), "{reads} reads: every 5 s at first, then every 30 s");
}

#[tokio::test(start_paused = true)]
async fn a_read_that_fails_now_and_then_does_not_end_the_wait() {
    let script = Script::new()
        .then(error(404, "ResourceNotFound", "not yet"))
        .then(unanswered())
        .then(error(503, "ServiceUnavailable", ""))
        .then(error(429, "TooManyRequests", ""))
        .then(json(200, "{}"))
        .then(json(200, r#"{"id":"00000000-0000-4000-8000-000000000000","status":"Succeeded"}"#))
        .then(action(200, "Succeeded"));
    let done = handle(&script).wait().every(Duration::from_secs(1)).within(10 * MINUTE).await;
    assert!(done.is_ok(), "{done:?}");
    assert_eq!(script.sent().len(), 7);
}

#[tokio::test(start_paused = true)]
async fn what_no_later_read_would_get_past_ends_the_wait() {
    for (status, code) in [(403, "Forbidden"), (400, "BadRequest")] {
        let script = Script::new().then(error(status, code, ""));
        assert!(handle(&script).wait().within(MINUTE).await.is_err());
        assert_eq!(script.sent().len(), 1, "{code}");
    }
    let mut gone = Script::new();
    for _ in 0..100 {
        gone = gone.then(error(404, "ResourceNotFound", ""));
    }
    let error = handle(&gone).wait().within(10 * MINUTE).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn without_a_single_read_nothing_is_said_about_the_action() {
    let mut script = Script::new();
    for _ in 0..100 {
        script = script.then(unanswered());
    }
    let error = handle(&script).wait().within(MINUTE).await.unwrap_err();
    assert!(error.is_timeout() && error.action().is_none(), "{error:?}");
    assert!(error.to_string().contains("its state isn't known"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_hanging_read_does_not_outlast_the_deadline_by_much() {
    let script = Script::new().then_after(Duration::from_secs(3600), action(200, "Pending"));
    let began = tokio::time::Instant::now();
    let wait = handle(&script).wait().within(Duration::from_secs(2));
    assert!(wait.await.unwrap_err().is_timeout());
    assert!(began.elapsed() <= Duration::from_secs(7), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_submission_is_created_only_when_the_answer_carries_its_reference() {
    let script = Script::new().then(action(201, "Pending"));
    let host = script.client().machine(MACHINE.parse::<MachineId>().unwrap());
    let submitted = host.isolate(IsolationType::Full, "INC-4711").await.unwrap();
    assert_eq!(
        submitted.disposition(),
        Disposition::AlreadyPending,
        "somebody else's comment came back"
    );
    assert_eq!(submitted.id().as_str(), ACTION);

    let script = Script::new().then(action(201, "Pending"));
    let clock = Arc::new(TestClock::starting_at("2026-03-01T03:00:00Z".parse().unwrap()));
    let client = script.builder().without_references().clock(clock).build().unwrap();
    let host = client.machine(MACHINE.parse::<MachineId>().unwrap());
    let submitted = host.isolate(IsolationType::Full, "INC-4711").await.unwrap();
    assert_eq!(submitted.disposition(), Disposition::Created);
    let sent = script.sent();
    assert_eq!(&sent[0].body()[..], br#"{"Comment":"INC-4711","IsolationType":"Full"}"#);
}

#[tokio::test(start_paused = true)]
async fn one_refused_token_does_not_end_a_wait_and_two_in_a_row_do() {
    let refused = || error(401, "Unauthorized", "");
    let script = Script::new()
        .then(refused())
        .then(action(200, "Pending"))
        .then(refused())
        .then(action(200, "Succeeded"));
    assert!(handle(&script).wait().within(MINUTE).await.is_ok());

    let script = Script::new().then(action(200, "Pending")).then(refused()).then(refused());
    let error = handle(&script).wait().within(MINUTE).await.unwrap_err();
    assert!(error.is_unauthorized(), "{error:?}");
    assert!(error.action().is_some(), "what was last seen is kept");
}

#[tokio::test(start_paused = true)]
async fn without_references_a_comment_of_somebody_else_is_not_ours() {
    let script = Script::new().then(action(201, "Pending"));
    let client = script.builder().without_references().build().unwrap();
    let host = client.machine(MACHINE.parse::<MachineId>().unwrap());
    let submitted = host.isolate(IsolationType::Full, "something else").await.unwrap();
    assert_eq!(submitted.disposition(), Disposition::AlreadyPending);
}

#[tokio::test(start_paused = true)]
async fn an_answer_about_something_else_is_an_unknown_outcome() {
    let other = |members: &str| json(201, &format!(r#"{{"id":"{ACTION}",{members}}}"#));
    for answer in [
        other(r#""type":"Unisolate","status":"Pending""#),
        other(
            r#""type":"Isolate","status":"Pending","machineId":"0000000000000000000000000000000000000000""#,
        ),
        other(&format!(
            r#""type":"Isolate","status":"Succeeded","machineId":"{MACHINE}","requestorComment":"old""#
        )),
    ] {
        let script = Script::new().then(answer);
        let host = script.client().machine(MACHINE.parse::<MachineId>().unwrap());
        let error = host.isolate(IsolationType::Full, "INC-4711").await.unwrap_err();
        assert!(error.is_outcome_unknown() && error.reference().is_some(), "{error:?}");
        assert_eq!(
            (error.status().is_some() || error.action().is_some(), error.operation()),
            (true, Some("isolate"))
        );
    }
    let script = Script::new()
        .then(json(200, r#"{"id":"00000000-0000-4000-8000-000000000000","status":"Cancelled"}"#));
    assert!(handle(&script).cancel("c").await.unwrap_err().is_service());
}

#[tokio::test(start_paused = true)]
async fn an_action_that_can_hardly_be_read_is_held_on_to() {
    for odd in [r#""errorHResult":1e400"#, r#""requestorComment":"\ud800""#] {
        let script = Script::new().then(json(
            201,
            &format!(r#"{{"id":"{ACTION}","type":"Isolate","status":"Pending",{odd}}}"#),
        ));
        let host = script.client().machine(MACHINE.parse::<MachineId>().unwrap());
        // Whose it is can't be read, so nobody says; which it is can.
        let told = host.isolate(IsolationType::Full, "INC-4711").await.unwrap_err();
        assert!(told.is_outcome_unknown(), "{odd}: {told}");
        assert_eq!(told.action().unwrap().id.as_str(), ACTION, "{odd}");
    }
}
