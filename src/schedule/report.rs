//! What the schedule tells about itself: what was given up, what the workers can do, and whether the floors are kept.
//! Plain data for health, metrics and the console.

use crate::types::ChannelId;

/// What was given up, by reason, since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drops {
    /// A newer sample of the channel came before its turn.
    pub replaced: u64,
    /// It waited longer than the deadline.
    pub expired: u64,
    /// Its channel is not (or no longer) known.
    pub unknown: u64,
}

impl Drops {
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            replaced: self.replaced + other.replaced,
            expired: self.expired + other.expired,
            unknown: self.unknown + other.unknown,
        }
    }
}

/// What the workers can do, measured from what they did.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Capacity {
    pub workers: usize,
    /// Workers that do not come back from a look, by far longer than usual; not in `looks_hz`.
    pub stalled: usize,
    /// Patrol looks a second that all workers together could make at the present time of service; 0: not yet measured.
    pub looks_hz: f32,
    /// Worker time of one look in microseconds, by tier (index `Tier as usize`); 0: not yet measured.
    pub service_us: [f32; 3],
    /// Share of the workers' time that was used over the last ten seconds, 0 to 1.
    pub utilisation: f32,
    /// The part of `utilisation` that was focus and catch-up.
    pub focus_utilisation: f32,
    /// Looks that ended a second over the last ten seconds, all tiers.
    pub finished_hz: f32,
}

/// Whether each channel gets its floor: a look in at least that time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Floors {
    /// Looks a second that all floors together need.
    pub needed_hz: f32,
    /// Looks a second that are there for patrol: capacity less what focus and catch-up use; 0: not yet measured.
    pub available_hz: f32,
    /// By how much the floor of the lightest channels is longer than it should be; 1: all floors fit. Heavier channels
    /// stretch less, in proportion to weight; each one's own is in `Schedule::floor`.
    pub stretch: f32,
    /// Channels with a floor, and those of them whose last look is longer ago than it, whatever the reason.
    pub channels: usize,
    pub missed: usize,
    /// Channels with a floor that were not looked at within their (stretched) floor although they offered samples.
    pub late: usize,
    /// Channels with a floor that offered no sample within it: offline, or their key frames come too rarely.
    pub silent: usize,
    /// The latest of the late ones first, at most a hundred.
    pub latest: Vec<Late>,
}

impl Floors {
    /// True if the floors fit and nobody is late.
    pub fn kept(&self) -> bool {
        self.stretch <= 1.0 && self.late == 0
    }
}

/// A channel that was not looked at within its stretched floor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Late {
    pub channel: ChannelId,
    /// Since the last look, or since it was registered.
    pub age_ms: u64,
    pub floor_ms: u64,
    /// What can be promised at present instead of the floor.
    pub stretched_ms: u64,
}

/// One channel's floor at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FloorState {
    pub floor_ms: u64,
    pub stretched_ms: u64,
    /// Since the last look, or since it was registered.
    pub age_ms: u64,
    /// Since the last sample offered, or since it was registered.
    pub offered_ms: u64,
}

impl FloorState {
    /// It is not looked at within its stretched floor although it offered samples.
    pub fn is_late(&self) -> bool {
        self.age_ms > self.stretched_ms && !self.is_silent()
    }

    /// It offered no sample within its floor.
    pub fn is_silent(&self) -> bool {
        self.offered_ms > self.floor_ms
    }
}
