//! `skyeye bench connect`: the time until a district's channels are all up, under the governor as shipped.
//!
//! The clock runs from the start of the gateway's process until the last channel gives pictures. The floor is the
//! governor's own arithmetic: the channels of the fullest host, one after the other at the rate that a host is asked at.

use std::{thread::sleep, time::Duration};

use anyhow::bail;
use clap::Args;
use tokio::time::Instant;

use super::{
    Report, Setting,
    child::Cameras,
    district::{self, HOSTS},
    readers::{Kind, Reader},
};

#[derive(Debug, Clone, Args)]
pub struct ConnectArgs {
    /// Channels, spread over the hosts
    #[arg(long, value_name = "N", default_value_t = 6314, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub channels: u32,
    /// Recorders, each with an address of its own
    #[arg(long, value_name = "N", default_value_t = HOSTS, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub hosts: u32,
}

pub fn run(setting: &Setting, args: &ConnectArgs) -> anyhow::Result<Report> {
    let (channels, hosts) = (args.channels, args.hosts);
    let clip = district::clip(setting)?;
    let cameras = Cameras::start(setting.common.url.as_deref(), &clip, channels, &["--hosts", &hosts.to_string()])?;
    setting.say(&format!("connect: {channels} channels over {hosts} hosts"));
    let began = Instant::now();
    let mut reader = Reader::start(Kind::Ours, &cameras, channels, &district::only_read())?;
    let within = setting.seconds(300);
    // Seconds at which each share was up.
    let shares = [0.5, 0.9, 0.99, 1.0];
    let mut at = Vec::new();
    while let Some(share) = shares.get(at.len()) {
        let up = reader.ask("up")?.up;
        let seconds = began.elapsed().as_secs_f64();
        if f64::from(up) >= (f64::from(channels) * share).ceil() {
            at.push(seconds);
            continue;
        }
        if seconds > within {
            bail!("only {up} of {channels} channels are up after {within} s");
        }
        sleep(Duration::from_millis(50));
    }
    let (said, usage) = (reader.ask("state")?, reader.usage()?);
    let stats = cameras.stats();
    let most = |name: &str| {
        let hosts = stats.as_ref().and_then(|s| s["hosts"].as_array().cloned()).unwrap_or_default();
        hosts.iter().filter_map(|h| h[name].as_u64()).max()
    };
    reader.end()?;
    let governor = crate::config::Ingest::default();
    let floor = f64::from(channels.div_ceil(hosts).saturating_sub(1)) / f64::from(governor.connects_per_host_per_s);
    let seconds = |n: usize| at.get(n).copied().unwrap_or(0.0);
    Ok(Report::new("connect", seconds(3), floor, "s")
        .with("p50_s", seconds(0))
        .with("p90_s", seconds(1))
        .with("p99_s", seconds(2))
        .with("cpu_s", usage.cpu_s)
        .with("reconnects", said.reconnects)
        .with("connecting_max_per_host", most("connecting_max"))
        .with("connects_per_host", governor.connects_per_host)
        .with("connects_per_host_per_s", governor.connects_per_host_per_s)
        .with("channels", channels)
        .with("hosts", hosts))
}
