//! A line is crossed: of type `line`, and of type `wrong-way` over a line.
//!
//! What counts is the way from look to look, so a gap across the line counts. Whoever was clear of the line on one side and
//! is clear of it on the other has crossed, clear being a share of his size: who dithers on it has crossed once, or, back
//! where he came from, not at all; and who turns up on it has come from neither side.

use super::{Kind, Of, Outcome, View, anything_moves};
use crate::{
    config::Direction,
    rule::{episode::Pulse, geometry, place::Place, scene::Body},
    types::{Details, Point, Way},
};

/// Clear of a line, or of a zone's edge: so far from it, in body sizes. Boxes of who stands jitter by a tenth.
pub const CLEAR_SIZES: f32 = 0.12;

/// Who is where against a line.
#[derive(Debug, Default)]
pub struct Crossings {
    bodies: Of<Side>,
}

#[derive(Debug, Default)]
struct Side {
    /// Where it was last found for sure.
    at: Option<Point>,
    /// Times forward less times backward since it was last clear of the line.
    net: i32,
    /// It has been clear of the line.
    clear: bool,
}

impl Crossings {
    /// Those who have crossed with this look, and which way.
    pub fn look<'a>(&mut self, view: &View<'a>) -> Vec<(&'a Body, Way)> {
        let Place::Line(_, points) = view.place else { return Vec::new() };
        self.bodies.tidy(view.scene);
        let aspect = view.scene.aspect;
        let mut done = Vec::new();
        for body in view.scene.here().filter(|b| b.sure) {
            let side = self.bodies.of(body.id);
            if let Some(from) = side.at.replace(body.at) {
                side.net += geometry::crossings(from, body.at, points);
            }
            if geometry::to_line(body.at, points, aspect) < CLEAR_SIZES * body.size(aspect) {
                continue;
            }
            if side.net != 0 && side.clear && !view.filter.known(body) {
                // It may be surer later.
                continue;
            }
            let net = std::mem::take(&mut side.net);
            if net != 0 && side.clear {
                done.push((body, if net > 0 { Way::Forward } else { Way::Backward }));
            }
            side.clear = true;
        }
        done
    }

    pub fn clear(&mut self) {
        self.bodies.clear();
    }
}

/// Whether a way is one that the rule is about.
pub fn counts(direction: Direction, way: Way) -> bool {
    match direction {
        Direction::Any => true,
        Direction::Forward => way == Way::Forward,
        Direction::Backward => way == Way::Backward,
    }
}

#[derive(Debug, Default)]
pub struct Crossing {
    crossings: Crossings,
}

impl Kind for Crossing {
    fn look(&mut self, view: &View<'_>) -> Outcome {
        let line = match view.place {
            Place::Line(id, _) => Some(id.clone()),
            _ => None,
        };
        let crossed = self.crossings.look(view).into_iter();
        let crossed = crossed.filter(|(body, way)| counts(view.rule.direction, *way) && view.goes(body));
        let pulses = crossed.map(|(body, way)| Pulse {
            objects: vec![body.object()],
            details: Details { line: line.clone(), direction: Some(way), ..Details::default() },
        });
        Outcome::Momentary(pulses.collect())
    }

    fn forget(&mut self) {
        self.crossings.clear();
    }

    fn found(&self, view: &View<'_>) -> bool {
        anything_moves(view)
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        rule::testing::{phases, rule, run, track},
        types::{Phase, Track, Way},
    };

    /// One person whose feet are at these x, a second apart.
    fn walk(xs: &[f32]) -> Vec<(u64, Vec<Track>)> {
        let look = |(n, x): (usize, &f32)| (n as u64 * 1000, vec![track(1, x - 0.05, 0.7)]);
        xs.iter().enumerate().map(look).collect()
    }

    fn ways(more: &str, looks: &[(u64, Vec<Track>)]) -> Vec<(u64, Way)> {
        let events = run(&mut rule("line", &format!("lines = [\"mid\"]\n{more}")), looks);
        let starts = events.into_iter().filter(|(_, e)| e.phase == Phase::Start);
        starts.map(|(ms, e)| (ms, e.details.unwrap().direction.unwrap())).collect()
    }

    #[test]
    fn each_crossing_is_one_event_with_its_way() {
        let there_and_back = walk(&[0.7, 0.6, 0.4, 0.3, 0.4, 0.6, 0.7]);
        assert_eq!(ways("", &there_and_back), [(2000, Way::Forward), (5000, Way::Backward)]);
        assert_eq!(ways("direction = \"backward\"", &there_and_back), [(5000, Way::Backward)]);
        let mut r = rule("line", "lines = [\"mid\"]");
        assert_eq!(phases(&mut r, &there_and_back), [(2000, "start"), (2000, "end"), (5000, "start"), (5000, "end")]);
    }

    #[test]
    fn who_dithers_on_the_line_crosses_once_or_not() {
        assert_eq!(ways("", &walk(&[0.6, 0.495, 0.505, 0.495, 0.505, 0.49, 0.4])).len(), 1);
        assert_eq!(ways("", &walk(&[0.6, 0.495, 0.505, 0.495, 0.505, 0.6])), []);
    }

    #[test]
    fn a_gap_over_the_line_counts_and_a_new_number_close_by_does_not_count_twice() {
        let gap = [(0, vec![track(1, 0.55, 0.7)]), (1000, vec![]), (2000, vec![]), (3000, vec![track(1, 0.35, 0.7)])];
        assert_eq!(ways("", &gap), [(3000, Way::Forward)]);
        let renumbered = [
            (0, vec![track(1, 0.55, 0.7)]),
            (1000, vec![track(1, 0.43, 0.7)]),
            (2000, vec![track(2, 0.46, 0.7)]),
            (3000, vec![track(2, 0.40, 0.7)]),
            (4000, vec![]),
            (5000, vec![track(3, 0.35, 0.7)]),
        ];
        assert_eq!(ways("", &renumbered).len(), 1);
    }

    #[test]
    fn a_cooldown_counts_and_hides_nothing() {
        let mut r = rule("line", "lines = [\"mid\"]\ncooldown_s = 10\nupdate_s = 0");
        let mut looks = walk(&[0.7, 0.6, 0.4, 0.3, 0.4, 0.6, 0.7]);
        looks.extend((7..20).map(|n| (n * 1000, vec![])));
        let events = run(&mut r, &looks);
        let told: Vec<_> =
            events.iter().map(|(ms, e)| (*ms, e.phase, e.details.as_ref().unwrap().happenings)).collect();
        assert_eq!(
            told,
            [(2000, Phase::Start, Some(1)), (5000, Phase::Update, Some(2)), (15_000, Phase::End, Some(2))]
        );
    }

    #[test]
    fn the_wrong_way_over_a_line_is_its_direction() {
        let mut r = rule("wrong-way", "lines = [\"mid\"]\ndirection = \"forward\"");
        assert_eq!(phases(&mut r, &walk(&[0.3, 0.4, 0.6, 0.7])), []);
        assert_eq!(phases(&mut r, &walk(&[0.7, 0.6, 0.4, 0.3])).len(), 2);
    }
}
