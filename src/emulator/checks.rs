//! What stands between a token and the operation: the tenant's region and licence, the quota, the roles.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{LOCATION, RETRY_AFTER};

use super::answer::{Answer, Form, Refusal};
use super::moment::{Moment, http_date};
use super::operation::Operation;
use super::switches::{ForeignHost, RetryHeader, Switches, ThrottleBody, Wording};
use super::world::{Standing, Tenant};

pub(crate) fn invalid_token() -> Refusal {
    Refusal::unauthorized("Authentication failed: the access token is missing, invalid or expired")
}

/// Without a licence the answer is 401 although the token is good.
pub(crate) fn standing(standing: Standing) -> Result<(), Refusal> {
    match standing {
        Standing::Active | Standing::NoPrincipal => Ok(()),
        Standing::Inactive => Err(Refusal::unauthorized(
            "Unauthorized request - reason of failure: Account mode is inactive",
        )),
        Standing::NotProvisioned => {
            Err(Refusal::unauthorized("Unauthorized request - Account is not provisioned."))
        }
    }
}

/// Names both the roles that would do and the roles that are held, as recorded.
pub(crate) fn roles(
    operation: Operation,
    held: &[String],
    switches: &Switches,
) -> Result<(), Refusal> {
    let required = operation.roles();
    let reads = matches!(operation, Operation::ListIndicators | Operation::GetIndicator);
    let enough = |role: &str| match role {
        "Machine.CollectForensics" if !switches.collect_forensics_cancels => false,
        "Ti.Read.All" => reads && switches.ti_read_all,
        role => required.contains(&role),
    };
    if required.is_empty() || held.iter().any(|role| enough(role)) {
        return Ok(());
    }
    Err(Refusal::forbidden(match switches.forbidden_wording {
        Wording::Current => format!(
            "Missing application roles. API required roles: {}, application roles: {}.",
            required.join(","),
            held.join(",")
        ),
        Wording::Old => format!(
            "The application does not have any of the required application permissions ({}) to access \
             the resource.",
            required.join(", ")
        ),
    }))
}

/// The 429. No recorded one was found, so body and header are switches.
pub(crate) fn throttled(
    wait: Duration,
    switches: &Switches,
    now: Moment,
    correlation: &str,
) -> Answer {
    let status = StatusCode::TOO_MANY_REQUESTS;
    let message = "Too many requests: the quota of calls was exceeded";
    let answer = match switches.throttle_body {
        ThrottleBody::Envelope => {
            Refusal::new(status, "TooManyRequests", message).into_answer(correlation)
        }
        ThrottleBody::Text => Answer::raw(status, Form::Html, message),
        ThrottleBody::Empty => Answer::raw(status, Form::Empty, Bytes::new()),
    };
    let seconds = whole_seconds(wait);
    match switches.retry_after {
        RetryHeader::Seconds => answer.with(RETRY_AFTER, seconds.as_secs().to_string()),
        RetryHeader::Date => {
            let at = now.wall.plus(seconds + Duration::from_secs(1));
            answer.with(RETRY_AFTER, http_date(at))
        }
        RetryHeader::Absent => answer,
    }
}

/// Rounded up, and at least one.
fn whole_seconds(wait: Duration) -> Duration {
    Duration::from_secs(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
        .max(Duration::from_secs(1))
}

/// What the host of another region answers; nothing if it serves.
pub(crate) fn foreign_host(
    origin: &str,
    tenant: &Tenant,
    behaviour: ForeignHost,
) -> Option<Answer> {
    let home = tenant.geo.as_deref()?;
    let (_, host) = origin.split_once("://")?;
    let geo = geo_of(host)?;
    if geo.eq_ignore_ascii_case(home) {
        return None;
    }
    match behaviour {
        ForeignHost::Served => None,
        ForeignHost::Unauthorized => Some(invalid_token().into_answer("")),
        ForeignHost::NotFound => Some(
            Refusal::new(StatusCode::NOT_FOUND, "NotFound", "Tenant was not found").into_answer(""),
        ),
        ForeignHost::Redirected => {
            let rest = host.split_once('.').map_or(host, |(_, rest)| rest);
            let answer = Answer::empty(StatusCode::TEMPORARY_REDIRECT);
            Some(answer.with(LOCATION, format!("https://{home}.{rest}/")))
        }
    }
}

/// The region in `eu.api.…` or `api-eu.…`; none in a global host.
fn geo_of(host: &str) -> Option<&str> {
    let (first, rest) = host.split_once('.')?;
    match first.strip_prefix("api-") {
        Some(geo) => Some(geo),
        None => rest.starts_with("api.").then_some(first),
    }
}
