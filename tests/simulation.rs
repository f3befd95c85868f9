//! A district of 6,314 channels before the schedule, in simulated time: what is promised under overload, and what the
//! others get when something goes wrong with some. No clock is read: a bound that holds here holds on every machine.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // tests panic, and say what they saw

#[path = "support/district.rs"]
mod district;

use district::{District, FLOOR_MS, Script, Seen};

const CHANNELS: usize = 6314;
const DEADLINE_MS: u64 = 300;

fn overload(seen: &Seen, workers: usize, what: &str) {
    println!(
        "{what}: {:.1} looks/s {:?}, workers used {:.3}, oldest age {} ms, latest sample {} ms, gaps {:?}",
        seen.rate_hz(),
        seen.looks,
        seen.utilisation(workers),
        seen.oldest_ms,
        seen.latest_ms,
        seen.gaps
    );
    assert!(seen.latest_ms <= DEADLINE_MS, "{what}: never late");
    assert!(seen.utilisation(workers) >= 0.95, "{what}: the workers go on working: {}", seen.utilisation(workers));
}

/// Ten minutes of everything: a burst, a power cut after which all key frames come at once, a worker that hangs, a
/// model that takes a second; 4K, rare and missing key frames all the time.
fn ten_minutes() -> Script {
    Script {
        channels: CHANNELS,
        workers: 4,
        seed: 6314,
        rare: 30,
        never: 6,
        large: 60,
        focus: 60,
        bursts: vec![150],
        stalls: vec![230, 232],
        power_cut: Some(260),
        slow: Some((360, 500)),
        ..Script::default()
    }
}

#[test]
fn ten_minutes_of_a_district() {
    let script = ten_minutes();
    let (workers, never) = (script.workers, script.never);
    let mut d = District::new(script);
    // The oracle knows when each channel was looked at; the schedule must say the same.
    let honest = |d: &District, s: u64, told: &skyeye::schedule::Floors| {
        let missed = d.cameras.iter().filter(|c| s * 1000 - c.last > FLOOR_MS).count();
        assert_eq!((told.channels, told.missed), (CHANNELS, missed), "at {s} s");
    };

    d.run(60, honest);
    d.measure();
    d.run(150, honest);
    let calm = d.measure();
    overload(&calm, workers, "calm");
    let patrol_hz = calm.looks[0] as f64 / calm.seconds();
    let round_ms = (CHANNELS as f64 / patrol_hz * 1000.0) as u64;
    assert!(calm.oldest_ms <= 2 * round_ms, "{} of {round_ms}", calm.oldest_ms);
    for (key_ms, (least, most)) in &calm.gaps {
        assert!(most <= &(2 * least), "equal channels (key frame every {key_ms} ms) within 2x: {least} to {most}");
    }
    // Focus has what the budget granted, whatever patrol would like to have.
    let report = d.budget.report();
    println!("focus: {} of {} have it, {:.0} fit", report.granted, report.wanting, report.carries);
    assert!(report.granted > 0 && report.used_us <= report.budget_us);
    let granted_hz = report.granted as f64 * 5.0;
    assert!((calm.looks[2] as f64 / calm.seconds() / granted_hz - 1.0).abs() < 0.15, "{granted_hz}");

    // A thousand move: they come first, and nobody else's floor breaks.
    d.run(215, |d, s, told| {
        honest(d, s, told);
        assert_eq!((told.late, told.stretch), (0, 1.0), "at {s} s");
    });
    overload(&d.measure(), workers, "burst");

    // Two workers hang for four seconds each.
    d.run(260, |d, s, told| {
        honest(d, s, told);
        let capacity = d.schedule.capacity(skyeye::types::Mono(s * 1000));
        assert_eq!(capacity.stalled > 0, (232..=236).contains(&s), "at {s} s: {capacity:?}");
        assert_eq!(told.late, 0, "at {s} s");
    });
    overload(&d.measure(), workers, "stall");

    // All key frames of one interval within 200 ms.
    d.run(290, honest);
    d.measure();
    d.run(360, |d, s, told| {
        honest(d, s, told);
        assert_eq!(told.late, 0, "at {s} s");
    });
    let cut = d.measure();
    overload(&cut, workers, "after the power cut");
    let round_ms = (CHANNELS as f64 / (cut.looks[0] + cut.looks[1]) as f64 * cut.seconds() * 1000.0) as u64;
    assert!(cut.oldest_ms <= 2 * round_ms, "{} of {round_ms}", cut.oldest_ms);

    // A model that takes a second: floors cannot be kept, and it is said by how much.
    let mut said = (0.0f32, 0);
    d.run(500, |d, s, told| {
        honest(d, s, told);
        assert!(told.late == 0 || told.stretch > 1.0 || s < 370, "at {s} s: {told:?}");
        said = (said.0.max(told.stretch), said.1.max(told.missed));
    });
    overload(&d.measure(), workers, "slow model");
    println!("slow model: floors stretched {:.1}x, {} channels beyond their own floor", said.0, said.1);
    // Four looks a second are there at most, for 52 that the floors need.
    assert!(said.0 > 13.0 && said.0 < 60.0 && said.1 > 5000, "{said:?}");
    assert!(d.budget.report().refused.len() >= 55, "focus gives way too");

    // And back.
    d.run(560, honest);
    d.measure();
    d.run(600, |d, s, told| {
        honest(d, s, told);
        assert_eq!((told.stretch, told.late), (1.0, 0), "at {s} s");
        assert_eq!((told.silent, told.missed), (never, never), "at {s} s: those without key frames are named");
    });
    overload(&d.measure(), workers, "recovered");
    assert!(d.cameras.iter().all(|c| c.looks > 0 || c.key_ms == 0), "nobody starves");
    let (drops, pending) = (d.schedule.drops(), d.schedule.pending() as u64);
    assert_eq!(d.offered, d.taken + pending + drops.replaced + drops.expired + drops.unknown, "all are accounted for");
    println!("{} offered, {} looks, {drops:?}", d.offered, d.taken);
}

#[test]
fn the_same_seed_gives_the_same_decisions() {
    let run = |seed| {
        let script =
            Script { channels: 800, workers: 1, seed, focus: 20, bursts: vec![10], stalls: vec![20], ..ten_minutes() };
        let mut d = District::new(Script { power_cut: Some(30), slow: Some((45, 50)), ..script });
        d.run(60, |_, _, _| {});
        (d.digest, d.taken)
    };
    let first = run(1);
    assert_eq!(first, run(1));
    assert_ne!(first, run(2));
}
