//! Recorded answers of the real service, which aren't part of the project: read where the folder is there.

use std::fs;
use std::path::{Path, PathBuf};

use defender_response::model::{Alert, ImportResult, Indicator, Machine, MachineAction};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::script::{MACHINE, Script, json};

/// The files whose names begin so; none, with a line that says so, where the folder is absent.
fn recordings(prefix: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/api-examples");
    let Ok(entries) = fs::read_dir(&folder) else {
        println!("SKIPPED: the recorded answers {prefix}* are not here");
        return Vec::new();
    };
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix))
        .map(|path| (path.clone(), fs::read_to_string(path).unwrap()))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "the folder is there and has no {prefix}*");
    files
}

/// Decodes, encodes again, and compares: whatever was sent with a value must still be there.
fn loses_nothing<T: DeserializeOwned + Serialize>(prefix: &str) {
    for (path, text) in recordings(prefix) {
        let sent: Value = serde_json::from_str(&text).unwrap();
        let typed: T = serde_json::from_str(&text).unwrap();
        let kept = serde_json::to_value(&typed).unwrap();
        for (name, value) in sent.as_object().unwrap() {
            if name.starts_with("@odata") {
                continue;
            }
            let name = if name == "lastUpdateTimeUtc" { "lastUpdateDateTimeUtc" } else { name };
            subset(value, &kept[name], &format!("{} {name}", path.display()));
        }
    }
}

fn subset(sent: &Value, kept: &Value, at: &str) {
    match (sent, kept) {
        (Value::Object(sent), Value::Object(kept)) => {
            for (name, value) in sent {
                subset(value, &kept[name], &format!("{at}.{name}"));
            }
        }
        (Value::Array(sent), Value::Array(kept)) => {
            assert_eq!(sent.len(), kept.len(), "{at}");
            for (at_item, (sent, kept)) in sent.iter().zip(kept).enumerate() {
                subset(sent, kept, &format!("{at}[{at_item}]"));
            }
        }
        _ => assert_eq!(sent, kept, "{at}"),
    }
}

#[test]
fn every_recorded_action_decodes_without_loss() {
    loses_nothing::<MachineAction>("action-");
}

#[test]
fn every_recorded_machine_decodes_without_loss() {
    loses_nothing::<Machine>("machine-");
}

#[test]
fn every_recorded_alert_decodes_without_loss() {
    #[derive(Serialize, serde::Deserialize)]
    struct Alerts {
        value: Vec<Alert>,
    }
    loses_nothing::<Alerts>("alerts-list");
    loses_nothing::<Alert>("alert-comments");
}

#[test]
fn every_recorded_indicator_decodes_without_loss() {
    #[derive(Serialize, serde::Deserialize)]
    struct Import {
        value: Vec<ImportResult>,
    }
    loses_nothing::<Indicator>("indicator-post");
    loses_nothing::<Import>("indicator-import");
}

#[tokio::test]
async fn every_recorded_error_has_its_kind() {
    for (path, text) in recordings("error-") {
        let file = path.file_stem().unwrap().to_str().unwrap();
        let status: u16 = file["error-".len()..]["".len()..3].parse().unwrap();
        let script = Script::new().then(json(status, &text));
        let machine: defender_response::MachineId = MACHINE.parse().unwrap();
        let error = script.client().machine(machine).get().await.unwrap_err();

        let said: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(error.code(), said["error"]["code"].as_str(), "{file}");
        assert_eq!(error.correlation_id(), said["error"]["target"].as_str(), "{file}");
        assert!(error.to_string().contains(said["error"]["message"].as_str().unwrap()), "{error}");
        let known = match file {
            "error-400-active-request" => error.is_already_running(),
            "error-400-invalid-body" => error.is_invalid_request(),
            "error-401-account-inactive" | "error-401-not-provisioned" => error.is_unlicensed(),
            "error-403-missing-permission-2021" | "error-403-missing-roles" => {
                error.is_permission_denied()
                    && error.missing_roles() == ["Machine.Read.All", "Machine.ReadWrite.All"]
            }
            "error-404-machine" => error.is_not_found(),
            other => panic!("{other} is new: which kind is it?"),
        };
        assert!(known, "{file}: {error:?}");
    }
}

#[tokio::test]
async fn every_recorded_answer_of_entra_is_understood() {
    for (path, text) in recordings("entra-") {
        let file = path.file_stem().unwrap().to_str().unwrap();
        let is_token = file.starts_with("entra-token");
        let status = if is_token { 200 } else { 401 };
        let script = Script::new()
            .token(json(status, &text))
            .then(json(200, &format!(r#"{{"id":"{MACHINE}"}}"#)));
        let machine: defender_response::MachineId = MACHINE.parse().unwrap();
        let outcome = script.client().machine(machine).get().await;
        if is_token {
            assert!(outcome.is_ok(), "{file}: {outcome:?}");
            continue;
        }
        let error = outcome.unwrap_err();
        let said: Value = serde_json::from_str(&text).unwrap();
        assert!(error.is_sign_in(), "{file}");
        assert_eq!(error.correlation_id(), said["correlation_id"].as_str(), "{file}");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        let code = said["error_codes"][0].to_string();
        assert!(cause.contains(&format!("AADSTS{code}")), "{file}: {cause}");
    }
}
