//! `skyeye bench events`: announced, not built yet.

use clap::Args;

use super::{Report, Setting, not_built};

#[derive(Debug, Clone, Args)]
pub struct EventsArgs {}

pub fn run(_setting: &Setting, _args: &EventsArgs) -> anyhow::Result<Report> {
    not_built("events")
}

#[derive(Debug, Clone, Args)]
pub struct SubjectArgs {}

pub fn subject(_setting: &Setting, _args: &SubjectArgs) -> anyhow::Result<()> {
    not_built("events").map(drop)
}
