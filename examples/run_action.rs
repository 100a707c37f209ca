//! Calls one action for a playbook runner: JSON on stdin, one envelope of JSON on stdout, logs on stderr.
//!
//! ```text
//! echo '{"machine_id": "…", "comment": "INC-4711"}' | run_action isolate_endpoint --wait 600
//! run_action < envelope.json
//! ```
//! The tenant is set up by `DEFENDER_*`; nothing secret is taken from the command line. `run_action --help` has the options
//! and the exit statuses.

use std::error::Error as _;
use std::future::Future;
use std::io::{self, Read, Write};
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use defender_response::emulator::Emulator;
use defender_response::playbook::{
    Fault, Mode, Registry, Request, Response, Runner, WaitFor, parse, request_schema,
    response_schema,
};
use defender_response::{Client, ClientSecret, Guard, JsonLines};
use serde_json::{Value, json};

const USAGE: &str = "\
usage: run_action [NAME] [--wait SECONDS] [--plan] [--key KEY] [--guard FILE] [--audit FILE] [--data FOLDER]
                  [--require-approval] --emulator | (a tenant in DEFENDER_*) [--live]
       run_action --resume TOKEN [--wait SECONDS] --emulator | (a tenant in DEFENDER_*)
       run_action --list | --schema NAME | --schema request | --schema response

  NAME                the action; on stdin are its arguments, or an envelope. Without it, on stdin is an envelope
  --wait SECONDS      waits so long for the action's end
  --plan              shows what would be sent, and sends nothing
  --key KEY           an idempotency key
  --guard FILE        rules that whatever changes something is held against; at_most is refused, since each call is a
                      process of its own
  --audit FILE        a line of JSON before and after each change; what can't be written down isn't done
  --data FOLDER       the folder that the arguments' files are in
  --require-approval  refuses what changes something and isn't approved
  --emulator          on an emulator inside this program: no tenant is touched
  --live              changes something on a host that isn't this machine
  --resume TOKEN      goes on with an action that was submitted before
  --list              all actions
  --schema NAME       the JSON Schemas of an action's arguments and result, or of an envelope

exit status: 0 as asked (without a wait, submitted is), 1 internal, 2 usage or schema, 3 sign-in, 4 permission,
5 not found or ambiguous, 6 conflict, 7 throttled, 8 the action failed or was cancelled, 9 still running,
10 refused by guard or approval, 11 partly, 12 outcome unknown";

/// Longer input isn't read.
const LONGEST: u64 = 64 * 1024 * 1024;

#[derive(Default)]
#[allow(clippy::struct_excessive_bools)] // a flag each
struct Options {
    name: Option<String>,
    wait: Option<u32>,
    plan: bool,
    key: Option<String>,
    guard: Option<String>,
    audit: Option<String>,
    data: Option<String>,
    approval: bool,
    emulator: bool,
    live: bool,
    resume: Option<String>,
}

/// What is printed, and the status to end with.
struct Told(Value, u8);

fn main() -> ExitCode {
    // Where stderr is gone, logs are lost and nothing else is.
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_max_level(tracing_subscriber::filter::LevelFilter::INFO)
        .with_ansi(false)
        .log_internal_errors(false)
        .init();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let outcome = match &runtime {
        Ok(runtime) => runtime.block_on(Box::pin(told(std::env::args_os().skip(1)))),
        Err(error) => Err(internal(&format!("no runtime: {error}"))),
    };
    let Told(document, status) = outcome.unwrap_or_else(|fault| {
        note(&format!("run_action: {}", fault.message));
        failed(fault)
    });
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{document}").and_then(|()| out.flush());
    if let Ok(runtime) = runtime {
        // What still looks a name up would be waited for.
        runtime.shutdown_background();
    }
    match written {
        Ok(()) => ExitCode::from(status),
        Err(_) => ExitCode::from(if status == 0 { 1 } else { status }),
    }
}

/// A line for people; whether anybody reads it doesn't matter.
fn note(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn failed(fault: Fault) -> Told {
    let response = Response::from(fault);
    Told(json!(response), response.exit_status())
}

async fn told(arguments: impl Iterator<Item = std::ffi::OsString>) -> Result<Told, Fault> {
    let mut stop = pin!(stop().map_err(|e| internal(&format!("no signals: {e}")))?);
    let arguments: Vec<String> = arguments
        .map(|argument| argument.into_string().map_err(|_| wrong("an argument isn't Unicode text")))
        .collect::<Result<_, _>>()?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--help" | "-h"] => {
            note(USAGE);
            return Ok(Told(json!({ "usage": USAGE }), 0));
        }
        ["--list"] => return Ok(Told(json!(Registry::default().list().collect::<Vec<_>>()), 0)),
        ["--schema", "request"] => return Ok(Told(request_schema(), 0)),
        ["--schema", "response"] => return Ok(Told(response_schema(), 0)),
        ["--schema", name] => {
            let registry = Registry::default();
            let action = registry.get(name).ok_or_else(|| wrong(&format!("no action {name:?}")))?;
            let about = action.about();
            let schemas = json!({ "arguments": about.arguments, "result": about.result });
            return Ok(Told(schemas, 0));
        }
        _ => {}
    }
    let options = options(arguments.into_iter())?;
    let request = tokio::select! {
        request = request(&options) => request?,
        () = &mut stop => {
            let mut fault = internal("it was stopped before it was told what to do");
            (fault.code, fault.retry_safe) = ("interrupted".to_owned(), true);
            return Err(fault);
        }
    };
    let response = run(&options, &request, stop).await?;
    let status = response.exit_status();
    Ok(Told(json!(response), status))
}

fn wrong(what: &str) -> Fault {
    Fault::usage("usage", what)
}

fn internal(what: &str) -> Fault {
    Fault::new("internal", defender_response::playbook::Category::Internal, what)
}

async fn run(
    options: &Options,
    request: &Request,
    stop: impl Future<Output = ()> + Send,
) -> Result<Response, Fault> {
    let changes = Registry::default().get(&request.action).is_some_and(|a| a.about().changes);
    let mut client = client(options, changes && request.mode == Mode::Apply)?;
    if let Some(file) = &options.guard {
        let text = rules(file).map_err(|e| wrong(&format!("{file}: {e}")))?;
        let guard = Guard::from_json(&text).map_err(|e| wrong(&format!("{file}: {e}")))?;
        // A process that makes one call counts to one.
        if serde_json::to_value(&guard).is_ok_and(|guard| guard.get("at_most").is_some()) {
            let mut fault = wrong(&format!("{file}: at_most has no effect here"));
            fault.hint = Some(
                "each call is a process of its own, and limits count within one: take at_most out, and limit in the runner"
                    .to_owned(),
            );
            return Err(fault);
        }
        client = client.guarded(guard).map_err(|e| wrong(&e.to_string()))?;
    }
    if let Some(file) = &options.audit {
        let log = JsonLines::append(file).map_err(|e| wrong(&format!("{file}: {e}")))?;
        client = client.audited(log.required());
    }
    // A runner would rather be told than kept waiting.
    let mut runner = Runner::new(client.queue_within(Duration::from_secs(60)));
    if options.approval {
        runner = runner.require_approval();
    }
    if let Some(folder) = &options.data {
        runner = runner.data_folder(folder);
    }
    let mut response = runner.run_until(request, stop).await;
    if options.emulator {
        let what = "this was done on an emulator inside this program: no tenant was touched";
        response.warnings.insert(0, what.to_owned());
        // The emulator is gone with this program, and no token leads back to it.
        response.resume = None;
        if let Some(fault) = response.error.as_mut().filter(|fault| fault.code == "interrupted") {
            fault.hint = None;
        }
    }
    Ok(response)
}

/// A file of rules; a longer one is none.
fn rules(file: &str) -> io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(file)?.take(1024 * 1024).read_to_string(&mut text)?;
    Ok(text)
}

/// Ctrl-C, or what asks a process to end: listened for from now on.
#[cfg(unix)]
fn stop() -> io::Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupted, mut terminated) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    })
}

#[cfg(windows)]
fn stop() -> io::Result<impl Future<Output = ()> + Send> {
    let mut interrupted = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupted.recv().await;
    })
}

/// The emulator or the tenant of the environment, if it is meant.
fn client(options: &Options, changes: bool) -> Result<Client, Fault> {
    if options.emulator {
        let emulator = Emulator::new();
        note("On an emulator inside this program: no tenant is touched.");
        let secret =
            ClientSecret::new(emulator.tenant_id(), emulator.client_id(), emulator.client_secret());
        let client = Client::builder(secret).transport(emulator.transport());
        return client.build().map_err(|e| wrong(&e.to_string()));
    }
    // Both have to be there, so that what stands in AZURE_* is never acted on.
    let filled = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let needed = |name: &str| {
        filled(name).ok_or_else(|| wrong(&format!("--emulator wasn't said, and {name} isn't set")))
    };
    let (tenant, application) = (needed("DEFENDER_TENANT_ID")?, needed("DEFENDER_CLIENT_ID")?);
    let client = Client::from_env().map_err(|e| match e.source() {
        Some(cause) => wrong(&format!("{e}: {cause}")),
        None => wrong(&e.to_string()),
    })?;
    let base = client.base_url();
    note(&format!("tenant {tenant}, {base}, application {application}"));
    // The client takes http for this machine itself alone.
    if base.scheme() == "http" || !changes || options.live {
        return Ok(client);
    }
    Err(wrong(&format!("this would change something on {base}, tenant {tenant}: say --live")))
}

async fn request(options: &Options) -> Result<Request, Fault> {
    let mut request = if let Some(token) = &options.resume {
        Request::new("wait_for_action", json!({ "token": token }))
    } else {
        let (told, request) = tokio::sync::oneshot::channel();
        let name = options.name.clone();
        // A thread of its own, since a read of stdin can't be broken off.
        std::thread::spawn(move || drop(told.send(from_stdin(name.as_deref()))));
        request.await.map_err(|_| internal("stdin can't be read"))??
    };
    if let Some(max_seconds) = options.wait {
        request.wait = Some(WaitFor { max_seconds });
    }
    if options.plan {
        request.mode = Mode::Plan;
    }
    if let Some(key) = &options.key {
        request.idempotency_key = Some(key.as_str().into());
    }
    Ok(request)
}

/// An envelope, or where the action is named its arguments alone.
fn from_stdin(name: Option<&str>) -> Result<Request, Fault> {
    let mut text = Vec::new();
    let read = io::stdin().lock().take(LONGEST + 1).read_to_end(&mut text);
    read.map_err(|e| wrong(&format!("stdin can't be read: {e}")))?;
    if text.len() as u64 > LONGEST {
        return Err(wrong("stdin holds more than 64 MiB"));
    }
    let value =
        parse(&text).map_err(|e| wrong(&format!("what is on stdin isn't JSON: {}", e.message)))?;
    match name {
        Some(name) if value.get("schema_version").is_none() => Ok(Request::new(name, value)),
        _ => {
            let request: Request = serde_json::from_value(value)
                .map_err(|e| wrong(&format!("what is on stdin isn't an envelope: {e}")))?;
            match name.filter(|name| *name != request.action) {
                Some(name) => {
                    let what =
                        format!("the envelope is for {:?}, and not for {name}", request.action);
                    Err(wrong(&what))
                }
                None => Ok(request),
            }
        }
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, Fault> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        let mut value = || {
            let value = arguments.next().filter(|value| !value.starts_with("--"));
            value.ok_or_else(|| wrong(&format!("{argument} needs a value")))
        };
        match argument.as_str() {
            "--wait" => {
                let seconds = value()?;
                let seconds = seconds.parse();
                options.wait = Some(seconds.map_err(|_| wrong("--wait takes whole seconds"))?);
            }
            "--plan" => options.plan = true,
            "--key" => options.key = Some(value()?),
            "--guard" => options.guard = Some(value()?),
            "--audit" => options.audit = Some(value()?),
            "--data" => options.data = Some(value()?),
            "--require-approval" => options.approval = true,
            "--emulator" => options.emulator = true,
            "--live" => options.live = true,
            "--resume" => options.resume = Some(value()?),
            other if other.starts_with('-') => {
                return Err(wrong(&format!("{other:?} is no option, or doesn't stand alone")));
            }
            _ if options.name.is_some() => return Err(wrong("there is more than one action")),
            _ => options.name = Some(argument),
        }
    }
    match &options {
        Options { emulator: true, live: true, .. } => Err(wrong("--emulator or --live, not both")),
        Options { resume: Some(_), name: Some(_), .. } => {
            Err(wrong("--resume names its action itself"))
        }
        _ => Ok(options),
    }
}
