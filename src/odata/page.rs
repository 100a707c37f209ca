//! One page of a list: what is asked for, and what comes back.

use serde::{Deserialize, Deserializer};

use super::Filter;
use crate::error::{Error, ErrorKind, Result};
use crate::operation::{Call, Path, read_object};

/// The most that the service gives in one page.
pub(super) const LARGEST_PAGE: u32 = 10_000;

/// The longest page that is read, in bytes.
pub(crate) const PAGE_LIMIT: usize = 64 * 1024 * 1024;

/// Which part of a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListQuery {
    /// Which items: `$filter`.
    pub filter: Option<Filter>,
    /// In which order: `$orderby`. It is always sent, since the service's own order isn't documented.
    pub order_by: String,
    /// How many at most, up to 10,000: `$top`.
    pub top: u32,
    /// How many to pass over: `$skip`.
    pub skip: u64,
    /// Other parameters, such as `$expand`.
    pub(crate) more: Vec<(&'static str, &'static str)>,
    /// The query of a next link, which replaces all of the above.
    pub(super) next: Option<String>,
}

impl ListQuery {
    /// The first page of what the filter lets through, ordered by `order_by`.
    pub(crate) fn new(filter: Option<Filter>, order_by: &str) -> Self {
        Self {
            filter,
            order_by: order_by.to_owned(),
            top: 1000,
            skip: 0,
            more: Vec::new(),
            next: None,
        }
    }

    pub(crate) fn call(&self, segment: &'static str) -> Result<Call> {
        if self.top == 0 || self.top > LARGEST_PAGE {
            return Err(Error::input(format!(
                "a page has 1 to {LARGEST_PAGE} items, not {}",
                self.top
            )));
        }
        let target = self.filter.as_ref().map(ToString::to_string).unwrap_or_default();
        let mut call = Call::new(target, Path::new([segment])?);
        if let Some(next) = &self.next {
            return Ok(call.raw_query(next));
        }
        if let Some(filter) = &self.filter {
            call = call.query("$filter", filter.to_string());
        }
        call = call.query("$orderby", &*self.order_by).query("$top", self.top.to_string());
        if self.skip > 0 {
            call = call.query("$skip", self.skip.to_string());
        }
        Ok(self.more.iter().fold(call, |call, (name, value)| call.query(name, *value)))
    }
}

/// One page of a list, as the service sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The items.
    pub value: Vec<T>,
    /// Where the service says that the list goes on, if it does.
    pub next_link: Option<String>,
}

impl<T> Page<T> {
    /// Reads `{"value":[..]}`; an empty list has also been seen as a bare `[]`.
    pub(crate) fn read(body: &[u8]) -> Result<Self>
    where
        T: for<'de> Deserialize<'de>,
    {
        if body.trim_ascii() == b"[]" {
            return Ok(Self { value: Vec::new(), next_link: None });
        }
        read_object(body)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Page<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(bound = "T: Deserialize<'de>")]
        struct Wire<T> {
            value: Vec<T>,
            #[serde(default, rename = "@odata.nextLink")]
            next_link: Option<String>,
        }
        let Wire { value, next_link } = Wire::deserialize(d)?;
        Ok(Self { value, next_link })
    }
}

/// A list that doesn't end, or repeats itself.
pub(super) fn endless(operation: &'static str, what: &str) -> Error {
    Error::new(ErrorKind::Service, format!("the list {what}, so reading it was given up"))
        .of(operation, "")
}
