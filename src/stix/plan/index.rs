//! Places by key, where the keys stand in the list itself.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};

/// Takes for a hash what is one already.
#[derive(Clone, Copy, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// Where what has which key. Keys come from feeds, so they are hashed with a secret.
#[derive(Default)]
pub(super) struct Index {
    hash: RandomState,
    places: HashMap<u64, u32, BuildHasherDefault<AsItIs>>,
}

impl Index {
    /// With room for so many keys.
    pub(super) fn for_about(keys: usize) -> Self {
        let places = HashMap::with_capacity_and_hasher(keys, BuildHasherDefault::default());
        Self { hash: RandomState::new(), places }
    }

    /// The place of a key; the new one if it had none.
    pub(super) fn place<K: Hash + ?Sized>(
        &mut self,
        key: &K,
        new: usize,
        is_at: impl Fn(usize) -> bool,
    ) -> usize {
        let mut slot = self.hash.hash_one(key);
        loop {
            match self.places.entry(slot) {
                Entry::Vacant(free) => {
                    // A plan of four thousand million sources doesn't fit into memory.
                    free.insert(u32::try_from(new).unwrap_or(u32::MAX));
                    return new;
                }
                Entry::Occupied(known) if is_at(*known.get() as usize) => {
                    return *known.get() as usize;
                }
                Entry::Occupied(_) => slot = slot.wrapping_add(1),
            }
        }
    }

    /// The place of a key, if it has one.
    pub(super) fn find<K: Hash + ?Sized>(
        &self,
        key: &K,
        is_at: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let mut slot = self.hash.hash_one(key);
        loop {
            let place = *self.places.get(&slot)? as usize;
            if is_at(place) {
                return Some(place);
            }
            slot = slot.wrapping_add(1);
        }
    }
}
