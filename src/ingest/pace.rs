//! How many connections a second begin at one host.
//!
//! The host is what must be spared, so the second is the host's: whatever a network or a busy processor does to a
//! connection on its way, no second sees more of them arrive than the limit. A connection arrives somewhere between its
//! begin and the moment when something came of it. So one may begin only if those under way, and those that something
//! came of within the last second, are fewer than the limit: were there one more in a second at the host, each of the
//! others would have been counted when it began. Besides, they are spaced evenly. Pure: time is an argument.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct Pace {
    limit: usize,
    spacing: Duration,
    last: Option<Instant>,
    under_way: usize,
    /// When something came of the last ones; no more than `limit`.
    ended: VecDeque<Instant>,
}

/// When the next one may begin.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    Now,
    At(Instant),
    /// Not before one of those under way has ended.
    AfterOne,
}

impl Pace {
    pub fn new(per_s: u32) -> Self {
        let limit = per_s.max(1);
        Self { limit: limit as usize, spacing: SECOND / limit, last: None, under_way: 0, ended: VecDeque::new() }
    }

    pub fn next(&mut self, now: Instant) -> Next {
        while self.ended.front().is_some_and(|ended| *ended + SECOND <= now) {
            self.ended.pop_front();
        }
        let spaced = self.last.map_or(now, |last| last + self.spacing);
        if self.under_way + self.ended.len() < self.limit {
            return if spaced <= now { Next::Now } else { Next::At(spaced) };
        }
        match self.ended.front() {
            Some(ended) => Next::At(spaced.max(*ended + SECOND)),
            None => Next::AfterOne,
        }
    }

    pub fn begins(&mut self, now: Instant) {
        self.last = Some(now);
        self.under_way += 1;
    }

    pub fn ends(&mut self, now: Instant) {
        self.under_way = self.under_way.saturating_sub(1);
        if self.ended.len() >= self.limit {
            self.ended.pop_front();
        }
        self.ended.push_back(now);
    }

    /// As good as a new one.
    pub fn is_idle(&self, now: Instant) -> bool {
        self.under_way == 0 && self.ended.back().is_none_or(|ended| *ended + SECOND <= now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Arrivals lie anywhere between begin and end, and no second has more of them than the limit.
        #[test]
        fn no_second_at_the_host_has_more_than_the_limit(
            limit in 1u32..12,
            ways in proptest::collection::vec((0u64..3000, 0.0f64..=1.0), 1..120),
            late in proptest::collection::vec(0u64..400, 120),
        ) {
            let start = Instant::now();
            let at = |ms: u64| start + Duration::from_millis(ms);
            let mut pace = Pace::new(limit);
            let (mut now, mut under_way, mut arrivals) = (0u64, Vec::<u64>::new(), Vec::new());
            for ((takes, part), late) in ways.iter().zip(&late) {
                loop {
                    under_way.retain(|end| {
                        let over = *end <= now;
                        if over {
                            pace.ends(at(*end));
                        }
                        !over
                    });
                    // A busy processor wakes it late.
                    match pace.next(at(now)) {
                        Next::Now => break,
                        Next::At(then) => now = u64::try_from((then - start).as_micros().div_ceil(1000)).unwrap() + late,
                        Next::AfterOne => now = *under_way.iter().min().unwrap(),
                    }
                }
                pace.begins(at(now));
                arrivals.push(now + (*takes as f64 * part) as u64);
                under_way.push(now + takes);
                under_way.sort_unstable();
            }
            arrivals.sort_unstable();
            for window in arrivals.windows(limit as usize + 1) {
                prop_assert!(window[limit as usize] - window[0] >= 1000, "{window:?}");
            }
        }
    }
}
