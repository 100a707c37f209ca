//! A machine action: the service's record of something it was asked to do to a machine.

use serde::{Deserialize, Serialize};

use super::lenient;
use super::open_enum::open_enum;
use crate::types::{ActionId, MachineId, Timestamp};

open_enum! {
    /// What a machine action does.
    ///
    /// The service may list kinds of its own, such as those that only the portal offers.
    pub enum ActionType {
        /// An antivirus scan.
        RunAntiVirusScan,
        /// Removal of the machine from the service.
        Offboard,
        /// A live response session.
        LiveResponse,
        /// Collection of an investigation package.
        CollectInvestigationPackage,
        /// Isolation from the network, or containment of a device that isn't onboarded.
        Isolate,
        /// Release from isolation or containment.
        Unisolate,
        /// Stopping and quarantining a file.
        StopAndQuarantineFile,
        /// Restriction to code signed by Microsoft.
        RestrictCodeExecution,
        /// End of that restriction.
        UnrestrictCodeExecution,
    }
}

open_enum! {
    /// How far a machine action has come, by the service's records.
    pub enum ActionStatus {
        /// Accepted; the device hasn't fetched it yet. It stays so while the device is offline.
        Pending,
        /// The device has it.
        InProgress,
        /// The device reported that it is done.
        Succeeded,
        /// The device reported that it could not be done.
        Failed,
        /// The device never reported, for about three days. It may have done it or not.
        TimeOut,
        /// Cancelled before it was done.
        Cancelled,
    }
}

impl ActionStatus {
    /// Whether this status is the last one.
    ///
    /// A value that isn't known counts as unfinished: a wait goes on and names it at its deadline.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::TimeOut | Self::Cancelled)
    }
}

/// The service's record of one action on one machine
/// ([documentation](https://learn.microsoft.com/defender-endpoint/api/machineaction)).
///
/// It records what was asked and what the device reported. It is not the state of the host, which can
/// be changed without it (a local force-release, a re-image).
///
/// ```
/// # use defender_response::model::{ActionStatus, MachineAction};
/// let action: MachineAction = serde_json::from_str(
///     r#"{"id":"5382f7ea-7557-4ab7-9782-d50480024a4e","type":"Isolate","status":"Pending"}"#,
/// )?;
/// assert!(!action.status.is_terminal());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct MachineAction {
    /// The action's identifier, as sent.
    #[serde(default = "lenient::no_id", deserialize_with = "lenient::id")]
    pub id: ActionId,
    /// What is done.
    #[serde(rename = "type", default)]
    pub action_type: ActionType,
    /// A title; null in every recorded answer.
    #[serde(default, deserialize_with = "lenient::text")]
    pub title: Option<String>,
    /// `Full` or `Selective` of an isolation, `Quick` or `Full` of a scan. Often null in the answer to
    /// the submission and filled on later reads.
    #[serde(default, deserialize_with = "lenient::text")]
    pub scope: Option<String>,
    /// Who asked: a user's name, an application's name, or an application's id.
    #[serde(default, deserialize_with = "lenient::text")]
    pub requestor: Option<String>,
    /// The comment given with the request.
    #[serde(default, deserialize_with = "lenient::text")]
    pub requestor_comment: Option<String>,
    /// How far the action has come.
    #[serde(default)]
    pub status: ActionStatus,
    /// The machine it is for; null has been recorded on an offboarding.
    #[serde(default, deserialize_with = "lenient::optional_machine_id")]
    pub machine_id: Option<MachineId>,
    /// The machine's name; may be null on a fresh action.
    #[serde(default, deserialize_with = "lenient::text")]
    pub computer_dns_name: Option<String>,
    /// When the action was created.
    #[serde(default, deserialize_with = "lenient::timestamp")]
    pub creation_date_time_utc: Option<Timestamp>,
    /// When the record last changed. Older pages of the documentation call it `lastUpdateTimeUtc`.
    #[serde(default, alias = "lastUpdateTimeUtc", deserialize_with = "lenient::timestamp")]
    pub last_update_date_time_utc: Option<Timestamp>,
    /// Who cancelled it.
    #[serde(default, deserialize_with = "lenient::text")]
    pub cancellation_requestor: Option<String>,
    /// The comment given with the cancellation.
    #[serde(default, deserialize_with = "lenient::text")]
    pub cancellation_comment: Option<String>,
    /// When it was cancelled.
    #[serde(default, deserialize_with = "lenient::timestamp")]
    pub cancellation_date_time_utc: Option<Timestamp>,
    /// The device's error as a Windows HRESULT; 0 without one.
    #[serde(
        default,
        rename = "errorHResult",
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::integer"
    )]
    pub error_hresult: Option<i64>,
    /// An identifier of another system, where there is one.
    #[serde(default, alias = "externalID", deserialize_with = "lenient::text")]
    pub external_id: Option<String>,
    /// Where the request came from: `PublicApi` or `Portal`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub request_source: Option<String>,
    /// The file of a stop-and-quarantine action.
    #[serde(default, deserialize_with = "lenient::object")]
    pub related_file_info: Option<RelatedFileInfo>,
    /// The commands of a live response session. The action may be `Succeeded` while a command failed.
    #[serde(default, deserialize_with = "lenient::list")]
    pub commands: Vec<ActionCommand>,
    /// Not documented; null in every recorded answer.
    #[serde(default, deserialize_with = "lenient::text")]
    pub troubleshoot_info: Option<String>,
}

impl MachineAction {
    /// An action as the service would record it, for tests of code that takes one.
    ///
    /// ```
    /// # use defender_response::model::{ActionStatus, ActionType, MachineAction};
    /// let mut action = MachineAction::new(
    ///     "5382f7ea-7557-4ab7-9782-d50480024a4e".parse()?,
    ///     ActionType::Isolate,
    ///     ActionStatus::Succeeded,
    /// );
    /// action.computer_dns_name = Some("ws-042.corp.example".to_owned());
    /// # Ok::<(), defender_response::ParseError>(())
    /// ```
    #[must_use]
    pub fn new(id: ActionId, action_type: ActionType, status: ActionStatus) -> Self {
        Self {
            id,
            action_type,
            title: None,
            scope: None,
            requestor: None,
            requestor_comment: None,
            status,
            machine_id: None,
            computer_dns_name: None,
            creation_date_time_utc: None,
            last_update_date_time_utc: None,
            cancellation_requestor: None,
            cancellation_comment: None,
            cancellation_date_time_utc: None,
            error_hresult: None,
            external_id: None,
            request_source: None,
            related_file_info: None,
            commands: Vec::new(),
            troubleshoot_info: None,
        }
    }
}

/// The file that a stop-and-quarantine action is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RelatedFileInfo {
    /// The hash.
    #[serde(default, deserialize_with = "lenient::text")]
    pub file_identifier: Option<String>,
    /// Its algorithm: `Sha1`, `Sha256` or `Md5`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub file_identifier_type: Option<String>,
}

/// One command of a live response session, and how it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ActionCommand {
    /// Its place in the session, from 0.
    #[serde(default, deserialize_with = "lenient::integer")]
    pub index: Option<i64>,
    /// When it began.
    #[serde(default, deserialize_with = "lenient::timestamp")]
    pub start_time: Option<Timestamp>,
    /// When it ended.
    #[serde(default, deserialize_with = "lenient::timestamp")]
    pub end_time: Option<Timestamp>,
    /// `Created`, `Completed` or `Failed`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub command_status: Option<String>,
    /// What went wrong.
    #[serde(default, deserialize_with = "lenient::texts")]
    pub errors: Vec<String>,
    /// The command as it was given.
    #[serde(default, deserialize_with = "lenient::object")]
    pub command: Option<Command>,
}

/// A live response command as it was given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Command {
    /// `PutFile`, `RunScript` or `GetFile`.
    #[serde(rename = "type", default, deserialize_with = "lenient::text")]
    pub command_type: Option<String>,
    /// Its parameters.
    #[serde(default, deserialize_with = "lenient::list")]
    pub params: Vec<CommandParam>,
}

/// One parameter of a live response command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CommandParam {
    /// The parameter's name, such as `FileName`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub key: Option<String>,
    /// Its value.
    #[serde(default, deserialize_with = "lenient::text")]
    pub value: Option<String>,
}
