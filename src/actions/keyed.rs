//! What was submitted under the same idempotency key, by whichever process.

use super::told::told;
use super::{Key, Repeats};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ActionType, MachineAction};
use crate::types::Timestamp;

/// The earlier submission of this reference, among the machine's actions of its kind and of the opposite one.
///
/// # Errors
/// For one with other arguments, and for one that was followed by its opposite.
pub(super) fn repeated<'a>(
    reference: &str,
    (kind, opposite): (&ActionType, Option<&ActionType>),
    actions: &'a [MachineAction],
    now: Timestamp,
) -> Result<Option<&'a MachineAction>> {
    let repeats = |action: &MachineAction, which: Repeats| {
        let comment = action.requestor_comment.as_deref().unwrap_or_default();
        action.action_type == *kind && Key::repeats(reference, comment) == which
    };
    let Some(earlier) = actions.iter().find(|action| repeats(action, Repeats::Same)) else {
        let other = actions.iter().find(|action| repeats(action, Repeats::OtherArguments));
        return other.map_or(Ok(None), |other| {
            let what = format!(
                "{} under the same idempotency key, with other arguments; nothing was submitted",
                told(other, now)
            );
            let error = Error::new(ErrorKind::Conflict, what).about(other.clone());
            Err(error.advising("what differs needs a key of its own"))
        });
    };
    // Whether one that failed took effect isn't known, so that any that came later counts.
    let is_later = |action: &&MachineAction| {
        let times = action.creation_date_time_utc.zip(earlier.creation_date_time_utc);
        opposite == Some(&action.action_type) && times.is_none_or(|(theirs, ours)| theirs >= ours)
    };
    actions.iter().find(is_later).map_or(Ok(Some(earlier)), |later| {
        let what = format!(
            "{} under this idempotency key, and it was followed by its opposite: {}; nothing was submitted",
            told(earlier, now),
            told(later, now)
        );
        let error = Error::new(ErrorKind::Superseded, what).about(earlier.clone());
        Err(error.advising("if it is meant anew, say so with another key"))
    })
}
