//! What is told of a feed: what was approved is what is sent, and all that is left open counts.

use std::time::Duration;

use defender_response::Client;
use defender_response::emulator::{Emulator, FaultRule, StatusFault};
use defender_response::playbook::{Response, State};
use serde_json::{Value, json};

use crate::setup::{Scratch, call, effects, emulated};

fn object(domain: &str) -> Value {
    json!({"type": "indicator", "id": format!("indicator--{domain}"),
        "pattern": format!("[domain-name:value = '{domain}']")})
}

fn feed(domains: &[&str]) -> Value {
    domains.iter().map(|domain| object(domain)).collect()
}

fn push(objects: &Value) -> Value {
    json!({"schema_version": 1, "action": "create_iocs_from_stix_bundle",
        "arguments": {"stix_objects": objects, "action": "Block"}})
}

fn sync(objects: &Value) -> Value {
    json!({"schema_version": 1, "action": "sync_iocs_from_stix_bundle", "arguments":
        {"stix_objects": objects, "action": "Block", "owner": "feed", "allow_deletes": 100}})
}

fn told(response: &Response) -> (u8, State, bool) {
    let safe = response.error.as_ref().is_none_or(|fault| fault.retry_safe);
    (response.exit_status(), response.state, safe)
}

#[tokio::test(start_paused = true)]
async fn a_file_that_changed_since_its_approval_is_not_sent() {
    for mode in ["apply", "plan"] {
        let file =
            Scratch::new(&format!("approved-{mode}.json"), &feed(&["a.evil.example"]).to_string());
        let (emulator, client) = emulated(Emulator::builder());
        let mut request = json!({"schema_version": 1, "action": "create_iocs_from_stix_bundle",
            "arguments": {"stix_objects_path": file.path(), "action": "Block"}, "mode": "plan"});
        let plan = call(&client, request.clone()).await;
        request["mode"] = mode.into();
        if mode == "apply" {
            request["approval"] = json!({"by": "duty officer", "plan_id": plan.result["plan_id"]});
        }
        // It is looked at, then the client signs in, and it is looked at again.
        emulator.revoke_tokens();
        let client = another(&emulator);
        emulator.fault(FaultRule::new("token", Duration::from_secs(5))).unwrap();
        let meanwhile = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            file.put(&feed(&["b.evil.example"]).to_string());
        };
        let (response, ()) = tokio::join!(call(&client, request), meanwhile);
        assert_eq!(told(&response), (10, State::Rejected, true), "{}", response.to_json());
        assert!(emulator.indicators().is_empty());
    }
}

/// One that has no token yet.
fn another(emulator: &Emulator) -> Client {
    let secret = defender_response::ClientSecret::new(
        emulator.tenant_id(),
        emulator.client_id(),
        emulator.client_secret(),
    );
    let builder = Client::builder(secret).audience(emulator.audience());
    let builder = builder.base_url(emulator.base_url()).authority(emulator.authority());
    builder.transport(emulator.transport()).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_was_not_begun_is_rejected_and_not_unknown() {
    let (emulator, client) = emulated(Emulator::builder());
    emulator.fault(FaultRule::new("list_indicators", StatusFault::new(503)).times(1000)).unwrap();
    for request in [push(&feed(&["a.evil.example"])), sync(&feed(&["a.evil.example"]))] {
        let response = call(&client, request).await;
        assert_eq!(told(&response), (1, State::Rejected, true), "{}", response.to_json());
    }
    assert_eq!(effects(&emulator, "import_indicators"), 0);
}

/// What is to be deleted can't be, and where it isn't known either once that was tried.
async fn without_deletions(
    emulator: &Emulator,
    client: &Client,
    request: Value,
    known: bool,
) -> Response {
    let status = if known { 400 } else { 503 };
    emulator
        .fault(FaultRule::new("delete_indicator", StatusFault::new(status)).times(1000))
        .unwrap();
    let blind = async {
        while !emulator.journal().iter().any(|e| e.operation == "delete_indicator") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        if !known {
            let rule = FaultRule::new("get_indicator", StatusFault::new(503));
            emulator.fault(rule.times(1000)).unwrap();
        }
    };
    tokio::join!(call(client, request), blind).0
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_fails_is_told_where_it_is_all_that_is_open() {
    for (known, state) in [(true, State::Failed), (false, State::Unknown)] {
        let (emulator, client) = emulated(Emulator::builder());
        let both = sync(&feed(&["a.evil.example", "b.evil.example"]));
        assert_eq!(call(&client, both).await.exit_status(), 0);
        let one = sync(&feed(&["a.evil.example"]));
        let response = without_deletions(&emulator, &client, one, known).await;
        assert_eq!(told(&response), (11, state, true), "{}", response.to_json());
        let message = &response.error.as_ref().unwrap().message;
        assert!(message.contains("nor is 1 that left the feed"), "{message}");
        assert_eq!(emulator.indicators().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_as_it_should_be_it_is_not_partly() {
    for (known, status, state) in [(true, 8, State::Failed), (false, 12, State::Unknown)] {
        let (emulator, client) = emulated(Emulator::builder());
        assert_eq!(call(&client, sync(&feed(&["a.evil.example"]))).await.exit_status(), 0);
        emulator.fail_indicator("b.evil.example", "known good");
        let other = sync(&feed(&["b.evil.example"]));
        let response = without_deletions(&emulator, &client, other, known).await;
        assert_eq!(told(&response), (status, state, true), "{}", response.to_json());
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_stays_a_plan_whatever_it_comes_to() {
    let (emulator, client) = emulated(Emulator::builder());
    // One more than a tenant has room for.
    let domains: Vec<_> = (0..15_001).map(|n| format!("n{n}.evil.example")).collect();
    let mut request = push(&domains.iter().map(|domain| object(domain)).collect());
    request["mode"] = "plan".into();
    let response = call(&client, request).await;
    assert_eq!(told(&response), (0, State::Planned, true), "{:?}", response.error);
    assert_eq!(response.disposition.as_deref(), Some("would_send"));
    let said = &response.warnings[0];
    assert!(said.contains("1 of 15001 sources wouldn't be"), "{:?}", response.warnings);
    assert!(emulator.indicators().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_what_is_there_already_would_send_nothing() {
    let (_, client) = emulated(Emulator::builder());
    let mut request = push(&feed(&["a.evil.example"]));
    assert_eq!(call(&client, request.clone()).await.exit_status(), 0);
    request["mode"] = "plan".into();
    let response = call(&client, request).await;
    assert_eq!(told(&response), (0, State::Planned, true), "{}", response.to_json());
    assert_eq!(response.disposition.as_deref(), Some("already_in_state"));
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn what_is_no_file_is_refused_and_not_waited_for() {
    let (_, client) = emulated(Emulator::builder());
    let pipe = std::env::temp_dir().join(format!("dr-playbook-{}-pipe", std::process::id()));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [pipe.to_str().unwrap(), "/dev/zero", "/tmp"] {
        for mode in ["apply", "plan"] {
            let request = json!({"schema_version": 1, "action": "create_iocs_from_stix_bundle",
                "arguments": {"stix_objects_path": path, "action": "Block"}, "mode": mode});
            let response = call(&client, request).await;
            assert_eq!(told(&response), (2, State::Rejected, true), "{}", response.to_json());
        }
    }
    std::fs::remove_file(pipe).unwrap();
}

#[tokio::test(start_paused = true)]
async fn deletions_alone_make_it_partly() {
    let (emulator, client) = emulated(Emulator::builder());
    assert_eq!(call(&client, sync(&feed(&["a.evil.example"]))).await.exit_status(), 0);
    emulator.fail_indicator("b.evil.example", "known good");
    let response = call(&client, sync(&feed(&["b.evil.example"]))).await;
    assert_eq!(told(&response), (11, State::Failed, true), "{}", response.to_json());
    assert!(emulator.indicators().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_deletions_would_send_something() {
    let (_, client) = emulated(Emulator::builder());
    let both = sync(&feed(&["a.evil.example", "b.evil.example"]));
    assert_eq!(call(&client, both).await.exit_status(), 0);
    let mut one = sync(&feed(&["a.evil.example"]));
    one["mode"] = "plan".into();
    assert_eq!(call(&client, one).await.disposition.as_deref(), Some("would_send"));
}

#[tokio::test(start_paused = true)]
async fn what_the_plan_notes_is_told_and_what_it_overrules_is_named() {
    for (action, word, overruled) in
        [("Alert", "Audit", true), ("AlertAndBlock", "Block", true), ("Audit", "Audit", true)]
    {
        let (_, client) = emulated(Emulator::builder());
        for (name, owner) in [("create", None), ("sync", Some("feed")), ("plan", None)] {
            let mut request = push(&feed(&["a.evil.example"]));
            request["action"] = format!("{name}_iocs_from_stix_bundle").into();
            request["arguments"]["action"] = action.into();
            request["arguments"]["generate_alert"] = false.into();
            if let Some(owner) = owner {
                request["arguments"]["owner"] = owner.into();
            }
            let response = call(&client, request).await;
            assert_eq!(response.exit_status(), 0, "{}", response.to_json());
            let said = |what: &str| response.warnings.iter().any(|said| said.contains(what));
            assert!(said(word), "{name} {action}: {:?}", response.warnings);
            assert_eq!(said("generate_alert: false"), overruled, "{:?}", response.warnings);
        }
    }
    let (_, client) = emulated(Emulator::builder());
    let quiet = call(&client, push(&feed(&["a.evil.example"]))).await;
    assert!(quiet.warnings.is_empty(), "{:?}", quiet.warnings);
}

#[tokio::test(start_paused = true)]
async fn each_deletion_is_an_item_by_its_value_in_a_plan_too() {
    let (emulator, client) = emulated(Emulator::builder());
    let all = sync(&feed(&["a.evil.example", "b.evil.example", "c.evil.example"]));
    assert_eq!(call(&client, all).await.exit_status(), 0);
    let mut rest = feed(&["a.evil.example", "b.evil.example"]);
    rest[1]["revoked"] = true.into();
    let mut request = sync(&rest);
    for (mode, outcome) in [("plan", "would_delete"), ("apply", "deleted")] {
        request["mode"] = mode.into();
        let response = call(&client, request.clone()).await;
        let items = response.items.clone().unwrap();
        for (value, why) in [("b.evil.example", "withdrawn"), ("c.evil.example", "departed")] {
            let item = items.iter().find(|item| item["value"] == value);
            let item = item.unwrap_or_else(|| panic!("{}", response.to_json()));
            assert_eq!(
                (&item["type"], &item["why"], &item["outcome"]),
                (&json!("DomainName"), &json!(why), &json!(outcome)),
                "{mode}"
            );
        }
        let first = &items[0]["indicators"][0];
        assert_eq!(
            (&first["type"], &first["value"]),
            (&json!("DomainName"), &json!("a.evil.example"))
        );
    }
    assert_eq!(emulator.indicators().len(), 1);
}

#[derive(Clone, Default)]
struct Heard(std::sync::Arc<std::sync::Mutex<Vec<Option<String>>>>);

impl defender_response::AuditSink for Heard {
    fn record(&self, event: &defender_response::AuditEvent) -> std::io::Result<()> {
        self.0.lock().unwrap().push(event.reference.clone());
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn the_log_names_the_plan_of_a_feed() {
    let (_, client) = emulated(Emulator::builder());
    let heard = Heard::default();
    let response = call(&client.audited(heard.clone()), push(&feed(&["a.evil.example"]))).await;
    let hash = response.result["plan_hash"].as_str().map(str::to_owned);
    assert_eq!(*heard.0.lock().unwrap(), [hash.clone(), hash]);
}

#[tokio::test(start_paused = true)]
async fn an_empty_feed_is_nothing_to_do_and_an_empty_file_is_none() {
    let (emulator, client) = emulated(Emulator::builder());
    let bundle = json!({"type": "bundle", "id": "bundle--1", "objects": []});
    let files = [
        (Scratch::new("empty.json", ""), 2),
        (Scratch::new("blank.json", " \n"), 2),
        (Scratch::new("list.json", "[]"), 0),
    ];
    for name in ["create", "plan"] {
        for mode in ["plan", "apply"] {
            let with = |member: &str, value: Value| {
                json!({"schema_version": 1, "action": format!("{name}_iocs_from_stix_bundle"),
                    "mode": mode, "arguments": {member: value, "action": "Block"}})
            };
            let inline = [json!([]), bundle.clone()].map(|feed| (with("stix_objects", feed), 0));
            let files = files
                .iter()
                .map(|(file, status)| (with("stix_objects_path", file.path().into()), *status));
            for (request, status) in inline.into_iter().chain(files) {
                let response = call(&client, request.clone()).await;
                assert_eq!(response.exit_status(), status, "{request}: {}", response.to_json());
                let said = response.warnings.iter().any(|said| said.contains("empty"));
                assert_eq!(said, status == 0, "{request}: {:?}", response.warnings);
            }
        }
    }
    assert_eq!(call(&client, sync(&json!([]))).await.exit_status(), 2);
    assert_eq!(effects(&emulator, "import_indicators"), 0);
}
