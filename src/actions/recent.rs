//! What the machine's recent actions say before another one is submitted.

use std::time::Duration;

use super::ListMachineActions;
use crate::client::{Client, Turn, Unlisted, Unseen};
use crate::error::Result;
use crate::model::{ActionStatus, ActionType, MachineAction};
use crate::odata::Filter;
use crate::types::{MachineId, Timestamp};

/// More than these are never in the way of one machine.
const ENOUGH: u32 = 100;

/// The service gives an action up after three days and some 14 minutes, so an older one is over whatever it is called.
const OVER: Duration = Duration::from_secs(4 * 86_400);

/// What there is already.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// Nothing that stands in the way.
    Nothing,
    /// The same is under way.
    Pending(MachineAction),
    /// The opposite is under way.
    Opposed(MachineAction),
    /// The same was the last to be done, by the service's records.
    Done(MachineAction),
}

/// The machine's recent actions of these kinds, newest first, as the service lists them.
pub(super) async fn recent(
    client: &Client,
    machine: &MachineId,
    kind: &ActionType,
    opposite: Option<&ActionType>,
) -> Result<Vec<MachineAction>> {
    let of_kind = |kind: &ActionType| Filter::eq("type", kind.as_str());
    let kinds = opposite.into_iter().fold(of_kind(kind), |kinds, kind| kinds.or(of_kind(kind)));
    let filter = Filter::eq("machineId", machine.as_str()).and(kinds);
    let mut operation = ListMachineActions::new(Some(filter));
    operation.query.order_by.push_str(" desc");
    operation.query.top = ENOUGH;
    let mut actions = client.send(&operation).await?.value;
    // Whatever the filter did: an action of another machine is no reason.
    actions.retain(|action| {
        let theirs = action.machine_id.as_ref();
        theirs.is_none_or(|id| id.as_str().eq_ignore_ascii_case(machine.as_str()))
            && (action.action_type == *kind || Some(&action.action_type) == opposite)
    });
    Ok(actions)
}

/// Adds what this client submitted of late and the list doesn't show yet, as it now stands, and tells what went unanswered
/// and isn't shown either. What can't be read is no evidence.
pub(super) async fn with_own(
    client: &Client,
    turn: &mut Turn,
    mut actions: Vec<MachineAction>,
    kinds: &[Option<ActionType>],
) -> Result<(Vec<MachineAction>, Vec<Unseen>)> {
    let Unlisted { submitted, unseen } = turn.unlisted(&actions, client.clock().now());
    for own in submitted {
        if kinds.contains(&Some(own.action_type.clone())) {
            actions.push(client.action(own.id).get().await?);
        }
    }
    Ok((actions, unseen))
}

/// What this client did to the machine of late and `listed` doesn't show yet, as it now stands, and what went unanswered.
pub(crate) async fn own_since(
    client: &Client,
    machine: &MachineId,
    listed: &[MachineAction],
    tells: impl Fn(&ActionType) -> bool,
) -> (Vec<MachineAction>, Vec<Unseen>) {
    let unlisted = client.turns().unlisted(machine, listed, client.clock().now()).await;
    let Unlisted { submitted, mut unseen } = unlisted;
    let mut own = Vec::new();
    for action in submitted {
        if tells(&action.action_type) {
            let read = client.action(action.id.clone()).get().await;
            own.push(read.unwrap_or(action));
        }
    }
    unseen.retain(|unseen| tells(&unseen.kind));
    (own, unseen)
}

/// Reads by its id what is listed as under way, for so many: a list may be late with the end.
pub(crate) async fn confirm(
    client: &Client,
    listed: impl Iterator<Item = &mut MachineAction>,
    most: usize,
) {
    for action in listed.filter(|action| !action.status.is_terminal()).take(most) {
        if let Ok(read) = client.action(&action.id).get().await {
            *action = read;
        }
    }
}

/// What the actions of one machine, of a kind and its opposite, mean for another one of that kind.
pub(super) fn judge(actions: &[MachineAction], kind: &ActionType, now: Timestamp) -> Finding {
    let unfinished = actions.iter().filter(|action| is_under_way(action, now));
    if let Some(newest) = unfinished.max_by_key(|action| action.creation_date_time_utc) {
        return if newest.action_type == *kind {
            Finding::Pending(newest.clone())
        } else {
            Finding::Opposed(newest.clone())
        };
    }
    // By when they ended: a duplicate may be carried out after what was asked for later.
    let ended = actions.iter().filter(|action| may_have_changed_something(action, kind));
    match ended.max_by_key(|action| ended_at(action)) {
        Some(last) if last.action_type == *kind && last.status == ActionStatus::Succeeded => {
            Finding::Done(last.clone())
        }
        _ => Finding::Nothing,
    }
}

pub(super) fn is_under_way(action: &MachineAction, now: Timestamp) -> bool {
    let over = action.creation_date_time_utc.is_some_and(|created| now.since(created) > OVER);
    !action.status.is_terminal() && !over
}

/// One of the same kind that didn't come off leaves things as they were. One of the opposite kind may have done its
/// work whatever its record says.
fn may_have_changed_something(action: &MachineAction, kind: &ActionType) -> bool {
    action.status == ActionStatus::Succeeded || action.action_type != *kind
}

pub(super) fn ended_at(action: &MachineAction) -> Option<Timestamp> {
    action.last_update_date_time_utc.or(action.creation_date_time_utc)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: u32) -> Timestamp {
        let start: Timestamp = "2026-03-01T03:00:00Z".parse().unwrap();
        start.plus(Duration::from_secs(60) * minute)
    }

    fn action(kind: &str, status: &str, created: u32, updated: u32) -> MachineAction {
        let id = format!("5382f7ea-7557-4ab7-9782-{created:06}{updated:06}").parse().unwrap();
        let mut action = MachineAction::new(
            id,
            kind.parse().unwrap(),
            serde_json::from_value(status.into()).unwrap(),
        );
        action.creation_date_time_utc = Some(at(created));
        action.last_update_date_time_utc = Some(at(updated));
        action
    }

    #[test]
    fn what_was_asked_for_and_what_ended_last_decide() {
        const NEVER: (&str, u32) = ("nothing", 0);
        for (history, expected) in [
            (&[][..], NEVER),
            (&[("Isolate", "Pending", 1, 1)], ("pending", 1)),
            (&[("Isolate", "Puzzling", 1, 1)], ("pending", 1)),
            (&[("Unisolate", "InProgress", 1, 1)], ("opposed", 1)),
            (&[("Isolate", "Pending", 1, 1), ("Unisolate", "Pending", 2, 2)], ("opposed", 2)),
            (&[("Unisolate", "Pending", 1, 1), ("Isolate", "Pending", 2, 2)], ("pending", 2)),
            (&[("Isolate", "Succeeded", 1, 2)], ("done", 1)),
            (&[("Isolate", "Succeeded", 1, 2), ("Unisolate", "Succeeded", 3, 4)], NEVER),
            (&[("Unisolate", "Succeeded", 1, 2), ("Isolate", "Succeeded", 3, 4)], ("done", 3)),
            // Carried out after the release that was asked for later.
            (&[("Isolate", "Succeeded", 1, 9), ("Unisolate", "Succeeded", 3, 4)], ("done", 1)),
            (&[("Isolate", "Succeeded", 1, 2), ("Isolate", "Failed", 3, 4)], ("done", 1)),
            (&[("Isolate", "Succeeded", 1, 2), ("Isolate", "TimeOut", 3, 4)], ("done", 1)),
            (&[("Isolate", "TimeOut", 1, 2)], NEVER),
            (&[("Isolate", "Cancelled", 1, 2)], NEVER),
            // A release that failed, was cancelled or never reported may have let it go all the same.
            (&[("Isolate", "Succeeded", 1, 2), ("Unisolate", "Failed", 3, 4)], NEVER),
            (&[("Isolate", "Succeeded", 1, 2), ("Unisolate", "Cancelled", 3, 4)], NEVER),
            (&[("Isolate", "Succeeded", 1, 2), ("Unisolate", "TimeOut", 3, 4)], NEVER),
        ] {
            let actions: Vec<_> = history.iter().map(|(k, s, c, u)| action(k, s, *c, *u)).collect();
            let (found, which) = match judge(&actions, &ActionType::Isolate, at(60)) {
                Finding::Nothing => ("nothing", None),
                Finding::Pending(action) => ("pending", action.creation_date_time_utc),
                Finding::Opposed(action) => ("opposed", action.creation_date_time_utc),
                Finding::Done(action) => ("done", action.creation_date_time_utc),
            };
            let expected = (expected.0, (expected != NEVER).then(|| at(expected.1)));
            assert_eq!((found, which), expected, "{history:?}");
        }
    }

    #[test]
    fn an_action_that_the_service_must_have_given_up_is_in_nobodys_way() {
        let actions = [action("Isolate", "Pending", 1, 1)];
        let days = |days| at(1).plus(Duration::from_secs(86_400) * days);
        assert!(matches!(judge(&actions, &ActionType::Isolate, days(3)), Finding::Pending(_)));
        assert_eq!(judge(&actions, &ActionType::Isolate, days(5)), Finding::Nothing);
    }
}
