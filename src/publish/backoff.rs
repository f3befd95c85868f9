//! How long to wait before the broker is asked again: doubling from 200 ms to 10 s, jittered, so that the nodes that lost
//! one broker do not come back to it at one moment.

const MIN_MS: u64 = 200;
const MAX_MS: u64 = 10_000;

/// After so many failures in a row; `jitter` is 0.5 to 1.
pub(super) fn backoff_ms(failures: u32, jitter: f64) -> u64 {
    let doubled = MIN_MS.saturating_mul(1 << failures.clamp(1, 16)).min(MAX_MS);
    ((doubled as f64 * jitter) as u64).max(MIN_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_grows_and_stays_in_its_bounds() {
        assert_eq!(backoff_ms(1, 0.5), 200);
        assert_eq!(backoff_ms(3, 1.0), 1_600);
        for failures in 0..100 {
            for jitter in [0.5, 0.75, 1.0] {
                assert!((MIN_MS..=MAX_MS).contains(&backoff_ms(failures, jitter)));
            }
        }
        assert_eq!(backoff_ms(99, 1.0), MAX_MS);
    }
}
