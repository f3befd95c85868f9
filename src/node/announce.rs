//! Retained topics that depend on what is configured: Home Assistant's discovery, and the copies of channels' health for
//! feeds. What is new is said, what is no longer wanted is cleared at the broker, also where the configuration changed
//! while the gateway was away: the names are noted in the database before anything is said on them, and forgotten when
//! the broker has taken the empty message.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::Inner;
use crate::{config::Config, publish::homeassistant::Discovery, types::Scope};

const TICK: Duration = Duration::from_secs(1);

/// What stands on a topic.
enum Said {
    /// Always the same.
    This(Bytes),
    /// As the topic that it is a copy of.
    CopyOf(String),
}

/// What is announced.
#[derive(Default)]
struct Announced {
    /// Noted in the database; `None` until it is read.
    known: Option<BTreeSet<String>>,
    /// Told to be empty, and not yet taken by the broker.
    clearing: BTreeSet<String>,
    /// Copies by the topic that they are of.
    copies: HashMap<String, Vec<(String, Scope)>>,
    /// The configuration that it holds for.
    applied: Option<Arc<Config>>,
}

/// Keeps the announced topics equal to the configuration, and the copies equal to what they are of; runs until told to
/// stop.
pub async fn keep(inner: Arc<Inner>, stop: CancellationToken) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut changes = inner.states.subscribe();
    let mut announced = Announced::default();
    loop {
        tokio::select! {
            _ = tick.tick() => announced.look(&inner).await,
            change = changes.recv() => match change {
                Ok(message) => announced.copy(&inner, &message.topic),
                // It was too slow: whatever changed stands in the latest values.
                Err(RecvError::Lagged(_)) => announced.copy_all(&inner),
                Err(RecvError::Closed) => return,
            },
            () = stop.cancelled() => return,
        }
    }
}

impl Announced {
    async fn look(&mut self, inner: &Arc<Inner>) {
        if self.known.is_none() {
            match inner.ledger.announced().await {
                Ok(topics) => self.known = Some(topics.into_iter().collect()),
                Err(e) => {
                    return tracing::warn!("what was announced to the broker cannot be read, and is tried again: {e}");
                }
            }
        }
        let config = inner.config.load_full();
        if self.applied.as_ref().is_none_or(|a| !Arc::ptr_eq(a, &config)) && self.apply(inner, &config).await {
            self.applied = Some(config);
        }
        self.cleared(inner).await;
    }

    /// Says what is new and other, clears what is gone. False if it is to be tried again.
    async fn apply(&mut self, inner: &Arc<Inner>, config: &Arc<Config>) -> bool {
        if let Some(discovery) = &inner.discovery {
            let prefix = &config.homeassistant.prefix;
            discovery.set(config.homeassistant.enabled.then(|| prefix.clone()));
        }
        let (of, with) = (inner.clone(), config.clone());
        // Thousands of payloads, and not a moment of the runtime's.
        let Ok(wanted) = tokio::task::spawn_blocking(move || wanted(&of, &with)).await else { return false };
        let known = self.known.get_or_insert_default();
        let new: Vec<String> = wanted.keys().filter(|t| !known.contains(*t)).cloned().collect();
        if !new.is_empty() {
            if let Err(e) = inner.ledger.announce(&new, &[]).await {
                tracing::warn!("what is to be announced to the broker cannot be noted, and is tried again: {e}");
                return false;
            }
            known.extend(new);
        }
        self.copies.clear();
        for topic in known.iter().filter(|t| !wanted.contains_key(*t)) {
            inner.states.set(topic, Bytes::new(), Scope::Node);
            self.clearing.insert(topic.clone());
        }
        for (topic, (said, scope)) in wanted {
            self.clearing.remove(&topic);
            match said {
                Said::This(payload) => {
                    inner.states.set(&topic, payload, scope);
                }
                Said::CopyOf(original) => self.copies.entry(original).or_default().push((topic, scope)),
            }
        }
        self.copy_all(inner);
        true
    }

    fn copy(&self, inner: &Inner, original: &str) {
        let Some(copies) = self.copies.get(original) else { return };
        let Some(message) = inner.states.get(original) else { return };
        for (topic, scope) in copies {
            inner.states.set(topic, message.payload.clone(), scope.clone());
        }
    }

    fn copy_all(&self, inner: &Inner) {
        self.copies.keys().for_each(|original| self.copy(inner, original));
    }

    /// Forgets topics whose empty message the broker has taken.
    async fn cleared(&mut self, inner: &Inner) {
        let Some(known) = self.known.as_mut() else { return };
        let gone: Vec<String> = self.clearing.iter().filter(|t| inner.states.get(t).is_none()).cloned().collect();
        if gone.is_empty() {
            return;
        }
        if let Err(e) = inner.ledger.announce(&[], &gone).await {
            return tracing::warn!("what was cleared at the broker is not noted yet: {e}");
        }
        for topic in gone {
            known.remove(&topic);
            self.clearing.remove(&topic);
        }
    }
}

fn wanted(inner: &Inner, config: &Config) -> BTreeMap<String, (Said, Scope)> {
    let mut wanted = BTreeMap::new();
    let paths = config.area_paths();
    let json = |value: &serde_json::Value| Said::This(value.to_string().into());
    if config.homeassistant.enabled {
        let names: BTreeMap<_, _> = config.area.iter().map(|a| (&a.id, a.name.as_str())).collect();
        let discovery = Discovery {
            prefix: &config.homeassistant.prefix,
            site: &inner.site,
            site_name: &config.node.site_name,
            node: &inner.id,
            topics: &inner.topics,
        };
        for (topic, payload) in discovery.node() {
            wanted.insert(topic, (json(&payload), Scope::Node));
        }
        for channel in &config.channel {
            let area = channel.area.as_ref().and_then(|a| names.get(a)).copied();
            let (topic, payload) = discovery.channel(channel, area);
            wanted.insert(topic, (json(&payload), Scope::Node));
        }
    }
    for channel in config.channel.iter().filter(|_| !config.feed.is_empty()) {
        let area = paths.of(channel);
        let health = inner.topics.health(&channel.id);
        for feed in config.feed.iter().filter(|f| f.holds(&area)) {
            if let Some(topic) = inner.topics.copy(&feed.id, &health) {
                let scope = Scope::Channel { channel: channel.id.clone(), area: area.clone() };
                wanted.insert(topic, (Said::CopyOf(health.clone()), scope));
            }
        }
    }
    wanted
}
