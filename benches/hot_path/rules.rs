//! Tracking and rules of one look, with ten objects and one rule of each kind.

use std::hint::black_box;
use std::sync::Arc;

use criterion::Criterion;
use skyeye::cli::bench::rules::{Walkers, configuration, look};
use skyeye::rule::ChannelRules;
use skyeye::track::Tracker;
use skyeye::types::{ModelName, ModelRef, Mono, Now, Wall};

/// A look at five a second: tracking alone, and with the rules.
pub fn rules(c: &mut Criterion) {
    let config = configuration(1).expect("a good configuration");
    let channel = &config.channel[0];
    let model = ModelRef { name: ModelName::new("bench").expect("a good name"), sha256: Arc::from("00") };
    let now = |n: u64| Now { mono: Mono(1000 + n * 200), wall: Wall(1_767_787_200_000 + n as i64 * 200) };
    let mut group = c.benchmark_group("rules");
    let mut walkers = Walkers::new(10, 1);
    let film: Vec<_> = (0..5000).map(|_| walkers.look(0.2)).collect();
    let mut tracker = Tracker::new(&config.track);
    let mut n = 0u64;
    group.bench_function("tracking, ten objects", |b| {
        b.iter(|| {
            n += 1;
            black_box(tracker.look(&film[n as usize % film.len()], now(n).mono))
        });
    });
    let (mut tracker, mut rules, mut n) = (Tracker::new(&config.track), ChannelRules::new(&config, channel), 0u64);
    group.bench_function("tracking and eleven rules, ten objects", |b| {
        b.iter(|| {
            n += 1;
            let tracks = tracker.look(&film[n as usize % film.len()], now(n).mono);
            black_box(rules.look(&look(&channel.id, &model, now(n)), &tracks, now(n)))
        });
    });
    group.finish();
}
