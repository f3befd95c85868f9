//! Puts a new configuration in the place of the one that runs: what changed is applied, the rest is not touched.
//!
//! Channels, areas, credentials, rules, zones and masks are applied live. A channel's session is begun anew only where
//! its address, login or transport is another (`ingest` compares that); its rules and tracks are looked at only where it
//! or a rule that names it changed. Sections that a running stage was made with (listeners, database, pools) need a
//! restart; the log and the node's status name those that are others than at the start, until they are put back.

use std::sync::Arc;

use super::{item, live::Live, watch::Watch};
use crate::{
    channel::{Entry, Registry},
    config::{Config, Diff, diff::Concerned},
    ingest::{ChannelSpec, Ingest, Logins, descriptors},
    rule::ChannelRules,
    types::ChannelId,
};

/// So many channels are put under watch before other tasks have their turn. Those that stay are only looked at: a turn for
/// others, among thousands of sessions that read, may take a tenth of a second.
const AT_ONCE: usize = 64;

/// What a change comes to.
struct Effect {
    diff: Diff,
    rules: Concerned,
    gone: Vec<ChannelId>,
}

impl Live {
    /// Makes what runs equal to `new`; gives what differed. One at a time: the caller holds the lock of the sources.
    pub(super) async fn apply(&self, new: Config) -> Diff {
        let inner = &self.inner;
        let (old, new) = (inner.config.load_full(), Arc::new(new));
        let (before, after, registry) = (old.clone(), new.clone(), inner.registry.clone());
        let compared = tokio::task::spawn_blocking(move || {
            let effect = compare(&before, &after);
            registry.apply(&after);
            effect
        });
        let Effect { diff, rules, gone } = match compared.await {
            Ok(effect) => effect,
            Err(e) => {
                tracing::error!("the configurations could not be compared: {e}");
                return Diff::default();
            }
        };
        // Against what the stages were made with, not against the last reload: what was put back needs no restart.
        let waiting = self.begun.changed(&new);
        let told = format!("changed, and in force in full only after a restart: {}", waiting.join(", "));
        inner.set_degraded("restart", (!waiting.is_empty()).then_some(told));
        if let Err(sentence) = descriptors::raise(descriptors::needed(&new)) {
            tracing::warn!("{sentence}");
        }
        for id in &gone {
            self.retire(id).await;
        }
        let floors = old.sample.patrol_floor_s != new.sample.patrol_floor_s;
        let (mut touched, mut moved) = (0, Vec::new());
        for entry in inner.registry.channels().into_iter().filter(|e| e.config.enabled) {
            let running = inner.watches.get(&entry.config.id);
            let other =
                running.as_ref().is_none_or(|w| !Arc::ptr_eq(&w.entry, &entry)) || rules.holds(&entry.config.id);
            touched += usize::from(other || floors);
            if other || floors {
                let floor_ms = super::floor_ms(&new, &entry.config);
                inner.queue.register(&entry.config.id, entry.config.weight, floor_ms);
            }
            match running {
                Some(running) if other => {
                    if self.replace(&new, entry.clone(), running).await {
                        moved.push(entry);
                    }
                }
                Some(_) => {}
                None => super::watch(inner, &new, entry),
            }
            if touched == AT_ONCE {
                touched = 0;
                tokio::task::yield_now().await;
            }
        }
        pull(&self.ingest, &new, &inner.registry).await;
        for id in &gone {
            // After the sessions have been told to end: nothing fills this again.
            inner.media.forget(id);
            inner.pictures.forget(id);
            inner.book.forget(id);
            inner.sampler.forget(id);
            inner.hangs.forget(id);
        }
        for entry in &moved {
            // Until now a session of the former address may have begun anew, and a look at it may have been under way.
            self.forget_view(&entry.config.id);
            inner.pictures.forget(&entry.config.id);
        }
        if !moved.is_empty() {
            // The new sessions that have begun already hold what was forgotten.
            inner.watches.look_up_again();
        }
        let mut new = new;
        if old.feed != new.feed
            && let Err(e) = inner.ledger.set_feeds(new.feed.clone()).await
        {
            // What is in force is what is told, and the next reload tries again.
            tracing::error!("the feeds stay as they were until the next reload: {e}");
            Arc::make_mut(&mut new).feed.clone_from(&old.feed);
        }
        inner.hooks.apply(&new.webhook).await;
        inner.config.store(new.clone());
        if self.lookers.is_empty() {
            self.lookers.start(inner, &self.intake, &new).await;
        }
        diff
    }

    /// Puts a channel under its new rules and masks. True where another camera is there now.
    async fn replace(&self, new: &Config, entry: Arc<Entry>, running: Arc<Watch>) -> bool {
        let inner = &self.inner;
        let rules = ChannelRules::new(new, &entry.config);
        let next = Watch::new(new, entry.clone(), inner.clock.mono());
        let (id, masks_changed) = (entry.config.id.clone(), next.masks != running.masks);
        let other_view = !next.is_at_address_of(&running);
        let (watches, queue, now) = (inner.watches.clone(), inner.queue.clone(), inner.clock.now());
        // The lock may be held for a look, or while a slow disk takes no events: never wait for it on the runtime.
        let replaced = tokio::task::spawn_blocking(move || {
            let (watch, events) = next.take_over(&running, rules, now);
            let (watch, id) = (Arc::new(watch), &entry.config.id);
            if other_view {
                // What waits is of the former camera, and whoever takes it finds the new watch from the next line on.
                queue.drop_pending(id);
            }
            watches.insert(id.clone(), watch.clone());
            (watch, events)
        });
        let Ok((watch, events)) = replaced.await else { return other_view };
        if other_view {
            // What was seen there says nothing of what is seen here, and must not be shown under this name: a new camera
            // that does not answer would leave the old one's last picture. Its session gives nothing more (`intake`).
            self.forget_view(&id);
            inner.hangs.forget(&id);
        }
        if other_view || masks_changed {
            inner.pictures.forget(&id);
        }
        for event in events {
            inner.pump.put(item(&watch, event)).await;
        }
        other_view
    }

    /// Forgets what was seen under a channel's former address; a look at it that is under way goes on, and finds no rules.
    fn forget_view(&self, id: &ChannelId) {
        let inner = &self.inner;
        inner.queue.drop_pending(id);
        inner.media.forget(id);
        inner.book.forget(id);
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

fn compare(old: &Config, new: &Config) -> Effect {
    let diff = Diff::between(old, new);
    let on: std::collections::HashSet<&ChannelId> = new.channel.iter().filter(|c| c.enabled).map(|c| &c.id).collect();
    let gone = old.channel.iter().map(|c| &c.id).filter(|id| !on.contains(id)).cloned().collect();
    let rules = diff.under_changed_rules(old, new);
    Effect { diff, rules, gone }
}

/// Makes what ingest pulls equal to the configuration; reads the passwords' files. A channel that cannot be pulled as it is
/// configured says why in its health.
pub(super) async fn pull(ingest: &Ingest, config: &Arc<Config>, registry: &Registry) {
    let config = config.clone();
    let made = tokio::task::spawn_blocking(move || {
        let (mut logins, mut specs, mut refused) = (Logins::default(), Vec::new(), Vec::new());
        for channel in config.channel.iter().filter(|c| c.enabled) {
            match ChannelSpec::with(&config, channel, &mut logins) {
                Ok(spec) => specs.push(spec),
                Err(sentence) => refused.push((channel.id.clone(), sentence)),
            }
        }
        (specs, refused)
    });
    let (specs, refused) = match made.await {
        Ok(made) => made,
        Err(e) => return tracing::error!("the channels' specifications could not be made: {e}"),
    };
    ingest.apply(&specs);
    // After their sessions were told to end, which might say otherwise.
    for (id, sentence) in refused {
        if let Some(entry) = registry.get(&id) {
            entry.misconfigured(&sentence);
        }
    }
}
