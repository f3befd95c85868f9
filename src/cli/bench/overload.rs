//! `skyeye bench overload`: announced, not built yet.

use clap::Args;

use super::{Report, Setting, not_built};

#[derive(Debug, Clone, Args)]
pub struct OverloadArgs {}

pub fn run(_setting: &Setting, _args: &OverloadArgs) -> anyhow::Result<Report> {
    not_built("overload")
}
