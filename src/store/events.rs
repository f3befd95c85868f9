//! Events: one row each, with its latest payload. It starts once and ends once; the tables refuse anything else.

use std::{collections::HashSet, sync::LazyLock};

use bytes::Bytes;
use sqlx::SqliteConnection;

use super::{
    StoreError, id_of, ids,
    rows::{Many, Query},
};
use crate::types::{AlertId, EventEnd, EventId, payload::EventPayload};

/// An event after the transaction.
#[derive(Debug, Clone)]
pub struct EventRow {
    pub id: EventId,
    /// It starts in this transaction.
    pub new: bool,
    pub channel: String,
    pub alert: AlertId,
    /// Of the start; only read where `new`.
    pub started_cursor: i64,
    pub ended: Option<(i64, EventEnd)>,
    pub cursor: i64,
    pub payload: Bytes,
}

pub fn end_name(end: EventEnd) -> &'static str {
    match end {
        EventEnd::Cleared => "cleared",
        EventEnd::Lost => "lost",
        EventEnd::Interrupted => "interrupted",
        EventEnd::Reconfigured => "reconfigured",
    }
}

pub(super) static START: LazyLock<Many> = LazyLock::new(|| {
    Many::new(
        "INSERT INTO event (id, channel, alert, started_cursor, ended_cursor, ended, cursor, payload) VALUES",
        8,
        "",
    )
});
pub(super) static CHANGE: LazyLock<Many> = LazyLock::new(|| {
    Many::new(
        "UPDATE event SET alert = v.column2, ended_cursor = v.column3, ended = v.column4, cursor = v.column5,
             payload = v.column6
         FROM (VALUES",
        6,
        ") AS v WHERE event.id = v.column1",
    )
});

/// Events that start.
pub(super) fn bind_starts<'q>(mut query: Query<'q>, rows: &'q [&EventRow]) -> Query<'q> {
    for row in rows {
        let (ended_cursor, ended) = ended(row);
        query = query.bind(&row.id.0.as_bytes()[..]).bind(&row.channel).bind(&row.alert.0.as_bytes()[..]);
        query = query.bind(row.started_cursor).bind(ended_cursor).bind(ended);
        query = query.bind(row.cursor).bind(&row.payload[..]);
    }
    query
}

/// Events that are known.
pub(super) fn bind_changes<'q>(mut query: Query<'q>, rows: &'q [&EventRow]) -> Query<'q> {
    for row in rows {
        let (ended_cursor, ended) = ended(row);
        query = query.bind(&row.id.0.as_bytes()[..]).bind(&row.alert.0.as_bytes()[..]);
        query = query.bind(ended_cursor).bind(ended);
        query = query.bind(row.cursor).bind(&row.payload[..]);
    }
    query
}

fn ended(row: &EventRow) -> (Option<i64>, Option<&'static str>) {
    row.ended.map_or((None, None), |(cursor, end)| (Some(cursor), Some(end_name(end))))
}

/// Which of these events are known, open or ended.
pub async fn known(conn: &mut SqliteConnection, of: &[EventId]) -> sqlx::Result<HashSet<EventId>> {
    let rows: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT id FROM event WHERE id IN (SELECT unhex(value) FROM json_each(?))")
            .bind(ids(of.iter().map(|e| e.0)))
            .fetch_all(conn)
            .await?;
    rows.iter().map(|id| Ok(EventId(id_of(id)?))).collect()
}

/// Events that have not ended, with their latest payload, in the order of their starts.
pub async fn open(conn: &mut SqliteConnection) -> sqlx::Result<Vec<(EventId, AlertId, Vec<u8>)>> {
    let rows: Vec<(Vec<u8>, Vec<u8>, Vec<u8>)> =
        sqlx::query_as("SELECT id, alert, payload FROM event WHERE ended_cursor IS NULL ORDER BY started_cursor")
            .fetch_all(conn)
            .await?;
    rows.into_iter().map(|(e, a, p)| Ok((EventId(id_of(&e)?), AlertId(id_of(&a)?), p))).collect()
}

pub async fn get(conn: &mut SqliteConnection, id: EventId) -> Result<Option<EventPayload>, StoreError> {
    let row: Option<Vec<u8>> = sqlx::query_scalar("SELECT payload FROM event WHERE id = ?")
        .bind(&id.0.as_bytes()[..])
        .fetch_optional(conn)
        .await?;
    row.map(|p| parse(&p)).transpose()
}

/// The latest events of an alert, newest first.
pub async fn of_alert(conn: &mut SqliteConnection, id: AlertId, limit: i64) -> Result<Vec<EventPayload>, StoreError> {
    let rows: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT payload FROM event WHERE alert = ? ORDER BY started_cursor DESC LIMIT ?")
            .bind(&id.0.as_bytes()[..])
            .bind(limit)
            .fetch_all(conn)
            .await?;
    rows.iter().map(|p| parse(p)).collect()
}

pub fn parse(payload: &[u8]) -> Result<EventPayload, StoreError> {
    serde_json::from_slice(payload).map_err(|e| StoreError::Record { what: format!("an event: {e}") })
}
