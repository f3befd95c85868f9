//! Access units on their way: the pre-roll ring of each channel, and its monotonic timeline.
//!
//! In go access units as `ingest` gives them; out come the latest key unit, the present group of pictures and the
//! pre-roll. Memory is bounded a channel and over all channels. Over the total the longest rings shrink first: to
//! their present group of pictures, then to its key unit, and only then does a ring go empty.
//!
//! Time is the units' own ingest time; nothing here does I/O, blocks or copies picture data.

pub mod ring;
pub mod timeline;

use metrics::{counter, gauge};
use parking_lot::Mutex;

pub use ring::{Limits, Rings};
pub use timeline::Timeline;

use crate::config;
use crate::types::{AccessUnit, ChannelId};

/// The rings of all channels behind one lock: a push holds it for well under a microsecond, so that sharding would
/// buy nothing at the rates of one machine.
pub struct Media {
    rings: Mutex<Rings>,
}

impl Media {
    /// `memory_bytes` is the machine's memory, of which a quarter is taken where the configuration says 0.
    pub fn new(options: &config::Media, memory_bytes: u64) -> Self {
        let total = match options.preroll_total_bytes {
            0 => memory_bytes / 4,
            bytes => bytes,
        };
        let limits = Limits {
            preroll_ms: u64::from(options.preroll_s) * 1000,
            channel_bytes: options.preroll_channel_bytes,
            total_bytes: total,
        };
        Self { rings: Mutex::new(Rings::new(limits)) }
    }

    /// Keeps a unit for as long as the bounds allow.
    pub fn push(&self, unit: &AccessUnit) {
        let mut rings = self.rings.lock();
        let dropped_before = rings.shrunk();
        rings.push(unit);
        let dropped = rings.shrunk() - dropped_before;
        if unit.key {
            gauge!("skyeye_media_ring_bytes").set(rings.bytes() as f64);
        }
        if dropped > 0 {
            counter!("skyeye_media_shrunk_units_total").increment(dropped);
        }
    }

    /// The newest unit that can be decoded alone.
    pub fn latest_key(&self, channel: &ChannelId) -> Option<AccessUnit> {
        self.rings.lock().latest_key(channel)
    }

    /// From the latest key unit to the newest unit, without a hole; empty where the ring has no key unit.
    pub fn present_gop(&self, channel: &ChannelId) -> Vec<AccessUnit> {
        self.rings.lock().present_gop(channel)
    }

    /// What must be decoded to get from the unit at `after` (its `timeline_90k` and `session`) to the newest one, or,
    /// without `after`, to get there from the present key unit: at most [`ring::MAX_RUN`] units, none where `after` is the
    /// newest. Where a newer group began since `after`, the run begins at its key unit. `None` if the newest unit
    /// cannot be reached: the ring has a hole or no key unit, `after` is of another session or not kept, or the group
    /// is too long. Then ask again without `after`, and if that gives nothing too, wait for the next key unit.
    pub fn run(&self, channel: &ChannelId, after: Option<(i64, u32)>) -> Option<Vec<AccessUnit>> {
        self.rings.lock().run(channel, after)
    }

    /// All that is kept of a channel, beginning with a key unit.
    pub fn preroll(&self, channel: &ChannelId) -> Vec<AccessUnit> {
        self.rings.lock().preroll(channel)
    }

    /// Frees what is kept of a channel that is no longer configured.
    pub fn forget(&self, channel: &ChannelId) {
        self.rings.lock().forget(channel);
    }

    /// Bytes held over all channels.
    pub fn bytes(&self) -> u64 {
        self.rings.lock().bytes()
    }
}
