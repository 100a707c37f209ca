//! Everything in a tenant that is isolated, or may become so: what to look at in the morning.

use std::collections::HashMap;
use std::time::Duration;

use serde::Serialize;

use super::judge::{Aspect, judge};
use super::note;
use super::plan::in_force;
use super::read::History;
use super::state::{Doubt, IsolationState, OnRecord};
use crate::actions::{confirm, own_since, reference_of};
use crate::client::{Client, Unseen};
use crate::error::Result;
use crate::model::{ActionStatus, ActionType, MachineAction};
use crate::odata::Filter;
use crate::types::{ActionId, MachineId, Timestamp};

/// A page of the tenant's isolations and releases.
const PAGE: u32 = 10_000;

/// What is listed as under way is read by its id, for so many.
const CONFIRMED: usize = 40;

/// A machine's actions are thinned out when there are so many.
const MANY: usize = 16;

/// A machine that is isolated, or may become so, from [`Client::containments`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Containment {
    /// The machine.
    pub machine: MachineId,
    /// Its name, where the records have it.
    pub name: Option<String>,
    /// Its state, with the evidence and the evidence's age, and everything that is armed.
    pub isolation: OnRecord<IsolationState>,
    /// The isolation that this is about: the newest that is in force or armed. `None` for one that this client sent a
    /// moment ago, and no answer came and no list shows it.
    pub action: Option<ActionId>,
    /// Who asked for it.
    pub by: Option<String>,
    /// Where from: `PublicApi` or `Portal`.
    pub source: Option<String>,
    /// Since when: when it finished, or when it was asked for while it hasn't.
    pub since: Option<Timestamp>,
    /// Why, without what follows.
    pub reason: Option<String>,
    /// The reference in its comment, where this crate submitted it.
    pub reference: Option<String>,
    /// Who answers for it, where it was [contained](crate::MachineHandle::contain).
    pub owner: Option<String>,
    /// When it is to be looked at again, where it was [contained](crate::MachineHandle::contain).
    pub review_by: Option<Timestamp>,
    /// When the records were read.
    pub read_at: Timestamp,
}

impl Containment {
    /// Whether its time of review was over when the records were read.
    #[must_use]
    pub fn is_overdue(&self) -> bool {
        self.review_by.is_some_and(|at| at < self.read_at)
    }

    fn about(machine: MachineId, isolation: OnRecord<IsolationState>, read_at: Timestamp) -> Self {
        Self {
            machine,
            name: None,
            isolation,
            action: None,
            by: None,
            source: None,
            since: None,
            reason: None,
            reference: None,
            owner: None,
            review_by: None,
            read_at,
        }
    }

    /// How long it has been so.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        Some(self.read_at.since(self.since?))
    }
}

impl Client {
    /// Everything that is isolated by the service's records, or armed and may become so, or of which the records don't tell
    /// that it isn't: oldest first.
    ///
    /// It reads all isolations and releases that the tenant has on record, in pages of 10,000, and what this client
    /// submitted in the last two minutes and the list doesn't show yet, one by one. What no record shows isn't in it: see [`MachineState`](crate::MachineState).
    ///
    /// Permission `Machine.Read.All` or `Machine.ReadWrite.All`; quota 100 a minute, 1,500 an hour.
    ///
    /// ```no_run
    /// # async fn f(defender: defender_response::Client) -> defender_response::Result<()> {
    /// for containment in defender.containments().await? {
    ///     println!("{:?} {} by {:?}", containment.name, containment.isolation.state, containment.by);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// What any read may run into: a report of a part would be taken for the whole.
    pub async fn containments(&self) -> Result<Vec<Containment>> {
        let kind = |kind: ActionType| Filter::eq("type", kind.as_str());
        let filter = kind(ActionType::Isolate).or(kind(ActionType::Unisolate));
        let mut list = self.actions().list(filter).page_size(PAGE);
        let mut machines: HashMap<MachineId, History> = HashMap::new();
        while let Some(action) = list.next().await.transpose()? {
            let Some(machine) = action.machine_id.clone() else { continue };
            let History { actions, .. } = machines.entry(machine).or_default();
            actions.push(action);
            if actions.len() >= MANY {
                thin_out(actions);
            }
        }
        for machine in self.turns().machines() {
            let listed = machines.get(&machine).map_or(&[][..], |history| &history.actions);
            let (own, unseen) =
                own_since(self, &machine, listed, |k| Aspect::Isolation.is_of(k)).await;
            if !(own.is_empty() && unseen.is_empty()) {
                let history = machines.entry(machine).or_default();
                history.actions.extend(own);
                history.unseen = unseen;
            }
        }
        let listed = machines.values_mut().flat_map(|history| &mut history.actions);
        confirm(self, listed, CONFIRMED).await;
        let now = self.service_time();
        let mut found: Vec<_> = machines
            .into_iter()
            .filter_map(|(machine, history)| containment(machine, &history, now))
            .collect();
        found.sort_by(|a, b| (a.since, &a.machine).cmp(&(b.since, &b.machine)));
        Ok(found)
    }
}

/// Drops what ended before the last release was even asked for, and so has no say any more.
fn thin_out(actions: &mut Vec<MachineAction>) {
    let release = actions
        .iter()
        .filter(|a| a.action_type == ActionType::Unisolate && a.status == ActionStatus::Succeeded)
        .filter_map(|a| a.creation_date_time_utc)
        .max();
    let Some(release) = release else { return };
    actions.retain(|action| {
        !action.status.is_terminal()
            || action.last_update_date_time_utc.is_none_or(|ended| ended >= release)
    });
}

fn containment(machine: MachineId, history: &History, now: Timestamp) -> Option<Containment> {
    let isolation = judge(history, Aspect::Isolation, now).map(IsolationState::from);
    let History { actions, unseen } = history;
    let doubted = match &isolation.state {
        IsolationState::Released | IsolationState::Unknown(Doubt::NoRecord) => return None,
        IsolationState::Unknown(Doubt::MaybeDone(action))
            if action.action_type == ActionType::Isolate =>
        {
            Some(&**action)
        }
        _ => None,
    };
    let newest = |a: &&MachineAction| a.creation_date_time_utc;
    let action = in_force(actions, Aspect::Isolation, now).max_by_key(newest).or(doubted);
    let action = action.or_else(|| isolation.under_way.first());
    let isolates = |unseen: &&Unseen| unseen.kind == ActionType::Isolate;
    let action = match (action, unseen.iter().find(isolates)) {
        (None, Some(unseen)) => {
            return Some(Containment {
                reference: unseen.reference.clone(),
                ..Containment::about(machine, isolation, now)
            });
        }
        (action, _) => action.or_else(|| actions.last())?,
    };
    let comment = action.requestor_comment.as_deref();
    let note = comment.map(|comment| note::read(note::text_of(comment)));
    let ended = action.last_update_date_time_utc.filter(|_| action.status.is_terminal());
    Some(Containment {
        name: action.computer_dns_name.clone(),
        action: Some(action.id.clone()),
        by: action.requestor.clone(),
        source: action.request_source.clone(),
        since: ended.or(action.creation_date_time_utc),
        reason: note.as_ref().map(|note| note.reason.to_owned()),
        reference: comment.and_then(reference_of).map(str::to_owned),
        owner: note.as_ref().and_then(|note| note.owner).map(str::to_owned),
        review_by: note.and_then(|note| note.review_by),
        ..Containment::about(machine, isolation, now)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_out_keeps_what_may_have_a_say() {
        let start: Timestamp = "2026-03-01T03:00:00Z".parse().unwrap();
        let at = |minute: u64| start.plus(Duration::from_secs(60 * minute));
        let rows = [
            ("Isolate", "Succeeded", 1, 2),
            ("Isolate", "Pending", 3, 3),
            ("Isolate", "Succeeded", 4, 20),
            ("Isolate", "Cancelled", 5, 11),
            ("Unisolate", "Succeeded", 10, 12),
            ("Isolate", "Failed", 6, 9),
        ];
        let mut actions: Vec<_> = rows
            .iter()
            .map(|(kind, status, created, ended)| {
                let id = format!("5382f7ea-7557-4ab7-9782-{created:012}").parse().unwrap();
                let status = serde_json::from_value((*status).into()).unwrap();
                let mut action = MachineAction::new(id, kind.parse().unwrap(), status);
                action.creation_date_time_utc = Some(at(*created));
                action.last_update_date_time_utc = Some(at(*ended));
                action
            })
            .collect();
        thin_out(&mut actions);
        let kept: Vec<_> = actions.iter().map(|a| a.creation_date_time_utc).collect();
        assert_eq!(kept, [3, 4, 5, 10].map(|minute| Some(at(minute))));
    }
}
