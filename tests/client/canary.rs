//! Secrets and tokens are looked for everywhere a person or a log could see them.

use std::error::Error as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use defender_response::{
    ClientSecret, Error, IsolationType, MachineId, Secret, Token, TokenRequest, TransportError,
};

use crate::script::{
    APPLICATION, MACHINE, SECRET, Script, TENANT, TOKEN, action, error, json, unanswered,
};
use crate::traces::Traces;

fn shows_no_secret(what: &str, text: &str) {
    for canary in [SECRET, TOKEN, "client-secret-canary", "access-token-canary"] {
        assert!(!text.contains(canary), "{what} shows {canary}: {text}");
    }
}

fn chain(error: &Error) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut cause = error.source();
    while let Some(link) = cause {
        text = format!("{text} {link} {link:?}");
        cause = link.source();
    }
    text
}

#[tokio::test(start_paused = true)]
async fn debug_and_display_show_no_secret() {
    let script = Script::new().then(action(201, "Pending"));
    let builder = script.builder();
    shows_no_secret("ClientBuilder", &format!("{builder:?} {builder:#?}"));
    let client = builder.build().unwrap();
    let host = client.machine(MACHINE.parse::<MachineId>().unwrap());
    let submitted = host.isolate(IsolationType::Full, "INC-4711").await.unwrap();
    shows_no_secret(
        "the handles",
        &format!("{client:?} {host:#?} {submitted:#?} {:?}", submitted.wait()),
    );

    let credential = ClientSecret::new(TENANT, APPLICATION, SECRET);
    shows_no_secret("ClientSecret", &format!("{credential:?} {credential:#?}"));
    shows_no_secret("Secret", &format!("{:?} {:#?}", Secret::new(SECRET), Secret::new(SECRET)));
    let token = Token::new(TOKEN, Duration::from_secs(3600));
    shows_no_secret("Token", &format!("{token:?} {token:#?}"));
}

#[tokio::test(start_paused = true)]
async fn errors_show_no_secret_even_when_the_other_side_echoes_it() {
    let entra = json(
        401,
        &format!(
            r#"{{"error":"invalid_client","error_description":"AADSTS7000215: secret {SECRET} is wrong","error_codes":[7000215]}}"#
        ),
    );
    let unreadable =
        json(200, &format!(r#"{{"access_token":["{TOKEN}"],"expires_in":"{SECRET}"}}"#));
    for script in [
        Script::new().token(entra),
        Script::new().token(unreadable),
        Script::new().token(json(500, &format!("<html>{SECRET}"))),
        Script::new().token(Err(TransportError::unanswered("reset"))),
        Script::new().then(error(400, TOKEN, TOKEN)),
        Script::new().then(json(201, &format!(r#"{{"id":"1","type":"{TOKEN}"}}"#))),
        Script::new().then(error(
            403,
            "Forbidden",
            &format!("API required roles: {TOKEN}, application roles: ."),
        )),
        Script::new().then(unanswered()),
    ] {
        let host = script.client().machine(MACHINE.parse::<MachineId>().unwrap());
        let error = host.isolate(IsolationType::Full, "INC-4711").await.unwrap_err();
        shows_no_secret("an error", &format!("{} {:?}", chain(&error), error.missing_roles()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_request_in_a_source_of_ones_own_shows_nothing() {
    struct Watching(Arc<Mutex<String>>);

    #[async_trait::async_trait]
    impl defender_response::TokenSource for Watching {
        async fn fetch(
            &self,
            ask: &TokenRequest<'_>,
        ) -> Result<Token, defender_response::TokenError> {
            *self.0.lock().unwrap() = format!("{ask:?}");
            Ok(Token::new(TOKEN, Duration::from_secs(3600)))
        }
    }

    let seen = Arc::new(Mutex::new(String::new()));
    let script = Script::new().then(action(200, "Pending"));
    let client = defender_response::Client::builder(Watching(Arc::clone(&seen)))
        .transport(script)
        .build()
        .unwrap();
    let _submitted = client
        .machine(MACHINE.parse::<MachineId>().unwrap())
        .isolate(IsolationType::Full, "c")
        .await
        .unwrap();
    let seen = seen.lock().unwrap();
    assert!(seen.contains("login.microsoftonline.com"), "{seen}");
    shows_no_secret("TokenRequest", &seen);
}

#[tokio::test(start_paused = true)]
async fn traces_show_no_secret() {
    let traces = Traces::begin();
    let script = Script::new()
        .then(action(201, "Pending"))
        .then(error(400, "BadRequest", TOKEN))
        .then(unanswered());
    let host = script.client().machine(MACHINE.parse::<MachineId>().unwrap());
    for _ in 0..3 {
        let _ = host.isolate(IsolationType::Full, "INC-4711").await;
    }
    let text = traces.end();
    assert!(text.contains("isolate"), "the traces were captured: {text}");
    shows_no_secret("a trace", &text);
}
