//! What goes on where another process left off, and what is put aside.
//!
//! A stop cuts what is going on in two: its events end without having been seen to end, and what is seen first afterwards
//! is elsewhere by then, of another track, from a source whose places are forgotten. All of that makes news of it, and
//! none of it is: within `alert.join_s` after the stop it belongs to the alert that is there. Both bounded by the alerts
//! that are held.

use std::collections::HashMap;

use super::{
    AlertBook,
    evidence::{self, Nature},
    start::{APART, is_near},
    takes_events,
};
use crate::types::{AlertId, Mono, Now, alert::Alert, payload::EventPayload};

/// Alerts by their dedupe key, the one that was put there last at the end: what is shelved, what carries on.
#[derive(Debug, Default)]
pub(super) struct ByKey(HashMap<String, Vec<AlertId>>);

impl ByKey {
    pub fn put(&mut self, key: &str, id: AlertId) {
        let of = self.0.entry(key.to_owned()).or_default();
        of.retain(|i| *i != id);
        of.push(id);
    }
    pub fn take(&mut self, key: &str, id: AlertId) {
        if let Some(of) = self.0.get_mut(key) {
            of.retain(|i| *i != id);
            if of.is_empty() {
                self.0.remove(key);
            }
        }
    }
    pub fn of(&self, key: &str) -> impl DoubleEndedIterator<Item = AlertId> {
        self.0.get(key).into_iter().flatten().copied()
    }
}

/// Alerts in which goes on what a stop has cut.
#[derive(Debug, Default)]
pub(super) struct Carried {
    of: ByKey,
    /// Of none of them later than this.
    until: Mono,
}

impl Carried {
    pub fn take(&mut self, key: &str, id: AlertId) {
        self.of.take(key, id);
    }
}

impl AlertBook {
    /// What of its dedupe key starts until then goes on in this alert.
    pub(super) fn carries(&mut self, id: AlertId, until: Mono, now: Mono) {
        let Some(held) = self.held.get_mut(&id).filter(|h| takes_events(h.alert.state)) else { return };
        if now > self.carried.until {
            self.carried = Carried::default();
        }
        held.carried_until = until;
        self.carried.of.put(&held.alert.dedupe_key, id);
        self.carried.until = self.carried.until.max(until);
    }

    /// The alert in which an event goes on that a stop has cut: the one where it is, else one that is put aside, so that
    /// nothing of it is a row, else the newest.
    pub(super) fn goes_on_from_before(&self, e: &EventPayload, now: Now) -> Option<AlertId> {
        if now.mono > self.carried.until {
            return None;
        }
        let of = self.carried.of.of(&e.dedupe_key).filter_map(|id| self.held.get(&id));
        let takes = of.filter(|h| {
            let aside = h.alert.handling.shelved.is_some();
            let takes = if aside { takes_events(h.alert.state) } else { self.joins(h.alert.id, now) };
            now.mono <= h.carried_until && takes && !self.is_more(e, &h.alert)
        });
        let order = |a: &Alert| (is_near(&e.objects, &a.objects, APART), a.handling.shelved.is_some(), a.id);
        takes.map(|h| &h.alert).max_by_key(|a| order(a)).map(|a| a.id)
    }

    /// More than what there was: more urgent than what was put aside; or a moment, which does not go on, that is sure.
    fn is_more(&self, e: &EventPayload, a: &Alert) -> bool {
        let moment = evidence::nature(&e.kind) == Nature::Moment;
        (a.handling.shelved.is_some() && e.severity > a.severity)
            || (moment && (self.is_surer(e, a) || self.is_sure_and_high(e)))
    }
}
