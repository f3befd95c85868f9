//! A gateway's ingest for tests: channels in, what they gave and how they fared out.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use skyeye::channel::Registry;
use skyeye::config::{self, Config};
use skyeye::ingest::{ChannelSpec, Ingest, Sink, UnitSink};
use skyeye::types::{AccessUnit, ChannelHealth, ChannelId, ChannelState, Clock};

#[derive(Default)]
pub struct Collected {
    units: Mutex<HashMap<ChannelId, Vec<AccessUnit>>>,
    downs: Mutex<HashMap<ChannelId, u32>>,
    /// The channel whose next so many units make the sink panic.
    pub panics: Mutex<Option<ChannelId>>,
    pub panicked: AtomicU32,
}

impl Sink for Collected {
    fn session(self: Arc<Self>, _: &ChannelId) -> Box<dyn UnitSink> {
        Box::new(Session(self))
    }
    fn down(&self, channel: &ChannelId) {
        *self.downs.lock().entry(channel.clone()).or_default() += 1;
    }
}

struct Session(Arc<Collected>);

impl UnitSink for Session {
    fn unit(&mut self, unit: AccessUnit) {
        let all = &self.0;
        if all.panics.lock().take_if(|c| *c == unit.channel).is_some() {
            all.panicked.fetch_add(1, Ordering::SeqCst);
            panic!("on purpose");
        }
        all.units.lock().entry(unit.channel.clone()).or_default().push(unit);
    }
}

pub struct Pull {
    pub registry: Arc<Registry>,
    pub sink: Arc<Collected>,
    pub ingest: Ingest,
    pub clock: Clock,
}

/// A `[[channel]]`, with `more` lines of its table.
pub fn channel(id: &str, url: &str, more: &str) -> String {
    format!("[[channel]]\nid = \"{id}\"\nurl = \"{url}\"\n{more}\n")
}

impl Pull {
    /// `ingest` are lines of the `[ingest]` section.
    pub fn start(ingest: &str, rest: &str) -> Self {
        let text = format!("[ingest]\nallow_loopback = true\n{ingest}\n{rest}");
        let config: Config = config::parse("test.toml", &text).unwrap();
        let clock = Clock::start();
        let registry = Registry::new(&config, clock);
        let sink = Arc::new(Collected::default());
        let pulled = Ingest::new(registry.clone(), config.ingest.clone(), clock, sink.clone());
        let specs: Vec<_> = config.channel.iter().map(|c| ChannelSpec::of(&config, c).unwrap()).collect();
        pulled.apply(&specs);
        Self { registry, sink, ingest: pulled, clock }
    }

    pub fn health(&self, id: &str) -> ChannelHealth {
        self.registry.get(&ChannelId::new(id).unwrap()).unwrap().health()
    }

    pub fn units(&self, id: &str) -> Vec<AccessUnit> {
        self.sink.units.lock().get(id).cloned().unwrap_or_default()
    }

    pub fn downs(&self, id: &str) -> u32 {
        self.sink.downs.lock().get(id).copied().unwrap_or_default()
    }

    /// Waits until the channel's health is as wanted; says what it was else.
    pub async fn until(&self, id: &str, within_s: u64, what: impl Fn(&ChannelHealth) -> bool) -> ChannelHealth {
        for _ in 0..within_s * 50 {
            let health = self.health(id);
            if what(&health) {
                return health;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{id}: not within {within_s} s; {} units, {:?}", self.units(id).len(), self.health(id));
    }

    pub async fn until_state(&self, id: &str, within_s: u64, state: ChannelState) -> ChannelHealth {
        self.until(id, within_s, |h| h.state == state).await
    }

    pub async fn until_units(&self, id: &str, within_s: u64, count: usize) -> Vec<AccessUnit> {
        self.until(id, within_s, |_| self.units(id).len() >= count).await;
        self.units(id)
    }
}
