//! Mixed actions against an emulator in its own process: rates, latencies, errors. The quota is switched off on this side;
//! start the emulator with `--no-quota` too, or its 429s are what is measured.
//!
//! ```text
//! cargo run --release --example emulator -- --listen 127.0.0.1:4710 --no-quota --settle 0 --fleet 5000
//! cargo run --release --example load -- --seconds 10 --concurrency 64 [--json]     # with DEFENDER_* from that line
//! ```
//! Only a loopback address is accepted. Exit status: 0 without errors, 1 with some, 2 for wrong usage or another host.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use defender_response::{
    Client, ClientBuilder, Error, GetMachine, Isolate, IsolationType, ListMachines, MachineId,
    Operation, QuotaPolicy, RunAntiVirusScan, ScanType,
};
use serde_json::json;
use tokio::task::JoinSet;

const USAGE: &str = "usage: load --seconds N --concurrency C [--json], with DEFENDER_* of an emulator on this machine";

struct Options {
    time: Duration,
    concurrency: usize,
    json: bool,
}

/// What one kind of call took, in order of ending.
#[derive(Default)]
struct Figures {
    took: Vec<Duration>,
    errors: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(options) = options(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let client = match client() {
        Ok(client) => client,
        Err(problem) => {
            eprintln!("load: {problem}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match load(&client, &options).await {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options(arguments: impl Iterator<Item = String>) -> Option<Options> {
    let mut options = Options { time: Duration::ZERO, concurrency: 0, json: false };
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seconds" => options.time = Duration::from_secs(arguments.next()?.parse().ok()?),
            "--concurrency" => options.concurrency = arguments.next()?.parse().ok()?,
            "--json" => options.json = true,
            _ => return None,
        }
    }
    let usable = !options.time.is_zero() && (1..=10_000).contains(&options.concurrency);
    usable.then_some(options)
}

fn client() -> Result<Client, Box<dyn std::error::Error>> {
    let base = std::env::var("DEFENDER_BASE_URL").map_err(|_| "DEFENDER_BASE_URL isn't set")?;
    let host = url::Url::parse(&base)?.host_str().unwrap_or_default().to_owned();
    if !["127.0.0.1", "localhost", "[::1]"].contains(&host.as_str()) {
        return Err(format!("{host} isn't this machine: load is for an emulator only").into());
    }
    let builder = ClientBuilder::from_env()?;
    Ok(builder.quota_policy(QuotaPolicy::Unlimited).idle_connections(10_000).build()?)
}

async fn load(client: &Client, options: &Options) -> Result<usize, Error> {
    let machines: Arc<Vec<MachineId>> = Arc::new(
        client.machines().list(None).all().await?.into_iter().map(|machine| machine.id).collect(),
    );
    let next = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let mut workers = JoinSet::new();
    for _ in 0..options.concurrency {
        let (client, machines, next) = (client.clone(), Arc::clone(&machines), Arc::clone(&next));
        let until = began + options.time;
        workers.spawn(async move { work(&client, &machines, &next, until).await });
    }
    let mut all: [Figures; 4] = Default::default();
    for one in workers.join_all().await {
        for (sum, figures) in all.iter_mut().zip(one) {
            sum.took.extend(figures.took);
            sum.errors.extend(figures.errors);
        }
    }
    Ok(report(&mut all, began.elapsed(), options.json))
}

const KINDS: [&str; 4] = ["isolate", "scan", "get machine", "list machines"];

async fn work(
    client: &Client,
    machines: &[MachineId],
    next: &AtomicUsize,
    until: Instant,
) -> [Figures; 4] {
    let mut figures: [Figures; 4] = Default::default();
    while Instant::now() < until {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let Some(machine) = machines.get(number % machines.len().max(1)) else { break };
        // Of ten calls: three isolations, two scans, four reads, one list.
        let kind = [0, 2, 1, 2, 0, 2, 1, 2, 0, 3][number % 10];
        let began = Instant::now();
        let outcome = match kind {
            0 => send(client, &Isolate::new(machine.clone(), IsolationType::Full, "load")).await,
            1 => {
                send(client, &RunAntiVirusScan::new(machine.clone(), ScanType::Quick, "load")).await
            }
            2 => send(client, &GetMachine::by_id(machine)).await,
            _ => {
                let mut list = ListMachines::new(None);
                list.query.top = 10;
                send(client, &list).await
            }
        };
        figures[kind].took.push(began.elapsed());
        figures[kind].errors.extend(outcome.err().map(|error| error.to_string()));
    }
    figures
}

async fn send<O: Operation>(client: &Client, operation: &O) -> Result<(), Error> {
    client.send(operation).await.map(drop)
}

/// How many errors there were.
fn report(all: &mut [Figures; 4], time: Duration, json: bool) -> usize {
    let (mut calls, mut errors) = (0, 0);
    let mut rows = Vec::new();
    for (kind, figures) in KINDS.iter().zip(all.iter_mut()) {
        figures.took.sort_unstable();
        calls += figures.took.len();
        errors += figures.errors.len();
        let at = |percent: usize| {
            let place =
                (figures.took.len() * percent / 100).min(figures.took.len().saturating_sub(1));
            figures.took.get(place).copied().unwrap_or_default().as_secs_f64() * 1000.0
        };
        let row = json!({
            "call": kind, "calls": figures.took.len(), "errors": figures.errors.len(),
            "per_second": rate(figures.took.len(), time),
            "ms": {"p50": round(at(50)), "p95": round(at(95)), "p99": round(at(99)), "max": round(at(100))},
            "first_error": figures.errors.first(),
        });
        rows.push(row);
    }
    let summary = json!({"summary": {
        "calls": calls, "errors": errors, "seconds": round(time.as_secs_f64()), "per_second": rate(calls, time),
    }});
    if json {
        for row in &rows {
            println!("{row}");
        }
        println!("{summary}");
    } else {
        println!(
            "{:<14} {:>9} {:>9} {:>9} {:>9} {:>9} {:>7}",
            "call", "calls", "a second", "p50 ms", "p95 ms", "p99 ms", "errors"
        );
        for row in &rows {
            let text =
                |value: &serde_json::Value| value.as_str().map_or(value.to_string(), str::to_owned);
            println!(
                "{:<14} {:>9} {:>9} {:>9} {:>9} {:>9} {:>7}",
                text(&row["call"]),
                text(&row["calls"]),
                text(&row["per_second"]),
                text(&row["ms"]["p50"]),
                text(&row["ms"]["p95"]),
                text(&row["ms"]["p99"]),
                text(&row["errors"]),
            );
        }
        println!("{calls} calls, {errors} errors, {} a second", rate(calls, time));
    }
    errors
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn rate(calls: usize, time: Duration) -> u64 {
    (calls as f64 / time.as_secs_f64()) as u64
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
