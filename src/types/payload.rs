//! What stands in an MQTT payload and in the API. The JSON Schemas that integrators get are generated from these types;
//! within v1 they only grow.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    AlertId, AreaId, ChannelHealth, ChannelId, Details, EventEnd, EventId, HealthFact, IncidentId, ModelName, NodeId,
    Phase, RuleId, RuleRef, Severity, SiteId, Subjects, UserId, Wall, ZoneId,
    fact::Object,
    handling::{Handling, ResultCode},
};

/// Where in the node's and the site's order a message stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Order {
    /// Identifies one start of the node.
    pub boot: Uuid,
    /// Counts the facts of the node since `boot`, from 1, without gaps for a subscriber of everything.
    pub seq: u64,
    /// Commit order over all facts of the node, never reset; the argument of `GET /api/v1/changes?after=`.
    pub cursor: i64,
}

/// The three times of a fact and how far the camera's clock can be believed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Times {
    /// When the picture was taken.
    pub seen: Wall,
    /// When its last byte reached the gateway.
    pub ingested: Wall,
    /// When the fact was written to disk.
    pub committed: Wall,
    /// `camera`: `seen` comes from the camera's sender reports; `gateway`: from the gateway's clock.
    pub clock: ClockSource,
    /// Camera clock minus gateway clock in milliseconds, where known.
    pub skew_ms: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClockSource {
    Camera,
    Gateway,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Model {
    pub name: ModelName,
    pub sha256: String,
}

/// A picture or clip, by address and checksum, never inline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Media {
    /// `snapshot`
    pub kind: String,
    pub content_type: String,
    /// Path on the gateway's web address, e.g. `/api/v1/events/{id}/snapshot`; needs a login.
    pub url: String,
    pub sha256: String,
    pub bytes: u64,
    pub width: u32,
    pub height: u32,
    /// When what it shows was seen; null in payloads from before it was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Wall>,
    /// What was seen in this very picture: boxes to draw over it. The event's and the alert's own `objects` move on.
    #[serde(default)]
    pub objects: Vec<Object>,
}

/// Payload of `.../channel/{channel}/event/{type}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventPayload {
    /// Always `skyeye.event`.
    pub schema: String,
    /// 1
    pub version: u32,
    pub id: EventId,
    #[serde(flatten)]
    pub order: Order,
    /// Counts the facts of this channel since `boot`, from 1.
    pub channel_seq: u64,
    pub node: NodeId,
    pub site: SiteId,
    pub channel: ChannelId,
    /// Ids from the root of the area tree, as they were when the fact arose.
    pub area: Vec<AreaId>,
    /// The rule's type, such as `presence` or `line`, or `health`.
    #[serde(rename = "type")]
    pub kind: String,
    pub phase: Phase,
    /// Set with phase `end` only.
    pub end: Option<EventEnd>,
    pub times: Times,
    pub rule: RuleRef,
    pub severity: Severity,
    pub model: Option<Model>,
    /// Looks a second that the channel had.
    pub rate_hz: f32,
    pub objects: Vec<Object>,
    pub zone: Option<ZoneId>,
    pub dedupe_key: String,
    /// The alert that this event belongs to.
    pub alert: Option<AlertId>,
    pub incident: Option<IncidentId>,
    pub media: Vec<Media>,
    /// With type `health` only: what is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthFact>,
    /// The channels that it is about, where they are more than `channel`, the first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subjects: Option<Subjects>,
    /// What the rule has measured: line, direction, counts, dwell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
    /// The device that the channel's stream comes from; channels of one recorder share it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorder: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    New,
    Acknowledged,
    Dispatched,
    Resolved,
    Closed,
}

impl AlertState {
    pub fn as_str(self) -> &'static str {
        match self {
            AlertState::New => "new",
            AlertState::Acknowledged => "acknowledged",
            AlertState::Dispatched => "dispatched",
            AlertState::Resolved => "resolved",
            AlertState::Closed => "closed",
        }
    }
    /// States in which an alert still asks for somebody's work.
    pub fn is_open(self) -> bool {
        self != AlertState::Closed
    }
}

/// Payload of `.../alert/{alert}`: the alert whole, after its latest change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlertPayload {
    /// Always `skyeye.alert`.
    pub schema: String,
    /// 1
    pub version: u32,
    pub id: AlertId,
    #[serde(flatten)]
    pub order: Order,
    /// Counts the changes of this alert from 1; a later one replaces an earlier.
    pub rev: u64,
    pub node: NodeId,
    pub site: SiteId,
    pub channel: ChannelId,
    /// The channel's name as it was when the alert arose.
    pub channel_name: String,
    pub area: Vec<AreaId>,
    #[serde(rename = "type")]
    pub kind: String,
    pub state: AlertState,
    /// True while an event of the alert is open.
    pub active: bool,
    pub severity: Severity,
    pub rule: RuleRef,
    pub zone: Option<ZoneId>,
    pub dedupe_key: String,
    pub incident: Option<IncidentId>,
    /// First and latest event, and how many there were.
    pub first_event: EventId,
    pub last_event: EventId,
    pub events: u64,
    /// When the first event was seen, and when the latest start, update or end was.
    pub opened: Wall,
    pub updated: Wall,
    /// Who took it, once acknowledged.
    pub owner: Option<UserId>,
    /// Objects of the latest start or update of an event.
    pub objects: Vec<Object>,
    /// Pictures of the latest event that has one.
    pub media: Vec<Media>,
    /// With type `health` only: what is or was wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthFact>,
    /// The channels that it is about, where they are more than `channel`, the first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subjects: Option<Subjects>,
    /// What the rule has measured: line, direction, counts, dwell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
    /// Position, priority, how it is shown, and what it came to.
    #[serde(flatten)]
    pub handling: Handling,
    pub committed: Wall,
}

/// Payload of `.../channel/{channel}/health`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HealthPayload {
    /// Always `skyeye.health`.
    pub schema: String,
    /// 1
    pub version: u32,
    pub node: NodeId,
    pub site: SiteId,
    pub channel: ChannelId,
    pub area: Vec<AreaId>,
    pub at: Wall,
    /// Of the process that says it, and for how long that had run: of two payloads of one boot the later one is newer,
    /// also where the clock was set in between.
    #[serde(default)]
    pub boot: Uuid,
    #[serde(default)]
    pub uptime_ms: u64,
    #[serde(flatten)]
    pub health: ChannelHealth,
}

/// Payload of `.../node/{node}/status`; the last will is the same with `online: false`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodePayload {
    /// Always `skyeye.node`.
    pub schema: String,
    /// 1
    pub version: u32,
    pub node: NodeId,
    pub site: SiteId,
    /// `online` or `offline`
    pub status: NodeStatus,
    pub boot: Uuid,
    /// Program version.
    pub program: String,
    /// What does not work although the node runs, one sentence each; empty is good.
    pub degraded: Vec<String>,
    /// Alerts that are not closed; only where Home Assistant's discovery is switched on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_alerts: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NodeStatus {
    Online,
    Offline,
}

/// Payload of `.../command/{user}/{request}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandPayload {
    /// `skyeye.command`
    pub schema: String,
    /// 1
    pub version: u32,
    pub action: AlertAction,
    pub alert: AlertId,
    /// The alert's `rev` that the author saw; a later change makes the command fail instead of overwriting it.
    #[serde(default)]
    pub rev: Option<u64>,
    #[serde(default)]
    pub note: Option<String>,
    /// With `resolve`: what it turned out to be.
    #[serde(default)]
    pub result: Option<ResultCode>,
    /// With `priority`: the new one.
    #[serde(default)]
    pub priority: Option<Severity>,
    /// With `shelve`: for how long.
    #[serde(default)]
    pub minutes: Option<u32>,
    /// With `dispatch`: whom it goes to.
    #[serde(default)]
    pub to: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AlertAction {
    /// Takes it. From `dispatched` or `resolved` it is the same as `return` or `reopen`.
    Acknowledge,
    /// Gives it back to the position.
    Release,
    /// Sends somebody: `to`.
    Dispatch,
    /// Those who were sent give it back.
    Return,
    /// It is done, with `result`.
    Resolve,
    /// It is not done after all.
    Reopen,
    /// Final.
    Close,
    /// Puts it aside for `minutes`, with a note that says why; never what is critical.
    Shelve,
    /// Brings it back at once.
    Unshelve,
    /// Only the note, for the history.
    Note,
    /// What those who were sent say, for the history.
    Feedback,
    /// Sets the `priority` by hand.
    Priority,
}

/// Payload of `.../command/{user}/{request}` too: arms or disarms a rule of the inventory. The state is the rule's own,
/// and the inventory keeps who set it and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleCommandPayload {
    /// `skyeye.rule-command`
    pub schema: String,
    /// 1
    pub version: u32,
    pub action: RuleAction,
    pub rule: RuleId,
    /// Only on these channels; if not given: on all that the rule is for.
    #[serde(default, deserialize_with = "some_channels")]
    pub channels: Vec<ChannelId>,
}

/// A list of channels that means all of them where it is left out. Who gives one that is empty has selected nothing, and does
/// not mean the district.
pub fn some_channels<'de, D: serde::Deserializer<'de>>(list: D) -> Result<Vec<ChannelId>, D::Error> {
    let channels = Vec::deserialize(list)?;
    if channels.is_empty() {
        return Err(serde::de::Error::custom("channels names none; leave it out if all are meant"));
    }
    Ok(channels)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RuleAction {
    Arm,
    Disarm,
}

/// Payload of `.../result/{user}/{request}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResultPayload {
    /// `skyeye.result`
    pub schema: String,
    /// 1
    pub version: u32,
    /// The last level of the command's topic.
    pub request: String,
    #[serde(flatten)]
    pub order: Order,
    pub ok: bool,
    /// One sentence where `ok` is false.
    pub error: Option<String>,
    pub alert: Option<AlertId>,
    pub rev: Option<u64>,
}
