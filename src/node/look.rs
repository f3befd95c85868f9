//! The pool of workers, and the detector that they look with.
//!
//! A model that cannot be loaded leaves the node running and says so; a reload tries again. A worker that hangs in a
//! decoder or in inference is given up and another takes its place, at most as many times at once as the pool is large:
//! a thread that hangs keeps its memory. When such threads come back the pool is filled up again. The channel whose picture
//! it was rests (`hangs`); not for longer than its thread hangs where the whole machine stood still, as when it is paused.

use std::{
    sync::{Arc, atomic::Ordering},
    thread::JoinHandle,
    time::Duration,
};

use anyhow::Context;
use parking_lot::Mutex;

use crate::{
    config::Config,
    decode::{self, DecodeLimits},
    infer::{BatchOptions, Batcher, Detect, Detector, DetectorOptions, Manifest, OrtDevice, Runtime, batch, provider},
    node::{
        Inner,
        blind::Blind,
        encoder::Encoder,
        hangs,
        intake::Intake,
        worker::{self, Beat, Shared},
    },
    types::{ChannelId, Mono},
};

/// A look takes milliseconds; with the tick of a second a worker that hangs is noticed within 5 s.
const HANGS_AFTER_MS: u64 = 4000;
/// So long after the one before, a tick shows that the machine stood still.
const LATE_TICK_MS: u64 = 2500;
/// So many channels that rest are named in the node's status.
const NAMED: usize = 5;

/// The running workers; none while there is no detector.
#[derive(Default)]
pub struct Lookers {
    pool: Mutex<Pool>,
    /// Channels whose health says that they rest.
    noted: Mutex<Vec<ChannelId>>,
}

#[derive(Default)]
struct Pool {
    at_work: Vec<Looker>,
    /// Given up, and not yet come back; at whose picture.
    hanging: Vec<(JoinHandle<()>, ChannelId)>,
    size: usize,
    /// When it was looked after last.
    ticked: Option<Mono>,
    /// What a further worker needs.
    with: Option<(Arc<Shared>, Arc<Opener>)>,
}

/// Gives another worker something to look with.
type Opener = dyn Fn() -> anyhow::Result<Box<dyn Detect>> + Send + Sync;

struct Looker {
    number: usize,
    thread: JoinHandle<()>,
    beat: Arc<Beat>,
}

impl Lookers {
    /// Loads the model and starts the workers, or says in the node's status why not.
    pub async fn start(&self, inner: &Inner, intake: &Intake, config: &Config) {
        let wanted = config.clone();
        let loaded = tokio::task::spawn_blocking(move || detectors(&wanted)).await;
        let (detectors, opener) = match loaded.map_err(anyhow::Error::from).and_then(|r| r) {
            Ok(both) => both,
            Err(e) => {
                inner.set_degraded("look", Some(format!("nothing is detected: {e:#}")));
                return;
            }
        };
        let shared = Arc::new(Shared {
            queue: inner.queue.clone(),
            watches: inner.watches.clone(),
            book: inner.book.clone(),
            pump: inner.pump.clone(),
            encoder: Encoder::start(config.evidence.jpeg_quality),
            clock: inner.clock,
            media: inner.media.clone(),
            streams: inner.streams.clone(),
            hangs: inner.hangs.clone(),
            limits: DecodeLimits { max_pixels: u64::from(config.decode.max_pixels) },
            decoder: config.decode.element,
            failing: Mutex::default(),
        });
        let mut pool = self.pool.lock();
        pool.size = detectors.len();
        pool.with = Some((shared.clone(), opener));
        for (number, detector) in detectors.into_iter().enumerate() {
            pool.add(number, &shared, detector);
        }
        let started = pool.at_work.len();
        drop(pool);
        inner.queue.set_workers(started);
        if started == 0 {
            inner.set_degraded("look", Some("nothing is detected: no worker could be started".into()));
            return;
        }
        tracing::info!(workers = started, model = %config.infer.model, "looking");
        inner.set_degraded("look", None);
        intake.looking.store(true, Ordering::Relaxed);
    }

    pub fn is_empty(&self) -> bool {
        self.pool.lock().size == 0
    }

    /// Once a second: puts another worker in the place of one that hangs.
    pub async fn watch_over(&self, inner: &Inner) {
        let with = self.pool.lock().with.clone();
        let Some((shared, open)) = with else { return };
        let now = inner.clock.mono();
        let Checked { missing, hanging, at_work, resting } = self.give_up(&shared, now);
        metrics::gauge!("skyeye_node_workers_hanging").set(hanging as f64);
        inner.set_degraded(
            "hang",
            (hanging > 0)
                .then(|| format!("{hanging} workers hang in decoding or inference, {at_work} go on; see the log")),
        );
        self.tell_resting(inner, resting);
        let failing = shared.failing.lock().clone();
        let told =
            failing.map(|e| format!("{e}; nothing is detected while that lasts, a restart opens the model anew"));
        inner.set_degraded("infer", told);
        for number in missing {
            let open = open.clone();
            let opened = tokio::task::spawn_blocking(move || open()).await;
            match opened.map_err(anyhow::Error::from).and_then(|r| r) {
                Ok(detector) => self.pool.lock().add(number, &shared, detector),
                Err(e) => tracing::error!("worker {number} has no successor: {e:#}"),
            }
        }
        // What is promised goes by the workers that there are.
        inner.queue.set_workers(self.pool.lock().at_work.len());
    }

    /// Gives up workers that hang, and says how the pool stands then.
    fn give_up(&self, shared: &Shared, now: Mono) -> Checked {
        let mut pool = self.pool.lock();
        pool.hanging.retain(|(thread, _)| !thread.is_finished());
        let late = pool.ticked.replace(now).is_some_and(|last| now.since_ms(last) > LATE_TICK_MS);
        let (mut stay, mut given_up) = (Vec::new(), Vec::new());
        for looker in std::mem::take(&mut pool.at_work) {
            match looker.beat.give_up_after(HANGS_AFTER_MS, now) {
                Some((channel, tier)) => given_up.push((looker, channel, tier)),
                None => stay.push(looker),
            }
        }
        let stalled = is_stall(pool.size, given_up.len(), late);
        if stalled && !given_up.is_empty() {
            tracing::warn!("the machine stood still, or most workers hang at once: no channel is blamed for it");
        }
        for (looker, channel, tier) in given_up {
            metrics::counter!("skyeye_node_workers_given_up_total").increment(1);
            Blind::Hung.count(tier);
            tracing::error!(%channel, "worker {} hangs at a picture of this channel and is given up", looker.number);
            // Before its next sample may be taken.
            match stalled {
                true => shared.hangs.stalled(&channel, now),
                false => shared.hangs.hung(&channel, now),
            }
            // The worker itself says nothing more about it.
            shared.queue.failed(&channel, HANGS_AFTER_MS * 1000);
            pool.hanging.push((looker.thread, channel));
        }
        pool.at_work = stay;
        let at_work: Vec<usize> = pool.at_work.iter().map(|looker| looker.number).collect();
        let missing = missing(pool.size, pool.hanging.len(), &at_work);
        let at: Vec<ChannelId> = pool.hanging.iter().map(|(_, channel)| channel.clone()).collect();
        let resting = shared.hangs.pool(pool.size, &at, now);
        Checked { hanging: at.len(), at_work: at_work.len() + missing.len(), missing, resting }
    }

    /// Says in health and in the node's status which channels rest.
    fn tell_resting(&self, inner: &Inner, resting: Vec<ChannelId>) {
        let mut noted = self.noted.lock();
        let note = |id: &ChannelId, note| {
            if let Some(entry) = inner.registry.get(id) {
                entry.set_note(note);
            }
        };
        noted.iter().filter(|id| !resting.contains(id)).for_each(|id| note(id, None));
        resting.iter().for_each(|id| note(id, Some(hangs::NOTE)));
        metrics::gauge!("skyeye_node_resting_channels").set(resting.len() as f64);
        let told = (!resting.is_empty()).then(|| {
            let mut names: Vec<&str> = resting.iter().take(NAMED).map(ChannelId::as_str).collect();
            if resting.len() > NAMED {
                names.push("…");
            }
            format!(
                "{} channels are not looked at for a while because a worker hung at their pictures: {}; change the codec, \
                 size or profile of their streams",
                resting.len(),
                names.join(", ")
            )
        });
        inner.set_degraded("rest", told);
        *noted = resting;
    }

    /// Waits for the workers after their queue was closed; not for those that hang.
    pub async fn join(&self, within: Duration) {
        let threads: Vec<_> = self.pool.lock().at_work.drain(..).map(|l| l.thread).collect();
        let ended = async {
            for thread in threads {
                // Looked at, not joined: a thread that hangs must not hold up the end of the process.
                while !thread.is_finished() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                if thread.join().is_err() {
                    tracing::error!("a worker ended by a panic");
                }
            }
        };
        if tokio::time::timeout(within, ended).await.is_err() {
            tracing::error!("not all workers ended within {within:?}; what they had in hand is lost");
        }
    }
}

/// How the pool stands.
struct Checked {
    /// Numbers of the workers that need a successor.
    missing: Vec<usize>,
    hanging: usize,
    /// Those that will be, with the successors.
    at_work: usize,
    resting: Vec<ChannelId>,
}

impl Pool {
    fn add(&mut self, number: usize, shared: &Arc<Shared>, detector: Box<dyn Detect>) {
        let beat = Arc::new(Beat::default());
        match worker::start(number, shared.clone(), detector, beat.clone()) {
            Ok(thread) => self.at_work.push(Looker { number, thread, beat }),
            Err(e) => tracing::error!("worker {number} cannot be started: {e}"),
        }
    }
}

/// Whether workers that are given up in one tick say nothing of their channels: the tick is late itself, or they are most
/// of the pool. Of one alone that cannot be told.
fn is_stall(size: usize, given_up: usize, late: bool) -> bool {
    late || size > 1 && 2 * given_up > size
}

/// The numbers of the workers to be started. Asked every second, not only when one is given up: a place that stayed
/// empty because too many hung, or because its successor could not be made, is filled as soon as that is over.
fn missing(size: usize, hanging: usize, at_work: &[usize]) -> Vec<usize> {
    let wanted = (2 * size).saturating_sub(hanging).min(size);
    (0..size).filter(|number| !at_work.contains(number)).take(wanted.saturating_sub(at_work.len())).collect()
}

/// Workers a core where a device does the inference: they wait for it most of the time.
const WORKERS_PER_CORE_WITH_DEVICE: usize = 2;

type Detectors = Vec<Box<dyn Detect>>;

/// What each worker looks with, and how to make another.
fn detectors(config: &Config) -> anyhow::Result<(Detectors, Arc<Opener>)> {
    let workers = match config.decode.workers {
        0 => {
            let cores = std::thread::available_parallelism();
            let cores = cores.context("the number of cores is unknown; set decode.workers")?.get();
            cores * if provider::batches(config.infer.provider) { WORKERS_PER_CORE_WITH_DEVICE } else { 1 }
        }
        n => n as usize,
    };
    let open = opener(config)?;
    for decoder in decode::decoders(config.decode.element)?.iter() {
        tracing::info!("decode: {decoder}");
    }
    Ok(((0..workers).map(|_| open()).collect::<Result<_, _>>()?, open))
}

/// Opens the configured model as often as wanted; on an accelerator once, with a way to it for each worker.
fn opener(config: &Config) -> anyhow::Result<Arc<Opener>> {
    decode::decoders(config.decode.element)?;
    let manifest = Manifest::load(&config.infer.models_dir, None)?;
    let model = manifest.get(config.infer.model.as_str())?.clone();
    let runtime = Runtime::configured(&config.infer)?;
    let options = DetectorOptions {
        min_score: config.infer.min_score,
        nms_iou: config.infer.nms_iou,
        ..DetectorOptions::default()
    };
    if !provider::batches(config.infer.provider) {
        return Ok(Arc::new(move || Ok(Box::new(Detector::open(&runtime, &model, &options)?) as Box<dyn Detect>)));
    }
    let max = config.infer.batch_max as usize;
    let batching = BatchOptions { max, wait_ms: u64::from(config.infer.batch_wait_ms), ..BatchOptions::default() };
    let of = model.clone();
    let device = move || Ok(Box::new(OrtDevice::open(&runtime, &of, &options, max)?) as Box<dyn batch::Device>);
    let batcher = Batcher::start(model.name.as_str(), batching, Box::new(device))?;
    Ok(Arc::new(move || Ok(Box::new(batcher.client(&model, &options)) as Box<dyn Detect>)))
}

#[cfg(test)]
#[path = "look_tests.rs"]
mod tests;
