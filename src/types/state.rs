//! States of a channel: the latest value counts, history does not.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Codec, Condition, ConditionSet, Wall};

/// Where a channel stands. In JSON and metrics in snake case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelState {
    /// A session is being set up, or waits for its turn.
    Connecting,
    /// Access units arrive.
    Running,
    /// The session stands but no access unit came within the stall deadline.
    Stalled,
    /// The camera closed the session or the connection broke; a retry is scheduled.
    Offline,
    /// Wrong user name or password; tried rarely, so that no account is locked.
    AuthFailed,
    /// No TCP connection: refused, no route, no answer.
    Unreachable,
    /// The camera answers but refuses: session limit (453), not permitted.
    Refused,
    /// What is asked for is not there or not usable: wrong path (404), no video, unknown codec.
    Misconfigured,
    /// Switched off in the configuration.
    Disabled,
}

impl ChannelState {
    pub const ALL: [ChannelState; 9] = [
        ChannelState::Connecting,
        ChannelState::Running,
        ChannelState::Stalled,
        ChannelState::Offline,
        ChannelState::AuthFailed,
        ChannelState::Unreachable,
        ChannelState::Refused,
        ChannelState::Misconfigured,
        ChannelState::Disabled,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            ChannelState::Connecting => "connecting",
            ChannelState::Running => "running",
            ChannelState::Stalled => "stalled",
            ChannelState::Offline => "offline",
            ChannelState::AuthFailed => "auth_failed",
            ChannelState::Unreachable => "unreachable",
            ChannelState::Refused => "refused",
            ChannelState::Misconfigured => "misconfigured",
            ChannelState::Disabled => "disabled",
        }
    }
}

/// What the sizes of a channel's undecoded pictures tell about motion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// Too few pictures so far to know what is usual.
    Learning,
    /// Nothing moves.
    Quiet,
    /// More moves than usual.
    Active,
    /// The sizes tell nothing on this channel; it gets plain patrol.
    Mute,
}

impl Activity {
    pub fn as_str(self) -> &'static str {
        match self {
            Activity::Learning => "learning",
            Activity::Quiet => "quiet",
            Activity::Active => "active",
            Activity::Mute => "mute",
        }
    }
}

/// Everything that is said of a channel's health.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelHealth {
    pub state: ChannelState,
    /// One sentence: what happened and what to do; never holds a secret.
    pub reason: String,
    pub since: Wall,
    pub codec: Option<Codec>,
    /// Pixels, 0 until known.
    pub width: u32,
    pub height: u32,
    /// Received bit rate over the last ten seconds.
    pub kbit_s: f32,
    /// Access units a second over the last ten seconds.
    pub unit_rate_hz: f32,
    /// Seconds between the last two key units; 0 until known.
    pub key_interval_s: f32,
    /// Looks a second over the last minute.
    pub look_rate_hz: f32,
    /// Looks a second granted in focus; 0: the channel is in patrol.
    #[serde(default)]
    pub focus_hz: f32,
    /// What the sizes of its pictures tell; `None` while nothing is read from them.
    #[serde(default)]
    pub activity: Option<Activity>,
    /// Camera clock minus ours, milliseconds; `None` until a sender report has come.
    pub clock_skew_ms: Option<i64>,
    /// RTP packets known to be lost since the start of the process.
    pub lost_packets: u64,
    /// Sessions begun since the start of the process.
    pub sessions: u32,
    /// What its pictures and its stream tell of it; empty is good.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}

impl ChannelHealth {
    pub fn new(state: ChannelState, reason: impl Into<String>, since: Wall) -> Self {
        Self {
            state,
            reason: reason.into(),
            since,
            codec: None,
            width: 0,
            height: 0,
            kbit_s: 0.0,
            unit_rate_hz: 0.0,
            key_interval_s: 0.0,
            look_rate_hz: 0.0,
            focus_hz: 0.0,
            activity: None,
            clock_skew_ms: None,
            lost_packets: 0,
            sessions: 0,
            conditions: Vec::new(),
        }
    }

    /// The kinds of its conditions.
    pub fn condition_set(&self) -> ConditionSet {
        self.conditions.iter().map(|c| c.kind).collect()
    }
}
