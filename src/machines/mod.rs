//! A machine, and what can be done to it. Each verb is one block: the operation as data, its wire call, its
//! method and what is known about it.

mod find;
mod get;
mod isolate;
mod restrict;
mod scan;

use serde_json::Value;

use crate::client::Client;
use crate::error::Result;
use crate::operation::{Call, Path};
use crate::types::MachineId;

pub use find::{Find, FindMachinesByIp, FindMachinesByTag, ListMachines};
pub use get::GetMachine;
pub use isolate::{Isolate, IsolationType, Unisolate};
pub use restrict::{RestrictCodeExecution, UnrestrictCodeExecution};
pub use scan::{RunAntiVirusScan, ScanType};

impl Client {
    /// A handle on a machine, by its id. Nothing is sent until one of its methods is called.
    #[must_use]
    pub fn machine(&self, id: impl Into<MachineId>) -> MachineHandle {
        MachineHandle { client: self.clone(), id: id.into() }
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
#[derive(Clone, Debug)]
pub struct MachineHandle {
    client: Client,
    id: MachineId,
}

impl MachineHandle {
    /// The machine's id.
    #[must_use]
    pub fn id(&self) -> &MachineId {
        &self.id
    }
}

/// The tenant's machines, from [`Client::machines`].
#[derive(Clone, Debug)]
pub struct Machines {
    client: Client,
}

/// What the verbs share: `POST /api/machines/{id}/{verb}`.
fn submission(machine: &MachineId, verb: &str, body: &Value) -> Result<Call> {
    let path = Path::new(["machines", machine.as_str(), verb])?;
    Call::new(machine.as_str(), path).json(body)
}
