//! What a plan of 10,000 indicators costs in instructions, which are the same on every run, beside the least that
//! reading the feed at all costs.
//!
//! They are counted by valgrind, if it is installed. Each figure is the difference of three runs and one, so that
//! making the feed isn't in it.

mod feed;

use std::hint::black_box;
use std::process::Command;

use defender_response::stix::{self, Pattern};

fn play(what: &str, count: u64, times: u64) {
    let others = what.ends_with("among others");
    let feed = feed::bundle(count, others);
    let bytes = feed.as_bytes();
    let other = feed.replace(r#""type":"indicator""#, r#""type":"x-nothing""#);
    let patterns = feed::patterns(bytes);
    for _ in 0..times {
        match what {
            "floor" | "floor, among others" => drop(black_box(feed::floor(black_box(bytes)))),
            "reader alone" => drop(feed::planned(black_box(other.as_bytes()))),
            "patterns alone" => {
                for text in &patterns {
                    drop(black_box(Pattern::parse(black_box(text))));
                }
            }
            "plan, in pieces" => drop(stix::plan(black_box(bytes), &feed::options())),
            _ => drop(feed::planned(black_box(bytes))),
        }
    }
}

/// In a process of its own, since the whole process is counted.
fn counted(what: &str, count: u64, times: u64) -> Option<u64> {
    let own = std::env::current_exe().ok()?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(own)
        .args(["--play", what, &count.to_string(), &times.to_string()])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let (_, rest) = text.split_once("Collected :")?;
    rest.split_whitespace().next()?.parse().ok()
}

fn per_run(what: &str, count: u64) -> Option<u64> {
    Some((counted(what, count, 3)? - counted(what, count, 1)?) / 2)
}

fn main() {
    let words: Vec<_> = std::env::args().collect();
    if let Some([play_it, what, count, times]) = words.get(1..)
        && play_it == "--play"
    {
        let number = |text: &str| text.parse().expect("a number");
        return play(what, number(count), number(times));
    }
    for (group, floor, stages) in [
        (
            "10,000 indicators",
            "floor",
            &["reader alone", "patterns alone", "plan", "plan, in pieces"][..],
        ),
        ("5,000 among others", "floor, among others", &["plan, among others"]),
    ] {
        let count = if stages.len() > 1 { 10_000 } else { 5_000 };
        let Some(least) = per_run(floor, count) else {
            println!("not counted: valgrind isn't there");
            return;
        };
        println!("{group}: {floor:<20} {:>9} thousand instructions", least / 1000);
        for stage in stages {
            let instructions = per_run(stage, count).unwrap_or_default();
            #[allow(clippy::cast_precision_loss)] // no figure here is that large
            let ratio = instructions as f64 / least as f64;
            println!(
                "{group}: {stage:<20} {:>9} thousand instructions {ratio:>6.2}",
                instructions / 1000
            );
        }
    }
}
