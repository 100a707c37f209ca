//! What is told of a call that is stopped, or that has no more time.

use std::time::Duration;

use defender_response::Client;
use defender_response::emulator::{Emulator, FaultRule, PlainFault};
use defender_response::playbook::{Registry, Request, Response, Runner, State};
use serde_json::{Value, json};

use crate::setup::{ALERT, MACHINE, call, effects, emulated, validates};

fn on_machine(action: &str) -> Value {
    let mut arguments = json!({"machine_id": MACHINE, "comment": "INC-4711"});
    if action == "ensure_isolated" {
        arguments["isolation_type"] = "Full".into();
    }
    json!({"schema_version": 1, "action": action, "arguments": arguments})
}

fn feed() -> Value {
    let object = json!([{"type": "indicator", "id": "indicator--1", "pattern": "[domain-name:value = 'c2.evil.example']"}]);
    json!({"schema_version": 1, "action": "create_iocs_from_stix_bundle",
        "arguments": {"stix_objects": object, "action": "Block"}})
}

/// Stopped so long after it was begun.
async fn stopped(client: &Client, request: &Value, after: u64) -> Response {
    let request: Request = serde_json::from_value(request.clone()).unwrap();
    let stop = tokio::time::sleep(Duration::from_secs(after));
    Runner::new(client.clone()).run_until(&request, stop).await
}

fn told(response: &Response) -> (u8, State, &str, bool) {
    let fault = response.error.as_ref().unwrap();
    (response.exit_status(), response.state, &fault.code, fault.retry_safe)
}

async fn resumed(client: &Client, response: &Response) -> Response {
    let token = &response.resume.as_ref().unwrap_or_else(|| panic!("{}", response.to_json())).token;
    let arguments = json!({"token": token});
    call(client, json!({"schema_version": 1, "action": "wait_for_action", "arguments": arguments}))
        .await
}

/// Whatever changes something.
fn changing() -> Vec<Value> {
    let mut all: Vec<_> =
        ["isolate_endpoint", "restrict_code_execution", "ensure_isolated", "ensure_released"]
            .map(on_machine)
            .into();
    all.push(feed());
    all.push(json!({"schema_version": 1, "action": "comment_alert",
        "arguments": {"alert_id": ALERT, "comment": "INC-4711"}}));
    all
}

fn all_effects(emulator: &Emulator) -> usize {
    emulator.journal().iter().filter(|e| e.effect && e.operation != "token").count()
}

#[tokio::test(start_paused = true)]
async fn a_state_that_is_not_reached_in_time_is_told_with_its_action_and_a_token() {
    for action in ["ensure_isolated", "ensure_released", "ensure_restricted", "ensure_unrestricted"]
    {
        let (_, client) = emulated(Emulator::builder().set("settle", "3600").unwrap());
        let mut request = on_machine(action);
        request["wait"] = json!({"max_seconds": 5});
        let late = call(&client, request).await;
        assert_eq!(
            told(&late),
            (9, State::Submitted, "still_running", false),
            "{}",
            late.to_json()
        );
        assert_eq!(late.result["action"]["status"], "Pending", "{}", late.to_json());
        let about = Registry::default().get(action).unwrap().about();
        validates(&about.result, &late.result).unwrap();
        assert!(late.resume.as_ref().unwrap().armed_until.is_some());
        assert_eq!(resumed(&client, &late).await.result["id"], late.result["action"]["id"]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_action_that_ended_otherwise_is_told_with_the_state_that_was_not_reached() {
    let (emulator, client) = emulated(Emulator::builder().set("settle", "3600").unwrap());
    let cancel = async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        let id = emulator.actions()[0]["id"].as_str().unwrap().to_owned();
        emulator.cancel_as(defender_response::emulator::Actor::Analyst, &id, "no").unwrap();
    };
    let (response, ()) = tokio::join!(call(&client, on_machine("ensure_isolated")), cancel);
    assert_eq!(told(&response), (8, State::Cancelled, "action_cancelled", false));
    assert_eq!(response.result["action"]["status"], "Cancelled", "{}", response.to_json());
    assert!(response.resume.is_none());
}

#[tokio::test(start_paused = true)]
async fn what_was_submitted_for_a_state_is_gone_on_with_after_a_stop() {
    let (emulator, client) = emulated(Emulator::builder().set("settle", "3600").unwrap());
    let response = stopped(&client, &on_machine("ensure_isolated"), 60).await;
    assert_eq!(
        told(&response),
        (9, State::Submitted, "interrupted", false),
        "{}",
        response.to_json()
    );
    let went_on = resumed(&client, &response).await;
    assert_eq!(told(&went_on), (9, State::Submitted, "still_running", true));
    assert_eq!(went_on.result["status"], "Pending");
    assert_eq!(effects(&emulator, "isolate"), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_stopped_before_its_request_left_was_not_done() {
    for request in changing() {
        for slow in ["token", "list_machine_actions", "get_machine", "list_indicators"] {
            let (emulator, client) = emulated(Emulator::builder());
            // The stop comes while this is on its way, and what follows isn't begun any more.
            emulator.fault(FaultRule::new(slow, Duration::from_secs(3))).unwrap();
            let response = stopped(&client, &request, 1).await;
            tokio::time::sleep(Duration::from_secs(600)).await;
            let name = &request["action"];
            if all_effects(&emulator) > 0 {
                // It didn't need that.
                assert_eq!(response.exit_status(), 0, "{name} {slow}: {}", response.to_json());
                continue;
            }
            let expected = (1, State::Rejected, "interrupted", true);
            assert_eq!(told(&response), expected, "{name} {slow}: {}", response.to_json());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_and_a_plan_that_are_stopped_changed_nothing() {
    let mut plan = on_machine("isolate_endpoint");
    plan["mode"] = "plan".into();
    let state = json!({"schema_version": 1, "action": "get_machine_state", "arguments": {"machine_id": MACHINE}});
    for (request, hang) in
        [(plan.clone(), "list_machine_actions"), (plan, "token"), (state, "list_machine_actions")]
    {
        let (emulator, client) = emulated(Emulator::builder());
        emulator.fault(FaultRule::new(hang, PlainFault::HangBeforeEffect).times(1000)).unwrap();
        let response = stopped(&client, &request, 1).await;
        assert_eq!(
            told(&response),
            (1, State::Rejected, "interrupted", true),
            "{hang}: {}",
            response.to_json()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_given_is_kept() {
    let (emulator, client) = emulated(Emulator::builder().set("settle", "3600").unwrap());
    let submitted = call(&client, on_machine("isolate_endpoint")).await;
    let token = submitted.resume.unwrap().token;
    emulator
        .fault(FaultRule::new("get_machine_action", PlainFault::HangBeforeEffect).times(1000))
        .unwrap();
    let request =
        json!({"schema_version": 1, "action": "wait_for_action", "arguments": {"token": token}});
    let response = stopped(&client, &request, 1).await;
    assert_eq!(
        told(&response),
        (1, State::Rejected, "interrupted", true),
        "{}",
        response.to_json()
    );
    assert_eq!(response.resume.unwrap().token, token);
}

#[tokio::test(start_paused = true)]
async fn what_left_and_was_not_answered_when_it_was_stopped_is_unknown() {
    for (operation, request, safe) in [
        ("isolate", on_machine("isolate_endpoint"), false),
        ("isolate", on_machine("ensure_isolated"), false),
        ("update_alert", changing().pop().unwrap(), false),
        ("import_indicators", feed(), true),
    ] {
        let (emulator, client) = emulated(Emulator::builder());
        emulator.fault(FaultRule::new(operation, PlainFault::HangAfterEffect)).unwrap();
        let response = stopped(&client, &request, 1).await;
        assert_eq!(
            told(&response),
            (12, State::Unknown, "interrupted", safe),
            "{}",
            response.to_json()
        );
        assert_eq!(effects(&emulator, operation), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_being_submitted_comes_to_its_end_after_a_stop() {
    let (emulator, client) = emulated(Emulator::builder().set("settle", "3600").unwrap());
    emulator.fault(FaultRule::new("isolate", Duration::from_secs(3))).unwrap();
    let mut request = on_machine("isolate_endpoint");
    let submitted = stopped(&client, &request, 1).await;
    assert_eq!(
        (submitted.exit_status(), submitted.state),
        (0, State::Submitted),
        "{}",
        submitted.to_json()
    );
    request["action"] = "restrict_code_execution".into();
    request["wait"] = json!({"max_seconds": 600});
    emulator.fault(FaultRule::new("restrict_code_execution", Duration::from_secs(3))).unwrap();
    let waited = stopped(&client, &request, 1).await;
    assert_eq!(told(&waited), (9, State::Submitted, "interrupted", false), "{}", waited.to_json());
    assert_eq!(resumed(&client, &waited).await.result["id"], waited.result["id"]);
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_a_state_does_not_wait_for_what_is_under_way() {
    let (_, client) = emulated(Emulator::builder().set("settle", "3600").unwrap());
    let submitted = call(&client, on_machine("isolate_endpoint")).await;
    let mut request = on_machine("ensure_isolated");
    request["mode"] = "plan".into();
    let began = tokio::time::Instant::now();
    let plan = call(&client, request).await;
    assert_eq!((plan.exit_status(), plan.state), (0, State::Planned), "{}", plan.to_json());
    assert_eq!(plan.disposition.as_deref(), Some("already_pending"));
    assert_eq!(plan.result["would_send"], json!([]));
    assert_eq!(plan.result["there"]["action"]["id"], submitted.result["id"]);
    assert!(plan.resume.is_none() && began.elapsed() < Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn what_never_reported_is_unknown_and_what_could_not_has_failed() {
    let (emulator, client) = emulated(Emulator::builder());
    emulator.set_offline(MACHINE, None).unwrap();
    let mut request = on_machine("isolate_endpoint");
    request["wait"] = json!({"max_seconds": 259_200});
    let late = call(&client, request).await;
    assert_eq!(told(&late), (9, State::Submitted, "still_running", false));
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    let over = resumed(&client, &late).await;
    assert_eq!(told(&over), (12, State::TimedOut, "action_timed_out", true), "{}", over.to_json());

    let (emulator, client) = emulated(Emulator::builder());
    emulator.set_failing(MACHINE, Some(-2_147_024_891)).unwrap();
    let mut request = on_machine("restrict_code_execution");
    request["wait"] = json!({"max_seconds": 600});
    let failed = call(&client, request).await;
    assert_eq!(told(&failed), (8, State::Failed, "action_failed", false), "{}", failed.to_json());
    assert_eq!(failed.result["status"], "Failed");
}

#[tokio::test(start_paused = true)]
async fn nothing_more_is_begun_after_a_stop() {
    // A cancellation comes to its end, and the release that would follow isn't submitted.
    let (emulator, client) = emulated(Emulator::builder().set("settle", "3600").unwrap());
    call(&client, on_machine("isolate_endpoint")).await;
    emulator.fault(FaultRule::new("cancel_machine_action", Duration::from_secs(3))).unwrap();
    let response = stopped(&client, &on_machine("ensure_released"), 1).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    let expected = (11, State::Unknown, "interrupted", false);
    assert_eq!(told(&response), expected, "{}", response.to_json());
    let done = (effects(&emulator, "cancel_machine_action"), effects(&emulator, "unisolate"));
    assert_eq!(done, (1, 0));

    // A batch comes to its end, and the next isn't sent.
    let (emulator, client) = emulated(Emulator::builder());
    let object = |n: u32| {
        json!({"type": "indicator", "id": format!("indicator--{n}"),
            "pattern": format!("[domain-name:value = 'n{n}.evil.example']")})
    };
    let mut request = feed();
    request["arguments"]["stix_objects"] = (0..600).map(object).collect();
    emulator.fault(FaultRule::new("import_indicators", Duration::from_secs(3))).unwrap();
    let response = stopped(&client, &request, 1).await;
    assert_eq!(told(&response), (11, State::Failed, "partly", true), "{}", response.to_json());
    let outcomes = |what: &str| {
        response.items.as_ref().unwrap().iter().filter(|i| i["outcome"] == what).count()
    };
    assert_eq!((outcomes("accepted"), outcomes("not_sent")), (500, 100));
    assert_eq!(emulator.indicators().len(), 500);
    assert!(response.warnings[0].contains("it was stopped"), "{:?}", response.warnings);
}

#[tokio::test(start_paused = true)]
async fn a_submission_that_never_came_to_its_request_was_not_done() {
    for hang in ["list_machine_actions", "token"] {
        let (emulator, client) = emulated(Emulator::builder());
        let rule = FaultRule::new(hang, PlainFault::HangBeforeEffect);
        emulator.fault(rule.times(1000)).unwrap();
        let response = stopped(&client, &on_machine("isolate_endpoint"), 1).await;
        let expected = (1, State::Rejected, "interrupted", true);
        assert_eq!(told(&response), expected, "{}", response.to_json());
        assert_eq!(effects(&emulator, "isolate"), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_adopted_for_a_state_was_done_for_it() {
    let (emulator, client) = emulated(Emulator::builder().set("settle", "3600").unwrap());
    emulator.fault(FaultRule::new("isolate", PlainFault::ResetAfterEffect)).unwrap();
    let mut request = on_machine("ensure_isolated");
    request["wait"] = json!({"max_seconds": 60});
    let late = call(&client, request.clone()).await;
    assert_eq!(told(&late), (9, State::Submitted, "still_running", false), "{}", late.to_json());
    // Waited for by another call, it is nothing of that call's.
    let again = call(&client, request).await;
    assert_eq!(told(&again), (9, State::Submitted, "still_running", true), "{}", again.to_json());
    assert_eq!(effects(&emulator, "isolate"), 1);
}
