//! `skyeye bench rules`: channel-looks a second on one core, tracking and rules together.
//!
//! Many channels are looked at in turn, each with ten objects that walk about, come and go, are missed now and then and
//! jitter as boxes do, under one rule of each kind with zones and lines. Counted is the processor time of this one thread.
//! The floor is what the issue of a big deployment asks for, ten thousand; tracking alone stands beside it.

use std::sync::Arc;

use clap::Args;

use super::{Report, Setting, child::thread_cpu_s, measure};
use crate::{
    config::{self, Config},
    rule::ChannelRules,
    track::Tracker,
    types::{BBox, ChannelId, Detection, Look, ModelName, ModelRef, Mono, Now, Wall},
};

/// What a district's channels ask of one core.
const WANTED_HZ: f64 = 10_000.0;

#[derive(Debug, Clone, Args)]
pub struct RulesArgs {
    /// Channels
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    channels: u32,
    /// Objects on each channel
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=1000))]
    objects: u32,
    /// Looks a second that each channel gets
    #[arg(long, value_name = "N", default_value_t = 5.0, value_parser = super::super::eval::footage::rate)]
    fps: f64,
    /// Rounds
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
}

/// One rule of each kind over two zones and two lines.
pub fn configuration(channels: u32) -> anyhow::Result<Config> {
    let mut text = String::new();
    for n in 0..channels {
        text += &format!(
            "[[channel]]\nid = \"c{n}\"\nurl = \"rtsp://10.0.0.1/{n}\"\n\
             zone = [{{ id = \"a\", polygon = [[0,0.3],[0.5,0.2],[0.5,1],[0,1]] }}, {{ id = \"b\", polygon = [[0.5,0.2],[1,0.4],[0.8,1],[0.5,1]] }}]\n\
             line = [{{ id = \"x\", points = [[0.5,0],[0.5,1]] }}, {{ id = \"y\", points = [[0,0.6],[0.5,0.7],[1,0.6]] }}]\n"
        );
    }
    for (kind, more) in [
        ("presence", "zones = [\"a\", \"b\"]"),
        ("intrusion", "zones = [\"a\", \"b\"]"),
        ("line", "lines = [\"x\", \"y\"]"),
        ("loitering", "zones = [\"a\", \"b\"]"),
        ("crowd", "zones = [\"a\", \"b\"]"),
        ("wrong-way", "zones = [\"a\"]\nheading_deg = 90"),
        ("stopped", "zones = [\"b\"]\nlabels = [\"person\"]"),
        ("left-object", ""),
        ("removed-object", ""),
        ("absence", "zones = [\"a\"]"),
        ("count", "lines = [\"x\"]\nzones = [\"b\"]"),
    ] {
        text += &format!("[[rule]]\nid = \"{kind}\"\ntype = \"{kind}\"\nchannels = [\"*\"]\n{more}\n");
    }
    Ok(config::parse("bench", &text)?)
}

/// Objects that walk about a picture.
#[derive(Debug, Clone)]
pub struct Walkers {
    at: Vec<(f32, f32, f32, f32)>,
    chance: measure::Chance,
    label: Arc<str>,
}

impl Walkers {
    pub fn new(objects: u32, seed: u64) -> Self {
        let mut walkers = Self { at: Vec::new(), chance: measure::Chance::new(seed), label: Arc::from("person") };
        for _ in 0..objects {
            let walker = walkers.walker();
            walkers.at.push(walker);
        }
        walkers
    }

    fn unit(&mut self) -> f32 {
        (self.chance.next_u64() >> 40) as f32 / (1u64 << 24) as f32
    }

    fn walker(&mut self) -> (f32, f32, f32, f32) {
        (self.unit(), 0.3 + self.unit() * 0.6, (self.unit() - 0.5) * 0.1, (self.unit() - 0.5) * 0.06)
    }

    /// What a detector finds `s` seconds later: one in twelve is missed, boxes jitter, who leaves is followed by another.
    pub fn look(&mut self, s: f32) -> Vec<Detection> {
        let mut found = Vec::with_capacity(self.at.len());
        for i in 0..self.at.len() {
            let (x, y, vx, vy) = self.at[i];
            self.at[i] = (x + vx * s, y + vy * s, vx, vy);
            if !(0.0..=1.0).contains(&self.at[i].0) || !(0.2..=1.0).contains(&self.at[i].1) {
                self.at[i] = self.walker();
            }
            if self.chance.next_u64().is_multiple_of(12) {
                continue;
            }
            let (x, y, ..) = self.at[i];
            let h = 0.08 + 0.15 * y;
            let jitter = |u: f32| (u - 0.5) * 0.05 * h;
            let (jx, jy, js) = (jitter(self.unit()), jitter(self.unit()), self.unit());
            let (w, h) = (0.4 * h, h * (0.97 + 0.06 * js));
            let bbox = BBox { x: x - w / 2.0 + jx, y: y - h + jy, w, h };
            found.push(Detection { label: self.label.clone(), score: 0.5 + 0.4 * js, bbox });
        }
        found
    }
}

/// A look without detections, for the rules.
pub fn look(channel: &ChannelId, model: &ModelRef, at: Now) -> Look {
    Look { rate_hz: 5.0, ..Look::at(channel.clone(), model.clone(), (704, 576), at) }
}

struct Channel {
    id: ChannelId,
    walkers: Walkers,
    tracker: Tracker,
    rules: ChannelRules,
}

pub fn run(setting: &Setting, args: &RulesArgs) -> anyhow::Result<Report> {
    let config = configuration(args.channels)?;
    let model = ModelRef { name: ModelName::new("bench")?, sha256: Arc::from("00") };
    let seed = setting.common.seed;
    let make = |channel: &config::Channel, n: usize| Channel {
        id: channel.id.clone(),
        walkers: Walkers::new(args.objects, seed.wrapping_add(n as u64)),
        tracker: Tracker::new(&config.track),
        rules: ChannelRules::new(&config, channel),
    };
    let mut channels: Vec<Channel> = config.channel.iter().enumerate().map(|(n, c)| make(c, n)).collect();
    let step_ms = (1000.0 / args.fps).round().max(1.0) as u64;
    let looks_of_round = (20_000 / channels.len()).clamp(5, 1000);
    let (mut both, mut alone) = (Vec::new(), Vec::new());
    let (mut ms, mut events, mut tracks_seen, mut looks) = (1000, 0usize, 0usize, 0usize);
    for round in 0..=args.rounds {
        let (mut track_s, mut rule_s) = (0.0, 0.0);
        for _ in 0..looks_of_round {
            ms += step_ms;
            let now = Now { mono: Mono(ms), wall: Wall(1_767_787_200_000 + ms as i64) };
            // Made beforehand: what a detector costs is not the matter.
            let seen: Vec<_> = channels.iter_mut().map(|c| c.walkers.look(step_ms as f32 / 1000.0)).collect();
            let begun = thread_cpu_s();
            let tracks: Vec<_> =
                channels.iter_mut().zip(&seen).map(|(c, seen)| c.tracker.look(seen, now.mono)).collect();
            let tracked = thread_cpu_s();
            for (channel, tracks) in channels.iter_mut().zip(&tracks) {
                let look = look(&channel.id, &model, now);
                events += channel.rules.look(&look, tracks, now).len();
            }
            rule_s += thread_cpu_s() - tracked;
            track_s += tracked - begun;
            tracks_seen += tracks.iter().map(Vec::len).sum::<usize>();
            looks += channels.len();
        }
        let n = (looks_of_round * channels.len()) as f64;
        // The first round warms up: tracks are new in it.
        if round > 0 {
            both.push(n / (track_s + rule_s));
            alone.push(n / track_s);
        }
    }
    let value = measure::median(&mut both);
    Ok(Report::new("rules", value, WANTED_HZ, "channel-looks/s/core")
        .with("tracking_alone", measure::median(&mut alone))
        .with("slowest_round", both.iter().copied().fold(f64::INFINITY, f64::min))
        .with("us_a_look", 1e6 / value)
        .with("channels", args.channels)
        .with("objects", args.objects)
        .with("tracks_a_look", tracks_seen as f64 / looks.max(1) as f64)
        .with("rules", config.rule.len())
        .with("events", events)
        .with("rounds", args.rounds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walkers_are_repeated_by_their_seed_and_stay_about() {
        let (mut a, mut b) = (Walkers::new(10, 3), Walkers::new(10, 3));
        for _ in 0..200 {
            let found = a.look(0.2);
            assert_eq!(found, b.look(0.2));
            assert!(found.len() <= 10 && found.iter().all(|d| d.bbox.clipped().is_some()));
        }
        assert_eq!(configuration(2).unwrap().rule.len(), 11);
    }
}
