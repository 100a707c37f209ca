//! Who is meant, before anything is sent.

use std::collections::HashMap;
use std::fmt;

use super::Verb;
use crate::client::Client;
use crate::error::Result;
use crate::guard::may_be_server;
use crate::model::Machine;
use crate::types::MachineId;

/// More machines than these are looked up in the list of all.
const ONE_BY_ONE: usize = 20;

/// Who a fan-out is about: what a person should read before it begins.
///
/// Its `Display` names the servers, those of high value, and those on which nothing will be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FanOutSummary {
    /// How many machines it is about.
    pub machines: usize,
    /// Windows Server and Linux machines, by name, and those whose system isn't known as a client's.
    pub servers: Vec<String>,
    /// Machines whose `deviceValue` is `High`, by name.
    pub high_value: Vec<String>,
    /// Entries that were merged into another one, by name. Nothing is sent for them.
    pub merged: Vec<String>,
    /// Devices that aren't onboarded, by name, so that the action doesn't reach them. Nothing is sent for them.
    pub not_onboarded: Vec<String>,
    /// Those that the tenant doesn't list. The service is asked all the same.
    pub not_found: Vec<MachineId>,
}

/// What was found of a machine.
pub(super) struct Known {
    pub(super) name: String,
    /// Why nothing is done to it.
    pub(super) refusal: Option<String>,
}

/// Reads the machines, sends nothing else.
pub(super) async fn survey(
    client: &Client,
    verb: Verb,
    machines: &[MachineId],
) -> Result<(FanOutSummary, HashMap<MachineId, Known>)> {
    let mut summary = FanOutSummary { machines: machines.len(), ..FanOutSummary::default() };
    let mut known = HashMap::new();
    let mut found = read(client, machines).await?;
    for id in machines {
        let Some(machine) = found.remove(&key(id)) else {
            summary.not_found.push(id.clone());
            continue;
        };
        let refusal = verb.act_on(&machine).about_an_entry_that_is_none();
        let name = machine.computer_dns_name.unwrap_or_else(|| id.to_string());
        if may_be_server(machine.os_platform.as_deref().unwrap_or_default()) {
            summary.servers.push(name.clone());
        }
        if machine.device_value.is_some_and(|value| value.eq_ignore_ascii_case("high")) {
            summary.high_value.push(name.clone());
        }
        if machine.merged_into_machine_id.is_some() {
            summary.merged.push(name.clone());
        } else if refusal.is_some() {
            summary.not_onboarded.push(name.clone());
        }
        known.insert(id.clone(), Known { name, refusal });
    }
    Ok((summary, known))
}

async fn read(client: &Client, machines: &[MachineId]) -> Result<HashMap<String, Machine>> {
    let mut found = HashMap::new();
    if machines.len() <= ONE_BY_ONE {
        for id in machines {
            match client.machine(id).get().await {
                Ok(machine) => drop(found.insert(key(id), machine)),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        return Ok(found);
    }
    let wanted: std::collections::HashSet<_> = machines.iter().map(key).collect();
    let mut list = client.machines().list(None);
    while let Some(machine) = list.next().await {
        let machine = machine?;
        let key = key(&machine.id);
        if wanted.contains(&key) {
            found.insert(key, machine);
        }
    }
    Ok(found)
}

fn key(id: &MachineId) -> String {
    id.as_str().to_ascii_lowercase()
}

impl fmt::Display for FanOutSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} machines", self.machines)?;
        for (what, names) in [
            ("servers", &self.servers),
            ("high value", &self.high_value),
            ("merged into others, so left out", &self.merged),
            ("not onboarded, so left out", &self.not_onboarded),
        ] {
            if !names.is_empty() {
                write!(f, "; {what}: {}", names.join(", "))?;
            }
        }
        if !self.not_found.is_empty() {
            let ids: Vec<_> = self.not_found.iter().map(MachineId::as_str).collect();
            write!(f, "; not found: {}", ids.join(", "))?;
        }
        Ok(())
    }
}
