//! The windows of one family, as arithmetic.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// How many calls a window may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// Of any kind, for an ordinary call to be let in.
    pub ordinary: usize,
    /// Of any kind, for an urgent call to be let in.
    pub urgent: usize,
}

impl Room {
    pub(super) fn of(self, urgent: bool) -> usize {
        if urgent { self.urgent } else { self.ordinary }
    }
}

/// When the next call may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    Now,
    /// Not before then.
    At(Instant),
    /// Once one that is under way has its answer.
    WhenSettled,
}

/// Which calls count, and from when.
pub(super) struct Ledger {
    minute: Room,
    hour: Option<Room>,
    under_way: usize,
    /// When the answers were seen, in order.
    settled: VecDeque<Instant>,
}

impl Ledger {
    pub(super) fn new(minute: Room, hour: Option<Room>) -> Self {
        Self { minute, hour, under_way: 0, settled: VecDeque::new() }
    }

    /// When the `nth` call from now on may go, as far as can be said now; the first is the next.
    pub(super) fn opening(&self, now: Instant, urgent: bool, nth: usize) -> Opening {
        let mut opening = Opening::Now;
        for (length, room) in self.windows() {
            let next = self.opening_of(length, room.of(urgent).max(1), now, nth.max(1));
            opening = match (opening, next) {
                (Opening::WhenSettled, _) | (_, Opening::WhenSettled) => Opening::WhenSettled,
                (Opening::At(one), Opening::At(other)) => Opening::At(one.max(other)),
                (Opening::Now, next) => next,
                (at, Opening::Now) => at,
            };
        }
        opening
    }

    fn opening_of(&self, length: Duration, room: usize, now: Instant, nth: usize) -> Opening {
        let counted = self.counted(length, now);
        let free = room.saturating_sub(self.under_way + counted);
        if nth <= free {
            return Opening::Now;
        }
        // Each place opens anew a window's length after the call that has it.
        let (round, place) = ((nth - free - 1) / room, (nth - free - 1) % room);
        // More may count than there is room for ordinary ones: urgent ones came in.
        let place = place + (self.under_way + counted).saturating_sub(room);
        let rounds = length.saturating_mul(u32::try_from(round).unwrap_or(u32::MAX));
        match self.settled.get(self.settled.len() - counted + place) {
            Some(first) => Opening::At(*first + length + rounds),
            None if round == 0 => Opening::WhenSettled,
            None => Opening::At(now + rounds),
        }
    }

    /// How many more could go now, by window: a minute, an hour.
    pub(super) fn left(&self, now: Instant) -> (usize, Option<usize>) {
        let left = |length, room: Room| {
            room.ordinary.saturating_sub(self.under_way + self.counted(length, now))
        };
        (left(MINUTE, self.minute), self.hour.map(|room| left(HOUR, room)))
    }

    pub(super) fn grant(&mut self) {
        self.under_way += 1;
    }

    /// A call that was granted has ended; it counts from `seen` on, or not at all.
    pub(super) fn settle(&mut self, seen: Option<Instant>, now: Instant) {
        self.under_way = self.under_way.saturating_sub(1);
        if let Some(seen) = seen {
            let place = self.settled.partition_point(|other| *other <= seen);
            self.settled.insert(place, seen);
        }
        let longest = if self.hour.is_some() { HOUR } else { MINUTE };
        while self.settled.front().is_some_and(|first| *first + longest <= now) {
            self.settled.pop_front();
        }
    }

    fn windows(&self) -> impl Iterator<Item = (Duration, Room)> + use<> {
        let hour = self.hour.map(|room| (HOUR, room));
        std::iter::once((MINUTE, self.minute)).chain(hour)
    }

    fn counted(&self, length: Duration, now: Instant) -> usize {
        self.settled.len() - self.settled.partition_point(|seen| *seen + length <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room { ordinary: 3, urgent: 4 };

    fn ledger(now: Instant, seconds_ago: &[u64], under_way: usize) -> Ledger {
        let mut ledger = Ledger::new(ROOM, Some(Room { ordinary: 5, urgent: 6 }));
        for ago in seconds_ago {
            ledger.grant();
            ledger.settle(now.checked_sub(Duration::from_secs(*ago)), now);
        }
        (0..under_way).for_each(|_| ledger.grant());
        ledger
    }

    #[test]
    fn the_opening_is_when_the_oldest_in_the_way_leaves_its_window() {
        let now = Instant::now() + 2 * HOUR;
        let at = |seconds| Opening::At(now + Duration::from_secs(seconds));
        for (ago, under_way, urgent, nth, opening) in [
            (&[][..], 0, false, 1, Opening::Now),
            (&[], 2, false, 1, Opening::Now),
            (&[], 3, false, 1, Opening::WhenSettled),
            (&[], 3, true, 1, Opening::Now),
            (&[60, 30, 20], 0, false, 1, Opening::Now),
            (&[59, 30, 20], 0, false, 1, at(1)),
            (&[59, 30, 20], 0, false, 2, at(30)),
            (&[59, 30, 20], 0, false, 3, at(3541)),
            (&[30, 20], 1, false, 1, at(30)),
            (&[30, 20], 1, false, 3, Opening::WhenSettled),
            (&[30, 20, 10], 1, false, 1, at(40)),
            (&[3000, 2000, 1000, 900, 800], 0, false, 1, at(600)),
            (&[3000, 2000, 1000, 900, 800], 0, true, 1, Opening::Now),
            (&[3600, 2000, 1000, 900, 800], 0, false, 1, Opening::Now),
        ] {
            let found = ledger(now, ago, under_way).opening(now, urgent, nth);
            assert_eq!(found, opening, "{ago:?} {under_way} {urgent} {nth}");
        }
    }

    #[test]
    fn what_no_window_holds_is_forgotten() {
        let mut now = Instant::now() + 2 * HOUR;
        let mut ledger = ledger(now, &[], 0);
        for _ in 0..10_000 {
            ledger.grant();
            ledger.settle(Some(now), now);
            now += Duration::from_secs(1);
        }
        assert!(ledger.settled.len() <= 3601, "{}", ledger.settled.len());
    }
}
