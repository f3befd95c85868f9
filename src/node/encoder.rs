//! Pictures of events become JPEG beside the looks: a worker hands over and goes on.
//!
//! In goes the frame of a look with its channel's masks, once for all events of that look; out comes its JPEG, masked, for
//! the pump, which waits for it before it writes the event. A few threads at the workers' priority encode in the order in
//! which pictures came, so that the bytes do not depend on who made them. Frames are copied, so that decoders have their
//! memory back, and bounded in bytes over all; one beyond that is encoded by the worker itself, which slows down whoever
//! makes too many, and counted. Whoever waits for a picture always gets an answer.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use parking_lot::{Condvar, Mutex};
use tokio::sync::SetOnce;

use crate::{
    decode,
    evidence::{self, Jpeg},
    telemetry::{Stopwatch, stage},
    types::{ChannelId, Frame, PixelFormat, Planes, Polygon},
};

/// Frames that wait or are being encoded: a hundred of D1, twenty of 1080p, five of 4K.
const MOST_BYTES: usize = 64 << 20;
/// A thread for so many cores, and at most so many: events are few.
const CORES_A_THREAD: usize = 4;
const MOST_THREADS: usize = 4;

/// A picture that is encoded, or will be.
#[derive(Debug, Default)]
pub struct Shot {
    made: SetOnce<Option<Jpeg>>,
}

impl Shot {
    #[cfg(test)]
    pub fn made(jpeg: Option<Jpeg>) -> Arc<Self> {
        let shot = Arc::<Self>::default();
        drop(shot.made.set(jpeg));
        shot
    }

    /// Waits until it is encoded; `None` where that failed.
    pub async fn jpeg(&self) -> Option<&Jpeg> {
        self.made.wait().await.as_ref()
    }
}

/// Where pictures are handed over. Dropping it ends the threads when nothing waits any more.
pub struct Encoder(Arc<Desk>);

struct Desk {
    quality: u8,
    most_bytes: usize,
    jobs: Mutex<Jobs>,
    come: Condvar,
}

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    /// Of the frames that wait or are being encoded.
    bytes: usize,
    closed: bool,
}

struct Job {
    shot: Arc<Shot>,
    channel: ChannelId,
    frame: Frame,
    masks: Vec<Polygon>,
    bytes: usize,
}

impl Drop for Encoder {
    fn drop(&mut self) {
        self.0.jobs.lock().closed = true;
        self.0.come.notify_all();
    }
}

impl Encoder {
    /// Starts the threads; `quality` 1 to 100.
    pub fn start(quality: u8) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = (cores / CORES_A_THREAD).clamp(1, MOST_THREADS);
        let encoder = Self::with(quality, MOST_BYTES);
        for number in 0..threads {
            let desk = encoder.0.clone();
            let run = move || {
                if !decode::lower_thread_priority() {
                    tracing::debug!("the encoder {number} keeps the usual priority");
                }
                while desk.encode_next() {}
            };
            if let Err(e) = std::thread::Builder::new().name(format!("encode-{number}")).spawn(run) {
                tracing::error!("the encoder {number} cannot be started: {e}");
                if number == 0 {
                    return Self::with(quality, 0);
                }
                break;
            }
        }
        encoder
    }

    fn with(quality: u8, most_bytes: usize) -> Self {
        Self(Arc::new(Desk { quality, most_bytes, jobs: Mutex::default(), come: Condvar::new() }))
    }

    /// Takes over the picture of a look.
    pub fn take(&self, channel: &ChannelId, frame: &Frame, masks: &[Polygon]) -> Arc<Shot> {
        let (desk, shot, bytes) = (&*self.0, Arc::<Shot>::default(), size(frame));
        let has_room = {
            let mut jobs = desk.jobs.lock();
            let has_room = bytes <= desk.most_bytes - jobs.bytes;
            jobs.bytes += if has_room { bytes } else { 0 };
            has_room
        };
        if !has_room {
            metrics::counter!("skyeye_evidence_hurried_total").increment(1);
            desk.encode(&shot, channel, frame, masks);
            return shot;
        }
        let job =
            Job { shot: shot.clone(), channel: channel.clone(), frame: copy(frame), masks: masks.to_vec(), bytes };
        desk.jobs.lock().waiting.push_back(job);
        desk.come.notify_one();
        shot
    }
}

impl Desk {
    /// Waits for a picture and encodes it; false when there will be no more.
    fn encode_next(&self) -> bool {
        let job = {
            let mut jobs = self.jobs.lock();
            loop {
                if let Some(job) = jobs.waiting.pop_front() {
                    break job;
                }
                if jobs.closed {
                    return false;
                }
                self.come.wait(&mut jobs);
            }
        };
        self.encode(&job.shot, &job.channel, &job.frame, &job.masks);
        let bytes = job.bytes;
        drop(job);
        self.jobs.lock().bytes -= bytes;
        true
    }

    fn encode(&self, shot: &Shot, channel: &ChannelId, frame: &Frame, masks: &[Polygon]) {
        let mut stopwatch = Stopwatch::start();
        let made = catch_unwind(AssertUnwindSafe(|| evidence::encode_jpeg(frame, masks, self.quality)));
        stage::look().jpeg.record(stopwatch.lap());
        let jpeg = match made {
            Ok(Ok(jpeg)) => Some(jpeg),
            Ok(Err(e)) => {
                tracing::warn!(%channel, "no snapshot: {e}");
                None
            }
            Err(_) => {
                tracing::error!(%channel, "no snapshot: its encoding panicked");
                None
            }
        };
        // It is set once, here.
        drop(shot.made.set(jpeg));
    }
}

fn planes(frame: &Frame) -> impl Iterator<Item = (&[u8], usize)> {
    let count = match frame.format {
        PixelFormat::Gray8 => 1,
        PixelFormat::Nv12 => 2,
        PixelFormat::I420 | PixelFormat::Y42b | PixelFormat::Y444 => 3,
    };
    (0..count).map(move |index| frame.planes.plane(index))
}

fn size(frame: &Frame) -> usize {
    planes(frame).map(|(data, _)| data.len()).sum()
}

/// A hundredth of what its encoding costs, and no decoder lacks a buffer meanwhile.
fn copy(frame: &Frame) -> Frame {
    let own = planes(frame).map(|(data, stride)| (data.to_vec(), stride)).collect();
    Frame { planes: Box::new(Own(own)), ..*frame }
}

/// Planes of our own, each with its stride.
struct Own(Vec<(Vec<u8>, usize)>);

impl Planes for Own {
    fn plane(&self, index: usize) -> (&[u8], usize) {
        self.0.get(index).map(|(data, stride)| (data.as_slice(), *stride)).unwrap_or_default()
    }
}

#[cfg(test)]
pub mod testing {
    use super::*;

    /// One without threads, and what works it off: one picture at a time, true if there was one.
    pub fn by_hand(most_bytes: usize) -> (Encoder, impl Fn() -> bool) {
        let encoder = Encoder::with(85, most_bytes);
        let desk = encoder.0.clone();
        let work_off = move || {
            let waits = !desk.jobs.lock().waiting.is_empty();
            waits && desk.encode_next()
        };
        (encoder, work_off)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn frame(format: PixelFormat, (width, height): (u32, u32)) -> Frame {
        let plane = |bytes: u32, rows: u32, by: u8| {
            let data = (0..bytes * rows).map(|i| (i as u8).wrapping_mul(by)).collect();
            (data, bytes as usize)
        };
        let (half, rows) = (width.div_ceil(2), height.div_ceil(2));
        let mut own = vec![plane(width, height, 3)];
        match format {
            PixelFormat::Gray8 => {}
            PixelFormat::Nv12 => own.push(plane(2 * half, rows, 5)),
            PixelFormat::I420 => own.extend([plane(half, rows, 5), plane(half, rows, 7)]),
            PixelFormat::Y42b => own.extend([plane(half, height, 5), plane(half, height, 7)]),
            PixelFormat::Y444 => own.extend([plane(width, height, 5), plane(width, height, 7)]),
        }
        Frame { width, height, format, full_range: true, bt709: false, planes: Box::new(Own(own)) }
    }

    fn channel() -> ChannelId {
        ChannelId::new("a").unwrap()
    }

    fn now(shot: &Shot) -> Option<Option<Jpeg>> {
        shot.jpeg().now_or_never().map(Option::<&Jpeg>::cloned)
    }

    const MASK: [[f32; 2]; 4] = [[0.1, 0.1], [0.6, 0.1], [0.6, 0.6], [0.1, 0.6]];

    #[tokio::test]
    async fn the_bytes_are_those_of_encoding_it_at_once() {
        let (encoder, masks) = (Encoder::start(85), [Polygon(MASK.map(Into::into).to_vec())]);
        for format in [PixelFormat::I420, PixelFormat::Nv12, PixelFormat::Y42b, PixelFormat::Y444, PixelFormat::Gray8] {
            let frame = frame(format, (65, 33));
            let shot = encoder.take(&channel(), &frame, &masks);
            let at_once = evidence::encode_jpeg(&frame, &masks, 85).unwrap();
            // The decoder may draw into its buffer again.
            drop(frame);
            assert_eq!(shot.jpeg().await, Some(&at_once), "{format:?}");
        }
    }

    #[test]
    fn what_is_beyond_the_bound_is_encoded_by_who_brings_it() {
        let frame = frame(PixelFormat::I420, (64, 32));
        let (encoder, work_off) = testing::by_hand(2 * size(&frame));
        let shots = [(); 3].map(|()| encoder.take(&channel(), &frame, &[]));
        let ready = || shots.each_ref().map(|shot| now(shot).is_some());
        assert_eq!(ready(), [false, false, true], "two wait, and the third is made at once");
        assert!(work_off());
        assert_eq!(ready(), [true, false, true], "in order");
        assert_eq!(now(&encoder.take(&channel(), &frame, &[])), None, "there is room again");
        while work_off() {}
        assert_eq!(ready(), [true; 3]);
        assert_eq!(encoder.0.jobs.lock().bytes, 0);
    }

    #[test]
    fn a_picture_that_cannot_be_made_is_answered_and_none() {
        let (encoder, work_off) = testing::by_hand(1 << 20);
        let broken = Polygon(vec![[0.0, 0.0].into(), [1.0, 1.0].into()]);
        let shot = encoder.take(&channel(), &frame(PixelFormat::I420, (64, 32)), &[broken]);
        assert!(work_off());
        assert_eq!(now(&shot), Some(None), "never without its masks");
    }

    #[test]
    fn what_waits_is_encoded_also_when_the_encoder_goes() {
        let encoder = Encoder::start(85);
        let frame = frame(PixelFormat::I420, (64, 32));
        let shots = [(); 20].map(|()| encoder.take(&channel(), &frame, &[]));
        drop(encoder);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert!(shots.iter().all(|shot| runtime.block_on(shot.jpeg()).is_some()));
    }
}
