//! What every access unit of every channel costs before anybody looks at it: its place in time and in the pre-roll.
#![allow(clippy::unwrap_used)]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, Criterion};
use skyeye::media::{Limits, Media, Timeline};
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
