//! `skyeye eval track`: its measures are those of the Python package `motmetrics`, and what it follows is followed well.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // tests

mod support;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use skyeye::cli::eval::{measure::measure, mot};
use support::eval::{Place, pedestrians};

fn fixture(name: &str) -> PathBuf {
    support::root().join("tests/fixtures/mot").join(name)
}

/// Ours of two texts.
fn ours(gt: &Path, tracks: &Path) -> Value {
    json!(measure(&mot::load(gt).unwrap(), &mot::load(tracks).unwrap()))
}

/// Holds every figure that the reference gives against ours; counts to the unit, shares to the last digits of a float.
fn same(name: &str, ours: &Value, reference: &Value) {
    let reference = reference.as_object().unwrap();
    assert!(reference.len() >= 9, "{name}: {reference:?}");
    for (key, value) in reference {
        let (a, b) = (ours[key].as_f64().unwrap(), value.as_f64().unwrap());
        assert!((a - b).abs() < 1e-12, "{name}: {key} is {a}, and {b} with motmetrics");
    }
}

/// The committed scenes, made and scored by `tests/mot_reference.py make`.
#[test]
fn the_measures_are_those_of_the_fixture() {
    let expected: Value = serde_json::from_str(&std::fs::read_to_string(fixture("expected.json")).unwrap()).unwrap();
    for (name, reference) in expected.as_object().unwrap() {
        same(name, &ours(&fixture(&format!("{name}.gt.txt")), &fixture(&format!("{name}.tracks.txt"))), reference);
    }
}

/// A Python that has motmetrics: `SKYEYE_MOTMETRICS_PYTHON`, or `python3`.
fn motmetrics(pairs: &[(PathBuf, PathBuf)]) -> Option<Vec<Value>> {
    let python = std::env::var("SKYEYE_MOTMETRICS_PYTHON").unwrap_or_else(|_| "python3".into());
    let paths = pairs.iter().flat_map(|(gt, tracks)| [gt, tracks]);
    let script = support::root().join("tests/mot_reference.py");
    let Ok(out) = Command::new(python).arg(script).arg("score").args(paths).output() else {
        println!("skipped: no Python is there");
        return None;
    };
    if out.status.code() == Some(77) {
        println!("skipped: Python has no motmetrics");
        return None;
    }
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    Some(String::from_utf8_lossy(&out.stdout).lines().map(|l| serde_json::from_str(l).unwrap()).collect())
}

/// Scenes that nobody has looked at: walkers of a simple random number, with tracks that break in every way.
fn scene(seed: u64) -> (String, String) {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut dice = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let objects = 2 + seed % 7;
    let (mut truth, mut found) = (String::new(), String::new());
    let mut names: Vec<u64> = (1..=objects).collect();
    let mut fresh = objects + 1;
    for frame in 1..=30u32 {
        for i in 0..objects {
            let (x, y) = (40.0 * i as f64 + 4.0 * f64::from(frame) * (dice() - 0.3), 10.0 + 5.0 * dice());
            if dice() < 0.9 {
                truth += &format!("{frame},{},{x:.2},{y:.2},40,90,1,-1,-1,-1\n", i + 1);
            }
            if dice() < 0.1 {
                (names[i as usize], fresh) = (fresh, fresh + 1);
            }
            if dice() < 0.85 {
                let (x, w) = (x + 30.0 * (dice() - 0.5), 40.0 + 10.0 * (dice() - 0.5));
                found += &format!("{frame},{},{x:.2},{y:.2},{w:.2},90,1,-1,-1,-1\n", names[i as usize]);
            }
        }
    }
    (truth, found)
}

#[test]
fn the_measures_are_those_of_motmetrics_on_new_scenes() {
    let dir = tempfile::tempdir().unwrap();
    let pairs: Vec<_> = (1..=12)
        .map(|seed| {
            let (truth, found) = scene(seed);
            let (gt, tracks) =
                (dir.path().join(format!("{seed}.gt.txt")), dir.path().join(format!("{seed}.tracks.txt")));
            std::fs::write(&gt, truth).unwrap();
            std::fs::write(&tracks, found).unwrap();
            (gt, tracks)
        })
        .collect();
    let Some(reference) = motmetrics(&pairs) else { return };
    assert_eq!(reference.len(), pairs.len());
    for ((gt, tracks), reference) in pairs.iter().zip(&reference) {
        same(&gt.display().to_string(), &ours(gt, tracks), reference);
    }
}

fn figure(report: &Value, name: &str) -> f64 {
    report[name].as_f64().unwrap_or_else(|| panic!("no {name} in {report}"))
}

/// A little below what benches/README.md has.
#[test]
fn pedestrians_are_followed_at_every_rate() {
    let Some(gt) = support::shared("gt/PETS09-S2L1.txt") else { return };
    let (place, gt) = (Place::new("min_score = 0.25"), gt.display().to_string());
    for (fps, mota, idf1) in [("10", 0.8, 0.8), ("5", 0.8, 0.77), ("2.5", 0.8, 0.8)] {
        let report = place.eval(&["track", "--detections", &pedestrians(), "--gt", &gt, "--fps", fps]);
        println!("{report}");
        assert!(figure(&report, "mota") >= mota && figure(&report, "idf1") >= idf1, "{report}");
        assert!(figure(&report, "switches") <= 40.0, "{report}");
    }
}

/// 795 pictures are many for a build without optimisation, so it looks at every fourth; the other rates read a part of what
/// was found.
#[test]
fn pedestrians_are_followed_at_two_and_a_half_looks_a_second() {
    let (Some(place), Some(film), Some(gt)) =
        (Place::with_detector(""), support::vtest_avi(), support::shared("gt/PETS09-S2L1.txt"))
    else {
        return;
    };
    let (film, gt) = (film.display().to_string(), gt.display().to_string());
    let (found, tracks) = (place.path("found.csv"), place.path("tracks.txt"));
    let wrote = place.eval(&["detections", "--clip", &film, "--fps", "2.5", "--out", &found]);
    assert_eq!((figure(&wrote, "pictures"), figure(&wrote, "looks")), (795.0, 199.0));

    let report = place.eval(&["track", "--detections", &found, "--gt", &gt, "--fps", "2.5", "--tracks", &tracks]);
    assert!(figure(&report, "mota") >= 0.65 && figure(&report, "idf1") >= 0.62, "{report}");
    assert!(figure(&report, "switches") <= 40.0 && figure(&report, "recall") >= 0.8, "{report}");
    assert_eq!(figure(&report, "objects"), 1165.0, "every fourth picture's boxes, whatever their confidence");

    // The text that it wrote gives the same figures, here and with the reference.
    let scored: Vec<String> =
        std::fs::read_to_string(&gt).unwrap().lines().filter(|l| scored(l)).map(str::to_owned).collect();
    let part = place.dir.path().join("gt.txt");
    std::fs::write(&part, scored.join("\n")).unwrap();
    same("ours", &ours(&part, Path::new(&tracks)), &picked(&report));
    if let Some(reference) = motmetrics(&[(part.clone(), PathBuf::from(&tracks))]) {
        same("pedestrians", &report, &reference[0]);
    }

    let slower = place.eval(&["track", "--detections", &found, "--gt", &gt, "--fps", "1.25"]);
    assert_eq!(figure(&slower, "looks"), 100.0);
    assert!(figure(&slower, "mota") >= 0.55, "{slower}");
}

/// A row of a picture that was looked at.
fn scored(line: &str) -> bool {
    line.split(',').next().is_some_and(|f| (f.parse::<u32>().unwrap() - 1).is_multiple_of(4))
}

/// The figures that the reference gives, too.
fn picked(report: &Value) -> Value {
    let names = ["mota", "idf1", "switches", "precision", "recall", "idp", "idr", "misses", "false_positives"];
    Value::Object(names.iter().map(|n| ((*n).to_owned(), report[*n].clone())).collect())
}

#[test]
fn a_film_is_drawn_and_what_is_no_film_is_named() {
    let Some(place) = Place::with_detector("") else { return };
    let film = place.path("film.mp4");
    support::ffmpeg(&["-f", "lavfi", "-i", "testsrc=size=320x240:rate=5:duration=2", "-c:v", "libx264", &film]);
    let pictures = place.path("pictures");
    let report = place.eval(&["track", "--clip", &film, "--fps", "2.5", "--draw", &pictures]);
    assert_eq!((figure(&report, "pictures"), figure(&report, "looks"), figure(&report, "fps")), (10.0, 5.0, 2.5));
    let mut drawn: Vec<_> =
        std::fs::read_dir(&pictures).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    drawn.sort();
    assert_eq!(drawn, ["000001.jpg", "000003.jpg", "000005.jpg", "000007.jpg", "000009.jpg"]);

    let sound = place.path("sound.wav");
    support::ffmpeg(&["-f", "lavfi", "-i", "sine=duration=1", &sound]);
    for (args, code, said) in [
        (vec!["track", "--clip", &sound], 1, "no picture"),
        (vec!["track", "--clip", "Cargo.toml"], 1, "Cargo.toml"),
        (vec!["track", "--clip", "no-such-film"], 1, "cannot be read"),
        (vec!["track", "--clip", &film, "--gt", "Cargo.toml"], 1, "line 1"),
        (vec!["track", "--clip", &film, "--fps", "0"], 64, "0.001"),
        (vec!["track"], 64, "--clip"),
    ] {
        let out = place.command(&["eval"]).args(&args).output().unwrap();
        let errors = String::from_utf8_lossy(&out.stderr);
        assert!(errors.contains(said) && out.status.code() == Some(code), "{args:?}: {errors}");
    }
}
