//! Readers that take what comes: a member of an unexpected type becomes "not there", never an error.
//!
//! They visit the value in place, so being lenient costs no copy of the answer.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::types::{AsSent, MachineId, Timestamp};

/// Gives the text of a string, number or boolean to `make`; nothing for null, lists and objects.
pub(crate) fn with_text<'de, D, T>(
    deserializer: D,
    make: impl FnOnce(&str) -> T,
) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
{
    deserializer.deserialize_any(Text(make, PhantomData))
}

pub(crate) fn text<'de, D: Deserializer<'de>>(d: D) -> Result<Option<String>, D::Error> {
    with_text(d, str::to_owned)
}

pub(crate) fn timestamp<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(with_text(d, |text| text.parse().ok())?.flatten())
}

pub(crate) fn integer<'de, D: Deserializer<'de>>(d: D) -> Result<Option<i64>, D::Error> {
    Ok(with_text(d, |text| text.parse().ok())?.flatten())
}

pub(crate) fn boolean<'de, D: Deserializer<'de>>(d: D) -> Result<Option<bool>, D::Error> {
    Ok(with_text(d, |text| text.to_ascii_lowercase().parse().ok())?.flatten())
}

/// An identifier as it was sent; empty if there is none.
pub(crate) fn id<'de, D: Deserializer<'de>, T: AsSent>(d: D) -> Result<T, D::Error> {
    Ok(with_text(d, T::as_sent)?.unwrap_or_else(|| T::as_sent("")))
}

/// What an object without an identifier has in its place.
pub(crate) fn no_id<T: AsSent>() -> T {
    T::as_sent("")
}

pub(crate) fn optional_machine_id<'de, D: Deserializer<'de>>(
    d: D,
) -> Result<Option<MachineId>, D::Error> {
    Ok(with_text(d, MachineId::as_sent)?.filter(|id| !id.as_str().is_empty()))
}

/// An enumeration; null is `None`.
pub(crate) fn optional<'de, D, T>(d: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: AsSent,
{
    with_text(d, T::as_sent)
}

/// A list of objects; anything else is an empty one, and items that aren't objects are left out.
pub(crate) fn list<'de, D, T>(d: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let items: Vec<Item<T>> = d.deserialize_any(List(PhantomData))?;
    Ok(items.into_iter().filter_map(|item| item.0).collect())
}

/// A list of texts; anything else is an empty one, and items that aren't texts are left out.
pub(crate) fn texts<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<String>, D::Error> {
    let items: Vec<TextItem> = d.deserialize_any(List(PhantomData))?;
    Ok(items.into_iter().filter_map(|item| item.0).collect())
}

/// An object; null and anything that isn't an object is `None`.
pub(crate) fn object<'de, D, T>(d: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    d.deserialize_any(Object(PhantomData))
}

struct Item<T>(Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Item<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        object(d).map(Self)
    }
}

struct TextItem(Option<String>);

impl<'de> Deserialize<'de> for TextItem {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        text(d).map(Self)
    }
}

struct Text<F, T>(F, PhantomData<T>);

macro_rules! nothing {
    ($($visit:ident($($kind:ty)?)),+) => {
        $( fn $visit<E>(self $(, _: $kind)?) -> Result<Self::Value, E> { Ok(Self::Value::default()) } )+
    };
}

macro_rules! skipped {
    (seq) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
    (map) => {
        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
            while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
}

impl<'de, T, F: FnOnce(&str) -> T> Visitor<'de> for Text<F, T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Option<T>, E> {
        Ok(Some((self.0)(text)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Option<T>, E> {
        Ok(Some((self.0)(&number.to_string())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Option<T>, E> {
        Ok(Some((self.0)(&number.to_string())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Option<T>, E> {
        Ok(Some((self.0)(&number.to_string())))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Option<T>, E> {
        Ok(Some((self.0)(if flag { "true" } else { "false" })))
    }

    fn visit_unit<E>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    skipped!(seq);
    skipped!(map);
}

struct List<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(list)
    }

    nothing!(
        visit_str(&str),
        visit_i64(i64),
        visit_u64(u64),
        visit_f64(f64),
        visit_bool(bool),
        visit_unit()
    );
    skipped!(map);
}

struct Object<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Option<T>, A::Error> {
        T::deserialize(serde::de::value::MapAccessDeserializer::new(members)).map(Some)
    }

    nothing!(
        visit_str(&str),
        visit_i64(i64),
        visit_u64(u64),
        visit_f64(f64),
        visit_bool(bool),
        visit_unit()
    );
    skipped!(seq);
}
