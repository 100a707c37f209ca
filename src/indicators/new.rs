//! An indicator that is to be created or updated.

use serde_json::{Map, Value};

use super::value::{check_action, wire_value};
use crate::error::{Error, Result};
use crate::model::{Indicator, IndicatorAction, IndicatorType, Severity};
use crate::types::Timestamp;

/// Longer titles and descriptions are refused; the service's own limits aren't documented.
const LONGEST_TEXT: usize = 4000;

/// An indicator to create or update: value, type and action say which one, everything else is set.
///
/// Type, value and action are checked when it is sent. `Audit` always raises an alert, since the service wants it
/// so. The two words of before 2022 are written in today's: `Alert` as `Audit`, `AlertAndBlock` as `Block`, both with
/// an alert.
///
/// ```
/// use defender_response::NewIndicator;
/// use defender_response::model::{IndicatorAction, IndicatorType, Severity};
///
/// let indicator = NewIndicator::new(
///     IndicatorType::DomainName,
///     "evil.example",
///     IndicatorAction::Block,
///     "INC-4711",
///     "command and control of INC-4711",
/// )
/// .severity(Severity::High)
/// .generate_alert(true);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct NewIndicator {
    indicator_type: IndicatorType,
    value: String,
    action: IndicatorAction,
    title: String,
    description: String,
    application: Option<String>,
    expiration_time: Option<Timestamp>,
    severity: Option<Severity>,
    recommended_actions: Option<String>,
    rbac_group_names: Vec<String>,
    educate_url: Option<String>,
    generate_alert: Option<bool>,
    always_alerts: bool,
    any_action: bool,
}

impl NewIndicator {
    /// An indicator with what the service requires.
    pub fn new(
        indicator_type: IndicatorType,
        value: impl Into<String>,
        action: IndicatorAction,
        title: impl Into<String>,
        description: impl Into<String>,
    ) -> Self {
        let (action, always_alerts) = match action {
            IndicatorAction::Audit | IndicatorAction::Alert => (IndicatorAction::Audit, true),
            IndicatorAction::AlertAndBlock => (IndicatorAction::Block, true),
            other => (other, false),
        };
        Self {
            indicator_type,
            value: value.into(),
            action,
            title: title.into(),
            description: description.into(),
            application: None,
            expiration_time: None,
            severity: None,
            recommended_actions: None,
            rbac_group_names: Vec::new(),
            educate_url: None,
            generate_alert: always_alerts.then_some(true),
            always_alerts,
            any_action: false,
        }
    }

    /// Who it comes from, in your own words. It is kept from the creation on; an update doesn't change it.
    pub fn application(mut self, name: impl Into<String>) -> Self {
        self.application = Some(name.into());
        self
    }

    /// When it ends. Without, it never does.
    pub fn expiration_time(mut self, at: Timestamp) -> Self {
        self.expiration_time = Some(at);
        self
    }

    /// The severity of its alerts.
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// What its alerts recommend.
    pub fn recommended_actions(mut self, text: impl Into<String>) -> Self {
        self.recommended_actions = Some(text.into());
        self
    }

    /// The device groups it is for, by name. Without, it is for all devices.
    pub fn rbac_groups<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.rbac_group_names = names.into_iter().map(Into::into).collect();
        self
    }

    /// Where a warned or blocked user is sent to read more.
    pub fn educate_url(mut self, url: impl Into<String>) -> Self {
        self.educate_url = Some(url.into());
        self
    }

    /// Whether an alert is raised where it is seen. `Audit`, `Alert` and `AlertAndBlock` raise one in any case.
    pub fn generate_alert(mut self, alert: bool) -> Self {
        self.generate_alert = Some(alert || self.always_alerts);
        self
    }

    /// Sends any action for any type. The pages of 2025 say which go together; the service has been seen to
    /// take others.
    pub fn any_action(mut self) -> Self {
        self.any_action = true;
        self
    }

    /// What the value is.
    #[must_use]
    pub fn indicator_type(&self) -> &IndicatorType {
        &self.indicator_type
    }

    /// The value as it was given.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What is done where it is seen.
    #[must_use]
    pub fn action(&self) -> &IndicatorAction {
        &self.action
    }

    /// The value as it is sent: trimmed, in lower case where case doesn't matter, domains in A-labels, IPv6
    /// addresses with all groups. URLs are sent as given.
    ///
    /// # Errors
    /// [`is_invalid_input`](Error::is_invalid_input) when it can't be an indicator of this type.
    pub fn wire_value(&self) -> Result<String> {
        wire_value(&self.indicator_type, &self.value)
    }

    /// Refuses one that can't be sent.
    pub(crate) fn check(&self) -> Result<()> {
        self.body().map(drop)
    }

    /// Whether it has ended already.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.expiration_time.is_some_and(|at| at <= now)
    }

    /// Whether a stored indicator of the same value, type and action says all that this one sets. The application isn't
    /// compared, since an update doesn't change it.
    pub(crate) fn is_shown_in(&self, stored: &Indicator) -> bool {
        let same = |wanted: &str, found: &Option<String>| {
            found.as_deref().is_some_and(|found| found.trim() == wanted.trim())
        };
        let set = |wanted: &Option<String>, found| wanted.as_ref().is_none_or(|w| same(w, found));
        // The service may keep fewer digits of a second than it was given.
        let ends = |at: Option<Timestamp>| at.map(Timestamp::to_seconds);
        same(&self.title, &stored.title)
            && same(&self.description, &stored.description)
            && ends(self.expiration_time) == ends(stored.expiration_time)
            && self.severity.as_ref().is_none_or(|s| Some(s) == stored.severity.as_ref())
            && self.generate_alert.is_none_or(|a| a == stored.generate_alert.unwrap_or(false))
            && set(&self.recommended_actions, &stored.recommended_actions)
            && set(&self.educate_url, &stored.educate_url)
            && self.is_for_the_groups_of(stored)
    }

    /// Lets a stored indicator say what this one sets.
    pub(crate) fn show_in(&self, stored: &mut Indicator) {
        stored.title = Some(self.title.clone());
        stored.description = Some(self.description.clone());
        stored.expiration_time = self.expiration_time;
        stored.severity.clone_from(&self.severity);
        stored.generate_alert = self.generate_alert;
        stored.recommended_actions.clone_from(&self.recommended_actions);
        stored.educate_url.clone_from(&self.educate_url);
        stored.rbac_group_names.clone_from(&self.rbac_group_names);
    }

    /// Whether both are for the same device groups, in whatever order.
    pub(crate) fn is_for_the_groups_of(&self, stored: &Indicator) -> bool {
        let (mut wanted, mut found) =
            (self.rbac_group_names.clone(), stored.rbac_group_names.clone());
        wanted.sort();
        found.sort();
        wanted == found
    }

    /// Refuses one that has ended already.
    pub(super) fn check_expiry(&self, now: Timestamp) -> Result<()> {
        match self.expiration_time {
            Some(at) if at <= now => Err(Error::invalid_input(format!(
                "the indicator for {:?} expires at {at}, which is past",
                self.value
            ))),
            _ => Ok(()),
        }
    }

    /// The indicator as JSON.
    pub(super) fn body(&self) -> Result<Map<String, Value>> {
        let value = self.wire_value()?;
        if matches!(self.action, IndicatorAction::Unrecognized(_)) {
            return Err(Error::invalid_input(format!(
                "{:?} can be read as an action, and not set",
                self.action.as_str()
            )));
        }
        if !self.any_action {
            check_action(&self.indicator_type, &self.action)?;
        }
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
        put("indicatorValue", value.into());
        put("indicatorType", self.indicator_type.as_str().into());
        put("action", self.action.as_str().into());
        put("title", text("title", &self.title)?);
        put("description", text("description", &self.description)?);
        if let Some(application) = &self.application {
            put("application", text("application", application)?);
        }
        if let Some(at) = self.expiration_time {
            put("expirationTime", at.to_string().into());
        }
        if let Some(severity) = &self.severity {
            use Severity::{High, Informational, Low, Medium};
            if !matches!(severity, Informational | Low | Medium | High) {
                return Err(Error::invalid_input(format!(
                    "{:?} can be read as a severity, and not set",
                    severity.as_str()
                )));
            }
            put("severity", severity.as_str().into());
        }
        if let Some(recommended) = &self.recommended_actions {
            put("recommendedActions", text("recommended actions", recommended)?);
        }
        if !self.rbac_group_names.is_empty() {
            let names = self.rbac_group_names.iter().map(|name| text("device group", name));
            put("rbacGroupNames", names.collect::<Result<Vec<_>>>()?.into());
        }
        if let Some(url) = &self.educate_url {
            wire_value(&IndicatorType::Url, url)
                .map_err(|e| Error::invalid_input("the educate URL isn't one").caused_by(e))?;
            put("educateUrl", url.trim().into());
        }
        if let Some(alert) = self.generate_alert {
            put("generateAlert", alert.into());
        }
        Ok(body)
    }
}

fn text(name: &str, text: &str) -> Result<Value> {
    let wrong = |what: &str| Err(Error::invalid_input(format!("the indicator's {name} {what}")));
    if text.trim().is_empty() {
        return wrong("is blank");
    }
    if text.chars().count() > LONGEST_TEXT {
        return wrong("is longer than 4,000 characters");
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return wrong("holds control characters");
    }
    Ok(text.into())
}
