//! The detector of conditions before real footage, decoded key frame by key frame, in simulated time.

use std::path::Path;
use std::time::{Duration, Instant};

use skyeye::channel::condition::{Conditions, Options};
use skyeye::decode::{DecodeLimits, KeyDecoder, file::read_access_units};
use skyeye::types::{AccessUnit, ChannelId, Condition, ConditionKind, ConditionSet, Frame, Mono, Now, Wall};

use crate::spoil::{KEY_MS, SPOILED, Spoiled};
use crate::support;

/// What the demo plays.
const DEMO: [&str; 4] = ["vtest.h264.mp4", "vtest.h265.mp4", "vtest.mjpeg.avi", "motorway.h264.mp4"];
/// What a channel in which nothing moves gets.
const REST_MS: u64 = 8000;

/// All key frames of a film.
fn frames(path: &Path) -> Vec<Frame> {
    let file = read_access_units(path).unwrap();
    let mut decoder = KeyDecoder::new(DecodeLimits::default());
    let unit = |data| AccessUnit {
        channel: ChannelId::new("film").unwrap(),
        codec: file.codec,
        key: true,
        data,
        timeline_90k: 0,
        ingested: Mono(0),
        ingested_wall: Wall(0),
        seen: Wall(0),
        camera_clock: false,
        session: 1,
    };
    let keys = file.units.iter().filter(|u| u.key);
    keys.map(|u| decoder.decode(&unit(u.data.clone())).unwrap()).collect()
}

/// A camera that is looked at.
struct Camera {
    conditions: Conditions,
    looks: u64,
    ms: u64,
    took: Duration,
}

impl Camera {
    fn new() -> Self {
        let conditions = Conditions::new(Options { enabled: true, ignore: ConditionSet::default() });
        Self { conditions, looks: 0, ms: 0, took: Duration::ZERO }
    }

    fn look(&mut self, frame: &Frame, after_ms: u64) -> Vec<Condition> {
        self.looks += 1;
        self.ms += after_ms;
        let now = Now { mono: Mono(self.ms), wall: Wall(self.ms as i64) };
        let began = Instant::now();
        self.conditions.look(frame, self.looks as i64, now);
        self.took += began.elapsed();
        self.conditions.list()
    }

    /// Looks until a film was shown for so long, over and over; nothing may be found.
    fn watch(&mut self, name: &str, film: &[Frame], step: usize, seconds: u64, after_ms: u64) {
        for n in 0..(seconds * 1000 / after_ms) as usize {
            let found = self.look(&film[n * step % film.len()], after_ms);
            assert!(found.is_empty(), "{name}, look {n}: {found:?}");
        }
    }
}

pub fn run(long: bool) {
    let seconds = if long { 3600 } else { 300 };
    let dir = support::root().join(".cache/footage");
    for name in DEMO {
        let path = dir.join(name);
        if !path.exists() {
            println!("skipped: {} is not there", path.display());
            continue;
        }
        let film = frames(&path);
        for (step, after_ms) in [(1, KEY_MS), (4, REST_MS)] {
            // A film of so few key frames shows the same picture again: that is no condition of a camera.
            let step = if film.len().is_multiple_of(step) { step + 1 } else { step };
            let mut camera = Camera::new();
            camera.watch(name, &film, step, seconds, after_ms);
            println!(
                "{name} {}x{}: {} looks in {seconds} s of it, none with a condition, {} us a look",
                film[0].width,
                film[0].height,
                camera.looks,
                camera.took.as_micros() / u128::from(camera.looks)
            );
        }
    }
    let Some(spoiled) = Spoiled::make() else { return };
    let street = frames(&spoiled.path("street"));
    for (kind, condition) in SPOILED.into_iter().zip([
        ConditionKind::Frozen,
        ConditionKind::Dark,
        ConditionKind::Covered,
        ConditionKind::Moved,
    ]) {
        let film = frames(&spoiled.path(kind));
        let mut camera = Camera::new();
        camera.watch("street", &street, 1, seconds, KEY_MS);
        let found: Vec<_> =
            film.iter().map(|f| camera.look(f, KEY_MS).iter().map(|c| c.kind).collect::<Vec<_>>()).collect();
        let first = found.iter().position(|f| !f.is_empty());
        println!("{kind}: found by look {:?}: {:?}", first.map(|n| n + 1), found.last());
        assert_eq!(first, Some(2), "{kind}: {found:?}");
        assert!(found[2..].iter().all(|f| *f == [condition]), "{kind}: {found:?}");
        let cleared = (0..6).position(|n| camera.look(&street[n], KEY_MS).is_empty());
        assert!(cleared.is_some_and(|n| n <= 2), "{kind}: cleared by look {cleared:?}");
    }
}
