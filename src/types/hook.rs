//! How a receiver over HTTP stands, for people and scripts.

use schemars::JsonSchema;
use serde::Serialize;

use super::{HookId, Wall};

/// Where a receiver stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HookState {
    /// All that is committed is told, or is being told.
    Good,
    /// A delivery failed and is tried again.
    Retrying,
    /// The receiver answered 410.
    Paused,
    /// It cannot be used as it is configured.
    Unusable,
    /// `enabled = false`.
    Off,
}

/// One receiver at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HookView {
    pub id: HookId,
    /// Without path and query.
    pub host: String,
    pub state: HookState,
    /// One sentence; empty while all is well.
    pub reason: String,
    pub since: Wall,
    /// Counted since its task began, which is at a start and when its configuration changed.
    pub delivered: u64,
    pub failed: u64,
    pub given_up: u64,
    /// Messages deleted before they could be delivered, of whatever kind.
    pub missed: u64,
    /// Everything committed up to here is told.
    pub cursor: i64,
    /// Messages behind that, of whatever kind.
    pub lag: i64,
    pub last_delivered: Option<Wall>,
}
