//! Credentials of `azure_core`: one written here, and one of `azure_identity` in the example.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use defender_response::emulator::InMemory;
use defender_response::{
    AzureCredential, ClientSecret, Clock, TestClock, TokenRequest, TokenSource, Transport,
};

use crate::setup::{A_TOKENS_LIFE, APPLICATION, Stage, TENANT, application, call, chain, refused};

/// Gives the same token each time, as a credential with a cache does.
#[derive(Debug)]
struct Fake {
    token: String,
    clock: Arc<TestClock>,
    /// Seconds from now to the end of the token.
    good_for: i64,
    asked: AtomicUsize,
}

impl Fake {
    fn new(stage: &Stage, token: &str, good_for: i64) -> Arc<Self> {
        let (token, clock) = (token.to_owned(), Arc::clone(&stage.clock));
        Arc::new(Self { token, clock, good_for, asked: AtomicUsize::new(0) })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

#[async_trait::async_trait]
impl TokenCredential for Fake {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        assert_eq!(scopes, ["https://api.securitycenter.microsoft.com/.default"]);
        if self.token.is_empty() {
            let message = "AzureCliCredential authentication failed. Please run 'az login'";
            return Err(azure_core::Error::with_message(ErrorKind::Credential, message));
        }
        let now: SystemTime = self.clock.wall().into();
        let end = azure_core::time::OffsetDateTime::from(now)
            + azure_core::time::Duration::seconds(self.good_for);
        Ok(AccessToken::new(self.token.clone(), end))
    }
}

/// A token that the stage's service takes.
async fn token(stage: &Stage) -> String {
    let credential = ClientSecret::new(TENANT, APPLICATION, "unused secret");
    fetched(stage, &credential).await.unwrap().secret().expose().to_owned()
}

async fn fetched(
    stage: &Stage,
    source: &dyn TokenSource,
) -> Result<defender_response::Token, defender_response::TokenError> {
    let authority = stage.emulator.authority().parse().unwrap();
    let transport: InMemory = stage.emulator.transport();
    let transport: &dyn Transport = &transport;
    let audience = stage.emulator.audience();
    source.fetch(&TokenRequest::new(&authority, audience, transport, &*stage.clock)).await
}

#[tokio::test(start_paused = true)]
async fn its_token_is_used_until_it_ends_by_the_clients_clock() {
    let stage = Stage::of(application());
    let fake = Fake::new(&stage, &token(&stage).await, 1800);
    let client = stage.client(AzureCredential::new(fake.clone()));
    for _ in 0..3 {
        call(&client).await.unwrap();
    }
    assert_eq!(fake.asked(), 1);
    tokio::time::sleep(Duration::from_secs(1801)).await;
    call(&client).await.unwrap();
    assert_eq!(fake.asked(), 2);
    assert!(stage.forms().is_empty(), "it went its own way to the network");
}

#[tokio::test(start_paused = true)]
async fn its_lifetime_is_counted_by_the_wall_clock() {
    let stage = Stage::of(application());
    let fake = Fake::new(&stage, "token", 1234);
    let token = fetched(&stage, &AzureCredential::new(fake)).await.unwrap();
    assert_eq!(token.lifetime(), Duration::from_secs(1234));
    for ended in [0, -1, -1_000_000_000] {
        let fake = Fake::new(&stage, "c4nary", ended);
        let error = fetched(&stage, &AzureCredential::new(fake)).await.unwrap_err();
        assert!(error.to_string().contains("has expired") && !error.is_permanent(), "{error}");
        assert!(!chain(&error).contains("c4nary"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_that_comes_again_is_the_services_401_and_no_loop() {
    let stage = Stage::of(application());
    let fake = Fake::new(&stage, "no-token-of-this-service", 3600);
    let client = stage.client(AzureCredential::new(fake.clone()));
    let error = call(&client).await.unwrap_err();
    assert_eq!(error.status(), Some(401), "{error}");
    assert!(fake.asked() <= 2, "{}", fake.asked());
}

#[tokio::test(start_paused = true)]
async fn its_error_is_told_and_the_next_call_asks_again() {
    let stage = Stage::of(application());
    let client = stage.client(AzureCredential::new(Fake::new(&stage, "", 3600)));
    let shown = chain(&call(&client).await.unwrap_err());
    assert!(shown.contains("Please run 'az login'"), "{shown}");
    // Longer than a client leaves a failing credential alone.
    tokio::time::sleep(A_TOKENS_LIFE).await;
    assert!(call(&client).await.is_err());
}

#[tokio::test]
async fn the_expected_tenant_is_checked_and_told() {
    let stage = Stage::of(application());
    let fake = Fake::new(&stage, "token", 3600);
    let credential = AzureCredential::new(fake.clone());
    assert_eq!(credential.tenant(), None);
    let credential = credential.in_tenant(format!(" {TENANT}"));
    assert_eq!(credential.tenant(), Some(TENANT));
    assert!(!format!("{credential:?}").contains("token\""));
    let odd = AzureCredential::new(fake).in_tenant("con toso");
    assert!(refused(stage.try_client(odd)).contains("neither a tenant id"));
}

/// The example as it is now: a filtered test run doesn't build it.
fn example() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built =
        Command::new(cargo).args(["build", "--quiet", "--example", "azure_identity"]).status();
    assert!(built.unwrap().success());
    let mut built: PathBuf = std::env::current_exe().unwrap();
    built.pop();
    built.pop();
    let mut command = Command::new(built.join("examples/azure_identity"));
    command.env_clear();
    command
}

fn run(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn the_example_signs_in_by_azure_identity_and_never_surprises() {
    let mut emulated = example();
    emulated.arg("--emulator").env("AZURE_AUTHORITY_HOST", "https://elsewhere.example");
    let (status, text) = run(emulated);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("no tenant is touched") && text.contains("one of its machines"));

    let mut foreign = example();
    for name in ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"] {
        foreign.env(name, TENANT);
    }
    let (status, text) = run(foreign);
    assert_eq!(status, Some(2), "{text}");
    assert!(text.contains("DEFENDER_TENANT_ID"), "{text}");

    let mut unknown = example();
    unknown.arg("--live").env("DEFENDER_TENANT_ID", TENANT);
    assert_eq!(run(unknown).0, Some(2));
    let mut incomplete = example();
    incomplete.env("DEFENDER_TENANT_ID", TENANT);
    let (status, text) = run(incomplete);
    assert!(status == Some(2) && text.contains("DEFENDER_CLIENT_ID isn't set"), "{text}");
}
