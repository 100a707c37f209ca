//! A machine action on record, and how the service writes it down (page machineaction).

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use serde::Serialize;

use super::machine::Machine;
use crate::emulator::moment::{Moment, Stamp};
use crate::types::Timestamp;

/// What an action does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Isolate,
    Unisolate,
    Scan,
    Restrict,
    Unrestrict,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Isolate => "Isolate",
            Self::Unisolate => "Unisolate",
            Self::Scan => "RunAntiVirusScan",
            Self::Restrict => "RestrictCodeExecution",
            Self::Unrestrict => "UnrestrictCodeExecution",
        }
    }

    /// The kind this one undoes.
    pub(crate) fn undoes(self) -> Option<Self> {
        match self {
            Self::Unisolate => Some(Self::Isolate),
            Self::Unrestrict => Some(Self::Restrict),
            Self::Isolate | Self::Scan | Self::Restrict => None,
        }
    }
}

/// How far an action is. `TimeOut` and `Cancelled` are spelt as recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Pending,
    InProgress,
    Succeeded,
    Failed,
    TimeOut,
    Cancelled,
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::InProgress => "InProgress",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::TimeOut => "TimeOut",
            Self::Cancelled => "Cancelled",
        }
    }

    pub(crate) fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::InProgress)
    }
}

/// A machine action.
#[derive(Clone, Debug)]
pub(crate) struct Action {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    pub(crate) scope: Option<String>,
    pub(crate) status: Status,
    pub(crate) requestor: String,
    pub(crate) comment: Option<String>,
    /// `PublicApi` or `Portal`.
    pub(crate) source: &'static str,
    pub(crate) external_id: Option<String>,
    /// The machine's number in its tenant.
    pub(crate) machine: usize,
    pub(crate) created: Moment,
    pub(crate) updated: Timestamp,
    pub(crate) cancellation: Option<Cancellation>,
    /// The error it ends with; 0 if none.
    pub(crate) hresult: i32,
    /// Not begun before a release has succeeded: the duplicate that fires late.
    pub(crate) stuck: bool,
    /// Not shown in lists.
    pub(crate) unlisted: bool,
    /// How it was before it ended, and since when: what a list that is late with its statuses shows.
    pub(crate) before: Option<(Status, Timestamp)>,
}

impl Action {
    /// As a list shows it whose statuses are as old as that.
    pub(crate) fn as_listed(&self, now: Timestamp, lag: Duration) -> Cow<'_, Self> {
        match self.before {
            Some((status, updated)) if now.since(self.updated) < lag => {
                Cow::Owned(Self { status, updated, hresult: 0, cancellation: None, ..self.clone() })
            }
            _ => Cow::Borrowed(self),
        }
    }
}

/// Who cancelled an action, and why.
#[derive(Clone, Debug)]
pub(crate) struct Cancellation {
    pub(crate) requestor: String,
    pub(crate) comment: String,
    pub(crate) time: Timestamp,
}

/// A tenant's actions, in the order they were created.
#[derive(Debug, Default)]
pub(crate) struct Actions {
    all: Vec<Action>,
    by_id: HashMap<String, usize>,
}

impl Actions {
    pub(crate) fn add(&mut self, action: Action) -> usize {
        let number = self.all.len();
        self.by_id.insert(action.id.clone(), number);
        self.all.push(action);
        number
    }

    pub(crate) fn get(&self, number: usize) -> Option<&Action> {
        self.all.get(number)
    }

    pub(crate) fn get_mut(&mut self, number: usize) -> Option<&mut Action> {
        self.all.get_mut(number)
    }

    pub(crate) fn find(&self, id: &str) -> Option<usize> {
        self.by_id.get(&id.to_ascii_lowercase()).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Action> {
        self.all.iter()
    }
}

/// An action as the service answers it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ActionView<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    title: Option<&'a str>,
    requestor: &'a str,
    requestor_comment: Option<&'a str>,
    pub(crate) status: &'a str,
    machine_id: &'a str,
    pub(crate) computer_dns_name: Option<&'a str>,
    creation_date_time_utc: Stamp,
    last_update_date_time_utc: Stamp,
    cancellation_requestor: Option<&'a str>,
    cancellation_comment: Option<&'a str>,
    cancellation_date_time_utc: Option<Stamp>,
    error_h_result: i32,
    pub(crate) scope: Option<&'a str>,
    external_id: Option<&'a str>,
    pub(crate) request_source: &'a str,
    related_file_info: Option<&'a str>,
    commands: [&'a str; 0],
    troubleshoot_info: Option<&'a str>,
}

impl<'a> ActionView<'a> {
    pub(crate) fn new(action: &'a Action, machine: &'a Machine) -> Self {
        let cancellation = action.cancellation.as_ref();
        Self {
            id: &action.id,
            kind: action.kind.name(),
            title: None,
            requestor: &action.requestor,
            requestor_comment: action.comment.as_deref(),
            status: action.status.name(),
            machine_id: &machine.record.id,
            computer_dns_name: Some(&machine.record.computer_dns_name),
            creation_date_time_utc: Stamp(action.created.wall),
            last_update_date_time_utc: Stamp(action.updated),
            cancellation_requestor: cancellation.map(|c| c.requestor.as_str()),
            cancellation_comment: cancellation.map(|c| c.comment.as_str()),
            cancellation_date_time_utc: cancellation.map(|c| Stamp(c.time)),
            error_h_result: action.hresult,
            scope: action.scope.as_deref(),
            external_id: action.external_id.as_deref(),
            request_source: action.source,
            related_file_info: None,
            commands: [],
            troubleshoot_info: None,
        }
    }
}
