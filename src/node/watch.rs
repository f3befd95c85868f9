//! What the node knows of a channel while it looks at it: tracker, rules, masks, and when the last picture came.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::{Mutex, MutexGuard, RwLock};

use crate::{
    channel::{
        self,
        condition::{Conditions, Options},
    },
    config::{Config, validate},
    node::stream::Stream,
    rule::{ChannelRules, Focus},
    schedule::Demand,
    track::{Tracker, replay},
    types::{AccessUnit, ChannelId, Detection, Event, Frame, Mono, Now, Polygon},
};

/// Looks are counted over this time to say how often a channel is looked at.
const RATE_WINDOW_MS: u64 = 60_000;
/// A change of the configuration waits at most this long for a worker that holds a channel. Longer holds only one that
/// hangs, and it must not keep other channels from being changed.
const HELD: Duration = Duration::from_millis(if cfg!(test) { 50 } else { 5000 });
/// Looks remembered for the rate; more than one a 30 ms would be beyond any camera.
const RATE_LOOKS: usize = 2048;

/// One channel under watch.
pub struct Watch {
    pub entry: Arc<channel::Entry>,
    /// Blackened in every picture of it.
    pub masks: Vec<Polygon>,
    /// What stands in one of these is dropped before tracking.
    pub ignore: Vec<Polygon>,
    /// Only one worker at a time looks at a channel; the lock is for the ticker and for reloads.
    pub analysis: Mutex<Analysis>,
    /// What its rules that are in force want of focus.
    focus: Mutex<Focus>,
    /// What the channel is wanted for; read for every access unit.
    pub demand: Arc<Demand>,
    /// The same one for as long as its address is the same.
    pub camera: Arc<()>,
    /// Its decoder while it is in catch-up or focus.
    pub stream: Mutex<Stream>,
    /// What its pictures and its stream tell of it. A lock of its own, held for a tenth of a millisecond.
    pub conditions: Arc<Mutex<Conditions>>,
    /// `Mono` of the latest access unit, 0 before the first.
    last_unit: AtomicU64,
    /// The same of the latest key unit, and its place on the timeline.
    last_key: AtomicU64,
    group: AtomicI64,
    watched: bool,
}

/// What carries over from look to look.
pub struct Analysis {
    pub tracker: Tracker,
    pub rules: ChannelRules,
    looks: VecDeque<Mono>,
    since: Mono,
}

impl Watch {
    pub fn new(config: &Config, entry: Arc<channel::Entry>, now: Mono) -> Self {
        let (masks, ignore) = (entry.config.privacy_masks(), replay::ignore_masks(&entry.config));
        let rules = ChannelRules::new(config, &entry.config);
        let (watched, focus) = (!rules.is_empty(), rules.focus());
        let conditions = Arc::new(Mutex::new(Conditions::new(Self::options(config, &entry))));
        let analysis = Analysis { tracker: Tracker::new(&config.track), rules, looks: VecDeque::new(), since: now };
        Self {
            entry,
            masks,
            ignore,
            analysis: Mutex::new(analysis),
            focus: Mutex::new(focus),
            demand: Arc::default(),
            camera: Arc::default(),
            stream: Mutex::default(),
            conditions,
            last_unit: AtomicU64::new(0),
            last_key: AtomicU64::new(0),
            group: AtomicI64::new(0),
            watched,
        }
    }

    fn options(config: &Config, entry: &channel::Entry) -> Options {
        Options { enabled: config.condition.enabled, ignore: config.ignored_conditions(&entry.config) }
    }

    /// What its rules want of focus, as of the latest look.
    pub fn wanted(&self) -> Focus {
        *self.focus.lock()
    }

    pub fn want(&self, focus: Focus) {
        *self.focus.lock() = focus;
    }

    /// True if a rule watches the channel; otherwise nothing of it need be decoded.
    pub fn is_watched(&self) -> bool {
        self.watched
    }

    /// Goes on where `running` is: its tracks, its open events under rules that are the same, its rate. Gives the ends of
    /// the others. A look that is under way finds nothing to report afterwards. Where a worker hangs in one, the channel
    /// begins anew, and what was open ends as interrupted at the next start.
    pub fn take_over(mut self, running: &Watch, rules: ChannelRules, now: Now) -> (Watch, Vec<Event>) {
        if self.is_at_address_of(running) {
            let options = self.conditions.lock().options();
            running.conditions.lock().set_options(options);
            self.conditions = running.conditions.clone();
            self.camera = running.camera.clone();
        }
        let Some(mut old) = running.held("is put under its new rules without what was open") else {
            return (self, Vec::new());
        };
        let mut fresh = self.analysis.into_inner();
        std::mem::swap(&mut *old, &mut fresh);
        // Now `fresh` is what ran, and `old` is empty but for the new rules, which no look shall see through it.
        let events = fresh.rules.replace(rules, now);
        old.rules = ChannelRules::none();
        drop(old);
        self.last_unit.store(running.last_unit.load(Ordering::Relaxed), Ordering::Relaxed);
        self.last_key.store(running.last_key.load(Ordering::Relaxed), Ordering::Relaxed);
        self.group.store(running.group.load(Ordering::Relaxed), Ordering::Relaxed);
        let demand = running.demand.clone();
        demand.set_in_view(fresh.rules.found());
        demand.set_event_open(fresh.rules.open() > 0);
        *self.focus.get_mut() = fresh.rules.focus();
        (Watch { analysis: Mutex::new(fresh), demand, ..self }, events)
    }

    /// True where a session of the one serves the other: the same address, however it is spelt.
    pub fn is_at_address_of(&self, other: &Watch) -> bool {
        let (a, b) = (&self.entry.config.url, &other.entry.config.url);
        let parsed = |url: &str| validate::camera_address(url, true).ok();
        a == b || parsed(a).is_some_and(|a| parsed(b) == Some(a))
    }

    /// Ends everything for good: a look that is under way finds no rules any more.
    pub fn retire(&self, now: Now) -> Vec<Event> {
        let Some(mut analysis) = self.held("goes, and what was open ends at the next start") else { return Vec::new() };
        std::mem::replace(&mut analysis.rules, ChannelRules::none()).finish(now)
    }

    fn held(&self, otherwise: &str) -> Option<MutexGuard<'_, Analysis>> {
        let held = self.analysis.try_lock_for(HELD);
        if held.is_none() {
            tracing::error!(channel = %self.entry.config.id, "a worker hangs in a look at the channel; it {otherwise}");
        }
        held
    }

    /// An access unit came.
    pub fn unit(&self, unit: &AccessUnit) {
        self.last_unit.store(unit.ingested.0, Ordering::Relaxed);
        if unit.key {
            self.last_key.store(unit.ingested.0, Ordering::Relaxed);
            self.group.store(unit.timeline_90k, Ordering::Relaxed);
        }
    }

    /// Drops what stands where nothing is looked at.
    pub fn drop_ignored(&self, detections: &mut Vec<Detection>) {
        if !self.ignore.is_empty() {
            detections.retain(|d| !replay::ignored(&self.ignore, d));
        }
    }

    /// A look at the picture of a unit.
    pub fn look(&self, frame: &Frame, unit: &AccessUnit) {
        let group = if unit.key { unit.timeline_90k } else { self.group.load(Ordering::Relaxed) };
        self.conditions.lock().look(frame, group, Now { mono: unit.ingested, wall: unit.ingested_wall });
    }

    pub fn last_key(&self) -> Mono {
        Mono(self.last_key.load(Ordering::Relaxed))
    }

    pub fn last_unit(&self) -> Mono {
        Mono(self.last_unit.load(Ordering::Relaxed))
    }

    /// Pixels of its pictures, 0 until known.
    pub fn size(&self) -> (u32, u32) {
        let health = self.entry.health();
        (health.width, health.height)
    }

    /// The camera's clock minus ours, where known.
    pub fn skew_ms(&self) -> Option<i64> {
        self.entry.health().clock_skew_ms
    }
}

impl Analysis {
    /// Counts a look and gives the rate over the last minute, looks a second.
    pub fn count_look(&mut self, at: Mono) -> f32 {
        self.looks.push_back(at);
        if self.looks.len() > RATE_LOOKS {
            self.looks.pop_front();
        }
        self.rate_hz(at)
    }

    /// Looks a second over the last minute, or over the time since the start where that is shorter.
    pub fn rate_hz(&mut self, now: Mono) -> f32 {
        while self.looks.front().is_some_and(|l| now.since_ms(*l) > RATE_WINDOW_MS) {
            self.looks.pop_front();
        }
        let over = now.since_ms(self.since).clamp(1000, RATE_WINDOW_MS);
        self.looks.len() as f32 * 1000.0 / over as f32
    }
}

/// All channels under watch. Written on a reload; whoever holds on to what he found asks `version` whether it still is.
#[derive(Default)]
pub struct Watches {
    by_id: RwLock<HashMap<ChannelId, Arc<Watch>>>,
    version: AtomicU64,
}

impl Watches {
    pub fn get(&self, id: &ChannelId) -> Option<Arc<Watch>> {
        self.by_id.read().get(id).cloned()
    }

    /// Moves with every change.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// A channel's watch, and the version of which that is true.
    pub fn versioned(&self, id: &ChannelId) -> (u64, Option<Arc<Watch>>) {
        let by_id = self.by_id.read();
        (self.version(), by_id.get(id).cloned())
    }

    pub fn all(&self) -> Vec<Arc<Watch>> {
        self.by_id.read().values().cloned().collect()
    }

    pub fn insert(&self, id: ChannelId, watch: Arc<Watch>) {
        let mut by_id = self.by_id.write();
        by_id.insert(id, watch);
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Whoever holds on to something of a channel looks it up again.
    pub fn look_up_again(&self) {
        self.version.fetch_add(1, Ordering::Release);
    }

    pub fn remove(&self, id: &ChannelId) -> Option<Arc<Watch>> {
        let mut by_id = self.by_id.write();
        self.version.fetch_add(1, Ordering::Release);
        by_id.remove(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn the_rate_is_over_the_time_that_there_was() {
        let config = config::parse("t", "[[channel]]\nid = \"a\"\nurl = \"rtsp://10.0.0.1/\"\n").unwrap();
        let mut a = Analysis {
            tracker: Tracker::new(&config.track),
            rules: ChannelRules::new(&config, &config.channel[0]),
            looks: VecDeque::new(),
            since: Mono(0),
        };
        let rates: Vec<f32> = (1..=120).map(|s| a.count_look(Mono(s * 1000))).collect();
        assert!((rates[9] - 1.0).abs() < 0.01, "after ten seconds {}", rates[9]);
        assert!((rates[119] - 1.0).abs() < 0.05, "after two minutes {}", rates[119]);
    }

    #[test]
    fn a_worker_that_hangs_in_a_look_holds_up_no_change() {
        let text = "[[channel]]\nid = \"a\"\nurl = \"rtsp://10.0.0.1/\"\n[[rule]]\nid = \"r\"\ntype = \"presence\"\nchannels = [\"*\"]\n";
        let config = config::parse("t", text).unwrap();
        let clock = crate::types::Clock::start();
        let registry = channel::Registry::new(&config, clock);
        let watch = || Watch::new(&config, registry.channels()[0].clone(), clock.mono());
        let running = watch();
        let hangs = running.analysis.lock();
        let (next, ends) = watch().take_over(&running, ChannelRules::new(&config, &config.channel[0]), clock.now());
        assert!(ends.is_empty() && next.is_watched() && !next.analysis.lock().rules.is_empty());
        assert!(running.retire(clock.now()).is_empty());
        drop(hangs);
    }

    #[test]
    fn a_look_under_way_finds_no_rules_after_the_channel_was_retired_or_replaced() {
        let text = "[[channel]]\nid = \"a\"\nurl = \"rtsp://10.0.0.1/\"\n[[rule]]\nid = \"r\"\ntype = \"presence\"\nchannels = [\"*\"]\n";
        let config = config::parse("t", text).unwrap();
        let clock = crate::types::Clock::start();
        let registry = channel::Registry::new(&config, clock);
        let watch = || Watch::new(&config, registry.channels()[0].clone(), clock.mono());
        let (running, now) = (watch(), clock.now());
        let (next, ends) = watch().take_over(&running, ChannelRules::new(&config, &config.channel[0]), now);
        assert!(ends.is_empty() && running.analysis.lock().rules.is_empty());
        assert!(!next.analysis.lock().rules.is_empty());
        next.retire(now);
        assert!(next.analysis.lock().rules.is_empty());
    }
}
