//! Whose turn it is among ten thousand channels that all wait: in patrol alone, and with activity, focus and catch-up.
#![allow(clippy::unwrap_used)]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, Criterion};
use skyeye::schedule::{Options, Sample, Schedule, Tier};
use skyeye::types::{ChannelId, Mono};

use crate::pictures;

const CHANNELS: usize = 10_000;

/// One whole decision: take the next, end its look, and its channel offers again. `weights` is how many different
/// weights the configuration holds.
pub fn decisions(c: &mut Criterion) {
    let ids: Vec<_> = (0..CHANNELS).map(|n| ChannelId::new(&format!("c{n}")).unwrap()).collect();
    let sample = |id: &ChannelId, at: u64| Sample {
        unit: pictures::unit(id, true, Bytes::new(), at),
        offered: Mono(at),
        tier: Tier::Patrol,
        active: false,
    };
    let mut group = c.benchmark_group("schedule");
    for weights in [1, 4, 1_000] {
        // No sample grows too old, so that every iteration is a look.
        let mut schedule = Schedule::new(Options { deadline_ms: u64::MAX, ..Options::default() });
        for (n, id) in ids.iter().enumerate() {
            schedule.register(id, 0.1 * (1 + n % weights) as f32, 120_000, Mono(0));
            schedule.offer(sample(id, 0));
        }
        let mut at = 0;
        group.bench_function(format!("take, done, offer at {CHANNELS} channels, {weights} weights"), |b| {
            b.iter(|| {
                at += 1;
                let taken = schedule.take(Mono(at)).unwrap();
                schedule.done(&taken.unit.channel, 10_000, Mono(at));
                assert!(schedule.offer(Sample { offered: Mono(at), ..taken }));
            });
        });
        assert_eq!(schedule.pending(), CHANNELS);
        // The common case under overload: the channel waits already, and its sample is replaced.
        let mut next = ids.iter().cycle();
        group.bench_function(format!("offer that replaces at {CHANNELS} channels, {weights} weights"), |b| {
            b.iter_batched(
                || sample(next.next().unwrap(), at),
                |s| black_box(schedule.offer(s)),
                BatchSize::SmallInput,
            );
        });
    }
    // What a district does: three weights, a sixth of the channels moves, a few are in focus and some begin to.
    let kind = |n: usize| match n % 60 {
        0 => (Tier::Focus, false),
        1 => (Tier::CatchUp, true),
        k => (Tier::Patrol, k < 12),
    };
    let options = Options { deadline_ms: u64::MAX, workers: 4, ..Options::default() };
    let mut schedule = Schedule::new(options);
    for (n, id) in ids.iter().enumerate() {
        schedule.register(id, [0.5, 1.0, 2.0][n % 3], 120_000, Mono(0));
        let (tier, active) = kind(n);
        schedule.offer(Sample { tier, active, ..sample(id, 0) });
    }
    let (mut steps, mut at) = (0u64, 0);
    group.bench_function(format!("take, done, offer at {CHANNELS} channels, both lanes"), |b| {
        b.iter(|| {
            steps += 1;
            at = steps / 4;
            let taken = schedule.take(Mono(at)).unwrap();
            schedule.done(&taken.unit.channel, 10_000, Mono(at));
            assert!(schedule.offer(Sample { offered: Mono(at), ..taken }));
        });
    });
    assert_eq!(schedule.pending(), CHANNELS);
    group.bench_function(format!("floors of {CHANNELS} channels"), |b| b.iter(|| black_box(schedule.floors(Mono(at)))));
    group.finish();
}
