//! Lists: filters that are built and never formatted, and pages read so that nothing is missed or told twice.

mod filter;
mod list;
mod page;

pub use filter::{Filter, Literal};
pub use list::List;
pub(crate) use list::{Paged, is_empty_list};
pub(crate) use page::PAGE_LIMIT;
pub use page::{ListQuery, Page};
