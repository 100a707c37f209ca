//! What a call costs in instructions and allocations, which are the same on every run: the crate beside bare reqwest.
//!
//! Instructions are counted by valgrind, if it is installed. Each figure is the difference of a long run and a short one,
//! so that setting up isn't in it.

mod common;

use std::net::SocketAddr;
use std::process::Command;

use common::{Bare, Crate};
use tokio::runtime::Builder;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Set for a run whose instructions are counted.
const UNCOUNTED: &str = "ALLOCATIONS_UNCOUNTED";

const SHORT: u64 = 100;
const LONG: u64 = 1100;

async fn run(who: &str, what: &str, server: SocketAddr, calls: u64) {
    let (ours, bare) = (Crate::of(server), Bare::of(server));
    for _ in 0..calls {
        match (who, what) {
            ("crate", "isolate") => drop(ours.isolate().await),
            ("crate", _) => drop(ours.get().await),
            (_, "isolate") => drop(bare.isolate().await),
            (_, _) => drop(bare.get().await),
        }
    }
}

fn play(who: &str, what: &str, server: SocketAddr, calls: u64) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run(who, what, server, calls));
}

/// In a process of its own, since the whole process is counted.
fn child(who: &str, what: &str, server: SocketAddr, calls: u64, by: &[&str]) -> Option<String> {
    let own = std::env::current_exe().ok()?.into_os_string().into_string().ok()?;
    let calls = calls.to_string();
    let server = server.to_string();
    let words = [by, &[own.as_str(), "--play", who, what, &server, &calls]].concat();
    let mut command = Command::new(words.first()?);
    if !by.is_empty() {
        command.env(UNCOUNTED, "1");
    }
    let output = command.args(words.get(1..)?).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    output.status.success().then(|| String::from_utf8_lossy(&text).into_owned())
}

fn number_after(text: &str, mark: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.contains(mark))?;
    let (_, rest) = line.split_once(mark)?;
    rest.chars().filter(char::is_ascii_digit).collect::<String>().parse().ok()
}

fn per_call(who: &str, what: &str, server: SocketAddr, by: &[&str], mark: &str) -> Option<f64> {
    let count = |calls| number_after(&child(who, what, server, calls, by)?, mark);
    #[allow(clippy::cast_precision_loss)] // no figure here is that large
    Some((count(LONG)? - count(SHORT)?) as f64 / (LONG - SHORT) as f64)
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if let Some(["--play", who, what, server, calls]) =
        words.get(1..).map(|w| w.iter().map(String::as_str).collect::<Vec<_>>()).as_deref()
    {
        let server = server.parse().expect("an address");
        let calls = calls.parse().expect("a number");
        // Counting allocations takes instructions of its own.
        if std::env::var_os(UNCOUNTED).is_some() {
            return play(who, what, server, calls);
        }
        let _profiler = dhat::Profiler::builder().testing().build();
        play(who, what, server, calls);
        println!("allocations: {}", dhat::HeapStats::get().total_blocks);
        return;
    }
    let server = common::serve();
    let callgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"];
    println!("{:<12} {:<13} {:>12} {:>12} {:>7}", "call", "", "crate", "reqwest", "ratio");
    for what in ["isolate", "get action"] {
        for (unit, by, mark) in [
            ("allocations", &[][..], "allocations:"),
            ("instructions", &callgrind[..], "Collected :"),
        ] {
            let count = |who| per_call(who, what, server, by, mark);
            match (count("crate"), count("reqwest")) {
                (Some(ours), Some(bare)) => {
                    println!(
                        "{what:<12} {unit:<13} {ours:>12.0} {bare:>12.0} {:>7.2}",
                        ours / bare
                    );
                }
                _ => println!("{what:<12} {unit:<13} not counted: valgrind isn't there"),
            }
        }
    }
}
