//! What only a real socket can show: how far a request came when the connection broke.

use std::time::Duration;

use defender_response::{
    Client, Error, Isolate, IsolationType, MachineId, Token, TokenError, TokenRequest, TokenSource,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::script::{MACHINE, TOKEN};

struct Fixed;

#[async_trait::async_trait]
impl TokenSource for Fixed {
    async fn fetch(&self, _: &TokenRequest<'_>) -> Result<Token, TokenError> {
        Ok(Token::new(TOKEN, Duration::from_secs(3600)))
    }
}

/// Isolates by a server that reads the request, writes `answer` and closes the connection.
async fn isolate_by(answer: &'static [u8]) -> Error {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer).await;
        }
    });
    let client = Client::builder(Fixed).base_url(base).build().unwrap();
    let machine = MACHINE.parse::<MachineId>().unwrap();
    client.send(&Isolate::new(machine, IsolationType::Full, "INC-4711")).await.unwrap_err()
}

#[tokio::test]
async fn a_connection_closed_after_the_request_is_an_unknown_outcome() {
    let error = isolate_by(b"").await;
    assert!(error.is_outcome_unknown(), "{error:?}");
}

#[tokio::test]
async fn half_a_head_and_half_a_body_are_unknown_outcomes() {
    for answer in [
        &b"HTTP/1.1 201 Cre"[..],
        b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"id\":",
        b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n6\r\n{\"id\":\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
    ] {
        let error = isolate_by(answer).await;
        assert!(error.is_outcome_unknown(), "{}: {error:?}", String::from_utf8_lossy(answer));
    }
}

#[tokio::test]
async fn nothing_goes_through_a_proxy_to_this_machine_itself() {
    // The environment of a running process can't be changed safely, so the test runs itself in another.
    if std::env::var_os("HTTP_PROXY").is_none() {
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "sockets::nothing_goes_through_a_proxy_to_this_machine_itself"])
            .env("HTTP_PROXY", "http://127.0.0.1:9")
            .env("http_proxy", "http://127.0.0.1:9")
            .output()
            .unwrap();
        assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stdout));
        return;
    }
    let error = isolate_by(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(error.status(), Some(404), "{error:?}");
}
