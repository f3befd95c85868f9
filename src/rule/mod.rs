//! Tracks to events: what is worth a fact.
//!
//! Takes the tracks of one look, gives starts, updates and ends. Pure: no I/O, no clock; the time of the look is an
//! argument, and ids are made from it. Every start that leaves here is followed by exactly one end with a reason, as
//! long as the owner calls `lost` when pictures stop and `finish` when the rule or channel goes away; what a crash
//! leaves open the outbox ends at the next start.

pub mod health;
mod presence;

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::{
    config,
    types::{BBox, Event, EventEnd, Look, Now, Polygon, RuleRef, Track, ZoneId},
};
use presence::Presence;

/// Looks a second that a channel's rules want in focus; 0: none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Focus {
    pub always_hz: f32,
    pub seen_hz: f32,
}

/// The rules of one channel with their open events.
#[derive(Debug)]
pub struct ChannelRules {
    presence: Vec<Presence>,
}

impl ChannelRules {
    /// Rules for `channel` out of `config`; a rule over several zones watches each by itself.
    pub fn new(config: &config::Config, channel: &config::Channel) -> Self {
        let mut presence = Vec::new();
        for rule in config.rules_of(channel) {
            for (zone, polygon) in zones(&rule, channel) {
                presence.push(Presence::new(&rule, channel.id.clone(), zone, polygon));
            }
        }
        Self { presence }
    }

    /// Watches nothing.
    pub fn none() -> Self {
        Self { presence: Vec::new() }
    }

    /// True if no rule watches the channel; then it need not be looked at.
    pub fn is_empty(&self) -> bool {
        self.presence.is_empty()
    }

    /// One look, with the tracks found in it. `now` is the present; the event's times are the look's.
    pub fn look(&mut self, look: &Look, tracks: &[Track], now: Now) -> Vec<Event> {
        self.presence.iter_mut().filter_map(|p| p.look(look, tracks, now)).collect()
    }

    /// Pictures stopped: what was going on is no longer known. Ends `most` events, so that a caller who has room for a
    /// few only comes again for the others.
    pub fn lost(&mut self, most: usize, now: Now) -> Vec<Event> {
        self.presence.iter_mut().filter_map(|p| p.end(EventEnd::Lost, now)).take(most).collect()
    }

    /// The rules or the channel go away, or the node stops in order.
    pub fn finish(&mut self, now: Now) -> Vec<Event> {
        self.end_all(EventEnd::Reconfigured, now)
    }

    /// Keeps the running events of the rules that are the same in `next`; gives the ends of the others.
    pub fn replace(&mut self, next: ChannelRules, now: Now) -> Vec<Event> {
        let mut old = std::mem::replace(self, next).presence;
        for new in &mut self.presence {
            if let Some(i) = old.iter().position(|o| o.same_as(new)) {
                *new = old.swap_remove(i);
            }
        }
        ChannelRules { presence: old }.end_all(EventEnd::Reconfigured, now)
    }

    /// Events open at present.
    pub fn open(&self) -> usize {
        self.presence.iter().filter(|p| p.is_open()).count()
    }

    /// True if the latest look found what an open event is about, or what starts one if more looks find it too.
    pub fn found(&self) -> bool {
        self.presence.iter().any(Presence::found)
    }

    /// The most looks a second that a rule wants all the time, and the most that one wants while something is in view.
    pub fn focus(&self) -> Focus {
        let most = |when| {
            let wanted = self.presence.iter().filter_map(Presence::focus).filter(|(_, w)| *w == when);
            wanted.map(|(hz, _)| hz).fold(0.0, f32::max)
        };
        Focus { always_hz: most(config::FocusWhen::Always), seen_hz: most(config::FocusWhen::Seen) }
    }

    fn end_all(&mut self, end: EventEnd, now: Now) -> Vec<Event> {
        self.presence.iter_mut().filter_map(|p| p.end(end, now)).collect()
    }
}

fn zones(rule: &config::Rule, channel: &config::Channel) -> Vec<(Option<ZoneId>, Polygon)> {
    if rule.zones.is_empty() {
        return vec![(None, Polygon::whole())];
    }
    let wanted: BTreeSet<&ZoneId> = rule.zones.iter().collect();
    channel
        .zone
        .iter()
        .filter(|z| wanted.contains(&z.id))
        .map(|z| (Some(z.id.clone()), Polygon(z.polygon.clone())))
        .collect()
}

/// A name for this very wording of the rule: changes whenever the rule or its polygon does.
fn revision(rule: &config::Rule, polygon: &Polygon) -> RuleRef {
    let text = serde_json::to_vec(&(rule, polygon)).unwrap_or_default();
    let mut revision = hex::encode(Sha256::digest(&text));
    revision.truncate(12);
    RuleRef { id: rule.id.clone(), revision }
}

/// Does the box stand in the zone and have the size that the rule asks for?
fn fits(rule: &config::Rule, polygon: &Polygon, bbox: &BBox) -> bool {
    (rule.min_height..=rule.max_height).contains(&bbox.h) && polygon.contains(bbox.bottom_centre())
}
