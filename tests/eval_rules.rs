//! `skyeye eval rules` and `eval events`: counts over real footage agree with those of boxes that people drew, and every
//! visit is one event.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // tests

mod support;

use std::{path::PathBuf, process::Command};

use serde_json::Value;

/// Runtime and detector of these tests.
struct Place {
    dir: tempfile::TempDir,
    config: PathBuf,
}

impl Place {
    fn make() -> Option<Self> {
        let (runtime, models) = (support::onnxruntime()?, support::shared("models")?);
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("skyeye.toml");
        let text =
            format!("[infer]\nruntime = {runtime:?}\nmodels_dir = {models:?}\nmodel = \"yolox-nano\"\nmin_score = 0.1\n");
        std::fs::write(&config, text).unwrap();
        Some(Self { dir, config })
    }

    fn eval(&self, args: &[&str]) -> Value {
        let out = Command::new(env!("CARGO_BIN_EXE_skyeye"))
            .arg("--config")
            .arg(&self.config)
            .args(["--json", "eval"])
            .args(args)
            .current_dir(support::root())
            .output()
            .unwrap();
        let (text, errors) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(out.status.success(), "eval {args:?}: {errors}");
        serde_json::from_str(text.lines().last().unwrap()).unwrap()
    }
}

fn rules(name: &str) -> String {
    support::root().join("tests/fixtures/rules").join(name).display().to_string()
}

/// Every fourth picture, since a build without optimisation is slow; benches/README.md has the other rates.
#[test]
fn lines_and_zones_are_counted_as_people_would_count_them() {
    let (Some(place), Some(film), Some(gt)) =
        (Place::make(), support::vtest_avi(), support::shared("gt/PETS09-S2L1.txt"))
    else {
        return;
    };
    let (film, gt) = (film.display().to_string(), gt.display().to_string());
    let found = place.dir.path().join("found.csv").display().to_string();
    place.eval(&["detections", "--clip", &film, "--fps", "2.5", "--out", &found]);
    let grid = rules("grid.toml");
    let eval = || place.eval(&["rules", "--detections", &found, "--rules", &grid, "--gt", &gt, "--fps", "2.5"]);
    let report = eval();
    println!("{}", report["sums"]);
    for group in ["lines forward", "lines backward", "zones forward"] {
        let sum = &report["sums"][group];
        assert!(sum["truth"].as_u64().unwrap() >= 50, "{group}: {sum}");
        assert!(sum["off_percent"].as_f64().unwrap().abs() <= 12.0, "{group}: {sum}");
        assert_eq!(sum["singles_beyond"], 0, "{group}: {report}");
    }
    assert_eq!(eval(), report, "the same looks give the same");
}

#[test]
fn every_visit_is_one_event_and_nothing_else_is() {
    let (Some(place), Some(film)) = (Place::make(), support::shared("footage/one-by-one-person.mp4")) else { return };
    let film = film.display().to_string();
    let (visits, expected) = (rules("visits.toml"), rules("visits.csv"));
    let report = place.eval(&["events", "--clip", &film, "--rules", &visits, "--expected", &expected, "--fps", "2"]);
    assert_eq!((report["right"].as_u64(), report["expected"].as_u64()), (Some(6), Some(6)), "{report}");
    assert_eq!((report["precision"].as_f64(), report["recall"].as_f64()), (Some(1.0), Some(1.0)), "{report}");
}
