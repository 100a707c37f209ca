//! The actions on the indicators of a STIX feed.

mod feed;
mod pushed;
mod told;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use self::feed::{Empty, IocArguments, SyncArguments, approved_with};
use self::pushed::{PushOutput, deletions, pushed};
use self::told::{noted, planned};
use super::action::{About, Action, Job, Outcome, object};
use super::envelope::{Fault, not_approved};
use super::fault::Effect;
use crate::error::Error;
use crate::indicators::{ImportIndicators, ListIndicators};
use crate::operation::Operation;

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

pub(super) struct CreateIocs;

#[async_trait]
impl Action for CreateIocs {
    fn about(&self) -> About {
        About::new::<IocArguments, PushOutput>(
            "create_iocs_from_stix_bundle",
            "Push indicators",
            "Creates and updates the indicators of STIX objects, and deletes ours of what is revoked or expired. Each object \
             is accounted for in `items`, and each value that is deleted.",
        )
        .role(ImportIndicators::SPEC.roles)
        .changing(Effect::Idempotent)
    }

    fn approved_with(&self, job: &Job<'_>) -> Result<Vec<u8>, Fault> {
        approved_with(job)
    }

    async fn act(&self, job: Job<'_>) -> Outcome {
        let read = job.arguments::<IocArguments>();
        let (arguments, feed) = match read.and_then(|a| Ok((a.plan(&job, Empty::Nothing)?, a))) {
            Ok((feed, arguments)) => (arguments, feed),
            Err(fault) => return Outcome::rejected(fault),
        };
        let indicators = job.client.with_reference(feed.plan.hash()).indicators();
        let mut push = indicators.push(&feed.plan);
        if let Some(owner) = arguments.owner {
            push = push.owner(owner);
        }
        let outcome = if job.plan { push.dry_run().await } else { push.await };
        noted(&feed, pushed(&job, &feed, outcome))
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
        let feed = match arguments.plan(&job, Empty::Refused) {
            Ok(feed) => feed,
            Err(fault) => return Outcome::rejected(fault),
        };
        let indicators = job.client.with_reference(feed.plan.hash()).indicators();
        let mut sync = indicators.sync(&feed.plan, owner);
        let allowed = allowed.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        // What came since the approved plan isn't deleted by it.
        let approved = job.leave.map(deletions);
        if let Some(n) = approved.into_iter().chain(allowed).min() {
            sync = sync.allow_deletes(n);
        }
        let outcome = if job.plan { sync.dry_run().await } else { sync.await };
        // Everything else that a sync refuses it refuses when it is planned.
        if job.leave.is_some() && outcome.as_ref().is_err_and(Error::is_conflict) {
            return Outcome::rejected(not_approved(
                "it would delete more by now than the approved plan; nothing was changed",
            ));
        }
        noted(&feed, pushed(&job, &feed, outcome))
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
        let feed = match read.and_then(|arguments| arguments.plan(&job, Empty::Nothing)) {
            Ok(feed) => feed,
            Err(fault) => return Outcome::rejected(fault),
        };
        let plan = &feed.plan;
        let mut told = Outcome::done(&PlanOutput {
            plan_hash: plan.hash(),
            feed_complete: feed.is_complete(),
            planned: object(plan.counts()),
        });
        let sources = plan.sources().iter();
        told.items = Some(sources.map(|source| planned(plan, source)).collect());
        noted(&feed, told)
    }
}
