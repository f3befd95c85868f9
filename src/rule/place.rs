//! Where a rule watches: the whole picture, a zone, or a line.

use super::geometry;
use crate::{
    config::{Channel, Rule},
    types::{LineId, Point, Polygon, ZoneId},
};

/// One place of a rule on a channel.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    Whole,
    Zone(ZoneId, Polygon),
    Line(LineId, Vec<Point>),
}

impl Place {
    /// The places of a rule on a channel, in the order in which they stand on the channel.
    pub fn of(rule: &Rule, channel: &Channel) -> Vec<Place> {
        if rule.watches_whole_picture() {
            return vec![Place::Whole];
        }
        let mut places = Vec::new();
        if rule.kind.takes_zones() {
            let zones = channel.zone.iter().filter(|z| rule.zones.contains(&z.id));
            places.extend(zones.map(|z| Place::Zone(z.id.clone(), Polygon(z.polygon.clone()))));
        }
        if rule.kind.takes_lines() {
            let lines = channel.line.iter().filter(|l| rule.lines.contains(&l.id));
            places.extend(lines.map(|l| Place::Line(l.id.clone(), l.points.clone())));
        }
        places
    }

    /// The same name at every place of a rule that is the same.
    pub fn key(&self) -> String {
        match self {
            Place::Whole => String::new(),
            Place::Zone(id, _) => id.to_string(),
            // No id begins so.
            Place::Line(id, _) => format!("~{id}"),
        }
    }

    pub fn zone(&self) -> Option<ZoneId> {
        match self {
            Place::Zone(id, _) => Some(id.clone()),
            _ => None,
        }
    }

    /// Nothing stands in a line.
    pub fn holds(&self, p: Point) -> bool {
        match self {
            Place::Whole => true,
            Place::Zone(_, polygon) => polygon.contains(p),
            Place::Line(..) => false,
        }
    }

    /// How far a point is from the edge of the zone, in picture heights; infinite for the whole picture.
    pub fn to_edge(&self, p: Point, aspect: f32) -> f32 {
        match self {
            Place::Zone(_, polygon) => geometry::to_edge(p, &polygon.0, aspect),
            _ => f32::INFINITY,
        }
    }

    /// Share of the picture.
    pub fn area(&self) -> f32 {
        match self {
            Place::Whole => 1.0,
            Place::Zone(_, polygon) => geometry::area(&polygon.0),
            Place::Line(..) => 0.0,
        }
    }
}
