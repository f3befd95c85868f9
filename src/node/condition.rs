//! Once a second: what the streams tell of their channels goes into their conditions, and the conditions into health.

use metrics::gauge;

use crate::{
    channel::condition::Second,
    node::{Inner, watch::Watch},
    types::{ChannelState, ConditionKind, ConditionSet, Now},
};

pub fn second(inner: &Inner, now: Now) {
    let (floor_s, stall_ms) = {
        let config = inner.config.load();
        (config.sample.patrol_floor_s as f32, u64::from(config.ingest.stall_deadline_s) * 1000)
    };
    let mut counts = [0u32; ConditionKind::ALL.len()];
    for watch in inner.watches.all() {
        let set = channel(&watch, floor_s, stall_ms, now);
        for (count, kind) in counts.iter_mut().zip(ConditionKind::ALL) {
            *count += u32::from(set.contains(kind));
        }
    }
    for (count, kind) in counts.into_iter().zip(ConditionKind::ALL) {
        gauge!("skyeye_channel_condition", "kind" => kind.as_str()).set(f64::from(count));
    }
}

fn channel(watch: &Watch, floor_s: f32, stall_ms: u64, now: Now) -> ConditionSet {
    let mut conditions = watch.conditions.lock();
    watch.entry.update(|h| {
        let running = h.state == ChannelState::Running;
        if !running && now.mono.since_ms(watch.last_unit()) >= stall_ms {
            conditions.down();
        }
        // Known only while there is one.
        let since_key_s =
            if h.key_interval_s > 0.0 { now.mono.since_ms(watch.last_key()) as f32 / 1000.0 } else { 0.0 };
        let second = Second {
            running,
            kbit_s: h.kbit_s,
            key_interval_s: h.key_interval_s.max(since_key_s),
            floor_s: if watch.is_watched() { floor_s } else { 0.0 },
            clock_skew_ms: h.clock_skew_ms,
        };
        conditions.second(second, now);
        // Its sentences are made when the set changes, not every second.
        if h.condition_set() != conditions.set() {
            h.conditions = conditions.list();
        }
    });
    conditions.set()
}
