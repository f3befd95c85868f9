//! The schedule behind a lock, for worker threads that block until there is something to look at.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use parking_lot::{Condvar, Mutex};

use super::{Capacity, Drops, FloorState, Floors, Options, Sample, Schedule, Tier};
use crate::types::{ChannelId, Clock, Mono};

/// What a worker got.
#[derive(Debug)]
pub enum Taken {
    Sample(Sample),
    /// Nothing came within the time; ask again.
    Nothing,
    /// The queue is closed; the worker ends.
    Closed,
}

/// So often the gauges are set.
const TELL_MS: u64 = 1000;

/// Shared by the tasks that offer and the threads that take. Never blocks those who offer for longer than a decision.
pub struct Queue {
    clock: Clock,
    state: Mutex<State>,
    ready: Condvar,
    offered: Counter,
    taken: Counter,
    /// By tier.
    dropped: [Dropped; 3],
    age: [Histogram; 3],
    capacity: Gauge,
    utilisation: Gauge,
    waiting: Gauge,
}

struct State {
    schedule: Schedule,
    closed: bool,
    told: [Drops; 3],
    told_at: Option<Mono>,
}

/// What was given up of one tier.
struct Dropped {
    replaced: Counter,
    expired: Counter,
    unknown: Counter,
}

impl Dropped {
    fn new(tier: Tier) -> Self {
        let by = |reason: &'static str| counter!("skyeye_schedule_dropped_samples_total", "tier" => tier.as_str(), "reason" => reason);
        Self { replaced: by("replaced"), expired: by("expired"), unknown: by("unknown_channel") }
    }
}

impl Queue {
    pub fn new(options: Options, clock: Clock) -> Self {
        Self {
            clock,
            state: Mutex::new(State {
                schedule: Schedule::new(options),
                closed: false,
                told: [Drops::default(); 3],
                told_at: None,
            }),
            ready: Condvar::new(),
            offered: counter!("skyeye_schedule_offered_samples_total"),
            taken: counter!("skyeye_schedule_taken_samples_total"),
            dropped: Tier::ALL.map(Dropped::new),
            age: Tier::ALL.map(|tier| histogram!("skyeye_schedule_age_seconds", "tier" => tier.as_str())),
            capacity: gauge!("skyeye_schedule_capacity_looks"),
            utilisation: gauge!("skyeye_schedule_utilisation_ratio"),
            waiting: gauge!("skyeye_schedule_pending_samples"),
        }
    }

    /// How many samples can be worked on at once.
    pub fn set_workers(&self, workers: usize) {
        self.state.lock().schedule.set_workers(workers);
    }

    /// What the workers can do.
    pub fn capacity(&self) -> Capacity {
        let now = self.clock.mono();
        self.state.lock().schedule.capacity(now)
    }

    /// Whether the floors are kept; sets their gauges too. Goes over all channels; meant for once a second.
    pub fn floors(&self) -> Floors {
        let now = self.clock.mono();
        let told = self.state.lock().schedule.floors(now);
        gauge!("skyeye_schedule_floors_kept_channels").set((told.channels - told.missed) as f64);
        gauge!("skyeye_schedule_floors_missed_channels").set(told.missed as f64);
        gauge!("skyeye_schedule_floor_stretch_ratio").set(f64::from(told.stretch));
        told
    }

    /// Worker time in microseconds a second that focus may count on.
    pub fn focus_budget_us(&self) -> f64 {
        self.state.lock().schedule.focus_budget_us()
    }

    /// A channel's own floor; `None` if it is unknown or has none.
    pub fn floor(&self, channel: &ChannelId) -> Option<FloorState> {
        let now = self.clock.mono();
        self.state.lock().schedule.floor(channel, now)
    }

    /// Makes a channel known, or changes its weight and its floor (a look in at least that time; 0: none).
    pub fn register(&self, channel: &ChannelId, weight: f32, floor_ms: u64) {
        self.state.lock().schedule.register(channel, weight, floor_ms, self.clock.mono());
    }

    pub fn remove(&self, channel: &ChannelId) {
        let mut state = self.state.lock();
        state.schedule.remove(channel);
        self.count(&mut state);
    }

    /// Drops what waits of a channel, which is another camera now; a look in flight goes on.
    pub fn drop_pending(&self, channel: &ChannelId) {
        let mut state = self.state.lock();
        state.schedule.drop_pending(channel);
        self.count(&mut state);
    }

    /// Offers a sample; after `close` it is ignored.
    pub fn offer(&self, sample: Sample) {
        self.offered.increment(1);
        let mut state = self.state.lock();
        if state.closed {
            return;
        }
        let known = state.schedule.offer(sample);
        self.count(&mut state);
        drop(state);
        if known {
            self.ready.notify_one();
        }
    }

    /// Waits at most `timeout` for a sample. Every sample taken is answered with `done`.
    pub fn take_blocking(&self, timeout: Duration) -> Taken {
        let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        let end = self.clock.mono().plus_ms(timeout_ms);
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return Taken::Closed;
            }
            let now = self.clock.mono();
            let sample = state.schedule.take(now);
            self.count(&mut state);
            self.tell(&mut state, now);
            if let Some(sample) = sample {
                drop(state);
                self.taken.increment(1);
                self.age[sample.tier as usize].record(now.since_ms(sample.offered) as f64 / 1000.0);
                return Taken::Sample(sample);
            }
            if now >= end {
                return Taken::Nothing;
            }
            // Whether it was woken or timed out shows at the top of the loop.
            self.ready.wait_for(&mut state, Duration::from_millis(end.since_ms(now)));
        }
    }

    /// Ends a look, so that the channel's next sample may be taken. `busy_us` is the time that a worker spent on it.
    pub fn done(&self, channel: &ChannelId, busy_us: u64) {
        self.end(|schedule, now| schedule.done(channel, busy_us, now));
    }

    /// As `done`, for a look that saw no picture: it keeps no floor.
    pub fn failed(&self, channel: &ChannelId, busy_us: u64) {
        self.end(|schedule, now| schedule.failed(channel, busy_us, now));
    }

    fn end(&self, how: impl FnOnce(&mut Schedule, Mono)) {
        let ready = {
            let mut state = self.state.lock();
            how(&mut state.schedule, self.clock.mono());
            state.schedule.is_ready()
        };
        if ready {
            self.ready.notify_one();
        }
    }

    /// Looks a second over the last minute.
    pub fn rate_hz(&self, channel: &ChannelId) -> f32 {
        let now: Mono = self.clock.mono();
        self.state.lock().schedule.rate_hz(channel, now)
    }

    /// Samples that wait.
    pub fn pending(&self) -> usize {
        self.state.lock().schedule.pending()
    }

    pub fn drops(&self) -> Drops {
        self.state.lock().schedule.drops()
    }

    /// Lets all workers go; nothing is taken afterwards.
    pub fn close(&self) {
        self.state.lock().closed = true;
        self.ready.notify_all();
    }

    fn count(&self, state: &mut State) {
        for tier in Tier::ALL {
            let (now, i) = (state.schedule.drops_of(tier), tier as usize);
            let told = std::mem::replace(&mut state.told[i], now);
            if told == now {
                continue;
            }
            let dropped = &self.dropped[i];
            for (counter, by) in [
                (&dropped.replaced, now.replaced - told.replaced),
                (&dropped.expired, now.expired - told.expired),
                (&dropped.unknown, now.unknown - told.unknown),
            ] {
                if by > 0 {
                    counter.increment(by);
                }
            }
        }
    }

    /// Sets the gauges, now and then; called by whoever takes, so that it is no task of its own.
    fn tell(&self, state: &mut State, now: Mono) {
        if state.told_at.is_some_and(|at| now.since_ms(at) < TELL_MS) {
            return;
        }
        state.told_at = Some(now);
        let capacity = state.schedule.capacity(now);
        self.capacity.set(f64::from(capacity.looks_hz));
        self.utilisation.set(f64::from(capacity.utilisation));
        self.waiting.set(state.schedule.pending() as f64);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::types::{AccessUnit, Codec, Wall};

    fn options(deadline_ms: u64) -> Options {
        Options { deadline_ms, ..Options::default() }
    }

    fn sample(channel: &ChannelId, now: Mono) -> Sample {
        let unit = AccessUnit {
            channel: channel.clone(),
            codec: Codec::H264,
            key: true,
            data: Bytes::new(),
            timeline_90k: 0,
            ingested: now,
            ingested_wall: Wall(0),
            seen: Wall(0),
            camera_clock: false,
            session: 1,
        };
        Sample { unit, offered: now, tier: Tier::Patrol, active: false }
    }

    #[test]
    fn workers_share_the_samples_and_end_at_close() {
        let clock = Clock::start();
        let queue = Arc::new(Queue::new(options(60_000), clock));
        let channels: Vec<_> = (0..40).map(|n| ChannelId::new(&format!("c{n}")).unwrap()).collect();
        channels.iter().for_each(|c| queue.register(c, 1.0, 0));
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let queue = queue.clone();
                std::thread::spawn(move || {
                    let mut looks = 0;
                    loop {
                        match queue.take_blocking(Duration::from_secs(10)) {
                            Taken::Sample(sample) => {
                                looks += 1;
                                queue.done(&sample.unit.channel, 1000);
                            }
                            Taken::Nothing => panic!("nothing came for ten seconds"),
                            Taken::Closed => return looks,
                        }
                    }
                })
            })
            .collect();
        for channel in &channels {
            queue.offer(sample(channel, clock.mono()));
        }
        while queue.pending() > 0 {
            std::thread::yield_now();
        }
        queue.close();
        let looks: u32 = workers.into_iter().map(|w| w.join().unwrap()).sum();
        assert_eq!(looks, 40);
    }

    #[test]
    fn an_empty_queue_gives_nothing_after_the_timeout() {
        let queue = Queue::new(options(2000), Clock::start());
        assert!(matches!(queue.take_blocking(Duration::from_millis(20)), Taken::Nothing));
    }

    #[test]
    fn a_sample_that_came_during_a_look_is_taken_after_it() {
        let clock = Clock::start();
        let queue = Queue::new(options(60_000), clock);
        let channel = ChannelId::new("a").unwrap();
        queue.register(&channel, 1.0, 0);
        queue.offer(sample(&channel, clock.mono()));
        assert!(matches!(queue.take_blocking(Duration::from_millis(1)), Taken::Sample(_)));
        queue.offer(sample(&channel, clock.mono()));
        assert!(matches!(queue.take_blocking(Duration::from_millis(1)), Taken::Nothing));
        queue.done(&channel, 1000);
        assert!(matches!(queue.take_blocking(Duration::from_millis(1)), Taken::Sample(_)));
    }
}
