//! The box as it breathes: once a second all numbers of the moment are put together for the console, and the gauges
//! that nobody else keeps are set.
//!
//! In: the series of `telemetry`, the schedule's own report, the channels' health, /proc. Out: a `BoxView`, latest value.
//! A minute is the difference of two readings of the same counters that Prometheus scrapes, kept every five seconds, so
//! that page and dashboard agree. Everything kept is bounded: a minute of readings, fifteen minutes of points.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use metrics::{gauge, histogram};
use tokio_util::sync::CancellationToken;

use crate::{
    config::BrokerKind,
    decode,
    node::{Inner, tick},
    telemetry::{Counts, Metrics, process::Usage, stage::TIERS},
    types::{ChannelState, Mono},
    web::boxview::{
        BoxView, BrokerView, BudgetView, DropView, EngineView, FloorsView, FocusView, HistoryView, LateView, LoadView,
        StageView, TierView,
    },
};

const TICK: Duration = Duration::from_secs(1);
/// Readings and points of the history are this far apart.
const STEP_MS: u64 = 5000;
/// Readings: a minute of them.
const READINGS: usize = 13;
/// Points: fifteen minutes of them.
const POINTS: usize = 180;
/// How far back "now" reaches.
const NOW_MS: u64 = 10_000;

/// Stages, their histogram of ages, and those of the parts of their own time.
const STAGES: [(&str, &str, &[&str]); 6] = [
    ("schedule", "skyeye_schedule_age_seconds", &[]),
    ("decode", "skyeye_decode_age_seconds", &["skyeye_decode_seconds"]),
    (
        "infer",
        "skyeye_infer_age_seconds",
        &["skyeye_infer_run_seconds", "skyeye_infer_letterbox_seconds", "skyeye_infer_postprocess_seconds"],
    ),
    ("rule", "skyeye_rule_age_seconds", &["skyeye_rule_seconds"]),
    ("outbox", "skyeye_outbox_age_seconds", &["skyeye_outbox_commit_seconds"]),
    ("publish", "skyeye_publish_age_seconds", &[]),
];

/// What is given up: stage, counter, and the label that says why, or the reason itself.
const DROPS: [(&str, &str, Result<&str, &str>); 15] = [
    ("ingest", "skyeye_ingest_lost_packets_total", Err("lost_packets")),
    ("ingest", "skyeye_ingest_dropped_units_total", Ok("reason")),
    ("media", "skyeye_media_shrunk_units_total", Err("shrunk")),
    ("schedule", "skyeye_schedule_dropped_samples_total", Ok("reason")),
    ("decode", "skyeye_decode_errors_total", Ok("kind")),
    ("infer", "skyeye_infer_errors_total", Err("failed")),
    ("infer", "skyeye_node_workers_given_up_total", Err("hung")),
    ("infer", "skyeye_node_worker_panics_total", Err("panicked")),
    ("alert", "skyeye_alert_limited_total", Err("limited")),
    ("evidence", "skyeye_evidence_errors_total", Ok("kind")),
    ("outbox", "skyeye_outbox_dropped_total", Ok("severity")),
    ("outbox", "skyeye_outbox_refused_total", Err("refused")),
    ("publish", "skyeye_publish_unsendable_total", Err("unsendable")),
    ("publish", "skyeye_publish_commands_dropped_total", Err("commands")),
    ("web", "skyeye_web_feed_lost_total", Err("feed")),
];

/// All counters that the page needs, at one moment.
#[derive(Debug, Clone, Default)]
struct Reading {
    at: Mono,
    ages: Vec<Counts>,
    services: Vec<Vec<Counts>>,
    looks: [u64; 3],
    look_seconds: [f64; 3],
    drops: BTreeMap<(&'static str, String), u64>,
    /// Share of the workers' time, as the schedule measures it.
    busy: f32,
    usage: Usage,
}

impl Reading {
    fn of(metrics: &Metrics, busy: f32, usage: Usage, at: Mono) -> Self {
        let mut drops = BTreeMap::new();
        for (stage, name, why) in DROPS {
            match why {
                Ok(label) => {
                    for (reason, count) in metrics.counts_by(name, label) {
                        *drops.entry((stage, reason)).or_insert(0) += count;
                    }
                }
                Err(reason) => {
                    drops.insert((stage, reason.to_owned()), metrics.count(name, &[]));
                }
            }
        }
        let parts = |names: &[&str]| names.iter().map(|n| metrics.histogram(n, &[])).collect();
        Self {
            at,
            ages: STAGES.iter().map(|(_, age, _)| metrics.histogram(age, &[])).collect(),
            services: STAGES.iter().map(|(_, _, services)| parts(services)).collect(),
            looks: TIERS.map(|tier| metrics.count("skyeye_node_looks_total", &[("tier", tier)])),
            look_seconds: TIERS.map(|tier| metrics.histogram("skyeye_node_look_seconds", &[("tier", tier)]).sum),
            drops,
            busy,
            usage,
        }
    }

    fn seconds_since(&self, earlier: &Reading) -> f32 {
        self.at.since_ms(earlier.at).max(1) as f32 / 1000.0
    }

    fn looks_since(&self, earlier: &Reading, tier: usize) -> u64 {
        let of = |r: &Reading| r.looks.get(tier).copied().unwrap_or(0);
        of(self).saturating_sub(of(earlier))
    }

    /// Looks a second of a tier since `earlier`.
    fn rate_since(&self, earlier: &Reading, tier: usize) -> f32 {
        self.looks_since(earlier, tier) as f32 / self.seconds_since(earlier)
    }
}

/// A minute of readings and fifteen minutes of points.
#[derive(Debug, Default)]
struct Memory {
    readings: VecDeque<Reading>,
    history: HistoryView,
}

impl Memory {
    /// Takes a reading; every five seconds it is kept and makes a point.
    fn take(&mut self, reading: &Reading) {
        let Some(last) = self.readings.back() else {
            self.readings.push_back(reading.clone());
            return;
        };
        if reading.at.since_ms(last.at) < STEP_MS {
            return;
        }
        let seconds = reading.seconds_since(last);
        // The samples that the schedule gave up; what was lost on the way in and out is another story.
        let dropped = |r: &Reading| r.drops.iter().filter(|((s, _), _)| *s == "schedule").map(|(_, n)| n).sum::<u64>();
        let history = &mut self.history;
        history.step_s = (STEP_MS / 1000) as u32;
        history.patrol.push(rounded(reading.rate_since(last, 0)));
        history.focus.push(rounded(reading.rate_since(last, 1) + reading.rate_since(last, 2)));
        history.busy.push(rounded(reading.busy));
        let ages = reading.ages.get(2).zip(last.ages.get(2)).map(|(now, then)| now.since(then));
        history.age_p99_ms.push(ages.and_then(|a| ms(a.quantile(0.99))));
        history.dropped.push(rounded(dropped(reading).saturating_sub(dropped(last)) as f32 / seconds));
        history.cores.push(rounded(reading.usage.cores_since(&last.usage, reading.at.since_ms(last.at))));
        if history.patrol.len() > POINTS {
            for curve in
                [&mut history.patrol, &mut history.focus, &mut history.busy, &mut history.dropped, &mut history.cores]
            {
                curve.remove(0);
            }
            history.age_p99_ms.remove(0);
        }
        self.readings.push_back(reading.clone());
        if self.readings.len() > READINGS {
            self.readings.pop_front();
        }
    }

    /// The reading that is at least `ms` old, or the oldest.
    fn before(&self, now: Mono, ms: u64) -> Option<&Reading> {
        self.readings.iter().rev().find(|r| now.since_ms(r.at) >= ms).or(self.readings.front())
    }

    fn stages(&self, now: &Reading) -> Vec<StageView> {
        let before = self.readings.front().unwrap_or(now);
        let since = |a: Option<&Counts>, b: Option<&Counts>| a.zip(b).map(|(a, b)| a.since(b)).unwrap_or_default();
        STAGES
            .iter()
            .enumerate()
            .map(|(n, (stage, _, parts))| {
                let age = since(now.ages.get(n), before.ages.get(n));
                let part = |r: &'_ Reading, at: usize| r.services.get(n).and_then(|s| s.get(at)).cloned();
                let means = (0..parts.len())
                    .filter_map(|at| since(part(now, at).as_ref(), part(before, at).as_ref()).mean())
                    .reduce(|a, b| a + b);
                StageView {
                    stage,
                    count: age.count(),
                    age_p50_ms: ms(age.quantile(0.5)),
                    age_p99_ms: ms(age.quantile(0.99)),
                    service_ms: ms(means),
                }
            })
            .collect()
    }

    fn drops(&self, now: &Reading) -> Vec<DropView> {
        let before = self.readings.front();
        let mut drops: Vec<DropView> = now
            .drops
            .iter()
            .filter(|(_, total)| **total > 0)
            .map(|((stage, reason), total)| {
                let then = before.and_then(|b| b.drops.get(&(*stage, reason.clone()))).copied().unwrap_or(0);
                DropView { stage, reason: reason.clone(), last_minute: total.saturating_sub(then), total: *total }
            })
            .collect();
        drops.sort_by_key(|d| std::cmp::Reverse((d.last_minute, d.total)));
        drops
    }

    fn tiers(&self, now: &Reading) -> Vec<TierView> {
        let (recent, minute) = (self.before(now.at, NOW_MS).unwrap_or(now), self.readings.front().unwrap_or(now));
        let seconds = |r: &Reading, tier: usize| r.look_seconds.get(tier).copied().unwrap_or(0.0);
        TIERS
            .into_iter()
            .enumerate()
            .map(|(n, tier)| {
                let looks = now.looks_since(minute, n);
                let mean = (seconds(now, n) - seconds(minute, n)) / looks.max(1) as f64;
                TierView {
                    tier,
                    looks_per_s: rounded(now.rate_since(recent, n)),
                    service_ms: if looks > 0 { ms(Some(mean)) } else { None },
                }
            })
            .collect()
    }
}

/// Milliseconds to a hundredth.
fn ms(seconds: Option<f64>) -> Option<f32> {
    seconds.map(|s| ((s * 100_000.0).round() / 100.0) as f32)
}

fn rounded(value: f32) -> f32 {
    (value * 1000.0).round() / 1000.0
}

/// Makes the view once a second until `stop`.
pub async fn breathe(inner: Arc<Inner>, stop: CancellationToken) {
    let mut memory = Memory::default();
    let mut usage = Usage::default();
    let mut decoders = BTreeMap::new();
    let (mut read_at, mut rates_at) = (None::<Mono>, inner.clock.mono());
    let mut tick = tokio::time::interval(TICK);
    while tick::next(&mut tick, &stop).await {
        let now = inner.clock.mono();
        if read_at.is_none_or(|at| now.since_ms(at) >= STEP_MS) {
            // Thousands of descriptors are counted in there.
            usage = tokio::task::spawn_blocking(Usage::read).await.unwrap_or(usage);
            usage.tell();
            read_at = Some(now);
            if decoders.is_empty() {
                // The first to ask has the elements probed.
                let choice = inner.config.load().decode.element;
                let asked = tokio::task::spawn_blocking(move || decode::decoders(choice)).await;
                if let Ok(Ok(found)) = asked {
                    decoders = found.iter().map(|d| (d.codec.as_str().to_owned(), d.element.to_owned())).collect();
                }
            }
        }
        let reading = Reading::of(&inner.metrics, inner.queue.capacity().utilisation, usage, now);
        memory.take(&reading);
        let record = now.since_ms(rates_at) >= NOW_MS;
        if record {
            rates_at = now;
        }
        let view = view(&inner, &memory, &reading, &decoders, record);
        gauges(&view);
        inner.breath.store(Arc::new(view));
    }
}

/// Puts it all together. `record`: also record the channels' rates.
fn view(inner: &Inner, memory: &Memory, now: &Reading, decoders: &BTreeMap<String, String>, record: bool) -> BoxView {
    let config = inner.config.load();
    let metrics = &inner.metrics;
    let recent = memory.before(now.at, NOW_MS).unwrap_or(now);
    let (capacity, floors) = (inner.queue.capacity(), inner.queue.floors());
    let tiers = memory.tiers(now);
    let looks_per_s = tiers.iter().map(|t| t.looks_per_s).sum();

    let (mut watched, mut looked_at, mut rates) = (0, 0, 0.0);
    let mut activity: BTreeMap<String, u32> = BTreeMap::new();
    for watch in inner.watches.all().iter().filter(|w| w.is_watched()) {
        let health = watch.entry.health();
        if health.state != ChannelState::Running {
            continue;
        }
        watched += 1;
        looked_at += u32::from(health.look_rate_hz > 0.0);
        rates += health.look_rate_hz;
        if let Some(told) = health.activity {
            *activity.entry(told.as_str().to_owned()).or_insert(0) += 1;
        }
        if record {
            histogram!("skyeye_channel_look_rate_hz").record(f64::from(health.look_rate_hz));
        }
    }

    let latest = floors.latest.iter().filter_map(|late| {
        let entry = inner.registry.get(&late.channel)?;
        Some(LateView {
            channel: late.channel.clone(),
            name: entry.config.display_name().to_owned(),
            area: entry.area.clone(),
            age_s: late.age_ms as f32 / 1000.0,
            floor_s: late.floor_ms as f32 / 1000.0,
            stretched_s: late.stretched_ms as f32 / 1000.0,
        })
    });
    let stats = inner.ledger.stats();
    let bytes = |name, used: f64, bound: f64| BudgetView { name, used, bound, unit: "bytes" };
    let usage = &now.usage;
    BoxView {
        at: inner.clock.wall(),
        uptime_s: now.at.0 / 1000,
        load: LoadView {
            cores: std::thread::available_parallelism().map_or(1, |n| n.get() as u32),
            process_cores: rounded(usage.cores_since(&recent.usage, now.at.since_ms(recent.at))),
            machine_busy: rounded(usage.machine_busy_since(&recent.usage)),
            workers: capacity.workers as u32,
            workers_hanging: metrics.gauge("skyeye_node_workers_hanging", &[]) as u32,
            workers_busy: rounded(now.busy),
            capacity_looks_per_s: (capacity.looks_hz > 0.0).then(|| rounded(capacity.looks_hz)),
            looks_per_s,
            pending: inner.queue.pending() as u32,
        },
        tiers,
        watched,
        looked_at,
        look_interval_s: (rates > 0.0).then(|| watched as f32 / rates),
        stages: memory.stages(now),
        drops: memory.drops(now),
        channels: tick::count_states(&inner.registry),
        activity,
        floors: FloorsView {
            needed_per_s: rounded(floors.needed_hz),
            available_per_s: rounded(floors.available_hz),
            stretch: rounded(floors.stretch.max(1.0)),
            late: floors.late as u32,
            silent: floors.silent as u32,
            latest: latest.collect(),
        },
        focus: FocusView {
            in_use: metrics.gauge("skyeye_schedule_focus_channels", &[]) as u32,
            wanted: metrics.gauge("skyeye_schedule_focus_wanted_channels", &[]) as u32,
            budget: metrics.gauge("skyeye_schedule_focus_budget_channels", &[]) as u32,
            share: rounded(capacity.focus_utilisation),
            share_bound: config.schedule.focus_share,
        },
        budgets: vec![
            bytes("preroll", inner.media.bytes() as f64, inner.media.bound_bytes() as f64),
            bytes("outbox", stats.outbox_bytes as f64, config.outbox.max_bytes as f64),
            bytes("evidence", metrics.gauge("skyeye_evidence_bytes", &[]), config.evidence.quota_bytes as f64),
            bytes("memory", usage.memory_bytes as f64, usage.memory_machine_bytes as f64),
            BudgetView {
                name: "disk",
                used: metrics.gauge("skyeye_node_disk_used_ratio", &[]),
                bound: 1.0,
                unit: "ratio",
            },
            BudgetView { name: "files", used: usage.files as f64, bound: usage.files_bound as f64, unit: "files" },
        ],
        broker: BrokerView {
            kind: match config.publish.broker {
                BrokerKind::Embedded => "embedded",
                BrokerKind::External => "external",
            },
            connected: metrics.gauge("skyeye_publish_connected", &[]) > 0.0,
            inflight: metrics.gauge("skyeye_publish_inflight", &[]) as u32,
            waiting: u64::try_from(stats.outbox_rows).unwrap_or(0),
        },
        engine: EngineView {
            model: config.infer.model.to_string(),
            provider: format!("{:?}", config.infer.provider).to_ascii_lowercase(),
            decoders: decoders.clone(),
        },
        degraded: inner.node_payload().degraded,
        history: memory.history.clone(),
    }
}

/// Gauges that only this overview knows.
fn gauges(view: &BoxView) {
    let bound = |name| view.budgets.iter().find(|b| b.name == name).map_or(0.0, |b| b.bound);
    gauge!("skyeye_outbox_bound_bytes").set(bound("outbox"));
    gauge!("skyeye_schedule_floors_silent_channels").set(view.floors.silent);
    gauge!("skyeye_schedule_focus_share_ratio").set(view.focus.share);
    gauge!("skyeye_node_machine_busy_ratio").set(view.load.machine_busy);
    gauge!("skyeye_node_workers").set(view.load.workers);
    for state in ["learning", "quiet", "active", "mute"] {
        let channels = view.activity.get(state).copied().unwrap_or(0);
        gauge!("skyeye_channel_activity", "state" => state).set(channels);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(metrics: &Metrics, s: u64) -> Reading {
        let usage =
            Usage { cpu_ms: s * 500, machine_busy_ms: s * 1000, machine_total_ms: s * 2000, ..Usage::default() };
        Reading::of(metrics, 0.2, usage, Mono(s * 1000))
    }

    #[test]
    fn a_minute_of_looks_shows_as_rates_ages_and_points() {
        let (metrics, mut memory) = (Metrics::new(), Memory::default());
        for s in 0..1200 {
            metrics::with_local_recorder(&metrics, || {
                // Four looks a second of 50 ms each, one dropped; the first minute is late.
                for _ in 0..4 {
                    metrics::counter!("skyeye_node_looks_total", "tier" => "patrol").increment(1);
                    metrics::histogram!("skyeye_node_look_seconds", "tier" => "patrol").record(0.05);
                    let age = if s < 60 { 2.0 } else { 0.06 };
                    metrics::histogram!("skyeye_infer_age_seconds", "tier" => "patrol").record(age);
                    metrics::histogram!("skyeye_infer_run_seconds").record(0.03);
                    metrics::histogram!("skyeye_infer_letterbox_seconds").record(0.01);
                }
                metrics::counter!("skyeye_schedule_dropped_samples_total", "tier" => "patrol", "reason" => "expired")
                    .increment(1);
            });
            memory.take(&reading(&metrics, s));
        }
        let now = reading(&metrics, 1200);
        assert!(memory.readings.len() <= READINGS);
        let tiers = memory.tiers(&now);
        assert!((tiers[0].looks_per_s - 4.0).abs() < 0.5, "{tiers:?}");
        assert_eq!((tiers[1].looks_per_s, tiers[1].service_ms), (0.0, None));
        assert!(tiers[0].service_ms.is_some_and(|ms| (ms - 50.0).abs() < 1.0), "{tiers:?}");
        let stages = memory.stages(&now);
        assert_eq!(stages[2].stage, "infer");
        assert!(stages[2].age_p99_ms.is_some_and(|ms| (50.0..=75.0).contains(&ms)), "the last minute only: {stages:?}");
        assert!(stages[2].service_ms.is_some_and(|ms| (ms - 40.0).abs() < 0.1), "the parts together: {stages:?}");
        assert_eq!((stages[5].age_p99_ms, stages[5].service_ms), (None, None));
        let drops = memory.drops(&now);
        assert_eq!((drops.len(), drops[0].stage, drops[0].reason.as_str()), (1, "schedule", "expired"));
        assert_eq!(drops[0].total, 1200);
        assert!((55..=65).contains(&drops[0].last_minute), "{drops:?}");
        let h = &memory.history;
        assert_eq!(h.patrol.len(), POINTS);
        assert!(
            [h.focus.len(), h.busy.len(), h.dropped.len(), h.cores.len(), h.age_p99_ms.len()]
                .iter()
                .all(|l| *l == POINTS)
        );
        assert!((h.patrol[9] - 4.0).abs() < 0.01 && (h.busy[9] - 0.2).abs() < 0.01 && (h.cores[9] - 0.5).abs() < 0.01);
        assert!((now.usage.machine_busy_since(&memory.readings[0].usage) - 0.5).abs() < 0.01);
    }

    #[test]
    fn an_idle_box_has_no_ages_and_no_drops() {
        let (metrics, mut memory) = (Metrics::new(), Memory::default());
        memory.take(&reading(&metrics, 0));
        let now = reading(&metrics, 1);
        assert!(memory.drops(&now).is_empty());
        assert!(memory.stages(&now).iter().all(|s| s.age_p99_ms.is_none() && s.count == 0));
    }
}
