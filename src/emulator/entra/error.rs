//! The token endpoint's errors: an AADSTS number, one of OAuth's words, and a text nobody should
//! branch on (pages v2-oauth2-client-creds-grant-flow and reference-error-codes).

use http::StatusCode;
use serde::Serialize;

use crate::emulator::answer::{Answer, Form};
use crate::emulator::ids::Ids;
use crate::emulator::moment::{Moment, entra_date};

/// Why no token is given.
#[derive(Clone, Debug)]
pub(crate) struct EntraError {
    code: u32,
    error: &'static str,
    text: String,
}

impl EntraError {
    fn new(code: u32, error: &'static str, text: impl Into<String>) -> Self {
        Self { code, error, text: text.into() }
    }

    pub(crate) fn missing(field: &str) -> Self {
        let text = format!("The request body must contain the following parameter: '{field}'.");
        Self::new(900_144, "invalid_request", text)
    }

    pub(crate) fn grant_type(given: &str) -> Self {
        let text = format!("The app requested an unsupported grant type '{given}'.");
        Self::new(70003, "unsupported_grant_type", text)
    }

    pub(crate) fn common_endpoint() -> Self {
        let text = "The grant type is not supported over the /common or /consumers endpoints. \
                    Please use the /organizations or tenant-specific endpoint.";
        Self::new(9_001_023, "invalid_request", text)
    }

    pub(crate) fn malformed_tenant(given: &str) -> Self {
        let text = format!(
            "Specified tenant identifier '{given}' is neither a valid DNS name, nor a valid external \
             domain."
        );
        Self::new(900_023, "invalid_request", text)
    }

    pub(crate) fn unknown_tenant(given: &str) -> Self {
        let text = format!(
            "Tenant '{given}' not found. Check to make sure you have the correct tenant ID and are \
             signing into the correct cloud."
        );
        Self::new(90002, "invalid_request", text)
    }

    pub(crate) fn unknown_app(app: &str, tenant: &str) -> Self {
        let text = format!(
            "Application with identifier '{app}' was not found in the directory '{tenant}'."
        );
        Self::new(700_016, "unauthorized_client", text)
    }

    pub(crate) fn disabled_app(app: &str) -> Self {
        let text = format!("Application '{app}' is disabled.");
        Self::new(7_000_112, "unauthorized_client", text)
    }

    pub(crate) fn no_credential() -> Self {
        let text = "The request body must contain the following parameter: 'client_assertion' or \
                    'client_secret'.";
        Self::new(7_000_218, "invalid_client", text)
    }

    pub(crate) fn wrong_secret(app: &str) -> Self {
        let text = format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client \
             secret value, not the client secret ID, for a secret added to app '{app}'."
        );
        Self::new(7_000_215, "invalid_client", text)
    }

    pub(crate) fn expired_secret(app: &str) -> Self {
        let text = format!("The provided client secret keys for app '{app}' are expired.");
        Self::new(7_000_222, "invalid_client", text)
    }

    /// The `resource` parameter at the v2 endpoint.
    pub(crate) fn resource_on_v2() -> Self {
        let text = "The 'resource' request parameter is not supported.";
        Self::new(901_002, "invalid_request", text)
    }

    pub(crate) fn invalid_scope(scope: &str) -> Self {
        let text = format!(
            "The provided value for the input parameter 'scope' is not valid. The scope {scope} is not \
             valid."
        );
        Self::new(70011, "invalid_scope", text)
    }

    pub(crate) fn several_resources(scope: &str) -> Self {
        let text = format!(
            "The provided value for the input parameter 'scope' can't be empty or contain more than one \
             resource: {scope}."
        );
        Self::new(700_022, "invalid_request", text)
    }

    pub(crate) fn unknown_resource(resource: &str, tenant: &str) -> Self {
        let text = format!(
            "The resource principal named {resource} was not found in the tenant named {tenant}. This \
             can happen if the application has not been installed by the administrator of the tenant or \
             consented to by any user in the tenant."
        );
        Self::new(500_011, "invalid_resource", text)
    }

    pub(crate) fn wrong_assertion(text: &str) -> Self {
        Self::new(700_027, "invalid_client", text)
    }

    pub(crate) fn no_federation(subject: &str) -> Self {
        let text = format!(
            "No matching federated identity record found for presented assertion subject '{subject}'."
        );
        Self::new(700_213, "invalid_client", text)
    }

    pub(crate) fn assertion_time() -> Self {
        let text = "Assertion is not within its valid time range. Ensure that the token is not expired \
                    before using it for user assertion.";
        Self::new(500_133, "invalid_grant", text)
    }

    /// Any error by its number, for a fault.
    pub(crate) fn numbered(code: u32) -> Self {
        let error = match code {
            7_000_215 | 7_000_222 | 7_000_218 | 700_027 | 700_213 | 50012 => "invalid_client",
            700_016 | 7_000_112 | 700_011 => "unauthorized_client",
            50001 | 500_011 | 650_052 => "invalid_resource",
            70011 | 28002 => "invalid_scope",
            65001 | 500_133 => "invalid_grant",
            53003 | 530_032 | 530_035 => "interaction_required",
            90055 | 90033 | 90024 | 90006 | 90012 | 50196 => "temporarily_unavailable",
            _ => "invalid_request",
        };
        Self::new(code, error, "The request was refused.")
    }

    /// 401 for a client that isn't believed, 503 for what passes, 400 for the rest.
    pub(crate) fn into_answer(self, ids: &mut Ids, moment: Moment) -> Answer {
        let status = match self.error {
            "invalid_client" => StatusCode::UNAUTHORIZED,
            "temporarily_unavailable" => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        let (trace_id, correlation_id) = (ids.guid(), ids.guid());
        let timestamp = entra_date(moment.wall);
        let error_description = format!(
            "AADSTS{}: {}\r\nTrace ID: {trace_id}\r\nCorrelation ID: {correlation_id}\r\nTimestamp: \
             {timestamp}",
            self.code, self.text
        );
        let body = ErrorBody {
            error: self.error,
            error_description,
            error_codes: [self.code],
            timestamp,
            trace_id,
            correlation_id,
            error_uri: format!("https://login.microsoftonline.com/error?code={}", self.code),
        };
        Answer::json(status, Form::Token, &body)
    }
}

#[derive(Serialize)]
struct ErrorBody {
    error: &'static str,
    error_description: String,
    error_codes: [u32; 1],
    timestamp: String,
    trace_id: String,
    correlation_id: String,
    error_uri: String,
}
