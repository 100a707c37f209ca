//! Identifiers that look random and are the same in every run, so that a failing test can be repeated.

/// A source of identifiers (the splitmix64 sequence).
#[derive(Clone, Debug)]
pub(crate) struct Ids(u64);

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// A GUID of version 4.
    pub(crate) fn guid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0x0fff,
            0x8000 | ((low >> 48) & 0x3fff),
            low & 0xffff_ffff_ffff
        )
    }

    /// A machine id: 40 hexadecimal digits.
    pub(crate) fn machine(&mut self) -> String {
        let (a, b, c) = (self.next(), self.next(), self.next());
        format!("{a:016x}{b:016x}{:08x}", c >> 32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{is_guid, is_machine_id};

    #[test]
    fn identifiers_have_the_forms_the_service_uses() {
        let mut ids = Ids::new(7);
        for _ in 0..1000 {
            assert!(is_guid(&ids.guid()));
            assert!(is_machine_id(&ids.machine()));
        }
    }

    #[test]
    fn one_seed_gives_one_sequence() {
        assert_eq!(Ids::new(3).guid(), Ids::new(3).guid());
        assert_ne!(Ids::new(3).guid(), Ids::new(4).guid());
    }
}
