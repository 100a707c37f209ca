//! Machine actions: submitting one, holding on to it, waiting for its end.

mod comment;
mod handle;
mod list;
mod operations;
mod recent;
mod settle;
mod submit;
mod submitted;
mod wait;

pub use comment::Comment;
pub use handle::ActionHandle;
pub use list::{Actions, ListMachineActions};
pub(crate) use operations::decode_action;
pub use operations::{CancelMachineAction, GetMachineAction};
pub(crate) use settle::settle;
pub(crate) use submit::{Care, Submission, submit};
pub use submitted::{Disposition, Submitted};
pub use wait::Wait;
