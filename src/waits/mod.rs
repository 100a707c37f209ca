//! Waiting for the end of machine actions: polling, since the service has no callback.

mod all;
mod one;
mod pace;
mod reports;
mod resume;
mod updates;
mod watch;
mod words;

pub use all::WaitAll;
pub use one::Wait;
pub(crate) use reports::last_reports;
pub use resume::ResumeToken;
pub use updates::Updates;
pub(crate) use watch::{Deadline, LAST_READ, Patience, Pauses};
pub(crate) use words::{Rough, still_running, unread, verdict};
