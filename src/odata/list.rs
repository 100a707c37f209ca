//! A whole list as a stream, page after page, while the list moves.
//!
//! Pages are asked for by `$skip`. What is removed before the cursor moves later items forward, past it, so
//! each page overlaps the one before: if it doesn't begin with an item already told, the cursor steps back
//! until one does. What is added before the cursor comes again, and isn't told twice. A next link is followed
//! where it holds a cursor of the service's own; after its last page the list is still asked for what follows.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use url::Url;

use super::page::{LARGEST_PAGE, ListQuery, Page, endless};
use crate::client::Client;
use crate::error::{Error, Result};
use crate::operation::Operation;

/// How far a page reaches back into the one before.
const OVERLAP: u64 = 20;

/// A page of one has no room for an overlap.
const SMALLEST_PAGE: u32 = 2;

/// A list longer than this isn't read to its end.
const LONGEST: usize = 2_000_000;

/// Pages in a row that lead further and bring nothing new before the list is given up.
const PATIENCE: u32 = 16;

/// A page shorter than asked for ends the list, unless it is as long as a page the service may have cut.
const CUT_PAGE: u64 = 100;

/// A list operation that pages.
pub(crate) trait Paged:
    Operation<Output = Page<Self::Item>> + Clone + Unpin + 'static
{
    type Item: Send + Unpin + 'static;

    fn query(&mut self) -> &mut ListQuery;

    /// Whether the service answers an empty list with 404.
    const EMPTY_IS_NOT_FOUND: bool = false;

    /// What tells one item from all others.
    fn key(item: &Self::Item) -> &str;
}

/// A list of the service, read page by page as it is polled. Dropping it stops the reading.
///
/// It is a [`Stream`]; without a stream library, [`next`](Self::next) and [`all`](Self::all) do.
/// It is *stable*: an item that is there from the beginning to the end is told exactly once, however much is added and
/// removed meanwhile. (It relies on the service's order: items of one time have to come in the same order each time, and
/// a next link of the service's own is trusted to lead on.) Each page is a call on the quota.
#[must_use = "a list is read only as it is polled"]
pub struct List<T> {
    pages: Box<dyn Pages<T>>,
    told: VecDeque<T>,
    left: usize,
    ended: bool,
}

impl<T: Send + Unpin + 'static> List<T> {
    pub(crate) fn new<O: Paged<Item = T>>(client: &Client, operation: O) -> Self {
        Self {
            pages: Box::new(Cursor::new(client.clone(), operation)),
            told: VecDeque::new(),
            left: usize::MAX,
            ended: false,
        }
    }

    /// Ends after `n` items.
    pub fn at_most(mut self, n: usize) -> Self {
        self.left = n;
        if let Ok(n) = u32::try_from(n) {
            self.pages.at_most(n);
        }
        self
    }

    /// Asks for pages of `n` items, between 2 and 10,000, in place of 1,000.
    pub fn page_size(mut self, n: u32) -> Self {
        self.pages.page_size(n);
        self
    }

    /// The next item; `None` at the end, and after an error.
    pub async fn next(&mut self) -> Option<Result<T>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Whether the next item takes a call.
    pub(crate) fn needs_a_page(&self) -> bool {
        self.told.is_empty() && !self.ended && self.left > 0
    }

    /// All items.
    ///
    /// # Errors
    /// The first one that a page runs into; what was read before is lost.
    pub async fn all(mut self) -> Result<Vec<T>> {
        let mut items = Vec::new();
        while let Some(item) = self.next().await {
            items.push(item?);
        }
        Ok(items)
    }
}

impl<T: Send + Unpin + 'static> Stream for List<T> {
    type Item = Result<T>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        let list = self.get_mut();
        loop {
            if list.left == 0 {
                return Poll::Ready(None);
            }
            if let Some(item) = list.told.pop_front() {
                list.left -= 1;
                return Poll::Ready(Some(Ok(item)));
            }
            if list.ended {
                return Poll::Ready(None);
            }
            match ready!(list.pages.poll(cx)) {
                Some(Ok(items)) => list.told.extend(items),
                Some(Err(error)) => {
                    list.ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
                None => list.ended = true,
            }
        }
    }
}

impl<T> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List").field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// Pages of items not told before; `None` after the last.
trait Pages<T>: Send {
    fn page_size(&mut self, n: u32);
    fn at_most(&mut self, n: u32);
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Vec<T>>>>;
}

type Fetch<O> = Pin<Box<dyn Future<Output = Result<<O as Operation>::Output>> + Send>>;

struct Cursor<O: Paged> {
    client: Client,
    operation: O,
    fetch: Option<Fetch<O>>,
    seen: Seen,
    step_back: u64,
    reached: u64,
    told: usize,
    idle_pages: u32,
    last_link: Option<String>,
    ended: bool,
}

impl<O: Paged> Cursor<O> {
    fn new(client: Client, operation: O) -> Self {
        Self {
            client,
            operation,
            fetch: None,
            seen: Seen::default(),
            step_back: 0,
            reached: 0,
            told: 0,
            idle_pages: 0,
            last_link: None,
            ended: false,
        }
    }

    fn fetch(&self) -> Fetch<O> {
        let (client, operation) = (self.client.clone(), self.operation.clone());
        Box::pin(async move { client.send(&operation).await })
    }

    /// The items of the page that weren't told yet, and where the next page begins.
    fn take(&mut self, page: Page<O::Item>) -> Result<Vec<O::Item>> {
        let query = self.operation.query();
        let (skip, top) = (query.skip, u64::from(query.top));
        let by_link = query.next.take().is_some();
        let length = page.value.len() as u64;

        let first_is_known =
            || page.value.first().is_some_and(|item| self.seen.contains(O::key(item)));
        if skip > 0 && !by_link && !first_is_known() {
            self.step_back = (self.step_back * 2).max(top);
            query.skip = skip.saturating_sub(self.step_back);
            return Ok(Vec::new());
        }
        self.step_back = 0;

        let seen = &mut self.seen;
        let fresh: Vec<_> =
            page.value.into_iter().filter(|item| seen.insert(O::key(item))).collect();
        self.told += fresh.len();
        if self.told > LONGEST {
            return Err(endless(O::SPEC.name, "is longer than two million items"));
        }
        if skip + length > self.reached || by_link {
            self.reached = self.reached.max(skip + length);
            self.idle_pages = if fresh.is_empty() { self.idle_pages + 1 } else { 0 };
        }
        if self.idle_pages > PATIENCE {
            return Err(endless(O::SPEC.name, "repeats itself"));
        }

        match page.next_link {
            Some(link) if by_link && self.last_link.as_deref() == Some(&link) => {
                return Err(endless(O::SPEC.name, "gives the same next link again"));
            }
            Some(link) => {
                query.next = next_query(self.client.base_url(), &link);
                self.last_link = Some(link);
            }
            // The links of the service count within the page that was asked for.
            None if by_link => {}
            None => self.ended = length < top.min(CUT_PAGE),
        }
        let overlap = if query.next.is_some() { 0 } else { OVERLAP.min(length.div_ceil(2)) };
        query.skip = (skip + length).saturating_sub(overlap);
        Ok(fresh)
    }
}

impl<O: Paged> Pages<O::Item> for Cursor<O> {
    fn page_size(&mut self, n: u32) {
        self.operation.query().top = n.clamp(SMALLEST_PAGE, LARGEST_PAGE);
    }

    fn at_most(&mut self, n: u32) {
        let query = self.operation.query();
        query.top = query.top.min(n.clamp(SMALLEST_PAGE, LARGEST_PAGE));
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Vec<O::Item>>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if self.fetch.is_none() {
            self.fetch = Some(self.fetch());
        }
        let Some(fetch) = &mut self.fetch else { return Poll::Ready(None) };
        let page = ready!(fetch.as_mut().poll(cx));
        self.fetch = None;
        let first = self.operation.query().skip == 0 && self.last_link.is_none();
        Poll::Ready(Some(match page {
            Ok(page) => self.take(page),
            // get-machines: a list without a machine is documented as 404.
            Err(error) if first && O::EMPTY_IS_NOT_FOUND && is_empty_list(&error) => {
                self.ended = true;
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }))
    }
}

pub(crate) fn is_empty_list(error: &Error) -> bool {
    error.is_not_found() && error.code() == Some("ResourceNotFound")
}

/// The query of a next link with a cursor of the service's own, on our host. A link to another host isn't
/// followed, since the token goes nowhere else, and one by `$skip` has no overlap: the list goes on by ours.
fn next_query(base: &Url, link: &str) -> Option<String> {
    let url = base.join(link).ok()?;
    let ours =
        url.origin() == base.origin() && url.username().is_empty() && url.password().is_none();
    let by_skip = url.query_pairs().any(|(name, _)| name.eq_ignore_ascii_case("$skip"));
    (ours && !by_skip).then(|| url.query().map(str::to_owned)).flatten()
}

/// The keys told so far, as hashes, so that a long list costs eight bytes an item.
#[derive(Default)]
struct Seen {
    keys: HashSet<u64>,
    hasher: RandomState,
}

impl Seen {
    /// An item without a key can't be told from others, and passes for a known one.
    fn contains(&self, key: &str) -> bool {
        key.is_empty() || self.keys.contains(&self.hasher.hash_one(key))
    }

    /// Whether the key is new. An item without one always is.
    fn insert(&mut self, key: &str) -> bool {
        key.is_empty() || self.keys.insert(self.hasher.hash_one(key))
    }
}
