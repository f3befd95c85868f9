//! What the tests of the rules share: looks and tracks by a few numbers.

use std::sync::Arc;

use super::ChannelRules;
use crate::{
    config,
    types::{BBox, ChannelId, Event, Look, ModelName, ModelRef, Mono, Now, Pace, Track, Wall},
};

/// The wall clock at `Mono(0)`.
pub const EPOCH: i64 = 1_795_600_000_000;

pub fn now(ms: u64) -> Now {
    Now { mono: Mono(ms), wall: Wall(EPOCH + ms as i64) }
}

pub fn look_at(ms: u64) -> Look {
    let model = ModelRef { name: ModelName::new("m").unwrap(), sha256: Arc::from("00") };
    Look::at(ChannelId::new("c").unwrap(), model, (640, 480), now(ms))
}

/// A person of a tenth of the picture's width and a fifth of its height, standing at (x + 0.05, y).
pub fn track(number: u64, x: f32, y: f32) -> Track {
    Track {
        number,
        label: Arc::from("person"),
        score: 0.8,
        bbox: BBox { x, y: y - 0.2, w: 0.1, h: 0.2 },
        first: Mono(0),
        last: Mono(0),
        looks: 5,
        velocity: (0.0, 0.0),
        still_ms: 0,
        confirmed: true,
    }
}

/// A channel `c` with a zone `left`, a zone `right`, and a line `mid` from the top to the bottom, under `rules`.
pub fn rules(rules: &str) -> ChannelRules {
    let text = format!(
        "[[channel]]\nid = \"c\"\nurl = \"rtsp://10.0.0.1/\"\n\
         zone = [{{ id = \"left\", polygon = [[0,0],[0.5,0],[0.5,1],[0,1]] }}, {{ id = \"right\", polygon = [[0.5,0],[1,0],[1,1],[0.5,1]] }}]\n\
         line = [{{ id = \"mid\", points = [[0.5,0],[0.5,1]] }}]\n{rules}"
    );
    let config = config::parse("test", &text).unwrap();
    let mut rules = ChannelRules::new(&config, &config.channel[0]);
    rules.salt(0);
    rules
}

/// One rule of a type with further keys, for the channel `c`.
pub fn rule(kind: &str, more: &str) -> ChannelRules {
    rules(&format!("[[rule]]\nid = \"r\"\ntype = \"{kind}\"\nchannels = [\"c\"]\n{more}\n"))
}

/// Looks with their tracks; gives what came of each, with its time.
pub fn run(rules: &mut ChannelRules, looks: &[(u64, Vec<Track>)]) -> Vec<(u64, Event)> {
    let (mut out, mut pace) = (Vec::new(), Pace::default());
    for (ms, tracks) in looks {
        pace.look(Mono(*ms));
        out.extend(rules.look(&Look { pace, ..look_at(*ms) }, tracks, now(*ms)).into_iter().map(|e| (*ms, e)));
    }
    out
}

/// The same as `(ms, "start")`.
pub fn phases(rules: &mut ChannelRules, looks: &[(u64, Vec<Track>)]) -> Vec<(u64, &'static str)> {
    let name = |e: &Event| match e.phase {
        crate::types::Phase::Start => "start",
        crate::types::Phase::Update => "update",
        crate::types::Phase::End => "end",
    };
    run(rules, looks).iter().map(|(ms, e)| (*ms, name(e))).collect()
}
