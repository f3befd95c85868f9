//! Hysteresis: what sets a condition and what clears it, each only by several findings in a row.

use crate::types::{Mono, Now, Wall};

/// What one look says of one condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Yes,
    No,
    /// Says nothing: neither side's findings go on, neither begins anew for a while.
    Unsure,
}

impl Verdict {
    /// `Yes` from `set`, `No` up to `clear`, nothing between.
    pub fn above(value: f32, clear: f32, set: f32) -> Self {
        match value {
            v if v >= set => Verdict::Yes,
            v if v <= clear => Verdict::No,
            _ => Verdict::Unsure,
        }
    }

    pub fn below(value: f32, set: f32, clear: f32) -> Self {
        Self::above(-value, -clear, -set)
    }
}

/// How many findings in a row change something, and how long they must have gone on.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub set: (u8, u64),
    pub clear: (u8, u64),
}

/// Findings that nothing has followed for so long count no more.
const STALE_MS: u64 = 60_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Latch {
    since: Option<(Mono, Wall)>,
    /// Findings in a row against what is, and when the first and the latest of them were.
    against: u8,
    first: Mono,
    latest: Mono,
}

impl Latch {
    pub fn find(&mut self, verdict: Verdict, pace: Pace, now: Now) {
        let change = match (verdict, self.since.is_some()) {
            (Verdict::Unsure, _) => {
                if now.mono.since_ms(self.latest) >= STALE_MS {
                    self.against = 0;
                }
                return;
            }
            (Verdict::Yes, set) => !set,
            (Verdict::No, set) => set,
        };
        if !change {
            self.against = 0;
            return;
        }
        if self.against == 0 {
            self.first = now.mono;
        }
        self.against = self.against.saturating_add(1);
        self.latest = now.mono;
        let (times, ms) = if self.since.is_some() { pace.clear } else { pace.set };
        if self.against >= times && now.mono.since_ms(self.first) >= ms {
            self.against = 0;
            self.since = if self.since.is_some() { None } else { Some((now.mono, now.wall)) };
        }
    }

    pub fn is_set(&self) -> bool {
        self.since.is_some()
    }

    pub fn since(&self) -> Option<Wall> {
        self.since.map(|(_, wall)| wall)
    }

    /// How long it has been set.
    pub fn age_ms(&self, now: Mono) -> u64 {
        self.since.map_or(0, |(since, _)| now.since_ms(since))
    }

    /// True while findings speak for setting it, or it is set.
    pub fn is_suspected(&self) -> bool {
        self.is_set() || self.against > 0
    }

    /// Nothing is known any more.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { set: (3, 2000), clear: (2, 0) };

    fn run(findings: &[(u64, Verdict)]) -> Vec<u64> {
        let mut latch = Latch::default();
        let mut set = Vec::new();
        for (ms, verdict) in findings {
            latch.find(*verdict, PACE, Now { mono: Mono(*ms), wall: Wall(*ms as i64) });
            if latch.is_set() {
                set.push(*ms);
            }
        }
        set
    }

    #[test]
    fn it_takes_findings_in_a_row_and_their_time() {
        use Verdict::{No, Unsure, Yes};
        assert_eq!(run(&[(0, Yes), (1000, Yes), (2000, Yes), (3000, No), (4000, No)]), [2000, 3000]);
        assert_eq!(run(&[(0, Yes), (100, Yes), (200, Yes), (300, Yes)]), [0u64; 0], "too quick");
        assert_eq!(run(&[(0, Yes), (1000, Yes), (2000, No), (3000, Yes), (4000, Yes)]), [0u64; 0], "broken");
        assert_eq!(
            run(&[(0, Yes), (1000, Yes), (2000, Unsure), (3000, Yes)]),
            [3000],
            "what says nothing breaks nothing"
        );
    }

    #[test]
    fn what_stays_unsure_is_no_suspicion_for_ever() {
        let mut latch = Latch::default();
        let mut find = |ms, verdict| {
            latch.find(verdict, PACE, Now { mono: Mono(ms), wall: Wall(0) });
            latch.is_suspected()
        };
        assert!(find(0, Verdict::Yes) && find(30_000, Verdict::Unsure));
        assert!(!find(60_000, Verdict::Unsure));
    }

    #[test]
    fn between_the_thresholds_nothing_is_said() {
        assert_eq!(Verdict::above(0.5, 0.2, 0.5), Verdict::Yes);
        assert_eq!(Verdict::above(0.3, 0.2, 0.5), Verdict::Unsure);
        assert_eq!(Verdict::below(10.0, 24.0, 32.0), Verdict::Yes);
        assert_eq!(Verdict::below(32.0, 24.0, 32.0), Verdict::No);
    }
}
