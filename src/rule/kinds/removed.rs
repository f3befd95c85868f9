//! A thing that lay still is gone.
//!
//! What has lain still for a while with nobody near is remembered with its box: what stands beside its owner is his, and
//! goes when he goes. It is missed while no body of its label is at its place and
//! nobody stands before it; when it has been missed for `dwell_s` it counts as removed, once.

use super::{Kind, Of, Outcome, View, is_near, owners};
use crate::{
    rule::{episode::Pulse, scene::Body},
    types::{BBox, Details, Mono, fact::Object},
};

/// A thing that has lain still and alone for so long belongs there. A bag whose owner takes some steps to and fro does not.
const SETTLED_MS: u64 = 60_000;
/// Things remembered at one place.
const MOST: usize = 64;
/// Overlap from which a box is at the thing's place.
const SAME_IOU: f32 = 0.3;
/// Share of a thing that is covered by somebody before it, from which it cannot be seen.
const COVERED: f32 = 0.3;
/// Looks that must have missed it.
const LEAST_LOOKS: u32 = 3;

#[derive(Debug)]
struct Thing {
    object: Object,
    /// Since when it has been missed, and in how many looks.
    missed: Option<(Mono, u32)>,
}

#[derive(Debug, Default)]
pub struct Removed {
    things: Vec<Thing>,
    /// By body: since when nobody has been near it.
    alone: Of<Option<Mono>>,
}

fn covered(thing: &BBox, by: &BBox) -> bool {
    let w = (thing.x + thing.w).min(by.x + by.w) - thing.x.max(by.x);
    let h = (thing.y + thing.h).min(by.y + by.h) - thing.y.max(by.y);
    w > 0.0 && h > 0.0 && w * h >= COVERED * thing.area()
}

impl Kind for Removed {
    fn look(&mut self, view: &View<'_>) -> Outcome {
        let mut pulses = Vec::new();
        let bodies: Vec<&Body> = view.scene.here().collect();
        self.things.retain_mut(|thing| {
            let at = &thing.object.bbox;
            let there = bodies.iter().any(|b| *b.label == *thing.object.label && b.bbox.iou(at) >= SAME_IOU);
            if there || bodies.iter().any(|b| covered(at, &b.bbox)) {
                thing.missed = None;
                return true;
            }
            let (since, looks) = thing.missed.get_or_insert((view.look.at, 0));
            *looks += 1;
            let missed_ms = view.look.at.since_ms(*since);
            if missed_ms < view.rule.dwell_ms() || *looks < LEAST_LOOKS {
                return true;
            }
            let dwell_s = u32::try_from(missed_ms / 1000).ok();
            let details = Details { dwell_s, ..Details::default() };
            pulses.push(Pulse { objects: vec![thing.object.clone()], details });
            false
        });
        self.alone.tidy(view.scene);
        let owners: Vec<&Body> = owners(view).collect();
        for body in view.inside().filter(|b| view.filter.keeps(b) && view.filter.known(b)) {
            let alone = self.alone.of(body.id);
            if owners.iter().any(|o| is_near(o, body, view.scene.aspect)) {
                *alone = None;
                continue;
            }
            let alone_ms = view.look.at.since_ms(*alone.get_or_insert(view.look.at));
            if body.still_ms.min(alone_ms) < SETTLED_MS {
                continue;
            }
            let same = |t: &Thing| *t.object.label == *body.label && t.object.bbox.iou(&body.bbox) >= SAME_IOU;
            if let Some(thing) = self.things.iter_mut().find(|t| same(t)) {
                thing.object = body.object();
            } else if self.things.len() < MOST {
                self.things.push(Thing { object: body.object(), missed: None });
            }
        }
        Outcome::Momentary(pulses)
    }

    fn forget(&mut self) {
        self.things.clear();
        self.alone.clear();
    }

    /// What belongs there belongs there still: who pulls the cable, takes it and plugs in again has taken it. Only for how
    /// long it has been missed is not known.
    fn lose(&mut self) {
        self.things.iter_mut().for_each(|t| t.missed = None);
        self.alone.clear();
    }

    /// While something is missed the matter wants to be settled.
    fn found(&self, _: &View<'_>) -> bool {
        self.things.iter().any(|t| t.missed.is_some())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::{
        rule::testing::{now, phases, rule, track},
        types::Track,
    };

    fn bag(n: u64) -> Track {
        Track { label: Arc::from("suitcase"), still_ms: n * 1000, ..track(1, 0.3, 0.7) }
    }

    #[test]
    fn a_thing_that_lay_there_is_missed_once() {
        let looks: Vec<_> = (0..100).map(|n| (n * 1000, if n < 70 { vec![bag(n)] } else { vec![] })).collect();
        let got = phases(&mut rule("removed-object", "dwell_s = 5"), &looks);
        assert_eq!(got, [(75_000, "start"), (75_000, "end")]);
        let brief: Vec<_> = (0..100).map(|n| (n * 1000, if n < 55 { vec![bag(n)] } else { vec![] })).collect();
        assert!(phases(&mut rule("removed-object", "dwell_s = 5"), &brief).is_empty(), "it never lay still");
    }

    #[test]
    fn who_stands_before_it_has_not_taken_it() {
        let looks: Vec<_> = (0..110)
            .map(|n| {
                let hidden = (70..90).contains(&n);
                (n * 1000, vec![if hidden { track(2, 0.31, 0.72) } else { bag(n) }])
            })
            .collect();
        assert!(phases(&mut rule("removed-object", "dwell_s = 5"), &looks).is_empty());
    }

    #[test]
    fn who_waits_with_his_luggage_and_walks_off_has_removed_nothing() {
        // He is found in two looks of three.
        let look = |n: u64| match n {
            0..120 if n % 3 == 2 => vec![bag(n)],
            0..120 => vec![bag(n), track(2, 0.36, 0.7)],
            _ => vec![],
        };
        let looks: Vec<_> = (0..160).map(|n| (n * 1000, look(n))).collect();
        assert!(phases(&mut rule("removed-object", "dwell_s = 5"), &looks).is_empty());
    }

    #[test]
    fn what_is_gone_when_pictures_come_again_was_removed() {
        let mut r = rule("removed-object", "dwell_s = 5");
        let before: Vec<_> = (0..70).map(|n| (n * 1000, vec![bag(n)])).collect();
        assert!(phases(&mut r, &before).is_empty());
        assert!(r.lost(9, now(90_000)).is_empty());
        let after: Vec<_> = (100..110).map(|n| (n * 1000, vec![])).collect();
        assert_eq!(phases(&mut r, &after), [(105_000, "start"), (105_000, "end")]);
    }
}
