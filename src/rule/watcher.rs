//! One rule at one place of one channel: its kind, its gate, and the event that is open.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{
    episode::{Episode, Who},
    filter::Filter,
    gate::Gate,
    kinds::{self, Kind, Outcome, View},
    place::Place,
    scene::Scene,
};
use crate::{
    config::{FocusWhen, Rule, timetable::Hours},
    types::{ChannelId, Event, EventEnd, Look, Now, RuleRef},
};

#[derive(Debug)]
pub struct Watcher {
    rule: Rule,
    who: Who,
    place: Place,
    filter: Filter,
    gate: Gate,
    kind: Box<dyn Kind>,
    episode: Episode,
    /// Of a count: the period that its open event is about.
    period: i64,
    /// Looks a second that it wants in focus.
    focus_hz: f32,
    found: bool,
    /// It was in force at the latest look.
    in_force: bool,
}

impl Watcher {
    pub fn new(rule: &Rule, channel: &ChannelId, place: Place, hours: Option<Arc<Hours>>, focus_hz: f32) -> Self {
        let who = Who {
            channel: channel.clone(),
            rule: revision(rule, &place),
            zone: place.zone(),
            // The rule's id, not its revision: an edited rule goes on in the same alert.
            dedupe_key: format!("{channel}/{}/{}", rule.id, place.key()),
            salt: 0,
        };
        Self {
            filter: Filter::new(rule),
            kind: kinds::new(rule, &place),
            gate: Gate::new(hours),
            rule: rule.clone(),
            who,
            place,
            episode: Episode::default(),
            period: 0,
            focus_hz,
            found: false,
            in_force: true,
        }
    }

    pub fn salt(&mut self, salt: u64) {
        self.who.salt = salt;
    }

    pub fn same_as(&self, other: &Watcher) -> bool {
        self.who.rule == other.who.rule && self.place == other.place && self.who.channel == other.who.channel
    }

    /// Goes on where `running`, which is the same rule, is: only its hours may be others.
    pub fn take_over(&mut self, running: Watcher) {
        let gate = std::mem::take(&mut self.gate);
        let focus_hz = self.focus_hz;
        *self = Watcher { gate, focus_hz, ..running };
    }

    pub fn is_open(&self) -> bool {
        self.episode.is_open()
    }

    pub fn found(&self) -> bool {
        self.found
    }

    /// Looks a second that the rule wants in focus, and when; `None` where patrol is enough, and out of its hours.
    pub fn focus(&self) -> Option<(f32, FocusWhen)> {
        (self.focus_hz > 0.0 && self.in_force).then_some((self.focus_hz, self.rule.focus_when))
    }

    /// Judges one look, which the scene has taken up.
    pub fn look(&mut self, scene: &Scene, look: &Look, now: Now, events: &mut Vec<Event>) {
        if !self.gate.is_open(look.ingested) {
            if self.in_force {
                self.in_force = false;
                self.found = false;
                self.kind.forget();
                events.extend(self.end(EventEnd::Reconfigured, now));
            }
            return;
        }
        self.in_force = true;
        let (rule, who) = (&self.rule, &self.who);
        let open = self.episode.is_open();
        let view = View { rule, filter: &self.filter, place: &self.place, scene, look, open };
        match self.kind.look(&view) {
            Outcome::Lasting(finding, start_looks) => {
                events.extend(self.episode.lasting(who, rule, start_looks, finding, look, now));
            }
            Outcome::Momentary(pulses) => self.episode.momentary(who, rule, pulses, look, now, events),
            Outcome::Counting(period, finding) => {
                if open && period != self.period {
                    self.episode.close(look, events);
                }
                self.period = period;
                if finding.holds {
                    events.extend(self.episode.hold(who, rule, finding, look, now));
                }
            }
        }
        self.found = self.episode.found() || self.kind.found(&view);
    }

    pub fn end(&mut self, end: EventEnd, now: Now) -> Option<Event> {
        self.found = false;
        self.episode.end(end, now)
    }

    /// Pictures stopped: what stood where is of another time when they come again.
    pub fn lose(&mut self) {
        self.kind.lose();
    }
}

/// A name for this very wording of the rule: changes whenever the rule or its place does. Which other channels it is for is
/// no part of it, so that a template that grows ends no event.
fn revision(rule: &Rule, place: &Place) -> RuleRef {
    let plain = Rule {
        channels: Vec::new(),
        tags: Vec::new(),
        areas: Vec::new(),
        except: Vec::new(),
        exceptions: Vec::new(),
        ..rule.clone()
    };
    let place = match place {
        Place::Whole => serde_json::Value::Null,
        Place::Zone(id, polygon) => serde_json::json!([id, polygon]),
        Place::Line(id, points) => serde_json::json!([id, points, "line"]),
    };
    let text = serde_json::to_vec(&(plain, place)).unwrap_or_default();
    let mut revision = hex::encode(Sha256::digest(&text));
    revision.truncate(12);
    RuleRef { id: rule.id.clone(), revision }
}
