//! Idempotency keys across processes, and what may be retried.

use std::time::Duration;

use defender_response::emulator::{Emulator, FaultRule, PlainFault, StatusFault};
use defender_response::playbook::{Response, State};
use serde_json::{Value, json};

use crate::setup::{ALERT, MACHINE, call, effects, emulated};

fn on_machine(action: &str, key: &str) -> Value {
    let mut arguments = json!({"machine_id": MACHINE, "comment": "INC-4711"});
    if action == "scan" {
        arguments["scan_type"] = "Quick".into();
    }
    json!({"schema_version": 1, "action": action, "arguments": arguments, "idempotency_key": key,
        "wait": {"max_seconds": 600}})
}

fn told(response: &Response) -> (u8, State, Option<&str>) {
    (response.exit_status(), response.state, response.disposition.as_deref())
}

/// A client that shares nothing with another but the tenant.
fn fresh(emulator: &Emulator) -> defender_response::Client {
    let secret = defender_response::ClientSecret::new(
        emulator.tenant_id(),
        emulator.client_id(),
        emulator.client_secret(),
    );
    let builder = defender_response::Client::builder(secret).audience(emulator.audience());
    let builder = builder.base_url(emulator.base_url()).authority(emulator.authority());
    builder.transport(emulator.transport()).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_repeat_adopts_the_earlier_action_from_another_process_too() {
    for action in ["isolate_endpoint", "scan", "restrict_code_execution"] {
        let (emulator, client) = emulated(Emulator::builder());
        let first = call(&client, on_machine(action, "run/1")).await;
        assert_eq!(told(&first), (0, State::Succeeded, Some("created")), "{}", first.to_json());
        let second = call(&fresh(&emulator), on_machine(action, "run/1")).await;
        assert_eq!(told(&second), (0, State::Succeeded, Some("adopted")), "{}", second.to_json());
        assert_eq!(first.result["id"], second.result["id"]);
        let operation = action.trim_end_matches("_endpoint");
        assert_eq!(effects(&emulator, operation), 1, "{action}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_key_scans_anew() {
    let (emulator, client) = emulated(Emulator::builder());
    for key in ["run/1", "run/2"] {
        let response = call(&client, on_machine("scan", key)).await;
        assert_eq!(
            told(&response),
            (0, State::Succeeded, Some("created")),
            "{}",
            response.to_json()
        );
    }
    assert_eq!(effects(&emulator, "scan"), 2);
}

#[tokio::test(start_paused = true)]
async fn what_was_undone_since_is_superseded() {
    let (emulator, client) = emulated(Emulator::builder());
    call(&client, on_machine("isolate_endpoint", "run/1")).await;
    call(&client, on_machine("deisolate_endpoint", "run/2")).await;
    let replayed = call(&fresh(&emulator), on_machine("isolate_endpoint", "run/1")).await;
    assert_eq!(told(&replayed), (6, State::Superseded, None), "{}", replayed.to_json());
    assert!(!replayed.ok && !replayed.error.unwrap().retry_safe);
    assert_eq!(effects(&emulator, "isolate"), 1);
    let meant = call(&client, on_machine("isolate_endpoint", "run/3")).await;
    assert_eq!(told(&meant), (0, State::Succeeded, Some("created")));
}

#[tokio::test(start_paused = true)]
async fn other_arguments_under_a_key_are_a_conflict() {
    let (emulator, client) = emulated(Emulator::builder());
    call(&client, on_machine("isolate_endpoint", "run/1")).await;
    let mut other = on_machine("isolate_endpoint", "run/1");
    other["arguments"]["comment"] = "INC-4712".into();
    let response = call(&fresh(&emulator), other).await;
    assert_eq!(told(&response), (6, State::Rejected, None), "{}", response.to_json());
    assert_eq!(response.error.unwrap().code, "conflict");
    // A missing type and Full are the same argument.
    let mut same = on_machine("isolate_endpoint", "run/1");
    same["arguments"]["isolation_type"] = "Full".into();
    assert_eq!(call(&client, same).await.disposition.as_deref(), Some("adopted"));
}

#[tokio::test(start_paused = true)]
async fn execution_and_step_make_a_key() {
    let (emulator, client) = emulated(Emulator::builder());
    let mut request = on_machine("scan", "");
    request.as_object_mut().unwrap().remove("idempotency_key");
    request["run"] = json!({"playbook_id": "p", "execution_id": "e", "step_id": "s"});
    call(&client, request.clone()).await;
    let again = call(&fresh(&emulator), request).await;
    assert_eq!((again.disposition.as_deref(), effects(&emulator, "scan")), (Some("adopted"), 1));
}

#[tokio::test(start_paused = true)]
async fn a_comment_on_an_alert_is_added_once() {
    let (emulator, client) = emulated(Emulator::builder());
    let request = json!({"schema_version": 1, "action": "comment_alert", "idempotency_key": "run/1",
        "arguments": {"alert_id": ALERT, "comment": "INC-4711"}});
    assert_eq!(call(&client, request.clone()).await.exit_status(), 0);
    let again = call(&fresh(&emulator), request.clone()).await;
    assert_eq!((again.exit_status(), again.disposition.as_deref()), (0, Some("adopted")));
    let mut other = request;
    other["arguments"]["comment"] = "INC-4712".into();
    assert_eq!(call(&client, other).await.exit_status(), 6);
    assert_eq!(effects(&emulator, "update_alert"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_retry_is_called_safe_only_where_nothing_was_sent() {
    for (fault, status, safe) in [
        (FaultRule::new("isolate", PlainFault::ResetBeforeEffect), 12, false),
        (FaultRule::new("isolate", StatusFault::new(503)), 12, false),
        (FaultRule::new("isolate", StatusFault::new(400)), 2, true),
        (FaultRule::new("isolate", StatusFault::new(403)), 4, true),
        (FaultRule::new("isolate", PlainFault::Refused).times(1000), 1, true),
        (FaultRule::new("list_machine_actions", StatusFault::new(503)).times(1000), 1, false),
    ] {
        let (emulator, client) = emulated(Emulator::builder());
        emulator.fault(fault.clone()).unwrap();
        let mut request = on_machine("isolate_endpoint", "run/1");
        request.as_object_mut().unwrap().remove("idempotency_key");
        let response = call(&client, request).await;
        assert_eq!(response.exit_status(), status, "{fault:?}: {}", response.to_json());
        assert_eq!(response.error.unwrap().retry_safe, safe, "{fault:?}");
        let expected = if status == 12 { State::Unknown } else { State::Rejected };
        assert_eq!(response.state, expected, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unseen_submission_is_found_under_its_key_once_it_is_listed() {
    let (emulator, client) = emulated(Emulator::builder().set("list_lag", "45").unwrap());
    emulator.fault(FaultRule::new("isolate", PlainFault::ResetAfterEffect)).unwrap();
    let lost = call(&client, on_machine("isolate_endpoint", "run/1")).await;
    assert_eq!((lost.exit_status(), lost.error.unwrap().retry_safe), (12, false));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let again = call(&client, on_machine("isolate_endpoint", "run/1")).await;
    assert_eq!((again.exit_status(), again.disposition.as_deref()), (0, Some("adopted")));
    assert_eq!(effects(&emulator, "isolate"), 1);
}

#[tokio::test(start_paused = true)]
async fn what_ended_otherwise_keeps_its_state() {
    let (emulator, client) = emulated(Emulator::builder().set("settle", "3600").unwrap());
    let mut request = on_machine("isolate_endpoint", "run/1");
    request["wait"]["max_seconds"] = 5.into();
    let running = call(&client, request.clone()).await;
    assert_eq!(running.exit_status(), 9, "{}", running.to_json());
    assert!(!running.error.as_ref().unwrap().retry_safe);
    let resume = running.resume.unwrap();
    assert!(resume.armed_until.is_some());
    let id = running.result["id"].as_str().unwrap().to_owned();
    emulator.cancel_as(defender_response::emulator::Actor::Analyst, &id, "no").unwrap();
    let request_resumed = json!({"schema_version": 1, "action": "wait_for_action", "arguments": {"token": resume.token}});
    let resumed = call(&client, request_resumed).await;
    assert_eq!(
        (resumed.exit_status(), resumed.state),
        (8, State::Cancelled),
        "{}",
        resumed.to_json()
    );
    // The earlier one is adopted as it ended, and not submitted again.
    let again = call(&fresh(&emulator), request).await;
    assert_eq!((again.exit_status(), again.state), (8, State::Cancelled), "{}", again.to_json());
    assert_eq!(effects(&emulator, "isolate"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_loop_s_iteration_is_part_of_the_key_and_a_run_can_go_without_one() {
    let (emulator, client) = emulated(Emulator::builder());
    let mut request = on_machine("scan", "");
    request["run"] = json!({"execution_id": "e", "step_id": "s"});
    for (key, iteration, scans) in [
        (json!(null), json!(null), 1),
        (json!(null), json!(1), 2),
        (json!(null), json!(2), 3),
        (json!(null), json!("1"), 3),
        (json!(null), json!(1.0), 3),
        (json!(null), json!(""), 3),
        (json!(false), json!(1), 4),
        (json!(false), json!(1), 5),
    ] {
        request["idempotency_key"] = key.clone();
        request["run"]["iteration"] = iteration.clone();
        let schema = defender_response::playbook::request_schema();
        crate::setup::validates(&schema, &request).unwrap_or_else(|e| panic!("{request}: {e}"));
        let response = call(&fresh(&emulator), request.clone()).await;
        assert_eq!(response.exit_status(), 0, "{}", response.to_json());
        assert_eq!(effects(&emulator, "scan"), scans, "{key} {iteration}");
    }
    drop(client);
    for wrong in [json!(true), json!(0)] {
        request["idempotency_key"] = wrong;
        let schema = defender_response::playbook::request_schema();
        assert!(crate::setup::validates(&schema, &request).is_err());
        let read: Result<defender_response::playbook::Request, _> =
            serde_json::from_value(request.clone());
        assert!(read.is_err());
    }
}
