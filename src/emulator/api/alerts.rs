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

/// Each classification with the determinations of update-alert, and those the other pages or the service
/// itself know.
const DETERMINATIONS: [(&str, &[&str], &[&str]); 3] = [
    (
        "TruePositive",
        &[
            "MultiStagedAttack",
            "MaliciousUserActivity",
            "CompromisedUser",
            "Malware",
            "Phishing",
            "UnwantedSoftware",
            "Other",
        ],
        &["CompromisedAccount"],
    ),
    (
        "InformationalExpectedActivity",
        &["SecurityTesting", "LineOfBusinessApplication", "ConfirmedActivity", "Other"],
        &["ConfirmedUserActivity"],
    ),
    (
        "FalsePositive",
        &["NotMalicious", "InsufficientData", "Other"],
        &["Clean", "NoEnoughDataToValidate"],
    ),
];

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
        if given.is_some_and(|name| DETERMINATIONS.iter().all(|(known, ..)| *known != name)) {
            return Err(Refusal::body());
        }
        let Some(determination) = change.determination.as_deref() else { return Ok(()) };
        let names = self.scene.switches.determination_names;
        let paired = self.scene.switches.determination_pairing;
        let classification = given.or(classified);
        let fits = DETERMINATIONS
            .iter()
            .filter(|(known, ..)| !paired || classification.is_none_or(|c| c == *known))
            .any(|(_, page, elsewhere)| {
                (names != DeterminationNames::Elsewhere && page.contains(&determination))
                    || (names != DeterminationNames::UpdateAlert
                        && elsewhere.contains(&determination))
                    || determination == "Other"
            });
        if fits { Ok(()) } else { Err(Refusal::body()) }
    }
}
