//! The socket front: the emulator as an HTTP/1.1 server in real time, for examples, benchmarks and
//! clients in other languages.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::handle::Shared;
use super::line::{Line, Outgoing};
use super::reply::{Outcome, Reply};
use super::service::LARGEST_BODY;

/// A listening emulator. It stops, and lets go of its port, when dropped.
#[derive(Debug)]
pub struct Listening {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Listening {
    pub(crate) async fn start(address: SocketAddr, shared: Arc<Shared>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(accept(listener, shared));
        Ok(Self { address, task })
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The API's base URL, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The login authority; the emulator has both under one address.
    #[must_use]
    pub fn authority(&self) -> String {
        self.base_url()
    }

    /// Serves until it is stopped from outside.
    pub async fn served(&mut self) {
        // An error only says that the task was stopped, which is the end this waits for.
        let _ended = (&mut self.task).await;
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(converse(stream, Arc::clone(&shared)));
            }
            // Out of file handles, most likely: connections that end will free some.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(stream: TcpStream, shared: Arc<Shared>) {
    let _small_answers_go_at_once = stream.set_nodelay(true);
    let abrupt = Arc::new(AtomicBool::new(false));
    let line = Line::new(stream, Arc::clone(&abrupt));
    let service = service_fn(|request| serve(request, Arc::clone(&shared), Arc::clone(&abrupt)));
    // A conversation that ends in an error has ended as the fault, or the caller, wanted it.
    let _ended =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(line, service).await;
}

/// The connection ends without an answer.
#[derive(Debug)]
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is broken off")
    }
}

impl std::error::Error for Broken {}

async fn serve(
    request: Request<Incoming>,
    shared: Arc<Shared>,
    abrupt: Arc<AtomicBool>,
) -> Result<Response<Outgoing>, Broken> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Ok(shared.too_large().map(Outgoing::whole));
        }
        Err(_) => return Err(Broken),
    };
    let one_way = shared.latency() / 2;
    tokio::time::sleep(one_way).await;
    let Reply { delay, outcome } = shared.handle(Request::from_parts(parts, body));
    tokio::time::sleep(one_way.saturating_add(delay)).await;
    match outcome {
        Outcome::Answer(response) => Ok(response.map(Outgoing::whole)),
        Outcome::Half(response) => Ok(with_length(response).map(|body| Outgoing::half(&body))),
        Outcome::Drip(response, pace) => {
            Ok(with_length(response).map(|body| Outgoing::drip(body, pace)))
        }
        Outcome::Flood(response, bytes) => Ok(response.map(|body| Outgoing::flood(body, bytes))),
        Outcome::Hang => std::future::pending().await,
        Outcome::Reset | Outcome::NotReached => {
            abrupt.store(true, Ordering::Relaxed);
            Err(Broken)
        }
    }
}

/// Announces the whole length, so that a body that stops short can be told from one that ended.
fn with_length(mut response: Response<Bytes>) -> Response<Bytes> {
    let length = HeaderValue::from(response.body().len());
    response.headers_mut().insert(CONTENT_LENGTH, length);
    response
}
