//! What holds for the tracker as a whole.

use proptest::prelude::*;

use super::*;
use crate::types::BBox;

fn seen(label: &str, score: f32, x: f32) -> Detection {
    Detection { label: Arc::from(label), score, bbox: BBox { x, y: 0.4, w: 0.05, h: 0.2 } }
}

fn person(x: f32) -> Detection {
    seen("person", 0.8, x)
}

fn tracker() -> Tracker {
    let mut tracker = Tracker::new(&config::Track::default());
    tracker.shaped(1280, 720);
    tracker
}

fn numbers(tracks: &[Track]) -> Vec<u64> {
    tracks.iter().map(|t| t.number).collect()
}

#[test]
fn a_walker_keeps_the_number_at_every_rate() {
    for ms in [100, 200, 400, 1000, 2000] {
        let mut t = tracker();
        for at in (0..10_000).step_by(ms) {
            let found = t.look(&[person(0.1 + 0.07 * at as f32 / 1000.0)], Mono(at as u64));
            assert_eq!(numbers(&found), [1], "{at} ms, every {ms} ms");
        }
    }
}

#[test]
fn a_walker_keeps_the_number_at_unequal_looks_and_behind_a_pillar() {
    let mut t = tracker();
    let looks = [0, 100, 200, 900, 1000, 2000, 2100, 2200, 2300, 4300, 4400];
    for ms in looks {
        let found = t.look(&[person(0.1 + 0.05 * ms as f32 / 1000.0)], Mono(ms));
        assert_eq!(numbers(&found), [1], "{ms} ms");
        assert!(t.look(&[], Mono(ms + 10)).is_empty(), "only what was found is given");
    }
}

#[test]
fn two_who_cross_keep_their_numbers() {
    let mut t = tracker();
    let mut last = Vec::new();
    for i in 0..30u64 {
        let along = 0.02 * i as f32;
        let both =
            [person(0.2 + along), Detection { bbox: BBox { y: 0.46, ..person(0.75 - along).bbox }, ..person(0.0) }];
        // For a moment the one behind is hidden.
        let shown = if (12..16).contains(&i) { &both[1..] } else { &both[..] };
        last = t.look(shown, Mono(200 * i));
    }
    assert_eq!(numbers(&last), [1, 2]);
    assert!(last[0].bbox.x > last[1].bbox.x && last[0].velocity.0 > 0.05 && last[1].velocity.0 < -0.05);
}

#[test]
fn a_jump_across_the_picture_is_another_object() {
    let mut t = tracker();
    t.look(&[person(0.0)], Mono(0));
    assert_eq!(t.look(&[person(0.9)], Mono(100))[0].number, 2);
}

#[test]
fn a_weak_box_continues_a_track_and_begins_none() {
    let mut t = tracker();
    t.look(&[person(0.3)], Mono(0));
    let weak = t.look(&[seen("person", 0.26, 0.31), seen("person", 0.26, 0.7)], Mono(200));
    assert_eq!(numbers(&weak), [1]);
    assert!(weak[0].confirmed && weak[0].score < 0.3);
}

#[test]
fn another_label_is_another_object_unless_detectors_mix_the_two_up() {
    let mut t = tracker();
    let look = |t: &mut Tracker, label: &str, ms| t.look(&[seen(label, 0.8, 0.5)], Mono(ms)).remove(0);
    assert_eq!(look(&mut t, "person", 0).number, 1);
    assert_eq!(look(&mut t, "car", 500).number, 2);
    assert_eq!(look(&mut t, "car", 1000).label.as_ref(), "car");
    let truck = look(&mut t, "truck", 1500);
    assert_eq!((truck.number, truck.label.as_ref()), (2, "car"), "it was called a car more often");
}

#[test]
fn what_stands_says_for_how_long() {
    let mut t = tracker();
    for i in 0..20u64 {
        t.look(&[person(0.1 + 0.01 * i as f32)], Mono(200 * i));
    }
    let jitter = |i: u64| 0.3 + 0.002 * (i % 3) as f32;
    let stood: Vec<u64> = (20..70).map(|i| t.look(&[person(jitter(i))], Mono(200 * i))[0].still_ms).collect();
    assert!(stood[4] < 1500 && stood[49] > 7000, "{stood:?}");
    let walks = (70..80).map(|i| t.look(&[person(0.3 + 0.012 * (i - 70) as f32)], Mono(200 * i))[0].still_ms);
    assert!(walks.last().unwrap() < 1000);
    assert_eq!(t.look(&[person(0.42)], Mono(16_000))[0].number, 1);
}

#[test]
fn a_poster_is_never_confirmed_and_a_sure_person_at_once() {
    let mut t = tracker();
    for i in 0..500u64 {
        let jitter = 0.0005 * (i % 4) as f32;
        let found = t.look(&[seen("person", 0.5 + 0.1 * (i % 2) as f32, 0.7 + jitter)], Mono(200 * i));
        assert!(!found[0].confirmed, "look {i}");
    }
    let found = t.look(&[seen("person", 0.55, 0.7), person(0.2)], Mono(100_000));
    assert_eq!(found.iter().map(|t| t.confirmed).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn who_leaves_over_the_edge_and_who_comes_in_there_are_two() {
    let mut t = tracker();
    for i in 0..10u64 {
        let x = 0.15 - 0.02 * i as f32;
        let bbox = BBox { x, ..person(0.0).bbox }.clipped();
        t.look(&bbox.map(|bbox| Detection { bbox, ..person(0.0) }).into_iter().collect::<Vec<_>>(), Mono(200 * i));
    }
    t.look(&[], Mono(3400));
    assert_eq!(numbers(&t.look(&[person(0.005)], Mono(4000))), [2]);
}

#[test]
fn another_shape_of_picture_begins_anew() {
    let mut t = tracker();
    t.look(&[person(0.5)], Mono(0));
    t.shaped(1920, 1080);
    assert_eq!(numbers(&t.look(&[person(0.5)], Mono(100))), [1], "the same shape");
    t.shaped(640, 480);
    assert_eq!(numbers(&t.look(&[person(0.5)], Mono(200))), [2]);
}

/// Numbers as a broken model may give them.
fn foreign() -> impl Strategy<Value = f32> {
    prop_oneof![
        6 => -0.2f32..1.2,
        1 => Just(0.0),
        1 => Just(f32::NAN),
        1 => Just(f32::INFINITY),
        1 => Just(f32::MIN_POSITIVE),
        1 => any::<f32>(),
    ]
}

fn foreign_box() -> impl Strategy<Value = Detection> {
    let label = prop_oneof![3 => Just("person"), 1 => Just("car"), 1 => Just("truck")];
    (label, foreign(), foreign(), foreign(), foreign(), foreign()).prop_map(|(label, score, x, y, w, h)| Detection {
        label: Arc::from(label),
        score,
        bbox: BBox { x, y, w, h },
    })
}

fn sound_tracks(t: &Tracker, found: &[Track], now: Mono, most: usize) {
    assert!(t.kept.len() <= most, "{} tracks", t.kept.len());
    assert!(found.windows(2).all(|w| w[0].number < w[1].number), "a number twice, or out of order");
    for track in found {
        let BBox { x, y, w, h } = track.bbox;
        assert!(track.last == now && track.first <= now && track.looks >= 1);
        assert!(x >= 0.0 && y >= 0.0 && w > 0.0 && h > 0.0 && x + w <= 1.0 + 1e-5 && y + h <= 1.0 + 1e-5);
        assert!((0.0..=1.0).contains(&track.score) && track.still_ms <= now.since_ms(track.first));
        assert!(track.velocity.0.is_finite() && track.velocity.1.is_finite());
    }
    for k in &t.kept {
        let b = k.motion.after(5.0, &TUNING).shape.bbox(t.aspect);
        assert!([b.x, b.y, b.w, b.h, k.belief.log_odds()].iter().all(|v| v.is_finite()), "{k:?}");
    }
}

proptest! {
    #[test]
    fn foreign_boxes_give_sound_tracks_the_same_ones_each_time(
        looks in prop::collection::vec((0u64..5000, prop::collection::vec(foreign_box(), 0..16)), 1..40)
    ) {
        let config = config::Track { max_tracks: 8, ..Default::default() };
        let (mut a, mut b, mut now) = (Tracker::new(&config), Tracker::new(&config), Mono(0));
        for (ms, detections) in &looks {
            now = now.plus_ms(*ms);
            let found = a.look(detections, now);
            sound_tracks(&a, &found, now, 8);
            prop_assert_eq!(&found, &b.look(detections, now));
        }
        prop_assert_eq!(a.take_dropped(), b.take_dropped());
    }
}

#[test]
fn thousands_of_boxes_are_bounded() {
    let mut t = tracker();
    for i in 0..2u64 {
        let crowd: Vec<_> = (0..2000).map(|j| person(((j * 7919 + i) % 1000) as f32 / 1052.0)).collect();
        let found = t.look(&crowd, Mono(200 * i));
        sound_tracks(&t, &found, Mono(200 * i), 256);
        assert_eq!(found.len(), 256);
    }
    assert!(t.take_dropped() >= 2 * (2000 - 256));
    assert_eq!(t.take_dropped(), 0);
}
