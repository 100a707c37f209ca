//! The words that the grammar reserves, and the names that it leaves.

/// A word that can't be a name, unless in quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyword {
    And,
    Or,
    Not,
    FollowedBy,
    Like,
    Matches,
    IsSuperset,
    IsSubset,
    Exists,
    Last,
    In,
    Start,
    Stop,
    Seconds,
    True,
    False,
    Within,
    Repeats,
    Times,
}

impl Keyword {
    /// Keywords are told by their case, in 2.0 as in 2.1.
    pub(super) fn of(word: &str) -> Option<Self> {
        Some(match word {
            "AND" => Self::And,
            "OR" => Self::Or,
            "NOT" => Self::Not,
            "FOLLOWEDBY" => Self::FollowedBy,
            "LIKE" => Self::Like,
            "MATCHES" => Self::Matches,
            "ISSUPERSET" => Self::IsSuperset,
            "ISSUBSET" => Self::IsSubset,
            "EXISTS" => Self::Exists,
            "LAST" => Self::Last,
            "IN" => Self::In,
            "START" => Self::Start,
            "STOP" => Self::Stop,
            "SECONDS" => Self::Seconds,
            "true" => Self::True,
            "false" => Self::False,
            "WITHIN" => Self::Within,
            "REPEATS" => Self::Repeats,
            "TIMES" => Self::Times,
            _ => return None,
        })
    }
}

fn begins_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

pub(super) fn continues_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// Whether it can stand without quotes as the type of an object.
pub(super) fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|&b| begins_name(b))
        && bytes.iter().all(|&b| continues_name(b))
        && Keyword::of(text).is_none()
}

/// Whether it can stand without quotes as a property: hyphens are for types alone.
pub(super) fn is_plain_property(text: &str) -> bool {
    is_name(text) && !text.contains('-')
}
