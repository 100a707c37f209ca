//! Signing in: where tokens come from, and where they are kept.

mod bearer;
mod cache;
mod claims;
mod client_secret;
mod entra;
mod error;
mod expected;
mod source;

pub(crate) use bearer::Bearer;
pub(crate) use cache::TokenCache;
pub use claims::TokenClaims;
pub use client_secret::ClientSecret;
pub use error::{TokenError, TokenErrorKind};
pub use source::{Token, TokenRequest, TokenSource};
