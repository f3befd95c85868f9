//! Logs and metrics: set up once by a command, used everywhere through the `tracing` and `metrics` facades.
//!
//! Logs go to standard error, so that standard output stays for results. Every metric stands in the table in `names`;
//! `recorder` holds their values, renders them for Prometheus and gives them to the console's page of the box. What is
//! recorded for every look goes through handles made once (`stage`), so that no label is allocated on the way.

mod heard;
pub mod names;
pub mod process;
mod recorder;
pub mod stage;

use std::{io::IsTerminal, sync::OnceLock, time::Instant};

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

pub use heard::Heard;
pub use recorder::{Counts, Metrics};

use crate::config;

/// Libraries that tell their life story at `info`; what they warn of is still heard. The embedded broker even says
/// "anonymous authentication enabled" before it gets the gate that refuses the anonymous.
const QUIET: &str = "retina=error,mqtt5=warn,mqtt5_protocol=warn,ort=warn,rumqttc=warn,";

/// Starts logging. `RUST_LOG`, where set, wins over the configuration. A second call changes nothing.
pub fn init_logs(config: &config::Telemetry) {
    let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| format!("{QUIET}{}", config.log));
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter).with(Heard);
    // Colours are for terminals: in a file they hide the words from `grep`.
    let colours = std::io::stderr().is_terminal();
    // A failing init means that logging already runs, as in a process that starts two nodes for a test.
    let done = match config.format {
        config::LogFormat::Text => {
            registry.with(fmt::layer().with_writer(std::io::stderr).with_ansi(colours)).try_init()
        }
        config::LogFormat::Json => registry.with(fmt::layer().json().with_writer(std::io::stderr)).try_init(),
    };
    if done.is_err() {
        tracing::debug!("logging runs already");
    }
}

/// Installs the metrics recorder of the process, once; gives what it holds.
pub fn init_metrics() -> Metrics {
    static INSTALLED: OnceLock<Metrics> = OnceLock::new();
    let metrics = INSTALLED.get_or_init(Metrics::new).clone();
    // A second node in one process, as in tests, counts into the same series.
    if metrics::set_global_recorder(metrics.clone()).is_err() {
        tracing::debug!("metrics are counted already");
    }
    metrics
}

/// Measures how long a piece of work took, for a histogram and for nothing else: no decision hangs on it, so stages that
/// take time as an argument may use it.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    #[allow(clippy::disallowed_methods)] // measures, decides nothing
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Seconds since the start or the last lap.
    pub fn lap(&mut self) -> f64 {
        let now = Self::start();
        let lap = now.0.duration_since(self.0).as_secs_f64();
        *self = now;
        lap
    }
}
