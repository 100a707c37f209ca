//! What is said about an action that has ended, or hasn't.

use std::fmt;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{ActionStatus, MachineAction};
use crate::types::{ActionId, Timestamp};

/// `Ok` on Succeeded alone.
pub(crate) fn verdict(id: &ActionId, action: MachineAction) -> Result<MachineAction> {
    let what = describe(&action);
    let error = match &action.status {
        ActionStatus::Succeeded => return Ok(action),
        ActionStatus::Cancelled => {
            let by = action.cancellation_requestor.as_deref().unwrap_or("somebody unnamed");
            Error::new(ErrorKind::ActionCancelled, format!("{what} was cancelled by {by}"))
        }
        ActionStatus::TimeOut => Error::new(
            ErrorKind::ActionTimedOut,
            format!("{what} timed out: the device never reported back, so it may have been carried out or not"),
        )
        .advising("check the host itself"),
        _ => Error::new(
            ErrorKind::ActionFailed,
            format!("{what} failed on the device{}", hresult(action.error_hresult)),
        ),
    };
    Err(error.of("wait", id.as_str()).about(action))
}

/// The deadline has come. `reported` is when the device was last heard of; a device that is silent may be off, or behind
/// something that cuts it off, so neither is said.
pub(crate) fn still_running(
    id: &ActionId,
    action: MachineAction,
    now: Timestamp,
    reported: Option<Timestamp>,
) -> Error {
    let since = action
        .creation_date_time_utc
        .map(|created| format!(" {}", Rough(now.since(created))))
        .unwrap_or_default();
    let heard = reported
        .map(|at| format!("; last report {} ago", Rough(now.since(at))))
        .unwrap_or_default();
    let what = format!("{} has been {}{since}{heard}", describe(&action), status(&action.status));
    Error::new(ErrorKind::StillRunning, what)
        .of("wait", id.as_str())
        .advising(
            "it stays armed until about three days after its creation: wait on its id again, or cancel it",
        )
        .about(action)
}

/// Nothing was read, so nothing is said.
pub(crate) fn unread(what: &str, trouble: Option<Error>) -> Error {
    let what = format!("{what} could not be read before the deadline, so its state isn't known");
    with_cause(Error::new(ErrorKind::Timeout, what), trouble)
}

pub(super) fn with_cause(error: Error, trouble: Option<Error>) -> Error {
    match trouble {
        Some(trouble) => error.caused_by(trouble),
        None => error,
    }
}

pub(super) fn describe(action: &MachineAction) -> String {
    let kind = match action.action_type.as_str() {
        "" => "the action",
        kind => kind,
    };
    match &action.computer_dns_name {
        Some(name) => format!("{kind} on {name}"),
        None => kind.to_owned(),
    }
}

fn status(status: &ActionStatus) -> String {
    match status {
        ActionStatus::Pending => "pending".to_owned(),
        ActionStatus::InProgress => "in progress".to_owned(),
        ActionStatus::Unrecognized(other) => {
            format!("in a state this crate doesn't know ({other:?})")
        }
        known => known.to_string(),
    }
}

/// A Windows error, the way it is looked up.
fn hresult(code: Option<i64>) -> String {
    match code {
        None | Some(0) => String::new(),
        Some(code) => format!(" with error 0x{:08X}", code & 0xFFFF_FFFF),
    }
}

/// A duration as people say it.
pub(crate) struct Rough(pub(crate) Duration);

impl fmt::Display for Rough {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            s @ ..120 => write!(f, "{s} s"),
            s @ 120..7200 => write!(f, "{} min", s / 60),
            s @ 7200..172_800 => write!(f, "{} h", s / 3600),
            s => write!(f, "{} days", s / 86_400),
        }
    }
}
