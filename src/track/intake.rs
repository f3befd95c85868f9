//! What a look hands to the tracker, made sound: foreign numbers out, doubles marked, no more than are wanted.
//!
//! A detector names the same thing `car` in one look and `truck` in the next, or gives a box of each: labels that are mixed
//! up like that count as one kind. Pure.

use super::{belief, motion::Shape, tuning::Tuning};
use crate::types::{BBox, Detection};

/// Labels that detectors mix up for one another.
const MIXED_UP: [&[&str]; 1] = [&["car", "truck", "bus", "van"]];
/// Two boxes of different labels of one kind that overlap by this much are one object.
const SAME: f32 = 0.6;

/// A detection that can be trusted to be a box in the picture.
#[derive(Debug, Clone)]
pub struct Seen<'a> {
    pub detection: &'a Detection,
    pub bbox: BBox,
    pub score: f32,
    pub shape: Shape,
    /// What it says for an object; less where a better one covers it.
    pub evidence: f32,
}

/// The best `most` detections, the best first, and how many more there were.
pub fn sound<'a>(detections: &'a [Detection], aspect: f32, most: usize, t: &Tuning) -> (Vec<Seen<'a>>, usize) {
    let whole = |detection: &'a Detection| {
        let bbox = detection.bbox.clipped()?;
        if detection.score.is_nan() || bbox.area() <= 0.0 {
            return None;
        }
        let score = detection.score.clamp(0.0, 1.0);
        let (shape, evidence) = (Shape::of(&bbox, aspect), belief::evidence(score, t));
        Some(Seen { detection, bbox, score, shape, evidence })
    };
    let mut seen: Vec<Seen> = detections.iter().filter_map(whole).collect();
    // Stable: equal scores stay in the order in which they came.
    seen.sort_by(|a, b| b.score.total_cmp(&a.score));
    let over = seen.len().saturating_sub(most);
    seen.truncate(most);
    let mut kept: Vec<Seen> = Vec::with_capacity(seen.len());
    for mut one in seen {
        let (mut double, mut same) = (false, false);
        for better in kept.iter().filter(|k| alike(&k.detection.label, &one.detection.label)) {
            double |= within(&better.bbox, &one.bbox) >= t.within;
            same |= better.detection.label != one.detection.label && better.bbox.iou(&one.bbox) >= SAME;
        }
        if double {
            one.evidence -= t.double;
        }
        if !same {
            kept.push(one);
        }
    }
    (kept, over)
}

/// Whether two labels may be of one object.
pub fn alike(a: &str, b: &str) -> bool {
    a == b || MIXED_UP.iter().any(|kind| kind.contains(&a) && kind.contains(&b))
}

/// How much of the smaller box the other covers, 0..1.
pub fn within(a: &BBox, b: &BBox) -> f32 {
    let w = (a.x + a.w).min(b.x + b.w) - a.x.max(b.x);
    let h = (a.y + a.h).min(b.y + b.h) - a.y.max(b.y);
    let least = a.area().min(b.area());
    if w > 0.0 && h > 0.0 && least > 0.0 { w * h / least } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::track::tuning::TUNING;

    fn at(label: &str, score: f32, x: f32, w: f32) -> Detection {
        Detection { label: Arc::from(label), score, bbox: BBox { x, y: 0.2, w, h: 0.2 } }
    }

    #[test]
    fn what_is_no_box_goes_and_the_best_stay() {
        let detections = [
            at("person", 0.5, 0.1, 0.1),
            at("person", f32::NAN, 0.3, 0.1),
            at("person", 0.9, f32::INFINITY, 0.1),
            at("person", 0.9, 0.3, 0.0),
            at("person", 0.9, 1.5, 0.1),
            at("person", f32::INFINITY, 0.5, 0.1),
            at("person", 0.7, 0.7, 0.1),
        ];
        let (seen, over) = sound(&detections, 1.5, 2, &TUNING);
        let scores: Vec<_> = seen.iter().map(|s| s.score).collect();
        assert_eq!((scores, over), (vec![1.0, 0.7], 1));
    }

    #[test]
    fn a_vehicle_of_two_names_is_one_and_a_rider_is_two() {
        let detections = [
            at("car", 0.9, 0.1, 0.2),
            at("truck", 0.6, 0.11, 0.2),
            at("person", 0.5, 0.1, 0.2),
            at("bicycle", 0.4, 0.1, 0.2),
        ];
        let (seen, _) = sound(&detections, 1.5, 9, &TUNING);
        let labels: Vec<_> = seen.iter().map(|s| &*s.detection.label).collect();
        assert_eq!(labels, ["car", "person", "bicycle"]);
    }

    #[test]
    fn a_box_within_a_better_one_says_less() {
        let detections = [at("person", 0.9, 0.1, 0.2), at("person", 0.8, 0.1, 0.08), at("person", 0.8, 0.5, 0.2)];
        let (seen, _) = sound(&detections, 1.5, 9, &TUNING);
        assert!((seen[2].evidence - seen[1].evidence - TUNING.double).abs() < 1e-6);
    }
}
