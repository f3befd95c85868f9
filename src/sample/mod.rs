//! Patrol: which access unit is worth looking at.
//!
//! In goes every access unit of a channel, out comes yes or no. Only key units are ever chosen, because only they can
//! be decoded alone, and at most one in `patrol_interval_ms`. How many of the chosen are really looked at is the
//! business of `schedule`. The floor of a channel (a look in at least that time) can be missed for a reason that no
//! schedule can mend: the camera sends key frames too rarely. `floor_note` says so, and it stands in health.
//!
//! Pure: time is the unit's own ingest time.

mod slice;

pub use slice::{Headers, Kind, Picture};

use std::collections::HashMap;

use metrics::{Counter, counter};
use parking_lot::Mutex;

use crate::config;
use crate::types::{AccessUnit, ChannelId, Mono};

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
