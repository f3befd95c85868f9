//! A new configuration while the node runs: what changed is applied, the rest is not touched, a broken file changes
//! nothing.
//!
//! Channels, areas, credentials, rules, zones and masks are applied live. Sections that a running stage was made with
//! (listeners, database, pools) need a restart; the log names those that changed.

use std::{path::Path, sync::Arc};

use super::{Node, item, specs, watch::Watch};
use crate::{
    channel::Entry,
    config::{self, Config},
    ingest::descriptors,
    rule::ChannelRules,
    types::ChannelId,
};

impl Node {
    /// Reads the configuration file again.
    pub async fn reload(&self) {
        let _one = self.reloading.lock().await;
        let path = self.config_path.clone();
        let read = tokio::task::spawn_blocking(move || config::load(Path::new(&path))).await;
        let config = match read {
            Ok(Ok(config)) => config,
            Ok(Err(e)) => {
                metrics::counter!("skyeye_config_reloads_total", "outcome" => "refused").increment(1);
                tracing::error!("the configuration is refused, the last good one stays:\n{e}");
                self.inner.set_degraded(
                    "config",
                    Some(format!("the configuration file is broken, the last good one is in use: {e}")),
                );
                return;
            }
            Err(e) => {
                tracing::error!("the configuration could not be read: {e}");
                return;
            }
        };
        self.apply(config).await;
        self.inner.set_degraded("config", None);
        metrics::counter!("skyeye_config_reloads_total", "outcome" => "applied").increment(1);
    }

    async fn apply(&self, new: Config) {
        let inner = &self.inner;
        let old = inner.config.load_full();
        let restart = needs_restart(&old, &new);
        if !restart.is_empty() {
            tracing::warn!("changed, but in force only after a restart: {}", restart.join(", "));
        }
        if let Err(sentence) = descriptors::raise(descriptors::needed(&new)) {
            tracing::warn!("{sentence}");
        }
        inner.registry.apply(&new);
        let gone: Vec<&ChannelId> = old
            .channel
            .iter()
            .map(|c| &c.id)
            .filter(|id| !new.channel.iter().any(|c| c.id == **id && c.enabled))
            .collect();
        for id in &gone {
            self.retire(id).await;
        }
        for entry in inner.registry.channels().into_iter().filter(|e| e.config.enabled) {
            let floor_ms = super::floor_ms(&new, &entry.config);
            inner.queue.register(&entry.config.id, entry.config.weight, floor_ms);
            match inner.watches.get(&entry.config.id) {
                Some(running) => self.replace(&new, entry, running).await,
                None => super::watch(inner, &new, entry),
            }
        }
        self.ingest.apply(&specs(&new, &inner.registry).await);
        for id in gone {
            // After the sessions have been told to end: nothing fills this again.
            inner.media.forget(id);
            inner.pictures.forget(id);
            inner.sampler.forget(id);
        }
        inner.config.store(Arc::new(new.clone()));
        if self.lookers.is_empty() {
            self.lookers.start(inner, &self.intake, &new).await;
        }
        tracing::info!(channels = new.channel.len(), rules = new.rule.len(), "configuration applied");
    }

    /// Puts a channel under its new rules and masks.
    async fn replace(&self, new: &Config, entry: Arc<Entry>, running: Arc<Watch>) {
        let inner = &self.inner;
        let rules = ChannelRules::new(new, &entry.config);
        let next = Watch::new(new, entry.clone(), inner.clock.mono());
        let masks_changed = next.masks != running.masks;
        let (watches, now) = (inner.watches.clone(), inner.clock.now());
        // The lock may be held for a look, or while a slow disk takes no events: never wait for it on the runtime.
        let replaced = tokio::task::spawn_blocking(move || {
            let (watch, events) = next.take_over(&running, rules, now);
            let watch = Arc::new(watch);
            watches.insert(entry.config.id.clone(), watch.clone());
            (watch, events)
        });
        let Ok((watch, events)) = replaced.await else { return };
        if masks_changed {
            inner.pictures.forget(&watch.entry.config.id);
        }
        for event in events {
            inner.pump.put(item(&watch, event)).await;
        }
    }

    /// A channel that is gone or switched off: its open events end, and a look that is under way finds no rules.
    async fn retire(&self, id: &ChannelId) {
        let inner = &self.inner;
        let Some(watch) = inner.watches.remove(id) else { return };
        inner.queue.remove(id);
        let now = inner.clock.now();
        let ended = tokio::task::spawn_blocking(move || {
            let events = watch.retire(now);
            (watch, events)
        });
        let Ok((watch, events)) = ended.await else { return };
        for event in events {
            inner.pump.put(item(&watch, event)).await;
        }
    }
}

/// Sections whose change a running node cannot take over.
fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    macro_rules! changed {
        ($($section:ident),*) => {
            [$((stringify!($section), format!("{:?}", old.$section) != format!("{:?}", new.$section))),*]
        };
    }
    let sections = changed!(
        node, ingest, media, sample, schedule, decode, infer, track, alert, evidence, outbox, publish, web, store,
        telemetry
    );
    sections.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name).collect()
}
