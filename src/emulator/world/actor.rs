//! Others who act beside the client: an analyst in the portal, another application, the service itself.

use std::fmt;

use super::action::Kind;
use super::submit::{Submission, Submitted};
use super::{Scene, Tenant};
use crate::emulator::answer::Refusal;
use crate::emulator::switches::Duplicate;

/// Somebody else who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Actor {
    /// An analyst in the portal.
    Analyst,
    /// Another application, through the API.
    OtherApp,
    /// Automatic attack disruption. Whether the API shows what it does isn't known (switch
    /// `automatic_actions_listed`).
    Automatic,
}

/// What somebody else does to a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Act {
    /// Isolates it fully.
    Isolate,
    /// Isolates it, but for Outlook, Teams and Skype.
    IsolateSelectively,
    /// Releases it.
    Release,
    /// Scans it quickly.
    Scan,
    /// Restricts code execution.
    Restrict,
    /// Lifts the restriction.
    LiftRestriction,
}

/// What somebody else will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deed {
    pub(crate) actor: Actor,
    pub(crate) act: Act,
    pub(crate) machine: usize,
    pub(crate) comment: String,
}

/// The service turned down what somebody else wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActRefused(String);

impl ActRefused {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl From<Refusal> for ActRefused {
    fn from(refusal: Refusal) -> Self {
        Self(format!("{}: {}", refusal.code, refusal.message))
    }
}

impl fmt::Display for ActRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ActRefused {}

impl Actor {
    /// How records name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Analyst => "a.keller@corp.example",
            Self::OtherApp => "Vulnerability scanner connector",
            Self::Automatic => "Automation",
        }
    }

    fn source(self) -> &'static str {
        match self {
            Self::OtherApp => "PublicApi",
            Self::Analyst | Self::Automatic => "Portal",
        }
    }
}

impl Tenant {
    /// Carries out a deed; the number of the action that stands for it.
    pub(crate) fn act(&mut self, deed: Deed, scene: &mut Scene<'_>) -> Result<usize, Refusal> {
        let (kind, scope) = match deed.act {
            Act::Isolate => (Kind::Isolate, Some("Full")),
            Act::IsolateSelectively => (Kind::Isolate, Some("Selective")),
            Act::Release => (Kind::Unisolate, None),
            Act::Scan => (Kind::Scan, Some("Quick")),
            Act::Restrict => (Kind::Restrict, None),
            Act::LiftRestriction => (Kind::Unrestrict, None),
        };
        let wanted = Submission {
            kind,
            scope: scope.map(str::to_owned),
            comment: deed.comment,
            requestor: deed.actor.name().to_owned(),
            source: deed.actor.source(),
            external_id: None,
            duplicate: match scene.switches.duplicate_action {
                Duplicate::Stuck => Duplicate::SameAction,
                other => other,
            },
            stuck: false,
        };
        match self.submit(deed.machine, wanted, scene)? {
            Submitted::Running(number) => Ok(number),
            Submitted::New(number) => {
                let hidden =
                    deed.actor == Actor::Automatic && !scene.switches.automatic_actions_listed;
                if let Some(action) = self.actions.get_mut(number) {
                    action.unlisted = hidden;
                }
                Ok(number)
            }
        }
    }
}
