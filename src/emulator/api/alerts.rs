//! Alerts: read, list, update one, update many (pages get-alert-info-by-id, get-alerts, update-alert,
//! batch-update-alerts).

use std::borrow::Cow;

use http::StatusCode;

use super::body::Body;
use super::rows::AlertRow;
use super::{Call, entity};
use crate::emulator::answer::{Answer, Refusal};
use crate::emulator::switches::{DeterminationNames, PatchAnswer};
use crate::emulator::world::{Alert, AlertChange};

const STATUSES: &[&str] = &["New", "InProgress", "Resolved"];

/// The determinations of a classification.
struct Determinations {
    classification: &'static str,
    everywhere: &'static [&'static str],
    /// On the page update-alert only.
    update_alert: &'static [&'static str],
    /// On the other pages, or known to the service itself.
    elsewhere: &'static [&'static str],
}

const DETERMINATIONS: [Determinations; 3] = [
    Determinations {
        classification: "TruePositive",
        everywhere: &[
            "MultiStagedAttack",
            "MaliciousUserActivity",
            "Malware",
            "Phishing",
            "UnwantedSoftware",
            "Other",
        ],
        update_alert: &["CompromisedUser"],
        elsewhere: &["CompromisedAccount"],
    },
    Determinations {
        classification: "InformationalExpectedActivity",
        everywhere: &["SecurityTesting", "LineOfBusinessApplication", "Other"],
        update_alert: &["ConfirmedActivity"],
        elsewhere: &["ConfirmedUserActivity"],
    },
    Determinations {
        classification: "FalsePositive",
        everywhere: &["Other"],
        update_alert: &["NotMalicious", "InsufficientData"],
        elsewhere: &["Clean", "NoEnoughDataToValidate"],
    },
];

impl Determinations {
    fn contains(&self, name: &str, known: DeterminationNames) -> bool {
        self.everywhere.contains(&name)
            || (known != DeterminationNames::Elsewhere && self.update_alert.contains(&name))
            || (known != DeterminationNames::UpdateAlert && self.elsewhere.contains(&name))
    }
}

impl Call<'_> {
    pub(super) fn get_alert(&self) -> Result<Answer, Refusal> {
        let alert = self.wanted_alert()?;
        Ok(entity(StatusCode::OK, "Alerts", alert, self.scene.switches))
    }

    pub(super) fn list_alerts(&self) -> Result<Answer, Refusal> {
        let (query, page) = self.page(self.tenant.alerts.values().map(AlertRow))?;
        let expand = self.asked.query.get("$expand");
        let with_evidence =
            expand.is_some_and(|e| e.split(',').any(|x| x.trim().eq_ignore_ascii_case("evidence")));
        Ok(self.list("Alerts", &query, &page, |AlertRow(alert)| {
            if with_evidence { Cow::Borrowed(*alert) } else { Cow::Owned(alert.without_evidence()) }
        }))
    }

    pub(super) fn update_alert(&mut self) -> Result<Answer, Refusal> {
        let before = self.wanted_alert()?.clone();
        let change = self.read_change(before.classification.as_deref())?;
        let (by, now) = (self.requestor(), self.scene.now);
        let alert = self.tenant.alerts.get_mut(&before.id).ok_or_else(super::unknown)?;
        alert.change(&change, &by, now);
        // Answers to a PATCH have been seen with the old values (security-api-solutions#33).
        let shown = match self.scene.switches.patch_answer {
            PatchAnswer::New => &*alert,
            PatchAnswer::Old => &before,
        };
        Ok(entity(StatusCode::OK, "Alerts", shown, self.scene.switches).changed())
    }

    /// Answered with an empty body, and without a word about single alerts.
    pub(super) fn batch_update_alerts(&mut self) -> Result<Answer, Refusal> {
        let change = self.read_change(None)?;
        let ids = Body::of(self.asked.json.as_ref())?.texts("alertIds")?.unwrap_or_default();
        if ids.is_empty() {
            return Err(Refusal::missing("alertIds"));
        }
        let (by, now) = (self.requestor(), self.scene.now);
        let mut found = false;
        for id in &ids {
            if let Some(alert) = self.tenant.alerts.get_mut(id) {
                alert.change(&change, &by, now);
                found = true;
            }
        }
        if found {
            Ok(Answer::empty(StatusCode::OK).changed())
        } else {
            Err(Refusal::not_found("Alert", &ids.join(",")))
        }
    }

    fn wanted_alert(&self) -> Result<&Alert, Refusal> {
        let id = self.asked.target();
        self.tenant.alerts.get(id).ok_or_else(|| Refusal::not_found("Alert", id))
    }

    fn read_change(&self, classified: Option<&str>) -> Result<AlertChange, Refusal> {
        let any_case = self.scene.switches.alert_field_case;
        let body = Body::of(self.asked.json.as_ref())?.in_any_case(any_case);
        let text = |name| body.text(name).map(|t| t.map(str::to_owned));
        let change = AlertChange {
            status: body.word("status", STATUSES)?.map(str::to_owned),
            assigned_to: text("assignedTo")?,
            classification: text("classification")?,
            determination: text("determination")?,
            comment: text("comment")?,
        };
        if change.is_empty() {
            return Err(Refusal::body());
        }
        self.check_verdict(&change, classified)?;
        Ok(change)
    }

    /// The names of determinations differ between pages, and the page's own example pairs `FalsePositive`
    /// with `Malware`, so neither is enforced unless switched on.
    fn check_verdict(&self, change: &AlertChange, classified: Option<&str>) -> Result<(), Refusal> {
        let given = change.classification.as_deref();
        if given.is_some_and(|name| DETERMINATIONS.iter().all(|d| d.classification != name)) {
            return Err(Refusal::body());
        }
        let Some(determination) = change.determination.as_deref() else { return Ok(()) };
        let switches = self.scene.switches;
        let classification = given.or(classified).filter(|_| switches.determination_pairing);
        let fits = DETERMINATIONS
            .iter()
            .filter(|d| classification.is_none_or(|name| name == d.classification))
            .any(|d| d.contains(determination, switches.determination_names));
        if fits { Ok(()) } else { Err(Refusal::body()) }
    }
}
