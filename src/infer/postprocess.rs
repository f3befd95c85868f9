//! A model's raw output, read into boxes.
//!
//! In: the output tensors as they came, and where the picture lay in the input. Out: detections in 0..1 of the picture,
//! the best first. Two layouts:
//!
//! - `yolox`: one output `[1, N, 5 + classes]`, undecoded. N runs over the grids of strides 8, 16 and 32, row by row;
//!   an entry is centre offset x, y and log width, height in units of its stride, then objectness and class scores
//!   (both already 0..1).
//! - `efficientdet`: `boxes` `[1, N, 4]` (x1, y1, x2, y2 in input pixels) and `scores` `[1, N, classes]` (0..1).
//!
//! Model output is foreign data: NaN and infinities drop the box, never more than [`MAX_CANDIDATES`] are compared and
//! [`MAX_DETECTIONS`] returned. Pure: no I/O.

use std::sync::Arc;

use super::letterbox::Placed;
use crate::types::{BBox, Detection};

/// The best so many go into the suppression, which takes time by their square.
pub const MAX_CANDIDATES: usize = 1000;
/// More objects than any one picture of a camera shows usefully.
pub const MAX_DETECTIONS: usize = 300;

/// A box in input pixels, before suppression.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    pub class: usize,
    pub score: f32,
    /// x1, y1, x2, y2.
    pub corners: [f32; 4],
}

impl Candidate {
    fn iou(&self, other: &Candidate) -> f32 {
        let ([ax0, ay0, ax1, ay1], [bx0, by0, bx1, by1]) = (self.corners, other.corners);
        let inter = (ax1.min(bx1) - ax0.max(bx0)).max(0.0) * (ay1.min(by1) - ay0.max(by0)).max(0.0);
        let union = (ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0) - inter;
        if union > 0.0 { inter / union } else { 0.0 }
    }
}

/// Strides of the YOLOX grids.
pub const STRIDES: [usize; 3] = [8, 16, 32];

/// Entries that a YOLOX model with this input has.
pub fn yolox_entries(width: usize, height: usize) -> usize {
    STRIDES.iter().map(|s| (width / s) * (height / s)).sum()
}

/// Reads a YOLOX output; entries past the grids are not read.
pub fn yolox(
    output: &[f32],
    classes: usize,
    (width, height): (usize, usize),
    min_score: f32,
    found: &mut Vec<Candidate>,
) {
    found.clear();
    let mut entries = output.chunks_exact(5 + classes);
    for stride in STRIDES {
        for gy in 0..height / stride {
            for gx in 0..width / stride {
                let Some(entry) = entries.next() else { return };
                let &[x, y, w, h, objectness, ref scores @ ..] = entry else { return };
                // Class scores are at most 1, so most entries end here. A NaN ends here, too.
                if objectness < min_score || objectness.is_nan() {
                    continue;
                }
                let Some((class, best)) = best(scores) else { continue };
                let s = stride as f32;
                let (cx, cy) = ((x + gx as f32) * s, (y + gy as f32) * s);
                let (w, h) = (w.exp() * s / 2.0, h.exp() * s / 2.0);
                keep(found, class, objectness * best, min_score, [cx - w, cy - h, cx + w, cy + h]);
            }
        }
    }
}

/// Reads an EfficientDet output: one class an anchor, the best.
pub fn efficientdet(boxes: &[f32], scores: &[f32], classes: usize, min_score: f32, found: &mut Vec<Candidate>) {
    found.clear();
    if classes == 0 {
        return;
    }
    for (corners, scores) in boxes.as_chunks::<4>().0.iter().zip(scores.chunks_exact(classes)) {
        // Comparing all without a branch is vectorised; which class it is matters for the few that pass.
        if !scores.iter().fold(false, |any, &s| any | (s >= min_score)) {
            continue;
        }
        let Some((class, best)) = best(scores) else { continue };
        keep(found, class, best, min_score, *corners);
    }
}

fn best(scores: &[f32]) -> Option<(usize, f32)> {
    scores.iter().copied().enumerate().filter(|(_, s)| s.is_finite()).max_by(|a, b| a.1.total_cmp(&b.1))
}

fn keep(found: &mut Vec<Candidate>, class: usize, score: f32, min_score: f32, corners: [f32; 4]) {
    let whole = score.is_finite() && score >= min_score && corners.iter().all(|c| c.is_finite());
    if whole && corners[2] > corners[0] && corners[3] > corners[1] {
        found.push(Candidate { class, score: score.min(1.0), corners });
    }
}

/// Greedy suppression within a class: a box that overlaps a better one of its class by `iou` or more goes. Leaves the
/// best first, at most [`MAX_DETECTIONS`].
pub fn suppress(found: &mut Vec<Candidate>, iou: f32) {
    // Ties by position, so that the same picture always gives the same list.
    let order = |a: &Candidate, b: &Candidate| {
        b.score.total_cmp(&a.score).then(a.class.cmp(&b.class)).then(a.corners[0].total_cmp(&b.corners[0]))
    };
    if found.len() > MAX_CANDIDATES {
        found.select_nth_unstable_by(MAX_CANDIDATES - 1, order);
        found.truncate(MAX_CANDIDATES);
    }
    found.sort_unstable_by(order);
    let mut kept = 0;
    for i in 0..found.len() {
        let candidate = found[i];
        if kept == MAX_DETECTIONS {
            break;
        }
        if !found[..kept].iter().any(|k| k.class == candidate.class && k.iou(&candidate) >= iou) {
            found[kept] = candidate;
            kept += 1;
        }
    }
    found.truncate(kept);
}

/// Maps candidates to the picture and names them; a class without a label is dropped.
pub fn name(found: &[Candidate], placed: Placed, labels: &[Arc<str>]) -> Vec<Detection> {
    let place = |c: &Candidate| {
        let [x0, y0, x1, y1] = c.corners;
        let bbox = BBox {
            x: x0 / placed.width,
            y: y0 / placed.height,
            w: (x1 - x0) / placed.width,
            h: (y1 - y0) / placed.height,
        };
        let bbox = bbox.clipped()?;
        let sound = [bbox.x, bbox.y, bbox.w, bbox.h].iter().all(|v| v.is_finite());
        sound.then_some(Detection { label: labels.get(c.class)?.clone(), score: c.score, bbox })
    };
    found.iter().filter_map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SQUARE: Placed = Placed { width: 64.0, height: 64.0, tensor: (64, 64) };

    fn labels() -> Vec<Arc<str>> {
        ["person", "car"].map(Arc::from).to_vec()
    }

    #[test]
    fn a_yolox_entry_is_decoded_by_its_grid() {
        // 64x64: grids of 8x8, 4x4 and 2x2.
        assert_eq!(yolox_entries(64, 64), 84);
        let mut output = vec![0.0; 84 * 7];
        // Grid of stride 16, column 2, row 1: centre (2.5, 1.5) * 16, size e^0 * 16 by e^(ln 2) * 16.
        let entry = 64 + 4 + 2;
        output[entry * 7..entry * 7 + 7].copy_from_slice(&[0.5, 0.5, 0.0, 2f32.ln(), 0.9, 0.1, 0.8]);
        let mut found = Vec::new();
        yolox(&output, 2, (64, 64), 0.3, &mut found);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].class, 1);
        assert!((found[0].score - 0.72).abs() < 1e-6);
        for (got, want) in found[0].corners.into_iter().zip([32.0, 8.0, 48.0, 40.0]) {
            assert!((got - want).abs() < 1e-4, "{got} for {want}");
        }
        let named = name(&found, SQUARE, &labels());
        assert_eq!(&*named[0].label, "car");
        assert!((named[0].bbox.y - 0.125).abs() < 1e-6 && (named[0].bbox.h - 0.5).abs() < 1e-6);
    }

    #[test]
    fn duplicates_go_within_a_class_only() {
        let at = |class, score, x: f32| Candidate { class, score, corners: [x, 0.0, x + 10.0, 10.0] };
        let mut found = vec![at(0, 0.5, 0.0), at(0, 0.9, 1.0), at(1, 0.4, 0.0), at(0, 0.3, 40.0)];
        suppress(&mut found, 0.5);
        assert_eq!(found, vec![at(0, 0.9, 1.0), at(1, 0.4, 0.0), at(0, 0.3, 40.0)]);
    }

    #[test]
    fn boxes_are_clipped_to_the_picture_not_to_the_tensor() {
        let (boxes, scores) = ([-8.0, 16.0, 32.0, 90.0], [0.9, 0.0]);
        let mut found = Vec::new();
        efficientdet(&boxes, &scores, 2, 0.5, &mut found);
        let named = name(&found, Placed { width: 64.0, height: 32.0, tensor: (64, 64) }, &labels());
        assert_eq!(named[0].bbox, BBox { x: 0.0, y: 0.5, w: 0.5, h: 0.5 });
    }

    fn any_float() -> impl Strategy<Value = f32> {
        prop_oneof![
            4 => -3.0f32..3.0,
            1 => Just(f32::NAN),
            1 => Just(f32::INFINITY),
            1 => Just(f32::NEG_INFINITY),
            1 => Just(f32::MAX),
            1 => any::<f32>(),
        ]
    }

    fn sound(found: &mut Vec<Candidate>, min_score: f32) {
        suppress(found, 0.5);
        let named = name(found, SQUARE, &labels());
        assert!(named.len() <= MAX_DETECTIONS);
        assert!(named.windows(2).all(|w| w[0].score >= w[1].score));
        for d in named {
            let b = d.bbox;
            assert!(d.score >= min_score && d.score <= 1.0);
            assert!(b.x >= 0.0 && b.y >= 0.0 && b.w > 0.0 && b.h > 0.0, "{b:?}");
            assert!(b.x + b.w <= 1.0 + 1e-5 && b.y + b.h <= 1.0 + 1e-5, "{b:?}");
        }
    }

    proptest! {
        #[test]
        fn foreign_floats_give_sound_boxes(output in proptest::collection::vec(any_float(), 0..84 * 7 + 3), min in 0.01f32..0.9) {
            let mut found = Vec::new();
            yolox(&output, 2, (64, 64), min, &mut found);
            sound(&mut found, min);
            let (boxes, scores) = output.split_at(output.len() * 2 / 3);
            efficientdet(boxes, scores, 2, min, &mut found);
            sound(&mut found, min);
        }
    }

    #[test]
    fn ten_thousand_equal_boxes_are_bounded() {
        let mut found = vec![Candidate { class: 0, score: 0.9, corners: [0.0, 0.0, 1.0, 1.0] }; 10_000];
        for (i, c) in found.iter_mut().enumerate() {
            c.corners = [i as f32 * 2.0, 0.0, i as f32 * 2.0 + 1.0, 1.0];
        }
        suppress(&mut found, 0.5);
        assert_eq!(found.len(), MAX_DETECTIONS);
    }
}
