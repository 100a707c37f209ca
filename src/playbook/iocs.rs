//! The actions on the indicators of a STIX feed.

use std::fs::File;
use std::io::Read;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::action::{About, Action, Job, Outcome, object, value};
use super::envelope::{Category, Fault, State};
use super::fault::Effect;
use crate::error::Error;
use crate::indicators::{ImportIndicators, ListIndicators};
use crate::model::{IndicatorAction, Severity};
use crate::operation::Operation;
use crate::stix::{Fate, Plan, PlanOptions, PushReport, SourceOutcome, plan};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["stix_objects_path"]}, {"required": ["stix_objects"]}]))]
struct IocArguments {
    /// A file with the objects: a bundle, a list, or one a line.
    #[serde(default)]
    stix_objects_path: Option<String>,
    /// The objects themselves: a bundle or a list.
    #[serde(default)]
    stix_objects: Option<Objects>,
    /// For links to the objects.
    #[serde(default)]
    sekoia_base_url: Option<String>,
    /// What is done where an indicator is seen.
    action: IocAction,
    /// Of alerts.
    #[serde(default)]
    severity: Option<IocSeverity>,
    /// Whether an alert is raised.
    #[serde(default)]
    generate_alert: Option<bool>,
    /// Which feed it is: what another owner pushed isn't touched.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    owner: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["stix_objects_path"]}, {"required": ["stix_objects"]}]))]
struct SyncArguments {
    /// A file with the objects: a bundle, a list, or one a line.
    #[serde(default)]
    stix_objects_path: Option<String>,
    /// The objects themselves: a bundle or a list.
    #[serde(default)]
    stix_objects: Option<Objects>,
    /// For links to the objects.
    #[serde(default)]
    sekoia_base_url: Option<String>,
    /// What is done where an indicator is seen.
    action: IocAction,
    /// Of alerts.
    #[serde(default)]
    severity: Option<IocSeverity>,
    /// Whether an alert is raised.
    #[serde(default)]
    generate_alert: Option<bool>,
    /// Which feed it is: what another owner pushed isn't touched.
    #[schemars(length(min = 1, max = 100))]
    owner: String,
    /// How many deletions are let pass.
    #[serde(default)]
    allow_deletes: Option<u32>,
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
    fn plan(&self, job: &Job<'_>) -> Result<Plan, Fault> {
        let options = self.options();
        let feed: Box<dyn Read> = match (&self.stix_objects_path, &self.stix_objects) {
            (Some(path), None) => {
                let path = job.file(path)?;
                let opened = File::open(&path).map_err(|e| unreadable(&path.display(), &e))?;
                Box::new(opened)
            }
            (None, Some(objects)) => {
                Box::new(std::io::Cursor::new(value(objects).to_string().into_bytes()))
            }
            _ => {
                let what = "the arguments: one of stix_objects_path and stix_objects is needed, and not both";
                return Err(Fault::usage("invalid_arguments", what));
            }
        };
        plan(feed, &options).map_err(|error| {
            Fault::usage("invalid_feed", format!("the STIX objects can't be read: {error}"))
        })
    }
}

fn unreadable(path: &dyn std::fmt::Display, error: &std::io::Error) -> Fault {
    Fault::usage("invalid_arguments", format!("{path}: {error}"))
}

/// What the file holds, so that an approval isn't for another feed.
fn approved_with(job: &Job<'_>) -> Result<Vec<u8>, Fault> {
    let Some(named) = job.arguments.get("stix_objects_path").and_then(Value::as_str) else {
        return Ok(Vec::new());
    };
    let path = job.file(named)?;
    let unreadable = |error| unreadable(&path.display(), &error);
    let mut file = File::open(&path).map_err(unreadable)?;
    let (mut hash, mut piece) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        match file.read(&mut piece).map_err(unreadable)? {
            0 => return Ok(hash.finalize().to_vec()),
            length => hash.update(piece.get(..length).unwrap_or_default()),
        }
    }
}

/// What became of a feed, in numbers; `items` has what became of each source.
#[derive(Debug, Serialize, JsonSchema)]
struct PushOutput {
    /// The hash of the plan.
    plan_hash: String,
    /// Whether the whole feed was read.
    feed_complete: bool,
    /// What the plan has, in numbers.
    planned: Map<String, Value>,
    /// What became of it, in numbers.
    summary: Map<String, Value>,
}

/// What a feed comes to; `items` has what becomes of each source.
#[derive(Debug, Serialize, JsonSchema)]
struct PlanOutput {
    /// The hash of the plan.
    plan_hash: String,
    /// Whether the whole feed was read.
    feed_complete: bool,
    /// What the plan has, in numbers.
    planned: Map<String, Value>,
}

fn pushed(job: &Job<'_>, plan: &Plan, outcome: Result<PushReport, Error>) -> Outcome {
    let report = match outcome {
        Ok(report) => report,
        // Only where nothing was changed.
        Err(error) => {
            let mut told = Outcome::failed(&error, Effect::Idempotent);
            told.state = State::Rejected;
            return told;
        }
    };
    let result = PushOutput {
        plan_hash: plan.hash().clone(),
        feed_complete: plan.is_complete(),
        planned: object(plan.counts()),
        summary: object(&report.summary()),
    };
    let mut told = if job.plan {
        Outcome::planned(value(&result), "would_send")
    } else {
        Outcome::done(&result)
    };
    told.items = Some(report.sources().iter().map(value).collect());
    let outcomes = || report.sources().iter().map(|source| source.outcome);
    let open = outcomes().filter(|outcome| !outcome.is_fine()).count();
    let unknown = outcomes().filter(|outcome| *outcome == SourceOutcome::Unknown).count();
    if report.is_complete() {
        return told;
    }
    let partly = outcomes().any(|o| o.is_fine() && o != SourceOutcome::Skipped);
    let why = report.error().map(|error| format!(": {error}")).unwrap_or_default();
    let what = format!("of {} sources {open} aren't as they should be{why}", outcomes().count());
    let (code, category, state) = match (partly, unknown) {
        (false, 1..) => ("outcome_unknown", Category::Unknown, State::Unknown),
        (true, 1..) => ("partly", Category::Partly, State::Unknown),
        (true, 0) => ("partly", Category::Partly, State::Failed),
        (false, 0) => ("failed", Category::ActionFailed, State::Failed),
    };
    let mut fault = Fault::new(code, category, what);
    fault.hint = Some(
        "items tell of each source what became of it; the same can be pushed again".to_owned(),
    );
    // What is there as it should be isn't sent again.
    fault.retry_safe = true;
    (told.state, told.error) = (state, Some(fault));
    told
}

fn noted(plan: &Plan, mut told: Outcome) -> Outcome {
    if !plan.is_complete() {
        told.warnings.push("the feed goes on in another page, which isn't here".to_owned());
    }
    told
}

pub(super) struct CreateIocs;

#[async_trait]
impl Action for CreateIocs {
    fn about(&self) -> About {
        About::new::<IocArguments, PushOutput>(
            "create_iocs_from_stix_bundle",
            "Push indicators",
            "Creates and updates the indicators of STIX objects, and deletes ours of what is revoked or expired. Each object \
             is accounted for in `items`.",
        )
        .role(ImportIndicators::SPEC.roles)
        .changing(Effect::Idempotent)
    }

    fn approved_with(&self, job: &Job<'_>) -> Result<Vec<u8>, Fault> {
        approved_with(job)
    }

    async fn act(&self, job: Job<'_>) -> Outcome {
        let read = job.arguments::<IocArguments>();
        let (arguments, plan) = match read.and_then(|a| Ok((a.plan(&job)?, a))) {
            Ok((plan, arguments)) => (arguments, plan),
            Err(fault) => return Outcome::rejected(fault),
        };
        let indicators = job.client.indicators();
        let mut push = indicators.push(&plan);
        if let Some(owner) = arguments.owner {
            push = push.owner(owner);
        }
        let outcome = if job.plan { push.dry_run().await } else { push.await };
        noted(&plan, pushed(&job, &plan, outcome))
    }
}

pub(super) struct SyncIocs;

#[async_trait]
impl Action for SyncIocs {
    fn about(&self) -> About {
        About::new::<SyncArguments, PushOutput>(
            "sync_iocs_from_stix_bundle",
            "Bring indicators in line with a feed",
            "Pushes a feed, and deletes what is its owner's and isn't in the feed any more.",
        )
        .role(ImportIndicators::SPEC.roles)
        .changing(Effect::Idempotent)
    }

    fn approved_with(&self, job: &Job<'_>) -> Result<Vec<u8>, Fault> {
        approved_with(job)
    }

    async fn act(&self, job: Job<'_>) -> Outcome {
        let read = job.arguments::<SyncArguments>();
        let (owner, allowed, arguments) = match read {
            Ok(a) => (a.owner.clone(), a.allow_deletes, IocArguments::from(a)),
            Err(fault) => return Outcome::rejected(fault),
        };
        let plan = match arguments.plan(&job) {
            Ok(plan) => plan,
            Err(fault) => return Outcome::rejected(fault),
        };
        let indicators = job.client.indicators();
        let mut sync = indicators.sync(&plan, owner);
        if let Some(n) = allowed {
            sync = sync.allow_deletes(usize::try_from(n).unwrap_or(usize::MAX));
        }
        let outcome = if job.plan { sync.dry_run().await } else { sync.await };
        noted(&plan, pushed(&job, &plan, outcome))
    }
}

pub(super) struct PlanIocs;

#[async_trait]
impl Action for PlanIocs {
    fn about(&self) -> About {
        About::new::<IocArguments, PlanOutput>(
            "plan_iocs_from_stix_bundle",
            "Plan indicators",
            "What STIX objects come to as indicators, and why the rest doesn't. Nothing is sent, and the tenant isn't looked at.",
        )
        .role(ListIndicators::SPEC.roles)
    }

    async fn act(&self, job: Job<'_>) -> Outcome {
        let read = job.arguments::<IocArguments>();
        let plan = match read.and_then(|arguments| arguments.plan(&job)) {
            Ok(plan) => plan,
            Err(fault) => return Outcome::rejected(fault),
        };
        let mut told = Outcome::done(&PlanOutput {
            plan_hash: plan.hash().clone(),
            feed_complete: plan.is_complete(),
            planned: object(plan.counts()),
        });
        let item = |source: &crate::stix::Source| match &source.fate {
            Fate::Planned(places) => {
                let planned = places.iter().filter_map(|at| plan.indicators().get(*at));
                let values: Vec<_> = planned
                    .map(|p| json!({ "type": p.indicator_type, "value": p.value }))
                    .collect();
                json!({ "id": source.id, "outcome": "planned", "indicators": values })
            }
            Fate::Withdrawn { cause, .. } => {
                let cause = format!("{cause:?}").to_lowercase();
                json!({ "id": source.id, "outcome": "withdrawn", "reason": cause })
            }
            Fate::Skipped(skip) => {
                json!({ "id": source.id, "outcome": "skipped", "reason": skip.to_string() })
            }
        };
        told.items = Some(plan.sources().iter().map(item).collect());
        noted(&plan, told)
    }
}
