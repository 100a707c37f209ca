//! Deleting what is ours: each is read again first, by its id, and left alone if it isn't what it was.

use std::collections::HashMap;

use super::Phase;
use super::report::DeletionOutcome;
use super::run::Run;
use super::world::{PAGE, is_value};
use crate::error::{Error, ErrorKind, Result};
use crate::indicators::{BatchDeleteIndicators, DeleteIndicator, LARGEST_BATCH};
use crate::model::{Indicator, IndicatorAction, IndicatorType};
use crate::odata::Filter;
use crate::types::IndicatorId;

/// So many are read one by one; more are looked up in a fresh list of ours, which is sooner done and so less old when
/// they are deleted.
const FEW: usize = 20;

/// So often a deletion is tried that fails for others' sake, or whose answer is lost.
const MOST_TRIES: u32 = 3;

/// One of ours that is to be deleted, as it was listed.
#[derive(Clone, Debug)]
pub(super) struct Doomed {
    id: IndicatorId,
    kind: IndicatorType,
    value: String,
    action: IndicatorAction,
}

impl Doomed {
    pub(super) fn of(indicator: &Indicator) -> Self {
        Self {
            id: indicator.id.clone(),
            kind: indicator.indicator_type.clone(),
            value: indicator.indicator_value.clone().unwrap_or_default(),
            action: indicator.action.clone(),
        }
    }
}

/// What became of one that was to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Deleted,
    NotThere,
    Changed,
    Would,
    Failed(String),
    Unknown(String),
    NotSent(String),
}

impl Fate {
    /// Whether its room is free, or would be.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::Deleted | Self::NotThere | Self::Would)
    }
}

type Fates = HashMap<IndicatorId, Fate>;

impl Run<'_> {
    /// Deletes groups of indicators, and tells one outcome for each group.
    pub(super) async fn delete_groups(
        &mut self,
        phase: Phase,
        groups: &[Vec<Doomed>],
    ) -> Vec<DeletionOutcome> {
        let mut outcomes = Vec::with_capacity(groups.len());
        for groups in groups.chunks(LARGEST_BATCH) {
            let doomed: Vec<_> = groups.iter().flatten().cloned().collect();
            let fates = self.delete(&doomed).await;
            outcomes.extend(groups.iter().map(|group| joined(group, &fates)));
            self.has_deleted(phase, groups.len());
        }
        outcomes
    }

    /// Deletes what was replaced, now that what replaces it is there.
    pub(super) async fn delete_olds(&mut self) {
        let olds = std::mem::take(&mut self.olds);
        let ids: Vec<_> = olds.iter().flat_map(|(_, ids)| ids.iter().cloned()).collect();
        let fates = self.delete(&self.doomed_by_id(&ids)).await;
        for (place, ids) in olds {
            let is_left = |id: &IndicatorId| fates.get(id).is_some_and(|fate| !fate.is_gone());
            if let Some(result) = self.results.get_mut(place) {
                result.leftover.extend(ids.into_iter().filter(is_left));
            }
        }
    }

    pub(super) async fn delete(&mut self, doomed: &[Doomed]) -> Fates {
        let mut fates = Fates::new();
        for doomed in doomed.chunks(LARGEST_BATCH) {
            self.delete_some(doomed, &mut fates).await;
        }
        for (id, fate) in &fates {
            if fate.is_gone() {
                self.world.remove(id);
            }
            self.changed |= matches!(fate, Fate::Deleted | Fate::Unknown(_));
        }
        fates
    }

    /// One call's worth.
    async fn delete_some(&mut self, doomed: &[Doomed], fates: &mut Fates) {
        let mut doomed = doomed.to_vec();
        let mut lost = None;
        for _ in 0..MOST_TRIES {
            let after_try = lost.is_some();
            if let Some(error) = &self.stopped {
                let fate = Fate::NotSent(error.to_string());
                return mark(fates, &doomed, &fate);
            }
            let found = match self.read_again(&doomed).await {
                Ok(found) => found,
                Err(error) if after_try => {
                    let fate = Fate::Unknown(error.to_string());
                    return mark(fates, &doomed, &fate);
                }
                Err(error) => {
                    let fate = Fate::NotSent(error.to_string());
                    self.stop(error);
                    return mark(fates, &doomed, &fate);
                }
            };
            doomed = self.still_doomed(doomed, &found, lost.as_ref(), fates);
            if doomed.is_empty() {
                return;
            }
            match self.delete_call(&doomed).await {
                Ok(()) => return mark(fates, &doomed, &Fate::Deleted),
                Err(error) if error.is_dry_run() => return mark(fates, &doomed, &Fate::Would),
                Err(error) if is_unsettled(&error) => lost = Some(error),
                Err(error) if error.kind() == ErrorKind::InvalidRequest => {
                    return mark(fates, &doomed, &Fate::Failed(error.to_string()));
                }
                Err(error) => {
                    let fate = Fate::NotSent(error.to_string());
                    self.stop(error);
                    return mark(fates, &doomed, &fate);
                }
            }
        }
        let reason = lost.as_ref().map(ToString::to_string).unwrap_or_default();
        let fate = match self.read_again(&doomed).await {
            Ok(found) => {
                doomed = self.still_doomed(doomed, &found, lost.as_ref(), fates);
                Fate::Failed(reason)
            }
            Err(_) => Fate::Unknown(reason),
        };
        mark(fates, &doomed, &fate);
    }

    /// What of it is still there and still what it was. After a try, what is gone was deleted by it, unless the try was
    /// refused because of what was gone already.
    fn still_doomed(
        &self,
        doomed: Vec<Doomed>,
        found: &HashMap<IndicatorId, Indicator>,
        lost: Option<&Error>,
        fates: &mut Fates,
    ) -> Vec<Doomed> {
        let any_left = doomed.iter().any(|doomed| found.contains_key(&doomed.id));
        let by_us = lost.is_some_and(|error| !(error.is_not_found() && any_left));
        let mut left = Vec::with_capacity(doomed.len());
        for doomed in doomed {
            match found.get(&doomed.id) {
                None if by_us => drop(fates.insert(doomed.id, Fate::Deleted)),
                None => drop(fates.insert(doomed.id, Fate::NotThere)),
                Some(now) if self.is_still(now, &doomed) => left.push(doomed),
                Some(_) => drop(fates.insert(doomed.id, Fate::Changed)),
            }
        }
        left
    }

    fn is_still(&self, now: &Indicator, doomed: &Doomed) -> bool {
        self.world.is_ours(now)
            && is_value(now, &doomed.kind, &doomed.value)
            && now.action == doomed.action
    }

    /// Those of them that are there, by id.
    async fn read_again(&mut self, doomed: &[Doomed]) -> Result<HashMap<IndicatorId, Indicator>> {
        let indicators = self.client.indicators();
        let mut found = HashMap::with_capacity(doomed.len());
        if doomed.len() <= FEW {
            for Doomed { id, .. } in doomed {
                match indicators.get(id).await {
                    Ok(indicator) => drop(found.insert(id.clone(), indicator)),
                    Err(error) if error.is_not_found() => {}
                    Err(error) => return Err(error),
                }
            }
            return Ok(found);
        }
        let wanted: std::collections::HashSet<_> = doomed.iter().map(|d| &d.id).collect();
        // Not by the tag: one that lost it is there all the same, and must not pass for gone.
        let mut list = indicators.list(None::<Filter>).page_size(PAGE);
        while let Some(indicator) = list.next().await {
            let indicator = indicator?;
            if wanted.contains(&indicator.id) {
                found.insert(indicator.id.clone(), indicator);
            }
        }
        Ok(found)
    }

    async fn delete_call(&mut self, doomed: &[Doomed]) -> Result<()> {
        if let [only] = doomed {
            return self.client.send(&DeleteIndicator { indicator: only.id.clone() }).await;
        }
        let ids = doomed.iter().map(|doomed| doomed.id.clone()).collect();
        self.client.send(&BatchDeleteIndicators { indicators: ids }).await
    }
}

/// Whether another look tells what became of it.
fn is_unsettled(error: &Error) -> bool {
    use ErrorKind::{Intermediary, Service, Timeout};
    error.is_not_found()
        || error.is_after_an_unclear_try()
        || matches!(error.kind(), Intermediary | Service | Timeout)
}

fn mark(fates: &mut Fates, doomed: &[Doomed], fate: &Fate) {
    fates.extend(doomed.iter().map(|doomed| (doomed.id.clone(), fate.clone())));
}

/// One outcome of several: the worst.
fn joined(group: &[Doomed], fates: &Fates) -> DeletionOutcome {
    let ids = |wanted: &Fate| {
        let with = group.iter().filter(|doomed| fates.get(&doomed.id) == Some(wanted));
        with.map(|doomed| doomed.id.clone()).collect::<Vec<_>>()
    };
    let all = || group.iter().filter_map(|doomed| fates.get(&doomed.id));
    for fate in all() {
        if let Fate::Unknown(reason) = fate {
            return DeletionOutcome::Unknown { reason: reason.clone() };
        }
    }
    for fate in all() {
        match fate {
            Fate::Failed(reason) => return DeletionOutcome::Failed { reason: reason.clone() },
            Fate::NotSent(reason) => return DeletionOutcome::NotSent { reason: reason.clone() },
            _ => {}
        }
    }
    let (changed, deleted, would) = (ids(&Fate::Changed), ids(&Fate::Deleted), ids(&Fate::Would));
    if !changed.is_empty() {
        DeletionOutcome::Changed { ids: changed }
    } else if !deleted.is_empty() {
        DeletionOutcome::Deleted { ids: deleted }
    } else if !would.is_empty() {
        DeletionOutcome::WouldDelete { ids: would }
    } else {
        DeletionOutcome::NotThere
    }
}
