//! A feed as the arguments name it, read once: what is planned is what was hashed.

use std::fs::File;
use std::io::{self, Cursor, Read};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::model::{IndicatorAction, Severity};
use crate::playbook::action::{Job, value};
use crate::playbook::envelope::{Fault, not_approved};
use crate::playbook::form;
use crate::stix::{FeedError, Plan, PlanOptions, Trouble, plan};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = ["stix_objects_path", "stix_objects"].map(form::given)))]
pub(super) struct IocArguments {
    /// A file with the objects: a bundle, a list, or one a line.
    #[serde(default, deserialize_with = "form::filled")]
    #[schemars(transform = form::may_be_empty)]
    stix_objects_path: Option<String>,
    /// The objects themselves: a bundle or a list.
    #[serde(default, deserialize_with = "form::filled")]
    #[schemars(transform = form::may_be_empty)]
    stix_objects: Option<Objects>,
    /// For links to the objects.
    #[serde(default, deserialize_with = "form::filled")]
    #[schemars(transform = form::may_be_empty)]
    sekoia_base_url: Option<String>,
    /// What is done where an indicator is seen.
    action: IocAction,
    /// Of alerts.
    #[serde(default, deserialize_with = "form::filled")]
    #[schemars(transform = form::may_be_empty)]
    severity: Option<IocSeverity>,
    /// Whether an alert is raised.
    #[serde(default)]
    generate_alert: Option<bool>,
    /// Which feed it is: what another owner pushed isn't touched.
    #[serde(default, deserialize_with = "form::filled")]
    #[schemars(length(max = 100), regex(pattern = r"^\S(.*\S)?$"), transform = form::may_be_empty)]
    pub(super) owner: Option<String>,
}

// The same, and the owner has to be there. What is flattened couldn't refuse unknown members.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = ["stix_objects_path", "stix_objects"].map(form::given)))]
pub(super) struct SyncArguments {
    /// A file with the objects: a bundle, a list, or one a line.
    #[serde(default, deserialize_with = "form::filled")]
    #[schemars(transform = form::may_be_empty)]
    stix_objects_path: Option<String>,
    /// The objects themselves: a bundle or a list.
    #[serde(default, deserialize_with = "form::filled")]
    #[schemars(transform = form::may_be_empty)]
    stix_objects: Option<Objects>,
    /// For links to the objects.
    #[serde(default, deserialize_with = "form::filled")]
    #[schemars(transform = form::may_be_empty)]
    sekoia_base_url: Option<String>,
    /// What is done where an indicator is seen.
    action: IocAction,
    /// Of alerts.
    #[serde(default, deserialize_with = "form::filled")]
    #[schemars(transform = form::may_be_empty)]
    severity: Option<IocSeverity>,
    /// Whether an alert is raised.
    #[serde(default)]
    generate_alert: Option<bool>,
    /// Which feed it is: what another owner pushed isn't touched.
    #[schemars(length(max = 100), regex(pattern = r"^\S(.*\S)?$"))]
    pub(super) owner: String,
    /// How many deletions are let pass.
    #[serde(default, deserialize_with = "form::maybe_whole")]
    pub(super) allow_deletes: Option<u32>,
}

/// Objects inline.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
enum Objects {
    /// A list.
    List(Vec<Map<String, Value>>),
    /// A bundle.
    Bundle(Map<String, Value>),
}

/// What is done where an indicator is seen.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
enum IocAction {
    Warn,
    Block,
    Audit,
    Alert,
    AlertAndBlock,
    BlockAndRemediate,
    Allowed,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
enum IocSeverity {
    Informational,
    Low,
    Medium,
    High,
}

impl From<SyncArguments> for IocArguments {
    fn from(sync: SyncArguments) -> Self {
        Self {
            stix_objects_path: sync.stix_objects_path,
            stix_objects: sync.stix_objects,
            sekoia_base_url: sync.sekoia_base_url,
            action: sync.action,
            severity: sync.severity,
            generate_alert: sync.generate_alert,
            owner: Some(sync.owner),
        }
    }
}

impl IocArguments {
    fn options(&self) -> PlanOptions {
        let mut options = PlanOptions::new(match self.action {
            IocAction::Warn => IndicatorAction::Warn,
            IocAction::Block => IndicatorAction::Block,
            IocAction::Audit => IndicatorAction::Audit,
            IocAction::Alert => IndicatorAction::Alert,
            IocAction::AlertAndBlock => IndicatorAction::AlertAndBlock,
            IocAction::BlockAndRemediate => IndicatorAction::BlockAndRemediate,
            IocAction::Allowed => IndicatorAction::Allowed,
        });
        if let Some(severity) = self.severity {
            options = options.severity(match severity {
                IocSeverity::Informational => Severity::Informational,
                IocSeverity::Low => Severity::Low,
                IocSeverity::Medium => Severity::Medium,
                IocSeverity::High => Severity::High,
            });
        }
        if let Some(alert) = self.generate_alert {
            options = options.generate_alert(alert);
        }
        if let Some(base) = self.sekoia_base_url.as_deref().filter(|url| !url.trim().is_empty()) {
            options = options.sekoia_base_url(base);
        }
        options
    }

    /// The plan of the feed, which is read to its end or as far as it can be.
    pub(super) fn plan(&self, job: &Job<'_>, empty: Empty) -> Result<Feed, Fault> {
        let options = self.options();
        let wants_no_alert = self.generate_alert == Some(false);
        let whole = |plan: Plan| {
            let is_empty = plan.is_complete() && plan.counts().objects == 0;
            Feed { plan, is_empty, wants_no_alert }
        };
        let invalid = |error: &dyn std::fmt::Display| {
            Fault::usage("invalid_feed", format!("the STIX objects can't be read: {error}"))
        };
        let path = match (&self.stix_objects_path, &self.stix_objects) {
            (Some(path), None) => path,
            (None, Some(objects)) => {
                let feed = Cursor::new(value(objects).to_string().into_bytes());
                return match plan(feed, &options) {
                    Err(error) => nothing_in_it(error, empty == Empty::Nothing)
                        .map(|plan| Feed { is_empty: true, ..whole(plan) })
                        .map_err(|error| invalid(&error)),
                    Ok(plan) => Ok(whole(plan)),
                };
            }
            _ => {
                let what = "the arguments: one of stix_objects_path and stix_objects is needed, and not both";
                return Err(Fault::usage("invalid_arguments", what));
            }
        };
        let (file, unreadable) = open(job, path)?;
        let mut feed = Hashed { file, hash: Sha256::new(), is_blank: true };
        let planned = plan(&mut feed, &options);
        if job.approved.is_some_and(|approved| !approved.is_empty()) {
            io::copy(&mut feed, &mut io::sink()).map_err(unreadable)?;
            let hash = feed.hash.finalize();
            if job.approved != Some(&*hash) {
                return Err(changed(path));
            }
        }
        match planned {
            Err(error) => nothing_in_it(error, empty == Empty::Nothing && !feed.is_blank)
                .map(|plan| Feed { is_empty: true, ..whole(plan) })
                .map_err(|error| invalid(&error)),
            Ok(plan) => Ok(whole(plan)),
        }
    }
}

/// What a list or a bundle without objects is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Empty {
    /// Nothing to do.
    Nothing,
    /// A mistake, since all there is would be deleted.
    Refused,
}

/// A feed that was read.
pub(super) struct Feed {
    pub(super) plan: Plan,
    /// It is a list or a bundle without objects.
    pub(super) is_empty: bool,
    /// It was said that no alerts are to be raised.
    pub(super) wants_no_alert: bool,
}

impl Feed {
    /// Whether the whole feed was read.
    pub(super) fn is_complete(&self) -> bool {
        self.is_empty || self.plan.is_complete()
    }
}

/// The plan of a feed without objects, where that is let pass.
fn nothing_in_it(error: FeedError, is_let_pass: bool) -> Result<Plan, FeedError> {
    if !is_let_pass || error.trouble() != Trouble::Empty {
        return Err(error);
    }
    error.plan().cloned().ok_or(error)
}

fn changed(path: &str) -> Fault {
    let what = format!("{path}: it isn't what it was when it was looked at for its plan_id");
    let mut fault = not_approved(&what);
    fault.hint = Some("let the file be written to its end, and have its plan approved".to_owned());
    fault
}

/// A file, and how it is told that it can't be read.
fn open(job: &Job<'_>, named: &str) -> Result<(File, impl Fn(io::Error) -> Fault), Fault> {
    let path = job.file(named)?;
    let shown = path.display().to_string();
    let unreadable = move |error| Fault::usage("invalid_arguments", format!("{shown}: {error}"));
    // What isn't a file may never come to its end, or to its beginning.
    let opened = std::fs::metadata(&path).and_then(|about| {
        if about.is_file() {
            File::open(&path)
        } else {
            Err(io::Error::other("it is no regular file"))
        }
    });
    match opened {
        Ok(file) => Ok((file, unreadable)),
        Err(error) => Err(unreadable(error)),
    }
}

/// What the file holds, so that an approval isn't for another feed.
pub(super) fn approved_with(job: &Job<'_>) -> Result<Vec<u8>, Fault> {
    let Some(named) = job.arguments.get("stix_objects_path").and_then(Value::as_str) else {
        return Ok(Vec::new());
    };
    let (file, unreadable) = open(job, named)?;
    let mut feed = Hashed { file, hash: Sha256::new(), is_blank: true };
    io::copy(&mut feed, &mut io::sink()).map_err(unreadable)?;
    Ok(feed.hash.finalize().to_vec())
}

/// A file with the hash of what was read of it.
struct Hashed {
    file: File,
    hash: Sha256,
    /// There is nothing in it but white space.
    is_blank: bool,
}

impl Read for Hashed {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(piece)?;
        let read = piece.get(..length).unwrap_or_default();
        self.is_blank &= read.trim_ascii().is_empty();
        self.hash.update(read);
        Ok(length)
    }
}
