//! What rules have to do with what was seen: where objects went, what a rule would have made of it, and what was raised.

use std::{collections::HashMap, sync::Arc};

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Serialize;

use super::PortError;
use crate::{
    config::Rule,
    types::{ChannelId, Details, EventEnd, RuleId, Traces, Wall, ZoneId, fact::Object},
    web::auth::{ListProof, MediaProof},
};

/// Which of the kept looks are meant.
#[derive(Debug, Clone)]
pub struct TracesAsk {
    /// Back from now.
    pub hours: f32,
    /// Empty: all.
    pub labels: Vec<String>,
    pub min_score: f32,
}

/// A rule, and what to try it on.
#[derive(Debug, Clone)]
pub struct DryRunAsk {
    pub rule: Rule,
    /// Of the channels that the rule is for only these; empty: all of them.
    pub channels: Vec<ChannelId>,
    pub hours: f32,
}

/// What a rule would have made of the looks that are kept, had it been in force.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct DryRun {
    /// First and last look that it was tried on.
    pub from: Option<Wall>,
    pub to: Option<Wall>,
    pub looks: u64,
    pub channels: Vec<DryRunChannel>,
    /// Channels that the rule is for and that were not tried: they are too many for one run.
    pub left_out: usize,
    /// In the order of their starts, the first 1,000.
    pub events: Vec<DryRunEvent>,
    pub events_total: u64,
    /// Events that follow each other closely are one alert, as `alert.join_s` says.
    pub alerts_total: u64,
    /// Of all channels that were tried together, where there were looks enough to tell.
    pub alerts_per_day: Option<f32>,
}

/// One channel of a dry run.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DryRunChannel {
    pub id: ChannelId,
    pub name: String,
    pub looks: u64,
    pub from: Option<Wall>,
    pub to: Option<Wall>,
    pub events: u64,
    pub alerts: u64,
    /// Null where the looks cover less than half an hour.
    pub alerts_per_day: Option<f32>,
    /// Alerts that the rule of this id really raised there in the last 24 hours.
    pub raised_24h: u64,
    /// Why there is nothing to tell; null where there is.
    pub problem: Option<String>,
}

/// An event that would have been.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DryRunEvent {
    pub channel: ChannelId,
    #[serde(rename = "type")]
    pub kind: String,
    pub zone: Option<ZoneId>,
    pub start: Wall,
    /// Null where it would still be going on.
    pub end: Option<Wall>,
    pub ended: Option<EventEnd>,
    /// The one before it is so close that both are one alert.
    pub joined: bool,
    /// Those of its start.
    pub objects: Vec<Object>,
    /// What the rule measured, at the end where it has one.
    pub details: Option<Details>,
}

/// Why a rule was not tried.
#[derive(Debug, thiserror::Error)]
pub enum DryRunError {
    #[error("another dry run is under way; try again in some seconds")]
    Busy,
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Alerts of the last 24 hours, by rule and channel.
#[derive(Debug, Clone, Default)]
pub struct Raised {
    pub by: HashMap<(RuleId, ChannelId), u64>,
}

pub trait Rules: Send + Sync {
    /// Where objects went on the channel.
    fn traces<'a>(&'a self, proof: &'a MediaProof, ask: TracesAsk) -> BoxFuture<'a, Result<Traces, PortError>>;
    /// Tries a rule on channels that the proof covers. Bounded in time; one at a time.
    fn dry_run<'a>(&'a self, proof: &'a ListProof, ask: DryRunAsk) -> BoxFuture<'a, Result<DryRun, DryRunError>>;
    /// Seconds between the key frames of the channels where that is known, as measured.
    fn key_intervals(&self) -> HashMap<ChannelId, f32>;
    /// As it was at most half a minute ago; the caller shows of it what the login may see.
    fn raised(&self) -> BoxFuture<'_, Result<Arc<Raised>, PortError>>;
}
