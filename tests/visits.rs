//! One person at a time: the number of starts and of ends equals the number of visits, without duplicates or flicker.
//!
//! The film is `footage/one-by-one-person.mp4`. That it shows six visits was found twice over: by eye, on a contact
//! sheet with a picture every two seconds (six different people, one after the other, the room empty in between), and by
//! YOLOX-Nano's best score of a person each half second. `VISITS` holds the times that both agree on.
//!
//! What a look every two seconds cannot do: the gap between the first two visits is 3.5 s, and an end wants two empty
//! looks. On even seconds two looks fall into it; on odd ones (`-ss 1`) only one does, and the two visits are told as one.
//!
//! Here the way from access unit to event runs with the clock of the film, as fast as it can; tests/long.rs has the same
//! film over RTSP through the whole gateway.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used)] // tests panic
#![allow(clippy::print_stdout)] // and say what they saw

mod support;

use std::path::{Path, PathBuf};

use skyeye::decode::{self, DecodeLimits, KeyDecoder, file};
use skyeye::infer::{Detector, DetectorOptions, Manifest, ModelInfo, Runtime};
use skyeye::rule::ChannelRules;
use skyeye::track::Tracker;
use skyeye::types::{AccessUnit, ChannelId, Event, EventEnd, Look, Mono, Now, Phase, Wall};
use skyeye::{config, config::Config};

/// Seconds of the film in which somebody is to be seen, to about half a second.
const VISITS: [(f32, f32); 6] = [(6.0, 19.5), (23.0, 44.5), (50.5, 69.0), (73.5, 87.0), (93.0, 118.5), (123.5, 136.0)];
/// The wall clock of the film's first picture.
const BEGAN: i64 = 1_700_000_000_000;

/// One rule, nothing in it but what it must have: every threshold is the one that ships.
const CONFIG: &str = "
[[channel]]
id = \"hall\"
url = \"rtsp://10.0.0.1/\"
[[rule]]
id = \"people\"
type = \"presence\"
channels = [\"hall\"]
labels = [\"person\"]
";

/// A model of the built-in manifest whose weights lie in `dir`.
fn model(name: &str, dir: Option<PathBuf>) -> Option<ModelInfo> {
    let model = Manifest::load(&dir?, None).unwrap().get(name).unwrap().clone();
    if !model.path.exists() {
        println!("skipped: {} is not there", model.path.display());
        return None;
    }
    Some(model)
}

/// The events of a film.
fn events_of(film: &Path, model: &ModelInfo, runtime: &Runtime) -> Vec<Event> {
    let config: Config = config::parse("visits.toml", CONFIG).unwrap();
    let options = DetectorOptions {
        min_score: config.infer.min_score,
        nms_iou: config.infer.nms_iou,
        ..DetectorOptions::default()
    };
    let mut detector = Detector::open(runtime, model, &options).unwrap();
    let mut decoder = KeyDecoder::new(DecodeLimits::default());
    let mut tracker = Tracker::new(&config.track);
    let mut rules = ChannelRules::new(&config, &config.channel[0]);
    let film = file::read_access_units(film).unwrap();
    let mut events = Vec::new();
    for unit in film.units.iter().filter(|u| u.key) {
        let ms = u64::try_from(unit.pts_90k / 90).unwrap();
        let now = Now { mono: Mono(ms), wall: Wall(BEGAN + i64::try_from(ms).unwrap()) };
        let unit = AccessUnit {
            channel: ChannelId::new("hall").unwrap(),
            codec: film.codec,
            key: true,
            data: unit.data.clone(),
            timeline_90k: unit.pts_90k,
            ingested: now.mono,
            ingested_wall: now.wall,
            seen: now.wall,
            camera_clock: false,
            session: 1,
        };
        let frame = decoder.decode(&unit).unwrap();
        let tracks = tracker.look(&detector.detect(&frame).unwrap(), now.mono);
        let look = Look {
            timeline_90k: unit.timeline_90k,
            pace: tracker.pace(),
            ..Look::at(unit.channel.clone(), detector.model_ref(), (frame.width, frame.height), now)
        };
        events.extend(rules.look(&look, &tracks, now));
    }
    events
}

/// The film with a key frame every so many seconds.
fn with_key_frames_every(film: &Path, seconds: u32, dir: &Path) -> PathBuf {
    let out = dir.join(format!("{seconds}.mp4"));
    let gop = (seconds * 10).to_string();
    let mut args = vec!["-i", film.to_str().unwrap(), "-an", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "20"];
    args.extend(["-g", &gop, "-keyint_min", &gop, "-sc_threshold", "0", "-pix_fmt", "yuv420p"]);
    args.push(out.to_str().unwrap());
    support::ffmpeg(&args);
    out
}

fn one_event_a_visit(film: &Path, looks_every_s: f32, model: &ModelInfo, runtime: &Runtime) {
    let events = events_of(film, model, runtime);
    let of = |phase: Phase| events.iter().filter(move |e| e.phase == phase);
    let second = |e: &Event| (e.seen.0 - BEGAN) as f32 / 1000.0;
    let told: Vec<_> = of(Phase::Start)
        .map(|start| {
            let end = of(Phase::End).find(|e| e.id == start.id);
            (second(start), end.map(second), end.and_then(|e| e.end))
        })
        .collect();
    let what = format!("{} every {looks_every_s} s: {told:?}", model.name);
    println!("{what}");
    assert_eq!(told.len(), VISITS.len(), "starts; {what}");
    assert_eq!(of(Phase::End).count(), VISITS.len(), "ends; {what}");
    let mut ids: Vec<_> = of(Phase::Start).map(|e| e.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), VISITS.len(), "each start has an id of its own; {what}");
    for ((start, end, why), (from, to)) in told.iter().zip(VISITS) {
        assert_eq!(*why, Some(EventEnd::Cleared), "{what}");
        // A visit is seen at a look, and it is over when it has not been seen for `clear_ms` in two looks.
        assert!((from - 1.0..from + 2.5 + looks_every_s).contains(start), "{from} to {to}; {what}");
        let late = 2.5 + 2.0 * looks_every_s + 1.0;
        assert!(end.is_some_and(|end| (to - 3.0..to + late).contains(&end)), "{from} to {to}; {what}");
    }
}

fn visits(model: impl FnOnce() -> Option<ModelInfo>) {
    let (Some(film), Some(library)) = (support::shared("footage/one-by-one-person.mp4"), support::onnxruntime()) else {
        return;
    };
    let Some(model) = model() else { return };
    let runtime = Runtime::load(&library).unwrap();
    decode::init().unwrap();
    let dir = tempfile::tempdir().unwrap();
    one_event_a_visit(&film, 1.0, &model, &runtime);
    one_event_a_visit(&with_key_frames_every(&film, 2, dir.path()), 2.0, &model, &runtime);
}

#[test]
fn yolox_nano_tells_six_visits() {
    visits(|| model("yolox-nano", support::shared("models")));
}

#[test]
fn efficientdet_lite0_tells_six_visits() {
    visits(|| model("efficientdet-lite0", Some(support::root().join(".cache/models"))));
}
