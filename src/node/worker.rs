//! The workers: each carries a sample from access unit to events on one thread, without a hand-over between cores.
//!
//! They run at a lower priority than the runtime that reads sockets. A worker that panics goes on with a new decoder; a
//! channel whose pictures cannot be decoded costs only its own samples. Decoding and inference run foreign code that may
//! hang: the worker's `Beat` says what it is at, and whoever watches over the pool may give it up. It then ends as soon
//! as it comes back, without a word about the picture, which is somebody else's by then.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use parking_lot::Mutex;

use crate::{
    config::DecoderChoice,
    decode::{self, DecodeError, DecodeLimits, KeyDecoder},
    infer::{Detect, InferError},
    media::Media,
    node::{
        blind::Blind,
        encoder::{Encoder, Shot},
        hangs::Hangs,
        pump::{Item, Pump},
        stream::{Decoding, Present, Streams},
        watch::{Watch, Watches},
    },
    schedule::{self, Sample, Taken, Tier},
    telemetry::{Stopwatch, stage},
    track::LookBook,
    types::{AccessUnit, ChannelId, Clock, Detection, Event, Frame, Look, Mono, Phase},
};

/// A worker without work looks up this often.
const WAIT: Duration = Duration::from_secs(1);

/// What all workers share.
pub struct Shared {
    pub queue: Arc<schedule::Queue>,
    pub watches: Arc<Watches>,
    pub book: Arc<LookBook>,
    pub pump: Pump,
    pub encoder: Encoder,
    pub clock: Clock,
    pub media: Arc<Media>,
    pub streams: Arc<Streams>,
    pub hangs: Arc<Hangs>,
    pub limits: DecodeLimits,
    pub decoder: DecoderChoice,
    /// Why the last look had no detections; none once one has.
    pub failing: Mutex<Option<String>>,
}

/// What a worker is at. Waiting for room in the pump is not part of it: a slow disk is no reason for another worker.
#[derive(Debug, Default)]
pub struct Beat(Mutex<At>);

#[derive(Debug, Default)]
enum At {
    #[default]
    Idle,
    /// In foreign code with a picture of this channel.
    Picture(Mono, ChannelId, Tier),
    GivenUp,
}

impl Beat {
    fn begin(&self, now: Mono, channel: &ChannelId, tier: Tier) {
        *self.0.lock() = At::Picture(now, channel.clone(), tier);
    }

    /// False if the worker was given up meanwhile.
    fn end(&self) -> bool {
        let mut at = self.0.lock();
        let given_up = matches!(*at, At::GivenUp);
        if !given_up {
            *at = At::Idle;
        }
        !given_up
    }

    /// Gives up a worker that has been at one picture for `ms`, and says whose picture it is, and in which tier.
    pub fn give_up_after(&self, ms: u64, now: Mono) -> Option<(ChannelId, Tier)> {
        let mut at = self.0.lock();
        match &*at {
            At::Picture(since, channel, tier) if now.since_ms(*since) >= ms => {
                let given_up = (channel.clone(), *tier);
                *at = At::GivenUp;
                Some(given_up)
            }
            _ => None,
        }
    }
}

/// Starts a worker that looks with `detector` until the queue is closed or the worker is given up.
pub fn start(
    number: usize,
    shared: Arc<Shared>,
    detector: Box<dyn Detect>,
    beat: Arc<Beat>,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(format!("look-{number}")).spawn(move || {
        if !decode::lower_thread_priority() {
            tracing::debug!("worker {number} keeps the usual priority");
        }
        let mut worker = Worker { decoder: KeyDecoder::with(shared.limits, shared.decoder), detector, shared };
        loop {
            let sample = match worker.shared.queue.take_blocking(WAIT) {
                Taken::Sample(sample) => sample,
                Taken::Nothing => continue,
                Taken::Closed => return,
            };
            let begun = tokio::time::Instant::now();
            let channel = sample.unit.channel.clone();
            let now = worker.shared.clock.mono();
            // It was offered before a worker hung at the channel.
            if !worker.shared.hangs.may_look(&channel, now) {
                Blind::Rests.count(sample.tier);
                worker.shared.queue.failed(&channel, 0);
                continue;
            }
            beat.begin(now, &channel, sample.tier);
            let seen = caught(&channel, || worker.see(&sample)).unwrap_or(Err(Blind::Panicked));
            if !beat.end() {
                return tracing::warn!(%channel, "a worker that was given up came back and ends");
            }
            worker.shared.hangs.ended(&channel);
            let saw = seen.is_ok();
            match seen {
                Ok(seen) => {
                    caught(&channel, || worker.analyse(seen));
                }
                Err(why) => {
                    why.count(sample.tier);
                    if why == Blind::Panicked {
                        worker.decoder = KeyDecoder::with(worker.shared.limits, worker.shared.decoder);
                    }
                }
            }
            let busy_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
            if saw {
                worker.shared.queue.done(&channel, busy_us);
            } else {
                worker.shared.queue.failed(&channel, busy_us);
            }
        }
    })
}

/// `None` if it panicked.
fn caught<T>(channel: &ChannelId, work: impl FnOnce() -> T) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(work)).ok();
    if done.is_none() {
        metrics::counter!("skyeye_node_worker_panics_total").increment(1);
        tracing::error!(%channel, "a look panicked");
    }
    done
}

/// What was seen in one picture.
struct Seen {
    watch: Arc<Watch>,
    /// Of the picture.
    unit: AccessUnit,
    frame: Frame,
    detections: Vec<Detection>,
}

struct Worker {
    shared: Arc<Shared>,
    decoder: KeyDecoder,
    detector: Box<dyn Detect>,
}

impl Worker {
    /// The part that calls foreign code.
    fn see(&mut self, sample: &Sample) -> Result<Seen, Blind> {
        let (channel, tier) = (&sample.unit.channel, sample.tier);
        let watch = self.shared.watches.get(channel).ok_or(Blind::Gone)?;
        let begun = self.shared.clock.mono();
        let mut stopwatch = Stopwatch::start();
        let (frame, unit) = self.picture(&watch, sample)?;
        stage::look().decoded(tier as usize, unit.codec, stopwatch.lap());
        let seconds = |now: Mono| now.since_ms(unit.ingested) as f64 / 1000.0;
        stage::look().decode_age.record(tier as usize, seconds(self.shared.clock.mono()));
        let detections = match self.detector.detect(&frame) {
            Ok(detections) => {
                self.shared.failing.lock().take();
                detections
            }
            Err(e) => {
                tracing::debug!(%channel, "no detections: {e}");
                // A frame that does not fit is its channel's fault, and only a model's is everybody's.
                if matches!(e, InferError::Failed { .. }) {
                    *self.shared.failing.lock() = Some(e.to_string());
                }
                return Err(Blind::Infer);
            }
        };
        let now = self.shared.clock.mono();
        stage::look().infer_age.record(tier as usize, seconds(now));
        stage::look().looked(tier as usize);
        stage::look().look.record(tier as usize, now.since_ms(begun) as f64 / 1000.0);
        Ok(Seen { watch, unit, frame, detections })
    }

    /// The sample's picture, and the unit that it belongs to.
    fn picture(&mut self, watch: &Watch, sample: &Sample) -> Result<(Frame, AccessUnit), Blind> {
        let unit = &sample.unit;
        let failed = |e: DecodeError| {
            tracing::debug!(channel = %unit.channel, "no picture: {e}");
            Blind::Decode
        };
        if sample.tier == Tier::Patrol {
            return self.decoder.decode(unit).map(|frame| (frame, unit.clone())).map_err(failed);
        }
        let shared = &*self.shared;
        // Only one worker at a time is at a channel; if it is held for long, then by one that hangs and was given up.
        let present = match watch.stream.try_lock() {
            Some(mut stream) => {
                let decoding = Decoding {
                    media: &shared.media,
                    streams: &shared.streams,
                    limits: shared.limits,
                    choice: shared.decoder,
                    size: watch.size(),
                };
                let now = shared.clock.mono();
                stream.present(sample.tier, &decoding, &unit.channel, now).map_err(failed)?
            }
            None => Present::NoWay,
        };
        match present {
            Present::Picture(frame, unit) => Ok((frame, unit)),
            Present::NotYet => Err(Blind::NotYet),
            // A channel in focus has no patrol: without its key units it would not be looked at any more.
            Present::NoWay => {
                metrics::counter!("skyeye_node_runs_missing_total", "tier" => sample.tier.as_str()).increment(1);
                let key = shared.media.latest_key(&unit.channel);
                let key = key.filter(|key| key.ingested > watch.demand.last_look()).ok_or(Blind::NoWay)?;
                self.decoder.decode(&key).map(|frame| (frame, key)).map_err(failed)
            }
        }
    }

    fn analyse(&self, seen: Seen) {
        let Seen { watch, unit, frame, mut detections } = seen;
        // Before anything is dropped, so that other masks can be tried on what was seen.
        let size = (frame.width, frame.height);
        self.shared.book.put(&unit.channel, unit.ingested, unit.ingested_wall, size, &detections);
        watch.drop_ignored(&mut detections);
        watch.look(&frame, &unit);
        let now = self.shared.clock.now();
        let mut analysis = watch.analysis.lock();
        let mut stopwatch = Stopwatch::start();
        let tracker = &mut analysis.tracker;
        tracker.shaped(frame.width, frame.height);
        let tracks = tracker.look(&detections, unit.ingested);
        metrics::counter!("skyeye_track_dropped_total").increment(tracker.take_dropped());
        let pace = tracker.pace();
        let look = Look {
            channel: unit.channel,
            timeline_90k: unit.timeline_90k,
            at: unit.ingested,
            ingested: unit.ingested_wall,
            seen: unit.seen,
            camera_clock: unit.camera_clock,
            width: frame.width,
            height: frame.height,
            model: self.detector.model_ref(),
            rate_hz: analysis.count_look(now.mono),
            pace,
        };
        let events = analysis.rules.look(&look, &tracks, now);
        watch.want(analysis.rules.focus());
        watch.demand.set_in_view(analysis.rules.found());
        watch.demand.set_event_open(analysis.rules.open() > 0);
        watch.demand.looked(look.at);
        stage::look().rule.record(stopwatch.lap());
        stage::look().rule_age.record(now.mono.since_ms(look.at) as f64 / 1000.0);
        let wanted: Vec<bool> = events.iter().map(|event| self.wants_picture(event)).collect();
        // One picture for all of them, and encoded beside the look: neither the channel nor the next sample waits for it.
        let shot = wanted.contains(&true).then(|| self.shared.encoder.take(&look.channel, &frame, &watch.masks));
        // Handed over under the lock: an end that the ticker finds must not overtake this start.
        for (event, wanted) in events.into_iter().zip(wanted) {
            self.hand_over(&watch, event, shot.clone().filter(|_| wanted));
        }
    }

    fn wants_picture(&self, event: &Event) -> bool {
        let shots = &self.shared.pump.shots;
        match event.phase {
            Phase::Start => {
                shots.begins(event);
                true
            }
            Phase::Update => shots.wants(event),
            Phase::End => false,
        }
    }

    fn hand_over(&self, watch: &Watch, event: Event, snapshot: Option<Arc<Shot>>) {
        let item = Item {
            snapshot,
            channel_name: watch.entry.config.display_name().to_owned(),
            area: watch.entry.area.clone(),
            skew_ms: watch.skew_ms(),
            recorder: watch.entry.config.host(),
            event,
        };
        if !self.shared.pump.put_blocking(item) {
            tracing::warn!("an event came after the node began to stop; the next start ends it as interrupted");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_worker_that_hangs_at_a_picture_is_given_up() {
        let (beat, channel) = (Beat::default(), ChannelId::new("a").unwrap());
        assert_eq!(beat.give_up_after(4000, Mono(90_000)), None, "waiting for work");
        beat.begin(Mono(1000), &channel, Tier::Patrol);
        assert_eq!(beat.give_up_after(4000, Mono(4999)), None);
        assert!(beat.end(), "it came back in time");
        assert_eq!(beat.give_up_after(4000, Mono(90_000)), None, "waiting for room in the pump");
        beat.begin(Mono(1000), &channel, Tier::Focus);
        assert_eq!(beat.give_up_after(4000, Mono(5000)), Some((channel, Tier::Focus)));
        assert_eq!(beat.give_up_after(4000, Mono(6000)), None, "once");
        assert!(!beat.end(), "it came back too late");
    }
}
