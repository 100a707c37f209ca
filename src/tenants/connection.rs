//! How a tenant is connected, told by signing in and reading once.

use super::{Tenants, unknown};
use crate::auth::{TokenError, TokenErrorKind};
use crate::error::{Error, ErrorKind, Result};
use crate::machines::ListMachines;

/// How a tenant is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Connection {
    /// It signs in, and the service answers.
    Connected,
    /// No administrator has consented yet, or the grant isn't in force yet.
    ConsentPending,
    /// It was connected, and the consent was taken back.
    Revoked,
    /// It has no active Defender for Endpoint.
    Unlicensed,
}

impl Tenants {
    /// How the tenant under this label is connected: a sign-in, and one read of [`ListMachines`].
    ///
    /// *Revoked* is told only of a tenant that this process has seen connected.
    ///
    /// # Errors
    /// What tells nothing of the connection: no network, a wrong secret of the application, throttling.
    pub async fn connection(&self, label: &str) -> Result<Connection> {
        let client = self.client(label)?;
        let (sender, _) = client.senders();
        let roles = match sender.tokens.get().await {
            Ok(bearer) => match bearer.objection() {
                Some(objection) => return Err(Error::new(ErrorKind::SignIn, objection)),
                None => bearer.claims().roles.clone(),
            },
            Err(error) => return self.without_token(label, error),
        };
        let mut one = ListMachines::new(None);
        one.query.top = 1;
        match client.send(&one).await {
            Ok(_) => self.was_connected(label, true).map(|_| Connection::Connected),
            Err(error) if error.is_unlicensed() => Ok(Connection::Unlicensed),
            Err(error) if error.is_permission_denied() && !roles.is_empty() => {
                self.was_connected(label, true).map(|_| Connection::Connected)
            }
            Err(error) if error.is_permission_denied() => self.not_consented(label),
            Err(error) => Err(error),
        }
    }

    fn without_token(&self, label: &str, error: TokenError) -> Result<Connection> {
        match error.kind() {
            TokenErrorKind::NotConsented | TokenErrorKind::UnknownApplication => {
                self.not_consented(label)
            }
            TokenErrorKind::NotProvisioned => Ok(Connection::Unlicensed),
            _ => Err(Error::new(
                ErrorKind::SignIn,
                format!("how {label:?} is connected can't be told"),
            )
            .advising(error.kind().advice())
            .caused_by(error)),
        }
    }

    fn not_consented(&self, label: &str) -> Result<Connection> {
        let before = self.was_connected(label, false)?;
        Ok(if before { Connection::Revoked } else { Connection::ConsentPending })
    }

    /// Whether it was connected before; `true` is remembered.
    fn was_connected(&self, label: &str, now: bool) -> Result<bool> {
        let mut state = self.lock();
        let entry = state.tenants.get_mut(label).ok_or_else(|| unknown(label))?;
        let before = entry.was_connected;
        entry.was_connected |= now;
        Ok(before)
    }
}
