//! What the node does by the clock: end events of channels without pictures, tell health and status, keep house.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use crate::{
    channel::Registry,
    node::{
        Inner, condition,
        look::Lookers,
        pump::{Item, Pump},
        watch::Watch,
    },
    publish::Publisher,
    types::{ChannelId, ChannelState, Mono, Now, Scope},
};

const TICK: Duration = Duration::from_secs(1);
/// Evidence is tidied at this pace.
const HOUSEKEEPING_MS: u64 = 60_000;
/// How often the room on the disk is looked at.
const DISK: Duration = Duration::from_secs(5);
/// From this share in use on the operator is told.
const DISK_FULL: f64 = 0.9;

/// Ends what was open on channels that have had no picture for the stall deadline.
pub async fn lost(inner: Arc<Inner>, stop: CancellationToken) {
    let mut tick = tokio::time::interval(TICK);
    while next(&mut tick, &stop).await {
        let now = inner.clock.now();
        let deadline_ms = u64::from(inner.config.load().ingest.stall_deadline_s) * 1000;
        for watch in inner.watches.all() {
            if now.mono.since_ms(watch.last_unit()) >= deadline_ms {
                end_lost(&watch, &inner.pump, now);
            }
        }
    }
}

fn end_lost(watch: &Watch, pump: &Pump, now: Now) {
    // A worker holds the lock for milliseconds, or longer while the disk is slow: the next tick comes in a second.
    let Some(mut analysis) = watch.analysis.try_lock() else { return };
    // Also where nothing is open: who was missed in one look before the pictures stopped has not been away all the time.
    let open = analysis.rules.open();
    // Room first, then the change: an end that found no room would be an end that never comes.
    let places = pump.places(&watch.entry.config.id, open);
    let events = analysis.rules.lost(places.len(), now);
    for (place, event) in places.into_iter().zip(events) {
        place.put(Item {
            event,
            snapshot: None,
            channel_name: watch.entry.config.display_name().to_owned(),
            area: watch.entry.area.clone(),
            skew_ms: None,
            recorder: watch.entry.config.host(),
        });
    }
}

/// Keeps the pool of workers at work.
pub async fn workers(inner: Arc<Inner>, lookers: Arc<Lookers>, stop: CancellationToken) {
    let mut tick = tokio::time::interval(TICK);
    while next(&mut tick, &stop).await {
        lookers.watch_over(&inner).await;
    }
}

/// Writes look rates and activity into the channels' health, tells health that is news, and lets idle decoders go.
pub async fn health(inner: Arc<Inner>, publisher: Arc<Publisher>, stop: CancellationToken) {
    let mut told: HashMap<ChannelId, u64> = HashMap::new();
    let mut tick = tokio::time::interval(TICK);
    while next(&mut tick, &stop).await {
        let now = inner.clock.now();
        look_rates(&inner, now.mono);
        kept_looks(&inner);
        condition::second(&inner, now);
        tell_health(&inner.registry, &inner, &mut told).await;
        publisher.set_status(inner.node_payload().degraded, open_alerts(&inner).await);
    }
}

/// For whom nothing else counts them: Home Assistant sees one retained message an alert and cannot add.
async fn open_alerts(inner: &Inner) -> Option<u32> {
    if !inner.config.load().homeassistant.enabled {
        return None;
    }
    inner.ledger.count_open_alerts().await.map_err(|e| tracing::debug!("open alerts are not counted: {e}")).ok()
}

fn kept_looks(inner: &Inner) {
    let kept = inner.book.stats();
    metrics::gauge!("skyeye_track_kept_looks").set(kept.looks as f64);
    metrics::gauge!("skyeye_track_kept_bytes").set(kept.bytes as f64);
    metrics::gauge!("skyeye_track_kept_dropped").set(kept.dropped as f64);
}

fn look_rates(inner: &Inner, now: Mono) {
    for watch in inner.watches.all() {
        if let Some(mut stream) = watch.stream.try_lock() {
            stream.tidy(now);
        }
        let activity = inner.sampler.activity(&watch.entry.config.id).map(|report| report.state);
        if let Some(mut analysis) = watch.analysis.try_lock() {
            let rate = analysis.rate_hz(now);
            drop(analysis);
            watch.entry.update(|h| {
                h.look_rate_hz = rate;
                h.focus_hz = watch.demand.focus_hz();
                h.activity = activity;
            });
        }
    }
}

/// What is told before others get the thread: far less than what a console's feed holds, so that a whole district that
/// changes in one second does not overrun it.
const TOLD_AT_ONCE: usize = 500;
const TELL_PAUSE: Duration = Duration::from_millis(10);

async fn tell_health(registry: &Registry, inner: &Inner, told: &mut HashMap<ChannelId, u64>) {
    let entries = registry.channels();
    if told.len() > entries.len() {
        let gone: Vec<ChannelId> = told.keys().filter(|id| registry.get(id).is_none()).cloned().collect();
        for id in gone {
            told.remove(&id);
            inner.states.clear(&inner.topics.health(&id), Scope::Channel { channel: id, area: Vec::new() });
        }
    }
    let mut news = 0;
    for entry in entries {
        let version = entry.version();
        if told.get(&entry.config.id) == Some(&version) {
            continue;
        }
        if let Ok(json) = serde_json::to_vec(&inner.health(&entry)) {
            let scope = Scope::Channel { channel: entry.config.id.clone(), area: entry.area.clone() };
            // One that finds no room is told when there is some.
            if inner.states.set(&inner.topics.health(&entry.config.id), json, scope) {
                told.insert(entry.config.id.clone(), version);
            }
            news += 1;
            if news % TOLD_AT_ONCE == 0 {
                // A moment, not only a turn: the feeds run on other threads.
                tokio::time::sleep(TELL_PAUSE).await;
            }
        }
    }
}

/// How many channels are in which state.
pub fn count_states(registry: &Registry) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for entry in registry.channels() {
        *counts.entry(entry.state().as_str().to_owned()).or_insert(0) += 1;
    }
    counts.entry(ChannelState::Running.as_str().to_owned()).or_insert(0);
    counts
}

/// Evidence beyond quota or retention goes; a disk that fills is told.
pub async fn housekeeping(inner: Arc<Inner>, stop: CancellationToken) {
    let mut tick = tokio::time::interval(DISK);
    let mut tidy_at = inner.clock.mono();
    while next(&mut tick, &stop).await {
        disk(&inner).await;
        let now = inner.clock.mono();
        if now < tidy_at {
            continue;
        }
        tidy_at = now.plus_ms(HOUSEKEEPING_MS);
        if let Err(e) = inner.files.sweep(inner.ledger.time_of_ages()).await {
            tracing::warn!("evidence could not be tidied: {e}");
        }
    }
}

async fn disk(inner: &Inner) {
    let dir = inner.config.load().node.data_dir.clone();
    // A network disk may take its time.
    let asked = tokio::task::spawn_blocking(move || rustix::fs::statvfs(&dir)).await;
    let Ok(Ok(disk)) = asked else { return };
    // As `df` counts: without what is reserved for root.
    let (used, free) = (disk.f_blocks.saturating_sub(disk.f_bfree), disk.f_bavail);
    let share = used as f64 / (used.saturating_add(free)).max(1) as f64;
    metrics::gauge!("skyeye_node_disk_used_ratio").set(share);
    let full = share >= DISK_FULL;
    inner.set_degraded(
        "disk",
        full.then(|| {
            format!(
                "the disk under node.data_dir is over {:.0} % full; evidence stops first, then events wait",
                DISK_FULL * 100.0
            )
        }),
    );
}

/// Waits for the next tick; false when it is time to stop.
pub async fn next(tick: &mut tokio::time::Interval, stop: &CancellationToken) -> bool {
    tokio::select! {
        _ = tick.tick() => true,
        () = stop.cancelled() => false,
    }
}

/// Looks a second of the whole node.
pub fn looks_per_s(watches: &[Arc<Watch>], now: Mono) -> f32 {
    watches.iter().filter_map(|w| w.analysis.try_lock().map(|mut a| a.rate_hz(now))).sum()
}
