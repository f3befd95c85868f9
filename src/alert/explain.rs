//! What a health alert explains: a picture that is gone, or has just come back, makes events of its own. They stay alerts,
//! counted under the health alert's row.
//!
//! Explained is only what the pictures do not say for sure themselves: an absence, a thing that seems gone, unsure boxes,
//! and the health of a channel whose recorder is told of already. Bounded in outages and channels. Pure.

use std::collections::{HashSet, VecDeque};

use super::evidence::{Nature, is_sure, nature, score};
use crate::{
    config,
    types::{
        AlertId, AreaId, ChannelId, EventId, Mono, Phase, Subjects,
        alert::Alert,
        fact::{HealthFact, HealthScope},
        payload::EventPayload,
    },
};

/// Outages kept.
const MAX_OUTAGES: usize = 1024;
/// It explains for so long after it ended: pictures settle, what is seen first is compared with what was seen last.
pub const AFTER_MS: u64 = 120_000;

#[derive(Debug)]
struct Outage {
    event: EventId,
    alert: AlertId,
    /// The position that has its row; what others have is not explained to them by what they do not see.
    desk: usize,
    scope: HealthScope,
    name: Option<String>,
    channel: ChannelId,
    channels: HashSet<ChannelId>,
    /// The list of channels holds all of them.
    whole: bool,
    ended: Option<Mono>,
}

impl Outage {
    fn covers(&self, channel: &ChannelId, area: &[AreaId], recorder: Option<&str>) -> bool {
        if *channel == self.channel || self.channels.contains(channel) {
            return true;
        }
        match (self.scope, &self.name) {
            (HealthScope::Host, Some(host)) => recorder == Some(host.as_str()),
            (HealthScope::Area, Some(name)) => !self.whole && area.iter().any(|a| a.as_str() == name),
            _ => false,
        }
    }
    fn is_now(&self, now: Mono) -> bool {
        self.ended.is_none_or(|end| now.since_ms(end) <= AFTER_MS)
    }
}

/// A channel whose picture may be gone, its areas and its recorder.
#[derive(Debug, Clone, Copy)]
pub struct Blind<'a> {
    pub channel: &'a ChannelId,
    pub area: &'a [AreaId],
    pub recorder: Option<&'a str>,
}

/// Whether the picture is gone, or none to go by.
fn blinds(what: &str) -> bool {
    matches!(what, "down" | "frozen" | "dark" | "covered")
}

/// The channels that it is about, and whether those are all of them.
fn reach(subjects: Option<&Subjects>) -> (HashSet<ChannelId>, bool) {
    let channels = subjects.into_iter().flat_map(|s| s.channels.iter().cloned()).collect();
    (channels, subjects.is_none_or(|s| s.count as usize <= s.channels.len()))
}

/// What is wrong with channels at present, or was a moment ago.
#[derive(Debug, Default)]
pub struct Outages {
    list: VecDeque<Outage>,
}

impl Outages {
    /// Takes up an outage that goes on, by its alert and the event that is open.
    pub fn restore(&mut self, a: &Alert, event: EventId, desk: usize) {
        let Some(health) = a.health.as_ref().filter(|h| blinds(&h.what)) else { return };
        if self.list.iter().any(|o| o.event == event) || self.list.len() >= MAX_OUTAGES {
            return;
        }
        let (channels, whole) = reach(a.subjects.as_ref());
        self.list.push_back(Outage {
            event,
            alert: a.id,
            desk,
            scope: health.scope,
            name: health.name.clone(),
            channel: a.channel.clone(),
            channels,
            whole,
            ended: None,
        });
    }

    /// Takes up an event of health, with the alert that it belongs to and the position of that.
    pub fn note(&mut self, e: &EventPayload, health: &HealthFact, (alert, desk): (AlertId, usize), now: Mono) {
        self.list.retain(|o| o.is_now(now));
        if !blinds(&health.what) {
            return;
        }
        let (channels, whole) = reach(e.subjects.as_ref());
        let ended = (e.phase == Phase::End).then_some(now);
        if let Some(o) = self.list.iter_mut().find(|o| o.event == e.id) {
            (o.ended, o.channels, o.whole) = (ended, channels, whole);
            return;
        }
        while self.list.len() >= MAX_OUTAGES {
            self.list.pop_front();
        }
        self.list.push_back(Outage {
            event: e.id,
            alert,
            desk,
            scope: health.scope,
            name: health.name.clone(),
            channel: e.channel.clone(),
            channels,
            whole,
            ended,
        });
    }

    /// An event ended, whatever it says of its health; whether it was an outage.
    pub fn end(&mut self, event: EventId, now: Mono) -> bool {
        let of = self.list.iter_mut().find(|o| o.event == event);
        of.map(|o| o.ended.get_or_insert(now)).is_some()
    }

    fn at(&self, of: Blind<'_>, desk: usize, now: Mono) -> impl Iterator<Item = &Outage> {
        self.list
            .iter()
            .rev()
            .filter(move |o| o.desk == desk && o.is_now(now) && o.covers(of.channel, of.area, of.recorder))
    }

    /// When the outage of a health alert ended.
    pub fn ended(&self, alert: AlertId) -> Option<Mono> {
        self.list.iter().rev().find(|o| o.alert == alert)?.ended
    }

    /// The health alert of an outage that a channel is in, or was in a moment ago, before the same position.
    pub fn over(&self, of: Blind<'_>, desk: usize, now: Mono) -> Option<AlertId> {
        self.at(of, desk, now).map(|o| o.alert).next()
    }

    /// The health alert that explains an event which starts now to its position.
    pub fn explains(&self, e: &EventPayload, desk: usize, cfg: &config::Alert, now: Mono) -> Option<AlertId> {
        let of = Blind { channel: &e.channel, area: &e.area, recorder: e.recorder.as_deref() };
        let of = self.at(of, desk, now).filter(|o| o.event != e.id);
        match &e.health {
            // Of a channel's health only what has a wider reach tells; a group is never explained.
            Some(h) if h.scope != HealthScope::Channel => None,
            Some(_) => of.filter(|o| o.scope != HealthScope::Channel).map(|o| o.alert).next(),
            None if score(&e.objects).is_some() && is_sure(score(&e.objects), cfg) => None,
            // It is over when pictures have settled, and cannot be looked at again.
            None if nature(&e.kind) == Nature::Moment => None,
            None => of.map(|o| o.alert).next(),
        }
    }
}
