//! Something goes against the way in a place.

use super::{Kind, Of, Outcome, View, moves_inside};
use crate::types::Point;

/// It must have gone so far that way, in body sizes, so that neither jitter nor a step aside is a way.
const WAY_SIZES: f32 = 0.5;
/// And be seen to go that way in so many looks in a row at least.
const LEAST_LOOKS: u32 = 2;

#[derive(Debug, Default)]
pub struct WrongWay {
    bodies: Of<Going>,
}

#[derive(Debug, Default)]
struct Going {
    from: Option<Point>,
    looks: u32,
    wrong: bool,
}

impl Kind for WrongWay {
    fn look(&mut self, view: &View<'_>) -> Outcome {
        self.bodies.tidy(view.scene);
        let aspect = view.scene.aspect;
        let wanted = view.rule.heading_deg.unwrap_or(0.0).to_radians();
        let (mut objects, mut more) = (Vec::new(), 0);
        for body in view.scene.here() {
            let stands = body.heading_deg(aspect).is_none();
            if !view.place.holds(body.at) || !view.filter.keeps(body) || !(stands || view.goes(body)) {
                self.bodies.take(body.id);
                continue;
            }
            let going = self.bodies.of(body.id);
            let from = *going.from.get_or_insert(body.before);
            going.looks = going.looks.saturating_add(u32::from(!stands));
            let along = (body.at.x - from.x) * aspect * wanted.sin() - (body.at.y - from.y) * wanted.cos();
            let far = along >= WAY_SIZES * body.size(aspect);
            if !going.wrong && far && view.filter.known(body) {
                going.wrong = going.looks >= view.rule.start_looks.max(LEAST_LOOKS);
                more += u32::from(going.wrong);
            }
            if going.wrong {
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
    use crate::{
        rule::testing::{phases, rule, track},
        types::Track,
    };

    /// Ten looks, half a second apart, from (x, y) on with a velocity.
    fn drive(x: f32, y: f32, v: (f32, f32)) -> Vec<(u64, Vec<Track>)> {
        let at = |n: u64| {
            let mut t = track(1, x + v.0 * n as f32 * 0.5, y + v.1 * n as f32 * 0.5);
            t.velocity = v;
            (n * 500, vec![t])
        };
        (0..10).map(at).collect()
    }

    #[test]
    fn only_the_wrong_way_is_one() {
        let more = "heading_deg = 180\nclear_ms = 500\nupdate_s = 0";
        assert!(phases(&mut rule("wrong-way", more), &drive(0.4, 0.9, (0.0, -0.1))).is_empty(), "up is right");
        assert!(phases(&mut rule("wrong-way", more), &drive(0.1, 0.6, (0.1, 0.0))).is_empty(), "across is no matter");
        assert!(phases(&mut rule("wrong-way", more), &drive(0.4, 0.6, (0.0, 0.0))).is_empty(), "nor is standing");
        let got = phases(&mut rule("wrong-way", more), &drive(0.4, 0.4, (0.03, 0.1)));
        assert_eq!(got.len(), 1);
        assert_eq!(got[0].1, "start");
    }
}
