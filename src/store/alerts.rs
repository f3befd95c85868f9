//! Alerts: one row each with its latest payload, and the lines of its history.

use std::sync::LazyLock;

use bytes::Bytes;
use sqlx::SqliteConnection;

use super::{
    StoreError, id_of,
    rows::{Many, Query},
    severity_number,
};
use crate::types::{
    AlertId, AreaId, ChannelId, PositionId, Severity, UserId, Wall,
    alert::{Alert, AlertHistory},
    handling::{Because, How, ResultCode},
    payload::{AlertPayload, AlertState},
};

/// An alert after the transaction.
#[derive(Debug, Clone)]
pub struct AlertRow {
    pub alert: Alert,
    pub cursor: i64,
    pub payload: Bytes,
}

pub(super) static ALERT: LazyLock<Many> = LazyLock::new(|| {
    Many::new(
        "INSERT INTO alert (id, opened_cursor, cursor, rev, state, active, severity, channel, updated_ms, last_end_ms,
                            limited, position, priority, shown, timer_ms, opened_ms, kind, rule, area, owner, result,
                            row_ms, how, because, chattering, held_back, payload) VALUES",
        27,
        "ON CONFLICT (id) DO UPDATE SET cursor = excluded.cursor, rev = excluded.rev, state = excluded.state,
             active = excluded.active, severity = excluded.severity, updated_ms = excluded.updated_ms,
             last_end_ms = excluded.last_end_ms, limited = excluded.limited, position = excluded.position,
             priority = excluded.priority, shown = excluded.shown, timer_ms = excluded.timer_ms,
             owner = excluded.owner, result = excluded.result, row_ms = excluded.row_ms, how = excluded.how,
             because = excluded.because, chattering = excluded.chattering, held_back = excluded.held_back,
             payload = excluded.payload",
    )
});
pub(super) static CHANGE: LazyLock<Many> = LazyLock::new(|| {
    Many::new("INSERT INTO alert_change (alert, rev, at_ms, author, action, from_state, to_state, note) VALUES", 8, "")
});

/// Writes alerts, each at most once; the first time its cursor becomes its place in lists.
pub(super) fn bind<'q>(mut query: Query<'q>, rows: &'q [(AlertRow, i64)]) -> Query<'q> {
    for (row, opened_cursor) in rows {
        let a = &row.alert;
        query = query.bind(&a.id.0.as_bytes()[..]).bind(opened_cursor).bind(row.cursor).bind(signed(a.rev));
        query = query.bind(a.state.as_str()).bind(a.active()).bind(severity_number(a.severity));
        query = query.bind(a.channel.as_str()).bind(a.updated.0).bind(a.last_end.map(|e| e.0));
        query = query.bind(signed(a.limited)).bind(a.handling.position.as_ref().map_or("", PositionId::as_str));
        query = query.bind(severity_number(a.priority())).bind(a.handling.showing.how == How::Row);
        query = query.bind(a.timer().map(|t| t.0)).bind(a.opened.0).bind(&a.kind).bind(a.rule.id.as_str());
        query = query.bind(area_path(&a.area)).bind(a.owner.as_ref().map(UserId::as_str));
        query = query.bind(a.handling.result.map(ResultCode::as_str)).bind(row_since(a));
        query = query.bind(a.handling.showing.how.as_str()).bind(a.handling.showing.because.map(Because::as_str));
        query = query.bind(a.handling.chattering).bind(signed(a.handling.held_back)).bind(&row.payload[..]);
    }
    query
}

/// An area path as it stands in the table.
fn area_path(area: &[AreaId]) -> String {
    area.iter().map(AreaId::as_str).collect::<Vec<_>>().join("/")
}

/// When it became a row; `None` if it is none.
fn row_since(alert: &Alert) -> Option<i64> {
    let showing = &alert.handling.showing;
    (showing.how == How::Row).then(|| showing.since.unwrap_or(alert.opened).0)
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Lines for the histories of alerts.
pub(super) fn bind_history<'q>(mut query: Query<'q>, lines: &'q [(AlertId, AlertHistory)]) -> Query<'q> {
    for (alert, line) in lines {
        query = query.bind(&alert.0.as_bytes()[..]).bind(signed(line.rev)).bind(line.at.0);
        query = query.bind(line.author.as_ref().map(UserId::as_str)).bind(&line.action);
        query = query.bind(line.from.map(AlertState::as_str)).bind(line.to.as_str()).bind(&line.note);
    }
    query
}

/// An alert's history, oldest first. Of more than `limit` lines the ones that only count an event go first: what people
/// did, and what changed the state, stays however much happened since.
pub async fn history(conn: &mut SqliteConnection, alert: AlertId, limit: i64) -> Result<Vec<AlertHistory>, StoreError> {
    type Line = (i64, i64, Option<String>, String, Option<String>, String, Option<String>);
    let mut rows: Vec<Line> = sqlx::query_as(
        // Both along the key from its end, so that a hundred thousand events cost a glance each and are not sorted.
        "WITH told AS MATERIALIZED (
             SELECT rev, at_ms, author, action, from_state, to_state, note FROM alert_change
             WHERE alert = ?1 AND (action <> 'event' OR from_state IS NOT to_state) ORDER BY rev DESC LIMIT ?2
         )
         SELECT * FROM told UNION ALL SELECT * FROM (
             SELECT rev, at_ms, author, action, from_state, to_state, note FROM alert_change
             WHERE alert = ?1 AND action = 'event' AND from_state IS to_state
             ORDER BY rev DESC LIMIT max(?2 - (SELECT count(*) FROM told), 0))",
    )
    .bind(&alert.0.as_bytes()[..])
    .bind(limit)
    .fetch_all(conn)
    .await?;
    let bad = |what: String| StoreError::Record { what: format!("history of alert {alert}: {what}") };
    rows.sort_unstable_by_key(|line| line.0);
    rows.into_iter()
        .map(|(rev, at, author, action, from, to, note)| {
            Ok(AlertHistory {
                rev: u64::try_from(rev).unwrap_or(0),
                at: Wall(at),
                author: author.map(|a| UserId::new(&a)).transpose().map_err(|e| bad(e.to_string()))?,
                action,
                from: from.and_then(|f| AlertState::parse(&f)),
                to: AlertState::parse(&to).ok_or_else(|| bad(format!("state '{to}'")))?,
                note,
            })
        })
        .collect()
}

/// What the line of one change says beside the name of what was done.
pub async fn note(conn: &mut SqliteConnection, alert: AlertId, rev: u64) -> sqlx::Result<Option<String>> {
    let found: Option<Option<String>> = sqlx::query_scalar("SELECT note FROM alert_change WHERE alert = ? AND rev = ?")
        .bind(&alert.0.as_bytes()[..])
        .bind(signed(rev))
        .fetch_optional(conn)
        .await?;
    Ok(found.flatten())
}

pub async fn get(conn: &mut SqliteConnection, id: AlertId) -> Result<Option<AlertPayload>, StoreError> {
    let row: Option<Vec<u8>> = sqlx::query_scalar("SELECT payload FROM alert WHERE id = ?")
        .bind(&id.0.as_bytes()[..])
        .fetch_optional(conn)
        .await?;
    row.map(|p| parse(&p)).transpose()
}

type Held = (Vec<u8>, Option<i64>, i64);

fn alert((payload, last_end, limited): Held) -> Result<Alert, StoreError> {
    Ok(Alert::from_payload(parse(&payload)?, 0, last_end.map(Wall), u64::try_from(limited).unwrap_or(0)))
}

/// An alert for the book. Its open events are the caller's knowledge.
pub async fn load(conn: &mut SqliteConnection, id: AlertId) -> Result<Option<Alert>, StoreError> {
    let row: Option<Held> = sqlx::query_as("SELECT payload, last_end_ms, limited FROM alert WHERE id = ?")
        .bind(&id.0.as_bytes()[..])
        .fetch_optional(conn)
        .await?;
    row.map(alert).transpose()
}

/// Alerts that a new event may still join, newest first: their last event ended at `since` or later. Active ones are found
/// by their open events.
pub async fn joinable(
    conn: &mut SqliteConnection,
    since: Wall,
    limit: i64,
) -> Result<Vec<Result<Alert, StoreError>>, StoreError> {
    let rows: Vec<Held> = sqlx::query_as(
        "SELECT payload, last_end_ms, limited FROM alert
         WHERE state <> 'closed' AND active = 0 AND last_end_ms >= ? ORDER BY opened_cursor DESC LIMIT ?",
    )
    .bind(since.0)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(alert).collect())
}

/// Alerts to which something happens by itself, soonest first: shelved, waiting to be taken, or never a row.
pub async fn timed(conn: &mut SqliteConnection, limit: i64) -> Result<Vec<Result<Alert, StoreError>>, StoreError> {
    let rows: Vec<Held> = sqlx::query_as(
        "SELECT payload, last_end_ms, limited FROM alert WHERE timer_ms IS NOT NULL ORDER BY timer_ms LIMIT ?",
    )
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(alert).collect())
}

/// Open rows of none of these positions: from before there were positions, or of one that has another name now.
pub async fn elsewhere(
    conn: &mut SqliteConnection,
    positions: &[PositionId],
    limit: i64,
) -> Result<Vec<Result<Alert, StoreError>>, StoreError> {
    let names = serde_json::to_string(positions).unwrap_or_else(|_| "[]".into());
    let rows: Vec<Held> = sqlx::query_as(
        "SELECT payload, last_end_ms, limited FROM alert INDEXED BY alert_position
         WHERE state <> 'closed' AND shown = 1 AND position NOT IN (SELECT value FROM json_each(?)) LIMIT ?",
    )
    .bind(names)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(alert).collect())
}

/// Alerts in a state that nothing has happened to since `before`, oldest first.
pub async fn stale(
    conn: &mut SqliteConnection,
    state: AlertState,
    before: Wall,
    limit: i64,
) -> sqlx::Result<Vec<AlertId>> {
    let rows: Vec<Vec<u8>> = sqlx::query_scalar(
        "SELECT id FROM alert WHERE state = ? AND active = 0 AND updated_ms < ? AND (state <> 'new' OR priority < 3)
         ORDER BY opened_cursor LIMIT ?",
    )
    .bind(state.as_str())
    .bind(before.0)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter().map(|id| Ok(AlertId(id_of(id)?))).collect()
}

/// An alert that is not closed.
#[derive(Debug, Clone)]
pub struct OpenAlert {
    pub alert: AlertPayload,
    /// The same as it was published.
    pub payload: Bytes,
}

/// Some alerts that are not closed.
#[derive(Debug, Clone)]
pub struct OpenAlerts {
    pub alerts: Vec<OpenAlert>,
    /// The place behind which there may be more; `None` after the last.
    pub next: Option<i64>,
}

/// Alerts that are not closed, by their opening, oldest first, behind a place. One that cannot be read is left out and said.
pub async fn open(conn: &mut SqliteConnection, behind: i64, limit: i64) -> sqlx::Result<OpenAlerts> {
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "SELECT opened_cursor, payload FROM alert INDEXED BY alert_open
         WHERE state <> 'closed' AND opened_cursor > ? ORDER BY opened_cursor LIMIT ?",
    )
    .bind(behind)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    let full = i64::try_from(rows.len()).unwrap_or(i64::MAX) >= limit;
    let next = rows.last().map(|(place, _)| *place).filter(|_| full);
    let mut alerts = Vec::with_capacity(rows.len());
    for (_, payload) in rows {
        match parse(&payload) {
            Ok(alert) => alerts.push(OpenAlert { alert, payload: payload.into() }),
            Err(e) => tracing::error!("an open alert is left out: {e}"),
        }
    }
    Ok(OpenAlerts { alerts, next })
}

/// How many are not closed.
pub async fn count_open(conn: &mut SqliteConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT count(*) FROM alert WHERE state <> 'closed'").fetch_one(conn).await
}

/// Which alerts a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    All,
    /// All but the closed ones.
    Open,
    State(AlertState),
}

/// What a list is restricted to.
#[derive(Debug, Clone, Copy)]
pub struct Which<'a> {
    pub filter: Filter,
    pub channel: Option<&'a ChannelId>,
    pub severity: Option<Severity>,
    /// Only what is a row of its own.
    pub rows: bool,
    /// Only rows before this position: its own, and what was escalated to it until somebody takes it.
    pub position: Option<&'a PositionId>,
}

/// Alerts by their opening, newest first, with the place of each.
pub async fn list(
    conn: &mut SqliteConnection,
    which: Which<'_>,
    before: i64,
    limit: i64,
) -> Result<Vec<(i64, AlertPayload)>, StoreError> {
    // One text for each index that serves it; what is not asked for is bound so that it holds for every row.
    let text = match (which.channel.is_some(), which.filter) {
        (true, _) => {
            "SELECT opened_cursor, payload FROM alert INDEXED BY alert_channel
             WHERE channel = ?1 AND opened_cursor < ?2 AND (?3 IS NULL OR state = ?3) AND (state <> 'closed' OR ?4)
               AND severity >= ?5 AND shown >= ?7 AND (?8 IS NULL OR position = ?8 OR (escalated_to = ?8 AND state = 'new'))
             ORDER BY opened_cursor DESC LIMIT ?6"
        }
        (false, Filter::Open) if which.position.is_some() => {
            "SELECT opened_cursor, payload FROM alert INDEXED BY alert_position
             WHERE position = ?8 AND state <> 'closed' AND shown = 1 AND opened_cursor < ?2 AND ?1 IS NULL
               AND ?3 IS NULL AND NOT ?4 AND severity >= ?5 AND ?7
             UNION ALL
             SELECT opened_cursor, payload FROM alert INDEXED BY alert_escalated
             WHERE escalated_to = ?8 AND position <> ?8 AND state = 'new' AND shown = 1 AND opened_cursor < ?2
               AND severity >= ?5
             ORDER BY opened_cursor DESC LIMIT ?6"
        }
        (false, Filter::Open) if which.rows => {
            "SELECT opened_cursor, payload FROM alert INDEXED BY alert_rows
             WHERE state <> 'closed' AND shown = 1 AND opened_cursor < ?2 AND ?1 IS NULL AND ?3 IS NULL AND NOT ?4
               AND severity >= ?5 AND ?7 AND ?8 IS NULL
             ORDER BY opened_cursor DESC LIMIT ?6"
        }
        (false, Filter::Open) => {
            "SELECT opened_cursor, payload FROM alert INDEXED BY alert_open
             WHERE state <> 'closed' AND opened_cursor < ?2 AND ?1 IS NULL AND ?3 IS NULL AND NOT ?4 AND severity >= ?5
               AND NOT ?7 AND ?8 IS NULL
             ORDER BY opened_cursor DESC LIMIT ?6"
        }
        (false, Filter::State(_)) => {
            "SELECT opened_cursor, payload FROM alert INDEXED BY alert_state
             WHERE state = ?3 AND opened_cursor < ?2 AND ?1 IS NULL AND ?4 AND severity >= ?5 AND shown >= ?7
               AND (?8 IS NULL OR position = ?8 OR (escalated_to = ?8 AND state = 'new'))
             ORDER BY opened_cursor DESC LIMIT ?6"
        }
        (false, Filter::All) => {
            "SELECT opened_cursor, payload FROM alert
             WHERE opened_cursor < ?2 AND ?1 IS NULL AND ?3 IS NULL AND ?4 AND +severity >= ?5 AND shown >= ?7
               AND (?8 IS NULL OR position = ?8 OR (escalated_to = ?8 AND state = 'new'))
             ORDER BY opened_cursor DESC LIMIT ?6"
        }
    };
    let state = match which.filter {
        Filter::State(state) => Some(state.as_str()),
        Filter::All | Filter::Open => None,
    };
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(text)
        .bind(which.channel.map(ChannelId::as_str))
        .bind(before)
        .bind(state)
        .bind(which.filter != Filter::Open)
        .bind(which.severity.map_or(0, severity_number))
        .bind(limit)
        .bind(which.rows || which.position.is_some())
        .bind(which.position.map(PositionId::as_str))
        .fetch_all(conn)
        .await?;
    rows.into_iter().map(|(place, payload)| Ok((place, parse(&payload)?))).collect()
}

pub(super) fn parse(payload: &[u8]) -> Result<AlertPayload, StoreError> {
    serde_json::from_slice(payload).map_err(|e| StoreError::Record { what: format!("an alert: {e}") })
}
