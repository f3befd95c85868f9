//! The registry of channels: what is configured and how each one fares.
//!
//! In goes the configuration and, from `ingest` and the looks, changes of health; out come entries that any part of
//! the gateway reads at little cost. Only the latest value counts, beside which the latest changes of state are kept in
//! memory (`history`); nothing is stored. An update that changes no state allocates nothing of its own; whoever measures
//! rates does so over windows and writes once a second.
//!
//! It never knows how health is published. `Entry::version` counts the changes that are worth telling, so that a
//! publisher compares one number instead of the whole health.

pub mod condition;
mod history;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use metrics::gauge;
use parking_lot::Mutex;

pub use history::StateChange;

use self::history::History;
use crate::config::{self, Config};
use crate::types::{Activity, AreaId, ChannelHealth, ChannelId, ChannelState, Clock, ConditionSet};

/// Rates that differ by less than this share from what was last told are not news.
const RATE_NEWS: f32 = 0.2;
/// Nor are clock skews that moved by less than this.
const SKEW_NEWS_MS: u64 = 500;

/// One configured channel and its health.
pub struct Entry {
    pub config: config::Channel,
    /// Ids from the root of the area tree.
    pub area: Vec<AreaId>,
    /// Shared with the entry that a reload puts in this one's place, so that whoever holds either writes the same.
    shared: Arc<Shared>,
}

struct Shared {
    clock: Clock,
    health: Mutex<Health>,
    version: AtomicU64,
}

struct Health {
    now: ChannelHealth,
    /// As it was at the last change of `version`.
    told: ChannelHealth,
    /// Said in place of the reason while the channel runs.
    note: Option<&'static str>,
    states: History,
}

impl Entry {
    /// A channel that begins; `before` is its entry where it was there already, switched the other way.
    fn new(config: config::Channel, area: Vec<AreaId>, clock: Clock, before: Option<&Entry>) -> Self {
        // The version goes on from where it was: begun anew, it might be the very number that was told last.
        let version = before.map_or(0, Entry::version) + 1;
        let mut states = before.map(|b| b.shared.health.lock().states.clone()).unwrap_or_default();
        let health = if config.enabled {
            ChannelHealth::new(ChannelState::Connecting, "waits for its first session", clock.wall())
        } else {
            ChannelHealth::new(
                ChannelState::Disabled,
                "is switched off; set enabled = true on the channel to watch it",
                clock.wall(),
            )
        };
        count_state(health.state, 1.0);
        states.push(health.since, health.state, &health.reason);
        let shared = Shared {
            clock,
            health: Mutex::new(Health { told: health.clone(), now: health, note: None, states }),
            version: AtomicU64::new(version),
        };
        Self { config, area, shared: Arc::new(shared) }
    }

    pub fn health(&self) -> ChannelHealth {
        let health = self.shared.health.lock();
        let mut now = health.now.clone();
        if let Some(note) = health.note.filter(|_| now.state == ChannelState::Running) {
            note.clone_into(&mut now.reason);
        }
        now
    }

    /// What is wrong with the looks at the channel while its stream runs, or with `None` that nothing is.
    pub fn set_note(&self, note: Option<&'static str>) {
        if std::mem::replace(&mut self.shared.health.lock().note, note) != note {
            self.shared.version.fetch_add(1, Ordering::Release);
        }
    }

    /// Only the state, without copying the rest.
    pub fn state(&self) -> ChannelState {
        self.shared.health.lock().now.state
    }

    /// State and conditions, without copying the rest.
    pub fn sight(&self) -> (ChannelState, ConditionSet) {
        let health = self.shared.health.lock();
        (health.now.state, health.now.condition_set())
    }

    /// Changes the health. The closure runs under the entry's lock: it must be short and must not block.
    pub fn update(&self, f: impl FnOnce(&mut ChannelHealth)) {
        let mut health = self.shared.health.lock();
        let before = health.now.state;
        f(&mut health.now);
        if health.now.state != before {
            count_state(before, -1.0);
            count_state(health.now.state, 1.0);
            let Health { now, states, .. } = &mut *health;
            states.push(now.since, now.state, &now.reason);
        }
        if is_news(&health.told, &health.now) {
            let Health { now, told, .. } = &mut *health;
            told.clone_from(now);
            self.shared.version.fetch_add(1, Ordering::Release);
        }
    }

    /// The channel cannot be pulled as it is configured.
    pub fn misconfigured(&self, sentence: &str) {
        let wall = self.shared.clock.wall();
        self.update(|h| {
            if h.state != ChannelState::Misconfigured {
                h.state = ChannelState::Misconfigured;
                h.since = wall;
            }
            sentence.clone_into(&mut h.reason);
            h.kbit_s = 0.0;
            h.unit_rate_hz = 0.0;
        });
    }

    /// The latest changes of state since the process began, newest first.
    pub fn states(&self) -> Vec<StateChange> {
        self.shared.health.lock().states.newest_first()
    }

    /// Counts the changes that are worth publishing, from 1.
    pub fn version(&self) -> u64 {
        self.shared.version.load(Ordering::Acquire)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        count_state(self.health.get_mut().now.state, -1.0);
    }
}

fn count_state(state: ChannelState, by: f64) {
    gauge!("skyeye_channel_state", "state" => state.as_str()).increment(by);
}

fn is_news(told: &ChannelHealth, now: &ChannelHealth) -> bool {
    let moved = |a: f32, b: f32| (a - b).abs() > RATE_NEWS * a.abs().max(b.abs());
    told.state != now.state
        || told.reason != now.reason
        || told.codec != now.codec
        || (told.width, told.height) != (now.width, now.height)
        || told.sessions != now.sessions
        || told.conditions != now.conditions
        || told.lost_packets != now.lost_packets
        || moved(told.kbit_s, now.kbit_s)
        || moved(told.unit_rate_hz, now.unit_rate_hz)
        || moved(told.key_interval_s, now.key_interval_s)
        || moved(told.look_rate_hz, now.look_rate_hz)
        || (told.focus_hz > 0.0) != (now.focus_hz > 0.0)
        // Quiet and active change by the second; that a channel tells nothing is worth saying.
        || (told.activity == Some(Activity::Mute)) != (now.activity == Some(Activity::Mute))
        || match (told.clock_skew_ms, now.clock_skew_ms) {
            (Some(a), Some(b)) => a.abs_diff(b) > SKEW_NEWS_MS,
            (a, b) => a.is_some() != b.is_some(),
        }
}

/// All channels of the configuration.
pub struct Registry {
    clock: Clock,
    entries: ArcSwap<Entries>,
}

#[derive(Default)]
struct Entries {
    in_order: Vec<Arc<Entry>>,
    by_id: HashMap<ChannelId, Arc<Entry>>,
}

impl Registry {
    pub fn new(config: &Config, clock: Clock) -> Arc<Registry> {
        let registry = Registry { clock, entries: ArcSwap::default() };
        registry.apply(config);
        Arc::new(registry)
    }

    /// Takes over a configuration. A channel that did not change, its area's path included, keeps its very entry; one that
    /// did keeps its health, unless it was switched on or off.
    pub fn apply(&self, config: &Config) {
        let old = self.entries.load_full();
        let (mut new, areas) = (Entries::default(), config.area_paths());
        for channel in &config.channel {
            let area = areas.of(channel);
            let entry = match old.by_id.get(&channel.id) {
                Some(before) if before.config == *channel && before.area == area => before.clone(),
                Some(before) if before.config.enabled == channel.enabled => {
                    if before.area != area {
                        // Health is told with the area, and whose it is hangs on it.
                        before.shared.version.fetch_add(1, Ordering::Release);
                    }
                    Arc::new(Entry { config: channel.clone(), area, shared: before.shared.clone() })
                }
                before => Arc::new(Entry::new(channel.clone(), area, self.clock, before.map(|b| &**b))),
            };
            new.by_id.insert(channel.id.clone(), entry.clone());
            new.in_order.push(entry);
        }
        self.entries.store(Arc::new(new));
    }

    /// In the order of the configuration.
    pub fn channels(&self) -> Vec<Arc<Entry>> {
        self.entries.load().in_order.clone()
    }

    pub fn get(&self, id: &ChannelId) -> Option<Arc<Entry>> {
        self.entries.load().by_id.get(id).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        config::parse("test.toml", text).unwrap()
    }

    const TWO: &str = "[[channel]]\nid = \"b\"\nurl = \"rtsp://10.0.0.1/\"\n[[channel]]\nid = \"a\"\nurl = \"rtsp://10.0.0.2/\"\nenabled = false\n";

    #[test]
    fn channels_stand_in_the_order_of_the_file() {
        let registry = Registry::new(&config(TWO), Clock::start());
        let ids: Vec<_> = registry.channels().iter().map(|e| e.config.id.to_string()).collect();
        assert_eq!(ids, ["b", "a"]);
        assert_eq!(registry.get(&ChannelId::new("a").unwrap()).unwrap().state(), ChannelState::Disabled);
        assert!(registry.get(&ChannelId::new("c").unwrap()).is_none());
    }

    #[test]
    fn only_news_moves_the_version() {
        let registry = Registry::new(&config(TWO), Clock::start());
        let entry = registry.channels()[0].clone();
        let start = entry.version();
        entry.update(|h| h.kbit_s = 500.0);
        assert_eq!(entry.version(), start + 1);
        entry.update(|h| h.kbit_s = 520.0);
        entry.update(|h| h.kbit_s = 540.0);
        assert_eq!(entry.version(), start + 1, "4 % and 8 % more are not news");
        entry.update(|h| h.kbit_s = 700.0);
        assert_eq!(entry.version(), start + 2);
        entry.update(|h| h.state = ChannelState::Running);
        assert_eq!(entry.version(), start + 3);
    }

    #[test]
    fn a_note_is_said_while_the_channel_runs_and_is_news_once() {
        let entry = Registry::new(&config(TWO), Clock::start()).channels()[0].clone();
        entry.set_note(Some("runs, but is not looked at"));
        assert_eq!(entry.health().reason, "waits for its first session");
        entry.update(|h| (h.state, h.reason) = (ChannelState::Running, "runs".into()));
        let version = entry.version();
        entry.set_note(Some("runs, but is not looked at"));
        assert_eq!((entry.health().reason.as_str(), entry.version()), ("runs, but is not looked at", version));
        entry.set_note(None);
        assert_eq!((entry.health().reason.as_str(), entry.version()), ("runs", version + 1));
    }

    #[test]
    fn what_a_reload_changes_in_health_is_news() {
        let registry = Registry::new(&config(TWO), Clock::start());
        let version = |id: &str| registry.get(&ChannelId::new(id).unwrap()).unwrap().version();
        let (a, b) = (version("a"), version("b"));
        registry.apply(&config(&TWO.replace("enabled = false", "enabled = true")));
        assert!(version("a") > a, "switched on before its health was ever touched");
        assert_eq!(version("b"), b);
        let text = format!(
            "[[area]]\nid = \"x\"\nname = \"x\"\nkind = \"grid\"\n{}",
            TWO.replacen("url", "area = \"x\"\nurl", 1)
        );
        registry.apply(&config(&text));
        assert!(version("b") > b, "moved to another area");
    }

    #[test]
    fn only_what_changed_gets_another_entry() {
        let registry = Registry::new(&config(TWO), Clock::start());
        let before = registry.channels();
        registry.apply(&config(&TWO.replace("id = \"a\"", "id = \"a\"\nname = \"Gate\"")));
        let after = registry.channels();
        assert!(Arc::ptr_eq(&before[0], &after[0]), "b did not change");
        assert!(!Arc::ptr_eq(&before[1], &after[1]) && after[1].config.name == "Gate");
    }

    #[test]
    fn changes_of_state_are_kept_also_over_a_switch_off() {
        let registry = Registry::new(&config(TWO), Clock::start());
        let b = ChannelId::new("b").unwrap();
        let entry = registry.get(&b).unwrap();
        entry.update(|h| h.state = ChannelState::Running);
        entry.update(|h| h.kbit_s = 100.0);
        let states = |entry: &Entry| entry.states().iter().map(|c| c.state).collect::<Vec<_>>();
        assert_eq!(states(&entry), [ChannelState::Running, ChannelState::Connecting]);
        registry.apply(&config(&TWO.replacen("url", "enabled = false\nurl", 1)));
        let entry = registry.get(&b).unwrap();
        assert_eq!(states(&entry), [ChannelState::Disabled, ChannelState::Running, ChannelState::Connecting]);
    }

    #[test]
    fn a_new_configuration_keeps_health_of_what_stays() {
        let registry = Registry::new(&config(TWO), Clock::start());
        let b = ChannelId::new("b").unwrap();
        let before = registry.get(&b).unwrap();
        before.update(|h| h.state = ChannelState::Running);
        registry.apply(&config(&TWO.replace("10.0.0.1", "10.0.0.9").replace("enabled = false", "")));
        let after = registry.get(&b).unwrap();
        assert_eq!(after.state(), ChannelState::Running);
        before.update(|h| h.state = ChannelState::Offline);
        assert_eq!(after.state(), ChannelState::Offline, "the holder of the old entry writes the same health");
        assert_eq!(registry.get(&ChannelId::new("a").unwrap()).unwrap().state(), ChannelState::Connecting);
    }
}
