//! Looking alerts up: what a search is restricted to, and what alerts are counted by.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AreaId, ChannelId, PositionId, RuleId, Severity, UserId, Wall, handling::ResultCode, payload::AlertState};

/// What is looked for. What is not given holds for every alert, and all that is given holds at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Find {
    /// Opened at this time or later.
    pub from: Option<Wall>,
    /// Opened before this time.
    pub to: Option<Wall>,
    /// In the subtree of this area.
    pub area: Option<AreaId>,
    pub channel: Option<ChannelId>,
    /// The rule's type.
    pub kind: Option<String>,
    /// This very priority.
    pub priority: Option<Severity>,
    pub state: Option<InState>,
    pub result: Option<ResultCode>,
    pub owner: Option<UserId>,
    pub rule: Option<RuleId>,
    pub position: Option<PositionId>,
    /// Every word of it occurs in what is written of the alert; empty: no matter what is written.
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InState {
    /// All but closed.
    Open,
    Is(AlertState),
}

/// What alerts are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CountBy {
    /// Hours of the site's clock.
    Hour,
    /// Days of the site's calendar.
    Day,
    Type,
    /// The areas where the paths of what was found part.
    Area,
    Channel,
    Rule,
    Result,
    Priority,
}
