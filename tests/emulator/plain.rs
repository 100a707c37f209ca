//! The plain client: one request at a time, over either front.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use defender_response::emulator::{Emulator, EmulatorBuilder, InMemory, Listening};
use defender_response::{Clock, TestClock, Transport as _};
use serde_json::{Value, json};

pub const WORKSTATION: &str = "1e5bc9d7e413ddd7902c2932e418702b84d0cc07";
pub const MAC: &str = "c0ffee254729296a45a3885639ac7e10f9d54979";

/// Where requests go.
#[derive(Clone, Debug)]
pub enum Front {
    Memory(InMemory),
    Socket(SocketAddr),
}

/// A client with at most one token.
#[derive(Clone, Debug)]
pub struct Plain {
    front: Front,
    token: Option<String>,
}

/// An answer, its body read as JSON where it is.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub text: String,
    pub json: Value,
}

impl Answer {
    pub fn text_at(&self, pointer: &str) -> &str {
        self.json.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    pub fn code(&self) -> &str {
        self.text_at("/error/code")
    }

    pub fn id(&self) -> &str {
        self.text_at("/id")
    }

    /// One member of each item of a list.
    pub fn each(&self, member: &str) -> Vec<&str> {
        let items = self.json["value"].as_array().unwrap_or_else(|| panic!("{}", self.text));
        items.iter().map(|item| item[member].as_str().unwrap_or_default()).collect()
    }
}

impl Plain {
    pub fn over(front: Front) -> Self {
        Self { front, token: None }
    }

    pub fn in_memory(emulator: &Emulator) -> Self {
        Self::over(Front::Memory(emulator.transport()))
    }

    /// A client of this emulator's first application, signed in.
    pub async fn signed_in(emulator: &Emulator) -> Self {
        Self::in_memory(emulator).sign_in(emulator).await
    }

    pub async fn sign_in(self, emulator: &Emulator) -> Self {
        let answer = self.ask_token(emulator, &v2_form(emulator)).await;
        self.with_token(answer.text_at("/access_token"))
    }

    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    pub async fn ask_token(&self, emulator: &Emulator, form: &str) -> Answer {
        let path = format!("/{}/oauth2/v2.0/token", emulator.tenant_id());
        self.send("POST", &path, &[("content-type", "application/x-www-form-urlencoded")], form)
            .await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], &body.to_string()).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send("PATCH", path, &[("content-type", "application/json")], &body.to_string()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], "").await
    }

    /// A list with these options, encoded as they must be.
    pub async fn list(&self, path: &str, options: &[(&str, &str)]) -> Answer {
        self.get(&format!("{path}?{}", form(options))).await
    }

    pub async fn isolate(&self, machine: &str, comment: &str) -> Answer {
        let body = json!({"Comment": comment, "IsolationType": "Full"});
        self.post(&format!("/api/machines/{machine}/isolate"), body).await
    }

    pub async fn unisolate(&self, machine: &str, comment: &str) -> Answer {
        self.post(&format!("/api/machines/{machine}/unisolate"), json!({"Comment": comment})).await
    }

    pub async fn action(&self, id: &str) -> Answer {
        self.get(&format!("/api/machineactions/{id}")).await
    }

    pub async fn cancel(&self, id: &str) -> Answer {
        self.post(&format!("/api/machineactions/{id}/cancel"), json!({"Comment": "never mind"}))
            .await
    }

    pub async fn status_of(&self, id: &str) -> String {
        self.action(id).await.text_at("/status").to_owned()
    }

    /// A request that must be answered.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        self.try_send(method, path, headers, body).await.expect("an answer")
    }

    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, String> {
        let bearer = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let mut headers: Vec<(&str, &str)> = headers.to_vec();
        headers.extend(bearer.as_deref().map(|value| ("authorization", value)));
        match &self.front {
            Front::Memory(transport) => in_memory(transport, method, path, &headers, body).await,
            Front::Socket(address) => {
                let head: String = headers
                    .iter()
                    .flat_map(|(name, value)| [*name, ": ", *value, "\r\n"])
                    .collect();
                let length = body.len();
                let text = format!(
                    "{method} {path} HTTP/1.1\r\nhost: {address}\r\n{head}content-length: {length}\r\n\
                     connection: close\r\n\r\n{body}"
                );
                over_socket(*address, text).await
            }
        }
    }
}

async fn in_memory(
    transport: &InMemory,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Answer, String> {
    let mut request =
        http::Request::builder().method(method).uri(format!("https://any.host.example{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Bytes::copy_from_slice(body.as_bytes())).expect("a request");
    let answer = transport.send(request, 64 << 20).await.map_err(|error| error.to_string())?;
    let headers = answer.headers().iter();
    Ok(read_answer(
        answer.status().as_u16(),
        headers.map(|(n, v)| (n.to_string(), v.to_str().expect("text").to_owned())).collect(),
        answer.body(),
    ))
}

/// Sends bytes as they are and reads until the other side closes.
pub async fn over_socket(address: SocketAddr, request: String) -> Result<Answer, String> {
    let read = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(request.as_bytes())?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        Ok(bytes)
    });
    let bytes: std::io::Result<Vec<u8>> = read.await.expect("the reader doesn't panic");
    parse(&bytes.map_err(|error| error.to_string())?)
}

fn parse(bytes: &[u8]) -> Result<Answer, String> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").ok_or("no whole head")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).ok_or("no status")?;
    let headers: HashMap<_, _> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let body = &bytes[end + 4..];
    let announced = headers.get("content-length").and_then(|n| n.parse().ok());
    if announced.is_some_and(|length: usize| length != body.len()) {
        return Err(format!("{} bytes of {announced:?}", body.len()));
    }
    Ok(read_answer(status.parse().map_err(|_| "bad status")?, headers, body))
}

fn read_answer(status: u16, headers: HashMap<String, String>, body: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(body).into_owned();
    let json = serde_json::from_str(&text).unwrap_or_default();
    Answer { status, headers, text, json }
}

/// A v2 token request as it should be.
pub fn v2_form(emulator: &Emulator) -> String {
    form(&[
        ("grant_type", "client_credentials"),
        ("client_id", emulator.client_id()),
        ("client_secret", emulator.client_secret()),
        ("scope", &format!("{}/.default", emulator.audience())),
    ])
}

pub fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// An emulator on a clock that moves with the paused runtime, from a whole second on.
pub fn on_test_clock(builder: EmulatorBuilder) -> Emulator {
    builder.clock(test_clock()).build()
}

pub fn test_clock() -> Arc<dyn Clock> {
    Arc::new(TestClock::starting_at("2026-03-01T03:00:00Z".parse().expect("a time")))
}

/// An emulator whose actions settle at once, listening, and clients of both its fronts.
pub async fn both_fronts() -> (Emulator, Listening, [Plain; 2]) {
    let emulator = Emulator::builder().settle(Duration::ZERO).build();
    let listening =
        emulator.listen("127.0.0.1:0".parse().expect("an address")).await.expect("listens");
    let fronts = [Front::Memory(emulator.transport()), Front::Socket(listening.address())];
    (emulator, listening, fronts.map(Plain::over))
}

pub async fn seconds(count: u64) {
    tokio::time::sleep(Duration::from_secs(count)).await;
}

/// The claims inside a token.
pub fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("three parts");
    let mut bits = 0_u32;
    let mut held = 0;
    let mut bytes = Vec::new();
    for letter in payload.bytes() {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let value = alphabet.iter().position(|a| *a == letter).expect("base64url, without padding");
        bits = (bits << 6) | u32::try_from(value).expect("six bits");
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xff).expect("a byte"));
        }
    }
    serde_json::from_slice(&bytes).expect("claims")
}
