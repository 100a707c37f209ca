//! Pushes the indicators of a STIX feed, and tells of each what became of it.
//!
//! ```text
//! cargo run --example push_stix -- feed.json --plan                  # what would be pushed; no tenant is needed
//! cargo run --example push_stix -- feed.json --emulator              # on the emulator inside this program
//! cargo run --example push_stix -- feed.json --live --confirm TENANT # for real, on the tenant in DEFENDER_*
//! ```
//! Exit status: 0 if all that the plan says is so by the service's answers (or the plan is of a whole feed, with `--plan`), 1
//! if something isn't, 2 for wrong usage.

use std::error::Error as _;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::process::ExitCode;

use defender_response::emulator::Emulator;
use defender_response::model::{IndicatorAction, Severity};
use defender_response::stix::{self, Fate, Plan, PlanOptions, Progress, PushReport};
use defender_response::{Client, ClientSecret, Error};
use serde_json::{Value, json};

const USAGE: &str = "\
usage: push_stix FILE|- [--action ACTION] [--severity SEVERITY] [--generate-alert] [--source-name NAME]
                 [--sekoia-base-url URL] [--json]
                 --plan | --emulator | (a tenant in DEFENDER_*) [--live --confirm TENANT]
                 [--owner NAME] [--sync [--allow-deletes N]] [--dry-run]

  FILE               a bundle, a list of objects, one object, one a line, or a TAXII envelope; - is stdin
  --action ACTION    Block (unless said), BlockAndRemediate, Warn, Audit or Allowed
  --severity S       Informational, Low, Medium or High
  --generate-alert   raises an alert where an indicator is seen
  --source-name N    the feed's name, put before titles
  --sekoia-base-url  the base of links to the objects, such as https://app.sekoia.io
  --json             a line of JSON for each source, and one with the summary
  --plan             shows what would be pushed, and needs no tenant
  --emulator         pushes to the emulator inside this program
  --live             pushes to a real tenant, set up by DEFENDER_TENANT_ID, DEFENDER_CLIENT_ID,
                     DEFENDER_CLIENT_SECRET (or _FILE) and DEFENDER_REGION
  --confirm TENANT   with --live: the tenant's id once more
  --owner NAME       tells feeds of one tenant apart
  --sync             deletes also what is the owner's and isn't in the feed any more
  --allow-deletes N  with --sync: lets so many be deleted
  --dry-run          looks at the tenant and changes nothing";

#[allow(clippy::struct_excessive_bools)] // a flag each
#[derive(Default)]
struct Options {
    file: Option<String>,
    action: Option<IndicatorAction>,
    severity: Option<Severity>,
    generate_alert: bool,
    source_name: Option<String>,
    base_url: Option<String>,
    json: bool,
    plan: bool,
    emulator: bool,
    live: bool,
    confirm: Option<String>,
    owner: Option<String>,
    sync: bool,
    allow_deletes: Option<usize>,
    dry_run: bool,
}

/// What ends the program before its end, and the status to tell it by.
struct Problem(u8, String);

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(Problem(status, what)) => {
            eprintln!("push_stix: {what}");
            if status == 2 {
                eprintln!("\n{USAGE}");
            }
            ExitCode::from(status)
        }
    }
}

/// Whether all is as it should be.
async fn run() -> Result<bool, Problem> {
    let options = options(std::env::args().skip(1)).map_err(|what| Problem(2, what))?;
    // Whom it would be sent to comes first, so that a mistake costs nothing.
    let client = if options.plan { None } else { Some(client(&options)?) };
    let (plan, whole) = plan(&options)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let Some(client) = client else {
        let told = if options.json {
            lines(&mut out, &planned(&plan))
        } else {
            write!(out, "{}", plan.table())
        };
        told.and_then(|()| out.flush()).map_err(|e| unwritten(&e))?;
        return Ok(whole);
    };
    drop(out);
    let outcome = push(&client, &plan, &options).await;
    let mut out = BufWriter::new(io::stdout().lock());
    let told = match &outcome {
        Ok(report) if options.json => lines(&mut out, &pushed(&plan, report)),
        Ok(report) => write!(out, "{report}"),
        Err(error) if options.json => lines(&mut out, &not_sent(&plan, error)),
        Err(_) => Ok(()),
    };
    told.and_then(|()| out.flush()).map_err(|e| unwritten(&e))?;
    match outcome {
        Ok(report) => Ok(whole && report.is_complete()),
        Err(error) => {
            let cause = error.source().map(|cause| format!(", because {cause}"));
            let cause = cause.unwrap_or_default();
            Err(Problem(1, format!("nothing was changed: {error}{cause}")))
        }
    }
}

fn unwritten(error: &io::Error) -> Problem {
    Problem(1, format!("the outcome can't be written: {error}"))
}

async fn push(client: &Client, plan: &Plan, options: &Options) -> Result<PushReport, Error> {
    let mut bar = Bar::default();
    let tell = move |progress: &Progress| bar.show(progress);
    let indicators = client.indicators();
    if options.sync {
        let owner = options.owner.clone().unwrap_or_default();
        let mut sync = indicators.sync(plan, owner).progress(tell);
        if let Some(n) = options.allow_deletes {
            sync = sync.allow_deletes(n);
        }
        return if options.dry_run { sync.dry_run().await } else { sync.await };
    }
    let mut push = indicators.push(plan).progress(tell);
    if let Some(owner) = &options.owner {
        push = push.owner(owner);
    }
    if options.dry_run { push.dry_run().await } else { push.await }
}

/// A bar on a terminal; nothing elsewhere.
#[derive(Default)]
struct Bar {
    shown: bool,
}

impl Bar {
    fn show(&mut self, progress: &Progress) {
        const WIDTH: usize = 40;
        if !io::stderr().is_terminal() {
            return;
        }
        let Progress { phase, done, total, .. } = *progress;
        let full = (done * WIDTH).checked_div(total).unwrap_or(WIDTH);
        let bar = "#".repeat(full) + &"·".repeat(WIDTH - full);
        eprint!("\r[{bar}] {done}/{total} {:<12}", format!("{phase:?}").to_lowercase());
        self.shown = true;
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.shown {
            eprintln!();
        }
    }
}

/// The plan of the feed, and whether it is of a whole one.
fn plan(options: &Options) -> Result<(Plan, bool), Problem> {
    let action = options.action.clone().unwrap_or(IndicatorAction::Block);
    let mut wanted = PlanOptions::new(action);
    if let Some(severity) = &options.severity {
        wanted = wanted.severity(severity.clone());
    }
    if options.generate_alert {
        wanted = wanted.generate_alert(true);
    }
    if let Some(name) = &options.source_name {
        wanted = wanted.source_name(name);
    }
    if let Some(url) = &options.base_url {
        wanted = wanted.sekoia_base_url(url);
    }
    let file = options.file.as_deref().unwrap_or_default();
    let feed: Box<dyn Read> = match file {
        "-" => Box::new(io::stdin().lock()),
        file => {
            let opened = File::open(file).map_err(|e| Problem(2, format!("{file}: {e}")))?;
            Box::new(opened)
        }
    };
    let error = match stix::plan(feed, &wanted) {
        Ok(plan) => {
            let whole = plan.is_complete();
            if !whole {
                eprintln!("The feed goes on in another page, which isn't here.");
            }
            return Ok((plan, whole));
        }
        Err(error) => error,
    };
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    let what = format!("{file}: {error}{cause}");
    match error.into_plan() {
        Some(plan) if !plan.sources().is_empty() => {
            eprintln!("{what}");
            Ok((plan, false))
        }
        Some(_) => Err(Problem(1, what)),
        None => Err(Problem(2, what)),
    }
}

fn lines(out: &mut impl Write, lines: &[Value]) -> io::Result<()> {
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}

/// What a plan says of each source.
fn planned(plan: &Plan) -> Vec<Value> {
    let line = |source: &stix::Source| {
        let (outcome, reason) = match &source.fate {
            Fate::Planned(_) => ("planned", left_out(source)),
            Fate::Withdrawn { cause, .. } => {
                ("withdrawn", Some(format!("{cause:?}").to_lowercase()))
            }
            Fate::Skipped(skip) => ("skipped", Some(skip.to_string())),
            _ => ("other", None),
        };
        told(plan, source, outcome, reason.as_deref())
    };
    let mut lines: Vec<_> = plan.sources().iter().map(line).collect();
    lines.push(json!({"summary": {
        "feed_complete": plan.is_complete(), "hash": plan.hash(), "counts": plan.counts(),
    }}));
    lines
}

fn left_out(source: &stix::Source) -> Option<String> {
    let first = source.left_out.first()?;
    Some(format!("some alternatives are left out, first {}: {}", first.reason, first.detail))
}

/// What became of each source.
fn pushed(plan: &Plan, report: &PushReport) -> Vec<Value> {
    let both = plan.sources().iter().zip(report.sources());
    let line = |(source, result): (&stix::Source, &stix::SourceResult)| {
        told(plan, source, result.outcome.as_str(), result.reason.as_deref())
    };
    let mut lines: Vec<_> = both.map(line).collect();
    let mut summary = json!(report.summary());
    summary["feed_complete"] = plan.is_complete().into();
    lines.push(json!({"summary": summary}));
    lines
}

/// What became of each source where nothing was changed.
fn not_sent(plan: &Plan, error: &Error) -> Vec<Value> {
    let line = |source: &stix::Source| match &source.fate {
        Fate::Skipped(skip) => told(plan, source, "skipped", Some(&skip.to_string())),
        _ => told(plan, source, "not_sent", Some(&error.to_string())),
    };
    let mut lines: Vec<_> = plan.sources().iter().map(line).collect();
    lines.push(json!({"summary": {
        "complete": false, "feed_complete": plan.is_complete(), "error": error.to_string(),
    }}));
    lines
}

fn told(plan: &Plan, source: &stix::Source, outcome: &str, reason: Option<&str>) -> Value {
    let indicator = |kind: &dyn std::fmt::Display, value: &str| json!({"type": kind.to_string(), "value": value});
    let indicators: Vec<_> = match &source.fate {
        Fate::Planned(places) => {
            let planned = places.iter().filter_map(|at| plan.indicators().get(*at));
            planned.map(|p| indicator(&p.indicator_type, &p.value)).collect()
        }
        Fate::Withdrawn { withdrawals, .. } => {
            let withdrawn = withdrawals.iter().filter_map(|at| plan.withdrawals().get(*at));
            withdrawn.map(|w| indicator(&w.indicator_type, &w.value)).collect()
        }
        _ => Vec::new(),
    };
    json!({"source": source.id, "outcome": outcome, "reason": reason, "indicators": indicators})
}

/// The emulator or the tenant of the environment, if it is meant.
fn client(options: &Options) -> Result<Client, Problem> {
    let wrong = |what: String| Problem(2, what);
    if options.emulator {
        let emulator = Emulator::new();
        eprintln!("On the emulator inside this program: no tenant is touched.");
        let secret =
            ClientSecret::new(emulator.tenant_id(), emulator.client_id(), emulator.client_secret());
        let client = Client::builder(secret).transport(emulator.transport());
        return client.build().map_err(|e| wrong(e.to_string()));
    }
    // Both have to be there, so that what stands in AZURE_* is never acted on.
    let filled = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let needed = |name: &str| {
        let missing = format!("neither --plan nor --emulator was said, and {name} isn't set");
        filled(name).ok_or_else(|| wrong(missing))
    };
    let (tenant, application) = (needed("DEFENDER_TENANT_ID")?, needed("DEFENDER_CLIENT_ID")?);
    let region = filled("DEFENDER_REGION").unwrap_or_else(|| "global".to_owned());
    let client = Client::from_env().map_err(|e| match e.source() {
        Some(cause) => wrong(format!("{e}: {cause}")),
        None => wrong(e.to_string()),
    })?;
    eprintln!(
        "tenant {tenant}, region {region} ({}), application {application}",
        client.base_url()
    );
    // The client takes http for this machine itself alone.
    let is_local = client.base_url().scheme() == "http";
    let is_meant = options.live && options.confirm.as_deref() == Some(&*tenant);
    if is_local || is_meant || options.dry_run {
        return Ok(client);
    }
    Err(wrong(format!("this would push to {tenant} for real: say --live --confirm {tenant}")))
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        let mut value = || {
            let value = arguments.next().filter(|value| !value.starts_with("--"));
            value.ok_or(format!("{argument} needs a value"))
        };
        let wrong = |e: defender_response::ParseError| format!("{argument}: {e}");
        match argument.as_str() {
            "--action" => options.action = Some(value()?.parse().map_err(wrong)?),
            "--severity" => options.severity = Some(value()?.parse().map_err(wrong)?),
            "--generate-alert" => options.generate_alert = true,
            "--source-name" => options.source_name = Some(value()?),
            "--sekoia-base-url" => options.base_url = Some(value()?),
            "--json" => options.json = true,
            "--plan" => options.plan = true,
            "--emulator" => options.emulator = true,
            "--live" => options.live = true,
            "--confirm" => options.confirm = Some(value()?),
            "--owner" => options.owner = Some(value()?),
            "--sync" => options.sync = true,
            "--allow-deletes" => {
                let n = value()?;
                let n = n.parse().map_err(|_| format!("--allow-deletes: {n:?} is no number"))?;
                options.allow_deletes = Some(n);
            }
            "--dry-run" => options.dry_run = true,
            "--help" | "-h" => {
                println!("{USAGE}");
                std::process::exit(0);
            }
            other if other.starts_with("--") => return Err(format!("{other:?} is no option")),
            _ if options.file.is_some() => return Err("there is more than one file".to_owned()),
            _ => options.file = Some(argument),
        }
    }
    let refuse = |what: &str| Err(what.to_owned());
    match &options {
        Options { file: None, .. } => refuse("no file is named; - is stdin"),
        Options { plan: true, emulator: true, .. } | Options { plan: true, live: true, .. } => {
            refuse("--plan sends nothing, so it goes with neither --emulator nor --live")
        }
        Options { emulator: true, live: true, .. } => refuse("--emulator or --live, not both"),
        Options { sync: true, owner: None, .. } => refuse("--sync needs --owner"),
        Options { sync: false, allow_deletes: Some(_), .. } => {
            refuse("--allow-deletes goes with --sync")
        }
        _ => Ok(options),
    }
}
