//! An alert, as set up and as the service answers it (page alerts, and the list recorded in 2023).

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::machine::Machine;
use crate::emulator::ids::Ids;
use crate::emulator::moment::{Moment, Stamp};

/// An alert to be emulated.
///
/// ```
/// use defender_response::emulator::{AlertSetup, Emulator};
///
/// let emulator = Emulator::new();
/// let machine = &emulator.machines()[0].id;
/// let id = emulator.add_alert(AlertSetup::new("Suspicious beaconing").machine(machine).severity("High"));
/// assert!(emulator.alerts().contains(&id));
/// ```
#[derive(Clone, Debug)]
pub struct AlertSetup {
    id: Option<String>,
    title: String,
    severity: String,
    category: String,
    machine: Option<String>,
    incident: u64,
    age: Duration,
    assigned_to: Option<String>,
    status: String,
}

impl AlertSetup {
    /// A new alert of medium severity with this title, raised half an hour ago.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            id: None,
            title: title.into(),
            severity: "Medium".to_owned(),
            category: "CommandAndControl".to_owned(),
            machine: None,
            incident: 4711,
            age: Duration::from_secs(1800),
            assigned_to: None,
            status: "New".to_owned(),
        }
    }

    /// Its id; made up unless said.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// `Informational`, `Low`, `Medium` or `High`.
    #[must_use]
    pub fn severity(mut self, severity: impl Into<String>) -> Self {
        self.severity = severity.into();
        self
    }

    /// Such as `Malware`.
    #[must_use]
    pub fn category(mut self, category: impl Into<String>) -> Self {
        self.category = category.into();
        self
    }

    /// The id of the machine it is about.
    #[must_use]
    pub fn machine(mut self, id: impl Into<String>) -> Self {
        self.machine = Some(id.into());
        self
    }

    /// Its incident's number.
    #[must_use]
    pub fn incident(mut self, number: u64) -> Self {
        self.incident = number;
        self
    }

    /// How long ago it was raised.
    #[must_use]
    pub fn raised_ago(mut self, ago: Duration) -> Self {
        self.age = ago;
        self
    }

    /// Whom it is assigned to.
    #[must_use]
    pub fn assigned_to(mut self, name: impl Into<String>) -> Self {
        self.assigned_to = Some(name.into());
        self
    }

    /// `New`, `InProgress` or `Resolved`.
    #[must_use]
    pub fn status(mut self, status: impl Into<String>) -> Self {
        self.status = status.into();
        self
    }

    pub(crate) fn machine_id(&self) -> Option<&str> {
        self.machine.as_deref()
    }

    pub(crate) fn build(
        self,
        tenant_id: &str,
        machine: Option<&Machine>,
        ids: &mut Ids,
        now: Moment,
    ) -> Alert {
        let raised = now.wall.minus(self.age);
        let began = raised.minus(Duration::from_secs(73));
        let record = machine.map(|machine| &machine.record);
        let file = ids.machine();
        Alert {
            id: self.id.unwrap_or_else(|| format!("da{}_1", ids.guid())),
            incident_id: self.incident,
            investigation_id: None,
            assigned_to: self.assigned_to,
            severity: self.severity,
            status: self.status,
            classification: None,
            determination: None,
            investigation_state: "UnsupportedAlertType",
            detection_source: "WindowsDefenderAtp",
            detector_id: ids.guid(),
            category: self.category,
            threat_family_name: None,
            title: self.title,
            description: "Suspicious behavior by a process was observed on this device.",
            alert_creation_time: Stamp(raised),
            first_event_time: Stamp(began),
            last_event_time: Stamp(began),
            last_update_time: Stamp(raised.plus(Duration::from_millis(2_130))),
            resolved_time: None,
            machine_id: self.machine,
            computer_dns_name: record.map(|r| r.computer_dns_name.clone()),
            rbac_group_name: record.and_then(|r| r.rbac_group_name.clone()),
            aad_tenant_id: tenant_id.to_owned(),
            threat_name: None,
            mitre_techniques: vec!["T1071".to_owned(), "T1105".to_owned()],
            related_user: None,
            logged_on_users: Vec::new(),
            comments: Vec::new(),
            evidence: vec![serde_json::json!({
                "entityType": "File",
                "evidenceCreationTime": Stamp(raised).text(),
                "sha1": file,
                "fileName": "updater.exe",
                "filePath": "C:\\Users\\Public",
                "detectionStatus": "Detected",
            })],
            domains: Vec::new(),
        }
    }
}

/// An alert as the service answers it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::struct_field_names)]
pub(crate) struct Alert {
    pub(crate) id: String,
    pub(crate) incident_id: u64,
    pub(crate) investigation_id: Option<u64>,
    pub(crate) assigned_to: Option<String>,
    pub(crate) severity: String,
    pub(crate) status: String,
    pub(crate) classification: Option<String>,
    pub(crate) determination: Option<String>,
    investigation_state: &'static str,
    pub(crate) detection_source: &'static str,
    detector_id: String,
    pub(crate) category: String,
    threat_family_name: Option<String>,
    title: String,
    description: &'static str,
    pub(crate) alert_creation_time: Stamp,
    first_event_time: Stamp,
    pub(crate) last_event_time: Stamp,
    pub(crate) last_update_time: Stamp,
    pub(crate) resolved_time: Option<Stamp>,
    machine_id: Option<String>,
    computer_dns_name: Option<String>,
    rbac_group_name: Option<String>,
    aad_tenant_id: String,
    threat_name: Option<String>,
    mitre_techniques: Vec<String>,
    related_user: Option<Value>,
    logged_on_users: Vec<Value>,
    pub(crate) comments: Vec<AlertComment>,
    /// Empty in lists, unless expanded.
    pub(crate) evidence: Vec<Value>,
    domains: Vec<String>,
}

/// A comment on an alert. There is no way to delete one.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AlertComment {
    comment: String,
    created_by: String,
    created_time: Stamp,
}

/// What an update changes; none: as it was.
#[derive(Clone, Debug, Default)]
pub(crate) struct AlertChange {
    pub(crate) status: Option<String>,
    pub(crate) assigned_to: Option<String>,
    pub(crate) classification: Option<String>,
    pub(crate) determination: Option<String>,
    pub(crate) comment: Option<String>,
}

impl AlertChange {
    pub(crate) fn is_empty(&self) -> bool {
        let Self { status, assigned_to, classification, determination, comment } = self;
        [status, assigned_to, classification, determination, comment]
            .into_iter()
            .all(Option::is_none)
    }
}

impl Alert {
    /// The alert as lists have it.
    pub(crate) fn without_evidence(&self) -> Self {
        Self { evidence: Vec::new(), ..self.clone() }
    }

    pub(crate) fn change(&mut self, change: &AlertChange, by: &str, now: Moment) {
        if let Some(status) = &change.status {
            self.resolved_time = (status == "Resolved").then_some(Stamp(now.wall));
            self.status.clone_from(status);
        }
        let replace = |old: &mut Option<String>, new: &Option<String>| {
            if new.is_some() {
                old.clone_from(new);
            }
        };
        replace(&mut self.assigned_to, &change.assigned_to);
        replace(&mut self.classification, &change.classification);
        replace(&mut self.determination, &change.determination);
        if let Some(comment) = &change.comment {
            self.comments.push(AlertComment {
                comment: comment.clone(),
                created_by: by.to_owned(),
                created_time: Stamp(now.wall),
            });
        }
        self.last_update_time = Stamp(now.wall);
    }
}
