//! `skyeye bench ingest`: announced, not built yet.

use clap::Args;

use super::{Report, Setting, not_built};

#[derive(Debug, Clone, Args)]
pub struct IngestArgs {
    /// Channels that are read
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub channels: u32,
}

pub fn run(_setting: &Setting, _args: &IngestArgs) -> anyhow::Result<Report> {
    not_built("ingest")
}
