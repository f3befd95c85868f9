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

mod activity;
mod policy;
mod slice;

pub use crate::types::Activity as ActivityState;
pub use slice::{Headers, Kind, Picture};

use std::{collections::HashMap, sync::Arc};

use metrics::{Counter, counter};
use parking_lot::{Mutex, RwLock};

use crate::config;
use crate::schedule::{Demand, Tier};
use crate::types::{AccessUnit, ChannelId};
use policy::Policy;

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

/// See [`Sampler::hold`].
pub struct Hold(Arc<Mutex<Policy>>);

/// Chooses for all channels. The lock over the map is only read but for a channel's first unit; each channel's memory
/// has its own, which nobody else wants while its one reader task is in it.
pub struct Sampler {
    options: policy::Options,
    channels: RwLock<HashMap<ChannelId, Arc<Mutex<Policy>>>>,
    /// By [`Tier`].
    chosen: [Counter; Tier::ALL.len()],
}

impl Sampler {
    pub fn new(options: &config::Sample) -> Self {
        Self {
            options: policy::Options {
                patrol_ms: u64::from(options.patrol_interval_ms),
                // What rests in view is looked at in twice that time, and half of the floor is left for the key unit to
                // come and for its turn: a long rest must not break the floor, which would be blamed on the camera.
                rest_ms: u64::from(options.rest_interval_ms).min(u64::from(options.patrol_floor_s) * 250),
                activity: options.activity,
                catch_up: options.catch_up,
            },
            channels: RwLock::default(),
            chosen: Tier::ALL.map(|tier| counter!("skyeye_sample_chosen_total", "tier" => tier.as_str())),
        }
    }

    /// `None`: not worth a look. Call it with every unit of a channel, in order. `demand` also tells what looks found:
    /// `looked` must be called after each look of any tier, and what it found be set before that.
    pub fn consider(&self, unit: &AccessUnit, demand: &Demand) -> Option<Chosen> {
        self.consider_held(&self.hold(&unit.channel), unit, demand)
    }

    /// A channel's memory in hand: whoever asks thousands of times looks it up once. After `forget` it is nobody's.
    pub fn hold(&self, channel: &ChannelId) -> Hold {
        let known = self.channels.read().get(channel).cloned();
        Hold(known.unwrap_or_else(|| self.channels.write().entry(channel.clone()).or_default().clone()))
    }

    /// `consider` for who has the channel's memory in hand.
    pub fn consider_held(&self, held: &Hold, unit: &AccessUnit, demand: &Demand) -> Option<Chosen> {
        // The time first: what is in view is then no older than the look that it is taken for.
        let last_look = demand.last_look();
        let wish = policy::Wish {
            focus_hz: demand.focus_hz(),
            in_view: demand.in_view(),
            event_open: demand.event_open(),
            last_look,
        };
        let unit = policy::Unit {
            codec: unit.codec,
            key: unit.key,
            session: unit.session,
            at: unit.ingested,
            data: &unit.data,
        };
        let chosen = held.0.lock().unit(unit, wish, &self.options)?;
        if let Some(counter) = self.chosen.get(chosen.tier as usize) {
            counter.increment(1);
        }
        Some(chosen)
    }

    /// `None` before the channel's first unit, or if activity is switched off.
    pub fn activity(&self, channel: &ChannelId) -> Option<ActivityReport> {
        let policy = self.channels.read().get(channel).filter(|_| self.options.activity).cloned()?;
        let policy = policy.lock();
        Some(ActivityReport { state: policy.activity.state(), level: policy.activity.level() })
    }

    /// Frees what is kept of a channel that is no longer configured.
    pub fn forget(&self, channel: &ChannelId) {
        self.channels.write().remove(channel);
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
    use crate::types::{Codec, Mono, Wall};

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

    /// When samples were chosen; every look finds nothing.
    fn chosen(options: config::Sample, units: &[(&str, bool, u64)]) -> Vec<u64> {
        let sampler = Sampler::new(&options);
        let demand = Demand::default();
        units.iter().filter(|(c, k, at)| sampler.consider(&unit(c, *k, *at), &demand).is_some()).map(|u| u.2).collect()
    }

    #[test]
    fn what_tells_nothing_is_patrolled_at_every_key_unit() {
        let options = config::Sample { patrol_interval_ms: 0, ..Default::default() };
        assert_eq!(chosen(options, &[("a", false, 0), ("a", true, 1), ("a", false, 2), ("a", true, 3)]), [1, 3]);
    }

    #[test]
    fn at_most_one_patrol_an_interval_and_channel() {
        let options = config::Sample { patrol_interval_ms: 4000, ..Default::default() };
        let units = [("a", true, 0), ("b", true, 500), ("a", true, 2000), ("a", true, 4000), ("a", true, 6000)];
        assert_eq!(chosen(options, &units), [0, 500, 4000]);
    }

    #[test]
    fn focus_comes_at_the_granted_rate_and_ends_with_it() {
        let sampler = Sampler::new(&config::Sample::default());
        let demand = Demand::default();
        demand.set_focus_hz(5.0);
        let tiers: Vec<_> =
            (0..30).map(|i| sampler.consider(&unit("a", i % 15 == 0, i * 67), &demand).map(|c| c.tier)).collect();
        assert_eq!(tiers.iter().flatten().count(), 10, "every third of 15 a second: {tiers:?}");
        assert!(tiers.iter().flatten().all(|t| *t == Tier::Focus));
        demand.set_focus_hz(0.0);
        assert_eq!(sampler.consider(&unit("a", false, 2100), &demand), None);
        let channel = ChannelId::new("a").unwrap();
        assert_eq!(sampler.activity(&channel).map(|a| a.state), Some(ActivityState::Learning));
        sampler.forget(&channel);
        assert_eq!(sampler.activity(&channel), None);
    }

    #[test]
    fn a_missed_floor_is_named() {
        assert_eq!(floor_note(2.0, 120), None);
        let note = floor_note(180.0, 120).unwrap();
        assert!(note.contains("180 s") && note.contains("120 s"), "{note}");
    }
}
