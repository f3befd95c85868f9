//! What is configured, and changing it: the port behind the routes of channels, areas, credentials and the inventory.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::{
    config::Config,
    inventory::{ChangeView, Done, Expect, Import, InventoryError, Kind, Plan, Rev, Revision, Snapshot, Source},
    web::auth::{EditProof, ManageProof},
};

/// What is configured at one moment. Holds passwords' places and addresses: what of it is shown, the routes choose.
#[derive(Clone)]
pub struct Held {
    /// What runs: file and inventory, merged.
    pub running: Arc<Config>,
    /// The configuration file's own part, which is changed there and nowhere else.
    pub file: Arc<Config>,
    pub stored: Arc<Snapshot>,
}

/// How a change came in and what its author knew.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    pub source: Source,
    pub expect: Expect,
}

/// Changes return when they are in force, or after ten seconds, when they are only written.
pub trait Configuration: Send + Sync {
    /// What runs and what it was made from; to be shown.
    fn in_force(&self) -> Held;
    /// With the newest of the inventory, at most a moment ahead of what runs; to be changed.
    fn newest(&self) -> BoxFuture<'_, Result<Held, InventoryError>>;
    /// Makes the changes that the proof is for, all or none.
    fn edit<'a>(&'a self, proof: &'a EditProof, asked: Asked) -> BoxFuture<'a, Result<Done, InventoryError>>;
    /// Says what a file would change, and changes it where that is asked for.
    fn import<'a>(&'a self, proof: &'a ManageProof, import: Import) -> BoxFuture<'a, Result<Plan, InventoryError>>;
    /// Newest first.
    fn revisions<'a>(
        &'a self,
        proof: &'a ManageProof,
        before: Option<Rev>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Revision>, InventoryError>>;
    /// Those that changed one thing, newest first, with what they did to it.
    fn revisions_of<'a>(
        &'a self,
        proof: &'a ManageProof,
        kind: Kind,
        id: &'a str,
        before: Option<Rev>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<(Revision, ChangeView)>, InventoryError>>;
    fn revision<'a>(
        &'a self,
        proof: &'a ManageProof,
        rev: Rev,
    ) -> BoxFuture<'a, Result<(Revision, Vec<ChangeView>), InventoryError>>;
    fn undo<'a>(
        &'a self,
        proof: &'a ManageProof,
        rev: Rev,
        source: Source,
    ) -> BoxFuture<'a, Result<Done, InventoryError>>;
}
