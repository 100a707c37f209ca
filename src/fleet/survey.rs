//! Who is meant, before anything is sent.

use std::collections::HashMap;
use std::fmt;

use crate::client::Client;
use crate::error::Result;
use crate::guard::is_server;
use crate::model::Machine;
use crate::types::MachineId;

/// More machines than these are looked up in the list of all.
const ONE_BY_ONE: usize = 20;

/// Who a fan-out is about: what a person should read before it begins.
///
/// Its `Display` names the servers, those of high value, and those that can't be found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FanOutSummary {
    /// How many machines it is about.
    pub machines: usize,
    /// Windows Server and Linux machines, by name.
    pub servers: Vec<String>,
    /// Machines whose `deviceValue` is `High`, by name.
    pub high_value: Vec<String>,
    /// Those that the tenant doesn't list.
    pub not_found: Vec<MachineId>,
}

pub(super) type Names = HashMap<MachineId, String>;

/// Reads the machines, sends nothing else.
pub(super) async fn survey(
    client: &Client,
    machines: &[MachineId],
) -> Result<(FanOutSummary, Names)> {
    let mut summary = FanOutSummary { machines: machines.len(), ..FanOutSummary::default() };
    let mut names = Names::new();
    let mut found = read(client, machines).await?;
    for id in machines {
        let Some(machine) = found.remove(&key(id)) else {
            summary.not_found.push(id.clone());
            continue;
        };
        let name = machine.computer_dns_name.unwrap_or_else(|| id.to_string());
        if is_server(machine.os_platform.as_deref().unwrap_or_default()) {
            summary.servers.push(name.clone());
        }
        if machine.device_value.is_some_and(|value| value.eq_ignore_ascii_case("high")) {
            summary.high_value.push(name.clone());
        }
        names.insert(id.clone(), name);
    }
    Ok((summary, names))
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
        for (what, names) in [("servers", &self.servers), ("high value", &self.high_value)] {
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
