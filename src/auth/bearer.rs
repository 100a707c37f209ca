//! A token in the form the header wants it, with what it says of itself.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use http::HeaderValue;
use zeroize::Zeroizing;

use super::claims::TokenClaims;
use super::error::TokenError;
use super::expected::objection;
use super::source::Token;

/// No service takes a longer header.
const LONGEST: usize = 64 * 1024;

/// A kept token. Clones are one pointer.
#[derive(Clone)]
pub(crate) struct Bearer(Arc<Kept>);

struct Kept {
    header: HeaderValue,
    claims: TokenClaims,
    objection: Option<String>,
    generation: u64,
}

impl Bearer {
    /// A token of this fetch, held against the tenant and audience that were asked for.
    pub(super) fn new(
        token: &Token,
        generation: u64,
        tenant: Option<&str>,
        audience: &str,
    ) -> Result<Self, TokenError> {
        let secret = token.secret().expose();
        if secret.is_empty()
            || secret.len() > LONGEST
            || !secret.bytes().all(|b| b.is_ascii_graphic())
        {
            let what =
                "the token is empty, longer than 64 KiB, or holds characters that no token has";
            return Err(TokenError::transient(what));
        }
        let text = Zeroizing::new(format!("Bearer {secret}"));
        let mut header = HeaderValue::from_str(&text).map_err(|_| {
            TokenError::permanent("the token holds characters that no header can carry")
        })?;
        header.set_sensitive(true);
        let claims = TokenClaims::of(token.secret().expose());
        let objection = objection(&claims, tenant, audience);
        Ok(Self(Arc::new(Kept { header, claims, objection, generation })))
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.0.header.clone()
    }

    pub(crate) fn claims(&self) -> &TokenClaims {
        &self.0.claims
    }

    /// The roles it holds, whatever their order and case.
    pub(super) fn roles(&self) -> BTreeSet<String> {
        self.0.claims.roles.iter().map(|role| role.to_ascii_lowercase()).collect()
    }

    /// Why the token can't be the right one, if that shows.
    pub(crate) fn objection(&self) -> Option<&str> {
        self.0.objection.as_deref()
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
