//! An HTTP answer judged: the body of a success, or a failure with its kind.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};

use super::envelope::Envelope;
use super::failure::Failure;
use crate::auth::Bearer;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind};
use crate::types::{Timestamp, printable};

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The longest pause that is believed of a `Retry-After`.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3600);

pub(super) fn read(
    response: Response<Bytes>,
    bearer: &Bearer,
    clock: &dyn Clock,
) -> Result<(StatusCode, Bytes), Failure> {
    let (head, body) = response.into_parts();
    let body =
        if body.starts_with(BYTE_ORDER_MARK) { body.slice(BYTE_ORDER_MARK.len()..) } else { body };
    let page = is_page(&head.headers, &body);
    if head.status.is_success() && !page {
        return Ok((head.status, body));
    }
    let now = date_in(&head.headers).unwrap_or_else(|| clock.wall());
    let retry_after = retry_after(&head.headers, now);
    if let Some(envelope) = Envelope::read(&body, bearer).filter(|_| !page) {
        let mut failure = from_service(head.status, &envelope, retry_after);
        failure.claims = claims_asked_for(&head.headers);
        return Err(failure);
    }
    let mut failure = from_elsewhere(head.status, &head.headers, &body, bearer, retry_after);
    failure.claims = claims_asked_for(&head.headers);
    Err(failure)
}

/// The service's own word.
fn from_service(status: StatusCode, said: &Envelope, retry_after: Option<Duration>) -> Failure {
    let (kind, advice) = said.kind(status);
    let what = match (said.code.as_str(), said.message.as_str()) {
        ("", "") => format!("the service answered {} without saying why", status.as_u16()),
        ("", message) => format!("the service answered {}: {message}", status.as_u16()),
        (code, "") => format!("the service answered {} {code}", status.as_u16()),
        (code, message) => format!("the service answered {} {code}: {message}", status.as_u16()),
    };
    let mut error = Error::new(kind, what)
        .answered(Some(status.as_u16()), said.code(), said.target.clone())
        .retry_in(retry_after);
    if kind == ErrorKind::PermissionDenied {
        error = error.lacking(said.required_roles());
    }
    if let Some(advice) = advice {
        error = error.advising(advice);
    }
    let failure = judged(status, error);
    let unmarked =
        !said.is_the_services() && !matches!(kind, ErrorKind::Unauthorized | ErrorKind::Throttled);
    if unmarked { failure.doubtful() } else { failure }
}

/// An answer without the service's envelope: empty, or the page of something in between.
fn from_elsewhere(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    bearer: &Bearer,
    retry_after: Option<Duration>,
) -> Failure {
    let number = status.as_u16();
    let empty = body.iter().all(u8::is_ascii_whitespace);
    let kind = match number {
        429 => ErrorKind::Throttled,
        408 | 500..=599 => ErrorKind::Service,
        401 if empty => ErrorKind::Unauthorized,
        403 if empty => ErrorKind::PermissionDenied,
        404 if empty => ErrorKind::NotFound,
        400..=499 if empty && number != 407 => ErrorKind::InvalidRequest,
        _ => ErrorKind::Intermediary,
    };
    let what = if status.is_redirection() {
        format!(
            "the answer was {number}, a redirect to {}, which isn't followed",
            host_of(headers, bearer)
        )
    } else if empty {
        format!("the answer was {number} with an empty body")
    } else {
        let page = bearer.scrub(&page_title(body));
        format!(
            "the answer was {number} with {} instead of the service's JSON",
            printable(&page, 120)
        )
    };
    let mut error = Error::new(kind, what).answered(Some(number), None, None).retry_in(retry_after);
    if kind == ErrorKind::Intermediary {
        error = error
            .advising("a proxy or gateway answered: check the base URL and what stands between");
    }
    match kind {
        ErrorKind::Intermediary if status.is_success() => Failure::unclear(error),
        // A gateway that blocks an answer looks like one that blocks a request.
        ErrorKind::Intermediary if number != 407 => Failure::blocked(error),
        ErrorKind::Unauthorized | ErrorKind::Throttled => judged(status, error),
        _ if number == 407 => judged(status, error),
        _ => judged(status, error).doubtful(),
    }
}

/// Whether an error of this status can come after the request took effect.
fn judged(status: StatusCode, error: Error) -> Failure {
    if status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT {
        Failure::refused(error)
    } else {
        Failure::unclear(error)
    }
}

fn is_page(headers: &HeaderMap, body: &[u8]) -> bool {
    let html = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/html"));
    html || body.trim_ascii_start().starts_with(b"<")
}

/// What a person would call the page: its title.
fn page_title(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..8192).unwrap_or(body)).into_owned();
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title").and_then(|at| {
        let from = at + lower.get(at..)?.find('>')? + 1;
        let to = from + lower.get(from..)?.find("</title")?;
        Some(text.get(from..to)?.trim().to_owned())
    });
    match title {
        Some(title) if !title.is_empty() => format!("a page titled {title:?}"),
        _ if body.trim_ascii_start().starts_with(b"<") => "an HTML page".to_owned(),
        _ => format!("{} bytes of something else", body.len()),
    }
}

fn host_of(headers: &HeaderMap, bearer: &Bearer) -> String {
    let location = headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
    match location.and_then(|text| url::Url::parse(text).ok()) {
        Some(url) => printable(&bearer.scrub(url.host_str().unwrap_or("nowhere")), 80),
        None => "another path".to_owned(),
    }
}

/// The claims of `WWW-Authenticate: Bearer error="insufficient_claims", claims="<base64>"`.
fn claims_asked_for(headers: &HeaderMap) -> Option<String> {
    let challenges = headers.get_all(header::WWW_AUTHENTICATE);
    challenges.iter().filter_map(|value| value.to_str().ok()).find_map(|challenge| {
        let (_, rest) = challenge
            .split_once("claims=\"")
            .filter(|_| challenge.contains("insufficient_claims"))?;
        let (encoded, _) = rest.split_once('"')?;
        let encoded = encoded.trim_end_matches('=');
        let decoded = STANDARD_NO_PAD.decode(encoded).or_else(|_| URL_SAFE_NO_PAD.decode(encoded));
        let text = String::from_utf8(decoded.ok()?).ok()?;
        serde_json::from_str::<serde::de::IgnoredAny>(&text).ok().map(|_| text)
    })
}

/// The time by the clock of whoever answered.
pub(super) fn date(response: &Response<Bytes>) -> Option<Timestamp> {
    date_in(response.headers())
}

fn date_in(headers: &HeaderMap) -> Option<Timestamp> {
    Timestamp::from_http_date(headers.get(header::DATE)?.to_str().ok()?)
}

/// `Retry-After`: seconds, or a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let pause = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => Timestamp::from_http_date(text)?.since(now),
    };
    Some(pause.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        [(name, value.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let now = "2023-05-04T18:25:18Z".parse().unwrap();
        for (text, pause) in [
            ("7", Some(7)),
            ("Thu, 04 May 2023 18:25:48 GMT", Some(30)),
            ("Thu, 04 May 2023 18:00:00 GMT", Some(0)),
            ("99999999999", Some(24 * 3600)),
            ("-1", None),
            ("soon", None),
        ] {
            let read = retry_after(&headers(header::RETRY_AFTER, text), now);
            assert_eq!(read, pause.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn a_page_is_named_by_its_title_and_cut() {
        assert_eq!(page_title(b"<html><TITLE> Blocked </TITLE>"), "a page titled \"Blocked\"");
        assert_eq!(page_title(b"<html><body>no title"), "an HTML page");
        assert_eq!(page_title(b"plain"), "5 bytes of something else");
        assert!(page_title(&vec![b'<'; 100_000]).len() < 100);
    }
}
