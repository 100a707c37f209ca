//! Client assertions: a signed statement in place of a secret (pages certificate-credentials and
//! workload-identity-federation). What the statement claims is checked; its signature isn't, since the
//! emulator holds no keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::error::EntraError;
use crate::emulator::moment::Moment;
use crate::emulator::world::{App, Federation};

/// The one form of assertion there is.
pub(super) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Clocks may differ by so many seconds.
const SKEW: i64 = 300;

pub(super) fn check(
    assertion: &str,
    app: &App,
    tenant: &str,
    now: Moment,
) -> Result<(), EntraError> {
    let malformed = || EntraError::wrong_assertion("Client assertion is malformed.");
    let mut parts = assertion.split('.').map(decode);
    let mut part = || parts.next().flatten().ok_or_else(malformed);
    let (header, claims) = (part()?, part()?);
    let claim = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    check_time(&claims, now)?;

    if claim("iss").eq_ignore_ascii_case(&app.id) {
        if !claim("sub").eq_ignore_ascii_case(&app.id) {
            return Err(EntraError::wrong_assertion("The subject is not the client."));
        }
        return check_certificate(&header, claim("aud"), app, tenant);
    }
    let matches = |known: &Federation| {
        known.issuer == claim("iss")
            && known.subject == claim("sub")
            && known.audience == claim("aud")
    };
    if app.federations.iter().any(matches) {
        Ok(())
    } else {
        Err(EntraError::no_federation(claim("sub")))
    }
}

fn decode(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn check_time(claims: &Value, now: Moment) -> Result<(), EntraError> {
    let time = |name: &str| claims.get(name).and_then(Value::as_i64);
    let seconds = now.wall.unix_seconds();
    let ended = time("exp").is_none_or(|end| end.saturating_add(SKEW) < seconds);
    let early = time("nbf").is_some_and(|start| start.saturating_sub(SKEW) > seconds);
    if ended || early { Err(EntraError::assertion_time()) } else { Ok(()) }
}

/// Both generations of the header and of the audience are taken, as the service does.
fn check_certificate(
    header: &Value,
    audience: &str,
    app: &App,
    tenant: &str,
) -> Result<(), EntraError> {
    let text = |name: &str| header.get(name).and_then(Value::as_str).unwrap_or_default();
    let thumbprints = [text("x5t#S256"), text("x5t")];
    let known = app.thumbprints.iter().any(|known| thumbprints.contains(&known.as_str()));
    if !known || !matches!(text("alg"), "PS256" | "RS256") {
        return Err(EntraError::wrong_assertion(
            "Client assertion failed signature validation: the key was not found.",
        ));
    }
    let ends = ["/oauth2/v2.0/token", "/oauth2/token", "/v2.0"];
    let place = ends.iter().find_map(|end| audience.strip_suffix(end));
    if place.is_some_and(|place| place.to_ascii_lowercase().ends_with(&tenant.to_ascii_lowercase()))
    {
        Ok(())
    } else {
        Err(EntraError::wrong_assertion("The audience is not the token endpoint."))
    }
}
