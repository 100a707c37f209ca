//! The fleet's example as its user meets it: with a closed output, interrupted, and with too much to do.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The example as it is now: a filtered test run doesn't build it.
pub fn example(name: &str) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo).args(["build", "--quiet", "--example", name]).status().unwrap();
    assert!(built.success());
    let mut built: PathBuf = std::env::current_exe().unwrap();
    built.pop();
    built.pop();
    let mut command = Command::new(built.join("examples").join(name));
    command.env_clear();
    command
}

/// What it ended with and said where nothing can be written to its output.
#[cfg(target_os = "linux")]
pub fn with_a_full_output(mut command: Command) -> (Option<i32>, String) {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command.stdout(full).stderr(Stdio::piped()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_fleet_is_isolated_and_progress_is_told_off_a_terminal_too() {
    let output = example("contain_fleet").args(["--count", "5"]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("servers: file01.corp.example"), "{said}");
    assert!(said.contains("It takes less than a minute"), "{said}");
    assert!(said.contains("5 of 5 isolated by the service's records"), "{said}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("5 of 5 done, 0 failed"), "{told}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_can_not_be_written_is_told_by_the_exit_status_and_nothing_is_lost() {
    let mut command = example("contain_fleet");
    command.args(["--count", "3"]);
    let (status, said) = with_a_full_output(command);
    assert_eq!(status, Some(3), "{said}");
    assert!(said.contains("could not be written") && !said.contains("panicked"), "{said}");
    assert!(said.contains("\"v\":1"), "the record: {said}");
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_begins_nothing_new_and_leaves_its_record() {
    let mut command = example("contain_fleet");
    command.args(["--count", "1300"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut progress = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    output.read_line(&mut said).unwrap();
    output.read_line(&mut said).unwrap();
    assert!(said.contains("It takes about 1 h"), "{said}");
    let mut line = String::new();
    progress.read_line(&mut line).unwrap();
    assert!(line.contains(" of 1300 done"), "{line}");
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    output.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(
        said.contains(".fleet.example ") && said.contains("remain, to be gone on with"),
        "{said}"
    );
    assert!(said.contains("\"v\":1") && said.contains("\"left\":[\""), "{said}");
}
