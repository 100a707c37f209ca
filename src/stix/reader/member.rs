//! The members of a STIX object, whatever stands in them: an odd one doesn't lose the object by itself.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// One value.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::stix) enum Member<'a> {
    /// Not there, or null.
    #[default]
    Absent,
    Text(Cow<'a, str>),
    Bool(bool),
    Number(f64),
    /// A list or an object.
    Odd,
}

impl<'a> Member<'a> {
    pub(in crate::stix) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(in crate::stix) fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Member<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Member<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Member::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Member::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Member::Bool(value))
            }

            #[allow(clippy::cast_precision_loss)]
            fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
                Ok(Member::Number(value as f64))
            }

            #[allow(clippy::cast_precision_loss)]
            fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
                Ok(Member::Number(value as f64))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
                Ok(Member::Number(value))
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Member::Absent)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Member::Odd)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
                while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Member::Odd)
            }
        }
        d.deserialize_any(Any)
    }
}

/// A list of texts; one text by itself is a list of one. What else stands in it is left out and told.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::stix) struct Texts<'a> {
    pub(in crate::stix) items: Vec<Cow<'a, str>>,
    pub(in crate::stix) odd: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for Texts<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Texts<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of texts")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut texts = Texts::default();
                while let Some(member) = items.next_element::<Member<'de>>()? {
                    match member {
                        Member::Text(text) => texts.items.push(text),
                        _ => texts.odd = true,
                    }
                }
                Ok(texts)
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Texts { items: vec![Cow::Borrowed(text)], odd: false })
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Texts { items: vec![Cow::Owned(text.to_owned())], odd: false })
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Texts::default())
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Texts { items: Vec::new(), odd: true })
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
                self.visit_bool(true)
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
                self.visit_bool(true)
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
                self.visit_bool(true)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
                while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                self.visit_bool(true)
            }
        }
        d.deserialize_any(List)
    }
}

/// `OpenCTI`'s extension, which says whether an indicator is meant for detection.
const OPENCTI: &str = "extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba";
/// The extension by which markings of TLP 2.0 are defined.
const TLP_2: &str = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d";

/// What is read of the objects inside an object: markings' definitions, granular markings, extensions.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::stix) struct Inner<'a> {
    pub(in crate::stix) tlp: Option<Cow<'a, str>>,
    pub(in crate::stix) marking_refs: Vec<Cow<'a, str>>,
    pub(in crate::stix) detection: Option<bool>,
}

impl Inner<'_> {
    pub(super) fn take(&mut self, other: Self) {
        self.tlp = other.tlp.or(self.tlp.take());
        self.marking_refs.extend(other.marking_refs);
        self.detection = other.detection.or(self.detection);
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Inner<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Nested;
        impl<'de> Visitor<'de> for Nested {
            type Value = Inner<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or a list of objects")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
                let mut inner = Inner::default();
                while let Some(name) = members.next_key::<Member<'de>>()? {
                    match name.text().unwrap_or_default() {
                        "tlp" | "tlp_2_0" => {
                            inner.tlp = members.next_value::<Member<'de>>()?.into_text();
                        }
                        "marking_ref" => {
                            let marking = members.next_value::<Member<'de>>()?.into_text();
                            inner.marking_refs.extend(marking);
                        }
                        "detection" => {
                            inner.detection = truth(&members.next_value()?).ok().flatten();
                        }
                        OPENCTI | TLP_2 => {
                            inner.take(members.next_value()?);
                        }
                        _ => drop(members.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(inner)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut inner = Inner::default();
                while let Some(item) = items.next_element()? {
                    inner.take(item);
                }
                Ok(inner)
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
                Ok(Inner::default())
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Inner::default())
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Inner::default())
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Inner::default())
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Inner::default())
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Inner::default())
            }
        }
        d.deserialize_any(Nested)
    }
}

/// Reads a truth value, also one written as text, as real feeds have it. `Err` if it is neither.
pub(in crate::stix) fn truth(member: &Member<'_>) -> Result<Option<bool>, ()> {
    match member {
        Member::Absent => Ok(None),
        Member::Bool(value) => Ok(Some(*value)),
        Member::Text(text) => match text.trim() {
            "" => Ok(None),
            text if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            text if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            _ => Err(()),
        },
        _ => Err(()),
    }
}
