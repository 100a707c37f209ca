//! Alerts: reading, changing, commenting, in one and in many.

use defender_response::emulator::Emulator;
use serde_json::{Value, json};

use crate::plain::{Plain, both_fronts};

const ALERT: &str = "da638180599315648136_1364969609";

fn path() -> String {
    format!("/api/alerts/{ALERT}")
}

#[tokio::test]
async fn a_comment_is_added_and_the_others_stay() {
    let (emulator, _listening, clients) = both_fronts().await;
    for (round, client) in clients.into_iter().enumerate() {
        let client = client.sign_in(&emulator).await;
        let answer = client.patch(&path(), json!({"comment": format!("round {round}")})).await;
        let comments = answer.json["comments"].as_array().expect("comments");
        assert_eq!((answer.status, comments.len()), (200, round + 1));
        assert_eq!(comments[round]["comment"], format!("round {round}"));
        assert_eq!(comments[round]["createdBy"], "Response automation");
        assert_eq!(answer.text_at("/status"), "New", "a comment alone changes nothing else");
    }
}

#[tokio::test]
async fn each_field_is_changed_and_resolving_is_timed() {
    let client = Plain::signed_in(&Emulator::new()).await;
    let change = json!({"status": "Resolved", "assignedTo": "API Action",
        "classification": "InformationalExpectedActivity", "determination": "SecurityTesting"});
    let answer = client.patch(&path(), change.clone()).await;
    for (member, value) in change.as_object().expect("members") {
        assert_eq!(&answer.json[member], value);
    }
    assert!(answer.json["resolvedTime"].is_string());
    let again = client.patch(&path(), json!({"Status": "InProgress"})).await;
    assert_eq!(
        again.json["resolvedTime"],
        Value::Null,
        "capitals are taken, and reopening unresolves"
    );
}

#[tokio::test]
async fn a_change_of_nothing_or_to_nonsense_is_refused() {
    let emulator = Emulator::new();
    let client = Plain::signed_in(&emulator).await;
    for body in [
        json!({}),
        json!({"note": "x"}),
        json!([]),
        json!({"status": "Closed"}),
        json!({"status": 1}),
        json!({"classification": "Informational, expected activity"}),
        json!({"determination": "Apt"}),
    ] {
        let refused = client.patch(&path(), body.clone()).await;
        assert_eq!((refused.status, refused.code()), (400, "InvalidRequestBody"), "{body}");
    }
    let unknown = client.patch("/api/alerts/da1_1", json!({"comment": "c"})).await;
    assert_eq!((unknown.status, unknown.code()), (404, "ResourceNotFound"));
    assert!(emulator.journal().iter().all(|entry| !entry.effect));
}

#[tokio::test]
async fn names_and_pairs_of_determinations_are_as_switched() {
    let emulator = Emulator::new();
    let client = Plain::signed_in(&emulator).await;
    let try_pair = async |classification: &str, determination: &str| {
        let body = json!({"classification": classification, "determination": determination});
        client.patch(&path(), body).await.status
    };
    assert_eq!(try_pair("FalsePositive", "Malware").await, 200, "the page's own example");
    assert_eq!(try_pair("FalsePositive", "NoEnoughDataToValidate").await, 200);
    emulator.set("determination_names", "update_alert").expect("a switch");
    assert_eq!(try_pair("FalsePositive", "Clean").await, 400);
    emulator.set("determination_pairing", "on").expect("a switch");
    assert_eq!(try_pair("FalsePositive", "Malware").await, 400);
    assert_eq!(try_pair("FalsePositive", "NotMalicious").await, 200);
    let alone = client.patch(&path(), json!({"determination": "Phishing"})).await;
    assert_eq!(alone.status, 400, "it has to go with the classification the alert has");
}

#[tokio::test]
async fn the_answer_to_a_change_can_show_the_old_values() {
    let emulator = Emulator::new();
    emulator.set("patch_answer", "old").expect("a switch");
    let client = Plain::signed_in(&emulator).await;
    let answer = client.patch(&path(), json!({"status": "Resolved"})).await;
    assert_eq!(answer.text_at("/status"), "New");
    assert_eq!(client.get(&path()).await.text_at("/status"), "Resolved");
}

#[tokio::test]
async fn many_are_changed_at_once_with_an_empty_answer() {
    let (emulator, _listening, clients) = both_fronts().await;
    let ids = emulator.alerts();
    for client in clients {
        let client = client.sign_in(&emulator).await;
        let body = json!({"alertIds": ids, "status": "InProgress", "comment": "triage"});
        let answer = client.post("/api/alerts/batchUpdate", body).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, ""));
        let list = client.list("/api/alerts", &[("$filter", "status eq 'InProgress'")]).await;
        assert_eq!(list.each("id").len(), ids.len());
        let none =
            client.post("/api/alerts/batchUpdate", json!({"alertIds": [], "status": "New"})).await;
        assert_eq!(none.status, 400);
    }
}

#[tokio::test]
async fn evidence_is_in_a_list_only_if_it_is_expanded() {
    let client = Plain::signed_in(&Emulator::new()).await;
    let plain = client.get("/api/alerts").await;
    assert!(
        plain.json["value"].as_array().expect("a list").iter().all(|a| a["evidence"] == json!([]))
    );
    let full = client.list("/api/alerts", &[("$expand", "evidence")]).await;
    assert!(
        full.json["value"].as_array().expect("a list").iter().all(|a| a["evidence"] != json!([]))
    );
    assert_ne!(client.get(&path()).await.json["evidence"], json!([]));
}

#[tokio::test]
async fn an_analyst_can_get_in_between() {
    let emulator = Emulator::new();
    let client = Plain::signed_in(&emulator).await;
    emulator
        .edit_alert(ALERT, Some("InProgress"), Some("a.keller@corp.example"), None)
        .expect("an alert");
    let alert = client.get(&path()).await;
    assert_eq!(alert.text_at("/assignedTo"), "a.keller@corp.example");
    assert!(emulator.edit_alert("da1_1", None, None, Some("c")).is_err());
}
