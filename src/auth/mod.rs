//! Signing in: where tokens come from, and where they are kept.

mod assertion;
#[cfg(feature = "azure")]
mod azure;
mod bearer;
mod cache;
#[cfg(feature = "certificate")]
mod certificate;
mod claims;
mod client_secret;
mod entra;
mod error;
mod expected;
mod fixed;
mod registration;
mod secret_file;
mod source;

pub use assertion::{ClientAssertion, WorkloadIdentity};
#[cfg(feature = "azure")]
pub use azure::AzureCredential;
pub(crate) use bearer::Bearer;
pub(crate) use cache::TokenCache;
#[cfg(feature = "certificate")]
pub use certificate::ClientCertificate;
pub use claims::TokenClaims;
pub use client_secret::ClientSecret;
pub use error::{TokenError, TokenErrorKind};
pub use fixed::FixedToken;
pub use source::{Token, TokenRequest, TokenSource};
