//! How an alert is handled, beside its state: who is responsible, whether it stands before them as a row of its own and
//! if not why, how urgent it is, what it came to. All of it stands in the payload; a payload from before it was known
//! reads as a row of its own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AlertId, PositionId, Severity, UserId, Wall};

/// What an alert turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ResultCode {
    /// It happened, and somebody had to act.
    True,
    /// It did not happen: the camera or the detector was wrong.
    False,
    /// It happened and needs nobody.
    Nuisance,
    /// Somebody tried the system.
    Test,
}

impl ResultCode {
    pub fn as_str(self) -> &'static str {
        match self {
            ResultCode::True => "true",
            ResultCode::False => "false",
            ResultCode::Nuisance => "nuisance",
            ResultCode::Test => "test",
        }
    }
}

/// How an alert stands before its position. Whatever it is, the alert exists, is published and can be looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// A row of its own.
    #[default]
    Row,
    /// Not yet a row: weak evidence is given some seconds to last.
    Held,
    /// Counted under another alert's row.
    Under,
    /// Over before it lasted long enough to need a person.
    Brief,
}

impl How {
    pub fn as_str(self) -> &'static str {
        match self {
            How::Row => "row",
            How::Held => "held",
            How::Under => "under",
            How::Brief => "brief",
        }
    }
}

/// Why an alert is no row of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Because {
    /// The detector is not sure.
    Weak,
    /// Its source says the same thing over and over.
    Chattering,
    /// A health alert explains it: the picture was gone or had just come back.
    Explained,
    /// It is the same happening, seen from a neighbour.
    Incident,
    /// The position is flooded.
    Flood,
}

impl Because {
    pub fn as_str(self) -> &'static str {
        match self {
            Because::Weak => "weak",
            Because::Chattering => "chattering",
            Because::Explained => "explained",
            Because::Incident => "incident",
            Because::Flood => "flood",
        }
    }
}

/// How an alert stands before its position, why, and since when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Showing {
    pub how: How,
    /// Null with a row of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<Because>,
    /// The alert whose row it is counted under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<AlertId>,
    /// When it became a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Wall>,
    /// When its row last rose in priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raised: Option<Wall>,
}

/// Put aside by a person for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shelf {
    pub by: UserId,
    pub reason: String,
    pub at: Wall,
    /// When it comes back by itself.
    pub until: Wall,
}

/// Nobody took it in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Escalation {
    /// 1: to the supervising position; 2: to the people of the area, too.
    pub level: u8,
    /// The position that supervises. Null only in payloads from before a position without one stopped to escalate.
    pub to: Option<PositionId>,
    pub at: Wall,
}

/// How an alert is handled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Handling {
    /// How urgent it is: from the rule's severity, area, time and history, or as a person set it. Null in payloads from
    /// before there were priorities; then it is the severity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<Severity>,
    /// Who set the priority by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority_by: Option<UserId>,
    /// The one position that is responsible.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<PositionId>,
    pub showing: Showing,
    /// When somebody should have taken it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<Wall>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escalated: Option<Escalation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shelved: Option<Shelf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<ResultCode>,
    /// Whom it was dispatched to, as the operator wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dispatched_to: Option<String>,
    /// Events that joined without being shown: the cooldown counts what it holds back.
    #[serde(skip_serializing_if = "is_none")]
    pub held_back: u64,
    /// Alerts that are counted under this one's row.
    #[serde(skip_serializing_if = "is_none")]
    pub under: u64,
    /// Its source says the same thing over and over.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub chattering: bool,
    /// The alert of the same source that was over before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recurs: Option<AlertId>,
    /// The device that the channel's stream comes from; channels of one recorder share it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorder: Option<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde asks so
fn is_none(count: &u64) -> bool {
    *count == 0
}
