//! Which action each type of indicator gets.

use super::note::{Note, Notes};
use super::options::PlanOptions;
use crate::error::{Error, Result};
use crate::indicators::value::check_action;
use crate::model::{IndicatorAction, IndicatorType};

const TYPES: [IndicatorType; 7] = [
    IndicatorType::FileSha256,
    IndicatorType::FileSha1,
    IndicatorType::FileMd5,
    IndicatorType::CertificateThumbprint,
    IndicatorType::IpAddress,
    IndicatorType::DomainName,
    IndicatorType::Url,
];

/// The actions, checked.
pub(super) struct Actions {
    rows: Vec<(IndicatorType, std::result::Result<IndicatorAction, String>)>,
    pub(super) notes: Notes,
    /// Whether an old word asked for alerts.
    pub(super) alert: bool,
}

impl Actions {
    /// Refuses an action that was asked for one type and isn't one for it.
    pub(super) fn new(options: &PlanOptions) -> Result<Self> {
        let mut actions = Self { rows: Vec::new(), notes: Notes::NONE, alert: false };
        for kind in TYPES {
            let own = options.actions.get(&kind);
            let action = actions.todays(own.unwrap_or(&options.action));
            let row = match check_action(&kind, &action) {
                Ok(()) => Ok(action),
                Err(error) if own.is_some() => return Err(error),
                Err(_) if matches!(action, IndicatorAction::Unrecognized(_)) => {
                    return Err(Error::invalid_input("the plan's action can be read and not set"));
                }
                Err(_) if action == IndicatorAction::BlockAndRemediate => {
                    actions.notes = actions.notes.with(Note::NetworkOnlyBlocked);
                    Ok(IndicatorAction::Block)
                }
                Err(_) => {
                    Err(format!("{action} isn't an action for {kind}; set one by action_for"))
                }
            };
            if matches!(row, Ok(IndicatorAction::Audit)) && options.generate_alert != Some(true) {
                actions.notes = actions.notes.with(Note::AuditAlerts);
            }
            actions.rows.push((kind, row));
        }
        if let Some(kind) = options.actions.keys().find(|kind| !TYPES.contains(kind)) {
            return Err(Error::invalid_input(format!("{kind} can be read as a type, and not set")));
        }
        Ok(actions)
    }

    fn todays(&mut self, action: &IndicatorAction) -> IndicatorAction {
        let (note, action) = match action {
            IndicatorAction::Alert => (Note::AlertIsAudit, IndicatorAction::Audit),
            IndicatorAction::AlertAndBlock => (Note::AlertAndBlockIsBlock, IndicatorAction::Block),
            other => return other.clone(),
        };
        self.notes = self.notes.with(note);
        self.alert = true;
        action
    }

    /// The action for a type, or why there is none.
    pub(super) fn of(&self, kind: &IndicatorType) -> std::result::Result<&IndicatorAction, &str> {
        match self.rows.iter().find(|(known, _)| known == kind) {
            Some((_, Ok(action))) => Ok(action),
            Some((_, Err(what))) => Err(what),
            None => Err("a type that can't be set"),
        }
    }
}
