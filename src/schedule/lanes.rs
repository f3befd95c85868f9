//! The lane of focus and catch-up, which goes before patrol for as long as its share of the workers' time lasts.
//!
//! The share is a bucket of worker time: it fills with time, is charged at each take with what such a look usually
//! costs, and corrected when the look has ended. What the lane takes while patrol has nothing to look at is free.
//!
//! Within the lane each tier is a queue in order of waiting: a channel keeps its place while newer samples replace its
//! sample, so that everybody's turn comes. Between the two tiers time is shared three to one in favour of focus, and
//! either takes what the other leaves: a thousand channels that begin to move at once do not take the pictures from
//! those that are already followed, nor the other way round.

use std::collections::BTreeSet;

use super::{Tier, order::Key};
use crate::types::Mono;

/// Shares of the lane's time, catch-up then focus.
const PARTS: [f64; 2] = [1.0, 3.0];
/// The part of the lane's share that focus may count on.
pub const FOCUS_PART: f64 = PARTS[1] / (PARTS[0] + PARTS[1]);
/// The bucket holds so much of the share, and owes at most so much of it.
const SAVES_S: f64 = 0.5;
const OWES_S: f64 = 2.0;

#[derive(Debug, Default)]
pub(super) struct Lanes {
    waiting: [BTreeSet<Key>; 2],
    /// Worker time used by each, divided by its part: the lesser is next.
    used: [f64; 2],
    /// Microseconds of worker time.
    bucket: f64,
    filled: Mono,
}

fn lane(tier: Tier) -> Option<usize> {
    match tier {
        Tier::Patrol => None,
        Tier::CatchUp => Some(0),
        Tier::Focus => Some(1),
    }
}

impl Lanes {
    /// Fills the bucket up to now; `per_s` is the lane's share in microseconds of worker time a second.
    pub fn fill(&mut self, per_s: f64, now: Mono) {
        let ms = now.since_ms(self.filled);
        if ms > 0 {
            self.filled = now;
            self.bucket = (self.bucket + per_s * ms as f64 / 1000.0).clamp(-OWES_S * per_s, SAVES_S * per_s);
        }
    }

    pub fn has_time(&self) -> bool {
        self.bucket > 0.0
    }

    pub fn charge(&mut self, us: f64) {
        self.bucket -= us;
    }

    /// Counts towards the fair share between the tiers, whoever pays.
    pub fn count(&mut self, tier: Tier, us: f64) {
        if let Some(i) = lane(tier) {
            self.used[i] += us / PARTS[i];
        }
    }

    pub fn insert(&mut self, tier: Tier, key: Key) {
        let Some(i) = lane(tier) else { return };
        if self.waiting[i].is_empty() {
            // Who comes back from rest has saved nothing.
            self.used[i] = self.used[i].max(self.used[1 - i]);
        }
        self.waiting[i].insert(key);
    }

    pub fn remove(&mut self, tier: Tier, key: &Key) {
        if let Some(i) = lane(tier) {
            self.waiting[i].remove(key);
        }
    }

    /// The one that has waited longest, of the tier whose turn it is.
    pub fn head(&self) -> Option<Key> {
        let first = usize::from(self.used[1] <= self.used[0]);
        self.waiting[first].first().or_else(|| self.waiting[1 - first].first()).copied()
    }

    pub fn len(&self) -> usize {
        self.waiting[0].len() + self.waiting[1].len()
    }

    /// Worker time that all that wait here will take.
    pub fn cost_us(&self, look_us: impl Fn(Tier) -> f64) -> f64 {
        let waiting = [Tier::CatchUp, Tier::Focus].into_iter().zip(&self.waiting);
        waiting.map(|(tier, waiting)| waiting.len() as f64 * look_us(tier)).sum()
    }

    #[cfg(test)]
    pub fn contains(&self, tier: Tier, key: &Key) -> bool {
        lane(tier).is_some_and(|i| self.waiting[i].contains(key))
    }
}
