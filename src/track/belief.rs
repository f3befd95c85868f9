//! Whether a track is an object at all, and whether it stands still.
//!
//! Each box speaks for an object or against it by its score. Boxes of something that moves are taken as independent of one
//! another, and their evidence is added up. Those of something that stands still are not: a second look at a poster that
//! resembles a person tells nothing that the first did not, however often it is repeated. So what was seen at one place counts as one
//! box, with the mean of its evidence, and is added to the rest when the object has moved on. A person who stands is one
//! because of having walked there, or because the detector is sure. Pure.

use super::{motion::Shape, tuning::Tuning};
use crate::types::Mono;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Belief {
    /// From the places that it has left, less what looks cost that did not find it.
    gathered: f32,
    /// Mean evidence where it stands, out of so many boxes.
    here: f32,
    boxes: u32,
    place: Shape,
    since: Mono,
    confirmed: bool,
}

/// The mean goes with at most so many boxes, so that a very long stand can still change its mind.
const LONG: u32 = 1000;

/// What a box of this score says, in log odds.
pub fn evidence(score: f32, t: &Tuning) -> f32 {
    let odds = |p: f32| (p / (1.0 - p)).ln();
    t.evidence * (odds(score.clamp(0.02, 0.98)) - odds(t.even_score))
}

impl Belief {
    pub fn new(place: Shape, evidence: f32, now: Mono, t: &Tuning) -> Self {
        Self { gathered: 0.0, here: evidence, boxes: 1, place, since: now, confirmed: evidence >= t.confirm }
    }

    pub fn confirmed(&self) -> bool {
        self.confirmed
    }

    /// For how long it has stood still.
    pub fn still_ms(&self, now: Mono) -> u64 {
        now.since_ms(self.since)
    }

    /// Log odds that it is an object.
    pub fn log_odds(&self) -> f32 {
        self.gathered + self.here
    }

    /// A box was found, and puts the object at `place`.
    pub fn found(&mut self, place: &Shape, evidence: f32, now: Mono, t: &Tuning) {
        // A box of somebody who passes before the poster may take its place for a moment.
        let settled = !self.confirmed && self.boxes > 2 && self.still_ms(now) > (t.settled_s * 1000.0) as u64;
        if self.place.distance(place) > if settled { t.settled_by } else { t.move_by } {
            self.gathered = (self.log_odds() + t.moved).min(t.most);
            (self.here, self.boxes, self.place, self.since) = (evidence, 1, *place, now);
        } else {
            self.boxes = (self.boxes + 1).min(LONG);
            self.here += (evidence - self.here) / self.boxes as f32;
        }
        self.decide(t);
    }

    /// A look did not find it.
    pub fn missed(&mut self, t: &Tuning) {
        self.gathered = (self.gathered - t.missed).max(-t.most);
        self.decide(t);
    }

    fn decide(&mut self, t: &Tuning) {
        let odds = self.log_odds();
        self.confirmed = odds >= if self.confirmed { t.deny } else { t.confirm };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{track::tuning::TUNING, types::BBox};

    fn at(x: f32) -> Shape {
        Shape::of(&BBox { x, y: 0.4, w: 0.05, h: 0.2 }, 1.5)
    }

    /// Looks every 200 ms; each is (x, score).
    fn seen(looks: impl Iterator<Item = (f32, f32)>) -> Belief {
        let mut belief: Option<Belief> = None;
        for (i, (x, score)) in looks.enumerate() {
            let (evidence, now) = (evidence(score, &TUNING), Mono(200 * i as u64));
            match &mut belief {
                None => belief = Some(Belief::new(at(x), evidence, now, &TUNING)),
                Some(b) => b.found(&at(x), evidence, now, &TUNING),
            }
        }
        belief.unwrap()
    }

    #[test]
    fn one_strong_box_is_enough() {
        assert!(seen([(0.5, 0.8)].into_iter()).confirmed());
        assert!(!seen([(0.5, 0.5)].into_iter()).confirmed());
    }

    #[test]
    fn a_poster_stays_a_poster_however_often_it_is_seen() {
        let jitter = |i: usize| 0.5 + 0.001 * (i % 3) as f32;
        let poster = seen((0..5000).map(|i| (jitter(i), 0.55)));
        assert!(!poster.confirmed());
        assert!(poster.still_ms(Mono(200 * 4999)) == 200 * 4999);
    }

    #[test]
    fn what_walks_is_believed_with_weak_boxes_too() {
        assert!(seen((0..8).map(|i| (0.3 + 0.02 * i as f32, 0.5))).confirmed());
    }

    #[test]
    fn who_walked_up_and_stands_is_still_believed() {
        let walks = (0..20).map(|i| (0.2 + 0.02 * i as f32, 0.8));
        let stands = (0..2000).map(|_| (0.6, 0.35));
        assert!(seen(walks.chain(stands)).confirmed());
    }

    #[test]
    fn what_is_not_found_any_more_is_given_up() {
        let mut belief = seen((0..20).map(|i| (0.2 + 0.02 * i as f32, 0.8)));
        let missed = (0..1000).take_while(|_| {
            belief.missed(&TUNING);
            belief.confirmed()
        });
        assert!((20..100).contains(&missed.count()));
    }
}
