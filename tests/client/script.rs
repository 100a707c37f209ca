//! A transport that plays back prepared answers and keeps what was sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use defender_response::emulator::{Emulator, EmulatorBuilder};
use defender_response::{
    Client, ClientBuilder, ClientSecret, TestClock, Transport, TransportError,
};
use http::{Request, Response};

pub const TENANT: &str = "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f";
pub const APPLICATION: &str = "8b2c1d4e-0000-4000-8000-9f8e7d6c5b4a";
pub const SECRET: &str = "client-secret-canary~+/=&";
pub const TOKEN: &str = "access-token-canary.abc.def";
pub const MACHINE: &str = "1e5bc9d7e413ddd7902c2932e418702b84d0cc07";
pub const ACTION: &str = "5382f7ea-7557-4ab7-9782-d50480024a4e";

type Outcome = Result<Response<Bytes>, TransportError>;

/// Answers token requests by itself, and API requests from the script, in order; the last of them is given some times
/// more, for what is repeated. A look at a machine's recent actions finds none and isn't part of the script.
#[derive(Clone, Default)]
pub struct Script(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    answers: VecDeque<(Duration, Outcome)>,
    last: Option<(i32, (Duration, Outcome))>,
    sent: Vec<Request<Bytes>>,
    tokens: usize,
    token_answer: Option<Outcome>,
}

impl Script {
    pub fn new() -> Self {
        Self::default()
    }

    /// The next API request gets this.
    pub fn then(self, outcome: Outcome) -> Self {
        self.then_after(Duration::ZERO, outcome)
    }

    /// The next API request gets this after a while.
    pub fn then_after(self, pause: Duration, outcome: Outcome) -> Self {
        self.0.lock().unwrap().answers.push_back((pause, outcome));
        self
    }

    /// Token requests get this in place of a token.
    pub fn token(self, outcome: Outcome) -> Self {
        self.0.lock().unwrap().token_answer = Some(outcome);
        self
    }

    /// The API requests so far.
    pub fn sent(&self) -> Vec<Request<Bytes>> {
        self.0.lock().unwrap().sent.clone()
    }

    /// The token requests so far.
    pub fn tokens(&self) -> usize {
        self.0.lock().unwrap().tokens
    }

    pub fn builder(&self) -> ClientBuilder {
        // A 429 is told at once, since a script has no quota to wait for.
        Client::builder(ClientSecret::new(TENANT, APPLICATION, SECRET))
            .transport(self.clone())
            .queue_within(Duration::ZERO)
    }

    pub fn client(&self) -> Client {
        self.builder().build().unwrap()
    }
}

#[async_trait::async_trait]
impl Transport for Script {
    async fn send(&self, request: Request<Bytes>, _: usize) -> Outcome {
        let (pause, outcome) = {
            let mut state = self.0.lock().unwrap();
            if request.uri().path().contains("/oauth2/") {
                state.tokens += 1;
                let token =
                    || json(200, &format!(r#"{{"access_token":"{TOKEN}","expires_in":3599}}"#));
                return state.token_answer.clone().unwrap_or_else(token);
            }
            let query = request.uri().query().unwrap_or_default();
            if request.uri().path() == "/api/machineactions" && query.contains("machineId") {
                return json(200, r#"{"value":[]}"#);
            }
            state.sent.push(request);
            if let Some(next) = state.answers.pop_front() {
                state.last = Some((40, next));
            }
            let (left, last) = state.last.as_mut().expect("the script has no answer");
            *left =
                i32::checked_sub(*left, 1).filter(|left| *left >= 0).expect("the script is over");
            last.clone()
        };
        tokio::time::sleep(pause).await;
        outcome
    }
}

#[allow(clippy::unnecessary_wraps)] // so that it stands beside failures in one list
pub fn answer(status: u16, content_type: &str, body: &str) -> Outcome {
    let response = Response::builder().status(status).header("content-type", content_type);
    Ok(response.body(Bytes::copy_from_slice(body.as_bytes())).unwrap())
}

pub fn json(status: u16, body: &str) -> Outcome {
    answer(status, "application/json; odata.metadata=minimal; charset=utf-8", body)
}

pub fn with_header(outcome: Outcome, name: &'static str, value: &str) -> Outcome {
    let mut response = outcome?;
    response.headers_mut().insert(name, value.parse().unwrap());
    Ok(response)
}

pub fn error(status: u16, code: &str, message: &str) -> Outcome {
    json(
        status,
        &format!(
            r#"{{"error":{{"code":"{code}","message":"{message}","target":"c0ffee00-0000-4000-8000-000000000000"}}}}"#
        ),
    )
}

/// A machine action as the service writes it.
pub fn action(status: u16, state: &str) -> Outcome {
    json(
        status,
        &format!(
            r#"{{"id":"{ACTION}","type":"Isolate","status":"{state}","machineId":"{MACHINE}","computerDnsName":"ws-042.corp.example","requestorComment":"INC-4711","creationDateTimeUtc":"2026-03-01T03:00:00Z"}}"#
        ),
    )
}

pub fn unanswered() -> Outcome {
    Err(TransportError::unanswered("connection reset by peer"))
}

/// An emulated service in memory, and a client of it, both on one clock that starts at three in the morning.
pub fn emulated(builder: EmulatorBuilder) -> (Emulator, Client) {
    let clock = Arc::new(TestClock::starting_at("2026-03-01T03:00:00Z".parse().unwrap()));
    let emulator = builder.clock(clock.clone()).build();
    let client = signing_in_to(&emulator)
        .base_url(emulator.base_url())
        .authority(emulator.authority())
        .transport(emulator.transport())
        .clock(clock)
        .build()
        .unwrap();
    (emulator, client)
}

/// A client that signs in as the emulator's first application.
pub fn signing_in_to(emulator: &Emulator) -> ClientBuilder {
    let secret =
        ClientSecret::new(emulator.tenant_id(), emulator.client_id(), emulator.client_secret());
    Client::builder(secret).audience(emulator.audience())
}
