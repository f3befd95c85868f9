//! Where objects went: the looks kept of a channel, tracked again, as paths to be drawn and as a heat map. Pure.
//!
//! A path is the way of an object's foot, the middle of the lower edge of its box, because that is what zones and lines
//! go by. The heat map counts, cell by cell, for how long objects stood there.

use std::collections::BTreeMap;

use super::{KeptLook, Tracker};
use crate::{
    config,
    types::{Heat, Mono, Path, Point, Traces},
};

/// Cells of the heat map.
pub const COLUMNS: usize = 48;
pub const ROWS: usize = 27;
/// Paths that are given; those of the latest objects.
const MAX_PATHS: usize = 200;
/// Points of one path; a longer one is thinned.
const MAX_POINTS: usize = 60;
/// One who was found only once or twice tells no way.
const MIN_LOOKS: usize = 3;
/// An object stands where it is for at most so long after a look: longer nothing is known.
const MAX_STAY_MS: u64 = 2000;

/// Tracks the looks again. `labels` empty: all of them; `min_score`: boxes below do not count.
pub fn traces(looks: &[KeptLook], config: &config::Track, labels: &[String], min_score: f32) -> Traces {
    let mut tracker = Tracker::new(config);
    let mut paths: BTreeMap<u64, Path> = BTreeMap::new();
    let mut cells = vec![0.0f32; COLUMNS * ROWS];
    for (i, look) in looks.iter().enumerate() {
        let stay = looks.get(i + 1).map_or(MAX_STAY_MS, |next| next.at.since_ms(look.at).min(MAX_STAY_MS));
        let wanted = |l: &str| labels.is_empty() || labels.iter().any(|x| x == l);
        tracker.shaped(look.size.0, look.size.1);
        for track in tracker.look(&look.detections, look.at) {
            if !track.confirmed || track.score < min_score || !wanted(&track.label) {
                continue;
            }
            let foot = track.bbox.bottom_centre();
            if let Some(cell) = cells.get_mut(cell(foot)) {
                *cell += stay as f32 / 1000.0;
            }
            let path = paths.entry(track.number).or_insert_with(|| Path {
                label: track.label.to_string(),
                from: look.ingested,
                to: look.ingested,
                points: Vec::new(),
            });
            path.to = look.ingested;
            path.points.push(foot);
        }
    }
    let mut paths: Vec<Path> = paths.into_values().filter(|p| p.points.len() >= MIN_LOOKS).collect();
    paths.sort_by_key(|p| p.to);
    paths.drain(..paths.len().saturating_sub(MAX_PATHS));
    paths.iter_mut().for_each(thin);
    Traces {
        looks: looks.len(),
        from: looks.first().map(|l| l.ingested),
        to: looks.last().map(|l| l.ingested),
        paths,
        heat: Heat { columns: COLUMNS, rows: ROWS, cells },
    }
}

fn cell(foot: Point) -> usize {
    // The casts saturate, and a foot at the very edge belongs to the last cell.
    let at = |v: f32, n: usize| ((v.clamp(0.0, 1.0) * n as f32) as usize).min(n - 1);
    at(foot.y, ROWS) * COLUMNS + at(foot.x, COLUMNS)
}

/// Every k-th point, and the last one.
fn thin(path: &mut Path) {
    let n = path.points.len();
    if n <= MAX_POINTS {
        return;
    }
    let points = (0..MAX_POINTS).map(|i| path.points[i * (n - 1) / (MAX_POINTS - 1)]).collect();
    path.points = points;
}

/// When a look of so many hours ago would have been.
pub fn since(now: Mono, hours: f32) -> Mono {
    Mono(now.0.saturating_sub((hours.clamp(0.0, 24.0 * 365.0) * 3_600_000.0) as u64))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::types::{BBox, Detection, Wall};

    fn look(ms: u64, x: f32, label: &str) -> KeptLook {
        let bbox = BBox { x, y: 0.3, w: 0.1, h: 0.3 };
        let detections = vec![Detection { label: Arc::from(label), score: 0.9, bbox }];
        KeptLook { at: Mono(ms), ingested: Wall(ms as i64), size: (640, 360), detections }
    }

    #[test]
    fn one_who_walks_is_one_path_and_heats_the_cells_of_his_feet() {
        let looks: Vec<_> = (0..100).map(|i| look(i * 200, i as f32 * 0.008, "person")).collect();
        let found = traces(&looks, &config::Track::default(), &[], 0.3);
        assert_eq!((found.looks, found.paths.len()), (100, 1));
        let path = &found.paths[0];
        assert_eq!((path.points.len(), path.from, path.to), (MAX_POINTS, Wall(0), Wall(19_800)));
        assert!(path.points.windows(2).all(|w| w[0].x <= w[1].x && (w[0].y - 0.6).abs() < 1e-5));
        let total: f32 = found.heat.cells.iter().sum();
        assert!((total - 21.8).abs() < 0.1, "{total} s");
        let row = found.heat.cells.iter().position(|c| *c > 0.0).unwrap() / COLUMNS;
        assert_eq!(row, (0.6f32 * ROWS as f32) as usize);
    }

    #[test]
    fn only_what_was_asked_for_is_told() {
        let looks: Vec<_> = (0..10).map(|i| look(i * 200, 0.3, if i % 2 == 0 { "person" } else { "car" })).collect();
        let config = config::Track::default();
        assert_eq!(traces(&looks, &config, &["car".into()], 0.3).paths.len(), 1);
        assert_eq!(traces(&looks, &config, &[], 0.95).paths.len(), 0);
        assert_eq!(traces(&[], &config, &[], 0.3).from, None);
    }
}
