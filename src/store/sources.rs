//! What was learnt of the sources of alerts: one row each, written with the alert change that taught it.

use sqlx::SqliteConnection;

use crate::types::{Wall, alert::Learnt};

/// Rows forgotten a call.
const PIECE: i64 = 1000;

pub async fn put(conn: &mut SqliteConnection, rows: &[Learnt], at: Wall) -> sqlx::Result<()> {
    for row in rows {
        sqlx::query("INSERT OR REPLACE INTO source (key, at_ms, kept) VALUES (?, ?, ?)")
            .bind(&row.key)
            .bind(at.0)
            .bind(&row.kept)
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

/// The latest, oldest first.
pub async fn latest(conn: &mut SqliteConnection, limit: i64) -> sqlx::Result<Vec<Learnt>> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT key, kept FROM (SELECT key, kept, at_ms FROM source ORDER BY at_ms DESC LIMIT ?) ORDER BY at_ms",
    )
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|(key, kept)| Learnt { key, kept }).collect())
}

pub async fn prune(conn: &mut SqliteConnection, before: Wall) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM source WHERE key IN (SELECT key FROM source WHERE at_ms < ? ORDER BY at_ms LIMIT ?)")
        .bind(before.0)
        .bind(PIECE)
        .execute(conn)
        .await?;
    Ok(())
}
