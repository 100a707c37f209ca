//! Keeps one token for all calls of a client and its clones.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderValue;
use url::Url;

use super::error::TokenError;
use super::source::{Token, TokenRequest, TokenSource};
use crate::clock::Clock;
use crate::transport::Transport;

/// A token this close to its end isn't used for a new call.
const MARGIN: Duration = Duration::from_secs(60);

/// What is believed of a lifetime.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// How long a source may take.
const FETCH_LIMIT: Duration = Duration::from_secs(20);

/// A token in the form the header wants it.
#[derive(Clone)]
pub(crate) struct Bearer(HeaderValue);

impl Bearer {
    fn new(token: &Token) -> Result<Self, TokenError> {
        let text = zeroize::Zeroizing::new(format!("Bearer {}", token.secret().expose()));
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| TokenError::permanent("the token holds characters no header can carry"))?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }

    /// Takes the token out of a foreign text that may echo it.
    pub(crate) fn scrub(&self, text: &str) -> String {
        match self.0.to_str().ok().and_then(|value| value.strip_prefix("Bearer ")) {
            Some(token) if token.len() >= 8 => text.replace(token, "…"),
            _ => text.to_owned(),
        }
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer(…)")
    }
}

pub(crate) struct TokenCache {
    source: Arc<dyn TokenSource>,
    authority: Url,
    audience: String,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    kept: tokio::sync::Mutex<Option<Kept>>,
}

struct Kept {
    bearer: Bearer,
    good_until: Instant,
}

impl TokenCache {
    pub(crate) fn new(
        source: Arc<dyn TokenSource>,
        authority: Url,
        audience: String,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let kept = tokio::sync::Mutex::new(None);
        Self { source, authority, audience, transport, clock, kept }
    }

    /// The kept token, or a fresh one. Callers that come meanwhile wait for the same fetch.
    pub(crate) async fn get(&self) -> Result<Bearer, TokenError> {
        let mut kept = self.kept.lock().await;
        let asked_at = self.clock.now();
        if let Some(kept) = kept.as_ref().filter(|kept| asked_at < kept.good_until) {
            return Ok(kept.bearer.clone());
        }
        *kept = None;
        let ask =
            TokenRequest::new(&self.authority, &self.audience, &*self.transport, &*self.clock);
        let token = tokio::time::timeout(FETCH_LIMIT, self.source.fetch(&ask))
            .await
            .map_err(|_| TokenError::transient("the token source gave no answer within 20 s"))??;
        let bearer = Bearer::new(&token)?;
        let lifetime = token.lifetime().min(LONGEST);
        let good_until = asked_at + lifetime.saturating_sub(MARGIN.min(lifetime / 5));
        *kept = Some(Kept { bearer: bearer.clone(), good_until });
        Ok(bearer)
    }

    /// Forgets the token that the service refused, unless another has taken its place.
    pub(crate) async fn reject(&self, refused: &Bearer) {
        let mut kept = self.kept.lock().await;
        if kept.as_ref().is_some_and(|kept| kept.bearer.0 == refused.0) {
            *kept = None;
        }
    }
}
