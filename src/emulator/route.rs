//! From a request line to what is asked for.
//!
//! The pages mix `/API/machines` and `/api/machineactions`, so fixed words count in any case; `/api` and
//! `/api/v1.0` are the same (page exposed-apis-list).

use http::Method;

use super::operation::Operation;
use super::text::percent_decode;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Token {
        tenant: String,
        version: Version,
    },
    Api {
        operation: Operation,
        /// The id, name or argument in the path, as it was given.
        target: Option<String>,
    },
    /// `PATCH /api/machines/{id}`: served, though no operation of this crate.
    PatchMachine(String),
    /// The emulator's own endpoints, such as `/emulator/journal`.
    Control(String),
    Unknown,
}

/// The two generations of the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V1,
    V2,
}

impl Route {
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        let whole: Vec<String> = path
            .trim_start_matches('/')
            .trim_end_matches('/')
            .split('/')
            .map(|segment| percent_decode(segment).into_owned())
            .collect();
        let words: Vec<String> = whole.iter().map(|s| s.to_ascii_lowercase()).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();

        match (words.as_slice(), whole.as_slice()) {
            ([_, "oauth2", "token"], [tenant, ..]) => token(tenant, Version::V1),
            ([_, "oauth2", "v2.0", "token"], [tenant, ..]) => token(tenant, Version::V2),
            (["emulator", what], _) => Self::Control((*what).to_owned()),
            (["api", "v1.0", rest @ ..], [_, _, given @ ..])
            | (["api", rest @ ..], [_, given @ ..]) => api(method, rest, given),
            _ => Self::Unknown,
        }
    }

    pub(crate) fn operation(&self) -> Operation {
        match self {
            Self::Token { .. } => Operation::Token,
            Self::Api { operation, .. } => *operation,
            Self::PatchMachine(_) | Self::Control(_) | Self::Unknown => Operation::Unknown,
        }
    }

    pub(crate) fn target(&self) -> Option<&str> {
        match self {
            Self::Token { tenant, .. } => Some(tenant),
            Self::Api { target, .. } => target.as_deref(),
            Self::PatchMachine(id) => Some(id),
            Self::Control(_) | Self::Unknown => None,
        }
    }
}

fn token(tenant: &str, version: Version) -> Route {
    Route::Token { tenant: tenant.to_owned(), version }
}

fn api(method: &Method, words: &[&str], given: &[String]) -> Route {
    use Operation as O;
    let one = |operation| Route::Api { operation, target: given.get(1).cloned() };
    let all = |operation| Route::Api { operation, target: None };
    match (method.as_str(), words) {
        ("POST", ["machines", _, "isolate"]) => one(O::Isolate),
        ("POST", ["machines", _, "unisolate"]) => one(O::Unisolate),
        ("POST", ["machines", _, "runantivirusscan"]) => one(O::Scan),
        ("POST", ["machines", _, "restrictcodeexecution"]) => one(O::Restrict),
        ("POST", ["machines", _, "unrestrictcodeexecution"]) => one(O::Unrestrict),
        ("GET", ["machineactions"]) => all(O::ListActions),
        ("GET", ["machineactions", _]) => one(O::GetAction),
        ("POST", ["machineactions", _, "cancel"]) => one(O::CancelAction),
        ("GET", ["machines"]) => all(O::ListMachines),
        ("GET", ["machines", word]) if word.starts_with("findbyip(") => one(O::FindByIp),
        ("GET", ["machines", word]) if *word == "findbytag" || word.starts_with("findbytag(") => {
            one(O::FindByTag)
        }
        ("GET", ["machines", _]) => one(O::GetMachine),
        ("PATCH", ["machines", _]) => {
            given.get(1).map_or(Route::Unknown, |id| Route::PatchMachine(id.clone()))
        }
        ("GET", ["alerts"]) => all(O::ListAlerts),
        ("POST", ["alerts", "batchupdate"]) => all(O::BatchUpdateAlerts),
        ("GET", ["alerts", _]) => one(O::GetAlert),
        ("PATCH", ["alerts", _]) => one(O::UpdateAlert),
        ("GET", ["indicators"]) => all(O::ListIndicators),
        ("POST", ["indicators"]) => all(O::SubmitIndicator),
        ("POST", ["indicators", "import"]) => all(O::ImportIndicators),
        ("POST", ["indicators", "batchdelete"]) => all(O::BatchDeleteIndicators),
        ("GET", ["indicators", _]) => one(O::GetIndicator),
        ("DELETE", ["indicators", _]) => one(O::DeleteIndicator),
        _ => Route::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_words_count_in_any_case_and_ids_keep_theirs() {
        let route = Route::of(&Method::POST, "/API/v1.0/Machines/ABC/runAntivirusSCAN");
        assert_eq!(
            route,
            Route::Api { operation: Operation::Scan, target: Some("ABC".to_owned()) }
        );
    }

    #[test]
    fn a_slash_inside_an_id_stays_inside_it() {
        let route = Route::of(&Method::GET, "/api/machines/..%2Falerts%2Fx");
        assert_eq!(route.target(), Some("../alerts/x"));
    }

    #[test]
    fn both_token_endpoints_are_told_apart_from_the_api() {
        let v1 = Route::of(&Method::POST, "/corp.example/oauth2/token");
        assert_eq!(v1, Route::Token { tenant: "corp.example".to_owned(), version: Version::V1 });
        let v2 = Route::of(&Method::GET, "/T/OAuth2/v2.0/Token");
        assert_eq!(v2, Route::Token { tenant: "T".to_owned(), version: Version::V2 });
    }

    #[test]
    fn anything_else_is_unknown() {
        for (method, path) in [("GET", "/"), ("PUT", "/api/machines/1"), ("GET", "/api//machines")]
        {
            let method = method.parse().unwrap_or_default();
            assert_eq!(Route::of(&method, path), Route::Unknown, "{path}");
        }
    }
}
