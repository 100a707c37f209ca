//! What the tenant has when it is looked at, and what that means for an indicator that is wanted.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use crate::client::Client;
use crate::error::Result;
use crate::indicators::NewIndicator;
use crate::indicators::value::wire_value;
use crate::model::{Indicator, IndicatorType};
use crate::types::IndicatorId;

/// The most active indicators a tenant may have, of all types and whoever created them.
pub(super) const LIMIT: usize = 15_000;

/// A whole tenant in three or four pages, each of which comes within the time of a call.
pub(super) const PAGE: u32 = 5_000;

type Key = (IndicatorType, String);

/// The tenant's active indicators, as far as the application may see them.
pub(super) struct World {
    tag: String,
    pub(super) read_at: Instant,
    by_id: HashMap<IndicatorId, Indicator>,
    by_value: HashMap<Key, Vec<IndicatorId>>,
    /// What was deleted or created here. A list that lags behind isn't believed about it.
    deleted: HashSet<IndicatorId>,
    created: HashMap<IndicatorId, Indicator>,
    /// How many a dry run would have created.
    promised: usize,
}

/// How a wanted indicator stands to what is there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing like it is there.
    Absent,
    /// Ours is there, and says all that is wanted.
    AsWanted(IndicatorId),
    /// Ours is there, and says something else.
    Outdated(IndicatorId),
    /// Somebody else's is there.
    Theirs { id: IndicatorId, same_groups: bool },
}

/// A wanted indicator among what is there.
pub(super) struct Place {
    pub(super) standing: Standing,
    /// Ours of the same value with another action, or for other device groups.
    pub(super) olds: Vec<IndicatorId>,
    /// Other people's of the same value with another action.
    pub(super) contested_by: Vec<IndicatorId>,
}

impl World {
    pub(super) async fn read(client: &Client, tag: &str) -> Result<Self> {
        let mut world = Self::empty(tag, client.clock().now());
        let mut list = client.indicators().list(None).page_size(PAGE);
        while let Some(indicator) = list.next().await {
            world.take(indicator?);
        }
        Ok(world)
    }

    fn empty(tag: &str, read_at: Instant) -> Self {
        Self {
            tag: tag.to_owned(),
            read_at,
            by_id: HashMap::new(),
            by_value: HashMap::new(),
            deleted: HashSet::new(),
            created: HashMap::new(),
            promised: 0,
        }
    }

    /// Looks again.
    pub(super) async fn refresh(&mut self, client: &Client) -> Result<()> {
        let fresh = Self::read(client, &self.tag).await?;
        self.replace(fresh);
        Ok(())
    }

    /// Takes what was seen, but for what was done here and doesn't show yet.
    fn replace(&mut self, mut fresh: Self) {
        for id in &self.deleted {
            fresh.forget(id);
        }
        for (id, indicator) in &self.created {
            if !fresh.by_id.contains_key(id) && !self.deleted.contains(id) {
                fresh.take(indicator.clone());
            }
        }
        fresh.deleted = std::mem::take(&mut self.deleted);
        fresh.created = std::mem::take(&mut self.created);
        fresh.promised = self.promised;
        *self = fresh;
    }

    fn take(&mut self, indicator: Indicator) {
        let value = indicator.indicator_value.as_deref().unwrap_or_default();
        let key = key(&indicator.indicator_type, value);
        self.by_value.entry(key).or_default().push(indicator.id.clone());
        self.by_id.insert(indicator.id.clone(), indicator);
    }

    fn forget(&mut self, id: &IndicatorId) {
        let Some(gone) = self.by_id.remove(id) else { return };
        let key = key(&gone.indicator_type, gone.indicator_value.as_deref().unwrap_or_default());
        if let Some(ids) = self.by_value.get_mut(&key) {
            ids.retain(|other| other != id);
        }
    }

    /// It was deleted, or is gone.
    pub(super) fn remove(&mut self, id: &IndicatorId) {
        self.forget(id);
        self.created.remove(id);
        self.deleted.insert(id.clone());
    }

    /// It was accepted.
    pub(super) fn put(&mut self, id: &IndicatorId, new: &NewIndicator) {
        self.forget(id);
        let stored = stored(id, new, &self.tag);
        self.created.insert(id.clone(), stored.clone());
        self.take(stored);
    }

    /// A dry run would have created one.
    pub(super) fn promise(&mut self) {
        self.promised += 1;
    }

    /// How many more fit.
    pub(super) fn room(&self) -> usize {
        LIMIT.saturating_sub(self.by_id.len() + self.promised)
    }

    pub(super) fn active(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn get(&self, id: &IndicatorId) -> Option<&Indicator> {
        self.by_id.get(id)
    }

    /// Whether it carries our tag. Nothing else is ever updated or deleted.
    pub(super) fn is_ours(&self, indicator: &Indicator) -> bool {
        indicator.application.as_deref() == Some(self.tag.as_str())
    }

    pub(super) fn ours(&self) -> impl Iterator<Item = &Indicator> {
        self.by_id.values().filter(|indicator| self.is_ours(indicator))
    }

    /// All with this value, ours and others'.
    pub(super) fn with_value(
        &self,
        kind: &IndicatorType,
        value: &str,
    ) -> impl Iterator<Item = &Indicator> {
        let ids = self.by_value.get(&key(kind, value));
        ids.into_iter().flatten().filter_map(|id| self.by_id.get(id))
    }

    pub(super) fn place(&self, new: &NewIndicator) -> Place {
        let (kind, value) = (new.indicator_type(), new.value());
        let mut place =
            Place { standing: Standing::Absent, olds: Vec::new(), contested_by: Vec::new() };
        for found in self.with_value(kind, value) {
            let id = found.id.clone();
            let same_action = found.action == *new.action();
            let same_groups = new.is_for_the_groups_of(found);
            if self.is_ours(found) {
                if !(same_action && same_groups) {
                    place.olds.push(id);
                } else if new.is_shown_in(found) {
                    place.standing = Standing::AsWanted(id);
                } else {
                    place.standing = Standing::Outdated(id);
                }
            } else if !same_action {
                place.contested_by.push(id);
            } else if matches!(
                place.standing,
                Standing::Absent | Standing::Theirs { same_groups: false, .. }
            ) {
                place.standing = Standing::Theirs { id, same_groups };
            }
        }
        place
    }
}

/// Whether a stored indicator is of exactly this type and value.
pub(super) fn is_value(found: &Indicator, kind: &IndicatorType, value: &str) -> bool {
    let stored = found.indicator_value.as_deref().unwrap_or_default();
    found.indicator_type == *kind && exact(kind, stored) == exact(kind, value)
}

/// The value in the one form of its type. Of a URL it is the value itself.
pub(super) fn exact(kind: &IndicatorType, value: &str) -> String {
    wire_value(kind, value).unwrap_or_else(|_| value.trim().to_owned())
}

/// What two indicators share that may be the same for the service.
fn key(kind: &IndicatorType, value: &str) -> Key {
    let exact = exact(kind, value);
    let key = if *kind == IndicatorType::Url { host_in_lower_case(&exact) } else { exact };
    (kind.clone(), key)
}

fn host_in_lower_case(url: &str) -> String {
    let after = url.find("://").map_or(0, |at| at + 3);
    let rest = url.get(after..).unwrap_or_default();
    let end = rest.find(['/', '?', '#']).map_or(url.len(), |at| after + at);
    let (host, path) = url.split_at_checked(end).unwrap_or((url, ""));
    host.to_ascii_lowercase() + path
}

/// An accepted indicator as the list will show it, as far as that matters here.
fn stored(id: &IndicatorId, new: &NewIndicator, tag: &str) -> Indicator {
    let (kind, action) = (new.indicator_type().clone(), new.action().clone());
    let mut stored = Indicator::new(id.clone(), kind, new.value(), action);
    new.show_in(&mut stored);
    stored.application = Some(tag.to_owned());
    stored
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::IndicatorAction;

    fn id(n: usize) -> IndicatorId {
        n.to_string().parse().unwrap()
    }

    fn new(kind: IndicatorType, value: &str) -> NewIndicator {
        NewIndicator::new(kind, value, IndicatorAction::Block, "t", "d")
    }

    fn world(values: &[&str]) -> World {
        let mut world = World::empty("tag", Instant::now());
        for (n, value) in values.iter().enumerate() {
            let (kind, action) = (IndicatorType::DomainName, IndicatorAction::Block);
            world.take(Indicator::new(id(n), kind, value, action));
        }
        world
    }

    #[test]
    fn a_list_that_lags_behind_is_not_believed_about_what_was_done_here() {
        let mut known = world(&["a.example", "b.example"]);
        let created = new(IndicatorType::DomainName, "c.example");
        known.remove(&id(0));
        known.put(&id(2), &created);
        known.promise();
        known.replace(world(&["a.example", "b.example"]));
        assert!(known.get(&id(0)).is_none() && known.get(&id(1)).is_some());
        assert_eq!(known.place(&created).standing, Standing::AsWanted(id(2)));
        assert_eq!((known.active(), known.room()), (2, LIMIT - 3));

        known.remove(&id(2));
        known.replace(world(&["a.example", "b.example", "c.example"]));
        assert_eq!(known.place(&created).standing, Standing::Absent);
    }

    #[test]
    fn other_ways_to_write_a_value_are_the_same_value_and_a_path_is_not() {
        let mut world = world(&["EVIL.example."]);
        for (n, kind, value) in [
            (1, IndicatorType::IpAddress, "2606:4700::1111"),
            (2, IndicatorType::Url, "HTTPS://Evil.Example/A"),
            (3, IndicatorType::FileMd5, "D41D8CD98F00B204E9800998ECF8427E"),
        ] {
            world.take(Indicator::new(id(n), kind, value, IndicatorAction::Block));
        }
        let standing = |kind, value| world.place(&new(kind, value)).standing;
        let theirs = |n| Standing::Theirs { id: id(n), same_groups: true };
        assert_eq!(standing(IndicatorType::DomainName, "evil.example"), theirs(0));
        let address = "2606:4700:0000:0000:0000:0000:0000:1111";
        assert_eq!(standing(IndicatorType::IpAddress, address), theirs(1));
        assert_eq!(standing(IndicatorType::Url, "https://evil.example/A"), theirs(2));
        assert_eq!(standing(IndicatorType::Url, "https://evil.example/a"), Standing::Absent);
        let hash = "d41d8cd98f00b204e9800998ecf8427e";
        assert_eq!(standing(IndicatorType::FileMd5, hash), theirs(3));
        assert_eq!(standing(IndicatorType::FileSha1, hash), Standing::Absent);
    }
}
