//! A handle on one machine action, whoever submitted it and whenever.

use super::operations::{CancelMachineAction, GetMachineAction};
use super::{Comment, Wait};
use crate::client::Client;
use crate::error::Result;
use crate::model::{ActionStatus, MachineAction};
use crate::types::ActionId;

impl Client {
    /// A handle on a machine action, by its id: one stored by another process, or read in the portal.
    ///
    /// Nothing is sent until a method of the handle is called.
    ///
    /// ```no_run
    /// # use defender_response::{ActionId, Client};
    /// # use std::time::Duration;
    /// # async fn resume(defender: Client, stored: ActionId) -> defender_response::Result<()> {
    /// let done = defender.action(stored).wait().within(Duration::from_secs(600)).await?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn action(&self, id: impl Into<ActionId>) -> ActionHandle {
        ActionHandle { client: self.clone(), id: id.into() }
    }
}

/// A handle on one machine action. Dropping it changes nothing.
#[derive(Clone, Debug)]
pub struct ActionHandle {
    client: Client,
    id: ActionId,
}

impl ActionHandle {
    /// The action's id: store it to go on elsewhere.
    #[must_use]
    pub fn id(&self) -> &ActionId {
        &self.id
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Reads the action once: [`GetMachineAction`].
    ///
    /// Permission `Machine.Read.All` or `Machine.ReadWrite.All`, which `Machine.Isolate` doesn't include.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found) for an id the tenant doesn't have, and what any read may run into.
    pub async fn get(&self) -> Result<MachineAction> {
        self.client.send(&GetMachineAction::new(self.id.clone())).await
    }

    /// Cancels the action, whoever submitted it: [`CancelMachineAction`].
    ///
    /// The answer is the action as the service then records it; look at its `status`. A device that has
    /// already begun may finish all the same.
    ///
    /// ```no_run
    /// # async fn f(action: defender_response::ActionHandle) -> defender_response::Result<()> {
    /// let action = action.cancel("INC-4711: false alarm").await?;
    /// println!("now {}", action.status);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`is_invalid_request`](crate::Error::is_invalid_request) when it can no longer be cancelled,
    /// [`is_not_found`](crate::Error::is_not_found), [`is_permission_denied`](crate::Error::is_permission_denied).
    pub async fn cancel(&self, comment: impl Into<Comment>) -> Result<MachineAction> {
        let refusal =
            match self.client.send(&CancelMachineAction::new(self.id.clone(), comment)).await {
                Err(error) if error.is_invalid_request() && error.is_after_an_unclear_try() => {
                    error
                }
                outcome => return outcome,
            };
        // The try that went unanswered may be what cancelled it.
        match self.client.urgent().send(&GetMachineAction::new(self.id.clone())).await {
            Ok(action) if action.status == ActionStatus::Cancelled => Ok(action),
            Ok(action) => Err(refusal.about(action)),
            Err(_) => Err(refusal),
        }
    }

    /// Waits for the action's end; [`Wait::within`] says for how long.
    pub fn wait(&self) -> Wait {
        Wait::new(self.clone())
    }
}
