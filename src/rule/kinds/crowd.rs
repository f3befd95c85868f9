//! How many there are: too many of them, or too few.

use std::collections::VecDeque;

use super::{Kind, Outcome, View, moves_inside};
use crate::{
    rule::episode::Finding,
    types::{Details, Mono},
};

/// Counts remembered for `rise`, one a second at most.
const REMEMBERED: usize = 256;
/// Of `min_count`, a crowd goes on from so many.
const KEEP_SHARE: f32 = 0.8;

/// `min_count` or more, over `min_density` of the place, and `rise` more than there were `rise_s` ago.
#[derive(Debug, Default)]
pub struct Crowd {
    /// When there were how many.
    before: VecDeque<(Mono, u32)>,
}

impl Kind for Crowd {
    fn look(&mut self, view: &View<'_>) -> Outcome {
        let bodies: Vec<_> = view.inside().filter(|b| view.filter.keeps(b) && view.goes(b)).collect();
        let sure = u32::try_from(bodies.iter().filter(|b| view.filter.starts(b)).count()).unwrap_or(u32::MAX);
        let present = u32::try_from(bodies.len()).unwrap_or(u32::MAX);
        let covered: f32 = bodies.iter().filter_map(|b| b.bbox.clipped()).map(|b| b.area()).sum();
        let density = covered / view.place.area().max(1e-4);
        let (count, least) = (view.rule.min_count(), view.rule.min_density);
        let rises = view.rule.rise == 0 || sure.saturating_sub(self.fewest(view)) >= view.rule.rise;
        let holds = if view.open {
            present as f32 >= (count as f32 * KEEP_SHARE).ceil() && density >= least * KEEP_SHARE
        } else {
            sure >= count && density >= least && rises
        };
        self.remember(view, present);
        let objects = if holds { bodies.iter().map(|b| b.object()).collect() } else { Vec::new() };
        let details = Details { present: Some(present), ..Details::default() };
        Outcome::Lasting(Finding { holds, objects, details, more: 0 }, view.rule.start_looks)
    }

    fn forget(&mut self) {
        self.before.clear();
    }

    fn found(&self, view: &View<'_>) -> bool {
        moves_inside(view)
    }
}

impl Crowd {
    /// The fewest within `rise_s`. Without a past nothing is known to rise.
    fn fewest(&self, view: &View<'_>) -> u32 {
        let within_ms = u64::from(view.rule.rise_s) * 1000;
        let recent = self.before.iter().filter(|(at, _)| view.look.at.since_ms(*at) <= within_ms);
        recent.map(|(_, n)| *n).min().unwrap_or(u32::MAX)
    }

    fn remember(&mut self, view: &View<'_>, present: u32) {
        if view.rule.rise == 0 {
            return;
        }
        let apart_ms = (u64::from(view.rule.rise_s) * 1000 / REMEMBERED as u64).max(1000);
        match self.before.back_mut() {
            Some((at, fewest)) if view.look.at.since_ms(*at) < apart_ms => *fewest = (*fewest).min(present),
            _ => self.before.push_back((view.look.at, present)),
        }
        if self.before.len() > REMEMBERED {
            self.before.pop_front();
        }
    }
}

/// Fewer than `min_count` for longer than `dwell_s`.
#[derive(Debug, Default)]
pub struct Absence {
    /// When there were too few first.
    since: Option<Mono>,
}

impl Kind for Absence {
    fn look(&mut self, view: &View<'_>) -> Outcome {
        // A weak detection keeps a post attended; that somebody has come back must be sure.
        let attends = |b: &&crate::rule::scene::Body| {
            if view.open { view.filter.starts(b) } else { view.filter.keeps(b) }
        };
        let present = u32::try_from(view.inside().filter(attends).count()).unwrap_or(u32::MAX);
        let mut gone_ms = 0;
        if present >= view.rule.min_count() {
            self.since = None;
        } else {
            gone_ms = view.look.at.since_ms(*self.since.get_or_insert(view.look.at));
        }
        let holds = self.since.is_some() && (view.open || gone_ms >= view.rule.dwell_ms());
        let details =
            Details { present: Some(present), dwell_s: u32::try_from(gone_ms / 1000).ok(), ..Details::default() };
        Outcome::Lasting(Finding { holds, objects: Vec::new(), details, more: 0 }, view.rule.start_looks)
    }

    fn forget(&mut self) {
        self.since = None;
    }

    /// An empty place asks for no more looks than it gets.
    fn found(&self, _: &View<'_>) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        rule::testing::{now, phases, rule, track},
        types::Track,
    };

    fn people(n: u64) -> Vec<Track> {
        (1..=n).map(|i| track(i, 0.04 * i as f32, 0.4 + 0.05 * i as f32)).collect()
    }

    #[test]
    fn a_crowd_starts_at_its_number_and_goes_on_somewhat_below() {
        let mut r = rule("crowd", "zones = [\"left\"]\nmin_count = 5\nclear_ms = 1000\nupdate_s = 0");
        let looks: Vec<_> =
            [4, 5, 4, 5, 4, 3, 3, 3].iter().enumerate().map(|(i, n)| (i as u64 * 1000, people(*n))).collect();
        assert_eq!(phases(&mut r, &looks), [(1000, "start"), (6000, "end")]);
    }

    #[test]
    fn a_crowd_that_is_there_does_not_rise() {
        let more = "min_count = 3\nrise = 3\nrise_s = 10\nclear_ms = 500";
        let looks = |of: &[u64]| of.iter().enumerate().map(|(i, n)| (i as u64 * 1000, people(*n))).collect::<Vec<_>>();
        assert!(phases(&mut rule("crowd", more), &looks(&[6, 6, 7, 6, 8])).is_empty());
        assert_eq!(phases(&mut rule("crowd", more), &looks(&[1, 2, 3, 4, 6]))[0], (3000, "start"));
    }

    #[test]
    fn density_is_the_share_that_boxes_cover() {
        // Each covers a twentieth of the half picture: 0.1 x 0.2 of 0.5.
        let more = "zones = [\"left\"]\nmin_count = 1\nmin_density = 0.15";
        assert!(phases(&mut rule("crowd", more), &[(0, people(3))]).is_empty());
        assert_eq!(phases(&mut rule("crowd", more), &[(0, people(4))]).len(), 1);
    }

    #[test]
    fn who_was_missed_just_before_pictures_stopped_has_not_been_away_all_the_time() {
        let mut r = rule("absence", "zones = [\"left\"]\ndwell_s = 60");
        assert!(phases(&mut r, &[(0, people(1)), (1000, vec![])]).is_empty());
        assert!(r.lost(9, now(20_000)).is_empty());
        assert!(phases(&mut r, &[(600_000, vec![]), (601_000, people(1))]).is_empty(), "one look is no minute");
    }

    #[test]
    fn a_post_is_unattended_after_its_time_and_attended_again() {
        let mut r = rule("absence", "zones = [\"left\"]\ndwell_s = 10\nclear_ms = 2000\nupdate_s = 0");
        let mut looks: Vec<_> = (0..5).map(|n| (n * 1000, people(1))).collect();
        looks.extend((5..30).map(|n| (n * 1000, if n == 9 { people(1) } else { vec![] })));
        looks.extend((30..35).map(|n| (n * 1000, people(1))));
        assert_eq!(phases(&mut r, &looks), [(20_000, "start"), (31_000, "end")]);
    }
}
