//! What the writer does between batches, in pieces so small that no fact waits for it: old messages and old history
//! go, forgotten alerts are closed, free pages are given back, other feeds are told of open alerts (`refeed`). What is
//! old is said by `types::ages`, not by the clock: one that jumps ahead would take all history away in a minute.

use std::{sync::atomic::Ordering, time::Duration};

use super::{
    plan::Batch,
    recover::FLOOR,
    writer::{Retry, Writer},
};
use crate::{
    store::{StoreError, alerts, commands, handovers, history, messages, meta, positions, search, sources},
    types::{
        Wall,
        ages::TOLD_EVERY_MS,
        alert::{By, Wish},
        payload::{AlertAction, AlertState},
    },
};

/// Between two rounds, and between the pieces of one.
const EVERY_MS: u64 = 60_000;
pub(super) const NEXT_MS: u64 = 200;
/// Messages in one piece.
const PIECE: i64 = 1000;
/// The gateway closes an alert that nobody took, or that was resolved and left, after this long without an event: a
/// broker keeps a retained message for every open one.
const CLOSE_AFTER_MS: i64 = 7 * 24 * 3_600_000;
/// Events, and closed alerts with their history, are kept this long; as long as who did what.
const HISTORY_MS: i64 = 180 * 24 * 3_600_000;
const CLOSE_AT_ONCE: i64 = 100;
/// Alerts from before there was a search that are made ready for it in one piece.
const FILL: i64 = 250;

impl Writer {
    pub(super) async fn housekeeping(&mut self) {
        let now = self.clock.mono();
        if now < self.next_prune {
            return;
        }
        let refeeding = self.refeed_some().await;
        let more = match self.piece().await {
            Ok(more) => more,
            Err(e) => {
                tracing::warn!("old messages cannot be deleted now: {e}");
                false
            }
        };
        let more = more || refeeding;
        self.more_to_tidy = more;
        self.next_prune = now.plus_ms(if more { NEXT_MS } else { EVERY_MS });
    }

    /// Gives whether there is more to do.
    async fn piece(&mut self) -> Result<bool, StoreError> {
        let wall = self.shared.time_of_ages();
        let before = Wall(wall.0 - self.keep_ms);
        // Kept messages are bounded in bytes too: twice the outbox, whose rows are among them.
        let heavy = self.shared.kept.load(Ordering::Relaxed) > self.max_bytes.saturating_mul(2);
        let mut conn = self.store.writer().acquire().await?;
        let told = self.shared.ages.lock().told();
        if let Some(told) = told.filter(|t| t.0.saturating_sub(self.time_written).saturating_abs() >= TOLD_EVERY_MS) {
            meta::set(&mut conn, meta::TIME, &told.0.to_string()).await?;
            self.time_written = told.0;
        }
        let oldest = messages::oldest_free(&mut conn, before, heavy, PIECE).await?;
        if let Some((rows, bytes, last)) = oldest {
            // Raised before the rows go: whoever reads meanwhile is told to load its lists again.
            let floor = self.shared.floor.fetch_max(last, Ordering::SeqCst).max(last);
            let mut tx = sqlx::Connection::begin_with(&mut *conn, "BEGIN IMMEDIATE").await?;
            messages::delete_free(&mut tx, before, heavy, PIECE).await?;
            meta::set(&mut tx, FLOOR, &floor.to_string()).await?;
            tx.commit().await?;
            self.shared.kept.fetch_sub(bytes, Ordering::Relaxed);
            metrics::counter!("skyeye_outbox_pruned_total").increment(u64::try_from(rows).unwrap_or(0));
            return Ok(rows == PIECE);
        }
        if search::fill(&mut conn, FILL).await? {
            return Ok(true);
        }
        let forgotten = history::prune(&mut conn, Wall(wall.0 - HISTORY_MS), PIECE).await?;
        if forgotten > 0 {
            metrics::counter!("skyeye_store_history_pruned_total").increment(forgotten);
            return Ok(true);
        }
        commands::prune(&mut conn, before).await?;
        sources::prune(&mut conn, Wall(wall.0 - HISTORY_MS)).await?;
        positions::prune(&mut conn, Wall(wall.0 - HISTORY_MS)).await?;
        handovers::prune(&mut conn, Wall(wall.0 - HISTORY_MS)).await?;
        sqlx::raw_sql("PRAGMA incremental_vacuum(256)").execute(&mut *conn).await?;
        let stale = Wall(wall.0 - CLOSE_AFTER_MS);
        let mut forgotten = alerts::stale(&mut conn, AlertState::New, stale, CLOSE_AT_ONCE).await?;
        forgotten.extend(alerts::stale(&mut conn, AlertState::Resolved, stale, CLOSE_AT_ONCE).await?);
        if forgotten.is_empty() || self.stale {
            return Ok(false);
        }
        for id in &forgotten {
            if !self.led.fold.holds(*id)
                && let Some(alert) = alerts::load(&mut conn, *id).await?
            {
                self.led.fold.admit(alert, &[], self.clock.now());
            }
        }
        drop(conn);
        let now = self.clock.now();
        let mut batch = Batch::new(&self.led, now.wall);
        for id in forgotten {
            let note = Some("closed by the gateway: nothing happened for seven days".into());
            let wish = Wish { note, ..AlertAction::Close.into() };
            if let Err(e) = batch.act(&mut self.led, id, &wish, By::Gateway, None, now) {
                tracing::warn!("alert {id} cannot be closed: {e}");
            }
        }
        batch.positions = self.led.fold.keeps();
        if !batch.is_empty() {
            self.takes_owed(&mut batch);
            self.persist(&batch, Retry::new(Duration::from_secs(1))).await?;
        }
        Ok(true)
    }

    /// Counts the bytes of kept messages beside the way: the table may be large and a start must be quick. Commits from now
    /// on count themselves.
    pub(super) fn count_kept(&self) {
        let (store, shared, upto) = (self.store.clone(), self.shared.clone(), self.led.cursor);
        // What the opening wrote is among them.
        shared.kept.store(0, Ordering::Relaxed);
        tokio::spawn(async move {
            let counted = async {
                let mut conn = store.reader().acquire().await?;
                messages::kept_bytes(&mut conn, upto).await
            };
            match counted.await {
                Ok(bytes) => drop(shared.kept.fetch_add(bytes, Ordering::Relaxed)),
                Err(e) => tracing::warn!("the kept messages cannot be counted, only their age bounds them: {e}"),
            }
        });
    }
}
