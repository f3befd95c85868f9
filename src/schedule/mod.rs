//! Whose turn it is: the core that keeps latency bounded when there is more to look at than the box can.
//!
//! In go samples, at most one pending a channel (a newer one takes the older one's place, counted); out comes, each
//! time a worker asks, the sample of the channel with the greatest weighted age: weight x time since its last look.
//! So under overload the rate of looks falls and their latency does not, shares follow the weights, and no channel
//! starves, since its age grows until it is the greatest. A sample past its deadline is dropped and counted: the next
//! one is worth more. A channel has at most one sample in flight.
//!
//! `Schedule` is pure and deterministic, time is an argument. `Queue` is the same behind a lock, for worker threads.

mod core;
mod queue;

pub use self::core::{Drops, Schedule};
pub use queue::{Queue, Taken};

use crate::types::{AccessUnit, Mono};

/// An access unit chosen to be looked at.
#[derive(Debug, Clone)]
pub struct Sample {
    pub unit: AccessUnit,
    /// When it was offered; its deadline counts from here.
    pub offered: Mono,
}
