//! What is really so on a host, beside what the service says; and the journal, which says what happened.

use std::time::Duration;

use defender_response::emulator::{Emulator, Isolation};
use serde_json::json;

use crate::plain::{Plain, WORKSTATION, both_fronts, on_test_clock, over_socket, seconds};

fn slow() -> Emulator {
    on_test_clock(Emulator::builder().settle(Duration::from_secs(30)))
}

fn isolation(emulator: &Emulator) -> Isolation {
    emulator.host(WORKSTATION).expect("a host").isolation
}

#[tokio::test(start_paused = true)]
async fn a_host_is_isolated_when_its_device_does_it_and_not_before() {
    let emulator = slow();
    let client = Plain::signed_in(&emulator).await;
    client.isolate(WORKSTATION, "c").await;
    assert_eq!(isolation(&emulator), Isolation::None);
    seconds(21).await;
    assert_eq!(isolation(&emulator), Isolation::Full);
}

#[tokio::test(start_paused = true)]
async fn a_stuck_duplicate_fires_after_the_release() {
    let emulator = slow();
    emulator.set("duplicate_action", "stuck").expect("a switch");
    let client = Plain::signed_in(&emulator).await;
    let first = client.isolate(WORKSTATION, "c").await.id().to_owned();
    let stuck = client.isolate(WORKSTATION, "c").await.id().to_owned();
    assert_ne!(first, stuck);
    seconds(60).await;
    assert_eq!(client.status_of(&first).await, "Succeeded");
    assert_eq!(client.status_of(&stuck).await, "Pending");

    let release = client.unisolate(WORKSTATION, "c").await;
    assert_eq!(release.status, 201);
    seconds(31).await;
    assert_eq!(client.status_of(release.id()).await, "Succeeded");
    assert_eq!(isolation(&emulator), Isolation::None);
    seconds(60).await;
    assert_eq!(client.status_of(&stuck).await, "Succeeded");
    assert_eq!(isolation(&emulator), Isolation::Full);
}

#[tokio::test(start_paused = true)]
async fn an_offline_host_does_what_it_was_told_when_it_returns() {
    let emulator = slow();
    emulator.set_offline(WORKSTATION, Some(Duration::from_secs(2 * 86_400))).expect("a machine");
    let client = Plain::signed_in(&emulator).await;
    let id = client.isolate(WORKSTATION, "c").await.id().to_owned();
    seconds(2 * 86_400 - 10).await;
    let client = client.sign_in(&emulator).await;
    assert_eq!(client.status_of(&id).await, "Pending");
    seconds(40).await;
    assert_eq!(client.status_of(&id).await, "Succeeded");
    assert_eq!(isolation(&emulator), Isolation::Full);
}

#[tokio::test(start_paused = true)]
async fn an_action_nobody_takes_up_times_out_after_three_days() {
    let emulator = slow();
    emulator.set_offline(WORKSTATION, None).expect("a machine");
    let client = Plain::signed_in(&emulator).await;
    let id = client.isolate(WORKSTATION, "c").await.id().to_owned();
    seconds(3 * 86_400).await;
    let client = client.sign_in(&emulator).await;
    assert_eq!(client.status_of(&id).await, "Pending");
    seconds(15 * 60).await;
    let action = client.action(&id).await;
    assert_eq!(
        (action.text_at("/status"), &action.json["errorHResult"]),
        ("TimeOut", &json!(-2_145_844_840))
    );
    emulator.set_online(WORKSTATION).expect("a machine");
    seconds(60).await;
    assert_eq!(isolation(&emulator), Isolation::None);
}

#[tokio::test(start_paused = true)]
async fn a_mute_host_is_isolated_while_its_action_never_says_so() {
    let emulator = slow();
    emulator.set_mute(WORKSTATION, true).expect("a machine");
    let client = Plain::signed_in(&emulator).await;
    let id = client.isolate(WORKSTATION, "c").await.id().to_owned();
    seconds(3000).await;
    assert_eq!(client.status_of(&id).await, "InProgress");
    assert_eq!(isolation(&emulator), Isolation::Full);
    emulator.set_mute(WORKSTATION, false).expect("a machine");
    assert_eq!(client.status_of(&id).await, "Succeeded");
}

#[tokio::test(start_paused = true)]
async fn a_forced_release_leaves_the_record_as_it_was() {
    let emulator = slow();
    let client = Plain::signed_in(&emulator).await;
    let id = client.isolate(WORKSTATION, "c").await.id().to_owned();
    seconds(31).await;
    emulator.force_release(WORKSTATION).expect("a machine");
    assert_eq!(client.status_of(&id).await, "Succeeded");
    assert_eq!(isolation(&emulator), Isolation::None);
}

#[tokio::test(start_paused = true)]
async fn a_failing_host_fails_and_is_as_it_was() {
    let emulator = slow();
    emulator.set_failing(WORKSTATION, Some(-2_147_024_891)).expect("a machine");
    let client = Plain::signed_in(&emulator).await;
    let id = client.isolate(WORKSTATION, "c").await.id().to_owned();
    seconds(31).await;
    let action = client.action(&id).await;
    assert_eq!(
        (action.text_at("/status"), &action.json["errorHResult"]),
        ("Failed", &json!(-2_147_024_891))
    );
    assert_eq!(isolation(&emulator), Isolation::None);
}

#[tokio::test]
async fn the_journal_tells_what_came_in_and_holds_no_secret() {
    let (emulator, listening, [_, client]) = both_fronts().await;
    let client = client.sign_in(&emulator).await;
    client.isolate(WORKSTATION, "INC-4711").await;
    client.isolate("nobody", "INC-4712").await;

    let request = "GET /emulator/journal HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let journal = over_socket(listening.address(), request.to_owned()).await.expect("an answer");
    let rows: Vec<_> = journal.json.as_array().expect("an array").iter().collect();
    let row = |n: usize| {
        ["operation", "target", "comment", "status", "effect"].map(|name| rows[n][name].clone())
    };
    assert_eq!(
        row(0),
        [json!("token"), json!(emulator.tenant_id()), json!(null), json!(200), json!(false)]
    );
    assert_eq!(
        row(1),
        [json!("isolate"), json!(WORKSTATION), json!("INC-4711"), json!(201), json!(true)]
    );
    assert_eq!(
        row(2),
        [json!("isolate"), json!("nobody"), json!("INC-4712"), json!(404), json!(false)]
    );
    assert!(!journal.text.contains(emulator.client_secret()) && !journal.text.contains("eyJ"));

    let request = request.replace("journal", "stats");
    let stats = over_socket(listening.address(), request).await.expect("an answer");
    assert_eq!(stats.json, json!({"token_requests": 1, "operations": {"isolate": 2, "token": 1}}));
}

#[tokio::test]
async fn a_body_beyond_the_cap_is_413() {
    let (emulator, _listening, clients) = both_fronts().await;
    for client in clients {
        let client = client.sign_in(&emulator).await;
        let answer = client.isolate(WORKSTATION, &"x".repeat(5 << 20)).await;
        assert_eq!(answer.status, 413);
    }
}

#[tokio::test]
async fn chunked_bodies_and_several_requests_on_one_connection_are_taken() {
    let (emulator, listening, [_, client]) = both_fronts().await;
    let form = crate::plain::v2_form(&emulator);
    let answer = client.ask_token(&emulator, &form).await;
    let token = answer.text_at("/access_token");
    let head = format!("host: x\r\nauthorization: bearer {token}\r\n");
    let body = r#"{"Comment":"c","IsolationType":"Full"}"#;
    let text = format!(
        "GET /api/machines/{WORKSTATION} HTTP/1.1\r\n{head}\r\nPOST /api/machines/{WORKSTATION}/isolate \
         HTTP/1.1\r\n{head}transfer-encoding: chunked\r\nconnection: close\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    // Two answers in one stream aren't one answer, so the plain client's complaint is the proof.
    let both = over_socket(listening.address(), text).await;
    assert!(both.is_err());
    let journal = emulator.journal();
    let statuses: Vec<_> = journal.iter().map(|entry| (entry.operation, entry.status)).collect();
    assert_eq!(statuses[1..], [("get_machine", Some(200)), ("isolate", Some(201))]);
}
