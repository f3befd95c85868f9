//! `skyeye bench district`: announced, not built yet.

use clap::Args;

use super::{Report, Setting, not_built};

#[derive(Debug, Clone, Args)]
pub struct DistrictArgs {
    /// Channels, over 40 hosts
    #[arg(long, value_name = "N", default_value_t = 6314)]
    pub channels: u32,
}

pub fn run(_setting: &Setting, _args: &DistrictArgs) -> anyhow::Result<Report> {
    not_built("district")
}
