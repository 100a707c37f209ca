//! Before and after each write there is an event, and without it there is no write.

use std::io;
use std::sync::{Arc, Mutex};

use defender_response::emulator::{Emulator, FaultRule, PlainFault};
use defender_response::{
    AuditEvent, AuditSink, Guard, Isolate, IsolationType, JsonLines, Rule, ScanType,
};
use serde_json::{Value, json};

use crate::setup::{ALERT, MACHINE, call, effects, emulated};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn read(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

struct Broken(bool);

impl AuditSink for Broken {
    fn record(&self, _: &AuditEvent) -> io::Result<()> {
        Err(io::Error::other("the disk is full"))
    }

    fn is_required(&self) -> bool {
        self.0
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_has_one_event_before_and_one_after_and_a_read_has_none() {
    let (emulator, client) = emulated(Emulator::builder());
    let lines = Lines::default();
    let client = client.audited(JsonLines::new(lines.clone()).required());
    let run = json!({"playbook_id": "p", "execution_id": "e", "step_id": "s"});
    let request = json!({"schema_version": 1, "action": "isolate_endpoint", "run": run,
        "arguments": {"machine_id": MACHINE, "comment": "INC-4711"}});
    let response = call(&client, request).await;
    let told = lines.read();
    assert_eq!(told.len(), 2);
    for (event, phase) in told.iter().zip(["before", "after"]) {
        assert_eq!(event["phase"], phase);
        assert_eq!((&event["operation"], &event["target"]), (&json!("isolate"), &json!(MACHINE)));
        assert_eq!((&event["run"], &event["tenant"]), (&run, &json!(emulator.tenant_id())));
        assert_eq!(event["application"], emulator.client_id());
        assert!(event["reference"].as_str().unwrap().starts_with("dr-"));
    }
    assert_eq!(told[1]["state"], "Pending");
    assert_eq!(
        (&told[1]["disposition"], &told[1]["action"]),
        (&json!("created"), &response.result["id"])
    );
    assert!(
        !lines
            .0
            .lock()
            .unwrap()
            .windows(10)
            .any(|w| emulator.client_secret().as_bytes().starts_with(w))
    );
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_write_passes_the_log() {
    let (emulator, client) = emulated(Emulator::builder());
    let lines = Lines::default();
    let client = client.audited(JsonLines::new(lines.clone()));
    let comment = json!({"alert_id": ALERT, "comment": "INC-4711"});
    let bundle = json!([{"type": "indicator", "id": "indicator--1", "pattern": "[domain-name:value = 'c2.evil.example']"}]);
    for (action, arguments) in [
        ("comment_alert", comment),
        ("create_iocs_from_stix_bundle", json!({"stix_objects": bundle, "action": "Block"})),
        (
            "ensure_isolated",
            json!({"machine_id": MACHINE, "comment": "INC-4711", "isolation_type": "Full"}),
        ),
        ("get_machine_state", json!({"machine_id": MACHINE})),
    ] {
        let request = json!({"schema_version": 1, "action": action, "arguments": arguments});
        assert_eq!(call(&client, request).await.exit_status(), 0);
    }
    let raw = Isolate::new(MACHINE.parse().unwrap(), IsolationType::Full, "raw");
    client.send(&raw).await.unwrap();
    let told: Vec<_> =
        lines.read().iter().map(|e| (e["operation"].clone(), e["phase"].clone())).collect();
    let expected: Vec<_> = ["update_alert", "import_indicators", "isolate", "isolate"]
        .iter()
        .flat_map(|operation| {
            [(json!(operation), json!("before")), (json!(operation), json!("after"))]
        })
        .collect();
    assert_eq!(told, expected);
    let writes = emulator.journal().iter().filter(|e| e.effect && e.operation != "token").count();
    assert_eq!(writes * 2, told.len());
}

#[tokio::test(start_paused = true)]
async fn what_a_required_log_does_not_take_is_not_done() {
    for required in [true, false] {
        let (emulator, client) = emulated(Emulator::builder());
        let client = client.audited(Broken(required));
        let host = client.machine(MACHINE.parse::<defender_response::MachineId>().unwrap());
        let outcomes = [
            host.isolate(IsolationType::Full, "INC-4711").await.err(),
            host.scan(ScanType::Quick, "INC-4711").await.err(),
            client
                .alert(ALERT.parse::<defender_response::AlertId>().unwrap())
                .comment("x")
                .await
                .err(),
            client.send(&Isolate::new(host.id().clone(), IsolationType::Full, "raw")).await.err(),
        ];
        for error in outcomes {
            assert_eq!(error.is_some_and(|error| error.is_audit_failed()), required);
        }
        assert_eq!(effects(&emulator, "isolate") > 0, !required);
        assert_eq!(effects(&emulator, "update_alert") > 0, !required);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_guard_refuses_and_what_is_only_planned_is_not_in_the_log() {
    let (_, client) = emulated(Emulator::builder());
    let lines = Lines::default();
    let client = client.audited(JsonLines::new(lines.clone()));
    let request = json!({"schema_version": 1, "action": "isolate_endpoint",
        "arguments": {"machine_id": MACHINE, "comment": "INC-4711"}});
    let guarded = client.guarded(Guard::new().never(Rule::new().name("ws-*"))).unwrap();
    assert_eq!(call(&guarded, request.clone()).await.exit_status(), 10);
    let mut plan = request;
    plan["mode"] = "plan".into();
    assert_eq!(call(&client, plan).await.exit_status(), 0);
    assert!(lines.read().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_away_is_in_the_log() {
    let (emulator, client) = emulated(Emulator::builder());
    emulator.fault(FaultRule::new("isolate", PlainFault::HangAfterEffect)).unwrap();
    let lines = Lines::default();
    let client = client.audited(JsonLines::new(lines.clone()));
    let host = client.machine(MACHINE.parse::<defender_response::MachineId>().unwrap());
    let gone = host.isolate(IsolationType::Full, "INC-4711");
    assert!(tokio::time::timeout(std::time::Duration::from_secs(5), gone).await.is_err());
    assert_eq!(lines.read()[1]["state"], "caller_gone");
}

#[tokio::test(start_paused = true)]
async fn who_approved_what_is_in_the_log() {
    let (_, client) = emulated(Emulator::builder());
    let lines = Lines::default();
    let client = client.audited(JsonLines::new(lines.clone()));
    let mut request = json!({"schema_version": 1, "action": "isolate_endpoint", "mode": "plan",
        "run": {"playbook_id": "p"}, "arguments": {"machine_id": MACHINE, "comment": "INC-4711"}});
    let plan = call(&client, request.clone()).await;
    request["mode"] = "apply".into();
    request["approval"] = json!({"by": "duty officer", "plan_id": "another"});
    assert_eq!(call(&client, request.clone()).await.exit_status(), 10);
    assert!(lines.read().is_empty());
    request["approval"]["plan_id"] = plan.result["plan_id"].clone();
    assert_eq!(call(&client, request).await.exit_status(), 0);
    let told = lines.read();
    assert_eq!(told.len(), 2);
    for event in told {
        assert_eq!(event["approved_by"], "duty officer");
        assert_eq!(event["plan_id"], plan.result["plan_id"]);
        assert_eq!(event["run"]["playbook_id"], "p");
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_away_before_the_request_left_is_told_from_one_after() {
    let (emulator, client) = emulated(Emulator::builder());
    let hang = FaultRule::new("list_machine_actions", PlainFault::HangBeforeEffect);
    emulator.fault(hang.times(1000)).unwrap();
    let lines = Lines::default();
    let client = client.audited(JsonLines::new(lines.clone()));
    let host = client.machine(MACHINE.parse::<defender_response::MachineId>().unwrap());
    let gone = host.isolate(IsolationType::Full, "INC-4711");
    assert!(tokio::time::timeout(std::time::Duration::from_secs(5), gone).await.is_err());
    assert_eq!(lines.read()[1]["state"], "not_sent");
    assert_eq!(effects(&emulator, "isolate"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_one_log_takes_and_another_does_not_is_told_to_the_one() {
    let (emulator, client) = emulated(Emulator::builder());
    let lines = Lines::default();
    let client = client.audited(JsonLines::new(lines.clone())).audited(Broken(true));
    let host = client.machine(MACHINE.parse::<defender_response::MachineId>().unwrap());
    let error = host.isolate(IsolationType::Full, "INC-4711").await.unwrap_err();
    assert!(error.is_audit_failed() && effects(&emulator, "isolate") == 0);
    let told: Vec<_> =
        lines.read().iter().map(|e| (e["phase"].clone(), e["state"].clone())).collect();
    assert_eq!(told, [(json!("before"), json!(null)), (json!("after"), json!("not_sent"))]);
}

#[tokio::test(start_paused = true)]
async fn each_event_has_its_own_time() {
    let (emulator, client) = emulated(Emulator::builder());
    emulator.fault(FaultRule::new("isolate", std::time::Duration::from_secs(3))).unwrap();
    let lines = Lines::default();
    let client = client.audited(JsonLines::new(lines.clone()));
    let host = client.machine(MACHINE.parse::<defender_response::MachineId>().unwrap());
    let _ = host.isolate(IsolationType::Full, "INC-4711").await.unwrap();
    let at: Vec<defender_response::Timestamp> =
        lines.read().iter().map(|e| e["at"].as_str().unwrap().parse().unwrap()).collect();
    assert!(at[0] < at[1], "{at:?}");
}
