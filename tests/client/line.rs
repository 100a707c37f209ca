//! Servers on real sockets that do what they are told, and the client's own transport with nothing above it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use defender_response::{
    Client, ClientBuilder, Token, TokenError, TokenErrorKind, TokenRequest, TokenSource,
    TransportError,
};
use http::{Request, Response};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsAcceptor;

use crate::script::TOKEN;

pub const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

/// A token that no network is needed for.
pub struct Fixed;

#[async_trait::async_trait]
impl TokenSource for Fixed {
    async fn fetch(&self, _: &TokenRequest<'_>) -> Result<Token, TokenError> {
        Ok(Token::new(TOKEN, Duration::from_secs(3600)))
    }
}

type Outcome = Result<Response<Bytes>, TransportError>;
type Queue = mpsc::UnboundedReceiver<(Request<Bytes>, oneshot::Sender<Outcome>)>;

/// The client's own transport, as a source of tokens gets it.
pub struct Wire(mpsc::UnboundedSender<(Request<Bytes>, oneshot::Sender<Outcome>)>);

struct Lent(tokio::sync::Mutex<Queue>);

#[async_trait::async_trait]
impl TokenSource for Lent {
    async fn fetch(&self, ask: &TokenRequest<'_>) -> Result<Token, TokenError> {
        let mut queue = self.0.lock().await;
        while let Some((request, reply)) = queue.recv().await {
            let _ = reply.send(ask.transport().send(request, LIMIT).await);
        }
        Err(TokenError::new(TokenErrorKind::Other, "the test is over"))
    }
}

pub const LIMIT: usize = 64 * 1024;

impl Wire {
    pub fn new() -> Self {
        Self::with(ClientBuilder::without_proxy)
    }

    pub fn with(settings: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Self {
        let (sender, queue) = mpsc::unbounded_channel();
        let client = settings(Client::builder(Lent(tokio::sync::Mutex::new(queue))));
        let client = client.build().unwrap();
        tokio::spawn(async move {
            let _ = client.sign_in().await;
        });
        Self(sender)
    }

    pub async fn post(&self, url: &str) -> Outcome {
        let request = Request::post(url)
            .header("authorization", format!("Bearer {TOKEN}"))
            .body(Bytes::from_static(br#"{"Comment":"INC-4711"}"#))
            .unwrap();
        let (reply, outcome) = oneshot::channel();
        self.0.send((request, reply)).unwrap();
        outcome.await.unwrap()
    }
}

/// How far a request came, in one word.
pub fn stage(outcome: &Outcome) -> &'static str {
    match outcome {
        Ok(_) => "answered",
        Err(error) if error.is_not_sent() => "not sent",
        Err(error) if error.is_partial() => "partial",
        Err(_) => "unanswered",
    }
}

/// An error and all its causes, as anybody could see them.
pub fn shown(error: &(dyn std::error::Error + 'static)) -> String {
    let links = std::iter::successors(Some(error), |&e| e.source());
    links.map(|link| format!("{link} {link:?}")).collect::<Vec<_>>().join("\n")
}

/// What servers saw, over all connections.
#[derive(Clone, Default)]
pub struct Seen {
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Seen {
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub fn connected(&self) -> usize {
        self.connections.fetch_add(1, Ordering::SeqCst)
    }

    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub fn note(&self, text: impl Into<String>) {
        self.requests.lock().unwrap().push(text.into());
    }

    /// Reads one request, its body too, and keeps it. `None` at the end of the connection.
    pub async fn read(&self, stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
        let head = head(stream).await?;
        let lower = head.to_lowercase();
        let length = lower.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |n| n.trim().parse().unwrap())];
        stream.read_exact(&mut body).await.ok()?;
        let request = head + &String::from_utf8_lossy(&body);
        self.note(request.clone());
        Some(request)
    }
}

/// Up to the empty line.
pub async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        text.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// Serves each connection by `each`, which gets its number from 0. Gives the address.
pub async fn serve<F>(seen: &Seen, each: impl Fn(usize, TcpStream) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let seen = seen.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(each(seen.connected(), stream));
        }
    });
    address
}

/// A server that reads a request, does `then`, and lets go of the connection.
pub async fn after_reading<F>(
    seen: &Seen,
    then: impl Fn(TcpStream) -> F + Send + Sync + 'static,
) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let (then, noted) = (Arc::new(then), seen.clone());
    serve(seen, move |_, mut stream| {
        let (then, seen) = (Arc::clone(&then), noted.clone());
        async move {
            if seen.read(&mut stream).await.is_some() {
                then(stream).await;
            }
        }
    })
    .await
}

/// A server that answers every request alike and keeps its connections.
pub async fn answering(seen: &Seen, answer: &'static [u8]) -> String {
    let noted = seen.clone();
    serve(seen, move |_, mut stream| {
        let seen = noted.clone();
        async move { answer_all(&seen, &mut stream, answer).await }
    })
    .await
}

pub async fn answer_all<S>(seen: &Seen, stream: &mut S, answer: &[u8])
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while seen.read(stream).await.is_some() {
        if stream.write_all(answer).await.is_err() {
            return;
        }
    }
}

/// Lets go of the connection with a reset in place of an orderly end.
#[allow(deprecated)] // What blocks is a linger of more than nothing.
pub fn reset(stream: TcpStream) {
    stream.set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}

/// A root that nobody trusts, and a certificate by it.
pub struct Private {
    pub root: String,
    chain: Vec<rustls::pki_types::CertificateDer<'static>>,
    key: Vec<u8>,
}

impl Private {
    pub fn to(name: &str) -> Self {
        let mut root = CertificateParams::default();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root_key = KeyPair::generate().unwrap();
        let pem = root.self_signed(&root_key).unwrap().pem();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let leaf = leaf.signed_by(&key, &Issuer::from_params(&root, &root_key)).unwrap();
        Self { root: pem, chain: vec![leaf.der().clone()], key: key.serialize_der() }
    }

    /// Speaks one protocol after the handshake.
    pub fn acceptor(&self, protocol: &str) -> TlsAcceptor {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = PrivateKeyDer::try_from(self.key.clone()).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), key);
        let mut config = config.unwrap();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }

    /// A server by HTTP/1.1 and TLS that answers every request alike.
    pub async fn answering(&self, seen: &Seen, answer: &'static [u8]) -> String {
        let (acceptor, noted) = (self.acceptor("http/1.1"), seen.clone());
        serve(seen, move |_, stream| {
            let (acceptor, seen) = (acceptor.clone(), noted.clone());
            async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    answer_all(&seen, &mut stream, answer).await;
                }
            }
        })
        .await
    }
}

/// Lets everything else that is ready have its turn, sockets too.
pub async fn settled() {
    for _ in 0..500 {
        tokio::task::yield_now().await;
    }
}
