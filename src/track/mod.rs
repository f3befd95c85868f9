//! Detections to tracks: the same object over the looks at one channel.
//!
//! Takes the detections of one look with its time, gives the tracks found in that look. Association is greedy over
//! overlap and distance, gated by what an object can have moved since it was last seen, because at patrol rates two
//! looks may lie seconds apart. It does no I/O, reads no clock and keeps at most `max_tracks` tracks a channel.
//!
//! It follows an object within one channel only, by where it is and how large, never by what a person looks like.

pub mod assign;
mod kept;
mod motion;
mod traces;

use std::cmp::Ordering;

pub use kept::{KeptLook, KeptStats, LookBook};
pub use traces::{since, traces};

use crate::{
    config,
    types::{BBox, Detection, Mono, Track},
};

/// Speed that the gate allows, in box heights a second: a walking person covers about one, a runner three.
const GATE_HEIGHTS_PER_S: f32 = 2.0;
/// Slack of the gate for the jitter of boxes, in box heights.
const GATE_SLACK_HEIGHTS: f32 = 0.5;
/// A box that changed its area by more than this factor is another object.
const MAX_AREA_RATIO: f32 = 4.0;
/// What stays within so many box heights of one place stands still.
const STILL_HEIGHTS: f32 = 0.25;

#[derive(Debug, Clone)]
struct Kept {
    track: Track,
    /// Where it was when it last began to stand, and since when.
    stood: (BBox, Mono),
}

impl Kept {
    /// Where the box would be at `now` if it went on as before; the guess fades after two seconds, beyond which a
    /// straight line is worse than none.
    fn predicted(&self, now: Mono) -> BBox {
        let dt = (now.since_ms(self.track.last) as f32 / 1000.0).min(2.0);
        BBox {
            x: self.track.bbox.x + self.track.velocity.0 * dt,
            y: self.track.bbox.y + self.track.velocity.1 * dt,
            ..self.track.bbox
        }
    }
}

/// The tracks of one channel.
#[derive(Debug)]
pub struct Tracker {
    kept: Vec<Kept>,
    next: u64,
    max_gap_ms: u64,
    max_tracks: usize,
    dropped: u64,
}

impl Tracker {
    pub fn new(config: &config::Track) -> Self {
        Self {
            kept: Vec::new(),
            next: 1,
            max_gap_ms: u64::from(config.max_gap_ms),
            max_tracks: config.max_tracks as usize,
            dropped: 0,
        }
    }

    /// Takes one look; gives the tracks that it found, in no particular order. `now` must not go backwards.
    pub fn look(&mut self, detections: &[Detection], now: Mono) -> Vec<Track> {
        self.kept.retain(|k| now.since_ms(k.track.last) <= self.max_gap_ms);
        let mut found = Vec::with_capacity(detections.len().min(self.max_tracks));
        let mut free: Vec<bool> = vec![true; detections.len()];
        for (_, kept, detection) in self.pairs(detections, now) {
            let (Some(k), Some(d)) = (self.kept.get_mut(kept), detections.get(detection)) else { continue };
            if k.track.last == now && k.track.looks > 0 || !free[detection] {
                continue;
            }
            free[detection] = false;
            continue_track(k, d, now);
            found.push(k.track.clone());
        }
        for (d, _) in detections.iter().zip(&free).filter(|(_, free)| **free) {
            let track = Track {
                number: self.next,
                label: d.label.clone(),
                score: d.score,
                bbox: d.bbox,
                first: now,
                last: now,
                looks: 1,
                velocity: (0.0, 0.0),
                still_ms: 0,
                confirmed: true,
            };
            self.next += 1;
            found.push(track.clone());
            self.kept.push(Kept { track, stood: (d.bbox, now) });
        }
        self.bound();
        found
    }

    /// The picture's size in pixels, so that a length is the same in both directions.
    pub fn shaped(&mut self, _width: u32, _height: u32) {}

    /// Tracks that went because there were too many.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Possible pairs, best first: (cost, index of the kept track, index of the detection).
    fn pairs(&self, detections: &[Detection], now: Mono) -> Vec<(f32, usize, usize)> {
        let mut pairs = Vec::new();
        for (i, k) in self.kept.iter().enumerate() {
            let guess = k.predicted(now);
            for (j, d) in detections.iter().enumerate().filter(|(_, d)| d.label == k.track.label) {
                if let Some(cost) = cost(k, &guess, d, now) {
                    pairs.push((cost, i, j));
                }
            }
        }
        pairs.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        pairs
    }

    fn bound(&mut self) {
        while self.kept.len() > self.max_tracks {
            let weakest = self
                .kept
                .iter()
                .enumerate()
                .min_by(|a, b| {
                    let key = |k: &Kept| (k.track.last, k.track.looks);
                    key(a.1).cmp(&key(b.1)).then(a.1.track.score.total_cmp(&b.1.track.score))
                })
                .map(|(i, _)| i);
            let Some(i) = weakest else { break };
            self.kept.swap_remove(i);
            self.dropped += 1;
        }
    }
}

/// Lower is better; `None` if the object cannot have got there.
fn cost(kept: &Kept, guess: &BBox, d: &Detection, now: Mono) -> Option<f32> {
    let ratio = d.bbox.area().max(1e-9) / kept.track.bbox.area().max(1e-9);
    if !(1.0 / MAX_AREA_RATIO..=MAX_AREA_RATIO).contains(&ratio) {
        return None;
    }
    let size = kept.track.bbox.h.max(kept.track.bbox.w).max(0.01);
    let dx = (d.bbox.x + d.bbox.w / 2.0) - (guess.x + guess.w / 2.0);
    let dy = (d.bbox.y + d.bbox.h / 2.0) - (guess.y + guess.h / 2.0);
    let distance = dx.hypot(dy) / size;
    let seconds = now.since_ms(kept.track.last) as f32 / 1000.0;
    (distance <= GATE_SLACK_HEIGHTS + GATE_HEIGHTS_PER_S * seconds).then_some(distance - guess.iou(&d.bbox))
}

fn continue_track(k: &mut Kept, d: &Detection, now: Mono) {
    let dt = now.since_ms(k.track.last) as f32 / 1000.0;
    if dt > 0.0 {
        let centre = |b: &BBox| (b.x + b.w / 2.0, b.y + b.h / 2.0);
        let (a, b) = (centre(&k.track.bbox), centre(&d.bbox));
        // The first displacement is all that is known; later ones are averaged.
        let keep = if k.track.looks == 1 { 0.0 } else { 0.5 };
        k.track.velocity = (
            k.track.velocity.0 * keep + (b.0 - a.0) / dt * (1.0 - keep),
            k.track.velocity.1 * keep + (b.1 - a.1) / dt * (1.0 - keep),
        );
    }
    let (a, b) = (k.stood.0.bottom_centre(), d.bbox.bottom_centre());
    if (b.x - a.x).hypot(b.y - a.y) > STILL_HEIGHTS * d.bbox.h.max(d.bbox.w) {
        k.stood = (d.bbox, now);
    }
    k.track.still_ms = now.since_ms(k.stood.1);
    k.track.bbox = d.bbox;
    k.track.score = d.score;
    k.track.last = now;
    k.track.looks = k.track.looks.saturating_add(1);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    fn person(x: f32) -> Detection {
        Detection { label: Arc::from("person"), score: 0.8, bbox: BBox { x, y: 0.4, w: 0.05, h: 0.2 } }
    }

    fn tracker() -> Tracker {
        Tracker::new(&config::Track::default())
    }

    #[test]
    fn a_walker_keeps_the_number_at_one_look_in_two_seconds() {
        let mut t = tracker();
        for i in 0..5 {
            let found = t.look(&[person(0.1 + 0.15 * i as f32)], Mono(2000 * i));
            assert_eq!(found[0].number, 1, "look {i}");
        }
    }

    #[test]
    fn two_that_stand_apart_stay_two() {
        let mut t = tracker();
        let first = t.look(&[person(0.1), person(0.8)], Mono(0));
        let second = t.look(&[person(0.81), person(0.11)], Mono(1000));
        assert_eq!(first.len(), 2);
        let number = |tracks: &[Track], left: bool| tracks.iter().find(|t| (t.bbox.x < 0.5) == left).unwrap().number;
        assert_eq!(number(&first, true), number(&second, true));
        assert_eq!(number(&first, false), number(&second, false));
    }

    #[test]
    fn a_jump_across_the_picture_is_another_object() {
        let mut t = tracker();
        t.look(&[person(0.0)], Mono(0));
        assert_eq!(t.look(&[person(0.9)], Mono(100))[0].number, 2);
    }

    #[test]
    fn another_label_is_another_object() {
        let mut t = tracker();
        t.look(&[person(0.5)], Mono(0));
        let car = Detection { label: Arc::from("car"), ..person(0.5) };
        assert_eq!(t.look(&[car], Mono(500))[0].number, 2);
    }

    proptest! {
        #[test]
        fn every_detection_is_one_track_and_memory_is_bounded(
            looks in prop::collection::vec(prop::collection::vec((0.0f32..1.0, 0.0f32..1.0), 0..12), 1..40)
        ) {
            let mut t = Tracker::new(&config::Track { max_tracks: 8, ..Default::default() });
            for (i, look) in looks.iter().enumerate() {
                let detections: Vec<_> = look.iter()
                    .map(|(x, score)| Detection { score: *score, ..person(*x) })
                    .collect();
                let found = t.look(&detections, Mono(500 * i as u64));
                prop_assert_eq!(found.len(), detections.len());
                let mut numbers: Vec<_> = found.iter().map(|t| t.number).collect();
                numbers.sort_unstable();
                numbers.dedup();
                prop_assert_eq!(numbers.len(), detections.len(), "one number twice in one look");
                prop_assert!(t.kept.len() <= 8);
            }
        }
    }
}
