//! Whose turn it is: the core that keeps latency bounded when there is more to look at than the box can.
//!
//! In go samples, at most one pending a channel (a newer one takes the older one's place, counted); out comes, each
//! time a worker asks, the sample whose turn it is. There are two lanes. Patrol's order is weighted age: weight x time
//! since the channel's last look, so that under overload the rate of looks falls and their latency does not, shares
//! follow the weights, and no channel starves, since its age grows until it is the greatest; while all that wait will
//! be looked at in time, they go in the order of arrival, which keeps the slowest look short. Focus and catch-up go
//! before patrol for as long as their share of the workers' time lasts. A sample past its deadline is dropped and
//! counted: the next one is worth more. A channel has at most one sample in flight.
//!
//! What the workers can do is measured from what they did (`done`), never configured; `capacity` tells it, and `floors`
//! whether the least rates of all channels fit into it.
//!
//! `Schedule` is pure and deterministic, time is an argument. `Queue` is the same behind a lock, for worker threads.
//! `demand` holds what goes the other way: the latest wish a channel, which `sample` reads.

mod core;
pub mod demand;
mod floors;
pub mod focus;
mod lanes;
mod looks;
mod meter;
mod order;
mod queue;
mod report;

pub use self::core::Schedule;
pub use demand::Demand;
pub use lanes::FOCUS_PART;
pub use queue::{Queue, Taken};
pub use report::{Capacity, Drops, FloorState, Floors, Late};

use crate::types::{AccessUnit, Mono};

/// Why a sample was chosen, and how it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub enum Tier {
    /// A key unit, decoded alone.
    #[default]
    Patrol,
    /// The present group of pictures, from its key unit to the newest unit that the pre-roll holds at the time of the
    /// look; `Sample::unit` only says which channel and when.
    CatchUp,
    /// The units since the last look, by the channel's own decoder.
    Focus,
}

impl Tier {
    pub const ALL: [Tier; 3] = [Tier::Patrol, Tier::CatchUp, Tier::Focus];

    /// As in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Tier::Patrol => "patrol",
            Tier::CatchUp => "catch_up",
            Tier::Focus => "focus",
        }
    }
}

/// An access unit chosen to be looked at.
#[derive(Debug, Clone)]
pub struct Sample {
    pub unit: AccessUnit,
    /// When it was offered; its deadline counts from here.
    pub offered: Mono,
    pub tier: Tier,
    /// Something moves: in patrol it goes before what rests.
    pub active: bool,
}

/// What a schedule is told; all else it measures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// A sample that has waited longer is dropped and counted.
    pub deadline_ms: u64,
    /// Share of the workers' time, 0 to 1, that focus and catch-up may take while patrol has something to look at.
    pub focus_share: f32,
    /// How many samples can be worked on at once.
    pub workers: usize,
    /// When nothing fresh waits, or only what was looked at far more lately, hand out a channel whose sample grew too old as a catch-up. Only for workers that take
    /// the units of a catch-up from the pre-roll: such a sample has no data.
    pub recall: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { deadline_ms: 300, focus_share: 0.5, workers: 1, recall: false }
    }
}
