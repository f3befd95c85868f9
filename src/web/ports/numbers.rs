//! What a position is judged by, after ISA-18.2 and EEMUA 191: how many rows it got, in which windows, from which sources,
//! how fast they were taken and what they came to. Each figure stands beside its target and says whether it is kept.

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PortError;
use crate::{
    types::{AlertId, ChannelId, PositionId, RuleId, Severity, UserId, Wall, payload::AlertState},
    web::auth::ListProof,
};

/// Whether a figure keeps its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Good,
    /// Over the target and still manageable.
    Watch,
    Bad,
    /// Too little to judge by.
    Few,
}

/// A number beside what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figure {
    pub value: f64,
    /// Good up to here, or from here on where `least`.
    pub target: f64,
    /// Manageable up to here, or from here on.
    pub limit: f64,
    /// More is better.
    #[serde(default)]
    pub least: bool,
    pub verdict: Verdict,
}

impl Figure {
    /// Less is better. `enough`: there is enough to judge by.
    pub fn most(value: f64, target: f64, limit: f64, enough: bool) -> Self {
        Self::made(value, target, limit, false, enough)
    }

    /// More is better.
    pub fn least(value: f64, target: f64, limit: f64, enough: bool) -> Self {
        Self::made(value, target, limit, true, enough)
    }

    fn made(value: f64, target: f64, limit: f64, least: bool, enough: bool) -> Self {
        let within = |bound: f64| if least { value >= bound } else { value <= bound };
        let verdict = match () {
            () if !enough => Verdict::Few,
            () if within(target) => Verdict::Good,
            () if within(limit) => Verdict::Watch,
            () => Verdict::Bad,
        };
        Self { value, target, limit, least, verdict }
    }
}

/// How the span was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Chosen {
    /// Since the position was last handed over.
    Shift,
    /// The last eight hours.
    Hours,
    /// As asked.
    Asked,
}

/// What rows came to, of those that have a result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JudgedView {
    pub judged: u64,
    /// It was nothing.
    #[serde(rename = "false")]
    pub wrong: u64,
    /// It happened and needed nobody.
    pub nuisance: u64,
}

/// What was frozen before the window could be another one says nothing of how long it is.
fn ten_minutes() -> u32 {
    600
}
fn one() -> u32 {
    1
}

/// Windows as long as that of a flood (`alert.flood_window_s`). They lie on the clock, multiples of their length since 1970, so
/// that a figure is the same whenever it is asked for; the first and the last may reach beyond the span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WindowsView {
    #[serde(default = "ten_minutes")]
    pub seconds: u32,
    /// A position with more rows than this in one is flooded (`alert.flood_alerts`).
    pub flood_alerts: u32,
    /// Rows of each, in order from the one on that holds `from`; where there are too many, of the largest of so many `together`.
    pub rows: Vec<u32>,
    #[serde(default = "one")]
    pub together: u32,
    /// Of one position.
    pub largest: Figure,
    /// Of one position, in ten minutes.
    pub mean: Figure,
    /// Share of the time in flood.
    pub flooded: Figure,
}

/// A row that nobody has finished for a day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StaleRow {
    pub id: AlertId,
    pub channel: ChannelId,
    pub channel_name: String,
    pub rule: RuleId,
    #[serde(rename = "type")]
    pub kind: String,
    pub state: AlertState,
    pub priority: Severity,
    pub owner: Option<UserId>,
    /// When it became a row.
    pub since: Wall,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StaleView {
    /// At this moment, whatever the span is.
    pub count: Figure,
    /// The oldest 50.
    pub rows: Vec<StaleRow>,
}

/// A rule on a channel that said the same thing over and over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Chatterer {
    pub channel: ChannelId,
    pub channel_name: String,
    pub rule: RuleId,
    pub alerts: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChatteringView {
    pub count: Figure,
    /// The worst 20.
    pub sources: Vec<Chatterer>,
}

/// A rule on a channel, by how many rows it made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SourceView {
    pub channel: ChannelId,
    pub channel_name: String,
    pub rule: RuleId,
    #[serde(rename = "type")]
    pub kind: String,
    pub rows: u64,
    /// Of all rows, 0 to 1.
    pub share: f64,
    #[serde(flatten)]
    pub judged: JudgedView,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TopView {
    /// Of the ten together.
    pub share: Figure,
    /// The ten with most rows.
    pub sources: Vec<SourceView>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PriorityView {
    pub priority: Severity,
    pub rows: u64,
    /// Of all rows; that of `high` holds what is critical, too.
    pub share: Figure,
}

/// How long something took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Took {
    pub rows: u64,
    pub p50_ms: u64,
    pub p90_ms: u64,
    pub max_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimesView {
    /// Until somebody took it.
    pub acknowledge: Took,
    /// Until it was done.
    pub resolve: Took,
    /// Rows that should have been taken by now, and those that were within their time. Neither holds what somebody had
    /// before it became a row.
    pub due: u64,
    pub in_time: u64,
    pub in_time_share: Figure,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RuleShare {
    pub rule: RuleId,
    pub rows: u64,
    #[serde(flatten)]
    pub judged: JudgedView,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FalseView {
    /// Of the rows with a result.
    pub share: Figure,
    #[serde(flatten)]
    pub judged: JudgedView,
    /// The 20 with most false rows.
    pub rules: Vec<RuleShare>,
}

/// Alerts that were no row, by how and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AsideGroup {
    /// `held`, `under` or `brief`.
    pub how: String,
    /// `weak`, `chattering`, `explained`, `incident` or `flood`.
    pub because: Option<String>,
    pub alerts: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AsideView {
    pub held: u64,
    pub under: u64,
    pub brief: u64,
    /// Events that the cooldown of a chattering source counted and did not show.
    pub held_back: u64,
    pub groups: Vec<AsideGroup>,
}

/// The numbers of a span of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Numbers {
    pub from: Wall,
    pub to: Wall,
    pub chosen: Chosen,
    /// Null: all that the login may see.
    pub position: Option<PositionId>,
    /// Positions that the figures an hour and a window are shared between.
    pub positions: u32,
    /// Alerts that became a row before a person.
    pub rows: u64,
    /// Of one position.
    pub rows_per_hour: Figure,
    pub windows: WindowsView,
    pub stale: StaleView,
    pub chattering: ChatteringView,
    pub top: TopView,
    /// From low to critical.
    pub priorities: Vec<PriorityView>,
    pub times: TimesView,
    #[serde(rename = "false")]
    pub wrong: FalseView,
    pub aside: AsideView,
}

/// Whose numbers, and of when.
#[derive(Debug, Clone, Default)]
pub struct NumbersAsk {
    pub position: Option<PositionId>,
    pub from: Option<Wall>,
    pub to: Option<Wall>,
}

/// Why there are none.
#[derive(Debug, thiserror::Error)]
pub enum NumbersError {
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// A position that one may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct JudgedPosition {
    pub id: PositionId,
    pub name: String,
    /// The login sees all that it answers for, and so may hand it over.
    pub whole: bool,
}

/// What positions are judged by.
pub trait Figures: Send + Sync {
    /// Restricted to the proof's areas.
    fn numbers<'a>(&'a self, proof: &'a ListProof, ask: NumbersAsk) -> BoxFuture<'a, Result<Numbers, NumbersError>>;
    /// Those that answer for something that the proof covers; `whole` is not filled.
    fn positions(&self, proof: &ListProof) -> Vec<JudgedPosition>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_says_whether_it_keeps_its_target() {
        for (value, verdict) in
            [(6.0, Verdict::Good), (6.1, Verdict::Watch), (12.0, Verdict::Watch), (12.5, Verdict::Bad)]
        {
            assert_eq!(Figure::most(value, 6.0, 12.0, true).verdict, verdict, "{value}");
        }
        for (value, verdict) in [(0.95, Verdict::Good), (0.9, Verdict::Watch), (0.7, Verdict::Bad)] {
            assert_eq!(Figure::least(value, 0.95, 0.8, true).verdict, verdict, "{value}");
        }
        assert_eq!(Figure::most(1000.0, 6.0, 12.0, false).verdict, Verdict::Few, "nothing is judged by too little");
    }
}
