//! The rings themselves, without a lock, so that tests can drive them step by step.

use std::collections::{HashMap, VecDeque};

use crate::types::{AccessUnit, ChannelId};

/// What one unit costs beside its bytes; without it a stream of tiny units would escape the bounds.
const UNIT_OVERHEAD: u64 = size_of::<AccessUnit>() as u64 + 64;

/// The longest run of units: a minute at 17 pictures a second, and more than a second of decoding.
pub const MAX_RUN: usize = 1024;

#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Kept a channel; the present group of pictures is kept even where it is longer.
    pub preroll_ms: u64,
    pub channel_bytes: u64,
    pub total_bytes: u64,
}

/// The pre-roll of all channels.
#[derive(Debug)]
pub struct Rings {
    limits: Limits,
    rings: HashMap<ChannelId, Ring>,
    bytes: u64,
    /// Units given up because the total was reached.
    shrunk: u64,
}

#[derive(Debug, Default)]
struct Ring {
    /// Empty, or the first one is a key unit.
    units: VecDeque<AccessUnit>,
    /// Index of the newest key unit.
    last_key: usize,
    bytes: u64,
    /// A unit of the present group was not kept: no more units are until the next key.
    hole: bool,
}

impl Ring {
    fn cost(unit: &AccessUnit) -> u64 {
        unit.data.len() as u64 + UNIT_OVERHEAD
    }

    fn pop_front(&mut self) {
        if let Some(unit) = self.units.pop_front() {
            self.bytes -= Self::cost(&unit);
            self.last_key = self.last_key.saturating_sub(1);
        }
    }

    fn pop_back(&mut self) {
        if let Some(unit) = self.units.pop_back() {
            self.bytes -= Self::cost(&unit);
        }
    }

    /// Index of the second key unit, where the second group begins.
    fn second_key(&self) -> Option<usize> {
        self.units.iter().skip(1).position(|u| u.key).map(|i| i + 1)
    }

    fn drop_first(&mut self, count: usize) {
        for _ in 0..count {
            self.pop_front();
        }
    }

    fn keep_present_gop(&mut self) {
        self.drop_first(self.last_key);
    }

    fn keep_key(&mut self) {
        self.keep_present_gop();
        while self.units.len() > 1 {
            self.pop_back();
            self.hole = true;
        }
    }

    fn clear(&mut self) {
        self.units.clear();
        self.bytes = 0;
        self.last_key = 0;
        self.hole = true;
    }

    fn push(&mut self, unit: &AccessUnit, limits: &Limits) {
        if unit.key {
            self.hole = false;
            self.last_key = self.units.len();
        } else if self.hole || self.units.is_empty() {
            return;
        }
        self.units.push_back(unit.clone());
        self.bytes += Self::cost(unit);
        // A group goes when the next one alone covers the pre-roll.
        while let Some(second) = self.second_key()
            && self.units.get(second).is_some_and(|u| unit.ingested.since_ms(u.ingested) >= limits.preroll_ms)
        {
            self.drop_first(second);
        }
        while self.bytes > limits.channel_bytes {
            match self.second_key() {
                Some(second) => self.drop_first(second),
                None if self.units.len() > 1 => self.keep_key(),
                None => self.clear(),
            }
        }
    }
}

impl Rings {
    pub fn new(limits: Limits) -> Self {
        Self { limits, rings: HashMap::new(), bytes: 0, shrunk: 0 }
    }

    pub fn push(&mut self, unit: &AccessUnit) {
        let ring = match self.rings.get_mut(&unit.channel) {
            Some(ring) => ring,
            None => self.rings.entry(unit.channel.clone()).or_default(),
        };
        self.bytes -= ring.bytes;
        ring.push(unit, &self.limits);
        self.bytes += ring.bytes;
        if self.bytes > self.limits.total_bytes {
            self.shrink();
        }
    }

    /// Makes room. It goes a tenth below the bound, so that sorting all rings is paid for by many pushes.
    fn shrink(&mut self) {
        let target = self.limits.total_bytes - self.limits.total_bytes / 10;
        let mut by_size: Vec<&mut Ring> = self.rings.values_mut().collect();
        for step in [Ring::keep_present_gop, Ring::keep_key, Ring::clear] {
            by_size.sort_unstable_by_key(|r| std::cmp::Reverse(r.bytes));
            for ring in &mut by_size {
                if self.bytes <= target {
                    return;
                }
                let (bytes, units) = (ring.bytes, ring.units.len());
                step(ring);
                self.bytes -= bytes - ring.bytes;
                self.shrunk += (units - ring.units.len()) as u64;
            }
        }
    }

    pub fn latest_key(&self, channel: &ChannelId) -> Option<AccessUnit> {
        let ring = self.rings.get(channel)?;
        ring.units.get(ring.last_key).cloned()
    }

    pub fn present_gop(&self, channel: &ChannelId) -> Vec<AccessUnit> {
        self.rings.get(channel).map_or_else(Vec::new, |r| r.units.iter().skip(r.last_key).cloned().collect())
    }

    /// See [`super::Media::run`].
    pub fn run(&self, channel: &ChannelId, after: Option<(i64, u32)>) -> Option<Vec<AccessUnit>> {
        let ring = self.rings.get(channel).filter(|r| !r.hole)?;
        let key = ring.units.get(ring.last_key)?;
        let from = match after {
            Some((_, session)) if session != key.session => return None,
            Some((at, _)) if at >= key.timeline_90k => {
                // The timeline only goes forward, so that the units of a ring are in its order.
                ring.units.binary_search_by_key(&at, |u| u.timeline_90k).ok()? + 1
            }
            _ => ring.last_key,
        };
        let run = ring.units.len() - from;
        (run <= MAX_RUN).then(|| ring.units.range(from..).cloned().collect())
    }

    pub fn preroll(&self, channel: &ChannelId) -> Vec<AccessUnit> {
        self.rings.get(channel).map_or_else(Vec::new, |r| r.units.iter().cloned().collect())
    }

    pub fn forget(&mut self, channel: &ChannelId) {
        if let Some(ring) = self.rings.remove(channel) {
            self.bytes -= ring.bytes;
        }
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn shrunk(&self) -> u64 {
        self.shrunk
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::types::{Codec, Mono, Wall};

    fn unit(channel: &str, key: bool, bytes: usize, at_ms: u64) -> AccessUnit {
        AccessUnit {
            channel: ChannelId::new(channel).unwrap(),
            codec: Codec::H264,
            key,
            data: Bytes::from(vec![0; bytes]),
            timeline_90k: at_ms as i64 * 90,
            ingested: Mono(at_ms),
            ingested_wall: Wall(0),
            seen: Wall(0),
            camera_clock: false,
            session: 1,
        }
    }

    const WIDE: Limits = Limits { preroll_ms: 3000, channel_bytes: 1 << 20, total_bytes: 1 << 30 };

    /// A 10 Hz stream with a key unit of 1,000 bytes each second and others of 100 bytes.
    fn second(rings: &mut Rings, channel: &str, from_ms: u64) {
        for i in 0..10 {
            rings.push(&unit(channel, i == 0, if i == 0 { 1000 } else { 100 }, from_ms + i * 100));
        }
    }

    #[test]
    fn it_keeps_whole_groups_that_cover_the_preroll() {
        let mut rings = Rings::new(WIDE);
        let a = ChannelId::new("a").unwrap();
        for s in 0..10 {
            second(&mut rings, "a", s * 1000);
        }
        let kept = rings.preroll(&a);
        assert!(kept[0].key);
        assert_eq!(kept[0].ingested, Mono(6000), "the group of 7,000 covers only 2.9 s of the 3 s");
        assert_eq!(rings.present_gop(&a).len(), 10);
        assert_eq!(rings.latest_key(&a).unwrap().ingested, Mono(9000));
    }

    #[test]
    fn a_group_longer_than_the_preroll_stays_whole() {
        let mut rings = Rings::new(WIDE);
        rings.push(&unit("a", true, 10, 0));
        for i in 1..200 {
            rings.push(&unit("a", false, 10, i * 100));
        }
        assert_eq!(rings.present_gop(&ChannelId::new("a").unwrap()).len(), 200);
    }

    #[test]
    fn a_stream_that_begins_without_a_key_is_not_kept() {
        let mut rings = Rings::new(WIDE);
        rings.push(&unit("a", false, 10, 0));
        assert_eq!(rings.bytes(), 0);
    }

    #[test]
    fn under_the_total_the_longest_shrinks_first() {
        // A little over three seconds of `a` and one of `b` fit.
        let mut rings = Rings::new(Limits { total_bytes: 17_000, ..WIDE });
        let (a, b) = (ChannelId::new("a").unwrap(), ChannelId::new("b").unwrap());
        second(&mut rings, "b", 0);
        for s in 0..4 {
            second(&mut rings, "a", s * 1000);
        }
        assert!(rings.bytes() <= 17_000);
        assert_eq!(rings.preroll(&b).len(), 10, "the shorter ring is untouched");
        assert!(rings.preroll(&a).len() < 40);
        assert!(rings.shrunk() > 0);
    }

    #[test]
    fn after_a_hole_the_group_is_not_continued() {
        // Room for the key unit and a few more.
        let mut rings = Rings::new(Limits { channel_bytes: 2200, ..WIDE });
        let a = ChannelId::new("a").unwrap();
        second(&mut rings, "a", 0);
        assert_eq!(rings.present_gop(&a).len(), 1, "only the key unit: what came later would follow a hole");
        rings.push(&unit("a", true, 1000, 1000));
        assert_eq!(rings.latest_key(&a).unwrap().ingested, Mono(1000));
    }

    #[test]
    fn a_run_goes_from_what_was_decoded_to_the_present() {
        let mut rings = Rings::new(WIDE);
        let a = ChannelId::new("a").unwrap();
        let times = |run: Option<Vec<AccessUnit>>| -> Option<Vec<i64>> {
            run.map(|r| r.iter().map(|u| u.timeline_90k / 90).collect())
        };
        assert_eq!(times(rings.run(&a, None)), None);
        rings.push(&unit("a", true, 10, 1000));
        (1..4).for_each(|i| rings.push(&unit("a", false, 10, 1000 + i * 100)));
        assert_eq!(times(rings.run(&a, None)), Some(vec![1000, 1100, 1200, 1300]));
        assert_eq!(times(rings.run(&a, Some((1100 * 90, 1)))), Some(vec![1200, 1300]));
        assert_eq!(times(rings.run(&a, Some((1300 * 90, 1)))), Some(vec![]));
        assert_eq!(times(rings.run(&a, Some((1150 * 90, 1)))), None, "not kept");
        assert_eq!(times(rings.run(&a, Some((1400 * 90, 1)))), None, "not kept");
        assert_eq!(times(rings.run(&a, Some((1100 * 90, 2)))), None, "another session");
        // A new group.
        rings.push(&unit("a", true, 10, 2000));
        rings.push(&unit("a", false, 10, 2100));
        assert_eq!(times(rings.run(&a, Some((1200 * 90, 1)))), Some(vec![2000, 2100]));
        assert_eq!(times(rings.run(&a, Some((1200 * 90, 2)))), None, "another session's");
        assert_eq!(times(rings.run(&a, Some((2000 * 90, 1)))), Some(vec![2100]));
    }

    #[test]
    fn a_run_never_leaps_over_a_hole_and_is_bounded() {
        let mut rings = Rings::new(Limits { channel_bytes: 2200, ..WIDE });
        let a = ChannelId::new("a").unwrap();
        second(&mut rings, "a", 0);
        assert_eq!(rings.preroll(&a).len(), 1, "what came later did not fit");
        assert!(rings.run(&a, None).is_none(), "the newest unit cannot be reached");
        let mut rings = Rings::new(WIDE);
        rings.push(&unit("a", true, 0, 0));
        (1..MAX_RUN as u64).for_each(|i| rings.push(&unit("a", false, 0, i)));
        assert_eq!(rings.run(&a, None).unwrap().len(), MAX_RUN);
        rings.push(&unit("a", false, 0, MAX_RUN as u64));
        assert!(rings.run(&a, None).is_none());
        assert_eq!(rings.run(&a, Some((90, 1))).unwrap().len(), MAX_RUN - 1);
    }

    proptest! {
        #[test]
        fn the_bounds_hold_after_every_push(
            pushes in prop::collection::vec((0usize..4, prop::bool::weighted(0.2), 0usize..5000, 0u64..400), 1..400),
            channel_bytes in 1000u64..20_000,
            total_bytes in 1000u64..40_000,
        ) {
            let limits = Limits { preroll_ms: 1000, channel_bytes, total_bytes };
            let mut rings = Rings::new(limits);
            let mut at = 0;
            for (channel, key, bytes, wait) in pushes {
                at += wait + 1;
                rings.push(&unit(["a", "b", "c", "d"][channel], key, bytes, at));
                let mut sum = 0;
                for id in ["a", "b", "c", "d"].map(|c| ChannelId::new(c).unwrap()) {
                    let kept = rings.preroll(&id);
                    let own: u64 = kept.iter().map(Ring::cost).sum();
                    prop_assert!(own <= channel_bytes);
                    sum += own;
                    prop_assert!(kept.first().is_none_or(|u| u.key));
                    let gop = rings.present_gop(&id);
                    prop_assert!(gop.iter().skip(1).all(|u| !u.key));
                    prop_assert_eq!(gop.first().map(|u| u.ingested), rings.latest_key(&id).map(|u| u.ingested));
                    if let Some(run) = rings.run(&id, None) {
                        prop_assert_eq!(run.len(), gop.len());
                        for (i, unit) in gop.iter().enumerate() {
                            let rest = rings.run(&id, Some((unit.timeline_90k, 1))).unwrap();
                            prop_assert_eq!(rest.len(), gop.len() - i - 1);
                        }
                    }
                    // No hole: what is kept of the present group are its first units in order.
                    prop_assert!(gop.windows(2).all(|w| w[0].timeline_90k <= w[1].timeline_90k));
                }
                prop_assert_eq!(sum, rings.bytes());
                prop_assert!(sum <= total_bytes);
            }
        }
    }
}
