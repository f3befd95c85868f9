//! `skyeye channels`: the inventory from the command line, with a gateway running or not.
//!
//! Commands write the inventory's own file in `node.data_dir`; a gateway that runs on it notices by itself. What stands in
//! the configuration file is shown and never changed.

pub(super) mod diff;
pub(super) mod history;
mod import;
mod list;
mod login;
mod set;

use std::path::Path;

use clap::Subcommand;
use serde_json::json;

use super::{
    Exit,
    discover::{self, DiscoverArgs},
};
use crate::{
    config::Config,
    inventory::{Done, Inventory, InventoryError, Snapshot},
    types::Clock,
};

const IMPORT_AFTER: &str =
    "A row is matched by id, else by external number, else by address; what is not matched is new
and gets an id, which `skyeye channels export` writes back. What a column says holds,
an empty cell too; what has no column stays as it is. Areas that are not there are made.

Without --apply nothing is changed. A refused row keeps the others from being applied,
and makes the exit code 1.

Examples:
  skyeye channels import cameras.csv
  skyeye channels import cameras.csv --map '备注=tags' --map '状态=' --apply
  skyeye channels import tree.csv --kind areas --coordinates gcj02 --apply";

#[derive(Debug, Subcommand)]
pub enum ChannelsCommand {
    #[command(flatten)]
    Stored(Stored),
    /// Look for cameras in this machine's networks or at a list of addresses
    Discover(Box<DiscoverArgs>),
    /// Print the stream paths of common makers
    Brands,
}

/// What works on the inventory.
#[derive(Debug, Subcommand)]
pub enum Stored {
    /// List channels, those of the configuration file and of the inventory
    List(list::ListArgs),
    /// Show all that is configured of one channel
    Show {
        /// Channel id
        id: String,
    },
    /// Import channels or areas from CSV, TOML or JSON; shows what would change, and changes it with --apply
    #[command(after_help = IMPORT_AFTER)]
    Import(import::ImportArgs),
    /// Write the inventory's channels or areas as a file that `import` takes
    Export(import::ExportArgs),
    /// Set fields of a channel, e.g. `set gate-1 name='North gate' enabled=false`
    Set(set::SetArgs),
    /// Retire channels or areas: what is open ends, their history stays
    Remove(set::RemoveArgs),
    /// Show who changed what, newest first; with a revision all of it
    History(history::HistoryArgs),
    /// Take a revision back, where nothing has touched the same things since
    Undo {
        /// Number of the revision
        rev: u64,
    },
    /// User names and passwords of cameras, shared by channels and sealed at rest
    #[command(subcommand)]
    Credential(login::CredentialCommand),
}

/// Runs a command on the inventory of a configuration file.
pub async fn run(path: &Path, command: ChannelsCommand, json: bool) -> anyhow::Result<Exit> {
    let command = match command {
        // These two look beyond what is configured.
        ChannelsCommand::Discover(args) => return discover::run(*args, json).await,
        ChannelsCommand::Brands => return discover::brand_table(json),
        ChannelsCommand::Stored(command) => command,
    };
    let config = match super::load(path) {
        Ok(config) => config,
        Err(exit) => return Ok(exit),
    };
    let done = match command {
        Stored::List(args) => list::list(config, &args, json).await,
        Stored::Show { id } => list::show(config, &id, json).await,
        Stored::Import(args) => import::import(config, args, json).await,
        Stored::Export(args) => import::export(config, &args, json).await,
        Stored::Set(args) => set::set(config, &args, json).await,
        Stored::Remove(args) => set::remove(config, &args, json).await,
        Stored::History(args) => history::history(&config, &args, json).await,
        Stored::Undo { rev } => history::undo(&config, rev, json).await,
        Stored::Credential(command) => login::run(config, command, json).await,
    };
    answered(done, json)
}

/// What the inventory refuses is an answer, not a fault of the program.
pub(super) fn answered(done: anyhow::Result<Exit>, json: bool) -> anyhow::Result<Exit> {
    match done.map_err(|e| (e.downcast_ref::<InventoryError>().is_some(), e)) {
        Ok(exit) => Ok(exit),
        Err((true, e)) => {
            eprintln!("skyeye: {e:#}");
            if json {
                println!("{}", json!({ "ok": false, "error": format!("{e:#}") }));
            }
            Ok(Exit::Failed)
        }
        Err((false, e)) => Err(e),
    }
}

/// The inventory to write to; made if there is none yet.
pub(super) async fn open(config: &Config) -> Result<Inventory, InventoryError> {
    Inventory::open(config, Clock::start()).await
}

/// All that is stored; nothing where there is no inventory yet, and none is made.
pub(super) async fn snapshot(config: &Config) -> Result<Snapshot, InventoryError> {
    match Inventory::open_existing(config, Clock::start()).await? {
        Some(inventory) => inventory.snapshot().await.map(|s| s.as_ref().clone()),
        None => Ok(Snapshot::default()),
    }
}

/// Who stands in the history.
pub(super) fn author() -> String {
    std::env::var("USER").ok().filter(|u| !u.is_empty()).unwrap_or_else(|| "cli".into())
}

/// Says what an edit made.
pub(super) fn say(done: &Done, json: bool) {
    if json {
        let changes: Vec<_> = done.changes.iter().map(|c| c.view()).collect();
        println!("{}", json!({ "ok": true, "rev": done.rev, "changes": changes }));
        return;
    }
    if done.changes.is_empty() {
        println!("nothing differs, nothing is changed");
        return;
    }
    for change in &done.changes {
        diff::change(&change.view());
    }
    println!("revision {}; a running gateway takes it over by itself", done.rev);
}
