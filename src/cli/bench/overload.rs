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

pub fn run(setting: &Setting, args: &OverloadArgs) -> anyhow::Result<Report> {
    anyhow::ensure!(args.factor > 1.0 && args.factor <= 1000.0, "--factor is a multiple over 1");
    let mut bed = Bed::new(setting)?;
    let (seconds, channels) = (setting.seconds(40), bed.fed_channels());
    setting.say(&format!(
        "overload: full load is {:.1} samples/s; {:.1} times that over {channels} equal channels",
        bed.full_hz, args.factor
    ));
    let (mut gateway, hand) = bed.fed(setting)?;
    let full = bed.feed((&mut gateway, &hand), bed.full_hz * FULL, seconds / 3.0, setting.common.seed)?;
    let over = bed.feed((&mut gateway, &hand), bed.full_hz * args.factor, seconds, setting.common.seed ^ 0x5eed)?;
    let floor = bed.floor_ms()?;
    let (full_hz, over_hz) = (full.looks / full.seconds, over.looks / over.seconds);
    let ages = ages_s(&over);
    let peak = |f: fn(f64, f64) -> f64, start| ages.values().map(|a| a.peak).fold(start, f);
    let mean = |f: fn(f64, f64) -> f64, start| ages.values().map(|a| a.mean).fold(start, f);
    let p99 = measure::quantile(&mut over.latencies(), 0.99);
    let report = over.tell(Report::new("overload", p99, floor, "ms"), "");
    Ok(report
        .with("factor", args.factor)
        .with("full_load_hz", bed.full_hz)
        .with("gateway_full_hz", full_hz)
        .with("finished_hz", over_hz)
        .with("finished_of_gateway_full", over_hz / full_hz)
        .with("finished_of_full_load", over_hz / bed.full_hz)
        .with("channels", channels)
        .with("channels_seen", ages.len())
        .with("age_mean_spread", mean(f64::max, 0.0) / mean(f64::min, f64::INFINITY))
        .with("age_peak_spread", peak(f64::max, 0.0) / peak(f64::min, f64::INFINITY))
        .with("age_oldest_s", peak(f64::max, 0.0))
        .with("age_bound_s", 2.0 * channels as f64 / over_hz)
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
