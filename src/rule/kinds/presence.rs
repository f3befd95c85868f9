//! Somebody is there: presence and intrusion.

use super::{Kind, Of, Outcome, View, moves_inside};
use crate::types::fact::Object;

/// Something of the rule's labels stands in the place.
#[derive(Debug)]
pub struct Presence;

impl Kind for Presence {
    fn look(&mut self, view: &View<'_>) -> Outcome {
        let sure = |b: &&crate::rule::scene::Body| if view.open { view.filter.keeps(b) } else { view.filter.starts(b) };
        let objects: Vec<Object> = view.inside().filter(sure).filter(|b| view.goes(b)).map(|b| b.object()).collect();
        Outcome::of(objects, 0, view.rule.start_looks)
    }

    fn forget(&mut self) {}

    /// The episode knows: what stands there keeps its event open.
    fn found(&self, _: &View<'_>) -> bool {
        false
    }
}

/// Something that moves has come into the place. What was there all the time and stands is no intruder, and neither is a
/// box that only flickers: both have come no way.
#[derive(Debug, Default)]
pub struct Intrusion {
    bodies: Of<Visit>,
}

#[derive(Debug, Default)]
struct Visit {
    /// Looks in the place.
    looks: u32,
    intruder: bool,
}

impl Kind for Intrusion {
    fn look(&mut self, view: &View<'_>) -> Outcome {
        self.bodies.tidy(view.scene);
        let (mut objects, mut more) = (Vec::new(), 0);
        for body in view.scene.here() {
            if !view.place.holds(body.at) {
                // Who walks along the edge is no further intruder with each step over it.
                if view.is_clear(body) {
                    self.bodies.take(body.id);
                }
                continue;
            }
            if !view.filter.keeps(body) {
                continue;
            }
            let visit = self.bodies.of(body.id);
            visit.looks = visit.looks.saturating_add(1);
            if !visit.intruder {
                let comes = body.moved && view.filter.known(body) && view.goes(body);
                visit.intruder = comes && visit.looks >= view.rule.start_looks;
                more += u32::from(visit.intruder);
            }
            if visit.intruder {
                objects.push(body.object());
            }
        }
        Outcome::of(objects, more, 1)
    }

    fn forget(&mut self) {
        self.bodies.clear();
    }

    fn found(&self, view: &View<'_>) -> bool {
        moves_inside(view)
    }
}

#[cfg(test)]
mod tests {
    use crate::rule::testing::{phases, rule, run, track};

    #[test]
    fn who_walks_in_is_an_intruder_and_what_stands_there_is_not() {
        let mut r = rule("intrusion", "zones = [\"left\"]\nstart_looks = 2");
        let walk: Vec<_> = (0..9).map(|n| (n * 1000, vec![track(1, 0.7 - 0.06 * n as f32, 0.6)])).collect();
        let got = phases(&mut r, &walk);
        // The middle of its lower edge is inside from five seconds on.
        assert_eq!(got, [(6000, "start")]);
        let mut r = rule("intrusion", "zones = [\"left\"]");
        let stands: Vec<_> = (0..30).map(|n| (n * 1000, vec![track(1, 0.2 + 0.004 * (n % 3) as f32, 0.6)])).collect();
        assert!(phases(&mut r, &stands).is_empty());
    }

    #[test]
    fn who_walks_along_the_edge_is_one_intruder() {
        let mut r = rule("intrusion", "zones = [\"left\"]\nupdate_s = 1");
        // In by a good step, then to and fro over the edge by less than a tenth of his size.
        let x =
            |n: u64| if n < 4 { 0.7 - 0.07 * n as f32 } else { 0.45 + if n.is_multiple_of(2) { 0.01 } else { -0.01 } };
        let looks: Vec<_> = (0..40).map(|n| (n * 1000, vec![track(1, x(n), 0.6)])).collect();
        let happenings: Vec<_> =
            run(&mut r, &looks).iter().filter_map(|(_, e)| e.details.as_ref()?.happenings).collect();
        assert_eq!(happenings.iter().max(), Some(&1), "{happenings:?}");
    }

    #[test]
    fn a_further_intruder_is_counted_in_the_same_event() {
        let mut r = rule("intrusion", "zones = [\"left\"]\nupdate_s = 1");
        let at = |n: u64, from: u64| 0.7 - 0.06 * n.saturating_sub(from) as f32;
        let looks: Vec<_> = (0..14)
            .map(|n| (n * 1000, vec![track(1, at(n, 0).max(0.1), 0.5), track(2, at(n, 3).max(0.2), 0.9)]))
            .collect();
        let events = run(&mut r, &looks);
        let happenings: Vec<_> = events.iter().filter_map(|(_, e)| e.details.as_ref()?.happenings).collect();
        assert_eq!((happenings.first(), happenings.last()), (Some(&1), Some(&2)));
        assert_eq!(events.iter().filter(|(_, e)| e.phase == crate::types::Phase::Start).count(), 1);
    }
}
