//! What really happens on the day, most of it where and when it is hardest to see.
//!
//! Every type of rule has its happenings: on calm channels, in showers, on the very sources that make noise all day, in
//! the middle of another happening next door, and on sources that an operator has shelved. Who crosses a line crosses it
//! where others do. A true happening that is in view lasts for at least 25 seconds, many of them seen on and off, in
//! several short events; how sure the detector is of it is drawn as on film (`scores`), and may be as little as of noise.

use std::ops::Range;

use rand::{Rng, rngs::StdRng, seq::SliceRandom};

use super::{
    noise::{Noisy, Source, near},
    scores,
    script::{DAY, HOUR, MINUTE, SECOND, Script, Seen, key, object},
    world::World,
};

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
/// Below this score it may be seen on and off.
const FLICKERS_BELOW: f32 = 0.62;
/// How far beside, in shares of the picture.
const BESIDE: Range<f32> = 0.15..0.35;
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

/// What happens: rule, place, time, name.
struct What {
    channel: usize,
    kind: &'static str,
    zone: u32,
    /// Where it is known to be.
    spot: Option<(f32, f32)>,
    at_ms: u64,
    truth: String,
}

fn happens(script: &mut Script, world: &World, what: What, rng: &mut StdRng) -> anyhow::Result<()> {
    let What { channel: n, kind, zone, spot, at_ms, truth } = what;
    let place = spot.unwrap_or_else(|| (rng.random_range(0.1..0.9), rng.random_range(0.2..0.85)));
    let (many, by) = if kind == "crowd" { (rng.random_range(6..12), 0.05) } else { (1, 0.03) };
    let sure = scores::taken(scores::there, rng);
    let tall = rng.random_range(0.1..0.4);
    let seen = |rng: &mut StdRng| {
        object(
            label(kind),
            scores::again(sure, rng).max(scores::TAKEN),
            near(place, by, rng),
            tall,
            rng.random_range(1..1_000_000_000),
        )
    };
    let whole = lasts(kind, rng);
    // What the detector is not sure of it loses again and again.
    let flickers =
        matches!(kind, "presence" | "intrusion" | "loitering") && sure < FLICKERS_BELOW && rng.random_bool(0.5);
    let until = at_ms + if flickers { whole.max(90 * SECOND) } else { whole };
    let mut at = at_ms;
    while at < until {
        let lasts_ms = if flickers { rng.random_range(3 * SECOND..9 * SECOND) } else { whole };
        let objects = if kind == "absence" { Vec::new() } else { (0..many).map(|_| seen(rng)).collect() };
        let channel = &world.channels[n];
        let nothing = Seen::nothing(channel, (kind, zone), (at, lasts_ms), objects, 0.05);
        script.see(Seen { truth: Some(truth.clone()), ..nothing }, rng)?;
        at += lasts_ms + rng.random_range(2 * SECOND..5 * SECOND);
        if !flickers {
            break;
        }
    }
    Ok(())
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
            let calm = |rng: &mut StdRng| (world.any(rng), 7, None, rng.random_range(HOUR..DAY - HOUR));
            let (n, zone, spot, at) = match company {
                Where::Calm => calm(rng),
                Where::Shower => {
                    let (n, from, to) = noisy.rained_on[rng.random_range(0..noisy.rained_on.len())];
                    (n, 0, None, rng.random_range(from..to))
                }
                Where::Noisy if kind == "line" && rng.random_bool(0.5) => {
                    let of = noisy.gates[rng.random_range(0..noisy.gates.len())];
                    (of.channel, of.zone, Some(of.spot), at_night(rng))
                }
                Where::Noisy => {
                    // The very source where there is one of the type, else another rule on its channel.
                    let of = one_of(&sources, kind, rng.random_range(0..sources.len()));
                    (of.channel, of.zone, on_the_line(of, kind, rng), windy(noisy.wind, rng))
                }
                Where::Incident if running.is_empty() => calm(rng),
                Where::Incident => {
                    let (near, at) = running[rng.random_range(0..running.len())];
                    (world.neighbour(near, rng), 5, None, at + rng.random_range(25 * SECOND..240 * SECOND))
                }
                Where::Shelved => {
                    let of = one_of(&trees, kind, round + k);
                    let (from, to) = noisy.wind[round % noisy.wind.len()];
                    let at = rng.random_range(from + 40 * MINUTE..to - 5 * MINUTE);
                    let key = key(&world.channels[of.channel], of.kind, of.zone);
                    script.shelve(at - rng.random_range(5 * MINUTE..20 * MINUTE), key, 90);
                    (of.channel, of.zone, None, at)
                }
            };
            // Where there is no picture no rule says anything of it.
            let (mut n, mut zone, mut spot, mut at) = (n, zone, spot, at);
            while noisy.is_down(n, at) {
                (n, zone, spot, at) = calm(rng);
            }
            running.push((n, at));
            happens(script, world, What { channel: n, kind, zone, spot, at_ms: at, truth }, rng)?;
        }
    }
    Ok(counts.into_iter().collect())
}

/// When a gate is shut that people go through all day.
fn at_night(rng: &mut StdRng) -> u64 {
    if rng.random_bool(0.5) { rng.random_range(HOUR..6 * HOUR) } else { rng.random_range(20 * HOUR..DAY - HOUR) }
}

/// While the wind blows, or at any time.
fn windy(wind: [(u64, u64); 2], rng: &mut StdRng) -> u64 {
    let (from, to) = wind[rng.random_range(0..wind.len())];
    if rng.random_bool(0.7) { rng.random_range(from..to) } else { rng.random_range(HOUR..DAY - HOUR) }
}

/// The `nth` source of a type, or of any where there is none.
fn one_of(of: &[Source], kind: &str, nth: usize) -> Source {
    let same: Vec<&Source> = of.iter().filter(|s| s.kind == kind).collect();
    if same.is_empty() { of[nth % of.len()] } else { *same[nth % same.len()] }
}

/// Who crosses a line does so where it is, beside the branch that hangs over it.
fn on_the_line(of: Source, kind: &str, rng: &mut StdRng) -> Option<(f32, f32)> {
    let beside = rng.random_range(BESIDE) * if of.spot.0 < 0.5 { 1.0 } else { -1.0 };
    (of.kind == kind && matches!(kind, "line" | "wrong-way")).then_some((of.spot.0 + beside, of.spot.1))
}

/// At night, in the rain, a person climbs in at a school, where a bush has looked like somebody all night; two neighbours
/// see him too. The rule of the wall is of high severity, as such rules are.
pub fn burglary(world: &World, noisy: &Noisy, script: &mut Script, rng: &mut StdRng) -> anyhow::Result<()> {
    let at = 3 * HOUR + 20 * MINUTE + rng.random_range(0..20 * MINUTE);
    let wet: Vec<usize> =
        noisy.rained_on.iter().filter(|(_, from, to)| (*from..*to).contains(&at)).map(|r| r.0).collect();
    let wet: Vec<usize> = wet.into_iter().filter(|n| !noisy.is_down(*n, at)).collect();
    let n = wet[rng.random_range(0..wet.len())];
    let spot = (rng.random_range(0.2..0.8), 0.6);
    let (zone, mut before) = (9, HOUR);
    while before < at - 10 * SECOND {
        let o = object(
            "person",
            scores::taken(scores::not_there, rng),
            near(spot, 0.02, rng),
            0.3,
            rng.random_range(1..1_000_000_000),
        );
        let bush = Seen::nothing(&world.channels[n], ("intrusion", zone), (before, 2 * SECOND), vec![o], 0.5);
        script.see(bush, rng)?;
        before += rng.random_range(2 * MINUTE..15 * MINUTE);
    }
    let mut on = n;
    for (after, kind) in [(0, "intrusion"), (9, "intrusion"), (31, "loitering"), (95, "removed-object")] {
        let at_spot = if after == 0 { spot } else { (rng.random_range(0.2..0.8), 0.6) };
        let o = object(label(kind), rng.random_range(0.6..0.9), at_spot, 0.3, rng.random_range(1..1_000_000_000));
        let when = (at + after * SECOND, 60 * SECOND);
        let seen = Seen::nothing(&world.channels[on], (kind, zone), when, vec![o], 0.05);
        script.see(Seen { truth: Some(BURGLARY.to_owned()), ..seen }, rng)?;
        on = world.neighbour(n, rng);
    }
    Ok(())
}
