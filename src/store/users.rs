//! Logins, their sessions, and the record of who did what.
//!
//! In: names, argon2id strings, sha256 of session tokens. Out: rows. It hashes nothing and decides nothing: that is
//! `web::auth`'s work. It must never see a password or a session token in clear, so that no query log, backup or copy of
//! the database opens a session. Every statement is a literal with bound parameters.

use sqlx::{Row, SqlitePool, sqlite::SqliteRow};

use super::{Store, StoreError};
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

fn broken_record(user: &str, field: &str) -> StoreError {
    StoreError::Record { what: format!("the login '{user}' has a broken {field}") }
}

fn user_of(row: &SqliteRow) -> Result<UserRow, StoreError> {
    let name: String = row.try_get("name")?;
    let broken = |field| broken_record(&name, field);
    let areas: Option<String> = row.try_get("areas")?;
    Ok(UserRow {
        areas: areas.map(|t| serde_json::from_str(&t)).transpose().map_err(|_| broken("list of areas"))?,
        role: row.try_get("role")?,
        hash: row.try_get("hash")?,
        must_change: row.try_get::<i64, _>("must_change")? != 0,
        name: UserId::new(&name).map_err(|_| broken("name"))?,
    })
}

impl Users {
    pub fn new(store: &Store) -> Self {
        Self { writer: store.writer().clone(), reader: store.reader().clone() }
    }

    pub async fn count(&self) -> Result<u64, StoreError> {
        let row = sqlx::query("SELECT count(*) AS n FROM users").fetch_one(&self.reader).await?;
        Ok(u64::try_from(row.try_get::<i64, _>("n")?).unwrap_or(0))
    }

    pub async fn by_name(&self, name: &UserId) -> Result<Option<UserRow>, StoreError> {
        let row = sqlx::query("SELECT name, role, areas, hash, must_change FROM users WHERE name = ?")
            .bind(name.as_str())
            .fetch_optional(&self.reader)
            .await?;
        row.as_ref().map(user_of).transpose()
    }

    /// Adds a login; `false` if the name is taken.
    pub async fn insert(&self, user: &UserRow, at: Wall) -> Result<bool, StoreError> {
        let areas = user.areas.as_ref().map(serde_json::to_string).transpose();
        let areas = areas.map_err(|_| broken_record(user.name.as_str(), "list of areas"))?;
        let done = sqlx::query(
            "INSERT INTO users (name, role, areas, hash, must_change, created_ms, changed_ms)
             VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING",
        )
        .bind(user.name.as_str())
        .bind(&user.role)
        .bind(areas)
        .bind(&user.hash)
        .bind(i64::from(user.must_change))
        .bind(at.0)
        .bind(at.0)
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected() == 1)
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
        at: Wall,
    ) -> Result<(), StoreError> {
        let mut tx = self.writer.begin().await?;
        sqlx::query("INSERT INTO sessions (token_sha256, user, csrf, created_ms, last_ms) VALUES (?, ?, ?, ?, ?)")
            .bind(token.as_slice())
            .bind(user.as_str())
            .bind(csrf)
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
            "SELECT u.name, u.role, u.areas, u.hash, u.must_change, s.csrf, s.last_ms
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
