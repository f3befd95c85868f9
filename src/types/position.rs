//! How a position stands at this moment: whether it is flooded, and what its last flood came to.
//!
//! A state and no fact: it is told as it is now, the newest replaces the older, and a process that starts anew knows of no
//! flood before it. What lasts stands in the histories of the alerts (`digest`).

use schemars::JsonSchema;
use serde::Serialize;

use super::{AlertId, AreaId, ChannelId, PositionId, Wall};

/// Ten minutes and more in which a position got too much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FloodState {
    pub since: Wall,
    /// Rows since it began.
    pub rows: u64,
    /// Alerts that went under another row because of it.
    pub collapsed: u64,
}

/// So many alerts of one type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Came {
    /// Empty: types beyond those that are counted one by one.
    #[serde(rename = "type")]
    pub kind: String,
    pub count: u64,
}

/// A row that took others during a flood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
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
    /// Of the last flood since the process started.
    pub digest: Option<Digest>,
}
