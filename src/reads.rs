//! The two reads that everything else rests on: one machine, and one machine action.

use http::Method;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::model::{ActionStatus, ActionType, Machine, MachineAction};
use crate::operation::{Call, Operation, Path, Spec, read_object};
use crate::types::{ActionId, MachineId, is_machine_id};

/// Reads one machine, by its id or its name
/// ([documentation](https://learn.microsoft.com/defender-endpoint/api/get-machine-by-id)).
///
/// Permission `Machine.Read.All` or `Machine.ReadWrite.All`; quota 100 a minute, 1,500 an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetMachine {
    key: String,
}

impl GetMachine {
    /// A read by id.
    #[must_use]
    pub fn by_id(machine: &MachineId) -> Self {
        Self { key: machine.as_str().to_owned() }
    }

    /// A read by host name.
    #[must_use]
    pub fn by_name(name: impl Into<String>) -> Self {
        Self { key: name.into().trim().to_owned() }
    }
}

impl Operation for GetMachine {
    type Output = Machine;
    const SPEC: &'static Spec = &Spec::new(
        "get_machine",
        Method::GET,
        "/machines/{}",
        &["Machine.Read.All", "Machine.ReadWrite.All"],
    );

    fn call(&self) -> Result<Call> {
        let path = Path::new(["machines", &self.key])?;
        Ok(Call::new(&self.key, path))
    }

    fn decode(&self, body: &[u8]) -> Result<Machine> {
        let machine: Machine = read_object(body)?;
        let asked_by_id = is_machine_id(&self.key);
        if machine.id.as_str().is_empty() {
            return Err(Error::unusable_answer("the answer is a machine without an id"));
        }
        if asked_by_id && !machine.id.as_str().eq_ignore_ascii_case(&self.key) {
            let what = format!("the answer is about another machine, {}", machine.id);
            return Err(Error::unusable_answer(what));
        }
        Ok(machine)
    }
}

/// Reads one machine action
/// ([documentation](https://learn.microsoft.com/defender-endpoint/api/get-machineaction-object)).
///
/// Permission `Machine.Read.All` or `Machine.ReadWrite.All`; quota 100 a minute, 1,500 an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetMachineAction {
    /// The action.
    pub action: ActionId,
}

impl GetMachineAction {
    /// A read of `action`.
    #[must_use]
    pub fn new(action: ActionId) -> Self {
        Self { action }
    }
}

impl Operation for GetMachineAction {
    type Output = MachineAction;
    const SPEC: &'static Spec = &Spec::new(
        "get_machine_action",
        Method::GET,
        "/machineactions/{}",
        &["Machine.Read.All", "Machine.ReadWrite.All"],
    );

    fn call(&self) -> Result<Call> {
        let path = Path::new(["machineactions", self.action.as_str()])?;
        Ok(Call::new(self.action.as_str(), path))
    }

    fn decode(&self, body: &[u8]) -> Result<MachineAction> {
        about(&self.action, decode_action(body)?)
    }
}

/// A machine action that can be held on to: one without an id can't, however well it parses.
///
/// Where the whole can't be read, what matters is: an action was created, and this is its id.
pub(crate) fn decode_action(body: &[u8]) -> Result<MachineAction> {
    #[derive(Deserialize)]
    struct Essence {
        id: ActionId,
        #[serde(rename = "type", default)]
        action_type: ActionType,
        #[serde(default)]
        status: ActionStatus,
    }
    let action: MachineAction = read_object(body).or_else(|unreadable| {
        let essence: Essence = read_object(body).map_err(|_| unreadable)?;
        Ok::<_, Error>(MachineAction::new(essence.id, essence.action_type, essence.status))
    })?;
    if action.id.as_str().is_empty() {
        return Err(Error::unusable_answer("the answer is a machine action without an id"));
    }
    Ok(action)
}

/// An answer about another action than the one that was asked for is no answer.
pub(crate) fn about(asked: &ActionId, action: MachineAction) -> Result<MachineAction> {
    if action.id.as_str().eq_ignore_ascii_case(asked.as_str()) {
        return Ok(action);
    }
    Err(Error::unusable_answer(format!("the answer is about another action, {}", action.id)))
}
