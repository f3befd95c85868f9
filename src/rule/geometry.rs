//! Where something stands against a zone or a line, in lengths that are the same in both directions.
//!
//! Coordinates are shares of the picture; lengths are in picture heights, so that `aspect` (width over height) is needed
//! wherever something is measured. Whether a path crosses a line does not depend on it.

use crate::types::Point;

fn cross(o: Point, a: Point, b: Point) -> f32 {
    (a.x - o.x) * (b.y - o.y) - (a.y - o.y) * (b.x - o.x)
}

/// From `p` to the nearest point of the segment `a`-`b`.
fn to_segment(p: Point, a: Point, b: Point, aspect: f32) -> f32 {
    let (dx, dy) = ((b.x - a.x) * aspect, b.y - a.y);
    let (px, py) = ((p.x - a.x) * aspect, p.y - a.y);
    let length2 = dx * dx + dy * dy;
    let t = if length2 > 0.0 { ((px * dx + py * dy) / length2).clamp(0.0, 1.0) } else { 0.0 };
    (px - t * dx).hypot(py - t * dy)
}

pub fn distance(a: Point, b: Point, aspect: f32) -> f32 {
    ((b.x - a.x) * aspect).hypot(b.y - a.y)
}

/// From `p` to the nearest point of a line through `points`.
pub fn to_line(p: Point, points: &[Point], aspect: f32) -> f32 {
    points.windows(2).map(|s| to_segment(p, s[0], s[1], aspect)).fold(f32::INFINITY, f32::min)
}

/// From `p` to the nearest edge of a closed polygon, from inside and from outside alike.
pub fn to_edge(p: Point, polygon: &[Point], aspect: f32) -> f32 {
    let closing = polygon.last().zip(polygon.first());
    let closing = closing.map_or(f32::INFINITY, |(a, b)| to_segment(p, *a, *b, aspect));
    closing.min(to_line(p, polygon, aspect))
}

/// How often the way from `from` to `to` crosses a line: +1 for each time from its left hand to its right, -1 for each
/// time back. A point on the line counts as on its left, so that two ways that meet there cross it once, or not at all.
pub fn crossings(from: Point, to: Point, points: &[Point]) -> i32 {
    let mut net = 0;
    for segment in points.windows(2) {
        let (a, b) = (segment[0], segment[1]);
        // Right of the line seen by who walks along it: positive, since y points down.
        let (was, is) = (cross(a, b, from) > 0.0, cross(a, b, to) > 0.0);
        if was != is && (cross(from, to, a) > 0.0) != (cross(from, to, b) > 0.0) {
            net += if is { 1 } else { -1 };
        }
    }
    net
}

/// Share of the picture that a closed polygon has.
pub fn area(polygon: &[Point]) -> f32 {
    let closed = polygon.iter().zip(polygon.iter().cycle().skip(1));
    (closed.map(|(a, b)| a.x * b.y - b.x * a.y).sum::<f32>() / 2.0).abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(x: f32, y: f32) -> Point {
        Point { x, y }
    }

    #[test]
    fn forward_is_from_the_left_hand_to_the_right_of_who_walks_along_the_line() {
        let down = [p(0.5, 0.0), p(0.5, 1.0)];
        assert_eq!(crossings(p(0.6, 0.5), p(0.4, 0.5), &down), 1, "who walks down has the picture's right at the left");
        assert_eq!(crossings(p(0.4, 0.5), p(0.6, 0.5), &down), -1);
        let across = [p(0.0, 0.5), p(1.0, 0.5)];
        assert_eq!(crossings(p(0.5, 0.4), p(0.5, 0.6), &across), 1);
        assert_eq!(crossings(p(0.5, 0.4), p(0.5, 0.45), &across), 0);
        assert_eq!(crossings(p(1.5, 0.4), p(1.5, 0.6), &across), 0, "past its end");
    }

    #[test]
    fn a_way_over_a_corner_or_along_the_line_counts_once_or_not() {
        let bent = [p(0.0, 0.5), p(0.5, 0.5), p(1.0, 0.5)];
        assert_eq!(crossings(p(0.5, 0.4), p(0.5, 0.6), &bent), 1, "through the corner");
        let on = p(0.3, 0.5);
        assert_eq!(crossings(p(0.3, 0.4), on, &bent) + crossings(on, p(0.3, 0.6), &bent), 1);
        assert_eq!(crossings(p(0.3, 0.4), on, &bent) + crossings(on, p(0.3, 0.4), &bent), 0);
        let v = [p(0.0, 0.0), p(0.5, 1.0), p(1.0, 0.0)];
        assert_eq!(crossings(p(0.0, 0.5), p(1.0, 0.5), &v), 0, "in and out again");
    }

    #[test]
    fn lengths_are_in_picture_heights() {
        assert!((distance(p(0.0, 0.0), p(0.5, 0.0), 2.0) - 1.0).abs() < 1e-6);
        let square = [p(0.0, 0.0), p(1.0, 0.0), p(1.0, 1.0), p(0.0, 1.0)];
        assert!((to_edge(p(0.5, 0.9), &square, 1.0) - 0.1).abs() < 1e-6);
        assert!((to_edge(p(-0.2, 0.5), &square, 1.0) - 0.2).abs() < 1e-6);
        assert_eq!(area(&square), 1.0);
        assert!(to_line(p(0.0, 0.0), &[], 1.0).is_infinite());
    }
}
