//! Random histories of tracks through every rule, and what must hold of the events that come of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use skyeye::config::{self, Config};
use skyeye::rule::ChannelRules;
use skyeye::types::{BBox, ChannelId, Event, EventEnd, Look, ModelName, ModelRef, Mono, Now, Pace, Phase, Track, Wall};

/// The wall clock at the beginning; 2026-01-07T07:59:30Z, so that hours begin within a history.
const EPOCH: i64 = 1_767_772_770_000;
const LABELS: [&str; 4] = ["person", "car", "suitcase", "dog"];

/// Every kind of rule on every kind of place that it takes, with filters, cooldown, hours and exceptions among them.
pub fn configuration(variant: u32) -> Config {
    let mut text = String::from(
        r#"
        [[channel]]
        id = "c"
        url = "rtsp://10.0.0.1/"
        tags = ["gate"]
        zone = [{ id = "left", polygon = [[0,0],[0.5,0],[0.5,1],[0,1]] }, { id = "notch", polygon = [[0.2,0.2],[1,0],[0.9,1],[0.6,0.5],[0.3,1]] }]
        line = [{ id = "mid", points = [[0.5,0],[0.5,1]] }, { id = "bent", points = [[0,0.5],[0.4,0.6],[0.6,0.4],[1,0.5]] }]
        [[timetable]]
        id = "day"
        weekly = ["08:00-08:01", "08:02-20:00"]
        "#,
    );
    let places = "zones = [\"left\", \"notch\"]";
    let lines = "lines = [\"mid\", \"bent\"]";
    for (kind, more) in [
        ("presence", ""),
        ("presence", places),
        ("intrusion", places),
        ("line", lines),
        ("loitering", "zones = [\"notch\"]\ndwell_s = 5"),
        ("crowd", "min_count = 3\nrise = 1\nrise_s = 10"),
        ("crowd", "zones = [\"left\"]\nmin_count = 1\nmin_density = 0.05"),
        ("wrong-way", "heading_deg = 200\nheading_within_deg = 90"),
        ("wrong-way", "lines = [\"bent\"]\ndirection = \"backward\""),
        ("stopped", "zones = [\"left\"]\ndwell_s = 5"),
        ("left-object", "dwell_s = 5"),
        ("removed-object", "dwell_s = 2\nowner_labels = [\"dog\"]"),
        ("absence", "zones = [\"left\"]\ndwell_s = 5"),
        ("count", "lines = [\"mid\"]\nzones = [\"notch\"]\nperiod_s = 20"),
    ] {
        for (n, with) in ["", "cooldown_s = 4\nupdate_s = 3", "timetable = \"day\"\nstart_looks = 2\nclear_ms = 600"]
            .iter()
            .enumerate()
        {
            let id = format!("{kind}-{}-{n}", text.matches("[[rule]]").count());
            text += &format!("[[rule]]\nid = \"{id}\"\ntype = \"{kind}\"\ntags = [\"gate\"]\n{more}\n{with}\n");
            if variant > 0 && n == 0 {
                text += &format!("max_height = 0.{}\n", 9 - variant % 5);
            }
        }
    }
    config::parse("histories", &text).unwrap_or_else(|e| panic!("{e}"))
}

/// A track as a step names it.
#[derive(Debug, Clone)]
pub struct Seen {
    number: u64,
    label: usize,
    at: (f32, f32, f32, f32),
    score: f32,
    velocity: (f32, f32),
    still_s: u64,
    confirmed: bool,
    spoilt: u8,
}

#[derive(Debug, Clone)]
pub enum Step {
    Look(u64, Vec<Seen>),
    /// Pictures stop, and there is room for so many ends.
    Lost(u64, usize),
    /// The rules are replaced: the same, or others.
    Replace(u32),
}

fn seen() -> impl Strategy<Value = Seen> {
    let number = 1u64..7;
    let at = (-0.1f32..1.1, -0.1f32..1.1, 0.01f32..0.4, 0.01f32..0.6);
    let velocity = (-0.4f32..0.4, -0.4f32..0.4);
    (number, 0usize..4, at, 0.0f32..1.0, velocity, 0u64..120, any::<bool>(), 0u8..60).prop_map(
        |(number, label, at, score, velocity, still_s, confirmed, spoilt)| Seen {
            // A label of its own for most numbers, as trackers have it.
            label: if label == 3 { number as usize % 4 } else { number as usize % 3 },
            number,
            at,
            score,
            velocity,
            still_s,
            confirmed: confirmed || number > 2,
            spoilt,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let dt = prop_oneof![8 => 50u64..1500, 2 => 1500u64..20_000, 1 => Just(0u64)];
    prop_oneof![
        40 => (dt, prop::collection::vec(seen(), 0..6)).prop_map(|(dt, seen)| Step::Look(dt, seen)),
        1 => (0u64..20_000, 0usize..4).prop_map(|(dt, most)| Step::Lost(dt, most)),
        1 => (0u32..3).prop_map(Step::Replace),
    ]
}

pub fn history() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..40)
}

fn now(ms: u64) -> Now {
    Now { mono: Mono(ms), wall: Wall(EPOCH + ms as i64) }
}

fn look(ms: u64) -> Look {
    let model = ModelRef { name: ModelName::new("m").unwrap(), sha256: Arc::from("00") };
    Look::at(ChannelId::new("c").unwrap(), model, (640, 480), now(ms))
}

fn track(s: &Seen, ms: u64) -> Track {
    let (x, y, w, h) = s.at;
    let mut bbox = BBox { x, y, w, h };
    let mut score = s.score;
    match s.spoilt {
        0 => bbox.x = f32::NAN,
        1 => bbox.w = 0.0,
        2 => bbox.h = f32::INFINITY,
        3 => score = f32::NAN,
        4 => bbox.y = f32::NEG_INFINITY,
        5 => bbox.h = -0.3,
        _ => {}
    }
    Track {
        number: s.number,
        label: Arc::from(LABELS[s.label % 4]),
        score,
        bbox,
        first: Mono(0),
        last: Mono(ms),
        looks: 3,
        velocity: if s.spoilt == 6 { (f32::NAN, f32::INFINITY) } else { s.velocity },
        still_ms: s.still_s * 1000,
        confirmed: s.confirmed,
    }
}

/// Runs a history from the beginning and ends what is open.
pub fn events(configs: &[Config], history: &[Step]) -> Vec<Event> {
    let mut salt = 6;
    let mut made = |variant: usize| {
        let config = &configs[variant % configs.len()];
        let mut rules = ChannelRules::new(config, &config.channel[0]);
        // Of a gateway chance sees to it that each set of rules has one of its own.
        salt += 1;
        rules.salt(salt);
        rules
    };
    let mut rules = made(0);
    let (mut ms, mut events, mut pace) = (1000, Vec::new(), Pace::default());
    for step in history {
        match step {
            Step::Look(dt, seen) => {
                ms += dt;
                let tracks: Vec<Track> = seen.iter().map(|s| track(s, ms)).collect();
                pace.look(Mono(ms));
                events.extend(rules.look(&Look { pace, ..look(ms) }, &tracks, now(ms)));
            }
            Step::Lost(dt, most) => {
                ms += dt;
                events.extend(rules.lost(*most, now(ms)));
            }
            Step::Replace(variant) => {
                events.extend(rules.replace(made(*variant as usize), now(ms)));
            }
        }
    }
    events.extend(rules.finish(now(ms)));
    assert_eq!(rules.open(), 0, "all is ended");
    events
}

/// Every start has exactly one end, none overlaps itself, and what is told can be read.
pub fn hold(events: &[Event]) -> Result<(), TestCaseError> {
    let mut open: BTreeMap<_, &str> = BTreeMap::new();
    let mut keys = BTreeSet::new();
    let mut ended = BTreeSet::new();
    for e in events {
        match e.phase {
            Phase::Start => {
                prop_assert!(
                    !ended.contains(&e.id) && open.insert(e.id, &e.dedupe_key).is_none(),
                    "two starts of one id"
                );
                prop_assert!(keys.insert(e.dedupe_key.as_str()), "{} overlaps itself", e.dedupe_key);
            }
            Phase::Update => prop_assert!(open.contains_key(&e.id), "an update of what is not open"),
            Phase::End => {
                let key = open.remove(&e.id);
                prop_assert!(key == Some(e.dedupe_key.as_str()), "an end of what is not open");
                prop_assert!(keys.remove(e.dedupe_key.as_str()) && ended.insert(e.id));
            }
        }
        prop_assert_eq!(e.end.is_some(), e.phase == Phase::End);
        prop_assert!(e.end != Some(EventEnd::Interrupted), "only a start of the node says so");
        for o in &e.objects {
            let numbers = [o.score, o.bbox.x, o.bbox.y, o.bbox.w, o.bbox.h];
            prop_assert!(numbers.iter().all(|n| n.is_finite()) && o.bbox.w > 0.0 && o.bbox.h > 0.0, "{o:?}");
        }
        let details = e.details.as_ref();
        prop_assert!(details.is_some_and(|d| d.happenings.is_some_and(|n| n >= 1)), "it has happened once at least");
    }
    prop_assert!(open.is_empty(), "left open: {open:?}");
    Ok(())
}

/// All of it for one history.
pub fn check(configs: &[Config], history: &[Step]) -> Result<(), TestCaseError> {
    let first = events(configs, history);
    hold(&first)?;
    let again = events(configs, history);
    prop_assert!(format!("{first:?}") == format!("{again:?}"), "the same looks give the same bytes");
    Ok(())
}
