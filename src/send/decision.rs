//! What is done after an attempt that failed: a pure function, so that its whole table can be tested.

use std::time::Duration;

use crate::operation::Safety;

/// Tries of one call, not counting those the service refused for want of quota or for the token.
const MOST_TRIES: u32 = 4;

/// The pauses between tries double from here to there, each shortened at random by up to half.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// How long a family pauses after a 429 that doesn't say. The service's windows are a minute long.
const UNSAID_PAUSE: Duration = Duration::from_secs(60);

/// A 429 that says 0, again and again, is not believed.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// How an attempt ended that brought no usable answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A dry run kept it back.
    Withheld,
    /// The request certainly never reached the service.
    NotSent,
    /// The service refused it for want of quota.
    Throttled,
    /// The service refused the token, or missed a role in it.
    TokenRefused,
    /// The service said that what it is about isn't there.
    NotThere,
    /// The service refused it for any other reason.
    Refused,
    /// It may have taken effect, and another try may get an answer.
    Unclear,
    /// It may have taken effect, and another try would meet with the same.
    Blocked,
}

impl Verdict {
    pub(super) fn may_have_taken_effect(self) -> bool {
        matches!(self, Self::Unclear | Self::Blocked)
    }
}

/// All that the decision hangs on.
#[allow(clippy::struct_excessive_bools)] // a row of a table
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub safety: Safety,
    pub verdict: Verdict,
    /// Tries so far, this one included, that weren't refused for quota or token.
    pub tries: u32,
    /// Calls of this one that the service refused for want of quota, this one included.
    pub throttled: u32,
    /// What is left of the call's time.
    pub left: Duration,
    /// What another try needs of it: one that must not be cut short isn't begun late.
    pub needed: Duration,
    /// What the service asked for with `Retry-After`.
    pub asked: Option<Duration>,
    /// Whether another token was tried already.
    pub another_token: bool,
    /// Whether an earlier try may have taken effect.
    pub after_unclear: bool,
    pub deletes: bool,
    /// Whether the client's retry budget has something left.
    pub budget: bool,
    /// At random, 0 to 255.
    pub chance: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Tell the caller.
    GiveUp,
    /// What was to be deleted isn't there any more, which an earlier try of this very call may have done.
    Gone,
    /// Try once more with another token, if there is one.
    AnotherToken,
    /// Let the family pause for so long, then queue again.
    Queue(Duration),
    /// Try again after so long.
    Repeat(Duration),
}

pub(super) fn decide(case: &Case) -> Decision {
    match case.verdict {
        Verdict::Throttled => Decision::Queue(family_pause(case)),
        Verdict::TokenRefused if !case.another_token && case.needed <= case.left => {
            Decision::AnotherToken
        }
        Verdict::NotThere if case.deletes && case.after_unclear => Decision::Gone,
        Verdict::NotSent => repeat(case),
        Verdict::Unclear if case.safety != Safety::Once => repeat(case),
        Verdict::Withheld
        | Verdict::TokenRefused
        | Verdict::NotThere
        | Verdict::Refused
        | Verdict::Unclear
        | Verdict::Blocked => Decision::GiveUp,
    }
}

fn repeat(case: &Case) -> Decision {
    let pause = case
        .asked
        .unwrap_or_else(|| shortened(doubled(FIRST_PAUSE, case.tries, LONGEST_PAUSE), case.chance));
    let in_time = pause < case.left && pause + case.needed <= case.left;
    if case.tries >= MOST_TRIES || !in_time || !case.budget {
        return Decision::GiveUp;
    }
    Decision::Repeat(pause)
}

/// As long as the service asks for; longer each time where that proves too short.
fn family_pause(case: &Case) -> Duration {
    let least = doubled(SHORTEST_PAUSE, case.throttled, UNSAID_PAUSE);
    match case.asked {
        Some(asked) => asked.max(least),
        None => UNSAID_PAUSE + UNSAID_PAUSE / 6 * u32::from(case.chance) / 256,
    }
}

fn doubled(first: Duration, nth: u32, longest: Duration) -> Duration {
    first.saturating_mul(1 << nth.saturating_sub(1).min(16)).min(longest)
}

/// Shortened by up to half.
fn shortened(pause: Duration, chance: u8) -> Duration {
    pause * (512 - u32::from(chance)) / 512
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAFETIES: [Safety; 3] = [Safety::Read, Safety::Idempotent, Safety::Once];

    const FIRST: Case = Case {
        safety: Safety::Read,
        verdict: Verdict::Unclear,
        tries: 1,
        throttled: 0,
        left: Duration::from_secs(60),
        needed: Duration::ZERO,
        asked: None,
        another_token: false,
        after_unclear: false,
        deletes: false,
        budget: true,
        chance: 0,
    };

    const AGAIN: Decision = Decision::Repeat(FIRST_PAUSE);

    #[test]
    fn the_table_for_a_first_try() {
        use Decision::{AnotherToken, GiveUp, Queue};
        use Verdict::*;
        let minute = Queue(UNSAID_PAUSE);
        for (verdict, decisions) in [
            (Withheld, [GiveUp; 3]),
            (NotSent, [AGAIN, AGAIN, AGAIN]),
            (Throttled, [minute, minute, minute]),
            (TokenRefused, [AnotherToken; 3]),
            (NotThere, [GiveUp; 3]),
            (Refused, [GiveUp; 3]),
            (Unclear, [AGAIN, AGAIN, GiveUp]),
            (Blocked, [GiveUp; 3]),
        ] {
            for (safety, decision) in SAFETIES.into_iter().zip(decisions) {
                let case = Case { safety, verdict, ..FIRST };
                assert_eq!(decide(&case), decision, "{case:?}");
            }
        }
    }

    /// Every combination of what the decision hangs on, held against what must never be.
    #[test]
    fn what_may_have_taken_effect_is_never_repeated_where_it_must_not_be() {
        use Verdict::*;
        let flags = || [false, true].into_iter();
        let asked = [
            None,
            Some(Duration::ZERO),
            Some(Duration::from_secs(5)),
            Some(Duration::from_secs(3600)),
        ];
        let mut seen = 0;
        for verdict in [NotSent, Throttled, TokenRefused, NotThere, Refused, Unclear, Blocked] {
            for (safety, tries) in SAFETIES.into_iter().flat_map(|s| (1..=5).map(move |t| (s, t))) {
                for (asked, left) in
                    asked.into_iter().flat_map(|a| [0, 3, 60].map(|l| (a, Duration::from_secs(l))))
                {
                    for (another_token, after_unclear) in
                        flags().flat_map(|a| flags().map(move |b| (a, b)))
                    {
                        for (deletes, budget) in flags().flat_map(|a| flags().map(move |b| (a, b)))
                        {
                            for (chance, needed) in [(0, 0), (0, 30), (255, 0), (255, 30)] {
                                let needed = Duration::from_secs(needed);
                                let case = Case {
                                    safety,
                                    verdict,
                                    tries,
                                    throttled: tries,
                                    left,
                                    needed,
                                    asked,
                                    another_token,
                                    after_unclear,
                                    deletes,
                                    budget,
                                    chance,
                                };
                                holds(&case);
                                seen += 1;
                            }
                        }
                    }
                }
            }
        }
        assert_eq!(seen, 7 * 3 * 5 * 4 * 3 * 4 * 4 * 4);
    }

    fn holds(case: &Case) {
        let decision = decide(case);
        let sends_again = !matches!(decision, Decision::GiveUp | Decision::Gone);
        if case.safety == Safety::Once {
            assert!(
                !(sends_again && case.verdict.may_have_taken_effect()),
                "{case:?} {decision:?}"
            );
        }
        match decision {
            Decision::Repeat(pause) => {
                assert!(
                    case.budget && case.tries < MOST_TRIES && pause < case.left,
                    "{case:?} {pause:?}"
                );
                assert!(pause + case.needed <= case.left, "{case:?} {pause:?}");
                assert!(case.asked.is_none_or(|asked| pause >= asked), "{case:?} {pause:?}");
                assert!(
                    case.asked.is_some() || (FIRST_PAUSE / 2..=LONGEST_PAUSE).contains(&pause),
                    "{case:?} {pause:?}"
                );
            }
            Decision::Queue(pause) => {
                assert_eq!(case.verdict, Verdict::Throttled);
                assert!(pause >= SHORTEST_PAUSE, "{case:?} {pause:?}");
                assert!(case.asked.is_none_or(|asked| pause >= asked), "{case:?} {pause:?}");
            }
            Decision::AnotherToken => assert!(!case.another_token, "{case:?}"),
            Decision::Gone => assert!(case.deletes && case.after_unclear, "{case:?}"),
            Decision::GiveUp => assert_ne!(case.verdict, Verdict::Throttled, "{case:?}"),
        }
    }

    #[test]
    fn pauses_grow_and_end() {
        let pauses: Vec<_> = (1..5).map(|tries| decide(&Case { tries, ..FIRST })).collect();
        let millis = |n| Decision::Repeat(Duration::from_millis(n));
        assert_eq!(pauses, [millis(500), millis(1000), millis(2000), Decision::GiveUp]);

        let zero = Some(Duration::ZERO);
        let pause = |throttled| {
            decide(&Case { verdict: Verdict::Throttled, throttled, asked: zero, ..FIRST })
        };
        let secs = |n| Decision::Queue(Duration::from_secs(n));
        assert_eq!([1, 2, 3, 7, 100].map(pause), [secs(1), secs(2), secs(4), secs(60), secs(60)]);
    }
}
