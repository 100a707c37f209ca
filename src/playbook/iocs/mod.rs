//! The actions on the indicators of a STIX feed.

mod feed;
mod pushed;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use self::feed::{IocArguments, SyncArguments, approved_with};
use self::pushed::{PushOutput, deletions, pushed};
use super::action::{About, Action, Job, Outcome, object};
use super::envelope::Fault;
use super::fault::Effect;
use crate::indicators::{ImportIndicators, ListIndicators};
use crate::operation::Operation;
use crate::stix::{Fate, Plan};

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
        let allowed = allowed.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        // What came since the approved plan isn't deleted by it.
        let approved = job.leave.map(deletions);
        if let Some(n) = approved.into_iter().chain(allowed).min() {
            sync = sync.allow_deletes(n);
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
