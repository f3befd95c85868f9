//! What a district's cameras say all day although nothing happens.
//!
//! Numbers are drawn from wide distributions: most flickers are over in seconds and some last; a few channels make most of
//! the noise. Scores are those that a detector gives to what is not there (`scores`), which now and then are as high as
//! those of the real thing; a poster's always are.

use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};

use super::{
    ordinary, scores,
    script::{DAY, HOUR, MINUTE, SECOND, Script, Seen, object},
    world::World,
};
use crate::types::{HealthFact, fact::HealthScope};

/// A rule and zone of a channel that says the same all day, and where in the picture.
#[derive(Debug, Clone, Copy)]
pub struct Source {
    pub channel: usize,
    pub kind: &'static str,
    pub zone: u32,
    pub spot: (f32, f32),
}

/// Channels by what is wrong with them, so that true things can be made to happen there.
#[derive(Debug, Default)]
pub struct Noisy {
    pub sources: Vec<Source>,
    /// Of those the ones in the wind.
    pub trees: Vec<Source>,
    /// Lines that people cross all day.
    pub gates: Vec<Source>,
    pub rained_on: Vec<(usize, u64, u64)>,
    pub wind: [(u64, u64); 2],
    /// Channels that give no pictures, from when until when.
    pub down: Vec<(usize, u64, u64)>,
}

impl Noisy {
    /// Whether there is no picture in which something could be seen.
    pub fn is_down(&self, channel: usize, at: u64) -> bool {
        self.down.iter().any(|(n, from, to)| *n == channel && (*from..*to).contains(&at))
    }
}

/// It gets up some hours sooner or later on another day.
const WIND: [(u64, u64); 2] = [(10 * HOUR, 12 * HOUR + 30 * MINUTE), (15 * HOUR, 18 * HOUR)];
const WIND_SHIFTS: u64 = 5 * HOUR;
const SHOWERS: [(u64, u64); 2] =
    [(3 * HOUR + 10 * MINUTE, 3 * HOUR + 55 * MINUTE), (19 * HOUR + 20 * MINUTE, 20 * HOUR + 20 * MINUTE)];

/// A positive number around `median`, with a long tail.
fn long_tail(rng: &mut StdRng, median: f64, sigma: f64) -> f64 {
    // Box and Muller.
    let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
    let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
    median * (sigma * normal).exp()
}

pub fn seconds(rng: &mut StdRng, median: f64, sigma: f64) -> u64 {
    (long_tail(rng, median, sigma).min(3600.0) * SECOND as f64) as u64
}

pub fn near((x, y): (f32, f32), by: f32, rng: &mut StdRng) -> (f32, f32) {
    (x + rng.random_range(-by..by), y + rng.random_range(-by..by))
}

pub fn place(rng: &mut StdRng) -> (f32, f32) {
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

/// What is the same on every day of a site: which channels are noisy, and how.
pub fn of_site(site: u64, channel: usize) -> StdRng {
    StdRng::seed_from_u64(site.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ channel as u64)
}

/// Fills the day of a site with noise; gives where it is.
pub fn fill(world: &World, site: u64, script: &mut Script, rng: &mut StdRng) -> anyhow::Result<Noisy> {
    let mut all: Vec<usize> = (0..world.channels.len()).collect();
    all.shuffle(&mut of_site(site, usize::MAX));
    let (flicker, rest) = all.split_at(250);
    let (trees, rest) = rest.split_at(150);
    let (lamps, rest) = rest.split_at(40);
    let (busy, rest) = rest.split_at(ordinary::CHANNELS);
    let later = rng.random_range(0..WIND_SHIFTS);
    let wind = WIND.map(|(from, to)| (from + later - WIND_SHIFTS / 2, to + later - WIND_SHIFTS / 2));
    let mut noisy = Noisy { wind, ..Noisy::default() };
    flickers(world, (site, flicker), script, &mut noisy, rng)?;
    swaying(world, (site, trees), script, &mut noisy, rng)?;
    lights(world, lamps, script, rng)?;
    for (n, shower) in SHOWERS.into_iter().enumerate() {
        rain(world, n, shower, script, &mut noisy, rng)?;
    }
    recorders(world, rest, script, &mut noisy, rng)?;
    noisy.gates = ordinary::fill(world, (site, busy), script, rng)?;
    Ok(noisy)
}

/// A bush, a poster, a bin that looks like somebody now and then.
fn flickers(
    world: &World,
    (site, channels): (u64, &[usize]),
    script: &mut Script,
    noisy: &mut Noisy,
    rng: &mut StdRng,
) -> anyhow::Result<()> {
    for n in channels {
        let own = &mut of_site(site, *n);
        let kind = if own.random_bool(0.8) { "presence" } else { "intrusion" };
        let (spot, height, zone) = (place(own), own.random_range(0.08..0.3), own.random_range(0..3));
        let what = label(kind, own);
        // Every twelfth looks like somebody to anybody.
        let usual = if own.random_bool(0.08) { scores::poster(own) } else { scores::not_there(own) };
        let events = long_tail(own, 50.0, 0.9).clamp(5.0, 400.0) as u64;
        // The sun is where it is: most come in some hours of the day.
        let hours: Vec<u64> = (0..own.random_range(2..9)).map(|_| own.random_range(0..24)).collect();
        for _ in 0..events {
            let hour =
                if rng.random_bool(0.8) { hours[rng.random_range(0..hours.len())] } else { rng.random_range(0..24) };
            let o = object(
                what,
                scores::again(usual, rng),
                near(spot, 0.015, rng),
                height * rng.random_range(0.9..1.1),
                rng.random_range(1..1_000_000_000),
            );
            let when = (hour * HOUR + rng.random_range(0..HOUR), seconds(rng, 2.5, 0.8));
            let objects = vec![o];
            let seen = Seen::nothing(&world.channels[*n], (kind, zone), when, objects, 0.2);
            script.see(seen, rng)?;
        }
        noisy.sources.push(Source { channel: *n, kind, zone, spot });
    }
    Ok(())
}

/// Branches in the wind: the same few places, for hours, over lines too.
fn swaying(
    world: &World,
    (site, channels): (u64, &[usize]),
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
        let own = &mut of_site(site, *n);
        let kind = KINDS[own.random_range(0..KINDS.len())];
        let zone = own.random_range(0..3);
        let spots: Vec<_> = (0..own.random_range(1..4)).map(|_| (place(own), own.random_range(0.08..0.25))).collect();
        let what = label(kind, own);
        let every_s = own.random_range(40.0..200.0);
        for (from, to) in noisy.wind {
            let mut at = from + rng.random_range(0..10 * MINUTE);
            while at < to {
                let (spot, height) = spots[rng.random_range(0..spots.len())];
                let o = object(
                    what,
                    scores::not_there(rng),
                    near(spot, 0.03, rng),
                    height * rng.random_range(0.85..1.15),
                    rng.random_range(1..1_000_000_000),
                );
                let moment = matches!(kind, "line" | "wrong-way");
                let lasts_ms = if moment { 200 } else { seconds(rng, 4.0, 0.8) };
                let when = (at, lasts_ms);
                let objects = vec![o];
                let seen = Seen::nothing(&world.channels[*n], (kind, zone), when, objects, 0.7);
                script.see(seen, rng)?;
                at += lasts_ms + seconds(rng, every_s, 0.7);
            }
        }
        let source = Source { channel: *n, kind, zone, spot: spots[0].0 };
        noisy.sources.push(source);
        noisy.trees.push(source);
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
                scores::not_there(rng),
                near(spot, 0.05, rng),
                height,
                rng.random_range(1..1_000_000_000),
            );
            let when = (16 * HOUR + 40 * MINUTE + rng.random_range(0..90 * MINUTE), seconds(rng, 6.0, 0.5));
            let objects = vec![o];
            let seen = Seen::nothing(&world.channels[*n], (kind, 0), when, objects, 0.5);
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
                        scores::not_there(rng),
                        place(rng),
                        rng.random_range(0.03..0.12),
                        rng.random_range(1..1_000_000_000),
                    )
                })
                .collect();
            let lasts_ms = seconds(rng, 1.8, 0.9);
            let when = (at, lasts_ms);
            let seen = Seen::nothing(channel, (kind, 0), when, objects, 0.95);
            script.see(seen, rng)?;
            at += lasts_ms + seconds(rng, every_s, 0.8);
        }
        noisy.rained_on.push((n, from, to));
    }
    Ok(())
}

/// Two recorders fall and come back, and some cameras by themselves.
fn recorders(
    world: &World,
    calm: &[usize],
    script: &mut Script,
    noisy: &mut Noisy,
    rng: &mut StdRng,
) -> anyhow::Result<()> {
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
        noisy.down.extend(under.iter().map(|n| (*n, from, back)));
        script.outage((list[0], Some(&list)), health, (from, back), rng)?;
        for channel in list {
            for _ in 0..rng.random_range(0..3) {
                // The first pictures are dark, grey or old.
                let kind = ["absence", "removed-object", "presence", "left-object"][rng.random_range(0..4)];
                let o = object(
                    label(kind, rng),
                    scores::not_there(rng),
                    place(rng),
                    rng.random_range(0.05..0.3),
                    rng.random_range(1..1_000_000_000),
                );
                let when = (back + rng.random_range(SECOND..70 * SECOND), seconds(rng, 20.0, 1.0));
                let objects = if kind == "absence" { Vec::new() } else { vec![o] };
                let seen = Seen::nothing(channel, (kind, 1), when, objects, 0.5);
                script.see(seen, rng)?;
            }
        }
    }
    for n in &calm[2..32] {
        let from = rng.random_range(0..DAY - 2 * HOUR);
        let to = from + seconds(rng, 600.0, 1.0).max(20 * SECOND);
        noisy.down.push((*n, from, to));
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
