//! What really happens on the day, most of it where and when it is hardest to see.
//!
//! Every type of rule has its happenings: on calm channels, in showers, on the very sources that make noise all day, in
//! the middle of another happening next door, and on sources that an operator has shelved. A true happening that is in
//! view lasts for at least 25 seconds; how sure the detector is of it is drawn and may be as little as of the noise.

use rand::{Rng, rngs::StdRng, seq::SliceRandom};

use super::{
    noise::{Noisy, WIND},
    script::{DAY, HOUR, MINUTE, SECOND, Script, Seen, key, object, severity},
    world::World,
};
use crate::types::Severity;

pub const KINDS: [&str; 11] = [
    "presence",
    "intrusion",
    "line",
    "loitering",
    "crowd",
    "wrong-way",
    "stopped",
    "left-object",
    "removed-object",
    "absence",
    "count",
];
/// Of each type.
pub const OF_EACH: usize = 21;
/// What the one true burglary is called.
pub const BURGLARY: &str = "burglary";

/// Where it is hard to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Where {
    Calm,
    Shower,
    Noisy,
    Incident,
    Shelved,
}

impl Where {
    pub fn as_str(self) -> &'static str {
        match self {
            Where::Calm => "calm",
            Where::Shower => "flood",
            Where::Noisy => "noisy",
            Where::Incident => "incident",
            Where::Shelved => "shelved",
        }
    }
}

/// Of seven happenings six are in bad company.
const TURNS: [Where; 7] =
    [Where::Calm, Where::Shower, Where::Noisy, Where::Incident, Where::Shower, Where::Noisy, Where::Shelved];

/// How long it lasts, seconds.
fn lasts(kind: &str, rng: &mut StdRng) -> u64 {
    let (least, most) = match kind {
        "line" | "wrong-way" | "count" => return 200,
        "presence" | "intrusion" => (25, 240),
        "loitering" | "left-object" | "removed-object" => (30, 600),
        _ => (60, 1200),
    };
    rng.random_range(least..most) * SECOND
}

fn label(kind: &str) -> &'static str {
    match kind {
        "stopped" | "wrong-way" => "car",
        "left-object" | "removed-object" => "suitcase",
        _ => "person",
    }
}

/// How sure the detector is of something real: mostly well, in the dark hardly.
fn score(rng: &mut StdRng) -> f32 {
    let mean: f32 = (0..3).map(|_| rng.random_range(0.55..1.0)).sum::<f32>() / 3.0;
    if rng.random_bool(0.1) { rng.random_range(0.5..0.65) } else { mean.clamp(0.5, 0.97) }
}

fn happens(
    script: &mut Script,
    world: &World,
    (n, kind, zone): (usize, &str, u32),
    at_ms: u64,
    truth: String,
    rng: &mut StdRng,
) -> anyhow::Result<()> {
    let place = (rng.random_range(0.1..0.9), rng.random_range(0.2..0.85));
    let many = if kind == "crowd" { rng.random_range(6..12) } else { 1 };
    let seen = |rng: &mut StdRng| {
        let near = (place.0 + rng.random_range(-0.05..0.05), place.1 + rng.random_range(-0.05..0.05));
        object(label(kind), score(rng), near, rng.random_range(0.1..0.4), rng.random_range(1..1_000_000_000))
    };
    let objects = if kind == "absence" { Vec::new() } else { (0..many).map(|_| seen(rng)).collect() };
    script.see(
        Seen {
            channel: &world.channels[n],
            kind,
            zone,
            at_ms,
            lasts_ms: lasts(kind, rng),
            objects,
            swaps: 0.05,
            severity: severity(kind),
            truth: Some(truth),
        },
        rng,
    )
}

/// Lets it happen. Gives what happens by its circumstances.
pub fn fill(
    world: &World,
    noisy: &Noisy,
    script: &mut Script,
    rng: &mut StdRng,
) -> anyhow::Result<Vec<(Where, usize)>> {
    let mut turns = TURNS.iter().cycle();
    let mut counts = std::collections::BTreeMap::new();
    // Where something happens already, for what happens next door.
    let mut running: Vec<(usize, u64)> = Vec::new();
    // A source that chatters is wanted more than once.
    let mut sources = noisy.sources.clone();
    sources.shuffle(rng);
    let mut trees = noisy.trees.clone();
    trees.shuffle(rng);
    for round in 0..OF_EACH {
        for (k, kind) in KINDS.into_iter().enumerate() {
            let company = *turns.next().unwrap_or(&Where::Calm);
            *counts.entry(company).or_insert(0) += 1;
            let truth = format!("{kind}-{round}-{}", company.as_str());
            let (n, zone, at) = match company {
                Where::Calm => (world.any(rng), 7, rng.random_range(HOUR..DAY - HOUR)),
                Where::Shower => {
                    let (n, from, to) = noisy.rained_on[rng.random_range(0..noisy.rained_on.len())];
                    (n, 0, rng.random_range(from..to))
                }
                Where::Noisy => {
                    // The very source where there is one of the type, else another rule on its channel.
                    let same: Vec<_> = sources.iter().filter(|s| s.1 == kind).collect();
                    let of: Vec<_> = if same.is_empty() { sources.iter().collect() } else { same };
                    let (n, _, zone) = *of[rng.random_range(0..of.len())];
                    (n, zone, windy(rng))
                }
                Where::Incident if running.is_empty() => (world.any(rng), 7, rng.random_range(HOUR..DAY - HOUR)),
                Where::Incident => {
                    let (near, at) = running[rng.random_range(0..running.len())];
                    (world.neighbour(near, rng), 5, at + rng.random_range(25 * SECOND..240 * SECOND))
                }
                Where::Shelved => {
                    let same: Vec<_> = trees.iter().filter(|s| s.1 == kind).collect();
                    let of: Vec<_> = if same.is_empty() { trees.iter().collect() } else { same };
                    let (n, shelved_kind, zone) = *of[(round + k) % of.len()];
                    let (from, to) = WIND[round % WIND.len()];
                    let at = rng.random_range(from + 40 * MINUTE..to - 5 * MINUTE);
                    script.shelve(
                        at - rng.random_range(5 * MINUTE..20 * MINUTE),
                        key(&world.channels[n], shelved_kind, zone),
                        90,
                    );
                    (n, zone, at)
                }
            };
            running.push((n, at));
            happens(script, world, (n, kind, zone), at, truth, rng)?;
        }
    }
    burglary(world, script, rng)?;
    Ok(counts.into_iter().collect())
}

/// While the wind blows, or at any time.
fn windy(rng: &mut StdRng) -> u64 {
    let (from, to) = WIND[rng.random_range(0..WIND.len())];
    if rng.random_bool(0.7) { rng.random_range(from..to) } else { rng.random_range(HOUR..DAY - HOUR) }
}

/// At night, in the rain, a person climbs in at a school; two neighbours see him too.
fn burglary(world: &World, script: &mut Script, rng: &mut StdRng) -> anyhow::Result<()> {
    let n = world.any(rng);
    let at = 3 * HOUR + 20 * MINUTE + rng.random_range(0..20 * MINUTE);
    let mut on = n;
    for (after, kind) in [(0, "intrusion"), (9, "intrusion"), (31, "loitering"), (95, "removed-object")] {
        let o = object(
            label(kind),
            rng.random_range(0.6..0.9),
            (rng.random_range(0.2..0.8), 0.6),
            0.3,
            rng.random_range(1..1_000_000_000),
        );
        let seen = Seen {
            channel: &world.channels[on],
            kind,
            zone: 9,
            at_ms: at + after * SECOND,
            lasts_ms: 60 * SECOND,
            objects: vec![o],
            swaps: 0.05,
            // Armed at night: the rule of the wall is critical.
            severity: if kind == "intrusion" { Severity::Critical } else { severity(kind) },
            truth: Some(BURGLARY.to_owned()),
        };
        script.see(seen, rng)?;
        on = world.neighbour(n, rng);
    }
    Ok(())
}
