//! A token that is there already, for tests and for tools that are handed one.

use std::time::Duration;

use async_trait::async_trait;

use super::error::TokenError;
use super::source::{Token, TokenRequest, TokenSource};
use crate::types::Secret;

/// Hands out the same token at every fetch and says each time that it is good for an hour.
///
/// It is for tests, and for a tool that is started with a token in hand: nothing here can renew it, so once the service
/// refuses it, calls fail.
///
/// ```
/// # use defender_response::{Client, FixedToken};
/// # fn main() -> defender_response::Result<()> {
/// let defender = Client::builder(FixedToken::new("eyJ0eXAi…")).build()?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct FixedToken {
    secret: Secret,
    lifetime: Duration,
}

impl FixedToken {
    /// A source of this token. A trailing newline is ignored.
    pub fn new(token: impl Into<Secret>) -> Self {
        let token = token.into();
        Self { secret: Secret::new(token.expose().trim()), lifetime: Duration::from_secs(3600) }
    }

    /// Says of the token that it is good for so long from each fetch, in place of an hour.
    ///
    /// ```
    /// # use defender_response::FixedToken;
    /// # use std::time::Duration;
    /// let short_lived = FixedToken::new("eyJ0eXAi…").good_for(Duration::from_secs(90));
    /// ```
    #[must_use]
    pub fn good_for(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }
}

#[async_trait]
impl TokenSource for FixedToken {
    async fn fetch(&self, _: &TokenRequest<'_>) -> Result<Token, TokenError> {
        Ok(Token::new(self.secret.clone(), self.lifetime))
    }

    fn check(&self) -> Result<(), TokenError> {
        if self.secret.expose().is_empty() {
            return Err(TokenError::permanent("the token is empty"));
        }
        Ok(())
    }
}
