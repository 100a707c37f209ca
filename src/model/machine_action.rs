//! A machine action: the service's record of something it was asked to do to a machine.

use super::open_enum::open_enum;
use super::record::{Record, record};
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

record! {
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
    pub struct MachineAction {
        /// The action's identifier, as sent.
        pub id: ActionId = "id",
        /// What is done.
        pub action_type: ActionType = "type",
        /// A title; null in every recorded answer.
        pub title: Option<String> = "title",
        /// `Full` or `Selective` of an isolation, `Quick` or `Full` of a scan. Often null in the answer to
        /// the submission and filled on later reads.
        pub scope: Option<String> = "scope",
        /// Who asked: a user's name, an application's name, or an application's id.
        pub requestor: Option<String> = "requestor",
        /// The comment given with the request.
        pub requestor_comment: Option<String> = "requestorComment",
        /// How far the action has come.
        pub status: ActionStatus = "status",
        /// The machine it is for; null has been recorded on an offboarding.
        pub machine_id: Option<MachineId> = "machineId",
        /// The machine's name; may be null on a fresh action.
        pub computer_dns_name: Option<String> = "computerDnsName",
        /// When the action was created.
        pub creation_date_time_utc: Option<Timestamp> = "creationDateTimeUtc",
        /// When the record last changed. Older pages of the documentation call it `lastUpdateTimeUtc`.
        pub last_update_date_time_utc: Option<Timestamp> = "lastUpdateDateTimeUtc" | "lastUpdateTimeUtc",
        /// Who cancelled it.
        pub cancellation_requestor: Option<String> = "cancellationRequestor",
        /// The comment given with the cancellation.
        pub cancellation_comment: Option<String> = "cancellationComment",
        /// When it was cancelled.
        pub cancellation_date_time_utc: Option<Timestamp> = "cancellationDateTimeUtc",
        /// The device's error as a Windows HRESULT; 0 without one.
        pub error_hresult: Option<i64> = "errorHResult",
        /// An identifier of another system, where there is one.
        pub external_id: Option<String> = "externalId" | "externalID",
        /// Where the request came from: `PublicApi` or `Portal`.
        pub request_source: Option<String> = "requestSource",
        /// The file of a stop-and-quarantine action.
        pub related_file_info: Option<RelatedFileInfo> = "relatedFileInfo",
        /// The commands of a live response session. The action may be `Succeeded` while a command failed.
        pub commands: Vec<ActionCommand> = "commands",
        /// Not documented; null in every recorded answer.
        pub troubleshoot_info: Option<String> = "troubleshootInfo",
    }
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
        Self { id, action_type, status, ..Self::blank() }
    }
}

record! {
    /// The file that a stop-and-quarantine action is about.
    pub struct RelatedFileInfo {
        /// The hash.
        pub file_identifier: Option<String> = "fileIdentifier",
        /// Its algorithm: `Sha1`, `Sha256` or `Md5`.
        pub file_identifier_type: Option<String> = "fileIdentifierType",
    }
}

record! {
    /// One command of a live response session, and how it ended.
    pub struct ActionCommand {
        /// Its place in the session, from 0.
        pub index: Option<i64> = "index",
        /// When it began.
        pub start_time: Option<Timestamp> = "startTime",
        /// When it ended.
        pub end_time: Option<Timestamp> = "endTime",
        /// `Created`, `Completed` or `Failed`.
        pub command_status: Option<String> = "commandStatus",
        /// What went wrong.
        pub errors: Vec<String> = "errors",
        /// The command as it was given.
        pub command: Option<Command> = "command",
    }
}

record! {
    /// A live response command as it was given.
    pub struct Command {
        /// `PutFile`, `RunScript` or `GetFile`.
        pub command_type: Option<String> = "type",
        /// Its parameters.
        pub params: Vec<CommandParam> = "params",
    }
}

record! {
    /// One parameter of a live response command.
    pub struct CommandParam {
        /// The parameter's name, such as `FileName`.
        pub key: Option<String> = "key",
        /// Its value.
        pub value: Option<String> = "value",
    }
}
