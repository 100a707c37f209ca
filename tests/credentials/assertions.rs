//! Assertions made elsewhere: by a callback, and in a token file that its platform renews.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use defender_response::{
    ClientAssertion, FixedToken, Secret, Timestamp, TokenError, TokenSource, WorkloadIdentity,
};
use serde_json::json;

use crate::setup::{
    A_TOKENS_LIFE, APPLICATION, START, Stage, TENANT, TempFile, application, call, chain, refused,
};

const ISSUER: &str = "https://oidc.example/cluster";
const AUDIENCE: &str = "api://AzureADTokenExchange";

fn stage() -> Stage {
    Stage::of(application().federation(ISSUER, "system:serviceaccount:soar:runner", AUDIENCE))
}

/// What an issuer would write `later` after the start, with `mark` where a signature stands.
fn assertion(mark: &str, later: Duration) -> String {
    let start: Timestamp = START.parse().unwrap();
    let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let header = part(json!({"alg": "RS256", "typ": "JWT"}));
    let claims = part(json!({
        "iss": ISSUER, "sub": "system:serviceaccount:soar:runner", "aud": AUDIENCE,
        "exp": start.plus(later).unix_seconds() + 600,
    }));
    format!("{header}.{claims}.{mark}")
}

fn from_file(file: &TempFile) -> WorkloadIdentity {
    WorkloadIdentity::from_file(TENANT, APPLICATION, file.path())
}

#[tokio::test(start_paused = true)]
async fn a_callback_is_asked_at_every_fetch_and_its_assertion_goes_out_unchanged() {
    let stage = stage();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let credential = ClientAssertion::from_callback(TENANT, APPLICATION, move || {
        let number = u32::try_from(count.fetch_add(1, Ordering::Relaxed)).unwrap();
        async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(Secret::new(assertion(&format!("mark{number}"), A_TOKENS_LIFE * number)))
        }
    });
    assert_eq!(credential.tenant(), Some(TENANT));
    assert_eq!(credential.application(), Some(APPLICATION));
    let client = stage.client(credential);
    assert_eq!(asked.load(Ordering::Relaxed), 0, "building asks for nothing");
    call(&client).await.unwrap();
    tokio::time::sleep(A_TOKENS_LIFE).await;
    call(&client).await.unwrap();

    for (number, form) in stage.forms().iter().enumerate() {
        assert_eq!(form["client_id"], APPLICATION);
        assert!(form["client_assertion_type"].ends_with("jwt-bearer"));
        assert!(form["client_assertion"].ends_with(&format!(".mark{number}")));
        assert!(!form.contains_key("client_secret"));
    }
    assert_eq!(stage.forms().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_gives_no_assertion_is_an_error_and_the_next_call_recovers() {
    let stage = stage();
    let asked = AtomicUsize::new(0);
    let credential = ClientAssertion::from_callback(TENANT, APPLICATION, move || {
        let given = match asked.fetch_add(1, Ordering::Relaxed) {
            0 => Err(TokenError::transient("the issuer is away")),
            1 => Ok(String::new()),
            2 => Ok("a".repeat(1 << 20)),
            3 => Ok("c4nary with blanks\n".to_owned()),
            _ => Ok(assertion("mark", Duration::ZERO)),
        };
        async { given.map(Secret::from) }
    });
    // A client of its own for each, since one may leave a failing credential alone for a while.
    for wrong in ["the issuer is away", "is empty", "longer than 16 KiB", "isn't a JWT"] {
        let shown = chain(&call(&stage.client(credential.clone())).await.unwrap_err());
        assert!(shown.contains(wrong) && !shown.contains("c4nary"), "{shown}");
    }
    assert!(stage.forms().is_empty(), "nothing was sent");
    call(&stage.client(credential)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_token_file_is_read_again_at_every_fetch() {
    let stage = stage();
    let file = TempFile::holding(assertion("first", Duration::ZERO) + "\n");
    let credential = from_file(&file);
    let before = credential.fingerprint();
    let client = stage.client(credential.clone());
    call(&client).await.unwrap();
    file.write(assertion("second", A_TOKENS_LIFE));
    assert_ne!(credential.fingerprint(), before);
    tokio::time::sleep(A_TOKENS_LIFE).await;
    call(&client).await.unwrap();
    let sent: Vec<_> = stage.forms().iter().map(|form| form["client_assertion"].clone()).collect();
    let marks: Vec<_> = sent.iter().filter_map(|sent| sent.rsplit('.').next()).collect();
    assert_eq!(marks, ["first", "second"]);
}

#[tokio::test(start_paused = true)]
async fn a_token_file_that_goes_bad_is_an_error_of_that_fetch_and_the_next_recovers() {
    let stage = stage();
    let mut passed = Duration::ZERO;
    let file = TempFile::holding(assertion("mark", passed));
    let client = stage.client(from_file(&file));
    call(&client).await.unwrap();
    let long = "a".repeat(1 << 20);
    for (content, wrong) in [
        (None, "can't be opened"),
        (Some(""), "is empty"),
        (Some("\u{feff}\r\n"), "is empty"),
        (Some(&long), "longer than 16 KiB"),
        (Some("one\ntwo"), "more than one line"),
        (Some("not a token"), "isn't a JWT"),
    ] {
        match content {
            None => file.remove(),
            Some(content) => file.write(content),
        }
        tokio::time::sleep(A_TOKENS_LIFE).await;
        passed += A_TOKENS_LIFE;
        let sent = stage.forms().len();
        let error = call(&client).await.unwrap_err();
        assert!(chain(&error).contains(wrong), "{}", chain(&error));
        assert_eq!(stage.forms().len(), sent, "nothing was sent");
        file.write(assertion("mark", passed));
        call(&client).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn entras_refusals_are_classified_and_show_no_assertion() {
    let stage = stage();
    let unknown = URL_SAFE_NO_PAD.encode(r#"{"iss":"https://elsewhere.example","exp":9999999999}"#);
    for (sent, code) in [
        (format!("e30.{unknown}.mark"), "AADSTS700213"),
        ("e30".to_owned(), "AADSTS700027"),
        (assertion("mark", Duration::ZERO), "AADSTS500133"),
    ] {
        if code == "AADSTS500133" {
            tokio::time::sleep(A_TOKENS_LIFE).await;
        }
        let file = TempFile::holding(&sent);
        let error = call(&stage.client(from_file(&file))).await.unwrap_err();
        let shown = chain(&error);
        assert!(shown.contains(code) && shown.contains("WrongAssertion"), "{shown}");
        let parts = sent.split('.').filter(|part| part.len() > 10);
        assert!(!parts.clone().any(|part| shown.contains(part)), "{shown}");
    }
}

#[tokio::test]
async fn what_can_not_work_is_refused_when_the_client_is_built() {
    let stage = stage();
    let missing = TempFile::missing();
    assert!(refused(stage.try_client(from_file(&missing))).contains("can't be opened"));
    let file = TempFile::holding("e30.e30.mark");
    let at = |tenant: &str, application: &str| {
        stage.try_client(WorkloadIdentity::from_file(tenant, application, file.path()))
    };
    assert!(at(TENANT, APPLICATION).is_ok());
    assert!(refused(at(" ", APPLICATION)).contains("neither a tenant id"));
    assert!(refused(at(TENANT, "")).contains("not a GUID"));
    let callback = || async { Ok(Secret::new("e30")) };
    let odd = ClientAssertion::from_callback("con toso", APPLICATION, callback);
    assert!(refused(stage.try_client(odd)).contains("neither a tenant id"));
}

#[tokio::test(start_paused = true)]
async fn a_fixed_token_is_sent_as_it_is_and_never_fetched_over_the_network() {
    let stage = stage();
    let error = call(&stage.client(FixedToken::new("no-token-of-this-service\n"))).await;
    assert_eq!(error.unwrap_err().status(), Some(401));
    assert!(stage.forms().is_empty());
    assert!(refused(stage.try_client(FixedToken::new("\n"))).contains("the token is empty"));
}
