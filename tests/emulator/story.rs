//! One incident from beginning to end by the plain client, over both fronts and under each value of each
//! switch: what any client may rely on, whatever the pages leave open.

use std::time::Duration;

use defender_response::emulator::{Emulator, Isolation};
use serde_json::json;

use crate::plain::{Front, Plain, WORKSTATION, both_fronts};

const ALERT: &str = "da637472900382838869_-73827727";

/// Token, isolate, poll, comment, import, list with a filter, release.
async fn contain_and_release(client: Plain, emulator: &Emulator) {
    let client = client.sign_in(emulator).await;
    let found = client
        .list("/api/machines", &[("$filter", "computerDnsName eq 'ws-042.corp.example'")])
        .await;
    assert_eq!(found.each("id"), [WORKSTATION]);

    let isolation = client.isolate(WORKSTATION, "INC-4711").await;
    assert!(matches!(isolation.status, 200 | 201), "{}", isolation.text);
    assert_eq!(client.status_of(isolation.id()).await, "Succeeded");
    assert_eq!(emulator.host(WORKSTATION).expect("a host").isolation, Isolation::Full);

    let alert = format!("/api/alerts/{ALERT}");
    let change = json!({"status": "Resolved", "comment": "contained", "classification": "TruePositive",
        "determination": "Malware"});
    let before = client.get(&alert).await.json["comments"].as_array().map(Vec::len);
    assert_eq!(client.patch(&alert, change).await.status, 200);
    let read = client.get(&alert).await;
    assert_eq!(read.text_at("/status"), "Resolved");
    assert_eq!(read.json["comments"].as_array().map(Vec::len), before.map(|n| n + 1));

    let value = "https://malicious.example/a?b=c&d='e'";
    let item = json!({"indicatorValue": value, "indicatorType": "Url", "action": "Block",
        "title": "t", "description": "d", "severity": "High", "generateAlert": true});
    let imported = client.post("/api/indicators/import", json!({"Indicators": [item]})).await;
    assert_eq!(imported.json["value"][0]["isFailed"], false, "{}", imported.text);
    assert_eq!(imported.json["value"][0]["indicator"], value);
    let filter = format!("indicatorValue eq '{}'", value.replace('\'', "''"));
    let listed = client.list("/api/indicators", &[("$filter", &filter)]).await;
    assert_eq!(listed.each("indicatorValue"), [value]);

    let release = client.unisolate(WORKSTATION, "INC-4711").await;
    assert_eq!(release.status, 201, "{}", release.text);
    assert_eq!(client.status_of(release.id()).await, "Succeeded");
    assert_eq!(emulator.host(WORKSTATION).expect("a host").isolation, Isolation::None);
}

#[tokio::test]
async fn an_incident_is_played_over_both_fronts() {
    let (emulator, _listening, clients) = both_fronts().await;
    for client in clients {
        contain_and_release(client, &emulator).await;
    }
}

#[tokio::test]
async fn an_incident_is_played_under_each_value_of_each_switch() {
    let mut played = 0;
    for switch in Emulator::new().switches() {
        let words = switch.takes.iter().filter(|word| !word.contains(char::is_uppercase));
        for word in words {
            let builder = Emulator::builder().settle(Duration::ZERO).set(switch.name, word);
            let emulator = builder.expect("a listed value").build();
            let client = Plain::over(Front::Memory(emulator.transport()));
            contain_and_release(client, &emulator).await;
            played += 1;
        }
    }
    assert!(played > 80, "{played}");
}

#[tokio::test]
async fn switches_are_listed_and_set_over_http() {
    let (_emulator, _listening, clients) = both_fronts().await;
    for client in clients {
        let set =
            client.post("/emulator/switches", json!({"list_lag": "10", "next_link": "on"})).await;
        assert_eq!(set.status, 200);
        let value = async |name: &str| {
            let listed = client.get("/emulator/switches").await;
            let mut rows = listed.json.as_array().expect("an array").iter();
            rows.find(|row| row["name"] == name).map(|row| row["value"].clone())
        };
        assert_eq!(value("list_lag").await, Some(json!("10")));
        assert_eq!(value("next_link").await, Some(json!("on")));
        let mistake = json!({"quota": "off", "next_link": "perhaps"});
        assert_eq!(client.post("/emulator/switches", mistake).await.status, 400);
        assert_eq!(value("quota").await, Some(json!("on")), "all or nothing");
    }
}
