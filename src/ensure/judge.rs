//! What the actions of one machine mean for its state. It may come out as unknown, and never as something false: what
//! *may* have changed the state since the last action that did is enough for a doubt.

use std::time::Duration;

use super::read::History;
use super::state::{Doubt, Evidence, IsolationState, OnRecord, RestrictionState};
use crate::client::Unseen;
use crate::machines::IsolationType;
use crate::model::{ActionStatus, ActionType, MachineAction};
use crate::types::Timestamp;

/// The service gives an action up after three days and some 14 minutes, so an older one is over whatever it is called.
pub(super) const OVER: Duration = Duration::from_secs(4 * 86_400);

/// What a machine can be in: two kinds of action, of which one undoes the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aspect {
    Isolation,
    Restriction,
}

impl Aspect {
    pub(super) const fn on(self) -> ActionType {
        match self {
            Self::Isolation => ActionType::Isolate,
            Self::Restriction => ActionType::RestrictCodeExecution,
        }
    }

    pub(super) const fn off(self) -> ActionType {
        match self {
            Self::Isolation => ActionType::Unisolate,
            Self::Restriction => ActionType::UnrestrictCodeExecution,
        }
    }

    pub(super) fn is_about(self, action: &MachineAction) -> bool {
        self.is_of(&action.action_type)
    }

    pub(super) fn is_of(self, kind: &ActionType) -> bool {
        *kind == self.on() || *kind == self.off()
    }
}

/// A state of either aspect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Isolated or restricted; with the scope where it is certain.
    On(Option<String>),
    Off,
    Pending(Box<MachineAction>),
    Unknown(Doubt),
}

/// What an aspect's actions mean at a time, by the service's clock.
pub(super) fn judge(history: &History, aspect: Aspect, now: Timestamp) -> OnRecord<Standing> {
    let History { actions, unseen } = history;
    let actions: Vec<_> = actions.iter().filter(|action| aspect.is_about(action)).collect();
    let under_way: Vec<_> =
        actions.iter().copied().filter(|action| is_under_way(action, now)).collect();
    let last = last_done(&actions);
    let settled = match &last {
        Err(doubt) => Standing::Unknown(doubt.clone()),
        Ok(last) => settled(&actions, *last, aspect, now),
    };
    let newest_first = |action: &&&MachineAction| action.creation_date_time_utc;
    let change = under_way.iter().filter(|action| changes(action, &settled, aspect));
    let state = match change.max_by_key(newest_first) {
        Some(action) => Standing::Pending(Box::new((*action).clone())),
        None => unseen.iter().filter(|unseen| aspect.is_of(&unseen.kind)).fold(settled, doubted),
    };
    let evidence = last.ok().flatten().and_then(|action| Evidence::of(action, now));
    OnRecord { state, evidence, under_way: under_way.into_iter().cloned().collect() }
}

/// A state, once something that may have changed it went unanswered.
fn doubted(state: Standing, unseen: &Unseen) -> Standing {
    let turns_on = [Aspect::Isolation, Aspect::Restriction].iter().any(|a| a.on() == unseen.kind);
    match (&state, turns_on) {
        // How far it goes is no longer certain.
        (Standing::On(_), true) => Standing::On(None),
        (Standing::On(_), false) | (Standing::Off, true) => Standing::Unknown(Doubt::Unanswered {
            action_type: unseen.kind.clone(),
            reference: unseen.reference.clone(),
        }),
        _ => state,
    }
}

pub(super) fn is_under_way(action: &MachineAction, now: Timestamp) -> bool {
    let over = action.creation_date_time_utc.is_some_and(|created| now.since(created) > OVER);
    !action.status.is_terminal() && !over
}

/// The action that succeeded last, by when it finished: a duplicate may be carried out after what was asked for later.
fn last_done<'a>(actions: &[&'a MachineAction]) -> Result<Option<&'a MachineAction>, Doubt> {
    let done = || actions.iter().copied().filter(|a| a.status == ActionStatus::Succeeded);
    let Some(last) = done().max_by_key(|action| action.last_update_date_time_utc) else {
        return Ok(None);
    };
    let unclear = done().any(|other| {
        let (theirs, ours) = (other.last_update_date_time_utc, last.last_update_date_time_utc);
        theirs.is_none() || (theirs == ours && other.action_type != last.action_type)
    });
    if unclear { Err(Doubt::NoOrder) } else { Ok(Some(last)) }
}

fn settled(
    actions: &[&MachineAction],
    last: Option<&MachineAction>,
    aspect: Aspect,
    now: Timestamp,
) -> Standing {
    let since = last.and_then(|last| last.creation_date_time_utc);
    let doubtful = |action: &&MachineAction| {
        action.status != ActionStatus::Succeeded
            && !is_under_way(action, now)
            && !ended_before(action, since)
    };
    let mut doubtful: Vec<_> = actions.iter().copied().filter(doubtful).collect();
    doubtful.sort_by_key(|action| action.last_update_date_time_utc);
    let Some(last) = last else {
        return Standing::Unknown(match doubtful.pop() {
            Some(action) => Doubt::MaybeDone(Box::new(action.clone())),
            None => Doubt::NoRecord,
        });
    };
    if let Some(action) = doubtful.iter().rev().find(|a| a.action_type != last.action_type) {
        return Standing::Unknown(Doubt::MaybeDone(Box::new((*action).clone())));
    }
    if last.action_type == aspect.off() {
        return Standing::Off;
    }
    // Another one of its kind may have gone less far, or further.
    let same_scope = doubtful.iter().all(|action| is_scope(action, last.scope.as_deref()));
    Standing::On(last.scope.clone().filter(|_| same_scope))
}

/// What ended before the last one was even asked for had no say after it.
fn ended_before(action: &MachineAction, since: Option<Timestamp>) -> bool {
    action.status.is_terminal()
        && action.last_update_date_time_utc.zip(since).is_some_and(|(ended, since)| ended <= since)
}

/// Whether an action under way would change what is.
fn changes(action: &MachineAction, settled: &Standing, aspect: Aspect) -> bool {
    match settled {
        Standing::On(scope) => {
            action.action_type == aspect.off() || !is_scope(action, scope.as_deref())
        }
        Standing::Off => action.action_type == aspect.on(),
        Standing::Pending(_) | Standing::Unknown(_) => true,
    }
}

fn is_scope(action: &MachineAction, scope: Option<&str>) -> bool {
    match (action.scope.as_deref(), scope) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        (None, None) => true,
        _ => false,
    }
}

/// The isolation type of a recorded scope.
pub(super) fn isolation_type(scope: &str) -> Option<IsolationType> {
    [IsolationType::Full, IsolationType::Selective, IsolationType::ContainUnmanaged]
        .into_iter()
        .find(|kind| kind.as_str().eq_ignore_ascii_case(scope))
}

impl OnRecord<Standing> {
    pub(super) fn map<S>(self, name: impl FnOnce(Standing) -> S) -> OnRecord<S> {
        let Self { state, evidence, under_way } = self;
        OnRecord { state: name(state), evidence, under_way }
    }
}

impl From<Standing> for IsolationState {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::On(scope) => Self::Isolated(scope.as_deref().and_then(isolation_type)),
            Standing::Off => Self::Released,
            Standing::Pending(action) => Self::Pending(action),
            Standing::Unknown(why) => Self::Unknown(why),
        }
    }
}

impl From<Standing> for RestrictionState {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::On(_) => Self::Restricted,
            Standing::Off => Self::Lifted,
            Standing::Pending(action) => Self::Pending(action),
            Standing::Unknown(why) => Self::Unknown(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: u32) -> Timestamp {
        let start: Timestamp = "2026-03-01T03:00:00Z".parse().unwrap();
        start.plus(Duration::from_secs(60) * minute)
    }

    type Row = (&'static str, &'static str, &'static str, u32, u32);

    fn action((kind, scope, status, created, updated): Row) -> MachineAction {
        let id = format!("5382f7ea-7557-4ab7-9782-{created:06}{updated:06}").parse().unwrap();
        let status = serde_json::from_value(status.into()).unwrap();
        let mut action = MachineAction::new(id, kind.parse().unwrap(), status);
        action.scope = (!scope.is_empty()).then(|| scope.to_owned());
        action.creation_date_time_utc = Some(at(created));
        action.last_update_date_time_utc = Some(at(updated));
        action
    }

    fn told(rows: &[Row]) -> String {
        let actions: Vec<_> = rows.iter().map(|row| action(*row)).collect();
        match judge(&actions.into(), Aspect::Isolation, at(60)).state {
            Standing::On(Some(scope)) => format!("isolated {scope}"),
            Standing::On(None) => "isolated".to_owned(),
            Standing::Off => "released".to_owned(),
            Standing::Pending(action) => format!("pending {}", action.action_type),
            Standing::Unknown(Doubt::NoRecord) => "no record".to_owned(),
            Standing::Unknown(Doubt::MaybeDone(action)) => format!("maybe {}", action.action_type),
            Standing::Unknown(Doubt::NoOrder) => "no order".to_owned(),
            Standing::Unknown(Doubt::Unanswered { .. }) => "unanswered".to_owned(),
        }
    }

    #[test]
    fn the_last_to_finish_decides_and_what_may_have_been_done_since_is_a_doubt() {
        const ISOLATED: Row = ("Isolate", "Full", "Succeeded", 1, 2);
        const RELEASED: Row = ("Unisolate", "", "Succeeded", 11, 12);
        for (rows, expected) in [
            (&[][..], "no record"),
            (&[("RunAntiVirusScan", "Full", "Succeeded", 1, 2)], "no record"),
            (&[ISOLATED], "isolated Full"),
            (&[ISOLATED, RELEASED], "released"),
            (&[RELEASED, ISOLATED], "released"),
            // A duplicate that fired after the release that was asked for later.
            (&[("Isolate", "Full", "Succeeded", 1, 20), RELEASED], "isolated Full"),
            (&[("Isolate", "Full", "Succeeded", 1, 12), RELEASED], "no order"),
            (&[("Isolate", "Full", "Pending", 1, 1)], "pending Isolate"),
            (&[("Isolate", "Full", "Dispatched", 1, 1)], "pending Isolate"),
            (&[ISOLATED, ("Isolate", "Full", "Pending", 3, 3)], "isolated Full"),
            (&[ISOLATED, ("Isolate", "Selective", "Pending", 3, 3)], "pending Isolate"),
            (&[ISOLATED, ("Isolate", "", "Pending", 3, 3)], "pending Isolate"),
            (&[ISOLATED, ("Unisolate", "", "InProgress", 3, 3)], "pending Unisolate"),
            (&[ISOLATED, RELEASED, ("Unisolate", "", "Pending", 13, 13)], "released"),
            (&[ISOLATED, RELEASED, ("Isolate", "Full", "Pending", 3, 3)], "pending Isolate"),
            (&[("Isolate", "Full", "TimeOut", 1, 2)], "maybe Isolate"),
            (&[("Isolate", "Full", "Cancelled", 1, 2)], "maybe Isolate"),
            (&[ISOLATED, ("Unisolate", "", "TimeOut", 3, 4)], "maybe Unisolate"),
            (&[ISOLATED, ("Unisolate", "", "Failed", 3, 4)], "maybe Unisolate"),
            (&[ISOLATED, ("Unisolate", "", "Cancelled", 3, 4)], "maybe Unisolate"),
            // It ended while the last one was under way, and may have been carried out after it.
            (
                &[("Isolate", "Full", "Succeeded", 1, 9), ("Unisolate", "", "TimeOut", 0, 5)],
                "maybe Unisolate",
            ),
            (
                &[("Isolate", "Full", "Succeeded", 5, 9), ("Unisolate", "", "TimeOut", 0, 5)],
                "isolated Full",
            ),
            (&[ISOLATED, RELEASED, ("Isolate", "Full", "Failed", 13, 14)], "maybe Isolate"),
            (&[ISOLATED, ("Isolate", "Full", "TimeOut", 3, 4)], "isolated Full"),
            (&[ISOLATED, ("Isolate", "Selective", "TimeOut", 3, 4)], "isolated"),
            (&[ISOLATED, ("Isolate", "Selective", "Succeeded", 3, 4)], "isolated Selective"),
        ] {
            assert_eq!(told(rows), expected, "{rows:?}");
        }
    }

    #[test]
    fn without_the_time_it_finished_nothing_is_said_of_the_order() {
        let mut undated = action(("Unisolate", "", "Succeeded", 3, 4));
        undated.last_update_date_time_utc = None;
        let actions = [action(("Isolate", "Full", "Succeeded", 1, 2)), undated];
        let state = judge(&actions.to_vec().into(), Aspect::Isolation, at(60)).state;
        assert_eq!(state, Standing::Unknown(Doubt::NoOrder));
    }

    #[test]
    fn what_the_service_must_have_given_up_is_a_doubt_and_not_under_way() {
        let actions = [action(("Isolate", "Full", "Pending", 1, 1))];
        let later = judge(
            &actions.to_vec().into(),
            Aspect::Isolation,
            at(1).plus(OVER + Duration::from_secs(1)),
        );
        assert!(matches!(later.state, Standing::Unknown(Doubt::MaybeDone(_))), "{later:?}");
        assert_eq!(later.under_way, []);
    }
}
