//! Machine actions: submitting one, holding on to it, cancelling it.

mod comment;
mod handle;
mod key;
mod keyed;
mod list;
mod operations;
mod recent;
mod settle;
mod submit;
mod submitted;
mod told;

pub use crate::reads::GetMachineAction;
pub use comment::Comment;
pub(crate) use comment::{fresh_reference, reference_of};
pub use handle::ActionHandle;
pub(crate) use key::{Key, Repeats};
pub use list::{Actions, ListMachineActions};
pub use operations::CancelMachineAction;
pub(crate) use recent::{confirm, own_since};
pub(crate) use settle::settle;
pub(crate) use submit::{Care, Submission, submit, submit_if};
pub use submitted::{Disposition, Submitted};
pub(crate) use told::told;
