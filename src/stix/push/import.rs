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
use crate::audit::Told;
use crate::error::{Error, Result};
use crate::indicators::{ImportIndicators, ImportOutcome};
use crate::operation::{HeldAs, Operation, Safety};
use crate::send::{Course, Slot, Witness};
use crate::types::IndicatorId;

/// What was seen of the tenant is too old to send by after this long.
const FRESH: Duration = Duration::from_secs(60);

/// When is looked for what a lost answer may have accepted, in seconds.
const LOOKS: [u64; 4] = [0, 2, 5, 15];

/// So often a batch is sent whose answer is lost.
const MOST_SENDS: u32 = 2;

/// So many that replace others are sent at a time where there is no room for both.
const FIRST: usize = 50;

/// After so many batches in a row whose fate is unknown the push ends.
const MOST_LOST: u32 = 2;

/// A batch, or a part of one.
struct Segment {
    items: Vec<Item>,
    sends: u32,
    /// Why it may have been accepted already.
    doubt: Option<Error>,
    /// What it has been through since it was last sent.
    course: Course,
}

impl Segment {
    fn new(items: Vec<Item>, sends: u32, doubt: Option<Error>) -> Self {
        Self { items, sends, doubt, course: Course::default() }
    }
}

impl Run<'_> {
    /// Sends what fits. Where what is replaced has to go first, a few go at a time, so that a refusal costs no more than
    /// those.
    pub(super) async fn send_batch(&mut self, items: Vec<Item>) {
        let (mut items, mut replacing) = self.fitting(items);
        while self.stopped.is_none() {
            let rest = replacing.split_off(replacing.len().min(FIRST));
            let group = self.delete_first(std::mem::replace(&mut replacing, rest)).await;
            let places: Vec<_> = group.iter().map(|item| item.place).collect();
            items.extend(group);
            self.send_items(std::mem::take(&mut items)).await;
            if replacing.is_empty() || self.stopped.is_some() {
                return;
            }
            if !places.is_empty() && !places.iter().any(|place| self.is_accepted(*place)) {
                let reason = "the tenant is full, and what was to replace others before it wasn't accepted, so what it \
                              would replace was left as it is";
                for item in std::mem::take(&mut replacing) {
                    let reason = reason.to_owned();
                    self.decide(item.place, IndicatorOutcome::Failed { reason });
                }
                return;
            }
        }
    }

    async fn send_items(&mut self, items: Vec<Item>) {
        if items.is_empty() || self.stopped.is_some() {
            return;
        }
        let mut work = vec![Segment::new(items, 0, None)];
        while self.stopped.is_none()
            && let Some(mut segment) = work.pop()
        {
            // The turn first and the look after it, so that what was seen isn't old when the request leaves.
            let (spec, course) = (ImportIndicators::SPEC, &mut segment.course);
            let seen = match self.client.reserve(spec, Safety::Once, course).await {
                Ok(slot) => {
                    let in_doubt = segment.doubt.is_some();
                    self.seen_lately(&mut segment.items, in_doubt).await.map(|()| slot)
                }
                Err(error) => Err(error),
            };
            match seen {
                Ok(slot) if !segment.items.is_empty() => {
                    self.send_segment(segment, slot, &mut work).await;
                }
                Ok(_) => {}
                Err(error) => {
                    self.stop(error);
                    work.push(segment);
                }
            }
        }
        self.leave_in_doubt(work);
    }

    /// What was sent and lost before the push ended isn't what was never sent.
    fn leave_in_doubt(&mut self, work: Vec<Segment>) {
        for Segment { items, doubt, .. } in work {
            let Some(error) = doubt else { continue };
            let reason = format!("{error}; the push ended before it was settled");
            for item in items {
                self.decide(item.place, IndicatorOutcome::Unknown { reason: reason.clone() });
            }
        }
    }

    /// What fits, and what fits once what it replaces is deleted. The rest has no room.
    fn fitting(&mut self, items: Vec<Item>) -> (Vec<Item>, Vec<Item>) {
        let (new, replacing): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|item| item.change != Change::Replace);
        let mut room = self.world.room();
        let mut fitting = Vec::with_capacity(new.len() + replacing.len());
        for item in new {
            if item.change == Change::Create && room == 0 {
                self.decide(item.place, IndicatorOutcome::NoRoom);
                continue;
            }
            room -= usize::from(item.change == Change::Create);
            fitting.push(item);
        }
        let mut replacing = replacing.into_iter();
        fitting.extend(replacing.by_ref().take(room));
        fitting.sort_by_key(|item| item.place);
        (fitting, replacing.collect())
    }

    /// Deletes what these replace, and keeps those that have room then.
    async fn delete_first(&mut self, items: Vec<Item>) -> Vec<Item> {
        let doomed: Vec<_> = items.iter().flat_map(|item| self.doomed_by_id(&item.olds)).collect();
        let fates = self.delete(&doomed).await;
        let mut freed = Vec::with_capacity(items.len());
        for mut item in items {
            let olds = std::mem::take(&mut item.olds);
            if let Some(result) = self.results.get_mut(item.place) {
                let deleted = |id: &&_| fates.get(*id).is_some_and(Fate::is_by_us);
                result.replaced.extend(olds.iter().filter(deleted).cloned());
            }
            let is_left = |id: &&_| !fates.get(*id).is_some_and(Fate::is_gone);
            item.olds = olds.iter().filter(is_left).cloned().collect();
            if item.olds.len() < olds.len() {
                freed.push(item);
            } else if let (None, Some(id)) = (&self.stopped, item.olds.first()) {
                let reason = format!(
                    "the tenant is full, and {id}, which it would replace, couldn't be deleted"
                );
                self.decide(item.place, IndicatorOutcome::Failed { reason });
            }
        }
        freed
    }

    fn is_accepted(&self, place: usize) -> bool {
        use IndicatorOutcome::{Accepted, WouldSend};
        self.results
            .get(place)
            .is_some_and(|result| matches!(result.outcome, Accepted { .. } | WouldSend { .. }))
    }

    pub(super) fn doomed_by_id(&self, ids: &[IndicatorId]) -> Vec<Doomed> {
        ids.iter().filter_map(|id| self.world.get(id)).map(Doomed::of).collect()
    }

    /// Looks again if the last look is old, and leaves out what somebody else brought meanwhile, and what has no room any
    /// more. What may have been accepted already keeps its turn, and so does what had its room made.
    async fn seen_lately(&mut self, items: &mut Vec<Item>, in_doubt: bool) -> Result<()> {
        let age = self.client.clock().now().saturating_duration_since(self.world.read_at);
        if age >= FRESH {
            self.world.refresh(&self.client).await?;
        }
        let mut room = self.world.room();
        for item in std::mem::take(items) {
            match self.world.place(&item.new, item.nearly).standing {
                Standing::Theirs { id, same_groups } => self.leave(item, id, same_groups),
                Standing::Absent if room == 0 && !in_doubt && !self.had_room_made(item.place) => {
                    self.decide(item.place, IndicatorOutcome::NoRoom);
                }
                standing => {
                    room = room.saturating_sub(usize::from(standing == Standing::Absent));
                    items.push(item);
                }
            }
        }
        Ok(())
    }

    fn had_room_made(&self, place: usize) -> bool {
        self.results.get(place).is_some_and(|result| !result.replaced.is_empty())
    }

    /// Somebody else's is there, and stays.
    fn leave(&mut self, item: Item, id: IndicatorId, same_groups: bool) {
        self.decide(item.place, IndicatorOutcome::AlreadyPresent { id, same_groups });
        if same_groups {
            self.olds.push((item.place, item.olds));
        }
    }

    async fn send_segment(&mut self, segment: Segment, slot: Slot, work: &mut Vec<Segment>) {
        let Segment { items, sends: sent, doubt, mut course } = segment;
        let sends = sent + 1;
        let indicators = items.iter().map(|item| item.new.clone()).collect();
        let operation = ImportIndicators { indicators };
        match self.import(&operation, (slot, &mut course)).await {
            // It waits again, and looks again if that took long.
            Ok(None) => work.push(Segment { items, sends: sent, doubt, course }),
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
                self.split((items, doubt), &error, work);
            }
            Err(error) => {
                self.stop(error);
                work.push(Segment { items, sends: sent, doubt, course });
            }
        }
    }

    async fn import(
        &mut self,
        operation: &ImportIndicators,
        (slot, course): (Slot, &mut Course),
    ) -> Result<Option<Vec<ImportOutcome>>> {
        let call = operation.call()?;
        self.client.admit(ImportIndicators::SPEC, &call, None).await?.give_back();
        let witness = Witness::new(ImportIndicators::SPEC.name, call);
        let record = self.client.audit(ImportIndicators::SPEC, witness.call())?;
        let once = HeldAs { operation, safety: Safety::Once };
        let answer = self.client.send_reserved(&once, (slot, course), &witness).await;
        witness.told();
        if let Some(record) = record {
            record.tell(&answer, |answer| match answer {
                Some(_) => Told::done(),
                None => Told { state: "not_sent".to_owned(), ..Told::default() },
            });
        }
        Ok(answer?.map(|answer| ImportOutcome::read(&operation.indicators, &answer)))
    }

    fn accept(&mut self, item: Item, id: &IndicatorId) {
        let Item { place, new, change, mut olds, .. } = item;
        self.changed = true;
        if self.world.get(id).is_some_and(|there| !self.world.is_ours(there)) {
            let reason = format!("the service's answer names {id}, which is somebody else's");
            return self.decide(place, IndicatorOutcome::Unknown { reason });
        }
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
                match self.world.place(&item.new, item.nearly).standing {
                    Standing::AsWanted(id) => self.accept(item, &id),
                    // It wasn't there before, so it is from this push, however the service words it.
                    Standing::Outdated(id) if item.change != Change::Update => {
                        self.accept(item, &id);
                    }
                    Standing::Theirs { id, same_groups } => self.leave(item, id, same_groups),
                    _ => left.push(item),
                }
            }
            if left.is_empty() {
                self.lost = 0;
                return;
            }
        }
        if looked && sends < MOST_SENDS {
            return work.push(Segment::new(left, sends, Some(cause.clone())));
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
    fn split(
        &mut self,
        (mut items, doubt): (Vec<Item>, Option<Error>),
        error: &Error,
        work: &mut Vec<Segment>,
    ) {
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
        work.push(Segment::new(second, 0, doubt.clone()));
        work.push(Segment::new(items, 0, doubt));
    }
}

/// Whether it may be because of what the batch holds, or how much.
fn is_about_the_batch(error: &Error) -> bool {
    matches!(error.status(), Some(400 | 413 | 422))
}
