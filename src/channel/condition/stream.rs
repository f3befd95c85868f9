//! What the stream tells without any picture: its bit rate, its key frames, its clock. Asked once a second.

use super::latch::{Latch, Pace, Verdict};
use crate::types::Now;

/// A camera's rate falls to a third at night, and to a quarter when the street is empty; to an eighth when its encoder
/// or its uplink is broken.
const COLLAPSED: f32 = 0.125;
const RECOVERED: f32 = 0.3;
/// Below this a rate says nothing of itself.
const LEAST_KBIT_S: f32 = 48.0;
/// After a session began its rate is not yet that of the stream.
const SETTLE_MS: u64 = 30_000;
/// The usual rate is known after this many seconds, and follows with this time constant.
const LEARN_S: u32 = 120;
const SLOW_S: f32 = 600.0;
const SKEW_MS: (f32, f32) = (1500.0, 2000.0);
/// Rates are means of ten seconds, and a network stutters: seconds in a row.
const RATE_PACE: Pace = Pace { set: (20, 0), clear: (10, 0) };
const SLOW_PACE: Pace = Pace { set: (10, 0), clear: (10, 0) };

/// The stream at one second.
#[derive(Debug, Clone, Copy, Default)]
pub struct Second {
    /// Access units arrive.
    pub running: bool,
    pub kbit_s: f32,
    /// Seconds between the last two key frames, or since the last one where that is more; 0 until known.
    pub key_interval_s: f32,
    /// The channel shall be looked at once in this time; 0: never.
    pub floor_s: f32,
    pub clock_skew_ms: Option<i64>,
}

#[derive(Debug, Clone, Default)]
pub struct Stream {
    pub collapsed: Latch,
    pub rare_keys: Latch,
    pub skewed: Latch,
    pub usual_kbit_s: f32,
    /// Seconds that the usual rate was learnt from.
    learnt: u32,
    /// Milliseconds since pictures began to arrive.
    up_ms: u64,
    last: Second,
}

impl Stream {
    pub fn second(&mut self, s: Second, now: Now, passed_ms: u64) {
        self.last = s;
        if !s.running {
            self.up_ms = 0;
            return;
        }
        self.up_ms = self.up_ms.saturating_add(passed_ms);
        if s.key_interval_s > 0.0 {
            let verdict = match s.floor_s {
                floor if floor > 0.0 => Verdict::above(s.key_interval_s, floor, floor * 1.05),
                _ => Verdict::No,
            };
            self.rare_keys.find(verdict, SLOW_PACE, now);
        }
        if let Some(skew) = s.clock_skew_ms {
            self.skewed.find(Verdict::above(skew.unsigned_abs() as f32, SKEW_MS.0, SKEW_MS.1), SLOW_PACE, now);
        }
        if self.up_ms >= SETTLE_MS {
            self.rate(s.kbit_s, now);
        }
    }

    fn rate(&mut self, kbit_s: f32, now: Now) {
        let known = self.learnt >= LEARN_S && self.usual_kbit_s >= LEAST_KBIT_S;
        let verdict = match known {
            true => Verdict::below(kbit_s / self.usual_kbit_s, COLLAPSED, RECOVERED),
            false => Verdict::No,
        };
        self.collapsed.find(verdict, RATE_PACE, now);
        if verdict == Verdict::Yes || self.collapsed.is_set() {
            return;
        }
        self.learnt = self.learnt.saturating_add(1);
        let share = (1.0 / self.learnt as f32).max(1.0 / SLOW_S);
        self.usual_kbit_s += (kbit_s - self.usual_kbit_s) * share;
    }

    /// What is sent now is what is usual.
    pub fn adopt_rate(&mut self) {
        self.collapsed.reset();
        self.learnt = 0;
    }

    pub fn last(&self) -> &Second {
        &self.last
    }

    /// Pictures stopped: nothing is known any more but what is usual.
    pub fn down(&mut self) {
        self.up_ms = 0;
        [&mut self.collapsed, &mut self.rare_keys, &mut self.skewed].into_iter().for_each(Latch::reset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Mono, Wall};

    fn play(stream: &mut Stream, from: u64, seconds: u64, s: Second) {
        for n in from..from + seconds {
            stream.second(s, Now { mono: Mono(n * 1000), wall: Wall(n as i64 * 1000) }, 1000);
        }
    }

    const GOOD: Second =
        Second { running: true, kbit_s: 500.0, key_interval_s: 2.0, floor_s: 120.0, clock_skew_ms: Some(100) };

    #[test]
    fn a_rate_collapses_against_what_is_usual_and_recovers() {
        let mut stream = Stream::default();
        play(&mut stream, 0, 200, GOOD);
        play(&mut stream, 200, 60, Second { kbit_s: 120.0, ..GOOD });
        assert!(!stream.collapsed.is_set(), "a quiet night is no collapse");
        play(&mut stream, 260, 19, Second { kbit_s: 30.0, ..GOOD });
        assert!(!stream.collapsed.is_set());
        play(&mut stream, 279, 2, Second { kbit_s: 30.0, ..GOOD });
        assert!(stream.collapsed.is_set());
        play(&mut stream, 281, 9, GOOD);
        assert!(stream.collapsed.is_set());
        play(&mut stream, 290, 2, GOOD);
        assert!(!stream.collapsed.is_set());
    }

    #[test]
    fn the_first_seconds_of_a_session_are_not_its_rate() {
        let mut stream = Stream::default();
        play(&mut stream, 0, 200, GOOD);
        play(&mut stream, 200, 5, Second { running: false, ..Second::default() });
        play(&mut stream, 205, 29, Second { kbit_s: 10.0, ..GOOD });
        assert!(!stream.collapsed.is_suspected());
    }

    #[test]
    fn rare_key_frames_and_a_wrong_clock_are_told_after_ten_seconds() {
        let mut stream = Stream::default();
        let bad = Second { key_interval_s: 130.0, clock_skew_ms: Some(-2500), ..GOOD };
        play(&mut stream, 0, 9, bad);
        assert!(!stream.rare_keys.is_set() && !stream.skewed.is_set());
        play(&mut stream, 9, 1, bad);
        assert!(stream.rare_keys.is_set() && stream.skewed.is_set());
        play(&mut stream, 10, 20, Second { clock_skew_ms: Some(1800), floor_s: 0.0, ..bad });
        assert!(stream.skewed.is_set(), "between the two thresholds nothing changes");
        assert!(!stream.rare_keys.is_set(), "nobody wants to look at it any more");
        play(&mut stream, 30, 10, GOOD);
        assert!(!stream.skewed.is_set());
    }
}
