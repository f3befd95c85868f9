//! Channels at whose pictures a worker hung: they rest before they are looked at again.
//!
//! A thread that hangs in foreign code is lost until it comes back, so that one camera whose pictures hang the decoder,
//! tried again and again, would end all looking within seconds. After each hang its channel rests, longer every time, and
//! as long as its own thread hangs. From its second hang on it is looked at only while the pool would still be whole should
//! it hang once more. What hung is forgotten when its threads have come back and it was well for a day. Nothing of it is
//! stored: a restart tries such a channel once.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use parking_lot::Mutex;

use crate::types::{ChannelId, Mono};

/// The first rest. Each further one is four times as long, up to an hour.
const REST_MS: u64 = 60_000;
const LONGEST_MS: u64 = 3_600_000;
/// Forgotten when it has not hung for this long.
const WELL_MS: u64 = 24 * 3_600_000;

/// What health says of a channel that rests.
pub const NOTE: &str = "runs, but is not looked at for a while: a worker hung at its pictures; change the codec, size or \
                        profile of its stream at the camera, or use another stream";

/// The channels that made a worker hang. Shared by those who offer samples and those who look at them.
#[derive(Default)]
pub struct Hangs {
    /// How many channels are known, so that no sample waits for the lock while there are none.
    known: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    channels: HashMap<ChannelId, Hung>,
    /// Threads that hang now, and workers that there shall be.
    hanging: usize,
    pool: usize,
}

struct Hung {
    times: u32,
    at: Mono,
    rests_until: Mono,
    /// A worker is at a picture of it.
    looked_at: bool,
    /// A thread that was given up is at a picture of it still.
    hangs: bool,
}

impl State {
    /// Whether one more thread may hang and the pool be whole all the same.
    fn can_spare_one(&self) -> bool {
        self.hanging + self.channels.values().filter(|h| h.looked_at).count() < self.pool
    }

    /// A thread hangs at a picture of this channel.
    fn hangs(&mut self, channel: &ChannelId, now: Mono) -> &mut Hung {
        self.hanging += 1;
        let new = Hung { times: 0, at: now, rests_until: now, looked_at: false, hangs: true };
        let hung = self.channels.entry(channel.clone()).or_insert(new);
        (hung.looked_at, hung.hangs) = (false, true);
        hung
    }

    fn rests(&self, hung: &Hung, now: Mono) -> bool {
        hung.must_rest(now) || !(hung.looked_at || hung.times < 2 || self.can_spare_one())
    }
}

impl Hung {
    fn must_rest(&self, now: Mono) -> bool {
        self.hangs || now < self.rests_until
    }
}

impl Hangs {
    /// A worker was given up at a picture of this channel.
    pub fn hung(&self, channel: &ChannelId, now: Mono) {
        let mut state = self.state.lock();
        let hung = state.hangs(channel, now);
        let rest_ms = REST_MS.saturating_mul(1 << (2 * hung.times.min(8))).min(LONGEST_MS);
        (hung.times, hung.at, hung.rests_until) = (hung.times + 1, now, now.plus_ms(rest_ms));
        self.known.store(state.channels.len(), Ordering::Relaxed);
    }

    /// A worker was given up at a picture of this channel while the whole machine stood still: the channel rests until its
    /// thread comes back, and is not to blame.
    pub fn stalled(&self, channel: &ChannelId, now: Mono) {
        let mut state = self.state.lock();
        state.hangs(channel, now);
        self.known.store(state.channels.len(), Ordering::Relaxed);
    }

    /// How the pool stands, once a second: its size, and at whose pictures threads hang now. Gives the channels that rest,
    /// in order.
    pub fn pool(&self, size: usize, hanging: &[ChannelId], now: Mono) -> Vec<ChannelId> {
        let mut state = self.state.lock();
        (state.pool, state.hanging) = (size, hanging.len());
        state.channels.retain(|id, h| {
            h.hangs = hanging.contains(id);
            h.hangs || h.times > 0 && now.since_ms(h.at) < WELL_MS
        });
        self.known.store(state.channels.len(), Ordering::Relaxed);
        let resting = state.channels.iter().filter(|(_, hung)| state.rests(hung, now));
        let mut resting: Vec<_> = resting.map(|(id, _)| id.clone()).collect();
        resting.sort();
        resting
    }

    /// True if nothing of this channel need be offered.
    pub fn rests(&self, channel: &ChannelId, now: Mono) -> bool {
        if self.known.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let state = self.state.lock();
        state.channels.get(channel).is_some_and(|hung| state.rests(hung, now))
    }

    /// Before each look: false if the channel rests. A look that may be is answered with `ended`, or with `hung`.
    pub fn may_look(&self, channel: &ChannelId, now: Mono) -> bool {
        if self.known.load(Ordering::Relaxed) == 0 {
            return true;
        }
        let mut state = self.state.lock();
        let spare = state.can_spare_one();
        let Some(hung) = state.channels.get_mut(channel) else { return true };
        hung.looked_at = !hung.must_rest(now) && (hung.times < 2 || spare);
        hung.looked_at
    }

    /// The worker came back from its picture.
    pub fn ended(&self, channel: &ChannelId) {
        if self.known.load(Ordering::Relaxed) > 0
            && let Some(hung) = self.state.lock().channels.get_mut(channel)
        {
            hung.looked_at = false;
        }
    }

    /// The channel is gone, or another camera.
    pub fn forget(&self, channel: &ChannelId) {
        let mut state = self.state.lock();
        state.channels.remove(channel);
        self.known.store(state.channels.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> ChannelId {
        ChannelId::new(name).unwrap()
    }

    #[test]
    fn rests_grow_and_end() {
        let (hangs, a) = (Hangs::default(), id("a"));
        hangs.pool(8, &[], Mono(0));
        let (mut now, mut rests) = (Mono(0), Vec::new());
        for _ in 0..6 {
            assert!(hangs.may_look(&a, now));
            hangs.hung(&a, now);
            // The thread came back.
            assert_eq!(hangs.pool(8, &[], now), std::slice::from_ref(&a));
            let rest_s = (0..).find(|s| !hangs.rests(&a, now.plus_ms(s * 1000))).unwrap();
            assert!(!hangs.may_look(&a, now.plus_ms(rest_s * 1000 - 1)));
            rests.push(rest_s);
            now = now.plus_ms(rest_s * 1000);
            assert!(hangs.pool(8, &[], now).is_empty());
        }
        assert_eq!(rests, [60, 240, 960, 3600, 3600, 3600]);
        assert!(!hangs.rests(&id("b"), now) && hangs.may_look(&id("b"), now), "others are not concerned");
    }

    #[test]
    fn what_hung_twice_is_looked_at_only_while_the_pool_stays_whole() {
        let (hangs, a, b, gone) = (Hangs::default(), id("a"), id("b"), id("gone"));
        for _ in 0..2 {
            hangs.hung(&a, Mono(0));
            hangs.hung(&b, Mono(0));
        }
        let later = Mono(LONGEST_MS);
        // Of three workers one may hang besides two others, and only one.
        hangs.pool(3, &[gone.clone(), gone.clone()], later);
        assert!(hangs.may_look(&a, later) && !hangs.may_look(&b, later));
        hangs.ended(&a);
        assert!(hangs.may_look(&b, later));
        hangs.hung(&b, later);
        hangs.pool(3, &[gone.clone(), gone, b.clone()], later);
        let much_later = Mono(10 * LONGEST_MS);
        assert!(hangs.rests(&a, much_later) && !hangs.may_look(&a, much_later), "three hang");
        assert_eq!(hangs.pool(3, std::slice::from_ref(&b), much_later), [b], "two came back");
        assert!(hangs.may_look(&a, much_later));
        assert!(hangs.pool(3, &[], much_later).is_empty());
    }

    #[test]
    fn a_channel_rests_while_its_own_thread_hangs_and_one_that_hung_once_for_no_other() {
        let (hangs, a, b) = (Hangs::default(), id("a"), id("b"));
        hangs.hung(&a, Mono(0));
        hangs.hung(&b, Mono(0));
        let later = Mono(2 * LONGEST_MS);
        // The pool has no thread to spare.
        assert_eq!(hangs.pool(1, std::slice::from_ref(&a), later), std::slice::from_ref(&a));
        assert!(hangs.rests(&a, later) && !hangs.may_look(&a, later));
        assert!(!hangs.rests(&b, later) && hangs.may_look(&b, later));
        hangs.ended(&b);
        assert!(hangs.pool(1, &[], later).is_empty());
        assert!(hangs.may_look(&a, later));
    }

    #[test]
    fn a_stall_of_the_machine_is_no_fault_of_a_channel() {
        let (hangs, a) = (Hangs::default(), id("a"));
        hangs.stalled(&a, Mono(0));
        assert_eq!(hangs.pool(2, std::slice::from_ref(&a), Mono(0)), std::slice::from_ref(&a));
        assert!(!hangs.may_look(&a, Mono(LONGEST_MS)), "its thread hangs still");
        assert!(hangs.pool(2, &[], Mono(1)).is_empty() && hangs.may_look(&a, Mono(1)), "and came back");
        assert_eq!(hangs.known.load(Ordering::Relaxed), 0);
        hangs.hung(&a, Mono(0));
        hangs.stalled(&a, Mono(1));
        hangs.pool(2, &[], Mono(1));
        assert!(
            hangs.rests(&a, Mono(REST_MS - 1)) && !hangs.rests(&a, Mono(REST_MS)),
            "an earlier rest is not cut short"
        );
    }

    #[test]
    fn what_was_well_for_a_day_begins_anew() {
        let (hangs, a) = (Hangs::default(), id("a"));
        hangs.hung(&a, Mono(0));
        hangs.pool(1, std::slice::from_ref(&a), Mono(2 * WELL_MS));
        assert!(hangs.rests(&a, Mono(2 * WELL_MS)), "its thread hangs still");
        hangs.pool(1, &[], Mono(2 * WELL_MS));
        assert_eq!(hangs.known.load(Ordering::Relaxed), 0);
        hangs.hung(&a, Mono(0));
        hangs.forget(&a);
        assert!(hangs.may_look(&a, Mono(1)), "another camera stands there");
    }
}
