//! A new configuration while the node runs: what changed is applied, the rest is not touched, a broken file changes
//! nothing.
//!
//! Channels, areas, credentials, rules, zones and masks are applied live. Sections that a running stage was made with
//! (listeners, database, pools) need a restart; the log names those that changed.

use std::{path::Path, sync::Arc};

use super::{Node, item, look::Lookers, specs, watch::Watch};
use crate::{
    config::{self, Config},
    rule::ChannelRules,
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
        inner.registry.apply(&new);
        for channel in &old.channel {
            if !new.channel.iter().any(|c| c.id == channel.id && c.enabled) {
                self.retire(channel).await;
            }
        }
        for entry in inner.registry.channels().into_iter().filter(|e| e.config.enabled) {
            let rules = ChannelRules::new(&new, &entry.config);
            let next = Watch::new(&new, entry.clone(), inner.clock.mono());
            let Some(running) = inner.watches.get(&entry.config.id) else {
                super::watch(inner, &new, entry);
                continue;
            };
            inner.queue.register(&entry.config.id, entry.config.weight);
            // The lock may be held for a look, which must not happen on the runtime that reads sockets.
            let now = inner.clock.now();
            let (watch, events) = tokio::task::block_in_place(|| next.take_over(&running, rules, now));
            let watch = Arc::new(watch);
            inner.watches.insert(entry.config.id.clone(), watch.clone());
            for event in events {
                inner.pump.put(item(&watch, event)).await;
            }
        }
        self.ingest.apply(&specs(&new, &inner.registry));
        inner.config.store(Arc::new(new.clone()));
        // No guard of the lock may live over the await.
        let blind = self.lookers.lock().is_empty();
        if blind {
            let lookers = Lookers::start(inner, &self.intake, &new).await;
            *self.lookers.lock() = lookers;
        }
        tracing::info!(channels = new.channel.len(), rules = new.rule.len(), "configuration applied");
    }

    /// A channel that is gone or switched off: its open events end, its pictures are forgotten.
    async fn retire(&self, channel: &config::Channel) {
        let inner = &self.inner;
        let Some(watch) = inner.watches.remove(&channel.id) else { return };
        let now = inner.clock.now();
        let events = tokio::task::block_in_place(|| watch.analysis.lock().rules.finish(now));
        for event in events {
            inner.pump.put(item(&watch, event)).await;
        }
        inner.queue.remove(&channel.id);
        inner.media.forget(&channel.id);
        inner.pictures.forget(&channel.id);
        self.intake.patrol.forget(&channel.id);
    }
}

/// Sections whose change a running node cannot take over.
fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let text = |v: &dyn std::fmt::Debug| format!("{v:?}");
    let pairs: [(&'static str, String, String); 12] = [
        ("node", text(&old.node), text(&new.node)),
        ("ingest", text(&old.ingest), text(&new.ingest)),
        ("media", text(&old.media), text(&new.media)),
        ("sample", text(&old.sample), text(&new.sample)),
        ("schedule", text(&old.schedule), text(&new.schedule)),
        ("decode", text(&old.decode), text(&new.decode)),
        ("infer", text(&old.infer), text(&new.infer)),
        ("alert", text(&old.alert), text(&new.alert)),
        ("evidence", text(&old.evidence), text(&new.evidence)),
        ("outbox", text(&old.outbox), text(&new.outbox)),
        ("publish", text(&old.publish), text(&new.publish)),
        ("web", text(&old.web), text(&new.web)),
    ];
    pairs.into_iter().filter(|(_, a, b)| a != b).map(|(name, _, _)| name).collect()
}
