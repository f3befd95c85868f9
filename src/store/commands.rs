//! Commands that were answered: one that arrives twice (QoS 1) is answered twice and done once.

use sqlx::SqliteConnection;

use super::id_of;
use crate::types::{AlertId, UserId, Wall};

/// What a command came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// `None`: done.
    pub error: Option<String>,
    pub alert: Option<AlertId>,
    pub rev: Option<u64>,
}

pub async fn get(conn: &mut SqliteConnection, user: &UserId, request: &str) -> sqlx::Result<Option<Outcome>> {
    type Row = (Option<String>, Option<Vec<u8>>, Option<i64>);
    let row: Option<Row> = sqlx::query_as("SELECT error, alert, rev FROM command WHERE user = ? AND request = ?")
        .bind(user.as_str())
        .bind(request)
        .fetch_optional(conn)
        .await?;
    row.map(|(error, alert, rev)| {
        Ok(Outcome {
            error,
            alert: alert.map(|id| id_of(&id).map(AlertId)).transpose()?,
            rev: rev.and_then(|r| u64::try_from(r).ok()),
        })
    })
    .transpose()
}

pub async fn put(
    conn: &mut SqliteConnection,
    user: &UserId,
    request: &str,
    outcome: &Outcome,
    at: Wall,
) -> sqlx::Result<()> {
    sqlx::query("INSERT OR IGNORE INTO command (user, request, at_ms, error, alert, rev) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(user.as_str())
        .bind(request)
        .bind(at.0)
        .bind(&outcome.error)
        .bind(outcome.alert.map(|a| a.0.as_bytes().to_vec()))
        .bind(outcome.rev.and_then(|r| i64::try_from(r).ok()))
        .execute(conn)
        .await?;
    Ok(())
}

/// Forgets commands older than `before`; at most 1,000 a call.
pub async fn prune(conn: &mut SqliteConnection, before: Wall) -> sqlx::Result<()> {
    sqlx::query(
        "DELETE FROM command WHERE (user, request) IN
             (SELECT user, request FROM command WHERE at_ms < ? ORDER BY at_ms LIMIT 1000)",
    )
    .bind(before.0)
    .execute(conn)
    .await?;
    Ok(())
}
