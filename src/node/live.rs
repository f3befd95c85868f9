//! Where the running configuration comes from, and how it follows: the file and the inventory, merged.
//!
//! The file is read again on SIGHUP and when it changed on the disk; the inventory is asked once a second for its newest
//! revision, and at once after an edit of this node. Whatever is new is merged and goes the one way of `reload`, which
//! touches only what differs. What is broken changes nothing: the last good one of either stays, and the node's status
//! says so. Every change that was applied stands in the log; those of the file, which has no history of its own, also on
//! the record of who did what.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::{
    Inner,
    file::{Stamp, Watched},
    intake::Intake,
    look::Lookers,
};
use crate::{
    config::{self, Config, Diff, diff::Sections},
    ingest::Ingest,
    inventory::{InventoryError, Merged, Snapshot, merged},
    web::auth::{Audit, Deed},
};

/// The inventory is asked at this pace, the file every second time.
const PACE: Duration = Duration::from_secs(1);
const FILE_EVERY: u32 = 2;
/// An inventory that cannot be opened, or whose passwords cannot, is tried again at this pace, in times of `PACE`.
const RETRY_EVERY: u32 = 15;
/// Ids of a kind that stand in the log and on record.
const NAMED: usize = 20;
/// Ids that the node's status names.
const NAMED_IN_STATUS: usize = 5;
/// Author of what came by the file. No login can have this name.
const BY_FILE: &str = "(file)";

pub struct Live {
    pub(super) inner: Arc<Inner>,
    pub(super) ingest: Arc<Ingest>,
    pub(super) intake: Arc<Intake>,
    pub(super) lookers: Arc<Lookers>,
    path: PathBuf,
    audit: Audit,
    /// Held while something is read and applied: one at a time.
    watched: Mutex<Watched>,
    closed: AtomicBool,
    /// What the stages were made with.
    pub(super) begun: Sections,
}

impl Live {
    /// `read`: the file's state when the configuration that runs was read from it.
    pub fn new(
        inner: Arc<Inner>,
        ingest: Arc<Ingest>,
        intake: Arc<Intake>,
        lookers: Arc<Lookers>,
        path: PathBuf,
        read: Stamp,
        audit: Audit,
    ) -> Self {
        let watched = Mutex::new(Watched::new(read));
        let begun = Sections::of(&inner.config.load());
        Self { inner, ingest, intake, lookers, path, audit, watched, closed: AtomicBool::new(false), begun }
    }

    /// Follows file and inventory until told to stop.
    pub async fn follow(self: Arc<Self>, stop: CancellationToken) {
        let mut tick = tokio::time::interval(PACE);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut round = 0u32;
        loop {
            tokio::select! {
                _ = tick.tick() => {
                    round = round.wrapping_add(1);
                    self.poll(round.is_multiple_of(RETRY_EVERY)).await;
                    if round.is_multiple_of(FILE_EVERY) {
                        self.look_at_file().await;
                    }
                }
                () = self.inner.stored.woken() => self.poll(false).await,
                () = stop.cancelled() => return,
            }
        }
    }

    /// Nothing is applied any more; waits for what is under way.
    pub async fn close(&self) {
        self.closed.store(true, Ordering::Release);
        drop(self.watched.lock().await);
    }

    /// Reads the configuration file again.
    pub async fn reload(&self) {
        let mut watched = self.watched.lock().await;
        self.read_file(&mut watched).await;
    }

    async fn look_at_file(&self) {
        let mut watched = self.watched.lock().await;
        let path = self.path.clone();
        // A network disk may take its time.
        let Ok(now) = tokio::task::spawn_blocking(move || Stamp::of(&path)).await else { return };
        if watched.changed(now) {
            tracing::info!("the configuration file changed");
            self.read_file(&mut watched).await;
        }
    }

    async fn read_file(&self, watched: &mut Watched) {
        let path = self.path.clone();
        // The state before it is read: what is written meanwhile is news.
        let read = tokio::task::spawn_blocking(move || (Stamp::of(&path), config::load(&path)));
        let file = match read.await {
            Ok((stamp, read)) => {
                watched.read(stamp);
                read
            }
            Err(e) => {
                tracing::error!("the configuration could not be read: {e}");
                return;
            }
        };
        let file = match file {
            Ok(file) => file,
            Err(e) => {
                metrics::counter!("skyeye_config_reloads_total", "outcome" => "refused").increment(1);
                tracing::error!("the configuration is refused, the last good one stays:\n{e}");
                self.inner.set_degraded(
                    "config",
                    Some(format!("the configuration file is broken, the last good one is in use: {e}")),
                );
                return;
            }
        };
        let snapshot = self.newest().await.unwrap_or_else(|_| self.inner.stored.snapshot());
        let Some(diff) = self.put(Some(file), snapshot).await else { return };
        self.inner.set_degraded("config", None);
        metrics::counter!("skyeye_config_reloads_total", "outcome" => "applied").increment(1);
        let summary = diff.summary(NAMED);
        tracing::info!(source = "file", "configuration applied: {summary}");
        if !diff.is_empty() {
            let at = self.inner.clock.wall();
            self.audit.record(at, BY_FILE, Deed::ConfigurationChanged, &summary, "").await;
        }
    }

    /// Applies what is new in the inventory. `again`: also what could not be opened before.
    async fn poll(&self, again: bool) {
        let _one = self.watched.lock().await;
        let inner = &self.inner;
        if inner.is_degraded("inventory") && !again {
            return;
        }
        let now = inner.stored.snapshot();
        let unopened = now.credentials.iter().any(|c| c.password.is_err());
        let rev = match inner.stored.existing().await {
            Ok(None) => return,
            Ok(Some(inventory)) => inventory.rev().await,
            Err(e) => Err(e),
        };
        let behind = match rev {
            Ok(rev) => rev != now.rev || (again && (unopened || inner.is_degraded("inventory"))),
            Err(e) => return say_broken(inner, &e),
        };
        if !behind {
            return;
        }
        let Ok(snapshot) = self.newest().await else { return };
        let (from, rev) = (now.rev, snapshot.rev);
        let Some(diff) = self.put(None, snapshot).await else { return };
        if from == rev && diff.is_empty() {
            return;
        }
        metrics::counter!("skyeye_config_reloads_total", "outcome" => "applied").increment(1);
        tracing::info!(source = "inventory", from, rev, "configuration applied: {}", diff.summary(NAMED));
    }

    /// What the inventory holds now; an empty one where there is none. Says if it cannot be had.
    async fn newest(&self) -> Result<Arc<Snapshot>, ()> {
        newest(&self.inner).await.map_err(|e| say_broken(&self.inner, &e))
    }

    /// Merges and applies. `None` if the node is stopping.
    async fn put(&self, file: Option<Config>, snapshot: Arc<Snapshot>) -> Option<Diff> {
        if self.closed.load(Ordering::Acquire) {
            return None;
        }
        let stored = &self.inner.stored;
        if let Some(file) = file {
            stored.set_file(file);
        }
        let merged = merge(&self.inner, &snapshot).await?;
        let diff = self.apply(merged.config).await;
        stored.set_applied(snapshot);
        Some(diff)
    }
}

async fn newest(inner: &Inner) -> Result<Arc<Snapshot>, InventoryError> {
    match inner.stored.existing().await? {
        Some(inventory) => inventory.snapshot().await,
        None => Ok(Arc::default()),
    }
}

fn say_broken(inner: &Inner, error: &InventoryError) {
    inner.set_degraded("inventory", Some(format!("{error}; what was read from it last stays in use")));
}

/// The file and the inventory as one; says what does not fit together.
async fn merge(inner: &Inner, snapshot: &Arc<Snapshot>) -> Option<Merged> {
    let (file, snapshot) = (inner.stored.file(), snapshot.clone());
    let made = tokio::task::spawn_blocking(move || merged(file.as_ref().clone(), &snapshot)).await;
    let made = made.map_err(|e| tracing::error!("file and inventory could not be merged: {e}")).ok()?;
    inner.set_degraded(
        "shadowed",
        cut(&made.shadowed, "; ").map(|ids| {
            format!("{ids}: stand in the configuration file and in the inventory; the file counts, remove one of each")
        }),
    );
    inner.set_degraded("notes", cut(&made.notes, "; "));
    inner.set_degraded("inventory", None);
    Some(made)
}

fn cut(all: &[String], between: &str) -> Option<String> {
    let named = all.iter().take(NAMED_IN_STATUS).map(String::as_str).collect::<Vec<_>>().join(between);
    match all.len() {
        0 => None,
        n if n > NAMED_IN_STATUS => Some(format!("{named}, and {} more", n - NAMED_IN_STATUS)),
        _ => Some(named),
    }
}

/// The configuration that a node starts with. An inventory that is broken leaves the file alone, and the status says so.
pub(super) async fn first(inner: &Inner) -> Config {
    let snapshot = match newest(inner).await {
        Ok(snapshot) => snapshot,
        Err(e) => {
            say_broken(inner, &e);
            return inner.stored.file().as_ref().clone();
        }
    };
    match merge(inner, &snapshot).await {
        Some(merged) => {
            inner.stored.set_applied(snapshot);
            merged.config
        }
        None => inner.stored.file().as_ref().clone(),
    }
}
