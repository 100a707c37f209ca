//! A push from beginning to end: look, withdraw, send what is wanted in the plan's order, report.

use super::delete::Doomed;
use super::report::{
    Change, DeletionOutcome, DeletionResult, IndicatorOutcome, IndicatorResult, PushReport,
};
use super::sources::sources;
use super::world::{Standing, World, is_value};
use super::{Phase, Progress, Tell};
use crate::client::Client;
use crate::error::{Error, Result};
use crate::indicators::LARGEST_BATCH;
use crate::indicators::NewIndicator;
use crate::model::{Indicator, IndicatorType};
use crate::stix::plan::Plan;
use crate::types::IndicatorId;

/// So many calls more than batches a push may spend on singling out what a batch was refused for: some fourteen culprits.
const SPARE_CALLS: u32 = 256;

/// What becomes of ours that isn't in the feed any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Departures {
    Stay,
    /// They are deleted, if it is no more than so many; no more than a share of ours if not said.
    AtMost(Option<usize>),
}

/// What a push is asked for.
pub(super) struct Asked<'p> {
    pub(super) client: Client,
    pub(super) plan: &'p Plan,
    pub(super) application: String,
    pub(super) dry: bool,
    pub(super) tell: Option<Tell>,
    pub(super) departures: Departures,
}

/// A push under way.
pub(super) struct Run<'p> {
    pub(super) client: Client,
    plan: &'p Plan,
    application: String,
    tell: Option<Tell>,
    pub(super) world: World,
    pub(super) results: Vec<IndicatorResult>,
    decided: Vec<bool>,
    /// What was told of deletions, for the count.
    deleted: usize,
    total: usize,
    /// What to delete once what replaces it is there: by place in the plan.
    pub(super) olds: Vec<(usize, Vec<IndicatorId>)>,
    /// Why it ends before its end.
    pub(super) stopped: Option<Error>,
    /// Whether anything was changed, or may have been.
    pub(super) changed: bool,
    pub(super) batch: usize,
    pub(super) spare_calls: u32,
    /// Batches in a row whose fate couldn't be found out.
    pub(super) lost: u32,
}

/// What was seen at the beginning.
#[derive(Clone, Copy)]
struct Before {
    active: usize,
    sees_others: Option<bool>,
}

/// An indicator on its way.
#[derive(Clone)]
pub(super) struct Item {
    /// In the plan.
    pub(super) place: usize,
    pub(super) new: NewIndicator,
    pub(super) change: Change,
    /// What it replaces.
    pub(super) olds: Vec<IndicatorId>,
}

pub(super) async fn run(asked: Asked<'_>) -> Result<PushReport> {
    let Asked { client, plan, application, dry, tell, departures } = asked;
    let client = client.with_terms(|terms| terms.dry |= dry);
    let mut tell = tell;
    let total = plan.indicators().len() + plan.withdrawals().len();
    if let Some(tell) = &mut tell {
        tell(&Progress { phase: Phase::Reading, done: 0, total });
    }
    let world = World::read(&client, &application).await?;
    let roles = client.reading_roles().await?;
    let before = Before { active: world.active(), sees_others: sees_others(&roles) };
    let pending = IndicatorOutcome::NotSent { reason: String::new() };
    let results: Vec<_> = plan
        .indicators()
        .iter()
        .map(|planned| IndicatorResult {
            indicator_type: planned.indicator_type.clone(),
            value: planned.value.clone(),
            action: planned.action.clone(),
            outcome: pending.clone(),
            leftover: Vec::new(),
            contested_by: Vec::new(),
        })
        .collect();
    let mut run = Run {
        decided: vec![false; results.len()],
        results,
        plan,
        application,
        tell,
        world,
        deleted: 0,
        total,
        olds: Vec::new(),
        stopped: None,
        changed: false,
        batch: LARGEST_BATCH,
        spare_calls: SPARE_CALLS,
        lost: 0,
        client,
    };
    let departing = match departures {
        Departures::AtMost(limit) => run.departing(limit)?,
        Departures::Stay => Vec::new(),
    };
    run.total += departing.len();
    run.tell(Phase::Reading);

    let withdrawals = run.withdraw().await;
    // What leaves makes room where there is too little.
    let first = !departing.is_empty() && run.wanted_room() > run.world.room();
    let mut departed = Vec::new();
    if first {
        departed = run.depart(&departing).await;
    }
    run.push_all().await;
    if !first {
        departed = run.depart(&departing).await;
    }
    run.report(before, dry, withdrawals, departed)
}

impl Run<'_> {
    /// Deletes ours of what the plan withdraws.
    async fn withdraw(&mut self) -> Vec<DeletionResult> {
        let withdrawals = self.plan.withdrawals();
        let groups: Vec<_> =
            withdrawals.iter().map(|w| self.doomed(&w.indicator_type, &w.value)).collect();
        let outcomes = self.delete_groups(Phase::Withdrawing, &groups).await;
        let result = |((withdrawal, group), outcome): ((&_, &Vec<Doomed>), _)| {
            let withdrawal: &crate::stix::Withdrawal = withdrawal;
            let (kind, value) = (&withdrawal.indicator_type, &withdrawal.value);
            let outcome = match outcome {
                DeletionOutcome::NotThere if group.is_empty() => self.not_ours(kind, value),
                other => other,
            };
            DeletionResult { indicator_type: kind.clone(), value: value.clone(), outcome }
        };
        withdrawals.iter().zip(&groups).zip(outcomes).map(result).collect()
    }

    /// Ours of exactly this type and value.
    fn doomed(&self, kind: &IndicatorType, value: &str) -> Vec<Doomed> {
        let found = self.world.with_value(kind, value);
        let ours = found.filter(|i| self.world.is_ours(i) && is_value(i, kind, value));
        ours.map(Doomed::of).collect()
    }

    fn not_ours(&self, kind: &IndicatorType, value: &str) -> DeletionOutcome {
        let found = self.world.with_value(kind, value).filter(|i| is_value(i, kind, value));
        let ids: Vec<_> = found.map(|i| i.id.clone()).collect();
        if ids.is_empty() { DeletionOutcome::NotThere } else { DeletionOutcome::NotOurs { ids } }
    }

    /// Deletes what left the feed.
    async fn depart(&mut self, departing: &[Indicator]) -> Vec<DeletionResult> {
        let groups: Vec<_> = departing.iter().map(|i| vec![Doomed::of(i)]).collect();
        let outcomes = self.delete_groups(Phase::Departing, &groups).await;
        let result = |(gone, outcome): (&Indicator, _)| DeletionResult {
            indicator_type: gone.indicator_type.clone(),
            value: gone.indicator_value.clone().unwrap_or_default(),
            outcome,
        };
        departing.iter().zip(outcomes).map(result).collect()
    }

    /// How many new ones the plan wants.
    fn wanted_room(&self) -> usize {
        let plan = self.plan;
        let absent = |planned: &&_| {
            let place = self.world.place(&plan.new_indicator(planned));
            place.standing == Standing::Absent && place.olds.is_empty()
        };
        plan.indicators().iter().filter(absent).count()
    }

    /// Sends what is wanted, batch by batch in the plan's order.
    async fn push_all(&mut self) {
        let mut next = 0;
        while next < self.results.len() && self.stopped.is_none() {
            let mut items = Vec::new();
            while next < self.results.len() && items.len() < self.batch {
                items.extend(self.judge(next));
                next += 1;
            }
            self.send_batch(items).await;
            self.delete_olds().await;
            self.tell(Phase::Pushing);
        }
        self.delete_olds().await;
    }

    /// What has to be sent for an indicator of the plan; otherwise its outcome.
    fn judge(&mut self, place: usize) -> Option<Item> {
        let planned = self.plan.indicators().get(place)?;
        let new = self.plan.new_indicator(planned).application(&self.application);
        if let Err(error) = new.check() {
            let reason = format!("it can't be sent: {error}");
            self.decide(place, IndicatorOutcome::Failed { reason });
            return None;
        }
        if new.is_over(self.client.service_time()) {
            self.decide(place, IndicatorOutcome::Expired);
            return None;
        }
        let found = self.world.place(&new);
        if let Some(result) = self.results.get_mut(place) {
            result.contested_by = found.contested_by;
        }
        let change = match found.standing {
            Standing::Absent if found.olds.is_empty() => Change::Create,
            Standing::Absent => Change::Replace,
            Standing::Outdated(_) => Change::Update,
            Standing::AsWanted(id) => {
                self.decide(place, IndicatorOutcome::Unchanged { id });
                self.olds.push((place, found.olds));
                return None;
            }
            Standing::Theirs { id, same_groups } => {
                self.decide(place, IndicatorOutcome::AlreadyPresent { id, same_groups });
                if same_groups {
                    self.olds.push((place, found.olds));
                }
                return None;
            }
        };
        Some(Item { place, new, change, olds: found.olds })
    }

    pub(super) fn decide(&mut self, place: usize, outcome: IndicatorOutcome) {
        if let (Some(result), Some(decided)) =
            (self.results.get_mut(place), self.decided.get_mut(place))
        {
            result.outcome = outcome;
            *decided = true;
        }
    }

    /// Nothing more is sent.
    pub(super) fn stop(&mut self, error: Error) {
        self.stopped.get_or_insert(error);
    }

    pub(super) fn has_deleted(&mut self, phase: Phase, groups: usize) {
        self.deleted += groups;
        self.tell(phase);
    }

    pub(super) fn tell(&mut self, phase: Phase) {
        let done = self.deleted + self.decided.iter().filter(|decided| **decided).count();
        if let Some(tell) = &mut self.tell {
            tell(&Progress { phase, done, total: self.total });
        }
    }

    /// # Errors
    /// What ended it, if nothing was changed before.
    fn report(
        mut self,
        before: Before,
        dry_run: bool,
        withdrawals: Vec<DeletionResult>,
        departed: Vec<DeletionResult>,
    ) -> Result<PushReport> {
        if let Some(error) = &self.stopped {
            if !self.changed {
                return Err(error.clone());
            }
            let reason = error.to_string();
            for (result, decided) in self.results.iter_mut().zip(&self.decided) {
                if !decided {
                    result.outcome = IndicatorOutcome::NotSent { reason: reason.clone() };
                }
            }
        }
        let sources = sources(self.plan, &self.results, &withdrawals);
        Ok(PushReport {
            application: self.application,
            dry_run,
            active_before: before.active,
            sees_others: before.sees_others,
            indicators: self.results,
            withdrawals,
            departed,
            sources,
            error: self.stopped,
        })
    }

    pub(super) fn plan(&self) -> &Plan {
        self.plan
    }
}

/// Whether the list shows other people's indicators too. A token that tells no roles doesn't say.
fn sees_others(roles: &[String]) -> Option<bool> {
    let all = |role: &String| {
        ["Ti.ReadWrite.All", "Ti.Read.All"].iter().any(|name| name.eq_ignore_ascii_case(role))
    };
    (!roles.is_empty()).then(|| roles.iter().any(all))
}
