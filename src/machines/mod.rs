//! A machine, and what can be done to it. Each verb is one block: the operation as data, its wire call, its
//! method and what is known about it.

mod find;
mod get;
mod isolate;
mod restrict;
mod scan;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::actions::{Care, Comment, Submission, Submitted, submit};
use crate::client::Client;
use crate::error::{Error, Result};
use crate::model::{ActionType, MachineAction};
use crate::operation::{Call, Path};
pub use crate::reads::GetMachine;
use crate::reads::decode_action;
use crate::types::MachineId;

pub use find::{Find, FindMachinesByIp, FindMachinesByTag, ListMachines};
pub use isolate::{Isolate, IsolationType, Unisolate};
pub use restrict::{RestrictCodeExecution, UnrestrictCodeExecution};
pub use scan::{RunAntiVirusScan, ScanType};

impl Client {
    /// A handle on a machine, by its id. Nothing is sent until one of its methods is called.
    #[must_use]
    pub fn machine(&self, id: impl Into<MachineId>) -> MachineHandle {
        MachineHandle { client: self.clone(), id: id.into(), care: Care::default() }
    }

    /// The tenant's machines.
    #[must_use]
    pub fn machines(&self) -> Machines {
        Machines { client: self.clone() }
    }
}

/// A handle on one machine, and what can be done to it.
///
/// Each verb *submits* an action. That it is done is learnt by waiting for it:
///
/// ```no_run
/// # use defender_response::{IsolationType, MachineHandle};
/// # use std::time::Duration;
/// # async fn f(host: MachineHandle) -> defender_response::Result<()> {
/// let action = host.isolate(IsolationType::Full, "INC-4711: beaconing").await?;
/// action.wait().within(Duration::from_secs(600)).await?;
/// # Ok(()) }
/// ```
///
/// # What is guaranteed
///
/// | what | as long as |
/// |---|---|
/// | one submission is at most one request that takes effect | always |
/// | what another program or person has submitted is seen before, after each wait for quota anew, and not repeated | the list of machine actions shows it by then, and `without_lookup` isn't said |
/// | `Created` and `Adopted` are actions of this very submission | references are on, and the service keeps comments as they are sent |
/// | calls of one client and its clones don't submit the same twice to a machine | the list shows an action within half an hour, and `without_lookup` isn't said |
/// | ages and times are right to a second or two | answers carry `Date`; our own clock may be off |
///
/// Not guaranteed: two processes that look in the same moment both find nothing, and both submit. The service then answers
/// the second with the first one's action, with a refusal, or with a duplicate that stays pending; what each is told is
/// true of its own. An action that isn't found after a lost answer may show up later: for three minutes the client submits no
/// other of its kind to the machine, and takes no record of the opposite for the state. And no record shows what happens to a host locally.
#[derive(Clone, Debug)]
pub struct MachineHandle {
    client: Client,
    id: MachineId,
    care: Care,
}

impl MachineHandle {
    /// The machine's id.
    #[must_use]
    pub fn id(&self) -> &MachineId {
        &self.id
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn expected(&self) -> Option<&str> {
        self.care.expected.as_deref()
    }

    /// Submits although the machine is in that state already by the service's records, which don't show a local
    /// force-release or a re-image. An action under way still counts.
    ///
    /// ```no_run
    /// # async fn f(host: defender_response::MachineHandle) -> defender_response::Result<()> {
    /// use defender_response::IsolationType;
    /// let action = host.regardless().isolate(IsolationType::Full, "INC-4711: was released locally").await?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn regardless(mut self) -> Self {
        self.care.regardless = true;
        self
    }

    /// Submits without having looked at the machine's recent actions: for an application that may not read them. A
    /// duplicate isolation may then stay pending and fire after the release.
    #[must_use]
    pub fn without_lookup(mut self) -> Self {
        self.care.without_lookup = true;
        self
    }

    /// Knows what it submits by this key, in other processes too: the comment's reference is made of it, bound to tenant,
    /// machine, kind of action and arguments (scope and comment). A repeat finds the earlier action among the machine's by it
    /// and adopts it, however that ended; it isn't submitted again.
    ///
    /// What it can't do: a repeat that looks before the service lists the earlier action doesn't find it. So two processes
    /// that begin in the same moment may both submit. While the first one's action is under way the service answers with it
    /// or refuses, as a rule; a scan, and an isolation that it lets stay pending, it may record twice. And an action
    /// that the service no longer lists isn't found.
    ///
    /// ```no_run
    /// # async fn f(host: defender_response::MachineHandle) -> defender_response::Result<()> {
    /// use defender_response::IsolationType;
    /// let action = host.keyed("execution-42/step-3").isolate(IsolationType::Full, "INC-4711").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Of the verbs: [`is_superseded`](Error::is_superseded) when an earlier action of the key was followed by its
    /// opposite, [`is_conflict`](Error::is_conflict) when it was submitted with other arguments;
    /// [`is_configuration`](Error::is_configuration) where the tenant can't be told, or references are switched off.
    #[must_use]
    pub fn keyed(mut self, key: impl Into<String>) -> Self {
        self.care.key = Some(key.into());
        self
    }

    /// Acts only if the machine has this name: the full one, or its first label. For an id that came from elsewhere.
    ///
    /// The machine is read before each action, which takes `Machine.Read.All`. An entry that was merged into another one is
    /// refused too, and so is a device that isn't onboarded, except for containing and releasing it.
    ///
    /// ```no_run
    /// # async fn f(host: defender_response::MachineHandle) -> defender_response::Result<()> {
    /// use defender_response::IsolationType;
    /// let action = host.expecting("ws-042.corp.example").isolate(IsolationType::Full, "INC-4711").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Of the verbs: [`is_guarded`](Error::is_guarded) when it is another machine.
    #[must_use]
    pub fn expecting(mut self, name: impl Into<String>) -> Self {
        self.care.expected = Some(name.into());
        self
    }

    async fn submit<O: Submission>(&self, operation: O) -> Result<Submitted> {
        submit(&self.client, &self.care, operation).await
    }
}

/// The tenant's machines, from [`Client::machines`].
#[derive(Clone, Debug)]
pub struct Machines {
    client: Client,
}

/// What the verbs share: an answer about another machine or another kind of action tells nothing of ours.
fn submitted(machine: &MachineId, kind: &ActionType, body: &[u8]) -> Result<MachineAction> {
    let action = decode_action(body)?;
    let other_kind = !action.action_type.as_str().is_empty() && action.action_type != *kind;
    let other_machine = action
        .machine_id
        .as_ref()
        .is_some_and(|id| !id.as_str().eq_ignore_ascii_case(machine.as_str()));
    if other_kind || other_machine {
        return Err(Error::unusable_answer(format!(
            "the answer is about something else: {} of machine {}",
            action.action_type,
            action.machine_id.as_ref().map_or("unnamed", MachineId::as_str),
        )));
    }
    Ok(action)
}

/// What the verbs share: `POST /api/machines/{id}/{verb}` with a comment and, for some, how far it goes.
fn submission(
    machine: &MachineId,
    verb: &str,
    comment: &Comment,
    scope: Option<(&str, &str)>,
) -> Result<Call> {
    let path = Path::new(["machines", machine.as_str(), verb])?;
    let body = Body { comment: &comment.render()?, scope };
    Ok(Call::new(machine.as_str(), path).json(&body)?.referring(comment.reference()))
}

struct Body<'a> {
    comment: &'a str,
    scope: Option<(&'a str, &'a str)>,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("Comment", self.comment)?;
        if let Some((name, value)) = self.scope {
            members.serialize_entry(name, value)?;
        }
        members.end()
    }
}
