//! How long to wait before the next try. Pure: randomness is an argument.

use std::time::Duration;

/// Doubles from `min` to `max`, each wait longer by a random part, so that cameras that went together do not come
/// back together.
#[derive(Debug)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    tries: u32,
}

impl Backoff {
    pub fn new(min_s: u32, max_s: u32) -> Self {
        let min = Duration::from_secs(u64::from(min_s.max(1)));
        Self { min, max: Duration::from_secs(u64::from(max_s)).max(min), tries: 0 }
    }

    /// The next wait, `min` to `max`; `random` is 0..1.
    pub fn next(&mut self, random: f64) -> Duration {
        let base = self.min.saturating_mul(1 << self.tries.min(16));
        self.tries = self.tries.saturating_add(1);
        // The random part stays inside the bound, so that it is not lost when the bound is reached.
        let base = base.min(self.max.div_f64(1.5)).max(self.min);
        base.mul_f64(1.0 + random.clamp(0.0, 1.0) / 2.0).min(self.max)
    }

    pub fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_with_jitter_within_its_bounds() {
        let waits = |random: f64| {
            let mut b = Backoff::new(1, 60);
            (0..8).map(|_| b.next(random).as_millis()).collect::<Vec<_>>()
        };
        assert_eq!(waits(0.0), [1000, 2000, 4000, 8000, 16_000, 32_000, 40_000, 40_000]);
        assert_eq!(waits(1.0), [1500, 3000, 6000, 12_000, 24_000, 48_000, 60_000, 60_000]);
        let mut b = Backoff::new(1, 60);
        b.next(0.0);
        b.reset();
        assert_eq!(b.next(0.0).as_millis(), 1000);
    }

    #[test]
    fn equal_bounds_are_kept() {
        let mut b = Backoff::new(5, 5);
        assert_eq!(b.next(1.0).as_secs(), 5);
    }
}
