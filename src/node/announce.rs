//! Retained topics that depend on what is configured: Home Assistant's discovery, and the copies of channels' health for
//! feeds. What is new is said, what is no longer wanted is cleared at the broker, also where the configuration changed
//! while the gateway was away: the names are noted in the database before anything is said on them, and forgotten when
//! the broker has taken the empty message.
//!
//! They have what room the channels' own health leaves (`config::announced`); what finds none is told and counted. While
//! one set of topics gives way to another there may be too little for both: what waits is said as the others are taken back.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::Inner;
use crate::{
    config::{
        Config,
        announced::{SPARE, To},
    },
    publish::{States, homeassistant::Discovery},
    types::Scope,
};

const TICK: Duration = Duration::from_secs(1);

/// What stands on a topic.
enum Said {
    /// Always the same.
    This(Bytes),
    /// As the topic that it is a copy of.
    CopyOf(String),
}

/// What is to be announced.
struct Wanted {
    topics: BTreeMap<String, (Said, Scope)>,
    /// How many there may be.
    room: usize,
    /// What finds no room: how many, and in a sentence.
    missing: usize,
    told: Option<String>,
}

/// What is announced.
#[derive(Default)]
struct Announced {
    /// Noted in the database; `None` until it is read.
    known: Option<BTreeSet<String>>,
    /// The configuration that it holds for.
    applied: Option<Arc<Config>>,
    topics: Topics,
}

/// The topics among the states.
#[derive(Default)]
struct Topics {
    room: usize,
    /// To be said, and to be told to be empty, as soon as there is room.
    waiting: BTreeMap<String, (Bytes, Scope)>,
    gone: BTreeSet<String>,
    /// Told to be empty, and not yet taken by the broker.
    clearing: BTreeSet<String>,
    /// Copies by the topic that they are of.
    copies: HashMap<String, Vec<(String, Scope)>>,
    /// A copy found no room.
    lacking: bool,
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
                Ok(message) => announced.topics.copy(&inner.states, &message.topic),
                // It was too slow: whatever changed stands in the latest values.
                Err(RecvError::Lagged(_)) => announced.topics.copy_all(&inner.states),
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
        self.topics.push(&inner.states);
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
        let new: Vec<String> = wanted.topics.keys().filter(|t| !known.contains(*t)).cloned().collect();
        if !new.is_empty() {
            if let Err(e) = inner.ledger.announce(&new, &[]).await {
                tracing::warn!("what is to be announced to the broker cannot be noted, and is tried again: {e}");
                return false;
            }
            known.extend(new);
        }
        #[allow(clippy::cast_precision_loss)] // gauges are floating point
        metrics::gauge!("skyeye_node_unannounced_topics").set(wanted.missing as f64);
        inner.set_degraded("announce", wanted.told);
        self.topics.want(wanted.topics, wanted.room, known);
        true
    }

    /// Forgets topics whose empty message the broker has taken.
    async fn cleared(&mut self, inner: &Inner) {
        let Some(known) = self.known.as_mut() else { return };
        let clearing = &mut self.topics.clearing;
        let gone: Vec<String> = clearing.iter().filter(|t| inner.states.get(t).is_none()).cloned().collect();
        if gone.is_empty() {
            return;
        }
        if let Err(e) = inner.ledger.announce(&[], &gone).await {
            return tracing::warn!("what was cleared at the broker is not noted yet: {e}");
        }
        for topic in gone {
            known.remove(&topic);
            clearing.remove(&topic);
        }
    }
}

impl Topics {
    /// These from here on; of what is known the others are taken back.
    fn want(&mut self, wanted: BTreeMap<String, (Said, Scope)>, room: usize, known: &BTreeSet<String>) {
        self.gone = known.iter().filter(|t| !wanted.contains_key(*t)).cloned().collect();
        self.clearing.retain(|t| !wanted.contains_key(t));
        self.room = room;
        self.waiting.clear();
        self.copies.clear();
        for (topic, (said, scope)) in wanted {
            match said {
                Said::This(payload) => drop(self.waiting.insert(topic, (payload, scope))),
                Said::CopyOf(original) => self.copies.entry(original).or_default().push((topic, scope)),
            }
        }
        self.lacking = true;
    }

    /// Says what waits, as far as there is room.
    fn push(&mut self, states: &States) {
        // A little more than there is for all others, so that they can make room.
        let room = self.room + SPARE / 2;
        self.gone.retain(|topic| {
            let clears = states.set_beside(topic, Bytes::new(), Scope::Node, room);
            if clears {
                self.clearing.insert(topic.clone());
            }
            !clears
        });
        self.waiting
            .retain(|topic, (payload, scope)| !states.set_beside(topic, payload.clone(), scope.clone(), self.room));
        if std::mem::take(&mut self.lacking) {
            self.copy_all(states);
        }
    }

    fn copy(&mut self, states: &States, original: &str) {
        let Some(copies) = self.copies.get(original) else { return };
        let Some(message) = states.get(original) else { return };
        for (topic, scope) in copies {
            self.lacking |= !states.set_beside(topic, message.payload.clone(), scope.clone(), self.room);
        }
    }

    fn copy_all(&mut self, states: &States) {
        let originals: Vec<String> = self.copies.keys().cloned().collect();
        originals.iter().for_each(|original| self.copy(states, original));
    }
}

fn wanted(inner: &Inner, config: &Config) -> Wanted {
    let announced = config.announced();
    let mut topics = BTreeMap::new();
    let json = |value: &serde_json::Value| Said::This(value.to_string().into());
    let names: BTreeMap<_, _> = config.area.iter().map(|a| (&a.id, a.name.as_str())).collect();
    let discovery = Discovery {
        prefix: &config.homeassistant.prefix,
        site: &inner.site,
        site_name: &config.node.site_name,
        node: &inner.id,
        topics: &inner.topics,
    };
    if announced.node {
        for (topic, payload) in discovery.node() {
            topics.insert(topic, (json(&payload), Scope::Node));
        }
    }
    for (to, channels) in &announced.channels {
        for (channel, path) in channels {
            match to {
                To::HomeAssistant => {
                    let area = channel.area.as_ref().and_then(|a| names.get(a)).copied();
                    let (topic, payload) = discovery.channel(channel, area);
                    topics.insert(topic, (json(&payload), Scope::Node));
                }
                To::Feed(feed) => {
                    let health = inner.topics.health(&channel.id);
                    if let Some(topic) = inner.topics.copy(&feed.id, &health) {
                        let scope = Scope::Channel { channel: channel.id.clone(), area: path.clone() };
                        topics.insert(topic, (Said::CopyOf(health), scope));
                    }
                }
            }
        }
    }
    Wanted { topics, room: announced.room, missing: announced.missing(), told: announced.sentence() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Clock;

    fn wanted(copies: &[&str], said: &[&str]) -> BTreeMap<String, (Said, Scope)> {
        let copies = copies.iter().map(|t| ((*t).to_owned(), (Said::CopyOf("health".into()), Scope::Node)));
        let said = said.iter().map(|t| ((*t).to_owned(), (Said::This(Bytes::from_static(b"said")), Scope::Node)));
        copies.chain(said).collect()
    }

    fn set(topics: &[&str]) -> BTreeSet<String> {
        topics.iter().map(|t| (*t).to_owned()).collect()
    }

    fn stand(states: &States) -> BTreeSet<String> {
        states.snapshot().iter().map(|m| m.topic.clone()).collect()
    }

    #[test]
    fn what_finds_no_room_waits_until_there_is_and_displaces_nothing() {
        let states = States::with_capacity(Clock::start(), 4);
        let mut topics = Topics::default();
        assert!(states.set("health", "well", Scope::Node));
        topics.want(wanted(&["b"], &["a"]), 2, &set(&["a", "b"]));
        topics.push(&states);
        assert_eq!(stand(&states), set(&["health", "a", "b"]));
        assert!(!topics.lacking && topics.waiting.is_empty());

        // Others instead, while the broker has not taken back what was.
        topics.want(wanted(&["d"], &["c"]), 2, &set(&["a", "b", "c", "d"]));
        topics.push(&states);
        assert_eq!((stand(&states), topics.clearing.clone()), (set(&["health"]), set(&["a", "b"])));
        assert!(topics.lacking && topics.waiting.contains_key("c"), "both wait");
        assert!(states.set("more health", "well", Scope::Node), "which costs a channel nothing");

        // One is wanted again before it was taken back.
        topics.want(wanted(&["b"], &["c"]), 2, &set(&["a", "b", "c", "d"]));
        topics.push(&states);
        assert_eq!((stand(&states), topics.clearing.clone()), (set(&["health", "more health", "b"]), set(&["a"])));
        assert!(topics.gone.contains("d") && topics.waiting.contains_key("c"));
    }
}
