//! How far apart the looks at a channel are, as it turns out.
//!
//! A calm channel is looked at every few seconds, one in focus many times a second, and under load any of them less often.
//! What is to be found again, and for how long it is remembered, goes by that and not by a fixed time.

use super::Mono;

/// A channel that is looked at less often than that is as good as not looked at.
const LONGEST_MS: u64 = 120_000;

#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    last: Option<Mono>,
    ms: u64,
}

impl Pace {
    /// A look was taken. A pause counts at once and is forgotten by halves: one quick look among slow ones changes little.
    pub fn look(&mut self, now: Mono) {
        if let Some(last) = self.last {
            self.ms = now.since_ms(last).max(self.ms / 2).min(LONGEST_MS);
        }
        self.last = Some(now);
    }

    /// Milliseconds from one look to the next.
    pub fn ms(&self) -> u64 {
        self.ms
    }

    /// For how long something is remembered that would be remembered for `ms` at a quick pace: over two looks at any.
    pub fn remembers_ms(&self, ms: u64) -> u64 {
        ms.max(self.ms.saturating_mul(5) / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_pace_is_remembered_over_two_looks_and_a_quick_one_for_the_usual_time() {
        let mut pace = Pace::default();
        assert_eq!(pace.remembers_ms(6000), 6000);
        (0..4).for_each(|i| pace.look(Mono(16_000 * i)));
        assert_eq!((pace.ms(), pace.remembers_ms(6000)), (16_000, 40_000));
        pace.look(Mono(48_200));
        assert_eq!(pace.ms(), 8000, "one quick look");
        (0..20).for_each(|i| pace.look(Mono(48_400 + 200 * i)));
        assert_eq!((pace.ms(), pace.remembers_ms(6000)), (200, 6000));
        pace.look(Mono(10_000_000));
        assert_eq!(pace.remembers_ms(6000), 300_000, "bounded");
    }
}
