//! What is told of an indicator that isn't exactly what its source says.

use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a [`Note`] means for what is blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Effect {
    /// The source's text was mended; what it stands for is the same.
    Repaired,
    /// Less is matched than the pattern matches.
    Narrowed,
    /// It is what the pattern matches, if the pattern doesn't contradict itself.
    Assumed,
    /// More is matched than the pattern matches.
    Widened,
    /// Nothing changes.
    Told,
}

macro_rules! notes {
    ($( $(#[$doc:meta])* $name:ident $effect:ident ),+ $(,)?) => {
        /// What was mended, narrowed, widened or has to be known.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Note { $( $(#[$doc])* $name, )+ }

        impl Note {
            const ALL: &'static [Self] = &[ $( Self::$name, )+ ];

            /// What it means for what is blocked.
            #[must_use]
            pub fn effect(self) -> Effect {
                match self { $( Self::$name => Effect::$effect, )+ }
            }

            /// Its name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$name => stringify!($name), )+ }
            }
        }
    };
}

notes! {
    /// A defanged value (`evil[.]example`, `hxxp://`) was written as it is meant.
    Refanged Repaired,
    /// A domain's name is an address.
    AddressAsDomain Repaired,
    /// An address is of the other family than its object's type says.
    OtherFamily Repaired,
    /// A URL has no scheme.
    UrlWithoutScheme Repaired,
    /// A URL's fragment, which no server sees, was cut off.
    FragmentDropped Repaired,
    /// A network of one address (`/32`, `/128`) is that address.
    SingleAddress Repaired,
    /// A time without a zone was read as UTC.
    TimeWithoutZone Repaired,
    /// A time that only orders versions can't be read.
    TimeIgnored Repaired,
    /// `revoked` is a text.
    RevokedAsText Repaired,
    /// Addresses are watched where devices connect to, not where connections come from.
    OutboundOnly Narrowed,
    /// Certificates are watched where they sign code, not where they identify servers.
    SignersOnly Narrowed,
    /// Some alternatives of the pattern make no indicator.
    BranchesLeftOut Narrowed,
    /// The hosts of a small network stand for it.
    NetworkExpanded Narrowed,
    /// Of several hashes that a file must have, the strongest stands for all.
    StrongestHash Assumed,
    /// A domain is matched with all its subdomains.
    CoversSubdomains Widened,
    /// The URL is a host's root, so the whole host is matched.
    WholeHost Widened,
    /// The file is matched whatever its name, size or type.
    HashAlone Widened,
    /// The file is matched whether or not it runs.
    AnyUse Widened,
    /// The address, domain or URL is matched whatever port, protocol or resolution the pattern asks for.
    NetworkDetailDropped Widened,
    /// Each of several sightings that the pattern joins is matched by itself.
    AnyOf Widened,
    /// One sighting is enough, where the pattern asks for several.
    RepeatsDropped Widened,
    /// The pattern is about connections from the address; connections to it are matched.
    SourceAddress Widened,
    /// The value is protected and was let through because the caller said so.
    ProtectionOverridden Told,
    /// A value of a withdrawn object stays, because another object of the feed has it too.
    StillWanted Told,
    /// `Alert` is an old word for `Audit` with an alert.
    AlertIsAudit Told,
    /// `AlertAndBlock` is an old word for `Block` with an alert.
    AlertAndBlockIsBlock Told,
    /// `Audit` raises an alert in any case.
    AuditAlerts Told,
    /// `BlockAndRemediate` is for files and certificates; addresses, domains and URLs are blocked.
    NetworkOnlyBlocked Told,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A set of [`Note`]s.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Notes(u32);

impl Notes {
    pub(super) const NONE: Self = Self(0);

    /// The notes, in the order in which [`Note`] has them.
    pub fn iter(self) -> impl Iterator<Item = Note> {
        Note::ALL.iter().copied().filter(move |note| self.contains(*note))
    }

    /// Whether a note is among them.
    #[must_use]
    pub fn contains(self, note: Note) -> bool {
        self.0 & (1 << note as u32) != 0
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether one of them has this effect.
    #[must_use]
    pub fn any(self, effect: Effect) -> bool {
        self.iter().any(|note| note.effect() == effect)
    }

    pub(super) fn with(self, note: Note) -> Self {
        Self(self.0 | 1 << note as u32)
    }

    pub(super) fn with_if(self, holds: bool, note: Note) -> Self {
        if holds { self.with(note) } else { self }
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl From<Note> for Notes {
    fn from(note: Note) -> Self {
        Self::NONE.with(note)
    }
}

impl fmt::Debug for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl fmt::Display for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, note) in self.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{note}")?;
        }
        Ok(())
    }
}

impl Serialize for Notes {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Notes {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Notes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of notes")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Notes, A::Error> {
                let mut notes = Notes::NONE;
                while let Some(note) = items.next_element()? {
                    notes = notes.with(note);
                }
                Ok(notes)
            }

            fn visit_unit<E: Error>(self) -> Result<Notes, E> {
                Ok(Notes::NONE)
            }
        }
        d.deserialize_any(List)
    }
}
