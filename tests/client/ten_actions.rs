//! The ten actions that integrators publish, with every published value, over both fronts of the emulator.

use std::time::Duration;

use defender_response::emulator::Emulator;
use defender_response::model::{
    ActionStatus, AlertStatus, Classification, Determination, IndicatorAction, IndicatorType,
    MachineAction, Severity,
};
use defender_response::{
    AlertId, AlertUpdate, Client, ImportOutcome, IsolationType, NewIndicator, ScanType, Submitted,
};

use crate::script::{emulated, signing_in_to};

const HOST: &str = "ws-042.corp.example";

const PAIRS: [(&str, &[&str]); 3] = [
    (
        "TruePositive",
        &[
            "MultiStagedAttack",
            "MaliciousUserActivity",
            "CompromisedUser",
            "Malware",
            "Phishing",
            "UnwantedSoftware",
            "Other",
        ],
    ),
    (
        "InformationalExpectedActivity",
        &["SecurityTesting", "LineOfBusinessApplication", "ConfirmedActivity", "Other"],
    ),
    ("FalsePositive", &["NotMalicious", "InsufficientData", "Other"]),
];

/// What every machine action of the table puts out.
fn has_its_outputs(action: &MachineAction, kind: &str) {
    assert_eq!(action.action_type.as_str(), kind);
    assert!(!action.id.as_str().is_empty() && action.machine_id.is_some());
    assert!(action.requestor.as_deref().is_some_and(|who| !who.is_empty()));
    let json = serde_json::to_value(action).unwrap();
    for output in ["id", "type", "status", "requestor", "title", "machineId", "scope"] {
        assert!(json.get(output).is_some(), "{output}");
    }
}

async fn done(action: Submitted, pace: Duration) -> MachineAction {
    let done = action.wait().every(pace).within(Duration::from_secs(60)).await.unwrap();
    assert_eq!(done.status, ActionStatus::Succeeded);
    done
}

async fn on_machines(emulator: &Emulator, client: &Client, pace: Duration) {
    let host = client.machine(client.machines().by_name(HOST).await.unwrap().id);

    for kind in [IsolationType::Full, IsolationType::Selective] {
        let action = host.isolate(kind, "isolate").await.unwrap();
        has_its_outputs(action.action(), "Isolate");
        let isolated = done(action, pace).await;
        assert_eq!(isolated.scope.as_deref(), Some(kind.as_str()));
        let released = host.unisolate("deisolate").await.unwrap();
        has_its_outputs(released.action(), "Unisolate");
        done(released, pace).await;
    }
    for kind in [ScanType::Quick, ScanType::Full] {
        let action = host.scan(kind, "scan").await.unwrap();
        has_its_outputs(action.action(), "RunAntiVirusScan");
        assert_eq!(done(action, pace).await.scope.as_deref(), Some(kind.as_str()));
    }
    let action = host.restrict_code_execution("restrict").await.unwrap();
    has_its_outputs(action.action(), "RestrictCodeExecution");
    done(action, pace).await;
    let action = host.unrestrict_code_execution("unrestrict").await.unwrap();
    has_its_outputs(action.action(), "UnrestrictCodeExecution");
    done(action, pace).await;

    emulator.set_offline(host.id().as_str(), None).unwrap();
    let pending = host.scan(ScanType::Quick, "to be cancelled").await.unwrap();
    has_its_outputs(&pending.get().await.unwrap(), "RunAntiVirusScan");
    let cancelled = pending.cancel("cancel").await.unwrap();
    assert_eq!(cancelled.status, ActionStatus::Cancelled);
    has_its_outputs(&cancelled, "RunAntiVirusScan");
}

async fn on_alerts(emulator: &Emulator, client: &Client) {
    let id: AlertId = emulator.alerts()[0].parse().unwrap();
    let alert = client.alert(&id);
    for status in ["InProgress", "New", "Resolved"] {
        let status: AlertStatus = status.parse().unwrap();
        let updated = alert.update(AlertUpdate::new().status(status.clone())).await.unwrap();
        assert!(updated.confirmed() && updated.alert().status == status);
    }
    for (classification, determinations) in PAIRS {
        for determination in determinations {
            let what: Classification = classification.parse().unwrap();
            let why: Determination = determination.parse().unwrap();
            let update =
                AlertUpdate::new().classify(what, why).assigned_to("responder@corp.example");
            let updated = alert.update(update).await.unwrap();
            assert!(updated.confirmed(), "{classification} {determination}: {updated:?}");
        }
    }
    let before = alert.get().await.unwrap().comments.len();
    let commented = alert.comment("contained by playbook").await.unwrap();
    assert!(commented.confirmed());
    assert_eq!(commented.alert().comments.len(), before + 1);
    let json = serde_json::to_value(commented.into_alert()).unwrap();
    for output in
        ["id", "title", "description", "status", "classification", "determination", "category"]
    {
        assert!(!json[output].is_null(), "{output}: {json}");
    }
}

async fn on_indicators(emulator: &Emulator, client: &Client) {
    let mut new = Vec::new();
    for (n, action) in
        ["Warn", "Block", "Audit", "Alert", "AlertAndBlock", "BlockAndRemediate", "Allowed"]
            .into_iter()
            .enumerate()
    {
        for (m, severity) in ["Informational", "Low", "Medium", "High"].into_iter().enumerate() {
            let action: IndicatorAction = action.parse().unwrap();
            let severity: Severity = severity.parse().unwrap();
            let value = format!("{:064x}", n * 10 + m);
            new.push(
                NewIndicator::new(
                    IndicatorType::FileSha256,
                    value,
                    action,
                    "INC-4711",
                    "a file of the incident",
                )
                .severity(severity),
            );
        }
    }
    let outcomes = client.indicators().import(new.clone()).await.unwrap();
    assert_eq!(outcomes.len(), new.len());
    let stored = emulator.indicators();
    for (sent, outcome) in new.iter().zip(&outcomes) {
        let ImportOutcome::Accepted { id } = outcome else { panic!("{sent:?}: {outcome:?}") };
        let found = stored.iter().find(|indicator| indicator["id"] == id.as_str()).unwrap();
        assert_eq!(found["indicatorValue"], sent.wire_value().unwrap());
        assert_eq!(found["action"], sent.action().as_str());
        if sent.action() == &IndicatorAction::Audit {
            assert_eq!(found["generateAlert"], true, "an audit without an alert is refused");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_ten_actions_work_in_memory() {
    let (emulator, client) = emulated(Emulator::builder());
    on_machines(&emulator, &client, Duration::from_secs(1)).await;
    on_alerts(&emulator, &client).await;
    on_indicators(&emulator, &client).await;
}

#[tokio::test]
async fn the_ten_actions_work_over_a_socket() {
    let emulator = Emulator::builder().settle(Duration::from_millis(20)).build();
    let listening = emulator.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let client = signing_in_to(&emulator)
        .base_url(listening.base_url())
        .authority(listening.authority())
        .build()
        .unwrap();
    on_machines(&emulator, &client, Duration::from_millis(10)).await;
    on_alerts(&emulator, &client).await;
    on_indicators(&emulator, &client).await;
}
