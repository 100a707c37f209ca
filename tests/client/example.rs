//! The example as a newcomer runs it: by itself, with a wrong password, without a network.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use defender_response::emulator::{Emulator, Isolation, Listening};

/// The example as it is now: a filtered test run doesn't build it.
fn built() {
    static BUILT: std::sync::OnceLock<()> = std::sync::OnceLock::new();
    BUILT.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--quiet", "--example", "respond"])
            .status()
            .unwrap();
        assert!(built.success());
    });
}

fn respond() -> Command {
    built();
    let mut built: PathBuf = std::env::current_exe().unwrap();
    built.pop();
    built.pop();
    let mut command = Command::new(built.join("examples/respond"));
    command.env_clear();
    command
}

/// Runs it, and gives its exit status and everything it printed.
async fn run(mut command: Command) -> (i32, String) {
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

async fn emulator() -> (Emulator, Listening) {
    let emulator = Emulator::builder().settle(Duration::from_millis(50)).build();
    let listening = emulator.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    (emulator, listening)
}

fn on(emulator: &Emulator, listening: &Listening) -> Command {
    let mut command = respond();
    command
        .env("DEFENDER_TENANT_ID", emulator.tenant_id())
        .env("DEFENDER_CLIENT_ID", emulator.client_id())
        .env("DEFENDER_CLIENT_SECRET", emulator.client_secret())
        .env("DEFENDER_BASE_URL", listening.base_url())
        .env("DEFENDER_AUTHORITY", listening.authority())
        .env("DEFENDER_AUDIENCE", emulator.audience());
    command
}

fn id_of(emulator: &Emulator, name: &str) -> String {
    emulator.machines().into_iter().find(|machine| machine.name == name).unwrap().id
}

#[tokio::test]
async fn it_contains_a_host_by_itself_and_says_where() {
    let (status, text) = run(respond()).await;
    assert_eq!(status, 0, "{text}");
    assert!(text.lines().next().unwrap().contains("On the emulator inside this program"), "{text}");
    assert!(text.contains("ws-042.corp.example is contained"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_leaves_the_host_contained_or_released_as_asked() {
    let (emulator, listening) = emulator().await;
    let id = id_of(&emulator, "dc-01.corp.example");
    for (arguments, isolation) in
        [(&[][..], Isolation::Full), (&["--release"][..], Isolation::None)]
    {
        if isolation == Isolation::None {
            emulator.force_release(&id).unwrap();
        }
        let mut command = on(&emulator, &listening);
        command.args(["--host", "dc-01.corp.example"]).args(arguments);
        let (status, text) = run(command).await;
        assert_eq!(status, 0, "{text}");
        assert!(
            text.contains(emulator.tenant_id()) && !text.contains(emulator.client_secret()),
            "{text}"
        );
        assert_eq!(emulator.host(&id).unwrap().isolation, isolation, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_is_not_done_is_not_a_success() {
    let (emulator, listening) = emulator().await;
    emulator.set_failing(&id_of(&emulator, "ws-042.corp.example"), Some(-2_147_024_891)).unwrap();
    let mut command = on(&emulator, &listening);
    command.args(["--host", "ws-042.corp.example"]);
    let (status, text) = run(command).await;
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("Not done.") && text.contains("failed on the device"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_step_that_fails_tells_that_the_host_is_isolated() {
    let (emulator, listening) = emulator().await;
    emulator.set_roles(emulator.client_id(), &["Machine.Isolate", "Machine.Read.All"]);
    let mut command = on(&emulator, &listening);
    command.args(["--host", "ws-042.corp.example", "--release"]);
    let (status, text) = run(command).await;
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("Machine.Scan") && text.contains("stays isolated"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_says_what_to_mend() {
    let (emulator, listening) = emulator().await;
    let mut command = on(&emulator, &listening);
    command.env("DEFENDER_CLIENT_SECRET", "wrong").args(["--host", "ws-042.corp.example"]);
    let (status, text) = run(command).await;
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("AADSTS7000215") && text.contains("correlation id"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_network_it_says_that_nothing_was_sent() {
    let (emulator, listening) = emulator().await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = on(&emulator, &listening);
    command
        .env("DEFENDER_BASE_URL", format!("http://{closed}"))
        .args(["--host", "ws-042.corp.example"]);
    let (status, text) = run(command).await;
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("could not be reached") && text.contains("was not sent"), "{text}");
}

#[tokio::test]
async fn a_real_tenant_needs_its_host_confirmed_before_anything_is_sent() {
    let id = "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f";
    let live = |arguments: &[&str]| {
        let mut command = respond();
        command
            .env("DEFENDER_TENANT_ID", id)
            .env("DEFENDER_CLIENT_ID", id)
            .env("DEFENDER_CLIENT_SECRET", "s3cret")
            .args(arguments);
        command
    };
    for arguments in [
        &["--host", "dc-01"][..],
        &["--host", "dc-01", "--live"],
        &["--host", "dc-01", "--live", "--confirm", "dc-10"],
        &["--live", "--confirm", "dc-01"],
        &["--host", "--live"],
        &["--host", "dc-01", "--confirm", "dc-01"],
        &["--host", "dc-01", "--live", "--confirm", "dc-01", "--block", "DomainName=evil.example"],
        &["--hots", "dc-01"],
    ] {
        let (status, text) = run(live(arguments)).await;
        assert_eq!(status, 2, "{arguments:?}: {text}");
        assert!(text.contains("usage: respond"), "{text}");
    }
    let mut wrong_region = live(&["--host", "dc-01"]);
    wrong_region.env("DEFENDER_REGION", "atlantis");
    let (status, text) = run(wrong_region).await;
    assert!(status == 2 && text.contains("atlantis") && text.contains("gcc-high"), "{text}");

    let mut forgotten = respond();
    forgotten.args(["--live", "--host", "dc-01", "--confirm", "dc-01"]);
    let (status, text) = run(forgotten).await;
    assert!(status == 2 && text.contains("no DEFENDER_* variable is set"), "{text}");

    let mut blank = respond();
    for name in ["TENANT_ID", "CLIENT_ID", "CLIENT_SECRET"] {
        blank.env(format!("DEFENDER_{name}"), " ").env(format!("AZURE_{name}"), id);
    }
    let (status, text) = run(blank).await;
    assert!(status == 2 && text.contains("DEFENDER_TENANT_ID isn't"), "{text}");

    let mut half = respond();
    half.env("DEFENDER_REGION", "eu").env("AZURE_TENANT_ID", id);
    let (status, text) = run(half).await;
    assert!(status == 2 && text.contains("DEFENDER_TENANT_ID"), "{text}");
}
