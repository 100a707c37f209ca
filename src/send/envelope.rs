//! The service's error envelope: `{"error":{"code","message","target"}}`
//! ([documentation](https://learn.microsoft.com/defender-endpoint/api/common-errors)).

use std::borrow::Cow;

use http::StatusCode;
use serde_json::Value;

use crate::auth::Bearer;
use crate::error::ErrorKind;
use crate::types::printable;

/// What the service said, cut to a size fit for a message.
#[derive(Debug)]
pub(super) struct Envelope {
    pub code: String,
    pub message: String,
    /// It has the form in which the service says that a path doesn't exist.
    no_route: bool,
    /// Despite its name a correlation id, to be given to support.
    pub target: Option<String>,
}

impl Envelope {
    /// Reads it out of an answer. A hostile answer may echo the request, so the token is taken out.
    pub(super) fn read(body: &[u8], bearer: &Bearer) -> Option<Self> {
        let value: Value = serde_json::from_slice(body).ok()?;
        // An unknown route answers `{"Message":..}` without the envelope.
        let error = value.get("error").filter(|error| error.is_object()).unwrap_or(&value);
        if !error.is_object() {
            return None;
        }
        let text = |name, max| {
            let text = error.get(name).and_then(Value::as_str)?;
            Some(printable(&bearer.scrub(text), max))
        };
        Some(Self {
            code: text("code", 100).unwrap_or_default(),
            message: text("message", 600).or_else(|| text("Message", 600)).unwrap_or_default(),
            no_route: value.get("Message").is_some_and(Value::is_string),
            target: text("target", 100),
        })
    }

    /// Whether it bears a mark of the service's: another gateway's JSON, or its own, may be about an answer it kept back.
    pub(super) fn is_the_services(&self) -> bool {
        !self.code.is_empty()
            || self.no_route
            || self.is_about_the_licence()
            || !self.required_roles().is_empty()
    }

    pub(super) fn code(&self) -> Option<String> {
        Some(self.code.clone()).filter(|code| !code.is_empty())
    }

    /// The kind of error, and what to do where the message alone doesn't say.
    pub(super) fn kind(&self, status: StatusCode) -> (ErrorKind, Option<Cow<'static, str>>) {
        let kind = match (status.as_u16(), self.code.as_str()) {
            (400, "ActiveRequestAlreadyExists") => ErrorKind::AlreadyRunning,
            (400, "" | "BadRequest") if self.says("action is already in progress") => {
                ErrorKind::AlreadyRunning
            }
            (400, "OsPlatformNotSupported" | "ClientVersionNotSupported") => ErrorKind::Unsupported,
            (401, _) if self.is_about_the_licence() => ErrorKind::Unlicensed,
            (401, _) => ErrorKind::Unauthorized,
            (403, "DisabledFeature") => ErrorKind::FeatureDisabled,
            (403, _) => ErrorKind::PermissionDenied,
            (404, _) => ErrorKind::NotFound,
            (429, _) => ErrorKind::Throttled,
            (408, _) => ErrorKind::Service,
            (400..=499, _) => ErrorKind::InvalidRequest,
            _ => ErrorKind::Service,
        };
        (kind, self.advice(kind))
    }

    /// The roles of which the API requires one, out of a 403's message. Two wordings are in use:
    /// `API required roles: A,B, application roles: C.` and `… permissions (A, B) to access …`.
    pub(super) fn required_roles(&self) -> Vec<String> {
        let list = if let Some((_, rest)) = self.message.split_once("API required roles:") {
            rest.split("application roles:").next().unwrap_or(rest)
        } else if let Some((_, rest)) = self.message.split_once("permissions (") {
            rest.split(')').next().unwrap_or(rest)
        } else {
            return Vec::new();
        };
        list.split(',')
            .map(|role| role.trim().trim_end_matches('.'))
            .filter(|role| !role.is_empty())
            .map(str::to_owned)
            .collect()
    }

    fn advice(&self, kind: ErrorKind) -> Option<Cow<'static, str>> {
        Some(match kind {
            ErrorKind::PermissionDenied if self.code == "DisallowedOperation" => {
                "the tenant's settings don't allow this operation; no role changes that".into()
            }
            ErrorKind::PermissionDenied => match self.required_roles().as_slice() {
                [] => "grant the application the role and have an administrator consent".into(),
                roles => format!(
                    "grant the application {} (WindowsDefenderATP, application permission) and have an administrator \
                     consent",
                    roles.join(" or ")
                )
                .into(),
            },
            ErrorKind::Unlicensed => {
                "the tenant has no active Defender for Endpoint; a new token won't help".into()
            }
            ErrorKind::Unauthorized => {
                "the token isn't accepted: compare the region's cloud and audience with the tenant's".into()
            }
            ErrorKind::AlreadyRunning => {
                "nothing was submitted: wait for the action that is under way, or cancel it".into()
            }
            _ => return None,
        })
    }

    fn is_about_the_licence(&self) -> bool {
        ["account mode is inactive", "not provisioned", "license"].iter().any(|t| self.says(t))
    }

    fn says(&self, text: &str) -> bool {
        self.message.to_ascii_lowercase().contains(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saying(message: &str) -> Envelope {
        Envelope {
            code: "Forbidden".to_owned(),
            message: message.to_owned(),
            no_route: false,
            target: None,
        }
    }

    #[test]
    fn the_missing_roles_are_read_out_of_both_wordings() {
        for message in [
            "Missing application roles. API required roles: Machine.Read.All,Machine.ReadWrite.All, application roles: Machine.Isolate.",
            "Missing application roles. API required roles: Machine.Read.All,Machine.ReadWrite.All, application roles: .",
            "The application does not have any of the required application permissions (Machine.Read.All, Machine.ReadWrite.All) to access the resource.",
        ] {
            let roles = saying(message).required_roles();
            assert_eq!(roles, ["Machine.Read.All", "Machine.ReadWrite.All"], "{message}");
        }
        assert!(saying("Forbidden").required_roles().is_empty());
    }

    #[test]
    fn every_documented_code_has_its_kind() {
        for (status, code, message, kind) in [
            (400, "ActiveRequestAlreadyExists", "", ErrorKind::AlreadyRunning),
            (400, "BadRequest", "Action is already in progress", ErrorKind::AlreadyRunning),
            (400, "OsPlatformNotSupported", "", ErrorKind::Unsupported),
            (400, "ClientVersionNotSupported", "", ErrorKind::Unsupported),
            (400, "InvalidRequestBody", "", ErrorKind::InvalidRequest),
            (401, "Unauthorized", "", ErrorKind::Unauthorized),
            (401, "Unauthorized", "Account mode is inactive", ErrorKind::Unlicensed),
            (401, "Unauthorized", "Account is not provisioned.", ErrorKind::Unlicensed),
            (401, "Unauthorized", "No Tvm license", ErrorKind::Unlicensed),
            (403, "DisabledFeature", "", ErrorKind::FeatureDisabled),
            (403, "Forbidden", "", ErrorKind::PermissionDenied),
            (404, "ResourceNotFound", "", ErrorKind::NotFound),
            (429, "TooManyRequests", "", ErrorKind::Throttled),
            (500, "InternalServerError", "", ErrorKind::Service),
        ] {
            let said = Envelope {
                code: code.into(),
                message: message.into(),
                no_route: false,
                target: None,
            };
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(said.kind(status).0, kind, "{status} {code} {message}");
        }
    }
}
