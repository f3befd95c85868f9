//! The pure schedule.
//!
//! Why this structure: the order of weight x age changes with time as soon as weights differ, so no one heap can keep
//! it. Among channels of one weight it never changes: the one looked at longest ago stays first. So channels are
//! sorted into classes of (nearly) equal weight, each an ordered set by time of the last look, and a decision compares
//! only the heads of the classes. Weights are rounded to an eighth of an octave (at most 4.5 % off), which makes at
//! most 108 classes of the allowed 0.01 to 100; usual configurations have one to five. A decision is thus the scan of
//! a handful of heads and one removal in a B-tree, whatever the number of channels.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::{Capacity, Drops, FloorState, Floors, Options, Sample};
use crate::types::{ChannelId, Mono};

/// Classes an octave of weight.
const STEPS: f32 = 8.0;
const MIN_WEIGHT: f32 = 0.01;
const MAX_WEIGHT: f32 = 100.0;
/// Looks are counted in buckets of this length.
const BUCKET_MS: u64 = 10_000;
const BUCKETS: u64 = 6;

/// The place of a channel in its class: time of the last look, then the order of arrival.
type Key = (Mono, u64, usize);

#[derive(Debug)]
struct Slot {
    class: usize,
    pending: Option<Sample>,
    in_flight: bool,
    /// When the last look began; the time of registration before the first.
    last: Mono,
    /// Its key in the class while it is ready, else `None`.
    ready: Option<Key>,
    looks: Looks,
}

/// Looks over the last minute.
#[derive(Debug, Default)]
struct Looks {
    /// Number of the bucket, and looks in it; at most `BUCKETS` + 1.
    buckets: VecDeque<(u64, u32)>,
    since: Option<Mono>,
}

impl Looks {
    fn add(&mut self, now: Mono) {
        let bucket = now.0 / BUCKET_MS;
        self.since.get_or_insert(now);
        match self.buckets.back_mut() {
            Some((number, count)) if *number == bucket => *count += 1,
            _ => self.buckets.push_back((bucket, 1)),
        }
        while self.buckets.front().is_some_and(|(number, _)| *number + BUCKETS < bucket) {
            self.buckets.pop_front();
        }
    }

    fn rate_hz(&self, now: Mono) -> f32 {
        let Some(since) = self.since else { return 0.0 };
        // From the beginning of the oldest bucket that still counts, or from the first look.
        let first = (now.0 / BUCKET_MS).saturating_sub(BUCKETS);
        let window_ms = now.since_ms(Mono((first * BUCKET_MS).max(since.0)));
        let looks: u64 = self.buckets.iter().filter(|(n, _)| *n >= first).map(|(_, c)| u64::from(*c)).sum();
        if window_ms < 1000 {
            return 0.0;
        }
        looks as f32 * 1000.0 / window_ms as f32
    }
}

/// Pending samples of all channels, and who is next.
#[derive(Debug)]
pub struct Schedule {
    options: Options,
    index: HashMap<ChannelId, usize>,
    slots: Vec<Option<Slot>>,
    free: Vec<usize>,
    classes: Vec<Class>,
    sequence: u64,
    pending: usize,
    drops: Drops,
}

#[derive(Debug)]
struct Class {
    weight: f64,
    step: i32,
    ready: BTreeSet<Key>,
}

impl Schedule {
    pub fn new(options: Options) -> Self {
        Self {
            options,
            index: HashMap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            classes: Vec::new(),
            sequence: 0,
            pending: 0,
            drops: Drops::default(),
        }
    }

    /// How many samples can be worked on at once.
    pub fn set_workers(&mut self, workers: usize) {
        self.options.workers = workers;
    }

    /// What the workers can do.
    pub fn capacity(&mut self, _now: Mono) -> Capacity {
        Capacity { workers: self.options.workers, ..Capacity::default() }
    }

    /// Whether the floors are kept.
    pub fn floors(&mut self, _now: Mono) -> Floors {
        Floors { stretch: 1.0, ..Floors::default() }
    }

    /// A channel's own floor; `None` if it is unknown or has none.
    pub fn floor(&self, _id: &ChannelId, _now: Mono) -> Option<FloorState> {
        None
    }

    /// Makes a channel known, or changes its weight and its floor (a look in at least that time; 0: none). Samples of
    /// unknown channels are dropped.
    pub fn register(&mut self, id: &ChannelId, weight: f32, _floor_ms: u64, now: Mono) {
        let class = self.class_of(weight);
        if let Some(index) = self.index.get(id).copied() {
            self.unready(index);
            if let Some(slot) = self.slot(index) {
                slot.class = class;
            }
            self.make_ready(index);
            return;
        }
        let slot = Slot { class, pending: None, in_flight: false, last: now, ready: None, looks: Looks::default() };
        let index = match self.free.pop() {
            Some(index) => {
                if let Some(free) = self.slots.get_mut(index) {
                    *free = Some(slot);
                }
                index
            }
            None => {
                self.slots.push(Some(slot));
                self.slots.len() - 1
            }
        };
        self.index.insert(id.clone(), index);
    }

    /// Forgets a channel and its pending sample. A look in flight may still end with `done`.
    pub fn remove(&mut self, id: &ChannelId) {
        let Some(index) = self.index.remove(id) else { return };
        self.unready(index);
        if let Some(slot) = self.slots.get_mut(index).and_then(Option::take) {
            self.free.push(index);
            if slot.pending.is_some() {
                self.pending -= 1;
                self.drops.unknown += 1;
            }
        }
    }

    /// Puts a sample in its channel's place; an older one there is replaced. False if the channel is unknown.
    pub fn offer(&mut self, sample: Sample) -> bool {
        let Some(index) = self.index.get(&sample.unit.channel).copied() else {
            self.drops.unknown += 1;
            return false;
        };
        let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) else { return false };
        if slot.pending.replace(sample).is_some() {
            self.drops.replaced += 1;
            return true;
        }
        self.pending += 1;
        self.make_ready(index);
        true
    }

    /// The sample whose turn it is. Its channel is in flight until `done`.
    pub fn take(&mut self, now: Mono) -> Option<Sample> {
        loop {
            let (_, _, index) = self.head(now)?;
            self.unready(index);
            let deadline_ms = self.options.deadline_ms;
            let slot = self.slot(index)?;
            let Some(sample) = slot.pending.take() else { continue };
            let expired = now.since_ms(sample.offered) > deadline_ms;
            if !expired {
                slot.in_flight = true;
                slot.last = now;
                slot.looks.add(now);
            }
            self.pending -= 1;
            if !expired {
                return Some(sample);
            }
            // Its age stays, so the channel's next sample comes first.
            self.drops.expired += 1;
        }
    }

    /// Ends the look at a channel, whatever came of it; it took `busy_us` of a worker's time.
    pub fn done(&mut self, id: &ChannelId, _busy_us: u64, _now: Mono) {
        let Some(index) = self.index.get(id).copied() else { return };
        if let Some(slot) = self.slot(index) {
            slot.in_flight = false;
        }
        self.make_ready(index);
    }

    /// Looks a second over the last minute.
    pub fn rate_hz(&self, id: &ChannelId, now: Mono) -> f32 {
        let slot = self.index.get(id).and_then(|i| self.slots.get(*i)).and_then(Option::as_ref);
        slot.map_or(0.0, |s| s.looks.rate_hz(now))
    }

    /// Samples that wait, those of channels in flight included.
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// True if `take` has something to look through.
    pub fn is_ready(&self) -> bool {
        self.classes.iter().any(|c| !c.ready.is_empty())
    }

    pub fn drops(&self) -> Drops {
        self.drops
    }

    fn slot(&mut self, index: usize) -> Option<&mut Slot> {
        self.slots.get_mut(index).and_then(Option::as_mut)
    }

    fn class_of(&mut self, weight: f32) -> usize {
        let weight = if weight.is_finite() { weight.clamp(MIN_WEIGHT, MAX_WEIGHT) } else { 1.0 };
        let step = (weight.log2() * STEPS).round() as i32;
        if let Some(class) = self.classes.iter().position(|c| c.step == step) {
            return class;
        }
        let weight = f64::from(step as f32 / STEPS).exp2();
        self.classes.push(Class { weight, step, ready: BTreeSet::new() });
        self.classes.len() - 1
    }

    /// The first of the class whose first has the greatest weighted age; ties go to the one that was ready first.
    fn head(&self, now: Mono) -> Option<Key> {
        let mut best: Option<(f64, Key)> = None;
        for class in &self.classes {
            let Some(key) = class.ready.first() else { continue };
            let age = class.weight * now.since_ms(key.0) as f64;
            if best.is_none_or(|(most, first)| age > most || (age == most && key.1 < first.1)) {
                best = Some((age, *key));
            }
        }
        best.map(|(_, key)| key)
    }

    fn make_ready(&mut self, index: usize) {
        self.sequence += 1;
        let sequence = self.sequence;
        let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) else { return };
        if slot.in_flight || slot.pending.is_none() || slot.ready.is_some() {
            return;
        }
        let key = (slot.last, sequence, index);
        if let Some(class) = self.classes.get_mut(slot.class) {
            class.ready.insert(key);
            slot.ready = Some(key);
        }
    }

    fn unready(&mut self, index: usize) {
        let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) else { return };
        if let (Some(key), Some(class)) = (slot.ready.take(), self.classes.get_mut(slot.class)) {
            class.ready.remove(&key);
        }
    }

    /// For tests: what must hold after every call.
    #[cfg(test)]
    fn check(&self) {
        let mut ready = 0;
        let mut pending = 0;
        for (index, slot) in self.slots.iter().enumerate() {
            let Some(slot) = slot else { continue };
            assert_eq!(self.index.values().filter(|i| **i == index).count(), 1);
            assert_eq!(slot.ready.is_some(), slot.pending.is_some() && !slot.in_flight);
            if let Some(key) = slot.ready {
                assert!(self.classes[slot.class].ready.contains(&key));
                ready += 1;
            }
            pending += usize::from(slot.pending.is_some());
            assert!(slot.looks.buckets.len() <= BUCKETS as usize + 2);
        }
        assert_eq!(ready, self.classes.iter().map(|c| c.ready.len()).sum::<usize>());
        assert_eq!(pending, self.pending);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::schedule::Tier;
    use crate::types::{AccessUnit, Codec, Wall};

    fn id(n: usize) -> ChannelId {
        ChannelId::new(&format!("c{n}")).unwrap()
    }

    fn sample(n: usize, at: u64) -> Sample {
        let unit = AccessUnit {
            channel: id(n),
            codec: Codec::H264,
            key: true,
            data: Bytes::new(),
            timeline_90k: at as i64,
            ingested: Mono(at),
            ingested_wall: Wall(0),
            seen: Wall(0),
            camera_clock: false,
            session: 1,
        };
        Sample { unit, offered: Mono(at), tier: Tier::Patrol, active: false }
    }

    fn schedule(weights: &[f32], deadline_ms: u64) -> Schedule {
        let mut s = Schedule::new(Options { deadline_ms, ..Options::default() });
        for (n, w) in weights.iter().enumerate() {
            s.register(&id(n), *w, 0, Mono(0));
        }
        s
    }

    #[test]
    fn the_newest_replaces_the_older() {
        let mut s = schedule(&[1.0], 2000);
        s.offer(sample(0, 10));
        s.offer(sample(0, 20));
        assert_eq!(s.take(Mono(30)).unwrap().offered, Mono(20));
        assert!(s.take(Mono(30)).is_none());
        assert_eq!(s.drops(), Drops { replaced: 1, ..Drops::default() });
    }

    #[test]
    fn one_in_flight_a_channel() {
        let mut s = schedule(&[1.0], 2000);
        s.offer(sample(0, 10));
        assert!(s.take(Mono(10)).is_some());
        s.offer(sample(0, 20));
        assert!(s.take(Mono(20)).is_none());
        s.done(&id(0), 1000, Mono(20));
        assert!(s.take(Mono(20)).is_some());
    }

    #[test]
    fn a_sample_past_its_deadline_is_dropped_and_its_channel_comes_first_next() {
        let mut s = schedule(&[1.0, 1.0], 2000);
        s.offer(sample(0, 0));
        assert!(s.take(Mono(2001)).is_none());
        assert_eq!(s.drops().expired, 1);
        s.offer(sample(1, 2001));
        assert_eq!(s.take(Mono(2001)).unwrap().unit.channel, id(1));
        s.done(&id(1), 1000, Mono(2001));
        s.offer(sample(1, 3000));
        s.offer(sample(0, 3000));
        assert_eq!(s.take(Mono(3000)).unwrap().unit.channel, id(0));
    }

    #[test]
    fn a_removed_channel_leaves_nothing() {
        let mut s = schedule(&[1.0, 1.0], 2000);
        s.offer(sample(0, 0));
        s.remove(&id(0));
        s.check();
        assert!(s.take(Mono(1)).is_none());
        assert!(!s.offer(sample(0, 1)));
        assert_eq!(s.drops().unknown, 2);
    }

    #[test]
    fn the_rate_is_that_of_the_last_minute() {
        let mut s = schedule(&[1.0], 2000);
        for at in (0..120_000).step_by(500) {
            s.offer(sample(0, at));
            s.take(Mono(at)).unwrap();
            s.done(&id(0), 1000, Mono(at));
        }
        let rate = s.rate_hz(&id(0), Mono(120_000));
        assert!((rate - 2.0).abs() < 0.1, "{rate}");
        assert_eq!(s.rate_hz(&id(0), Mono(200_000)), 0.0);
    }

    /// Offers every `offer_ms` on every channel and takes one sample every `take_ms`; gives the looks of each channel.
    fn overload(weights: &[f32], offer_ms: u64, take_ms: u64, until_ms: u64) -> (Vec<u64>, u64) {
        let mut s = schedule(weights, 2000);
        let mut looks = vec![0; weights.len()];
        let mut last = vec![0u64; weights.len()];
        let mut worst_gap = 0;
        for at in 0..until_ms {
            if at % offer_ms == 0 {
                (0..weights.len()).for_each(|n| assert!(s.offer(sample(n, at))));
            }
            if at % take_ms == 0
                && let Some(taken) = s.take(Mono(at))
            {
                assert!(at - taken.offered.0 <= 2000, "latency stays under overload");
                let n: usize = taken.unit.channel.as_str()[1..].parse().unwrap();
                looks[n] += 1;
                worst_gap = worst_gap.max(at - last[n]);
                last[n] = at;
                s.done(&id(n), 1000, Mono(at));
            }
        }
        (looks, worst_gap)
    }

    #[test]
    fn under_overload_shares_follow_the_weights() {
        let (looks, _) = overload(&[1.0, 1.0, 2.0, 4.0], 100, 50, 100_000);
        let unit = looks.iter().sum::<u64>() as f64 / 8.0;
        for (n, share) in [1.0, 1.0, 2.0, 4.0].into_iter().enumerate() {
            let got = looks[n] as f64 / unit;
            assert!((got / share - 1.0).abs() < 0.1, "channel {n}: {got} of {share}");
        }
    }

    #[test]
    fn nobody_starves_beside_a_hundred_times_the_weight() {
        // 20 channels of weight 100 and one of 1, a look each 10 ms: the light one's bound is the sum of weights
        // over its own times the length of a look.
        let mut weights = vec![100.0; 20];
        weights.push(1.0);
        let (looks, worst) = overload(&weights, 20, 10, 200_000);
        assert!(looks[20] >= 8, "{looks:?}");
        assert!(worst <= 2001 * 10 * 11 / 10, "{worst}");
    }

    #[test]
    fn equal_weights_are_round_robin() {
        let mut s = schedule(&[1.0; 50], 60_000);
        for round in 0..4 {
            (0..50).for_each(|n| assert!(s.offer(sample(n, round * 100))));
            let order: HashSet<_> = (0..50)
                .map(|i| {
                    let taken = s.take(Mono(round * 100 + i)).unwrap().unit.channel;
                    s.done(&taken, 1000, Mono(round * 100 + i));
                    taken
                })
                .collect();
            assert_eq!(order.len(), 50);
        }
    }

    /// Not a benchmark, a guard: ten thousand channels must not make a decision slow. Target in release: under 2 us.
    #[test]
    #[allow(clippy::print_stdout)]
    fn ten_thousand_channels_are_no_slower() {
        let clock = crate::types::Clock::start();
        let weights: Vec<f32> = (0..10_000).map(|n| 0.01 + (n % 997) as f32 / 10.0).collect();
        let mut s = schedule(&weights, 60_000);
        let samples: Vec<_> = (0..10_000).map(|n| sample(n, 0)).collect();
        let begin = clock.mono();
        for round in 1..6 {
            for sample in &samples {
                s.offer(sample.clone());
            }
            for i in 0..10_000 {
                let taken = s.take(Mono(round * 10_000 + i)).unwrap().unit.channel;
                s.done(&taken, 1000, Mono(round * 10_000 + i));
            }
        }
        let us = clock.mono().since_ms(begin) as f64 * 1000.0 / 50_000.0;
        assert!(us < 200.0, "{us:.2} us a decision (offer, take, done), {} classes", s.classes.len());
    }

    #[derive(Debug, Clone)]
    enum Step {
        Offer(usize),
        Take,
        Done(usize),
        Wait(u64),
        Remove(usize),
        Register(usize, f32),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0usize..8).prop_map(Step::Offer),
            4 => Just(Step::Take),
            4 => (0usize..8).prop_map(Step::Done),
            2 => (0u64..1500).prop_map(Step::Wait),
            1 => (0usize..8).prop_map(Step::Remove),
            1 => (0usize..8, 0.0f32..200.0).prop_map(|(n, w)| Step::Register(n, w)),
        ]
    }

    proptest! {
        #[test]
        fn one_pending_one_in_flight_and_nothing_late(steps in prop::collection::vec(step(), 1..300)) {
            let mut s = schedule(&[1.0, 1.0, 0.5, 2.0], 2000);
            let mut known: HashSet<usize> = (0..4).collect();
            let mut flying = HashSet::new();
            let mut newest = std::collections::HashMap::new();
            let (mut offered, mut taken_count) = (0u64, 0u64);
            let mut at = 0;
            for step in steps {
                match step {
                    Step::Offer(n) => {
                        prop_assert_eq!(s.offer(sample(n, at)), known.contains(&n));
                        offered += 1;
                        newest.insert(n, at);
                    }
                    Step::Take => {
                        if let Some(taken) = s.take(Mono(at)) {
                            taken_count += 1;
                            let n: usize = taken.unit.channel.as_str()[1..].parse().unwrap();
                            prop_assert!(flying.insert(n), "two of one channel in flight");
                            prop_assert!(at - taken.offered.0 <= 2000);
                            prop_assert_eq!(newest[&n], taken.offered.0, "the newest");
                        }
                    }
                    Step::Done(n) => {
                        flying.remove(&n);
                        s.done(&id(n), 1000, Mono(at));
                    }
                    Step::Wait(ms) => at += ms,
                    Step::Remove(n) => {
                        known.remove(&n);
                        flying.remove(&n);
                        s.remove(&id(n));
                    }
                    Step::Register(n, w) => {
                        known.insert(n);
                        s.register(&id(n), w, 0, Mono(at));
                    }
                }
                s.check();
                let d = s.drops();
                prop_assert_eq!(offered, taken_count + s.pending() as u64 + d.replaced + d.expired + d.unknown);
            }
        }

    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))] // a minute of simulated time each

        #[test]
        fn every_channel_is_served_within_its_bound(
            weights in prop::collection::vec(0.1f32..10.0, 2..20),
            take_ms in 5u64..40,
        ) {
            let (looks, worst) = overload(&weights, 20, take_ms, 60_000);
            let sum: f32 = weights.iter().sum();
            let least = weights.iter().copied().fold(f32::MAX, f32::min);
            // Rounded weights, and the moment between a look and the next offer.
            let bound = (sum / least * 1.2 + 2.0) as u64 * take_ms + weights.len() as u64 * take_ms + 40;
            prop_assert!(worst <= bound, "{} > {}", worst, bound);
            prop_assert!(looks.iter().all(|l| *l > 0) || bound > 60_000);
        }
    }
}
