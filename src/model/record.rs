//! Objects that decode from whatever comes: a missing, null, repeated, unknown or oddly typed member never
//! loses the object.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::types::{AsSent, Timestamp};

/// Declares a response struct: its members with the names the service writes (and has written), how it
/// decodes, and `blank()`, the object of which nothing is known.
macro_rules! record {
    (
        $(#[$doc:meta])*
        pub struct $name:ident {
            $( $(#[$fdoc:meta])* pub $field:ident: $type:ty = $wire:literal $(| $old:literal)*, )+
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
        #[non_exhaustive]
        pub struct $name {
            $( $(#[$fdoc])* #[serde(rename = $wire)] pub $field: $type, )+
        }

        impl $crate::model::record::Record for $name {
            fn blank() -> Self {
                Self { $( $field: <$type as $crate::model::record::Member>::absent(), )+ }
            }

            fn set<'de, A: serde::de::MapAccess<'de>>(
                &mut self,
                name: &str,
                members: &mut A,
            ) -> Result<(), A::Error> {
                match name {
                    $( $wire $(| $old)* => $crate::model::record::fill(&mut self.$field, members), )+
                    _ => members.next_value::<serde::de::IgnoredAny>().map(drop),
                }
            }
        }

        impl $crate::model::record::Member for $name {
            fn absent() -> Self {
                $crate::model::record::Record::blank()
            }

            fn from_object<'de, A: serde::de::MapAccess<'de>>(members: A) -> Result<Self, A::Error> {
                $crate::model::record::members_of(members)
            }

            fn is_absent(&self) -> bool {
                *self == <Self as $crate::model::record::Record>::blank()
            }
        }

        impl $crate::model::record::Member for Option<$name> {
            fn absent() -> Self {
                None
            }

            fn from_object<'de, A: serde::de::MapAccess<'de>>(members: A) -> Result<Self, A::Error> {
                $crate::model::record::members_of(members).map(Some)
            }

            fn is_absent(&self) -> bool {
                self.is_none()
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                $crate::model::record::read(d)
            }
        }
    };
}
pub(crate) use record;

/// An object whose members come in any order and state.
pub(crate) trait Record: Sized {
    fn blank() -> Self;

    /// Reads the value of one member.
    fn set<'de, A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<(), A::Error>;
}

/// Something a member can be. Each visit takes what it can use and turns the rest into *absent*.
pub(crate) trait Member: Sized {
    fn absent() -> Self;

    /// From a string, a number or a boolean, as text.
    fn from_text(_: &str) -> Self {
        Self::absent()
    }

    fn from_list<'de, A: SeqAccess<'de>>(mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::absent())
    }

    fn from_object<'de, A: MapAccess<'de>>(mut members: A) -> Result<Self, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::absent())
    }

    /// Whether nothing is known; such a value doesn't replace an earlier one of the same name.
    fn is_absent(&self) -> bool;
}

/// Reads a member's value into its place.
pub(crate) fn fill<'de, M: Member, A: MapAccess<'de>>(
    place: &mut M,
    members: &mut A,
) -> Result<(), A::Error> {
    let value: M = members.next_value_seed(Reader(PhantomData))?;
    if !value.is_absent() {
        *place = value;
    }
    Ok(())
}

/// Reads a whole object; anything else is an error.
pub(crate) fn read<'de, D: Deserializer<'de>, R: Record>(d: D) -> Result<R, D::Error> {
    struct Whole<R>(PhantomData<R>);

    impl<'de, R: Record> Visitor<'de> for Whole<R> {
        type Value = R;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<R, A::Error> {
            members_of(members)
        }
    }
    d.deserialize_map(Whole(PhantomData))
}

/// Reads the members of an object.
pub(crate) fn members_of<'de, A: MapAccess<'de>, R: Record>(mut members: A) -> Result<R, A::Error> {
    let mut record = R::blank();
    while let Some(Name(name)) = members.next_key()? {
        record.set(&name, &mut members)?;
    }
    Ok(record)
}

/// A member's name, borrowed where the answer allows it.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

struct Reader<M>(PhantomData<M>);

impl<'de, M: Member> DeserializeSeed<'de> for Reader<M> {
    type Value = M;

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<M, D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de, M: Member> Visitor<'de> for Reader<M> {
    type Value = M;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_str<E>(self, text: &str) -> Result<M, E> {
        Ok(M::from_text(text))
    }

    fn visit_i64<E>(self, number: i64) -> Result<M, E> {
        Ok(M::from_text(&number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<M, E> {
        Ok(M::from_text(&number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<M, E> {
        Ok(M::from_text(&number.to_string()))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<M, E> {
        Ok(M::from_text(if flag { "true" } else { "false" }))
    }

    fn visit_unit<E>(self) -> Result<M, E> {
        Ok(M::absent())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<M, A::Error> {
        M::from_list(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<M, A::Error> {
        M::from_object(members)
    }
}

/// An identifier or an enumeration stands for itself even when it is empty.
impl<T: AsSent> Member for T {
    fn absent() -> Self {
        T::as_sent("")
    }

    fn from_text(text: &str) -> Self {
        T::as_sent(text)
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

/// An item of a list of texts.
impl Member for String {
    fn absent() -> Self {
        Self::new()
    }

    fn from_text(text: &str) -> Self {
        text.to_owned()
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

/// An object of which nothing is known beforehand.
impl Member for serde_json::Map<String, serde_json::Value> {
    fn absent() -> Self {
        Self::new()
    }

    fn from_object<'de, A: MapAccess<'de>>(members: A) -> Result<Self, A::Error> {
        Self::deserialize(serde::de::value::MapAccessDeserializer::new(members))
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

/// Reads a member that stands by itself.
pub(crate) fn member<'de, D: Deserializer<'de>, M: Member>(d: D) -> Result<M, D::Error> {
    d.deserialize_any(Reader(PhantomData))
}

/// What a text can be read as.
pub(crate) trait FromText: Sized {
    fn from_text(text: &str) -> Option<Self>;
}

impl FromText for String {
    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl FromText for Timestamp {
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl FromText for i64 {
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl FromText for bool {
    fn from_text(text: &str) -> Option<Self> {
        text.to_ascii_lowercase().parse().ok()
    }
}

/// An identifier or an enumeration that may be missing.
impl<T: AsSent> FromText for T {
    fn from_text(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| T::as_sent(text))
    }
}

/// A member that may be missing.
impl<T: FromText> Member for Option<T> {
    fn absent() -> Self {
        None
    }

    fn from_text(text: &str) -> Self {
        T::from_text(text)
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

/// A list, without the items that can't be one.
impl<T: Member> Member for Vec<T> {
    fn absent() -> Self {
        Vec::new()
    }

    fn from_list<'de, A: SeqAccess<'de>>(mut items: A) -> Result<Self, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Reader::<T>(PhantomData))? {
            if !item.is_absent() {
                list.push(item);
            }
        }
        Ok(list)
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}
