//! How far receivers over HTTP have been told, and which retained topics depend on the configuration.

use sqlx::{Row, SqliteConnection};

use super::{StoreError, messages};
use crate::types::{AlertId, HookId, Message, Wall};

/// Where a receiver stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Everything up to this has been told or given up.
    pub cursor: i64,
    /// Why it is told no more.
    pub paused: Option<String>,
    /// Digest of the configuration that this holds for.
    pub config: String,
}

pub async fn place(conn: &mut SqliteConnection, hook: &HookId) -> sqlx::Result<Option<Place>> {
    let row: Option<(i64, Option<String>, String)> =
        sqlx::query_as("SELECT cursor, paused, config FROM hook WHERE id = ?")
            .bind(hook.as_str())
            .fetch_optional(conn)
            .await?;
    Ok(row.map(|(cursor, paused, config)| Place { cursor, paused, config }))
}

pub async fn set_place(conn: &mut SqliteConnection, hook: &HookId, place: &Place) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO hook (id, cursor, paused, config) VALUES (?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET cursor = excluded.cursor, paused = excluded.paused, config = excluded.config",
    )
    .bind(hook.as_str())
    .bind(place.cursor)
    .bind(&place.paused)
    .bind(&place.config)
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets receivers that are configured no more.
pub async fn keep_only(conn: &mut SqliteConnection, hooks: &[HookId]) -> sqlx::Result<u64> {
    let ids = serde_json::to_string(hooks).unwrap_or_else(|_| "[]".into());
    let done = sqlx::query("DELETE FROM hook WHERE id NOT IN (SELECT value FROM json_each(?))").bind(ids);
    Ok(done.execute(conn).await?.rows_affected())
}

/// Messages behind `after` with the times of their commits, oldest first, copies for feeds left out.
pub async fn behind(
    conn: &mut SqliteConnection,
    after: i64,
    feeds: &str,
    limit: i64,
) -> Result<Vec<(Message, Wall)>, StoreError> {
    let rows = sqlx::query(
        "SELECT cursor, at_ms, topic, retain, channel, area, user, payload FROM message
         WHERE cursor > ?1 AND substr(topic, 1, length(?2)) <> ?2 ORDER BY cursor LIMIT ?3",
    )
    .bind(after)
    .bind(feeds)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| Ok((messages::message(row)?, Wall(row.try_get("at_ms")?)))).collect()
}

/// Whether this change of an alert is the one that sent somebody.
pub async fn was_dispatch(conn: &mut SqliteConnection, alert: AlertId, rev: u64) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM alert_change
         WHERE alert = ? AND rev = ? AND to_state = 'dispatched' AND from_state IS NOT 'dispatched')",
    )
    .bind(&alert.0.as_bytes()[..])
    .bind(i64::try_from(rev).unwrap_or(i64::MAX))
    .fetch_one(conn)
    .await
}

/// Retained topics that were announced, by name.
pub async fn announced(conn: &mut SqliteConnection) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar("SELECT topic FROM announced ORDER BY topic").fetch_all(conn).await
}

/// Notes topics before anything is said on them, and forgets those that the broker has cleared.
pub async fn announce(conn: &mut SqliteConnection, new: &[String], gone: &[String]) -> sqlx::Result<()> {
    let json = |topics: &[String]| serde_json::to_string(topics).unwrap_or_else(|_| "[]".into());
    sqlx::query("INSERT OR IGNORE INTO announced (topic) SELECT value FROM json_each(?)")
        .bind(json(new))
        .execute(&mut *conn)
        .await?;
    sqlx::query("DELETE FROM announced WHERE topic IN (SELECT value FROM json_each(?))")
        .bind(json(gone))
        .execute(conn)
        .await?;
    Ok(())
}
