//! `skyeye bench appear`: announced, not built yet.

use clap::Args;

use super::{Report, Setting, not_built};

#[derive(Debug, Clone, Args)]
pub struct AppearArgs {}

pub fn run(_setting: &Setting, _args: &AppearArgs) -> anyhow::Result<Report> {
    not_built("appear")
}
