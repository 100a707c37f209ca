//! Reading one machine, by its id or its name.

use super::{MachineHandle, Machines};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Machine;
use crate::operation::Operation;
use crate::reads::GetMachine;
use crate::types::is_machine_id;

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
    /// The name is the full one (`ws-042.corp.example`). Where several entries share it, the service picks one of them;
    /// [`find`](Self::find) tells them apart, and also knows first labels.
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
            return Err(target(Error::invalid_input("this isn't a host name")));
        }
        let machine = self.client.send(&GetMachine::by_name(name)).await?;
        let own = machine.computer_dns_name.as_deref().unwrap_or_default();
        if own.trim_end_matches('.').eq_ignore_ascii_case(name.trim_end_matches('.')) {
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
