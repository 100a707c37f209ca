//! How a call came to its action, and what is said beside it.

use std::time::Duration;

use defender_response::emulator::{Act, Actor, Emulator, FaultRule, PlainFault};
use defender_response::playbook::{Response, State};
use serde_json::{Value, json};

use crate::setup::{ALERT, MACHINE, call, effects, emulated};

fn isolate(kind: Option<&str>) -> Value {
    let mut arguments = json!({"machine_id": MACHINE, "comment": "INC-4711"});
    if let Some(kind) = kind {
        arguments["isolation_type"] = kind.into();
    }
    json!({"schema_version": 1, "action": "isolate_endpoint", "arguments": arguments})
}

fn told(response: &Response) -> (u8, State, Option<&str>) {
    (response.exit_status(), response.state, response.disposition.as_deref())
}

fn slow() -> (Emulator, defender_response::Client) {
    emulated(Emulator::builder().set("settle", "3600").unwrap())
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_is_told_and_another_scope_is_a_conflict() {
    let (emulator, client) = slow();
    let first = call(&client, isolate(Some("Full"))).await;
    let again = call(&client, isolate(Some("Full"))).await;
    assert_eq!(told(&again), (0, State::Submitted, Some("already_pending")));
    assert_eq!(again.result["id"], first.result["id"]);

    let other = call(&client, isolate(Some("Selective"))).await;
    assert_eq!(told(&other), (6, State::Submitted, Some("already_pending")));
    assert_eq!(other.error.unwrap().code, "other_scope");

    let mut plan = isolate(Some("Full"));
    plan["mode"] = "plan".into();
    plan["wait"] = json!({"max_seconds": 600});
    let plan = call(&client, plan).await;
    assert_eq!(told(&plan), (0, State::Planned, Some("already_pending")), "{}", plan.to_json());
    assert!(plan.resume.is_none());
    assert_eq!(effects(&emulator, "isolate"), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_so_already_is_told_with_its_age() {
    let (emulator, client) = emulated(Emulator::builder());
    let mut request = isolate(Some("Full"));
    request["wait"] = json!({"max_seconds": 600});
    assert!(call(&client, request.clone()).await.warnings.is_empty());
    let again = call(&client, request).await;
    assert_eq!(told(&again), (0, State::Succeeded, Some("already_in_state")));
    assert!(again.warnings[0].starts_with("nothing was submitted"), "{:?}", again.warnings);
    assert_eq!(effects(&emulator, "isolate"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_missing_isolation_type_is_full_and_selective_is_named() {
    let (emulator, client) = emulated(Emulator::builder());
    let response = call(&client, isolate(None)).await;
    assert!(response.warnings[0].contains("Selective"), "{:?}", response.warnings);
    assert_eq!(emulator.actions()[0]["scope"], "Full");
}

#[tokio::test(start_paused = true)]
async fn a_conflict_after_something_was_done_is_not_nothing() {
    let (emulator, client) = slow();
    call(&client, isolate(Some("Full"))).await;
    emulator.fault(FaultRule::new("cancel_machine_action", Duration::from_secs(3))).unwrap();
    let analyst = async {
        while effects(&emulator, "cancel_machine_action") == 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        emulator.act(Actor::Analyst, MACHINE, Act::Isolate, "by hand").unwrap();
    };
    let mut request = isolate(None);
    request["action"] = "ensure_released".into();
    let (response, ()) = tokio::join!(call(&client, request.clone()), analyst);
    assert_eq!(told(&response), (6, State::Unknown, None), "{}", response.to_json());
    assert!(!response.error.unwrap().retry_safe);
    // With nothing done it is just a conflict.
    let again = call(&client, request).await;
    assert_eq!(told(&again), (6, State::Rejected, None), "{}", again.to_json());
    assert!(again.error.unwrap().retry_safe);
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_that_was_taken_and_does_nothing_is_still_running() {
    let builder = Emulator::builder().set("settle", "3600").unwrap();
    let (_, client) = emulated(builder.set("cancel_in_progress", "lost").unwrap());
    let submitted = call(&client, isolate(Some("Full"))).await;
    tokio::time::sleep(Duration::from_secs(1800)).await;
    let arguments = json!({"action_id": submitted.result["id"], "comment": "false alarm"});
    let request =
        json!({"schema_version": 1, "action": "cancel_machine_action", "arguments": arguments});
    let response = call(&client, request).await;
    assert_eq!(told(&response), (9, State::InProgress, None), "{}", response.to_json());
    assert!(response.resume.is_some());
}

#[tokio::test(start_paused = true)]
async fn an_alert_is_shown_as_it_is_after_its_update() {
    let (_, client) = emulated(Emulator::builder().set("patch_answer", "old").unwrap());
    let arguments = json!({"alert_id": ALERT, "status": "Resolved"});
    let request = json!({"schema_version": 1, "action": "update_alert", "arguments": arguments});
    let response = call(&client, request).await;
    assert_eq!((response.exit_status(), &response.result["status"]), (0, &json!("Resolved")));
}

#[tokio::test(start_paused = true)]
async fn a_comment_that_was_never_seen_is_not_safe_to_repeat_and_a_status_is() {
    for (arguments, safe) in [
        (json!({"alert_id": ALERT, "comment": "INC-4711"}), false),
        (json!({"alert_id": ALERT, "status": "Resolved"}), true),
    ] {
        let (emulator, client) = emulated(Emulator::builder());
        let rule = FaultRule::new("update_alert", PlainFault::ResetBeforeEffect);
        emulator.fault(rule.times(1000)).unwrap();
        let request =
            json!({"schema_version": 1, "action": "update_alert", "arguments": arguments});
        let response = call(&client, request).await;
        assert_eq!(told(&response), (12, State::Unknown, None), "{}", response.to_json());
        assert_eq!(response.error.unwrap().retry_safe, safe);
    }
}

#[tokio::test(start_paused = true)]
async fn ids_left_empty_make_no_key_and_no_two_runs_share_one() {
    let (emulator, client) = emulated(Emulator::builder());
    let mut request = isolate(None);
    request["action"] = "scan".into();
    request["arguments"]["scan_type"] = "Quick".into();
    request["wait"] = json!({"max_seconds": 600});
    let runs = [("e", " "), ("e", " "), ("a", "b/c"), ("a/b", "c")];
    for (scans, (execution, step)) in (1..).zip(runs) {
        request["run"] = json!({"execution_id": execution, "step_id": step});
        let response = call(&client, request.clone()).await;
        assert_eq!(told(&response), (0, State::Succeeded, Some("created")));
        assert_eq!(effects(&emulator, "scan"), scans);
    }
}

fn ensure(action: &str, mode: &str) -> Value {
    let mut arguments = json!({"machine_id": MACHINE, "comment": "INC-4711"});
    if action == "ensure_isolated" {
        arguments["isolation_type"] = "Selective".into();
    }
    json!({"schema_version": 1, "action": action, "mode": mode, "arguments": arguments})
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_a_state_shows_the_calls_and_which_are_conditional() {
    let (_, client) = slow();
    let plan = call(&client, ensure("ensure_isolated", "plan")).await;
    assert_eq!(told(&plan), (0, State::Planned, Some("would_send")), "{}", plan.to_json());
    let calls = plan.result["would_send"].as_array().unwrap();
    let only = &calls[0];
    assert_eq!(
        (calls.len(), &only["operation"], &only["method"]),
        (1, &json!("isolate"), &json!("POST"))
    );
    assert_eq!(only["body"]["IsolationType"], "Selective");
    assert_eq!(only["body"]["Comment"], "INC-4711");
    assert!(only["url"].as_str().unwrap().ends_with(&format!("{MACHINE}/isolate")), "{only}");
    assert_eq!(only["when"], Value::Null);

    let submitted = call(&client, isolate(Some("Full"))).await;
    let plan = call(&client, ensure("ensure_released", "plan")).await;
    assert_eq!(told(&plan), (0, State::Planned, Some("would_send")), "{}", plan.to_json());
    let calls = plan.result["would_send"].as_array().unwrap();
    let operations: Vec<_> = calls.iter().map(|call| call["operation"].as_str().unwrap()).collect();
    assert_eq!(operations, ["cancel_machine_action", "unisolate"]);
    let id = submitted.result["id"].as_str().unwrap();
    assert!(calls[0]["url"].as_str().unwrap().contains(id), "{}", calls[0]);
    assert_eq!((calls[0]["when"].is_null(), calls[1]["when"].is_string()), (true, true));
}

#[tokio::test(start_paused = true)]
async fn a_plan_to_cancel_what_has_ended_is_a_plan() {
    for (cancelled, disposition) in [(true, Some("already_in_state")), (false, None)] {
        let (emulator, client) = emulated(Emulator::builder());
        let mut request = isolate(Some("Full"));
        if !cancelled {
            request["wait"] = json!({"max_seconds": 600});
        }
        let action = call(&client, request).await;
        let id = action.result["id"].as_str().unwrap();
        if cancelled {
            emulator.cancel_as(Actor::Analyst, id, "no").unwrap();
        }
        let request = json!({"schema_version": 1, "action": "cancel_machine_action", "mode": "plan",
            "arguments": {"action_id": id, "comment": "no"}});
        let plan = call(&client, request).await;
        assert_eq!(told(&plan), (0, State::Planned, disposition), "{}", plan.to_json());
        assert_eq!(plan.result["would_send"], json!([]));
        assert_eq!(plan.result["there"]["id"], id);
        assert_eq!(plan.warnings.is_empty(), cancelled);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_advised_a_runner_can_do() {
    let (emulator, client) = emulated(Emulator::builder());
    let mut isolated = isolate(Some("Full"));
    isolated["wait"] = json!({"max_seconds": 600});
    assert_eq!(call(&client, isolated).await.exit_status(), 0);
    let other = call(&client, isolate(Some("Selective"))).await;
    let pair = json!({"schema_version": 1, "action": "update_alert", "arguments":
        {"alert_id": ALERT, "classification": "FalsePositive", "determination": "Malware"}});
    let pair = call(&client, pair).await;
    emulator.act(Actor::Analyst, MACHINE, Act::Restrict, "by hand").unwrap();
    let theirs = call(&client, ensure("ensure_unrestricted", "apply")).await;
    let object = |name: &str| {
        json!({"type": "indicator", "id": format!("indicator--{name}"),
            "pattern": format!("[domain-name:value = '{name}.evil.example']")})
    };
    let sync = |objects: Value| {
        json!({"schema_version": 1, "action": "sync_iocs_from_stix_bundle", "arguments":
            {"stix_objects": objects, "action": "Block", "owner": "feed", "allow_deletes": 0}})
    };
    assert_eq!(call(&client, sync(json!([object("a"), object("b")]))).await.exit_status(), 0);
    let many = call(&client, sync(json!([object("a")]))).await;
    emulator
        .fault(
            FaultRule::new(
                "list_machine_actions",
                defender_response::emulator::StatusFault::new(403),
            )
            .times(100),
        )
        .unwrap();
    let blind = call(&client, isolate(Some("Selective"))).await;
    for response in [other, pair, theirs, many, blind] {
        let fault = response.error.as_ref().unwrap_or_else(|| panic!("{}", response.to_json()));
        let said = format!("{} {}", fault.message, fault.hint.as_deref().unwrap_or_default());
        assert!(!said.contains("()") && !said.contains("allow_deletes("), "{said}");
    }
}
