//! The pool of workers, and the detector that they look with. A model that cannot be loaded leaves the node running and
//! says so; a reload tries again.

use std::{
    sync::{Arc, atomic::Ordering},
    thread::JoinHandle,
};

use anyhow::Context;

use crate::{
    config::Config,
    decode::{self, DecodeLimits},
    infer::{Detector, DetectorOptions, Manifest, Runtime},
    node::{
        Inner,
        intake::Intake,
        worker::{self, Shared},
    },
};

/// The running workers; empty while there is no detector.
#[derive(Default)]
pub struct Lookers {
    threads: Vec<JoinHandle<()>>,
}

impl Lookers {
    /// Loads the model and starts the workers, or says in the node's status why not.
    pub async fn start(inner: &Arc<Inner>, intake: &Arc<Intake>, config: &Config) -> Self {
        let wanted = config.clone();
        let loaded = tokio::task::spawn_blocking(move || detectors(&wanted)).await;
        let detectors = match loaded.map_err(anyhow::Error::from).and_then(|r| r) {
            Ok(detectors) => detectors,
            Err(e) => {
                inner.set_degraded("look", Some(format!("nothing is detected: {e:#}")));
                return Self::default();
            }
        };
        let shared = Arc::new(Shared {
            queue: inner.queue.clone(),
            watches: inner.watches.clone(),
            pump: inner.pump.clone(),
            clock: inner.clock,
            limits: DecodeLimits { max_pixels: u64::from(config.decode.max_pixels) },
            jpeg_quality: config.evidence.jpeg_quality,
        });
        let mut threads = Vec::new();
        for (number, detector) in detectors.into_iter().enumerate() {
            match worker::start(number, shared.clone(), detector) {
                Ok(thread) => threads.push(thread),
                Err(e) => tracing::error!("worker {number} cannot be started: {e}"),
            }
        }
        tracing::info!(workers = threads.len(), model = %config.infer.model, "looking");
        inner.set_degraded("look", None);
        intake.looking.store(!threads.is_empty(), Ordering::Relaxed);
        Self { threads }
    }

    pub fn is_empty(&self) -> bool {
        self.threads.is_empty()
    }

    /// Waits for the workers after their queue was closed.
    pub async fn join(self) {
        let joined = tokio::task::spawn_blocking(move || {
            for thread in self.threads {
                if thread.join().is_err() {
                    tracing::error!("a worker ended by a panic");
                }
            }
        });
        if let Err(e) = joined.await {
            tracing::error!("the workers could not be joined: {e}");
        }
    }
}

/// One detector a worker.
fn detectors(config: &Config) -> anyhow::Result<Vec<Detector>> {
    decode::init()?;
    let manifest = Manifest::load(&config.infer.models_dir, None)?;
    let model = manifest.get(config.infer.model.as_str())?;
    let runtime = Runtime::load(&config.infer.runtime)?;
    let workers = match config.decode.workers {
        0 => std::thread::available_parallelism().context("the number of cores is unknown; set decode.workers")?.get(),
        n => n as usize,
    };
    let options = DetectorOptions {
        min_score: config.infer.min_score,
        nms_iou: config.infer.nms_iou,
        ..DetectorOptions::default()
    };
    (0..workers).map(|_| Ok(Detector::open(&runtime, model, &options)?)).collect()
}
