//! Enumerations that the service may extend without telling.

use std::fmt;

/// A value the service sent that this version of the crate has no name for, kept as it was sent.
///
/// Only decoding makes one, so a misspelt name in a program can't slip through as "unrecognized".
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unrecognized(String);

impl Unrecognized {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text as the service sent it; empty when it sent nothing.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Unrecognized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Whether two names are the same but for case, blanks and punctuation.
pub(crate) fn same_name(a: &str, b: &str) -> bool {
    let letters = |text: &str| {
        text.chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect::<String>()
    };
    letters(a) == letters(b)
}

/// An enumeration read from the service: its known values, and `Unrecognized` for all others.
///
/// Names in brackets are other names in circulation, understood when a caller parses a text; what the
/// service sends is never renamed.
macro_rules! open_enum {
    (
        $(#[$doc:meta])*
        pub enum $name:ident {
            $( $(#[$vdoc:meta])* $variant:ident $([$($alias:literal),+])? ),+ $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[$vdoc])* $variant, )+
            /// A value this version has no name for. Only decoding makes one.
            Unrecognized($crate::model::Unrecognized),
        }

        impl $name {
            /// The value as the service writes it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$variant => stringify!($variant), )+
                    Self::Unrecognized(other) => other.as_str(),
                }
            }
        }

        impl $crate::types::AsSent for $name {
            fn as_sent(text: &str) -> Self {
                $( if text.eq_ignore_ascii_case(stringify!($variant)) {
                    return Self::$variant;
                } )+
                Self::Unrecognized($crate::model::Unrecognized::new(text))
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::types::ParseError;

            /// Reads a name that people write: case, blanks and punctuation don't matter.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $( if [stringify!($variant) $($(, $alias)+)?]
                    .iter()
                    .any(|name| $crate::model::open_enum::same_name(name, text))
                {
                    return Ok(Self::$variant);
                } )+
                Err($crate::types::ParseError::new(text, concat!("one of" $(, " ", stringify!($variant))+)))
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::Unrecognized($crate::model::Unrecognized::default())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                Ok($crate::model::lenient::optional(d)?.unwrap_or_default())
            }
        }
    };
}
pub(crate) use open_enum;
