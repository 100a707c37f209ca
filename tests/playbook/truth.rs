//! Whatever goes wrong with whichever call: what the envelope says is so by the service's own journal.

use std::time::Duration;

use defender_response::emulator::{Emulator, Fault, FaultRule, PlainFault, StatusFault};
use defender_response::playbook::{Category, Registry, Response, State};
use serde_json::{Value, json};

use crate::setup::{ALERT, MACHINE, another_client, call, emulated, validates};

fn requests() -> Vec<Value> {
    let machine = json!({"machine_id": MACHINE, "comment": "INC-4711"});
    let with = |name: &str, value: &str| {
        let mut arguments = machine.clone();
        arguments[name] = value.into();
        arguments
    };
    let feed = json!([{"type": "indicator", "id": "indicator--1", "pattern": "[domain-name:value = 'c2.evil.example']"}]);
    [
        ("isolate_endpoint", with("isolation_type", "Full")),
        ("deisolate_endpoint", machine.clone()),
        ("scan", with("scan_type", "Quick")),
        ("restrict_code_execution", machine.clone()),
        ("ensure_isolated", with("isolation_type", "Full")),
        ("ensure_released", machine.clone()),
        ("comment_alert", json!({"alert_id": ALERT, "comment": "INC-4711"})),
        ("update_alert", json!({"alert_id": ALERT, "status": "Resolved"})),
        ("create_iocs_from_stix_bundle", json!({"stix_objects": feed, "action": "Block"})),
        ("get_machine_state", json!({"machine_id": MACHINE})),
        ("check_connection", json!({})),
    ]
    .into_iter()
    .map(|(action, arguments)| json!({"schema_version": 1, "action": action, "arguments": arguments}))
    .collect()
}

fn faults() -> Vec<Fault> {
    let mut all: Vec<Fault> = [
        PlainFault::Refused,
        PlainFault::ResetBeforeEffect,
        PlainFault::ResetAfterEffect,
        PlainFault::HangBeforeEffect,
        PlainFault::HangAfterEffect,
        PlainFault::HalfBody,
        PlainFault::Html200,
        PlainFault::Redirect,
    ]
    .map(Fault::from)
    .into();
    for status in [400, 401, 403, 404, 409, 429, 500, 502, 503, 504] {
        all.push(StatusFault::new(status).into());
        // What the service refuses it hasn't done; what it fails at it may have.
        if status >= 500 {
            all.push(StatusFault::new(status).after_effect().into());
        }
    }
    all
}

fn effects(emulator: &Emulator) -> usize {
    emulator.journal().iter().filter(|e| e.effect && e.operation != "token").count()
}

/// What isn't true of an envelope, if something isn't.
fn lie(response: &Response, changes: bool, effects: usize) -> Option<&'static str> {
    use State as S;
    let fault = response.error.as_ref();
    let is_unknown = fault.is_some_and(|fault| fault.category == Category::Unknown);
    match response.state {
        S::Rejected if effects > 0 => Some("it says that nothing was done"),
        S::Rejected if is_unknown => Some("nothing was done, and its outcome is unknown"),
        S::Succeeded
            if response.ok && changes && effects == 0 && response.disposition.is_none() =>
        {
            Some("it says that it was done")
        }
        S::Submitted | S::InProgress if effects == 0 => Some("it says that it was submitted"),
        S::Submitted | S::InProgress if response.resume.is_none() => Some("there is no token"),
        S::Unknown if !changes => Some("a read is never unknown"),
        _ if response.ok != fault.is_none() => Some("ok and an error"),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn no_fault_makes_an_envelope_lie() {
    let registry = Registry::default();
    let mut lies = Vec::new();
    for request in requests() {
        let about = registry.get(request["action"].as_str().unwrap()).unwrap().about();
        for operation in ["token", "*", "main"] {
            for fault in faults() {
                for times in [1, 1000] {
                    let (emulator, client) = emulated(Emulator::builder());
                    let main = match about.name {
                        "isolate_endpoint" | "ensure_isolated" => "isolate",
                        "deisolate_endpoint" | "ensure_released" => "unisolate",
                        "scan" => "scan",
                        "restrict_code_execution" => "restrict_code_execution",
                        "comment_alert" | "update_alert" => "update_alert",
                        "create_iocs_from_stix_bundle" => "import_indicators",
                        _ => "list_machine_actions",
                    };
                    let operation = if operation == "main" { main } else { operation };
                    emulator.fault(FaultRule::new(operation, fault.clone()).times(times)).unwrap();
                    let response = call(&client, request.clone()).await;
                    let place = format!("{} {operation} {fault:?} {times}", about.name);
                    if let Some(lie) = lie(&response, about.changes, effects(&emulator)) {
                        lies.push(format!("{place}: {lie}: {}", response.to_json()));
                    }
                    if !response.result.is_null()
                        && let Err(error) = validates(&about.result, &response.result)
                    {
                        lies.push(format!("{place}: {error}"));
                    }
                    // What may be repeated is done once, however soon.
                    if response.error.is_some_and(|fault| fault.retry_safe) {
                        emulator.clear_faults();
                        let clock = defender_response::TestClock::starting_at(
                            "2026-03-01T03:00:00Z".parse().unwrap(),
                        );
                        let client = another_client(&emulator, std::sync::Arc::new(clock));
                        call(&client, request.clone()).await;
                        tokio::time::sleep(Duration::from_secs(600)).await;
                        let submitted = emulator
                            .journal()
                            .iter()
                            .filter(|e| e.effect && e.operation == main)
                            .count();
                        if submitted > 1
                            && !["update_alert", "create_iocs_from_stix_bundle"]
                                .contains(&about.name)
                        {
                            lies.push(format!("{place}: done twice"));
                        }
                    }
                }
            }
        }
    }
    assert!(lies.is_empty(), "{} lies\n{}", lies.len(), lies.join("\n"));
}
