//! The pure schedule: which sample is next, and what the workers can do. Time is an argument, nothing is random, and
//! no call costs more than a few steps in ordered sets, whatever the number of channels (`floors` aside).
//!
//! Every channel that waits stands in patrol's `Order`, whatever the tier of its sample, and those of catch-up and
//! focus in the `Lanes` as well. So a channel whose catch-up never gets its turn in a crowded lane is still looked at
//! when it is the oldest, and nobody starves.
//!
//! While all that wait will be looked at within their deadline, the order of arrival is as good for everybody's rate as
//! any other, and far better for the slowest look: by age, a channel that was looked at a moment ago stands behind all
//! others, however long it has waited. So weighted age decides only when somebody will be left out, and who.
//!
//! The deadline has a hard case: after a power cut all cameras of a street send their key frames in the same 200 ms,
//! and with a deadline of 300 ms the workers would rest for three quarters of the time while most channels wait. To
//! look at samples past their deadline would break the promise that a look is never late. With `recall` the workers
//! use the time in another way: when nothing fresh waits, or only what was looked at far more lately, the channel that was
//! looked at longest ago among those whose sample grew too old is handed out as a catch-up, to be decoded from its key
//! frame to the present. Without misfortune that never happens: whoever is the oldest is taken as soon as it offers.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;

use super::{
    Capacity, Drops, FloorState, Floors, Late, Options, Sample, Tier,
    floors::{self, Need},
    lanes::{FOCUS_PART, Lanes},
    looks::Looks,
    meter::Meter,
    order::{Classes, Key, Order, Score, weight_within},
};
use crate::types::{ChannelId, Mono};

/// So often the floors are compared with what the workers can do.
const COMPARE_MS: u64 = 1000;
/// A catch-up decodes all since the key frame: after so long another channel is the better use of the time.
const RECALL_MS: u64 = 2500;
/// A look that takes so many times the usual, and at least so long, has a worker that stalls.
const STALLS: f64 = 8.0;
const STALLS_MS: f64 = 1000.0;
/// A stretched floor is what can be done on average; so much is left for the moment at which a key frame comes.
const LEEWAY: f64 = 1.1;
/// Who waits is in the order of arrival while all will be looked at within this share of the deadline,
const SOON: f64 = 0.75;
/// and no sample of patrol was lost for so long.
const WELL_MS: u64 = 1000;
/// How many late channels are named.
const NAMED: usize = 100;

#[derive(Debug)]
struct Slot {
    classes: Classes,
    weight: f32,
    floor_ms: u64,
    pending: Option<Sample>,
    in_flight: bool,
    /// When the last look began; the time of registration before the first.
    last: Mono,
    /// The same, of the last look that saw a picture, or may yet see one.
    seen: Mono,
    /// When the last sample was offered; the time of registration before the first.
    offered: Mono,
    /// Since when a sample of catch-up or focus waits without a look: its place in the lane.
    waits: Option<Mono>,
    place: Place,
    looks: Looks,
}

/// Where a channel stands.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    /// It has no sample, or is in flight.
    None,
    /// In the order's class, since when, and by the second key in the lane of its tier.
    Waits { class: usize, key: Key, came: Mono, lane: Option<(Tier, Key)> },
    /// Its sample is past its deadline and may be recalled.
    Stale(Key),
}

/// A look that has not ended.
#[derive(Debug)]
struct Flight {
    index: usize,
    tier: Tier,
    began: Mono,
    /// The channel's last look with a picture before this one.
    seen_before: Mono,
    /// What was charged for it: to the lane's bucket, and to its tier.
    paid_us: f64,
    lane: Lane,
}

/// Through which door a look went.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Lane {
    /// In patrol's order, or recalled.
    Patrol,
    /// Before patrol, and paid for.
    Paid,
    /// In time that patrol did not need.
    Free,
}

/// Pending samples of all channels, and who is next.
#[derive(Debug)]
pub struct Schedule {
    options: Options,
    index: HashMap<ChannelId, usize>,
    slots: Vec<Option<Slot>>,
    free: Vec<usize>,
    order: Order,
    lanes: Lanes,
    /// Channels whose sample may be recalled, oldest look first.
    stale: BTreeSet<Key>,
    /// Waiting patrol samples that may be fresh.
    patrol_ready: usize,
    flights: Vec<Flight>,
    meter: Meter,
    sequence: u64,
    pending: usize,
    drops: [Drops; 3],
    /// When a sample of patrol was replaced or grew too old.
    lost: Option<Mono>,
    /// What the floors need, lightest channels first; built anew when a channel came, went or changed.
    needs: Vec<Need>,
    needs_changed: bool,
    stretch: f64,
    compared: Option<Mono>,
}

impl Schedule {
    pub fn new(options: Options) -> Self {
        Self {
            options,
            index: HashMap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            order: Order::default(),
            lanes: Lanes::default(),
            stale: BTreeSet::new(),
            patrol_ready: 0,
            flights: Vec::new(),
            meter: Meter::default(),
            sequence: 0,
            pending: 0,
            drops: [Drops::default(); 3],
            lost: None,
            needs: Vec::new(),
            needs_changed: false,
            stretch: 0.0,
            compared: None,
        }
    }

    /// How many samples can be worked on at once.
    pub fn set_workers(&mut self, workers: usize) {
        self.options.workers = workers;
    }

    /// Makes a channel known, or changes its weight and its floor (a look in at least that time; 0: none). Samples of
    /// unknown channels are dropped.
    pub fn register(&mut self, id: &ChannelId, weight: f32, floor_ms: u64, now: Mono) {
        let weight = weight_within(weight);
        let classes = self.order.classes(weight, floor_ms, self.stretch);
        self.needs_changed = true;
        if let Some(index) = self.index.get(id).copied() {
            let stale = self.slot(index).is_some_and(|s| matches!(s.place, Place::Stale(_)));
            if !stale {
                self.displace(index);
            }
            if let Some(slot) = self.slot(index) {
                (slot.classes, slot.weight, slot.floor_ms) = (classes, weight, floor_ms);
            }
            self.place(index);
            return;
        }
        let slot = Slot {
            classes,
            weight,
            floor_ms,
            pending: None,
            in_flight: false,
            last: now,
            seen: now,
            offered: now,
            waits: None,
            place: Place::None,
            looks: Looks::default(),
        };
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
        self.displace(index);
        self.needs_changed = true;
        self.flights.retain(|f| f.index != index);
        if let Some(slot) = self.slots.get_mut(index).and_then(Option::take) {
            self.free.push(index);
            if let Some(sample) = slot.pending {
                self.pending -= 1;
                self.drops[sample.tier as usize].unknown += 1;
            }
        }
    }

    /// Drops a channel's pending sample, and nothing else of it: a look in flight goes on and stays the only one.
    pub fn drop_pending(&mut self, id: &ChannelId) {
        let Some(index) = self.index.get(id).copied() else { return };
        self.displace(index);
        let Some(slot) = self.slot(index) else { return };
        slot.waits = None;
        if let Some(sample) = slot.pending.take() {
            self.pending -= 1;
            self.drops[sample.tier as usize].unknown += 1;
        }
    }

    /// Puts a sample in its channel's place; an older one there is replaced. False if the channel is unknown.
    pub fn offer(&mut self, sample: Sample) -> bool {
        let (tier, active) = (sample.tier, sample.active);
        let index = self.index.get(&sample.unit.channel).copied();
        let Some((index, slot)) = index.and_then(|i| self.slots.get_mut(i)?.as_mut().map(|s| (i, s))) else {
            self.drops[tier as usize].unknown += 1;
            return false;
        };
        slot.offered = sample.offered;
        if tier != Tier::Patrol {
            slot.waits.get_or_insert(sample.offered);
        }
        let old = slot.pending.replace(sample);
        let stale = matches!(slot.place, Place::Stale(_));
        match old {
            None => self.pending += 1,
            Some(old) => {
                let drops = &mut self.drops[old.tier as usize];
                if stale {
                    drops.expired += 1;
                } else {
                    drops.replaced += 1;
                }
                if old.tier == Tier::Patrol {
                    self.lost = Some(slot.offered);
                }
                if !stale && (old.tier, old.active) == (tier, active) {
                    return true;
                }
                self.displace(index);
            }
        }
        self.place(index);
        true
    }

    /// The sample whose turn it is. Its channel is in flight until `done`.
    pub fn take(&mut self, now: Mono) -> Option<Sample> {
        self.meter.start(now);
        self.compare(now);
        self.lanes.fill(self.lane_per_s(), now);
        loop {
            let lane_first = self.lanes.len() > 0 && (self.patrol_ready == 0 || self.lanes.has_time());
            let head = match lane_first {
                true => self.lanes.head().map(|key| (None, key)),
                false => self.head(now).map(|(score, key)| (Some(score), key)),
            };
            let Some((score, (_, _, index))) = head else { return self.recall(None, now) };
            let (deadline_ms, recall) = (self.options.deadline_ms, self.options.recall);
            let pending = self.slot(index).and_then(|s| s.pending.as_ref());
            let expired = pending.is_some_and(|s| now.since_ms(s.offered) > deadline_ms);
            let pending_tier = pending.map(|s| s.tier);
            let set_aside = expired && recall && pending_tier == Some(Tier::Patrol);
            if !expired
                && score.is_some()
                && !self.stale.is_empty()
                && let Some(recalled) = self.recall(score, now)
            {
                return Some(recalled);
            }
            self.displace(index);
            if expired && pending_tier == Some(Tier::Patrol) {
                self.lost = Some(now);
            }
            if set_aside {
                self.set_aside(index);
                continue;
            }
            let slot = self.slot(index)?;
            let Some(sample) = slot.pending.take() else { continue };
            self.pending -= 1;
            if expired {
                // Its age stays, and its place in the lane, so the channel's next sample comes first.
                self.drops[sample.tier as usize].expired += 1;
                continue;
            }
            let lane = match (lane_first, self.patrol_ready) {
                (false, _) => Lane::Patrol,
                (true, 0) => Lane::Free,
                (true, _) => Lane::Paid,
            };
            self.depart(index, sample.tier, lane, now);
            return Some(sample);
        }
    }

    /// The next in patrol's order, and its weighted age.
    fn head(&mut self, now: Mono) -> Option<(Score, Key)> {
        if let Some(index) = self.first_come(now)
            && let Some(Slot { place: Place::Waits { class, key, .. }, .. }) = self.slot(index)
        {
            let (class, key) = (*class, *key);
            return Some((self.order.score(class, key.0, now), key));
        }
        self.order.head(now)
    }

    /// Who came first, if nothing was lost of late and the workers will have looked at all that wait well before the
    /// deadlines. That is not known before the first look; and where somebody has waited for long already, the workers
    /// are slower than they say.
    fn first_come(&self, now: Mono) -> Option<usize> {
        let look_us = |tier| self.meter.expected_us(tier);
        let cost_us = self.patrol_ready as f64 * look_us(Tier::Patrol) + self.lanes.cost_us(look_us);
        let left_ms = SOON * self.options.deadline_ms as f64 - cost_us / 1000.0 / self.options.workers.max(1) as f64;
        if left_ms < 0.0 || !self.meter.has_measured() || self.lost.is_some_and(|at| now.since_ms(at) < WELL_MS) {
            return None;
        }
        self.order.first_come(look_us(Tier::Patrol) / 1000.0, left_ms, now)
    }

    /// Ends the look at a channel; it took `busy_us` of a worker's time.
    pub fn done(&mut self, id: &ChannelId, busy_us: u64, now: Mono) {
        self.end(id, busy_us, true, now);
    }

    /// As `done`, for a look that saw no picture: it has had its turn and cost its time, but it is no look that keeps a
    /// floor.
    pub fn failed(&mut self, id: &ChannelId, busy_us: u64, now: Mono) {
        self.end(id, busy_us, false, now);
    }

    fn end(&mut self, id: &ChannelId, busy_us: u64, saw: bool, now: Mono) {
        let Some(index) = self.index.get(id).copied() else { return };
        let Some(flight) = self.flights.iter().position(|f| f.index == index) else { return };
        let flight = self.flights.swap_remove(flight);
        if let Some(slot) = self.slot(index) {
            slot.in_flight = false;
            if !saw {
                slot.seen = flight.seen_before;
            }
        }
        let more = busy_us as f64 - flight.paid_us;
        self.lanes.count(flight.tier, more);
        if flight.lane == Lane::Paid {
            self.lanes.charge(more);
        }
        self.meter.add(flight.tier, flight.lane != Lane::Patrol, busy_us, now);
        self.place(index);
    }

    /// Looks a second over the last minute.
    pub fn rate_hz(&self, id: &ChannelId, now: Mono) -> f32 {
        self.known(id).map_or(0.0, |s| s.looks.rate_hz(now))
    }

    /// Samples that wait, those of channels in flight included.
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// True if `take` has something to look through.
    pub fn is_ready(&self) -> bool {
        self.order.len() > 0 || !self.stale.is_empty()
    }

    /// What was given up since the start, all tiers.
    pub fn drops(&self) -> Drops {
        self.drops.into_iter().fold(Drops::default(), Drops::plus)
    }

    /// What was given up of one tier.
    pub fn drops_of(&self, tier: Tier) -> Drops {
        self.drops[tier as usize]
    }

    /// What the workers can do. A worker whose look takes far longer than usual does not count.
    pub fn capacity(&self, now: Mono) -> Capacity {
        let workers = self.options.workers;
        let service = Tier::ALL.map(|t| self.meter.service_us(t, now));
        let usual_ms = |tier: Tier| self.meter.expected_us(tier) * STALLS / 1000.0;
        let ages = self.flights.iter().map(|f| (f, now.since_ms(f.began) as f64));
        let stalled = ages.clone().filter(|(f, ms)| *ms > usual_ms(f.tier).max(STALLS_MS)).count().min(workers);
        let window = self.meter.window(now);
        let per_worker_us = (window.length_ms.max(1) * 1000) as f64;
        // What the looks in flight have cost so far is not in the window yet.
        let flying_us: f64 = ages.take(workers).map(|(_, ms)| (ms * 1000.0).min(per_worker_us)).sum();
        let share = |us: f64| (us / (per_worker_us * workers.max(1) as f64)).min(1.0) as f32;
        Capacity {
            workers,
            stalled,
            looks_hz: service[0].map_or(0.0, |us| ((workers - stalled) as f64 * 1e6 / us.max(1.0)) as f32),
            service_us: service.map(|s| s.unwrap_or(0.0) as f32),
            utilisation: share(window.busy_us + flying_us),
            focus_utilisation: share(window.lane_us),
            finished_hz: (window.looks as f64 * 1000.0 / window.length_ms.max(1000) as f64) as f32,
        }
    }

    /// Worker time in microseconds a second that focus may count on; what catch-up may take is left out.
    pub fn focus_budget_us(&self) -> f64 {
        self.lane_per_s() * FOCUS_PART
    }

    /// Whether the floors are kept. One pass over all channels.
    pub fn floors(&mut self, now: Mono) -> Floors {
        self.gather();
        let available_hz = self.available_hz(now);
        let k = available_hz.map_or(0.0, |hz| floors::stretch(&self.needs, hz));
        let mut told = Floors {
            needed_hz: self.needs.iter().map(|n| n.hz).sum::<f64>() as f32,
            available_hz: available_hz.unwrap_or(0.0) as f32,
            stretch: self.needs.first().map_or(1.0, |n| floors::factor(k, n.weight)) as f32,
            ..Floors::default()
        };
        let mut late: Vec<(u64, usize)> = Vec::new();
        for (index, slot) in self.slots.iter().enumerate() {
            let Some(state) = slot.as_ref().and_then(|s| s.floor(self.stretch, now)) else { continue };
            told.channels += 1;
            told.missed += usize::from(state.age_ms > state.floor_ms);
            told.silent += usize::from(state.is_silent());
            if state.is_late() {
                late.push((state.age_ms, index));
            }
        }
        told.late = late.len();
        late.sort_unstable_by_key(|(age_ms, index)| (std::cmp::Reverse(*age_ms), *index));
        late.truncate(NAMED);
        if !late.is_empty() {
            let mut named: Vec<Late> = self.index.iter().filter_map(|(id, i)| self.late(id, *i, &late, now)).collect();
            named.sort_by(|a, b| b.age_ms.cmp(&a.age_ms).then_with(|| a.channel.cmp(&b.channel)));
            told.latest = named;
        }
        told
    }

    /// A channel's own floor; `None` if it is unknown or has none.
    pub fn floor(&self, id: &ChannelId, now: Mono) -> Option<FloorState> {
        self.known(id)?.floor(self.stretch, now)
    }

    fn late(&self, id: &ChannelId, index: usize, among: &[(u64, usize)], now: Mono) -> Option<Late> {
        let state = self.slots.get(index)?.as_ref()?.floor(self.stretch, now)?;
        among.binary_search_by(|(age_ms, i)| state.age_ms.cmp(age_ms).then(i.cmp(&index))).ok()?;
        let FloorState { floor_ms, stretched_ms, age_ms, .. } = state;
        Some(Late { channel: id.clone(), age_ms, floor_ms, stretched_ms })
    }

    /// Compares floors and capacity, now and then.
    fn compare(&mut self, now: Mono) {
        if self.compared.is_some_and(|at| now.since_ms(at) < COMPARE_MS) {
            return;
        }
        self.compared = Some(now);
        self.gather();
        self.stretch = self.available_hz(now).map_or(0.0, |hz| floors::stretch(&self.needs, hz));
        self.order.stretch(self.stretch);
    }

    /// Sums up what the floors need, if that has changed.
    fn gather(&mut self) {
        if std::mem::take(&mut self.needs_changed) {
            let floors = self.slots.iter().flatten().filter(|s| s.floor_ms > 0);
            self.needs = floors::gather(floors.map(|s| (s.weight, s.floor_ms)));
        }
    }

    /// Looks a second that are left for patrol; `None` before any was measured.
    fn available_hz(&self, now: Mono) -> Option<f64> {
        let capacity = self.capacity(now);
        let focus = capacity.focus_utilisation.min(self.options.focus_share);
        (capacity.service_us[0] > 0.0).then(|| f64::from(capacity.looks_hz * (1.0 - focus)))
    }

    fn lane_per_s(&self) -> f64 {
        self.options.workers as f64 * f64::from(self.options.focus_share) * 1e6
    }

    fn depart(&mut self, index: usize, tier: Tier, lane: Lane, now: Mono) {
        let paid_us = self.meter.expected_us(tier);
        self.lanes.count(tier, paid_us);
        if lane == Lane::Paid {
            self.lanes.charge(paid_us);
        }
        let Some(slot) = self.slot(index) else { return };
        let seen_before = std::mem::replace(&mut slot.seen, now);
        slot.in_flight = true;
        slot.last = now;
        slot.waits = None;
        slot.looks.add(now);
        self.flights.push(Flight { index, tier, began: now, seen_before, paid_us, lane });
    }

    /// Keeps what is left of a sample past its deadline: whose it is.
    fn set_aside(&mut self, index: usize) {
        self.sequence += 1;
        let sequence = self.sequence;
        let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) else { return };
        if let Some(sample) = slot.pending.as_mut() {
            // Ten thousand key frames would be a gigabyte; a catch-up takes its units from the pre-roll.
            sample.unit.data = Bytes::new();
        }
        let key = (slot.last, sequence, index);
        slot.place = Place::Stale(key);
        self.stale.insert(key);
    }

    /// The channel looked at longest ago whose sample grew too old, to be looked at as it is now; with `than` only if
    /// it is far before that.
    fn recall(&mut self, than: Option<Score>, now: Mono) -> Option<Sample> {
        loop {
            let (last, _, index) = self.stale.first().copied()?;
            let slot = self.slots.get(index)?.as_ref()?;
            let outdated = slot.pending.as_ref().is_none_or(|s| now.since_ms(s.offered) > RECALL_MS);
            let score = self.order.score(slot.classes.of(false), last, now);
            if !outdated && than.is_some_and(|than| !score.is_far_above(than)) {
                return None;
            }
            self.displace(index);
            let Some(mut sample) = self.slot(index).and_then(|s| s.pending.take()) else { continue };
            self.pending -= 1;
            if outdated {
                self.drops[sample.tier as usize].expired += 1;
                continue;
            }
            (sample.tier, sample.offered) = (Tier::CatchUp, now);
            self.depart(index, Tier::CatchUp, Lane::Patrol, now);
            return Some(sample);
        }
    }

    fn slot(&mut self, index: usize) -> Option<&mut Slot> {
        self.slots.get_mut(index).and_then(Option::as_mut)
    }

    fn known(&self, id: &ChannelId) -> Option<&Slot> {
        self.index.get(id).and_then(|i| self.slots.get(*i)).and_then(Option::as_ref)
    }

    /// Gives a channel that waits and has no place its place.
    fn place(&mut self, index: usize) {
        let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) else { return };
        let Some(sample) = slot.pending.as_ref().filter(|_| !slot.in_flight && slot.place == Place::None) else {
            return;
        };
        self.sequence += 1;
        let (tier, key) = (sample.tier, (slot.last, self.sequence, index));
        // In patrol's order a catch-up has no more than its channel's weight: its own lane goes first anyway.
        let class = slot.classes.of(sample.active && tier == Tier::Patrol);
        let came = sample.offered;
        self.order.insert(class, key, came);
        let mut lane = None;
        if tier == Tier::Patrol {
            self.patrol_ready += 1;
        } else {
            let key = (slot.waits.unwrap_or(sample.offered), self.sequence, index);
            self.lanes.insert(tier, key);
            lane = Some((tier, key));
        }
        slot.place = Place::Waits { class, key, came, lane };
    }

    fn displace(&mut self, index: usize) {
        let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) else { return };
        match std::mem::replace(&mut slot.place, Place::None) {
            Place::None => {}
            Place::Waits { class, key, came, lane } => {
                self.order.remove(class, &key, came);
                match lane {
                    Some((tier, key)) => self.lanes.remove(tier, &key),
                    None => self.patrol_ready -= 1,
                }
            }
            Place::Stale(key) => {
                self.stale.remove(&key);
            }
        }
    }
}

impl Slot {
    fn floor(&self, stretch: f64, now: Mono) -> Option<FloorState> {
        let factor = floors::factor(stretch, f64::from(self.weight));
        let stretched = if factor > 1.0 { self.floor_ms as f64 * factor * LEEWAY } else { self.floor_ms as f64 };
        (self.floor_ms > 0).then(|| FloorState {
            floor_ms: self.floor_ms,
            stretched_ms: stretched as u64,
            age_ms: now.since_ms(self.seen),
            offered_ms: now.since_ms(self.offered),
        })
    }
}

#[cfg(test)]
mod tests;
