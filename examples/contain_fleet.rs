//! A fleet is isolated on the embedded emulator: who it is about first, then a bar, then a table of outcomes and what
//! remains.
//!
//! `contain_fleet [--count N] [--faults]`; with `--faults` requests get lost, refused and delayed. Nothing but the
//! emulator is touched. Exit status: 0 if each host is isolated by the service's records, 1 if not, 2 for wrong usage.

use std::error::Error;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use defender_response::emulator::{Emulator, FaultRule, MachineSetup, PlainFault, StatusFault};
use defender_response::{
    Client, ClientSecret, FanOutOutcome, FanOutProgress, IsolationType, MachineId, Verb,
};

const COMMENT: &str = "INC-4711: worm on the sales floor";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let Some((count, faults)) = options(&arguments) else {
        eprintln!("usage: contain_fleet [--count N] [--faults], with N from 1 to 5000");
        return ExitCode::from(2);
    };
    match contain(count, faults).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("contain_fleet: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn options(arguments: &[String]) -> Option<(usize, bool)> {
    let (mut count, mut faults) = (20, false);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--count" => {
                count = rest.next()?.parse().ok().filter(|n| (1..=5000).contains(n))?;
            }
            "--faults" => faults = true,
            _ => return None,
        }
    }
    Some((count, faults))
}

async fn contain(count: usize, faults: bool) -> Result<bool, Box<dyn Error>> {
    let (client, ids) = fleet(count, faults)?;
    let mut run = client
        .fan_out(Verb::Isolate(IsolationType::Full), ids, COMMENT)
        .at_most(count)
        .on_progress(bar)
        .survey()
        .await?;
    println!("On the embedded emulator, no tenant. About to isolate {}.", run.summary());

    let mut outcomes = Vec::new();
    while let Some(outcome) = run.next().await {
        outcomes.push(outcome);
    }
    let submitted: Vec<_> = outcomes.iter().filter_map(|o| o.result.as_ref().ok()).collect();
    let waited = client.wait_all(submitted);
    let mut ends = waited.within(Duration::from_secs(60)).await.into_iter();

    println!("\n{:<28} {:<18} what", "machine", "submitted");
    let mut isolated = 0;
    for FanOutOutcome { machine, name, result, .. } in &outcomes {
        let name = name.clone().unwrap_or_else(|| machine.to_string());
        let (how, end) = match result {
            Err(error) => ("no".to_owned(), error.to_string()),
            Ok(submitted) => match ends.next() {
                Some(Ok(action)) => {
                    isolated += 1;
                    (submitted.disposition().to_string(), action.status.to_string())
                }
                Some(Err(error)) => (submitted.disposition().to_string(), error.to_string()),
                None => (submitted.disposition().to_string(), "not waited for".to_owned()),
            },
        };
        println!("{name:<28} {how:<18} {end}");
    }
    let record = run.record();
    println!("\n{isolated} of {count} isolated by the service's records.");
    if let Some(error) = run.stopped() {
        println!("It stopped: {error}");
    }
    let open = record.open().count();
    if open > 0 {
        println!("{open} remain, to be gone on with from this record:");
        println!("{}", serde_json::to_string(&record)?);
    }
    Ok(isolated == count)
}

/// Workstations, and a server among them.
fn fleet(count: usize, faults: bool) -> Result<(Client, Vec<MachineId>), Box<dyn Error>> {
    let emulator = Emulator::builder().fleet(count - 1).build();
    emulator.add_machine(MachineSetup::new("file01.corp.example").platform("WindowsServer2022"));
    let machines = emulator.machines();
    let ids: Vec<MachineId> =
        machines.iter().rev().take(count).map(|m| m.id.parse()).collect::<Result<_, _>>()?;
    if faults {
        for (fault, every) in [
            (FaultRule::new("isolate", PlainFault::ResetAfterEffect), 4),
            (FaultRule::new("isolate", PlainFault::Refused), 5),
            (FaultRule::new("isolate", StatusFault::new(503).after_effect()), 7),
            (FaultRule::new("isolate", StatusFault::new(429).retry_after(1)), 9),
        ] {
            for id in ids.iter().step_by(every) {
                emulator.fault(fault.clone().target(id.as_str()))?;
            }
        }
    }
    let secret =
        ClientSecret::new(emulator.tenant_id(), emulator.client_id(), emulator.client_secret());
    let client = Client::builder(secret)
        .base_url(emulator.base_url())
        .authority(emulator.authority())
        .audience(emulator.audience())
        .transport(emulator.transport())
        .build()?;
    Ok((client, ids))
}

/// A bar on a terminal; nothing elsewhere.
fn bar(progress: &FanOutProgress) {
    const WIDTH: usize = 40;
    let mut terminal = std::io::stderr();
    if !terminal.is_terminal() {
        return;
    }
    let full = progress.done * WIDTH / progress.machines.max(1);
    let bar = "#".repeat(full) + &"·".repeat(WIDTH.saturating_sub(full));
    let end = if progress.done == progress.machines { "\n" } else { "" };
    let _ = write!(
        terminal,
        "\r[{bar}] {}/{}, {} failed{end}",
        progress.done, progress.machines, progress.failed
    );
}
