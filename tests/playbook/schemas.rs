//! Schemas and what runs by them say the same.

use defender_response::emulator::Emulator;
use defender_response::playbook::{Registry, request_schema, response_schema};
use serde_json::{Value, json};

use crate::setup::{ALERT, MACHINE, call, emulated, validates};

const ACTION: &str = "5382f7ea-7557-4ab7-9782-d50480024a4e";

fn bundle() -> Value {
    json!({"type": "bundle", "id": "bundle--1", "objects": [
        {"type": "indicator", "id": "indicator--1", "pattern": "[domain-name:value = 'c2.evil.example']"},
        {"type": "indicator", "id": "indicator--2", "pattern": "[mutex:name = 'm']"},
    ]})
}

/// What playbooks send today.
fn good(action_id: &str) -> Vec<(&'static str, Value)> {
    let machine = || json!({"machine_id": MACHINE, "comment": "INC-4711"});
    let with = |name: &str, value: Value| {
        let mut arguments = machine();
        arguments[name] = value;
        arguments
    };
    vec![
        ("isolate_endpoint", machine()),
        ("deisolate_endpoint", machine()),
        ("isolate_endpoint", with("isolation_type", json!("Selective"))),
        ("scan", with("scan_type", json!("Quick"))),
        ("restrict_code_execution", machine()),
        ("unrestrict_code_execution", machine()),
        ("get_action_info", json!({"action_id": action_id})),
        ("cancel_machine_action", json!({"action_id": action_id, "comment": "INC-4711"})),
        ("wait_for_action", json!({"action_id": action_id})),
        (
            "update_alert",
            json!({"alert_id": ALERT, "status": "Resolved", "classification": "TruePositive",
            "determination": "Malware", "comment": "INC-4711", "owner": "responder@corp.example"}),
        ),
        ("comment_alert", json!({"alert_id": ALERT, "comment": "INC-4711"})),
        (
            "create_iocs_from_stix_bundle",
            json!({"stix_objects": bundle(), "action": "Block",
            "severity": "High", "generate_alert": true, "sekoia_base_url": "https://app.sekoia.io"}),
        ),
        (
            "create_iocs_from_stix_bundle",
            json!({"stix_objects": bundle()["objects"], "action": "Alert"}),
        ),
        ("plan_iocs_from_stix_bundle", json!({"stix_objects": bundle(), "action": "Block"})),
        (
            "sync_iocs_from_stix_bundle",
            json!({"stix_objects": bundle(), "action": "Block", "owner": "feed"}),
        ),
        ("get_machine_state", json!({"machine_id": MACHINE})),
        ("ensure_isolated", with("isolation_type", json!("Selective"))),
        ("ensure_released", machine()),
        ("ensure_restricted", machine()),
        ("ensure_unrestricted", machine()),
        ("check_connection", json!({})),
    ]
}

#[tokio::test(start_paused = true)]
async fn each_action_takes_what_playbooks_send_and_answers_by_its_schema() {
    let registry = Registry::default();
    let (emulator, client) = emulated(Emulator::builder());
    let pending = emulator.add_past_actions(1).pop().unwrap();
    let mut ran = Vec::new();
    for (name, arguments) in good(&pending) {
        let about = registry.get(name).unwrap().about();
        validates(&about.arguments, &arguments).unwrap_or_else(|e| panic!("{name}: {e}"));
        let request = json!({"schema_version": 1, "action": name, "arguments": arguments,
            "wait": {"max_seconds": 600}});
        validates(&request_schema(), &request).unwrap();
        let response = call(&client, request).await;
        let shown = json!(response);
        validates(&response_schema(), &shown).unwrap_or_else(|e| panic!("{name}: {e}"));
        // The past action can't be cancelled, which is answered with the action.
        let expected = if name == "cancel_machine_action" { 6 } else { 0 };
        assert_eq!(response.exit_status(), expected, "{name}: {shown}");
        validates(&about.result, &response.result)
            .unwrap_or_else(|e| panic!("{name}: {e}: {shown}"));
        ran.push(name);
    }
    for about in registry.list() {
        assert!(ran.contains(&about.name), "{}", about.name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pending_action_is_cancelled() {
    let (_, client) = emulated(Emulator::builder().set("settle", "3600").unwrap());
    let arguments = json!({"machine_id": MACHINE, "comment": "INC-4711"});
    let request =
        json!({"schema_version": 1, "action": "isolate_endpoint", "arguments": arguments});
    let submitted = call(&client, request).await;
    let arguments = json!({"action_id": submitted.result["id"], "comment": "false alarm"});
    let request =
        json!({"schema_version": 1, "action": "cancel_machine_action", "arguments": arguments});
    let cancelled = call(&client, request).await;
    assert_eq!((cancelled.exit_status(), &cancelled.result["status"]), (0, &json!("Cancelled")));
    let about = Registry::default().get("cancel_machine_action").unwrap().about();
    validates(&about.result, &cancelled.result).unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_schema_refuses_is_refused_before_anything_is_sent() {
    let registry = Registry::default();
    let (emulator, client) = emulated(Emulator::builder());
    let machine = |more: Value| {
        let mut arguments = json!({"machine_id": MACHINE, "comment": "INC-4711"});
        for (name, value) in more.as_object().unwrap() {
            arguments[name] = value.clone();
        }
        arguments
    };
    for (name, arguments) in [
        ("isolate_endpoint", json!({})),
        ("isolate_endpoint", json!([])),
        ("isolate_endpoint", json!([MACHINE, "INC-4711"])),
        ("isolate_endpoint", json!(null)),
        ("isolate_endpoint", json!({"machine_id": MACHINE})),
        ("isolate_endpoint", json!({"comment": "INC-4711"})),
        ("isolate_endpoint", machine(json!({"machine_id": "ws-042"}))),
        ("isolate_endpoint", machine(json!({"machine_id": ACTION}))),
        ("isolate_endpoint", machine(json!({"comment": "  "}))),
        ("isolate_endpoint", machine(json!({"comment": "x".repeat(1001)}))),
        ("isolate_endpoint", machine(json!({"isolation_type": "full"}))),
        ("isolate_endpoint", machine(json!({"isolation_type": "UnManagedDevice"}))),
        ("isolate_endpoint", machine(json!({"isolation": "Full"}))),
        ("deisolate_endpoint", machine(json!({"isolation_type": "Full"}))),
        ("scan", machine(json!({}))),
        ("scan", machine(json!({"scan_type": "Slow"}))),
        ("restrict_code_execution", machine(json!({"machine_id": 7}))),
        ("get_action_info", json!({"action_id": MACHINE})),
        ("get_action_info", json!({"action_id": ""})),
        ("cancel_machine_action", json!({"action_id": ACTION})),
        ("wait_for_action", json!({})),
        ("update_alert", json!({"alert_id": ALERT})),
        ("update_alert", json!({"alert_id": ALERT, "status": "Closed"})),
        ("update_alert", json!({"alert_id": ALERT, "status": "Unknown"})),
        ("update_alert", json!({"alert_id": ALERT, "determination": "Clean"})),
        ("update_alert", json!({"status": "Resolved"})),
        ("comment_alert", json!({"alert_id": ALERT})),
        ("comment_alert", json!({"alert_id": "", "comment": "INC-4711"})),
        ("create_iocs_from_stix_bundle", json!({"action": "Block"})),
        ("create_iocs_from_stix_bundle", json!({"stix_objects": bundle()})),
        ("create_iocs_from_stix_bundle", json!({"stix_objects": bundle(), "action": "Destroy"})),
        ("create_iocs_from_stix_bundle", json!({"stix_objects": "x", "action": "Block"})),
        (
            "create_iocs_from_stix_bundle",
            json!({"stix_objects": bundle(), "stix_objects_path": "x", "action": "Block"}),
        ),
        ("sync_iocs_from_stix_bundle", json!({"stix_objects": bundle(), "action": "Block"})),
        ("ensure_isolated", machine(json!({}))),
        ("check_connection", json!({"x": 1})),
    ] {
        let schema = registry.get(name).unwrap().about().arguments;
        assert!(validates(&schema, &arguments).is_err(), "{name}: {arguments}");
        let request = json!({"schema_version": 1, "action": name, "arguments": arguments});
        let response = call(&client, request).await;
        assert_eq!(response.exit_status(), 2, "{name} {arguments}: {}", response.to_json());
        assert_eq!(
            emulator.journal().iter().filter(|e| e.operation != "token").count(),
            0,
            "{name}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_pair_that_does_not_go_together_is_refused() {
    let (emulator, client) = emulated(Emulator::builder());
    let arguments =
        json!({"alert_id": ALERT, "classification": "FalsePositive", "determination": "Malware"});
    let request = json!({"schema_version": 1, "action": "update_alert", "arguments": arguments});
    let response = call(&client, request).await;
    assert_eq!((response.exit_status(), effects(&emulator)), (2, 0), "{}", response.to_json());
}

fn effects(emulator: &Emulator) -> usize {
    emulator.journal().iter().filter(|entry| entry.effect && entry.operation != "token").count()
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_any_action_sends_nothing_that_changes_something() {
    for (name, arguments) in good(ACTION) {
        let (emulator, client) = emulated(Emulator::builder());
        let request =
            json!({"schema_version": 1, "action": name, "arguments": arguments, "mode": "plan"});
        let response = call(&client, request).await;
        validates(&response_schema(), &json!(response)).unwrap();
        assert_eq!(effects(&emulator), 0, "{name}");
        if ["isolate_endpoint", "scan", "update_alert", "create_iocs_from_stix_bundle"]
            .contains(&name)
        {
            let told = (response.exit_status(), response.disposition.as_deref());
            assert_eq!(told, (0, Some("would_send")), "{name}: {}", response.to_json());
            assert_eq!(response.result["plan_id"].as_str().unwrap().len(), 64, "{name}");
        }
    }
}

#[test]
fn the_readme_has_the_schemas_of_the_envelopes_and_every_action() {
    let readme = include_str!("../../README.md");
    let blocks: Vec<Value> = readme
        .split("```json\n")
        .skip(1)
        .filter_map(|rest| serde_json::from_str(rest.split("```").next()?).ok())
        .collect();
    assert!(blocks.contains(&request_schema()) && blocks.contains(&response_schema()));
    for about in Registry::default().list() {
        assert!(readme.contains(&format!("`{}`", about.name)), "{}", about.name);
    }
}

#[tokio::test(start_paused = true)]
async fn an_envelope_that_its_schema_refuses_is_refused() {
    let (emulator, client) = emulated(Emulator::builder());
    let with = |name: &str, value: Value| {
        let mut request = json!({"schema_version": 1, "action": "scan",
            "arguments": {"machine_id": MACHINE, "comment": "INC-4711", "scan_type": "Quick"}});
        request[name] = value;
        request
    };
    let long = |length: usize| "\u{e9}".repeat(length);
    let run = |length: usize| json!({"execution_id": long(length), "step_id": long(length)});
    for (request, is_good) in [
        (with("wait", json!({"max_seconds": 259_200})), true),
        (with("wait", json!({"max_seconds": 259_201})), false),
        (with("idempotency_key", json!(long(500))), true),
        (with("idempotency_key", json!(long(501))), false),
        (with("idempotency_key", json!("")), false),
        (with("idempotency_key", json!(" \t")), false),
        (with("run", run(200)), true),
        (with("run", run(201)), false),
        (with("run", json!({"playbook_id": long(201)})), false),
        (with("approval", json!({"by": "", "plan_id": "x"})), false),
        (with("approval", json!({"by": long(201), "plan_id": "x"})), false),
        (with("approval", json!({"by": "x", "plan_id": ""})), false),
        (with("schema_version", json!(2)), false),
        (with("arguments", json!([MACHINE, "INC-4711", "Quick"])), false),
    ] {
        assert_eq!(validates(&request_schema(), &request).is_ok(), is_good, "{request}");
        let before = effects(&emulator);
        let response = call(&client, request.clone()).await;
        assert_eq!(response.exit_status() == 0, is_good, "{request}: {}", response.to_json());
        if !is_good {
            assert_eq!((response.exit_status(), effects(&emulator)), (2, before), "{request}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_form_left_empty_is_missing() {
    let registry = Registry::default();
    let machine = json!({"machine_id": MACHINE, "comment": "INC-4711", "isolation_type": ""});
    let alert = |comment: &str| {
        json!({"alert_id": ALERT, "status": "Resolved", "classification": "", "determination": "",
            "comment": comment, "owner": ""})
    };
    let feed = json!({"stix_objects": bundle(), "stix_objects_path": "", "action": "Block",
        "severity": "", "sekoia_base_url": "", "owner": ""});
    let (emulator, client) = emulated(Emulator::builder());
    let id: defender_response::AlertId = ALERT.parse().unwrap();
    let before = client.alert(&id).get().await.unwrap();
    for (name, arguments) in [
        ("isolate_endpoint", machine),
        ("update_alert", alert("")),
        ("create_iocs_from_stix_bundle", feed),
    ] {
        let schema = registry.get(name).unwrap().about().arguments;
        validates(&schema, &arguments).unwrap_or_else(|e| panic!("{name}: {e}"));
        let request = json!({"schema_version": 1, "action": name, "arguments": arguments});
        let response = call(&client, request).await;
        assert_eq!(response.exit_status(), 0, "{name}: {}", response.to_json());
    }
    let after = client.alert(&id).get().await.unwrap();
    assert_eq!((after.assigned_to, after.comments), (before.assigned_to, before.comments));
    assert_eq!(emulator.actions()[0]["scope"], "Full");
}

#[tokio::test(start_paused = true)]
async fn what_is_empty_or_null_is_no_argument_by_the_schema_either() {
    let registry = Registry::default();
    let (_, client) = emulated(Emulator::builder().set("settle", "3600").unwrap());
    let request = json!({"schema_version": 1, "action": "isolate_endpoint",
        "arguments": {"machine_id": MACHINE, "comment": "INC-4711"}});
    let id = call(&client, request).await.result["id"].clone();
    let id = id.as_str().unwrap();
    for (name, arguments, is_good) in [
        ("update_alert", json!({"alert_id": ALERT, "status": null}), false),
        ("update_alert", json!({"alert_id": ALERT, "comment": ""}), false),
        ("update_alert", json!({"alert_id": ALERT, "status": null, "owner": "o"}), true),
        ("wait_for_action", json!({"action_id": id, "token": null}), true),
        ("wait_for_action", json!({"action_id": id, "token": ""}), true),
        ("wait_for_action", json!({"action_id": null}), false),
        ("wait_for_action", json!({"action_id": id, "token": "x"}), false),
        (
            "create_iocs_from_stix_bundle",
            json!({"stix_objects": bundle(), "stix_objects_path": null, "action": "Block"}),
            true,
        ),
        ("create_iocs_from_stix_bundle", json!({"stix_objects": null, "action": "Block"}), false),
        (
            "sync_iocs_from_stix_bundle",
            json!({"stix_objects": bundle(), "action": "Block", "owner": "x", "allow_deletes": 1.0}),
            true,
        ),
        (
            "sync_iocs_from_stix_bundle",
            json!({"stix_objects": bundle(), "action": "Block", "owner": "x", "allow_deletes": 1.5}),
            false,
        ),
        (
            "sync_iocs_from_stix_bundle",
            json!({"stix_objects": bundle(), "action": "Block", "owner": ""}),
            false,
        ),
    ] {
        let schema = registry.get(name).unwrap().about().arguments;
        assert_eq!(validates(&schema, &arguments).is_ok(), is_good, "{name}: {arguments}");
        let request = json!({"schema_version": 1.0, "action": name, "arguments": arguments,
            "wait": {"max_seconds": 0.0}});
        validates(&request_schema(), &request).unwrap();
        let response = call(&client, request).await;
        assert_eq!(response.exit_status() != 2, is_good, "{name}: {}", response.to_json());
    }
}
