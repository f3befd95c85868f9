//! CLEAR-MOT and identity measures of tracks against a ground truth, counted as the Python package `motmetrics` does.
//!
//! CLEAR-MOT (Bernardin and Stiefelhagen 2008), picture after picture: an object stays with the track that it was with
//! last if the two still overlap by [`OVERLAP`]; the others are paired so that as many as possible have a partner and the sum of
//! the distances is least. An object whose partner is another one than its last is a switch. Identity measures (Ristani
//! and others 2016): one track an object over the whole film, so that as many boxes as possible agree; whatever else the two overlap is
//! of no account. A tie between equal sums is the only thing that may fall differently. Pure.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::mot::Row;
use crate::track::assign::{Pair, assign};

/// Two boxes are of one object from this intersection over union on.
const OVERLAP: f64 = 0.5;

/// What was counted, and the measures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measures {
    pub mota: f64,
    pub idf1: f64,
    pub switches: usize,
    pub precision: f64,
    pub recall: f64,
    /// Identity precision and recall.
    pub idp: f64,
    pub idr: f64,
    /// Mean overlap of what was paired.
    pub overlap: f64,
    /// Pictures with a box of either kind.
    pub frames: usize,
    /// Boxes of the ground truth, and of the tracks.
    pub objects: usize,
    pub boxes: usize,
    pub misses: usize,
    pub false_positives: usize,
    /// Objects of the ground truth, and tracks.
    pub identities: usize,
    pub tracks: usize,
}

/// Rows are in the order of their frames.
pub fn measure(truth: &[Row], found: &[Row]) -> Measures {
    let mut frames: BTreeMap<u32, (Vec<&Row>, Vec<&Row>)> = BTreeMap::new();
    for row in truth {
        frames.entry(row.frame).or_default().0.push(row);
    }
    for row in found {
        frames.entry(row.frame).or_default().1.push(row);
    }
    let mut clear = Clear::default();
    let mut together: HashMap<(u64, u64), usize> = HashMap::new();
    for (objects, boxes) in frames.values() {
        let near = Near::of(objects, boxes);
        for (i, j, _) in &near.pairs {
            *together.entry((objects[*i].id, boxes[*j].id)).or_default() += 1;
        }
        clear.picture(objects, boxes, &near);
    }
    let agree = most_agreement(&together);
    let count = |rows: &[Row]| rows.iter().map(|r| r.id).collect::<std::collections::BTreeSet<_>>().len();
    let share = |part: usize, whole: usize| part as f64 / whole as f64;
    let (objects, boxes) = (truth.len(), found.len());
    let paired = clear.matches + clear.switches;
    Measures {
        mota: 1.0 - share(clear.misses + clear.switches + clear.false_positives, objects),
        idf1: share(2 * agree, objects + boxes),
        switches: clear.switches,
        precision: share(paired, boxes),
        recall: share(paired, objects),
        idp: share(agree, boxes),
        idr: share(agree, objects),
        overlap: 1.0 - clear.distance / paired as f64,
        frames: frames.len(),
        objects,
        boxes,
        misses: clear.misses,
        false_positives: clear.false_positives,
        identities: count(truth),
        tracks: count(found),
    }
}

/// The pairs of one picture that overlap enough, by row and column, with their distance.
struct Near {
    pairs: Vec<(usize, usize, f64)>,
}

impl Near {
    fn of(objects: &[&Row], boxes: &[&Row]) -> Self {
        let mut pairs = Vec::new();
        for (i, object) in objects.iter().enumerate() {
            for (j, found) in boxes.iter().enumerate() {
                let distance = 1.0 - iou(&object.at, &found.at);
                if distance <= 1.0 - OVERLAP {
                    pairs.push((i, j, distance));
                }
            }
        }
        Self { pairs }
    }
    fn distance(&self, i: usize, j: usize) -> Option<f64> {
        self.pairs.iter().find(|p| (p.0, p.1) == (i, j)).map(|p| p.2)
    }
}

/// Operation by operation as the reference does it, for a pair may lie right on the threshold.
fn iou(a: &[f64; 4], b: &[f64; 4]) -> f64 {
    let (a_end, b_end) = ([a[0] + a[2], a[1] + a[3]], [b[0] + b[2], b[1] + b[3]]);
    let side = |k: usize| (a_end[k].min(b_end[k]) - a[k].max(b[k])).max(0.0);
    let both = side(0) * side(1);
    let area = |start: &[f64; 4], end: &[f64; 2]| (end[0] - start[0]).max(0.0) * (end[1] - start[1]).max(0.0);
    if both == 0.0 { 0.0 } else { both / (area(a, &a_end) + area(b, &b_end) - both) }
}

/// The count of CLEAR-MOT.
#[derive(Debug, Default)]
struct Clear {
    /// The track that each object was with last.
    with: HashMap<u64, u64>,
    matches: usize,
    switches: usize,
    misses: usize,
    false_positives: usize,
    distance: f64,
}

impl Clear {
    fn picture(&mut self, objects: &[&Row], boxes: &[&Row], near: &Near) {
        let (mut object_free, mut box_free) = (vec![true; objects.len()], vec![true; boxes.len()]);
        for (i, object) in objects.iter().enumerate() {
            let Some(last) = self.with.get(&object.id) else { continue };
            let Some(j) = (0..boxes.len()).find(|j| box_free[*j] && boxes[*j].id == *last) else { continue };
            if let Some(distance) = near.distance(i, j) {
                (object_free[i], box_free[j]) = (false, false);
                self.matches += 1;
                self.distance += distance;
            }
        }
        // Another partner is always worth more than any sum of distances.
        let partner = 4.0 * objects.len().min(boxes.len()) as f64 + 1.0;
        let open = near.pairs.iter().filter(|(i, j, _)| object_free[*i] && box_free[*j]);
        let pairs: Vec<_> = open.map(|&(row, column, d)| Pair { row, column, gain: partner - d }).collect();
        for (i, j) in assign(objects.len(), boxes.len(), &pairs) {
            (object_free[i], box_free[j]) = (false, false);
            self.distance += near.distance(i, j).unwrap_or_default();
            let before = self.with.insert(objects[i].id, boxes[j].id);
            if before.is_some_and(|b| b != boxes[j].id) {
                self.switches += 1;
            } else {
                self.matches += 1;
            }
        }
        let left = |free: &[bool]| free.iter().filter(|f| **f).count();
        self.misses += left(&object_free);
        self.false_positives += left(&box_free);
    }
}

/// The most boxes that agree if each object goes with one track.
fn most_agreement(together: &HashMap<(u64, u64), usize>) -> usize {
    let list = |ids: &mut dyn Iterator<Item = u64>| {
        let mut ids: Vec<u64> = ids.collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    let objects = list(&mut together.keys().map(|k| k.0));
    let tracks = list(&mut together.keys().map(|k| k.1));
    let place = |ids: &[u64], id| ids.binary_search(&id).unwrap_or_default();
    let pair = |(&(o, t), &n): (&(u64, u64), &usize)| Pair {
        row: place(&objects, o),
        column: place(&tracks, t),
        gain: n as f64,
    };
    let pairs: Vec<_> = together.iter().map(pair).collect();
    let chosen = assign(objects.len(), tracks.len(), &pairs);
    chosen.iter().map(|(o, t)| together.get(&(objects[*o], tracks[*t])).copied().unwrap_or_default()).sum()
}
