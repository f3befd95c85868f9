//! A running total: over a line forward and backward, or into a place and out of it.

use super::{
    Kind, Outcome, View, anything_moves,
    crossing::{Crossings, counts},
    stay::Stays,
};
use crate::{
    rule::{episode::Finding, place::Place},
    types::{Counts, Details, Way},
};

#[derive(Debug, Default)]
pub struct Count {
    crossings: Crossings,
    stays: Stays,
    totals: Counts,
    period: Option<i64>,
}

impl Kind for Count {
    fn look(&mut self, view: &View<'_>) -> Outcome {
        let period = view.look.ingested.0.div_euclid(i64::from(view.rule.period_s.max(1)) * 1000);
        if self.period != Some(period) {
            self.period = Some(period);
            (self.totals.forward, self.totals.backward) = (0, 0);
        }
        let mut details = Details::default();
        let (mut forward, mut backward, mut objects) = (0, 0, Vec::new());
        if let Place::Line(id, _) = view.place {
            details.line = Some(id.clone());
            let crossed = self.crossings.look(view).into_iter();
            for (body, way) in crossed.filter(|(b, way)| counts(view.rule.direction, *way) && view.goes(b)) {
                details.direction = Some(way);
                objects.push(body.object());
                match way {
                    Way::Forward => forward += 1,
                    Way::Backward => backward += 1,
                }
            }
        } else {
            let moves = self.stays.look(view, 0);
            let of = |direction, n| if counts(view.rule.direction, direction) { u64::from(n) } else { 0 };
            (forward, backward) = (of(Way::Forward, moves.came), of(Way::Backward, moves.went));
            details.present = Some(self.stays.present());
        }
        let totals = &mut self.totals;
        for (of, new) in [
            (&mut totals.forward, forward),
            (&mut totals.backward, backward),
            (&mut totals.total_forward, forward),
            (&mut totals.total_backward, backward),
        ] {
            *of = of.saturating_add(new);
        }
        details.counts = Some(*totals);
        let more = u32::try_from(forward.saturating_add(backward)).unwrap_or(u32::MAX);
        Outcome::Counting(period, Finding { holds: more > 0, objects, details, more })
    }

    fn forget(&mut self) {
        self.crossings.clear();
        self.stays.clear();
    }

    fn found(&self, view: &View<'_>) -> bool {
        anything_moves(view)
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        rule::testing::{EPOCH, rule, run, track},
        types::{Phase, Track},
    };

    /// A person walks from right to left through both halves, over the line, in ten looks a second apart.
    fn walk(from: u64, number: u64) -> Vec<(u64, Vec<Track>)> {
        (0..10).map(|n| (from + n * 1000, vec![track(number, 0.9 - 0.09 * n as f32, 0.7)])).collect()
    }

    #[test]
    fn totals_go_on_over_the_periods() {
        let mut r = rule("count", "lines = [\"mid\"]\nperiod_s = 60\nupdate_s = 0");
        let begin = 60_000 - EPOCH as u64 % 60_000;
        let mut looks: Vec<_> = (0..4).flat_map(|n| walk(begin + n * 25_000, n + 1)).collect();
        looks.push((begin + 130_000, vec![]));
        let ends: Vec<_> = run(&mut r, &looks).into_iter().filter(|(_, e)| e.phase == Phase::End).collect();
        let counts: Vec<_> = ends.iter().map(|(_, e)| e.details.as_ref().unwrap().counts.unwrap()).collect();
        assert_eq!(counts.iter().map(|c| (c.forward, c.total_forward)).collect::<Vec<_>>(), [(3, 3), (1, 4)]);
        assert!(counts.iter().all(|c| c.backward == 0));
    }

    #[test]
    fn a_zone_counts_who_comes_and_who_goes_and_how_many_are_there() {
        let mut r = rule("count", "zones = [\"left\", \"right\"]\nperiod_s = 3600\nupdate_s = 1");
        let mut looks = walk(0, 1);
        looks.push((60_000, vec![]));
        looks.push((61_000, vec![track(2, 0.8, 0.7)]));
        looks.push((62_000, vec![track(2, 0.8, 0.7)]));
        let events = run(&mut r, &looks);
        let last = |zone: &str| {
            let of = |e: &&(u64, crate::types::Event)| e.1.zone.as_ref().is_some_and(|z| z.as_str() == zone);
            let details = events.iter().rfind(of).unwrap().1.details.clone().unwrap();
            (details.counts.unwrap().forward, details.counts.unwrap().backward, details.present.unwrap())
        };
        assert_eq!((last("left"), last("right")), ((1, 1, 0), (2, 1, 1)));
    }
}
