//! Updating alerts: what is refused, what is confirmed, and whose work isn't overwritten.

use defender_response::model::{AlertStatus, Classification, Determination};
use defender_response::{AlertId, AlertUpdate, ErrorKind};

use crate::script::{Script, error, json, unanswered};

const ALERT: &str = "da637472900382838869_1364969609";

fn id() -> AlertId {
    ALERT.parse().unwrap()
}

fn alert(members: &str) -> Result<http::Response<bytes::Bytes>, defender_response::TransportError> {
    json(200, &format!(r#"{{"id":"{ALERT}"{members}}}"#))
}

#[tokio::test(start_paused = true)]
async fn an_update_that_cannot_be_right_is_refused_before_anything_is_sent() {
    let unrecognized = serde_json::from_str::<AlertStatus>("\"Paused\"").unwrap();
    for (update, part) in [
        (AlertUpdate::new(), "changes nothing"),
        (AlertUpdate::new().comment(" "), "blank"),
        (AlertUpdate::new().comment("x".repeat(1001)), "1001"),
        (AlertUpdate::new().status(AlertStatus::Unknown), "not set"),
        (AlertUpdate::new().status(unrecognized), "not set"),
        (AlertUpdate::new().classification(Classification::Unknown), "not set"),
        (AlertUpdate::new().assigned_to("a\0b"), "control"),
        (
            AlertUpdate::new().classify(Classification::FalsePositive, Determination::Malware),
            "takes NotMalicious, InsufficientData, Other",
        ),
        (AlertUpdate::new().only_if(AlertStatus::New, None), "changes nothing"),
    ] {
        let script = Script::new();
        let error = script.client().alert(id()).update(update.clone()).await.unwrap_err();
        assert!(
            error.is_invalid_input() && error.to_string().contains(part),
            "{update:?}: {error}"
        );
        assert_eq!((script.tokens(), script.sent().len()), (0, 0));
    }
    let script = Script::new();
    let alerts = script.client().alerts();
    let none = alerts.batch_update([], AlertUpdate::new().comment("c")).await;
    assert!(none.unwrap_err().is_invalid_input());
    let conditional = AlertUpdate::new().comment("c").only_if(AlertStatus::New, None);
    assert!(alerts.batch_update([id()], conditional).await.unwrap_err().is_invalid_input());
    assert_eq!(script.sent().len(), 0);
}

#[test]
fn an_alert_id_is_opaque_and_cannot_leave_its_place() {
    for id in [
        "da637472900382838869_1364969609",
        "da0c7e089d-5ff6-4e04-8000-17f4e35fa783_1",
        "ar638180599315648136_-73827727",
        "7",
    ] {
        assert!(id.parse::<AlertId>().is_ok(), "{id}");
    }
    for id in ["", " ", "../machines/x?", "a b", "a/b", "a%2f", "\"null\"", &"a".repeat(201)] {
        assert!(id.parse::<AlertId>().is_err(), "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn any_pair_can_be_sent_on_purpose() {
    let script =
        Script::new().then(alert(r#","classification":"FalsePositive","determination":"Malware""#));
    let update = AlertUpdate::new()
        .classify(Classification::FalsePositive, Determination::Malware)
        .any_pair();
    assert!(script.client().alert(id()).update(update).await.unwrap().confirmed());
}

#[test]
fn all_names_in_circulation_are_understood() {
    for (text, name) in [
        ("CompromisedAccount", Determination::CompromisedUser),
        ("compromised user", Determination::CompromisedUser),
        ("ConfirmedUserActivity", Determination::ConfirmedActivity),
        ("clean", Determination::NotMalicious),
        ("NoEnoughDataToValidate", Determination::InsufficientData),
        ("Not enough data to validate", Determination::InsufficientData),
        ("Line-of-business application", Determination::LineOfBusinessApplication),
        ("multiStagedAttack", Determination::MultiStagedAttack),
    ] {
        assert_eq!(text.parse(), Ok(name), "{text}");
    }
    assert_eq!(
        "Informational, expected activity".parse(),
        Ok(Classification::InformationalExpectedActivity)
    );
    assert_eq!("in progress".parse(), Ok(AlertStatus::InProgress));
    let error = "apt".parse::<Determination>().unwrap_err().to_string();
    assert!(error.contains("MultiStagedAttack") && error.contains("Other"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_with_the_old_values_is_not_a_confirmation() {
    let script = Script::new().then(alert(r#","status":"New""#));
    let updated = script
        .client()
        .alert(id())
        .update(AlertUpdate::new().status(AlertStatus::Resolved))
        .await
        .unwrap();
    assert!(!updated.confirmed());

    let other_comment = alert(r#","comments":[{"comment":"contained"}]"#);
    let script = Script::new().then(other_comment);
    let commented = script.client().alert(id()).comment("contained").await.unwrap();
    assert!(!commented.confirmed(), "somebody else's comment of the same text isn't ours");
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_another_of_the_names_in_circulation_is_one() {
    let script = Script::new()
        .then(alert(r#","classification":"TruePositive","determination":"CompromisedAccount""#));
    let update =
        AlertUpdate::new().classify(Classification::TruePositive, Determination::CompromisedUser);
    assert!(script.client().alert(id()).update(update).await.unwrap().confirmed());
}

#[tokio::test(start_paused = true)]
async fn an_analysts_work_is_not_overwritten() {
    let update =
        || AlertUpdate::new().status(AlertStatus::Resolved).only_if(AlertStatus::New, None);
    for taken in [
        r#","status":"InProgress""#,
        r#","status":"New","assignedTo":"analyst@corp.example""#,
        r#","status":"Resolved""#,
    ] {
        let script = Script::new().then(alert(taken));
        let error = script.client().alert(id()).update(update()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{taken}: {error}");
        assert!(error.to_string().contains("nothing was changed"), "{error}");
        assert_eq!(script.sent().len(), 1, "read, and not written");
    }
    let script = Script::new()
        .then(alert(r#","status":"New","assignedTo":"""#))
        .then(alert(r#","status":"Resolved""#));
    assert!(script.client().alert(id()).update(update()).await.unwrap().confirmed());
}

#[tokio::test(start_paused = true)]
async fn an_alert_that_is_not_found_may_be_another_products() {
    let script = Script::new().then(error(404, "ResourceNotFound", "Alert x was not found"));
    let error = script.client().alert(id()).get().await.unwrap_err();
    assert!(error.is_not_found() && error.to_string().contains("Microsoft Graph"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_comment_whose_answer_was_lost_is_an_unknown_outcome_with_its_reference() {
    let script = Script::new().then(unanswered());
    let error = script.client().alert(id()).comment("contained").await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
    let body = String::from_utf8(script.sent()[0].body().to_vec()).unwrap();
    assert!(body.contains(error.reference().unwrap()), "{body}");

    let script = Script::new().then(unanswered());
    let update = AlertUpdate::new().status(AlertStatus::Resolved);
    let error = script.client().alert(id()).update(update).await.unwrap_err();
    assert!(error.is_service(), "without a comment it may be repeated: {error:?}");
}

#[tokio::test(start_paused = true)]
async fn each_value_that_is_not_shown_makes_an_update_unconfirmed() {
    let update = || {
        AlertUpdate::new()
            .status(AlertStatus::Resolved)
            .assigned_to("a@b.example")
            .classify(Classification::TruePositive, Determination::Malware)
    };
    let shown = [
        ("status", "Resolved", "New"),
        ("assignedTo", "a@b.example", "c@d.example"),
        ("classification", "TruePositive", "FalsePositive"),
        ("determination", "Malware", "Phishing"),
    ];
    for old in 0..=shown.len() {
        let member = |(at, (name, new, before)): (usize, &(&str, &str, &str))| {
            format!(r#","{name}":"{}""#, if at == old { before } else { new })
        };
        let members: String = shown.iter().enumerate().map(member).collect();
        let script = Script::new().then(alert(&members));
        let updated = script.client().alert(id()).update(update()).await.unwrap();
        assert_eq!(updated.confirmed(), old == shown.len(), "{members}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_about_another_alert_is_none() {
    let other = || json(200, r#"{"id":"da1_2","status":"New"}"#);
    assert!(Script::new().then(other()).client().alert(id()).get().await.unwrap_err().is_service());
    let commented = Script::new().then(other()).client().alert(id()).comment("c").await;
    assert!(commented.unwrap_err().is_outcome_unknown());
    let conditional =
        AlertUpdate::new().status(AlertStatus::Resolved).only_if(AlertStatus::New, None);
    let script = Script::new().then(other());
    assert!(script.client().alert(id()).update(conditional).await.is_err());
    assert!(script.sent().iter().all(|r| r.method() == http::Method::GET), "nothing is written");
}
