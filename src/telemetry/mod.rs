//! Logs and metrics: set up once by a command, used everywhere through the `tracing` and `metrics` facades.
//!
//! Logs go to standard error, so that standard output stays for results. Metric names begin with `skyeye_` and the
//! module's name; labels are few and bounded, never a channel on a hot counter.

use std::io::IsTerminal;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config;

/// Upper bounds of the histograms that count seconds.
const SECONDS: [f64; 15] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Libraries that tell their life story at `info`; what they warn of is still heard. The embedded broker even says
/// "anonymous authentication enabled" before it gets the gate that refuses the anonymous.
const QUIET: &str = "retina=error,mqtt5=warn,mqtt5_protocol=warn,ort=warn,rumqttc=warn,";

/// Starts logging. `RUST_LOG`, where set, wins over the configuration. A second call changes nothing.
pub fn init_logs(config: &config::Telemetry) {
    let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| format!("{QUIET}{}", config.log));
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
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

/// Installs the metrics recorder; the handle renders what `/metrics` answers.
pub fn init_metrics() -> Result<PrometheusHandle, BuildError> {
    let recorder =
        PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?.build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::debug!("another recorder is installed; this handle shows nothing");
    }
    Ok(handle)
}
