//! The client credentials flow with a secret: what most service principals sign in with.

use std::fmt;

use async_trait::async_trait;

use super::entra::{self, Proof};
use super::error::TokenError;
use super::source::{Token, TokenRequest, TokenSource};
use crate::types::{Secret, is_guid};

/// An application (service principal) that signs in with a client secret
/// ([documentation](https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow)).
///
/// ```
/// # use defender_response::{Client, ClientSecret, Region};
/// # fn main() -> defender_response::Result<()> {
/// let defender = Client::builder(ClientSecret::new("contoso.example", "8b2c…", "the secret's value"))
///     .region(Region::Europe)
///     .build();
/// assert!(defender.unwrap_err().is_configuration()); // an application id is a GUID
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct ClientSecret {
    tenant: String,
    application: String,
    secret: Secret,
}

impl ClientSecret {
    /// The tenant (its id or a verified domain), the application's (client) id, and the secret's *value*.
    ///
    /// They are checked when the client is built.
    pub fn new(
        tenant: impl Into<String>,
        application: impl Into<String>,
        secret: impl Into<Secret>,
    ) -> Self {
        Self {
            tenant: tenant.into().trim().to_owned(),
            application: application.into().trim().to_owned(),
            secret: secret.into(),
        }
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSecret")
            .field("tenant", &self.tenant)
            .field("application", &self.application)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl TokenSource for ClientSecret {
    async fn fetch(&self, ask: &TokenRequest<'_>) -> Result<Token, TokenError> {
        let proof = Proof::Secret(&self.secret);
        entra::fetch(ask, &self.tenant, &self.application, proof).await
    }

    fn tenant(&self) -> Option<&str> {
        Some(&self.tenant)
    }

    fn application(&self) -> Option<&str> {
        Some(&self.application)
    }

    fn check(&self) -> Result<(), TokenError> {
        if !is_guid(&self.tenant) && !entra::is_domain(&self.tenant) {
            return Err(TokenError::permanent(format!(
                "the tenant {:?} is neither a tenant id (a GUID) nor a domain",
                self.tenant
            )));
        }
        if !is_guid(&self.application) {
            return Err(TokenError::permanent(format!(
                "the application id {:?} is not a GUID: it is the \"Application (client) ID\" of the registration",
                self.application
            )));
        }
        if self.secret.expose().trim().is_empty() {
            return Err(TokenError::permanent("the client secret is empty"));
        }
        Ok(())
    }
}
