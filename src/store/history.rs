//! What lies too far back goes, in pieces so small that no fact waits for it: events first, then the closed alerts that
//! no event hangs on any more. Without this a camera that sees somebody every minute fills the disk in a year.

use sqlx::{Connection, SqliteConnection};
use uuid::Uuid;

use super::search;
use crate::types::Wall;

/// Alerts in one piece.
const ALERTS: i64 = 100;

/// The smallest id that can have been made at this time: a UUIDv7 begins with 48 bits of milliseconds.
fn first_id(at: Wall) -> Vec<u8> {
    let ms = u64::try_from(at.0).unwrap_or(0);
    Uuid::from_u128(u128::from(ms) << 80).as_bytes().to_vec()
}

/// Deletes at most `limit` events that ended and began before, or, once there are none, closed alerts that nothing
/// happened to since. Gives how many rows went.
pub async fn prune(conn: &mut SqliteConnection, before: Wall, limit: i64) -> sqlx::Result<u64> {
    let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
    let events = sqlx::query(
        "DELETE FROM event WHERE id IN
         (SELECT id FROM event WHERE id < ?1 AND ended_cursor IS NOT NULL ORDER BY id LIMIT ?2)",
    )
    .bind(first_id(before))
    .bind(limit)
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if events > 0 {
        tx.commit().await?;
        return Ok(events);
    }
    // Only the oldest are looked at: this is asked every minute, and most of the time nothing is old enough.
    let old: Vec<Vec<u8>> = sqlx::query_scalar(
        "SELECT id FROM (SELECT id, updated_ms, active FROM alert WHERE state = 'closed' ORDER BY opened_cursor LIMIT ?1) a
         WHERE active = 0 AND updated_ms < ?2 AND NOT EXISTS (SELECT 1 FROM event e WHERE e.alert = a.id)",
    )
    .bind(ALERTS)
    .bind(before.0)
    .fetch_all(&mut *tx)
    .await?;
    for id in &old {
        search::forget(&mut tx, id).await?;
        sqlx::query("DELETE FROM alert_change WHERE alert = ?").bind(id).execute(&mut *tx).await?;
        sqlx::query("DELETE FROM alert WHERE id = ?").bind(id).execute(&mut *tx).await?;
    }
    if !old.is_empty() {
        search::forget_hours(&mut tx).await?;
    }
    tx.commit().await?;
    Ok(u64::try_from(old.len()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config,
        store::Store,
        types::{AlertId, Clock, EventId},
    };

    const DAY: i64 = 86_400_000;

    async fn alert(conn: &mut SqliteConnection, at: i64, state: &str) -> Vec<u8> {
        let id = AlertId::at(at).0.as_bytes().to_vec();
        sqlx::query(
            "INSERT INTO alert (id, opened_cursor, cursor, rev, state, active, severity, channel, updated_ms, payload)
             VALUES (?1, ?2, ?2, 1, ?3, 0, 1, 'c', ?2, x'00')",
        )
        .bind(&id)
        .bind(at)
        .bind(state)
        .execute(&mut *conn)
        .await
        .unwrap();
        sqlx::query("INSERT INTO alert_change (alert, rev, at_ms, action, to_state) VALUES (?, 1, ?, 'opened', ?)")
            .bind(&id)
            .bind(at)
            .bind(state)
            .execute(conn)
            .await
            .unwrap();
        id
    }

    async fn event(conn: &mut SqliteConnection, at: i64, alert: &[u8], ended: bool) {
        sqlx::query(
            "INSERT INTO event (id, channel, alert, started_cursor, ended_cursor, ended, cursor, payload)
             VALUES (?1, 'c', ?2, ?3, ?4, ?5, ?3, x'00')",
        )
        .bind(EventId::at(at).0.as_bytes().to_vec())
        .bind(alert)
        .bind(at)
        .bind(ended.then_some(at))
        .bind(ended.then_some("cleared"))
        .execute(conn)
        .await
        .unwrap();
    }

    async fn counts(conn: &mut SqliteConnection) -> (i64, i64, i64) {
        sqlx::query_as(
            "SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM alert), (SELECT count(*) FROM alert_change)",
        )
        .fetch_one(conn)
        .await
        .unwrap()
    }

    #[tokio::test]
    async fn only_what_is_old_and_over_goes_and_in_pieces() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &config::Store::default(), Clock::start()).await.unwrap();
        let mut conn = store.writer().acquire().await.unwrap();
        let old = alert(&mut conn, DAY, "closed").await;
        let taken = alert(&mut conn, 2 * DAY, "acknowledged").await;
        let young = alert(&mut conn, 9 * DAY, "closed").await;
        for at in 0..5 {
            event(&mut conn, DAY + at, &old, true).await;
        }
        event(&mut conn, 2 * DAY, &taken, true).await;
        event(&mut conn, 2 * DAY + 1, &taken, false).await;
        event(&mut conn, 9 * DAY, &young, true).await;
        let mut went = Vec::new();
        loop {
            match prune(&mut conn, Wall(5 * DAY), 4).await.unwrap() {
                0 => break,
                n => went.push(n),
            }
        }
        assert_eq!(went, [4, 2, 1], "six events in two pieces, then one alert");
        assert_eq!(counts(&mut conn).await, (2, 2, 2), "an open event, a young one, and their alerts stay");
        drop(conn);
        store.close().await;
    }
}
