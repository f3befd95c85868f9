//! Alerts that belong together, and how many open rows each position has.

use sqlx::SqliteConnection;

use super::{StoreError, alerts, severity_of};
use crate::types::{AlertId, AreaId, IncidentId, PositionId, Severity, payload::AlertPayload};

/// What alerts have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kin {
    /// They are of one incident.
    Incident(IncidentId),
    /// They are counted under this alert's row.
    Under(AlertId),
}

/// The members by their opening, newest first, with the place of each.
pub async fn list(
    conn: &mut SqliteConnection,
    of: Kin,
    before: i64,
    limit: i64,
) -> Result<Vec<(i64, AlertPayload)>, StoreError> {
    let (text, id) = match of {
        Kin::Incident(id) => (
            "SELECT opened_cursor, payload FROM alert INDEXED BY alert_incident
             WHERE incident = ? AND opened_cursor < ? ORDER BY opened_cursor DESC LIMIT ?",
            id.to_string(),
        ),
        Kin::Under(id) => (
            "SELECT opened_cursor, payload FROM alert INDEXED BY alert_under
             WHERE under_row = ? AND opened_cursor < ? ORDER BY opened_cursor DESC LIMIT ?",
            id.to_string(),
        ),
    };
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(text).bind(id).bind(before).bind(limit).fetch_all(conn).await?;
    rows.into_iter().map(|(place, payload)| Ok((place, alerts::parse(&payload)?))).collect()
}

/// Open rows before one position, of one priority and area.
#[derive(Debug, Clone)]
pub struct OpenRows {
    pub position: PositionId,
    pub priority: Severity,
    /// Ids from the root of the area tree.
    pub area: Vec<AreaId>,
    pub rows: u64,
    /// Those of them that nobody has taken.
    pub waiting: u64,
    /// Rows of other positions that were escalated to this one and that nobody has taken.
    pub escalated: u64,
}

/// Rows of no position, or of an area that has no name, are left out: they are from before there were positions.
pub async fn open_rows(conn: &mut SqliteConnection) -> Result<Vec<OpenRows>, StoreError> {
    let rows: Vec<(String, i64, String, i64, i64, i64)> = sqlx::query_as(
        "SELECT position, priority, area, count(*), sum(state = 'new'), 0 FROM alert INDEXED BY alert_desk
         WHERE state <> 'closed' AND shown = 1 GROUP BY position, priority, area
         UNION ALL
         SELECT escalated_to, priority, area, 0, 0, count(*) FROM alert INDEXED BY alert_escalated
         WHERE state = 'new' AND shown = 1 AND escalated_to IS NOT NULL AND escalated_to <> position
         GROUP BY escalated_to, priority, area",
    )
    .fetch_all(conn)
    .await?;
    let read = |(position, priority, area, rows, waiting, escalated): (String, i64, String, i64, i64, i64)| {
        let area = area.split('/').filter(|a| !a.is_empty()).map(AreaId::new).collect::<Result<_, _>>().ok()?;
        let count = |n: i64| u64::try_from(n).unwrap_or(0);
        Some(OpenRows {
            position: PositionId::new(&position).ok()?,
            priority: severity_of(priority),
            area,
            rows: count(rows),
            waiting: count(waiting),
            escalated: count(escalated),
        })
    };
    Ok(rows.into_iter().filter_map(read).collect())
}
