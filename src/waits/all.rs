//! Waiting for many actions by shared list pages.
//!
//! A sweep lists what was created since the oldest action that hasn't ended, newest first, until each is found. What a
//! list lacks (it may lag, or not show an action at all) is asked for by id, some forty to a list, and then singly.
//! Between sweeps an action costs its id and a few words.

use std::collections::HashMap;
use std::time::Duration;

use super::pace::Pace;
use super::watch::{Deadline, LAST_READ, Missing, Patience, Pauses};
use super::words::{still_running, unread, verdict, with_cause};
use crate::actions::{ActionHandle, GetMachineAction};
use crate::client::Client;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ActionStatus, ActionType, MachineAction};
use crate::odata::Filter;
use crate::operation::Operation;
use crate::types::{ActionId, MachineId, Timestamp};

/// The service gives an action up after three days and some 14 minutes.
const OLDEST: Duration = Duration::from_secs(4 * 86_400);

/// How far before the wait an action may have been created that no read has shown yet.
const FRESH: Duration = Duration::from_secs(600);

const PAGE: u32 = 10_000;

/// Ids to a list. A longer query may be refused on its way.
const IDS: usize = 40;

/// Thousands are listed less often, since a page of them is megabytes.
const FOR_EACH: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(60);

/// What a sweep reads beside its pages, at most.
const LISTS: usize = 10;
const SINGLES: usize = 10;

impl Client {
    /// Waits for many actions; [`WaitAll::within`] says for how long.
    ///
    /// The handles have to be of this client, or of a clone. Permission `Machine.Read.All` or `Machine.ReadWrite.All`. All
    /// reads together are 60 a minute at most (90 with the last), and a few a minute as a rule, however many actions there are.
    ///
    /// ```no_run
    /// # use defender_response::{Client, Submitted};
    /// # use std::time::Duration;
    /// # async fn f(defender: Client, submitted: Vec<Submitted>) {
    /// let outcomes = defender.wait_all(&submitted).within(Duration::from_secs(600)).await;
    /// for (action, outcome) in submitted.iter().zip(&outcomes) {
    ///     match outcome {
    ///         Ok(_) => println!("{} is done", action.id()),
    ///         Err(error) => println!("{error}"),
    ///     }
    /// }
    /// # }
    /// ```
    pub fn wait_all<I>(&self, actions: I) -> WaitAll
    where
        I: IntoIterator,
        I::Item: Into<ActionHandle>,
    {
        let entries: Vec<_> =
            actions.into_iter().map(|handle| self.entry(&handle.into())).collect();
        let mut order: Vec<u32> = (0..).take(entries.len()).collect();
        order.sort_by(|a, b| key(&entries, *a).cmp(key(&entries, *b)));
        let pauses = Pauses::default();
        WaitAll {
            client: self.clone(),
            entries,
            order,
            pauses,
            cursor: 0,
            singles: 0,
            missing: HashMap::new(),
        }
    }

    fn entry(&self, handle: &ActionHandle) -> Entry {
        let known = if self.is_same(handle.client()) {
            Known::Nothing
        } else {
            let what =
                "the action is of another client: wait with that one, or by its resume token";
            Known::Failed(Error::invalid_input(what).of("wait", handle.id().as_str()))
        };
        Entry { id: handle.id().clone(), known }
    }
}

/// A wait for many actions, from [`Client::wait_all`].
#[derive(Debug)]
#[must_use = "a wait does nothing until `within` is awaited"]
pub struct WaitAll {
    client: Client,
    entries: Vec<Entry>,
    /// The entries by their ids.
    order: Vec<u32>,
    pauses: Pauses,
    /// Where asking for what no list shows goes on.
    cursor: usize,
    /// And where asking singly does.
    singles: usize,
    /// What isn't found by its id either.
    missing: HashMap<usize, Missing>,
}

#[derive(Debug)]
struct Entry {
    id: ActionId,
    known: Known,
}

#[derive(Debug)]
enum Known {
    Nothing,
    /// Not ended by the last read; whole only at the deadline.
    Running(Option<Timestamp>, ActionStatus, ActionType, Option<Box<LastSeen>>),
    Ended(Box<MachineAction>),
    Failed(Error),
}

/// What is still running at the deadline.
#[derive(Debug)]
struct LastSeen {
    action: MachineAction,
    source: Source,
}

/// Where an action was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// A list, which may show it as it was a while ago.
    List,
    Singly,
}

impl Known {
    fn is_open(&self) -> bool {
        matches!(self, Self::Nothing | Self::Running(..))
    }
}

fn key(entries: &[Entry], at: u32) -> &str {
    entries.get(at as usize).map_or("", |entry| entry.id.as_str())
}

impl WaitAll {
    /// Sweeps at this pace, in place of every 5 s growing to every 30 s; with thousands it is up to a minute.
    pub fn every(mut self, pace: Duration) -> Self {
        self.pauses.every(pace);
        self
    }

    /// Waits until all have ended, for `limit` at most (and last reads of ten seconds): one result for each handle, in
    /// their order.
    ///
    /// Each result is what [`Wait::within`](super::Wait::within) would have given; a handle that is given twice has two.
    /// A read that fails now and then doesn't end the wait; one that no later read would get past, such as a missing role, is
    /// the result of all that haven't ended, and what is refused of a single action is the result of that one. At the deadline
    /// what lists show as running is read singly, some thirty at least; of what wasn't the error says that a list told it,
    /// which may be late. Dropping the future stops the reading and nothing else.
    pub async fn within(mut self, limit: Duration) -> Vec<Result<MachineAction>> {
        let client = self.client.clone();
        let clock = client.clock();
        let deadline = Deadline::after(clock, limit);
        let began = client.service_time();
        let mut patience = Patience::default();
        let mut pace = Pace::default();
        let mut trouble = None;
        while self.entries.iter().any(|entry| entry.known.is_open()) {
            let left = deadline.left(clock);
            let (last, now) = (left.is_zero(), clock.now());
            let mut sweep = Sweep { began, last, patience: &mut patience, pace: &mut pace };
            let swept = tokio::time::timeout(left.max(LAST_READ), self.sweep(&mut sweep)).await;
            let late = || Error::new(ErrorKind::Timeout, "the list could not be read in time");
            match swept.unwrap_or_else(|_| Err(late())) {
                Ok(()) => trouble = None,
                Err(error) if patience.bears(&error, clock.now()) => trouble = Some(error),
                Err(error) => self.fail(&error),
            }
            if last {
                let left = LAST_READ.saturating_sub(clock.now().saturating_duration_since(now));
                // What isn't read in time is told as it was seen.
                let _ = tokio::time::timeout(left, self.confirm(&mut pace)).await;
                break;
            }
            let open = self.entries.iter().filter(|entry| entry.known.is_open()).count();
            let open = u32::try_from(open).unwrap_or(u32::MAX);
            let pause = self.pauses.next().max(FOR_EACH.saturating_mul(open).min(LONGEST));
            tokio::time::sleep(pause.min(deadline.left(clock))).await;
        }
        self.told(trouble.as_ref()).await
    }

    async fn sweep(&mut self, sweep: &mut Sweep<'_>) -> Result<()> {
        let client = self.client.clone();
        let mut missing = self.entries.iter().filter(|entry| entry.known.is_open()).count();
        let mut found = vec![false; self.entries.len()];
        let since = self.since(sweep.began);
        let filter = Filter::ge("creationDateTimeUtc", since);
        let mut list = client.actions().newest_first(filter).page_size(PAGE);
        while missing > 0 {
            if list.needs_a_page() {
                sweep.turn(client.clock()).await;
            }
            let Some(action) = list.next().await.transpose()? else { break };
            sweep.patience.read();
            missing -= self.take(&action, Source::List, sweep.last, &mut found);
        }
        self.ask_for_the_rest(sweep, &mut found).await
    }

    /// Reads singly what was only seen in a list, or earlier, as far as there are reads left: it may have ended.
    async fn confirm(&mut self, pace: &mut Pace) {
        let client = self.client.at_once();
        for at in 0..self.entries.len() {
            let Some(id) = self.entries.get(at).and_then(Entry::unconfirmed) else { continue };
            if !pace.has_room(client.clock()) {
                break;
            }
            pace.turn(client.clock(), true).await;
            match client.send(&GetMachineAction::new(id.clone())).await {
                Ok(action) => drop(self.take(&action, Source::Singly, true, &mut [])),
                Err(error) if error.is_throttled() => break,
                Err(_) => {}
            }
        }
    }

    /// What was created before this has ended, or is asked for by id.
    fn since(&self, began: Timestamp) -> Timestamp {
        let mut oldest = None;
        let (mut unread, mut read) = (false, false);
        for entry in &self.entries {
            match &entry.known {
                Known::Nothing => unread = true,
                Known::Running(created, ..) => {
                    read = true;
                    let created = created.unwrap_or(began.minus(OLDEST));
                    oldest = Some(oldest.map_or(created, |oldest| created.min(oldest)));
                }
                Known::Ended(_) | Known::Failed(_) => read = true,
            }
        }
        let reach = match (unread, read) {
            (true, false) => Some(began.minus(OLDEST)),
            (true, true) => Some(began.minus(FRESH)),
            (false, _) => None,
        };
        let since = [oldest, reach].into_iter().flatten().min().unwrap_or(began);
        since.minus(Duration::from_secs(1)).to_seconds()
    }

    /// Notes what a read shows; how many entries it newly settles in this sweep.
    fn take(
        &mut self,
        action: &MachineAction,
        source: Source,
        whole: bool,
        found: &mut [bool],
    ) -> usize {
        let id = action.id.as_str();
        let (entries, order) = (&mut self.entries, &self.order);
        let first = order.partition_point(|at| key(entries, *at) < id);
        let mut settled = 0;
        for at in order.iter().skip(first).map(|at| *at as usize) {
            let Some(entry) = entries.get_mut(at) else { continue };
            if entry.id.as_str() != id {
                break;
            }
            if !entry.known.is_open() {
                continue;
            }
            entry.known = Known::of(action, source, whole);
            self.missing.remove(&at);
            if let Some(found) = found.get_mut(at)
                && !std::mem::replace(found, true)
            {
                settled += 1;
            }
        }
        settled
    }

    async fn ask_for_the_rest(&mut self, sweep: &mut Sweep<'_>, found: &mut [bool]) -> Result<()> {
        let client = self.client.clone();
        let absent = |entries: &[Entry], found: &[bool]| -> Vec<usize> {
            let open = entries.iter().zip(found).enumerate();
            open.filter(|(_, (entry, found))| entry.known.is_open() && !**found)
                .map(|(at, _)| at)
                .collect()
        };
        let mut rest = absent(&self.entries, found);
        if rest.len() > SINGLES {
            let from = self.cursor % rest.len();
            rest.rotate_left(from);
            rest.truncate(LISTS * IDS);
            self.cursor = from + rest.len();
            self.refuse_what_no_path_holds(&rest);
            rest.retain(|at| self.is_open(*at));
            for ids in rest.chunks(IDS) {
                sweep.turn(client.clock()).await;
                let ids = ids.iter().filter_map(|at| self.entries.get(*at));
                let Some(filter) = Filter::one_of("id", ids.map(|entry| &entry.id)) else {
                    continue;
                };
                let mut list = client.actions().list(filter);
                while let Some(action) = list.next().await.transpose()? {
                    self.take(&action, Source::List, sweep.last, found);
                }
            }
            rest.retain(|at| !found.get(*at).copied().unwrap_or(true));
            if rest.len() > SINGLES {
                let from = self.singles % rest.len();
                rest.rotate_left(from);
                rest.truncate(SINGLES);
                self.singles = from + SINGLES;
            }
        }
        for at in rest {
            let Some(id) = self.entries.get(at).map(|entry| entry.id.clone()) else { continue };
            sweep.turn(client.clock()).await;
            match client.send(&GetMachineAction::new(id)).await {
                Ok(action) => {
                    self.take(&action, Source::Singly, sweep.last, found);
                }
                Err(error) if error.is_not_found() => {
                    let missing = self.missing.entry(at).or_default();
                    if !missing.may_be_found(client.clock().now()) {
                        self.fail_one(at, error);
                    }
                }
                Err(error) if error.may_pass() => {}
                Err(error) if concerns_all(&error) => return Err(error),
                // One action's trouble isn't all the others'.
                Err(error) => self.fail_one(at, error),
            }
        }
        Ok(())
    }

    fn is_open(&self, at: usize) -> bool {
        self.entries.get(at).is_some_and(|entry| entry.known.is_open())
    }

    /// An id that no path can hold spoils no list.
    fn refuse_what_no_path_holds(&mut self, rest: &[usize]) {
        for at in rest {
            let Some(entry) = self.entries.get_mut(*at) else { continue };
            if let Err(error) = GetMachineAction::new(entry.id.clone()).call() {
                entry.known = Known::Failed(error.of(GetMachineAction::SPEC.name, ""));
            }
        }
    }

    fn fail_one(&mut self, at: usize, error: Error) {
        if let Some(entry) = self.entries.get_mut(at) {
            entry.known = Known::Failed(error);
        }
    }

    fn fail(&mut self, error: &Error) {
        for entry in self.entries.iter_mut().filter(|entry| entry.known.is_open()) {
            entry.known = Known::Failed(error.clone());
        }
    }

    async fn told(self, trouble: Option<&Error>) -> Vec<Result<MachineAction>> {
        let now = self.client.service_time();
        let reports = super::reports::last_reports(&self.client, self.running()).await;
        let told = self.entries.into_iter().map(|Entry { id, known }| match known {
            Known::Ended(action) => verdict(&id, *action),
            Known::Failed(error) => Err(error),
            Known::Nothing => Err(unread("the action", trouble.cloned()).of("wait", id.as_str())),
            Known::Running(created, status, kind, whole) => {
                let (action, doubt) = match whole.map(|seen| *seen) {
                    Some(LastSeen { action, source: Source::Singly }) => (action, None),
                    Some(LastSeen { action, source: Source::List }) => {
                        (action, Some("it was seen so by a list, which may be late"))
                    }
                    None => {
                        let mut action = MachineAction::new(id.clone(), kind, status);
                        action.creation_date_time_utc = created;
                        (action, Some("it was seen so before the last look, and may have ended"))
                    }
                };
                let reported =
                    action.machine_id.as_ref().and_then(|id| reports.get(id.as_str()).copied());
                let error = still_running(&id, action, now, reported);
                let error = doubt.into_iter().fold(error, Error::adding);
                Err(with_cause(error, trouble.cloned()))
            }
        });
        told.collect()
    }

    fn running(&self) -> impl Iterator<Item = &MachineId> {
        self.entries.iter().filter_map(|entry| match &entry.known {
            Known::Running(_, _, _, whole) => whole.as_ref()?.action.machine_id.as_ref(),
            _ => None,
        })
    }
}

impl Known {
    fn of(action: &MachineAction, source: Source, whole: bool) -> Self {
        if action.status.is_terminal() {
            return Self::Ended(Box::new(action.clone()));
        }
        let (status, kind) = (action.status.clone(), action.action_type.clone());
        let whole = whole.then(|| Box::new(LastSeen { action: action.clone(), source }));
        Self::Running(action.creation_date_time_utc, status, kind, whole)
    }
}

impl Entry {
    /// The id of what is running by a list alone, or wasn't seen by the last look.
    fn unconfirmed(&self) -> Option<&ActionId> {
        let Known::Running(_, _, _, seen) = &self.known else { return None };
        let singly = seen.as_ref().is_some_and(|seen| seen.source == Source::Singly);
        (!singly).then_some(&self.id)
    }
}

/// Each further read would meet with the same.
fn concerns_all(error: &Error) -> bool {
    let lacks_a_role = error.is_permission_denied() && !error.missing_roles().is_empty();
    lacks_a_role
        || error.is_unauthorized()
        || error.is_sign_in()
        || error.is_unlicensed()
        || error.is_configuration()
}

/// What one sweep goes by.
struct Sweep<'a> {
    began: Timestamp,
    /// The last one: what is still running is kept whole, for the errors to hold.
    last: bool,
    patience: &'a mut Patience,
    pace: &'a mut Pace,
}

impl Sweep<'_> {
    async fn turn(&mut self, clock: &dyn Clock) {
        self.pace.turn(clock, self.last).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_that_is_waited_for_costs_little() {
        // And 36 bytes for the id's text, 4 for its place in the order, and one while a sweep is under way.
        assert!(size_of::<Entry>() <= 112, "{}", size_of::<Entry>());
    }
}
