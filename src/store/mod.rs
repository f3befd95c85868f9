//! The database: one SQLite file in the data directory, shared by facts, alerts and logins.
//!
//! `Store::open` takes the directory's lock, checks the file, brings its tables up to date and gives one connection that
//! writes and a few that read. WAL with `synchronous = FULL`: what COMMIT reported survives a loss of power. A read
//! is ended after its time limit, so that it never holds up a checkpoint. A damaged file is moved aside and a fresh one
//! begun, and that is said (`Store::degraded`); a file of a newer program is refused. The write-ahead log is brought into
//! the file beside the writer (`Store::checkpoint`, by the ledger); where that does not keep up a commit does it itself.
//!
//! Each repository is a file of its own with plain functions over a connection: the seam at which PostgreSQL
//! takes over alerts, users and history one day. SQL is constant text with bound parameters, never formatted from data.
//! Nothing here is written a frame, a sample or a health tick.

pub mod alerts;
pub mod audit;
pub mod check;
pub mod commands;
pub mod events;
pub mod facts;
pub mod handovers;
pub mod history;
pub mod hooks;
pub mod members;
pub mod messages;
pub mod meta;
pub mod numbers;
mod open;
pub mod positions;
mod rows;
pub mod search;
pub mod sources;
pub mod tokens;
pub mod users;

use std::{path::PathBuf, sync::Arc, time::Duration};

use parking_lot::Mutex;
use sqlx::SqlitePool;
use uuid::Uuid;

pub use open::{DATABASE, LOCK, private};

use crate::types::Severity;

/// Name of the marker that a running node leaves when it meets a damaged page; the next start moves the file aside.
const DAMAGED: &str = "skyeye.db.damaged";

/// The open database. Cheap to clone; the directory stays locked until `close`, or until the last clone is gone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    dir: PathBuf,
    writer: SqlitePool,
    reader: SqlitePool,
    tender: SqlitePool,
    read_timeout: Duration,
    degraded: Mutex<Vec<String>>,
    /// Where cursors begin in a file that replaces a damaged one.
    cursor_base: Option<i64>,
    /// Two processes must not share a data directory.
    lock: Arc<std::fs::File>,
}

/// Why the database could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the data directory {dir} is in use by another skyeye process; stop that one or set another node.data_dir")]
    Locked { dir: String },
    #[error(
        "the database {file} was written by a newer skyeye (its table version {version} is unknown here); \
         run that version or newer, or set another node.data_dir"
    )]
    Newer { file: String, version: i64 },
    #[error("{what} {path}: {source}")]
    Io { what: &'static str, path: String, source: std::io::Error },
    #[error("the tables of the database {file} cannot be brought up to date: {source}")]
    Migrate { file: String, source: sqlx::migrate::MigrateError },
    #[error("the read took longer than store.read_timeout_s ({limit_s} s) and was ended; ask for less")]
    TimeLimit { limit_s: u64 },
    #[error("the database holds a record that cannot be read: {what}; run `skyeye store check`")]
    Record { what: String },
    #[error("the database is damaged: {what}")]
    Damaged { what: String },
    #[error("the database cannot be read or written: {0}")]
    Database(sqlx::Error),
}

/// SQLite's primary result codes that call for a decision of ours.
const SQLITE_INTERRUPT: i32 = 9;
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_NOTADB: i32 = 26;

/// The primary result code of SQLite, if the error came from it.
fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let sqlx::Error::Database(db) = error else { return None };
    db.code().and_then(|c| c.parse::<i32>().ok()).map(|c| c & 0xff)
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        StoreError::Database(error)
    }
}

impl StoreError {
    /// True if the file itself is damaged, not the disk or the request.
    pub fn is_corrupt(&self) -> bool {
        let code = match self {
            StoreError::Damaged { .. } => Some(SQLITE_CORRUPT),
            StoreError::Database(e) => primary_code(e),
            StoreError::Migrate { source: sqlx::migrate::MigrateError::Execute(e), .. } => primary_code(e),
            StoreError::Migrate { source: sqlx::migrate::MigrateError::ExecuteMigration(e, _), .. } => primary_code(e),
            _ => None,
        };
        matches!(code, Some(SQLITE_CORRUPT | SQLITE_NOTADB))
    }
}

impl Store {
    /// The one connection that writes. Hold it for one short transaction; every other writer waits meanwhile.
    pub fn writer(&self) -> &SqlitePool {
        &self.inner.writer
    }
    /// Connections that cannot write. What runs on one is ended `store.read_timeout_s` after it was taken.
    pub fn reader(&self) -> &SqlitePool {
        &self.inner.reader
    }
    /// Brings what is committed from the write-ahead log into the file, over a connection of its own and in nobody's way;
    /// gives the pages that are left.
    pub async fn checkpoint(&self) -> sqlx::Result<i64> {
        let query = sqlx::query_as("PRAGMA wal_checkpoint(PASSIVE)");
        let (_, pages, done): (i64, i64, i64) = query.fetch_one(&self.inner.tender).await?;
        Ok(pages - done)
    }
    /// What went wrong at opening or since, one sentence each; empty is good.
    pub fn degraded(&self) -> Vec<String> {
        self.inner.degraded.lock().clone()
    }
    /// Where cursors begin in a file that replaces a damaged one: above all that was ever given out.
    pub fn cursor_base(&self) -> Option<i64> {
        self.inner.cursor_base
    }
    /// Turns an error of a read into ours: an ended read says that it was too long.
    pub fn read_error(&self, error: sqlx::Error) -> StoreError {
        if primary_code(&error) == Some(SQLITE_INTERRUPT) {
            return StoreError::TimeLimit { limit_s: self.inner.read_timeout.as_secs() };
        }
        StoreError::Database(error)
    }
    /// Remembers that a page is damaged, so that the next start moves the file aside. Says so once.
    pub fn mark_damaged(&self, error: &StoreError) {
        let path = self.inner.dir.join(DAMAGED);
        let sentence =
            format!("the database is damaged ({error}); the next start moves it aside and begins a fresh one");
        {
            let mut degraded = self.inner.degraded.lock();
            if degraded.iter().any(|d| d.starts_with("the database is damaged")) {
                return;
            }
            degraded.push(sentence.clone());
        }
        tracing::error!("{sentence}");
        if let Err(e) = std::fs::write(&path, b"") {
            tracing::error!("cannot write {}: {e}", path.display());
        }
    }
    /// Brings the write-ahead log into the file, closes all connections and gives the directory free.
    pub async fn close(&self) {
        self.disconnect().await;
        if let Err(e) = self.inner.lock.unlock() {
            tracing::warn!("the lock of {} stays until the process ends: {e}", self.inner.dir.display());
        }
    }
    async fn disconnect(&self) {
        self.inner.reader.close().await;
        self.inner.tender.close().await;
        if let Err(e) = sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.inner.writer).await {
            tracing::warn!("the write-ahead log stays beside the database until the next start: {e}");
        }
        self.inner.writer.close().await;
    }
}

/// How a severity stands in the tables; its order is that of the numbers.
fn severity_number(severity: Severity) -> i64 {
    severity as i64
}

fn severity_of(number: i64) -> Severity {
    match number {
        i64::MIN..=0 => Severity::Low,
        1 => Severity::Medium,
        2 => Severity::High,
        3.. => Severity::Critical,
    }
}

/// The id in a 16-byte column.
fn id_of(bytes: &[u8]) -> sqlx::Result<Uuid> {
    Uuid::from_slice(bytes).map_err(|e| sqlx::Error::Decode(Box::new(e)))
}

/// Ids as one JSON text, for `IN (SELECT unhex(value) FROM json_each(?))`.
fn ids(of: impl Iterator<Item = Uuid>) -> String {
    let list: Vec<String> = of.map(|id| format!("\"{}\"", id.simple())).collect();
    format!("[{}]", list.join(","))
}
