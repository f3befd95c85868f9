//! What stands still for too long: a vehicle that has stopped, a thing that somebody has left.

use super::{Kind, Of, Outcome, View, is_near, owners};
use crate::{
    rule::{episode::Finding, geometry, scene::Body},
    types::{Details, Mono, Point},
};

/// What has gone so far from where it stood, in body sizes, has moved: boxes of what stands jitter.
const AWAY_SIZES: f32 = 0.5;

/// What stands, and where.
#[derive(Debug, Default)]
struct Stand {
    /// Where it has stood too long.
    at: Option<Point>,
    /// When somebody was last near it.
    near: Option<Mono>,
    /// When it was seen first.
    since: Option<Mono>,
}

/// Those that stand too long; `lone`: and with nobody of `owner_labels` near for as long.
fn standing(bodies: &mut Of<Stand>, view: &View<'_>, lone: bool) -> Outcome {
    bodies.tidy(view.scene);
    let aspect = view.scene.aspect;
    let owners: Vec<&Body> = if lone { owners(view).filter(|b| b.here).collect() } else { Vec::new() };
    let (mut objects, mut longest_ms, mut more) = (Vec::new(), 0, 0);
    for body in view.scene.here().filter(|b| view.filter.keeps(b)) {
        let stand = bodies.of(body.id);
        let since = *stand.since.get_or_insert(view.look.at);
        let away = |from: Point| geometry::distance(from, body.at, aspect) > AWAY_SIZES * body.size(aspect);
        if !view.place.holds(body.at) || stand.at.is_some_and(away) {
            *stand = Stand::default();
            continue;
        }
        if owners.iter().any(|o| is_near(o, body, aspect)) {
            stand.near = Some(view.look.at);
        }
        // One that was there before the rule was, or that lay still under another rule's eyes, has the tracker's word.
        let alone_ms = match (lone, stand.near) {
            (true, Some(near)) => view.look.at.since_ms(near),
            (true, None) => view.look.at.since_ms(since),
            (false, _) => u64::MAX,
        };
        let stood_ms = body.still_ms.min(alone_ms);
        if stand.at.is_none() && stood_ms >= view.rule.dwell_ms() && view.filter.known(body) {
            stand.at = Some(body.at);
            more += 1;
        }
        if stand.at.is_some() {
            longest_ms = longest_ms.max(body.still_ms);
            objects.push(body.object());
        }
    }
    let details = Details {
        present: u32::try_from(objects.len()).ok(),
        dwell_s: u32::try_from(longest_ms / 1000).ok(),
        ..Details::default()
    };
    Outcome::Lasting(Finding { holds: !objects.is_empty(), objects, details, more }, view.rule.start_looks)
}

/// Something of the rule's is there and has not yet been judged: once it is, it costs nothing.
fn not_yet(bodies: &Of<Stand>, view: &View<'_>) -> bool {
    let judged = |b: &Body| bodies.get(b.id).is_some_and(|s| s.at.is_some());
    view.inside().any(|b| view.filter.keeps(b) && !judged(b) && b.still_ms < view.rule.dwell_ms())
}

/// A vehicle that has stopped.
#[derive(Debug, Default)]
pub struct Stopped {
    bodies: Of<Stand>,
}

impl Kind for Stopped {
    fn look(&mut self, view: &View<'_>) -> Outcome {
        standing(&mut self.bodies, view, false)
    }
    fn forget(&mut self) {
        self.bodies.clear();
    }
    fn found(&self, view: &View<'_>) -> bool {
        not_yet(&self.bodies, view)
    }
}

/// A thing that somebody has left.
#[derive(Debug, Default)]
pub struct Left {
    bodies: Of<Stand>,
}

impl Kind for Left {
    fn look(&mut self, view: &View<'_>) -> Outcome {
        standing(&mut self.bodies, view, true)
    }
    fn forget(&mut self) {
        self.bodies.clear();
    }
    fn found(&self, view: &View<'_>) -> bool {
        not_yet(&self.bodies, view)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::{
        rule::testing::{phases, rule, track},
        types::Track,
    };

    fn thing(number: u64, label: &str, x: f32, still_ms: u64) -> Track {
        Track { label: Arc::from(label), still_ms, ..track(number, x, 0.7) }
    }

    #[test]
    fn a_vehicle_stops_when_it_has_stood_and_goes_when_it_moves() {
        let mut r = rule("stopped", "dwell_s = 10\nclear_ms = 1000\nupdate_s = 0");
        let mut looks: Vec<_> = (0..20).map(|n| (n * 1000, vec![thing(1, "car", 0.3, n * 1000)])).collect();
        // The tracker's word wavers; it has not moved.
        looks[15].1[0].still_ms = 0;
        looks.extend((20..24).map(|n| (n * 1000, vec![thing(1, "car", 0.3 + 0.1 * (n - 18) as f32, 0)])));
        assert_eq!(phases(&mut r, &looks), [(10_000, "start"), (21_000, "end")]);
        let person: Vec<_> = (0..20).map(|n| (n * 1000, vec![thing(1, "person", 0.3, n * 1000)])).collect();
        assert!(phases(&mut rule("stopped", "dwell_s = 10"), &person).is_empty());
    }

    #[test]
    fn a_thing_is_left_when_nobody_is_near() {
        let looks = |leaves: u64| -> Vec<(u64, Vec<Track>)> {
            (0..40)
                .map(|n| {
                    let person = if n < leaves { 0.32 } else { 0.32 + 0.1 * (n - leaves) as f32 };
                    let mut tracks = vec![thing(1, "suitcase", 0.3, n * 1000)];
                    tracks.extend((person < 1.0).then(|| thing(2, "person", person, 0)));
                    (n * 1000, tracks)
                })
                .collect()
        };
        let mut r = rule("left-object", "dwell_s = 10\nupdate_s = 0");
        // Near is within the person's own height: two steps after it leaves.
        assert_eq!(phases(&mut r, &looks(5)).first().map(|(ms, p)| (*ms / 1000, *p)), Some((16, "start")));
        assert!(phases(&mut rule("left-object", "dwell_s = 10"), &looks(60)).is_empty(), "its owner stays");
    }
}
