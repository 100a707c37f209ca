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
pub use resume::ResumeToken;
pub use updates::Updates;
#[allow(unused_imports)]
pub(crate) use words::{Rough, verdict};
