//! `skyeye bench latency`: announced, not built yet.

use clap::Args;

use super::{Report, Setting, not_built};

#[derive(Debug, Clone, Args)]
pub struct LatencyArgs {}

pub fn run(_setting: &Setting, _args: &LatencyArgs) -> anyhow::Result<Report> {
    not_built("latency")
}
