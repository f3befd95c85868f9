//! A rule's fact: something started, changed or ended.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BBox, ChannelId, ChannelState, EventId, LineId, Mono, RuleId, Wall, ZoneId, detection::ModelRef};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    Start,
    Update,
    End,
}

/// Why an event ended. Every start gets exactly one end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EventEnd {
    /// What the rule looks for is no longer there.
    Cleared,
    /// No picture for the channel's stall deadline.
    Lost,
    /// Open at an unclean stop; written at the next start.
    Interrupted,
    /// The rule or channel was changed or removed, its hours are over, somebody disarmed it, or the node was stopped in
    /// order.
    Reconfigured,
}

/// How much it matters; also the order in which the outbox gives up when it is full (`Low` first).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleRef {
    pub id: RuleId,
    /// First 12 hex digits of the sha256 of the rule's canonical JSON: changes whenever the rule does.
    pub revision: String,
}

/// An object that belongs to an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Object {
    pub track: u64,
    pub label: String,
    /// 0..1
    pub score: f32,
    /// 0..1 of the picture
    pub bbox: BBox,
}

/// The channels under an event that is about more than one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Subjects {
    /// All that were affected so far.
    pub count: u32,
    /// The first hundred of them.
    pub channels: Vec<ChannelId>,
}

/// How far a `health` fact reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealthScope {
    /// The event's own channel.
    Channel,
    /// Channels of one recorder: those whose URLs name the same host.
    Host,
    /// Channels with hosts of their own that hang on one area: what is behind a switch.
    Area,
    /// Such channels on no area.
    Node,
}

/// What an event of the type `health` is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HealthFact {
    pub scope: HealthScope,
    /// The host's address or the area's id.
    pub name: Option<String>,
    /// `down`, or a condition such as `frozen`.
    pub what: String,
    /// The channel's state, where one channel is down.
    pub state: Option<ChannelState>,
    /// One sentence: what happened and what to do; never holds a secret.
    pub reason: String,
}

/// Over a line: from the left hand to the right of who walks along it from its first point to its last, or the other way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    Forward,
    Backward,
}

/// What a rule has measured, beyond the objects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Details {
    /// The line that was crossed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<LineId>,
    /// Which way, of the latest crossing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Way>,
    /// How often it has happened in this event so far, what came within the rule's cooldown among it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub happenings: Option<u32>,
    /// In the zone at this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub present: Option<u32>,
    /// The longest that one of them has been there, stood, or was gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dwell_s: Option<u32>,
    /// With type `count` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
}

/// A running total: over a line forward and backward, or into a zone and out of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Of this event, which is one period.
    pub forward: u64,
    pub backward: u64,
    /// Since the rule or the gateway began.
    pub total_forward: u64,
    pub total_backward: u64,
}

/// What `rule` gives to `alert`, `evidence` and the store. Times are those of the look that caused it.
#[derive(Debug, Clone)]
pub struct Event {
    pub id: EventId,
    pub phase: Phase,
    /// Set on `Phase::End` only.
    pub end: Option<EventEnd>,
    pub channel: ChannelId,
    /// Last topic level and payload type, e.g. `presence`.
    pub kind: &'static str,
    pub rule: RuleRef,
    pub severity: Severity,
    pub zone: Option<ZoneId>,
    pub objects: Vec<Object>,
    pub dedupe_key: String,
    pub at: Mono,
    pub seen: Wall,
    pub ingested: Wall,
    pub camera_clock: bool,
    pub model: Option<ModelRef>,
    pub rate_hz: f32,
    /// Of the type `health` only.
    pub health: Option<Box<HealthFact>>,
    /// Where it is about more channels than its own, which then is only the first of them.
    pub subjects: Option<Box<Subjects>>,
    /// What the rule has measured.
    pub details: Option<Box<Details>>,
}
