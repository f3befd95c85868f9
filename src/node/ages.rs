//! How old an event is when the outbox has it and when the broker has acknowledged it.
//!
//! The outbox knows rows, not when their picture was read, so this remembers it from commit to acknowledgement, for a
//! bounded number of events: with the broker away for long the oldest are forgotten, and only their age goes untold.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::{
    telemetry::stage,
    types::{Clock, Mono},
};

/// Some minutes of an event storm.
const KEPT: usize = 65_536;

/// Commit cursors of events, and when their access unit was read.
pub struct Ages {
    clock: Clock,
    born: Mutex<Born>,
}

#[derive(Default)]
struct Born {
    of: BTreeMap<i64, Mono>,
    /// The newest that the broker has.
    acked: i64,
}

impl Ages {
    pub fn new(clock: Clock) -> Self {
        Self { clock, born: Mutex::default() }
    }

    /// An event whose access unit was read at `at` was committed.
    pub fn committed(&self, cursor: i64, at: Mono) {
        stage::look().outbox_age.record(self.seconds(at));
        let mut born = self.born.lock();
        if cursor <= born.acked {
            // The broker was quicker than whoever waited for the commit.
            stage::look().publish_age.record(self.seconds(at));
            return;
        }
        born.of.insert(cursor, at);
        if born.of.len() > KEPT {
            born.of.pop_first();
        }
    }

    /// The broker has these.
    pub fn acked(&self, cursors: &[i64]) {
        let mut born = self.born.lock();
        born.acked = cursors.iter().copied().max().unwrap_or(0).max(born.acked);
        for at in cursors.iter().filter_map(|cursor| born.of.remove(cursor)) {
            stage::look().publish_age.record(self.seconds(at));
        }
    }

    fn seconds(&self, at: Mono) -> f64 {
        self.clock.mono().since_ms(at) as f64 / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded_and_ends_with_the_acknowledgement() {
        let ages = Ages::new(Clock::start());
        (0..KEPT as i64 + 10).for_each(|cursor| ages.committed(cursor, Mono(0)));
        assert_eq!(ages.born.lock().of.len(), KEPT);
        assert!(!ages.born.lock().of.contains_key(&9), "the oldest went");
        ages.acked(&[3, 10, 11]);
        assert_eq!(ages.born.lock().of.len(), KEPT - 2);
        ages.acked(&[KEPT as i64 + 20]);
        ages.committed(KEPT as i64 + 20, Mono(0));
        assert_eq!(ages.born.lock().of.len(), KEPT - 2, "nobody would take it out");
    }
}
