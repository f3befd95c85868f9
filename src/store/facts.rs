//! What a fact writes: its alert, the line of its history, its event and its messages.
//!
//! On a quiet site each fact has a transaction of its own, and then the hops to SQLite's thread and back are most of
//! what it costs. So a few facts go as one text of several statements; only large batches go table by table.

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{
    alerts::{self, AlertRow},
    events::{self, EventRow},
    messages::{self, NewMessage},
};
use crate::types::{AlertId, alert::AlertHistory};

/// More than so many messages go table by table: the sizes of the lists, and with them the texts to keep prepared, would
/// be too many.
const FEW: usize = 4;

/// The rows of a batch, each alert and each event at most once.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// With the cursor that becomes its place in lists if it is new.
    pub alerts: &'a [(AlertRow, i64)],
    pub history: &'a [(AlertId, AlertHistory)],
    pub events: &'a [EventRow],
    pub messages: &'a [NewMessage],
}

impl Facts<'_> {
    pub async fn write(self, conn: &mut SqliteConnection) -> sqlx::Result<()> {
        let (starts, changes): (Vec<&EventRow>, Vec<&EventRow>) = self.events.iter().partition(|row| row.new);
        if let Some(text) = self.text(starts.len(), changes.len()) {
            if text.is_empty() {
                return Ok(());
            }
            let mut query = alerts::bind(sqlx::query(AssertSqlSafe(text)), self.alerts);
            query = alerts::bind_history(query, self.history);
            query = events::bind_changes(events::bind_starts(query, &starts), &changes);
            query = messages::bind_outbox(messages::bind(query, self.messages), self.messages);
            let rows = self.alerts.len() + self.history.len() + self.events.len() + 2 * self.messages.len();
            return all(query.execute(conn).await?.rows_affected(), rows);
        }
        alerts::ALERT.run(conn, self.alerts, alerts::bind).await?;
        alerts::CHANGE.run(conn, self.history, alerts::bind_history).await?;
        events::START.run(conn, &starts, events::bind_starts).await?;
        let changed = events::CHANGE.run(conn, &changes, events::bind_changes).await?;
        all(changed, changes.len())?;
        messages::MESSAGE.run(conn, self.messages, messages::bind).await?;
        messages::OUTBOX.run(conn, self.messages, messages::bind_outbox).await?;
        Ok(())
    }

    /// All statements behind one another, in the order in which they are bound; `None` for a large batch.
    fn text(self, starts: usize, changes: usize) -> Option<String> {
        if self.messages.len() > FEW {
            return None;
        }
        let texts = [
            alerts::ALERT.whole(self.alerts.len())?,
            alerts::CHANGE.whole(self.history.len())?,
            events::START.whole(starts)?,
            events::CHANGE.whole(changes)?,
            messages::MESSAGE.whole(self.messages.len())?,
            messages::OUTBOX.whole(self.messages.len())?,
        ];
        let texts: Vec<&str> = texts.into_iter().filter(|text| !text.is_empty()).collect();
        Some(texts.join(";\n"))
    }
}

/// The ledger knows of an open event that the file does not: what is in memory is not what is on disk.
fn all(written: u64, rows: usize) -> sqlx::Result<()> {
    if written == rows as u64 { Ok(()) } else { Err(sqlx::Error::RowNotFound) }
}
