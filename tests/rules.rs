//! What holds for the rules whatever is seen.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used)] // tests panic

#[path = "support/histories.rs"]
mod histories;

use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use skyeye::config::Config;
use skyeye::track::replay::Replay;
use skyeye::types::{BBox, Detection, ModelName, ModelRef, Mono, Now, Phase, Wall};

fn configs() -> Vec<Config> {
    (0..3).map(histories::configuration).collect()
}

/// Each history goes twice through forty-two rules on one to three places; `make long` takes a hundred thousand.
#[test]
fn random_histories_give_events_that_start_once_end_once_and_repeat_to_the_byte() {
    let configs = configs();
    let config = ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(history in histories::history())| {
        histories::check(&configs, &history)?;
    });
}

fn model() -> ModelRef {
    ModelRef { name: ModelName::new("m").unwrap(), sha256: Arc::from("00") }
}

#[test]
fn every_kind_fires_in_some_history() {
    let configs = configs();
    let mut kinds = std::collections::BTreeSet::new();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..400 {
        let history = histories::history().new_tree(&mut runner).unwrap().current();
        kinds.extend(histories::events(&configs, &history).into_iter().map(|e| e.kind));
        if kinds.len() == 11 {
            return;
        }
    }
    panic!("only {kinds:?}");
}

#[test]
fn what_is_no_number_has_no_area_or_comes_in_thousands_does_no_harm() {
    let configs = configs();
    let (config, model) = (&configs[0], model());
    let bad = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -1.0, 1e30, -1e30, f32::MIN_POSITIVE];
    let mut replay = Replay::new(config, &config.channel[0], model);
    let mut events = Vec::new();
    let look = |n: u64| Now { mono: Mono(1000 + n * 400), wall: Wall(1_767_772_770_000 + n as i64 * 400) };
    for n in 0..24u64 {
        let mut detections = Vec::new();
        for (i, value) in bad.iter().enumerate() {
            for field in 0..5 {
                let mut d = Detection {
                    label: Arc::from("person"),
                    score: 0.9,
                    bbox: BBox { x: 0.1 * i as f32, y: 0.3, w: 0.05, h: 0.2 },
                };
                *[&mut d.bbox.x, &mut d.bbox.y, &mut d.bbox.w, &mut d.bbox.h, &mut d.score][field] = *value;
                detections.push(d);
            }
        }
        if n % 4 == 0 {
            detections.extend((0..1000).map(|i| Detection {
                label: Arc::from(["person", "car"][i % 2]),
                score: (i as f32) / 1000.0,
                bbox: BBox { x: (i % 40) as f32 / 40.0, y: (i / 40) as f32 / 25.0, w: 0.02, h: 0.05 },
            }));
        }
        events.extend(replay.look(&detections, (640, 480), look(n)));
        events.extend(replay.look(&[], (0, 0), look(n)));
    }
    events.extend(replay.finish());
    histories::hold(&events).unwrap();
    assert!(events.iter().any(|e| e.phase == Phase::Start), "the good ones among them are seen");
}

/// A calm channel is looked at every eight seconds, and every sixteen where something stands in view.
#[test]
fn what_stands_is_one_and_the_same_at_the_pace_of_a_calm_channel() {
    const RULES: &str = r#"
        [[channel]]
        id = "c"
        url = "rtsp://10.0.0.1/"
        [[rule]]
        id = "there"
        type = "presence"
        channels = ["c"]
        labels = ["person"]
        [[rule]]
        id = "stays"
        type = "loitering"
        channels = ["c"]
        labels = ["person"]
        dwell_s = 60
        [[rule]]
        id = "car"
        type = "stopped"
        channels = ["c"]
        dwell_s = 60
        [[rule]]
        id = "luggage"
        type = "left-object"
        channels = ["c"]
        dwell_s = 60
    "#;
    let config = skyeye::config::parse("test", RULES).unwrap();
    let mut replay = Replay::new(&config, &config.channel[0], model());
    let mut starts: Vec<(String, u64)> = Vec::new();
    let mut ends = 0;
    let pace = |n: u64| if n < 3 { n * 8 } else { 24 + (n - 3) * 16 };
    for n in 0..20u64 {
        let at = Now { mono: Mono(1000 + pace(n) * 1000), wall: Wall(1_795_600_000_000 + pace(n) as i64 * 1000) };
        let jitter = 0.002 * (n % 3) as f32;
        let thing = |label: &str, x: f32, w: f32, h: f32| Detection {
            label: Arc::from(label),
            score: 0.6 + 0.02 * (n % 2) as f32,
            bbox: BBox { x: x + jitter, y: 0.9 - h, w, h },
        };
        let mut seen =
            vec![thing("person", 0.1, 0.06, 0.3), thing("car", 0.4, 0.2, 0.15), thing("suitcase", 0.85, 0.05, 0.08)];
        if n == 9 {
            // One look misses them all.
            seen.clear();
        }
        for event in replay.look(&seen, (640, 480), at) {
            match event.phase {
                Phase::Start => starts.push((event.rule.id.to_string(), pace(n))),
                Phase::End => ends += 1,
                Phase::Update => {}
            }
        }
    }
    starts.sort();
    let rules: Vec<_> = starts.iter().map(|(rule, _)| rule.as_str()).collect();
    assert_eq!(rules, ["car", "luggage", "stays", "there"], "{starts:?}");
    assert!(starts.iter().all(|(rule, s)| rule == "there" || (60..=120).contains(s)), "{starts:?}");
    assert_eq!(ends, 0, "who stands has not gone because one look did not find him");
}
