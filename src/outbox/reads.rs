//! What the console and the API read. Every list goes by keys, never by offsets, and on a connection that cannot write.

use sqlx::{Sqlite, pool::PoolConnection};

use super::{ActionError, Ledger, LedgerError, OutboxRow};
use crate::{
    publish::topic::Topics,
    store::{
        StoreError,
        alerts::{self, OpenAlert},
        events, members, messages,
    },
    types::{
        AlertId, ChannelId, EventId, Message, PositionId, Scope, Severity,
        alert::AlertHistory,
        payload::{AlertPayload, EventPayload},
    },
};

pub use crate::store::{
    alerts::Filter as AlertFilter,
    members::{Kin, OpenRows},
};

/// Rows that one answer holds at most.
const MAX_ROWS: usize = 1000;
/// Events and history lines of one alert's detail.
const DETAIL_EVENTS: i64 = 50;
const DETAIL_HISTORY: i64 = 500;

/// Which alerts to list.
#[derive(Debug, Clone)]
pub struct AlertQuery {
    pub filter: AlertFilter,
    pub channel: Option<ChannelId>,
    /// This severity and above.
    pub severity: Option<Severity>,
    /// Only what is a row of its own.
    pub rows: bool,
    /// Only rows before this position: its own, and what was escalated to it until somebody takes it.
    pub position: Option<PositionId>,
    /// `next` of the page before.
    pub before: Option<i64>,
    pub limit: usize,
}

impl Default for AlertQuery {
    fn default() -> Self {
        Self {
            filter: AlertFilter::Open,
            channel: None,
            severity: None,
            rows: false,
            position: None,
            before: None,
            limit: 100,
        }
    }
}

/// Alerts by their opening, newest first.
#[derive(Debug, Clone)]
pub struct AlertPage {
    pub alerts: Vec<AlertPayload>,
    /// Everything up to this cursor is contained; follow `/changes` from here.
    pub cursor: i64,
    /// `before` of the next page; `None` after the last.
    pub next: Option<i64>,
}

#[derive(Debug, Clone)]
pub struct AlertDetail {
    pub alert: AlertPayload,
    /// Oldest first; of more than 500 lines the ones that only count an event are left out first, the oldest of them.
    pub history: Vec<AlertHistory>,
    /// The latest 50, newest first, and behind them the one that it began with.
    pub events: Vec<EventPayload>,
}

/// What was committed behind a cursor.
#[derive(Debug, Clone)]
pub enum Changes {
    Here {
        messages: Vec<Message>,
        cursor: i64,
        more: bool,
    },
    /// Something behind `after` is deleted already (or `after` was never given out): load the lists again.
    Gone,
}

impl Ledger {
    pub(super) async fn reader(&self) -> Result<PoolConnection<Sqlite>, LedgerError> {
        self.store.reader().acquire().await.map_err(|e| self.store.read_error(e).into())
    }

    pub(super) fn read<T>(&self, result: Result<T, StoreError>) -> Result<T, LedgerError> {
        result.map_err(|e| match e {
            StoreError::Database(e) => self.store.read_error(e).into(),
            e => e.into(),
        })
    }

    pub(super) async fn read_pending(&self, after: i64, limit: usize) -> Result<Vec<OutboxRow>, LedgerError> {
        let mut conn = self.reader().await?;
        let rows = self.read(messages::pending(&mut conn, after, rows(limit)).await)?;
        Ok(rows
            .into_iter()
            .map(|(m, severity)| OutboxRow {
                cursor: m.cursor.unwrap_or_default(),
                topic: m.topic,
                payload: m.payload,
                retain: m.retain,
                severity,
                scope: m.scope,
            })
            .collect())
    }

    /// Alerts that are not closed, as retained messages, oldest first, each with its copies for feeds: what a broker that
    /// lost its memory needs. At most `limit` alerts behind a place, and the place behind which there may be more.
    pub async fn open_alerts(&self, behind: i64, limit: usize) -> Result<(Vec<Message>, Option<i64>), LedgerError> {
        let mut conn = self.reader().await?;
        let found = self.read(alerts::open(&mut conn, behind, rows(limit)).await.map_err(StoreError::from))?;
        drop(conn);
        let (topics, feeds) = (Topics::new(&self.site), self.shared.feeds.lock().clone());
        let mut messages = Vec::with_capacity(found.alerts.len());
        for OpenAlert { alert: a, payload } in found.alerts {
            let message = Message {
                topic: topics.alert(a.id),
                payload,
                retain: true,
                cursor: Some(a.order.cursor),
                scope: Scope::Channel { channel: a.channel, area: a.area.clone() },
            };
            let held = feeds.iter().filter(|f| f.holds(&a.area)).filter_map(|f| topics.copy(&f.id, &message.topic));
            let copies: Vec<_> = held.map(|topic| Message { topic, ..message.clone() }).collect();
            messages.push(message);
            messages.extend(copies);
        }
        Ok((messages, found.next))
    }

    /// How many alerts are not closed.
    pub async fn count_open_alerts(&self) -> Result<u32, LedgerError> {
        let mut conn = self.reader().await?;
        let count = self.read(alerts::count_open(&mut conn).await.map_err(StoreError::from))?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    pub async fn alerts(&self, q: AlertQuery) -> Result<AlertPage, LedgerError> {
        // Read first: the page may show more than this cursor says, never less.
        let cursor = *self.shared.newest.borrow();
        let mut conn = self.reader().await?;
        let limit = rows(q.limit);
        let before = q.before.unwrap_or(i64::MAX);
        let which = alerts::Which {
            filter: q.filter,
            channel: q.channel.as_ref(),
            severity: q.severity,
            rows: q.rows,
            position: q.position.as_ref(),
        };
        let found = alerts::list(&mut conn, which, before, limit).await;
        let found = self.read(found)?;
        let full = i64::try_from(found.len()).unwrap_or(i64::MAX) == limit;
        let next = found.last().map(|(place, _)| *place).filter(|_| full);
        Ok(AlertPage { alerts: found.into_iter().map(|(_, a)| a).collect(), cursor, next })
    }

    /// Alerts that belong together, by their opening, newest first.
    pub async fn members(&self, of: Kin, before: Option<i64>, limit: usize) -> Result<AlertPage, LedgerError> {
        let cursor = *self.shared.newest.borrow();
        let mut conn = self.reader().await?;
        let limit = rows(limit);
        let found = self.read(members::list(&mut conn, of, before.unwrap_or(i64::MAX), limit).await)?;
        let full = i64::try_from(found.len()).unwrap_or(i64::MAX) == limit;
        let next = found.last().map(|(place, _)| *place).filter(|_| full);
        Ok(AlertPage { alerts: found.into_iter().map(|(_, a)| a).collect(), cursor, next })
    }

    /// Open rows by position, priority and area, and what was escalated to each.
    pub async fn open_rows(&self) -> Result<Vec<OpenRows>, LedgerError> {
        let mut conn = self.reader().await?;
        self.read(members::open_rows(&mut conn).await)
    }

    pub async fn alert(&self, id: AlertId) -> Result<Option<AlertDetail>, LedgerError> {
        let mut conn = self.reader().await?;
        let Some(alert) = self.read(alerts::get(&mut conn, id).await)? else { return Ok(None) };
        let history = self.read(alerts::history(&mut conn, id, DETAIL_HISTORY).await)?;
        let mut events = self.read(events::of_alert(&mut conn, id, DETAIL_EVENTS).await)?;
        // How it began is looked at first, however long ago that was.
        if !events.iter().any(|e| e.id == alert.first_event) {
            events.extend(self.read(events::get(&mut conn, alert.first_event).await)?);
        }
        Ok(Some(AlertDetail { alert, history, events }))
    }

    /// What the history says of one change, beside the name of what was done.
    pub async fn said(&self, alert: AlertId, rev: u64) -> Result<Option<String>, LedgerError> {
        let mut conn = self.reader().await?;
        let found = alerts::note(&mut conn, alert, rev).await.map_err(StoreError::from);
        self.read(found)
    }

    pub(super) async fn alert_now(&self, id: AlertId) -> Result<AlertPayload, ActionError> {
        let mut conn = self.reader().await?;
        self.read(alerts::get(&mut conn, id).await)?.ok_or(ActionError::NotFound(id))
    }

    /// The event after its latest change.
    pub async fn event_by_id(&self, id: EventId) -> Result<Option<EventPayload>, LedgerError> {
        let mut conn = self.reader().await?;
        self.read(events::get(&mut conn, id).await)
    }

    /// What was committed behind `after`, in that order.
    pub async fn changes(&self, after: i64, limit: usize) -> Result<Changes, LedgerError> {
        if after < self.floor() || after > *self.shared.newest.borrow() {
            return Ok(Changes::Gone);
        }
        let limit = rows(limit);
        let mut conn = self.reader().await?;
        let mut messages = self.read(messages::changes(&mut conn, after, &self.feeds, limit + 1).await)?;
        drop(conn);
        // The floor is raised before the rows go, so that a gap is never shown as if nothing had been there.
        if after < self.floor() {
            return Ok(Changes::Gone);
        }
        let more = i64::try_from(messages.len()).unwrap_or(i64::MAX) > limit;
        messages.truncate(usize::try_from(limit).unwrap_or(MAX_ROWS));
        let cursor = messages.last().and_then(|m| m.cursor).unwrap_or(after);
        Ok(Changes::Here { messages, cursor, more })
    }
}

pub(super) fn rows(limit: usize) -> i64 {
    i64::try_from(limit.clamp(1, MAX_ROWS)).unwrap_or(1)
}
