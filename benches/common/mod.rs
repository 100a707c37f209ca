//! A loopback server that answers from memory, and the two ways of calling it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use defender_response::model::MachineAction;
use defender_response::{
    ActionId, Client, GetMachineAction, Isolate, IsolationType, MachineId, QuotaPolicy, Token,
    TokenError, TokenRequest, TokenSource,
};

const MACHINE: &str = "1e5bc9d7e413ddd7902c2932e418702b84d0cc07";
const ACTION: &str = "5382f7ea-7557-4ab7-9782-d50480024a4e";
const TOKEN_LENGTH: usize = 1800;
const BODY: &str = r#"{"@odata.context":"https://api.securitycenter.microsoft.com/api/$metadata#MachineActions/$entity","id":"5382f7ea-7557-4ab7-9782-d50480024a4e","type":"Isolate","title":null,"scope":"Full","requestor":"responder","requestorComment":"INC-4711: beaconing to a known host","status":"Pending","machineId":"1e5bc9d7e413ddd7902c2932e418702b84d0cc07","computerDnsName":"ws-042.corp.example","creationDateTimeUtc":"2026-03-01T03:00:00.1234567Z","lastUpdateDateTimeUtc":"2026-03-01T03:00:00.1234567Z","cancellationRequestor":null,"cancellationComment":null,"cancellationDateTimeUtc":null,"errorHResult":0,"externalId":null,"requestSource":"PublicApi","relatedFileInfo":null,"commands":[],"troubleshootInfo":null}"#;

/// Serves until the process ends, a thread for each connection.
pub fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || converse(stream));
        }
    });
    address
}

fn converse(mut stream: TcpStream) {
    let answer = |status: &str| {
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json; odata.metadata=minimal\r\ncontent-length: {}\r\n\r\n{BODY}",
            BODY.len()
        )
    };
    let (created, ok) = (answer("201 Created"), answer("200 OK"));
    let _ = stream.set_nodelay(true);
    let mut request = Vec::new();
    let mut piece = [0; 8192];
    while let Ok(length @ 1..) = stream.read(&mut piece) {
        request.extend_from_slice(&piece[..length]);
        while let Some((whole, is_post)) = length_of(&request) {
            request.drain(..whole);
            let answer = if is_post { &created } else { &ok };
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}

/// How long the first request is, once it is there as a whole.
fn length_of(bytes: &[u8]) -> Option<(usize, bool)> {
    let head = bytes.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).ok()?;
    let body = text
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok()
        })
        .unwrap_or(0);
    (bytes.len() >= head + body).then_some((head + body, text.starts_with("POST")))
}

struct Fixed;

#[async_trait::async_trait]
impl TokenSource for Fixed {
    async fn fetch(&self, _: &TokenRequest<'_>) -> Result<Token, TokenError> {
        Ok(Token::new("t".repeat(TOKEN_LENGTH), Duration::from_secs(24 * 3600)))
    }
}

/// The crate: everything it does for a raw call, without a limit but what the service refuses.
#[derive(Clone)]
pub struct Crate(Client);

impl Crate {
    pub fn of(server: SocketAddr) -> Self {
        let builder = Client::builder(Fixed).base_url(format!("http://{server}")).without_proxy();
        Self(builder.quota_policy(QuotaPolicy::Unlimited).build().expect("a client"))
    }

    pub async fn isolate(&self) -> MachineAction {
        let machine: MachineId = MACHINE.parse().expect("an id");
        let operation =
            Isolate::new(machine, IsolationType::Full, "INC-4711: beaconing to a known host");
        self.0.send(&operation).await.expect("an answer")
    }

    pub async fn get(&self) -> MachineAction {
        let action: ActionId = ACTION.parse().expect("an id");
        self.0.send(&GetMachineAction::new(action)).await.expect("an answer")
    }
}

/// What a program would write without the crate: reqwest, and serde into the same struct.
#[derive(Clone)]
pub struct Bare {
    client: reqwest::Client,
    base: String,
    token: String,
}

impl Bare {
    pub fn of(server: SocketAddr) -> Self {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_secs(30))
            .pool_idle_timeout(Duration::from_secs(50))
            .pool_max_idle_per_host(32)
            .build()
            .expect("a client");
        Self { client, base: format!("http://{server}/api"), token: "t".repeat(TOKEN_LENGTH) }
    }

    pub async fn isolate(&self) -> MachineAction {
        let body = serde_json::json!({
            "Comment": "INC-4711: beaconing to a known host",
            "IsolationType": "Full",
        });
        let url = format!("{}/machines/{MACHINE}/isolate", self.base);
        self.finish(
            self.client.post(url).header("content-type", "application/json").body(body.to_string()),
        )
        .await
    }

    pub async fn get(&self) -> MachineAction {
        self.finish(self.client.get(format!("{}/machineactions/{ACTION}", self.base))).await
    }

    async fn finish(&self, request: reqwest::RequestBuilder) -> MachineAction {
        let request = request.bearer_auth(&self.token).header("accept", "application/json");
        let response = request.send().await.expect("an answer");
        let response = response.error_for_status().expect("a success");
        serde_json::from_slice(&response.bytes().await.expect("a body")).expect("an action")
    }
}
