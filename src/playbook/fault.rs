//! From the crate's errors to what a runner decides by.

use std::error::Error as StdError;

use super::envelope::{Category, Fault, State};
use crate::error::{Error, ErrorKind};

/// What repeating an action comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Effect {
    /// It changes nothing.
    Reads,
    /// Repeating it leaves the same state.
    Idempotent,
    /// Repeating it may do it twice.
    Once,
    /// It is several calls, of which some may have been made when one fails.
    Several,
}

impl Fault {
    /// A call that can't be right.
    #[must_use]
    pub fn usage(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            category: Category::Usage,
            message: message.into(),
            hint: None,
            http_status: None,
            correlation_id: None,
            retry_safe: true,
        }
    }

    /// One of another category, of which nothing is known to be safe.
    #[must_use]
    pub fn new(code: &str, category: Category, message: impl Into<String>) -> Self {
        Self { category, retry_safe: false, ..Self::usage(code, message) }
    }

    /// The crate's error, as it is told of an action with this effect.
    #[must_use]
    pub fn of(error: &Error, effect: Effect) -> Self {
        Self {
            code: error.kind().as_str().to_owned(),
            category: category(error, effect),
            message: for_runners(&message(error)),
            hint: error.hint().map(for_runners),
            http_status: error.status(),
            correlation_id: error.correlation_id().map(str::to_owned),
            retry_safe: is_retry_safe(error, effect),
        }
    }
}

/// What the crate advises its callers, and what a runner can do in its place.
const ADVICE: [(&str, &str); 8] = [
    (
        "grant the role that reading them needs, or submit without_lookup()",
        "grant the role that reading them needs",
    ),
    (
        "without_lookup() submits without having looked",
        "nothing is submitted without having looked: try again later",
    ),
    ("release it first, or submit it regardless()", "release it first"),
    ("wait for its end, or say including_others()", "wait for its end"),
    (
        "it isn't ours to undo: ask, or say including_others()",
        "it isn't ours to undo: ask whose it is",
    ),
    ("; any_pair() sends it all the same", ""),
    ("; any_action() sends it all the same", ""),
    ("name one by its id, or say newest_active()", "name one by its id"),
];

/// Without the names of methods, which a runner can't call.
fn for_runners(text: &str) -> String {
    let text = ADVICE.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    // The number is the argument's.
    let Some((before, rest)) = text.split_once("allow_deletes(") else { return text };
    let Some((number, after)) = rest.split_once(')') else { return text };
    format!("{before}allow_deletes: {number}{after}")
}

/// With its causes, which name the failing host or file.
fn message(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(link) = cause {
        text.push_str(": ");
        text.push_str(&link.to_string());
        cause = link.source();
    }
    text
}

/// Failures after which a call may have been carried out, if it was sent at all.
fn is_unclear(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Service | ErrorKind::Timeout | ErrorKind::Intermediary)
}

fn category(error: &Error, effect: Effect) -> Category {
    use ErrorKind as K;
    match error.kind() {
        K::InvalidInput | K::Configuration | K::Unsupported | K::InvalidRequest => Category::Usage,
        K::SignIn | K::Unauthorized => Category::SignIn,
        K::Unlicensed | K::PermissionDenied | K::FeatureDisabled => Category::Permission,
        K::NotFound | K::Ambiguous => Category::NotFound,
        K::Conflict | K::AlreadyRunning | K::Superseded => Category::Conflict,
        K::Throttled => Category::Throttled,
        K::ActionFailed | K::ActionCancelled => Category::ActionFailed,
        K::StillRunning => Category::StillRunning,
        K::Guarded => Category::Refused,
        K::OutcomeUnknown | K::ActionTimedOut => Category::Unknown,
        _ if effect != Effect::Reads && error.is_after_an_unclear_try() => Category::Unknown,
        kind if is_unclear(kind) && matches!(effect, Effect::Idempotent | Effect::Several) => {
            Category::Unknown
        }
        _ => Category::Internal,
    }
}

/// How far a call has come that ended in this error, of which no action is known.
pub(super) fn state(error: &Error, effect: Effect) -> State {
    match error.kind() {
        ErrorKind::DryRun => State::Planned,
        ErrorKind::ActionFailed => State::Failed,
        ErrorKind::ActionCancelled => State::Cancelled,
        ErrorKind::ActionTimedOut => State::TimedOut,
        ErrorKind::StillRunning => State::InProgress,
        ErrorKind::Superseded => State::Superseded,
        ErrorKind::OutcomeUnknown => State::Unknown,
        _ if effect == Effect::Reads => State::Rejected,
        _ if error.is_after_an_unclear_try() => State::Unknown,
        kind if is_unclear(kind) && effect != Effect::Once => State::Unknown,
        // What an earlier one of several did isn't undone.
        kind if effect == Effect::Several && !is_ahead_of_all(kind) => State::Unknown,
        _ => State::Rejected,
    }
}

/// Said before the first of several calls.
fn is_ahead_of_all(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::InvalidInput
            | ErrorKind::Configuration
            | ErrorKind::Guarded
            | ErrorKind::Conflict
            | ErrorKind::NotFound
    )
}

fn is_retry_safe(error: &Error, effect: Effect) -> bool {
    use ErrorKind as K;
    let kind = error.kind();
    // What was turned away certainly wasn't done.
    let is_turned_away = matches!(
        kind,
        K::InvalidInput
            | K::Configuration
            | K::SignIn
            | K::Unauthorized
            | K::Unlicensed
            | K::PermissionDenied
            | K::FeatureDisabled
            | K::NotFound
            | K::Ambiguous
            | K::Guarded
            | K::AuditFailed
            | K::Unsupported
            | K::InvalidRequest
            | K::Throttled
            | K::Connect
            | K::DryRun
    );
    match effect {
        Effect::Reads => true,
        Effect::Idempotent => is_turned_away || is_unclear(kind),
        Effect::Once => is_turned_away && !error.is_after_an_unclear_try(),
        Effect::Several => matches!(kind, K::InvalidInput | K::Configuration),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::{fs, iter};

    use super::*;

    /// Said of fleets and of a plan's options, which no action of a runner's has.
    const UNHEARD: [&str; 3] = ["src/fleet", "src/stix/plan/options.rs", "src/playbook/fault.rs"];

    fn sources(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let unheard = |path: &Path| UNHEARD.iter().any(|tail| path.ends_with(tail));
        let read = |path: std::path::PathBuf| {
            if path.is_dir() { sources(&path) } else { vec![fs::read_to_string(&path).unwrap()] }
        };
        entries.filter(|path| !unheard(path)).flat_map(read).collect()
    }

    /// What is written in quotes, outside comments and unit tests. Quotes in quotes only shift what is looked at.
    fn texts(source: &str) -> Vec<String> {
        let source = source.split("#[cfg(test)]").next().unwrap_or_default();
        let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code = code.collect::<Vec<_>>().join("\n").replace("\\\"", "'").replace("'\"'", "");
        let mut quoted = iter::successors(Some((code.as_str(), false)), |(rest, is_text)| {
            rest.split_once('"').map(|(_, rest)| (rest, !is_text))
        });
        let texts = quoted.by_ref().filter(|(_, is_text)| *is_text);
        texts.filter_map(|(rest, _)| rest.split('"').next().map(str::to_owned)).collect()
    }

    #[test]
    fn no_advice_names_a_method_to_a_runner() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let texts: Vec<_> = sources(&folder).iter().flat_map(|source| texts(source)).collect();
        let names = |text: &&String| {
            text.split("()").next().is_some_and(|before| {
                before.len() < text.len() && before.ends_with(|c: char| c.is_ascii_lowercase())
            })
        };
        let advice: Vec<_> = texts.iter().filter(names).collect();
        assert!(advice.len() >= 7, "the scan finds what there is: {advice:?}");
        for text in advice {
            let told = for_runners(text);
            assert!(!told.contains("()"), "a runner would be told {told:?}");
        }
    }
}
