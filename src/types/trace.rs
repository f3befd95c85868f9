//! Where objects went on a channel's picture, for drawing.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Point, Wall};

/// The way of one object.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Path {
    pub label: String,
    pub from: Wall,
    pub to: Wall,
    /// `[[x, y], ...]` of the middle of the box's lower edge, 0..1.
    pub points: Vec<Point>,
}

/// Seconds that objects spent in each cell of the picture.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Heat {
    pub columns: usize,
    pub rows: usize,
    /// Row by row from the top left.
    pub cells: Vec<f32>,
}

/// Both, from the looks kept of a channel.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Traces {
    /// Looks that it was made from.
    pub looks: usize,
    pub from: Option<Wall>,
    pub to: Option<Wall>,
    /// Newest last.
    pub paths: Vec<Path>,
    pub heat: Heat,
}
