//! The rules of a channel: presence, which was there first, and what holds for all kinds.

use proptest::prelude::*;

use super::{
    ChannelRules,
    testing::{self, look_at},
};
use crate::{
    config,
    types::{EventEnd, Mono, Now, Phase, Track, Wall},
};

const CONFIG: &str = r#"
    [[channel]]
    id = "c"
    url = "rtsp://10.0.0.1/"
    zone = [{ id = "left", polygon = [[0,0],[0.5,0],[0.5,1],[0,1]] }]
    [[rule]]
    id = "r"
    type = "presence"
    channels = ["c"]
    zones = ["left"]
    labels = ["person"]
    clear_ms = 3000
    update_s = 5
"#;

fn rules(text: &str) -> ChannelRules {
    let config = config::parse("test", text).unwrap();
    ChannelRules::new(&config, &config.channel[0])
}

fn track(x: f32, score: f32) -> Track {
    Track { score, ..testing::track(1, x, 0.6) }
}

/// Each step is (ms, x of a person or none, score); gives phases with their times.
fn run(rules: &mut ChannelRules, steps: &[(u64, Option<(f32, f32)>)]) -> Vec<(u64, Phase)> {
    let mut out = Vec::new();
    for (ms, seen) in steps {
        let tracks: Vec<_> = seen.iter().map(|(x, score)| track(*x, *score)).collect();
        let now = Now { mono: Mono(*ms), wall: Wall(1_000_000 + *ms as i64) };
        out.extend(rules.look(&look_at(*ms), &tracks, now).into_iter().map(|e| (*ms, e.phase)));
    }
    out
}

#[test]
fn one_visit_is_one_start_and_one_end() {
    let inside = Some((0.2, 0.8));
    let steps = [(0, None), (1000, inside), (2000, None), (3000, inside), (4000, None), (5000, None), (6000, None)];
    assert_eq!(run(&mut rules(CONFIG), &steps), [(1000, Phase::Start), (6000, Phase::End)]);
}

#[test]
fn one_empty_look_ends_nothing_however_late() {
    let inside = Some((0.2, 0.8));
    let steps = [(0, inside), (10_000, None), (20_000, inside), (30_000, None), (40_000, None)];
    assert_eq!(run(&mut rules(CONFIG), &steps)[..2], [(0, Phase::Start), (20_000, Phase::Update)]);
    assert_eq!(run(&mut rules(CONFIG), &steps).last(), Some(&(40_000, Phase::End)));
}

#[test]
fn a_weak_score_keeps_but_does_not_start() {
    let steps = [(0, Some((0.2, 0.4))), (1000, Some((0.2, 0.6))), (2000, Some((0.2, 0.4))), (4500, Some((0.2, 0.35)))];
    assert_eq!(run(&mut rules(CONFIG), &steps), [(1000, Phase::Start)]);
}

#[test]
fn a_look_finds_what_its_event_is_about_or_what_may_start_one() {
    let mut rules = rules(&format!("{CONFIG}start_looks = 2"));
    let mut found = |ms, seen: Option<(f32, f32)>| {
        let phases = run(&mut rules, &[(ms, seen)]);
        (rules.found(), phases.len())
    };
    assert_eq!(found(0, None), (false, 0));
    assert_eq!(found(1000, Some((0.7, 0.9))), (false, 0), "outside the zone");
    assert_eq!(found(2000, Some((0.2, 0.4))), (false, 0), "not sure enough");
    assert_eq!(found(3000, Some((0.2, 0.6))), (true, 0), "the first of two");
    assert_eq!(found(3500, None), (false, 0), "gone before the second");
    assert_eq!(found(4000, Some((0.2, 0.6))), (true, 0));
    assert_eq!(found(4500, Some((0.2, 0.6))), (true, 1), "it starts");
    assert_eq!(found(5000, None), (false, 0), "though the event is open");
    assert_eq!(found(5500, Some((0.2, 0.4))), (true, 0));
}

#[test]
fn the_most_demanding_rule_says_how_much_focus_is_wanted() {
    let focus = |extra: &str| rules(&format!("{CONFIG}{extra}")).focus();
    assert_eq!(focus(""), crate::rule::Focus::default());
    let more = "focus_hz = 2.0
    [[rule]]
    id = \"s\"
    type = \"presence\"
    channels = [\"c\"]
    focus_hz = 5
    [[rule]]
    id = \"t\"
    type = \"presence\"
    channels = [\"c\"]
    focus_hz = 1
    focus_when = \"always\"";
    assert_eq!(focus(more), crate::rule::Focus { always_hz: 1.0, seen_hz: 5.0 });
}

#[test]
fn outside_the_zone_does_not_count() {
    assert_eq!(run(&mut rules(CONFIG), &[(0, Some((0.7, 0.9)))]), []);
}

#[test]
fn updates_come_at_their_rate() {
    let inside = Some((0.2, 0.8));
    let steps: Vec<_> = (0..12).map(|s| (s * 1000, inside)).collect();
    assert_eq!(run(&mut rules(CONFIG), &steps), [(0, Phase::Start), (5000, Phase::Update), (10_000, Phase::Update)]);
}

#[test]
fn an_edited_rule_ends_its_event_and_an_unchanged_one_goes_on() {
    let now = Now { mono: Mono(1000), wall: Wall(2_000_000) };
    let mut r = rules(CONFIG);
    run(&mut r, &[(0, Some((0.2, 0.8)))]);
    assert!(r.replace(rules(CONFIG), now).is_empty());
    assert_eq!(r.open(), 1);
    let ends = r.replace(rules(&CONFIG.replace("clear_ms = 3000", "clear_ms = 4000")), now);
    assert_eq!(ends.iter().map(|e| (e.phase, e.end)).collect::<Vec<_>>(), [(Phase::End, Some(EventEnd::Reconfigured))]);
    assert_eq!(r.open(), 0);
}

#[test]
fn a_lost_picture_ends_what_was_open() {
    let now = Now { mono: Mono(9000), wall: Wall(2_000_000) };
    let mut r = rules(CONFIG);
    run(&mut r, &[(0, Some((0.2, 0.8)))]);
    let ends = r.lost(9, now);
    assert_eq!((ends.len(), ends[0].end, ends[0].seen), (1, Some(EventEnd::Lost), Wall(2_000_000)));
    assert!(r.lost(9, now).is_empty(), "one end only");
}

#[test]
fn what_was_lost_ends_in_portions_and_each_once() {
    let now = Now { mono: Mono(9000), wall: Wall(2_000_000) };
    let three = format!(
        "{CONFIG}{}",
        ["x", "y"].map(|id| CONFIG[CONFIG.find("[[rule]]").unwrap()..].replace("\"r\"", &format!("\"{id}\""))).concat()
    );
    let mut r = rules(&three);
    r.look(&look_at(0), &[track(0.2, 0.8)], now);
    assert_eq!(r.open(), 3);
    let (first, rest) = (r.lost(2, now), r.lost(2, now));
    assert_eq!((first.len(), rest.len(), r.open()), (2, 1, 0));
    assert!(first.iter().all(|e| rest.iter().all(|o| o.id != e.id)));
}

proptest! {
    #[test]
    fn every_start_has_exactly_one_end(steps in prop::collection::vec((1u64..4000, 0u8..4, 0.0f32..1.0), 1..60)) {
        let mut r = rules(CONFIG);
        let (mut ms, mut events) = (0, Vec::new());
        for (dt, what, score) in steps {
            ms += dt;
            let now = Now { mono: Mono(ms), wall: Wall(1_000_000 + ms as i64) };
            events.extend(match what {
                0 => r.lost(9, now),
                1 => r.look(&look_at(ms), &[], now),
                _ => r.look(&look_at(ms), &[track(0.2, score)], now),
            });
        }
        events.extend(r.finish(Now { mono: Mono(ms), wall: Wall(ms as i64) }));
        let mut open = std::collections::BTreeSet::new();
        for e in events {
            match e.phase {
                Phase::Start => prop_assert!(open.insert(e.id), "two starts of one id"),
                Phase::Update => prop_assert!(open.contains(&e.id)),
                Phase::End => {
                    prop_assert!(open.remove(&e.id), "an end without a start");
                    prop_assert!(e.end.is_some());
                }
            }
        }
        prop_assert!(open.is_empty(), "a start without an end");
    }
}

#[test]
fn out_of_its_hours_a_rule_wants_no_focus() {
    // 07:59:58 on a Wednesday, by the clock of the node.
    let text = r#"
        [node]
        time_zone = "UTC"
        [[timetable]]
        id = "day"
        weekly = ["08:00-20:00"]
        [[channel]]
        id = "c"
        url = "rtsp://10.0.0.1/"
        [[rule]]
        id = "r"
        type = "presence"
        channels = ["c"]
        timetable = "day"
        focus_hz = 5
        focus_when = "always"
    "#;
    let mut rules = rules(text);
    let mut at = |ms: u64| {
        let now = Now { mono: Mono(ms), wall: Wall(1_767_772_798_000 + ms as i64) };
        rules.look(&crate::types::Look { ingested: now.wall, ..look_at(ms) }, &[track(0.2, 0.8)], now);
        (rules.focus().always_hz, rules.found())
    };
    assert_eq!(at(1000), (0.0, false));
    assert_eq!(at(3000), (5.0, true), "its hours have begun");
}
