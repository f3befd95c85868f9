//! Opening the database: lock, check, quarantine, tables. What `Store::open` does before anybody may read or write.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use sqlx::{
    SqlitePool,
    migrate::{MigrateError, Migrator},
    sqlite::{
        SqliteAutoVacuum, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions,
        SqliteSynchronous,
    },
};

use super::{DAMAGED, Inner, SQLITE_INTERRUPT, Store, StoreError, primary_code};
use crate::{config, types::Clock};

/// File names in the data directory.
pub const DATABASE: &str = "skyeye.db";
pub const LOCK: &str = "skyeye.lock";

/// Tables as they were added; a file is never changed after a release.
static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations");

/// Connections for reading. A console's list, the outbox reader and an export side by side.
const READERS: u32 = 4;
/// The pages are checked at opening for at most this long: a start after a crash must be up within 5 s.
const CHECK_FOR: Duration = Duration::from_secs(1);
/// Pages of the write-ahead log (of 4 KiB) from which on a commit waits for a checkpoint of its own.
const LOG_PAGES: &str = "8000";
/// A transaction of another connection is waited for this long.
const BUSY: Duration = Duration::from_secs(5);
/// SQLite's virtual machine asks for the time after this many steps.
const STEPS: i32 = 5000;

impl Store {
    /// Opens the database of a data directory, which is made if it is not there.
    pub async fn open(dir: &Path, cfg: &config::Store, clock: Clock) -> Result<Store, StoreError> {
        if !dir.exists() {
            // Password hashes and evidence of people lie here: for the owner only.
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(dir)
                .map_err(io("cannot make the data directory", dir))?;
        }
        let lock = Arc::new(lock(dir)?);
        Self::locked(dir, cfg, clock, lock).await
    }

    /// Closes and opens once more, without letting another process in between.
    pub async fn reopen(&self, cfg: &config::Store, clock: Clock) -> Result<Store, StoreError> {
        self.disconnect().await;
        Self::locked(&self.inner.dir, cfg, clock, self.inner.lock.clone()).await
    }

    async fn locked(dir: &Path, cfg: &config::Store, clock: Clock, lock: Arc<File>) -> Result<Store, StoreError> {
        let read_timeout = Duration::from_secs(u64::from(cfg.read_timeout_s));
        let path = dir.join(DATABASE);
        let (mut degraded, mut cursor_base) = (Vec::new(), None);
        let marker = dir.join(DAMAGED);
        let opened = if marker.exists() { None } else { Some(writer(&path, clock).await) };
        let writer = match opened {
            Some(Ok(pool)) => pool,
            Some(Err(e)) if !e.is_corrupt() => return Err(e),
            damaged => {
                let why = match damaged {
                    Some(Err(e)) => e.to_string(),
                    _ => "the last run met a damaged page".into(),
                };
                let now = clock.wall();
                let moved = quarantine(&path, &now.to_rfc3339().replace(':', ""))?;
                if let Err(e) = std::fs::remove_file(&marker)
                    && e.kind() != std::io::ErrorKind::NotFound
                {
                    return Err(io("cannot remove", &marker)(e));
                }
                let sentence = format!(
                    "the database was damaged ({why}); it lies in {} and a fresh one was begun: history and logins start anew",
                    moved.display()
                );
                tracing::error!("{sentence}");
                metrics::counter!("skyeye_store_quarantined_total").increment(1);
                degraded.push(sentence);
                // Milliseconds since 1970 are above any cursor that counted facts one by one.
                cursor_base = Some(now.0);
                self::writer(&path, clock).await?
            }
        };
        let reader = reader(&path, read_timeout, clock).await?;
        let tender = tender(&path).await?;
        let degraded = Mutex::new(degraded);
        let dir = dir.to_owned();
        Ok(Store { inner: Arc::new(Inner { dir, writer, reader, tender, read_timeout, degraded, cursor_base, lock }) })
    }

    /// Opens the database for looking only: no lock, no tables made, nothing written. For `skyeye store check`.
    pub async fn open_read_only(path: &Path) -> Result<SqlitePool, StoreError> {
        let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(BUSY);
        Ok(SqlitePoolOptions::new().max_connections(1).connect_with(options).await?)
    }
}

fn io<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> StoreError + 'a {
    move |source| StoreError::Io { what, path: path.display().to_string(), source }
}

fn lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join(LOCK);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(io("cannot open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { dir: dir.display().to_string() }),
        Err(TryLockError::Error(e)) => Err(io("cannot lock", &path)(e)),
    }
}

/// Renames the database and its two companions; gives the new name of the database.
fn quarantine(path: &Path, stamp: &str) -> Result<PathBuf, StoreError> {
    let with = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let to = with(&format!(".damaged-{stamp}"));
    for suffix in ["-wal", "-shm", ""] {
        let from = with(suffix);
        let mut name = to.as_os_str().to_owned();
        name.push(suffix);
        match std::fs::rename(&from, &name) {
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(io("cannot move aside", &from)(e)),
        }
    }
    Ok(to)
}

/// Makes a database's file that is not there, for its owner alone: SQLite would make it readable by all under the usual
/// umask, and its companions with it.
pub fn private(path: &Path) -> std::io::Result<()> {
    match OpenOptions::new().create_new(true).write(true).mode(0o600).open(path) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => Err(e),
        _ => Ok(()),
    }
}

/// The writing connection to a file that was checked and whose tables are up to date.
async fn writer(path: &Path, clock: Clock) -> Result<SqlitePool, StoreError> {
    private(path).map_err(io("cannot make the database", path))?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .statement_cache_capacity(200)
        .pragma("wal_autocheckpoint", LOG_PAGES)
        .pragma("journal_size_limit", "67108864")
        .pragma("trusted_schema", "OFF")
        .thread_name(|_| "store-writer".into());
    let pool = SqlitePoolOptions::new()
        .min_connections(1)
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(options)
        .await?;
    match prepare(&pool, path, clock).await {
        Ok(()) => Ok(pool),
        Err(e) => {
            pool.close().await;
            Err(e)
        }
    }
}

async fn prepare(pool: &SqlitePool, path: &Path, clock: Clock) -> Result<(), StoreError> {
    let mut conn = pool.acquire().await?;
    limit(&mut conn, clock, CHECK_FOR).await?;
    let check = sqlx::query_scalar::<_, String>("PRAGMA quick_check(1)").fetch_one(&mut *conn).await;
    conn.lock_handle().await?.remove_progress_handler();
    match check {
        Ok(answer) if answer == "ok" => {}
        Ok(what) => return Err(StoreError::Damaged { what }),
        // Too large to check in the time that a start has; `skyeye store check` takes as long as it takes.
        Err(e) if primary_code(&e) == Some(SQLITE_INTERRUPT) => {}
        Err(e) => return Err(e.into()),
    }
    MIGRATIONS.run(&mut *conn).await.map_err(|source| match source {
        MigrateError::VersionMissing(version) => StoreError::Newer { file: path.display().to_string(), version },
        source => StoreError::Migrate { file: path.display().to_string(), source },
    })
}

async fn reader(path: &Path, time: Duration, clock: Clock) -> Result<SqlitePool, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .pragma("query_only", "ON")
        .pragma("trusted_schema", "OFF")
        .thread_name(|n| format!("store-read-{n}"));
    Ok(SqlitePoolOptions::new()
        // All at once: each has a thread, and a node's threads do not grow with its load.
        .min_connections(READERS)
        .max_connections(READERS)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .after_connect(move |conn, _| Box::pin(async move { limit(conn, clock, time).await }))
        .before_acquire(move |conn, _| {
            Box::pin(async move {
                limit(conn, clock, time).await?;
                Ok(true)
            })
        })
        .connect_with(options)
        .await?)
}

/// The connection that only brings the write-ahead log into the file.
async fn tender(path: &Path) -> Result<SqlitePool, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY)
        .pragma("wal_autocheckpoint", "0")
        .pragma("trusted_schema", "OFF")
        .thread_name(|_| "store-tender".into());
    Ok(SqlitePoolOptions::new()
        .min_connections(1)
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(options)
        .await?)
}

/// Ends whatever runs on the connection `time` from now.
async fn limit(conn: &mut SqliteConnection, clock: Clock, time: Duration) -> Result<(), sqlx::Error> {
    let until = clock.mono().plus_ms(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    conn.lock_handle().await?.set_progress_handler(STEPS, move || clock.mono() < until);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom, Write};

    use super::*;

    async fn open(dir: &Path) -> Result<Store, StoreError> {
        Store::open(dir, &config::Store { read_timeout_s: 1, ..Default::default() }, Clock::start()).await
    }

    #[tokio::test]
    async fn a_data_directory_serves_one_process() {
        let dir = tempfile::tempdir().unwrap();
        let first = open(dir.path()).await.unwrap();
        assert!(matches!(open(dir.path()).await, Err(StoreError::Locked { .. })));
        first.close().await;
        let second = open(dir.path()).await.expect("closing gives the lock back");
        drop((first, second));
        open(dir.path()).await.expect("the lock goes with the last handle");
    }

    #[tokio::test]
    async fn what_commit_reported_is_synced_and_references_hold() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).await.unwrap();
        for (pragma, want) in [("PRAGMA synchronous", 2), ("PRAGMA foreign_keys", 1), ("PRAGMA recursive_triggers", 0)]
        {
            let got: i64 = sqlx::query_scalar(pragma).fetch_one(store.writer()).await.unwrap();
            assert_eq!(got, want, "{pragma}");
        }
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(store.writer()).await.unwrap();
        assert_eq!(mode, "wal");
        sqlx::query("INSERT INTO meta VALUES ('a', 'b')")
            .execute(store.reader())
            .await
            .expect_err("readers cannot write");
    }

    #[tokio::test]
    async fn the_log_is_brought_into_the_file_beside_the_writer_and_is_bounded_without_that() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).await.unwrap();
        let pages: i64 = sqlx::query_scalar("PRAGMA wal_autocheckpoint").fetch_one(store.writer()).await.unwrap();
        assert_eq!(pages.to_string(), LOG_PAGES);
        assert_eq!(store.checkpoint().await.unwrap(), 0);
        let bytes = || std::fs::metadata(dir.path().join(DATABASE)).unwrap().len();
        let before = bytes();
        sqlx::query("INSERT INTO meta VALUES ('a', hex(zeroblob(500000)))").execute(store.writer()).await.unwrap();
        assert_eq!(bytes(), before, "no commit does it");
        // Also while a transaction is under way, of which nothing is brought over.
        let mut open = store.writer().begin_with("BEGIN IMMEDIATE").await.unwrap();
        sqlx::query("INSERT INTO meta VALUES ('b', 'c')").execute(&mut *open).await.unwrap();
        assert_eq!(store.checkpoint().await.unwrap(), 0);
        assert!(bytes() > before + 500_000);
        open.rollback().await.unwrap();
    }

    #[tokio::test]
    async fn a_damaged_file_is_moved_aside_and_said() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).await.unwrap();
        sqlx::query("INSERT INTO meta VALUES ('a', 'b')").execute(store.writer()).await.unwrap();
        store.close().await;
        drop(store);
        let path = dir.path().join(DATABASE);
        let mut file = OpenOptions::new().write(true).open(&path).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        file.write_all(&[0x5a; 6000]).unwrap();
        drop(file);
        let store = open(dir.path()).await.unwrap();
        assert!(store.degraded()[0].contains("damaged"), "{:?}", store.degraded());
        assert!(store.cursor_base().unwrap() > 1_700_000_000_000);
        let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM meta").fetch_one(store.reader()).await.unwrap();
        assert_eq!(rows, 0);
        let aside = std::fs::read_dir(dir.path())
            .unwrap()
            .filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().starts_with("skyeye.db.damaged-"));
        assert_eq!(aside.count(), 1);
        // A page found damaged while running: the next start does the same.
        store.mark_damaged(&StoreError::Damaged { what: "page 3".into() });
        store.close().await;
        drop(store);
        assert_eq!(open(dir.path()).await.unwrap().degraded().len(), 1);
        assert!(open(dir.path()).await.unwrap().degraded().is_empty());
    }

    #[tokio::test]
    async fn a_newer_programs_file_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).await.unwrap();
        sqlx::query(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9000, 'later', 1, x'00', 0)",
        )
        .execute(store.writer())
        .await
        .unwrap();
        store.close().await;
        drop(store);
        let error = open(dir.path()).await.err().unwrap();
        assert!(matches!(error, StoreError::Newer { version: 9000, .. }), "{error}");
        assert!(error.to_string().contains("newer skyeye"));
        assert!(dir.path().join(DATABASE).exists());
    }

    #[tokio::test]
    async fn a_long_read_is_ended_and_the_connection_lives_on() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).await.unwrap();
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
        let error = sqlx::query_scalar::<_, i64>(endless).fetch_one(store.reader()).await.unwrap_err();
        assert!(matches!(store.read_error(error), StoreError::TimeLimit { limit_s: 1 }));
        for _ in 0..8 {
            let one: i64 = sqlx::query_scalar("SELECT 1").fetch_one(store.reader()).await.unwrap();
            assert_eq!(one, 1);
        }
    }
}
