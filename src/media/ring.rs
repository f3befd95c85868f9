//! One channel's ring: whole groups of pictures, the first unit a key unit, without a hole.
//!
//! In go units and the bounds; what goes out of the ring is freed at once. No lock and no clock, so that tests can
//! drive it step by step. What a push costs does not grow with the length of a group: key units are known by number.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::types::{AccessUnit, ChannelId, Codec, Mono, Wall};

/// What one unit costs beside its bytes: its entry here, its share of spare entries, and what the allocator adds.
/// Without it a stream of tiny units would escape the bounds.
pub const UNIT_OVERHEAD: u64 = size_of::<Kept>() as u64 + 64;

/// The longest run of units: a minute at 17 pictures a second, and more than a second of decoding. Of a longer way this is
/// the first part.
pub const MAX_RUN: usize = 1024;

#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Kept a channel; the present group of pictures is kept even where it is longer.
    pub preroll_ms: u64,
    pub channel_bytes: u64,
    pub total_bytes: u64,
}

/// An access unit without its channel, which the ring knows.
#[derive(Debug)]
struct Kept {
    data: Bytes,
    timeline_90k: i64,
    ingested: Mono,
    ingested_wall: Wall,
    seen: Wall,
    session: u32,
    codec: Codec,
    key: bool,
    camera_clock: bool,
}

impl Kept {
    fn cost(&self) -> u64 {
        self.data.len() as u64 + UNIT_OVERHEAD
    }

    fn unit(&self, channel: &ChannelId) -> AccessUnit {
        AccessUnit {
            channel: channel.clone(),
            codec: self.codec,
            key: self.key,
            data: self.data.clone(),
            timeline_90k: self.timeline_90k,
            ingested: self.ingested,
            ingested_wall: self.ingested_wall,
            seen: self.seen,
            camera_clock: self.camera_clock,
            session: self.session,
        }
    }
}

/// The pre-roll of one channel.
#[derive(Debug)]
pub struct Ring {
    channel: ChannelId,
    /// Empty, or the first one is a key unit.
    units: VecDeque<Kept>,
    /// Number of the first unit; units are numbered from 0 on.
    first: u64,
    /// Numbers of the key units in the ring, in order.
    keys: VecDeque<u64>,
    bytes: u64,
    /// A unit of the present group was not kept: no more units are until the next key.
    hole: bool,
    /// The channel is no more: nothing is kept.
    closed: bool,
}

impl Ring {
    pub fn new(channel: ChannelId) -> Self {
        Self { channel, units: VecDeque::new(), first: 0, keys: VecDeque::new(), bytes: 0, hole: false, closed: false }
    }

    /// Bytes held, overhead included.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn count(&self) -> usize {
        self.units.len()
    }

    /// Index of the key unit `back` groups before the present one.
    fn key_index(&self, back: usize) -> Option<usize> {
        let number = self.keys.get(self.keys.len().checked_sub(back + 1)?)?;
        usize::try_from(number - self.first).ok()
    }

    /// Drops the first group; there is another one.
    fn drop_group(&mut self) {
        self.keys.pop_front();
        let until = self.keys.front().copied().unwrap_or(self.first + self.units.len() as u64);
        while self.first < until
            && let Some(unit) = self.units.pop_front()
        {
            self.bytes -= unit.cost();
            self.first += 1;
        }
    }

    pub fn keep_present_gop(&mut self) {
        while self.keys.len() > 1 {
            self.drop_group();
        }
    }

    pub fn keep_key(&mut self) {
        self.keep_present_gop();
        if self.units.len() > 1 {
            self.hole = true;
            self.units.truncate(1);
            self.bytes = self.units.front().map_or(0, Kept::cost);
            self.units.shrink_to_fit();
        }
    }

    pub fn clear(&mut self) {
        self.first += self.units.len() as u64;
        self.units = VecDeque::new();
        self.keys.clear();
        self.bytes = 0;
        self.hole = true;
    }

    /// Clears it for good.
    pub fn close(&mut self) {
        self.clear();
        self.closed = true;
    }

    pub fn push(&mut self, unit: AccessUnit, limits: &Limits) {
        if self.closed {
            return;
        }
        if unit.key {
            self.hole = false;
            self.keys.push_back(self.first + self.units.len() as u64);
        } else if self.hole || self.units.is_empty() {
            return;
        }
        if self.units.len() == self.units.capacity() {
            // Doubling would leave half of it empty in thousands of channels.
            self.units.reserve_exact(self.units.len() / 4 + 8);
        }
        let kept = Kept {
            data: unit.data,
            timeline_90k: unit.timeline_90k,
            ingested: unit.ingested,
            ingested_wall: unit.ingested_wall,
            seen: unit.seen,
            session: unit.session,
            codec: unit.codec,
            key: unit.key,
            camera_clock: unit.camera_clock,
        };
        self.bytes += kept.cost();
        self.units.push_back(kept);
        // A group goes when the next one alone covers the pre-roll.
        while let Some(second) = self.keys.get(1)
            && let Some(second) = self.units.get((second - self.first) as usize)
            && unit.ingested.since_ms(second.ingested) >= limits.preroll_ms
        {
            self.drop_group();
        }
        while self.bytes > limits.channel_bytes {
            match self.keys.len() {
                2.. => self.drop_group(),
                _ if self.units.len() > 1 => self.keep_key(),
                _ => self.clear(),
            }
        }
    }

    pub fn latest_key(&self) -> Option<AccessUnit> {
        self.units.get(self.key_index(0)?).map(|u| u.unit(&self.channel))
    }

    pub fn present_gop(&self) -> Vec<AccessUnit> {
        self.key_index(0).map_or_else(Vec::new, |key| self.from(key))
    }

    pub fn preroll(&self) -> Vec<AccessUnit> {
        self.from(0)
    }

    fn from(&self, index: usize) -> Vec<AccessUnit> {
        self.units.range(index.min(self.units.len())..).map(|u| u.unit(&self.channel)).collect()
    }

    /// See [`super::Media::run`].
    pub fn run(&self, after: Option<(i64, u32)>) -> Option<Vec<AccessUnit>> {
        if self.hole {
            return None;
        }
        let last_key = self.key_index(0)?;
        let key = self.units.get(last_key)?;
        let from = match after {
            Some((_, session)) if session != key.session => return None,
            Some((at, _)) if at >= key.timeline_90k => {
                // The timeline only goes forward, so that the units of a ring are in its order.
                self.units.binary_search_by_key(&at, |u| u.timeline_90k).ok()? + 1
            }
            _ => last_key,
        };
        Some(self.units.range(from..).take(MAX_RUN).map(|u| u.unit(&self.channel)).collect())
    }
}
