//! A day as a list of what is handed in: events as the rules give them out, and an operator who shelves.

use rand::{Rng, rngs::StdRng};
use uuid::Uuid;

use super::{scores, world::Channel};
use crate::types::{
    BBox, EventEnd, EventId, HealthFact, NodeId, Phase, RuleId, RuleRef, Severity, SiteId, Subjects, Wall,
    fact::Object,
    payload::{ClockSource, EventPayload, Order, Times},
};

pub const SECOND: u64 = 1000;
pub const MINUTE: u64 = 60 * SECOND;
pub const HOUR: u64 = 60 * MINUTE;
pub const DAY: u64 = 24 * HOUR;
/// Midnight of the simulated day, Unix milliseconds.
pub const MIDNIGHT: i64 = 1_795_651_200_000;
/// A rule tells of an event that goes on at most this often.
const UPDATE: u64 = 10 * SECOND;

/// What is handed in at a moment.
#[derive(Debug, Clone)]
pub enum What {
    /// An event, and the true happening that it belongs to.
    Event { event: Box<EventPayload>, truth: Option<String> },
    /// An operator puts what this source says aside.
    Shelve { key: String, minutes: u32 },
}

#[derive(Debug, Clone)]
pub struct Item {
    pub at_ms: u64,
    pub what: What,
}

/// One thing seen: what the rules would say of it from its begin to its end.
#[derive(Debug, Clone)]
pub struct Seen<'a> {
    pub channel: &'a Channel,
    pub kind: &'a str,
    pub zone: u32,
    pub at_ms: u64,
    pub lasts_ms: u64,
    pub objects: Vec<Object>,
    /// Share of the updates in which the tracker has lost its objects and found others.
    pub swaps: f64,
    pub severity: Severity,
    pub truth: Option<String>,
}

impl<'a> Seen<'a> {
    /// What needs nobody. `when`: from when on and for how long; `swaps` as above.
    pub fn nothing(
        channel: &'a Channel,
        (kind, zone): (&'a str, u32),
        (at_ms, lasts_ms): (u64, u64),
        objects: Vec<Object>,
        swaps: f64,
    ) -> Self {
        Self { channel, kind, zone, at_ms, lasts_ms, objects, swaps, severity: severity(kind), truth: None }
    }
}

/// What the rules of such a type are usually worth.
pub fn severity(kind: &str) -> Severity {
    match kind {
        "intrusion" => Severity::High,
        "presence" | "count" | "stopped" | "absence" => Severity::Low,
        _ => Severity::Medium,
    }
}

/// The dedupe key that a rule of this type has on a channel.
pub fn key(channel: &Channel, kind: &str, zone: u32) -> String {
    format!("{}/{kind}/z{zone}", channel.id)
}

pub fn object(label: &str, score: f32, (x, y): (f32, f32), height: f32, track: u64) -> Object {
    let w = height * 0.4;
    let bbox =
        BBox { x: (x - w / 2.0).clamp(0.0, 1.0 - w), y: (y - height / 2.0).clamp(0.0, 1.0 - height), w, h: height };
    Object { track, label: label.to_owned(), score: score.clamp(0.0, 0.99), bbox }
}

#[derive(Debug, Default)]
pub struct Script {
    items: Vec<Item>,
    /// When the day begins that is being written.
    midnight: u64,
}

impl Script {
    /// What is put in from now on happens on the next day.
    pub fn next_day(&mut self) {
        self.midnight += DAY;
    }

    /// Puts the events of one thing seen into the day: none where the detector is less sure of it than a rule takes.
    pub fn see(&mut self, seen: Seen<'_>, rng: &mut StdRng) -> anyhow::Result<()> {
        let best = seen.objects.iter().map(|o| o.score).max_by(f32::total_cmp);
        if best.is_some_and(|score| score < scores::TAKEN) {
            return Ok(());
        }
        let id = EventId(Uuid::from_u128(rng.random()));
        let mut event = blank(seen.channel, seen.kind, &key(seen.channel, seen.kind, seen.zone), id)?;
        event.severity = seen.severity;
        event.objects = seen.objects;
        let usual: Vec<f32> = event.objects.iter().map(|o| o.score).collect();
        let mut at = seen.at_ms;
        let end = seen.at_ms + seen.lasts_ms;
        self.put(at, &event, Phase::Start, None, seen.truth.clone());
        while at + UPDATE < end && at + UPDATE < DAY {
            at += UPDATE;
            for (o, usual) in event.objects.iter_mut().zip(&usual) {
                if rng.random_bool(seen.swaps) {
                    o.track = rng.random_range(1000..1_000_000_000);
                }
                o.score = scores::again(*usual, rng);
            }
            self.put(at, &event, Phase::Update, None, seen.truth.clone());
        }
        self.put(end, &event, Phase::End, Some(EventEnd::Cleared), seen.truth);
        Ok(())
    }

    /// A channel or a recorder is down from one time to another.
    pub fn outage(
        &mut self,
        (channel, under): (&Channel, Option<&[&Channel]>),
        health: HealthFact,
        (from, to): (u64, u64),
        rng: &mut StdRng,
    ) -> anyhow::Result<()> {
        let key = format!("health/{}/down", health.name.as_deref().unwrap_or(channel.id.as_str()));
        let mut event = blank(channel, "health", &key, EventId(Uuid::from_u128(rng.random())))?;
        event.rule.id = RuleId::health();
        event.severity = Severity::Medium;
        event.health = Some(health);
        event.subjects = under.map(|list| Subjects {
            count: u32::try_from(list.len()).unwrap_or(u32::MAX),
            channels: list.iter().take(100).map(|c| c.id.clone()).collect(),
        });
        self.put(from, &event, Phase::Start, None, None);
        self.put(to, &event, Phase::End, Some(EventEnd::Cleared), None);
        Ok(())
    }

    fn put(&mut self, at_ms: u64, event: &EventPayload, phase: Phase, end: Option<EventEnd>, truth: Option<String>) {
        let mut event = event.clone();
        (event.phase, event.end) = (phase, end);
        let at_ms = self.midnight + at_ms;
        let at = Wall(MIDNIGHT + i64::try_from(at_ms).unwrap_or(0));
        event.times = times(at);
        self.items.push(Item { at_ms, what: What::Event { event: Box::new(event), truth } });
    }

    pub fn shelve(&mut self, at_ms: u64, key: String, minutes: u32) {
        let at_ms = self.midnight + at_ms;
        self.items.push(Item { at_ms, what: What::Shelve { key, minutes } });
    }

    /// In order of time, as things were put in at one moment.
    pub fn finish(mut self) -> Vec<Item> {
        self.items.sort_by_key(|i| i.at_ms);
        self.items
    }
}

pub fn times(at: Wall) -> Times {
    Times { seen: at, ingested: at, committed: at, clock: ClockSource::Camera, skew_ms: None }
}

/// An event without what is its own.
fn blank(channel: &Channel, kind: &str, key: &str, id: EventId) -> anyhow::Result<EventPayload> {
    Ok(EventPayload {
        schema: "skyeye.event".into(),
        version: 1,
        id,
        order: Order { boot: Uuid::nil(), seq: 0, cursor: 0 },
        channel_seq: 0,
        node: NodeId::new("node-1")?,
        site: SiteId::new("site")?,
        channel: channel.id.clone(),
        area: channel.area.clone(),
        kind: kind.to_owned(),
        phase: Phase::Start,
        end: None,
        times: times(Wall(MIDNIGHT)),
        rule: RuleRef { id: RuleId::new(kind)?, revision: "0123456789ab".into() },
        severity: Severity::Low,
        model: None,
        rate_hz: 0.5,
        objects: Vec::new(),
        zone: None,
        dedupe_key: key.to_owned(),
        alert: None,
        incident: None,
        media: Vec::new(),
        health: None,
        subjects: None,
        details: None,
        recorder: Some(channel.recorder.clone()),
    })
}
