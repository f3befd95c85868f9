//! Presence: something of the rule's labels stands in the zone. One event from the first sure look to the moment when
//! nothing has been there for `clear_ms`.
//!
//! Hysteresis twice: a start needs `min_score` in `start_looks` looks in a row, going on needs only `keep_score`; and
//! an end needs at least two looks in a row that saw nothing, so that neither one missed detection nor a channel which
//! is simply not looked at ends anything.

use super::{fits, revision};
use crate::{
    config,
    types::{
        ChannelId, Event, EventEnd, EventId, Look, Mono, Now, Phase, Polygon, RuleRef, Track, ZoneId, fact::Object,
    },
};

#[derive(Debug)]
struct Open {
    /// The latest event of the happening; its end repeats channel, rule and model.
    last: Event,
    /// When the zone was last occupied.
    occupied: Mono,
    /// Looks since then that found it empty.
    empty: u32,
    updated: Mono,
}

/// Empty looks in a row that an end needs, however long `clear_ms` has passed: at one look in ten seconds a single
/// missed detection must not end an event.
const EMPTY_LOOKS: u32 = 2;

/// One rule on one zone of one channel.
#[derive(Debug)]
pub struct Presence {
    rule: config::Rule,
    reference: RuleRef,
    channel: ChannelId,
    zone: Option<ZoneId>,
    polygon: Polygon,
    /// Looks in a row with a sure object.
    streak: u32,
    open: Option<Open>,
}

impl Presence {
    pub fn new(rule: &config::Rule, channel: ChannelId, zone: Option<ZoneId>, polygon: Polygon) -> Self {
        let reference = revision(rule, &polygon);
        Self { rule: rule.clone(), reference, channel, zone, polygon, streak: 0, open: None }
    }

    pub fn same_as(&self, other: &Presence) -> bool {
        self.reference == other.reference && self.zone == other.zone && self.channel == other.channel
    }

    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// True if the latest look found what the open event is about, or what starts one if more looks find it too.
    pub fn found(&self) -> bool {
        self.open.as_ref().map_or(self.streak > 0, |open| open.empty == 0)
    }

    /// Looks a second that the rule wants in focus, and when; `None` where patrol is enough.
    pub fn focus(&self) -> Option<(f32, config::FocusWhen)> {
        self.rule.focus_hz.filter(|hz| *hz > 0.0).map(|hz| (hz, self.rule.focus_when))
    }

    pub fn look(&mut self, look: &Look, tracks: &[Track], now: Now) -> Option<Event> {
        let floor = if self.open.is_some() { self.rule.keep_score } else { self.rule.min_score };
        let objects: Vec<Object> = tracks
            .iter()
            .filter(|t| self.rule.labels.is_empty() || self.rule.labels.iter().any(|l| **l == *t.label))
            .filter(|t| t.score >= floor && fits(&self.rule, &self.polygon, &t.bbox))
            .map(|t| Object { track: t.number, label: t.label.to_string(), score: t.score, bbox: t.bbox })
            .collect();
        match (&mut self.open, objects.is_empty()) {
            (None, true) => {
                self.streak = 0;
                None
            }
            (None, false) => {
                self.streak += 1;
                (self.streak >= self.rule.start_looks).then(|| self.start(look, objects, now))
            }
            (Some(open), false) => {
                open.occupied = look.at;
                open.empty = 0;
                let due = u64::from(self.rule.update_s) * 1000;
                let send = due > 0 && look.at.since_ms(open.updated) >= due;
                open.last.objects = objects;
                stamp(&mut open.last, look);
                send.then(|| {
                    open.updated = look.at;
                    Event { phase: Phase::Update, ..open.last.clone() }
                })
            }
            (Some(open), true) => {
                open.empty += 1;
                let cleared = look.at.since_ms(open.occupied) >= u64::from(self.rule.clear_ms);
                if !cleared || open.empty < EMPTY_LOOKS {
                    return None;
                }
                stamp(&mut open.last, look);
                self.end(EventEnd::Cleared, Now { mono: look.at, wall: look.ingested })
            }
        }
    }

    /// Ends the event if one is open. For `Cleared` the times are those of the look that found the zone empty.
    pub fn end(&mut self, end: EventEnd, now: Now) -> Option<Event> {
        self.streak = 0;
        let open = self.open.take()?;
        let mut event = Event { phase: Phase::End, end: Some(end), objects: Vec::new(), ..open.last };
        if end != EventEnd::Cleared {
            (event.at, event.seen, event.ingested, event.camera_clock) = (now.mono, now.wall, now.wall, false);
        }
        Some(event)
    }

    fn start(&mut self, look: &Look, objects: Vec<Object>, now: Now) -> Event {
        let zone = self.zone.as_ref().map_or("", |z| z.as_str());
        let event = Event {
            id: EventId::at(now.wall.0),
            phase: Phase::Start,
            end: None,
            channel: self.channel.clone(),
            kind: "presence",
            rule: self.reference.clone(),
            severity: self.rule.severity,
            zone: self.zone.clone(),
            objects,
            // The rule's id, not its revision: an edited rule goes on in the same alert.
            dedupe_key: format!("{}/{}/{zone}", self.channel, self.rule.id),
            at: look.at,
            seen: look.seen,
            ingested: look.ingested,
            camera_clock: look.camera_clock,
            model: Some(look.model.clone()),
            rate_hz: look.rate_hz,
            health: None,
            subjects: None,
        };
        self.open = Some(Open { last: event.clone(), occupied: look.at, empty: 0, updated: look.at });
        event
    }
}

fn stamp(event: &mut Event, look: &Look) {
    event.at = look.at;
    event.seen = look.seen;
    event.ingested = look.ingested;
    event.camera_clock = look.camera_clock;
    event.rate_hz = look.rate_hz;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        rule::ChannelRules,
        types::{BBox, ModelName, ModelRef, Wall},
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

    fn look_at(ms: u64) -> Look {
        Look {
            channel: ChannelId::new("c").unwrap(),
            timeline_90k: ms as i64 * 90,
            at: Mono(ms),
            ingested: Wall(1_000_000 + ms as i64),
            seen: Wall(1_000_000 + ms as i64),
            camera_clock: false,
            width: 640,
            height: 480,
            detections: Vec::new(),
            model: ModelRef { name: ModelName::new("m").unwrap(), sha256: Arc::from("00") },
            rate_hz: 1.0,
        }
    }

    fn track(x: f32, score: f32) -> Track {
        let bbox = BBox { x, y: 0.3, w: 0.1, h: 0.3 };
        Track {
            number: 1,
            label: Arc::from("person"),
            score,
            bbox,
            first: Mono(0),
            last: Mono(0),
            looks: 1,
            velocity: (0.0, 0.0),
            still_ms: 0,
            confirmed: true,
        }
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
        let steps =
            [(0, Some((0.2, 0.4))), (1000, Some((0.2, 0.6))), (2000, Some((0.2, 0.4))), (4500, Some((0.2, 0.35)))];
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
        assert_eq!(
            run(&mut rules(CONFIG), &steps),
            [(0, Phase::Start), (5000, Phase::Update), (10_000, Phase::Update)]
        );
    }

    #[test]
    fn an_edited_rule_ends_its_event_and_an_unchanged_one_goes_on() {
        let now = Now { mono: Mono(1000), wall: Wall(2_000_000) };
        let mut r = rules(CONFIG);
        run(&mut r, &[(0, Some((0.2, 0.8)))]);
        assert!(r.replace(rules(CONFIG), now).is_empty());
        assert_eq!(r.open(), 1);
        let ends = r.replace(rules(&CONFIG.replace("clear_ms = 3000", "clear_ms = 4000")), now);
        assert_eq!(
            ends.iter().map(|e| (e.phase, e.end)).collect::<Vec<_>>(),
            [(Phase::End, Some(EventEnd::Reconfigured))]
        );
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
            ["x", "y"]
                .map(|id| CONFIG[CONFIG.find("[[rule]]").unwrap()..].replace("\"r\"", &format!("\"{id}\"")))
                .concat()
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
}
