//! Workers on real pictures and a real ledger, with a detector that finds somebody in every picture or hangs.

use std::sync::atomic::AtomicUsize;

use bytes::Bytes;
use parking_lot::Condvar;

use super::*;
use crate::{
    alert::AlertBook,
    channel::Registry,
    config,
    evidence::Files,
    infer::InferError,
    media::{Limits, Media},
    node::{
        ages::Ages,
        encoder::{self, Encoder},
        pump::Pump,
        watch::{Watch, Watches},
    },
    outbox::{Ledger, LedgerOptions},
    schedule::{Options, Queue, Sample, Tier},
    telemetry::{self, Metrics},
    track::LookBook,
    types::{AccessUnit, BBox, Clock, Codec, Detection, Frame, Message, ModelName, ModelRef, payload::EventPayload},
};

/// What the detectors did, and how they behave.
#[derive(Default)]
struct Double {
    /// While set, pictures of H.264 do not come back.
    hangs: Mutex<bool>,
    freed: Condvar,
    /// Pictures of H.264 begun with.
    begun: AtomicUsize,
    looks: AtomicUsize,
}

struct DoubleDetector(Arc<Double>);

impl Detect for DoubleDetector {
    fn detect(&mut self, frame: &Frame) -> Result<Vec<Detection>, InferError> {
        // Only the picture of MJPEG uses the full range.
        if !frame.full_range {
            self.0.begun.fetch_add(1, Ordering::SeqCst);
            let mut hangs = self.0.hangs.lock();
            while *hangs {
                self.0.freed.wait(&mut hangs);
            }
        }
        self.0.looks.fetch_add(1, Ordering::SeqCst);
        let bbox = BBox { x: 0.4, y: 0.3, w: 0.1, h: 0.4 };
        Ok(vec![Detection { label: Arc::from("person"), score: 0.97, bbox }])
    }

    fn model_ref(&self) -> ModelRef {
        ModelRef { name: ModelName::new("double").unwrap(), sha256: Arc::from("00") }
    }
}

/// Channels `good` and `bad` under a rule, and a pool of workers.
struct Stand {
    _dir: tempfile::TempDir,
    ledger: Ledger,
    shared: Arc<Shared>,
    lookers: Lookers,
    double: Arc<Double>,
    metrics: Metrics,
}

const CHANNELS: &str = "[[channel]]\nid = \"good\"\nurl = \"rtsp://10.0.0.1/\"\n\
                        [[channel]]\nid = \"bad\"\nurl = \"rtsp://10.0.0.2/\"\n\
                        [[rule]]\nid = \"r\"\ntype = \"presence\"\nchannels = [\"*\"]\n";

impl Stand {
    async fn new(workers: usize) -> Self {
        Self::with(workers, Encoder::start(85)).await
    }

    async fn with(workers: usize, encoder: Encoder) -> Self {
        decode::start().unwrap();
        let metrics = telemetry::init_metrics();
        let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::start());
        let mut config = config::parse("test", CHANNELS).unwrap();
        config.node.data_dir = dir.path().to_owned();
        let book = Box::new(AlertBook::of(&config));
        let ledger = Ledger::open(LedgerOptions::new(&config, book, clock)).await.unwrap();
        let files = Arc::new(Files::open(&dir.path().join("evidence"), clock, config.evidence.clone()).unwrap());
        let (pump, _) = Pump::start(&ledger, &files, &Arc::new(Ages::new(clock)));
        let queue = Arc::new(Queue::new(Options { deadline_ms: 60_000, workers, ..Options::default() }, clock));
        let watches = Arc::new(Watches::default());
        for entry in Registry::new(&config, clock).channels() {
            let id = entry.config.id.clone();
            queue.register(&id, 1.0, 0);
            watches.insert(id, Arc::new(Watch::new(&config, entry, clock.mono())));
        }
        let limits = Limits { preroll_ms: 3000, channel_bytes: 1 << 20, total_bytes: 1 << 24 };
        let shared = Arc::new(Shared {
            queue,
            watches,
            book: Arc::new(LookBook::new(1 << 20, 1)),
            pump,
            encoder,
            clock,
            media: Arc::new(Media::with(limits)),
            streams: Arc::default(),
            hangs: Arc::default(),
            limits: DecodeLimits::default(),
            decoder: config.decode.element,
            failing: Mutex::default(),
        });
        let double = Arc::<Double>::default();
        let stand = Self { _dir: dir, ledger, shared, lookers: Lookers::default(), double, metrics };
        stand.lookers.pool.lock().size = workers;
        (0..workers).for_each(|number| stand.add(number));
        stand
    }

    fn add(&self, number: usize) {
        self.lookers.pool.lock().add(number, &self.shared, Box::new(DoubleDetector(self.double.clone())));
    }

    /// A key unit of a channel that comes now.
    fn key(&self, channel: &str, codec: Codec) -> AccessUnit {
        let now = self.shared.clock.now();
        AccessUnit {
            channel: ChannelId::new(channel).unwrap(),
            codec,
            key: true,
            data: Bytes::from_static(match codec {
                Codec::Mjpeg => include_bytes!("../decode/probe/key.mjpeg"),
                _ => include_bytes!("../decode/probe/key.h264"),
            }),
            timeline_90k: now.mono.0 as i64 * 90,
            ingested: now.mono,
            ingested_wall: now.wall,
            seen: now.wall,
            camera_clock: false,
            session: 1,
        }
    }

    fn offer(&self, unit: AccessUnit, tier: Tier) {
        self.shared.queue.offer(Sample { offered: unit.ingested, unit, tier, active: false });
    }

    /// Looks that saw nothing, in this process.
    fn blind(&self, tier: Tier, reason: &str) -> u64 {
        self.metrics.count("skyeye_node_blind_looks_total", &[("tier", tier.as_str()), ("reason", reason)])
    }

    /// Waits for so many looks in all.
    async fn looks(&self, n: usize) {
        until("the looks", || self.double.looks.load(Ordering::SeqCst) >= n).await;
    }

    /// Lets go of what hangs and ends the workers.
    async fn end(self) {
        *self.double.hangs.lock() = false;
        self.double.freed.notify_all();
        self.shared.queue.close();
        self.lookers.join(Duration::from_secs(5)).await;
    }
}

async fn until(what: &str, so: impl Fn() -> bool) {
    for _ in 0..1000 {
        if so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within 10 s: {what}");
}

#[test]
fn a_pool_that_hung_as_a_whole_is_filled_again_when_the_threads_come_back() {
    assert_eq!(missing(4, 1, &[0, 1, 3]), [2], "the one that hangs has a successor");
    assert_eq!(missing(4, 4, &[]), [0, 1, 2, 3]);
    assert_eq!(missing(4, 6, &[0]), [1], "threads that hang keep their memory");
    assert_eq!(missing(4, 8, &[]), [0usize; 0]);
    assert_eq!(missing(4, 0, &[]), [0, 1, 2, 3], "all of them came back");
    assert_eq!(missing(4, 0, &[3, 2, 1, 0]), [0usize; 0]);
}

#[test]
fn a_pause_of_the_machine_is_told_from_a_hang() {
    assert!(!is_stall(2, 1, false) && is_stall(2, 2, false) && is_stall(2, 1, true));
    assert!(!is_stall(1, 1, false), "one alone says nothing");
    assert!(!is_stall(8, 4, false) && is_stall(8, 5, false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_whose_pictures_hang_costs_one_worker_and_not_all_of_them() {
    let stand = Stand::new(2).await;
    *stand.double.hangs.lock() = true;
    let begun = || stand.double.begun.load(Ordering::SeqCst);
    let counted = || ["hung", "rests"].map(|reason| stand.blind(Tier::Patrol, reason));
    let before = counted();
    for round in 0..6 {
        stand.offer(stand.key("bad", Codec::H264), Tier::Patrol);
        match round {
            0 => until("it hangs", || begun() == 1).await,
            _ => until("it is taken", || stand.shared.queue.pending() == 0).await,
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        let checked = stand.lookers.give_up(&stand.shared, stand.shared.clock.mono().plus_ms(HANGS_AFTER_MS));
        assert_eq!((checked.hanging, checked.at_work), (1, 2), "round {round}");
        assert_eq!(checked.resting, [ChannelId::new("bad").unwrap()]);
        checked.missing.into_iter().for_each(|number| stand.add(number));
    }
    assert_eq!((begun(), counted()), (1, [before[0] + 1, before[1] + 5]));
    let good = stand.key("good", Codec::Mjpeg);
    stand.offer(good, Tier::Patrol);
    stand.looks(1).await;
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn looks_go_on_while_an_event_waits_for_its_picture() {
    let (encoder, work_off) = encoder::testing::by_hand(1 << 20);
    let stand = Stand::with(1, encoder).await;
    let mut committed = stand.ledger.committed();
    // The first look starts the event; that there are others shows that the worker and the channel are free.
    for n in 1..=3 {
        stand.offer(stand.key("good", Codec::Mjpeg), Tier::Patrol);
        stand.looks(n).await;
    }
    let is_event = |message: &Message| message.topic.contains("/event/");
    while let Ok(message) = committed.try_recv() {
        assert!(!is_event(&message), "an event without its picture");
    }
    assert!(work_off() && !work_off(), "one picture");
    let event = async {
        loop {
            let message = committed.recv().await.unwrap();
            if is_event(&message) {
                return serde_json::from_slice::<EventPayload>(&message.payload).unwrap();
            }
        }
    };
    let event = tokio::time::timeout(Duration::from_secs(10), event).await.unwrap();
    assert_eq!(event.media.iter().map(|m| (m.width, m.height)).collect::<Vec<_>>(), [(192, 160)]);
    stand.end().await;
}

/// Also where the ring was cut to its key unit: a channel in focus has no patrol.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn focus_looks_at_new_key_units_where_there_is_no_way_to_the_present() {
    let stand = Stand::new(1).await;
    let media = &stand.shared.media;
    for n in 1..=3 {
        let key = stand.key("good", Codec::Mjpeg);
        media.push(&key);
        // Too large for the ring, which gives up all but the key unit.
        let next = AccessUnit { key: false, data: vec![0u8; 1 << 20].into(), ..key.clone() };
        media.push(&next);
        assert!(media.run(&key.channel, None).is_none());
        stand.offer(next.clone(), Tier::Focus);
        stand.looks(n).await;
        // Each key unit once.
        stand.offer(AccessUnit { ingested: stand.shared.clock.mono(), ..next }, Tier::Focus);
        until("it is taken", || stand.shared.queue.pending() == 0).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(stand.double.looks.load(Ordering::SeqCst), n);
    }
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_that_sees_nothing_is_counted_by_its_reason() {
    let stand = Stand::new(1).await;
    let key = || stand.key("good", Codec::Mjpeg);
    let offer = async |unit: AccessUnit, tier: Tier, reason: &str| {
        let before = stand.blind(tier, reason);
        stand.offer(unit, tier);
        until(reason, || stand.blind(tier, reason) == before + 1).await;
    };
    offer(AccessUnit { data: Bytes::from_static(b"no picture"), ..key() }, Tier::Patrol, "decode").await;
    offer(key(), Tier::Focus, "no_way").await;
    let unit = stand.key("bad", Codec::H264);
    stand.shared.media.push(&unit);
    let not_yet = stand.blind(Tier::Focus, "not_yet");
    stand.offer(unit.clone(), Tier::Focus);
    // The decoder gives its picture, or holds it back for its order.
    let done = || stand.double.looks.load(Ordering::SeqCst) == 1 || stand.blind(Tier::Focus, "not_yet") > not_yet;
    until("the first", done).await;
    offer(unit, Tier::Focus, "not_yet").await;
    stand.shared.watches.remove(&key().channel);
    offer(key(), Tier::Patrol, "gone").await;
    stand.end().await;
}
