//! The inventory as the running node has it: the open file, the snapshot that is in force, and the configuration file's own
//! part, which an edit is checked against.
//!
//! An edit writes to the inventory and waits until `live` has applied its revision, so that its author sees what he did. The
//! inventory is made at the first edit: a node without one runs on its file alone and leaves no trace.

use std::{sync::Arc, time::Duration};

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::{Mutex, Notify, watch};

use crate::{
    config::Config,
    inventory::{Inventory, InventoryError, Rev, Snapshot},
    types::Clock,
};

/// An edit is waited for this long; it is written in any case.
const APPLIED_WITHIN: Duration = Duration::from_secs(10);

pub struct Stored {
    clock: Clock,
    /// What the configuration file holds, without the inventory.
    file: ArcSwap<Config>,
    /// In force.
    snapshot: ArcSwap<Snapshot>,
    inventory: ArcSwapOption<Inventory>,
    /// Only one opens it at a time.
    opening: Mutex<()>,
    wake: Notify,
    applied: watch::Sender<Rev>,
}

impl Stored {
    pub fn new(file: Config, clock: Clock) -> Self {
        Self {
            clock,
            file: ArcSwap::from_pointee(file),
            snapshot: ArcSwap::default(),
            inventory: ArcSwapOption::empty(),
            opening: Mutex::default(),
            wake: Notify::new(),
            applied: watch::Sender::new(0),
        }
    }

    pub fn file(&self) -> Arc<Config> {
        self.file.load_full()
    }

    pub fn set_file(&self, file: Config) {
        self.file.store(Arc::new(file));
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// This snapshot is in force from now on.
    pub fn set_applied(&self, snapshot: Arc<Snapshot>) {
        let rev = snapshot.rev;
        self.snapshot.store(snapshot);
        self.applied.send_replace(rev);
    }

    /// The inventory, if there is one.
    pub async fn existing(&self) -> Result<Option<Arc<Inventory>>, InventoryError> {
        if let Some(open) = self.inventory.load_full() {
            return Ok(Some(open));
        }
        let _one = self.opening.lock().await;
        let opened = Inventory::open_existing(&self.file(), self.clock).await?.map(Arc::new);
        self.inventory.store(opened.clone());
        Ok(opened)
    }

    /// The inventory, made where there is none.
    pub async fn open(&self) -> Result<Arc<Inventory>, InventoryError> {
        if let Some(open) = self.inventory.load_full() {
            return Ok(open);
        }
        let _one = self.opening.lock().await;
        let opened = Arc::new(Inventory::open(&self.file(), self.clock).await?);
        self.inventory.store(Some(opened.clone()));
        Ok(opened)
    }

    /// Asks for what is new to be applied, and waits for this revision. False if that takes too long.
    pub async fn applied(&self, rev: Rev) -> bool {
        let mut applied = self.applied.subscribe();
        self.wake.notify_one();
        let reached = applied.wait_for(|at| *at >= rev);
        tokio::time::timeout(APPLIED_WITHIN, reached).await.is_ok_and(|r| r.is_ok())
    }

    /// Returns when somebody wants what is new applied.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    pub async fn close(&self) {
        if let Some(inventory) = self.inventory.swap(None) {
            inventory.close().await;
        }
    }
}
