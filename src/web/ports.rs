//! What `web` needs from the stages above it, as traits: `node` implements them, so that this module knows neither the
//! ledger nor the decoders.
//!
//! The rule of the house stands in the signatures: what gives out media or alerts takes a proof, and only `auth` makes
//! proofs. An implementation therefore never has to think about rights, and a handler that forgot to ask cannot be
//! written. Implementations must be bounded in time and must not block the runtime.

pub mod configuration;
pub mod discover;
pub mod handover;
pub mod numbers;
pub mod rules;
pub mod search;

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use configuration::Configuration;
pub use handover::Handovers;
pub use numbers::Figures;
pub use rules::Rules;
pub use search::Search;

use super::auth::{ActProof, AlertProof, ListProof, MediaProof, SnapshotProof};
use super::boxview::BoxView;
use crate::{
    channel::StateChange,
    config,
    types::{
        AlertId, AreaId, ChannelId, CredentialId, EventId, HookView, IncidentId, LineId, Message, Point, PositionId,
        RuleId, UserId, Wall, ZoneId,
        alert::Wish,
        payload::{AlertPayload, AlertState, CommandPayload, EventPayload, HealthPayload, NodePayload},
        position::{Digest, FloodState},
    },
};

/// Something below did not work; the sentence is for the log, the client hears that it should try again.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct PortError(pub String);

/// Which states a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StateFilter {
    /// All but closed.
    #[default]
    Open,
    New,
    Acknowledged,
    Dispatched,
    Resolved,
    Closed,
    All,
}

impl StateFilter {
    pub fn admits(self, state: AlertState) -> bool {
        match self {
            StateFilter::Open => state.is_open(),
            StateFilter::All => true,
            StateFilter::New => state == AlertState::New,
            StateFilter::Acknowledged => state == AlertState::Acknowledged,
            StateFilter::Dispatched => state == AlertState::Dispatched,
            StateFilter::Resolved => state == AlertState::Resolved,
            StateFilter::Closed => state == AlertState::Closed,
        }
    }
}

/// A page of alerts, newest first.
#[derive(Debug, Clone)]
pub struct AlertQuery {
    pub state: StateFilter,
    pub channel: Option<ChannelId>,
    /// Only what is a row of its own.
    pub rows: bool,
    /// Only rows before this position: its own, and what was escalated to it until somebody takes it.
    pub position: Option<PositionId>,
    /// `next` of the page before.
    pub before: Option<i64>,
    /// 1 to 500.
    pub limit: usize,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct AlertList {
    pub alerts: Vec<AlertPayload>,
    /// The latest commit at the time of reading; where to follow `changes` from.
    pub cursor: i64,
    /// `before` of the next page; null at the end.
    pub next: Option<i64>,
}

/// What the alerts of a list have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kin {
    Incident(IncidentId),
    /// Counted under this alert's row.
    Under(AlertId),
}

/// One change of an alert.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct AlertChange {
    pub rev: u64,
    pub at: Wall,
    /// Null where the gateway itself did it.
    pub author: Option<UserId>,
    /// `opened`, `event`, the name of an action, or what the gateway did by itself: `shown`, `raised`, `closed`,
    /// `escalated`, `digest`.
    pub action: String,
    pub from: Option<AlertState>,
    pub to: AlertState,
    /// What the author wrote, without words the result; with `dispatch` whom it was dispatched to and with `priority`
    /// `OLD -> NEW`, each followed by `: ` and the words if there are any. Null there in lines from before that was said.
    pub note: Option<String>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct AlertDetail {
    pub alert: AlertPayload,
    /// Oldest first, at most 500: of more the ones that only count an event are left out, the oldest of them first.
    pub history: Vec<AlertChange>,
    /// The latest 50, newest first, and behind them the one that it began with.
    pub events: Vec<EventPayload>,
}

/// Open rows of a position by priority, those on a shelf among them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RowsView {
    pub low: u64,
    pub medium: u64,
    pub high: u64,
    pub critical: u64,
    /// Of all of them, those that nobody has taken.
    pub waiting: u64,
    /// Rows of other positions, in none of the numbers above: they were escalated to this one, and nobody has taken them.
    pub escalated: u64,
}

/// A position as it stands now.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PositionView {
    pub id: PositionId,
    /// The id where it has no name.
    pub name: String,
    /// Subtrees that it answers for; empty: what no other names.
    pub areas: Vec<AreaId>,
    pub escalate_to: Option<PositionId>,
    /// Null: it is not flooded.
    pub flood: Option<FloodState>,
    /// What the last flood came to; null while another one is on.
    pub digest: Option<Digest>,
    pub rows: RowsView,
}

/// What an operator asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    pub wish: Wish,
    /// The `rev` that the operator saw.
    pub rev: Option<u64>,
}

/// Why an alert was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    #[error("no such alert")]
    NotFound,
    /// Somebody else was quicker, or the state does not allow it; the sentence tells who has it.
    #[error("{message}")]
    Conflict { message: String, alert: Box<AlertPayload> },
    #[error("{0}")]
    Invalid(String),
    /// Another holds it or put it aside, and the author's role does not reach that far.
    #[error("{0}")]
    Forbidden(String),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Committed messages after a cursor.
#[derive(Debug, Clone)]
pub struct Changes {
    /// In commit order; their `cursor` is set.
    pub messages: Vec<Message>,
    /// The cursor of the last row that was looked at, also where it was filtered out.
    pub cursor: i64,
    pub more: bool,
}

/// Why changes cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum ChangesError {
    /// `after` is older than what is kept.
    #[error("changes that old are no longer kept")]
    Gone,
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Alerts and the record of changes.
pub trait Alerts: Send + Sync {
    /// Only alerts that the proof covers.
    fn list<'a>(&'a self, proof: &'a ListProof, query: AlertQuery) -> BoxFuture<'a, Result<AlertList, PortError>>;
    /// Those that belong together, of every state, newest first; only those that the proof covers.
    fn members<'a>(
        &'a self,
        proof: &'a ListProof,
        of: Kin,
        before: Option<i64>,
        limit: usize,
    ) -> BoxFuture<'a, Result<AlertList, PortError>>;
    /// Every position; rows are counted as far as the proof covers them.
    fn positions<'a>(&'a self, proof: &'a ListProof) -> BoxFuture<'a, Result<Vec<PositionView>, PortError>>;
    fn get<'a>(&'a self, proof: &'a AlertProof) -> BoxFuture<'a, Result<Option<AlertDetail>, PortError>>;
    /// Waits for the commit.
    fn act<'a>(&'a self, proof: &'a ActProof, act: Act) -> BoxFuture<'a, Result<AlertPayload, ActError>>;
    /// What the history says of the change to `rev`, where the record of who did what says it too: who was sent, which
    /// priority became which.
    fn said<'a>(&'a self, proof: &'a ActProof, rev: u64) -> BoxFuture<'a, Result<Option<String>, PortError>>;
    /// At most `limit` rows; the caller filters by scope.
    fn changes<'a>(
        &'a self,
        proof: &'a ListProof,
        after: i64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Changes, ChangesError>>;
}

/// Where an event happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub channel: ChannelId,
    /// Ids from the root of the area tree.
    pub area: Vec<AreaId>,
}

/// What a position answers for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// What no other position names: more than any subtree.
    Rest,
    /// Everything below the ends of these paths.
    Areas(Vec<Vec<AreaId>>),
}

/// Whose a handover is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandoverPlace {
    /// What the position answered for.
    pub reach: Reach,
    /// A draft is its author's alone.
    pub draft_of: Option<UserId>,
}

/// Where things hang in the area tree; `auth` decides by it.
pub trait Places: Send + Sync {
    /// Area path of a configured channel.
    fn channel(&self, id: &ChannelId) -> Option<Vec<AreaId>>;
    /// Area path of an alert as it was when it arose.
    fn alert(&self, id: AlertId) -> BoxFuture<'_, Result<Option<Vec<AreaId>>, PortError>>;
    /// Path of a configured area, itself the last.
    fn area(&self, id: &AreaId) -> Option<Vec<AreaId>>;
    /// Area paths of the channels that log in with a credential.
    fn users_of(&self, id: &CredentialId) -> Vec<Vec<AreaId>>;
    /// What a configured position answers for.
    fn position(&self, id: &PositionId) -> Option<Reach>;
    fn handover(&self, id: i64) -> BoxFuture<'_, Result<Option<HandoverPlace>, PortError>>;
    /// Channel and area path of an event as they were when it arose.
    fn event(&self, id: EventId) -> BoxFuture<'_, Result<Option<Place>, PortError>>;
}

/// The latest picture of a channel, masks burnt in.
#[derive(Debug, Clone)]
pub struct Picture {
    pub jpeg: Bytes,
    pub seen: Wall,
    pub age_ms: u64,
}

/// Pictures on request.
pub trait Pictures: Send + Sync {
    /// The latest key frame; the implementation keeps it a second, so that many viewers cost one decode.
    fn latest<'a>(&'a self, proof: &'a MediaProof) -> BoxFuture<'a, Option<Picture>>;
}

/// Stored evidence.
pub trait Snapshots: Send + Sync {
    /// JPEG of the event that the proof is for, 0 that of its start; `None` if it has none (any more).
    fn read<'a>(&'a self, proof: &'a SnapshotProof, number: u8) -> BoxFuture<'a, Result<Option<Bytes>, PortError>>;
}

/// A zone for drawing.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ZoneView {
    pub id: ZoneId,
    pub name: String,
    pub polygon: Vec<Point>,
}

/// A line for drawing.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LineView {
    pub id: LineId,
    pub name: String,
    pub points: Vec<Point>,
}

/// Where something is configured, and so where it is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// In the configuration file; read-only for API and console.
    File,
    Inventory,
}

/// A channel as the console shows it. Never holds a user, a password or an address that could hold one.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ChannelView {
    pub id: ChannelId,
    pub name: String,
    /// Ids from the root of the area tree.
    pub area: Vec<AreaId>,
    pub area_names: Vec<String>,
    pub stream: config::StreamKind,
    pub transport: config::Transport,
    pub host: String,
    pub enabled: bool,
    /// The device's number elsewhere; empty: none.
    pub external_id: String,
    pub tags: Vec<String>,
    /// WGS-84 degrees.
    pub lat: Option<f64>,
    pub lon: Option<f64>,
    pub origin: Origin,
    /// The address of the main stream is known, too.
    pub main: bool,
    pub health: HealthPayload,
    pub rules: Vec<RuleId>,
    pub zones: Vec<ZoneView>,
    pub lines: Vec<LineView>,
}

/// What is asked of a configuration for every channel that is shown, read once for all of them.
pub struct Shown<'a> {
    areas: config::AreaPaths<'a>,
    rules: config::RuleIndex<'a>,
    of_file: HashSet<&'a ChannelId>,
}

impl<'a> Shown<'a> {
    /// `running`: file and inventory, merged; `file`: the file's own part.
    pub fn new(running: &'a config::Config, file: &'a config::Config) -> Self {
        Self {
            areas: running.area_paths(),
            rules: running.rule_index(),
            of_file: file.channel.iter().map(|c| &c.id).collect(),
        }
    }

    /// A channel, with the health of this moment.
    pub fn view(&self, channel: &config::Channel, health: HealthPayload) -> ChannelView {
        let zone = |z: &config::Zone| ZoneView {
            id: z.id.clone(),
            name: if z.name.is_empty() { z.id.to_string() } else { z.name.clone() },
            polygon: z.polygon.clone(),
        };
        let line = |l: &config::Line| LineView {
            id: l.id.clone(),
            name: if l.name.is_empty() { l.id.to_string() } else { l.name.clone() },
            points: l.points.clone(),
        };
        ChannelView {
            id: channel.id.clone(),
            name: channel.display_name().to_owned(),
            area_names: health.area.iter().map(|id| self.areas.name(id).to_owned()).collect(),
            area: health.area.clone(),
            stream: channel.stream,
            transport: channel.transport,
            host: url::Url::parse(&channel.url).ok().and_then(|u| u.host_str().map(str::to_owned)).unwrap_or_default(),
            enabled: channel.enabled,
            external_id: channel.external_id.clone(),
            tags: channel.tags.clone(),
            lat: channel.lat,
            lon: channel.lon,
            origin: if self.of_file.contains(&channel.id) { Origin::File } else { Origin::Inventory },
            main: channel.main_url.is_some(),
            health,
            rules: self.rules.of(channel).into_iter().map(|r| r.id.clone()).collect(),
            zones: channel.zone.iter().map(zone).collect(),
            lines: channel.line.iter().map(line).collect(),
        }
    }
}

/// The channel list. What it gives is filtered by rights here in `web`.
pub trait Channels: Send + Sync {
    /// In the order of the configuration.
    fn list(&self, proof: &ListProof) -> Vec<ChannelView>;
    fn get(&self, proof: &MediaProof) -> Option<ChannelView>;
    /// The latest changes of state, newest first.
    fn states(&self, proof: &MediaProof) -> Option<Vec<StateChange>>;
}

/// Rows that wait for the broker.
#[derive(Debug, Clone, Copy, Default, Serialize, JsonSchema)]
pub struct OutboxView {
    pub rows: u64,
    pub bytes: u64,
}

/// The node's own state.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct NodeView {
    #[serde(flatten)]
    pub node: NodePayload,
    pub uptime_s: u64,
    /// Number of channels by state, e.g. `{"running": 12}`.
    pub channels: BTreeMap<String, u32>,
    pub outbox: OutboxView,
    pub looks_per_s: f32,
    /// Receivers over HTTP, by id.
    pub hooks: Vec<HookView>,
}

pub trait NodeInfo: Send + Sync {
    fn view(&self) -> BoxFuture<'_, NodeView>;
    /// What keeps the node from being ready, one sentence each; empty is ready.
    fn not_ready(&self) -> BoxFuture<'_, Vec<String>>;
    /// The box as it breathes, as it was at most a second ago. The caller takes out what the login may not see.
    fn overview(&self) -> Arc<BoxView>;
    /// Prometheus text.
    fn metrics(&self) -> String;
}

/// Commands that came over the console's feed.
pub trait Commands: Send + Sync {
    /// Carries one command out and commits its result, which then reaches the author on
    /// `.../result/{user}/{request}`. `Err` holds a sentence: the command was refused before it got here, and the result
    /// says so. Returns when the result is committed; the author's PUBACK waits for it. Gives what the record of who did
    /// what says beside the action, as [`Alerts::said`].
    fn run<'a>(
        &'a self,
        user: &'a UserId,
        request: &'a str,
        command: Result<(ActProof, CommandPayload), String>,
    ) -> BoxFuture<'a, Result<Option<String>, PortError>>;
}
