//! `skyeye bench district`: 6,314 channels of 256 kbit/s and 10 fps over 40 hosts, read in one process beside the
//! cameras, with patrol of all at the rate that is left over.
//!
//! Told are gaps (units that the cameras sent and the gateway did not read, packets lost, sessions that broke), how late
//! the cameras' clockwork was, beside how late it is with a bare reader in the gateway's place, CPU, memory, looks a
//! second and how long ago each channel was looked at.

use std::{path::PathBuf, thread::sleep, time::Duration};

use clap::Args;
use tokio::time::Instant;

use super::{
    Report, Setting,
    child::Cameras,
    clip::{self, Spec},
    measure::quantile,
    readers::{Kind, Reader},
};

/// Recorders of the district.
pub const HOSTS: u32 = 40;

#[derive(Debug, Clone, Args)]
pub struct DistrictArgs {
    /// Channels, spread over the hosts
    #[arg(long, value_name = "N", default_value_t = 6314, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub channels: u32,
    /// Recorders, each with an address of its own
    #[arg(long, value_name = "N", default_value_t = HOSTS, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub hosts: u32,
    /// Only read: no detector, no looks
    #[arg(long)]
    pub only_read: bool,
    /// Seconds with a bare reader in the gateway's place, for comparison; 0: none
    #[arg(long, value_name = "S", default_value_t = 20)]
    pub bare_seconds: u64,
}

/// The film that a district's cameras play, unless another is named.
pub fn clip(setting: &Setting) -> anyhow::Result<PathBuf> {
    match setting.common.clip {
        Some(_) => setting.clip(),
        None => clip::usual(&Spec { fps: 10, kbit_s: 256, ..Spec::default() }),
    }
}

const GATEWAY: &str = "[ingest]\nallow_loopback = true\n[publish]\nlisten = \"127.0.0.1:0\"\n\
                       [[rule]]\nid = \"all\"\ntype = \"presence\"\nchannels = [\"*\"]\nlabels = [\"person\"]\n";

/// The gateway as shipped, without a detector.
pub fn only_read() -> String {
    format!("[infer]\nmodel = \"none\"\n{GATEWAY}")
}

pub fn run(setting: &Setting, args: &DistrictArgs) -> anyhow::Result<Report> {
    let (channels, hosts) = (args.channels, args.hosts);
    let host_count = hosts.to_string();
    let cameras = Cameras::start(setting.common.url.as_deref(), &clip(setting)?, channels, &["--hosts", &host_count])?;
    let seconds = setting.seconds(600);
    setting.say(&format!("district: {channels} channels over {hosts} hosts, {seconds} s"));
    let bare = match args.bare_seconds {
        0 => None,
        seconds => Some(bare(&cameras, channels, Duration::from_secs(seconds))?),
    };
    let config = if args.only_read { only_read() } else { format!("{}{GATEWAY}", setting.infer_section()?) };
    let sent_before = cameras.stats().and_then(|s| s["units"].as_u64());
    let began = Instant::now();
    let mut reader = Reader::start(Kind::Ours, &cameras, channels, &config)?;
    reader.wait_up(channels, Duration::from_secs(300))?;
    let up_s = began.elapsed().as_secs_f64();
    setting.say(&format!("  all up after {up_s:.1} s"));
    sleep(Duration::from_secs(5));

    let calm = |cameras: &Cameras| cameras.ask("calm").map_or_else(|_| None, |_| cameras.stats());
    let stats = calm(&cameras);
    let (said, usage, farm) = (reader.ask("state")?, reader.usage()?, cameras.usage());
    let (began, mut least_up, mut peak_kib) = (Instant::now(), channels, 0f64);
    while began.elapsed().as_secs_f64() < seconds {
        sleep(Duration::from_secs_f64((seconds - began.elapsed().as_secs_f64()).clamp(0.1, 10.0)));
        least_up = least_up.min(reader.ask("up")?.up);
        peak_kib = peak_kib.max(reader.usage()?.rss_kib);
    }
    let took = began.elapsed().as_secs_f64();
    let (stats_after, farm_after) = (cameras.stats(), cameras.usage());
    let (end, used) = (reader.ask("ages")?, reader.usage()?);
    reader.end()?;

    let farm_count = |name: &str| Some(stats_after.as_ref()?[name].as_u64()? - stats.as_ref()?[name].as_u64()?);
    let farm_now = |name: &str| stats_after.as_ref().and_then(|s| s[name].as_u64());
    let core = |after: f64, before: f64| (after - before) / took * 100.0;
    let read = end.units - said.units;
    // The two are not asked at one moment, and the gateway counts once a second: a second's units may lie between them,
    // however long it runs. What is lost adds up.
    let sent = stats_after.as_ref().and_then(|s| s["units"].as_u64()).zip(sent_before).map(|(a, b)| a - b);
    let behind_s = sent.map(|sent| {
        (sent as f64 - (end.units + end.dropped_units) as f64)
            / (farm_count("units").unwrap_or(0) as f64 / took).max(1.0)
    });
    let mut ages: Vec<f64> = end.ages_ms.iter().map(|ms| *ms as f64 / 1000.0).collect();
    let looks_s = (end.looks - said.looks) as f64 / took;
    let cpu = core(used.cpu_s, usage.cpu_s);
    let mut report = Report::new("district", cpu, bare.as_ref().map(|b| b.cpu), "% of a core")
        .with("seconds", took)
        .with("up_s", up_s)
        .with("units_sent", farm_count("units"))
        .with("units_read", read)
        .with("units_behind_s", behind_s)
        .with("units_skipped_by_farm", farm_count("units_skipped"))
        .with("sessions_dropped_by_farm", farm_count("slow_dropped"))
        .with("lost_packets", end.lost_packets - said.lost_packets)
        .with("dropped_units", end.dropped_units - said.dropped_units)
        .with("reconnects", end.reconnects - said.reconnects)
        .with("least_up", least_up)
        .with("farm_ticks", farm_now("ticks"))
        .with("farm_late_ticks", farm_now("late_ticks"))
        .with("farm_lateness_p99_ms", farm_now("lateness_p99_us").map(|us| us as f64 / 1000.0))
        .with("farm_lateness_worst_ms", farm_now("lateness_worst_us").map(|us| us as f64 / 1000.0))
        .with("farm_cpu", farm_after.zip(farm).map(|(a, b)| core(a.cpu_s, b.cpu_s)))
        .with("rss_mib", used.rss_kib / 1024.0)
        .with("rss_peak_mib", peak_kib / 1024.0)
        .with("preroll_mib", end.ring_bytes / 1_048_576.0)
        .with("looks_s", looks_s)
        .with("look_age_p50_s", quantile(&mut ages, 0.5))
        .with("look_age_p99_s", quantile(&mut ages, 0.99))
        .with("look_age_worst_s", quantile(&mut ages, 1.0))
        .with("threads", end.threads)
        .with("channels", channels)
        .with("hosts", hosts);
    if let Some(bare) = bare {
        report = report
            .with("bare_late_ticks", bare.late_ticks)
            .with("bare_ticks", bare.ticks)
            .with("bare_lateness_worst_ms", bare.worst_ms);
    }
    Ok(report)
}

struct Bare {
    cpu: f64,
    ticks: Option<u64>,
    late_ticks: Option<u64>,
    worst_ms: Option<f64>,
}

/// The same cameras, read and forgotten.
fn bare(cameras: &Cameras, channels: u32, seconds: Duration) -> anyhow::Result<Bare> {
    let mut reader = Reader::start(Kind::Bare, cameras, channels, "")?;
    reader.wait_up(channels, Duration::from_secs(300))?;
    sleep(Duration::from_secs(4));
    cameras.ask("calm").ok();
    let (usage, began) = (reader.usage()?, Instant::now());
    sleep(seconds);
    let cpu = (reader.usage()?.cpu_s - usage.cpu_s) / began.elapsed().as_secs_f64() * 100.0;
    let stats = cameras.stats();
    let count = |name: &str| stats.as_ref().and_then(|s| s[name].as_u64());
    reader.end()?;
    Ok(Bare {
        cpu,
        ticks: count("ticks"),
        late_ticks: count("late_ticks"),
        worst_ms: count("lateness_worst_us").map(|us| us as f64 / 1000.0),
    })
}
