//! An incident, played through: a host is found, isolated and scanned, the incident's indicators are pushed, its
//! alert is commented on and resolved, and the evidence is shown.
//!
//! Without any `DEFENDER_*` variable it runs on the emulator inside this program. With a tenant it needs
//! `--live --host NAME --confirm NAME`, and touches alerts and indicators only as named. Exit status: 0 if each step is done by the service's records, 1 if
//! one isn't, 2 for wrong usage.

use std::error::Error as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use defender_response::emulator::{Emulator, Listening};
use defender_response::model::{
    ActionType, Alert, AlertStatus, Classification, Determination, IndicatorAction, IndicatorType,
    Machine, MachineAction, Severity,
};
use defender_response::{
    AlertId, AlertUpdate, Client, ClientSecret, Error, Filter, IsolationType, NewIndicator,
    ScanType, Submitted,
};

const USAGE: &str = "\
usage: respond [--host NAME] [--alert ID] [--block TYPE=VALUE].. [--release]
               [--live --confirm NAME [--confirm-tenant ID]]

  --host NAME          the host to contain (on the emulator ws-042.corp.example)
  --alert ID           the alert to comment on and resolve (on the emulator the host's newest)
  --block TYPE=VALUE   an indicator to block, such as DomainName=evil.example (on the emulator three)
  --release            release the host at the end
  --live               act on a real tenant, set up by DEFENDER_TENANT_ID, DEFENDER_CLIENT_ID,
                       DEFENDER_CLIENT_SECRET (or _FILE) and DEFENDER_REGION
  --confirm NAME       with --live: the host's name once more
  --confirm-tenant ID  with --live and --block: the tenant's id once more";

const INCIDENT: &str = "INC-4711: beaconing to a known command-and-control host";

type Problem = Box<dyn std::error::Error>;

#[derive(Default)]
struct Options {
    host: Option<String>,
    alert: Option<AlertId>,
    block: Vec<(IndicatorType, String)>,
    confirm_tenant: Option<String>,
    release: bool,
    live: bool,
    confirm: Option<String>,
}

/// Where the incident is played, and what keeps it running.
struct Stage {
    client: Client,
    host: String,
    alert: Option<AlertId>,
    block: Vec<(IndicatorType, String)>,
    pace: Duration,
    patience: Duration,
    _emulator: Option<Listening>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => return usage(&problem),
    };
    let stage = match stage(&options).await {
        Ok(stage) => stage,
        Err(problem) => return usage(&problem),
    };
    let mut evidence = Vec::new();
    match respond(&stage, options.release, &mut evidence).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&*error);
            show_all(&evidence);
            let isolated = evidence.iter().any(|action| action.action_type == ActionType::Isolate);
            let released =
                evidence.iter().any(|action| action.action_type == ActionType::Unisolate);
            if isolated && !released {
                eprintln!("\n{} stays isolated, by the service's records.", stage.host);
            }
            ExitCode::FAILURE
        }
    }
}

async fn respond(
    stage: &Stage,
    release: bool,
    evidence: &mut Vec<MachineAction>,
) -> Result<(), Problem> {
    let mut steps = 1..;
    let mut step = |what: &str| println!("\n{}  {what}", steps.next().unwrap_or_default());

    step(&format!("find {}", stage.host));
    let machine = stage.client.machines().by_name(&stage.host).await?;
    show_machine(&machine);
    let host = stage.client.machine(&machine.id);

    step("isolate it, fully");
    let action = host.isolate(IsolationType::Full, INCIDENT).await?;
    evidence.push(done(stage, action).await?);

    step("scan it");
    let action = host.scan(ScanType::Quick, INCIDENT).await?;
    evidence.push(done(stage, action).await?);

    if !stage.block.is_empty() {
        step("block its indicators");
        push_indicators(stage).await?;
    }

    if release {
        step("release it");
        let action = host.unisolate("INC-4711: host cleaned").await?;
        evidence.push(done(stage, action).await?);
    }

    if let Some(alert) = &stage.alert {
        step("comment on the alert and resolve it");
        resolve(stage, alert).await?;
    }

    show_all(evidence);
    let outcome = if release { "released" } else { "contained: its isolation succeeded" };
    println!("\n{} is {outcome}, by the service's records.", stage.host);
    Ok(())
}

/// Waits for the end of a submitted action, telling each change.
async fn done(stage: &Stage, submitted: Submitted) -> Result<MachineAction, Error> {
    println!("   {} as {}", submitted.disposition(), submitted.id());
    let began = Instant::now();
    let mut shown = String::new();
    let tell = move |action: &MachineAction| {
        let status = action.status.to_string();
        if status != shown {
            println!("   {:>5.1} s  {status}", began.elapsed().as_secs_f32());
            shown = status;
        }
    };
    submitted.wait().every(stage.pace).on_update(tell).within(stage.patience).await
}

/// Pushes the incident's indicators; each has to be accepted.
async fn push_indicators(stage: &Stage) -> Result<(), Error> {
    let new: Vec<_> = stage
        .block
        .iter()
        .map(|(kind, value)| {
            NewIndicator::new(kind.clone(), value, IndicatorAction::Block, "INC-4711", INCIDENT)
                .application("respond")
                .severity(Severity::High)
                .generate_alert(true)
        })
        .collect();
    for indicator in new {
        let stored = stage.client.indicators().create_or_update(indicator.clone()).await?;
        println!("   accepted as {}  {} {}", stored.id, stored.indicator_type, indicator.value());
    }
    println!("   they take effect within minutes to two days");
    Ok(())
}

async fn resolve(stage: &Stage, alert: &AlertId) -> Result<(), Problem> {
    let alert = stage.client.alert(alert);
    let comment = format!("INC-4711: {} isolated and scanned", stage.host);
    let commented = alert.comment(comment).await?;
    println!("   commented, as comment {}", commented.alert().comments.len());
    let update = AlertUpdate::new()
        .status(AlertStatus::Resolved)
        .classify(Classification::TruePositive, Determination::Malware);
    let updated = alert.update(update).await?;
    // An answer to an update may show the values from before; then it is read again.
    let shown = if updated.confirmed() { updated.into_alert() } else { alert.get().await? };
    println!("   {} is {}: {}", alert.id(), shown.status, shown.title.unwrap_or_default());
    match shown.status {
        AlertStatus::Resolved => Ok(()),
        other => Err(format!("the alert is shown as {other}, not as resolved").into()),
    }
}

fn show_machine(machine: &Machine) {
    let or_unknown = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
    println!("   {}  {}", machine.id, or_unknown(&machine.computer_dns_name));
    println!(
        "   {}, {}, {}, device value {}",
        or_unknown(&machine.os_platform),
        machine.onboarding_status,
        machine.health_status,
        or_unknown(&machine.device_value),
    );
    let seen = machine.last_seen.map_or("not told".to_owned(), |time| time.to_string());
    println!("   last full report {seen}");
}

fn show_all(evidence: &[MachineAction]) {
    if !evidence.is_empty() {
        println!("\nEvidence, by the service's records");
        evidence.iter().for_each(show_evidence);
    }
}

fn show_evidence(action: &MachineAction) {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
    let time = |time: Option<defender_response::Timestamp>| {
        time.map_or("–".to_owned(), |t| t.to_string())
    };
    println!(
        "   {:<17} {:<10} {} by {}",
        action.action_type,
        action.status,
        text(&action.scope),
        text(&action.requestor)
    );
    println!(
        "      {} → {}",
        time(action.creation_date_time_utc),
        time(action.last_update_date_time_utc)
    );
    println!("      {}", text(&action.requestor_comment));
}

fn report(error: &(dyn std::error::Error + 'static)) {
    eprintln!("\nNot done. {error}");
    let mut cause = error.source();
    while let Some(link) = cause {
        eprintln!("   because {link}");
        cause = link.source();
    }
    let reference = error.downcast_ref::<Error>().and_then(Error::reference);
    if let Some(reference) = reference {
        eprintln!("   its comment begins with [{reference}]");
    }
}

/// The emulator where nothing is set up; otherwise the tenant of the environment, if it is meant.
async fn stage(options: &Options) -> Result<Stage, String> {
    let filled = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let is_set_up = std::env::vars_os()
        .any(|(name, value)| name.to_string_lossy().starts_with("DEFENDER_") && !value.is_empty());
    if !is_set_up {
        if options.live || options.confirm.is_some() {
            return Err("--live needs a tenant, and no DEFENDER_* variable is set".to_owned());
        }
        return on_the_emulator(options)
            .await
            .map_err(|e| format!("the emulator can't start: {e}"));
    }

    // Both have to be there, so that what stands in AZURE_* is never acted on.
    let missing = |name| format!("some DEFENDER_* variable is set, and {name} isn't");
    let tenant = filled("DEFENDER_TENANT_ID").ok_or_else(|| missing("DEFENDER_TENANT_ID"))?;
    let application = filled("DEFENDER_CLIENT_ID").ok_or_else(|| missing("DEFENDER_CLIENT_ID"))?;
    let region = filled("DEFENDER_REGION").unwrap_or_else(|| "global".to_owned());
    let client = Client::from_env().map_err(|e| match e.source() {
        Some(cause) => format!("{e}: {cause}"),
        None => e.to_string(),
    })?;
    println!("tenant {tenant}, region {region} ({}), application {application}", client.base_url());

    let host = options.host.clone().ok_or("name the host with --host")?;
    let is_local = client.base_url().scheme() == "http";
    let is_meant = options.live && options.confirm.as_deref() == Some(&*host);
    if !is_local && !is_meant {
        return Err(format!("this would isolate {host} for real: say --live --confirm {host}"));
    }
    let is_tenant_meant = options.confirm_tenant.as_deref() == Some(&*tenant);
    if !is_local && !options.block.is_empty() && !is_tenant_meant {
        return Err(format!("this would block for all of {tenant}: say --confirm-tenant {tenant}"));
    }
    let (pace, patience) = if is_local { (200, 60) } else { (5_000, 1_800) };
    Ok(Stage {
        client,
        host,
        alert: options.alert.clone(),
        block: options.block.clone(),
        pace: Duration::from_millis(pace),
        patience: Duration::from_secs(patience),
        _emulator: None,
    })
}

async fn on_the_emulator(options: &Options) -> Result<Stage, Problem> {
    let emulator = Emulator::new();
    let listening = emulator.listen("127.0.0.1:0".parse()?).await?;
    println!(
        "On the emulator inside this program, since no DEFENDER_* is set: no tenant is touched."
    );
    let credential =
        ClientSecret::new(emulator.tenant_id(), emulator.client_id(), emulator.client_secret());
    let client = Client::builder(credential)
        .base_url(listening.base_url())
        .authority(listening.authority())
        .audience(emulator.audience())
        .build()?;
    let mut block = options.block.clone();
    if block.is_empty() {
        block.push((IndicatorType::DomainName, "c2.evil.example".to_owned()));
        block.push((IndicatorType::Url, "https://c2.evil.example/beacon?id=ws-042".to_owned()));
        block.push((IndicatorType::FileSha256, "5f".repeat(32)));
    }
    let host = options.host.clone().unwrap_or_else(|| "ws-042.corp.example".to_owned());
    let alert = match &options.alert {
        Some(alert) => Some(alert.clone()),
        None => newest_alert(&client, &host).await?,
    };
    Ok(Stage {
        client,
        host,
        alert,
        block,
        pace: Duration::from_millis(200),
        patience: Duration::from_secs(60),
        _emulator: Some(listening),
    })
}

async fn newest_alert(client: &Client, host: &str) -> Result<Option<AlertId>, Error> {
    let alerts = client.alerts().list(Filter::eq("status", "New")).all().await?;
    let of_host = |alert: &Alert| alert.computer_dns_name.as_deref() == Some(host);
    Ok(alerts.into_iter().rev().find(of_host).map(|alert| alert.id))
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        let mut value = || {
            let value = arguments.next().filter(|value| !value.starts_with("--"));
            value.ok_or(format!("{argument} needs a value"))
        };
        match argument.as_str() {
            "--host" => options.host = Some(value()?),
            "--confirm" => options.confirm = Some(value()?),
            "--confirm-tenant" => options.confirm_tenant = Some(value()?),
            "--alert" => {
                options.alert = Some(value()?.parse().map_err(|e| format!("--alert: {e}"))?);
            }
            "--block" => options.block.push(indicator(&value()?)?),
            "--release" => options.release = true,
            "--live" => options.live = true,
            "--help" | "-h" => {
                println!("{USAGE}");
                std::process::exit(0);
            }
            other => return Err(format!("{other:?} is no option")),
        }
    }
    Ok(options)
}

fn indicator(text: &str) -> Result<(IndicatorType, String), String> {
    let (kind, value) = text.split_once('=').ok_or("--block takes TYPE=VALUE")?;
    let kind = kind.parse().map_err(|e| format!("--block: {e}"))?;
    Ok((kind, value.to_owned()))
}

fn usage(problem: &str) -> ExitCode {
    eprintln!("respond: {problem}\n\n{USAGE}");
    ExitCode::from(2)
}
