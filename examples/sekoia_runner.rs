//! The container of a Sekoia playbook module: the first argument is the action's docker parameter, its inputs are files, and
//! the outcome goes to a callback.
//!
//! ```text
//! sekoia_runner IsolateMachineAction [--folder /symphony] [--data /data] [--guard FILE] [--audit FILE]
//! ```
//! The folder holds `arguments`, `module_configuration`, `token` and `url_callback`, and `playbook_uuid`,
//! `playbook_run_uuid` and `node_run_uuid` where they are; a file that is missing is looked for as an environment
//! variable in capitals. `url_secrets` isn't needed, since the callback gives the secrets. Files that arguments name are in
//! the data folder, or in the folder of it that `sub_folder` names. Where the configuration holds no `app_secret`, it is asked
//! for with the first call of the callback. The token and the secret are only read from there, and never printed. Logs go to
//! stderr. What changes something is held against the rules of `--guard`, and written down in `--audit` or not done.
//!
//! Run and step are an idempotency key: a step that is run again finds what it submitted. SIGTERM ends it as
//! [`Runner::run_until`] says, and the outcome is told all the same. Exit status: 0 once the callback has
//! been told the outcome, whatever it is; 1 if it couldn't be; 2 for wrong usage, where there is nobody to be told.

use std::ffi::OsString;
use std::future::Future;
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use defender_response::playbook::{Request, Response, Runner, parse};
use defender_response::{Client, ClientSecret, Guard, JsonLines, Run};
use serde_json::{Map, Value, json};

/// The docker parameters, and the actions behind them.
const ACTIONS: [(&str, &str); 10] = [
    ("IsolateMachineAction", "isolate_endpoint"),
    ("UnIsolateMachineAction", "deisolate_endpoint"),
    ("ScanMachineAction", "scan"),
    ("RestrictCodeExecutionAction", "restrict_code_execution"),
    ("UnRestrictCodeExecutionAction", "unrestrict_code_execution"),
    ("GetMachineAction", "get_action_info"),
    ("CancelMachineAction", "cancel_machine_action"),
    ("UpdateAlertAction", "update_alert"),
    ("AddCommentToAlert", "comment_alert"),
    ("PushIndicatorsAction", "create_iocs_from_stix_bundle"),
];

/// How often the callback is tried, and for how long each time.
const TRIES: u32 = 5;
const ONE_TRY: Duration = Duration::from_secs(30);

/// Where the configuration says nothing else, as published.
const BASE_URL: &str = "https://api.securitycenter.microsoft.com";

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_max_level(tracing_subscriber::filter::LevelFilter::INFO)
        .with_ansi(false)
        .log_internal_errors(false)
        .init();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return wrong(&format!("no runtime: {error}")),
    };
    let status = runtime.block_on(run());
    // What still looks a name up would be waited for.
    runtime.shutdown_background();
    status
}

async fn run() -> ExitCode {
    let stop = match stop() {
        Ok(stop) => stop,
        Err(error) => return wrong(&format!("no signals: {error}")),
    };
    let (action, folder) = match usage(std::env::args_os().skip(1)) {
        Ok(usage) => usage,
        Err(what) => return wrong(&what),
    };
    let callback = match Callback::of(&folder) {
        Ok(callback) => callback,
        Err(what) => return wrong(&what),
    };
    let response = match carry_out(action, &folder, &callback, stop).await {
        Ok(response) => response,
        Err(what) => {
            let fault = defender_response::playbook::Fault::usage("configuration", what);
            Response::from(fault)
        }
    };
    match callback.patch(&finished(&response), true).await {
        Ok(_) => ExitCode::SUCCESS,
        Err(what) => {
            note(&format!("sekoia_runner: the outcome couldn't be told: {what}"));
            let _ = writeln!(io::stdout(), "{}", response.to_json());
            ExitCode::FAILURE
        }
    }
}

/// A line for people; whether anybody reads it doesn't matter.
fn note(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// What asks a container to end, which as its first process would pass it by.
#[cfg(unix)]
fn stop() -> io::Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminated = signal(SignalKind::terminate())?;
    Ok(async move {
        terminated.recv().await;
    })
}

#[cfg(not(unix))]
fn stop() -> io::Result<impl Future<Output = ()> + Send> {
    Ok(std::future::pending())
}

fn wrong(what: &str) -> ExitCode {
    let known: Vec<_> = ACTIONS.iter().map(|(parameter, _)| *parameter).collect();
    note(&format!(
        "sekoia_runner: {what}\n\nusage: sekoia_runner ACTION [--folder FOLDER] [--data FOLDER] [--guard FILE] [--audit FILE]\n\n  ACTION is one of {}",
        known.join(", ")
    ));
    ExitCode::from(2)
}

/// Where the inputs are.
struct Folder {
    inputs: PathBuf,
    data: PathBuf,
    guard: Option<PathBuf>,
    audit: Option<PathBuf>,
}

fn usage(mut arguments: impl Iterator<Item = OsString>) -> Result<(&'static str, Folder), String> {
    let mut folder =
        Folder { inputs: "/symphony".into(), data: "/data".into(), guard: None, audit: None };
    let wanted = arguments.next().ok_or("the action isn't named")?;
    let action = ACTIONS.iter().find(|(parameter, _)| wanted == *parameter);
    let (_, action) = action.ok_or_else(|| format!("{} is no action", wanted.display()))?;
    while let Some(option) = arguments.next() {
        let value =
            arguments.next().ok_or_else(|| format!("{} needs a value", option.display()))?;
        match option.to_str() {
            Some("--folder") => folder.inputs = value.into(),
            Some("--data") => folder.data = value.into(),
            Some("--guard") => folder.guard = Some(value.into()),
            Some("--audit") => folder.audit = Some(value.into()),
            _ => return Err(format!("{} is no option", option.display())),
        }
    }
    Ok((action, folder))
}

impl Folder {
    /// A file, or the environment variable with its name in capitals.
    fn text(&self, name: &str) -> Result<Option<String>, String> {
        let text = match std::fs::read_to_string(self.inputs.join(name)) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                std::env::var(name.to_uppercase()).ok()
            }
            Err(error) => return Err(format!("{name} can't be read: {error}")),
        };
        Ok(text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()))
    }

    fn needed(&self, name: &str) -> Result<String, String> {
        let missing = || {
            let folder = self.inputs.display();
            format!("there is no {name} in {folder}, and {} isn't set", name.to_uppercase())
        };
        self.text(name)?.ok_or_else(missing)
    }

    /// Where files are that arguments name.
    fn data(&self) -> Result<PathBuf, String> {
        let Some(inside) = self.text("sub_folder")? else { return Ok(self.data.clone()) };
        let is_plain = |part: Component| matches!(part, Component::Normal(_) | Component::CurDir);
        if Path::new(&inside).components().all(is_plain) {
            return Ok(self.data.join(inside));
        }
        Err("sub_folder leads out of the data folder".to_owned())
    }

    /// A client that keeps to the rules and writes down what it changes, where that was asked for.
    fn watched(&self, mut client: Client) -> Result<Client, String> {
        if let Some(file) = &self.guard {
            let wrong = |what: &dyn std::fmt::Display| format!("{}: {what}", file.display());
            let mut text = String::new();
            let read = std::fs::File::open(file)
                .and_then(|file| file.take(1024 * 1024).read_to_string(&mut text));
            read.map_err(|e| wrong(&e))?;
            let guard = Guard::from_json(&text).map_err(|e| wrong(&e))?;
            // A container that takes one step counts to one.
            if serde_json::to_value(&guard).is_ok_and(|guard| guard.get("at_most").is_some()) {
                return Err(wrong(
                    &"at_most has no effect here, since each step is a process of its own",
                ));
            }
            client = client.guarded(guard).map_err(|e| wrong(&e))?;
        }
        if let Some(file) = &self.audit {
            let log = JsonLines::append(file).map_err(|e| format!("{}: {e}", file.display()))?;
            client = client.audited(log.required());
        }
        Ok(client)
    }

    fn object(&self, name: &str) -> Result<Map<String, Value>, String> {
        // A reason may quote what is there, such as a secret's neighbour.
        match parse(self.needed(name)?.as_bytes()) {
            Ok(Value::Object(members)) => Ok(members),
            _ => Err(format!("{name} is no JSON object, or a member stands in it twice")),
        }
    }
}

async fn carry_out(
    action: &str,
    folder: &Folder,
    callback: &Callback,
    stop: impl Future<Output = ()> + Send,
) -> Result<Response, String> {
    let mut configuration = folder.object("module_configuration")?;
    let data = folder.data()?;
    let is_filled = |secret: &str| !secret.trim().is_empty();
    let secret = configuration.get("app_secret").and_then(Value::as_str);
    let needs_secrets = !secret.is_some_and(is_filled);
    let mut running = json!({ "status": "running" });
    if needs_secrets {
        running["need_secrets"] = true.into();
    }
    // A 409 is for a step that runs already; but without its secrets nothing can be done.
    let answer = callback.patch(&running, !needs_secrets).await?;
    if needs_secrets {
        let secrets = answer.pointer("/module_configuration/value").and_then(Value::as_object);
        let secrets = secrets.ok_or("the callback's answer holds no module_configuration")?;
        configuration.extend(secrets.clone());
    }
    let client = folder.watched(client(&configuration)?)?;
    let mut request = Request::new(action, folder.object("arguments")?.into());
    request.run = Some(Run {
        playbook_id: folder.text("playbook_uuid")?,
        execution_id: folder.text("playbook_run_uuid")?,
        step_id: folder.text("node_run_uuid")?,
        iteration: None,
    });
    Ok(Runner::new(client).data_folder(data).run_until(&request, stop).await)
}

/// The published configuration, and where a test stands in for the service the two other addresses.
fn client(configuration: &Map<String, Value>) -> Result<Client, String> {
    let text = |name: &str| configuration.get(name).and_then(Value::as_str).map(str::trim);
    let needed = |name: &str| {
        let filled = text(name).filter(|value| !value.is_empty());
        filled.ok_or_else(|| format!("the configuration has no {name}"))
    };
    let credential =
        ClientSecret::new(needed("tenant_id")?, needed("app_id")?, needed("app_secret")?);
    let mut builder = Client::builder(credential).base_url(needed("base_url").unwrap_or(BASE_URL));
    if let Some(authority) = text("authority") {
        builder = builder.authority(authority);
    }
    if let Some(audience) = text("audience") {
        builder = builder.audience(audience);
    }
    let client = builder.build().map_err(|e| e.to_string())?;
    Ok(client.queue_within(Duration::from_secs(300)))
}

/// What the platform is told at the end. The listed outputs are the results, with the whole beside them.
fn finished(response: &Response) -> Value {
    let mut results = match &response.result {
        Value::Object(result) => result.clone(),
        _ => Map::new(),
    };
    let envelope = [
        ("state", json!(response.state)),
        ("disposition", json!(response.disposition)),
        ("items", json!(response.items)),
        ("resume", json!(response.resume)),
    ];
    for (name, value) in envelope {
        if !value.is_null() {
            results.insert(name.to_owned(), value);
        }
    }
    let mut told = json!({ "status": "finished", "results": results });
    if let Some(error) = &response.error {
        let safe = if error.retry_safe { "safe to retry" } else { "not safe to retry" };
        told["error"] = format!("{}: {} ({safe})", error.code, error.message).into();
    }
    if !response.warnings.is_empty() {
        told["logs"] = response.warnings.iter().map(|w| format!("warning: {w}\n")).collect();
    }
    told
}

/// Where the outcome goes.
struct Callback {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Callback {
    fn of(folder: &Folder) -> Result<Self, String> {
        let (url, token) = (folder.needed("url_callback")?, folder.needed("token")?);
        let http = reqwest::Client::builder().timeout(ONE_TRY);
        let http = http.redirect(reqwest::redirect::Policy::none()).build();
        Ok(Self { http: http.map_err(|e| e.to_string())?, url, token })
    }

    /// Again after a failure that may pass. A 409, which says that the platform has it already or doesn't want it any more,
    /// may be as good as a success.
    async fn patch(&self, body: &Value, takes_409: bool) -> Result<Value, String> {
        let mut trouble = String::new();
        for attempt in 0..TRIES {
            if attempt > 0 {
                tokio::time::sleep(Duration::from_millis(200 << attempt)).await;
            }
            let request = self.http.patch(&self.url).bearer_auth(&self.token);
            let request = request.header("content-type", "application/json");
            let answer = match request.body(body.to_string()).send().await {
                Ok(answer) => answer,
                Err(error) => {
                    // Without the address, which may hold a secret.
                    trouble = error.without_url().to_string();
                    continue;
                }
            };
            let status = answer.status();
            if status.is_success() || (takes_409 && status.as_u16() == 409) {
                let text = answer.bytes().await.unwrap_or_default();
                return Ok(serde_json::from_slice(&text).unwrap_or(Value::Null));
            }
            trouble = format!("the callback answered {status}");
            let may_pass = status.is_server_error() || matches!(status.as_u16(), 408 | 429);
            if !may_pass {
                break;
            }
        }
        Err(trouble)
    }
}
