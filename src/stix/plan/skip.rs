//! Why a source makes no indicator.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($( $(#[$doc:meta])* $name:ident ),+ $(,)?) => {
        /// Why an object, or one alternative of its pattern, makes no indicator.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum SkipReason { $( $(#[$doc])* $name, )+ }

        impl SkipReason {
            /// Its name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$name => stringify!($name), )+ }
            }
        }
    };
}

reasons! {
    /// It can't be read: no JSON, no id, no pattern, or a member that decides and makes no sense.
    InvalidObject,
    /// The object is longer than 1 MiB.
    TooLarge,
    /// The feed has a newer version of it, or the same one again.
    Superseded,
    /// Its pattern is in another language (YARA, Sigma, Snort).
    PatternLanguage,
    /// Its pattern can't be read, or is too long or too deep.
    InvalidPattern,
    /// It isn't valid yet.
    NotYetValid,
    /// One alternative's time is over.
    Expired,
    /// It says it is benign.
    Benign,
    /// It says it isn't for detection (`misp:to_ids="False"`, `x_opencti_detection: false`).
    NotForDetection,
    /// Its marking forbids it.
    Tlp,
    /// Its confidence is too low.
    LowConfidence,
    /// Its labels don't pass.
    Label,
    /// Defender has no indicators of that kind of object.
    UnsupportedObject,
    /// Defender has no indicators of that property.
    UnsupportedProperty,
    /// Defender has no indicators of that kind of hash.
    UnsupportedHash,
    /// The comparison is by order, wildcards, a regular expression, or no comparison of values.
    UnsupportedOperator,
    /// The pattern says what it is not.
    Negation,
    /// A network of several addresses.
    Cidr,
    /// An address that isn't on the internet.
    NotExternal,
    /// A URL that is neither http nor https.
    UrlScheme,
    /// The URL is a host's root, and those were refused by option.
    RootUrl,
    /// The URL is too long.
    TooLong,
    /// The value can't be one.
    InvalidValue,
    /// An MD5, and those were refused by option.
    WeakHash,
    /// The pattern joins several objects in one, of which each alone is no evidence.
    Conjunction,
    /// The pattern asks for a port, a protocol, a resolution beside the address, domain or URL.
    NetworkDetail,
    /// The pattern is about connections from an address.
    SourceAddress,
    /// The pattern contradicts itself.
    Contradiction,
    /// The pattern joins several sightings, of which each alone is no evidence.
    SeveralObservations,
    /// The pattern asks for a sequence of sightings.
    FollowedBy,
    /// The pattern asks for more sightings than one.
    Repeats,
    /// The pattern has too many alternatives.
    TooManyAlternatives,
    /// Not all alternatives make an indicator, and all or nothing was asked for.
    InPart,
    /// Blocking the value would do more harm than good.
    Protected,
    /// The action asked for isn't one for this type of indicator.
    Action,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why there is no indicator, and what exactly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Skip {
    /// The reason.
    pub reason: SkipReason,
    /// What exactly, in words; cut to some 120 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl Skip {
    pub(super) fn new(reason: SkipReason, detail: impl AsRef<str>) -> Self {
        Self { reason, detail: crate::types::printable(detail.as_ref(), 120) }
    }

    /// Adds an alternative to those that make nothing, by reason.
    pub(super) fn leave_out(self, left_out: &mut Vec<LeftOut>) {
        let Self { reason, detail } = self;
        match left_out.iter_mut().find(|known| known.reason == reason) {
            Some(known) => known.count = known.count.saturating_add(1),
            None => left_out.push(LeftOut { reason, detail, count: 1 }),
        }
    }
}

impl From<SkipReason> for Skip {
    fn from(reason: SkipReason) -> Self {
        Self { reason, detail: String::new() }
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.as_str())?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

/// Alternatives of a pattern that make no indicator, while others do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LeftOut {
    /// The reason.
    pub reason: SkipReason,
    /// What exactly, of the first of them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// How many.
    pub count: u64,
}
