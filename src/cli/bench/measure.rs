//! Numbers of a bench: medians and quantiles, rounds that alternate, and chance that can be repeated.

use std::time::Duration;

use rand::{Rng, RngCore, SeedableRng, rngs::StdRng};
use tokio::time::Instant;

/// The value below which a share of `q` of the samples lies (nearest rank); 0 without samples.
pub fn quantile(samples: &mut [f64], q: f64) -> f64 {
    if samples.is_empty() {
        return 0.0;
    }
    samples.sort_by(f64::total_cmp);
    let rank = (samples.len() as f64 * q).ceil().max(1.0) as usize;
    samples.get(rank.min(samples.len()) - 1).copied().unwrap_or(0.0)
}

pub fn median(samples: &mut [f64]) -> f64 {
    quantile(samples, 0.5)
}

/// Measures two things in turn, `rounds` times, each time the other one first, and gives what each round told: what
/// slows the machine for a while then slows both.
pub fn alternate<C>(
    context: &mut C,
    rounds: usize,
    mut ours: impl FnMut(&mut C) -> anyhow::Result<f64>,
    mut floor: impl FnMut(&mut C) -> anyhow::Result<f64>,
) -> anyhow::Result<(Vec<f64>, Vec<f64>)> {
    let (mut a, mut b) = (Vec::with_capacity(rounds), Vec::with_capacity(rounds));
    for round in 0..rounds {
        if round % 2 == 0 {
            a.push(ours(context)?);
            b.push(floor(context)?);
        } else {
            b.push(floor(context)?);
            a.push(ours(context)?);
        }
    }
    Ok((a, b))
}

/// Of ratios round by round: steadier than the ratio of two medians.
pub fn median_ratio(value: &[f64], floor: &[f64]) -> f64 {
    let mut ratios: Vec<f64> = value.iter().zip(floor).filter(|(_, f)| **f > 0.0).map(|(v, f)| v / f).collect();
    median(&mut ratios)
}

/// Chance that a seed repeats.
#[derive(Debug, Clone)]
pub struct Chance(StdRng);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }
    /// Over 0 up to 1.
    pub fn unit(&mut self) -> f64 {
        1.0 - self.0.random::<f64>()
    }
    /// Seconds until the next arrival of a Poisson process.
    pub fn wait_s(&mut self, rate_hz: f64) -> f64 {
        -self.unit().ln() / rate_hz
    }
}

/// Seconds since an instant.
pub fn since(began: Instant) -> f64 {
    began.elapsed().as_secs_f64()
}

/// Sleeps on this thread until an instant; what is past is past.
pub fn sleep_until(at: Instant) {
    let left = at.saturating_duration_since(Instant::now());
    if left > Duration::ZERO {
        std::thread::sleep(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_samples_that_were_there() {
        let mut samples: Vec<f64> = (1..=1000).rev().map(f64::from).collect();
        assert_eq!(median(&mut samples), 500.0);
        assert_eq!(quantile(&mut samples, 0.99), 990.0);
        assert_eq!(quantile(&mut samples, 1.0), 1000.0);
        assert_eq!((quantile(&mut [], 0.5), quantile(&mut [7.0], 0.999)), (0.0, 7.0));
    }

    #[test]
    fn rounds_alternate_and_give_ratios() {
        let mut order = String::new();
        let (a, b) = alternate(
            &mut order,
            3,
            |o| {
                o.push('a');
                Ok(9.0)
            },
            |o| {
                o.push('b');
                Ok(10.0)
            },
        )
        .unwrap();
        assert_eq!(order, "abbaab");
        assert!((median_ratio(&a, &b) - 0.9).abs() < 1e-9);
    }

    #[test]
    fn chance_is_repeatable_and_its_arrivals_have_their_rate() {
        let (mut a, mut b) = (Chance::new(7), Chance::new(7));
        let waits: Vec<f64> = (0..20_000).map(|_| a.wait_s(50.0)).collect();
        assert!(waits.iter().all(|w| *w >= 0.0 && *w == b.wait_s(50.0)));
        let mean = waits.iter().sum::<f64>() / waits.len() as f64;
        assert!((mean - 0.02).abs() < 0.001, "{mean}");
    }
}
