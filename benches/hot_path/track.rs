//! One look of the tracker, by how many objects are in view.
#![allow(clippy::unwrap_used)]

use std::{hint::black_box, sync::Arc};

use criterion::Criterion;
use skyeye::{
    config,
    track::Tracker,
    types::{BBox, Detection, Mono},
};

/// People who walk to and fro, each in a row of his own where there is room, seen five times a second with a detector's
/// jitter.
fn looks(objects: usize) -> Vec<Vec<Detection>> {
    let label: Arc<str> = Arc::from("person");
    let at = |i: usize, look: usize| {
        let (phase, pace) = (i as f32 * 0.37, 0.03 + 0.002 * (i % 7) as f32);
        let way = (phase + pace * look as f32 / 5.0).rem_euclid(1.8);
        let jitter = ((i * 31 + look * 17) % 13) as f32 / 13.0 - 0.5;
        let x = if way < 0.9 { way } else { 1.8 - way } + 0.004 * jitter;
        let y = (i as f32 * 0.13).rem_euclid(0.7) + 0.01 * jitter;
        let bbox = BBox { x: x.max(0.0), y: y.max(0.0), w: 0.04 + 0.002 * jitter, h: 0.15 };
        Detection { label: label.clone(), score: 0.7 + 0.2 * jitter, bbox }
    };
    (0..600).map(|look| (0..objects).map(|i| at(i, look)).collect()).collect()
}

pub fn look(c: &mut Criterion) {
    let mut group = c.benchmark_group("track");
    for objects in [1, 10, 50] {
        let looks = looks(objects);
        let (mut tracker, mut at) = (Tracker::new(&config::Track::default()), 0usize);
        group.bench_function(format!("a look with {objects} in view"), |b| {
            b.iter(|| {
                at += 1;
                black_box(tracker.look(&looks[at % looks.len()], Mono(200 * at as u64)))
            });
        });
    }
    let crowd: Vec<Detection> = looks(2000).swap_remove(0);
    group.sample_size(10);
    group.bench_function("a look with 2000 boxes from a broken model", |b| {
        let mut tracker = Tracker::new(&config::Track::default());
        let mut at = 0;
        b.iter(|| {
            at += 200;
            black_box(tracker.look(&crowd, Mono(at)))
        });
    });
    group.finish();
}
