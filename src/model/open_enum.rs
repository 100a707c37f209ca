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

/// An enumeration read from the service: its known values, and `Unrecognized` for all others.
macro_rules! open_enum {
    (
        $(#[$doc:meta])*
        pub enum $name:ident { $( $(#[$vdoc:meta])* $variant:ident $(= $text:literal)? ),+ $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[$vdoc])* $variant, )+
            /// A value this version has no name for.
            Unrecognized($crate::model::Unrecognized),
        }

        impl $name {
            /// The value as the service writes it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$variant => open_enum!(@text $variant $(= $text)?), )+
                    Self::Unrecognized(other) => other.as_str(),
                }
            }

            pub(crate) fn as_sent(text: &str) -> Self {
                $( if text.eq_ignore_ascii_case(open_enum!(@text $variant $(= $text)?)) {
                    return Self::$variant;
                } )+
                Self::Unrecognized($crate::model::Unrecognized::new(text))
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
                Ok($crate::model::lenient::with_text(d, |text| Self::as_sent(text))?.unwrap_or_default())
            }
        }
    };
    (@text $variant:ident = $text:literal) => { $text };
    (@text $variant:ident) => { stringify!($variant) };
}
pub(crate) use open_enum;
