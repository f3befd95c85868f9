//! `channels history` and `undo`.

use clap::Args;
use serde_json::json;

use super::{Exit, author, diff, open, say};
use crate::{
    config::Config,
    inventory::{Inventory, InventoryError, Revision, Source},
    types::Clock,
};

#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Show all that this revision changed
    rev: Option<u64>,
    /// How many revisions
    #[arg(long, default_value_t = 20)]
    limit: u32,
}

pub async fn history(config: &Config, args: &HistoryArgs, json: bool) -> anyhow::Result<Exit> {
    let inventory = Inventory::open_existing(config, Clock::start()).await?;
    let inventory =
        inventory.ok_or_else(|| InventoryError::NotFound("there is no inventory yet, so no history".into()))?;
    if let Some(rev) = args.rev {
        let (revision, changes) = inventory.revision(rev).await?;
        line(&revision);
        changes.iter().for_each(diff::change);
        if json {
            println!("{}", json!({ "ok": true, "revision": revision, "changes": changes }));
        }
        return Ok(Exit::Good);
    }
    let revisions = inventory.revisions(None, args.limit).await?;
    revisions.iter().for_each(line);
    if json {
        println!("{}", json!({ "ok": true, "rev": inventory.rev().await?, "revisions": revisions }));
    }
    Ok(Exit::Good)
}

pub fn line(r: &Revision) {
    let undone = r.undone_by.map(|by| format!("  (taken back by {by})")).unwrap_or_default();
    println!("{}  {}  {} ({})  {}{undone}", r.rev, r.at.to_rfc3339(), r.author, r.source.as_str(), r.summary);
}

pub async fn undo(config: &Config, rev: u64, json: bool) -> anyhow::Result<Exit> {
    let done = open(config).await?.undo(config, rev, &author(), Source::Undo).await?;
    say(&done, json);
    Ok(Exit::Good)
}
