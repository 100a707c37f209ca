//! One STIX object, read as far as a plan needs it and borrowed from the feed.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::member::{Inner, Member, Texts};

/// What an object says.
#[derive(Clone, Debug, Default)]
pub(in crate::stix) struct Object<'a> {
    pub(in crate::stix) kind: Member<'a>,
    pub(in crate::stix) id: Member<'a>,
    pub(in crate::stix) name: Member<'a>,
    pub(in crate::stix) created: Member<'a>,
    pub(in crate::stix) modified: Member<'a>,
    pub(in crate::stix) pattern: Member<'a>,
    pub(in crate::stix) pattern_type: Member<'a>,
    pub(in crate::stix) valid_from: Member<'a>,
    pub(in crate::stix) valid_until: Member<'a>,
    pub(in crate::stix) revoked: Member<'a>,
    pub(in crate::stix) confidence: Member<'a>,
    pub(in crate::stix) detection: Member<'a>,
    pub(in crate::stix) labels: Texts<'a>,
    pub(in crate::stix) indicator_types: Texts<'a>,
    pub(in crate::stix) markings: Texts<'a>,
    pub(in crate::stix) inner: Inner<'a>,
    pub(in crate::stix) more: Member<'a>,
    /// Whether it names a next page.
    pub(in crate::stix) next: bool,
    /// Whether it holds anything but what an envelope without objects holds.
    pub(in crate::stix) is_more_than_an_envelope: bool,
}

/// A member that stands twice in an indicator could be read either way.
fn once<'de, T, A>(slot: &mut T, name: &str, members: &mut A) -> Result<(), A::Error>
where
    T: Default + PartialEq + Deserialize<'de>,
    A: MapAccess<'de>,
{
    let value = members.next_value()?;
    if *slot != T::default() {
        return Err(A::Error::custom(format_args!("it has `{name}` twice")));
    }
    *slot = value;
    Ok(())
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
                let mut object = Object::default();
                while let Some(Name(name)) = members.next_key()? {
                    object.set(&name, &mut members)?;
                    if name == "type" && object.is_of_no_interest() {
                        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                    }
                }
                Ok(object)
            }
        }
        d.deserialize_map(Members)
    }
}

impl<'a> Object<'a> {
    /// The object at the beginning of a text and its length; `None` if it can't be read there (yet).
    pub(super) fn first_of(text: &'a str) -> Option<(Self, usize)> {
        let mut objects = serde_json::Deserializer::from_str(text).into_iter();
        let object = objects.next()?.ok()?;
        Some((object, objects.byte_offset()))
    }

    fn set<'de: 'a, A: MapAccess<'de>>(
        &mut self,
        name: &str,
        members: &mut A,
    ) -> Result<(), A::Error> {
        if !matches!(name, "more" | "next" | "objects") {
            self.is_more_than_an_envelope = true;
        }
        match name {
            "type" => once(&mut self.kind, name, members),
            "id" => once(&mut self.id, name, members),
            "name" => once(&mut self.name, name, members),
            "created" => once(&mut self.created, name, members),
            "modified" => once(&mut self.modified, name, members),
            "pattern" => once(&mut self.pattern, name, members),
            "pattern_type" => once(&mut self.pattern_type, name, members),
            "valid_from" => once(&mut self.valid_from, name, members),
            "valid_until" => once(&mut self.valid_until, name, members),
            "revoked" => once(&mut self.revoked, name, members),
            "confidence" => once(&mut self.confidence, name, members),
            "x_opencti_detection" => once(&mut self.detection, name, members),
            "labels" => once(&mut self.labels, name, members),
            "indicator_types" => once(&mut self.indicator_types, name, members),
            "object_marking_refs" => once(&mut self.markings, name, members),
            "granular_markings" | "extensions" | "definition" => {
                self.inner.take(members.next_value()?);
                Ok(())
            }
            "more" => once(&mut self.more, name, members),
            "next" => {
                let next: Member<'_> = members.next_value()?;
                self.next |= !matches!(next, Member::Absent) && next.text() != Some("");
                Ok(())
            }
            "objects" if matches!(self.kind.text(), None | Some("bundle")) => {
                members.next_value::<NoList>().map(drop)
            }
            _ => members.next_value::<IgnoredAny>().map(drop),
        }
    }

    fn is_of_no_interest(&self) -> bool {
        !matches!(self.kind.text(), None | Some("indicator" | "marking-definition" | "bundle"))
    }
}

/// What can be told of an object whose text can't be read to its end.
#[derive(Clone, Debug, Default)]
pub(in crate::stix) struct Glimpse {
    pub(in crate::stix) kind: Option<String>,
    pub(in crate::stix) id: Option<String>,
}

impl Glimpse {
    /// What stands before the text breaks off.
    pub(in crate::stix) fn of(beginning: &[u8]) -> Self {
        struct Peek<'g>(&'g mut Glimpse);
        impl<'de> Visitor<'de> for Peek<'_> {
            type Value = ();

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
                let text = |m: Member<'_>| m.into_text().map(Cow::into_owned);
                while let Some(Name(name)) = members.next_key()? {
                    match &*name {
                        "type" => self.0.kind = text(members.next_value()?),
                        "id" => self.0.id = text(members.next_value()?),
                        _ => drop(members.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(())
            }
        }
        let mut glimpse = Self::default();
        let mut json = serde_json::Deserializer::from_slice(beginning);
        // It ends in an error, by its nature.
        let _ = serde::Deserializer::deserialize_map(&mut json, Peek(&mut glimpse));
        glimpse
    }
}

/// A member's name.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        d.deserialize_str(Text)
    }
}

/// Anything but a list: a list of objects is read object by object, and never as one.
struct NoList;

impl<'de> Deserialize<'de> for NoList {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = NoList;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("no list of objects")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<NoList, A::Error> {
                while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(NoList)
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<NoList, E> {
                Ok(NoList)
            }

            fn visit_unit<E: Error>(self) -> Result<NoList, E> {
                Ok(NoList)
            }
        }
        d.deserialize_any(Any)
    }
}
