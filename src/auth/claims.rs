//! What an access token says of itself: read, and never validated, since that is the service's part.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::types::Timestamp;

/// The claims of an access token that matter before a call: for whom, of whom, until when, with which roles.
///
/// They are as the token has them. A token that isn't a JWT has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenClaims {
    /// `aud`: the API the token is for.
    pub audience: Option<String>,
    /// `tid`: the tenant.
    pub tenant: Option<String>,
    /// `appid` or `azp`: the application.
    pub application: Option<String>,
    /// `exp`: when it ends.
    pub expires: Option<Timestamp>,
    /// `roles`: the application permissions.
    pub roles: Vec<String>,
    /// `scp`: the delegated permissions, of a user's token.
    pub scopes: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Payload {
    aud: Option<String>,
    tid: Option<String>,
    appid: Option<String>,
    azp: Option<String>,
    exp: Option<i64>,
    roles: Vec<String>,
    scp: Option<String>,
}

impl TokenClaims {
    /// Reads the middle part of a JWT. Whatever can't be read is left out.
    #[must_use]
    pub fn of(token: &str) -> Self {
        let payload = token.split('.').nth(1).and_then(|part| {
            let json = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
            serde_json::from_slice::<Payload>(&json).ok()
        });
        let payload = payload.unwrap_or_default();
        let words = payload.scp.unwrap_or_default();
        Self {
            audience: payload.aud,
            tenant: payload.tid,
            application: payload.appid.or(payload.azp),
            expires: payload.exp.and_then(Timestamp::from_unix_seconds),
            roles: payload.roles,
            scopes: words.split_whitespace().map(str::to_owned).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(payload: &str) -> String {
        format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn the_claims_of_an_application_and_of_a_user_are_read() {
        let app = TokenClaims::of(&token(
            r#"{"aud":"https://api","tid":"t","appid":"a","exp":1735689599,"roles":["Machine.Isolate"],"new":{}}"#,
        ));
        assert_eq!(app.roles, ["Machine.Isolate"]);
        assert_eq!((app.tenant.as_deref(), app.application.as_deref()), (Some("t"), Some("a")));
        assert_eq!(app.expires.map(Timestamp::unix_seconds), Some(1_735_689_599));
        let user = TokenClaims::of(&token(r#"{"azp":"a","scp":"Machine.Read Machine.Isolate"}"#));
        assert_eq!(user.scopes, ["Machine.Read", "Machine.Isolate"]);
    }

    #[test]
    fn what_is_no_jwt_has_no_claims() {
        for text in
            ["", "opaque", "a.b", "a.!!.c", "a.bnVsbA.c", &token("[1]"), &token("{\"roles\":7}")]
        {
            assert_eq!(TokenClaims::of(text), TokenClaims::default(), "{text}");
        }
    }
}
