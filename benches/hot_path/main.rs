//! The kernels that run for every unit or every look; what they cost decides how many channels a machine carries.
//! README.md beside this folder says how to run them, what each figure means and what limits it.

mod look;
mod pictures;
mod rules;
mod schedule;
mod track;
mod units;

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

/// Short enough that all of them take two minutes, long enough that the median holds on a machine with other work.
fn quick() -> Criterion {
    Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3))
}

criterion_group! {
    name = hot_path;
    config = quick();
    targets = look::decode, look::stream, look::letterbox, look::postprocess, rules::rules, schedule::decisions, track::look, units::timeline, units::sample, units::preroll
}
criterion_main!(hot_path);
