//! How much of the quota is used, and what is left of it.

use std::time::Duration;

use http::Method;

use super::ledger::Room;
use crate::error::{Error, Result};

/// How much of the service's quota a client uses.
///
/// The quota counts per application and tenant, so other programs with the same application use it too. What is left to
/// them is the *head-room*; half of it is open to urgent calls (releases, cancellations, and the reads that settle a
/// lost answer), so that these don't wait behind a fleet that is being isolated. A client and its clones count together;
/// several clients, and several processes, don't see each other.
///
/// ```
/// # use defender_response::{Client, ClientSecret, QuotaPolicy};
/// # let id = "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f";
/// // Two replicas of a service share one application.
/// let defender = Client::builder(ClientSecret::new(id, id, "secret"))
///     .quota_policy(QuotaPolicy::HeadRoom { percent: 55 })
///     .build()?;
/// # Ok::<(), defender_response::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum QuotaPolicy {
    /// The documented figures, less a head-room of 20 %.
    #[default]
    Documented,
    /// The documented figures, less a head-room of your own: 0 to 95 %.
    HeadRoom {
        /// How much is left to others.
        percent: u8,
    },
    /// No limit but what the service refuses, for benchmarks. A 429 still pauses its family.
    Unlimited,
}

impl QuotaPolicy {
    pub(crate) fn check(self) -> Result<()> {
        match self {
            Self::HeadRoom { percent } if percent > 95 => Err(Error::configuration(format!(
                "a head-room of {percent} % leaves nothing to work with; at most 95 % can be left to others"
            ))),
            _ => Ok(()),
        }
    }

    /// What a window of so many calls has room for; at least one, or nothing could ever be done.
    pub(super) fn room(self, documented: u32) -> Room {
        let percent = match self {
            Self::Documented => 20,
            Self::HeadRoom { percent } => u64::from(percent.min(95)),
            Self::Unlimited => return Room { ordinary: usize::MAX, urgent: usize::MAX },
        };
        // In half percents, since half the head-room is kept for urgent calls.
        let part = |kept: u64| {
            let calls = u64::from(documented) * (200 - kept) / 200;
            usize::try_from(calls.max(1)).unwrap_or(usize::MAX)
        };
        Room { ordinary: part(percent * 2), urgent: part(percent) }
    }
}

/// What is left of one family's quota, as far as this client knows: [`Client::quota`](crate::Client::quota).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuotaUse {
    /// The HTTP method of the calls that share this quota.
    pub method: Method,
    /// Their path below `/api`.
    pub route: &'static str,
    /// How many ordinary calls could go at once now, by the minute's window.
    pub left_this_minute: usize,
    /// The same by the hour's window, where there is one.
    pub left_this_hour: Option<usize>,
    /// How many calls wait for their turn.
    pub waiting: usize,
    /// For how long the service's 429 keeps all of them waiting.
    pub paused_for: Option<Duration>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_head_room_is_for_urgent_calls_and_one_call_is_always_possible() {
        for (policy, documented, ordinary, urgent) in [
            (QuotaPolicy::Documented, 100, 80, 90),
            (QuotaPolicy::Documented, 1500, 1200, 1350),
            (QuotaPolicy::Documented, 10, 8, 9),
            (QuotaPolicy::HeadRoom { percent: 0 }, 100, 100, 100),
            (QuotaPolicy::HeadRoom { percent: 55 }, 100, 45, 72),
            (QuotaPolicy::HeadRoom { percent: 95 }, 10, 1, 5),
            (QuotaPolicy::Unlimited, 1, usize::MAX, usize::MAX),
        ] {
            assert_eq!(
                policy.room(documented),
                Room { ordinary, urgent },
                "{policy:?} {documented}"
            );
        }
    }
}
