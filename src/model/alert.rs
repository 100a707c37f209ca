//! An alert, with its comments and evidence.

use super::open_enum::open_enum;
use super::record::{Record, record};
use crate::types::{AlertId, MachineId, Timestamp};

open_enum! {
    /// Where an alert stands.
    pub enum AlertStatus {
        /// Nobody has taken it up.
        New,
        /// Somebody works on it.
        InProgress,
        /// It is closed.
        Resolved,
        /// The service itself says `Unknown`; it can't be set.
        Unknown,
    }
}

open_enum! {
    /// How severe something is.
    pub enum Severity {
        /// The service says `UnSpecified`; it can't be set.
        UnSpecified,
        /// For information.
        Informational,
        /// Low.
        Low,
        /// Medium.
        Medium,
        /// High.
        High,
    }
}

open_enum! {
    /// What an alert turned out to be.
    pub enum Classification {
        /// A real threat.
        TruePositive,
        /// No threat.
        FalsePositive,
        /// Real, and expected: a test, a known application.
        InformationalExpectedActivity,
        /// The service itself says `Unknown`; it can't be set.
        Unknown,
    }
}

open_enum! {
    /// What lies behind a classification. Each goes with one classification, `Other` with all.
    pub enum Determination {
        /// True positive: an attack in several stages.
        MultiStagedAttack ["MultistageAttack"],
        /// True positive: a user with bad intent.
        MaliciousUserActivity,
        /// True positive: a user's account in other hands. Graph and the portal say `CompromisedAccount`.
        CompromisedUser ["CompromisedAccount"],
        /// True positive: malware.
        Malware,
        /// True positive: phishing.
        Phishing,
        /// True positive: software nobody wants.
        UnwantedSoftware,
        /// Expected: a security test.
        SecurityTesting ["SecurityTest"],
        /// Expected: an application of the organisation.
        LineOfBusinessApplication ["LineOfBusiness"],
        /// Expected: the user confirmed it. Graph says `ConfirmedUserActivity` in places.
        ConfirmedActivity ["ConfirmedUserActivity"],
        /// False positive: not malicious. Graph says `Clean` in places.
        NotMalicious ["Clean"],
        /// False positive: not enough data to tell. Also in circulation as `NotEnoughDataToValidate`.
        InsufficientData ["NotEnoughDataToValidate", "NoEnoughDataToValidate"],
        /// Something else.
        Other,
    }
}

record! {
    /// An alert ([documentation](https://learn.microsoft.com/defender-endpoint/api/alerts)).
    ///
    /// ```
    /// # use defender_response::model::{Alert, AlertStatus};
    /// let alert: Alert = serde_json::from_str(r#"{"id":"da637472900382838869_1364969609","status":"New"}"#)?;
    /// assert_eq!(alert.status, AlertStatus::New);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct Alert {
        /// The alert's identifier, as sent.
        pub id: AlertId = "id",
        /// The incident it belongs to.
        pub incident_id: Option<i64> = "incidentId",
        /// The automatic investigation, if there is one.
        pub investigation_id: Option<i64> = "investigationId",
        /// How far that investigation has come.
        pub investigation_state: Option<String> = "investigationState",
        /// Who works on it: free text in effect.
        pub assigned_to: Option<String> = "assignedTo",
        /// How severe it is.
        pub severity: Severity = "severity",
        /// Where it stands.
        pub status: AlertStatus = "status",
        /// What it turned out to be.
        pub classification: Option<Classification> = "classification",
        /// What lies behind that.
        pub determination: Option<Determination> = "determination",
        /// What raised it.
        pub detection_source: Option<String> = "detectionSource",
        /// The rule that raised it.
        pub detector_id: Option<String> = "detectorId",
        /// Its category; the text `null` has been recorded.
        pub category: Option<String> = "category",
        /// The family of the threat.
        pub threat_family_name: Option<String> = "threatFamilyName",
        /// The threat.
        pub threat_name: Option<String> = "threatName",
        /// Its title.
        pub title: Option<String> = "title",
        /// What happened.
        pub description: Option<String> = "description",
        /// What the service recommends.
        pub recommended_action: Option<String> = "recommendedAction",
        /// When it was created.
        pub alert_creation_time: Option<Timestamp> = "alertCreationTime",
        /// When the first event happened.
        pub first_event_time: Option<Timestamp> = "firstEventTime",
        /// When the last event happened.
        pub last_event_time: Option<Timestamp> = "lastEventTime",
        /// When the record last changed.
        pub last_update_time: Option<Timestamp> = "lastUpdateTime",
        /// When it was resolved.
        pub resolved_time: Option<Timestamp> = "resolvedTime",
        /// The machine it is about.
        pub machine_id: Option<MachineId> = "machineId",
        /// That machine's name.
        pub computer_dns_name: Option<String> = "computerDnsName",
        /// That machine's device group.
        pub rbac_group_name: Option<String> = "rbacGroupName",
        /// The tenant.
        pub aad_tenant_id: Option<String> = "aadTenantId",
        /// Techniques of MITRE ATT&CK.
        pub mitre_techniques: Vec<String> = "mitreTechniques",
        /// The user it is about.
        pub related_user: Option<RelatedUser> = "relatedUser",
        /// Who was logged on.
        pub logged_on_users: Vec<LoggedOnUser> = "loggedOnUsers",
        /// Its comments. One can be added and none removed.
        pub comments: Vec<AlertComment> = "comments",
        /// Its evidence; empty in a list unless expanded.
        pub evidence: Vec<Evidence> = "evidence",
        /// Domains; recorded, and in no documentation.
        pub domains: Vec<serde_json::Map<String, serde_json::Value>> = "domains",
    }
}

impl Alert {
    /// An alert as the service would describe it, for tests of code that takes one.
    ///
    /// ```
    /// # use defender_response::model::{Alert, AlertStatus};
    /// let mut alert = Alert::new("da637472900382838869_1364969609".parse()?);
    /// alert.status = AlertStatus::New;
    /// # Ok::<(), defender_response::ParseError>(())
    /// ```
    #[must_use]
    pub fn new(id: AlertId) -> Self {
        Self { id, ..Self::blank() }
    }
}

record! {
    /// A comment on an alert.
    pub struct AlertComment {
        /// The text.
        pub comment: Option<String> = "comment",
        /// Who wrote it; the word `Automation` has been recorded.
        pub created_by: Option<String> = "createdBy",
        /// When.
        pub created_time: Option<Timestamp> = "createdTime",
    }
}

record! {
    /// The user an alert is about.
    pub struct RelatedUser {
        /// The user's name.
        pub user_name: Option<String> = "userName",
        /// The user's domain.
        pub domain_name: Option<String> = "domainName",
    }
}

record! {
    /// A user who was logged on to the machine of an alert.
    pub struct LoggedOnUser {
        /// The account's name.
        pub account_name: Option<String> = "accountName",
        /// The account's domain.
        pub domain_name: Option<String> = "domainName",
    }
}

record! {
    /// A piece of evidence of an alert. Which members are filled depends on `entity_type`.
    pub struct Evidence {
        /// What it is: `File`, `Process`, `User`, `Ip`, `Url`, and others.
        pub entity_type: Option<String> = "entityType",
        /// When it was recorded.
        pub evidence_creation_time: Option<Timestamp> = "evidenceCreationTime",
        /// The file's SHA-1.
        pub sha1: Option<String> = "sha1",
        /// The file's SHA-256.
        pub sha256: Option<String> = "sha256",
        /// The file's name.
        pub file_name: Option<String> = "fileName",
        /// The file's folder.
        pub file_path: Option<String> = "filePath",
        /// The process.
        pub process_id: Option<i64> = "processId",
        /// Its command line.
        pub process_command_line: Option<String> = "processCommandLine",
        /// When it began.
        pub process_creation_time: Option<Timestamp> = "processCreationTime",
        /// Its parent.
        pub parent_process_id: Option<i64> = "parentProcessId",
        /// When the parent began.
        pub parent_process_creation_time: Option<Timestamp> = "parentProcessCreationTime",
        /// The parent's file.
        pub parent_process_file_name: Option<String> = "parentProcessFileName",
        /// The folder of that file.
        pub parent_process_file_path: Option<String> = "parentProcessFilePath",
        /// The address.
        pub ip_address: Option<String> = "ipAddress",
        /// The URL.
        pub url: Option<String> = "url",
        /// The registry key.
        pub registry_key: Option<String> = "registryKey",
        /// The registry hive.
        pub registry_hive: Option<String> = "registryHive",
        /// The type of the registry value.
        pub registry_value_type: Option<String> = "registryValueType",
        /// The registry value.
        pub registry_value: Option<String> = "registryValue",
        /// The account's name.
        pub account_name: Option<String> = "accountName",
        /// The account's domain.
        pub domain_name: Option<String> = "domainName",
        /// The account's SID.
        pub user_sid: Option<String> = "userSid",
        /// The account's Entra id.
        pub aad_user_id: Option<String> = "aadUserId",
        /// The account's principal name.
        pub user_principal_name: Option<String> = "userPrincipalName",
        /// `Detected` or `Prevented`.
        pub detection_status: Option<String> = "detectionStatus",
    }
}
