//! What was published (kept for a while for `/changes`) and what the broker has not confirmed yet.
//!
//! Rows are written in the order of their cursors inside the ledger's transaction; a row leaves `outbox` when it is
//! confirmed or given up, and `message` only when it is old and not waiting.

use std::sync::{Arc, LazyLock};

use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{
    StoreError,
    rows::{Many, Query},
    severity_number, severity_of,
};
use crate::types::{AreaId, ChannelId, Message, Scope, Severity, UserId, Wall};

/// A message as it goes into the transaction.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// Its cursor is set.
    pub message: Arc<Message>,
    pub at: Wall,
    pub severity: Severity,
    /// Order in which a full outbox gives rows up, lowest first.
    pub rank: i64,
    /// For a feed: the broker's alone, what it is a copy of is what everybody else hears.
    pub copy: bool,
}

/// What a message weighs against `outbox.max_bytes`.
pub fn weight(message: &Message) -> i64 {
    i64::try_from(message.topic.len() + message.payload.len()).unwrap_or(i64::MAX / 2) + 64
}

pub(super) static MESSAGE: LazyLock<Many> = LazyLock::new(|| {
    Many::new("INSERT INTO message (cursor, at_ms, topic, retain, channel, area, user, payload) VALUES", 8, "")
});
pub(super) static OUTBOX: LazyLock<Many> =
    LazyLock::new(|| Many::new("INSERT INTO outbox (cursor, rank, severity, bytes) VALUES", 4, ""));

pub(super) fn bind<'q>(mut query: Query<'q>, rows: &'q [NewMessage]) -> Query<'q> {
    for row in rows {
        let m = &row.message;
        let (channel, area, user) = match &m.scope {
            Scope::Channel { channel, area } => (Some(channel.as_str()), Some(join(area)), None),
            Scope::Node => (None, None, None),
            Scope::User(user) => (None, None, Some(user.as_str())),
        };
        query = query.bind(m.cursor).bind(row.at.0).bind(&m.topic).bind(m.retain);
        query = query.bind(channel).bind(area).bind(user).bind(&m.payload[..]);
    }
    query
}

/// Their rows in the outbox.
pub(super) fn bind_outbox<'q>(mut query: Query<'q>, rows: &'q [NewMessage]) -> Query<'q> {
    for row in rows {
        query = query.bind(row.message.cursor).bind(row.rank).bind(severity_number(row.severity));
        query = query.bind(weight(&row.message));
    }
    query
}

fn join(area: &[AreaId]) -> String {
    area.iter().map(AreaId::as_str).collect::<Vec<_>>().join("/")
}

/// Reads a row of `cursor, topic, retain, channel, area, user, payload`.
pub(super) fn message(row: &SqliteRow) -> Result<Message, StoreError> {
    let cursor: i64 = row.try_get("cursor")?;
    let bad = |e: &dyn std::fmt::Display| StoreError::Record { what: format!("message {cursor}: {e}") };
    let channel: Option<&str> = row.try_get("channel")?;
    let user: Option<&str> = row.try_get("user")?;
    let scope = match (channel, user) {
        (Some(channel), _) => {
            let area: Option<&str> = row.try_get("area")?;
            let area = area.unwrap_or_default().split('/').filter(|a| !a.is_empty()).map(AreaId::new);
            let area = area.collect::<Result<_, _>>().map_err(|e| bad(&e))?;
            Scope::Channel { channel: ChannelId::new(channel).map_err(|e| bad(&e))?, area }
        }
        (None, Some(user)) => Scope::User(UserId::new(user).map_err(|e| bad(&e))?),
        (None, None) => Scope::Node,
    };
    Ok(Message {
        topic: row.try_get("topic")?,
        payload: row.try_get::<Vec<u8>, _>("payload")?.into(),
        retain: row.try_get("retain")?,
        scope,
        cursor: Some(cursor),
    })
}

/// Not yet confirmed messages behind `after`, oldest first.
pub async fn pending(
    conn: &mut SqliteConnection,
    after: i64,
    limit: i64,
) -> Result<Vec<(Message, Severity)>, StoreError> {
    let rows = sqlx::query(
        "SELECT m.cursor, topic, retain, channel, area, user, payload, o.severity AS severity
         FROM outbox o JOIN message m ON m.cursor = o.cursor
         WHERE o.cursor > ? AND o.acked_ms IS NULL ORDER BY o.cursor LIMIT ?",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| Ok((message(row)?, severity_of(row.try_get("severity")?)))).collect()
}

/// Published messages behind `after`, oldest first, but for the copies below `feeds`.
pub async fn changes(
    conn: &mut SqliteConnection,
    after: i64,
    feeds: &str,
    limit: i64,
) -> Result<Vec<Message>, StoreError> {
    let rows = sqlx::query(
        "SELECT cursor, topic, retain, channel, area, user, payload FROM message
         WHERE cursor > ?1 AND substr(topic, 1, length(?2)) <> ?2 ORDER BY cursor LIMIT ?3",
    )
    .bind(after)
    .bind(feeds)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter().map(message).collect()
}

/// The highest cursor that this file ever gave out; 0 if none.
pub async fn highest(conn: &mut SqliteConnection) -> sqlx::Result<i64> {
    let seq: Option<i64> =
        sqlx::query_scalar("SELECT seq FROM sqlite_sequence WHERE name = 'message'").fetch_optional(conn).await?;
    Ok(seq.unwrap_or(0))
}

/// When the newest of the kept messages was committed.
pub async fn newest_at(conn: &mut SqliteConnection) -> sqlx::Result<Option<Wall>> {
    let at: Option<i64> =
        sqlx::query_scalar("SELECT at_ms FROM message ORDER BY cursor DESC LIMIT 1").fetch_optional(conn).await?;
    Ok(at.map(Wall))
}

/// Rows waiting for the broker, and what they weigh.
pub async fn waiting(conn: &mut SqliteConnection) -> sqlx::Result<(i64, i64)> {
    sqlx::query_as("SELECT count(*), coalesce(sum(bytes), 0) FROM outbox WHERE acked_ms IS NULL").fetch_one(conn).await
}

/// Bytes of all kept messages up to a cursor.
pub async fn kept_bytes(conn: &mut SqliteConnection, upto: i64) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT coalesce(sum(length(payload) + length(topic) + 64), 0) FROM message WHERE cursor <= ?")
        .bind(upto)
        .fetch_one(conn)
        .await
}

fn list(cursors: &[i64]) -> String {
    let text: Vec<String> = cursors.iter().map(i64::to_string).collect();
    format!("[{}]", text.join(","))
}

/// Confirmed by the broker: deleted, or kept marked until `release` if its confirmation may precede its own disk.
/// Gives how many of them were waiting, and what they weighed.
pub async fn acked(conn: &mut SqliteConnection, cursors: &[i64], hold: bool, at: Wall) -> sqlx::Result<(i64, i64)> {
    let query = if hold {
        sqlx::query_scalar::<_, i64>(
            "UPDATE outbox SET acked_ms = ?2 WHERE acked_ms IS NULL AND cursor IN (SELECT value FROM json_each(?1))
             RETURNING bytes",
        )
    } else {
        sqlx::query_scalar::<_, i64>(
            "DELETE FROM outbox WHERE acked_ms IS NULL AND cursor IN (SELECT value FROM json_each(?1))
             AND ?2 IS NOT NULL RETURNING bytes",
        )
    };
    let gone = query.bind(list(cursors)).bind(at.0).fetch_all(conn).await?;
    Ok((i64::try_from(gone.len()).unwrap_or(i64::MAX), gone.iter().sum()))
}

/// Deletes confirmed rows whose time of grace is over.
pub async fn release(conn: &mut SqliteConnection, cursors: &[i64]) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM outbox WHERE acked_ms IS NOT NULL AND cursor IN (SELECT value FROM json_each(?))")
        .bind(list(cursors))
        .execute(conn)
        .await?;
    Ok(())
}

/// After a clean stop: the broker has synced what it confirmed.
pub async fn release_all(conn: &mut SqliteConnection) -> sqlx::Result<u64> {
    Ok(sqlx::query("DELETE FROM outbox WHERE acked_ms IS NOT NULL").execute(conn).await?.rows_affected())
}

/// After an unclean stop: what was confirmed just before it goes out again.
pub async fn unack_all(conn: &mut SqliteConnection) -> sqlx::Result<u64> {
    let done = sqlx::query("UPDATE outbox SET acked_ms = NULL WHERE acked_ms IS NOT NULL").execute(conn).await?;
    Ok(done.rows_affected())
}

/// Gives up waiting rows, the oldest of the lowest rank first, until `bytes` are freed; at most 1,000 a call. Gives
/// rows, bytes, and rows by severity.
pub async fn give_up(conn: &mut SqliteConnection, bytes: i64) -> sqlx::Result<(i64, i64, [u64; 4])> {
    let rows: Vec<(i64, i64, i64)> = sqlx::query_as(
        "SELECT cursor, bytes, severity FROM outbox WHERE acked_ms IS NULL ORDER BY rank, cursor LIMIT 1000",
    )
    .fetch_all(&mut *conn)
    .await?;
    let (mut freed, mut gone, mut by_severity) = (0, Vec::new(), [0; 4]);
    for (cursor, weight, severity) in rows {
        if freed >= bytes {
            break;
        }
        freed += weight;
        gone.push(cursor);
        by_severity[severity_of(severity) as usize] += 1;
    }
    sqlx::query("DELETE FROM outbox WHERE cursor IN (SELECT value FROM json_each(?))")
        .bind(list(&gone))
        .execute(conn)
        .await?;
    Ok((i64::try_from(gone.len()).unwrap_or(i64::MAX), freed, by_severity))
}

/// The oldest messages that wait for nothing and are older than `before` or, where `any_age`, of any age; at most
/// `limit`. Gives their number, bytes, and the highest cursor among them.
pub async fn oldest_free(
    conn: &mut SqliteConnection,
    before: Wall,
    any_age: bool,
    limit: i64,
) -> sqlx::Result<Option<(i64, i64, i64)>> {
    let (rows, bytes, last): (i64, Option<i64>, Option<i64>) = sqlx::query_as(
        "SELECT count(*), sum(bytes), max(cursor) FROM (
             SELECT m.cursor AS cursor, length(payload) + length(topic) + 64 AS bytes
             FROM message m LEFT JOIN outbox o ON o.cursor = m.cursor
             WHERE o.cursor IS NULL AND (?1 OR m.at_ms < ?2) ORDER BY m.cursor LIMIT ?3)",
    )
    .bind(any_age)
    .bind(before.0)
    .bind(limit)
    .fetch_one(conn)
    .await?;
    Ok(bytes.zip(last).map(|(bytes, last)| (rows, bytes, last)))
}

/// Deletes what `oldest_free` found; no other writer is between the two.
pub async fn delete_free(conn: &mut SqliteConnection, before: Wall, any_age: bool, limit: i64) -> sqlx::Result<()> {
    sqlx::query(
        "DELETE FROM message WHERE cursor IN (
             SELECT m.cursor FROM message m LEFT JOIN outbox o ON o.cursor = m.cursor
             WHERE o.cursor IS NULL AND (?1 OR m.at_ms < ?2) ORDER BY m.cursor LIMIT ?3)",
    )
    .bind(any_age)
    .bind(before.0)
    .bind(limit)
    .execute(conn)
    .await?;
    Ok(())
}
