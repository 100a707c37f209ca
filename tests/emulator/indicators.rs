//! Indicators: what is accepted, what makes two the same, whose they are, how many fit.

use std::time::Duration;

use defender_response::emulator::{Actor, AppSetup, Emulator, TenantSetup};
use serde_json::{Value, json};

use crate::plain::{Plain, both_fronts, on_test_clock, seconds};

const SHA1: &str = "220e7d15b011d7fac48f2bd61114db1022197f7f";

fn indicator(kind: &str, value: &str, action: &str) -> Value {
    json!({"indicatorValue": value, "indicatorType": kind, "action": action, "title": "t",
        "description": "d", "generateAlert": true})
}

fn with(mut body: Value, member: &str, value: Value) -> Value {
    body[member] = value;
    body
}

async fn submit(client: &Plain, body: Value) -> (u16, String) {
    let answer = client.post("/api/indicators", body).await;
    (answer.status, if answer.status == 200 { answer.id() } else { answer.code() }.to_owned())
}

#[tokio::test]
async fn the_same_value_type_and_action_is_an_update_and_another_action_is_not() {
    let (emulator, _listening, clients) = both_fronts().await;
    for (round, client) in clients.into_iter().enumerate() {
        let client = client.sign_in(&emulator).await;
        let value = format!("host-{round}.evil.example");
        let body = with(indicator("DomainName", &value, "Audit"), "application", json!("first"));
        let first = client.post("/api/indicators", body).await;
        assert_eq!(
            (first.status, &first.json["lastUpdatedBy"]),
            (200, &Value::Null),
            "{}",
            first.text
        );
        assert_eq!(first.text_at("/severity"), "Informational");
        assert_eq!(first.text_at("/createdBy"), emulator.client_id());

        let body = with(indicator("DomainName", &value, "Audit"), "application", json!("second"));
        let same = client.post("/api/indicators", with(body, "title", json!("new"))).await;
        assert_eq!((same.id(), same.text_at("/title")), (first.id(), "new"));
        assert_eq!(same.text_at("/application"), "first", "it can't be changed");
        assert_eq!(same.text_at("/lastUpdatedBy"), emulator.client_id());

        let other = client.post("/api/indicators", indicator("DomainName", &value, "Block")).await;
        assert_ne!(other.id(), first.id());
        let number: u64 = other.id().parse().expect("digits");
        assert_eq!(client.delete(&format!("/api/indicators/{number}")).await.status, 204);
        let next = client.post("/api/indicators", indicator("DomainName", &value, "Warn")).await;
        assert_eq!(next.id(), (number + 1).to_string(), "ids aren't used again");
    }
}

#[tokio::test]
async fn values_and_actions_are_checked_as_the_pages_say() {
    let client = Plain::signed_in(&Emulator::new()).await;
    let sha256 = "a".repeat(64);
    for (kind, value, action) in [
        ("FileSha1", SHA1, "BlockAndRemediate"),
        ("FileSha256", &sha256, "Warn"),
        ("FileMd5", "d41d8cd98f00b204e9800998ecf8427e", "Allowed"),
        ("CertificateThumbprint", SHA1, "BlockAndRemediate"),
        ("IpAddress", "203.0.113.9", "Block"),
        ("IpAddress", "2001:db8:0:0:0:0:0:9", "Block"),
        ("DomainName", "evil.example", "Audit"),
        ("Url", "https://evil.example/a?b#c", "Block"),
    ] {
        assert_eq!(submit(&client, indicator(kind, value, action)).await.0, 200, "{kind} {value}");
    }
    for (kind, value, action, code) in [
        ("FileSha1", "220e", "Block", "InvalidHashValue"),
        ("FileSha256", SHA1, "Block", "InvalidHashValue"),
        ("IpAddress", "10.0.0.1", "Block", "InvalidIpAddress"),
        ("IpAddress", "203.0.113.0/24", "Block", "InvalidIpAddress"),
        ("IpAddress", "2001:db8::9", "Block", "InvalidIpAddress"),
        ("DomainName", "*.evil.example", "Block", "InvalidDomainName"),
        ("DomainName", "_dmarc.evil.example", "Block", "InvalidDomainName"),
        ("DomainName", "localhost", "Block", "InvalidDomainName"),
        ("Url", "https://evil.example/*", "Block", "InvalidUrl"),
        ("Url", "javascript:alert(1)", "Block", "InvalidUrl"),
        ("Url", "https://evil.example/", "BlockAndRemediate", "InvalidInput"),
        ("CertificateThumbprint", SHA1, "Block", "InvalidInput"),
        ("FileSha1", SHA1, "AlertAndBlock", "InvalidInput"),
        ("FileSha1", SHA1, "block", "InvalidRequestBody"),
        ("filesha1", SHA1, "Block", "InvalidRequestBody"),
        ("FileSha1", " ", "Block", "InvalidInput"),
    ] {
        let (status, found) = submit(&client, indicator(kind, value, action)).await;
        assert_eq!((status, found.as_str()), (400, code), "{kind} {value} {action}");
    }
    let audit = indicator("DomainName", "quiet.example", "Audit");
    assert_eq!(submit(&client, with(audit, "generateAlert", json!(false))).await.0, 400);
    let file = || indicator("FileSha1", SHA1, "Block");
    assert_eq!(
        submit(&client, with(file(), "title", Value::Null)).await.1,
        "MissingRequiredParameter"
    );
    assert_eq!(submit(&client, with(file(), "expirationTime", json!("soon"))).await.0, 400);
    assert_eq!(submit(&client, with(file(), "rbacGroupNames", json!(["Servers"]))).await.0, 200);
    assert_eq!(
        submit(&client, with(file(), "rbacGroupNames", json!("Servers,Laptops"))).await.0,
        200
    );
    assert_eq!(submit(&client, with(file(), "rbacGroupNames", json!(["Printers"]))).await.0, 400);
}

#[tokio::test]
async fn an_import_accounts_for_each_item_in_place() {
    let (emulator, _listening, clients) = both_fronts().await;
    emulator.fail_indicator("doomed.example", "Because the test says so");
    for client in clients {
        let client = client.sign_in(&emulator).await;
        let items = json!([
            indicator("DomainName", "good.example", "Block"),
            indicator("IpAddress", "10.0.0.1", "Block"),
            indicator("DomainName", "doomed.example", "Block"),
            indicator("DomainName", "good.example", "Warn"),
        ]);
        let answer = client.post("/api/indicators/import", json!({"Indicators": items})).await;
        let rows = answer.json["value"].as_array().expect("outcomes");
        let failed: Vec<_> = rows.iter().map(|row| row["isFailed"].as_bool()).collect();
        assert_eq!((answer.status, failed), (200, [false, true, true, false].map(Some).to_vec()));
        assert_eq!(rows[2]["failureReason"], "Because the test says so");
        assert_eq!((&rows[1]["id"], &rows[1]["indicator"]), (&Value::Null, &json!("10.0.0.1")));
        assert_ne!(rows[0]["id"], rows[3]["id"]);
    }
}

#[tokio::test]
async fn a_batch_can_be_refused_for_its_size_or_for_one_item() {
    let emulator = Emulator::new();
    let client = Plain::signed_in(&emulator).await;
    let import = async |items: Vec<Value>| {
        client.post("/api/indicators/import", json!({"Indicators": items})).await
    };
    let many = |count: usize| {
        (0..count)
            .map(|n| indicator("DomainName", &format!("d{n}.example"), "Block"))
            .collect::<Vec<_>>()
    };
    let refused = import(many(501)).await;
    assert_eq!((refused.status, refused.code()), (400, "MaximumBatchSizeExceeded"));
    assert!(refused.text_at("/error/message").ends_with("Received: 501, allowed: 500"));
    assert_eq!(import(many(500)).await.json["value"].as_array().map(Vec::len), Some(500));
    assert_eq!(import(Vec::new()).await.status, 200);

    emulator.set("import_bad_item", "batch_refused").expect("a switch");
    let mut items = many(3);
    items.push(indicator("FileSha1", "short", "Block"));
    let before = emulator.indicators().len();
    assert_eq!(import(items).await.code(), "InvalidHashValue");
    assert_eq!(emulator.indicators().len(), before);
}

#[tokio::test]
async fn the_tenant_has_room_for_15_000() {
    let emulator = Emulator::new();
    emulator.add_indicators(Actor::OtherApp, 14_999);
    let client = Plain::signed_in(&emulator).await;
    let items = json!([
        indicator("DomainName", "last.example", "Block"),
        indicator("DomainName", "too-many.example", "Block"),
        indicator("DomainName", "last.example", "Block"),
    ]);
    let answer = client.post("/api/indicators/import", json!({"Indicators": items})).await;
    let failed: Vec<_> = (0..3).map(|n| answer.json["value"][n]["isFailed"].as_bool()).collect();
    assert_eq!(failed, [Some(false), Some(true), Some(false)], "an update needs no room");
    assert_eq!(submit(&client, indicator("DomainName", "x.example", "Block")).await.0, 400);
    assert_eq!(emulator.indicators().len(), 15_000);
    let count = client.list("/api/indicators", &[("$count", "true"), ("$top", "1")]).await;
    assert_eq!(count.json["@odata.count"], 15_000);
}

#[tokio::test(start_paused = true)]
async fn expired_ones_are_gone_and_may_be_set_again() {
    let emulator = on_test_clock(Emulator::builder());
    let client = Plain::signed_in(&emulator).await;
    let body = with(
        indicator("DomainName", "brief.example", "Block"),
        "expirationTime",
        json!("2026-03-01T03:10:00Z"),
    );
    let (_, id) = submit(&client, body.clone()).await;
    assert_eq!(client.get("/api/indicators").await.each("id"), [id.as_str()]);
    seconds(600).await;
    assert_eq!(client.get("/api/indicators").await.each("id").len(), 0);
    assert_eq!(client.get(&format!("/api/indicators/{id}")).await.status, 404);
    emulator.set("expired_indicator", "refused").expect("a switch");
    assert_eq!(submit(&client, body).await.1, "InvalidInput");
    assert_ne!(submit(&client, indicator("DomainName", "brief.example", "Block")).await.1, id);
}

#[tokio::test]
async fn deleting_many_is_all_or_nothing_unless_switched() {
    let emulator = Emulator::new();
    let ids = emulator.add_indicators(Actor::Analyst, 3);
    let client = Plain::signed_in(&emulator).await;
    let delete = async |ids: Value| {
        client.post("/api/indicators/BatchDelete", json!({"IndicatorIds": ids})).await
    };
    assert_eq!(delete(json!([])).await.status, 400);
    assert_eq!(delete(json!([ids[0], "x1"])).await.status, 400);
    assert_eq!(delete(json!(vec!["1"; 501])).await.code(), "MaximumBatchSizeExceeded");
    assert_eq!(delete(json!([ids[0], "999"])).await.status, 404);
    assert_eq!(emulator.indicators().len(), 3);
    emulator.set("batch_delete", "partial").expect("a switch");
    assert_eq!(delete(json!([ids[0], "999"])).await.status, 404);
    assert_eq!(emulator.indicators().len(), 2);
    assert_eq!(delete(json!([ids[1], ids[2]])).await.status, 204);
    assert_eq!(client.delete(&format!("/api/indicators/{}", ids[1])).await.status, 404);
}

#[tokio::test]
async fn an_app_with_the_lesser_role_sees_and_changes_its_own_only() {
    let tenant = TenantSetup::new("7d3c0e5a-52a7-4f2f-9a55-0c3c8e1c7f10", "two.example").app(
        AppSetup::new("1c8e62f0-8bd5-4bd5-9a1b-2f6a4f0d7f2e", "s3cret")
            .roles(["Ti.ReadWrite", "Ti.Read.All"]),
    );
    let emulator = Emulator::builder().tenant(tenant).build();
    let theirs = emulator.add_indicators(Actor::OtherApp, 1);
    let value = emulator.indicators()[0]["indicatorValue"].as_str().expect("a value").to_owned();
    let client = Plain::signed_in(&emulator).await;
    let (_, ours) = submit(&client, indicator("DomainName", "ours.example", "Block")).await;

    assert_eq!(client.get("/api/indicators").await.each("id"), [ours.as_str()]);
    assert_eq!(client.get(&format!("/api/indicators/{}", theirs[0])).await.status, 404);
    assert_eq!(client.delete(&format!("/api/indicators/{}", theirs[0])).await.status, 404);
    assert_eq!(
        submit(&client, indicator("FileSha256", &value, "Block")).await,
        (403, "Forbidden".to_owned())
    );
    emulator.set("own_changes_only", "off").expect("a switch");
    assert_eq!(
        submit(&client, indicator("FileSha256", &value, "Block")).await,
        (200, theirs[0].clone())
    );
    emulator.set("ti_read_all", "on").expect("a switch");
    assert_eq!(client.get("/api/indicators").await.each("id").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn device_groups_belong_to_the_key_if_so_switched() {
    let emulator = on_test_clock(Emulator::builder().settle(Duration::ZERO));
    let client = Plain::signed_in(&emulator).await;
    let all = || indicator("FileSha1", SHA1, "Block");
    let servers = || with(all(), "rbacGroupNames", json!(["Servers"]));
    let (_, first) = submit(&client, all()).await;
    assert_ne!(submit(&client, servers()).await.1, first);
    emulator.set("indicator_scope_in_key", "off").expect("a switch");
    assert_eq!(submit(&client, servers()).await.1, first);
}
