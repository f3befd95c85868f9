//! How often a channel was looked at of late: counts in coarse buckets, a few words a channel.

use std::collections::VecDeque;

use crate::types::Mono;

/// Looks are counted in buckets of this length.
const BUCKET_MS: u64 = 10_000;
const BUCKETS: u64 = 6;

/// Looks over the last minute.
#[derive(Debug, Default)]
pub(super) struct Looks {
    /// Number of the bucket, and looks in it; at most `BUCKETS` + 1.
    buckets: VecDeque<(u64, u32)>,
    since: Option<Mono>,
}

impl Looks {
    pub fn add(&mut self, now: Mono) {
        let bucket = now.0 / BUCKET_MS;
        self.since.get_or_insert(now);
        match self.buckets.back_mut() {
            Some((number, count)) if *number == bucket => *count += 1,
            _ => self.buckets.push_back((bucket, 1)),
        }
        while self.buckets.front().is_some_and(|(number, _)| *number + BUCKETS < bucket) {
            self.buckets.pop_front();
        }
    }

    pub fn rate_hz(&self, now: Mono) -> f32 {
        let Some(since) = self.since else { return 0.0 };
        // From the beginning of the oldest bucket that still counts, or from the first look.
        let first = (now.0 / BUCKET_MS).saturating_sub(BUCKETS);
        let window_ms = now.since_ms(Mono((first * BUCKET_MS).max(since.0)));
        let looks: u64 = self.buckets.iter().filter(|(n, _)| *n >= first).map(|(_, c)| u64::from(*c)).sum();
        if window_ms < 1000 {
            return 0.0;
        }
        looks as f32 * 1000.0 / window_ms as f32
    }
}
