//! The Traffic Light Protocol, by the markings of TLP 1 and 2.0.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// So many definitions of markings are kept.
const MOST_MARKINGS: usize = 10_000;

/// How far an object may be passed on, from everywhere to nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Tlp {
    /// `TLP:CLEAR`, before 2.0 `TLP:WHITE`.
    Clear,
    /// `TLP:GREEN`
    Green,
    /// `TLP:AMBER`
    Amber,
    /// `TLP:AMBER+STRICT`
    AmberStrict,
    /// `TLP:RED`
    Red,
}

impl Tlp {
    /// By the id of one of the markings that the STIX specification and OASIS define, as [`marking_key`] writes it.
    pub(super) fn of_marking(id: &str) -> Option<Self> {
        Some(match id.strip_prefix("marking-definition--")? {
            "613f2e26-407d-48c7-9eca-b8e91df99dc9" | "94868c89-83c2-464b-929b-a1a8aa3c8487" => {
                Self::Clear
            }
            "34098fce-860f-48ae-8e50-ebd3cc5e41da" | "bab4a63c-aed9-4cf5-a766-dfca5abac2bb" => {
                Self::Green
            }
            "f88d31f6-486f-44da-b317-01333bde0b82" | "55d920b0-5e8b-4f79-9ee9-91f868d9b421" => {
                Self::Amber
            }
            "939a9414-2ddd-4d32-a0cd-375ea402b003" => Self::AmberStrict,
            "5e57c739-391a-4eb3-b6be-7d15ca92d5ed" | "e828b379-4e03-4974-9ac4-e53a884c97c1" => {
                Self::Red
            }
            _ => return None,
        })
    }

    /// By name, as labels and definitions write it: `red`, `TLP:RED`, `tlp:amber+strict`.
    pub(super) fn named(text: &str) -> Option<Self> {
        let text = text.trim();
        let name = match text.get(..4) {
            Some(prefix) if prefix.eq_ignore_ascii_case("tlp:") => text.get(4..)?,
            _ => text,
        };
        let names = [
            ("white", Self::Clear),
            ("clear", Self::Clear),
            ("green", Self::Green),
            ("amber", Self::Amber),
            ("amber+strict", Self::AmberStrict),
            ("red", Self::Red),
        ];
        let name = name.trim().trim_matches('"');
        names.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, tlp)| *tlp)
    }

    /// By a label, which names it with its prefix.
    pub(super) fn of_label(label: &str) -> Option<Self> {
        let label = label.trim();
        label.get(..4).filter(|prefix| prefix.eq_ignore_ascii_case("tlp:"))?;
        Self::named(label)
    }
}

/// A marking's id, by which it is looked up: ids are compared without regard to case.
pub(super) fn marking_key(id: &str) -> String {
    crate::types::printable(id.trim(), 250).to_ascii_lowercase()
}

/// The definitions of markings that a feed has.
#[derive(Default)]
pub(super) struct Markings {
    known: HashMap<String, Tlp>,
    /// Whether there were more than are kept.
    more: bool,
}

impl Markings {
    /// Takes a definition; of several of one id the strictest counts.
    pub(super) fn define(&mut self, id: &str, tlp: Tlp) {
        let id = marking_key(id);
        if let Some(strictest) = self.known.get_mut(&id) {
            *strictest = tlp.max(*strictest);
        } else if self.known.len() < MOST_MARKINGS {
            self.known.insert(id, tlp);
        } else {
            self.more = true;
        }
    }

    /// The strictest of these, by their keys.
    pub(super) fn strictest(&self, ids: &[String]) -> Option<Tlp> {
        ids.iter().filter_map(|id| self.known.get(id)).max().copied()
    }

    /// Whether one of these may have been defined without having been kept.
    pub(super) fn may_lack(&self, ids: &[String]) -> bool {
        self.more && ids.iter().any(|id| !self.known.contains_key(id))
    }
}

impl fmt::Display for Tlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Clear => "TLP:CLEAR",
            Self::Green => "TLP:GREEN",
            Self::Amber => "TLP:AMBER",
            Self::AmberStrict => "TLP:AMBER+STRICT",
            Self::Red => "TLP:RED",
        })
    }
}
