//! A service in memory or on a socket, and the examples as child processes of a runner.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};

use defender_response::emulator::{Emulator, EmulatorBuilder, Listening};
use defender_response::playbook::{Request, Response, Runner};
use defender_response::{Client, ClientSecret, TestClock};
use serde_json::Value;

pub const MACHINE: &str = "1e5bc9d7e413ddd7902c2932e418702b84d0cc07";
pub const ALERT: &str = "da637472900382838869_-73827727";

/// Both in memory, on one clock.
pub fn emulated(builder: EmulatorBuilder) -> (Emulator, Client) {
    let clock = Arc::new(TestClock::starting_at("2026-03-01T03:00:00Z".parse().unwrap()));
    let emulator = builder.clock(clock.clone()).build();
    let client = another_client(&emulator, clock);
    (emulator, client)
}

/// Another process's client.
pub fn another_client(emulator: &Emulator, clock: Arc<TestClock>) -> Client {
    let secret =
        ClientSecret::new(emulator.tenant_id(), emulator.client_id(), emulator.client_secret());
    Client::builder(secret)
        .audience(emulator.audience())
        .base_url(emulator.base_url())
        .authority(emulator.authority())
        .transport(emulator.transport())
        .clock(clock)
        .build()
        .unwrap()
}

pub async fn call(client: &Client, request: Value) -> Response {
    let request: Request = serde_json::from_value(request).unwrap();
    Runner::new(client.clone()).run(&request).await
}

pub fn validates(schema: &Value, value: &Value) -> Result<(), String> {
    let validator = jsonschema::validator_for(schema).unwrap();
    validator.validate(value).map_err(|error| error.to_string())
}

/// A file that is gone with the test.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("dr-playbook-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    pub fn name(&self) -> &str {
        self.0.file_name().unwrap().to_str().unwrap()
    }

    pub fn put(&self, text: &str) {
        std::fs::write(&self.0, text).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

pub fn effects(emulator: &Emulator, operation: &str) -> usize {
    emulator.journal().iter().filter(|e| e.operation == operation && e.effect).count()
}

pub type Environment = Vec<(&'static str, String)>;

/// On a socket, with what a child needs to find it.
pub async fn on_a_socket(builder: EmulatorBuilder) -> (Emulator, Listening, Environment) {
    let emulator = builder.build();
    let listening = emulator.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let environment = vec![
        ("DEFENDER_TENANT_ID", emulator.tenant_id().to_owned()),
        ("DEFENDER_CLIENT_ID", emulator.client_id().to_owned()),
        ("DEFENDER_CLIENT_SECRET", emulator.client_secret().to_owned()),
        ("DEFENDER_BASE_URL", listening.base_url()),
        ("DEFENDER_AUTHORITY", listening.authority()),
        ("DEFENDER_AUDIENCE", emulator.audience().to_owned()),
    ];
    (emulator, listening, environment)
}

pub fn built(name: &'static str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let arguments = [
            "build",
            "--quiet",
            "--example",
            "run_action",
            "--example",
            "sekoia_runner",
            "--example",
            "windmill",
        ];
        assert!(Command::new(cargo).args(arguments).status().unwrap().success());
    });
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.join("examples").join(name)
}

pub struct Ended {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Ended {
    /// The one document on stdout.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|e| panic!("{e}: {:?} {}", self.out, self.err))
    }
}

pub fn start(example: &'static str, arguments: &[&str], environment: &Environment) -> Child {
    let mut command = Command::new(built(example));
    command.env_clear().envs(environment.iter().cloned()).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

pub async fn ended(child: Child) -> Ended {
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    let output = output.await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended {
        status: output.status.code().unwrap_or(-1),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// `run_action` with this on its stdin.
pub async fn run(
    input: impl Into<Vec<u8>>,
    arguments: &[&str],
    environment: &Environment,
) -> Ended {
    let mut child = start("run_action", arguments, environment);
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.into());
    // It may end without having read.
    let writing = tokio::task::spawn_blocking(move || drop(stdin.write_all(&input)));
    let ended = ended(child).await;
    writing.await.unwrap();
    ended
}

pub async fn until(what: impl Fn() -> bool) {
    for _ in 0..1000 {
        if what() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("it didn't come to that");
}

pub fn terminate(child: &Child) {
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
}
