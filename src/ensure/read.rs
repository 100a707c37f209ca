//! Reading the actions that tell machines' states, many machines to a list.

use std::collections::HashMap;
use std::time::Duration;

use super::judge::{Aspect, OVER, judge};
use super::state::MachineState;
use crate::actions::{confirm, own_since};
use crate::client::{Client, Unseen};
use crate::error::{Error, ErrorKind, Result};
use crate::machines::MachineHandle;
use crate::model::{ActionStatus, ActionType, MachineAction};
use crate::odata::Filter;
use crate::types::{MachineId, Timestamp};
use crate::waits::LAST_READ;

/// Machines to a list: a longer query may be refused on its way.
pub(super) const TOGETHER: usize = 40;

/// What is listed as under way is read by its id, for so many to a list.
const CONFIRMED: usize = 10;

/// A list longer than this tells of something else than response actions.
const LONGEST: usize = 50_000;

impl MachineHandle {
    /// What state the machine is in by the service's records.
    ///
    /// It is derived from the machine's actions, and can't show what happens to the host itself: see [`MachineState`].
    /// What this client submitted of late counts, also where the list doesn't show it yet.
    ///
    /// Permission `Machine.Read.All` or `Machine.ReadWrite.All`; quota 100 a minute, 1,500 an hour, one read as a rule.
    ///
    /// ```no_run
    /// # use defender_response::{IsolationState, MachineHandle};
    /// # async fn f(host: MachineHandle) -> defender_response::Result<()> {
    /// let state = host.state().await?;
    /// match &state.isolation.state {
    ///     IsolationState::Isolated(_) => println!("{}", state.isolation),
    ///     IsolationState::Pending(action) => println!("{} is armed", action.id),
    ///     other => println!("{other}"),
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// What any read may run into. A state that couldn't be read is an error, and never a default.
    pub async fn state(&self) -> Result<MachineState> {
        let history = history(self.client(), self.id()).await?;
        Ok(state_of(self.id(), &history, self.client().service_time()))
    }
}

impl Client {
    /// What states machines are in by the service's records: one result for each id, in their order.
    ///
    /// Forty machines share a list, so 500 machines take 13 reads as a rule, and ten more for each list at most: so many of
    /// what is listed as under way are read by their ids, since a list may be late with the end. See [`MachineState`] for
    /// what can't be seen.
    ///
    /// Permission `Machine.Read.All` or `Machine.ReadWrite.All`; quota 100 a minute, 1,500 an hour.
    ///
    /// ```no_run
    /// # use defender_response::{Client, MachineId};
    /// # async fn f(defender: Client, ids: Vec<MachineId>) {
    /// for state in defender.states(&ids).await {
    ///     match state {
    ///         Ok(state) => println!("{}: {}", state.machine, state.isolation),
    ///         Err(error) => println!("not read: {error}"),
    ///     }
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// Each result by itself: those that would have shared a list that couldn't be read share its error.
    pub async fn states<I>(&self, machines: I) -> Vec<Result<MachineState>>
    where
        I: IntoIterator,
        I::Item: Into<MachineId>,
    {
        let machines: Vec<MachineId> = machines.into_iter().map(Into::into).collect();
        let mut states = Vec::with_capacity(machines.len());
        for together in machines.chunks(TOGETHER) {
            let read = histories(self, together, CONFIRMED).await;
            let now = self.service_time();
            states.extend(together.iter().map(|machine| {
                let histories = read.as_ref().map_err(Clone::clone)?;
                let none = History::default();
                let history = histories.get(machine.as_str()).unwrap_or(&none);
                Ok(state_of(machine, history, now))
            }));
        }
        states
    }
}

/// What is known of one machine's actions.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) actions: Vec<MachineAction>,
    /// What this client sent, and no answer came and no list shows it.
    pub(super) unseen: Vec<Unseen>,
}

impl From<Vec<MachineAction>> for History {
    fn from(actions: Vec<MachineAction>) -> Self {
        Self { actions, unseen: Vec::new() }
    }
}

pub(super) fn state_of(machine: &MachineId, history: &History, now: Timestamp) -> MachineState {
    MachineState {
        machine: machine.clone(),
        isolation: judge(history, Aspect::Isolation, now).map(Into::into),
        restriction: judge(history, Aspect::Restriction, now).map(Into::into),
        read_at: now,
    }
}

/// One machine's actions that tell its state.
pub(super) async fn history(client: &Client, machine: &MachineId) -> Result<History> {
    let mut histories = histories(client, std::slice::from_ref(machine), CONFIRMED).await?;
    Ok(histories.remove(machine.as_str()).unwrap_or_default())
}

/// The actions of these machines that tell their states, by machine id, as far back as they may have a say. So many of
/// those that are listed as under way are read by their ids: a list may be late with the end.
pub(super) async fn histories(
    client: &Client,
    machines: &[MachineId],
    confirmed: usize,
) -> Result<HashMap<String, History>> {
    let mut histories: HashMap<String, History> =
        machines.iter().map(|id| (id.as_str().to_owned(), History::default())).collect();
    let theirs = match machines {
        [] => return Ok(histories),
        [one] => Some(Filter::eq("machineId", one)),
        many => Filter::one_of("machineId", many),
    };
    let kinds = [Aspect::Isolation, Aspect::Restriction].map(|a| [a.on(), a.off()]);
    let kinds = kinds.iter().flatten().map(|kind| Filter::eq("type", kind.as_str()));
    let filter = match (theirs, kinds.reduce(Filter::or)) {
        (Some(theirs), Some(kinds)) => theirs.and(kinds),
        _ => return Ok(histories),
    };
    let tells = |kind: &ActionType| {
        [Aspect::Isolation, Aspect::Restriction].iter().any(|aspect| aspect.is_of(kind))
    };
    let mut released = Releases::default();
    let mut list = client.actions().newest_first(filter);
    let mut read = 0;
    while let Some(action) = list.next().await.transpose()? {
        read += 1;
        if read > LONGEST {
            let what =
                "the machines' actions are more than fifty thousand, so reading them was given up";
            return Err(Error::unusable_answer(what));
        }
        let Some(machine) = action.machine_id.as_ref().map(|id| id.as_str().to_ascii_lowercase())
        else {
            continue;
        };
        // Whatever the filter did: an action of another machine tells nothing.
        let Some(history) = histories.get_mut(&machine) else { continue };
        if released.had_the_last_word(&action, machines.len()) {
            break;
        }
        released.note(&machine, &action);
        history.actions.push(action);
    }
    for machine in machines {
        if let Some(history) = histories.get_mut(machine.as_str()) {
            let (own, unseen) = own_since(client, machine, &history.actions, tells).await;
            history.actions.extend(own);
            history.unseen = unseen;
        }
    }
    let actions = histories.values_mut().flat_map(|history| &mut history.actions);
    confirm(client, actions, confirmed).await;
    Ok(histories)
}

/// A read that is given up when the time is over, and a last one when it has been.
pub(super) async fn in_time<T>(
    left: Duration,
    read: impl Future<Output = Result<T>> + Send,
) -> Result<T> {
    let late = |_| {
        let what = "the machines' actions could not be read in time";
        Err(Error::new(ErrorKind::Timeout, what))
    };
    tokio::time::timeout(left.max(LAST_READ), Box::pin(read)).await.unwrap_or_else(late)
}

/// The newest release of each machine and aspect. What can't have ended after it was asked for has no say.
#[derive(Default)]
struct Releases(HashMap<(String, bool), Timestamp>);

impl Releases {
    fn note(&mut self, machine: &str, action: &MachineAction) {
        let aspect = [Aspect::Isolation, Aspect::Restriction]
            .into_iter()
            .find(|aspect| aspect.off() == action.action_type);
        if let (Some(aspect), Some(created), ActionStatus::Succeeded) =
            (aspect, action.creation_date_time_utc, &action.status)
        {
            let key = (machine.to_owned(), aspect == Aspect::Isolation);
            let newest = self.0.entry(key).or_insert(created);
            *newest = created.max(*newest);
        }
    }

    /// Whether nothing from here on matters, all machines having releases that much newer.
    fn had_the_last_word(&self, action: &MachineAction, machines: usize) -> bool {
        let margin = OVER + Duration::from_secs(86_400);
        self.0.len() == machines * 2
            && action
                .creation_date_time_utc
                .zip(self.0.values().min())
                .is_some_and(|(created, oldest)| created < oldest.minus(margin))
    }
}
