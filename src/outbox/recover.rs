//! What happens before the first fact: the file is opened, the last stop is judged, open events get their ends.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, atomic::Ordering},
};

use sqlx::SqliteConnection;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{
    Fold, LedgerError, LedgerOptions, Shared,
    checkpoint::Log,
    owed::Owed,
    plan::{Batch, Ledgered},
    refeed::Refeed,
    writer::{Job, Writer},
};
use crate::{
    config::Feed,
    store::{Store, StoreError, alerts, events, messages, meta, positions, sources},
    types::{Ages, AlertId, Clock, EventEnd, EventId, Phase, Severity, Wall},
};

/// Keys of the store's named values.
pub(super) const CLEAN: &str = "clean_stop";
pub(super) const FEEDS: &str = "feeds";
pub(super) const FORMER_FEEDS: &str = "feeds_before";
pub(super) const FLOOR: &str = "changes_floor";
pub(super) const DROPPED: [&str; 4] = ["dropped_low", "dropped_medium", "dropped_high", "dropped_critical"];

/// What is read at opening at most: alerts that are over and may be joined, the newest of them; sources of which is
/// remembered what they are like; alerts with something before them.
const JOINED_AT_MOST: i64 = 20_000;
const SOURCES_AT_MOST: i64 = 50_000;
const TIMED_AT_MOST: i64 = 50_000;
/// Positions, those of earlier configurations among them.
const POSITIONS_AT_MOST: i64 = 1000;
/// Milliseconds to the cursors of a file that replaces a damaged one: above any that counted facts one by one, and
/// below 2^53, which is what a browser counts to.
const CURSORS_PER_MS: i64 = 1000;

pub(super) async fn open(
    o: LedgerOptions,
    boot: Uuid,
    shared: Arc<Shared>,
    queue: mpsc::Receiver<Job>,
) -> Result<Writer, LedgerError> {
    let store = Store::open(&o.data_dir, &o.store, o.clock).await?;
    let led = Ledgered {
        site: o.site,
        node: o.node,
        boot,
        fold: o.fold,
        feeds: o.feeds,
        refeed: None,
        cursor: 0,
        seq: 0,
        channel_seq: HashMap::new(),
        spent: Default::default(),
    };
    let mut writer = Writer {
        log: Log::tended(store.clone()),
        store,
        led,
        queue,
        shared,
        clock: o.clock,
        group_commit_ms: u64::from(o.store.group_commit_ms),
        max_bytes: i64::try_from(o.outbox.max_bytes).unwrap_or(i64::MAX),
        keep_ms: i64::from(o.outbox.keep_changes_h) * 3_600_000,
        hold_acked_ms: o.hold_acked_ms,
        retry_for: o.retry_for,
        stale: false,
        owed: Owed::default(),
        held: VecDeque::new(),
        next_prune: o.clock.mono(),
        time_written: 0,
        more_to_tidy: false,
        company: 0,
    };
    match first(&mut writer).await {
        Ok(()) => {}
        Err(e) if e.is_corrupt() => {
            // A page beyond what the check at opening had time for. Once more, with a fresh file.
            writer.store.mark_damaged(&e);
            writer.store = writer.store.reopen(&o.store, o.clock).await?;
            writer.log = Log::tended(writer.store.clone());
            first(&mut writer).await?;
        }
        Err(e) => return Err(e.into()),
    }
    Ok(writer)
}

/// The first transaction.
async fn first(w: &mut Writer) -> Result<(), StoreError> {
    let now = w.clock.now();
    w.led.seq = 0;
    w.led.channel_seq.clear();
    let mut conn = w.store.writer().acquire().await?;
    let (mut floor, clean) = (meta::number(&mut conn, FLOOR).await?, meta::number(&mut conn, CLEAN).await? == 1);
    if let Some(base) = w.store.cursor_base() {
        floor = floor.max(base.saturating_mul(CURSORS_PER_MS));
        meta::set(&mut conn, FLOOR, &floor.to_string()).await?;
    }
    // Of a file from before it was written down the newest message tells.
    let written = meta::number(&mut conn, meta::TIME).await?;
    let told = match written {
        0 => messages::newest_at(&mut conn).await?,
        told => Some(Wall(told)),
    };
    let ages = Ages::new(told, now);
    // Where the clock is ahead this process begins an hour later than it was told: a start alone moves nothing on.
    w.time_written = ages.told().filter(|_| written != 0).map_or(0, |began| began.0);
    *w.shared.ages.lock() = ages;
    w.led.cursor = messages::highest(&mut conn).await?.max(floor);
    w.shared.floor.store(floor, Ordering::SeqCst);
    let (outbox_rows, outbox_bytes) = messages::waiting(&mut conn).await?;
    let mut dropped = [0; 4];
    for (n, key) in dropped.iter_mut().zip(DROPPED) {
        *n = u64::try_from(meta::number(&mut conn, key).await?).unwrap_or(0);
    }
    {
        let mut stats = w.shared.stats.lock();
        (stats.outbox_rows, stats.outbox_bytes, stats.dropped) = (outbox_rows, outbox_bytes, dropped);
    }
    w.shared.newest.send_replace(w.led.cursor);
    let open = load(&mut conn, w.led.fold.as_mut(), w.clock).await?;
    let before = meta::get(&mut conn, FEEDS).await?;
    let before: Vec<Feed> = before.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
    let former = meta::get(&mut conn, FORMER_FEEDS).await?;
    let former: Vec<Vec<Feed>> = former.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
    drop(conn);
    let refeed = Some(Refeed::new(before.clone(), former.clone(), w.led.cursor));
    w.led.refeed = refeed.filter(|_| before != w.led.feeds || !former.is_empty());
    w.more_to_tidy = w.led.refeed.is_some();

    let mut batch = Batch::new(&w.led, now.wall);
    batch.opening = Some(clean);
    batch.feeds = w.led.refeed.as_ref().map(|r| (w.led.feeds.clone(), r.before.clone()));
    for (id, mut event) in open {
        event.phase = Phase::End;
        event.end = Some(EventEnd::Interrupted);
        // Not what it looked like: it was not seen to end.
        if let Err(e) = batch.event(&mut w.led, event, "", &Default::default(), (now.mono, now)) {
            tracing::error!("event {id} was left open and cannot be ended: {e}");
        }
    }
    batch.positions = w.led.fold.keeps();
    let ended = batch.events.len();
    let written = w.write(&batch).await?;
    w.done(&batch, written);
    // What waited before is in the file.
    w.shared.recent.lock().forget(w.led.cursor);
    w.shared.feeds.lock().clone_from(&w.led.feeds);
    if ended > 0 {
        tracing::warn!("{ended} events were open when the node stopped; they have ended as interrupted");
        metrics::counter!("skyeye_outbox_interrupted_total").increment(u64::try_from(ended).unwrap_or(0));
    }
    Ok(())
}

/// Fills the fold with what is written; gives the open events. A record that cannot be read is left out and said.
pub(super) async fn load(
    conn: &mut SqliteConnection,
    fold: &mut dyn Fold,
    clock: Clock,
) -> Result<Vec<(EventId, crate::types::payload::EventPayload)>, StoreError> {
    fold.reset();
    let now = clock.now();
    let mut found = Vec::new();
    let mut by_alert: HashMap<AlertId, Vec<EventId>> = HashMap::new();
    for (event, alert, payload) in events::open(conn).await? {
        match events::parse(&payload) {
            Ok(payload) => {
                by_alert.entry(alert).or_default().push(event);
                found.push((event, payload));
            }
            Err(e) => tracing::error!("event {event} stays without an end: {e}"),
        }
    }
    // Newest first, so that the newest alert of a key is the one that is joined.
    let mut ids: Vec<AlertId> = by_alert.keys().copied().collect();
    ids.sort_unstable_by(|a, b| b.cmp(a));
    for id in ids {
        match alerts::load(conn, id).await {
            Ok(Some(alert)) => fold.admit(alert, &by_alert[&id], now),
            Ok(None) => tracing::error!("alert {id} of an open event is missing; run `skyeye store check`"),
            Err(e @ StoreError::Record { .. }) => tracing::error!("alert {id} is left out: {e}"),
            Err(e) => return Err(e),
        }
    }
    for learnt in sources::latest(conn, SOURCES_AT_MOST).await? {
        fold.restore(&learnt, now);
    }
    let since = now.wall.0.saturating_sub_unsigned(fold.remembers_ms());
    let mut others = alerts::joinable(conn, Wall(since), JOINED_AT_MOST).await?;
    others.extend(alerts::timed(conn, TIMED_AT_MOST).await?);
    others.extend(alerts::elsewhere(conn, &fold.positions(), TIMED_AT_MOST).await?);
    for alert in others {
        match alert {
            Ok(alert) if !fold.holds(alert.id) => fold.admit(alert, &[], now),
            Ok(_) => {}
            Err(e) => tracing::error!("an alert is left out: {e}"),
        }
    }
    for kept in positions::latest(conn, POSITIONS_AT_MOST).await? {
        if let Err(e) = fold.restore_position(&kept, now) {
            tracing::error!("how position {} stood is left out: {e}", kept.position);
        }
    }
    Ok(found)
}

/// Names of the severities in metrics.
pub(super) const SEVERITIES: [Severity; 4] = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
