//! Geometry in 0..1 coordinates of a channel's picture: origin top left, x to the right, y down. A change of resolution
//! therefore moves no zone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A point, 0..1 each way.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(from = "[f32; 2]", into = "[f32; 2]")]
#[schemars(with = "[f32; 2]")]
pub struct Point {
    pub x: f32,
    pub y: f32,
}

impl From<[f32; 2]> for Point {
    fn from([x, y]: [f32; 2]) -> Self {
        Self { x, y }
    }
}
impl From<Point> for [f32; 2] {
    fn from(p: Point) -> Self {
        [p.x, p.y]
    }
}

/// A box: top left corner, width and height, 0..1 of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct BBox {
    pub x: f32,
    pub y: f32,
    pub w: f32,
    pub h: f32,
}

impl BBox {
    /// Where the object stands: the middle of the lower edge.
    pub fn bottom_centre(&self) -> Point {
        Point { x: self.x + self.w / 2.0, y: self.y + self.h }
    }
    pub fn area(&self) -> f32 {
        self.w.max(0.0) * self.h.max(0.0)
    }
    /// Intersection over union, 0..1.
    pub fn iou(&self, other: &BBox) -> f32 {
        let w = (self.x + self.w).min(other.x + other.w) - self.x.max(other.x);
        let h = (self.y + self.h).min(other.y + other.h) - self.y.max(other.y);
        if w <= 0.0 || h <= 0.0 {
            return 0.0;
        }
        let inter = w * h;
        let union = self.area() + other.area() - inter;
        if union > 0.0 { inter / union } else { 0.0 }
    }
    /// The part inside the picture; `None` if nothing is, or if a number is not finite.
    pub fn clipped(&self) -> Option<BBox> {
        if ![self.x, self.y, self.w, self.h].iter().all(|v| v.is_finite()) {
            return None;
        }
        let (x0, y0) = (self.x.clamp(0.0, 1.0), self.y.clamp(0.0, 1.0));
        let (x1, y1) = ((self.x + self.w).clamp(0.0, 1.0), (self.y + self.h).clamp(0.0, 1.0));
        (x1 > x0 && y1 > y0).then_some(BBox { x: x0, y: y0, w: x1 - x0, h: y1 - y0 })
    }
}

/// A closed polygon of at least three points, without the repeated last one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Polygon(pub Vec<Point>);

impl Polygon {
    /// The whole picture, the zone of a rule that names none. The bottom edge reaches past 1 so that a box that
    /// touches the picture's lower edge counts as inside.
    pub fn whole() -> Self {
        Polygon([[0.0, 0.0], [1.0, 0.0], [1.0, 1.01], [0.0, 1.01]].map(Point::from).to_vec())
    }
    /// Even-odd rule; a point on an edge may fall to either side.
    pub fn contains(&self, p: Point) -> bool {
        let pts = &self.0;
        let mut inside = false;
        let mut j = pts.len().wrapping_sub(1);
        for i in 0..pts.len() {
            let (a, b) = (pts[i], pts[j]);
            if (a.y > p.y) != (b.y > p.y) && p.x < (b.x - a.x) * (p.y - a.y) / (b.y - a.y) + a.x {
                inside = !inside;
            }
            j = i;
        }
        inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_concave_zone_excludes_its_notch() {
        let zone = Polygon([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 0.5], [0.0, 1.0]].map(Point::from).to_vec());
        assert!(zone.contains(Point { x: 0.5, y: 0.25 }));
        assert!(!zone.contains(Point { x: 0.5, y: 0.75 }));
        assert!(!zone.contains(Point { x: 1.5, y: 0.5 }));
    }

    #[test]
    fn overlap_is_symmetric_and_bounded() {
        let a = BBox { x: 0.0, y: 0.0, w: 0.5, h: 0.5 };
        let b = BBox { x: 0.25, y: 0.0, w: 0.5, h: 0.5 };
        assert!((a.iou(&b) - 1.0 / 3.0).abs() < 1e-6);
        assert_eq!(a.iou(&b), b.iou(&a));
        assert_eq!(a.iou(&BBox { x: 0.6, ..a }), 0.0);
        assert!(BBox { x: f32::NAN, ..a }.clipped().is_none());
    }
}
