//! An action to go on with in another process, and only in the right place.

use serde::{Deserialize, Serialize};

use crate::actions::ActionHandle;
use crate::client::{Client, Place};
use crate::error::{Error, Result};
use crate::types::ActionId;

/// What another process needs to go on with an action, and to see that it is the right one: the action's id with the
/// tenant, the application and the cloud it is of. It holds no secret.
///
/// It serialises to a small object, `{"v":1,"action":"…","tenant":"…","app":"…","cloud":"commercial"}`. An id alone would do
/// with [`Client::action`], which can't tell a stranger's from one of its own.
///
/// ```no_run
/// # use defender_response::{ActionHandle, Client, ResumeToken};
/// # use std::time::Duration;
/// # async fn f(action: ActionHandle, defender: Client) -> Result<(), Box<dyn std::error::Error>> {
/// let stored = serde_json::to_string(&action.resume_token().await?)?;
/// // and later, in another process
/// let token: ResumeToken = serde_json::from_str(&stored)?;
/// let done = defender.resume(&token).await?.wait().within(Duration::from_secs(600)).await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResumeToken {
    #[serde(rename = "v")]
    version: Version,
    action: ActionId,
    tenant: String,
    app: String,
    cloud: String,
}

/// The form of the token: another version is refused, since what it means isn't known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
struct Version;

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

impl ResumeToken {
    /// The action.
    #[must_use]
    pub fn action(&self) -> &ActionId {
        &self.action
    }

    /// The tenant, by its id where the token told it.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.tenant
    }
}

impl ActionHandle {
    /// What another process needs to go on with this action. Signs in if that isn't done, and sends nothing else.
    ///
    /// # Errors
    /// [`is_sign_in`](Error::is_sign_in); [`is_configuration`](Error::is_configuration) where neither the token nor the
    /// credential tells tenant and application.
    pub async fn resume_token(&self) -> Result<ResumeToken> {
        let Place { tenant, application, cloud } = self.client().place().await?;
        Ok(ResumeToken {
            version: Version,
            action: self.id().clone(),
            tenant,
            app: application,
            cloud,
        })
    }
}

impl Client {
    /// Goes on with an action that another process, or this one earlier, has stored. Signs in if that isn't done, and
    /// sends nothing else.
    ///
    /// # Errors
    /// [`is_conflict`](Error::is_conflict) for a token of another tenant, application or cloud;
    /// [`is_sign_in`](Error::is_sign_in).
    pub async fn resume(&self, token: &ResumeToken) -> Result<ActionHandle> {
        let stored = Place {
            tenant: token.tenant.clone(),
            application: token.app.clone(),
            cloud: token.cloud.clone(),
        };
        let named = |error: Error| error.of("resume", token.action.as_str());
        let here = self.place().await.map_err(named)?;
        stored.check(&here, "what was stored").map_err(named)?;
        Ok(self.action(token.action.clone()))
    }
}
