//! Keeps the words and the hours of alerts in step with the alerts, in the transaction that writes those.

use std::{
    collections::{BTreeMap, HashSet},
    sync::LazyLock,
};

use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use super::words;
use crate::{
    store::{StoreError, alerts::AlertRow, id_of, ids, meta, rows::Many},
    types::{AlertId, AreaId, alert::AlertHistory, payload::AlertPayload},
};

/// Up to this place alerts have no words yet; unset: all have.
const FILL: &str = "search_fill";
pub const HOUR_MS: i64 = 3_600_000;

/// More alerts than these are looked up.
const FEW: usize = 8;

static WORDS: LazyLock<Many> =
    LazyLock::new(|| Many::new("INSERT OR REPLACE INTO alert_text (rowid, body) VALUES", 2, ""));

/// Enters what a batch wrote; after its alerts and its history. An alert is read anew when a person has done something:
/// most changes of alerts are events, and those say nothing that is looked for.
pub async fn index(
    conn: &mut SqliteConnection,
    written: &[(AlertRow, i64)],
    history: &[(AlertId, AlertHistory)],
) -> sqlx::Result<()> {
    // Without a look into the table: most changes of alerts are events of those that are known.
    let known = |id: AlertId| {
        let mut lines = history.iter().filter(|(of, _)| *of == id).map(|(_, line)| line).peekable();
        lines.peek().is_some() && lines.all(|line| line.from.is_some() && line.author.is_none())
    };
    if written.len() <= FEW && written.iter().all(|(row, _)| known(row.alert.id)) {
        return Ok(());
    }
    let said: HashSet<AlertId> = history.iter().filter(|(_, line)| line.author.is_some()).map(|(id, _)| *id).collect();
    let places = places(conn, written).await?;
    let mut entries = Vec::new();
    let mut hours: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    for (row, cursor) in written {
        let (a, Some(place)) = (&row.alert, places.get(&row.alert.id).copied()) else { continue };
        // What was there before keeps its place.
        let new = place == *cursor;
        if new {
            let (first, last) = hours.entry(a.opened.0.div_euclid(HOUR_MS)).or_insert((place, place));
            (*first, *last) = ((*first).min(place), (*last).max(place));
        }
        if new || said.contains(&a.id) {
            let notes = if said.contains(&a.id) { notes(conn, &a.id.0.as_bytes()[..]).await? } else { Vec::new() };
            let to = a.handling.dispatched_to.as_deref();
            entries.push((
                place,
                body(&a.area, a.channel.as_str(), &a.channel_name, a.rule.id.as_str(), &a.kind, to, &notes),
            ));
        }
    }
    enter(conn, &entries).await?;
    for (hour, (first, last)) in hours {
        sqlx::query(
            "INSERT INTO alert_hour (hour, first, last) VALUES (?, ?, ?)
             ON CONFLICT (hour) DO UPDATE SET first = min(first, excluded.first), last = max(last, excluded.last)",
        )
        .bind(hour)
        .bind(first)
        .bind(last)
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

async fn places(conn: &mut SqliteConnection, written: &[(AlertRow, i64)]) -> sqlx::Result<BTreeMap<AlertId, i64>> {
    let rows: Vec<(Vec<u8>, i64)> =
        sqlx::query_as("SELECT id, opened_cursor FROM alert WHERE id IN (SELECT unhex(value) FROM json_each(?))")
            .bind(ids(written.iter().map(|(row, _)| row.alert.id.0)))
            .fetch_all(conn)
            .await?;
    rows.into_iter().map(|(id, place)| Ok((AlertId(id_of(&id)?), place))).collect()
}

/// What people wrote; the gateway's own lines say the same of thousands.
async fn notes(conn: &mut SqliteConnection, alert: &[u8]) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "SELECT note FROM alert_change WHERE alert = ? AND author IS NOT NULL AND note IS NOT NULL ORDER BY rev",
    )
    .bind(alert)
    .fetch_all(conn)
    .await
}

fn body(
    area: &[AreaId],
    channel: &str,
    name: &str,
    rule: &str,
    kind: &str,
    to: Option<&str>,
    notes: &[String],
) -> String {
    let facets = [words::facet('c', channel), words::facet('r', rule), words::facet('t', kind)];
    let areas = area.iter().map(|id| words::facet('a', id.as_str()));
    let texts = [name, rule, kind].into_iter().chain(to).chain(notes.iter().map(String::as_str));
    words::body(facets.into_iter().chain(areas), texts)
}

async fn enter(conn: &mut SqliteConnection, entries: &[(i64, String)]) -> sqlx::Result<()> {
    for (text, group) in WORDS.groups(entries) {
        let mut query = sqlx::query(AssertSqlSafe(text));
        for (place, body) in group {
            query = query.bind(place).bind(body);
        }
        query.execute(&mut *conn).await?;
    }
    Ok(())
}

/// Forgets an alert that is about to go.
pub async fn forget(conn: &mut SqliteConnection, alert: &[u8]) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM alert_text WHERE rowid = (SELECT opened_cursor FROM alert WHERE id = ?)")
        .bind(alert)
        .execute(conn)
        .await?;
    Ok(())
}

/// Forgets the hours of which no alert is left.
pub async fn forget_hours(conn: &mut SqliteConnection) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM alert_hour WHERE NOT EXISTS (SELECT 1 FROM alert WHERE opened_cursor <= last)")
        .execute(conn)
        .await?;
    Ok(())
}

/// Whether alerts up to a place have no words yet, and up to which.
pub async fn unfilled(conn: &mut SqliteConnection) -> sqlx::Result<Option<i64>> {
    Ok(meta::get(conn, FILL).await?.and_then(|v| v.parse().ok()))
}

/// Enters alerts from before there were words, the newest first; gives whether there are more.
pub async fn fill(conn: &mut SqliteConnection, limit: i64) -> Result<bool, StoreError> {
    let Some(highest) = unfilled(conn).await? else { return Ok(false) };
    let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
    let rows: Vec<(i64, Vec<u8>, Vec<u8>)> = sqlx::query_as(
        "SELECT opened_cursor, id, payload FROM alert WHERE opened_cursor <= ? ORDER BY opened_cursor DESC LIMIT ?",
    )
    .bind(highest)
    .bind(limit)
    .fetch_all(&mut *tx)
    .await?;
    let mut entries = Vec::with_capacity(rows.len());
    for (place, id, payload) in &rows {
        let Ok(p) = serde_json::from_slice::<AlertPayload>(payload) else {
            tracing::warn!("the alert at place {place} cannot be read and is not found by its words");
            continue;
        };
        let notes = notes(&mut tx, id).await?;
        let (rule, to) = (p.rule.id.as_str(), p.handling.dispatched_to.as_deref());
        entries.push((*place, body(&p.area, p.channel.as_str(), &p.channel_name, rule, &p.kind, to, &notes)));
    }
    enter(&mut tx, &entries).await?;
    let more = rows.last().filter(|_| i64::try_from(rows.len()).is_ok_and(|n| n == limit));
    match more {
        Some((place, ..)) => meta::set(&mut tx, FILL, &(place - 1).to_string()).await?,
        None => {
            sqlx::query("DELETE FROM meta WHERE key = ?").bind(FILL).execute(&mut *tx).await?;
        }
    }
    tx.commit().await?;
    Ok(more.is_some())
}
