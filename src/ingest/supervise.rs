//! Keeps one task a channel: begins, ends and replaces them as specifications change, and begins a task anew that
//! panicked, without touching any other.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{ChannelSpec, Governor, Sink, run_channel};
use crate::channel::{Entry, Registry};
use crate::config;
use crate::types::{ChannelId, ChannelState, Clock};

/// Wait before a task that panicked is begun anew; doubles up to `RESTART_MAX`.
const RESTART_MIN: Duration = Duration::from_secs(1);
const RESTART_MAX: Duration = Duration::from_secs(60);

/// All channels of this node. Dropping it ends them.
pub struct Ingest {
    common: Common,
    running: Mutex<HashMap<ChannelId, Running>>,
}

#[derive(Clone)]
struct Common {
    registry: Arc<Registry>,
    governor: Arc<Governor>,
    options: config::Ingest,
    clock: Clock,
    sink: Arc<dyn Sink>,
}

struct Running {
    spec: ChannelSpec,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Ingest {
    /// `apply` must be called within a tokio runtime; the sessions run there.
    pub fn new(registry: Arc<Registry>, options: config::Ingest, clock: Clock, sink: Arc<dyn Sink>) -> Self {
        let governor = Arc::new(Governor::new(&options));
        Self { common: Common { registry, governor, options, clock, sink }, running: Mutex::default() }
    }

    /// Makes what runs equal to `specs`; a channel whose specification did not change is not touched. Channels that
    /// the registry does not know are left out.
    pub fn apply(&self, specs: &[ChannelSpec]) {
        let wanted: HashMap<&ChannelId, &ChannelSpec> = specs.iter().map(|s| (&s.id, s)).collect();
        let mut running = self.running.lock();
        running.retain(|id, r| {
            let keep = wanted.contains_key(id);
            if !keep {
                r.cancel.cancel();
            }
            keep
        });
        for spec in specs {
            let before = match running.get(&spec.id) {
                Some(r) if r.spec.same(spec) => continue,
                _ => running.remove(&spec.id),
            };
            let Some(entry) = self.common.registry.get(&spec.id) else {
                tracing::warn!(channel = %spec.id, "not pulled: the registry does not know it");
                continue;
            };
            let cancel = CancellationToken::new();
            let before = before.map(|r| {
                r.cancel.cancel();
                r.task
            });
            let task = tokio::spawn(supervise(spec.clone(), entry, self.common.clone(), cancel.clone(), before));
            running.insert(spec.id.clone(), Running { spec: spec.clone(), cancel, task });
        }
    }

    /// Ends all sessions and waits for them.
    pub async fn stop(&self) {
        let all: Vec<Running> = self.running.lock().drain().map(|(_, r)| r).collect();
        for r in &all {
            r.cancel.cancel();
        }
        for r in all {
            if let Err(error) = r.task.await {
                tracing::error!(channel = %r.spec.id, %error, "the channel's task did not end cleanly");
            }
        }
    }
}

impl Drop for Ingest {
    fn drop(&mut self) {
        for r in self.running.get_mut().values() {
            r.cancel.cancel();
        }
    }
}

async fn supervise(
    spec: ChannelSpec,
    entry: Arc<Entry>,
    common: Common,
    cancel: CancellationToken,
    before: Option<JoinHandle<()>>,
) {
    // Units of the old specification must not come after those of the new one.
    if let Some(before) = before
        && let Err(error) = before.await
    {
        tracing::error!(channel = %spec.id, %error, "the channel's former task did not end cleanly");
    }
    begins(&entry, common.clock);
    let mut wait = RESTART_MIN;
    while !cancel.is_cancelled() {
        let Common { governor, options, clock, sink, .. } = common.clone();
        let run = run_channel(spec.clone(), entry.clone(), governor, options, clock, sink.clone());
        let mut run = tokio::spawn(run);
        // Whoever is cancelled drops its session where it stands: asking a token at every wake-up would cost a
        // twentieth of all reading.
        let ended = tokio::select! {
            ended = &mut run => ended,
            () = cancel.cancelled() => {
                run.abort();
                run.await
            }
        };
        let error = match ended {
            Err(error) if error.is_panic() => error,
            _ => return,
        };
        counter!("skyeye_ingest_task_panics_total").increment(1);
        tracing::error!(channel = %spec.id, %error, "the channel's task panicked and is begun anew");
        let wall = common.clock.wall();
        entry.update(|h| {
            h.state = ChannelState::Offline;
            h.since = wall;
            h.reason = "an internal error ended the session; tried again, please report it".into();
        });
        // The sink may be what panicked: a second panic must not end the supervision.
        let down = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| sink.down(&spec.id)));
        if down.is_err() {
            tracing::error!(channel = %spec.id, "the sink panicked");
        }
        tokio::select! {
            () = cancel.cancelled() => {}
            () = tokio::time::sleep(wait) => {}
        }
        wait = (wait * 2).min(RESTART_MAX);
    }
}

/// What was said of an address, login or transport before says nothing of this one.
fn begins(entry: &Entry, clock: Clock) {
    let wall = clock.wall();
    entry.update(|h| {
        if h.state != ChannelState::Connecting {
            (h.state, h.since) = (ChannelState::Connecting, wall);
        }
        h.reason = "waits for its first session".into();
        h.kbit_s = 0.0;
        h.unit_rate_hz = 0.0;
    });
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::net::TcpListener;

    use super::*;
    use crate::ingest::UnitSink;
    use crate::types::AccessUnit;

    struct Nothing;
    impl UnitSink for Nothing {
        fn unit(&mut self, _: AccessUnit) {}
    }
    impl Sink for Nothing {
        fn session(self: Arc<Self>, _: &ChannelId) -> Box<dyn UnitSink> {
            Box::new(Nothing)
        }
        fn down(&self, _: &ChannelId) {}
    }

    /// A camera that takes connections and says nothing; counts them.
    async fn mute() -> (u16, Arc<AtomicU32>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let count = Arc::new(AtomicU32::new(0));
        let counted = count.clone();
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((socket, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                held.push(socket);
            }
        });
        (port, count)
    }

    async fn until(what: &str, f: impl Fn() -> bool) {
        for _ in 0..500 {
            if f() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("not within 5 s: {what}");
    }

    #[tokio::test]
    async fn only_what_changed_is_begun_anew() {
        let (a, a_count) = mute().await;
        let (b, b_count) = mute().await;
        let config = config::parse(
            "test.toml",
            &format!(
                "[ingest]\nallow_loopback = true\n[[channel]]\nid = \"a\"\nurl = \"rtsp://127.0.0.1:{a}/\"\n\
                 [[channel]]\nid = \"b\"\nurl = \"rtsp://127.0.0.1:{b}/\"\n"
            ),
        )
        .unwrap();
        let clock = Clock::start();
        let registry = Registry::new(&config, clock);
        let ingest = Ingest::new(registry.clone(), config.ingest.clone(), clock, Arc::new(Nothing));
        let mut specs: Vec<_> = config.channel.iter().map(|c| ChannelSpec::of(&config, c).unwrap()).collect();
        ingest.apply(&specs);
        until("both connect", || a_count.load(Ordering::SeqCst) == 1 && b_count.load(Ordering::SeqCst) == 1).await;
        let entries = registry.channels();
        entries.iter().for_each(|e| e.update(|h| (h.state, h.kbit_s) = (ChannelState::Running, 500.0)));
        specs[1].url.set_path("/other");
        ingest.apply(&specs);
        until("b says nothing of its old address", || entries[1].state() == ChannelState::Connecting).await;
        assert_eq!(entries[1].health().kbit_s, 0.0);
        assert_eq!(entries[0].state(), ChannelState::Running);
        until("b connects again", || b_count.load(Ordering::SeqCst) == 2).await;
        assert_eq!(a_count.load(Ordering::SeqCst), 1, "a is not touched");
        ingest.apply(&specs[..1]);
        assert_eq!(ingest.running.lock().len(), 1);
        tokio::time::timeout(Duration::from_secs(2), ingest.stop()).await.unwrap();
    }
}
