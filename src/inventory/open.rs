//! Opening the inventory's file, and reading all of it.
//!
//! Any number of processes may have it open: a gateway and commands. WAL with `synchronous = FULL`, a bounded wait for
//! another writer. A snapshot is read again only when there is a newer revision.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use sqlx::{
    Row, SqlitePool,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous},
};

use super::{
    InventoryError, Kind, Rev, Snapshot, Stored, StoredCredential,
    record::{self, Fields, SEALED, USERNAME},
    seal::Key,
};
use crate::config::{Area, Channel, Config, INVENTORY, Rule, Timetable};
use crate::store;
use crate::types::{Clock, CredentialId};

/// Tables as they were added; a file is never changed after a release.
static MIGRATIONS: Migrator = sqlx::migrate!("src/inventory/migrations");

/// Another writer is waited for this long.
pub(super) const BUSY: Duration = Duration::from_secs(5);
/// Held while the tables are brought up to date.
const LOCK: &str = "inventory.lock";
const KEY: &str = "inventory.key";

/// The open inventory. Cheap to clone.
#[derive(Clone)]
pub struct Inventory {
    pub(super) pool: SqlitePool,
    pub(super) clock: Clock,
    pub(super) key_file: Arc<PathBuf>,
    cached: Arc<Mutex<Option<Arc<Snapshot>>>>,
}

impl Inventory {
    /// Opens the inventory of a configuration's data directory; makes both if they are not there.
    pub async fn open(config: &Config, clock: Clock) -> Result<Inventory, InventoryError> {
        let dir = &config.node.data_dir;
        if !dir.exists() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(dir)
                .map_err(io("cannot make the data directory", dir))?;
        }
        let path = dir.join(INVENTORY);
        let file = path.display().to_string();
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY)
            .pragma("trusted_schema", "OFF")
            .thread_name(|n| format!("inventory-{n}"));
        let lock = lock(&dir.join(LOCK)).await?;
        store::private(&path).map_err(io("cannot make the inventory", &path))?;
        let pool = SqlitePoolOptions::new()
            // One writes, one is asked for the revision meanwhile.
            .max_connections(2)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_with(options)
            .await
            .map_err(|source| InventoryError::Open { file: file.clone(), source })?;
        MIGRATIONS.run(&pool).await.map_err(|source| match source {
            MigrateError::VersionMissing(version) => InventoryError::Newer { file: file.clone(), version },
            source => InventoryError::Migrate { file, source },
        })?;
        drop(lock);
        let key_file = config.store.key_file.clone().unwrap_or_else(|| dir.join(KEY));
        Ok(Inventory { pool, clock, key_file: Arc::new(key_file), cached: Arc::default() })
    }

    /// As `open`, but makes nothing: `None` where there is no inventory yet.
    pub async fn open_existing(config: &Config, clock: Clock) -> Result<Option<Inventory>, InventoryError> {
        if !config.node.data_dir.join(INVENTORY).exists() {
            return Ok(None);
        }
        Self::open(config, clock).await.map(Some)
    }

    /// The newest revision; 0 before the first. Cheap: a gateway asks once a second whether it is behind.
    pub async fn rev(&self) -> Result<Rev, InventoryError> {
        let rev: i64 = sqlx::query_scalar("SELECT coalesce(max(rev), 0) FROM revisions").fetch_one(&self.pool).await?;
        Ok(number(rev))
    }

    /// All that it holds.
    pub async fn snapshot(&self) -> Result<Arc<Snapshot>, InventoryError> {
        let rev = self.rev().await?;
        if let Some(cached) = self.cached.lock().as_ref().filter(|c| c.rev == rev) {
            return Ok(cached.clone());
        }
        let mut tx = self.pool.begin().await?;
        let rev: i64 = sqlx::query_scalar("SELECT coalesce(max(rev), 0) FROM revisions").fetch_one(&mut *tx).await?;
        let objects = sqlx::query("SELECT kind, id, record, rev FROM objects ORDER BY seq").fetch_all(&mut *tx).await?;
        let used = sqlx::query("SELECT kind, id FROM used_ids").fetch_all(&mut *tx).await?;
        drop(tx);
        let key_file = self.key_file.clone();
        let read = tokio::task::spawn_blocking(move || read(number(rev), &objects, &used, &key_file));
        let snapshot =
            read.await.map_err(|e| InventoryError::Database(sqlx::Error::Io(std::io::Error::other(e))))??;
        let snapshot = Arc::new(snapshot);
        // While a password cannot be opened, the key file may come back at any time.
        if snapshot.credentials.iter().all(|c| c.password.is_ok()) {
            *self.cached.lock() = Some(snapshot.clone());
        }
        Ok(snapshot)
    }

    /// Brings the write-ahead log into the file and closes all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// SQLite's numbers are signed; ours never are.
pub(super) fn number(n: i64) -> Rev {
    Rev::try_from(n).unwrap_or(0)
}

fn read(rev: Rev, objects: &[SqliteRow], used: &[SqliteRow], key_file: &Path) -> Result<Snapshot, InventoryError> {
    let mut snapshot = Snapshot { rev, ..Snapshot::default() };
    let mut key = None;
    for row in objects {
        let (kind, id): (&str, &str) = (row.try_get("kind")?, row.try_get("id")?);
        let rev = number(row.try_get("rev")?);
        let text: &str = row.try_get("record")?;
        let object = serde_json::from_str::<Fields>(text).and_then(|fields| {
            match kind {
                "channel" => snapshot.channels.push(Stored { value: record::object::<Channel>(id, &fields)?, rev }),
                "area" => snapshot.areas.push(Stored { value: record::object::<Area>(id, &fields)?, rev }),
                "rule" => snapshot.rules.push(Stored { value: record::object::<Rule>(id, &fields)?, rev }),
                "timetable" => {
                    snapshot.timetables.push(Stored { value: record::object::<Timetable>(id, &fields)?, rev });
                }
                _ => {
                    let key = key.get_or_insert_with(|| Key::read(key_file));
                    snapshot.credentials.push(credential(id, &fields, key, rev)?);
                }
            }
            Ok(())
        });
        if let Err(e) = object {
            snapshot.broken.push(format!("the inventory's {kind} '{id}' cannot be read: {e}"));
        }
    }
    for row in used {
        let (kind, id): (&str, String) = (row.try_get("kind")?, row.try_get("id")?);
        if let Ok(kind) = kind.parse::<Kind>() {
            snapshot.used.insert((kind, id));
        }
    }
    Ok(snapshot)
}

fn credential(
    id: &str,
    fields: &Fields,
    key: &Result<Key, String>,
    rev: Rev,
) -> Result<StoredCredential, serde_json::Error> {
    let text = |name: &str| fields.get(name).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    let sealed = text(SEALED);
    let password = match key {
        Ok(key) => key.open(id, &sealed),
        Err(why) => Err(why.clone()),
    };
    let id = CredentialId::new(id).map_err(serde::de::Error::custom)?;
    Ok(StoredCredential { id, username: text(USERNAME), password, sealed, rev })
}

fn io<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> InventoryError + 'a {
    move |source| InventoryError::Io { what, path: path.display().to_string(), source }
}

/// Two processes that open it at once must not both make its tables.
async fn lock(path: &Path) -> Result<File, InventoryError> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(io("cannot open", path))?;
    let step = Duration::from_millis(20);
    for _ in 0..BUSY.as_millis() / step.as_millis() {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(step).await,
            Err(TryLockError::Error(e)) => return Err(io("cannot lock", path)(e)),
        }
    }
    Err(InventoryError::Busy { wait_s: BUSY.as_secs() })
}
