//! What really happens and needs nobody: staff at a gate, passers-by, a guard on his round.
//!
//! The detector is as sure of it as of anything real. It is no `truth`; what it costs is that somebody is told of it.

use rand::{Rng, rngs::StdRng};

use super::{
    noise::{Source, near, of_site, place, seconds},
    scores,
    script::{HOUR, MINUTE, Script, Seen, object},
    world::World,
};

/// Gates with a line, paths under a presence rule, yards that a guard walks through at night.
const GATES: usize = 24;
const PATHS: usize = 36;
const ROUNDS: usize = 6;
/// Channels that it takes.
pub const CHANNELS: usize = GATES + PATHS + ROUNDS;

/// Fills the day; gives the gates.
pub fn fill(
    world: &World,
    (site, channels): (u64, &[usize]),
    script: &mut Script,
    rng: &mut StdRng,
) -> anyhow::Result<Vec<Source>> {
    let (gates, rest) = channels.split_at(GATES);
    let (paths, rounds) = rest.split_at(PATHS);
    let mut found = Vec::new();
    for n in gates {
        let own = &mut of_site(site, *n);
        let (spot, height) = (place(own), own.random_range(0.12..0.3));
        let of = Source { channel: *n, kind: "line", zone: 8, spot };
        comes(
            world,
            &of,
            Comes { from: 7 * HOUR, to: 19 * HOUR, every_s: 240.0, lasts_s: 0.2, by: 0.03, height },
            script,
            rng,
        )?;
        found.push(of);
    }
    for n in paths {
        let own = &mut of_site(site, *n);
        let (spot, height) = (place(own), own.random_range(0.12..0.3));
        let of = Source { channel: *n, kind: "presence", zone: 3, spot };
        comes(
            world,
            &of,
            Comes { from: 6 * HOUR, to: 23 * HOUR, every_s: 600.0, lasts_s: 12.0, by: 0.1, height },
            script,
            rng,
        )?;
    }
    for n in rounds {
        let own = &mut of_site(site, *n);
        let (spot, height) = (place(own), own.random_range(0.12..0.3));
        let of = Source { channel: *n, kind: "intrusion", zone: 4, spot };
        let every_s = 2.0 * 3600.0;
        comes(
            world,
            &of,
            Comes { from: 10 * MINUTE, to: 6 * HOUR, every_s, lasts_s: 45.0, by: 0.1, height },
            script,
            rng,
        )?;
    }
    Ok(found)
}

struct Comes {
    from: u64,
    to: u64,
    every_s: f64,
    lasts_s: f64,
    /// How far from its usual place.
    by: f32,
    /// How tall people are there.
    height: f32,
}

fn comes(world: &World, of: &Source, c: Comes, script: &mut Script, rng: &mut StdRng) -> anyhow::Result<()> {
    let mut at = c.from + seconds(rng, c.every_s / 2.0, 0.8);
    while at < c.to {
        let tall = c.height * rng.random_range(0.9..1.1);
        let o =
            object("person", scores::there(rng), near(of.spot, c.by, rng), tall, rng.random_range(1..1_000_000_000));
        let lasts_ms = seconds(rng, c.lasts_s, 0.5);
        script
            .see(Seen::nothing(&world.channels[of.channel], (of.kind, of.zone), (at, lasts_ms), vec![o], 0.05), rng)?;
        at += lasts_ms + seconds(rng, c.every_s, 0.8);
    }
    Ok(())
}
