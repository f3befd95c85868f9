//! `skyeye bench activity`: announced, not built yet.

use clap::Args;

use super::{Report, Setting, not_built};

#[derive(Debug, Clone, Args)]
pub struct ActivityArgs {}

pub fn run(_setting: &Setting, _args: &ActivityArgs) -> anyhow::Result<Report> {
    not_built("activity")
}
