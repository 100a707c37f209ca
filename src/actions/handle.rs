//! A handle on one machine action, whoever submitted it and whenever.

use std::time::Duration;

use super::operations::CancelMachineAction;
use super::{Comment, GetMachineAction, Submitted, settle};
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ActionStatus, MachineAction};
use crate::operation::Operation;
use crate::types::ActionId;

/// What a look before or after a cancellation may take.
const A_LOOK: Duration = Duration::from_secs(10);

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
    /// The action is read first: one that has ended isn't cancelled. `Ok` means that it *is* cancelled by the service's
    /// records; where the service only takes the cancellation note, the action is read for up to half a minute more.
    /// The device may have carried it out before that, and only not have reported it.
    ///
    /// Permission: any one of the roles of the action verbs; without one for reading, the answer to the cancellation is
    /// all there is to go by. Quota 100 a minute, 1,500 an hour, ahead of other calls.
    ///
    /// ```no_run
    /// # async fn f(action: defender_response::ActionHandle) -> defender_response::Result<()> {
    /// let action = action.cancel("INC-4711: false alarm").await?;
    /// println!("cancelled by {:?}", action.cancellation_requestor);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`is_invalid_request`](Error::is_invalid_request) when it can no longer be cancelled, with the action as it is;
    /// [`is_still_running`](Error::is_still_running) when the service took the cancellation and the action goes on;
    /// [`is_not_found`](Error::is_not_found), [`is_permission_denied`](Error::is_permission_denied).
    pub async fn cancel(&self, comment: impl Into<Comment>) -> Result<MachineAction> {
        let operation = CancelMachineAction::new(self.id.clone(), comment);
        operation.call().map_err(|e| self.named(e))?;
        let hurried = self.hurried();
        if let Ok(action) = hurried.get().await
            && action.status.is_terminal()
        {
            return self.over(action);
        }
        let answer = match self.client.send(&operation).await {
            Ok(answer) => answer,
            // Somebody else may have cancelled it, or a try of ours that went unanswered.
            Err(refusal) if refusal.is_invalid_request() => {
                return match hurried.get().await {
                    Ok(action) if action.status == ActionStatus::Cancelled => Ok(action),
                    Ok(action) => Err(refusal.about(action)),
                    Err(_) => Err(refusal),
                };
            }
            Err(error) => return Err(error),
        };
        if answer.status.is_terminal() {
            return self.over(answer);
        }
        let look = |client: Client| async move {
            let action = client.send(&GetMachineAction::new(self.id.clone())).await?;
            Ok(action.status.is_terminal().then_some(action))
        };
        if let Some(action) = settle(&self.client, look).await {
            return self.over(action);
        }
        let what = "the service took the cancellation, and the action hasn't ended";
        let error = Error::new(ErrorKind::StillRunning, what).about(answer);
        Err(self.named(error.advising("it may still be carried out: wait on its id")))
    }

    fn over(&self, action: MachineAction) -> Result<MachineAction> {
        if action.status == ActionStatus::Cancelled {
            return Ok(action);
        }
        let what = format!("it has ended as {}, and can't be cancelled any more", action.status);
        Err(self.named(Error::new(ErrorKind::InvalidRequest, what).about(action)))
    }

    fn hurried(&self) -> Self {
        let client = self.client.with_terms(|terms| {
            terms.urgent = true;
            terms.queue = Some(A_LOOK);
            terms.call = A_LOOK;
            terms.attempt = A_LOOK;
        });
        Self { client, id: self.id.clone() }
    }

    fn named(&self, error: Error) -> Error {
        error.of(CancelMachineAction::SPEC.name, self.id.as_str())
    }
}

impl From<Submitted> for ActionHandle {
    fn from(submitted: Submitted) -> Self {
        submitted.into_handle()
    }
}

impl From<&Submitted> for ActionHandle {
    fn from(submitted: &Submitted) -> Self {
        (**submitted).clone()
    }
}

impl From<&Self> for ActionHandle {
    fn from(handle: &Self) -> Self {
        handle.clone()
    }
}
