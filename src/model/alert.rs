//! An alert, with its comments and evidence.

use serde::{Deserialize, Serialize};

use super::lenient;
use super::open_enum::open_enum;
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

/// An alert ([documentation](https://learn.microsoft.com/defender-endpoint/api/alerts)).
///
/// ```
/// # use defender_response::model::{Alert, AlertStatus};
/// let alert: Alert = serde_json::from_str(r#"{"id":"da637472900382838869_1364969609","status":"New"}"#)?;
/// assert_eq!(alert.status, AlertStatus::New);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Alert {
    /// The alert's identifier, as sent.
    #[serde(default = "lenient::no_id", deserialize_with = "lenient::id")]
    pub id: AlertId,
    /// The incident it belongs to.
    #[serde(default, deserialize_with = "lenient::integer")]
    pub incident_id: Option<i64>,
    /// The automatic investigation, if there is one.
    #[serde(default, deserialize_with = "lenient::integer")]
    pub investigation_id: Option<i64>,
    /// How far that investigation has come.
    #[serde(default, deserialize_with = "lenient::text")]
    pub investigation_state: Option<String>,
    /// Who works on it: free text in effect.
    #[serde(default, deserialize_with = "lenient::text")]
    pub assigned_to: Option<String>,
    /// How severe it is.
    #[serde(default)]
    pub severity: Severity,
    /// Where it stands.
    #[serde(default)]
    pub status: AlertStatus,
    /// What it turned out to be.
    #[serde(default, deserialize_with = "lenient::optional")]
    pub classification: Option<Classification>,
    /// What lies behind that.
    #[serde(default, deserialize_with = "lenient::optional")]
    pub determination: Option<Determination>,
    /// What raised it.
    #[serde(default, deserialize_with = "lenient::text")]
    pub detection_source: Option<String>,
    /// The rule that raised it.
    #[serde(default, deserialize_with = "lenient::text")]
    pub detector_id: Option<String>,
    /// Its category; the text `null` has been recorded.
    #[serde(default, deserialize_with = "lenient::text")]
    pub category: Option<String>,
    /// The family of the threat.
    #[serde(default, deserialize_with = "lenient::text")]
    pub threat_family_name: Option<String>,
    /// The threat.
    #[serde(default, deserialize_with = "lenient::text")]
    pub threat_name: Option<String>,
    /// Its title.
    #[serde(default, deserialize_with = "lenient::text")]
    pub title: Option<String>,
    /// What happened.
    #[serde(default, deserialize_with = "lenient::text")]
    pub description: Option<String>,
    /// What the service recommends.
    #[serde(default, deserialize_with = "lenient::text")]
    pub recommended_action: Option<String>,
    /// When it was created.
    #[serde(default, deserialize_with = "lenient::timestamp")]
    pub alert_creation_time: Option<Timestamp>,
    /// When the first event happened.
    #[serde(default, deserialize_with = "lenient::timestamp")]
    pub first_event_time: Option<Timestamp>,
    /// When the last event happened.
    #[serde(default, deserialize_with = "lenient::timestamp")]
    pub last_event_time: Option<Timestamp>,
    /// When the record last changed.
    #[serde(default, deserialize_with = "lenient::timestamp")]
    pub last_update_time: Option<Timestamp>,
    /// When it was resolved.
    #[serde(default, deserialize_with = "lenient::timestamp")]
    pub resolved_time: Option<Timestamp>,
    /// The machine it is about.
    #[serde(default, deserialize_with = "lenient::optional_machine_id")]
    pub machine_id: Option<MachineId>,
    /// That machine's name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub computer_dns_name: Option<String>,
    /// That machine's device group.
    #[serde(default, deserialize_with = "lenient::text")]
    pub rbac_group_name: Option<String>,
    /// The tenant.
    #[serde(default, deserialize_with = "lenient::text")]
    pub aad_tenant_id: Option<String>,
    /// Techniques of MITRE ATT&CK.
    #[serde(default, deserialize_with = "lenient::texts")]
    pub mitre_techniques: Vec<String>,
    /// The user it is about.
    #[serde(default, deserialize_with = "lenient::object")]
    pub related_user: Option<RelatedUser>,
    /// Who was logged on.
    #[serde(default, deserialize_with = "lenient::list")]
    pub logged_on_users: Vec<LoggedOnUser>,
    /// Its comments. One can be added and none removed.
    #[serde(default, deserialize_with = "lenient::list")]
    pub comments: Vec<AlertComment>,
    /// Its evidence; empty in a list unless expanded.
    #[serde(default, deserialize_with = "lenient::list")]
    pub evidence: Vec<Evidence>,
    /// Domains; recorded, and in no documentation.
    #[serde(default, deserialize_with = "lenient::list")]
    pub domains: Vec<serde_json::Map<String, serde_json::Value>>,
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
        Self {
            id,
            incident_id: None,
            investigation_id: None,
            investigation_state: None,
            assigned_to: None,
            severity: Severity::default(),
            status: AlertStatus::default(),
            classification: None,
            determination: None,
            detection_source: None,
            detector_id: None,
            category: None,
            threat_family_name: None,
            threat_name: None,
            title: None,
            description: None,
            recommended_action: None,
            alert_creation_time: None,
            first_event_time: None,
            last_event_time: None,
            last_update_time: None,
            resolved_time: None,
            machine_id: None,
            computer_dns_name: None,
            rbac_group_name: None,
            aad_tenant_id: None,
            mitre_techniques: Vec::new(),
            related_user: None,
            logged_on_users: Vec::new(),
            comments: Vec::new(),
            evidence: Vec::new(),
            domains: Vec::new(),
        }
    }
}

/// A comment on an alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AlertComment {
    /// The text.
    #[serde(default, deserialize_with = "lenient::text")]
    pub comment: Option<String>,
    /// Who wrote it; the word `Automation` has been recorded.
    #[serde(default, deserialize_with = "lenient::text")]
    pub created_by: Option<String>,
    /// When.
    #[serde(default, deserialize_with = "lenient::timestamp")]
    pub created_time: Option<Timestamp>,
}

/// The user an alert is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RelatedUser {
    /// The user's name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub user_name: Option<String>,
    /// The user's domain.
    #[serde(default, deserialize_with = "lenient::text")]
    pub domain_name: Option<String>,
}

/// A user who was logged on to the machine of an alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LoggedOnUser {
    /// The account's name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub account_name: Option<String>,
    /// The account's domain.
    #[serde(default, deserialize_with = "lenient::text")]
    pub domain_name: Option<String>,
}

/// A piece of evidence of an alert. Which members are filled depends on `entity_type`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Evidence {
    /// What it is: `File`, `Process`, `User`, `Ip`, `Url`, and others.
    #[serde(default, deserialize_with = "lenient::text")]
    pub entity_type: Option<String>,
    /// When it was recorded.
    #[serde(default, deserialize_with = "lenient::timestamp")]
    pub evidence_creation_time: Option<Timestamp>,
    /// The file's SHA-1.
    #[serde(default, deserialize_with = "lenient::text")]
    pub sha1: Option<String>,
    /// The file's SHA-256.
    #[serde(default, deserialize_with = "lenient::text")]
    pub sha256: Option<String>,
    /// The file's name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub file_name: Option<String>,
    /// The file's folder.
    #[serde(default, deserialize_with = "lenient::text")]
    pub file_path: Option<String>,
    /// The process.
    #[serde(default, deserialize_with = "lenient::integer")]
    pub process_id: Option<i64>,
    /// Its command line.
    #[serde(default, deserialize_with = "lenient::text")]
    pub process_command_line: Option<String>,
    /// When it began.
    #[serde(default, deserialize_with = "lenient::timestamp")]
    pub process_creation_time: Option<Timestamp>,
    /// Its parent.
    #[serde(default, deserialize_with = "lenient::integer")]
    pub parent_process_id: Option<i64>,
    /// When the parent began.
    #[serde(default, deserialize_with = "lenient::timestamp")]
    pub parent_process_creation_time: Option<Timestamp>,
    /// The parent's file.
    #[serde(default, deserialize_with = "lenient::text")]
    pub parent_process_file_name: Option<String>,
    /// The folder of that file.
    #[serde(default, deserialize_with = "lenient::text")]
    pub parent_process_file_path: Option<String>,
    /// The address.
    #[serde(default, deserialize_with = "lenient::text")]
    pub ip_address: Option<String>,
    /// The URL.
    #[serde(default, deserialize_with = "lenient::text")]
    pub url: Option<String>,
    /// The registry key.
    #[serde(default, deserialize_with = "lenient::text")]
    pub registry_key: Option<String>,
    /// The registry hive.
    #[serde(default, deserialize_with = "lenient::text")]
    pub registry_hive: Option<String>,
    /// The type of the registry value.
    #[serde(default, deserialize_with = "lenient::text")]
    pub registry_value_type: Option<String>,
    /// The registry value.
    #[serde(default, deserialize_with = "lenient::text")]
    pub registry_value: Option<String>,
    /// The account's name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub account_name: Option<String>,
    /// The account's domain.
    #[serde(default, deserialize_with = "lenient::text")]
    pub domain_name: Option<String>,
    /// The account's SID.
    #[serde(default, deserialize_with = "lenient::text")]
    pub user_sid: Option<String>,
    /// The account's Entra id.
    #[serde(default, deserialize_with = "lenient::text")]
    pub aad_user_id: Option<String>,
    /// The account's principal name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub user_principal_name: Option<String>,
    /// `Detected` or `Prevented`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub detection_status: Option<String>,
}
