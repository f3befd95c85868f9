//! One device, many workers: tensors of all of them are gathered into batches, and each gets its own result back.
//!
//! In: tensors from [`Client`]s, one a worker, which waits for its answer. Out: what the [`Device`] found in each. A
//! batch leaves when it is full, when every client waits (nobody else could join), or when its first tensor has waited
//! `wait_ms`. The device's thread does nothing else; letterboxing before and suppression after are the workers'.
//!
//! Bounds: a client has one tensor under way, so the queue is as long as there are clients. A device that is at one batch
//! for longer than `stall_ms` is given up: whoever waits is told so, and another is opened in its place, at most
//! [`MAX_GIVEN_UP`] times while those given up have not come back. An error is the whole batch's and nobody else's.
//! It never mixes results up and leaves nobody without an answer, at the end neither.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::letterbox::Letterbox;
use super::manifest::ModelInfo;
use super::postprocess::{self, Candidate};
use super::session::{Detect, DetectorOptions, InferError, fill_beside};
use crate::telemetry::{Stopwatch, stage};
use crate::types::{Clock, Detection, Frame, ModelRef, Mono};

/// Threads that hang in a device keep their memory; with more of them the device is not worth another try.
pub const MAX_GIVEN_UP: usize = 2;

const CLOSED: &str = "its device is closed";
const OPENING: &str = "its device hung at a batch and is being opened again";

/// A model on an accelerator.
pub trait Device: Send {
    /// Pictures that it takes at once; at least 1.
    fn batch_max(&self) -> usize;

    /// Looks at `found.len()` pictures whose tensors lie one behind the other, and writes what it found in each.
    fn run(&mut self, tensors: &[f32], found: &mut [Vec<Candidate>]) -> Result<(), InferError>;
}

/// Opens the device, again when it was given up.
pub type Open = dyn Fn() -> Result<Box<dyn Device>, InferError> + Send + Sync;

/// How batches are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchOptions {
    /// Pictures of one batch; the device may take fewer.
    pub max: usize,
    /// How long the first one waits for company.
    pub wait_ms: u64,
    /// A batch that takes longer will not come back.
    pub stall_ms: u64,
}

impl Default for BatchOptions {
    fn default() -> Self {
        Self { max: 8, wait_ms: 5, stall_ms: 3000 }
    }
}

struct Job {
    number: u64,
    tensor: Vec<f32>,
    since: Mono,
    answer: SyncSender<Answer>,
}

struct Answer {
    /// The tensor's memory, for the next one.
    tensor: Vec<f32>,
    found: Result<Vec<Candidate>, InferError>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    clients: usize,
    next_number: u64,
    closed: bool,
    /// Another device is being opened: nobody waits for it.
    opening: bool,
    /// Counts the devices; a thread whose number is not this one was given up.
    generation: u64,
    batch_since: Option<Mono>,
    /// The jobs of that batch.
    in_hand: Vec<u64>,
    /// Threads that were given up and have not come back.
    given_up: usize,
}

struct Desk {
    model: String,
    options: BatchOptions,
    clock: Clock,
    open: Box<Open>,
    state: Mutex<State>,
    come: Condvar,
}

/// The gathering of batches for one device. Clients keep it alive; dropping the last of all ends it.
#[derive(Clone)]
pub struct Batcher(Arc<Handle>);

/// Closes when nobody is left who could ask.
struct Handle(Arc<Desk>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Batcher {
    /// Opens the device and starts its thread; `model` is named in errors.
    pub fn start(model: &str, options: BatchOptions, open: Box<Open>) -> Result<Self, InferError> {
        let options = BatchOptions { max: options.max.max(1), ..options };
        let device = open()?;
        let desk = Arc::new(Desk {
            model: model.to_owned(),
            options,
            clock: Clock::start(),
            open,
            state: Mutex::default(),
            come: Condvar::new(),
        });
        desk.spawn(0, Some(device))?;
        Ok(Self(Arc::new(Handle(desk))))
    }

    /// A worker's way to the device.
    pub fn client(&self, info: &ModelInfo, options: &DetectorOptions) -> Client {
        let input = &info.input;
        let letterbox = Letterbox::new(input.width, input.height, input.colour, fill_beside(info.layout));
        Client {
            line: self.line(),
            info: info.clone(),
            options: *options,
            tensor: vec![0.0; letterbox.len()],
            letterbox,
        }
    }

    fn line(&self) -> Line {
        self.0.0.state.lock().clients += 1;
        Line(self.clone())
    }

    /// Answers everybody who waits, takes nothing more, and lets the thread end after the batch in hand.
    pub fn close(&self) {
        self.0.0.close();
    }
}

/// One client's place; it counts while it lives.
struct Line(Batcher);

impl Drop for Line {
    fn drop(&mut self) {
        let desk = &self.0.0.0;
        desk.state.lock().clients -= 1;
        // A batch may be as full as it gets now.
        desk.come.notify_all();
    }
}

impl Line {
    /// Waits for the device's answer; `tensor` comes back with any memory, to be filled anew.
    fn ask(&self, tensor: &mut Vec<f32>) -> Result<Vec<Candidate>, InferError> {
        let desk = &self.0.0.0;
        let (answer, answered) = sync_channel(1);
        let number = {
            let mut state = desk.state.lock();
            if state.closed {
                return Err(desk.failed(CLOSED));
            }
            if state.opening {
                return Err(desk.failed(OPENING));
            }
            let number = state.next_number;
            state.next_number += 1;
            let since = desk.clock.mono();
            state.waiting.push_back(Job { number, tensor: std::mem::take(tensor), since, answer });
            number
        };
        desk.come.notify_all();
        loop {
            // More often than once: a batch begins later than its tensors come, so that whoever looked up after exactly
            // that time would find it not yet over and wait for as long again.
            match answered.recv_timeout(Duration::from_millis((desk.options.stall_ms / 4).max(1))) {
                Ok(Answer { tensor: memory, found }) => {
                    *tensor = memory;
                    return found;
                }
                Err(RecvTimeoutError::Disconnected) => return Err(desk.failed(CLOSED)),
                // The device may be busy with others' batches, each in good time.
                Err(RecvTimeoutError::Timeout) if !desk.stalled(number) => {}
                Err(RecvTimeoutError::Timeout) => {
                    if let Ok(Answer { tensor: memory, found }) = answered.try_recv() {
                        *tensor = memory;
                        return found;
                    }
                    metrics::counter!("skyeye_infer_stalled_total").increment(1);
                    return Err(desk.failed("its device does not come back from a batch"));
                }
            }
        }
    }
}

impl Desk {
    fn failed(&self, reason: &str) -> InferError {
        InferError::Failed { name: self.model.clone(), reason: reason.to_owned() }
    }

    /// Answers those who wait.
    fn refuse(&self, waiting: VecDeque<Job>, reason: &str) {
        for job in waiting {
            drop(job.answer.try_send(Answer { tensor: job.tensor, found: Err(self.failed(reason)) }));
        }
    }

    /// The thread of one device, which it opens itself if there is none.
    fn spawn(self: &Arc<Self>, generation: u64, device: Option<Box<dyn Device>>) -> Result<(), InferError> {
        let desk = self.clone();
        let run = move || {
            let device = device.map_or_else(|| (desk.open)(), Ok);
            match device {
                Ok(device) => {
                    desk.state.lock().opening = false;
                    desk.serve(generation, device);
                }
                Err(e) => {
                    tracing::error!("the device of model '{}' cannot be opened again: {e}", desk.model);
                    desk.close();
                }
            }
        };
        let started = std::thread::Builder::new().name("device".into()).spawn(run);
        started.map(drop).map_err(|e| self.failed(&format!("its device has no thread: {e}")))
    }

    fn serve(&self, generation: u64, mut device: Box<dyn Device>) {
        let most = self.options.max.min(device.batch_max().max(1));
        let mut tensors = Vec::new();
        while let Some(batch) = self.gather(generation, most) {
            tensors.clear();
            batch.iter().for_each(|job| tensors.extend_from_slice(&job.tensor));
            let mut found = vec![Vec::new(); batch.len()];
            let run = AssertUnwindSafe(|| device.run(&tensors, &mut found));
            let done = catch_unwind(run).unwrap_or_else(|_| Err(self.failed("its device panicked")));
            metrics::counter!("skyeye_infer_batches_total").increment(1);
            metrics::counter!("skyeye_infer_batch_pictures_total").increment(batch.len() as u64);
            for (job, found) in batch.into_iter().zip(found) {
                let answer = Answer { tensor: job.tensor, found: done.clone().map(|()| found) };
                // Whoever gave up waiting takes no answer.
                drop(job.answer.try_send(answer));
            }
            // Only now: a job that is neither queued nor in hand has its answer, or will get none.
            self.came_back(generation);
        }
    }

    /// Waits for a batch; none when there will be no more for this thread.
    fn gather(&self, generation: u64, most: usize) -> Option<Vec<Job>> {
        let mut state = self.state.lock();
        loop {
            if state.closed || state.generation != generation {
                return None;
            }
            let Some(first) = state.waiting.front() else {
                self.come.wait(&mut state);
                continue;
            };
            let waited = self.clock.mono().since_ms(first.since);
            let full = state.waiting.len() >= most.min(state.clients.max(1));
            if !full && waited < self.options.wait_ms {
                self.come.wait_for(&mut state, Duration::from_millis(self.options.wait_ms - waited));
                continue;
            }
            let count = state.waiting.len().min(most);
            state.batch_since = Some(self.clock.mono());
            let batch: Vec<Job> = state.waiting.drain(..count).collect();
            state.in_hand = batch.iter().map(|job| job.number).collect();
            return Some(batch);
        }
    }

    fn came_back(&self, generation: u64) {
        let mut state = self.state.lock();
        if state.generation == generation {
            state.batch_since = None;
            state.in_hand.clear();
        } else {
            state.given_up = state.given_up.saturating_sub(1);
        }
    }

    /// Whether a job that waited long will get no more answer. Gives up a device that is at one batch for too long.
    fn stalled(self: &Arc<Self>, number: u64) -> bool {
        let mut state = self.state.lock();
        let hangs = state.batch_since.is_some_and(|s| self.clock.mono().since_ms(s) >= self.options.stall_ms);
        if hangs {
            state.batch_since = None;
            state.in_hand.clear();
            state.generation += 1;
            state.given_up += 1;
            state.opening = true;
        }
        let lost = !state.in_hand.contains(&number) && !state.waiting.iter().any(|job| job.number == number);
        let (generation, another) = (state.generation, state.given_up <= MAX_GIVEN_UP);
        let waiting = if hangs && another { std::mem::take(&mut state.waiting) } else { VecDeque::new() };
        drop(state);
        if hangs {
            self.refuse(waiting, OPENING);
            metrics::counter!("skyeye_infer_devices_given_up_total").increment(1);
            tracing::error!("the device of model '{}' hangs at a batch and is given up", self.model);
            if !another || self.spawn(generation, None).is_err() {
                self.close();
            }
        }
        lost
    }

    fn close(&self) {
        let waiting = {
            let mut state = self.state.lock();
            state.closed = true;
            std::mem::take(&mut state.waiting)
        };
        self.come.notify_all();
        self.refuse(waiting, CLOSED);
    }
}

/// What a worker looks with where the device is shared.
pub struct Client {
    line: Line,
    info: ModelInfo,
    options: DetectorOptions,
    letterbox: Letterbox,
    tensor: Vec<f32>,
}

impl Detect for Client {
    fn detect(&mut self, frame: &Frame) -> Result<Vec<Detection>, InferError> {
        let mut watch = Stopwatch::start();
        // After a device that did not come back the memory is with it.
        self.tensor.resize(self.letterbox.len(), 0.0);
        let placed = self.letterbox.fill(frame, &mut self.tensor)?;
        stage::look().letterbox.record(watch.lap());
        let asked = self.line.ask(&mut self.tensor);
        stage::look().run.record(watch.lap());
        let mut found = asked.inspect_err(|_| metrics::counter!("skyeye_infer_errors_total").increment(1))?;
        metrics::counter!("skyeye_infer_looks_total").increment(1);
        postprocess::suppress(&mut found, self.options.nms_iou);
        let named = postprocess::name(&found, placed, &self.info.labels);
        stage::look().postprocess.record(watch.lap());
        Ok(named)
    }

    fn model_ref(&self) -> ModelRef {
        self.info.model_ref()
    }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
