//! Logins, their sessions, and the record of who did what.
//!
//! In: names, argon2id strings, sha256 of session tokens. Out: rows. It hashes nothing and decides nothing: that is
//! `web::auth`'s work. It must never see a password or a session token in clear, so that no query log, backup or copy of
//! the database opens a session. Every statement is a literal with bound parameters.

use sqlx::{Row, SqlitePool, sqlite::SqliteRow};

use super::{Store, StoreError, meta};
use crate::types::{AreaId, UserId, Wall};

/// Sessions kept a user; a further login ends the one unused for longest.
const SESSIONS_PER_USER: i64 = 32;

/// One who may log in.
#[derive(Debug, Clone)]
pub struct UserRow {
    pub name: UserId,
    pub role: String,
    /// Roots of the area subtrees that may be seen; `None`: everything.
    pub areas: Option<Vec<AreaId>>,
    /// argon2id, PHC string.
    pub hash: String,
    /// The password is a one-time one.
    pub must_change: bool,
    /// Has no session and may not log in.
    pub disabled: bool,
}

/// One who may log in, as a list shows him.
#[derive(Debug, Clone)]
pub struct UserEntry {
    pub user: UserRow,
    pub created: Wall,
    pub changed: Wall,
    pub sessions: u32,
    /// The last use of a session that is still there.
    pub last: Option<Wall>,
}

/// A session, as a list shows it.
#[derive(Debug, Clone)]
pub struct SessionEntry {
    pub token_sha256: [u8; 32],
    pub created: Wall,
    pub last: Wall,
    /// Where it was begun from.
    pub address: String,
}

/// What is to become of a user; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct UserChange {
    pub role: Option<String>,
    /// `Some(None)`: everything.
    pub areas: Option<Option<Vec<AreaId>>>,
    pub disabled: Option<bool>,
}

/// What came of a change of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    Done,
    Absent,
    /// Nobody would be left of those of whom one must be.
    Last,
}

/// A live session with its user.
#[derive(Debug, Clone)]
pub struct SessionRow {
    pub user: UserRow,
    pub csrf: String,
    pub last: Wall,
}

/// Who did what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    pub at: Wall,
    pub user: String,
    pub action: String,
    pub what: String,
    pub address: String,
}

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Users {
    writer: SqlitePool,
    reader: SqlitePool,
}

pub(super) fn broken_record(user: &str, field: &str) -> StoreError {
    StoreError::Record { what: format!("the login '{user}' has a broken {field}") }
}

/// `None`: the text is no list of areas.
pub(super) fn areas_of(text: Option<String>) -> Option<Option<Vec<AreaId>>> {
    text.map(|t| serde_json::from_str(&t)).transpose().ok()
}

pub(super) fn areas_text(of: &str, areas: Option<&[AreaId]>) -> Result<Option<String>, StoreError> {
    areas.map(serde_json::to_string).transpose().map_err(|_| broken_record(of, "list of areas"))
}

fn user_of(row: &SqliteRow) -> Result<UserRow, StoreError> {
    let name: String = row.try_get("name")?;
    let broken = |field| broken_record(&name, field);
    let areas: Option<String> = row.try_get("areas")?;
    Ok(UserRow {
        areas: areas_of(areas).ok_or_else(|| broken("list of areas"))?,
        role: row.try_get("role")?,
        hash: row.try_get("hash")?,
        must_change: row.try_get::<i64, _>("must_change")? != 0,
        disabled: row.try_get::<i64, _>("disabled")? != 0,
        name: UserId::new(&name).map_err(|_| broken("name"))?,
    })
}

impl Users {
    pub fn new(store: &Store) -> Self {
        Self { writer: store.writer().clone(), reader: store.reader().clone() }
    }

    pub(super) fn writer(&self) -> &SqlitePool {
        &self.writer
    }

    pub(super) fn reader(&self) -> &SqlitePool {
        &self.reader
    }

    pub async fn count(&self) -> Result<u64, StoreError> {
        let row = sqlx::query("SELECT count(*) AS n FROM users").fetch_one(&self.reader).await?;
        Ok(u64::try_from(row.try_get::<i64, _>("n")?).unwrap_or(0))
    }

    pub async fn by_name(&self, name: &UserId) -> Result<Option<UserRow>, StoreError> {
        let row = sqlx::query("SELECT name, role, areas, hash, must_change, disabled FROM users WHERE name = ?")
            .bind(name.as_str())
            .fetch_optional(&self.reader)
            .await?;
        row.as_ref().map(user_of).transpose()
    }

    /// Adds a login, which has no token yet; `false` if the name is taken.
    pub async fn insert(&self, user: &UserRow, at: Wall) -> Result<bool, StoreError> {
        let areas = areas_text(user.name.as_str(), user.areas.as_deref())?;
        let mut tx = self.writer.begin().await?;
        let done = sqlx::query(
            "INSERT INTO users (name, role, areas, hash, must_change, disabled, created_ms, changed_ms)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING",
        )
        .bind(user.name.as_str())
        .bind(&user.role)
        .bind(areas)
        .bind(&user.hash)
        .bind(i64::from(user.must_change))
        .bind(i64::from(user.disabled))
        .bind(at.0)
        .bind(at.0)
        .execute(&mut *tx)
        .await?;
        sqlx::query("DELETE FROM removed_users WHERE name = ?").bind(user.name.as_str()).execute(&mut *tx).await?;
        let added = done.rows_affected() == 1;
        if added {
            // Of one who had the name before, from when tokens outlived their maker: they are not the new one's.
            sqlx::query("DELETE FROM tokens WHERE created_by = ?").bind(user.name.as_str()).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(added)
    }

    /// Whether there was such a user who was removed.
    pub async fn was_removed(&self, name: &UserId) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT 1 FROM removed_users WHERE name = ?")
            .bind(name.as_str())
            .fetch_optional(&self.reader)
            .await?;
        Ok(row.is_some())
    }

    /// All users by name; at most `limit`.
    pub async fn list(&self, limit: u32) -> Result<Vec<UserEntry>, StoreError> {
        let rows = sqlx::query(
            "SELECT u.name, u.role, u.areas, u.hash, u.must_change, u.disabled, u.created_ms, u.changed_ms,
             count(s.user) AS sessions, max(s.last_ms) AS last
             FROM users u LEFT JOIN sessions s ON s.user = u.name GROUP BY u.name ORDER BY u.name LIMIT ?",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(UserEntry {
                    user: user_of(row)?,
                    created: Wall(row.try_get("created_ms")?),
                    changed: Wall(row.try_get("changed_ms")?),
                    sessions: u32::try_from(row.try_get::<i64, _>("sessions")?).unwrap_or(u32::MAX),
                    last: row.try_get::<Option<i64>, _>("last")?.map(Wall),
                })
            })
            .collect()
    }

    /// Changes what a user may. Who is disabled loses his sessions, with the change or not at all. Nothing is changed where
    /// nobody of the role `must_stay` would be left who sees everything and is not disabled.
    pub async fn change(
        &self,
        name: &UserId,
        change: &UserChange,
        must_stay: &str,
        at: Wall,
    ) -> Result<Changed, StoreError> {
        let areas = areas_text(name.as_str(), change.areas.as_ref().and_then(Option::as_deref))?;
        let mut tx = self.writer.begin().await?;
        let done = sqlx::query(
            "UPDATE users SET role = coalesce(?1, role), areas = CASE WHEN ?2 THEN ?3 ELSE areas END,
             disabled = coalesce(?4, disabled), changed_ms = ?5 WHERE name = ?6",
        )
        .bind(&change.role)
        .bind(i64::from(change.areas.is_some()))
        .bind(areas)
        .bind(change.disabled.map(i64::from))
        .bind(at.0)
        .bind(name.as_str())
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(Changed::Absent);
        }
        if !one_stays(&mut tx, must_stay).await? {
            return Ok(Changed::Last);
        }
        if change.disabled == Some(true) {
            sqlx::query("DELETE FROM sessions WHERE user = ?").bind(name.as_str()).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(Changed::Done)
    }

    /// Removes a user with his sessions and the tokens that he made, on the same terms as `change`.
    pub async fn remove(&self, name: &UserId, must_stay: &str, at: Wall) -> Result<Changed, StoreError> {
        let mut tx = self.writer.begin().await?;
        sqlx::query("DELETE FROM sessions WHERE user = ?").bind(name.as_str()).execute(&mut *tx).await?;
        sqlx::query("DELETE FROM tokens WHERE created_by = ?").bind(name.as_str()).execute(&mut *tx).await?;
        let done = sqlx::query("DELETE FROM users WHERE name = ?").bind(name.as_str()).execute(&mut *tx).await?;
        if done.rows_affected() == 0 {
            return Ok(Changed::Absent);
        }
        if !one_stays(&mut tx, must_stay).await? {
            return Ok(Changed::Last);
        }
        sqlx::query("INSERT INTO removed_users (name, at_ms) VALUES (?, ?) ON CONFLICT (name) DO NOTHING")
            .bind(name.as_str())
            .bind(at.0)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(Changed::Done)
    }

    /// Sets a new password and ends all sessions of the user, both or neither; `false` if there is no such user, or if
    /// `expected` is given and the present hash is another (somebody else changed it in between).
    pub async fn set_password(
        &self,
        name: &UserId,
        expected: Option<&str>,
        hash: &str,
        must_change: bool,
        at: Wall,
    ) -> Result<bool, StoreError> {
        let mut tx = self.writer.begin().await?;
        let done = sqlx::query(
            "UPDATE users SET hash = ?1, must_change = ?2, changed_ms = ?3
             WHERE name = ?4 AND (?5 IS NULL OR hash = ?5)",
        )
        .bind(hash)
        .bind(i64::from(must_change))
        .bind(at.0)
        .bind(name.as_str())
        .bind(expected)
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("DELETE FROM sessions WHERE user = ?").bind(name.as_str()).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(true)
    }

    pub async fn insert_session(
        &self,
        token: &[u8; 32],
        user: &UserId,
        csrf: &str,
        address: &str,
        at: Wall,
    ) -> Result<(), StoreError> {
        let mut tx = self.writer.begin().await?;
        sqlx::query(
            "INSERT INTO sessions (token_sha256, user, csrf, address, created_ms, last_ms) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(token.as_slice())
        .bind(user.as_str())
        .bind(csrf)
        .bind(address)
        .bind(at.0)
        .bind(at.0)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "DELETE FROM sessions WHERE user = ?1 AND token_sha256 NOT IN
             (SELECT token_sha256 FROM sessions WHERE user = ?1 ORDER BY last_ms DESC, created_ms DESC LIMIT ?2)",
        )
        .bind(user.as_str())
        .bind(SESSIONS_PER_USER)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    pub async fn session(&self, token: &[u8; 32]) -> Result<Option<SessionRow>, StoreError> {
        let row = sqlx::query(
            "SELECT u.name, u.role, u.areas, u.hash, u.must_change, u.disabled, s.csrf, s.last_ms
             FROM sessions s JOIN users u ON u.name = s.user WHERE s.token_sha256 = ?",
        )
        .bind(token.as_slice())
        .fetch_optional(&self.reader)
        .await?;
        row.map(|row| {
            Ok(SessionRow { user: user_of(&row)?, csrf: row.try_get("csrf")?, last: Wall(row.try_get("last_ms")?) })
        })
        .transpose()
    }

    /// A user's sessions, the one used last first.
    pub async fn sessions(&self, user: &UserId) -> Result<Vec<SessionEntry>, StoreError> {
        let rows = sqlx::query(
            "SELECT token_sha256, created_ms, last_ms, address FROM sessions WHERE user = ?
             ORDER BY last_ms DESC, created_ms DESC",
        )
        .bind(user.as_str())
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter()
            .map(|row| {
                let token: Vec<u8> = row.try_get("token_sha256")?;
                Ok(SessionEntry {
                    token_sha256: token.try_into().map_err(|_| broken_record(user.as_str(), "session"))?,
                    created: Wall(row.try_get("created_ms")?),
                    last: Wall(row.try_get("last_ms")?),
                    address: row.try_get("address")?,
                })
            })
            .collect()
    }

    /// Ends all sessions of a user; how many.
    pub async fn delete_sessions(&self, user: &UserId) -> Result<u64, StoreError> {
        let done = sqlx::query("DELETE FROM sessions WHERE user = ?").bind(user.as_str()).execute(&self.writer).await?;
        Ok(done.rows_affected())
    }

    pub async fn touch_session(&self, token: &[u8; 32], at: Wall) -> Result<(), StoreError> {
        sqlx::query("UPDATE sessions SET last_ms = ? WHERE token_sha256 = ?")
            .bind(at.0)
            .bind(token.as_slice())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    pub async fn delete_session(&self, token: &[u8; 32]) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM sessions WHERE token_sha256 = ?").bind(token.as_slice()).execute(&self.writer).await?;
        Ok(())
    }

    /// Deletes sessions last used before `sessions` and records made before `audit`.
    pub async fn purge(&self, sessions: Wall, audit: Wall) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM sessions WHERE last_ms < ?").bind(sessions.0).execute(&self.writer).await?;
        sqlx::query("DELETE FROM audit WHERE at_ms < ?").bind(audit.0).execute(&self.writer).await?;
        Ok(())
    }

    /// By which time things are old, as the ledger wrote it last; `None` where none ever did.
    pub async fn time_of_ages(&self) -> Result<Option<Wall>, StoreError> {
        let mut conn = self.reader.acquire().await?;
        Ok(meta::get(&mut conn, meta::TIME).await?.and_then(|v| v.parse().ok()).map(Wall))
    }

    /// Writes records, all in one transaction.
    pub async fn audit(&self, rows: &[AuditRow]) -> Result<(), StoreError> {
        let mut tx = self.writer.begin().await?;
        for row in rows {
            sqlx::query("INSERT INTO audit (at_ms, user, action, what, address) VALUES (?, ?, ?, ?, ?)")
                .bind(row.at.0)
                .bind(&row.user)
                .bind(&row.action)
                .bind(&row.what)
                .bind(&row.address)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// The latest records, newest first.
    pub async fn audited(&self, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        let rows = sqlx::query("SELECT at_ms, user, action, what, address FROM audit ORDER BY id DESC LIMIT ?")
            .bind(i64::from(limit))
            .fetch_all(&self.reader)
            .await?;
        rows.into_iter()
            .map(|row| {
                Ok(AuditRow {
                    at: Wall(row.try_get("at_ms")?),
                    user: row.try_get("user")?,
                    action: row.try_get("action")?,
                    what: row.try_get("what")?,
                    address: row.try_get("address")?,
                })
            })
            .collect()
    }
}

/// Whether somebody of this role is left who sees everything and may log in.
async fn one_stays(tx: &mut sqlx::Transaction<'_, sqlx::Sqlite>, role: &str) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT count(*) AS n FROM users WHERE role = ? AND areas IS NULL AND disabled = 0")
        .bind(role)
        .fetch_one(&mut **tx)
        .await?;
    Ok(row.try_get::<i64, _>("n")? > 0)
}
