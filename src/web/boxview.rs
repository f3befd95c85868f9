//! The box as it breathes: what the machine does now, in one answer for the console's page and for anybody's script.
//!
//! The node makes it once a second; asking costs a copy. Rates "now" are over the last ten seconds, ages and drops over
//! the last minute. What is not known is null or an empty list, never a guess. Words that programs compare (tiers, stages,
//! reasons, states) are those of the metrics, so that a page and a dashboard speak of the same things.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::types::{AreaId, ChannelId, Wall};

/// Everything at one moment.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct BoxView {
    pub at: Wall,
    pub uptime_s: u64,
    pub load: LoadView,
    /// In the order patrol, catch_up, focus.
    pub tiers: Vec<TierView>,
    /// Channels that send pictures and are watched by a rule.
    pub watched: u32,
    /// Those of them that were looked at in the last minute.
    pub looked_at: u32,
    /// Mean seconds between two looks at one of them; null while nothing is looked at.
    pub look_interval_s: Option<f32>,
    /// In the order of the way of the data.
    pub stages: Vec<StageView>,
    /// What was given up, most in the last minute first; only what has happened since the start.
    pub drops: Vec<DropView>,
    /// Number of channels by state, e.g. `{"running": 12}`.
    pub channels: BTreeMap<String, u32>,
    /// Number of watched channels by what their picture sizes tell: learning, quiet, active, mute.
    pub activity: BTreeMap<String, u32>,
    pub floors: FloorsView,
    pub focus: FocusView,
    pub budgets: Vec<BudgetView>,
    pub broker: BrokerView,
    pub engine: EngineView,
    /// What does not work, one sentence each.
    pub degraded: Vec<String>,
    pub history: HistoryView,
}

/// How much is done of what can be done.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct LoadView {
    pub cores: u32,
    /// Cores that this process uses.
    pub process_cores: f32,
    /// Share of all cores that is busy with any process, 0 to 1.
    pub machine_busy: f32,
    pub workers: u32,
    pub workers_hanging: u32,
    /// Share of the workers' time that is used, 0 to 1.
    pub workers_busy: f32,
    /// Looks a second that the workers could do, as measured; null while not yet measured.
    pub capacity_looks_per_s: Option<f32>,
    pub looks_per_s: f32,
    /// Samples that wait for a worker.
    pub pending: u32,
}

#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct TierView {
    /// `patrol`, `catch_up` or `focus`.
    pub tier: &'static str,
    pub looks_per_s: f32,
    /// Mean time of a worker for a look over the last minute; null where there was none.
    pub service_ms: Option<f32>,
}

/// How old pictures are when a stage is done with them, and how long it takes; milliseconds over the last minute, null
/// where nothing came by.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct StageView {
    /// `schedule` (a worker takes the sample), `decode`, `infer`, `rule`, `outbox` (committed), `publish` (the broker
    /// has it).
    pub stage: &'static str,
    pub count: u64,
    pub age_p50_ms: Option<f32>,
    pub age_p99_ms: Option<f32>,
    /// Mean of the stage's own time, all its parts together.
    pub service_ms: Option<f32>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DropView {
    pub stage: &'static str,
    pub reason: String,
    pub last_minute: u64,
    /// Since the start.
    pub total: u64,
}

/// Whether every channel is looked at as often as its floor asks.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct FloorsView {
    /// Looks a second that all floors together need, and that are there for them.
    pub needed_per_s: f32,
    pub available_per_s: f32,
    /// By how much the floors are stretched; 1 where they are kept.
    pub stretch: f32,
    /// Channels behind their floor, and those that send too little to be looked at.
    pub late: u32,
    pub silent: u32,
    /// The latest of the late ones, at most twenty, only those that the login may see.
    pub latest: Vec<LateView>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LateView {
    pub channel: ChannelId,
    pub name: String,
    /// Ids from the root of the area tree.
    pub area: Vec<AreaId>,
    /// Seconds since its last look, its floor, and what is promised at present instead.
    pub age_s: f32,
    pub floor_s: f32,
    pub stretched_s: f32,
}

/// Channels decoded continuously.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct FocusView {
    pub in_use: u32,
    pub wanted: u32,
    /// How many the box can carry at the rates that are wanted; 0 while none is wanted.
    pub budget: u32,
    /// Share of the workers' time that focus and catch-up take, and may take, 0 to 1.
    pub share: f32,
    pub share_bound: f32,
}

/// Something that is bounded.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct BudgetView {
    /// `preroll`, `outbox`, `evidence`, `memory`, `disk` or `files`.
    pub name: &'static str,
    pub used: f64,
    pub bound: f64,
    /// `bytes`, `files` or `ratio`.
    pub unit: &'static str,
}

#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct BrokerView {
    /// `embedded` or `external`.
    pub kind: &'static str,
    pub connected: bool,
    /// Messages sent and not yet acknowledged.
    pub inflight: u32,
    /// Messages that wait for the broker.
    pub waiting: u64,
}

/// What looks.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct EngineView {
    pub model: String,
    /// What the model runs on, e.g. `cpu`.
    pub provider: String,
    /// Decoder elements in use, by codec.
    pub decoders: BTreeMap<String, String>,
}

/// The main curves over the last fifteen minutes, oldest first; all lists have the same length.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct HistoryView {
    /// Seconds between two points; the last point is of the step that ended last.
    pub step_s: u32,
    /// Looks a second in patrol, and in catch-up and focus together.
    pub patrol: Vec<f32>,
    pub focus: Vec<f32>,
    /// Share of the workers' time, 0 to 1.
    pub busy: Vec<f32>,
    /// 99th percentile of the age after inference; null where nothing was looked at.
    pub age_p99_ms: Vec<Option<f32>>,
    /// Samples given up a second.
    pub dropped: Vec<f32>,
    /// Cores that the process uses.
    pub cores: Vec<f32>,
}
