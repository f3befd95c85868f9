//! Tracks to events: what is worth a fact.
//!
//! Takes the tracks of one look, gives starts, updates and ends. Pure: no I/O, no clock; the time of the look is an
//! argument, and ids are made from it. Every start that leaves here is followed by exactly one end with a reason, as
//! long as the owner calls `lost` when pictures stop and `finish` when the rule or channel goes away; what a crash
//! leaves open the outbox ends at the next start.
//!
//! `scene` keeps what stands and moves on the channel's picture, for all of its rules; a `watcher` is one rule at one
//! place, which is a `kind` that judges a look, a `gate` that says whether the rule is in force, and an `episode`, the
//! event that is open.

mod episode;
mod filter;
mod gate;
pub mod geometry;
pub mod health;
mod kinds;
mod place;
mod scene;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod watcher;

use std::{collections::HashMap, sync::Arc};

use place::Place;
use scene::Scene;
use watcher::Watcher;

use crate::{
    config::{self, guard::Looks, timetable::Hours},
    types::{Event, EventEnd, Look, Now, Track},
};

/// Looks a second that a channel's rules want in focus; 0: none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Focus {
    pub always_hz: f32,
    pub seen_hz: f32,
}

/// The rules of one channel with their open events.
#[derive(Debug)]
pub struct ChannelRules {
    scene: Scene,
    watchers: Vec<Watcher>,
}

impl ChannelRules {
    /// Rules for `channel` out of `config`; a rule over several zones and lines watches each by itself.
    pub fn new(config: &config::Config, channel: &config::Channel) -> Self {
        let mut hours: HashMap<&str, Option<Arc<Hours>>> = HashMap::new();
        let mut watchers = Vec::new();
        for rule in config.rules_of(channel) {
            let table = rule.timetable.as_ref().and_then(|id| config.timetable.iter().find(|t| t.id == *id));
            // One that cannot be read is refused before; in force is the safer side.
            let read = || table.and_then(|t| Hours::read(t, &config.node.time_zone).ok()).map(Arc::new);
            let hours = table.and_then(|t| hours.entry(t.id.as_str()).or_insert_with(read).clone());
            let focus_hz = Looks::of(&rule, &config.sample).focus_hz;
            for place in Place::of(&rule, channel) {
                watchers.push(Watcher::new(&rule, &channel.id, place, hours.clone(), focus_hz));
            }
        }
        let mut rules = Self { scene: Scene::new(u64::from(config.track.max_gap_ms)), watchers };
        // Two runs that see the same at the same time have ids of their own.
        rules.salt(uuid::Uuid::new_v4().as_u64_pair().0);
        rules
    }

    /// Watches nothing.
    pub fn none() -> Self {
        Self { scene: Scene::new(0), watchers: Vec::new() }
    }

    /// From this the ids of events are made, besides what they are about: with the same salt the same looks give the same
    /// bytes.
    pub fn salt(&mut self, salt: u64) {
        self.watchers.iter_mut().for_each(|w| w.salt(salt));
    }

    /// The numbers of tracks are taken as they are, and no lost object is found again under another: for tracks that
    /// people drew.
    pub fn trust_numbers(&mut self) {
        self.scene.trust_numbers();
    }

    /// True if no rule watches the channel; then it need not be looked at.
    pub fn is_empty(&self) -> bool {
        self.watchers.is_empty()
    }

    /// One look, with the tracks found in it. `now` is the present; the event's times are the look's.
    pub fn look(&mut self, look: &Look, tracks: &[Track], now: Now) -> Vec<Event> {
        let mut events = Vec::new();
        if !self.watchers.is_empty() {
            self.scene.look(tracks, look);
            for watcher in &mut self.watchers {
                watcher.look(&self.scene, look, now, &mut events);
            }
        }
        events
    }

    /// Pictures stopped: what was going on is no longer known. Ends `most` events, so that a caller who has room for a
    /// few only comes again for the others.
    pub fn lost(&mut self, most: usize, now: Now) -> Vec<Event> {
        self.watchers.iter_mut().for_each(Watcher::lose);
        self.watchers.iter_mut().filter_map(|w| w.end(EventEnd::Lost, now)).take(most).collect()
    }

    /// The rules or the channel go away, or the node stops in order.
    pub fn finish(&mut self, now: Now) -> Vec<Event> {
        self.end_all(EventEnd::Reconfigured, now)
    }

    /// Keeps the running events of the rules that are the same in `next`; gives the ends of the others.
    pub fn replace(&mut self, next: ChannelRules, now: Now) -> Vec<Event> {
        let ChannelRules { scene, watchers: mut old } = std::mem::replace(self, next);
        for new in &mut self.watchers {
            if let Some(i) = old.iter().position(|o| o.same_as(new)) {
                new.take_over(old.swap_remove(i));
            }
        }
        // What the rules remember of bodies goes by this scene.
        self.scene = scene;
        ChannelRules { scene: Scene::new(0), watchers: old }.end_all(EventEnd::Reconfigured, now)
    }

    /// Events open at present.
    pub fn open(&self) -> usize {
        self.watchers.iter().filter(|w| w.is_open()).count()
    }

    /// True if the latest look found what an open event is about, or what starts one if more looks find it too.
    pub fn found(&self) -> bool {
        self.watchers.iter().any(Watcher::found)
    }

    /// The most looks a second that a rule wants all the time, and the most that one wants while something is in view; of
    /// the rules that are in force at the latest look.
    pub fn focus(&self) -> Focus {
        let most = |when| {
            let wanted = self.watchers.iter().filter_map(Watcher::focus).filter(|(_, w)| *w == when);
            wanted.map(|(hz, _)| hz).fold(0.0, f32::max)
        };
        Focus { always_hz: most(config::FocusWhen::Always), seen_hz: most(config::FocusWhen::Seen) }
    }

    fn end_all(&mut self, end: EventEnd, now: Now) -> Vec<Event> {
        self.watchers.iter_mut().filter_map(|w| w.end(end, now)).collect()
    }
}
