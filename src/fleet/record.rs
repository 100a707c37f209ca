//! What was done and what is left, as data.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::Verb;
use crate::actions::reference_of;
use crate::error::Error;
use crate::model::ActionStatus;
use crate::types::{ActionId, MachineId};

/// A fan-out as data: what became of each machine so far, and which are left. It holds no secret.
///
/// Store it when a fan-out stops, and go on with [`Client::resume_fan_out`](crate::Client::resume_fan_out).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FanOutRecord {
    /// The form of the record.
    #[serde(rename = "v")]
    pub(super) version: Version,
    /// The tenant.
    pub tenant: String,
    /// The application.
    pub app: String,
    /// The cloud.
    pub cloud: String,
    /// The key by which its submissions are found again ([`MachineHandle::keyed`](crate::MachineHandle::keyed)): with another one
    /// they would be made a second time.
    #[serde(deserialize_with = "run_key")]
    pub run: String,
    /// What is done.
    pub verb: Verb,
    /// Why, as auditors read it.
    pub comment: String,
    /// What became of the machines that are done with, in the order of their ends.
    pub done: Vec<Done>,
    /// Those with which nothing was begun, or of which nothing is known.
    pub left: Vec<MachineId>,
}

impl FanOutRecord {
    /// The machines that going on would deal with: those that are left, and those of which it is certain that nothing was
    /// done.
    pub fn open(&self) -> impl Iterator<Item = &MachineId> {
        let again = self.done.iter().filter(|done| done.nothing_done).map(|done| &done.machine);
        again.chain(&self.left)
    }
}

/// What became of one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Done {
    /// The machine.
    pub machine: MachineId,
    /// Its name, if it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How the submission came to its action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disposition: Option<String>,
    /// The action, to be waited for with [`Client::action`](crate::Client::action). Beside an error it is an earlier one of this
    /// fan-out, which was followed by its opposite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<ActionId>,
    /// How the action stood then: one that was found again may have been cancelled meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ActionStatus>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The reference by which a submission can be looked for whose outcome isn't known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Whether it is certain that nothing was submitted, by this run or by those before it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nothing_done: bool,
}

/// Whether it is a key as [`FanOut`](super::FanOut) makes them.
pub(super) fn check_run(run: &str) -> Result<(), Error> {
    if reference_of(&format!("[{run}] ")) == Some(run) {
        return Ok(());
    }
    let what =
        format!("the record's run isn't a key of a fan-out, such as dr-k3f9m2x7qa: {run:.40?}");
    Err(Error::invalid_input(what))
}

fn run_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let run = String::deserialize(deserializer)?;
    check_run(&run).map_err(D::Error::custom)?;
    Ok(run)
}

/// Another version is refused, since what it means isn't known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub(super) struct Version;

impl TryFrom<u32> for Version {
    type Error = String;

    fn try_from(number: u32) -> Result<Self, String> {
        if number == 1 { Ok(Self) } else { Err(format!("version {number} isn't known here")) }
    }
}

impl From<Version> for u32 {
    fn from(_: Version) -> Self {
        1
    }
}
