//! `skyeye bench whole`: announced, not built yet.

use clap::Args;

use super::{Report, Setting, not_built};

#[derive(Debug, Clone, Args)]
pub struct WholeArgs {}

pub fn run(_setting: &Setting, _args: &WholeArgs) -> anyhow::Result<Report> {
    not_built("whole")
}
