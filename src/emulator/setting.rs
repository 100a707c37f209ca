//! How a switch is read from text and shown as text: words, on and off, seconds, numbers.

use std::fmt;
use std::num::NonZeroUsize;
use std::time::Duration;

/// A switch as [`Emulator::switches`](super::Emulator::switches) lists it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Switch {
    /// Its name, as given to [`Emulator::set`](super::Emulator::set).
    pub name: &'static str,
    /// Its value now.
    pub value: String,
    /// The words it takes, or the kind of value.
    pub takes: Vec<&'static str>,
    /// What it decides.
    pub about: &'static str,
}

/// A switch that doesn't exist, or a value it doesn't take.
///
/// # Troubleshooting
/// The message lists the names, or the values, that would have been right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchError(pub(crate) String);

impl fmt::Display for SwitchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SwitchError {}

/// A value a switch can have.
pub(crate) trait Setting: Sized {
    const TAKES: &'static [&'static str];

    fn read(text: &str) -> Option<Self>;

    fn show(&self) -> String;
}

impl Setting for bool {
    const TAKES: &'static [&'static str] = &["on", "off"];

    fn read(text: &str) -> Option<Self> {
        match text {
            "on" | "true" => Some(true),
            "off" | "false" => Some(false),
            _ => None,
        }
    }

    fn show(&self) -> String {
        if *self { "on" } else { "off" }.to_owned()
    }
}

impl Setting for Duration {
    const TAKES: &'static [&'static str] = &["SECONDS"];

    fn read(text: &str) -> Option<Self> {
        Self::try_from_secs_f64(text.parse().ok()?).ok()
    }

    fn show(&self) -> String {
        self.as_secs_f64().to_string()
    }
}

impl Setting for usize {
    const TAKES: &'static [&'static str] = &["NUMBER"];

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for NonZeroUsize {
    const TAKES: &'static [&'static str] = &["NUMBER"];

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// Seconds that may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offset {
    pub(crate) ahead: Duration,
    pub(crate) behind: Duration,
}

impl Setting for Offset {
    const TAKES: &'static [&'static str] = &["SECONDS (negative: behind)"];

    fn read(text: &str) -> Option<Self> {
        match text.strip_prefix('-') {
            Some(behind) => Some(Self { behind: Duration::read(behind)?, ..Self::default() }),
            None => Some(Self { ahead: Duration::read(text)?, ..Self::default() }),
        }
    }

    fn show(&self) -> String {
        if self.behind.is_zero() { self.ahead.show() } else { format!("-{}", self.behind.show()) }
    }
}

/// Makes an enum of words a [`Setting`].
macro_rules! choice {
    ($name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $($variant),+ }

        impl Setting for $name {
            const TAKES: &'static [&'static str] = &[$($word),+];

            fn read(text: &str) -> Option<Self> {
                match text {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }

            fn show(&self) -> String {
                match self { $(Self::$variant => $word),+ }.to_owned()
            }
        }
    };
}

/// Makes a struct of switches that can be set and listed by name.
macro_rules! switches {
    ($($(#[doc = $about:literal])+ $field:ident: $type:ty = $default:expr;)+) => {
        /// All switches of an emulator.
        #[allow(clippy::struct_excessive_bools, clippy::doc_markdown)]
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct Switches {
            $($(#[doc = $about])+ pub(crate) $field: $type,)+
        }

        impl Default for Switches {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        impl Switches {
            pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), SwitchError> {
                let (done, takes) = match name {
                    $(stringify!($field) => (
                        <$type as Setting>::read(value).map(|v| self.$field = v),
                        <$type as Setting>::TAKES,
                    ),)+
                    _ => {
                        let names = [$(stringify!($field)),+].join(", ");
                        return Err(SwitchError(format!("there is no switch {name:?}; there are: {names}")));
                    }
                };
                done.ok_or_else(|| {
                    SwitchError(format!("the switch {name} takes {}, not {value:?}", takes.join(" or ")))
                })
            }

            pub(crate) fn list(&self) -> Vec<Switch> {
                vec![$(Switch {
                    name: stringify!($field),
                    value: self.$field.show(),
                    takes: <$type as Setting>::TAKES.to_vec(),
                    about: concat!($($about),+).trim_ascii(),
                }),+]
            }
        }
    };
}

pub(crate) use {choice, switches};
