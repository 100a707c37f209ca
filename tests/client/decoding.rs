//! Answers of every shape the service is known to send, written by hand: no object is lost.

use defender_response::model::{
    ActionStatus, ActionType, HealthStatus, Machine, MachineAction, OnboardingStatus,
};
use serde_json::{Value, json};

fn action(value: Value) -> MachineAction {
    serde_json::from_value(value).unwrap()
}

#[test]
fn times_of_zero_to_seven_digits_are_read() {
    for (text, shown) in [
        ("2024-10-21T11:25:48Z", "2024-10-21T11:25:48Z"),
        ("2024-10-21T11:25:48.5Z", "2024-10-21T11:25:48.5Z"),
        ("2024-10-21T11:25:48.57Z", "2024-10-21T11:25:48.57Z"),
        ("2024-10-21T11:25:48.154974Z", "2024-10-21T11:25:48.154974Z"),
        ("2024-10-21T11:25:48.3308187Z", "2024-10-21T11:25:48.3308187Z"),
    ] {
        let action = action(json!({ "id": "x", "creationDateTimeUtc": text }));
        assert_eq!(action.creation_date_time_utc.unwrap().to_string(), shown);
    }
}

#[test]
fn both_names_of_the_last_update_are_read() {
    for name in ["lastUpdateDateTimeUtc", "lastUpdateTimeUtc"] {
        let action = action(json!({ "id": "x", name: "2018-12-04T12:18:27.1293487Z" }));
        assert!(action.last_update_date_time_utc.is_some(), "{name}");
    }
}

#[test]
fn a_repeated_member_keeps_the_last_value_that_says_something() {
    let twice = r#"{"id":"1","id":null,"externalId":"a","externalID":null,"lastUpdateTimeUtc":null,
        "lastUpdateDateTimeUtc":"2018-12-04T12:18:27Z","status":"Pending","status":"Succeeded"}"#;
    let action: MachineAction = serde_json::from_str(twice).unwrap();
    assert_eq!((action.id.as_str(), action.external_id.as_deref()), ("1", Some("a")));
    assert!(action.last_update_date_time_utc.is_some());
    assert_eq!(action.status, ActionStatus::Succeeded);
    let machine: Machine = serde_json::from_str(
        r#"{"id":"1","onboardingstatus":"onboarded","onboardingStatus":null}"#,
    )
    .unwrap();
    assert_eq!(machine.onboarding_status, OnboardingStatus::Onboarded);
}

#[test]
fn null_missing_unknown_and_odd_members_lose_no_action() {
    let nulls = action(json!({
        "id": "947a677a-a11a-4240-ab6q-91277e2386b9", "type": "Offboard", "status": "Pending",
        "title": null, "requestor": null, "requestorComment": null, "machineId": null, "computerDnsName": null,
        "creationDateTimeUtc": null, "lastUpdateDateTimeUtc": null, "errorHResult": null, "scope": null,
        "externalId": null, "relatedFileInfo": null, "commands": null, "troubleshootInfo": null,
    }));
    assert_eq!(nulls.id.as_str(), "947a677a-a11a-4240-ab6q-91277e2386b9");
    assert_eq!((nulls.machine_id, nulls.commands.len()), (None, 0));

    let odd = action(json!({
        "@odata.context": "https://elsewhere.example/$metadata", "id": "1", "brandNew": { "deep": [1, 2] },
        "type": "HardenEverything", "status": "Paused", "title": 7, "scope": ["Full"], "requestor": {"name": "x"},
        "errorHResult": "-5", "creationDateTimeUtc": "yesterday", "machineId": 1234, "commands": [null, 1, {"index": "0"}],
    }));
    assert_eq!(odd.action_type.as_str(), "HardenEverything");
    assert_eq!(odd.status.to_string(), "Paused");
    assert!(!odd.status.is_terminal(), "a status nobody knows isn't an end");
    assert_eq!((odd.title.as_deref(), odd.scope, odd.error_hresult), (Some("7"), None, Some(-5)));
    assert_eq!(odd.creation_date_time_utc, None);
    assert_eq!(odd.machine_id.unwrap().as_str(), "1234");
    assert_eq!(odd.commands.len(), 1);

    let empty = action(json!({}));
    assert_eq!(
        (empty.id.as_str(), empty.action_type, empty.status),
        ("", ActionType::default(), ActionStatus::default())
    );
}

#[test]
fn an_unknown_value_survives_a_round_trip() {
    let sent = json!({ "id": "1", "type": "HardenEverything", "status": "Paused" });
    let back = serde_json::to_value(action(sent)).unwrap();
    assert_eq!((&back["type"], &back["status"]), (&json!("HardenEverything"), &json!("Paused")));
    assert_eq!(action(back.clone()), serde_json::from_value(back).unwrap());
}

#[test]
fn a_machine_is_read_in_both_spellings_of_its_documentation() {
    let machine: Machine = serde_json::from_value(json!({
        "id": "1e5bc9d7e413ddd7902c2932e418702b84d0cc07", "computerDnsName": "C-Lab-31", "osBuild": null,
        "onboardingstatus": "onboarded", "healthStatus": "Active", "rbacGroupId": "140", "machineTags": ["tier-0", null, {"a": 1}],
        "ipAddresses": [{ "ipAddress": "", "macAddress": null, "type": "Ethernet", "operationalStatus": "Up" }],
        "vmMetadata": "none", "isPotentialDuplication": "True",
    }))
    .unwrap();
    assert_eq!(machine.onboarding_status, OnboardingStatus::Onboarded);
    assert_eq!(machine.health_status, HealthStatus::Active);
    assert_eq!((machine.rbac_group_id, machine.os_build), (Some(140), None));
    assert_eq!(machine.machine_tags, ["tier-0"]);
    assert_eq!(machine.ip_addresses.len(), 1);
    assert_eq!((machine.vm_metadata, machine.is_potential_duplication), (None, Some(true)));
}

#[test]
fn text_that_is_not_an_object_is_still_an_error() {
    for text in ["", "<html>", "\"x\"", "7", "{\"id\":"] {
        assert!(serde_json::from_str::<MachineAction>(text).is_err(), "{text:?}");
    }
}
