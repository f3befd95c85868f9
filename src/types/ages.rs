//! By which time things are old enough to be deleted. The machine's clock may be a year ahead for a minute, and what is
//! deleted in that minute is gone: so this time follows the clock, and at its own pace. It runs with the process; where
//! the clock says something else, an hour of running makes up for a day of it, in either direction. It is never ahead of
//! the clock.

use super::{Now, Wall};

/// What an hour of running makes up for, hours.
const FASTER: i64 = 24;
/// What was told to a later process may be so much older than the end of the one that told it.
pub const TOLD_EVERY_MS: i64 = 3_600_000;
/// A clock that shows less was never set: the beginning of 2025.
const NEVER_SET: Wall = Wall(1_735_689_600_000);

/// The time that ages are judged by, through one process.
#[derive(Debug, Default)]
pub struct Ages {
    /// When it was asked last, and what it was then; none before the clock was set for the first time.
    last: Option<Now>,
}

impl Ages {
    /// Begins where an earlier process had come to.
    pub fn new(told: Option<Wall>, now: Now) -> Self {
        let begin = |told: Wall| Now { wall: now.wall.clamp(told, Wall(told.0.saturating_add(TOLD_EVERY_MS))), ..now };
        Self { last: told.map(begin) }
    }

    /// The time that ages are judged by now.
    pub fn time(&mut self, now: Now) -> Wall {
        let set = now.wall >= NEVER_SET;
        let Some(last) = self.last else {
            self.last = set.then_some(now);
            return now.wall;
        };
        let ran = i64::try_from(now.mono.since_ms(last.mono)).unwrap_or(i64::MAX);
        let (goes, more) = (last.wall.0.saturating_add(ran), ran.saturating_mul(FASTER));
        let wall = if set { now.wall.0.clamp(goes.saturating_sub(more), goes.saturating_add(more)) } else { goes };
        self.last = Some(Now { mono: now.mono, wall: Wall(wall) });
        now.wall.min(Wall(wall))
    }

    /// What a later process is told; asked behind `time`.
    pub fn told(&self) -> Option<Wall> {
        self.last.map(|last| last.wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Mono;

    const MIN: i64 = 60_000;
    const HOUR: i64 = 60 * MIN;
    const DAY: i64 = 24 * HOUR;
    const YEAR: i64 = 365 * DAY;
    const BEGAN: i64 = 1_795_335_330_123;

    /// After so much running, with the clock so far from what it would be.
    fn at(ran: i64, off: i64) -> Now {
        Now { mono: Mono(u64::try_from(ran).unwrap()), wall: Wall(BEGAN + ran + off) }
    }

    fn ahead(ages: &mut Ages, ran: i64, off: i64) -> i64 {
        ages.time(at(ran, off)).0 - (BEGAN + ran)
    }

    #[test]
    fn a_clock_a_year_ahead_for_a_minute_ages_things_by_minutes() {
        let mut ages = Ages::new(Some(Wall(BEGAN)), at(0, 0));
        assert_eq!(ahead(&mut ages, HOUR, 0), 0);
        assert_eq!(ahead(&mut ages, HOUR, YEAR), 0, "a jump ages nothing");
        for second in 1..=60 {
            assert_eq!(ahead(&mut ages, HOUR + second * 1000, YEAR), second * 24_000);
        }
        assert_eq!(ahead(&mut ages, HOUR + MIN + 1, 0), 0, "never ahead of the clock");
        assert_eq!(ahead(&mut ages, 3 * HOUR, 0), 0);
        // An hour later nothing is left of it: a second jump finds what the first did.
        assert_eq!(ahead(&mut ages, 3 * HOUR, YEAR), 0);
    }

    #[test]
    fn a_clock_that_is_right_at_last_is_caught_up_with() {
        let mut ages = Ages::new(Some(Wall(BEGAN)), at(0, 7 * DAY));
        assert_eq!(ahead(&mut ages, 0, 7 * DAY), HOUR, "told at most an hour before the end");
        assert_eq!(ahead(&mut ages, 3 * HOUR, 7 * DAY), 3 * DAY + HOUR);
        assert_eq!(ahead(&mut ages, 7 * HOUR, 7 * DAY), 7 * DAY);
        assert_eq!(ahead(&mut ages, 8 * HOUR, 7 * DAY), 7 * DAY);
    }

    #[test]
    fn one_without_a_clock_of_its_own_is_not_held_up_by_1970() {
        let of_1970 = -BEGAN;
        let mut fresh = Ages::new(None, at(0, of_1970));
        assert_eq!(ahead(&mut fresh, MIN, of_1970), of_1970);
        assert_eq!(fresh.told(), None);
        assert_eq!(ahead(&mut fresh, 2 * MIN, 0), 0, "the first time that it is set it is right");
        let mut again = Ages::new(Some(Wall(BEGAN)), at(0, of_1970));
        assert_eq!(ahead(&mut again, 10 * MIN, of_1970), of_1970, "so long nothing is old");
        assert_eq!(again.told(), Some(Wall(BEGAN + 10 * MIN)));
        assert_eq!(ahead(&mut again, 10 * MIN, 12 * HOUR), 0);
        assert_eq!(ahead(&mut again, 40 * MIN, 12 * HOUR), 12 * HOUR);
    }

    #[test]
    fn a_clock_that_is_set_back_is_followed_at_once_and_forgotten_in_time() {
        let mut ages = Ages::new(Some(Wall(BEGAN)), at(0, 0));
        assert_eq!(ahead(&mut ages, MIN, -DAY), -DAY);
        assert_eq!(ahead(&mut ages, MIN + 1, 0), 24 - 24 * MIN, "it is caught up with");
        assert_eq!(ahead(&mut ages, 2 * HOUR, -DAY), -DAY);
        assert_eq!(ahead(&mut ages, 2 * HOUR, YEAR), -DAY);
        assert_eq!(ages.time(Now { mono: Mono(u64::MAX), wall: Wall(i64::MAX) }), Wall(i64::MAX), "no overflow");
    }
}
