//! Who stays in a place, and for how long.

use super::{Kind, Of, Outcome, View, crossing::CLEAR_SIZES, moves_inside};
use crate::{
    rule::{episode::Finding, place::Place, scene::Body},
    types::{Details, Mono, Point},
};

/// Who is in a place, with hysteresis: in is who stands in it, out who is clear of its edge by a tenth of his size.
#[derive(Debug, Default)]
pub struct Stays {
    /// Since when.
    bodies: Of<Stay>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Stay {
    since: Option<Mono>,
    /// When it went out, for as long as it may come back.
    out: Option<Mono>,
}

/// What a look changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Moves {
    pub came: u32,
    pub went: u32,
}

impl Stays {
    /// `grace_ms`: who comes back within it has not been away.
    pub fn look(&mut self, view: &View<'_>, grace_ms: u64) -> Moves {
        let mut moves = Moves::default();
        for body in view.scene.gone() {
            moves.went += u32::from(self.bodies.take(body.id).is_some_and(|s| s.since.is_some() && s.out.is_none()));
        }
        for body in view.scene.here().filter(|b| view.filter.known(b)) {
            let within = view.place.holds(body.at);
            let stays = self.bodies.get(body.id).is_some_and(|s| s.since.is_some() && s.out.is_none());
            match (stays, within) {
                (false, true) => {
                    let stay = self.bodies.of(body.id);
                    let back = stay.out.is_some_and(|out| view.look.at.since_ms(out) <= grace_ms);
                    let since = stay.since.filter(|_| back).unwrap_or(view.look.at);
                    *stay = Stay { since: Some(since), out: None };
                    moves.came += 1;
                }
                (true, false) if self.is_clear(view, body) => {
                    self.bodies.of(body.id).out = Some(view.look.at);
                    moves.went += 1;
                }
                // In and out again between two looks.
                (false, false) if body.looks > 1 && passes(view.place, body.before, body.at) => {
                    moves.came += 1;
                    moves.went += 1;
                }
                _ => {}
            }
        }
        moves
    }

    fn is_clear(&self, view: &View<'_>, body: &Body) -> bool {
        view.place.to_edge(body.at, view.scene.aspect) >= CLEAR_SIZES * body.size(view.scene.aspect)
    }

    /// Since when a body stays.
    pub fn since(&self, id: u64) -> Option<Mono> {
        self.bodies.get(id).filter(|s| s.out.is_none()).and_then(|s| s.since)
    }

    /// How many stay.
    pub fn present(&self) -> u32 {
        let staying = self.bodies.0.iter().filter(|(_, s)| s.since.is_some() && s.out.is_none());
        u32::try_from(staying.count()).unwrap_or(u32::MAX)
    }

    pub fn clear(&mut self) {
        self.bodies.clear();
    }
}

fn passes(place: &Place, from: Point, to: Point) -> bool {
    let at = |t: f32| Point { x: from.x + (to.x - from.x) * t, y: from.y + (to.y - from.y) * t };
    [0.25, 0.5, 0.75].into_iter().any(|t| place.holds(at(t)))
}

/// Somebody stays for longer than `dwell_s`.
#[derive(Debug, Default)]
pub struct Loitering {
    stays: Stays,
}

impl Kind for Loitering {
    fn look(&mut self, view: &View<'_>) -> Outcome {
        self.stays.look(view, u64::from(view.rule.clear_ms));
        let (mut objects, mut longest_ms) = (Vec::new(), 0);
        for body in view.scene.here().filter(|b| view.filter.keeps(b) && view.goes(b)) {
            let Some(since) = self.stays.since(body.id) else { continue };
            let dwell_ms = view.look.at.since_ms(since);
            if dwell_ms >= view.rule.dwell_ms() {
                longest_ms = longest_ms.max(dwell_ms);
                objects.push(body.object());
            }
        }
        let details = Details {
            present: Some(self.stays.present()),
            dwell_s: u32::try_from(longest_ms / 1000).ok(),
            ..Details::default()
        };
        Outcome::Lasting(Finding { holds: !objects.is_empty(), objects, details, more: 0 }, view.rule.start_looks)
    }

    fn forget(&mut self) {
        self.stays.clear();
    }

    fn found(&self, view: &View<'_>) -> bool {
        moves_inside(view)
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        rule::testing::{phases, rule, run, track},
        types::Phase,
    };

    #[test]
    fn who_stays_long_enough_loiters_and_who_passes_does_not() {
        let mut r = rule("loitering", "zones = [\"left\"]\ndwell_s = 20");
        let mut looks: Vec<_> = (0..30).map(|n| (n * 1000, vec![track(1, 0.1 + 0.01 * (n % 5) as f32, 0.6)])).collect();
        looks.extend((30..40).map(|n| (n * 1000, vec![track(1, 0.8, 0.6)])));
        let events = run(&mut r, &looks);
        let told: Vec<_> =
            events.iter().map(|(ms, e)| (*ms, e.phase, e.details.as_ref().unwrap().dwell_s.unwrap())).collect();
        assert_eq!(told[0], (20_000, Phase::Start, 20));
        assert_eq!(told.last().map(|(ms, p, _)| (*ms, *p)), Some((32_000, Phase::End)));
        let passing: Vec<_> = (0..19).map(|n| (n * 1000, vec![track(1, 0.05 * n as f32 - 0.3, 0.6)])).collect();
        assert!(phases(&mut rule("loitering", "zones = [\"left\"]\ndwell_s = 20"), &passing).is_empty());
    }

    #[test]
    fn a_step_over_the_edge_and_a_new_number_break_no_stay() {
        let mut r = rule("loitering", "zones = [\"left\"]\ndwell_s = 20");
        let looks: Vec<_> = (0..25)
            .map(|n| {
                let x = if n % 7 == 6 { 0.55 } else { 0.40 };
                (n * 1000, vec![track(1 + n / 9, x, 0.6)])
            })
            .collect();
        assert_eq!(phases(&mut r, &looks), [(21_000, "start")]);
    }
}
