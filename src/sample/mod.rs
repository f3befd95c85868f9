//! Which access unit is worth looking at: patrol, catch-up or focus.
//!
//! In goes every access unit of a channel with what the channel is wanted for ([`Demand`]); out comes, for a few of
//! them, a [`Chosen`]: in which tier to look, and whether activity moves it forward in the queue. Activity is read from
//! the units themselves, undecoded (`slice`, `activity`); `policy` turns it into looks. How many of the chosen are
//! really looked at is the business of `schedule`. The floor of a channel (a look in at least that time) can be missed
//! for a reason that no schedule can mend: the camera sends key frames too rarely. `floor_note` says so, and it stands
//! in health.
//!
//! Pure: time is the unit's own ingest time. A unit costs well under a microsecond beside the search for its slices,
//! and nothing is allocated after a channel's first unit.

mod slice;

pub use crate::types::Activity as ActivityState;
pub use slice::{Headers, Kind, Picture};

use std::{collections::HashMap, sync::Arc};

use metrics::{Counter, counter};
use parking_lot::{Mutex, RwLock};

use crate::config;
use crate::schedule::{Demand, Tier};
use crate::types::{AccessUnit, ChannelId, Mono};

/// A unit that is worth a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen {
    pub tier: Tier,
    /// Something moves: goes before what rests.
    pub active: bool,
}

/// State and level of one channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ActivityReport {
    pub state: ActivityState,
    /// Present complexity over that of the channel at rest; 1 is rest.
    pub level: f32,
}

impl ActivityReport {
    /// The sentence for health; none where activity works.
    pub fn note(&self) -> Option<&'static str> {
        (self.state == ActivityState::Mute)
            .then_some("sizes of pictures tell nothing about motion on this channel: plain patrol")
    }
}

/// Chooses for all channels. The lock over the map is only read but for a channel's first unit; each channel's state
/// has its own, which nobody else wants while its one reader task is in it.
pub struct Sampler {
    options: config::Sample,
    channels: RwLock<HashMap<ChannelId, Arc<Mutex<State>>>>,
    chosen: Counter,
}

#[derive(Default)]
struct State {
    last: Option<Mono>,
}

impl Sampler {
    pub fn new(options: &config::Sample) -> Self {
        Self { options: options.clone(), channels: RwLock::default(), chosen: counter!("skyeye_sample_chosen_total") }
    }

    /// `None`: not worth a look. Call it with every unit of a channel, in order.
    pub fn consider(&self, unit: &AccessUnit, demand: &Demand) -> Option<Chosen> {
        let known = self.channels.read().get(&unit.channel).cloned();
        let state = known.unwrap_or_else(|| self.channels.write().entry(unit.channel.clone()).or_default().clone());
        let mut state = state.lock();
        let since = state.last.map_or(u64::MAX, |at| unit.ingested.since_ms(at));
        let hz = demand.focus_hz();
        let chosen = if hz > 0.0 {
            (since as f32 * hz >= 1000.0).then_some(Chosen { tier: Tier::Focus, active: true })
        } else {
            let due = unit.key && since >= u64::from(self.options.patrol_interval_ms);
            due.then_some(Chosen { tier: Tier::Patrol, active: false })
        };
        if chosen.is_some() {
            state.last = Some(unit.ingested);
            self.chosen.increment(1);
        }
        chosen
    }

    /// `None` before the channel's first unit.
    pub fn activity(&self, channel: &ChannelId) -> Option<ActivityReport> {
        self.channels.read().get(channel)?;
        Some(ActivityReport { state: ActivityState::Learning, level: 1.0 })
    }

    /// Frees what is kept of a channel that is no longer configured.
    pub fn forget(&self, channel: &ChannelId) {
        self.channels.write().remove(channel);
    }
}

/// Which units of which channel were chosen last.
pub struct Patrol {
    interval_ms: u64,
    last: Mutex<HashMap<ChannelId, Mono>>,
    chosen: Counter,
}

impl Patrol {
    pub fn new(options: &config::Sample) -> Self {
        Self {
            interval_ms: u64::from(options.patrol_interval_ms),
            last: Mutex::new(HashMap::new()),
            chosen: counter!("skyeye_sample_chosen_total"),
        }
    }

    /// True if the unit should be offered to the schedule.
    pub fn consider(&self, unit: &AccessUnit) -> bool {
        if !unit.key {
            return false;
        }
        if self.interval_ms > 0 {
            let mut last = self.last.lock();
            match last.get_mut(&unit.channel) {
                Some(at) if unit.ingested.since_ms(*at) < self.interval_ms => return false,
                Some(at) => *at = unit.ingested,
                None => {
                    last.insert(unit.channel.clone(), unit.ingested);
                }
            }
        }
        self.chosen.increment(1);
        true
    }

    /// Frees what is kept of a channel that is no longer configured.
    pub fn forget(&self, channel: &ChannelId) {
        self.last.lock().remove(channel);
    }
}

/// The sentence for health where key frames come more rarely than the floor asks.
pub fn floor_note(key_interval_s: f32, floor_s: u32) -> Option<String> {
    (key_interval_s > floor_s as f32).then(|| {
        format!(
            "runs, but sends a key frame only every {key_interval_s:.0} s and the floor is one look in {floor_s} s; \
             shorten the camera's key-frame interval or raise sample.patrol_floor_s"
        )
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::types::{Codec, Wall};

    fn unit(channel: &str, key: bool, at_ms: u64) -> AccessUnit {
        AccessUnit {
            channel: ChannelId::new(channel).unwrap(),
            codec: Codec::H264,
            key,
            data: Bytes::new(),
            timeline_90k: 0,
            ingested: Mono(at_ms),
            ingested_wall: Wall(0),
            seen: Wall(0),
            camera_clock: false,
            session: 1,
        }
    }

    fn chosen(interval_ms: u32, units: &[(&str, bool, u64)]) -> Vec<u64> {
        let patrol = Patrol::new(&config::Sample { patrol_interval_ms: interval_ms, ..Default::default() });
        units.iter().filter(|(c, k, at)| patrol.consider(&unit(c, *k, *at))).map(|u| u.2).collect()
    }

    #[test]
    fn only_key_units() {
        assert_eq!(chosen(0, &[("a", false, 0), ("a", true, 1), ("a", false, 2), ("a", true, 3)]), [1, 3]);
    }

    #[test]
    fn at_most_one_an_interval_and_channel() {
        let units = [("a", true, 0), ("b", true, 500), ("a", true, 2000), ("a", true, 4000), ("a", true, 6000)];
        assert_eq!(chosen(4000, &units), [0, 500, 4000]);
    }

    #[test]
    fn a_missed_floor_is_named() {
        assert_eq!(floor_note(2.0, 120), None);
        let note = floor_note(180.0, 120).unwrap();
        assert!(note.contains("180 s") && note.contains("120 s"), "{note}");
    }
}
