//! Proves what is on disk, without trusting what wrote it: pages, references, and the promises that the tables carry.
//! Only reads, so it may run beside a gateway; every problem is a sentence, and no problem is an empty list.

use std::path::Path;

use futures_util::TryStreamExt;
use serde::Serialize;
use sqlx::SqliteConnection;

use super::{Store, StoreError, id_of};
use crate::types::Phase;
use crate::types::payload::{AlertPayload, EventPayload};

/// Sentences kept; the rest is counted.
const MAX_PROBLEMS: usize = 100;

/// What lies in a database and what is wrong with it.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub events: u64,
    /// Events without an end; of a stopped gateway they end as interrupted at its next start.
    pub open_events: u64,
    pub alerts: u64,
    pub open_alerts: u64,
    pub messages: u64,
    /// Messages that the broker has not confirmed.
    pub waiting: u64,
    pub problems: Vec<String>,
    /// Problems beyond those told.
    pub more_problems: u64,
}

impl Report {
    pub fn good(&self) -> bool {
        self.problems.is_empty()
    }
    fn add(&mut self, problem: String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        } else {
            self.more_problems += 1;
        }
    }
}

/// Checks a database file. `Err`: it could not even be opened or read, which the sentence explains.
pub async fn check(file: &Path) -> Result<Report, StoreError> {
    let pool = Store::open_read_only(file).await?;
    let mut conn = pool.acquire().await?;
    let mut report = Report::default();
    // A record in a damaged page may stop any of the later steps; what was found until then is told with it.
    let pages: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(20)").fetch_all(&mut *conn).await?;
    let pages_good = pages == ["ok"];
    if !pages_good {
        pages.into_iter().for_each(|p| report.add(format!("damaged: {p}")));
    }
    let result = records(&mut conn, &mut report).await;
    drop(conn);
    pool.close().await;
    match result {
        Err(e) if pages_good => Err(e),
        Err(e) => {
            report.add(format!("the records behind that cannot be read: {e}"));
            Ok(report)
        }
        Ok(()) => Ok(report),
    }
}

async fn records(conn: &mut SqliteConnection, report: &mut Report) -> Result<(), StoreError> {
    let dangling: Vec<(String, Option<i64>, String, i64)> =
        sqlx::query_as("PRAGMA foreign_key_check").fetch_all(&mut *conn).await?;
    for (table, row, parent, _) in dangling {
        let row = row.map_or_else(String::new, |r| format!(" row {r}"));
        report.add(format!("{table}{row} refers to something that is not in {parent}"));
    }
    events(conn, report).await?;
    alerts(conn, report).await?;
    messages(conn, report).await
}

async fn events(conn: &mut SqliteConnection, report: &mut Report) -> Result<(), StoreError> {
    let mut rows = sqlx::query_as::<_, (Vec<u8>, Vec<u8>, i64, Option<i64>, i64, Vec<u8>)>(
        "SELECT id, alert, started_cursor, ended_cursor, cursor, payload FROM event",
    )
    .fetch(conn);
    while let Some((id, alert, started, ended, cursor, payload)) = rows.try_next().await? {
        let (id, alert) = (id_of(&id)?, id_of(&alert)?);
        report.events += 1;
        report.open_events += u64::from(ended.is_none());
        let p: EventPayload = match serde_json::from_slice(&payload) {
            Ok(p) => p,
            Err(e) => {
                report.add(format!("event {id} has a payload that cannot be read: {e}"));
                continue;
            }
        };
        if p.id.0 != id || p.alert.map(|a| a.0) != Some(alert) {
            report.add(format!("event {id} of alert {alert} has the payload of another event or alert"));
        }
        if (p.phase == Phase::End) != ended.is_some() || p.end.is_some() != ended.is_some() {
            report.add(format!(
                "event {id} is {} but its payload says otherwise",
                if ended.is_some() { "ended" } else { "open" }
            ));
        }
        if ended.is_some_and(|e| e < started || e != cursor) || p.order.cursor != cursor {
            report.add(format!("event {id} stands at cursors that contradict each other"));
        }
    }
    Ok(())
}

async fn alerts(conn: &mut SqliteConnection, report: &mut Report) -> Result<(), StoreError> {
    type Row = (Vec<u8>, i64, i64, String, bool, Vec<u8>, i64, Option<i64>, i64, Option<Vec<u8>>);
    let mut rows = sqlx::query_as::<_, Row>(
        "SELECT id, cursor, rev, state, active, payload,
                (SELECT count(*) FROM event e WHERE e.alert = alert.id AND e.ended_cursor IS NULL),
                (SELECT max(rev) FROM alert_change c WHERE c.alert = alert.id),
                (SELECT count(*) FROM event e WHERE e.alert = alert.id),
                (SELECT min(e.id) FROM event e WHERE e.alert = alert.id)
         FROM alert",
    )
    .fetch(conn);
    while let Some((id, cursor, rev, state, active, payload, open, last_line, events, first)) = rows.try_next().await? {
        let id = id_of(&id)?;
        report.alerts += 1;
        report.open_alerts += u64::from(state != "closed");
        if active != (open > 0) {
            report.add(format!(
                "alert {id} is {}active, yet {open} of its events are open",
                if active { "" } else { "not " }
            ));
        }
        if last_line.is_none_or(|line| line > rev) {
            report.add(format!("alert {id} is at rev {rev}, yet its history ends at {last_line:?}"));
        }
        match serde_json::from_slice::<AlertPayload>(&payload) {
            Err(e) => report.add(format!("alert {id} has a payload that cannot be read: {e}")),
            Ok(p) => {
                // Old events go (see `history`), the oldest first.
                let history_went = first.as_deref() != Some(p.first_event.0.as_bytes());
                let counted = u64::try_from(events).unwrap_or(0);
                let same = p.id.0 == id
                    && i64::try_from(p.rev) == Ok(rev)
                    && p.state.as_str() == state
                    && p.active == active
                    && p.order.cursor == cursor
                    && (p.events == counted || (history_went && counted < p.events));
                if !same {
                    report.add(format!("alert {id} at rev {rev} has a payload that tells of rev {} or another", p.rev));
                }
            }
        }
    }
    Ok(())
}

async fn messages(conn: &mut SqliteConnection, report: &mut Report) -> Result<(), StoreError> {
    let (messages, highest): (i64, Option<i64>) =
        sqlx::query_as("SELECT count(*), max(cursor) FROM message").fetch_one(&mut *conn).await?;
    let waiting: i64 =
        sqlx::query_scalar("SELECT count(*) FROM outbox WHERE acked_ms IS NULL").fetch_one(&mut *conn).await?;
    report.messages = u64::try_from(messages).unwrap_or(0);
    report.waiting = u64::try_from(waiting).unwrap_or(0);
    let orphans: Vec<i64> = sqlx::query_scalar(
        "SELECT o.cursor FROM outbox o LEFT JOIN message m ON m.cursor = o.cursor WHERE m.cursor IS NULL LIMIT 20",
    )
    .fetch_all(&mut *conn)
    .await?;
    for cursor in orphans {
        report.add(format!("the outbox waits with message {cursor}, which is not there"));
    }
    let given = super::messages::highest(conn).await?;
    if highest.is_some_and(|h| h > given) {
        report.add(format!("message {highest:?} is above the highest cursor given out, {given}: cursors would repeat"));
    }
    // What was told, not only what is stored: no event started or ended twice.
    let twice: Vec<(String, i64, i64)> = sqlx::query_as(
        "SELECT id, sum(phase = 'start'), sum(phase = 'end') FROM (
             SELECT CAST(payload AS TEXT) ->> '$.id' AS id, CAST(payload AS TEXT) ->> '$.phase' AS phase
             FROM message WHERE topic LIKE '%/event/%' AND topic NOT LIKE 'skyeye/v1/%/feed/%/channel/%/event/%')
         GROUP BY id HAVING sum(phase = 'start') > 1 OR sum(phase = 'end') > 1 LIMIT 20",
    )
    .fetch_all(conn)
    .await?;
    for (id, starts, ends) in twice {
        report.add(format!("event {id} was told to start {starts} times and to end {ends} times"));
    }
    Ok(())
}
