//! When a delivery that failed is tried again: doubling, jittered, or as the receiver asks.

use std::time::Duration;

use crate::types::Wall;

/// A receiver that asks for more patience than this is asked again all the same.
const ASKED_AT_MOST: Duration = Duration::from_secs(3600);

/// First pause and longest, milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    pub min_ms: u64,
    pub max_ms: u64,
    /// One that is answered with errors for so long may be what the receiver stumbles over.
    pub patience_ms: u64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { min_ms: 1_000, max_ms: 600_000, patience_ms: 600_000 }
    }
}

impl Backoff {
    /// The shortest pause.
    pub fn least(self) -> Duration {
        Duration::from_millis(self.min_ms)
    }

    /// After so many failures in a row; `jitter` is 0.5 to 1.
    pub fn pause(self, failures: u32, jitter: f64) -> Duration {
        let doubled = self.min_ms.saturating_mul(1 << failures.clamp(1, 20)).min(self.max_ms);
        Duration::from_millis(((doubled as f64 * jitter) as u64).max(self.min_ms))
    }
}

/// How long a `Retry-After` asks to wait: seconds, or a date.
pub fn asked(header: &str, now: Wall) -> Option<Duration> {
    let header = header.trim();
    let wait = match header.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let at = jiff::fmt::rfc2822::parse(header).ok()?.timestamp().as_millisecond();
            Duration::from_millis(u64::try_from(at.saturating_sub(now.0)).unwrap_or(0))
        }
    };
    Some(wait.min(ASKED_AT_MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_in_their_bounds() {
        let backoff = Backoff::default();
        assert_eq!(backoff.pause(1, 0.5), Duration::from_secs(1));
        assert_eq!(backoff.pause(4, 1.0), Duration::from_secs(16));
        for failures in 0..100 {
            for jitter in [0.5, 0.75, 1.0] {
                assert!((1..=600).contains(&backoff.pause(failures, jitter).as_secs()));
            }
        }
        assert_eq!(backoff.pause(u32::MAX, 1.0), Duration::from_secs(600));
    }

    #[test]
    fn what_a_receiver_asks_for() {
        let now = Wall(784_111_777_000 - 90_000);
        for (header, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(90)),
            ("Sun, 06 Nov 1994 08:40:37 GMT", Some(0)),
            ("86400", Some(3600)),
            ("99999999999999999999", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(asked(header, now).map(|d| d.as_secs()), seconds, "{header}");
        }
    }
}
