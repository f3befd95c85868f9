//! Rates over the last ten seconds, out of counts a second; nothing is allocated.

const SECONDS: usize = 10;

/// Bytes and units of the last seconds.
#[derive(Debug, Default)]
pub struct Window {
    seconds: [(u64, u32); SECONDS],
    at: usize,
    /// Seconds that are whole, up to `SECONDS`.
    filled: usize,
    now: (u64, u32),
}

impl Window {
    pub fn add(&mut self, bytes: usize) {
        self.now.0 += bytes as u64;
        self.now.1 += 1;
    }

    /// Ends a second.
    pub fn tick(&mut self) {
        if let Some(slot) = self.seconds.get_mut(self.at) {
            *slot = std::mem::take(&mut self.now);
        }
        self.at = (self.at + 1) % SECONDS;
        self.filled = (self.filled + 1).min(SECONDS);
    }

    /// kbit/s and units a second.
    pub fn rates(&self) -> (f32, f32) {
        if self.filled == 0 {
            return (0.0, 0.0);
        }
        let (bytes, units) = self.seconds.iter().fold((0u64, 0u32), |a, s| (a.0 + s.0, a.1.saturating_add(s.1)));
        let seconds = self.filled as f32;
        (bytes as f32 * 8.0 / 1000.0 / seconds, units as f32 / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_the_last_ten_seconds() {
        let mut w = Window::default();
        assert_eq!(w.rates(), (0.0, 0.0));
        for _ in 0..3 {
            (0..25).for_each(|_| w.add(2500));
            w.tick();
        }
        assert_eq!(w.rates(), (500.0, 25.0));
        (0..10).for_each(|_| w.tick());
        assert_eq!(w.rates(), (0.0, 0.0));
    }
}
