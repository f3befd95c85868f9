//! `skyeye bench overload`: what happens to latency and fairness when far more comes than the machine can do.
//!
//! The same fed gateway as `latency`. First a little more than full load, which tells how many samples a second the
//! whole gateway finishes; then `--factor` times what the workers alone can do. A sample past its deadline is not looked
//! at: the rate falls, the latency of what is looked at does not. The age of a channel is the time since its last
//! finished look; told is the greatest age that each of these equal channels reached, and how far they lie apart.

use std::collections::HashMap;

use clap::Args;

use super::{
    Report, Setting,
    latency::{Bed, Run},
    measure,
};
use crate::types::ChannelId;

#[derive(Debug, Clone, Args)]
pub struct OverloadArgs {
    /// Arrivals, as a multiple of what the workers alone can do
    #[arg(long, value_name = "TIMES", default_value_t = 4.0)]
    factor: f64,
}

/// Enough to be never idle, and little enough not to be an overload worth the name.
const FULL: f64 = 1.25;
/// Full load and overload in turn.
const ROUNDS: usize = 3;

pub fn run(setting: &Setting, args: &OverloadArgs) -> anyhow::Result<Report> {
    anyhow::ensure!(args.factor > 1.0 && args.factor <= 1000.0, "--factor is a multiple over 1");
    let mut bed = Bed::new(setting)?;
    let (seconds, channels) = (setting.seconds(60) / ROUNDS as f64, bed.fed_channels());
    setting.say(&format!(
        "overload: full load is {:.1} samples/s; {:.1} times that over {channels} equal channels",
        bed.full_hz, args.factor
    ));
    let (mut gateway, hand) = bed.fed(setting)?;
    let (mut all, mut p99, mut of_full, mut full_hz, mut over_hz) = (Vec::new(), vec![], vec![], vec![], vec![]);
    let (mut mean_spread, mut peak_spread, mut oldest, mut bound, mut seen) = (vec![], vec![], 0.0f64, vec![], 0);
    for round in 0..ROUNDS {
        let seed = setting.common.seed.wrapping_add(round as u64);
        let full = bed.feed((&mut gateway, &hand), bed.full_hz * FULL, seconds / 3.0, seed)?;
        let over = bed.feed((&mut gateway, &hand), bed.full_hz * args.factor, seconds, seed ^ 0x5eed)?;
        let (full_rate, over_rate) = (full.finished_hz, over.finished_hz);
        full_hz.push(full_rate);
        over_hz.push(over_rate);
        of_full.push(over_rate / full_rate);
        p99.push(measure::quantile(&mut over.latencies(), 0.99));
        let ages = ages_s(&over);
        let spread = |of: fn(&Age) -> f64| {
            let (least, most) = ages.values().map(of).fold((f64::INFINITY, 0.0f64), |(l, m), a| (l.min(a), m.max(a)));
            most / least
        };
        mean_spread.push(spread(|a| a.mean));
        peak_spread.push(spread(|a| a.peak));
        oldest = ages.values().map(|a| a.peak).fold(oldest, f64::max);
        bound.push(2.0 * channels as f64 / over_rate);
        seen = seen.max(ages.len());
        all.push(over);
    }
    let floor = bed.floor_ms()?;
    let over = Run::together(all);
    let report = over.tell(Report::new("overload", measure::quantile(&mut over.latencies(), 0.99), floor, "ms"), "");
    Ok(report
        .with("p99_by_round_ms", measure::median(&mut p99))
        .with("factor", args.factor)
        .with("rounds", ROUNDS)
        .with("full_load_hz", bed.full_hz)
        .with("gateway_full_hz", measure::median(&mut full_hz))
        .with("finished_hz", measure::median(&mut over_hz))
        .with("finished_of_gateway_full", measure::median(&mut of_full))
        .with("channels", channels)
        .with("channels_seen", seen)
        .with("age_mean_spread", measure::median(&mut mean_spread))
        .with("age_peak_spread", measure::median(&mut peak_spread))
        .with("age_oldest_s", oldest)
        .with("age_bound_s", measure::median(&mut bound))
        .with("deadline_ms", setting.config.schedule.deadline_ms)
        .with("model", setting.model()?.name.as_str()))
}

/// Seconds without a finished look.
struct Age {
    mean: f64,
    peak: f64,
}

/// Of each channel that was looked at, from the messages; the begin and the end of the run count as looks that were.
fn ages_s(run: &Run) -> HashMap<ChannelId, Age> {
    let mut looks: HashMap<ChannelId, Vec<f64>> = HashMap::new();
    for (event, at_ms) in &run.events {
        looks.entry(event.channel.clone()).or_default().push((at_ms - run.from_ms) / 1000.0);
    }
    let age = |mut at: Vec<f64>| {
        at.sort_by(f64::total_cmp);
        let gaps: Vec<f64> = at.windows(2).map(|w| w[1] - w[0]).collect();
        // Before the first and behind the last the age is at least this.
        let edges = [at.first().copied().unwrap_or(0.0), run.seconds - at.last().copied().unwrap_or(0.0)];
        let peak = gaps.iter().chain(&edges).copied().fold(0.0, f64::max);
        let mean = if gaps.is_empty() { peak } else { gaps.iter().sum::<f64>() / gaps.len() as f64 };
        Age { mean, peak }
    };
    looks.into_iter().map(|(channel, at)| (channel, age(at))).collect()
}
