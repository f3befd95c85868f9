//! Each bench in its short form: the last line is one object with what the contract names, and its counts agree with
//! each other. Never a time: those are for the benches themselves, on a machine that has nothing else to do.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // tests

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A configuration that names runtime and detector; `None`, and a line that says so, where something is missing.
struct Place {
    dir: tempfile::TempDir,
    config: PathBuf,
}

impl Place {
    fn make() -> Option<Self> {
        let infer = detector()?;
        if !support::root().join(".cache/footage/vtest.h264.mp4").exists() {
            println!("skipped: the footage is not there; `make test` fetches it");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("skyeye.toml");
        std::fs::write(&config, infer).unwrap();
        Some(Self { dir, config })
    }

    fn bench(&self, args: &[&str]) -> Value {
        let out = Command::new(env!("CARGO_BIN_EXE_skyeye"))
            .arg("--config")
            .arg(&self.config)
            .args(["--json", "bench"])
            .args(args)
            .current_dir(support::root())
            .output()
            .unwrap();
        let (text, errors) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(out.status.success(), "bench {args:?}: {errors}");
        let last = text.lines().last().unwrap_or_else(|| panic!("bench {args:?} said nothing: {errors}"));
        let report: Value = serde_json::from_str(last).unwrap_or_else(|e| panic!("{e}: {last}"));
        assert_eq!(report["bench"], args[0]);
        for number in ["value", "floor", "ratio"] {
            assert!(report[number].as_f64().is_some_and(|n| n > 0.0), "{number} of {report}");
        }
        assert!(report["unit"].is_string());
        let ratio = report["value"].as_f64().unwrap() / report["floor"].as_f64().unwrap();
        assert!((ratio / report["ratio"].as_f64().unwrap() - 1.0).abs() < 0.01, "{report}");
        println!("{report}");
        report
    }

    /// Four seconds of pedestrians, nine of an empty picture.
    fn comings_and_goings(&self) -> PathBuf {
        let path = self.dir.path().join("visits.mp4");
        let source = support::root().join(".cache/footage/vtest.h264.mp4");
        let film =
            "[0:v]scale=352:288,fps=15,setsar=1[a];color=gray:s=352x288:r=15:d=9,setsar=1[b];[a][b]concat=n=2[v]";
        support::ffmpeg(&[
            "-t",
            "4",
            "-i",
            text(&source),
            "-filter_complex",
            film,
            "-map",
            "[v]",
            "-c:v",
            "libx264",
            "-bf",
            "0",
            "-g",
            "30",
            "-pix_fmt",
            "yuv420p",
            text(&path),
        ]);
        path
    }
}

/// The lines of `[infer]`: YOLOX-Nano, which is quick, or the detector that set-up fetches.
fn detector() -> Option<String> {
    let runtime = support::onnxruntime()?;
    let own = support::root().join(".cache/models");
    let here = |dir: PathBuf, file: &str, name: &'static str| dir.join(file).exists().then_some((dir, name));
    let found = support::shared("models")
        .and_then(|dir| here(dir, "yolox_nano.onnx", "yolox-nano"))
        .or_else(|| here(own, "efficientdet-lite0.onnx", "efficientdet-lite0"));
    let Some((dir, name)) = found else {
        println!("skipped: no detector is there");
        return None;
    };
    Some(format!("[infer]\nruntime = {runtime:?}\nmodels_dir = {dir:?}\nmodel = {name:?}\n"))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn number(report: &Value, name: &str) -> f64 {
    report[name].as_f64().unwrap_or_else(|| panic!("no {name} in {report}"))
}

#[test]
fn patrol() {
    let Some(place) = Place::make() else { return };
    let report = place.bench(&["patrol", "--seconds", "2", "--rounds", "2"]);
    assert_eq!((number(&report, "rounds"), report["unit"].as_str().unwrap()), (2.0, "samples/s/core"));
    assert!(number(&report, "key_frames") >= 39.0);
}

#[test]
fn events_all_come_once_and_in_order() {
    let Some(place) = Place::make() else { return };
    let report = place.bench(&["events", "--seconds", "2", "--rounds", "1", "--channels", "40"]);
    // A gap or a step back in a channel's order would have been an error.
    assert!(number(&report, "events") > 0.0, "{report}");
    assert_eq!((number(&report, "lost"), number(&report, "twice")), (0.0, 0.0), "{report}");
}

#[test]
fn every_look_at_part_load_is_a_message() {
    let Some(place) = Place::make() else { return };
    let report = place.bench(&["latency", "--seconds", "3", "--load", "0.3", "--poisson-only", "--seed", "7"]);
    // Looks are counted by the clock, those that were still waiting at its begin included; messages by their unit.
    let (offered, messages) = (number(&report, "offered"), number(&report, "messages"));
    assert!(messages > 0.0 && messages <= offered && number(&report, "looks") > 0.0, "{report}");
    assert!(number(&report, "p50_ms") <= number(&report, "p99_ms"), "{report}");
    assert!(number(&report, "p99_ms") <= number(&report, "p999_ms"), "{report}");
}

#[test]
fn an_overload_is_shared() {
    let Some(place) = Place::make() else { return };
    let report = place.bench(&["overload", "--seconds", "6", "--factor", "20"]);
    // Of each channel one sample may wait from before a round; one that was too late and dropped may be looked at all the
    // same, when its channel is decoded to the present.
    let most = number(&report, "offered") + number(&report, "rounds") * (number(&report, "channels") + 4.0);
    assert!(number(&report, "looks") <= most && number(&report, "dropped") <= most, "{report}");
    assert!(number(&report, "dropped") > 0.0, "{report}");
    assert!(number(&report, "channels_seen") > 1.0, "{report}");
}

#[test]
fn a_whole_channel() {
    let Some(place) = Place::make() else { return };
    let report = place.bench(&["whole", "--tier", "patrol", "--channels", "3", "--seconds", "5"]);
    assert_eq!((number(&report, "channels"), number(&report, "channels_up")), (3.0, 3.0), "{report}");
    assert!(number(&report, "looks_hz_a_channel") > 0.0, "{report}");
    assert!(number(&report, "rss_mib") > number(&report, "idle_rss_mib"), "{report}");
}

#[test]
fn a_visit_is_told() {
    let Some(place) = Place::make() else { return };
    let film = place.comings_and_goings();
    let args = ["appear", "--clip", text(&film), "--channels", "2", "--seconds", "14", "--min-score", "0.4"];
    let report = place.bench(&args);
    assert_eq!(number(&report, "visits_in_film"), 1.0, "{report}");
    let (shown, told) = (number(&report, "visits_shown"), number(&report, "visits_told"));
    assert!(
        shown >= 1.0 && told + number(&report, "visits_missed") + number(&report, "visits_joined") == shown,
        "{report}"
    );
}

/// Counted, not timed: the film's own time is the clock.
#[test]
fn activity_saves_half_the_looks_and_no_visit() {
    let (Some(place), Some(film)) = (Place::make(), support::shared("footage/one-by-one-person.mp4")) else { return };
    let report = place.bench(&["activity", "--clip", text(&film)]);
    for (encoding, most) in [("constant_quality", 0.5), ("capped", 0.5), ("strict_cbr", 0.75)] {
        let of = |what: &str| number(&report, &format!("{encoding}_{what}"));
        assert!(of("visits") >= 6.0, "{encoding}: {report}");
        assert_eq!(of("visits_found"), of("visits"), "{encoding}: {report}");
        assert!(of("looks_share") <= most, "{encoding}: {report}");
        assert!(of("catch_up_looks") > 0.0, "{encoding}: {report}");
    }
}

#[test]
fn where_it_is_never_empty_no_track_is_lost() {
    let (Some(place), Some(truth)) = (Place::make(), support::shared("gt/PETS09-S2L1.txt")) else { return };
    let report = place.bench(&["activity", "--truth", text(&truth)]);
    for encoding in ["constant_quality", "capped", "strict_cbr"] {
        let of = |what: &str| number(&report, &format!("{encoding}_{what}"));
        assert_eq!((of("tracks_found"), of("tracks")), (19.0, 19.0), "{encoding}: {report}");
    }
}

/// Two hundred channels beside fifty: no thread more, whatever the machine.
#[test]
fn reading() {
    let Some(place) = Place::make() else { return };
    let report = place.bench(&["ingest", "--channels", "200", "--rounds", "1", "--seconds", "3", "--settle", "2"]);
    assert!(number(&report, "preroll_kib_per_channel") > 100.0, "{report}");
    // The runtime's threads for files are as many as had work at once.
    assert!(number(&report, "threads") <= number(&report, "threads_with_a_quarter") + 4.0, "{report}");
}

#[test]
fn a_cold_start_under_the_governor() {
    let Some(place) = Place::make() else { return };
    let report = place.bench(&["connect", "--channels", "200", "--hosts", "10"]);
    assert_eq!(number(&report, "reconnects"), 0.0, "{report}");
    // One more may have been accepted before the one that ended is counted off.
    assert!(number(&report, "connecting_max_per_host") <= number(&report, "connects_per_host") + 1.0, "{report}");
}

#[test]
fn a_small_district_loses_nothing() {
    let Some(place) = Place::make() else { return };
    let args = ["district", "--channels", "200", "--hosts", "10", "--only-read", "--seconds", "5"];
    let report = place.bench(&[&args[..], &["--bare-seconds", "3"]].concat());
    assert_eq!(number(&report, "least_up"), 200.0, "{report}");
    for none in ["lost_packets", "dropped_units", "reconnects", "sessions_dropped_by_farm", "units_skipped_by_farm"] {
        assert_eq!(number(&report, none), 0.0, "{none}: {report}");
    }
    assert!(number(&report, "units_read") > 0.0, "{report}");
}

#[test]
fn what_is_wrong_is_said() {
    let run = |args: &[&str]| Command::new(env!("CARGO_BIN_EXE_skyeye")).args(args).output().unwrap();
    assert_eq!(run(&["bench", "nonsense"]).status.code(), Some(64));
    assert_eq!(run(&["bench", "patrol", "--seconds", "0"]).status.code(), Some(64));
    let out = run(&["bench", "patrol", "--clip", "/nowhere.mp4"]);
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&out.stderr).contains("/nowhere.mp4 is not there"));
}
