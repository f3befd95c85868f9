//! `skyeye simulate`: a farm of cameras that play files, until Ctrl-C, SIGTERM or the command `quit`.
//!
//! Says on one line what there is; with `--json` the last line is one object with what was served.

#![allow(clippy::print_stdout)]

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::ingest::descriptors;
use crate::simulate::{self, FarmOptions};

/// Runs a farm in the foreground.
pub async fn run(options: FarmOptions, json: bool) -> anyhow::Result<()> {
    // A session is a socket or three; the farm goes on with what it gets.
    if let Err(sentence) = descriptors::raise(u64::from(options.channels) * 2 + 1_024) {
        tracing::warn!("{sentence}");
    }
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let farm = simulate::start(options).await?;
    let (first, last) = (farm.url(1), farm.url(farm.channels()));
    let onvif = farm.onvif_addr(1).map_or(String::new(), |a| format!("; ONVIF on {a}"));
    let control = farm.control_addr().map_or(String::new(), |c| format!("; commands on {c}"));
    println!(
        "{} channels on {} host{}: {first} to {last}{onvif}{control}",
        farm.channels(),
        farm.hosts(),
        if farm.hosts() == 1 { "" } else { "s" }
    );
    tokio::select! {
        () = farm.quit() => {}
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted.context("cannot listen for Ctrl-C")?,
    }
    let stats = farm.stats();
    farm.shutdown().await;
    if json {
        println!("{}", serde_json::to_string(&stats)?);
    } else {
        println!(
            "{} sessions, {} pictures in {} packets, {} bytes; latest tick {:.1} ms late",
            stats.sessions_total,
            stats.units,
            stats.packets,
            stats.bytes,
            stats.lateness_worst_us as f64 / 1_000.0
        );
    }
    Ok(())
}
