//! Quotas: how many calls are let in, and what the others are told.

use defender_response::emulator::Emulator;
use serde_json::json;

use crate::plain::{Plain, on_test_clock, seconds};

const NOBODY: &str = "/api/machines/nobody";

async fn calls(client: &Plain, count: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..count {
        statuses.push(client.get(NOBODY).await.status);
    }
    statuses
}

#[tokio::test(start_paused = true)]
async fn a_hundred_a_minute_are_let_in_and_then_429() {
    let emulator = on_test_clock(Emulator::builder());
    let client = Plain::signed_in(&emulator).await;
    assert_eq!(calls(&client, 100).await, vec![404; 100]);
    seconds(20).await;
    let refused = client.get(NOBODY).await;
    assert_eq!((refused.status, refused.code()), (429, "TooManyRequests"));
    assert_eq!(refused.headers["retry-after"], "40");
    assert_eq!(client.get("/api/machines").await.status, 200, "another family");
    seconds(40).await;
    assert_eq!(client.get(NOBODY).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn fifteen_hundred_an_hour() {
    let emulator = on_test_clock(Emulator::builder());
    let client = Plain::signed_in(&emulator).await;
    for _ in 0..15 {
        assert_eq!(calls(&client, 100).await, vec![404; 100]);
        seconds(60).await;
    }
    let refused = client.get(NOBODY).await;
    assert_eq!((refused.status, refused.headers["retry-after"].as_str()), (429, "2700"));
}

#[tokio::test(start_paused = true)]
async fn a_fixed_window_lets_two_hundred_in_around_the_minute() {
    let emulator =
        on_test_clock(Emulator::builder().set("quota_window", "fixed").expect("a switch"));
    let client = Plain::signed_in(&emulator).await;
    seconds(59).await;
    assert_eq!(calls(&client, 101).await[100], 429);
    seconds(1).await;
    assert_eq!(calls(&client, 100).await, vec![404; 100]);
}

#[tokio::test(start_paused = true)]
async fn others_use_their_part() {
    let emulator = on_test_clock(Emulator::builder());
    emulator.others_use("get_machine", 10).expect("an operation");
    assert!(emulator.others_use("get_machines", 10).is_err());
    let client = Plain::signed_in(&emulator).await;
    seconds(60).await;
    let statuses = calls(&client, 95).await;
    assert_eq!(statuses.iter().filter(|status| **status == 404).count(), 90);
}

#[tokio::test(start_paused = true)]
async fn families_have_their_own_figures() {
    let emulator = on_test_clock(Emulator::builder());
    let client = Plain::signed_in(&emulator).await;
    for (path, body, let_in) in [
        ("/api/alerts/batchUpdate", json!({}), 10),
        ("/api/indicators/import", json!({}), 30),
        ("/api/indicators/batchdelete", json!({}), 30),
    ] {
        let mut statuses = Vec::new();
        for _ in 0..=let_in {
            statuses.push(client.post(path, body.clone()).await.status);
        }
        assert_eq!(statuses.iter().position(|status| *status == 429), Some(let_in), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn header_and_body_of_a_429_are_as_switched() {
    let emulator = on_test_clock(Emulator::builder());
    let client = Plain::signed_in(&emulator).await;
    calls(&client, 100).await;
    emulator.set("retry_after", "date").expect("a switch");
    let refused = client.get(NOBODY).await;
    assert_eq!(refused.headers["retry-after"], "Sun, 01 Mar 2026 03:01:01 GMT");
    assert_eq!(refused.headers["date"], "Sun, 01 Mar 2026 03:00:00 GMT");
    emulator.set("retry_after", "absent").expect("a switch");
    emulator.set("throttle_body", "empty").expect("a switch");
    let refused = client.get(NOBODY).await;
    assert_eq!((refused.headers.get("retry-after"), refused.text.as_str()), (None, ""));
    emulator.set("quota", "off").expect("a switch");
    assert_eq!(client.get(NOBODY).await.status, 404);
}
