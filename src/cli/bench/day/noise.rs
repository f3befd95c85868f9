//! What a district's cameras say all day although nothing happens.
//!
//! Numbers are drawn from wide distributions: most flickers are over in seconds and some last; a few channels make most of
//! the noise. What they have in common with the real thing is the type of the event and the label; what they have not is
//! that the detector is sure, that they last, or that they are where they never were before.

use rand::{Rng, rngs::StdRng, seq::SliceRandom};

use super::{
    script::{DAY, HOUR, MINUTE, SECOND, Script, Seen, object, severity},
    world::World,
};
use crate::types::{HealthFact, fact::HealthScope};

/// Channels by what is wrong with them, so that true things can be made to happen there.
#[derive(Debug, Default)]
pub struct Noisy {
    /// Channel, type of the rule, zone: sources that say the same all day.
    pub sources: Vec<(usize, &'static str, u32)>,
    /// Of those the ones in the wind, and when it blows.
    pub trees: Vec<(usize, &'static str, u32)>,
    pub rained_on: Vec<(usize, u64, u64)>,
}

pub const WIND: [(u64, u64); 2] = [(10 * HOUR, 12 * HOUR + 30 * MINUTE), (15 * HOUR, 18 * HOUR)];
const SHOWERS: [(u64, u64); 2] =
    [(3 * HOUR + 10 * MINUTE, 3 * HOUR + 55 * MINUTE), (19 * HOUR + 20 * MINUTE, 20 * HOUR + 20 * MINUTE)];

/// A positive number around `median`, with a long tail.
fn long_tail(rng: &mut StdRng, median: f64, sigma: f64) -> f64 {
    // Box and Muller.
    let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
    let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
    median * (sigma * normal).exp()
}

fn seconds(rng: &mut StdRng, median: f64, sigma: f64) -> u64 {
    (long_tail(rng, median, sigma).min(3600.0) * SECOND as f64) as u64
}

/// What the detector gives to what is not there: just over what a rule wants, seldom more.
fn unsure(rng: &mut StdRng) -> f32 {
    0.5 + 0.13 * rng.random::<f32>().powi(2)
}

fn near((x, y): (f32, f32), by: f32, rng: &mut StdRng) -> (f32, f32) {
    (x + rng.random_range(-by..by), y + rng.random_range(-by..by))
}

fn place(rng: &mut StdRng) -> (f32, f32) {
    (rng.random_range(0.1..0.9), rng.random_range(0.15..0.9))
}

fn label(kind: &str, rng: &mut StdRng) -> &'static str {
    match kind {
        "stopped" | "wrong-way" => "car",
        "left-object" | "removed-object" => "suitcase",
        _ if rng.random_bool(0.85) => "person",
        _ => "dog",
    }
}

/// Fills the day with noise; gives where it is.
pub fn fill(world: &World, script: &mut Script, rng: &mut StdRng) -> anyhow::Result<Noisy> {
    let mut all: Vec<usize> = (0..world.channels.len()).collect();
    all.shuffle(rng);
    let (flicker, rest) = all.split_at(250);
    let (trees, rest) = rest.split_at(150);
    let (lamps, rest) = rest.split_at(40);
    let mut noisy = Noisy::default();
    flickers(world, flicker, script, &mut noisy, rng)?;
    swaying(world, trees, script, &mut noisy, rng)?;
    lights(world, lamps, script, rng)?;
    for (n, shower) in SHOWERS.into_iter().enumerate() {
        rain(world, n, shower, script, &mut noisy, rng)?;
    }
    recorders(world, rest, script, rng)?;
    Ok(noisy)
}

/// A bush, a poster, a bin that looks like somebody now and then.
fn flickers(
    world: &World,
    channels: &[usize],
    script: &mut Script,
    noisy: &mut Noisy,
    rng: &mut StdRng,
) -> anyhow::Result<()> {
    for n in channels {
        let kind = if rng.random_bool(0.8) { "presence" } else { "intrusion" };
        let (spot, height, zone) = (place(rng), rng.random_range(0.08..0.3), rng.random_range(0..3));
        let what = label(kind, rng);
        let events = long_tail(rng, 50.0, 0.9).clamp(5.0, 400.0) as u64;
        // The sun is where it is: most come in some hours of the day.
        let hours: Vec<u64> = (0..rng.random_range(2..9)).map(|_| rng.random_range(0..24)).collect();
        for _ in 0..events {
            let hour =
                if rng.random_bool(0.8) { hours[rng.random_range(0..hours.len())] } else { rng.random_range(0..24) };
            let o = object(
                what,
                unsure(rng),
                near(spot, 0.015, rng),
                height * rng.random_range(0.9..1.1),
                rng.random_range(1..1_000_000_000),
            );
            let seen = Seen {
                channel: &world.channels[*n],
                kind,
                zone,
                at_ms: hour * HOUR + rng.random_range(0..HOUR),
                lasts_ms: seconds(rng, 2.5, 0.8),
                objects: vec![o],
                swaps: 0.2,
                severity: severity(kind),
                truth: None,
            };
            script.see(seen, rng)?;
        }
        noisy.sources.push((*n, kind, zone));
    }
    Ok(())
}

/// Branches in the wind: the same few places, for hours, over lines too.
fn swaying(
    world: &World,
    channels: &[usize],
    script: &mut Script,
    noisy: &mut Noisy,
    rng: &mut StdRng,
) -> anyhow::Result<()> {
    const KINDS: [&str; 10] = [
        "intrusion",
        "intrusion",
        "intrusion",
        "intrusion",
        "presence",
        "presence",
        "presence",
        "line",
        "line",
        "wrong-way",
    ];
    for n in channels {
        let kind = KINDS[rng.random_range(0..KINDS.len())];
        let zone = rng.random_range(0..3);
        let spots: Vec<_> = (0..rng.random_range(1..4)).map(|_| (place(rng), rng.random_range(0.08..0.25))).collect();
        let what = label(kind, rng);
        let every_s = rng.random_range(40.0..200.0);
        for (from, to) in WIND {
            let mut at = from + rng.random_range(0..10 * MINUTE);
            while at < to {
                let (spot, height) = spots[rng.random_range(0..spots.len())];
                let o = object(
                    what,
                    unsure(rng),
                    near(spot, 0.03, rng),
                    height * rng.random_range(0.85..1.15),
                    rng.random_range(1..1_000_000_000),
                );
                let moment = matches!(kind, "line" | "wrong-way");
                let lasts_ms = if moment { 200 } else { seconds(rng, 4.0, 0.8) };
                let seen = Seen {
                    channel: &world.channels[*n],
                    kind,
                    zone,
                    at_ms: at,
                    lasts_ms,
                    objects: vec![o],
                    swaps: 0.7,
                    severity: severity(kind),
                    truth: None,
                };
                script.see(seen, rng)?;
                at += lasts_ms + seconds(rng, every_s, 0.7);
            }
        }
        noisy.sources.push((*n, kind, zone));
        noisy.trees.push((*n, kind, zone));
    }
    Ok(())
}

/// Headlights and long shadows at dusk: things that seem to have been left and are gone again.
fn lights(world: &World, channels: &[usize], script: &mut Script, rng: &mut StdRng) -> anyhow::Result<()> {
    for n in channels {
        let kind = ["left-object", "stopped", "removed-object"][rng.random_range(0..3)];
        let (spot, height) = (place(rng), rng.random_range(0.05..0.15));
        for _ in 0..rng.random_range(2..6) {
            let o = object(
                label(kind, rng),
                unsure(rng),
                near(spot, 0.05, rng),
                height,
                rng.random_range(1..1_000_000_000),
            );
            let seen = Seen {
                channel: &world.channels[*n],
                kind,
                zone: 0,
                at_ms: 16 * HOUR + 40 * MINUTE + rng.random_range(0..90 * MINUTE),
                lasts_ms: seconds(rng, 6.0, 0.5),
                objects: vec![o],
                swaps: 0.5,
                severity: severity(kind),
                truth: None,
            };
            script.see(seen, rng)?;
        }
    }
    Ok(())
}

/// A shower goes over three quarters of the district and wets every second camera.
fn rain(
    world: &World,
    number: usize,
    (from, to): (u64, u64),
    script: &mut Script,
    noisy: &mut Noisy,
    rng: &mut StdRng,
) -> anyhow::Result<()> {
    for (n, channel) in world.channels.iter().enumerate() {
        let under = if number == 0 { channel.street < 6 } else { channel.street >= 2 };
        if !under || !rng.random_bool(0.45) {
            continue;
        }
        let kind = if rng.random_bool(0.7) { "presence" } else { "intrusion" };
        // It comes over the district from one side.
        let (from, to) = (from + channel.street as u64 * 2 * MINUTE, to + channel.street as u64 * 2 * MINUTE);
        let every_s = rng.random_range(120.0..600.0);
        let mut at = from + rng.random_range(0..8 * MINUTE);
        while at < to {
            let boxes = rng.random_range(1..3);
            let objects = (0..boxes)
                .map(|_| {
                    object(
                        label(kind, rng),
                        unsure(rng),
                        place(rng),
                        rng.random_range(0.03..0.12),
                        rng.random_range(1..1_000_000_000),
                    )
                })
                .collect();
            let lasts_ms = seconds(rng, 1.8, 0.9);
            let seen = Seen {
                channel,
                kind,
                zone: 0,
                at_ms: at,
                lasts_ms,
                objects,
                swaps: 0.95,
                severity: severity(kind),
                truth: None,
            };
            script.see(seen, rng)?;
            at += lasts_ms + seconds(rng, every_s, 0.8);
        }
        noisy.rained_on.push((n, from, to));
    }
    Ok(())
}

/// Two recorders fall and come back, and some cameras by themselves.
fn recorders(world: &World, calm: &[usize], script: &mut Script, rng: &mut StdRng) -> anyhow::Result<()> {
    for (first, from, minutes) in [(calm[0], 9 * HOUR + 40 * MINUTE, 38), (calm[1], 22 * HOUR + 31 * MINUTE, 17)] {
        let under = world.of_recorder(first);
        let list: Vec<_> = under.iter().map(|n| &world.channels[*n]).collect();
        let recorder = list[0].recorder.clone();
        let health = HealthFact {
            scope: HealthScope::Host,
            name: Some(recorder),
            what: "down".into(),
            state: None,
            reason: "the recorder does not answer".into(),
        };
        let back = from + minutes * MINUTE;
        script.outage((list[0], Some(&list)), health, (from, back), rng)?;
        for channel in list {
            for _ in 0..rng.random_range(0..3) {
                // The first pictures are dark, grey or old.
                let kind = ["absence", "removed-object", "presence", "left-object"][rng.random_range(0..4)];
                let o = object(
                    label(kind, rng),
                    unsure(rng),
                    place(rng),
                    rng.random_range(0.05..0.3),
                    rng.random_range(1..1_000_000_000),
                );
                let seen = Seen {
                    channel,
                    kind,
                    zone: 1,
                    at_ms: back + rng.random_range(SECOND..70 * SECOND),
                    lasts_ms: seconds(rng, 20.0, 1.0),
                    objects: if kind == "absence" { Vec::new() } else { vec![o] },
                    swaps: 0.5,
                    severity: severity(kind),
                    truth: None,
                };
                script.see(seen, rng)?;
            }
        }
    }
    for n in &calm[2..32] {
        let from = rng.random_range(0..DAY - 2 * HOUR);
        let to = from + seconds(rng, 600.0, 1.0).max(20 * SECOND);
        let health = HealthFact {
            scope: HealthScope::Channel,
            name: None,
            what: "down".into(),
            state: None,
            reason: "the camera does not answer".into(),
        };
        script.outage((&world.channels[*n], None), health, (from, to), rng)?;
    }
    Ok(())
}
