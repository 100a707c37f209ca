//! The example `pattern`, which writes trees as JSON: what other tests compare, and what it does with garbage.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The example as it is now: a filtered test run doesn't build it.
fn built() -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let arguments = ["build", "--quiet", "--example", "pattern"];
        assert!(Command::new(cargo).args(arguments).status().unwrap().success());
    });
    let mut built = std::env::current_exe().unwrap();
    built.pop();
    built.pop();
    built.join("examples/pattern")
}

/// What it answers to a whole input, as text.
pub(crate) fn answer(input: Vec<u8>) -> String {
    let mut command = Command::new(built());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(&input).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// Each pattern's answer.
pub(crate) fn answers<'t>(patterns: impl IntoIterator<Item = &'t str>) -> Vec<Value> {
    let mut lines = String::new();
    let mut count = 0;
    for pattern in patterns {
        lines += &Value::from(pattern).to_string();
        lines.push('\n');
        count += 1;
    }
    let answers: Vec<_> =
        answer(lines.into_bytes()).lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(answers.len(), count);
    answers
}

fn oks(input: Vec<u8>) -> Vec<bool> {
    let answer = answer(input);
    answer.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["ok"] == true).collect()
}

#[test]
fn a_line_of_garbage_costs_itself_alone() {
    let mut input = b"\"[a:b = 1]\"\n".to_vec();
    input.extend([0xff, 0xfe, 0x00, 0x80, b'\n']);
    input.extend(b"\"\\ud800\"\n[1, 2]\n\n\"[a:b = \"\n\"[a:b = 2]\"");
    assert_eq!(oks(input), [true, false, false, false, false, false, true]);
}

#[test]
fn a_line_of_many_megabytes_is_one_error() {
    let mut input = b"\"[a:b = 1]\"\n\"".to_vec();
    input.resize(5_000_000, b'(');
    input.extend(b"\"\n\"[a:b = 2]\"\n");
    assert_eq!(oks(input), [true, false, true]);
}

#[test]
fn the_longest_pattern_is_read_however_it_is_spelt() {
    let text = format!("[a:b = '{}']", "e".repeat(64 * 1024 - 10));
    let spelt: Vec<_> = text.bytes().map(|b| format!("\\u{b:04x}")).collect();
    assert_eq!(oks(format!("\"{}\"", spelt.concat()).into_bytes()), [true]);
}

#[test]
fn a_number_beyond_all_bounds_stays_a_number() {
    let input = format!("\"[a:b = {}]\"", "9".repeat(400));
    assert!(answer(input.into_bytes()).contains(r#"["n",1e999]"#));
}
