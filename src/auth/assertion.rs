//! The client credentials flow with somebody else's statement: a federated issuer vouches for the application.
//!
//! Such a statement (assertion) is good for minutes, so it is asked for at every fetch and never kept.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;

use super::entra::{self, Proof};
use super::error::TokenError;
use super::registration::Registration;
use super::secret_file::{LONGEST, SecretFile};
use super::source::{Token, TokenRequest, TokenSource};
use crate::types::{Secret, printable};

/// An application that signs in with an assertion made elsewhere: by a federated issuer, a managed identity, a
/// hardware module that keeps the certificate's key
/// ([documentation](https://learn.microsoft.com/entra/workload-id/workload-identity-federation)).
///
/// ```
/// # use defender_response::{Client, ClientAssertion, Secret, TokenError};
/// # async fn ask_issuer(audience: &str) -> std::io::Result<String> { Ok(String::new()) }
/// # fn main() -> defender_response::Result<()> {
/// # let id = "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f";
/// # let (tenant, app) = (id, id);
/// let credential = ClientAssertion::from_callback(tenant, app, || async {
///     let unreachable = |e| TokenError::transient("the issuer gives no assertion").caused_by(e);
///     ask_issuer("api://AzureADTokenExchange").await.map(Secret::from).map_err(unreachable)
/// });
/// let defender = Client::builder(credential).build()?;
/// # Ok(()) }
/// ```
///
/// # Troubleshooting
/// AADSTS700213 ([`WrongAssertion`](crate::TokenErrorKind::WrongAssertion)) means that no federated credential of the
/// registration has exactly the assertion's issuer, subject and audience; upper and lower case count.
#[derive(Clone)]
pub struct ClientAssertion {
    registration: Registration,
    callback: Arc<Callback>,
}

type Answer = Pin<Box<dyn Future<Output = Result<Secret, TokenError>> + Send>>;
type Callback = dyn Fn() -> Answer + Send + Sync;

impl ClientAssertion {
    /// The tenant (its id or a verified domain), the application's (client) id, and what gives an assertion (a JWT).
    /// It is asked at every fetch, within the time a fetch may take, and not when the client is built.
    ///
    /// Its error is the fetch's error: say with [`TokenError::transient`] that asking again later may help.
    pub fn from_callback<F, A>(
        tenant: impl Into<String>,
        application: impl Into<String>,
        callback: F,
    ) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = Result<Secret, TokenError>> + Send + 'static,
    {
        Self {
            registration: Registration::new(tenant, application),
            callback: Arc::new(move || Box::pin(callback())),
        }
    }
}

impl fmt::Debug for ClientAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAssertion")
            .field("tenant", &self.registration.tenant)
            .field("application", &self.registration.application)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl TokenSource for ClientAssertion {
    async fn fetch(&self, ask: &TokenRequest<'_>) -> Result<Token, TokenError> {
        let assertion = (self.callback)().await?;
        sign_in(ask, &self.registration, &assertion).await
    }

    fn check(&self) -> Result<(), TokenError> {
        self.registration.check()
    }

    fn tenant(&self) -> Option<&str> {
        Some(&self.registration.tenant)
    }

    fn application(&self) -> Option<&str> {
        Some(&self.registration.application)
    }
}

/// An application that signs in with a token file which its platform renews, as Kubernetes does for a service
/// account ([documentation](https://learn.microsoft.com/azure/aks/workload-identity-overview)).
///
/// The file is read when the client is built and again at every fetch. One that is missing, empty, longer than 16 KiB
/// or of several lines is an error of the build or of that fetch; the next fetch reads it afresh.
///
/// ```no_run
/// # use defender_response::{Client, WorkloadIdentity};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let defender = Client::builder(WorkloadIdentity::from_env()?).build()?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct WorkloadIdentity {
    registration: Registration,
    file: Arc<SecretFile>,
}

impl WorkloadIdentity {
    /// The tenant (its id or a verified domain), the application's (client) id, and the path of the token file.
    ///
    /// ```
    /// # use defender_response::{Client, WorkloadIdentity};
    /// # let id = "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f";
    /// let credential = WorkloadIdentity::from_file(id, id, "/not/here");
    /// assert!(Client::builder(credential).build().unwrap_err().is_configuration());
    /// ```
    pub fn from_file(
        tenant: impl Into<String>,
        application: impl Into<String>,
        path: impl Into<PathBuf>,
    ) -> Self {
        Self {
            registration: Registration::new(tenant, application),
            file: Arc::new(SecretFile::new("federated token", path)),
        }
    }

    /// What Kubernetes' workload identity webhook sets: `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and
    /// `AZURE_FEDERATED_TOKEN_FILE`. The sign-in host is the client's, not `AZURE_AUTHORITY_HOST`.
    ///
    /// # Errors
    /// When one of them isn't set (an empty one counts as unset) or isn't Unicode text, by name.
    ///
    /// ```no_run
    /// # use defender_response::WorkloadIdentity;
    /// let credential = WorkloadIdentity::from_env()?;
    /// # Ok::<(), defender_response::TokenError>(())
    /// ```
    pub fn from_env() -> Result<Self, TokenError> {
        Self::from_lookup(|name| std::env::var_os(name))
    }

    /// The variables from elsewhere than the process, so that tests needn't change it.
    pub(crate) fn from_lookup(
        lookup: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, TokenError> {
        let mut missing = Vec::new();
        let mut filled = |name| {
            let value = lookup(name).filter(|value| !value.to_string_lossy().trim().is_empty());
            if value.is_none() {
                missing.push(name);
            }
            value.unwrap_or_default()
        };
        let tenant = filled("AZURE_TENANT_ID");
        let application = filled("AZURE_CLIENT_ID");
        let path = filled("AZURE_FEDERATED_TOKEN_FILE");
        if !missing.is_empty() {
            let missing = missing.join(", ");
            return Err(TokenError::permanent(format!(
                "no workload identity in the environment: {missing} not set (in Kubernetes the pod needs the label \
                 azure.workload.identity/use and its service account the client id)"
            )));
        }
        let text = |name: &str, value: OsString| {
            value.into_string().map_err(|value| {
                let shown = printable(&value.to_string_lossy(), 80);
                TokenError::permanent(format!("{name} isn't Unicode text: {shown:?}"))
            })
        };
        let tenant = text("AZURE_TENANT_ID", tenant)?;
        Ok(Self::from_file(tenant, text("AZURE_CLIENT_ID", application)?, path))
    }
}

impl fmt::Debug for WorkloadIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkloadIdentity")
            .field("tenant", &self.registration.tenant)
            .field("application", &self.registration.application)
            .field("file", self.file.path())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl TokenSource for WorkloadIdentity {
    async fn fetch(&self, ask: &TokenRequest<'_>) -> Result<Token, TokenError> {
        let assertion = self.file.read_aside().await?;
        sign_in(ask, &self.registration, &assertion).await
    }

    fn check(&self) -> Result<(), TokenError> {
        self.registration.check()?;
        self.file.read().map(drop)
    }

    fn tenant(&self) -> Option<&str> {
        Some(&self.registration.tenant)
    }

    fn application(&self) -> Option<&str> {
        Some(&self.registration.application)
    }

    fn fingerprint(&self) -> u64 {
        self.file.fingerprint()
    }
}

async fn sign_in(
    ask: &TokenRequest<'_>,
    registration: &Registration,
    assertion: &Secret,
) -> Result<Token, TokenError> {
    let wrong = |what: &str| Err(TokenError::permanent(format!("the assertion {what}")));
    let text = assertion.expose();
    if text.is_empty() {
        return wrong("is empty");
    }
    if text.len() > LONGEST {
        return wrong("is longer than 16 KiB");
    }
    // Another file or the wrong variable is told from a JWT before it leaves this machine.
    if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_=.".contains(&b)) {
        return wrong("isn't a JWT: it holds characters other than base64url's and dots");
    }
    let Registration { tenant, application } = registration;
    entra::fetch(ask, tenant, application, Proof::Assertion(assertion)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f";

    fn from(variables: &[(&str, &str)]) -> Result<WorkloadIdentity, TokenError> {
        WorkloadIdentity::from_lookup(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        })
    }

    #[test]
    fn the_three_variables_make_a_workload_identity() {
        let identity = from(&[
            ("AZURE_TENANT_ID", "contoso.example"),
            ("AZURE_CLIENT_ID", ID),
            ("AZURE_FEDERATED_TOKEN_FILE", "/var/run/token"),
            ("AZURE_CLIENT_SECRET", "c4nary"),
        ])
        .unwrap();
        assert_eq!(identity.tenant(), Some("contoso.example"));
        assert_eq!(identity.application(), Some(ID));
        let shown = format!("{identity:?}");
        assert!(shown.contains("/var/run/token") && !shown.contains("c4nary"), "{shown}");
    }

    #[test]
    fn what_is_missing_or_blank_is_named() {
        let error = from(&[("AZURE_CLIENT_ID", ID), ("AZURE_TENANT_ID", "  ")]).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("AZURE_TENANT_ID, AZURE_FEDERATED_TOKEN_FILE not set"));
        assert!(!message.contains("AZURE_CLIENT_ID"), "{message}");
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_no_text_is_named() {
        use std::os::unix::ffi::OsStringExt as _;
        let odd = |name: &str| match name {
            "AZURE_CLIENT_ID" => Some(OsString::from_vec(vec![0xff, b'a'])),
            _ => Some(ID.into()),
        };
        let message = WorkloadIdentity::from_lookup(odd).unwrap_err().to_string();
        assert!(message.contains("AZURE_CLIENT_ID isn't Unicode"), "{message}");
    }
}
