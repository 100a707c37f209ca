//! An emulator with one application, a transport that keeps what was sent to sign in, and files that go away.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use defender_response::emulator::{AppSetup, Emulator, InMemory, TenantSetup};
use defender_response::{
    Client, Clock, Error, Result, TestClock, TokenSource, Transport, TransportError,
};
use http::{Request, Response};

pub const TENANT: &str = "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f";
pub const APPLICATION: &str = "8b2c1d4e-0000-4000-8000-9f8e7d6c5b4a";
pub const START: &str = "2026-03-01T03:00:00Z";

/// Longer than any token of the emulator is good for.
pub const A_TOKENS_LIFE: Duration = Duration::from_secs(3600);

/// The application as tests change it, before they register a credential with it.
pub fn application() -> AppSetup {
    AppSetup::new(APPLICATION, "unused secret").roles(["Machine.Read.All"])
}

/// An emulated service on a clock that a paused runtime moves, and all that was sent to its token endpoint.
pub struct Stage {
    pub emulator: Emulator,
    pub clock: Arc<TestClock>,
    pub wire: Wire,
}

impl Stage {
    pub fn of(application: AppSetup) -> Self {
        let clock = Arc::new(TestClock::starting_at(START.parse().unwrap()));
        let tenant = TenantSetup::new(TENANT, "contoso.example").app(application);
        let emulator = Emulator::builder().tenant(tenant).clock(clock.clone()).build();
        let wire = Wire {
            inner: emulator.transport(),
            sent: Arc::default(),
            before_answering: Arc::default(),
        };
        Self { emulator, clock, wire }
    }

    pub fn try_client(&self, credential: impl TokenSource + 'static) -> Result<Client> {
        Client::builder(credential)
            .base_url(self.emulator.base_url())
            .authority(self.emulator.authority())
            .audience(self.emulator.audience())
            .transport(self.wire.clone())
            .clock(Arc::clone(&self.clock) as Arc<dyn Clock>)
            .build()
    }

    pub fn client(&self, credential: impl TokenSource + 'static) -> Client {
        self.try_client(credential).unwrap()
    }

    /// The forms sent to the token endpoint so far.
    pub fn forms(&self) -> Vec<HashMap<String, String>> {
        self.wire.sent.lock().unwrap().clone()
    }
}

/// A call that needs a token.
pub async fn call(client: &Client) -> Result<()> {
    client.machines().list(None).at_most(1).all().await.map(drop)
}

type Hook = Box<dyn FnOnce() + Send>;

/// The emulator's in-memory front, watched.
#[derive(Clone)]
pub struct Wire {
    inner: InMemory,
    sent: Arc<Mutex<Vec<HashMap<String, String>>>>,
    before_answering: Arc<Mutex<Option<Hook>>>,
}

impl Wire {
    /// Does something between the next token request's leaving and its answer.
    pub fn before_answering(&self, what: impl FnOnce() + Send + 'static) {
        *self.before_answering.lock().unwrap() = Some(Box::new(what));
    }
}

#[async_trait::async_trait]
impl Transport for Wire {
    async fn send(
        &self,
        request: Request<Bytes>,
        limit: usize,
    ) -> std::result::Result<Response<Bytes>, TransportError> {
        if request.uri().path().contains("/oauth2/") {
            let form = url::form_urlencoded::parse(request.body()).into_owned().collect();
            self.sent.lock().unwrap().push(form);
            let hook = self.before_answering.lock().unwrap().take();
            if let Some(hook) = hook {
                hook();
            }
        }
        self.inner.send(request, limit).await
    }
}

/// A file of its own for each test, removed at the end.
pub struct TempFile(PathBuf);

impl TempFile {
    pub fn missing() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("defender-response-{}-{count}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    pub fn holding(content: impl AsRef<[u8]>) -> Self {
        let file = Self::missing();
        file.write(content);
        file
    }

    pub fn write(&self, content: impl AsRef<[u8]>) {
        std::fs::write(&self.0, content).unwrap();
    }

    pub fn remove(&self) {
        std::fs::remove_file(&self.0).unwrap();
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Everything an error shows, down to its last cause.
pub fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut cause = error.source();
    while let Some(link) = cause {
        text = format!("{text} {link} {link:?}");
        cause = link.source();
    }
    text
}

/// The error of building a client, which must be one of its set-up.
pub fn refused(built: Result<Client>) -> String {
    let error: Error = built.unwrap_err();
    assert!(error.is_configuration(), "{error}");
    chain(&error)
}
