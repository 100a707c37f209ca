//! A fleet is isolated on the embedded emulator: who it is about first, then a bar, then a table of outcomes and what
//! remains.
//!
//! `contain_fleet [--count N] [--faults]`; with `--faults` requests get lost, refused and delayed. Nothing but the
//! emulator is touched. Ctrl-C begins nothing new, gives what is under way five seconds, and tells the rest as what
//! remains. Exit status: 0 if each host is isolated by the service's records, 1 if not, 2 for wrong usage, 3 if what was
//! done could not be written to the output; its record then goes to the error output.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use defender_response::emulator::{Emulator, FaultRule, MachineSetup, PlainFault, StatusFault};
use defender_response::{
    Client, ClientSecret, FanOutOutcome, FanOutProgress, FanOutRun, Isolate, IsolationType,
    MachineId, Operation, Verb,
};
use tokio::time::timeout;

const COMMENT: &str = "INC-4711: worm on the sales floor";

/// What is under way at a Ctrl-C.
const GRACE: Duration = Duration::from_secs(5);

/// Off a terminal a line of progress comes as often as this.
const NOW_AND_THEN: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let Some((count, faults)) = options(&arguments) else {
        warn("usage: contain_fleet [--count N] [--faults], with N from 1 to 5000");
        return ExitCode::from(2);
    };
    match contain(count, faults).await {
        Ok(status) => status,
        Err(problem) => {
            warn(&format!("contain_fleet: {problem}"));
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

async fn contain(count: usize, faults: bool) -> Result<ExitCode, Box<dyn Error>> {
    let (client, ids) = fleet(count, faults)?;
    let mut run = client
        .fan_out(Verb::Isolate(IsolationType::Full), ids, COMMENT)
        .at_most(count)
        .on_progress(progress())
        .survey()
        .await?;
    let head = format!(
        "On the embedded emulator, no tenant. About to isolate {}.\nIt takes {}; Ctrl-C stops it.\n",
        run.summary(),
        expected(&client, count)
    );
    let mut is_written = say(&head);

    let (outcomes, interrupted) = outcomes(&mut run).await;
    let submitted: Vec<_> = outcomes.iter().filter_map(|o| o.result.as_ref().ok()).collect();
    // After a Ctrl-C the last look goes ahead of what waits for the quota.
    let (reader, patience) = if interrupted {
        (client.urgent(), Duration::ZERO)
    } else {
        (client, Duration::from_secs(60))
    };
    let ends = reader.wait_all(submitted).within(patience).await;

    let mut ends = ends.into_iter();
    let mut said = format!("\n{:<28} {:<18} what\n", "machine", "submitted");
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
        writeln!(said, "{name:<28} {how:<18} {end}")?;
    }
    let record = run.record();
    let stored = serde_json::to_string(&record)?;
    writeln!(said, "\n{isolated} of {count} isolated by the service's records.")?;
    if let Some(error) = run.stopped() {
        writeln!(said, "It stopped: {error}")?;
    }
    let open = record.open().count();
    if open > 0 {
        writeln!(said, "{open} remain, to be gone on with from this record:\n{stored}")?;
    }
    is_written &= say(&said);
    if !is_written {
        warn(&format!("contain_fleet: the output could not be written; what was done:\n{stored}"));
        return Ok(ExitCode::from(3));
    }
    Ok(if isolated == count { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// All outcomes, or those until a Ctrl-C and a little longer.
async fn outcomes(run: &mut FanOutRun) -> (Vec<FanOutOutcome>, bool) {
    let mut outcomes = Vec::new();
    let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        tokio::select! {
            outcome = run.next() => match outcome {
                Some(outcome) => outcomes.push(outcome),
                None => return (outcomes, false),
            },
            Ok(()) = &mut interrupt => break,
        }
    }
    run.halt();
    let under_way = async {
        while let Some(outcome) = run.next().await {
            outcomes.push(outcome);
        }
    };
    // What hasn't come by then is in the record, to be found again by its key.
    let _ = timeout(GRACE, under_way).await;
    (outcomes, true)
}

/// How long so many take at the quota that is left.
fn expected(client: &Client, count: usize) -> String {
    let quota = client.quota_of(Isolate::SPEC);
    let per_minute = quota.left_this_minute.max(1);
    let per_hour = quota.left_this_hour.unwrap_or(usize::MAX).max(1);
    let last = count.saturating_sub(1);
    let (hours, minutes) = (last / per_hour, last % per_hour / per_minute);
    match (hours, minutes) {
        (0, 0) => "less than a minute".to_owned(),
        (0, minutes) => format!("about {minutes} min, at {per_minute} a minute"),
        _ => format!(
            "about {hours} h {minutes} min, at {per_minute} a minute and {per_hour} an hour"
        ),
    }
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

/// A bar on a terminal, and elsewhere a line now and then.
fn progress() -> impl FnMut(&FanOutProgress) + Send + 'static {
    const WIDTH: usize = 40;
    let mut last: Option<Instant> = None;
    move |progress| {
        let FanOutProgress { done, failed, machines, .. } = *progress;
        let mut to = std::io::stderr();
        let is_over = done == machines;
        // Without an error output there is nobody to tell.
        if to.is_terminal() {
            let full = done * WIDTH / machines.max(1);
            let bar = "#".repeat(full) + &"·".repeat(WIDTH.saturating_sub(full));
            let end = if is_over { "\n" } else { "" };
            let _ = write!(to, "\r[{bar}] {done}/{machines}, {failed} failed{end}");
        } else if is_over || last.is_none_or(|at| at.elapsed() >= NOW_AND_THEN) {
            last = Some(Instant::now());
            let _ = writeln!(to, "{done} of {machines} done, {failed} failed");
        }
    }
}

/// Whether it could be written: somebody may have closed the output.
fn say(text: &str) -> bool {
    let mut to = std::io::stdout().lock();
    to.write_all(text.as_bytes()).and_then(|()| to.flush()).is_ok()
}

fn warn(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
