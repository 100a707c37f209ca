//! Microsoft Entra's token endpoint: the form that goes out, the answer that comes back.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, header};
use serde::Deserialize;
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::error::{TokenError, TokenErrorKind};
use super::source::{Token, TokenRequest};
use crate::types::{Secret, printable};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_millis(1500)];

/// A token is a few kilobytes; roles and groups make it grow, not beyond this.
const LIMIT: usize = 256 * 1024;

/// What an application proves itself by.
pub(super) enum Proof<'a> {
    Secret(&'a Secret),
    /// A JWT of its own or of a federated issuer.
    Assertion(&'a Secret),
}

impl Proof<'_> {
    fn secret(&self) -> &Secret {
        match self {
            Proof::Secret(secret) | Proof::Assertion(secret) => secret,
        }
    }
}

/// Client credentials, v2: `POST {authority}/{tenant}/oauth2/v2.0/token`. Transient errors are tried again
/// twice, as Entra's list of codes has it.
pub(super) async fn fetch(
    ask: &TokenRequest<'_>,
    tenant: &str,
    application: &str,
    proof: Proof<'_>,
) -> Result<Token, TokenError> {
    let mut pauses = PAUSES.iter();
    loop {
        let error = match fetch_once(ask, tenant, application, &proof).await {
            Ok(token) => return Ok(token),
            Err(error) => error,
        };
        match pauses.next() {
            Some(&pause) if error.kind() == TokenErrorKind::Transient => {
                tokio::time::sleep(pause).await;
            }
            _ => return Err(error),
        }
    }
}

async fn fetch_once(
    ask: &TokenRequest<'_>,
    tenant: &str,
    application: &str,
    proof: &Proof<'_>,
) -> Result<Token, TokenError> {
    let url = endpoint(ask.authority(), tenant)?;
    let request = Request::post(url.as_str())
        .header(header::ACCEPT, HeaderValue::from_static("application/json"))
        .header(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
        .body(form(ask, application, proof))
        .map_err(|e| TokenError::permanent("the token request can't be built").caused_by(e))?;
    let answer = ask.transport().send(request, LIMIT).await.map_err(|e| {
        let host = ask.authority().host_str().unwrap_or_default();
        TokenError::transient(format!("the sign-in host {host} gave no token")).caused_by(e)
    })?;

    let status = answer.status().as_u16();
    if answer.status().is_success() {
        read_token(answer.body())
    } else {
        Err(read_error(status, answer.body(), proof.secret()))
    }
}

fn form(ask: &TokenRequest<'_>, application: &str, proof: &Proof<'_>) -> Bytes {
    let scope = format!("{}/.default", ask.audience().trim_end_matches('/'));
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials").append_pair("client_id", application);
    match proof {
        Proof::Secret(secret) => form.append_pair("client_secret", secret.expose()),
        Proof::Assertion(assertion) => form
            .append_pair("client_assertion_type", ASSERTION_TYPE)
            .append_pair("client_assertion", assertion.expose()),
    };
    form.append_pair("scope", &scope);
    if let Some(claims) = ask.claims() {
        form.append_pair("claims", claims);
    }
    Bytes::from(form.finish())
}

/// Names that can't be a tenant's, so that a typing error isn't sent to Entra as a path.
pub(super) fn is_domain(text: &str) -> bool {
    text.len() <= 253
        && text.contains('.')
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
}

pub(super) fn endpoint(authority: &Url, tenant: &str) -> Result<Url, TokenError> {
    let mut url = authority.clone();
    url.path_segments_mut()
        .map_err(|()| TokenError::permanent("the authority can't be a base URL"))?
        .clear()
        .extend([tenant, "oauth2", "v2.0", "token"]);
    Ok(url)
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    /// A number in v2, a text in v1.
    expires_in: Value,
}

fn read_token(body: &[u8]) -> Result<Token, TokenError> {
    let unreadable = |why: &str| {
        TokenError::transient(format!("the sign-in host's answer holds no usable token: {why}"))
    };
    // The cause isn't attached: a JSON error can quote the text around it, which may be the token.
    let answer: TokenAnswer = serde_json::from_slice(body)
        .map_err(|_| unreadable("it isn't the JSON of a token (a proxy's page?)"))?;
    let token = Secret::new(answer.access_token);
    let seconds = match answer.expires_in {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let seconds = seconds
        .filter(|s| (1..=MAX_LIFETIME).contains(s))
        .ok_or_else(|| unreadable("its lifetime isn't a number of seconds between 1 and a week"))?;
    if token.expose().is_empty() || !token.expose().bytes().all(|b| b.is_ascii_graphic()) {
        return Err(unreadable("the token is empty or holds blanks or control characters"));
    }
    Ok(Token::new(token, Duration::from_secs(seconds)))
}

const MAX_LIFETIME: u64 = 7 * 24 * 3600;

/// What Entra says of an error, without the secret that a hostile answer may echo.
struct ErrorAnswer {
    error: String,
    description: String,
    codes: Vec<u32>,
    correlation_id: Option<String>,
    trace_id: Option<String>,
}

impl ErrorAnswer {
    /// `None` if it isn't Entra that answers.
    fn read(body: &[u8], secret: &Secret) -> Option<Self> {
        let value: Value = serde_json::from_slice(body).ok()?;
        let encoded: String = form_urlencoded::byte_serialize(secret.expose().as_bytes()).collect();
        let text = |name: &str, max| {
            let text = value.get(name)?.as_str()?;
            let text = text.replace(secret.expose(), "…").replace(&encoded, "…");
            // A description goes on with trace, correlation and time on lines of their own.
            Some(printable(text.lines().next().unwrap_or_default(), max))
        };
        let codes = value.get("error_codes").and_then(Value::as_array);
        let codes = codes.into_iter().flatten().filter_map(Value::as_u64);
        let answer = Self {
            error: text("error", 60).unwrap_or_default(),
            description: text("error_description", 400).unwrap_or_default(),
            codes: codes.filter_map(|code| code.try_into().ok()).collect(),
            correlation_id: text("correlation_id", 60),
            trace_id: text("trace_id", 60),
        };
        (!answer.error.is_empty() || !answer.codes.is_empty()).then_some(answer)
    }

    fn kind(&self, status: u16) -> TokenErrorKind {
        match TokenErrorKind::of_codes(&self.codes) {
            Some(kind) => kind,
            None if status == 429 => TokenErrorKind::Throttled,
            None if status >= 500 || self.error == "temporarily_unavailable" => {
                TokenErrorKind::Transient
            }
            None => TokenErrorKind::Other,
        }
    }
}

fn read_error(status: u16, body: &[u8], secret: &Secret) -> TokenError {
    let Some(answer) = ErrorAnswer::read(body, secret) else {
        let throttled = status == 429;
        let kind = if throttled { TokenErrorKind::Throttled } else { TokenErrorKind::Transient };
        return TokenError::new(
            kind,
            format!(
                "the sign-in host answered {status} with something that isn't an Entra error (a proxy's page?)"
            ),
        );
    };
    let mut message = format!("Entra answered {status} {}", answer.error);
    if !answer.description.is_empty() {
        message.extend([": ", &answer.description]);
    }
    for (name, id) in [("trace", &answer.trace_id), ("correlation", &answer.correlation_id)] {
        if let Some(id) = id {
            message.extend(["; ", name, " id ", id]);
        }
    }
    let kind = answer.kind(status);
    TokenError::new(kind, message).of_entra(answer.codes, answer.correlation_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_of_the_token_answer_are_read() {
        for body in [
            r#"{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"abc"}"#,
            r#"{"token_type":"Bearer","expires_in":"3599","ext_expires_in":"3599","access_token":"abc"}"#,
        ] {
            let token = read_token(body.as_bytes()).unwrap();
            assert_eq!(token.secret().expose(), "abc");
            assert_eq!(token.lifetime(), Duration::from_secs(3599));
        }
    }

    #[test]
    fn an_answer_without_a_usable_token_is_an_error() {
        for body in [
            "",
            "<html>sign in to the proxy</html>",
            r#"{"expires_in":3599}"#,
            r#"{"access_token":"","expires_in":3599}"#,
            r#"{"access_token":"a b","expires_in":3599}"#,
            r#"{"access_token":"abc","expires_in":0}"#,
            r#"{"access_token":"abc","expires_in":-1}"#,
            r#"{"access_token":"abc","expires_in":1000000000000}"#,
            r#"{"access_token":"abc","expires_in":"soon"}"#,
        ] {
            assert!(read_token(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn an_entra_error_keeps_code_and_correlation_and_loses_the_secret() {
        let body = br#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret s3cret provided.\r\nTrace ID: x","error_codes":[7000215],"trace_id":"t-1","correlation_id":"c-1"}"#;
        let error = read_error(401, body, &Secret::new("s3cret"));
        assert!(error.is_permanent());
        assert_eq!(error.codes(), [7_000_215]);
        assert_eq!(error.correlation_id(), Some("c-1"));
        let message = error.to_string();
        assert!(message.contains("AADSTS7000215") && message.contains("c-1"), "{message}");
        assert!(!message.contains("s3cret"), "{message}");
    }

    #[test]
    fn a_transient_code_passes_and_others_do_not() {
        let answer = |text: &str| read_error(400, text.as_bytes(), &Secret::new("s3cret"));
        assert!(!answer(r#"{"error":"invalid_request","error_codes":[90055]}"#).is_permanent());
        assert!(!answer(r#"{"error":"temporarily_unavailable"}"#).is_permanent());
        assert!(
            answer(
                r#"{"error":"invalid_client","error_description":null,"error_codes":[7000215]}"#
            )
            .is_permanent()
        );
        let proxy = answer(r#"{"message":"blocked"}"#);
        assert!(!proxy.is_permanent() && proxy.to_string().contains("isn't an Entra error"));
    }

    #[test]
    fn the_secret_is_taken_out_of_every_member_in_every_form() {
        let secret = Secret::new("a~b+c/d=");
        for echo in ["a~b+c/d=", "a%7Eb%2Bc%2Fd%3D"] {
            let body = format!(
                r#"{{"error":"x {echo}","error_description":"y {echo}","trace_id":"{echo}","correlation_id":"{echo}"}}"#
            );
            let error = read_error(400, body.as_bytes(), &secret);
            let shown = format!("{error} {error:?} {:?}", error.correlation_id());
            assert!(!shown.contains(echo), "{shown}");
        }
    }
}
