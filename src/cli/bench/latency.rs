//! `skyeye bench latency`: from the last byte of an access unit to the MQTT message in a subscriber's hand.
//!
//! The measured gateway is a whole node in a process of its own, with its embedded broker; the subscriber sits here,
//! with QoS 1. Arrivals are a seeded Poisson process over many channels, at a share of the samples a second that the
//! workers alone reach on all cores in this run with the farm running, that is playing; every look ends as an event's
//! message. A second figure has real cameras: as many channels over RTSP as give the same load, at the farm's phases. The
//! floor is the median of one bare decode and run, before and after.
//!
//! It counts from when every fed channel's event has begun and nothing waits any more: a begin is dearer than an update
//! (its picture is encoded and written), and all begins in the first seconds are no load of a running site.
//!
//! What is left out is said: samples dropped by the schedule are counted, and a look without a message too.

use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::{
    Report, Setting,
    child::{Cameras, Child, Scratch},
    clip,
    gateway::{Configuration, Gateway},
    measure,
    patrol::Look,
    readers::{Kind, ONLY_READ, Reader},
    subscriber::{self, SITE, Subscriber, wall_ms},
};
use crate::types::{ChannelId, payload::EventPayload};

#[derive(Debug, Clone, Args)]
pub struct LatencyArgs {
    /// Share of the samples a second that the workers alone reach
    #[arg(long, value_name = "SHARE", default_value_t = 0.7)]
    load: f64,
    /// Leave out the second figure, real cameras over RTSP
    #[arg(long)]
    poisson_only: bool,
}

/// Channels of the farm that the fed gateway reads beside its work, without a rule on them.
const READ: u32 = 50;
/// Before it counts, at least: caches and pools are warm.
const WARM_S: f64 = 4.0;
/// Looks at every fed channel before it counts: its event has begun and has its pictures.
const WARM_LOOKS: f64 = 3.0;
/// Whatever still waits is looked at within this time.
const SETTLED: Duration = Duration::from_millis(1500);
/// Between two looks at a channel at full load; more than a second, the least between two updates of an event.
const APART_S: f64 = 4.0;
/// Counts looks that were finished.
const LOOKS: &str = "skyeye_node_looks_total";
/// Nobody listens there.
const NO_CAMERA: &str = "rtsp://127.0.0.1:9/none";
/// One event a look: whatever is seen starts it, keeps it going, and each look is an update.
const RULE: &str = "labels = []\nmin_score = 0.26\nkeep_score = 0.26\nclear_ms = 600000\nupdate_s = 1";
/// Every key frame is looked at, as if something moved everywhere.
const SECTIONS: &str = "[ingest]\nallow_loopback = true\nstall_deadline_s = 120\n\
                        [sample]\npatrol_interval_ms = 0\nactivity = false\nrest_interval_ms = 0\ncatch_up = false\n";

/// What both benches of the core stand on: a farm, what the machine can do, and the floor.
pub struct Bed {
    pub farm: Cameras,
    pub runtime: Runtime,
    /// Samples a second of the workers alone, on all cores, with the farm running.
    pub full_hz: f64,
    pub bare_ms: Vec<f64>,
    look: Look,
    key_s: f64,
}

impl Bed {
    pub fn new(setting: &Setting) -> anyhow::Result<Self> {
        let path = setting.clip()?;
        let film = clip::units(&path)?;
        let units = clip::key_units(&film, &ChannelId::new("bench")?);
        let length_s = film.units.iter().map(|u| u.pts_90k).max().unwrap_or(0) as f64 / 90_000.0;
        let key_s = length_s / units.len().max(1) as f64;
        let farm = Cameras::start(setting.common.url.as_deref(), &path, 4000, &[])?;
        let full_hz = full_hz(setting, &farm)?;
        let mut look = Look::new(setting, units)?;
        look.ours()?;
        let bare_ms = vec![look.bare_ms(100)?];
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        Ok(Self { farm, runtime, full_hz, bare_ms, look, key_s })
    }

    /// One more measurement of the floor; gives the median of all.
    pub fn floor_ms(&mut self) -> anyhow::Result<f64> {
        self.bare_ms.push(self.look.bare_ms(100)?);
        Ok(measure::median(&mut self.bare_ms))
    }

    /// Channels to feed so that two looks at one are far enough apart.
    pub fn fed_channels(&self) -> usize {
        (self.full_hz * APART_S).ceil().max(16.0) as usize
    }

    /// A gateway whose channels are fed, and its subscriber.
    pub fn fed(&self, setting: &Setting) -> anyhow::Result<(Gateway, Subscriber)> {
        let scratch = Scratch::on_disk("fed")?;
        let mut configuration = Configuration::new(setting, scratch.path(), SECTIONS)?;
        let fed: Vec<String> = (1..=self.fed_channels()).map(|n| format!("fed-{n}")).collect();
        fed.iter().for_each(|id| configuration.channel(id, NO_CAMERA));
        for n in 1..=READ.min(self.farm.channels) {
            configuration.channel(&format!("cam-{n}"), &self.farm.url(n));
        }
        configuration.rule("each-look", &fed, RULE);
        let gateway = Gateway::start_fed(setting, scratch, configuration)?;
        let hand = self.subscribe(&gateway)?;
        Ok((gateway, hand))
    }

    fn subscribe(&self, gateway: &Gateway) -> anyhow::Result<Subscriber> {
        self.runtime.block_on(Subscriber::start(gateway.broker, &format!("skyeye/v1/{SITE}/channel/+/event/#")))
    }

    /// Feeds for a while and gives what came of it.
    pub fn feed(
        &self,
        (gateway, hand): (&mut Gateway, &Subscriber),
        rate_hz: f64,
        seconds: f64,
        seed: u64,
    ) -> anyhow::Result<Run> {
        let round_s = self.fed_channels() as f64 / rate_hz;
        gateway.feed(rate_hz, (round_s * WARM_LOOKS).max(WARM_S), seed, true)?;
        std::thread::sleep(SETTLED);
        let before = gateway.metrics()?;
        let (from_ms, used) = (wall_ms(), gateway.usage()?);
        let fed = gateway.feed(rate_hz, seconds, seed.wrapping_add(1), true)?;
        let (until_ms, after) = (wall_ms(), gateway.usage()?);
        let at_end = gateway.metrics()?;
        std::thread::sleep(SETTLED);
        let metrics = gateway.metrics()?;
        let grown = |name: &str| metrics.sum(name, "") - before.sum(name, "");
        let looks = grown(LOOKS);
        let dropped = grown("skyeye_schedule_dropped_samples_total");
        let events = subscriber::events(&hand.take()?)?;
        let mut run = Run::new(events, from_ms, until_ms, &fed, looks, dropped, after.cpu_s - used.cpu_s);
        // What was waiting at the end is looked at afterwards; it is no part of the rate.
        run.finished_hz = (at_end.sum(LOOKS, "") - before.sum(LOOKS, "")) / run.seconds.max(0.001);
        Ok(run)
    }
}

/// Samples a second of the workers alone, on all cores, while the farm plays to as many sessions as the fed gateway reads later:
/// a bare reader takes them, so that neither the farm's part of the machine nor that of its packets counts as ours.
fn full_hz(setting: &Setting, farm: &Cameras) -> anyhow::Result<f64> {
    let channels = READ.min(farm.channels);
    let mut reader = Reader::start(Kind::Bare, farm, channels, ONLY_READ)?;
    reader.wait_up(channels, Duration::from_secs(60))?;
    let mut words = setting.subject("looks")?;
    let seconds = (setting.seconds(30) / 5.0).clamp(1.0, 6.0);
    words.extend(["--seconds".to_owned(), format!("{seconds:.0}")]);
    let alone = Child::start("the workers", &words)?.object(Duration::from_secs(120))?;
    reader.end()?;
    alone["samples_s"].as_f64().filter(|hz| *hz > 0.0).context("the workers look at nothing")
}

/// What came of a run.
pub struct Run {
    /// Event, and when it was in our hand.
    pub events: Vec<(EventPayload, f64)>,
    pub from_ms: f64,
    pub seconds: f64,
    pub offered: u64,
    pub late_p99_ms: f64,
    /// Finished, those that waited at the end included.
    pub looks: f64,
    pub dropped: f64,
    pub cpu_s: f64,
    /// Looks a second up to the end.
    pub finished_hz: f64,
}

impl Run {
    fn new(
        mut events: Vec<(EventPayload, f64)>,
        from_ms: f64,
        until_ms: f64,
        fed: &Value,
        looks: f64,
        dropped: f64,
        cpu_s: f64,
    ) -> Self {
        // The last of the warming may come after the begin.
        events.retain(|(e, _)| e.times.ingested.0 as f64 >= from_ms - 1.0);
        Self {
            events,
            from_ms,
            seconds: (until_ms - from_ms) / 1000.0,
            offered: fed["offered"].as_u64().unwrap_or(0),
            late_p99_ms: fed["late_p99_ms"].as_f64().unwrap_or(0.0),
            looks,
            dropped,
            cpu_s,
            finished_hz: looks * 1000.0 / (until_ms - from_ms).max(1.0),
        }
    }

    /// Several runs as one; its parts by time are those of the first.
    pub fn together(runs: Vec<Run>) -> Run {
        let mut runs = runs.into_iter();
        let Some(mut sum) = runs.next() else {
            return Run::new(Vec::new(), 0.0, 0.0, &Value::Null, 0.0, 0.0, 0.0);
        };
        for run in runs {
            sum.events.extend(run.events);
            sum.seconds += run.seconds;
            sum.offered += run.offered;
            sum.late_p99_ms = sum.late_p99_ms.max(run.late_p99_ms);
            sum.looks += run.looks;
            sum.dropped += run.dropped;
            sum.cpu_s += run.cpu_s;
        }
        sum
    }

    /// Milliseconds from the last byte to our hand.
    pub fn latencies(&self) -> Vec<f64> {
        self.events.iter().map(|(e, at)| at - e.times.ingested.0 as f64).collect()
    }

    /// p99 of five parts of the run: what disturbs the machine for a moment is in one of them.
    fn p99_of_parts(&self) -> Vec<f64> {
        const PARTS: usize = 5;
        let mut parts = vec![Vec::new(); PARTS];
        for (event, at) in &self.events {
            let share = (event.times.ingested.0 as f64 - self.from_ms) / 1000.0 / self.seconds.max(0.001);
            let part = (share * PARTS as f64).clamp(0.0, PARTS as f64 - 1.0) as usize;
            if let Some(part) = parts.get_mut(part) {
                part.push(at - event.times.ingested.0 as f64);
            }
        }
        parts.iter_mut().map(|p| measure::quantile(p, 0.99)).collect()
    }

    /// Milliseconds from the last byte to the begin of the commit: decoding, inference, rules, hand-over.
    pub fn before_commit(&self) -> Vec<f64> {
        self.events.iter().map(|(e, _)| (e.times.committed.0 - e.times.ingested.0) as f64).collect()
    }

    /// Milliseconds from there to our hand: disk, publisher, broker.
    pub fn after_commit(&self) -> Vec<f64> {
        self.events.iter().map(|(e, at)| at - e.times.committed.0 as f64).collect()
    }

    /// Adds p50, p99 and p99.9, and where the time went.
    pub fn tell(&self, report: Report, prefix: &str) -> Report {
        let mut all = self.latencies();
        let (mut before, mut after) = (self.before_commit(), self.after_commit());
        let mut parts = self.p99_of_parts();
        report
            .with(&format!("{prefix}p99_of_parts_ms"), parts.clone())
            .with(&format!("{prefix}p99_by_part_ms"), measure::median(&mut parts))
            .with(&format!("{prefix}p50_ms"), measure::quantile(&mut all, 0.5))
            .with(&format!("{prefix}p99_ms"), measure::quantile(&mut all, 0.99))
            .with(&format!("{prefix}p999_ms"), measure::quantile(&mut all, 0.999))
            .with(&format!("{prefix}to_commit_p50_ms"), measure::quantile(&mut before, 0.5))
            .with(&format!("{prefix}to_commit_p99_ms"), measure::quantile(&mut before, 0.99))
            .with(&format!("{prefix}from_commit_p50_ms"), measure::quantile(&mut after, 0.5))
            .with(&format!("{prefix}from_commit_p99_ms"), measure::quantile(&mut after, 0.99))
            .with(&format!("{prefix}messages"), self.events.len())
            .with(&format!("{prefix}offered"), self.offered)
            .with(&format!("{prefix}looks"), self.looks as u64)
            .with(&format!("{prefix}dropped"), self.dropped as u64)
            .with(&format!("{prefix}cores_used"), self.cpu_s / self.seconds.max(0.001))
    }
}

pub fn run(setting: &Setting, args: &LatencyArgs) -> anyhow::Result<Report> {
    anyhow::ensure!(args.load > 0.0 && args.load < 1.0, "--load is a share over 0 and below 1");
    let mut bed = Bed::new(setting)?;
    let rate_hz = bed.full_hz * args.load;
    let seconds = setting.seconds(30);
    setting.say(&format!(
        "latency: full load is {:.1} samples/s; {rate_hz:.1}/s over {} channels for {seconds:.0} s",
        bed.full_hz,
        bed.fed_channels()
    ));
    let (mut gateway, hand) = bed.fed(setting)?;
    let fed = bed.feed((&mut gateway, &hand), rate_hz, seconds, setting.common.seed)?;
    drop((hand, gateway));
    let cameras = if args.poisson_only { None } else { Some(real(setting, &bed, rate_hz, seconds)?) };
    let floor = bed.floor_ms()?;
    let after_hz = full_hz(setting, &bed.farm)?;
    let p99 = measure::quantile(&mut fed.latencies(), 0.99);
    let mut report = fed
        .tell(Report::new("latency", p99, floor, "ms"), "")
        .with("load", args.load)
        .with("full_load_hz", bed.full_hz)
        .with("full_load_after_hz", after_hz)
        .with("arrivals_hz", rate_hz)
        .with("channels", bed.fed_channels())
        .with("arrivals_late_p99_ms", fed.late_p99_ms)
        .with("model", setting.model()?.name.as_str());
    if let Some((run, channels)) = cameras {
        report = run.tell(report, "cameras_").with("cameras", channels);
    }
    Ok(report)
}

/// The same load from cameras over RTSP, each at its own phase.
fn real(setting: &Setting, bed: &Bed, rate_hz: f64, seconds: f64) -> anyhow::Result<(Run, u32)> {
    let channels = ((rate_hz * bed.key_s).round() as u32).clamp(1, bed.farm.channels);
    setting.say(&format!("latency: {channels} cameras over RTSP for {seconds:.0} s"));
    let scratch = Scratch::on_disk("cameras")?;
    let quick = "connects_per_host = 64\nconnects_per_host_per_s = 1000\n";
    let sections = SECTIONS.replacen("allow_loopback = true\n", &format!("allow_loopback = true\n{quick}"), 1);
    let mut configuration = Configuration::new(setting, scratch.path(), &sections)?;
    let names: Vec<String> = (1..=channels).map(|n| format!("cam-{n}")).collect();
    for (n, id) in (1..).zip(&names) {
        configuration.channel(id, &bed.farm.url(n));
    }
    configuration.rule("each-look", &names, RULE);
    let gateway = Gateway::start(setting, scratch, configuration)?;
    let hand = bed.subscribe(&gateway)?;
    // Every channel is up and its event has begun.
    std::thread::sleep(Duration::from_secs_f64(WARM_S.min(seconds) + bed.key_s));
    let before = gateway.metrics()?;
    let (from_ms, used) = (wall_ms(), gateway.usage()?);
    hand.take()?;
    std::thread::sleep(Duration::from_secs_f64(seconds));
    let (until_ms, after) = (wall_ms(), gateway.usage()?);
    let metrics = gateway.metrics()?;
    let grown = |name: &str| metrics.sum(name, "") - before.sum(name, "");
    let events = subscriber::events(&hand.take()?)?;
    let fed = serde_json::json!({ "offered": grown("skyeye_schedule_offered_samples_total") as u64 });
    let (looks, dropped) = (grown(LOOKS), grown("skyeye_schedule_dropped_samples_total"));
    Ok((Run::new(events, from_ms, until_ms, &fed, looks, dropped, after.cpu_s - used.cpu_s), channels))
}
