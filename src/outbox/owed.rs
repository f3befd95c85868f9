//! What the broker has confirmed and the file does not say yet. It is in no hurry: written together, some time after the first
//! or when it is much, and a kill in between sends it again with the same ids. While writes fail it begins none by itself.

use std::time::Duration;

use crate::types::Mono;

/// After the first of them, and where the last write was given up.
const WAIT_MS: u64 = 250;
const REST_MS: u64 = 30_000;
/// So many do not wait.
const MOST: usize = 1024;

#[derive(Default)]
pub(super) struct Owed {
    cursors: Vec<i64>,
    due: Mono,
    rests: bool,
}

impl Owed {
    pub fn add(&mut self, cursors: Vec<i64>, now: Mono) {
        if self.cursors.is_empty() && !self.rests {
            self.due = now.plus_ms(WAIT_MS);
        }
        self.cursors.extend(cursors);
    }

    /// How long it may wait yet; `None` where nothing is owed.
    pub fn until(&self, now: Mono) -> Option<Duration> {
        let much = self.cursors.len() >= MOST && !self.rests;
        let left = if much { 0 } else { self.due.since_ms(now) };
        (!self.cursors.is_empty()).then(|| Duration::from_millis(left))
    }

    pub fn take(&mut self) -> Vec<i64> {
        std::mem::take(&mut self.cursors)
    }

    /// A write was given up: facts try by themselves, and these go along later.
    pub fn rest(&mut self, now: Mono) {
        (self.rests, self.due) = (true, now.plus_ms(REST_MS));
    }

    /// Something was written.
    pub fn written(&mut self, now: Mono) {
        if std::mem::take(&mut self.rests) {
            self.due = now.plus_ms(WAIT_MS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(owed: &Owed, now: u64) -> Option<u128> {
        owed.until(Mono(now)).map(|left| left.as_millis())
    }

    #[test]
    fn it_is_due_after_the_first_or_when_it_is_much() {
        let mut owed = Owed::default();
        assert_eq!(ms(&owed, 0), None);
        owed.add(vec![1], Mono(1000));
        owed.add(vec![2, 3], Mono(1200));
        assert_eq!((ms(&owed, 1200), ms(&owed, 1250), ms(&owed, 9000)), (Some(50), Some(0), Some(0)));
        assert_eq!(owed.take(), [1, 2, 3]);
        assert_eq!(ms(&owed, 9000), None);
        owed.add(vec![0; MOST], Mono(9000));
        assert_eq!(ms(&owed, 9000), Some(0));
    }

    #[test]
    fn while_writes_fail_it_begins_none_and_afterwards_it_is_due_as_ever() {
        let mut owed = Owed::default();
        owed.rest(Mono(1000));
        owed.add(vec![0; MOST], Mono(1100));
        assert_eq!(ms(&owed, 1100), Some(29_900), "however much it is");
        assert_eq!(ms(&owed, 31_000), Some(0), "but it does try");
        owed.rest(Mono(31_000));
        owed.written(Mono(40_000));
        assert_eq!(ms(&owed, 40_000), Some(0));
        owed.take();
        owed.add(vec![7], Mono(40_000));
        assert_eq!(ms(&owed, 40_000), Some(250));
        owed.written(Mono(40_100));
        assert_eq!(ms(&owed, 40_100), Some(150), "what does not rest is not put off");
    }
}
