//! Access units on their way: the pre-roll ring of each channel, and its monotonic timeline.
//!
//! In go access units as `ingest` gives them; out come the latest key unit, the present group of pictures, the run of
//! units that leads a decoder to the present, and the pre-roll. Memory is bounded a channel and over all channels. Over
//! the total the longest rings shrink first: to their present group of pictures, then to its key unit, and only then
//! does a ring go empty.
//!
//! Each ring has a lock of its own, held for a push or while references are counted up, so that making room in
//! thousands of rings never holds up the tasks that read sockets. Time is the units' own ingest time; nothing here does
//! I/O, blocks or copies picture data.

pub mod ring;
pub mod timeline;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use metrics::{counter, gauge};
use parking_lot::{Mutex, RwLock};

pub use ring::{Limits, Ring};
pub use timeline::Timeline;

use crate::config;
use crate::types::{AccessUnit, ChannelId};

type Shared = Arc<Mutex<Ring>>;

/// See [`Media::hold`].
pub struct Hold(Shared);

/// The rings of all channels.
pub struct Media {
    limits: Limits,
    rings: RwLock<HashMap<ChannelId, Shared>>,
    /// Held over all rings.
    bytes: AtomicU64,
    /// Units given up because the total was reached.
    shrunk: AtomicU64,
    /// Held while room is made.
    shrinking: Mutex<()>,
}

impl Media {
    /// `memory_bytes` is the machine's memory, of which a quarter is taken where the configuration says 0.
    pub fn new(options: &config::Media, memory_bytes: u64) -> Self {
        let total = match options.preroll_total_bytes {
            0 => memory_bytes / 4,
            bytes => bytes,
        };
        Self::with(Limits {
            preroll_ms: u64::from(options.preroll_s) * 1000,
            channel_bytes: options.preroll_channel_bytes,
            total_bytes: total,
        })
    }

    pub fn with(limits: Limits) -> Self {
        gauge!("skyeye_media_ring_bound_bytes").set(limits.total_bytes as f64);
        Self {
            limits,
            rings: RwLock::default(),
            bytes: AtomicU64::new(0),
            shrunk: AtomicU64::new(0),
            shrinking: Mutex::new(()),
        }
    }

    /// Keeps a unit for as long as the bounds allow. The total is exceeded at most by what other threads push while one
    /// of them makes room.
    pub fn push(&self, unit: &AccessUnit) {
        self.push_to(&self.hold(&unit.channel), unit.clone());
    }

    /// A channel's ring in hand: whoever pushes thousands of units looks it up once. After `forget` it takes nothing.
    pub fn hold(&self, channel: &ChannelId) -> Hold {
        Hold(self.ring(channel).unwrap_or_else(|| {
            let new = || Arc::new(Mutex::new(Ring::new(channel.clone())));
            self.rings.write().entry(channel.clone()).or_insert_with(new).clone()
        }))
    }

    /// `push` for who has the ring in hand and is done with the unit.
    pub fn push_to(&self, ring: &Hold, unit: AccessUnit) {
        let key = unit.key;
        let (before, after) = {
            let mut ring = ring.0.lock();
            let before = ring.bytes();
            ring.push(unit, &self.limits);
            (before, ring.bytes())
        };
        let bytes = self.account(before, after);
        if bytes > self.limits.total_bytes {
            self.shrink();
        }
        if key {
            gauge!("skyeye_media_ring_bytes").set(self.bytes() as f64);
        }
    }

    fn ring(&self, channel: &ChannelId) -> Option<Shared> {
        self.rings.read().get(channel).cloned()
    }

    fn account(&self, before: u64, after: u64) -> u64 {
        let change = after.wrapping_sub(before);
        self.bytes.fetch_add(change, Ordering::Relaxed).wrapping_add(change)
    }

    /// Makes room. It goes a tenth below the bound, so that sorting all rings is paid for by many pushes.
    fn shrink(&self) {
        let Some(_one_at_a_time) = self.shrinking.try_lock() else { return };
        let target = self.limits.total_bytes - self.limits.total_bytes / 10;
        let rings: Vec<Shared> = self.rings.read().values().cloned().collect();
        let mut dropped = 0;
        for step in [Ring::keep_present_gop, Ring::keep_key, Ring::clear] {
            let mut by_size: Vec<(u64, &Shared)> = rings.iter().map(|r| (r.lock().bytes(), r)).collect();
            by_size.sort_unstable_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
            for (_, ring) in by_size {
                if self.bytes() <= target {
                    break;
                }
                let mut ring = ring.lock();
                let (bytes, units) = (ring.bytes(), ring.count());
                step(&mut ring);
                self.account(bytes, ring.bytes());
                dropped += (units - ring.count()) as u64;
            }
        }
        if dropped > 0 {
            self.shrunk.fetch_add(dropped, Ordering::Relaxed);
            counter!("skyeye_media_shrunk_units_total").increment(dropped);
        }
    }

    /// The newest unit that can be decoded alone.
    pub fn latest_key(&self, channel: &ChannelId) -> Option<AccessUnit> {
        self.ring(channel)?.lock().latest_key()
    }

    /// From the latest key unit to the newest unit, without a hole; empty where the ring has no key unit.
    pub fn present_gop(&self, channel: &ChannelId) -> Vec<AccessUnit> {
        self.ring(channel).map_or_else(Vec::new, |r| r.lock().present_gop())
    }

    /// What must be decoded to get from the unit at `after` (its `timeline_90k` and `session`) to the newest one, or,
    /// without `after`, to get there from the present key unit; of a longer way the first [`ring::MAX_RUN`] units. Empty
    /// where `after` is the newest. Where a newer group began since `after`, the run begins at its key unit. `None` if the
    /// newest unit cannot be reached: the ring has a hole or no key unit, or `after` is of another session or not kept.
    /// Then ask again without `after`, and if that gives nothing too, wait for the next key unit.
    pub fn run(&self, channel: &ChannelId, after: Option<(i64, u32)>) -> Option<Vec<AccessUnit>> {
        self.ring(channel)?.lock().run(after)
    }

    /// All that is kept of a channel, beginning with a key unit.
    pub fn preroll(&self, channel: &ChannelId) -> Vec<AccessUnit> {
        self.ring(channel).map_or_else(Vec::new, |r| r.lock().preroll())
    }

    /// Frees what is kept of a channel that is no longer configured.
    pub fn forget(&self, channel: &ChannelId) {
        let Some(ring) = self.rings.write().remove(channel) else { return };
        // A push that has the ring in hand already must find that it is no more.
        let mut ring = ring.lock();
        let before = ring.bytes();
        ring.close();
        self.account(before, 0);
    }

    /// What all channels together may hold at most.
    pub fn bound_bytes(&self) -> u64 {
        self.limits.total_bytes
    }

    /// Bytes held over all channels.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Units given up because the total was reached.
    pub fn shrunk(&self) -> u64 {
        self.shrunk.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests;
