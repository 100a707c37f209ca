//! The table of what goes over the wire, for every operation.

use std::collections::BTreeSet;

use defender_response::{
    CancelMachineAction, Client, GetMachine, GetMachineAction, Isolate, IsolationType, Operation,
    RestrictCodeExecution, RunAntiVirusScan, Safety, ScanType, Unisolate, UnrestrictCodeExecution,
    catalog,
};

use crate::script::{ACTION, MACHINE, Script};

struct Row(&'static str, String);

fn row(client: &Client, operation: &impl Operation) -> Row {
    let preview = client.preview(operation).unwrap();
    let path =
        preview.url.as_str().strip_prefix("https://api.securitycenter.microsoft.com").unwrap();
    let body = preview.body.unwrap_or_default();
    Row(preview.operation, format!("{} {path} {body}", preview.method).trim_end().to_owned())
}

#[test]
fn every_operation_sends_exactly_this() {
    let client = Script::new().client();
    let machine = || MACHINE.parse().unwrap();
    let id = || ACTION.parse().unwrap();
    let m = format!("/api/machines/{MACHINE}");
    let a = format!("/api/machineactions/{ACTION}");

    let table = [
        (
            row(&client, &Isolate::new(machine(), IsolationType::Full, "c")),
            format!(r#"POST {m}/isolate {{"Comment":"c","IsolationType":"Full"}}"#),
        ),
        (
            row(&client, &Isolate::new(machine(), IsolationType::Selective, "c")),
            format!(r#"POST {m}/isolate {{"Comment":"c","IsolationType":"Selective"}}"#),
        ),
        (
            row(&client, &Isolate::new(machine(), IsolationType::ContainUnmanaged, "c")),
            format!(r#"POST {m}/isolate {{"Comment":"c","IsolationType":"UnManagedDevice"}}"#),
        ),
        (
            row(&client, &Unisolate::new(machine(), "c")),
            format!(r#"POST {m}/unisolate {{"Comment":"c"}}"#),
        ),
        (
            row(&client, &RunAntiVirusScan::new(machine(), ScanType::Quick, "\"quoted\"\nünï")),
            format!(
                r#"POST {m}/runAntiVirusScan {{"Comment":"\"quoted\"\nünï","ScanType":"Quick"}}"#
            ),
        ),
        (
            row(&client, &RunAntiVirusScan::new(machine(), ScanType::Full, "c")),
            format!(r#"POST {m}/runAntiVirusScan {{"Comment":"c","ScanType":"Full"}}"#),
        ),
        (
            row(&client, &RestrictCodeExecution::new(machine(), "c")),
            format!(r#"POST {m}/restrictCodeExecution {{"Comment":"c"}}"#),
        ),
        (
            row(&client, &UnrestrictCodeExecution::new(machine(), "c")),
            format!(r#"POST {m}/unrestrictCodeExecution {{"Comment":"c"}}"#),
        ),
        (row(&client, &GetMachineAction::new(id())), format!("GET {a}")),
        (
            row(&client, &CancelMachineAction::new(id(), "c")),
            format!(r#"POST {a}/cancel {{"Comment":"c"}}"#),
        ),
        (row(&client, &GetMachine::by_id(&machine())), format!("GET {m}")),
        (
            row(&client, &GetMachine::by_name("ws-042.corp.example")),
            "GET /api/machines/ws-042.corp.example".to_owned(),
        ),
    ];

    let mut covered = BTreeSet::new();
    for (Row(name, sent), expected) in table {
        assert_eq!(sent, expected, "{name}");
        covered.insert(name);
    }
    let all: BTreeSet<_> = catalog::OPERATIONS.iter().map(|spec| spec.name).collect();
    assert_eq!(covered, all, "the table has every operation of the catalog");
}

#[test]
fn a_submission_is_never_marked_repeatable() {
    for spec in catalog::OPERATIONS {
        let expected = match (spec.method.as_str(), spec.name) {
            ("GET", _) => Safety::Read,
            (_, "cancel_machine_action") => Safety::Idempotent,
            _ => Safety::Once,
        };
        assert_eq!(spec.safety, expected, "{}", spec.name);
    }
}
