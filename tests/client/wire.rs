//! Exactly what a server sees, over real HTTP.

use defender_response::{Client, ClientSecret, GetMachine, IsolationType, MachineId};
use httpmock::prelude::*;

use crate::script::{ACTION, APPLICATION, MACHINE, SECRET, TENANT, TOKEN};

fn client(server: &MockServer) -> Client {
    Client::builder(ClientSecret::new(TENANT, APPLICATION, SECRET))
        .base_url(format!("{}/api/", server.base_url()))
        .authority(server.base_url())
        .build()
        .unwrap()
}

async fn token(server: &MockServer) -> httpmock::Mock<'_> {
    server
        .mock_async(|when, then| {
            when.method(POST)
                .path(format!("/{TENANT}/oauth2/v2.0/token"))
                .header("content-type", "application/x-www-form-urlencoded")
                .header("accept", "application/json")
                .header_missing("authorization")
                .body(format!(
                    "grant_type=client_credentials&client_id={APPLICATION}\
                     &client_secret=client-secret-canary%7E%2B%2F%3D%26\
                     &scope=https%3A%2F%2Fapi.securitycenter.microsoft.com%2F.default"
                ));
            then.status(200).header("content-type", "application/json").body(format!(
                r#"{{"token_type":"Bearer","expires_in":3599,"access_token":"{TOKEN}"}}"#
            ));
        })
        .await
}

#[tokio::test]
async fn a_submission_has_these_headers_and_this_body() {
    let server = MockServer::start_async().await;
    let token = token(&server).await;
    let isolate = server
        .mock_async(|when, then| {
            when.method(POST)
                .path(format!("/api/machines/{MACHINE}/isolate"))
                .header("authorization", format!("Bearer {TOKEN}"))
                .header("content-type", "application/json")
                .header("accept", "application/json")
                .header("user-agent", concat!("defender-response/", env!("CARGO_PKG_VERSION")))
                .body_matches(
                    r#"^\{"Comment":"\[dr-[a-z2-9]{10}\] INC-4711: 1 & 1 \+ \\"x\\"","IsolationType":"Selective"\}$"#,
                );
            then.status(201)
                .header("content-type", "application/json; odata.metadata=minimal; charset=utf-8")
                .body(format!(r#"{{"id":"{ACTION}","type":"Isolate","status":"Pending","requestorComment":"c"}}"#));
        })
        .await;

    let host = client(&server).machine(MACHINE.parse::<MachineId>().unwrap()).without_lookup();
    for _ in 0..2 {
        let submitted =
            host.isolate(IsolationType::Selective, "INC-4711: 1 & 1 + \"x\"").await.unwrap();
        assert_eq!(submitted.id().as_str(), ACTION);
    }
    isolate.assert_calls_async(2).await;
    token.assert_calls_async(1).await;
}

#[tokio::test]
async fn a_read_has_no_body_and_its_segments_are_encoded() {
    let server = MockServer::start_async().await;
    let _token = token(&server).await;
    let get = server
        .mock_async(|when, then| {
            when.method(GET).header_missing("content-type").is_true(|request| {
                request.uri().path() == "/api/machines/a%2Fb%3Fc%20d%25"
                    && request.uri().query().is_none()
                    && request.body_ref().is_empty()
            });
            then.status(200).header("content-type", "application/json").body(r#"{"id":"x"}"#);
        })
        .await;
    client(&server).send(&GetMachine::by_name("a/b?c d%")).await.unwrap();
    get.assert_calls_async(1).await;
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_token_stays() {
    let server = MockServer::start_async().await;
    let elsewhere = MockServer::start_async().await;
    let _token = token(&server).await;
    let leak = elsewhere
        .mock_async(|_, then| {
            then.status(200).body("{}");
        })
        .await;
    server
        .mock_async(|when, then| {
            when.method(GET);
            then.status(307).header("location", elsewhere.url("/api/machines/x"));
        })
        .await;
    let error =
        client(&server).machine(MACHINE.parse::<MachineId>().unwrap()).get().await.unwrap_err();
    assert!(error.is_intermediary(), "{error:?}");
    leak.assert_calls_async(0).await;
}

#[tokio::test]
async fn an_answer_beyond_its_limit_is_cut_off() {
    let server = MockServer::start_async().await;
    let _token = token(&server).await;
    server
        .mock_async(|when, then| {
            when.method(GET);
            then.status(200)
                .header("content-type", "application/json")
                .body(format!(r#"{{"id":"{}"}}"#, "x".repeat(2 * 1024 * 1024)));
        })
        .await;
    let error =
        client(&server).machine(MACHINE.parse::<MachineId>().unwrap()).get().await.unwrap_err();
    assert!(error.is_service(), "{error:?}");
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_a_failed_connection() {
    let server = MockServer::start_async().await;
    let _token = token(&server).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = Client::builder(ClientSecret::new(TENANT, APPLICATION, SECRET))
        .base_url(format!("http://{closed}"))
        .authority(server.base_url())
        .build()
        .unwrap();
    let host = client.machine(MACHINE.parse::<MachineId>().unwrap()).without_lookup();
    let error = host.isolate(IsolationType::Full, "INC-4711").await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");
    assert!(error.to_string().contains("127.0.0.1 could not be reached"), "{error}");
}
