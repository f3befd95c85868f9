//! The gateway that a bench measures.

use clap::Args;

use super::{Setting, not_built};

#[derive(Debug, Clone, Args)]
pub struct FedArgs {}

pub fn subject(_setting: &Setting, _args: &FedArgs) -> anyhow::Result<()> {
    not_built("latency").map(drop)
}
