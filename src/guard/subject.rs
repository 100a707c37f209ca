//! What a call is about, as far as its path tells, and an act to be judged.

use crate::model::{Machine, OnboardingStatus};
use crate::operation::Call;
use crate::types::ActionId;

/// What a call is about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Subject<'a> {
    /// The machine with this id or name.
    Machine(&'a str),
    /// The machine of this action.
    Action(ActionId),
    /// Machines, and not one that the path names.
    Untold,
    /// Something else than a machine.
    Nothing,
}

impl<'a> Subject<'a> {
    pub(crate) fn of(call: &'a Call) -> Self {
        let mut segments = call.segments();
        let (first, second, third) = (segments.next(), segments.next(), segments.next());
        match (first.unwrap_or_default().to_ascii_lowercase().as_str(), second, third) {
            ("machines", Some(machine), Some(_)) => Self::Machine(machine),
            ("machineactions", Some(action), Some(_)) => {
                action.parse().map_or(Self::Untold, Self::Action)
            }
            // PATCH of a machine; or one that is about several, such as AddOrRemoveTagForMultipleMachines.
            ("machines", Some(machine), None) if looks_like_one(machine) => Self::Machine(machine),
            ("alerts" | "indicators", ..) => Self::Nothing,
            _ => Self::Untold,
        }
    }
}

fn looks_like_one(text: &str) -> bool {
    crate::types::is_machine_id(text) || text.contains('.')
}

/// What a call is about, once the machine has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About<'a> {
    Machine(&'a Machine),
    Untold,
    Nothing,
}

/// An operation on something, to be judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Act<'a> {
    pub(crate) operation: &'a str,
    pub(crate) about: About<'a>,
    /// It contains a device that isn't onboarded.
    pub(crate) contains: bool,
}

impl Act<'_> {
    /// An action on an entry that stands for no machine, or for one that no action reaches, does nothing good.
    pub(crate) fn about_an_entry_that_is_none(&self) -> Option<String> {
        let About::Machine(machine) = self.about else { return None };
        if let Some(other) = &machine.merged_into_machine_id {
            return Some(format!(
                "this entry was merged into {other}, which is the machine to act on"
            ));
        }
        let status = &machine.onboarding_status;
        let reachable =
            matches!(status, OnboardingStatus::Onboarded | OnboardingStatus::Unrecognized(_));
        if reachable || self.contains || self.operation == "unisolate" {
            return None;
        }
        Some(format!(
            "the device isn't onboarded ({status}), so that no action but containment reaches it"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Path;

    #[test]
    fn the_path_tells_what_a_call_is_about() {
        const MACHINE: &str = "1e5bc9d7e413ddd7902c2932e418702b84d0cc07";
        const ACTION: &str = "5382f7ea-7557-4ab7-9782-d50480024a4e";
        let action = || Subject::Action(ACTION.parse().unwrap());
        for (segments, subject) in [
            (&["machines", MACHINE, "isolate"][..], Subject::Machine(MACHINE)),
            (&["Machines", MACHINE, "runliveresponse"], Subject::Machine(MACHINE)),
            (&["machines", "ws-042.corp.example", "tags"], Subject::Machine("ws-042.corp.example")),
            (&["machines", MACHINE], Subject::Machine(MACHINE)),
            (&["machines", "AddOrRemoveTagForMultipleMachines"], Subject::Untold),
            (&["machineactions", ACTION, "cancel"], action()),
            (&["machineactions", "1", "cancel"], Subject::Untold),
            (&["alerts", "da1"], Subject::Nothing),
            (&["indicators", "import"], Subject::Nothing),
            (&["investigations", "1"], Subject::Untold),
        ] {
            let call = Call::new("x", Path::new(segments.iter().copied()).unwrap());
            assert_eq!(Subject::of(&call), subject, "{segments:?}");
        }
    }
}
