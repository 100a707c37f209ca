//! What is isolated this morning, or may become so: by whom, since when, until when, and how old the evidence is.
//!
//! `morning_report --emulator` plays a night on the emulator first; otherwise the tenant comes from `DEFENDER_*`. It only
//! reads, so no `--live` is asked for. Exit status: 0 if nothing waits for anybody, 1 if a review is overdue or a state
//! isn't known, 2 for wrong usage or when it could not be read, 3 when the report could not be written.

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use defender_response::emulator::{Act, Actor, Emulator};
use defender_response::{
    Client, ClientSecret, Clock, Containment, IsolationState, MachineId, SystemClock, TestClock,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let (head, client) = match arguments.as_slice() {
        ["--emulator"] => ("On the emulator: no tenant is asked.\n\n", after_a_night().await),
        [] => ("", tenant()),
        _ => ("", Err("there is no such option".into())),
    };
    let report = match client {
        Ok(client) => client.containments().await.map_err(Into::into),
        Err(problem) => Err(problem),
    };
    match report {
        Ok(containments) => {
            let report = head.to_owned() + &table(&containments);
            let mut to = std::io::stdout().lock();
            if let Err(error) = to.write_all(report.as_bytes()).and_then(|()| to.flush()) {
                warn(&format!("morning_report: the report could not be written: {error}"));
                return ExitCode::from(3);
            }
            let waits = containments.iter().any(|c| c.is_overdue() || is_unknown(c));
            if waits { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        Err(problem) => {
            warn(&format!(
                "morning_report: {problem}\nusage: morning_report [--emulator], or set DEFENDER_TENANT_ID and its companions"
            ));
            ExitCode::from(2)
        }
    }
}

/// Without an error output there is nobody to tell.
fn warn(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn table(containments: &[Containment]) -> String {
    if containments.is_empty() {
        return "Nothing is isolated by the service's records, and nothing is armed.\n".to_owned();
    }
    let header = ["machine", "state", "since", "by", "owner", "review by", "why"];
    let mut rows = vec![header.map(str::to_owned)];
    rows.extend(containments.iter().map(row));
    let widths: Vec<usize> = (0..header.len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<_> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
    }
    text.push_str(
        "\nBy the service's records: a host that was released locally or re-imaged is still in this list.\n",
    );
    text
}

fn row(containment: &Containment) -> [String; 7] {
    let armed = match containment.isolation.under_way.len() {
        0 => String::new(),
        n => format!(", {n} armed"),
    };
    let state = match &containment.isolation.state {
        IsolationState::Isolated(Some(kind)) => format!("isolated ({})", kind.as_str()),
        IsolationState::Isolated(None) => "isolated".to_owned(),
        IsolationState::Pending(action) => format!("{} pending", action.action_type),
        _ => "unknown".to_owned(),
    };
    let since = containment.age().map(ago).unwrap_or_default();
    let by = containment.by.clone().unwrap_or_else(|| "somebody unnamed".to_owned());
    let overdue = if containment.is_overdue() { " OVERDUE" } else { "" };
    [
        containment.name.clone().unwrap_or_else(|| containment.machine.to_string()),
        format!("{state}{armed}"),
        since,
        by,
        containment.owner.clone().unwrap_or_else(|| "nobody".to_owned()),
        containment.review_by.map(|at| format!("{at}{overdue}")).unwrap_or_default(),
        containment.reason.clone().unwrap_or_default(),
    ]
}

fn ago(age: Duration) -> String {
    match age.as_secs() / 60 {
        minutes @ ..120 => format!("{minutes} min ago"),
        minutes => format!("{} h ago", minutes / 60),
    }
}

fn is_unknown(containment: &Containment) -> bool {
    matches!(containment.isolation.state, IsolationState::Unknown(_))
}

/// An emulated company after nine hours in which it was isolated, released, contained and forgotten.
async fn after_a_night() -> Result<Client, Box<dyn Error>> {
    let clock =
        Arc::new(TestClock::starting_at(SystemClock.wall().minus(Duration::from_secs(9 * 3600))));
    let emulator =
        Emulator::builder().clock(clock.clone()).settle(Duration::from_millis(3)).build();
    let secret =
        ClientSecret::new(emulator.tenant_id(), emulator.client_id(), emulator.client_secret());
    let client = Client::builder(secret)
        .audience(emulator.audience())
        .transport(emulator.transport())
        .clock(clock.clone())
        .build()?;
    let machines = emulator.machines();
    let machine = |n: usize| machines.get(n).map(|m| m.id.clone()).ok_or("too small a company");

    let evening = clock.wall();
    let host =
        |n: usize| Ok::<_, Box<dyn Error>>(client.machine(machine(n)?.parse::<MachineId>()?));
    let soon = evening.plus(Duration::from_secs(8 * 3600));
    let later = evening.plus(Duration::from_secs(48 * 3600));
    let _ = host(0)?.contain("INC-4711: beaconing", "soc tier 2", soon).await?;
    let _ = host(1)?.contain("INC-4712: ransom note", "soc tier 1", later).await?;
    emulator.act(Actor::Analyst, &machine(2)?, Act::IsolateSelectively, "odd sign-ins")?;
    emulator.set_offline(&machine(3)?, None)?;
    emulator.act(Actor::OtherApp, &machine(3)?, Act::Isolate, "CVE of the week")?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    emulator.act(Actor::Analyst, &machine(1)?, Act::Release, "false alarm")?;
    tokio::time::sleep(Duration::from_millis(50)).await;

    clock.set_forward(Duration::from_secs(9 * 3600));
    Ok(client)
}

/// Both have to be there, so that what stands in `AZURE_*` is never acted on.
fn tenant() -> Result<Client, Box<dyn Error>> {
    for name in ["DEFENDER_TENANT_ID", "DEFENDER_CLIENT_ID"] {
        if std::env::var(name).unwrap_or_default().trim().is_empty() {
            return Err(format!("{name} isn't set").into());
        }
    }
    Client::from_env().map_err(|error| match error.source() {
        Some(cause) => format!("{error}: {cause}").into(),
        None => error.into(),
    })
}
