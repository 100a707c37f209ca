//! A batch of indicators on its way: room first, then the request, and whatever follows on its answer.
//!
//! An import creates or updates by value, type and action, so the raw call may be repeated. A push doesn't repeat one whose
//! answer was lost before it has looked: that the key is so rests on a statement about the single call and on one
//! recording, and a repeat would also update what somebody else created meanwhile. What the list shows as ours was
//! accepted. The rest is sent once more, which by all that is known updates whatever of it shows up late.

use std::time::Duration;

use super::delete::{Doomed, Fate};
use super::report::{Change, IndicatorOutcome};
use super::run::{Item, Run};
use super::world::Standing;
use crate::error::{Error, Result};
use crate::indicators::{ImportIndicators, ImportOutcome};
use crate::operation::{Operation, Safety, Unrepeated};
use crate::send::{Course, Slot, Witness};
use crate::types::IndicatorId;

/// What was seen of the tenant is too old to send by after this long.
const FRESH: Duration = Duration::from_secs(60);

/// When is looked for what a lost answer may have accepted, in seconds.
const LOOKS: [u64; 4] = [0, 2, 5, 15];

/// So often a batch is sent whose answer is lost.
const MOST_SENDS: u32 = 2;

/// After so many batches in a row whose fate is unknown the push ends.
const MOST_LOST: u32 = 2;

/// A batch, or a part of one.
struct Segment {
    items: Vec<Item>,
    sends: u32,
    /// What it has been through since it was last sent.
    course: Course,
}

impl Segment {
    fn new(items: Vec<Item>, sends: u32) -> Self {
        Self { items, sends, course: Course::default() }
    }
}

impl Run<'_> {
    pub(super) async fn send_batch(&mut self, items: Vec<Item>) {
        let items = self.make_room(items).await;
        if items.is_empty() || self.stopped.is_some() {
            return;
        }
        let mut work = vec![Segment::new(items, 0)];
        while let Some(mut segment) = work.pop() {
            if self.stopped.is_some() {
                return;
            }
            // The turn first and the look after it, so that what was seen isn't old when the request leaves.
            let (spec, course) = (ImportIndicators::SPEC, &mut segment.course);
            let reserved = self.client.reserve(spec, Safety::Once, course).await;
            let seen = match reserved {
                Ok(slot) => self.seen_lately(segment.items).await.map(|items| (slot, items)),
                Err(error) => Err(error),
            };
            match seen {
                Ok((slot, items)) if !items.is_empty() => {
                    let segment = Segment { items, ..segment };
                    self.send_segment(segment, slot, &mut work).await;
                }
                Ok(_) => {}
                Err(error) => return self.stop(error),
            }
        }
    }

    /// Leaves out what doesn't fit. What is replaced goes first only where there is no room for both.
    async fn make_room(&mut self, items: Vec<Item>) -> Vec<Item> {
        let mut room = self.world.room();
        let mut fitting = Vec::with_capacity(items.len());
        for item in items {
            if item.change == Change::Create && room == 0 {
                self.decide(item.place, IndicatorOutcome::NoRoom);
                continue;
            }
            room -= usize::from(item.change == Change::Create);
            fitting.push(item);
        }
        let replacing = fitting.iter().filter(|item| item.change == Change::Replace);
        let first: Vec<_> =
            replacing.skip(room).map(|item| (item.place, item.olds.clone())).collect();
        if first.is_empty() {
            return fitting;
        }
        let doomed: Vec<_> = first.iter().flat_map(|(_, olds)| self.doomed_by_id(olds)).collect();
        let gone = self.delete(&doomed).await;
        for (place, olds) in first {
            let is_gone = |id: &IndicatorId| gone.get(id).is_some_and(Fate::is_gone);
            let left: Vec<_> = olds.iter().filter(|id| !is_gone(id)).cloned().collect();
            if left.len() == olds.len() {
                fitting.retain(|item| item.place != place);
                if let (None, Some(id)) = (&self.stopped, left.first()) {
                    let reason = format!(
                        "the tenant is full, and {id}, which it would replace, couldn't be deleted"
                    );
                    self.decide(place, IndicatorOutcome::Failed { reason });
                }
            } else if let Some(item) = fitting.iter_mut().find(|item| item.place == place) {
                item.olds.clone_from(&left);
            }
        }
        fitting
    }

    pub(super) fn doomed_by_id(&self, ids: &[IndicatorId]) -> Vec<Doomed> {
        ids.iter().filter_map(|id| self.world.get(id)).map(Doomed::of).collect()
    }

    /// Looks again if the last look is old, and leaves out what somebody else brought meanwhile.
    async fn seen_lately(&mut self, items: Vec<Item>) -> Result<Vec<Item>> {
        let age = self.client.clock().now().saturating_duration_since(self.world.read_at);
        if age < FRESH {
            return Ok(items);
        }
        self.world.refresh(&self.client).await?;
        let mut left = Vec::with_capacity(items.len());
        for item in items {
            match self.world.place(&item.new).standing {
                Standing::Theirs { id, same_groups } => {
                    self.decide(item.place, IndicatorOutcome::AlreadyPresent { id, same_groups });
                    if same_groups {
                        self.olds.push((item.place, item.olds));
                    }
                }
                _ => left.push(item),
            }
        }
        Ok(left)
    }

    async fn send_segment(&mut self, segment: Segment, slot: Slot, work: &mut Vec<Segment>) {
        let Segment { items, sends: sent, mut course } = segment;
        let sends = sent + 1;
        let indicators = items.iter().map(|item| item.new.clone()).collect();
        let operation = Unrepeated(ImportIndicators { indicators });
        match self.import(&operation, (slot, &mut course)).await {
            // It waits again, and looks again if that took long.
            Ok(None) => work.push(Segment { items, sends: sent, course }),
            Ok(Some(outcomes)) => {
                self.lost = 0;
                let mut silent = Vec::new();
                for (item, outcome) in items.into_iter().zip(outcomes) {
                    match outcome {
                        ImportOutcome::Accepted { id } => self.accept(item, &id),
                        ImportOutcome::Failed { reason } => self.fail(&item, reason),
                        ImportOutcome::Unknown => silent.push(item),
                    }
                }
                if !silent.is_empty() {
                    let what = "the service's answer says nothing of it";
                    self.settle(silent, sends, &Error::unusable_answer(what), work).await;
                }
            }
            Err(error) if error.is_dry_run() => {
                for Item { place, change, .. } in items {
                    if change == Change::Create {
                        self.world.promise();
                    }
                    self.decide(place, IndicatorOutcome::WouldSend { change });
                }
            }
            Err(error) if error.is_outcome_unknown() => {
                self.changed = true;
                self.settle(items, sends, &error, work).await;
            }
            Err(error) if is_about_the_batch(&error) => {
                self.split(items, &error, work);
            }
            Err(error) => self.stop(error),
        }
    }

    async fn import(
        &mut self,
        operation: &Unrepeated<ImportIndicators>,
        (slot, course): (Slot, &mut Course),
    ) -> Result<Option<Vec<ImportOutcome>>> {
        let what = format!("{} indicators", operation.0.indicators.len());
        let witness = Witness::new(ImportIndicators::SPEC.name, &what, None);
        self.client.admit(ImportIndicators::SPEC, &operation.call()?, None).await?.give_back();
        let answer = self.client.send_reserved(operation, (slot, course), &witness).await;
        witness.told();
        Ok(answer?.map(|answer| ImportOutcome::read(&operation.0.indicators, &answer)))
    }

    fn accept(&mut self, item: Item, id: &IndicatorId) {
        let Item { place, new, change, mut olds } = item;
        self.changed = true;
        self.world.put(id, &new);
        // If the service took it for the same after all, the old one is the new one.
        olds.retain(|old| old != id);
        self.olds.push((place, olds));
        self.decide(place, IndicatorOutcome::Accepted { id: id.clone(), change });
    }

    fn fail(&mut self, item: &Item, reason: String) {
        self.changed = true;
        let reason =
            if reason.trim().is_empty() { "the service gave no reason".to_owned() } else { reason };
        self.decide(item.place, IndicatorOutcome::Failed { reason });
    }

    /// Looks for what may have been accepted. What isn't found is sent once more, if there was a look at all.
    async fn settle(
        &mut self,
        items: Vec<Item>,
        sends: u32,
        cause: &Error,
        work: &mut Vec<Segment>,
    ) {
        let began = self.client.clock().now();
        let (mut left, mut looked) = (items, false);
        for after in LOOKS {
            let passed = self.client.clock().now().saturating_duration_since(began);
            tokio::time::sleep(Duration::from_secs(after).saturating_sub(passed)).await;
            if self.world.refresh(&self.client).await.is_err() {
                continue;
            }
            looked = true;
            for item in std::mem::take(&mut left) {
                match self.world.place(&item.new).standing {
                    Standing::AsWanted(id) => self.accept(item, &id),
                    // It wasn't there before, so it is from this push, however the service words it.
                    Standing::Outdated(id) if item.change != Change::Update => {
                        self.accept(item, &id);
                    }
                    _ => left.push(item),
                }
            }
            if left.is_empty() {
                self.lost = 0;
                return;
            }
        }
        if looked && sends < MOST_SENDS {
            return work.push(Segment::new(left, sends));
        }
        let reason = format!("{cause}; it isn't in the list, which is no proof");
        for item in left {
            self.decide(item.place, IndicatorOutcome::Unknown { reason: reason.clone() });
        }
        self.lost += 1;
        if self.lost >= MOST_LOST {
            self.stop(cause.clone());
        }
    }

    /// A whole batch was refused: its halves are sent, down to the culprit.
    fn split(&mut self, mut items: Vec<Item>, error: &Error, work: &mut Vec<Segment>) {
        let length = items.len();
        if length <= 1 {
            for item in items {
                self.fail(&item, error.to_string());
            }
            return;
        }
        if error.code() == Some("MaximumBatchSizeExceeded") {
            self.batch = self.batch.min(length.div_ceil(2));
        }
        let Some(spare) = self.spare_calls.checked_sub(2) else {
            let reason = format!("refused in a batch of {length}, and not singled out: {error}");
            for item in items {
                self.decide(item.place, IndicatorOutcome::Failed { reason: reason.clone() });
            }
            return;
        };
        self.spare_calls = spare;
        let second = items.split_off(length / 2);
        work.push(Segment::new(second, 0));
        work.push(Segment::new(items, 0));
    }
}

/// Whether it may be because of what the batch holds, or how much.
fn is_about_the_batch(error: &Error) -> bool {
    matches!(error.status(), Some(400 | 413 | 422))
}
