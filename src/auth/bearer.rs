//! A token in the form the header wants it, with what it says of itself.

use std::fmt;
use std::sync::Arc;

use http::HeaderValue;
use zeroize::Zeroizing;

use super::claims::TokenClaims;
use super::error::TokenError;
use super::source::Token;

/// A kept token. Clones are one pointer.
#[derive(Clone)]
pub(crate) struct Bearer(Arc<Kept>);

struct Kept {
    header: HeaderValue,
    claims: TokenClaims,
    generation: u64,
}

impl Bearer {
    pub(super) fn new(token: &Token, generation: u64) -> Result<Self, TokenError> {
        let text = Zeroizing::new(format!("Bearer {}", token.secret().expose()));
        let mut header = HeaderValue::from_str(&text).map_err(|_| {
            TokenError::permanent("the token holds characters that no header can carry")
        })?;
        header.set_sensitive(true);
        let claims = TokenClaims::of(token.secret().expose());
        Ok(Self(Arc::new(Kept { header, claims, generation })))
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.0.header.clone()
    }

    pub(crate) fn claims(&self) -> &TokenClaims {
        &self.0.claims
    }

    /// Which of the fetches it came from; a later one has a greater number.
    pub(super) fn generation(&self) -> u64 {
        self.0.generation
    }

    pub(super) fn is_same_token(&self, other: &Self) -> bool {
        self.0.header == other.0.header
    }

    /// Takes the token out of a foreign text that may echo it.
    pub(crate) fn scrub(&self, text: &str) -> String {
        match self.0.header.to_str().ok().and_then(|value| value.strip_prefix("Bearer ")) {
            Some(token) if token.len() >= 8 => text.replace(token, "…"),
            _ => text.to_owned(),
        }
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bearer").field("generation", &self.0.generation).finish_non_exhaustive()
    }
}
