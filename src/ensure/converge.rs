//! Bringing machines into a state: read, do only what is needed, wait, look again.

use std::time::Duration;

use tokio::task::JoinSet;

use super::plan::Goal;
use super::read::{TOGETHER, histories, in_time};
use super::task::{Act, Ensured, Next, Task, Wish, carry_out};
use crate::actions::Comment;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::machines::{IsolationType, MachineHandle};
use crate::types::MachineId;
use crate::waits::{Deadline, LAST_READ, Patience, Pauses, last_reports};

/// A round costs a list for each forty machines; so many lists a minute are left for it.
const A_LIST_EACH: Duration = Duration::from_millis(1500);

impl MachineHandle {
    /// Sees to it that the machine is isolated, of exactly this type: [`Ensure::within`] says for how long.
    ///
    /// Isolated already: nothing is sent. An isolation under way is waited for. A release of ours under way is cancelled.
    /// **Isolated in another way is a conflict**: a machine is never released to be isolated again.
    ///
    /// Permission `Machine.Isolate`, and `Machine.Read.All` or `Machine.ReadWrite.All`.
    ///
    /// ```no_run
    /// # use defender_response::{IsolationType, MachineHandle};
    /// # use std::time::Duration;
    /// # async fn f(host: MachineHandle) -> defender_response::Result<()> {
    /// let ensured = host
    ///     .ensure_isolated(IsolationType::Full, "INC-4711: beaconing")
    ///     .within(Duration::from_secs(600))
    ///     .await?;
    /// println!("{}", ensured.state.isolation);
    /// # Ok(()) }
    /// ```
    pub fn ensure_isolated(&self, kind: IsolationType, comment: impl Into<Comment>) -> Ensure {
        self.ensure(Goal::Isolated(kind), comment)
    }

    /// Sees to it that the machine is neither isolated nor contained, and that nothing is armed that would isolate it.
    ///
    /// An isolation of ours that hasn't ended is cancelled, one that was carried out is released. Ours is what carries a
    /// reference of this crate's, and no lease. **Somebody else's is a conflict**, and so is one under a
    /// [lease](MachineHandle::contain), unless [`including_others`](Ensure::including_others) is said. A machine of which nothing is on record is
    /// released too, since unknown isn't released.
    ///
    /// Permission `Machine.Isolate`, and `Machine.Read.All` or `Machine.ReadWrite.All`.
    ///
    /// ```no_run
    /// # use defender_response::MachineHandle;
    /// # use std::time::Duration;
    /// # async fn f(host: MachineHandle) -> defender_response::Result<()> {
    /// host.ensure_released("INC-4711: host cleaned").within(Duration::from_secs(600)).await?;
    /// # Ok(()) }
    /// ```
    pub fn ensure_released(&self, comment: impl Into<Comment>) -> Ensure {
        self.ensure(Goal::Released, comment)
    }

    /// Sees to it that the machine runs only code signed by Microsoft.
    ///
    /// Permission `Machine.RestrictExecution`, and `Machine.Read.All` or `Machine.ReadWrite.All`.
    ///
    /// ```no_run
    /// # use defender_response::MachineHandle;
    /// # use std::time::Duration;
    /// # async fn f(host: MachineHandle) -> defender_response::Result<()> {
    /// host.ensure_restricted("INC-4711: ransomware").within(Duration::from_secs(600)).await?;
    /// # Ok(()) }
    /// ```
    pub fn ensure_restricted(&self, comment: impl Into<Comment>) -> Ensure {
        self.ensure(Goal::Restricted, comment)
    }

    /// Sees to it that the machine's code execution isn't restricted; as [`ensure_released`](Self::ensure_released) does
    /// with isolations.
    ///
    /// Permission `Machine.RestrictExecution`, and `Machine.Read.All` or `Machine.ReadWrite.All`.
    ///
    /// ```no_run
    /// # use defender_response::MachineHandle;
    /// # use std::time::Duration;
    /// # async fn f(host: MachineHandle) -> defender_response::Result<()> {
    /// host.ensure_unrestricted("INC-4711: host cleaned").within(Duration::from_secs(600)).await?;
    /// # Ok(()) }
    /// ```
    pub fn ensure_unrestricted(&self, comment: impl Into<Comment>) -> Ensure {
        self.ensure(Goal::Unrestricted, comment)
    }

    fn ensure(&self, goal: Goal, comment: impl Into<Comment>) -> Ensure {
        let mut ensure = self.client().ensure_all([self.id()], goal, comment);
        ensure.wish.expected = self.expected().map(str::to_owned);
        Ensure(ensure)
    }
}

impl Client {
    /// Sees to it that machines are in a state; [`EnsureAll::within`] says for how long.
    ///
    /// Each is dealt with as by [`ensure_isolated`](MachineHandle::ensure_isolated) and its kin, and forty share a list. A
    /// machine that is named twice is dealt with once, and told twice. Permission as for a single machine; quota 100 a
    /// minute, 1,500 an hour for each kind of submission, and the same for lists.
    ///
    /// ```no_run
    /// # use defender_response::{Client, Goal, MachineId};
    /// # use std::time::Duration;
    /// # async fn f(defender: Client, ids: Vec<MachineId>) {
    /// let outcomes = defender
    ///     .ensure_all(&ids, Goal::Released, "INC-4711: over")
    ///     .within(Duration::from_secs(1800))
    ///     .await;
    /// for (machine, outcome) in ids.iter().zip(outcomes) {
    ///     match outcome {
    ///         Ok(ensured) => println!("{machine}: {}", ensured.state.isolation),
    ///         Err(error) => println!("{error}"),
    ///     }
    /// }
    /// # }
    /// ```
    pub fn ensure_all<I>(&self, machines: I, goal: Goal, comment: impl Into<Comment>) -> EnsureAll
    where
        I: IntoIterator,
        I::Item: Into<MachineId>,
    {
        let machines: Vec<MachineId> = machines.into_iter().map(Into::into).collect();
        let wish = Wish { goal, comment: comment.into(), including_others: false, expected: None };
        EnsureAll { client: self.clone(), machines, wish, pauses: Pauses::default() }
    }
}

/// A machine to be brought into a state, from [`MachineHandle::ensure_isolated`] and its kin.
#[derive(Debug)]
#[must_use = "nothing is done until `within` is awaited"]
pub struct Ensure(EnsureAll);

impl Ensure {
    /// Cancels and releases what others asked for too. Without it that is a conflict, which names whose it is.
    pub fn including_others(mut self) -> Self {
        self.0 = self.0.including_others();
        self
    }

    /// Reads at this pace, in place of every 5 s growing to every 30 s.
    pub fn every(mut self, pace: Duration) -> Self {
        self.0 = self.0.every(pace);
        self
    }

    /// Brings the machine into the state, and comes back when it is there by the service's records, or after `limit` (and
    /// a last look). Nothing is submitted after it; what left before it is still followed until its outcome is known or
    /// can't be.
    ///
    /// At most one action is submitted, and only what carries a reference of this crate's is cancelled. Dropping the
    /// future leaves what was submitted as it is.
    ///
    /// # Errors
    /// Each says in which state the machine was left.
    /// [`is_conflict`](Error::is_conflict) where going on would undo somebody else's doing, or release a machine to isolate
    /// it again; [`is_still_running`](Error::is_still_running) with the action that stays armed;
    /// [`is_action_failed`](Error::is_action_failed), [`is_action_timed_out`](Error::is_action_timed_out) and
    /// [`is_action_cancelled`](Error::is_action_cancelled) for what was submitted;
    /// [`is_outcome_unknown`](Error::is_outcome_unknown); and what any call may run into that doesn't pass.
    pub async fn within(self, limit: Duration) -> Result<Ensured> {
        let nothing = || Err(Error::new(ErrorKind::InvalidInput, "no machine was named"));
        self.0.within(limit).await.pop().unwrap_or_else(nothing)
    }
}

/// Machines to be brought into a state, from [`Client::ensure_all`].
#[derive(Debug)]
#[must_use = "nothing is done until `within` is awaited"]
pub struct EnsureAll {
    client: Client,
    machines: Vec<MachineId>,
    wish: Wish,
    pauses: Pauses,
}

impl EnsureAll {
    /// Cancels and releases what others asked for too. Without it that is a conflict, which names whose it is.
    pub fn including_others(mut self) -> Self {
        self.wish.including_others = true;
        self
    }

    /// Reads at this pace, in place of every 5 s growing to every 30 s; with many machines it is slower.
    pub fn every(mut self, pace: Duration) -> Self {
        self.pauses.every(pace);
        self
    }

    /// Brings all into the state: one result for each machine, in their order, when the last is there or `limit` is over
    /// (and a last look at those that aren't, which takes a list for each forty).
    ///
    /// Each result is what [`Ensure::within`] would have given.
    pub async fn within(self, limit: Duration) -> Vec<Result<Ensured>> {
        let Self { client, machines, wish, pauses } = self;
        let mut distinct = machines.clone();
        distinct.sort();
        distinct.dedup();
        let tasks = distinct.iter().cloned().map(Task::new).collect();
        let mut crew = Crew {
            patience: Patience::default(),
            deadline: Deadline::after(client.clock(), limit),
            outcomes: distinct.iter().map(|_| None).collect(),
            tasks,
            alone: distinct.len() == 1,
            client,
            wish,
            pauses,
            trouble: None,
        };
        crew.work().await;
        let outcomes = crew.outcomes;
        let told = |machine: &MachineId| {
            let at = distinct.binary_search(machine).unwrap_or_default();
            let outcome = outcomes.get(at).cloned().flatten();
            let lost = || Err(Error::new(ErrorKind::InvalidInput, "the machine wasn't dealt with"));
            outcome.unwrap_or_else(lost)
        };
        machines.iter().map(told).collect()
    }
}

/// Looks once the deadline has come: what is cancelled then is looked at again, and records that show ever new ones aren't
/// followed.
const LAST_LOOKS: u32 = 3;

/// What a look may lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Early,
    /// Nothing is submitted any more.
    Last,
    /// And nothing cancelled.
    Only,
}

/// All machines of one call.
struct Crew {
    client: Client,
    wish: Wish,
    pauses: Pauses,
    patience: Patience,
    deadline: Deadline,
    tasks: Vec<Task>,
    outcomes: Vec<Option<Result<Ensured>>>,
    trouble: Option<Error>,
    /// A single machine is looked at once more when its turn has come.
    alone: bool,
}

impl Crew {
    async fn work(&mut self) {
        // What can't be sent isn't begun.
        if let Err(error) = self.wish.comment.render() {
            self.tell((0..self.tasks.len()).collect(), &error);
            return;
        }
        if let Some(expected) = self.wish.expected.clone() {
            // Nothing is cancelled on another machine, nor said of it.
            for at in 0..self.tasks.len() {
                let Some(task) = self.tasks.get(at) else { continue };
                if let Err(error) = self.client.expect_name(&task.machine, &expected).await {
                    self.tell(vec![at], &error);
                }
            }
        }
        let mut last_looks = 0;
        loop {
            let last = self.deadline.left(self.client.clock()).is_zero();
            last_looks += u32::from(last);
            let open = self.open();
            let mut at_once = false;
            for together in open.chunks(TOGETHER) {
                // The time may be over since the last ones.
                let look = match last_looks {
                    0 if !self.deadline.left(self.client.clock()).is_zero() => Look::Early,
                    0..LAST_LOOKS => Look::Last,
                    _ => Look::Only,
                };
                at_once |= self.round(together, look).await;
            }
            let open = self.open();
            if open.is_empty() {
                return;
            }
            if last && !(at_once && last_looks < LAST_LOOKS) {
                self.late(&open).await;
                return;
            }
            if !at_once {
                let lists = u32::try_from(open.len().div_ceil(TOGETHER)).unwrap_or(u32::MAX);
                let pause = self.pauses.next().max(A_LIST_EACH.saturating_mul(lists - 1));
                tokio::time::sleep(pause.min(self.deadline.left(self.client.clock()))).await;
            }
        }
    }

    fn open(&self) -> Vec<usize> {
        let outcomes = self.outcomes.iter().enumerate();
        outcomes.filter(|(_, outcome)| outcome.is_none()).map(|(at, _)| at).collect()
    }

    /// Looks at some machines and does what is next for each: whether one is to be looked at again at once.
    async fn round(&mut self, together: &[usize], look: Look) -> bool {
        let machines: Vec<_> =
            together.iter().filter_map(|at| Some(self.tasks.get(*at)?.machine.clone())).collect();
        let looked = self.client.clock().now();
        // A round of many has no time to read each by its id.
        let confirmed = if self.alone { TOGETHER } else { 0 };
        let left = self.deadline.left(self.client.clock());
        let read = histories(&self.client, &machines, confirmed);
        let mut histories = match in_time(left, read).await {
            Ok(histories) => histories,
            Err(error) => {
                if self.patience.bears(&error, self.client.clock().now()) {
                    let over = |at: &&usize| self.tasks.get(**at).is_some_and(Task::is_broken_off);
                    let over = together.iter().filter(over).copied().collect();
                    self.tell(over, &error);
                    self.trouble = Some(error);
                } else {
                    self.tell(together.to_vec(), &error);
                }
                return false;
            }
        };
        self.trouble = None;
        self.patience.read();
        let mut acts = JoinSet::new();
        let mut at_once = false;
        for &at in together {
            let Some(task) = self.tasks.get_mut(at) else { continue };
            let mut history = histories.remove(task.machine.as_str()).unwrap_or_default();
            task.complete(&self.client, &mut history).await;
            match task.next(&history, &self.wish, self.client.service_time()) {
                Next::Over(outcome) => self.settle(at, *outcome),
                // What is submitted at the deadline could not be waited for.
                Next::Act(Act::Submit { .. }) if look != Look::Early => {}
                Next::Act(_) if look == Look::Only => {}
                Next::Act(act) => {
                    let left = self.deadline.left(self.client.clock());
                    // What doesn't get a slot in time isn't sent.
                    let wait =
                        if matches!(act, Act::Submit { .. }) { left } else { left.max(LAST_READ) };
                    let client = self.client.queuing_at_most(wait);
                    let machine = task.machine.clone();
                    let looked = Some(looked).filter(|_| !self.alone);
                    let doing = carry_out(client, machine, self.wish.clone(), act, looked);
                    acts.spawn(async move { (at, doing.await) });
                }
                Next::Wait => {}
            }
        }
        while let Some(done) = acts.join_next().await {
            // A task of ours neither panics nor is aborted.
            let Ok((at, outcome)) = done else { continue };
            let Some(task) = self.tasks.get_mut(at) else { continue };
            at_once |= task.take(outcome);
        }
        at_once
    }

    fn settle(&mut self, at: usize, outcome: Result<Ensured>) {
        if let Some(place) = self.outcomes.get_mut(at) {
            *place = Some(outcome);
        }
    }

    fn tell(&mut self, which: Vec<usize>, error: &Error) {
        for at in which {
            if let Some(task) = self.tasks.get(at) {
                let lost = task.lost(error.clone(), &self.wish);
                self.settle(at, Err(lost));
            }
        }
    }

    async fn late(&mut self, open: &[usize]) {
        let now = self.client.service_time();
        let machines: Vec<_> = open.iter().filter_map(|at| self.tasks.get(*at)).collect();
        let reports = last_reports(&self.client, machines.iter().map(|task| &task.machine)).await;
        for &at in open {
            let Some(task) = self.tasks.get(at) else { continue };
            let reported = reports.get(task.machine.as_str()).copied();
            let error = task.late(&self.wish, now, reported, self.trouble.as_ref());
            self.settle(at, Err(error));
        }
    }
}
