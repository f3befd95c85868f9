//! Patrol's order: who among those that wait has the greatest weighted age, and whose floor is in danger.
//!
//! Why this structure: the order of weight x age changes with time as soon as weights differ, so no one heap can keep
//! it. Among channels of one weight it never changes: the one looked at longest ago stays first. So channels are
//! sorted into classes of (nearly) equal weight and equal floor, each an ordered set by time of the last look, and a
//! decision compares only the heads of the classes. Weights are rounded to an eighth of an octave (at most 4.5 % off).
//! A channel where something moves waits in its class's twin of eight times the weight, three octaves up. A decision
//! is thus the scan of a handful of heads and one removal in a B-tree, whatever the number of channels.
//!
//! A channel that has waited for three quarters of its (stretched) floor goes before all that have not, those by their
//! share of it: whatever moves elsewhere, floors that fit are kept, since a look at the last quarter is soon enough.
//!
//! Each class is also sorted by the time at which its samples came, for the times at which all that wait will be looked
//! at anyhow (`first_come`).

use std::collections::BTreeSet;

use crate::types::Mono;

/// Classes an octave of weight.
const STEPS: f32 = 8.0;
const MIN_WEIGHT: f32 = 0.01;
const MAX_WEIGHT: f32 = 100.0;
/// An active channel counts as one of eight times the weight.
const ACTIVE_STEPS: i32 = 3 * STEPS as i32;
/// Share of the floor after which a channel goes before those that are not so near to it.
const URGENT: f64 = 0.75;
/// Added to the score of the urgent: more than any weight x age.
const BEFORE_ALL: f64 = 1e15;
/// More floors than these are rounded down to half octaves, so that the classes stay few.
const FLOORS: usize = 16;

/// The place of a channel in its class: time of the last look, then the order of arrival.
pub(super) type Key = (Mono, u64, usize);

/// Weight x age, or, once its floor is in danger, the share of the floor that has passed, before all others.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(super) struct Score(f64);

impl Score {
    /// Greater by more than half.
    pub fn is_far_above(self, other: Score) -> bool {
        let above = |score: f64| if score >= BEFORE_ALL { score - BEFORE_ALL } else { score };
        let same = (self.0 >= BEFORE_ALL) == (other.0 >= BEFORE_ALL);
        if same { above(self.0) > 1.5 * above(other.0) } else { self.0 > other.0 }
    }
}

#[derive(Debug, Default)]
pub(super) struct Order {
    classes: Vec<Class>,
    floors: Vec<u64>,
    /// Channels in classes of patrol samples, those of catch-up and focus left out.
    ready: usize,
}

#[derive(Debug)]
struct Class {
    step: i32,
    floor_ms: u64,
    /// With activity's factor.
    weight: f64,
    /// Without.
    base_weight: f64,
    /// Age from which it is urgent, and one over the stretched floor; infinite and 0 without a floor.
    urgent_ms: f64,
    per_floor: f64,
    ready: BTreeSet<Key>,
    /// The same, by time of arrival, then by time of the last look.
    came: BTreeSet<(Mono, Mono, usize)>,
}

/// A channel's classes: at rest, and while something moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Classes {
    rest: usize,
    active: usize,
}

impl Classes {
    pub fn of(self, active: bool) -> usize {
        if active { self.active } else { self.rest }
    }
}

impl Order {
    pub fn classes(&mut self, weight: f32, floor_ms: u64, stretch: f64) -> Classes {
        let step = (weight.log2() * STEPS).round() as i32;
        let floor_ms = self.floor(floor_ms);
        Classes {
            rest: self.class(step, step, floor_ms, stretch),
            active: self.class(step + ACTIVE_STEPS, step, floor_ms, stretch),
        }
    }

    fn floor(&mut self, floor_ms: u64) -> u64 {
        if floor_ms == 0 || self.floors.contains(&floor_ms) {
            return floor_ms;
        }
        if self.floors.len() < FLOORS {
            self.floors.push(floor_ms);
            return floor_ms;
        }
        let octaves = ((floor_ms as f64).log2() * 2.0).floor() / 2.0;
        octaves.exp2() as u64
    }

    fn class(&mut self, step: i32, base: i32, floor_ms: u64, stretch: f64) -> usize {
        let base_weight = octaves(base);
        let known = |c: &Class| c.step == step && c.floor_ms == floor_ms && c.base_weight == base_weight;
        if let Some(class) = self.classes.iter().position(known) {
            return class;
        }
        let mut class = Class {
            step,
            floor_ms,
            weight: octaves(step),
            base_weight,
            urgent_ms: f64::INFINITY,
            per_floor: 0.0,
            ready: BTreeSet::new(),
            came: BTreeSet::new(),
        };
        class.stretch(stretch);
        self.classes.push(class);
        self.classes.len() - 1
    }

    /// Floors count `max(1, stretch / weight)` times from now on.
    pub fn stretch(&mut self, stretch: f64) {
        self.classes.iter_mut().for_each(|c| c.stretch(stretch));
    }

    /// The first of the class whose first has the greatest score; ties go to the one that was ready first.
    pub fn head(&self, now: Mono) -> Option<(Score, Key)> {
        let mut best: Option<(Score, Key)> = None;
        for class in &self.classes {
            let Some(key) = class.ready.first() else { continue };
            let score = class.score(key.0, now);
            if best.is_none_or(|(most, first)| score > most || (score == most && key.1 < first.1)) {
                best = Some((score, *key));
            }
        }
        best
    }

    /// What a channel of this class would have that was last looked at then.
    pub fn score(&self, class: usize, last: Mono, now: Mono) -> Score {
        self.classes.get(class).map_or(Score(0.0), |c| c.score(last, now))
    }

    /// The one that has the greatest weight x time of waiting, `look_ms` of its own look counted to it: what is equal goes
    /// in the order of arrival, and what weighs more waits less. None if one waits for longer than `most_ms`.
    pub fn first_come(&self, look_ms: f64, most_ms: f64, now: Mono) -> Option<usize> {
        let mut best: Option<(f64, Mono, usize)> = None;
        for class in &self.classes {
            let Some((came, last, index)) = class.came.first().copied() else { continue };
            let waited_ms = now.since_ms(came) as f64;
            if waited_ms > most_ms {
                return None;
            }
            let waits = class.weight * (waited_ms + look_ms);
            if best.is_none_or(|(most, oldest, _)| waits > most || (waits == most && last < oldest)) {
                best = Some((waits, last, index));
            }
        }
        best.map(|(.., index)| index)
    }

    /// `key` is by the last look; the sample came at `came`.
    pub fn insert(&mut self, class: usize, key: Key, came: Mono) {
        if let Some(class) = self.classes.get_mut(class) {
            self.ready += usize::from(class.ready.insert(key));
            class.came.insert((came, key.0, key.2));
        }
    }

    pub fn remove(&mut self, class: usize, key: &Key, came: Mono) {
        if let Some(class) = self.classes.get_mut(class) {
            self.ready -= usize::from(class.ready.remove(key));
            class.came.remove(&(came, key.0, key.2));
        }
    }

    pub fn len(&self) -> usize {
        self.ready
    }

    #[cfg(test)]
    pub fn contains(&self, class: usize, key: &Key, came: Mono) -> bool {
        let class = &self.classes[class];
        class.ready.contains(key) && class.came.contains(&(came, key.0, key.2)) && class.ready.len() == class.came.len()
    }
}

impl Class {
    fn score(&self, last: Mono, now: Mono) -> Score {
        let age = now.since_ms(last) as f64;
        Score(if age >= self.urgent_ms { BEFORE_ALL + age * self.per_floor * 1e6 } else { self.weight * age })
    }

    fn stretch(&mut self, stretch: f64) {
        if self.floor_ms > 0 {
            let floor = self.floor_ms as f64 * (stretch / self.base_weight).max(1.0);
            self.urgent_ms = URGENT * floor;
            self.per_floor = 1.0 / floor;
        }
    }
}

/// A weight within what is allowed.
pub(super) fn weight_within(weight: f32) -> f32 {
    if weight.is_finite() { weight.clamp(MIN_WEIGHT, MAX_WEIGHT) } else { 1.0 }
}

fn octaves(step: i32) -> f64 {
    f64::from(step as f32 / STEPS).exp2()
}
