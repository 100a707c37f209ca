//! What each list may be filtered and ordered by: the properties its page names, and no others.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::emulator::odata::{Cell, Row, Type};
use crate::emulator::world::{Action, Alert, Indicator, Machine};

/// An action and the machine it is about.
pub(super) struct ActionRow<'a>(pub(super) Cow<'a, Action>, pub(super) &'a Machine);

impl Row for ActionRow<'_> {
    const COLUMNS: &'static [(&'static str, Type)] = &[
        ("id", Type::Text),
        ("status", Type::Text),
        ("machineId", Type::Text),
        ("type", Type::Text),
        ("requestor", Type::Text),
        ("creationDateTimeUtc", Type::Time),
    ];

    fn cell(&self, column: &str) -> Cell<'_> {
        let Self(action, machine) = self;
        match column {
            "id" => Cell::Text(&action.id),
            "status" => Cell::Text(action.status.name()),
            "machineId" => Cell::Text(&machine.record.id),
            "type" => Cell::Text(action.kind.name()),
            "requestor" => Cell::Text(&action.requestor),
            _ => Cell::Time(action.created.wall),
        }
    }

    fn by_id(&self, other: &Self) -> Ordering {
        self.0.id.cmp(&other.0.id)
    }
}

pub(super) struct MachineRow<'a>(pub(super) &'a Machine);

impl Row for MachineRow<'_> {
    const COLUMNS: &'static [(&'static str, Type)] = &[
        ("computerDnsName", Type::Text),
        ("id", Type::Text),
        ("version", Type::Text),
        ("deviceValue", Type::Text),
        ("aadDeviceId", Type::Text),
        ("machineTags", Type::Texts),
        ("lastSeen", Type::Time),
        ("exposureLevel", Type::Text),
        ("onboardingStatus", Type::Text),
        ("lastIpAddress", Type::Text),
        ("healthStatus", Type::Text),
        ("osPlatform", Type::Text),
        ("riskScore", Type::Text),
        ("rbacGroupId", Type::Number),
    ];

    fn cell(&self, column: &str) -> Cell<'_> {
        let record = &self.0.record;
        match column {
            "computerDnsName" => Cell::Text(&record.computer_dns_name),
            "id" => Cell::Text(&record.id),
            "version" => Cell::Text(record.version),
            "deviceValue" => Cell::Text(&record.device_value),
            "aadDeviceId" => record.aad_device_id.as_deref().into(),
            "machineTags" => Cell::Texts(&record.machine_tags),
            "lastSeen" => Cell::Time(record.last_seen.0),
            "exposureLevel" => Cell::Text(record.exposure_level),
            "onboardingStatus" => Cell::Text(&record.onboarding_status),
            "lastIpAddress" => Cell::Text(&record.last_ip_address),
            "healthStatus" => Cell::Text(&record.health_status),
            "osPlatform" => Cell::Text(&record.os_platform),
            "riskScore" => record.risk_score.as_deref().into(),
            _ => Cell::Number(f64::from(record.rbac_group_id)),
        }
    }

    fn by_id(&self, other: &Self) -> Ordering {
        self.0.record.id.cmp(&other.0.record.id)
    }
}

pub(super) struct AlertRow<'a>(pub(super) &'a Alert);

impl Row for AlertRow<'_> {
    const COLUMNS: &'static [(&'static str, Type)] = &[
        ("alertCreationTime", Type::Time),
        ("lastUpdateTime", Type::Time),
        ("incidentId", Type::Number),
        ("investigationId", Type::Number),
        ("id", Type::Text),
        ("assignedTo", Type::Text),
        ("detectionSource", Type::Text),
        ("lastEventTime", Type::Time),
        ("status", Type::Text),
        ("severity", Type::Text),
        ("category", Type::Text),
    ];

    #[allow(clippy::cast_precision_loss)]
    fn cell(&self, column: &str) -> Cell<'_> {
        let alert = self.0;
        match column {
            "alertCreationTime" => Cell::Time(alert.alert_creation_time.0),
            "lastUpdateTime" => Cell::Time(alert.last_update_time.0),
            "incidentId" => Cell::Number(alert.incident_id as f64),
            "investigationId" => {
                alert.investigation_id.map_or(Cell::Null, |n| Cell::Number(n as f64))
            }
            "id" => Cell::Text(&alert.id),
            "assignedTo" => alert.assigned_to.as_deref().into(),
            "detectionSource" => Cell::Text(alert.detection_source),
            "lastEventTime" => Cell::Time(alert.last_event_time.0),
            "status" => Cell::Text(&alert.status),
            "severity" => Cell::Text(&alert.severity),
            _ => Cell::Text(&alert.category),
        }
    }

    fn by_id(&self, other: &Self) -> Ordering {
        self.0.id.cmp(&other.0.id)
    }
}

pub(super) struct IndicatorRow<'a>(pub(super) &'a Indicator);

impl Row for IndicatorRow<'_> {
    const COLUMNS: &'static [(&'static str, Type)] = &[
        ("application", Type::Text),
        ("createdByDisplayName", Type::Text),
        ("expirationTime", Type::Time),
        ("generateAlert", Type::Flag),
        ("title", Type::Text),
        ("rbacGroupNames", Type::Texts),
        ("rbacGroupIds", Type::Texts),
        ("indicatorValue", Type::Text),
        ("indicatorType", Type::Text),
        ("creationTimeDateTimeUtc", Type::Time),
        ("createdBy", Type::Text),
        ("action", Type::Text),
        ("severity", Type::Text),
    ];

    fn cell(&self, column: &str) -> Cell<'_> {
        let indicator = self.0;
        match column {
            "application" => indicator.application.as_deref().into(),
            "createdByDisplayName" => Cell::Text(&indicator.created_by_display_name),
            "expirationTime" => indicator.expiration_time.map(|time| time.0).into(),
            "generateAlert" => Cell::Flag(indicator.generate_alert),
            "title" => Cell::Text(&indicator.title),
            "rbacGroupNames" => Cell::Texts(&indicator.rbac_group_names),
            "rbacGroupIds" => Cell::Texts(&indicator.rbac_group_ids),
            "indicatorValue" => Cell::Text(&indicator.indicator_value),
            "indicatorType" => Cell::Text(indicator.indicator_type),
            "creationTimeDateTimeUtc" => Cell::Time(indicator.created.0),
            "createdBy" => Cell::Text(&indicator.created_by),
            "action" => Cell::Text(indicator.action),
            _ => Cell::Text(indicator.severity),
        }
    }

    /// Ids are digits, and count as numbers.
    fn by_id(&self, other: &Self) -> Ordering {
        self.0.number.cmp(&other.0.number)
    }
}
