//! The tokens that were issued. A token is known by its text; what it may do was settled when it was
//! issued, so roles granted later show only in the next one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use crate::emulator::ids::Ids;
use crate::emulator::moment::Moment;
use crate::types::Timestamp;

/// Expired tokens are forgotten once there are more than this many.
const SWEPT_AT: usize = 4096;

/// What one token stands for.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) tenant: usize,
    pub(crate) app: usize,
    pub(crate) roles: Arc<[String]>,
    /// Whether the token's audience is this API.
    pub(crate) for_this_api: bool,
    expires_at: Duration,
    expires_wall: Timestamp,
}

/// What goes into a token beside the time.
pub(crate) struct Subject<'a> {
    pub(crate) tenant: usize,
    pub(crate) app: usize,
    pub(crate) tenant_id: &'a str,
    pub(crate) app_id: &'a str,
    pub(crate) audience: &'a str,
    pub(crate) for_this_api: bool,
    pub(crate) roles: Arc<[String]>,
    pub(crate) lifetime: Duration,
}

#[derive(Debug, Default)]
pub(crate) struct Grants {
    by_token: HashMap<String, Grant>,
    sweep_at: usize,
}

impl Grants {
    pub(crate) fn issue(&mut self, subject: &Subject<'_>, ids: &mut Ids, now: Moment) -> String {
        self.sweep(now);
        let token = write_token(subject, ids, now);
        let grant = Grant {
            tenant: subject.tenant,
            app: subject.app,
            roles: Arc::clone(&subject.roles),
            for_this_api: subject.for_this_api,
            expires_at: now.at.saturating_add(subject.lifetime),
            expires_wall: now.wall.plus(subject.lifetime),
        };
        self.by_token.insert(token.clone(), grant);
        token
    }

    /// The grant behind a token that is valid now, by both clocks.
    pub(crate) fn find(&self, token: &str, now: Moment) -> Option<&Grant> {
        self.by_token.get(token).filter(|grant| grant.is_alive(now))
    }

    /// Forgets every token, as a revocation does.
    pub(crate) fn revoke_all(&mut self) {
        self.by_token.clear();
    }

    fn sweep(&mut self, now: Moment) {
        if self.by_token.len() > self.sweep_at.max(SWEPT_AT) {
            self.by_token.retain(|_, grant| grant.is_alive(now));
            self.sweep_at = self.by_token.len() * 2;
        }
    }
}

impl Grant {
    fn is_alive(&self, now: Moment) -> bool {
        now.at < self.expires_at && now.wall < self.expires_wall
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    appid: &'a str,
    appidacr: &'static str,
    idtyp: &'static str,
    oid: String,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    roles: &'a [String],
    tid: &'a str,
    uti: String,
    ver: &'static str,
}

fn write_token(subject: &Subject<'_>, ids: &mut Ids, now: Moment) -> String {
    let issued = now.wall.unix_seconds();
    let claims = Claims {
        aud: subject.audience,
        iss: format!("https://sts.windows.net/{}/", subject.tenant_id),
        iat: issued,
        nbf: issued,
        exp: now.wall.plus(subject.lifetime).unix_seconds(),
        appid: subject.app_id,
        appidacr: "1",
        idtyp: "app",
        oid: ids.guid(),
        roles: &subject.roles,
        tid: subject.tenant_id,
        uti: ids.guid(),
        ver: "1.0",
    };
    let header = r#"{"typ":"JWT","alg":"RS256","kid":"emulator"}"#;
    let payload = serde_json::to_vec(&claims).unwrap_or_default();
    let signature = format!("not a signature {:016x}", ids.next());
    [header.as_bytes(), &payload, signature.as_bytes()].map(|p| URL_SAFE_NO_PAD.encode(p)).join(".")
}
