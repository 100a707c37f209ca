//! Machine actions: submitting one, holding on to it, waiting for its end.

mod comment;
mod handle;
mod list;
mod operations;
mod submit;
mod wait;

pub use comment::Comment;
pub use handle::ActionHandle;
pub use list::{Actions, ListMachineActions};
pub(crate) use operations::decode_action;
pub use operations::{CancelMachineAction, GetMachineAction};
pub use submit::{Disposition, Submitted};
pub(crate) use submit::{Submission, submit};
pub use wait::Wait;
