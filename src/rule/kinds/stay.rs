//! Who stays in a place, and for how long.

use super::{Kind, Of, Outcome, View, moves_inside};
use crate::{
    rule::{episode::Finding, geometry, scene::Body},
    types::{Details, Mono},
};

/// Who has stayed for so long visits; who only steps over an edge, or is a box that flickers, does not.
const VISIT_MS: u64 = 500;
/// The same for who was first seen inside: more of these are doubles that a detector makes in a crowd.
const TURNED_UP_MS: u64 = 1000;
/// Who turns up inside a place within this time of being lost there, and near, is the same: the visit goes on. The reach is
/// in body sizes, at once and for each second.
const AGAIN_MS: u64 = 6000;
const AGAIN_SIZES: f32 = 1.0;
const AGAIN_SIZES_PER_S: f32 = 1.0;
/// What was first seen no longer ago than this has turned up.
const FRESH_MS: u64 = 2000;

/// Who is in a place, with hysteresis: in is who stands in it, out who is clear of its edge by a share of his size.
#[derive(Debug, Default)]
pub struct Stays {
    bodies: Of<Stay>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Stay {
    since: Option<Mono>,
    /// It has been counted as a visit.
    visits: bool,
    /// When it went out, for as long as it may come back.
    out: Option<Mono>,
}

impl Stay {
    fn is_in(&self) -> bool {
        self.since.is_some() && self.out.is_none()
    }
}

/// What a look changed: visits that have begun, and that have ended.
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
            moves.went += u32::from(self.bodies.take(body.id).is_some_and(|s| s.is_in() && s.visits));
        }
        let now = view.look.at;
        for body in view.scene.here().filter(|b| view.filter.known(b)) {
            let within = view.place.holds(body.at);
            let stays = self.bodies.get(body.id).is_some_and(Stay::is_in);
            if !stays && within {
                let again = if self.bodies.get(body.id).is_none() { self.again(view, body) } else { None };
                let stay = self.bodies.of(body.id);
                let back = stay.out.is_some_and(|out| now.since_ms(out) <= grace_ms);
                *stay = match (again, back) {
                    (Some(again), _) => again,
                    (None, true) => Stay { out: None, ..*stay },
                    (None, false) => Stay { since: Some(now), visits: false, out: None },
                };
            } else if stays && !within && view.is_clear(body) {
                let stay = self.bodies.of(body.id);
                stay.out = Some(now);
                moves.went += u32::from(stay.visits);
            }
            if within {
                let stay = self.bodies.of(body.id);
                let needed_ms = |since| if since == body.first { TURNED_UP_MS } else { VISIT_MS };
                let visits = stay.since.is_some_and(|since| now.since_ms(since) >= needed_ms(since));
                moves.came += u32::from(visits && !stay.visits);
                stay.visits |= visits;
            }
        }
        moves
    }

    /// The stay of one who was lost in the place and is likely this body, which has turned up there. It reaches further
    /// than the scene does, since only the place must be the same and not the way. Without it `tests/eval_rules.rs` counts 6 %
    /// too many visits at ten looks a second, of those who stand in groups.
    fn again(&mut self, view: &View<'_>, body: &Body) -> Option<Stay> {
        let (now, aspect) = (view.look.at, view.scene.aspect);
        let turned_up = now.since_ms(body.first) <= FRESH_MS && view.place.holds(body.origin);
        if view.scene.trusts_numbers() || !turned_up {
            return None;
        }
        let lost = view.scene.all().iter().filter(|b| !b.here && b.label == body.label);
        let near = lost.filter_map(|b| {
            let lost_ms = now.since_ms(b.last);
            let off = geometry::distance(b.at, body.at, aspect) / body.size(aspect);
            let reach = AGAIN_SIZES + AGAIN_SIZES_PER_S * lost_ms as f32 / 1000.0;
            let stays = self.bodies.get(b.id).is_some_and(Stay::is_in);
            (stays && lost_ms <= AGAIN_MS && off <= reach).then_some((off, b.id))
        });
        let (_, id) = near.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))?;
        self.bodies.take(id)
    }

    /// Since when a body stays.
    pub fn since(&self, id: u64) -> Option<Mono> {
        self.bodies.get(id).filter(|s| s.is_in()).and_then(|s| s.since)
    }

    /// How many visit.
    pub fn present(&self) -> u32 {
        let staying = self.bodies.0.iter().filter(|(_, s)| s.is_in() && s.visits);
        u32::try_from(staying.count()).unwrap_or(u32::MAX)
    }

    pub fn clear(&mut self) {
        self.bodies.clear();
    }
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
