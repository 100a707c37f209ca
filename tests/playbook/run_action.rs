//! `run_action` as a runner starts it: one document on stdout, and a status to decide by.

use std::time::Duration;

use defender_response::emulator::{Actor, Emulator, FaultRule, PlainFault, StatusFault};
use serde_json::{Value, json};

use crate::setup::{
    ALERT, Environment, MACHINE, Scratch, effects, ended, on_a_socket, run, start, terminate, until,
};

fn quick() -> defender_response::emulator::EmulatorBuilder {
    Emulator::builder().settle(Duration::from_millis(300))
}

fn machine() -> String {
    json!({"machine_id": MACHINE, "comment": "INC-4711", "isolation_type": "Full"}).to_string()
}

fn release() -> String {
    json!({"machine_id": MACHINE, "comment": "INC-4711"}).to_string()
}

fn category(document: &Value) -> (&Value, &Value) {
    (&document["error"]["category"], &document["error"]["code"])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_as_asked_ends_with_0() {
    let (_emulator, _listening, environment) = on_a_socket(quick()).await;
    let submitted = run(machine(), &["isolate_endpoint"], &environment).await;
    assert_eq!(
        (submitted.status, submitted.json()["state"].as_str()),
        (0, Some("submitted")),
        "{}",
        submitted.out
    );
    let token = submitted.json()["resume"]["token"].as_str().unwrap().to_owned();
    let resumed = run("", &["--resume", &token, "--wait", "30"], &environment).await;
    assert_eq!(
        (resumed.status, resumed.json()["state"].as_str()),
        (0, Some("succeeded")),
        "{}",
        resumed.out
    );
    let done = run(release(), &["deisolate_endpoint", "--wait", "30"], &environment).await;
    assert_eq!(
        (done.status, done.json()["state"].as_str()),
        (0, Some("succeeded")),
        "{}",
        done.out
    );

    let envelope = json!({"schema_version": 1, "action": "comment_alert",
        "arguments": {"alert_id": ALERT, "comment": "INC-4711"}});
    let commented = run(envelope.to_string(), &[], &environment).await;
    assert_eq!((commented.status, commented.json()["result"]["id"].as_str()), (0, Some(ALERT)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_emulator_is_named_in_the_answer() {
    let told =
        run(machine(), &["isolate_endpoint", "--emulator", "--wait", "60"], &Environment::new())
            .await;
    assert_eq!(told.status, 0, "{}", told.out);
    assert!(told.json()["warnings"][0].as_str().unwrap().contains("no tenant was touched"));
    let told = run(machine(), &["isolate_endpoint", "--emulator"], &Environment::new()).await;
    assert_eq!((told.status, told.json().get("resume")), (0, None), "{}", told.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_ends_with_2_and_nothing_panics() {
    let none = Environment::new();
    let live: Environment = ["DEFENDER_TENANT_ID", "DEFENDER_CLIENT_ID", "DEFENDER_CLIENT_SECRET"]
        .map(|name| (name, "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f".to_owned()))
        .to_vec();
    let azure: Environment = ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"]
        .map(|name| (name, "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f".to_owned()))
        .to_vec();
    let long = json!({"machine_id": MACHINE, "comment": "x".repeat(10 * 1024 * 1024)}).to_string();
    let deep = "[".repeat(100_000);
    let version = json!({"schema_version": 2, "action": "scan"}).to_string();
    let unknown = json!({"schema_version": 1, "action": "explode"}).to_string();
    let member = json!({"schema_version": 1, "action": "scan", "x": 1}).to_string();
    let twice = format!(
        r#"{{"machine_id": "{}", "machine_id": "{MACHINE}", "comment": "x"}}"#,
        "0".repeat(40)
    );
    let garbage: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let emulated = ["isolate_endpoint", "--emulator"];
    let limits = Scratch::new("limits.json", r#"{"at_most": [{"machines": 1, "minutes": 60}]}"#);
    for (input, arguments, environment) in [
        (Vec::new(), &emulated[..], &none),
        (garbage, &emulated, &none),
        (long.into_bytes(), &emulated, &none),
        (deep.into_bytes(), &emulated, &none),
        (twice.into_bytes(), &emulated, &none),
        (b"{}".to_vec(), &emulated, &none),
        (b"null".to_vec(), &emulated, &none),
        (machine().into_bytes(), &["explode", "--emulator"], &none),
        (version.into_bytes(), &["--emulator"], &none),
        (unknown.into_bytes(), &["--emulator"], &none),
        (member.into_bytes(), &["--emulator"], &none),
        (machine().into_bytes(), &["isolate_endpoint"], &none),
        (machine().into_bytes(), &["isolate_endpoint"], &azure),
        (machine().into_bytes(), &["isolate_endpoint"], &live),
        (machine().into_bytes(), &["isolate_endpoint", "--emulator", "--live"], &none),
        (machine().into_bytes(), &["isolate_endpoint", "--emulater"], &none),
        (machine().into_bytes(), &["isolate_endpoint", "scan", "--emulator"], &none),
        (machine().into_bytes(), &["isolate_endpoint", "--emulator", "--wait", "soon"], &none),
        (
            machine().into_bytes(),
            &["isolate_endpoint", "--emulator", "--guard", "/not/here"],
            &none,
        ),
        (
            machine().into_bytes(),
            &["isolate_endpoint", "--emulator", "--guard", limits.path()],
            &none,
        ),
        (Vec::new(), &["--resume", "x", "--emulator"], &none),
        (Vec::new(), &["--schema", "explode"], &none),
    ] {
        let told = run(input, arguments, environment).await;
        let document = told.json();
        assert_eq!(
            (told.status, category(&document).0),
            (2, &json!("usage")),
            "{arguments:?}: {}",
            told.out
        );
        assert!(!told.err.contains("panicked"), "{}", told.err);
    }
    for arguments in [
        &["--list"][..],
        &["--schema", "scan"],
        &["--schema", "request"],
        &["--schema", "response"],
        &["--help"],
    ] {
        let told = run("", arguments, &none).await;
        assert_eq!((told.status, told.json().is_null()), (0, false), "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_stdin_and_a_closed_stdout_do_no_harm() {
    let mut child = start("run_action", &["isolate_endpoint", "--emulator"], &Environment::new());
    drop(child.stdin.take());
    assert_eq!(ended(child).await.status, 2);
    let mut child = start("run_action", &["--list"], &Environment::new());
    drop(child.stdout.take());
    let told = ended(child).await;
    assert!(told.status == 1 && !told.err.contains("panicked"), "{} {}", told.status, told.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_tenant_turns_down_has_a_status_each() {
    let (emulator, _listening, environment) = on_a_socket(quick()).await;
    let isolate = &["isolate_endpoint", "--wait", "30"][..];
    let full = ["isolate_endpoint", "--audit", "/dev/full"];
    let told = run(machine(), &full, &environment).await;
    assert_eq!(
        (told.status, category(&told.json()).1),
        (1, &json!("audit_failed")),
        "{}",
        told.out
    );

    let mut wrong = environment.clone();
    wrong[2].1 = "not-the-secret".to_owned();
    let told = run(machine(), isolate, &wrong).await;
    assert_eq!((told.status, category(&told.json()).0), (3, &json!("sign_in")), "{}", told.out);

    let nobody = machine().replace("1e5b", "0000");
    let told = run(nobody, isolate, &environment).await;
    assert_eq!((told.status, category(&told.json()).0), (5, &json!("not_found")), "{}", told.out);

    let guard = Scratch::new("guard.json", r#"{"never": [{"names": ["ws-*"]}]}"#);
    let told = run(machine(), &["isolate_endpoint", "--guard", guard.path()], &environment).await;
    assert_eq!((told.status, category(&told.json()).0), (10, &json!("refused")), "{}", told.out);
    assert!(told.json()["error"]["retry_safe"].as_bool().unwrap());

    emulator.fault(FaultRule::new("isolate", StatusFault::new(429).retry_after(3600))).unwrap();
    let told = run(machine(), isolate, &environment).await;
    assert_eq!((told.status, category(&told.json()).0), (7, &json!("throttled")), "{}", told.out);
    emulator.clear_faults();

    emulator.set_roles(emulator.client_id(), &["Machine.Read.All"]);
    emulator.revoke_tokens();
    let told = run(machine(), isolate, &environment).await;
    assert_eq!((told.status, category(&told.json()).0), (4, &json!("permission")), "{}", told.out);
    assert_eq!(effects(&emulator, "isolate"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_is_for_one_plan() {
    let (emulator, _listening, environment) = on_a_socket(quick()).await;
    let ask = |arguments: Value, approval: Option<&str>| {
        let mut envelope =
            json!({"schema_version": 1, "action": "isolate_endpoint", "arguments": arguments});
        if let Some(plan_id) = approval {
            envelope["approval"] = json!({"by": "duty officer", "plan_id": plan_id});
        }
        envelope.to_string()
    };
    let arguments: Value = serde_json::from_str(&machine()).unwrap();
    let refused = run(ask(arguments.clone(), None), &["--require-approval"], &environment).await;
    assert_eq!(refused.status, 10, "{}", refused.out);
    let plan =
        run(ask(arguments.clone(), None), &["--require-approval", "--plan"], &environment).await;
    assert_eq!((plan.status, plan.json()["state"].as_str()), (0, Some("planned")), "{}", plan.out);
    let id = plan.json()["result"]["plan_id"].as_str().unwrap().to_owned();
    let mut other = arguments.clone();
    other["isolation_type"] = "Selective".into();
    let refused = run(ask(other, Some(&id)), &["--require-approval"], &environment).await;
    assert_eq!((refused.status, effects(&emulator, "isolate")), (10, 0), "{}", refused.out);
    let done = run(ask(arguments, Some(&id)), &["--require-approval"], &environment).await;
    assert_eq!((done.status, effects(&emulator, "isolate")), (0, 1), "{}", done.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn isolated_released_and_replayed_is_superseded() {
    let (emulator, _listening, environment) = on_a_socket(quick()).await;
    let isolate = ["isolate_endpoint", "--key", "run/1", "--wait", "30"];
    assert_eq!(run(machine(), &isolate, &environment).await.status, 0);
    assert_eq!(
        run(release(), &["deisolate_endpoint", "--wait", "30"], &environment).await.status,
        0
    );
    let told = run(machine(), &isolate, &environment).await;
    assert_eq!(
        (told.status, told.json()["state"].as_str()),
        (6, Some("superseded")),
        "{}",
        told.out
    );
    assert_eq!(effects(&emulator, "isolate"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_indicators_is_partly() {
    let (emulator, _listening, environment) = on_a_socket(quick()).await;
    emulator.fail_indicator("b.evil.example", "known good");
    let object = |n: u8, domain: &str| {
        json!({"type": "indicator", "id": format!("indicator--{n}"),
        "pattern": format!("[domain-name:value = '{domain}']")})
    };
    let bundle = json!([object(1, "a.evil.example"), object(2, "b.evil.example")]);
    let feed = Scratch::new("feed.json", &bundle.to_string());
    let name = feed.name();
    let arguments = json!({"stix_objects_path": name, "action": "Block"}).to_string();
    let folder = std::env::temp_dir();
    let folder = ["create_iocs_from_stix_bundle", "--data", folder.to_str().unwrap()];
    let told = run(arguments, &folder, &environment).await;
    assert_eq!((told.status, category(&told.json()).0), (11, &json!("partly")), "{}", told.out);
    let document = told.json();
    let outcomes: Vec<_> =
        document["items"].as_array().unwrap().iter().map(|i| &i["outcome"]).collect();
    assert_eq!(outcomes, [&json!("accepted"), &json!("failed")]);
    for path in ["../feed.json", "/etc/passwd"] {
        let arguments = json!({"stix_objects_path": path, "action": "Block"}).to_string();
        assert_eq!(run(arguments, &folder, &environment).await.status, 2);
    }
}

fn feed(child: &mut std::process::Child, text: &str) {
    use std::io::Write;
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_submit_and_answer_and_run_again_it_isolates_once() {
    let (emulator, _listening, environment) = on_a_socket(quick()).await;
    emulator.fault(FaultRule::new("isolate", PlainFault::HangAfterEffect)).unwrap();
    let arguments = ["isolate_endpoint", "--key", "run/1", "--wait", "30"];
    let mut child = start("run_action", &arguments, &environment);
    feed(&mut child, &machine());
    until(|| effects(&emulator, "isolate") == 1).await;
    child.kill().unwrap();
    assert_eq!(ended(child).await.out, "");
    let again = run(machine(), &arguments, &environment).await;
    assert_eq!(
        (again.status, again.json()["disposition"].as_str()),
        (0, Some("adopted")),
        "{}",
        again.out
    );
    let requests = emulator.journal().iter().filter(|e| e.operation == "isolate").count();
    assert_eq!((requests, effects(&emulator, "isolate")), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_is_broken_off_leaves_the_action_alone_and_tells_how_to_go_on() {
    let (emulator, _listening, environment) =
        on_a_socket(Emulator::builder().set("settle", "3600").unwrap()).await;
    let mut child = start("run_action", &["isolate_endpoint", "--wait", "600"], &environment);
    feed(&mut child, &machine());
    let reads = || emulator.journal().iter().any(|e| e.operation == "get_machine_action");
    until(reads).await;
    terminate(&child);
    let told = ended(child).await;
    assert_eq!((told.status, category(&told.json()).1), (9, &json!("interrupted")), "{}", told.out);
    let token = told.json()["resume"]["token"].as_str().unwrap().to_owned();
    let waited = run("", &["--resume", &token, "--wait", "1"], &environment).await;
    assert_eq!(
        (waited.status, category(&waited.json()).1),
        (9, &json!("still_running")),
        "{}",
        waited.out
    );
    let id = waited.json()["result"]["id"].as_str().unwrap().to_owned();
    assert_eq!(waited.json()["result"]["status"], "Pending");
    emulator.cancel_as(Actor::Analyst, &id, "false alarm").unwrap();
    let ended = run("", &["--resume", &token], &environment).await;
    assert_eq!(
        (ended.status, ended.json()["state"].as_str()),
        (8, Some("cancelled")),
        "{}",
        ended.out
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_that_is_broken_off_is_unknown() {
    let (emulator, _listening, environment) = on_a_socket(quick()).await;
    emulator.fault(FaultRule::new("isolate", PlainFault::HangAfterEffect)).unwrap();
    let mut child = start("run_action", &["isolate_endpoint"], &environment);
    feed(&mut child, &machine());
    until(|| effects(&emulator, "isolate") == 1).await;
    terminate(&child);
    let told = ended(child).await;
    let document = told.json();
    assert_eq!((told.status, &document["state"]), (12, &json!("unknown")), "{}", told.out);
    assert_eq!(document["error"]["retry_safe"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_stopped_early_did_nothing_and_says_so() {
    let (emulator, _listening, environment) = on_a_socket(quick()).await;
    // Before stdin has come to its end.
    let mut child = start("run_action", &["isolate_endpoint"], &environment);
    let stdin = child.stdin.take();
    tokio::time::sleep(Duration::from_millis(500)).await;
    terminate(&child);
    let told = ended(child).await;
    drop(stdin);
    assert_eq!((told.status, category(&told.json()).1), (1, &json!("interrupted")), "{}", told.out);
    assert_eq!(told.json()["error"]["retry_safe"], true);

    // While it signs in for a submission, which has its grace, and for a plan.
    for (arguments, grace) in [(&["isolate_endpoint"][..], 5), (&["isolate_endpoint", "--plan"], 0)]
    {
        emulator.fault(FaultRule::new("token", PlainFault::HangBeforeEffect)).unwrap();
        let tokens = || emulator.journal().iter().filter(|e| e.operation == "token").count();
        let before = tokens();
        let mut child = start("run_action", arguments, &environment);
        feed(&mut child, &machine());
        until(|| tokens() > before).await;
        let began = std::time::Instant::now();
        terminate(&child);
        let told = ended(child).await;
        let document = told.json();
        assert_eq!((told.status, &document["state"]), (1, &json!("rejected")), "{}", told.out);
        assert_eq!(document["error"]["retry_safe"], true);
        assert!(began.elapsed() < Duration::from_secs(grace + 3), "{:?}", began.elapsed());
    }
    assert_eq!(effects(&emulator, "isolate"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ensured_state_that_is_stopped_gives_its_token() {
    let (emulator, _listening, environment) =
        on_a_socket(Emulator::builder().set("settle", "3600").unwrap()).await;
    let mut child = start("run_action", &["ensure_isolated", "--wait", "600"], &environment);
    feed(&mut child, &machine());
    let seen = |operation| emulator.journal().iter().filter(|e| e.operation == operation).count();
    until(|| seen("isolate") == 1 && seen("list_machine_actions") > 2).await;
    terminate(&child);
    let told = ended(child).await;
    assert_eq!((told.status, category(&told.json()).1), (9, &json!("interrupted")), "{}", told.out);
    let token = told.json()["resume"]["token"].as_str().unwrap().to_owned();
    let resumed = run("", &["--resume", &token], &environment).await;
    assert_eq!(resumed.json()["result"]["status"], "Pending", "{}", resumed.out);
}
