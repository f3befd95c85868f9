//! What a position is judged by: rows before people, counted by SQL over a span of time.
//!
//! A row counts when it became one (`row_ms`), under the priority, position and result that it has now. What was held back
//! or counted under another counts when it was opened. Every statement goes along an index on the time or on what is open,
//! gives back a bounded number of rows, and is restricted to subtrees in its own text. Only reads; the caller gives one
//! transaction, so that the figures fit each other.

use sqlx::SqliteConnection;

use super::{StoreError, id_of, severity_of};
use crate::types::{
    AlertId, AreaId, ChannelId, PositionId, RuleId, Severity, UserId, Wall,
    payload::{AlertPayload, AlertState},
};

/// Which rows count.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    /// From `from` on, before `to`.
    pub from: Wall,
    pub to: Wall,
    pub position: Option<&'a PositionId>,
    /// Roots of the subtrees that may be seen; `None`: everything.
    pub areas: Option<&'a [AreaId]>,
}

impl Span<'_> {
    fn areas(&self) -> Option<String> {
        self.areas.map(json)
    }
}

fn json(roots: &[AreaId]) -> String {
    serde_json::to_string(roots).unwrap_or_else(|_| "[]".into())
}

/// Whether a row hangs in one of the subtrees of parameter 4, and is of the position of parameter 3.
macro_rules! seen {
    () => {
        " AND (?3 IS NULL OR position = ?3) AND (?4 IS NULL OR EXISTS (SELECT 1 FROM json_each(?4) AS root
              WHERE instr('/' || alert.area || '/', '/' || root.value || '/') > 0)) "
    };
}

/// Rows of a span. The parameters 1 to 4 are its own.
macro_rules! rows {
    ($select:literal, $rest:literal) => {
        concat!($select, " FROM alert INDEXED BY alert_row_ms WHERE row_ms >= ?1 AND row_ms < ?2 ", seen!(), $rest)
    };
}

macro_rules! over {
    ($query:expr, $span:expr) => {
        $query.bind($span.from.0).bind($span.to.0).bind($span.position.map(PositionId::as_str)).bind($span.areas())
    };
}

fn count(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

/// Rows in all, by priority, and what they came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    pub rows: u64,
    /// From low to critical.
    pub by_priority: [u64; 4],
    pub judged: Judged,
}

/// What rows came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Judged {
    /// Those with a result, and of them those that were nothing and those that needed nobody.
    pub judged: u64,
    pub wrong: u64,
    pub nuisance: u64,
}

const TOTALS: &str = rows!(
    "SELECT count(*), count(*) FILTER (WHERE priority <= 0), count(*) FILTER (WHERE priority = 1),
            count(*) FILTER (WHERE priority = 2), count(*) FILTER (WHERE priority >= 3), count(result),
            count(*) FILTER (WHERE result = 'false'), count(*) FILTER (WHERE result = 'nuisance')",
    ""
);

pub async fn totals(conn: &mut SqliteConnection, span: Span<'_>) -> sqlx::Result<Totals> {
    type Row = (i64, i64, i64, i64, i64, i64, i64, i64);
    let (rows, low, medium, high, critical, judged, wrong, nuisance): Row =
        over!(sqlx::query_as(TOTALS), span).fetch_one(conn).await?;
    Ok(Totals {
        rows: count(rows),
        by_priority: [low, medium, high, critical].map(count),
        judged: Judged { judged: count(judged), wrong: count(wrong), nuisance: count(nuisance) },
    })
}

/// A stretch of the clock, multiples of its length since 1970: a row is in the same one whenever it is counted. Index 0 is
/// the one in which the span begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub index: u64,
    pub rows: u64,
    /// Of the position that had most.
    pub largest: u64,
    /// Positions that had more than the limit.
    pub flooded: u64,
}

const WINDOWS: &str = concat!(
    "SELECT slot, sum(n), max(n), count(*) FILTER (WHERE n > ?6) FROM (",
    rows!("SELECT position, row_ms / ?5 - ?1 / ?5 AS slot, count(*) AS n", "GROUP BY position, slot"),
    ") GROUP BY slot ORDER BY slot"
);

/// Windows with at least one row, in order. A position is flooded in one with more than `flood` rows.
pub async fn windows(
    conn: &mut SqliteConnection,
    span: Span<'_>,
    window_ms: i64,
    flood: u32,
) -> sqlx::Result<Vec<Window>> {
    let found: Vec<(i64, i64, i64, i64)> =
        over!(sqlx::query_as(WINDOWS), span).bind(window_ms).bind(i64::from(flood)).fetch_all(conn).await?;
    Ok(found
        .into_iter()
        .map(|(index, rows, largest, flooded)| Window {
            index: count(index),
            rows: count(rows),
            largest: count(largest),
            flooded: count(flooded),
        })
        .collect())
}

/// A rule on a channel, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub channel: ChannelId,
    pub rule: RuleId,
    pub kind: String,
    pub rows: u64,
    pub judged: Judged,
}

fn bad(what: &str) -> impl Fn(crate::types::IdError) -> StoreError + '_ {
    move |e| StoreError::Record { what: format!("{what}: {e}") }
}

const SOURCES: &str = rows!(
    "SELECT channel, rule, max(kind), count(*) AS n, count(result), count(*) FILTER (WHERE result = 'false'),
            count(*) FILTER (WHERE result = 'nuisance')",
    "AND rule <> '' GROUP BY channel, rule ORDER BY n DESC, channel, rule LIMIT ?5"
);

/// The sources of most rows, most first.
pub async fn sources(conn: &mut SqliteConnection, span: Span<'_>, limit: u32) -> Result<Vec<Source>, StoreError> {
    type Row = (String, String, String, i64, i64, i64, i64);
    let found: Vec<Row> = over!(sqlx::query_as(SOURCES), span).bind(i64::from(limit)).fetch_all(conn).await?;
    found
        .into_iter()
        .map(|(channel, rule, kind, rows, judged, wrong, nuisance)| {
            Ok(Source {
                channel: ChannelId::new(&channel).map_err(bad("an alert's channel"))?,
                rule: RuleId::new(&rule).map_err(bad("an alert's rule"))?,
                kind,
                rows: count(rows),
                judged: Judged { judged: count(judged), wrong: count(wrong), nuisance: count(nuisance) },
            })
        })
        .collect()
}

const RULES: &str = rows!(
    "SELECT rule, count(*) AS n, count(result), count(*) FILTER (WHERE result = 'false') AS wrong,
            count(*) FILTER (WHERE result = 'nuisance')",
    "AND rule <> '' GROUP BY rule ORDER BY wrong DESC, n DESC, rule LIMIT ?5"
);

/// Rules by how much of what they raised was nothing, most first.
pub async fn rules(
    conn: &mut SqliteConnection,
    span: Span<'_>,
    limit: u32,
) -> Result<Vec<(RuleId, u64, Judged)>, StoreError> {
    let found: Vec<(String, i64, i64, i64, i64)> =
        over!(sqlx::query_as(RULES), span).bind(i64::from(limit)).fetch_all(conn).await?;
    found
        .into_iter()
        .map(|(rule, rows, judged, wrong, nuisance)| {
            let judged = Judged { judged: count(judged), wrong: count(wrong), nuisance: count(nuisance) };
            Ok((RuleId::new(&rule).map_err(bad("an alert's rule"))?, count(rows), judged))
        })
        .collect()
}

/// How long something took: nearest rank, milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    pub count: u64,
    pub p50_ms: u64,
    pub p90_ms: u64,
    pub max_ms: u64,
}

/// From row to hand, and from row to done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Times {
    pub acknowledged: Taken,
    pub resolved: Taken,
    /// Rows that nobody had yet and whose time to be taken has come, and those of them that were taken within it.
    pub due: u64,
    pub in_time: u64,
}

const TIMES: &str = concat!(
    "WITH d AS MATERIALIZED (",
    rows!(
        "SELECT row_ms, CASE priority WHEN 0 THEN ?5 WHEN 1 THEN ?6 WHEN 2 THEN ?7 ELSE ?8 END AS due,
                coalesce((SELECT to_state FROM alert_change c WHERE c.alert = alert.id AND c.at_ms < row_ms
                          ORDER BY rev DESC LIMIT 1), 'new') AS began,
                (SELECT min(at_ms) FROM alert_change c WHERE c.alert = alert.id AND c.at_ms >= row_ms
                 AND c.author IS NOT NULL
                 AND c.to_state IN ('acknowledged', 'dispatched', 'resolved', 'closed')) AS taken,
                (SELECT min(at_ms) FROM alert_change c WHERE c.alert = alert.id AND c.at_ms >= row_ms
                 AND c.author IS NOT NULL AND c.to_state IN ('resolved', 'closed')) AS done",
        ""
    ),
    "), t AS (
         SELECT 0 AS what, taken - row_ms AS ms FROM d WHERE began = 'new' AND taken IS NOT NULL
         UNION ALL SELECT 1, done - row_ms FROM d WHERE began NOT IN ('resolved', 'closed') AND done IS NOT NULL
     ), r AS (
         SELECT what, ms, row_number() OVER (PARTITION BY what ORDER BY ms) AS i,
                count(*) OVER (PARTITION BY what) AS n FROM t
     )
     SELECT what, max(n), max(CASE WHEN i = (n * 50 + 99) / 100 THEN ms END),
            max(CASE WHEN i = (n * 90 + 99) / 100 THEN ms END), max(ms) FROM r GROUP BY what
     UNION ALL
     SELECT 2, count(*) FILTER (WHERE taken IS NOT NULL OR row_ms + due <= ?9),
            count(*) FILTER (WHERE taken - row_ms <= due), 0, 0 FROM d WHERE began = 'new'"
);

/// By people only: what the gateway closed by itself nobody took. `due_ms`: from low to critical. What was in somebody's
/// hands before it became a row (held back, or put aside and fetched back) had nobody to wait for: it counts neither as
/// taken nor as due; and what was done by then not as resolved.
pub async fn times(conn: &mut SqliteConnection, span: Span<'_>, due_ms: [i64; 4], now: Wall) -> sqlx::Result<Times> {
    let mut query = over!(sqlx::query_as::<_, (i64, i64, i64, i64, i64)>(TIMES), span);
    for due in due_ms {
        query = query.bind(due);
    }
    let mut times = Times::default();
    for (what, a, b, c, d) in query.bind(now.0).fetch_all(conn).await? {
        let taken = Taken { count: count(a), p50_ms: count(b), p90_ms: count(c), max_ms: count(d) };
        match what {
            0 => times.acknowledged = taken,
            1 => times.resolved = taken,
            _ => (times.due, times.in_time) = (count(a), count(b)),
        }
    }
    Ok(times)
}

/// What was no row of its own, one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// `held`, `under` or `brief`.
    pub how: String,
    pub because: Option<String>,
    pub alerts: u64,
}

const ASIDE: &str = concat!(
    "SELECT how, because, count(*), sum(held_back) FROM alert INDEXED BY alert_opened_ms
     WHERE opened_ms >= ?1 AND opened_ms < ?2 ",
    seen!(),
    "GROUP BY how, because ORDER BY how, because"
);

/// Alerts that were opened in the span and are no row, by how and why; and the events that the cooldown held back, of all
/// that were opened in it.
pub async fn aside(conn: &mut SqliteConnection, span: Span<'_>) -> sqlx::Result<(Vec<Aside>, u64)> {
    let found: Vec<(String, Option<String>, i64, i64)> = over!(sqlx::query_as(ASIDE), span).fetch_all(conn).await?;
    let held_back = found.iter().map(|(.., n)| count(*n)).sum();
    let groups = found
        .into_iter()
        .filter(|(how, ..)| how != "row")
        .map(|(how, because, alerts, _)| Aside { how, because, alerts: count(alerts) })
        .collect();
    Ok((groups, held_back))
}

const CHATTERING: &str = concat!(
    "SELECT channel, rule, count(*) AS n, count(*) OVER () FROM alert INDEXED BY alert_opened_ms
     WHERE opened_ms >= ?1 AND opened_ms < ?2 AND chattering = 1 AND rule <> '' ",
    seen!(),
    "GROUP BY channel, rule ORDER BY n DESC, channel, rule LIMIT ?5"
);

/// Sources that said the same thing over and over: how many, and the worst of them with their alerts.
pub async fn chattering(
    conn: &mut SqliteConnection,
    span: Span<'_>,
    limit: u32,
) -> Result<(u64, Vec<(ChannelId, RuleId, u64)>), StoreError> {
    let found: Vec<(String, String, i64, i64)> =
        over!(sqlx::query_as(CHATTERING), span).bind(i64::from(limit)).fetch_all(conn).await?;
    let all = found.first().map_or(0, |(.., all)| count(*all));
    let list = found.into_iter().map(|(channel, rule, n, _)| {
        let channel = ChannelId::new(&channel).map_err(bad("an alert's channel"))?;
        Ok((channel, RuleId::new(&rule).map_err(bad("an alert's rule"))?, count(n)))
    });
    Ok((all, list.collect::<Result<_, StoreError>>()?))
}

/// A row that has been open for long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    pub id: AlertId,
    pub channel: ChannelId,
    pub rule: RuleId,
    pub kind: String,
    pub state: AlertState,
    pub priority: Severity,
    pub owner: Option<UserId>,
    pub since: Wall,
}

const STALE: &str = concat!(
    "SELECT id, channel, rule, kind, state, priority, owner, row_ms, count(*) OVER ()
     FROM alert INDEXED BY alert_rows
     WHERE state <> 'closed' AND shown = 1 AND state <> 'resolved' AND row_ms >= ?1 AND row_ms < ?2 ",
    seen!(),
    "ORDER BY row_ms, id LIMIT ?5"
);

/// Rows of the span that nobody has finished, oldest first: how many, and the first of them. `span.to` says how old.
pub async fn stale(conn: &mut SqliteConnection, span: Span<'_>, limit: u32) -> Result<(u64, Vec<Stale>), StoreError> {
    type Row = (Vec<u8>, String, String, String, String, i64, Option<String>, i64, i64);
    let found: Vec<Row> = over!(sqlx::query_as(STALE), span).bind(i64::from(limit)).fetch_all(conn).await?;
    let all = found.first().map_or(0, |row| count(row.8));
    let list = found.into_iter().map(|(id, channel, rule, kind, state, priority, owner, since, _)| {
        Ok(Stale {
            id: AlertId(id_of(&id)?),
            channel: ChannelId::new(&channel).map_err(bad("an alert's channel"))?,
            rule: RuleId::new(&rule).unwrap_or_else(|_| RuleId::health()),
            kind,
            state: AlertState::parse(&state)
                .ok_or_else(|| StoreError::Record { what: format!("an alert's state '{state}'") })?,
            priority: severity_of(priority),
            owner: owner.map(|o| UserId::new(&o)).transpose().map_err(bad("an alert's owner"))?,
            since: Wall(since),
        })
    });
    Ok((all, list.collect::<Result<_, StoreError>>()?))
}

/// What somebody wrote last about an alert, in words of his own.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct Said {
    pub by: UserId,
    pub at_ms: i64,
    pub text: String,
}

/// Rows of a position that nobody has finished.
#[derive(Debug)]
pub struct Unfinished {
    /// How many there are, and how many of them are shelved.
    pub all: u64,
    pub shelved: u64,
    /// The most urgent of them, each with what was said last; without those that cannot be read.
    pub list: Vec<(AlertPayload, Option<Said>)>,
}

/// Notes without words of their own are left out: ticks of a procedure, as the console writes them (`lib/procedure.ts`, whose
/// test reads these patterns), and results, priorities and whom it was dispatched to, which the alert itself has.
const UNFINISHED: &str = "SELECT id, payload, count(*) OVER (),
            sum(CASE WHEN json_valid(CAST(payload AS TEXT))
                THEN json_extract(CAST(payload AS TEXT), '$.shelved') IS NOT NULL ELSE 0 END) OVER (),
            (SELECT json_object('by', author, 'at_ms', at_ms, 'text', note) FROM alert_change c
             WHERE c.alert = alert.id AND c.author IS NOT NULL AND c.note IS NOT NULL
             AND NOT (c.action = 'note' AND (c.note GLOB 'procedure [a-z0-9._-]*: step [0-9]* done: *'
                                          OR c.note GLOB 'procedure [a-z0-9._-]*: step [0-9]* not done after all: *'))
             AND (c.action IN ('note', 'feedback') OR c.note NOT IN ('true', 'false', 'nuisance', 'test'))
             AND NOT (c.action = 'priority' AND (c.note LIKE '% -> low' OR c.note LIKE '% -> medium'
                                              OR c.note LIKE '% -> high' OR c.note LIKE '% -> critical'))
             AND NOT (c.action = 'dispatch' AND json_valid(CAST(payload AS TEXT))
                      AND c.note IS json_extract(CAST(payload AS TEXT), '$.dispatched_to'))
             ORDER BY rev DESC LIMIT 1)
     FROM alert INDEXED BY alert_position
     WHERE position = ?1 AND state <> 'closed' AND shown = 1 AND state <> 'resolved'
     AND (?3 IS NULL OR EXISTS (SELECT 1 FROM json_each(?3) AS root
              WHERE instr('/' || alert.area || '/', '/' || root.value || '/') > 0))
     ORDER BY priority DESC, row_ms, id LIMIT ?2";

/// Rows of a position that nobody has finished, most urgent first; at most `limit` are listed, all are counted. A row keeps
/// its position while there is one of that name, also where its area is another's by now: of `areas` (`None`: all) only.
pub async fn unfinished(
    conn: &mut SqliteConnection,
    position: &PositionId,
    areas: Option<&[AreaId]>,
    limit: u32,
) -> Result<Unfinished, StoreError> {
    type Row = (Vec<u8>, Vec<u8>, i64, i64, Option<String>);
    let query = sqlx::query_as(UNFINISHED).bind(position.as_str()).bind(i64::from(limit)).bind(areas.map(json));
    let found: Vec<Row> = query.fetch_all(conn).await?;
    let (all, shelved) = found.first().map_or((0, 0), |(_, _, all, shelved, _)| (count(*all), count(*shelved)));
    let mut list = Vec::with_capacity(found.len());
    for (id, payload, _, _, said) in found {
        match serde_json::from_slice(&payload) {
            // It is counted, and one that cannot be read must not hold up all the others.
            Err(e) => tracing::warn!("the alert {} cannot be read and is not listed: {e}", AlertId(id_of(&id)?)),
            Ok(alert) => {
                let bad = |e: serde_json::Error| StoreError::Record { what: format!("an alert's note: {e}") };
                list.push((alert, said.map(|s| serde_json::from_str(&s)).transpose().map_err(bad)?));
            }
        }
    }
    Ok(Unfinished { all, shelved, list })
}

#[cfg(test)]
mod tests;
