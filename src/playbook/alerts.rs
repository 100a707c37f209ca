//! The actions on an alert.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::action::{About, Action, Job, Outcome, object};
use super::envelope::Fault;
use super::fault::Effect;
use super::form;
use super::machines::would_send;
use crate::alerts::{AlertUpdate, GetAlert, UpdateAlert, UpdatedAlert};
use crate::error::Result;
use crate::model::{Alert, AlertStatus, Classification, Determination};
use crate::operation::Operation;
use crate::types::AlertId;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CommentArguments {
    /// The alert's id.
    #[schemars(length(max = 200), regex(pattern = r"^[0-9A-Za-z_-]+$"))]
    alert_id: String,
    /// The comment.
    #[schemars(length(min = 1, max = 1000), regex(pattern = r"\S"))]
    comment: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("anyOf" =
    ["status", "classification", "determination", "comment", "owner"].map(form::given)))]
struct UpdateArguments {
    /// The alert's id.
    #[schemars(length(max = 200), regex(pattern = r"^[0-9A-Za-z_-]+$"))]
    alert_id: String,
    /// Where it stands.
    #[serde(default, deserialize_with = "form::filled")]
    #[schemars(transform = form::may_be_empty)]
    status: Option<Status>,
    /// What it turned out to be.
    #[serde(default, deserialize_with = "form::filled")]
    #[schemars(transform = form::may_be_empty)]
    classification: Option<Class>,
    /// What lies behind that; it has to go with the classification.
    #[serde(default, deserialize_with = "form::filled")]
    #[schemars(transform = form::may_be_empty)]
    determination: Option<Reason>,
    /// A comment.
    #[serde(default, deserialize_with = "form::filled")]
    #[schemars(transform = form::may_be_empty)]
    #[schemars(length(min = 1, max = 1000), regex(pattern = r"\S"))]
    comment: Option<String>,
    /// Who works on it. Left empty, that stays as it is.
    #[serde(default, deserialize_with = "form::filled")]
    #[schemars(transform = form::may_be_empty)]
    #[schemars(length(max = 320))]
    owner: Option<String>,
}

/// Enumerations as they are written, each name of which is the model's.
macro_rules! names {
    ($(#[$doc:meta])* $name:ident => $model:ident { $($variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
        enum $name { $($variant),+ }

        impl From<$name> for $model {
            fn from(name: $name) -> Self {
                match name { $($name::$variant => Self::$variant),+ }
            }
        }
    };
}

names!(
    /// Where an alert stands.
    Status => AlertStatus { New, InProgress, Resolved }
);
names!(
    /// What an alert turned out to be.
    Class => Classification { TruePositive, FalsePositive, InformationalExpectedActivity }
);
names!(
    /// What lies behind a classification.
    Reason => Determination {
        MultiStagedAttack,
        MaliciousUserActivity,
        CompromisedUser,
        Malware,
        Phishing,
        UnwantedSoftware,
        SecurityTesting,
        LineOfBusinessApplication,
        ConfirmedActivity,
        NotMalicious,
        InsufficientData,
        Other,
    }
);

/// An alert: the outputs that playbooks know, and the whole.
#[derive(Debug, Serialize, JsonSchema)]
struct AlertOutput {
    /// The alert's id.
    id: String,
    /// Its title.
    title: Option<String>,
    /// What it is about.
    description: Option<String>,
    /// Where it stands.
    status: String,
    /// What it turned out to be.
    classification: Option<String>,
    /// What lies behind that.
    determination: Option<String>,
    /// Its category.
    category: Option<String>,
    /// The alert as the service has it.
    alert: Map<String, Value>,
}

fn show(alert: &Alert) -> AlertOutput {
    AlertOutput {
        id: alert.id.to_string(),
        title: alert.title.clone(),
        description: alert.description.clone(),
        status: alert.status.to_string(),
        classification: alert.classification.as_ref().map(ToString::to_string),
        determination: alert.determination.as_ref().map(ToString::to_string),
        category: alert.category.clone(),
        alert: object(alert),
    }
}

fn alert_id(text: &str) -> Result<AlertId, Fault> {
    text.parse().map_err(|error| Fault::usage("invalid_arguments", format!("alert_id: {error}")))
}

async fn update(job: &Job<'_>, id: &str, update: AlertUpdate) -> Outcome {
    let id = match alert_id(id) {
        Ok(id) => id,
        Err(fault) => return Outcome::rejected(fault),
    };
    let update = match job.key {
        Some(key) => update.keyed(key),
        None => update,
    };
    let operation = UpdateAlert::new(id.clone(), update.clone());
    let effect = match operation.safety() {
        crate::operation::Safety::Once => Effect::Once,
        _ => Effect::Idempotent,
    };
    let updated = match job.client.alert(&id).update(update).await {
        Ok(updated) => updated,
        Err(error) if error.is_dry_run() => return would_send(job, &operation),
        Err(error) => return Outcome::failed(&error, effect),
    };
    shown(job, &updated).await
}

async fn shown(job: &Job<'_>, updated: &UpdatedAlert) -> Outcome {
    if job.plan {
        let there = serde_json::json!({ "would_send": [], "there": show(updated.alert()) });
        return Outcome::planned(there, "adopted");
    }
    // An answer may show the values from before.
    let read = if updated.confirmed() {
        None
    } else {
        job.client.alert(&updated.alert().id).get().await.ok()
    };
    let mut told = Outcome::done(&show(read.as_ref().unwrap_or(updated.alert())));
    if updated.is_adopted() {
        told.disposition = Some("adopted".to_owned());
        told.warnings.push(
            "nothing was sent: the alert was updated under this idempotency key before; it is shown as it is now".to_owned(),
        );
    } else if !updated.confirmed() && read.is_none() {
        told.warnings.push("the answer doesn't show what was set: read the alert again".to_owned());
    }
    told
}

pub(super) struct UpdateOneAlert;

#[async_trait]
impl Action for UpdateOneAlert {
    fn about(&self) -> About {
        About::new::<UpdateArguments, AlertOutput>(
            "update_alert",
            "Update an alert",
            "Sets an alert's status, classification and determination, owner, and adds a comment: at least one of them.",
        )
        .role(UpdateAlert::SPEC.roles)
        .role(GetAlert::SPEC.roles)
        .changing(Effect::Once)
    }

    async fn act(&self, job: Job<'_>) -> Outcome {
        let arguments = match job.arguments::<UpdateArguments>() {
            Ok(arguments) => arguments,
            Err(fault) => return Outcome::rejected(fault),
        };
        let mut wanted = AlertUpdate::new();
        if let Some(status) = arguments.status {
            wanted = wanted.status(status.into());
        }
        if let Some(class) = arguments.classification {
            wanted = wanted.classification(class.into());
        }
        if let Some(reason) = arguments.determination {
            wanted = wanted.determination(reason.into());
        }
        if let Some(comment) = arguments.comment {
            wanted = wanted.comment(comment);
        }
        if let Some(owner) = arguments.owner {
            wanted = wanted.assigned_to(owner);
        }
        update(&job, &arguments.alert_id, wanted).await
    }
}

pub(super) struct CommentAlert;

#[async_trait]
impl Action for CommentAlert {
    fn about(&self) -> About {
        About::new::<CommentArguments, AlertOutput>(
            "comment_alert",
            "Comment on an alert",
            "Adds a comment to an alert. Comments can't be removed.",
        )
        .role(UpdateAlert::SPEC.roles)
        .role(GetAlert::SPEC.roles)
        .changing(Effect::Once)
    }

    async fn act(&self, job: Job<'_>) -> Outcome {
        match job.arguments::<CommentArguments>() {
            Ok(arguments) => {
                let wanted = AlertUpdate::new().comment(arguments.comment);
                update(&job, &arguments.alert_id, wanted).await
            }
            Err(fault) => Outcome::rejected(fault),
        }
    }
}
