//! `skyeye eval rules` and `eval events`: counts over real footage agree with those of boxes that people drew, and every
//! visit is one event.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // tests

mod support;

use support::eval::{Place, fixture, pedestrians};

/// Counts over what was found agree with those over the boxes that people drew, to so many per cent.
fn agree(place: &Place, found: &str, gt: &str, fps: &str, percent: f64) {
    let grid = fixture("rules/grid.toml");
    let eval = || place.eval(&["rules", "--detections", found, "--rules", &grid, "--gt", gt, "--fps", fps]);
    let report = eval();
    println!("{fps}: {}", report["sums"]);
    for group in ["lines forward", "lines backward", "zones forward"] {
        let sum = &report["sums"][group];
        assert!(sum["truth"].as_u64().unwrap() >= 50, "{group}: {sum}");
        assert!(sum["off_percent"].as_f64().unwrap().abs() <= percent, "{group} at {fps}: {sum}");
        assert_eq!(sum["singles_beyond"], 0, "{group} at {fps}: {report}");
    }
    assert_eq!(eval(), report, "the same looks give the same");
}

#[test]
fn lines_and_zones_are_counted_as_people_would_count_them_at_every_rate() {
    let Some(gt) = support::shared("gt/PETS09-S2L1.txt") else { return };
    let place = Place::new("min_score = 0.1");
    for (fps, percent) in [("10", 5.0), ("5", 5.0), ("2.5", 12.0)] {
        agree(&place, &pedestrians(), &gt.display().to_string(), fps, percent);
    }
}

/// With the detector, at every fourth picture, since a build without optimisation is slow.
#[test]
fn lines_and_zones_are_counted_from_the_film() {
    let (Some(place), Some(film), Some(gt)) =
        (Place::with_detector("min_score = 0.1"), support::vtest_avi(), support::shared("gt/PETS09-S2L1.txt"))
    else {
        return;
    };
    let found = place.path("found.csv");
    place.eval(&["detections", "--clip", &film.display().to_string(), "--fps", "2.5", "--out", &found]);
    agree(&place, &found, &gt.display().to_string(), "2.5", 12.0);
}

#[test]
fn every_visit_is_one_event_and_nothing_else_is() {
    let (place, film) = (Place::with_detector("min_score = 0.1"), support::shared("footage/one-by-one-person.mp4"));
    let (Some(place), Some(film)) = (place, film) else { return };
    let film = film.display().to_string();
    let (visits, expected) = (fixture("rules/visits.toml"), fixture("rules/visits.csv"));
    let report = place.eval(&["events", "--clip", &film, "--rules", &visits, "--expected", &expected, "--fps", "2"]);
    assert_eq!((report["right"].as_u64(), report["expected"].as_u64()), (Some(6), Some(6)), "{report}");
    assert_eq!((report["precision"].as_f64(), report["recall"].as_f64()), (Some(1.0), Some(1.0)), "{report}");
}

/// A road seen from straight above: what the detector takes a car for is what a rule can go by.
#[test]
fn cars_from_above_are_there_under_any_label_and_hardly_as_cars() {
    let (place, film) = (Place::with_detector("min_score = 0.1"), support::shared("footage/car-top-down.mp4"));
    let (Some(place), Some(film)) = (place, film) else { return };
    let found = place.path("found.csv");
    place.eval(&["detections", "--clip", &film.display().to_string(), "--fps", "2.5", "--out", &found]);
    let events = |labels: &str| {
        let rules = place.path("rules.toml");
        let text = format!("[[rule]]\nid = \"cars\"\ntype = \"presence\"\nchannels = [\"*\"]\nlabels = {labels}\n");
        std::fs::write(&rules, text).unwrap();
        place.eval(&["rules", "--detections", &found, "--rules", &rules, "--fps", "2.5"])["events"].as_u64().unwrap()
    };
    let (any, vehicles) = (events("[]"), events("[\"car\", \"truck\", \"bus\"]"));
    println!("{any} events without labels, {vehicles} of vehicles");
    assert_eq!((any, vehicles), (3, 1), "four cars, two of which pass together; one is seen as a bus");
}
