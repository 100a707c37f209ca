//! The table of what goes over the wire, for every operation.

use std::collections::BTreeSet;

use defender_response::model::{
    AlertStatus, Classification, Determination, IndicatorAction, IndicatorType, Severity,
};
use defender_response::{
    AlertId, AlertUpdate, BatchDeleteIndicators, BatchUpdateAlerts, CancelMachineAction, Client,
    CreateOrUpdateIndicator, DeleteIndicator, Filter, FindMachinesByIp, FindMachinesByTag,
    GetAlert, GetIndicator, GetMachine, GetMachineAction, ImportIndicators, IndicatorId, Isolate,
    IsolationType, ListAlerts, ListIndicators, ListMachineActions, ListMachines, NewIndicator,
    Operation, RestrictCodeExecution, RunAntiVirusScan, Safety, ScanType, Unisolate,
    UnrestrictCodeExecution, UpdateAlert, catalog,
};

use crate::script::{ACTION, MACHINE, Script};

const ALERT: &str = "da637472900382838869_-1364969609";

const WHOLE: &str = r#"{"action":"Audit","application":"INC","description":"d","educateUrl":"https://corp.example/why","expirationTime":"2030-01-01T00:00:00Z","generateAlert":true,"indicatorType":"Url","indicatorValue":"https://evil.example/A?b=c","rbacGroupNames":["servers"],"recommendedActions":"call","severity":"High","title":"t"}"#;

fn alert() -> AlertId {
    ALERT.parse().unwrap()
}

fn indicator() -> IndicatorId {
    "17".parse().unwrap()
}

fn everything() -> AlertUpdate {
    AlertUpdate::new()
        .status(AlertStatus::Resolved)
        .assigned_to("a@b.example")
        .classify(Classification::TruePositive, Determination::Malware)
        .comment("c")
}

fn whole_indicator() -> NewIndicator {
    let value = " https://evil.example/A?b=c";
    NewIndicator::new(IndicatorType::Url, value, IndicatorAction::Audit, "t", "d")
        .application("INC")
        .expiration_time("2030-01-01T00:00:00Z".parse().unwrap())
        .severity(Severity::High)
        .recommended_actions("call")
        .rbac_groups(["servers"])
        .educate_url("https://corp.example/why")
        .generate_alert(false)
}

struct Row(&'static str, String);

fn row(client: &Client, operation: &impl Operation) -> Row {
    let preview = client.preview(operation).unwrap();
    let path =
        preview.url.as_str().strip_prefix("https://api.securitycenter.microsoft.com").unwrap();
    let body = preview.body.unwrap_or_default();
    Row(preview.operation, format!("{} {path} {body}", preview.method).trim_end().to_owned())
}

#[test]
#[allow(clippy::too_many_lines)] // a table
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
        (
            row(&client, &ListMachineActions::new(None)),
            "GET /api/machineactions?$orderby=creationDateTimeUtc&$top=1000".to_owned(),
        ),
        (
            row(&client, &ListMachines::new(Some(Filter::eq("computerDnsName", "o'neil & söhne")))),
            "GET /api/machines?$filter=computerDnsName%20eq%20%27o%27%27neil%20%26%20s%C3%B6hne%27\
             &$orderby=id&$top=1000"
                .to_owned(),
        ),
        (
            row(
                &client,
                &FindMachinesByIp {
                    address: "10.0.0.1".parse().unwrap(),
                    at: "2019-09-22T08:44:05.123Z".parse().unwrap(),
                },
            ),
            "GET /api/machines/findbyip(ip='10.0.0.1',timestamp=2019-09-22T08:44:05Z)".to_owned(),
        ),
        (
            row(&client, &FindMachinesByTag { tag: "tier 0".to_owned() }),
            "GET /api/machines/findbytag?tag=tier%200&useStartsWithFilter=false".to_owned(),
        ),
        (row(&client, &GetAlert::new(alert())), format!("GET /api/alerts/{ALERT}")),
        (
            row(&client, &ListAlerts::new(Some(Filter::eq("status", "New"))).with_evidence()),
            "GET /api/alerts?$filter=status%20eq%20%27New%27&$orderby=alertCreationTime&$top=100&$expand=evidence"
                .to_owned(),
        ),
        (
            row(&client, &UpdateAlert::new(alert(), everything())),
            format!(
                r#"PATCH /api/alerts/{ALERT} {{"assignedTo":"a@b.example","classification":"TruePositive","comment":"c","determination":"Malware","status":"Resolved"}}"#
            ),
        ),
        (
            row(&client, &UpdateAlert::new(alert(), AlertUpdate::new().comment("c"))),
            format!(r#"PATCH /api/alerts/{ALERT} {{"comment":"c"}}"#),
        ),
        (
            row(&client, &BatchUpdateAlerts::new([alert()], AlertUpdate::new().status(AlertStatus::New))),
            format!(r#"POST /api/alerts/batchUpdate {{"alertIds":["{ALERT}"],"status":"New"}}"#),
        ),
        (
            row(&client, &CreateOrUpdateIndicator { indicator: whole_indicator() }),
            format!("POST /api/indicators {WHOLE}"),
        ),
        (
            row(&client, &ImportIndicators { indicators: vec![whole_indicator()] }),
            format!(r#"POST /api/indicators/import {{"Indicators":[{WHOLE}]}}"#),
        ),
        (
            row(&client, &GetIndicator { indicator: indicator() }),
            "GET /api/indicators/17".to_owned(),
        ),
        (
            row(&client, &ListIndicators::new(None)),
            "GET /api/indicators?$orderby=creationTimeDateTimeUtc&$top=1000".to_owned(),
        ),
        (
            row(&client, &DeleteIndicator { indicator: indicator() }),
            "DELETE /api/indicators/17".to_owned(),
        ),
        (
            row(&client, &BatchDeleteIndicators { indicators: vec![indicator(), "18".parse().unwrap()] }),
            r#"POST /api/indicators/BatchDelete {"IndicatorIds":["17","18"]}"#.to_owned(),
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
fn the_role_of_any_action_allows_its_cancellation() {
    let spec = CancelMachineAction::SPEC;
    for verb in [
        "CollectForensics",
        "Isolate",
        "RestrictExecution",
        "Scan",
        "Offboard",
        "StopAndQuarantine",
        "LiveResponse",
    ] {
        assert!(spec.roles.contains(&&*format!("Machine.{verb}")), "{verb}");
    }
    assert_eq!(spec.roles.len(), 7);
}

#[test]
fn only_what_can_be_done_twice_without_harm_may_be_repeated() {
    const ONCE: [&str; 5] =
        ["isolate", "unisolate", "scan", "restrict_code_execution", "unrestrict_code_execution"];
    for spec in catalog::OPERATIONS {
        let expected = match spec.method.as_str() {
            "GET" => Safety::Read,
            _ if ONCE.contains(&spec.name) => Safety::Once,
            _ => Safety::Idempotent,
        };
        assert_eq!(spec.safety, expected, "{}", spec.name);
    }
    let comment = AlertUpdate::new().comment("c");
    assert_eq!(UpdateAlert::new(alert(), comment.clone()).safety(), Safety::Once);
    assert_eq!(BatchUpdateAlerts::new([alert()], comment).safety(), Safety::Once);
    let status = AlertUpdate::new().status(AlertStatus::Resolved);
    assert_eq!(UpdateAlert::new(alert(), status).safety(), Safety::Idempotent);
}
