//! The part of `OData` that the pages show (exposed-apis-odata-samples): `$filter` with `eq ne gt ge lt le
//! and or in startswith contains any`, `$orderby`, `$top`, `$skip`, `$count`.
//!
//! What no page shows is refused with `ODataError`, as a client should not come to rely on it.

mod filter;
mod lexer;
mod page;
mod parser;

pub(crate) use page::{Page, Query};

use std::cmp::Ordering;

use super::answer::Refusal;
use crate::types::Timestamp;

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Text,
    Number,
    Flag,
    Time,
    /// A list of texts, for `any`.
    Texts,
}

/// What a row has in a column.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cell<'a> {
    Null,
    Text(&'a str),
    Number(f64),
    Flag(bool),
    Time(Timestamp),
    Texts(&'a [String]),
}

impl<'a> From<Option<&'a str>> for Cell<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Cell::Null, Cell::Text)
    }
}

impl From<Option<Timestamp>> for Cell<'_> {
    fn from(time: Option<Timestamp>) -> Self {
        time.map_or(Cell::Null, Cell::Time)
    }
}

/// Something that can be listed.
pub(crate) trait Row {
    /// The names that may be filtered and ordered by. They count in any case, as clients use both.
    const COLUMNS: &'static [(&'static str, Type)];

    /// The value under one of these names.
    fn cell(&self, column: &str) -> Cell<'_>;

    /// The order of a list nobody ordered: by id, as recorded.
    fn by_id(&self, other: &Self) -> Ordering;
}

/// A column of some kind of row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    name: &'static str,
    kind: Type,
}

impl Column {
    fn of<R: Row>(name: &str) -> Result<Self, Refusal> {
        R::COLUMNS
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(name, kind)| Self { name, kind: *kind })
            .ok_or_else(|| error(format!("Could not find a property named '{name}'")))
    }
}

fn error(message: impl Into<String>) -> Refusal {
    Refusal::bad("ODataError", message.into())
}
