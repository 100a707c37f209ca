//! `sekoia_runner` by the container's contract, against a stand-in of the callback service.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use defender_response::emulator::{Emulator, FaultRule, Listening, PlainFault};
use serde_json::{Value, json};

use crate::setup::{
    ALERT, Ended, Environment, MACHINE, built, effects, ended, on_a_socket, start, terminate, until,
};

/// What the platform was told, each with the token it came with.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<(String, Value)>>>);

/// Answers with these statuses in turn, then with 200 and the secret.
fn callback(statuses: &'static [u16], secret: &str) -> (String, Told) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/api/v1/callback", listener.local_addr().unwrap());
    let (told, secret) = (Told::default(), secret.to_owned());
    let kept = told.clone();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut first, mut token, mut length) = (String::new(), String::new(), 0);
            reader.read_line(&mut first).unwrap();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let Some((name, value)) = line.trim().split_once(": ") else { break };
                match name.to_lowercase().as_str() {
                    "authorization" => value.clone_into(&mut token),
                    "content-length" => length = value.parse().unwrap(),
                    _ => {}
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            assert!(first.starts_with("PATCH "), "{first}");
            kept.0.lock().unwrap().push((token, serde_json::from_slice(&body).unwrap()));
            let status = statuses.get(number).copied().unwrap_or(200);
            let answer =
                json!({"module_configuration": {"value": {"app_secret": secret}}}).to_string();
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                answer.len()
            );
            stream.write_all(format!("{head}{answer}").as_bytes()).unwrap();
        }
    });
    (url, told)
}

impl Told {
    fn read(&self) -> Vec<Value> {
        self.0.lock().unwrap().iter().map(|(_, body)| body.clone()).collect()
    }
}

/// The container's folder, gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name =
            format!("dr-sekoia-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(path.join("data")).unwrap();
        Self(path)
    }

    fn put(&self, name: &str, text: impl std::fmt::Display) -> &Self {
        fs::write(self.0.join(name), text.to_string()).unwrap();
        self
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn configuration(emulator: &Emulator, listening: &Listening) -> Value {
    json!({"base_url": listening.base_url(), "tenant_id": emulator.tenant_id(), "app_id": emulator.client_id(),
        "authority": listening.authority(), "audience": emulator.audience()})
}

async fn run(parameter: &str, folder: &Folder, environment: &Environment) -> Ended {
    let (inputs, data) = (folder.0.clone(), folder.0.join("data"));
    let arguments =
        [parameter, "--folder", inputs.to_str().unwrap(), "--data", data.to_str().unwrap()];
    let mut child = start("sekoia_runner", &arguments, environment);
    drop(child.stdin.take());
    ended(child).await
}

fn emulator() -> defender_response::emulator::EmulatorBuilder {
    Emulator::builder().settle(Duration::from_millis(100))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ten_actions_take_the_published_arguments_and_give_the_published_outputs() {
    let (emulator, listening, _) = on_a_socket(emulator()).await;
    let machine = json!({"machine_id": MACHINE, "comment": "INC-4711"});
    let with = |name: &str, value: &str| {
        let mut arguments = machine.clone();
        arguments[name] = value.into();
        arguments
    };
    let action = &["id", "type", "status", "requestor", "title", "machineid"][..];
    let scoped = &["id", "type", "status", "requestor", "title", "machineid", "scope"][..];
    let alert = &[
        "id",
        "title",
        "description",
        "status",
        "classification",
        "determination",
        "category",
    ][..];
    let object = json!([{"type": "indicator", "id": "indicator--1", "pattern": "[domain-name:value = 'c2.evil.example']"}]);
    let past = emulator.add_past_actions(1).pop().unwrap();
    for (parameter, arguments, outputs) in [
        ("IsolateMachineAction", with("isolation_type", "Full"), scoped),
        ("UnIsolateMachineAction", machine.clone(), action),
        ("ScanMachineAction", with("scan_type", "Quick"), scoped),
        ("RestrictCodeExecutionAction", machine.clone(), action),
        ("UnRestrictCodeExecutionAction", machine.clone(), action),
        ("GetMachineAction", json!({"action_id": past}), action),
        ("CancelMachineAction", json!({"action_id": past, "comment": "INC-4711"}), action),
        (
            "UpdateAlertAction",
            json!({"alert_id": ALERT, "status": "Resolved", "classification": "TruePositive",
            "determination": "Malware", "comment": "INC-4711", "owner": "responder@corp.example"}),
            alert,
        ),
        ("AddCommentToAlert", json!({"alert_id": ALERT, "comment": "INC-4711"}), &["id"]),
        (
            "PushIndicatorsAction",
            json!({"stix_objects_path": "feed.json", "action": "Block",
            "sekoia_base_url": "https://app.sekoia.io", "severity": "High", "generate_alert": true}),
            &[],
        ),
    ] {
        let (url, told) = callback(&[], emulator.client_secret());
        let folder = Folder::new();
        folder
            .put("arguments", &arguments)
            .put("url_callback", url)
            .put("token", "callback-token\n");
        folder.put("module_configuration", configuration(&emulator, &listening));
        folder.put("data/feed.json", &object);
        let done = run(parameter, &folder, &Environment::new()).await;
        assert_eq!(done.status, 0, "{parameter}: {}", done.err);
        let bodies = told.read();
        assert_eq!(bodies[0], json!({"status": "running", "need_secrets": true}), "{parameter}");
        assert!(told.0.lock().unwrap().iter().all(|(token, _)| token == "Bearer callback-token"));
        assert_eq!((bodies.len(), &bodies[1]["status"]), (2, &json!("finished")), "{parameter}");
        // What is over can't be cancelled, and is told with the action.
        let fails = parameter == "CancelMachineAction";
        assert_eq!(bodies[1].get("error").is_some(), fails, "{parameter}: {}", bodies[1]);
        for output in outputs {
            let results = bodies[1]["results"].as_object().unwrap();
            assert!(results.contains_key(*output), "{parameter}: {output}: {}", bodies[1]);
        }
        let printed = format!("{}{}", done.out, done.err);
        assert!(!printed.contains(emulator.client_secret()) && !printed.contains("callback-token"));
        // An isolation has to be over before the release.
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    assert_eq!(emulator.indicators().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_callback_is_tried_again_and_a_409_at_the_end_is_taken() {
    for (statuses, status, isolations) in [
        (&[503, 200, 500, 503, 200][..], 0, 1),
        (&[200, 409], 0, 1),
        (&[200, 400], 1, 1),
        // Nothing is done that the platform doesn't want, or never answers to.
        (&[401, 401], 1, 0),
        (&[409, 409], 0, 0),
    ] {
        let (emulator, listening, _) = on_a_socket(emulator()).await;
        let (url, _told) = callback(statuses, emulator.client_secret());
        let folder = Folder::new();
        folder.put(
            "arguments",
            json!({"machine_id": MACHINE, "comment": "INC-4711", "isolation_type": "Full"}),
        );
        folder.put("module_configuration", configuration(&emulator, &listening));
        folder.put("url_callback", url).put("token", "t");
        let done = run("IsolateMachineAction", &folder, &Environment::new()).await;
        let told = (done.status, effects(&emulator, "isolate"));
        assert_eq!(told, (status, isolations), "{statuses:?}: {}", done.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_409_at_the_beginning_is_taken_where_no_secret_is_wanted() {
    let (emulator, listening, _) = on_a_socket(emulator()).await;
    let mut whole = configuration(&emulator, &listening);
    whole["app_secret"] = emulator.client_secret().into();
    let (url, told) = callback(&[409, 503, 200], "");
    let folder = Folder::new();
    let arguments = json!({"machine_id": MACHINE, "comment": "INC-4711", "scan_type": "Quick"});
    folder.put("arguments", arguments).put("module_configuration", whole);
    folder.put("url_callback", url).put("token", "t");
    let done = run("ScanMachineAction", &folder, &Environment::new()).await;
    assert_eq!((done.status, effects(&emulator, "scan")), (0, 1), "{}", done.err);
    let bodies = told.read();
    assert_eq!((bodies.len(), &bodies[2]["status"]), (3, &json!("finished")));
    assert_eq!(bodies[2]["results"]["disposition"], "created");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_is_stopped_tells_its_outcome() {
    let (emulator, listening, _) = on_a_socket(emulator()).await;
    emulator.fault(FaultRule::new("isolate", PlainFault::HangAfterEffect)).unwrap();
    let (url, told) = callback(&[], emulator.client_secret());
    let folder = Folder::new();
    let arguments = json!({"machine_id": MACHINE, "comment": "INC-4711", "isolation_type": "Full"});
    folder.put("arguments", arguments).put("url_callback", url).put("token", "t");
    folder.put("module_configuration", configuration(&emulator, &listening));
    let inputs = folder.0.to_str().unwrap();
    let child =
        start("sekoia_runner", &["IsolateMachineAction", "--folder", inputs], &Environment::new());
    until(|| effects(&emulator, "isolate") == 1).await;
    terminate(&child);
    assert_eq!(ended(child).await.status, 0);
    let last = told.read().pop().unwrap();
    assert_eq!(last["results"]["state"], "unknown", "{last}");
    assert!(last["error"].as_str().unwrap().starts_with("interrupted: "), "{last}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_argument_that_is_no_text_is_wrong_usage() {
    use std::os::unix::ffi::OsStrExt;
    let odd = std::ffi::OsStr::from_bytes(b"\xff");
    for example in ["sekoia_runner", "run_action"] {
        let done = std::process::Command::new(built(example)).arg(odd).output().unwrap();
        let err = String::from_utf8(done.stderr).unwrap();
        assert_eq!((done.status.code(), err.contains("panicked")), (Some(2), false), "{err}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_stand_for_files_and_a_step_that_is_run_again_acts_once() {
    let (emulator, listening, _) = on_a_socket(emulator()).await;
    let mut whole = configuration(&emulator, &listening);
    whole["app_secret"] = emulator.client_secret().into();
    let arguments =
        json!({"machine_id": MACHINE, "comment": "INC-4711", "scan_type": "Quick"}).to_string();
    for expected in ["created", "adopted"] {
        let (url, told) = callback(&[], "");
        let environment = vec![
            ("ARGUMENTS", arguments.clone()),
            ("MODULE_CONFIGURATION", whole.to_string()),
            ("TOKEN", "t".to_owned()),
            ("URL_CALLBACK", url),
            ("PLAYBOOK_RUN_UUID", "run-1".to_owned()),
            ("NODE_RUN_UUID", "node-1".to_owned()),
        ];
        let done = run("ScanMachineAction", &Folder::new(), &environment).await;
        assert_eq!(done.status, 0, "{}", done.err);
        let bodies = told.read();
        assert_eq!(bodies[0], json!({"status": "running"}));
        assert_eq!(bodies[1]["results"]["disposition"], expected, "{}", bodies[1]);
    }
    assert_eq!(effects(&emulator, "scan"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_done_is_told_with_its_code() {
    let (emulator, listening, _) = on_a_socket(emulator()).await;
    for (configuration, arguments, code) in [
        (
            configuration(&emulator, &listening),
            json!({"machine_id": "ws-042", "comment": "x"}),
            "invalid_arguments: ",
        ),
        (json!({"tenant_id": "t"}), json!({}), "configuration: "),
        (json!([]), json!({}), "configuration: "),
    ] {
        let (url, told) = callback(&[], emulator.client_secret());
        let folder = Folder::new();
        folder.put("arguments", &arguments).put("module_configuration", &configuration);
        folder.put("url_callback", url).put("token", "t");
        assert_eq!(run("UnIsolateMachineAction", &folder, &Environment::new()).await.status, 0);
        let last = told.read().pop().unwrap();
        assert!(last["error"].as_str().unwrap().starts_with(code), "{last}");
    }
    // Without a base it is the published one, and a secret that is null or empty is asked for.
    for secret in [json!(null), json!("")] {
        let mut plain = configuration(&emulator, &listening);
        plain.as_object_mut().unwrap().remove("base_url");
        plain["app_secret"] = secret;
        let (url, told) = callback(&[], "another secret");
        let folder = Folder::new();
        folder.put("arguments", json!({"machine_id": MACHINE, "comment": "INC-4711"}));
        folder.put("module_configuration", &plain).put("url_callback", url).put("token", "t");
        assert_eq!(run("UnIsolateMachineAction", &folder, &Environment::new()).await.status, 0);
        let bodies = told.read();
        assert_eq!(bodies[0]["need_secrets"], true);
        assert!(bodies[1]["error"].as_str().unwrap().starts_with("sign_in: "), "{}", bodies[1]);
    }
    let nowhere = run("UnIsolateMachineAction", &Folder::new(), &Environment::new()).await;
    assert_eq!(nowhere.status, 2, "{}", nowhere.err);
    assert_eq!(run("Explode", &Folder::new(), &Environment::new()).await.status, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_has_a_folder_in_its_data_and_a_guard_and_a_log_of_its_own() {
    let object = json!([{"type": "indicator", "id": "indicator--1", "pattern": "[domain-name:value = 'c2.evil.example']"}]);
    let arguments = json!({"stix_objects_path": "feed.json", "action": "Block"});
    for (inside, rules, code) in [
        ("run-1", r#"{"never": [{"names": ["dc*"], "operations": ["isolate"]}]}"#, None),
        ("run-1", r#"{"never": [{"operations": ["import_indicators"]}]}"#, Some("guarded: ")),
        ("run-1", r#"{"at_most": [{"machines": 1, "minutes": 1}]}"#, Some("configuration: ")),
        ("../run-1", "{}", Some("configuration: ")),
    ] {
        let (emulator, listening, _) = on_a_socket(emulator()).await;
        let (url, told) = callback(&[], emulator.client_secret());
        let folder = Folder::new();
        fs::create_dir_all(folder.0.join("data/run-1")).unwrap();
        folder.put("arguments", &arguments).put("url_callback", url).put("token", "t");
        folder.put("module_configuration", configuration(&emulator, &listening));
        folder.put("data/run-1/feed.json", &object).put("sub_folder", inside).put("rules", rules);
        let path = |name: &str| folder.0.join(name).to_str().unwrap().to_owned();
        let (inputs, data, guard, audit) = (path(""), path("data"), path("rules"), path("log"));
        let options = ["--folder", &inputs, "--data", &data, "--guard", &guard, "--audit", &audit];
        let arguments = [&["PushIndicatorsAction"], &options[..]].concat();
        let done = ended(start("sekoia_runner", &arguments, &Environment::new())).await;
        assert_eq!(done.status, 0, "{}", done.err);
        let last = told.read().pop().unwrap();
        let error = last.get("error").map(|error| error.as_str().unwrap());
        assert_eq!(error.is_some(), code.is_some(), "{last}");
        assert!(error.unwrap_or_default().starts_with(code.unwrap_or_default()), "{last}");
        let log = fs::read_to_string(&audit).unwrap_or_default();
        assert_eq!(log.contains("import_indicators"), code.is_none(), "{log}");
        assert_eq!(done.err.contains("defender_response"), code.is_none(), "{}", done.err);
    }
}

#[test]
fn the_script_for_windmill_runs_as_windmill_calls_it() {
    let done = std::process::Command::new(built("windmill")).output().unwrap();
    let told: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((done.status.code(), &told["status"]), (Some(0), &json!("Succeeded")), "{told}");
}
