//! Each kind of error, from the answer that causes it; and what the caller of a submission is told.

use std::error::Error as _;
use std::time::Duration;

use defender_response::{Error, ErrorKind, IsolationType, MachineId, TransportError};

use crate::script::{
    MACHINE, SECRET, Script, TOKEN, action, answer, error, json, unanswered, with_header,
};

fn machine() -> MachineId {
    MACHINE.parse().unwrap()
}

async fn read(script: Script) -> Error {
    script.client().machine(machine()).get().await.unwrap_err()
}

async fn isolate(script: Script) -> Error {
    script.client().machine(machine()).isolate(IsolationType::Full, "INC-4711").await.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn a_service_error_carries_code_correlation_and_advice() {
    let message =
        "Missing application roles. API required roles: Machine.Isolate, application roles: .";
    let error = isolate(Script::new().then(error(403, "Forbidden", message))).await;
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!((error.status(), error.code()), (Some(403), Some("Forbidden")));
    assert_eq!(error.correlation_id(), Some("c0ffee00-0000-4000-8000-000000000000"));
    assert_eq!(error.missing_roles(), ["Machine.Isolate"]);
    let text = error.to_string();
    assert!(
        text.starts_with(&format!(
            "isolate {MACHINE}: the service answered 403 Forbidden: Missing"
        )),
        "{text}"
    );
    assert!(text.contains("; grant the application Machine.Isolate"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn throttling_tells_how_long_to_wait() {
    let throttled = with_header(error(429, "TooManyRequests", "slow down"), "retry-after", "17");
    let told = isolate(Script::new().then(throttled)).await;
    assert!(told.is_throttled());
    assert_eq!(told.retry_after(), Some(Duration::from_secs(17)));

    let silent = read(Script::new().then(error(429, "TooManyRequests", ""))).await;
    let pause = silent.retry_after().unwrap();
    assert!(silent.is_throttled() && (60..=70).contains(&pause.as_secs()), "{pause:?} is ours");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_an_unknown_outcome_for_a_submission_and_not_for_a_read() {
    let lost = || {
        [
            unanswered(),
            Err(TransportError::partial("half a body")),
            error(500, "InternalServerError", ""),
            answer(502, "text/html", "<html><title>Bad gateway</title></html>"),
            with_header(error(503, "ServiceUnavailable", ""), "retry-after", "2"),
            answer(504, "text/plain", ""),
            answer(408, "text/plain", ""),
            answer(200, "text/html", "<html>Sign in to the guest network</html>"),
            json(201, "{\"id\":"),
            json(201, "{}"),
            json(201, "null"),
            json(201, "[1]"),
            answer(201, "application/json", ""),
            with_header(
                answer(307, "text/plain", ""),
                "location",
                "https://elsewhere.example/x?t=1",
            ),
            answer(403, "text/html", "<html><title>Blocked by policy</title></html>"),
            answer(404, "text/plain", "no such page"),
        ]
    };
    for outcome in lost() {
        let shown = format!("{outcome:?}");
        let script = Script::new().then(outcome);
        let error = isolate(script.clone()).await;
        assert!(error.is_outcome_unknown(), "{shown}: {error:?}");
        assert_eq!(script.sent().len(), 1, "{shown}: it was sent once");

        let body = String::from_utf8(script.sent()[0].body().to_vec()).unwrap();
        let reference = error.reference().unwrap();
        assert!(body.contains(&format!("[{reference}] INC-4711")), "{body}");
        assert!(error.source().is_some(), "{shown}: the cause is reachable");
    }
    for outcome in lost() {
        let script = Script::new().then(outcome);
        let Err(error) = script
            .client()
            .action(crate::script::ACTION.parse::<defender_response::ActionId>().unwrap())
            .get()
            .await
        else {
            panic!("none of these is an action");
        };
        assert!(!error.is_outcome_unknown(), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_keeps_what_the_answer_said() {
    let answer = with_header(error(503, "ServiceUnavailable", "busy"), "retry-after", "2");
    let told = isolate(Script::new().then(answer)).await;
    assert_eq!((told.status(), told.code()), (Some(503), Some("ServiceUnavailable")));
    assert_eq!(told.retry_after(), Some(Duration::from_secs(2)));
    assert!(told.correlation_id().is_some());
    assert_eq!(isolate(Script::new().then(json(201, "{}"))).await.status(), Some(201));
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_envelope_has_the_kind_of_its_status() {
    for (outcome, kind) in [
        (answer(401, "text/plain", ""), ErrorKind::Unauthorized),
        (answer(403, "text/plain", ""), ErrorKind::PermissionDenied),
        (answer(404, "text/plain", ""), ErrorKind::NotFound),
        (answer(400, "text/plain", ""), ErrorKind::InvalidRequest),
        (json(401, "{}"), ErrorKind::Unauthorized),
        (json(403, r#"{"error":null}"#), ErrorKind::PermissionDenied),
        (json(404, r#"{"Message":"No HTTP resource was found"}"#), ErrorKind::NotFound),
    ] {
        let shown = format!("{outcome:?}");
        let client = Script::new().then(outcome).client();
        let told = client.machine(machine()).get().await.unwrap_err();
        assert_eq!(told.kind(), kind, "{shown}");
        assert!(!told.to_string().contains(": ;") && !told.to_string().ends_with(": "), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_foreign_text_stays_on_one_line() {
    let told = isolate(Script::new().then(error(400, "Bad\\nCode", "one\\ntwo\\u001b[31m"))).await;
    assert!(!told.to_string().contains(['\n', '\u{1b}']), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_never_an_unknown_outcome() {
    for outcome in [
        Err(TransportError::not_sent("connection refused")),
        error(400, "ActiveRequestAlreadyExists", "Action is already in progress"),
        error(400, "InvalidRequestBody", "Request body is incorrect"),
        error(401, "Unauthorized", ""),
        error(403, "Forbidden", ""),
        error(404, "ResourceNotFound", "Machine x was not found"),
        error(429, "TooManyRequests", ""),
        answer(429, "text/html", "<html>slow down</html>"),
        answer(407, "text/html", "<html>log in to the proxy</html>"),
        answer(401, "text/plain", ""),
    ] {
        let shown = format!("{outcome:?}");
        let error = isolate(Script::new().then(outcome)).await;
        assert!(!error.is_outcome_unknown(), "{shown}: {error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_proxy_answers_is_reported_as_a_proxys() {
    let blocked = answer(404, "text/html", "<html><head><title>Web filter</title></head></html>");
    let error = read(Script::new().then(blocked)).await;
    assert!(error.is_intermediary() && !error.is_not_found(), "{error:?}");
    assert!(error.to_string().contains("a page titled \"Web filter\""), "{error}");

    let empty = read(Script::new().then(answer(500, "text/plain", ""))).await;
    assert!(empty.is_service() && empty.to_string().contains("empty body"), "{empty}");

    let moved =
        with_header(answer(302, "text/plain", ""), "location", "https://portal.example/login?x=1");
    let error = read(Script::new().then(moved)).await;
    assert!(error.is_intermediary() && error.to_string().contains("portal.example"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn connecting_and_signing_in_fail_as_such() {
    let error = isolate(Script::new().then(Err(TransportError::not_sent("dns error")))).await;
    assert!(error.is_connect(), "{error:?}");
    assert!(
        error.to_string().contains("api.securitycenter.microsoft.com could not be reached"),
        "{error}"
    );

    let entra = json(
        401,
        r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.\r\nTrace ID: t","error_codes":[7000215],"correlation_id":"c-1"}"#,
    );
    let script = Script::new().token(entra);
    let error = isolate(script.clone()).await;
    assert!(error.is_sign_in(), "{error:?}");
    assert_eq!((error.correlation_id(), script.sent().len()), (Some("c-1"), 0));

    let error = isolate(Script::new().token(Err(TransportError::not_sent("dns error")))).await;
    assert!(error.is_sign_in(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_hanging_service_is_a_timeout_for_a_read_and_unknown_for_a_submission() {
    let hanging = || Script::new().then_after(Duration::from_secs(3600), action(201, "Pending"));
    let began = tokio::time::Instant::now();
    assert!(read(hanging()).await.is_timeout());
    assert_eq!(began.elapsed().as_secs(), 60, "a second try, within the call's minute");
    assert!(isolate(hanging()).await.is_outcome_unknown());
}

#[tokio::test(start_paused = true)]
async fn a_hanging_token_source_is_cut_and_nothing_is_sent() {
    struct Hanging;

    #[async_trait::async_trait]
    impl defender_response::TokenSource for Hanging {
        async fn fetch(
            &self,
            _: &defender_response::TokenRequest<'_>,
        ) -> Result<defender_response::Token, defender_response::TokenError> {
            std::future::pending().await
        }
    }

    let script = Script::new();
    let client =
        defender_response::Client::builder(Hanging).transport(script.clone()).build().unwrap();
    let began = tokio::time::Instant::now();
    assert!(client.machine(machine()).get().await.unwrap_err().is_sign_in());
    assert_eq!((began.elapsed(), script.sent().len()), (Duration::from_secs(20), 0));
}

#[tokio::test(start_paused = true)]
async fn a_machine_of_another_name_or_id_is_not_taken_for_the_one_asked_for() {
    let other =
        || json(200, &format!(r#"{{"id":"{MACHINE}","computerDnsName":"dc10.corp.example"}}"#));
    let machines = Script::new().then(other()).client().machines();
    let told = machines.by_name("dc1.corp.example").await.unwrap_err();
    assert!(told.is_not_found() && told.to_string().contains("dc10.corp.example"), "{told}");

    let elsewhere: MachineId = "0000000000000000000000000000000000000000".parse().unwrap();
    assert!(
        Script::new()
            .then(other())
            .client()
            .machine(elsewhere)
            .get()
            .await
            .unwrap_err()
            .is_service()
    );
    assert!(read(Script::new().then(json(200, "{}"))).await.is_service());
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_fetched_anew_for_the_next_call() {
    let script = Script::new()
        .then(error(401, "Unauthorized", ""))
        .then(json(200, &format!(r#"{{"id":"{MACHINE}"}}"#)))
        .then(json(200, &format!(r#"{{"id":"{MACHINE}"}}"#)));
    let host = script.client().machine(machine());
    assert!(host.get().await.unwrap_err().is_unauthorized());
    host.get().await.unwrap();
    host.get().await.unwrap();
    assert_eq!(script.tokens(), 2);
}

#[tokio::test(start_paused = true)]
async fn no_message_repeats_its_cause_or_an_echoed_token() {
    let echo = error(400, "BadRequest", &format!("bad header Bearer {TOKEN}"));
    let page = answer(400, "text/html", &format!("<title>Bearer {TOKEN} {SECRET}</title>"));
    for outcome in [echo, page, unanswered(), error(500, "InternalServerError", TOKEN)] {
        let error = isolate(Script::new().then(outcome)).await;
        let mut links = vec![error.to_string()];
        let mut cause = error.source();
        while let Some(link) = cause {
            links.push(link.to_string());
            cause = link.source();
        }
        for (at, link) in links.iter().enumerate() {
            assert!(!link.contains(TOKEN), "{link}");
            for other in links.iter().skip(at + 1) {
                assert!(!link.contains(other.as_str()), "{link:?} repeats {other:?}");
            }
        }
        assert!(!format!("{error:?} {error:#?}").contains(TOKEN));
    }
}

#[test]
fn errors_are_small_shared_and_cheap_to_clone() {
    fn is_error<T: std::error::Error + Send + Sync + Clone + 'static>() {}
    is_error::<Error>();
    assert_eq!(size_of::<Error>(), size_of::<usize>());
}
