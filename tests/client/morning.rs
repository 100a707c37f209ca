//! The morning report as a reader gets it.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use defender_response::emulator::{Act, Actor, Emulator};

/// The example as it is now: a filtered test run doesn't build it.
fn morning_report() -> Command {
    static BUILT: std::sync::OnceLock<()> = std::sync::OnceLock::new();
    BUILT.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--quiet", "--example", "morning_report"])
            .status()
            .unwrap();
        assert!(built.success());
    });
    let mut built: PathBuf = std::env::current_exe().unwrap();
    built.pop();
    built.pop();
    let mut command = Command::new(built.join("examples/morning_report"));
    command.env_clear();
    command
}

async fn run(mut command: Command) -> (i32, String) {
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn a_night_on_the_emulator_is_told_line_by_line() {
    let mut command = morning_report();
    command.arg("--emulator");
    let (status, text) = run(command).await;
    assert_eq!(status, 1, "a review is overdue: {text}");
    let line = |part: &str| text.lines().find(|line| line.contains(part)).unwrap_or(&text);
    assert!(text.starts_with("On the emulator"), "{text}");
    let overdue = line("INC-4711");
    assert!(overdue.contains("isolated (Full)") && overdue.contains("9 h ago"), "{text}");
    assert!(overdue.contains("soc tier 2") && overdue.contains("OVERDUE"), "{text}");
    assert!(line("a.keller@corp.example").contains("isolated (Selective)"), "{text}");
    assert!(line("CVE of the week").contains("Isolate pending, 1 armed"), "{text}");
    assert!(!text.contains("INC-4712"), "released: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_read_and_nothing_is_changed() {
    let emulator = Emulator::builder().settle(Duration::from_millis(20)).build();
    let listening = emulator.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let on = || {
        let mut command = morning_report();
        command
            .env("DEFENDER_TENANT_ID", emulator.tenant_id())
            .env("DEFENDER_CLIENT_ID", emulator.client_id())
            .env("DEFENDER_CLIENT_SECRET", emulator.client_secret())
            .env("DEFENDER_BASE_URL", listening.base_url())
            .env("DEFENDER_AUTHORITY", listening.authority())
            .env("DEFENDER_AUDIENCE", emulator.audience());
        command
    };
    let (status, text) = run(on()).await;
    assert!(status == 0 && text.starts_with("Nothing is isolated"), "{text}");
    let machine = &emulator.machines()[0];
    emulator.act(Actor::Analyst, &machine.id, Act::Isolate, "by hand").unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (status, text) = run(on()).await;
    assert!(status == 0 && text.contains(&machine.name) && text.contains("by hand"), "{text}");
    assert!(emulator.journal().iter().all(|entry| !entry.effect));
}

#[tokio::test]
async fn without_a_tenant_it_says_what_is_missing() {
    let (status, text) = run(morning_report()).await;
    assert!(status == 2 && text.contains("DEFENDER_TENANT_ID isn't set"), "{text}");
    let mut command = morning_report();
    command.arg("--emulate");
    assert_eq!(run(command).await.0, 2);
}

#[cfg(target_os = "linux")]
#[test]
fn a_report_that_can_not_be_written_is_told_by_the_exit_status() {
    let mut command = morning_report();
    command.arg("--emulator");
    let (status, said) = crate::fleet_example::with_a_full_output(command);
    assert_eq!(status, Some(3), "{said}");
    assert!(said.contains("could not be written") && !said.contains("panicked"), "{said}");
}
