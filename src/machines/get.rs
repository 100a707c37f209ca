//! Reading one machine, by its id or its name.

use http::Method;

use super::{MachineHandle, Machines};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Machine;
use crate::operation::{Call, Operation, Path, Spec, read_object};
use crate::types::{MachineId, is_machine_id};

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
        read_object(body)
    }
}

impl MachineHandle {
    /// Reads the machine: [`GetMachine`].
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found) for an id the tenant doesn't have, and what any read may run into.
    pub async fn get(&self) -> Result<Machine> {
        self.client.send(&GetMachine::by_id(&self.id)).await
    }
}

impl Machines {
    /// Reads the machine of this name: [`GetMachine`].
    ///
    /// The name is the full one (`ws-042.corp.example`); whether the service finds a host by its first label isn't
    /// documented. Where several entries share a name, the service picks one of them.
    ///
    /// ```no_run
    /// # async fn f(defender: defender_response::Client) -> defender_response::Result<()> {
    /// let machine = defender.machines().by_name("ws-042.corp.example").await?;
    /// let host = defender.machine(&machine.id);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found) also when the service answers with a machine of another name;
    /// [`is_invalid_input`](Error::is_invalid_input) for what can't be a host name.
    pub async fn by_name(&self, name: &str) -> Result<Machine> {
        let name = name.trim();
        let target = |error: Error| error.of(GetMachine::SPEC.name, name);
        if !is_host_name(name) {
            return Err(target(Error::input("this isn't a host name")));
        }
        let machine = self.client.send(&GetMachine::by_name(name)).await?;
        if machine.is_named(name) {
            return Ok(machine);
        }
        let other = machine.computer_dns_name.as_deref().unwrap_or("a machine without a name");
        Err(target(Error::new(
            ErrorKind::NotFound,
            format!("there is no machine of exactly this name; the service answered with {other}"),
        )))
    }
}

pub(super) fn is_host_name(text: &str) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
    };
    text.len() <= 253 && text.split('.').all(label) && !is_machine_id(text)
}
