//! `skyeye bench ingest`: CPU and memory a channel for reading cameras, with pre-roll and activity.
//!
//! Three readers, each a process of its own, read the same cameras in turn, round by round: `bare` (the floor), `retina`
//! alone, and the gateway without a detector. CPU is processor time in user and kernel over the time that was measured,
//! in percent of one core, a channel. Memory is the growth of resident memory from few channels to many, less what the
//! pre-roll holds of it, a channel.

use std::{collections::HashMap, thread::sleep, time::Duration};

use clap::Args;
use tokio::time::Instant;

use super::{
    Report, Setting,
    child::Cameras,
    measure::{median, median_ratio},
    readers::{Kind, ONLY_READ, Reader},
};

#[derive(Debug, Clone, Args)]
pub struct IngestArgs {
    /// Channels that are read
    #[arg(long, value_name = "N", default_value_t = 600, value_parser = clap::value_parser!(u32).range(8..=20_000))]
    pub channels: u32,
    /// Rounds, each of all three readers
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// Seconds before anything is measured: until then the pre-roll is full and read buffers have been written all over
    #[arg(long, value_name = "S", default_value_t = 6)]
    pub settle: u64,
}

/// What one reader took in one round.
#[derive(Debug, Clone, Copy)]
struct Took {
    /// Percent of a core a channel.
    cpu: f64,
    rss_kib: f64,
    ring_kib: f64,
    threads: u32,
}

pub fn run(setting: &Setting, args: &IngestArgs) -> anyhow::Result<Report> {
    let (channels, settle) = (args.channels, Duration::from_secs(args.settle));
    let window = Duration::from_secs_f64(setting.seconds(4));
    let cameras = Cameras::start(setting.common.url.as_deref(), &setting.clip()?, channels, &["--hosts", "4"])?;
    setting.say(&format!("ingest: {channels} channels, {} rounds of {} s each", args.rounds, window.as_secs_f64()));
    let mut took: HashMap<&str, Vec<Took>> = HashMap::new();
    for round in 0..args.rounds as usize {
        for i in 0..Kind::ALL.len() {
            let kind = Kind::ALL[(round + i) % Kind::ALL.len()];
            let one = measured(kind, &cameras, channels, (settle, window))?;
            setting.say(&format!("  {:<7} {:.4} % of a core a channel", kind.as_str(), one.cpu));
            took.entry(kind.as_str()).or_default().push(one);
        }
    }
    // Memory alone: a quarter of the channels, all three at once.
    let few = channels / 4;
    let (mut small, mut few_threads) = (HashMap::new(), 0);
    let mut readers = Vec::new();
    for kind in Kind::ALL {
        let mut reader = Reader::start(kind, &cameras, few, ONLY_READ)?;
        reader.wait_up(few, Duration::from_secs(60))?;
        readers.push((kind, reader));
    }
    sleep(settle);
    for (kind, mut reader) in readers {
        let (said, usage) = (reader.ask("state")?, reader.usage()?);
        few_threads = few_threads.max(said.threads);
        small.insert(kind.as_str(), (usage.rss_kib, said.ring_bytes / 1024.0));
        reader.end()?;
    }
    let cpu = |kind: Kind| took.get(kind.as_str()).into_iter().flatten().map(|t| t.cpu).collect::<Vec<_>>();
    let grown = |kind: Kind| {
        let (rss, ring) = small.get(kind.as_str()).copied().unwrap_or_default();
        let each = |t: &Took| ((t.rss_kib - t.ring_kib) - (rss - ring)) / f64::from(channels - few);
        median(&mut took.get(kind.as_str()).into_iter().flatten().map(each).collect::<Vec<_>>())
    };
    let ring = |t: &Took| t.ring_kib / f64::from(channels);
    let ours = took.get(Kind::Ours.as_str()).and_then(|t| t.last()).copied();
    let (ratio, retina) = (median_ratio(&cpu(Kind::Ours), &cpu(Kind::Bare)), cpu(Kind::Retina));
    Ok(Report::new("ingest", median(&mut cpu(Kind::Ours)), median(&mut cpu(Kind::Bare)), "% of a core a channel")
        .with("ratio_by_round", ratio)
        .with("retina", median(&mut retina.clone()))
        .with("retina_ratio", median_ratio(&retina, &cpu(Kind::Bare)))
        .with("kib_per_channel", grown(Kind::Ours))
        .with("retina_kib_per_channel", grown(Kind::Retina))
        .with("bare_kib_per_channel", grown(Kind::Bare))
        .with("preroll_kib_per_channel", ours.as_ref().map_or(0.0, ring))
        .with("threads", ours.map_or(0, |t| t.threads))
        .with("threads_with_a_quarter", few_threads)
        .with("channels", channels)
        .with("rounds", args.rounds))
}

fn measured(
    kind: Kind,
    cameras: &Cameras,
    channels: u32,
    (settle, window): (Duration, Duration),
) -> anyhow::Result<Took> {
    let mut reader = Reader::start(kind, cameras, channels, ONLY_READ)?;
    reader.wait_up(channels, Duration::from_secs(60))?;
    sleep(if kind == Kind::Bare { settle / 3 } else { settle });
    let (before, began) = (reader.usage()?.cpu_s, Instant::now());
    sleep(window);
    let used = reader.usage()?;
    let cpu = (used.cpu_s - before) / began.elapsed().as_secs_f64() * 100.0 / f64::from(channels);
    let said = reader.ask("state")?;
    reader.end()?;
    Ok(Took { cpu, rss_kib: used.rss_kib, ring_kib: said.ring_bytes / 1024.0, threads: said.threads })
}
