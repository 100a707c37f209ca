//! Signing in: where tokens come from, and where they are kept.

mod cache;
#[cfg(feature = "certificate")]
mod certificate;
mod client_secret;
mod entra;
mod error;
mod registration;
mod secret_file;
mod source;

pub(crate) use cache::{Bearer, TokenCache};
#[cfg(feature = "certificate")]
pub use certificate::ClientCertificate;
pub use client_secret::ClientSecret;
pub use error::{TokenError, TokenErrorKind};
pub use source::{Token, TokenRequest, TokenSource};
