//! The bridge to the `TokenCredential` of `azure_core`, and so to all that `azure_identity` signs in with.
//!
//! Such a credential has a network, a clock, retries and a cache of its own; only its token and its error are
//! taken over here.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use azure_core::error::ErrorKind;
use serde_json::Value;

use super::error::{TokenError, TokenErrorKind};
use super::registration::check_tenant;
use super::source::{Token, TokenRequest, TokenSource};
use crate::types::{Secret, printable};

/// Anything that implements the `TokenCredential` of `azure_core`, such as a managed identity of `azure_identity`
/// ([documentation](https://docs.rs/azure_identity)).
///
/// ```
/// use std::sync::Arc;
///
/// use azure_identity::ManagedIdentityCredential;
/// use defender_response::{AzureCredential, Client, Region};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let identity = ManagedIdentityCredential::new(None)?;
/// let defender = Client::builder(AzureCredential::new(identity)).region(Region::Europe).build()?;
/// # Ok(()) }
/// ```
///
/// The credential goes its own way to the network: the client's transport, proxy and sign-in host aren't its. Its own
/// cache may give a token again that the service has refused. The claims of a conditional access challenge can't be
/// handed to it.
///
/// # Troubleshooting
/// A managed identity gets its roles by an app-role assignment, and its platform keeps tokens for up to a day: roles
/// granted now may show tomorrow. The Azure CLI signs in a person, whose token has no application roles.
#[derive(Clone)]
pub struct AzureCredential {
    credential: Arc<dyn TokenCredential>,
    tenant: Option<String>,
}

impl AzureCredential {
    /// Takes tokens from `credential`, which should live as long as the client: it may hold a cache.
    pub fn new(credential: Arc<dyn TokenCredential>) -> Self {
        Self { credential, tenant: None }
    }

    /// The tenant whose tokens are expected, by id or domain. Without it the credential's own choice is taken.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use azure_core::credentials::TokenCredential;
    /// # use defender_response::{AzureCredential, TokenSource};
    /// fn of_contoso(credential: Arc<dyn TokenCredential>) -> AzureCredential {
    ///     AzureCredential::new(credential).in_tenant("contoso.example")
    /// }
    /// ```
    #[must_use]
    pub fn in_tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into().trim().to_owned());
        self
    }
}

impl fmt::Debug for AzureCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AzureCredential").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

#[async_trait]
impl TokenSource for AzureCredential {
    async fn fetch(&self, ask: &TokenRequest<'_>) -> Result<Token, TokenError> {
        let scope = format!("{}/.default", ask.audience().trim_end_matches('/'));
        let asked_at = ask.clock().wall();
        let given =
            self.credential.get_token(&[&scope], None).await.map_err(|e| token_error(&e))?;
        let seconds = given.expires_on.unix_timestamp().saturating_sub(asked_at.unix_seconds());
        match u64::try_from(seconds) {
            Ok(seconds) if seconds > 0 => {
                let token = Secret::new(given.token.secret());
                Ok(Token::new(token, Duration::from_secs(seconds)))
            }
            _ => Err(TokenError::transient(
                "the credential gave a token that has expired by this machine's clock",
            )),
        }
    }

    fn check(&self) -> Result<(), TokenError> {
        self.tenant.as_deref().map_or(Ok(()), check_tenant)
    }

    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

/// What can be told from an error and its causes.
#[derive(Default)]
struct Told {
    codes: Vec<u32>,
    status: Option<u16>,
    correlation_id: Option<String>,
    by_the_network: bool,
}

/// The cause isn't attached, since its `Debug` shows the whole answer of the token endpoint. Its words are.
fn token_error(error: &azure_core::Error) -> TokenError {
    let mut told = Told::default();
    let mut message = "the credential gave no token".to_owned();
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(link) = next {
        let text = printable(link.to_string().trim(), 500);
        if !text.is_empty() && !message.contains(&text) {
            message.extend([": ", &text]);
        }
        if let Some(error) = link.downcast_ref::<azure_core::Error>() {
            told.learn_from(error.kind());
        }
        told.by_the_network |= link.is::<std::io::Error>();
        next = link.source();
    }
    let kind = told.kind();
    TokenError::new(kind, printable(&message, 1000)).of_entra(told.codes, told.correlation_id)
}

impl Told {
    fn learn_from(&mut self, kind: &ErrorKind) {
        match kind {
            ErrorKind::HttpResponse { status, error_code, raw_response } => {
                self.status = Some((*status).into());
                let codes = error_code.as_deref().unwrap_or_default().split(',');
                self.codes = codes.filter_map(|code| code.trim().parse().ok()).collect();
                let body = raw_response.as_ref().map(|answer| answer.body().as_ref());
                let answer: Option<Value> = body.and_then(|b| serde_json::from_slice(b).ok());
                let id = answer.as_ref().and_then(|a| a.get("correlation_id")?.as_str());
                self.correlation_id = id.map(|id| printable(id, 60));
            }
            ErrorKind::Connection | ErrorKind::Io => self.by_the_network = true,
            _ => {}
        }
    }

    /// By Entra's codes where there are any; by the status, as the metadata service of a virtual machine means it; or
    /// by what went wrong on the way.
    fn kind(&self) -> TokenErrorKind {
        match (TokenErrorKind::of_codes(&self.codes), self.status) {
            (Some(kind), _) => kind,
            (None, Some(429)) => TokenErrorKind::Throttled,
            (None, Some(404 | 408 | 410 | 500..)) => TokenErrorKind::Transient,
            (None, None) if self.by_the_network => TokenErrorKind::Transient,
            (None, _) => TokenErrorKind::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use azure_core::Error;
    use azure_core::http::headers::Headers;
    use azure_core::http::{RawResponse, StatusCode};

    use super::*;

    fn answered(status: StatusCode, code: Option<&str>) -> Error {
        let body = r#"{"error_codes":[1],"correlation_id":"c-1","echo":"c4nary"}"#;
        let raw_response = Some(Box::new(RawResponse::from_bytes(status, Headers::new(), body)));
        let error_code = code.map(str::to_owned);
        let kind = ErrorKind::HttpResponse { status, error_code, raw_response };
        let answered = Error::new(kind, "AADSTS7000215: Invalid client secret.\r\nTrace ID: t-1");
        // As azure_identity wraps what went wrong.
        let message = format!("ClientSecretCredential authentication failed. {answered}");
        Error::with_error(ErrorKind::Credential, answered, message)
    }

    #[test]
    fn entras_codes_decide_wherever_they_are_in_the_chain() {
        let error = token_error(&answered(StatusCode::Unauthorized, Some("7000215,50012")));
        assert_eq!(error.kind(), TokenErrorKind::WrongSecret);
        assert_eq!(error.codes(), [7_000_215, 50_012]);
        assert_eq!(error.correlation_id(), Some("c-1"));
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("Invalid client secret") && !shown.contains("c4nary"), "{shown}");
        assert!(!error.to_string().contains(['\r', '\n']), "{error}");
    }

    #[test]
    fn without_codes_the_status_or_the_way_decides() {
        for (status, kind) in [
            (StatusCode::TooManyRequests, TokenErrorKind::Throttled),
            (StatusCode::ServiceUnavailable, TokenErrorKind::Transient),
            (StatusCode::Gone, TokenErrorKind::Transient),
            (StatusCode::BadRequest, TokenErrorKind::Other),
        ] {
            assert_eq!(token_error(&answered(status, None)).kind(), kind, "{status:?}");
        }
        let refused = || io::Error::new(io::ErrorKind::ConnectionRefused, "refused");
        for (error, kind) in [
            (Error::new(ErrorKind::Io, refused()), TokenErrorKind::Transient),
            (
                Error::with_error(ErrorKind::Credential, refused(), "no endpoint"),
                TokenErrorKind::Transient,
            ),
            (ErrorKind::Connection.into_error(), TokenErrorKind::Transient),
            (Error::with_message(ErrorKind::Credential, "run az login"), TokenErrorKind::Other),
        ] {
            let read = token_error(&error);
            assert_eq!(read.kind(), kind, "{read}");
        }
        let wrapped = Error::with_error(ErrorKind::Credential, refused(), "no endpoint");
        let message = token_error(&wrapped).to_string();
        assert_eq!(message, "the credential gave no token: no endpoint: refused");
    }
}
