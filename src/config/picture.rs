//! Geometry that is drawn on a channel's picture: zones, lines and masks, in shares of its width and height.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Channel;
use crate::types::{LineId, Point, Polygon, ZoneId};

/// A polygon on the channel's picture, 0..1.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    pub id: ZoneId,
    #[serde(default)]
    pub name: String,
    /// `[[x, y], ...]`, at least three points.
    pub polygon: Vec<Point>,
}

/// A line that is crossed, of two points or more.
///
/// Whoever walks along it from its first point to its last has one side at the left hand and one at the right, seen on
/// the picture as it is shown (x to the right, y down). **Forward** is from the left hand to the right, **backward** from
/// the right to the left:
///
/// ```text
///    first                      A line from the top to the bottom: who walks down it has the
///      |                        picture's right at the left hand, so forward is from right to
///      |   <-- forward          left. One from left to right is crossed forward by what goes
///      |   --> backward         from the top to the bottom.
///      v
///    last
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    pub id: LineId,
    #[serde(default)]
    pub name: String,
    /// `[[x, y], ...]`, at least two points.
    pub points: Vec<Point>,
}

/// A polygon that hides.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mask {
    #[serde(default)]
    pub kind: MaskKind,
    pub polygon: Vec<Point>,
}

/// From whom a mask hides what is under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MaskKind {
    /// From people: blackened before any picture is stored or shown.
    #[default]
    Privacy,
    /// From the rules: what stands in it (the middle of its lower edge) is dropped before tracking.
    Ignore,
}

impl Channel {
    /// What is blackened before a picture is stored or shown.
    pub fn privacy_masks(&self) -> Vec<Polygon> {
        let privacy = self.mask.iter().filter(|m| m.kind == MaskKind::Privacy);
        privacy.map(|m| Polygon(m.polygon.clone())).collect()
    }
}
