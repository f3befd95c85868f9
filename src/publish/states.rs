//! States: one slot a topic, the newest replaces, nothing is stored.
//!
//! In go the latest values (channel health, node status); out come, for each topic, the first change at once and later
//! ones at most every ten seconds, to the broker connection (`take`) and to the console (`subscribe`). A reader that is
//! slow or away costs no memory: it gets the newest value when it comes back. Topics are bounded.
//! States never pass through the outbox, and nothing that must not be lost belongs here.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, broadcast};

use crate::{
    config::announced::MAX_RETAINED,
    types::{Clock, Message, Mono, Scope},
};

/// A topic's later changes are this far apart.
const INTERVAL_MS: u64 = 10_000;
/// Messages that a console feed may be behind before it is told what it lost.
const FEED_CAPACITY: usize = 4_096;

pub struct States {
    clock: Clock,
    max_topics: usize,
    inner: Mutex<Inner>,
    /// Something became ready for the broker.
    ready: Notify,
    /// The earliest due time may have changed.
    repace: Notify,
    feed: broadcast::Sender<Arc<Message>>,
}

#[derive(Default)]
struct Inner {
    slots: HashMap<String, Slot>,
    /// Held back by the interval, by the time at which they may go.
    due: BTreeSet<(Mono, String)>,
    /// Let go, but not yet taken for the broker.
    dirty: VecDeque<String>,
    /// Slots that are there beside those that everybody relies on.
    beside: usize,
}

struct Slot {
    latest: Arc<Message>,
    /// What was let go last, and when.
    out: Option<(Arc<Message>, Mono)>,
    due: Option<Mono>,
    dirty: bool,
    beside: bool,
}

impl States {
    pub fn new(clock: Clock) -> Arc<Self> {
        Self::with_capacity(clock, MAX_RETAINED)
    }

    pub fn with_capacity(clock: Clock, max_topics: usize) -> Arc<Self> {
        Arc::new(Self {
            clock,
            max_topics,
            inner: Mutex::default(),
            ready: Notify::new(),
            repace: Notify::new(),
            feed: broadcast::channel(FEED_CAPACITY).0,
        })
    }

    /// Sets a topic's latest value; one that is equal to the present changes nothing. False if all topics are taken.
    pub fn set(&self, topic: &str, payload: impl Into<Bytes>, scope: Scope) -> bool {
        self.set_at(topic, payload.into(), scope, None, self.clock.mono())
    }

    /// As `set`, for what is told besides: of such topics there are at most `room`, so that they take no place from those that
    /// `set` is for.
    pub fn set_beside(&self, topic: &str, payload: impl Into<Bytes>, scope: Scope, room: usize) -> bool {
        self.set_at(topic, payload.into(), scope, Some(room), self.clock.mono())
    }

    /// Clears the retained message of a topic that is no more (a removed channel).
    pub fn clear(&self, topic: &str, scope: Scope) {
        if self.inner.lock().slots.contains_key(topic) {
            self.set(topic, Bytes::new(), scope);
        }
    }

    /// Latest values, for a console that has just come.
    pub fn snapshot(&self) -> Vec<Arc<Message>> {
        let inner = self.inner.lock();
        inner.slots.values().map(|s| s.latest.clone()).filter(|m| !m.payload.is_empty()).collect()
    }

    pub fn get(&self, topic: &str) -> Option<Arc<Message>> {
        self.inner.lock().slots.get(topic).map(|s| s.latest.clone())
    }

    /// Changes as they are let go; a receiver that is too slow is told how many it missed and takes `snapshot`.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Message>> {
        self.feed.subscribe()
    }

    fn set_at(&self, topic: &str, payload: Bytes, scope: Scope, beside: Option<usize>, now: Mono) -> bool {
        let mut inner = self.inner.lock();
        let full = inner.slots.len() >= self.max_topics;
        let crowded = beside.is_some_and(|room| inner.beside >= room);
        let message = Arc::new(Message { topic: topic.to_owned(), payload, retain: true, scope, cursor: None });
        match inner.slots.get_mut(topic) {
            None if full => {
                metrics::counter!("skyeye_publish_state_refused_total").increment(1);
                return false;
            }
            None if crowded => return false,
            None => {
                let slot = Slot { latest: message, out: None, due: None, dirty: false, beside: beside.is_some() };
                inner.beside += usize::from(slot.beside);
                inner.slots.insert(topic.to_owned(), slot);
            }
            Some(slot) => {
                if slot.latest.payload == message.payload && slot.latest.scope == message.scope {
                    return true;
                }
                if slot.due.is_some() {
                    metrics::counter!("skyeye_publish_state_replaced_total").increment(1);
                }
                slot.latest = message;
            }
        }
        let Some(slot) = inner.slots.get_mut(topic) else { return true };
        match slot.out.as_ref().map(|(_, at)| at.plus_ms(INTERVAL_MS)) {
            Some(free) if free > now => {
                if slot.due.is_none() {
                    slot.due = Some(free);
                    inner.due.insert((free, topic.to_owned()));
                    self.repace.notify_one();
                }
            }
            _ => self.let_go(&mut inner, topic, now),
        }
        true
    }

    fn let_go(&self, inner: &mut Inner, topic: &str, now: Mono) {
        let Some(slot) = inner.slots.get_mut(topic) else { return };
        if let Some(due) = slot.due.take() {
            inner.due.remove(&(due, topic.to_owned()));
        }
        // It changed and changed back while it was held.
        if slot.out.as_ref().is_some_and(|(m, _)| m.payload == slot.latest.payload) {
            return;
        }
        slot.out = Some((slot.latest.clone(), now));
        let message = slot.latest.clone();
        if slot.dirty {
            metrics::counter!("skyeye_publish_state_replaced_total").increment(1);
        } else {
            slot.dirty = true;
            inner.dirty.push_back(topic.to_owned());
        }
        self.ready.notify_one();
        // An error means that no console is connected.
        drop(self.feed.send(message));
    }

    /// Lets go what is due; gives the time of the next.
    fn pace_at(&self, now: Mono) -> Option<Mono> {
        let mut inner = self.inner.lock();
        while let Some((at, topic)) = inner.due.first().cloned() {
            if at > now {
                return Some(at);
            }
            inner.due.remove(&(at, topic.clone()));
            self.let_go(&mut inner, &topic, now);
        }
        None
    }

    /// Keeps the intervals; runs until dropped. `Publisher` runs it.
    pub(super) async fn pace(&self) {
        loop {
            let now = self.clock.mono();
            match self.pace_at(now) {
                None => self.repace.notified().await,
                Some(next) => {
                    let wait = Duration::from_millis(next.since_ms(now).max(1));
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = self.repace.notified() => {}
                    }
                }
            }
        }
    }

    /// Next message for the broker.
    pub(super) fn take(&self) -> Option<Arc<Message>> {
        let mut inner = self.inner.lock();
        loop {
            let topic = inner.dirty.pop_front()?;
            if let Some(slot) = inner.slots.get_mut(&topic) {
                slot.dirty = false;
                if let Some((message, _)) = &slot.out {
                    return Some(message.clone());
                }
            }
        }
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.inner.lock().dirty.is_empty()
    }

    pub(super) async fn ready(&self) {
        self.ready.notified().await;
    }

    /// The broker took this message: a cleared topic may be forgotten.
    pub(super) fn taken(&self, message: &Message) {
        if message.payload.is_empty() {
            let mut inner = self.inner.lock();
            let gone = inner
                .slots
                .get(&message.topic)
                .is_some_and(|s| s.latest.payload.is_empty() && !s.dirty && s.due.is_none());
            if gone && let Some(slot) = inner.slots.remove(&message.topic) {
                inner.beside -= usize::from(slot.beside);
            }
        }
    }

    /// Sends a topic's value again: its delivery is unsure, or the broker has another. `first`: before all others.
    pub(super) fn again(&self, topic: &str, first: bool) {
        let mut inner = self.inner.lock();
        let Some(slot) = inner.slots.get_mut(topic) else { return };
        if slot.out.is_none() {
            return;
        }
        if slot.dirty {
            if !first {
                return;
            }
            inner.dirty.retain(|t| t != topic);
        } else {
            slot.dirty = true;
        }
        if first {
            inner.dirty.push_front(topic.to_owned());
        } else {
            inner.dirty.push_back(topic.to_owned());
        }
        self.ready.notify_one();
    }

    /// The broker knows none of them.
    pub(super) fn all_again(&self) {
        let mut guard = self.inner.lock();
        let inner = &mut *guard;
        for (topic, slot) in &mut inner.slots {
            if !slot.dirty && slot.out.is_some() {
                slot.dirty = true;
                inner.dirty.push_back(topic.clone());
            }
        }
        self.ready.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states() -> Arc<States> {
        States::with_capacity(Clock::start(), 3)
    }
    fn put(s: &States, topic: &str, payload: &'static str, at_s: u64) -> bool {
        s.set_at(topic, Bytes::from_static(payload.as_bytes()), Scope::Node, None, Mono(at_s * 1000))
    }
    fn drain(s: &States) -> Vec<String> {
        std::iter::from_fn(|| s.take())
            .map(|m| format!("{}={}", m.topic, String::from_utf8_lossy(&m.payload)))
            .collect()
    }

    #[test]
    fn the_first_change_goes_at_once_and_later_ones_every_ten_seconds() {
        let s = states();
        let mut feed = s.subscribe();
        put(&s, "a", "1", 0);
        assert_eq!(drain(&s), ["a=1"]);
        put(&s, "a", "2", 1);
        put(&s, "a", "3", 2);
        assert_eq!(drain(&s), [""; 0]);
        assert_eq!(s.pace_at(Mono(9_999)), Some(Mono(10_000)));
        assert_eq!(s.pace_at(Mono(10_000)), None);
        assert_eq!(drain(&s), ["a=3"], "the newest replaced the one before");
        put(&s, "a", "4", 30);
        assert_eq!(drain(&s), ["a=4"], "after a quiet time a change goes at once");
        let seen: Vec<_> = std::iter::from_fn(|| feed.try_recv().ok()).map(|m| m.payload.clone()).collect();
        assert_eq!(seen, ["1", "3", "4"]);
    }

    #[test]
    fn equal_values_and_values_that_flap_back_are_not_sent() {
        let s = states();
        put(&s, "a", "1", 0);
        put(&s, "a", "1", 20);
        assert_eq!(drain(&s), ["a=1"]);
        put(&s, "a", "2", 5);
        put(&s, "a", "1", 6);
        s.pace_at(Mono(60_000));
        assert_eq!(drain(&s), [""; 0]);
        assert!(s.inner.lock().due.is_empty());
    }

    #[test]
    fn a_reader_that_was_away_gets_only_the_newest_and_all_of_them_again() {
        let s = states();
        for (at, value) in [(0, "1"), (20, "2"), (40, "3")] {
            put(&s, "a", value, at);
        }
        put(&s, "b", "x", 40);
        assert_eq!(drain(&s), ["a=3", "b=x"]);
        s.all_again();
        s.again("b", true);
        assert_eq!(drain(&s).first().map(String::as_str), Some("b=x"));
        assert!(!s.has_ready());
    }

    #[test]
    fn topics_are_bounded_and_a_cleared_one_makes_room() {
        let s = states();
        assert!(put(&s, "a", "1", 0) && put(&s, "b", "1", 0) && put(&s, "c", "1", 0));
        assert!(!put(&s, "d", "1", 0));
        drain(&s);
        put(&s, "a", "", 20);
        let cleared = s.take().unwrap();
        assert!(cleared.payload.is_empty());
        s.taken(&cleared);
        assert!(put(&s, "d", "1", 20));
    }

    #[test]
    fn what_is_told_besides_takes_no_place_from_the_others() {
        let s = states();
        let beside = |topic: &str, payload: &'static str| s.set_beside(topic, payload, Scope::Node, 1);
        assert!(beside("x", "1") && !beside("y", "1"), "one at most");
        assert!(beside("x", "2"), "that one may change");
        assert!(put(&s, "a", "1", 0) && put(&s, "b", "1", 0), "and the rest is there for the others");
        drain(&s);
        beside("x", "");
        s.pace_at(Mono(u64::MAX / 2));
        let cleared = s.take().unwrap();
        s.taken(&cleared);
        assert!(beside("y", "1"), "a cleared one makes room");
    }
}
