//! The workers: each carries a sample from access unit to events on one thread, without a hand-over between cores.
//!
//! They run at a lower priority than the runtime that reads sockets. A worker that panics is replaced; a channel whose
//! pictures cannot be decoded costs only its own samples.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use crate::{
    decode::{self, DecodeLimits, KeyDecoder},
    evidence,
    infer::Detector,
    node::{
        pump::{Item, Pump},
        watch::{Watch, Watches},
    },
    schedule::{self, Sample, Taken},
    types::{Clock, Event, Frame, Look, Now, Phase},
};

/// A worker without work looks up this often.
const WAIT: Duration = Duration::from_secs(1);

/// What all workers share.
pub struct Shared {
    pub queue: Arc<schedule::Queue>,
    pub watches: Arc<Watches>,
    pub pump: Pump,
    pub clock: Clock,
    pub limits: DecodeLimits,
    pub jpeg_quality: u8,
}

/// Starts a worker that looks with `detector` until the queue is closed.
pub fn start(number: usize, shared: Arc<Shared>, detector: Detector) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(format!("look-{number}")).spawn(move || {
        if !decode::lower_thread_priority() {
            tracing::debug!("worker {number} keeps the usual priority");
        }
        let mut worker = Worker { decoder: KeyDecoder::new(shared.limits), detector, shared };
        loop {
            let sample = match worker.shared.queue.take_blocking(WAIT) {
                Taken::Sample(sample) => sample,
                Taken::Nothing => continue,
                Taken::Closed => return,
            };
            let channel = sample.unit.channel.clone();
            if catch_unwind(AssertUnwindSafe(|| worker.look(sample))).is_err() {
                metrics::counter!("skyeye_node_worker_panics_total").increment(1);
                tracing::error!(%channel, "a look panicked; its decoder is replaced");
                worker.decoder = KeyDecoder::new(worker.shared.limits);
            }
            worker.shared.queue.done(&channel);
        }
    })
}

struct Worker {
    shared: Arc<Shared>,
    decoder: KeyDecoder,
    detector: Detector,
}

impl Worker {
    fn look(&mut self, sample: Sample) {
        let unit = &sample.unit;
        let Some(watch) = self.shared.watches.get(&unit.channel) else { return };
        let begun = self.shared.clock.mono();
        metrics::histogram!("skyeye_schedule_age_seconds").record(begun.since_ms(unit.ingested) as f64 / 1000.0);
        let frame = match self.decoder.decode(unit) {
            Ok(frame) => frame,
            Err(e) => {
                metrics::counter!("skyeye_decode_failed_total", "kind" => e.kind()).increment(1);
                tracing::debug!(channel = %unit.channel, "no picture: {e}");
                return;
            }
        };
        let detections = match self.detector.detect(&frame) {
            Ok(detections) => detections,
            Err(e) => {
                metrics::counter!("skyeye_infer_failed_total").increment(1);
                tracing::warn!(channel = %unit.channel, "no detections: {e}");
                return;
            }
        };
        let now = self.shared.clock.now();
        metrics::counter!("skyeye_node_looks_total").increment(1);
        metrics::histogram!("skyeye_node_look_seconds").record(now.mono.since_ms(begun) as f64 / 1000.0);
        let mut analysis = watch.analysis.lock();
        let rate_hz = analysis.count_look(now.mono);
        let look = Look {
            channel: unit.channel.clone(),
            timeline_90k: unit.timeline_90k,
            at: unit.ingested,
            ingested: unit.ingested_wall,
            seen: unit.seen,
            camera_clock: unit.camera_clock,
            width: frame.width,
            height: frame.height,
            detections,
            model: self.detector.model_ref(),
            rate_hz,
        };
        let tracks = analysis.tracker.look(&look.detections, look.at);
        let events = analysis.rules.look(&look, &tracks, now);
        // Handed over under the lock: an end that the ticker finds must not overtake this start.
        for event in events {
            self.hand_over(&watch, event, &frame, now);
        }
    }

    fn hand_over(&self, watch: &Arc<Watch>, event: Event, frame: &Frame, now: Now) {
        let snapshot = if event.phase == Phase::Start {
            evidence::encode_jpeg(frame, &watch.masks, self.shared.jpeg_quality)
                .inspect_err(|e| tracing::warn!(channel = %event.channel, "no snapshot: {e}"))
                .ok()
        } else {
            None
        };
        metrics::histogram!("skyeye_rule_age_seconds").record(now.mono.since_ms(event.at) as f64 / 1000.0);
        let item = Item {
            snapshot,
            channel_name: watch.entry.config.display_name().to_owned(),
            area: watch.entry.area.clone(),
            skew_ms: watch.skew_ms(),
            event,
        };
        if !self.shared.pump.put_blocking(item) {
            tracing::warn!("an event came after the node began to stop; the next start ends it as interrupted");
        }
    }
}
