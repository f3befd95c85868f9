//! One shift handing over to the next: what is open and shelved, what the outgoing one says, the numbers of the shift;
//! signed by him, then by who takes over.

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PortError, numbers::Numbers};
use crate::{
    types::{AlertId, AreaId, ChannelId, PositionId, RuleId, Severity, UserId, Wall, payload::AlertState},
    web::auth::{HandoverProof, ListProof, PositionProof, SignProof},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HandoverState {
    /// Kept for its author only.
    Draft,
    /// Signed by the outgoing one.
    Offered,
    /// Signed by the incoming one, too.
    Accepted,
    Withdrawn,
}

/// What somebody wrote last about an alert, in words of his own: ticks of a procedure and bare results are none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LastNote {
    pub by: UserId,
    pub at: Wall,
    pub text: String,
}

/// Put aside for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shelved {
    pub by: UserId,
    pub reason: String,
    pub until: Wall,
}

/// A row that nobody has finished, as it was when it was signed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HandoverRow {
    pub id: AlertId,
    pub rev: u64,
    #[serde(rename = "type")]
    pub kind: String,
    pub rule: RuleId,
    pub channel: ChannelId,
    pub channel_name: String,
    pub area: Vec<AreaId>,
    pub state: AlertState,
    pub priority: Severity,
    pub opened: Wall,
    /// When it became a row.
    pub since: Wall,
    pub owner: Option<UserId>,
    pub dispatched_to: Option<String>,
    pub shelved: Option<Shelved>,
    pub note: Option<LastNote>,
}

/// A handover in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HandoverLine {
    pub id: i64,
    pub position: PositionId,
    pub state: HandoverState,
    pub from: Wall,
    pub to: Wall,
    pub outgoing: UserId,
    pub written: Wall,
    /// When the outgoing one signed.
    pub offered: Option<Wall>,
    pub incoming: Option<UserId>,
    /// When it was accepted or withdrawn.
    pub ended: Option<Wall>,
    /// Rows that nobody had finished, and those of them that were shelved.
    pub open: u32,
    pub shelved: u32,
}

/// A handover whole.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct HandoverView {
    #[serde(flatten)]
    pub line: HandoverLine,
    pub notes: String,
    /// What the incoming one wrote.
    pub remark: String,
    /// Most urgent first, 300 at most.
    pub rows: Vec<HandoverRow>,
    /// How many of the open ones, shelved ones among them, are not in `rows`.
    pub unlisted: u32,
    /// Of the shift; null where they were written in a way that is not read any more.
    pub numbers: Option<Numbers>,
}

/// What would be signed at this moment.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct HandoverNow {
    pub position: PositionId,
    /// Rows that nobody has finished, and those of them that are shelved; all of them, listed or not.
    pub open: u32,
    pub shelved: u32,
    /// Most urgent first, 300 at most.
    pub rows: Vec<HandoverRow>,
    /// How many of the open ones are not in `rows`.
    pub unlisted: u32,
    pub numbers: Numbers,
    /// The login's own, as it was written last.
    pub draft: Option<HandoverView>,
    /// One that waits to be accepted.
    pub offered: Option<HandoverLine>,
}

#[derive(Debug, Clone)]
pub struct HandoverQuery {
    pub position: Option<PositionId>,
    pub before: Option<i64>,
    /// 1 to 100.
    pub limit: u32,
}

/// What the outgoing one writes.
#[derive(Debug, Clone)]
pub struct Write {
    pub notes: String,
    /// Begin of the shift; `None`: since the position was last handed over, or eight hours.
    pub from: Option<Wall>,
    /// Signs it.
    pub offer: bool,
}

/// Why something is not done with a handover.
#[derive(Debug, thiserror::Error)]
pub enum HandoverError {
    #[error("no such handover")]
    NotFound,
    /// The sentence says who was quicker, or who must do it.
    #[error("{0}")]
    Conflict(String),
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Port(#[from] PortError),
}

pub trait Handovers: Send + Sync {
    fn now<'a>(&'a self, proof: &'a PositionProof) -> BoxFuture<'a, Result<HandoverNow, HandoverError>>;
    /// Freezes what is open and the numbers of this moment.
    fn write<'a>(
        &'a self,
        proof: &'a PositionProof,
        write: Write,
    ) -> BoxFuture<'a, Result<HandoverView, HandoverError>>;
    fn get<'a>(&'a self, proof: &'a HandoverProof) -> BoxFuture<'a, Result<HandoverView, HandoverError>>;
    fn accept<'a>(&'a self, proof: &'a SignProof, remark: String)
    -> BoxFuture<'a, Result<HandoverView, HandoverError>>;
    fn withdraw<'a>(&'a self, proof: &'a SignProof) -> BoxFuture<'a, Result<HandoverView, HandoverError>>;
    /// Newest first, what the proof covers wholly; of drafts only the reader's own.
    fn list<'a>(
        &'a self,
        proof: &'a ListProof,
        reader: &'a UserId,
        query: HandoverQuery,
    ) -> BoxFuture<'a, Result<Vec<HandoverLine>, PortError>>;
}
