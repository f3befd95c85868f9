//! How a position stands at this moment: whether it is flooded, and what its last flood came to.
//!
//! A state and no fact: it is told as it is now, and the newest replaces the older. What it follows from is kept with the
//! facts (`Kept`), so that a process that starts anew goes on in the flood; what came of it stands in the histories of the
//! alerts, too (`digest`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AlertId, AreaId, ChannelId, PositionId, Wall};

/// A time in which a position got more than it can take (`alert.flood_alerts`, `alert.flood_window_s`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FloodState {
    pub since: Wall,
    /// Rows since it began.
    pub rows: u64,
    /// Alerts that went under another row because of it.
    pub collapsed: u64,
}

/// So many alerts of one type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Came {
    /// Empty: types beyond those that are counted one by one.
    #[serde(rename = "type")]
    pub kind: String,
    pub count: u64,
}

/// A row that took others during a flood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lead {
    pub alert: AlertId,
    #[serde(rename = "type")]
    pub kind: String,
    pub channel: ChannelId,
    pub channel_name: String,
    pub area: Vec<AreaId>,
    /// How many went under it.
    pub under: u64,
}

/// What a flood came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Digest {
    pub since: Wall,
    pub until: Wall,
    pub rows: u64,
    pub collapsed: u64,
    /// What came, rows and folded ones together; most first.
    pub came: Vec<Came>,
    /// The rows that took most, at most twenty, only those that the login may see.
    pub leads: Vec<Lead>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PositionState {
    pub id: PositionId,
    pub flood: Option<FloodState>,
    /// Of the last flood.
    pub digest: Option<Digest>,
}

/// What a position's state follows from, as it is written along with the facts that changed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub position: PositionId,
    /// JSON, known to the book alone.
    pub kept: String,
}
