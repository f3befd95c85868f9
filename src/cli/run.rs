//! `skyeye run`: the gateway until it is told to stop.

use std::{path::Path, time::Duration};

use anyhow::Context;
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Exit, load};
use crate::{node::Node, telemetry};

/// An orderly stop takes at most this long; then what is open ends as `interrupted` at the next start.
const STOP_WITHIN: Duration = Duration::from_secs(10);

pub fn run(path: &Path) -> anyhow::Result<Exit> {
    let config = match load(path) {
        Ok(config) => config,
        Err(exit) => return Ok(exit),
    };
    telemetry::init_logs(&config.telemetry);
    super::block_on(async {
        let signals = Signals::new()?;
        let web = config.web.listen.clone();
        let opening = tokio::spawn(takes_long());
        let node = Node::start(config, path.to_owned(), false).await;
        opening.abort();
        let node = node?;
        if let Some(password) = node.first_password() {
            println!("Console: http://{web}/  user admin, one-time password {}", password.expose());
        }
        until_stopped(node, signals).await;
        Ok(Exit::Good)
    })
}

/// The signals that steer a running node; made before anything starts, so that none is missed.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    pub fn new() -> anyhow::Result<Self> {
        let make = |kind| signal(kind).context("signals cannot be handled");
        Ok(Self {
            terminate: make(SignalKind::terminate())?,
            interrupt: make(SignalKind::interrupt())?,
            hangup: make(SignalKind::hangup())?,
        })
    }

    /// True for a signal to stop, false for one to reload.
    async fn stop_or_reload(&mut self) -> bool {
        tokio::select! {
            _ = self.terminate.recv() => true,
            _ = self.interrupt.recv() => true,
            _ = self.hangup.recv() => false,
        }
    }
}

/// Serves signals and systemd until the node has stopped.
pub async fn until_stopped(node: Node, mut signals: Signals) {
    notify(&[NotifyState::Ready]);
    let mut watchdog = tokio::time::interval(Duration::from_secs(5));
    // A reload may have to wait for a slow disk: meanwhile a stop and the watchdog are served, and a further SIGHUP asks
    // for one more round.
    let (mut reload, mut wanted) = (None, false);
    loop {
        let reloaded = async {
            match &mut reload {
                Some(reload) => reload.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            stop = signals.stop_or_reload() => {
                if stop {
                    break;
                }
                wanted = true;
            }
            () = reloaded => reload = None,
            _ = watchdog.tick() => notify(&[NotifyState::Watchdog]),
        }
        if wanted && reload.is_none() {
            wanted = false;
            reload = Some(Box::pin(node.reload()));
        }
    }
    drop(reload);
    notify(&[NotifyState::Stopping]);
    tracing::info!("stopping; a second signal ends at once");
    tokio::select! {
        done = tokio::time::timeout(STOP_WITHIN, node.stop()) => {
            if done.is_err() {
                tracing::warn!("not everything stopped within {STOP_WITHIN:?}; what is open ends as interrupted at the next start");
            }
        }
        () = async { while !signals.stop_or_reload().await {} } => tracing::warn!("stopped at once by a second signal"),
    }
}

/// Asks systemd for patience while the node starts: after an upgrade the tables of a large database are rewritten, and a
/// start that is killed begins that anew.
async fn takes_long() {
    loop {
        notify(&[NotifyState::ExtendTimeoutUsec(60_000_000)]);
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(e) = sd_notify::notify(states) {
        tracing::debug!("systemd was not told: {e}");
    }
}
