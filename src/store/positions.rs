//! How positions stand: one row each, written with the facts that changed it.

use sqlx::SqliteConnection;

use crate::types::{PositionId, Wall, position::Kept};

pub async fn put(conn: &mut SqliteConnection, rows: &[Kept], at: Wall) -> sqlx::Result<()> {
    for row in rows {
        sqlx::query("INSERT OR REPLACE INTO position (id, at_ms, kept) VALUES (?, ?, ?)")
            .bind(row.position.as_str())
            .bind(at.0)
            .bind(&row.kept)
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

/// Those that changed latest. Every id was one when it was written.
pub async fn latest(conn: &mut SqliteConnection, limit: i64) -> sqlx::Result<Vec<Kept>> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT id, kept FROM position ORDER BY at_ms DESC LIMIT ?").bind(limit).fetch_all(conn).await?;
    let kept = |(id, kept): (String, String)| PositionId::new(&id).ok().map(|position| Kept { position, kept });
    Ok(rows.into_iter().filter_map(kept).collect())
}

/// Positions that there are no more, or to which nothing has come for so long.
pub async fn prune(conn: &mut SqliteConnection, before: Wall) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM position WHERE at_ms < ?").bind(before.0).execute(conn).await?;
    Ok(())
}
