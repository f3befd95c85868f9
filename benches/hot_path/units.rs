//! What every access unit of every channel costs before anybody looks at it: its place in time and in the pre-roll.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, Criterion};
use skyeye::config;
use skyeye::media::{Limits, Media, Timeline};
use skyeye::sample::Sampler;
use skyeye::schedule::demand::Demand;
use skyeye::types::{ChannelId, Mono};

use crate::pictures;

const CHANNELS: usize = 1_000;
/// 15 fps.
const STEP_MS: u64 = 66;

pub fn timeline(c: &mut Criterion) {
    let mut timelines: Vec<Timeline> = (0..CHANNELS).map(|_| Timeline::default()).collect();
    let mut n = 0usize;
    c.bench_function(&format!("media/timeline of {CHANNELS} channels"), |b| {
        b.iter(|| {
            let round = (n / CHANNELS) as u64;
            let out = timelines[n % CHANNELS].place(round as i64 * 5_940, 1, Mono(round * STEP_MS));
            n += 1;
            black_box(out)
        });
    });
}

/// Units of one group in their real sizes, or what 512 kbit/s gives at 15 fps; nothing of them is copied.
fn group_of(pictures: usize) -> Vec<Bytes> {
    let film = pictures::film();
    let sizes: Vec<usize> = match &film {
        Some(film) => film.units.iter().map(|u| u.data.len()).take(pictures).collect(),
        None => (0..pictures).map(|n| if n == 0 { 30_000 } else { 3_300 }).collect(),
    };
    sizes.into_iter().map(|bytes| Bytes::from(vec![0; bytes])).collect()
}

/// Reading a unit's slice header and deciding whether it is worth a look: once for every unit of every channel.
pub fn sample(c: &mut Criterion) {
    let Some(film) = pictures::film() else {
        println!("sample: left out, its units are the film's");
        return;
    };
    let ids: Vec<_> = (0..CHANNELS).map(|n| ChannelId::new(&format!("c{n}")).unwrap()).collect();
    let demands: Vec<Demand> = (0..CHANNELS).map(|_| Demand::default()).collect();
    let sampler = Sampler::new(&config::Sample::default());
    let mut n = 0usize;
    let mut next = || {
        let (channel, round) = (n % CHANNELS, n / CHANNELS);
        n += 1;
        let place = (round + channel) % film.units.len();
        let picture = &film.units[place];
        (channel, pictures::unit(&ids[channel], picture.key, picture.data.clone(), round as u64 * STEP_MS))
    };
    for _ in 0..CHANNELS * 30 {
        let (channel, unit) = next();
        sampler.consider(&unit, &demands[channel]);
    }
    c.bench_function(&format!("sample/a unit read and considered, {CHANNELS} channels"), |b| {
        b.iter_batched(
            &mut next,
            |(channel, unit)| black_box(sampler.consider(&unit, &demands[channel])),
            BatchSize::SmallInput,
        );
    });
}

pub fn preroll(c: &mut Criterion) {
    let ids: Vec<_> = (0..CHANNELS).map(|n| ChannelId::new(&format!("c{n}")).unwrap()).collect();
    let mut group = c.benchmark_group("media");
    let free = u64::MAX;
    for (name, pictures, total_bytes) in [
        ("preroll push, key frame every 2 s", 30, free),
        ("preroll push, key frame every 20 s", 300, free),
        ("preroll push at the total bound", 30, 64 << 20),
    ] {
        let units = group_of(pictures);
        let limits = Limits { preroll_ms: 3_000, channel_bytes: 8 << 20, total_bytes };
        let rings = Media::with(limits);
        let mut n = 0usize;
        let mut next = || {
            let (channel, round) = (n % CHANNELS, n / CHANNELS);
            n += 1;
            // Channels begin at different places in their group, as cameras do.
            let place = (round + channel) % units.len();
            pictures::unit(&ids[channel], place == 0, units[place].clone(), round as u64 * STEP_MS)
        };
        // Filled to where it stays: a long group plus the pre-roll.
        for _ in 0..CHANNELS * (pictures + 100) {
            rings.push(&next());
        }
        group.bench_function(format!("{name}, {CHANNELS} channels"), |b| {
            b.iter_batched(&mut next, |unit| rings.push(black_box(&unit)), BatchSize::SmallInput);
        });
        let held = ids.iter().map(|id| rings.preroll(id).len()).sum::<usize>() / CHANNELS;
        assert!(rings.bytes() <= total_bytes && (held >= pictures / 2 || total_bytes != free), "{held} units a ring");
    }
    group.finish();
}
