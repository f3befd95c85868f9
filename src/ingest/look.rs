//! One look of some seconds at a stream that is no channel yet: what does it really send?
//!
//! In: what to pull and how long; out: numbers, the first key unit, and the failure that a channel would show. It uses
//! the gateway's own sessions, one, and ends it in order. `skyeye probe` and the console's wizard share it.

use std::sync::Arc;
use std::time::Duration;

use retina::client::SessionGroup;

use super::{ChannelSpec, Failure, Patience, Reader, Received, open};
use crate::config;
use crate::types::{AccessUnit, Clock, Codec};

/// How long to look.
#[derive(Debug, Clone, Copy)]
pub struct LookTime {
    /// At least this long, for the rates.
    pub least: Duration,
    /// At most this long, where key frames are rare.
    pub most: Duration,
}

impl LookTime {
    pub fn exactly(time: Duration) -> Self {
        Self { least: time, most: time }
    }
}

/// What came.
#[derive(Debug, Clone, Default)]
pub struct Looked {
    pub codec: Option<Codec>,
    /// Pixels, 0 where no parameter sets came.
    pub width: u32,
    pub height: u32,
    pub seconds: f32,
    pub units: u64,
    pub unit_rate_hz: f32,
    pub kbit_s: f32,
    /// `None` with fewer than two key frames in the time.
    pub key_interval_s: Option<f32>,
    /// Camera clock minus this machine's; `None` where the camera sent no report.
    pub clock_skew_ms: Option<i64>,
    pub lost_packets: u64,
    /// Pictures that came damaged or too large.
    pub damaged: u64,
    /// The first key unit.
    pub key: Option<AccessUnit>,
    /// Why there is no picture.
    pub failure: Option<Failure>,
}

/// Looks at a stream.
pub async fn look(spec: &ChannelSpec, allow_loopback: bool, time: LookTime) -> Looked {
    let options = config::Ingest::default();
    let mut patience = Patience::of(options.connect_timeout_s);
    let group = Arc::new(SessionGroup::default());
    let mut found = Counted::default();
    let failure = match open(spec, allow_loopback, &group, &mut patience, None).await {
        Ok(playing) => {
            let mut reader = Reader::new(playing, options.max_unit_bytes);
            found.read(spec, &mut reader, time).await
        }
        Err(failure) => Some(failure),
    };
    // A camera behind UDP goes on sending until it is told.
    if tokio::time::timeout(Duration::from_secs(2), group.await_teardown()).await.is_err() {
        tracing::debug!("the camera did not answer TEARDOWN");
    }
    found.looked(failure)
}

#[derive(Default)]
struct Counted {
    looked: Looked,
    bytes: u64,
    keys: u64,
    /// Seconds from the first to the last unit, and key unit.
    span_s: f32,
    key_span_s: f32,
}

impl Counted {
    /// Reads until the time is over; a failure is given only if there was no picture.
    async fn read(&mut self, spec: &ChannelSpec, reader: &mut Reader, time: LookTime) -> Option<Failure> {
        let clock = Clock::start();
        let least = u64::try_from(time.least.as_millis()).unwrap_or(u64::MAX);
        let end = tokio::time::Instant::now() + time.most;
        let (mut first, mut first_key) = (None, None);
        let mut ended = None;
        while let Ok(received) = tokio::time::timeout_at(end, reader.next()).await {
            let now = clock.now();
            let found = &mut self.looked;
            match received {
                Received::Unit(unit) => {
                    found.units += 1;
                    self.bytes += unit.data.len() as u64;
                    found.lost_packets += unit.lost;
                    let first = *first.get_or_insert(now.mono);
                    self.span_s = now.mono.since_ms(first) as f32 / 1000.0;
                    if unit.key {
                        self.keys += 1;
                        let first_key = *first_key.get_or_insert(now.mono);
                        self.key_span_s = now.mono.since_ms(first_key) as f32 / 1000.0;
                        found.key.get_or_insert_with(|| AccessUnit {
                            channel: spec.id.clone(),
                            codec: reader.video().codec,
                            key: true,
                            data: unit.data.clone(),
                            timeline_90k: unit.rtp_90k,
                            ingested: now.mono,
                            ingested_wall: now.wall,
                            seen: now.wall,
                            camera_clock: false,
                            session: 1,
                        });
                    }
                }
                Received::Report { ntp, .. } => {
                    found.clock_skew_ms = super::skew_ms(ntp, now.wall).or(found.clock_skew_ms);
                }
                Received::Damaged { lost, .. } => {
                    found.damaged += 1;
                    found.lost_packets += lost;
                }
                Received::Other => {}
                Received::Ended(failure) => {
                    ended = Some(failure);
                    break;
                }
            }
            // Nothing that is still unknown can be learned by staying.
            if self.keys > 1 && now.mono.0 >= least && time.least < time.most {
                break;
            }
        }
        let video = reader.video();
        self.looked.codec = Some(video.codec);
        (self.looked.width, self.looked.height) = (video.width, video.height);
        self.looked.seconds = clock.mono().0 as f32 / 1000.0;
        if self.keys > 0 {
            return None;
        }
        let seconds = u32::try_from(time.most.as_secs()).unwrap_or(u32::MAX);
        Some(ended.unwrap_or_else(|| match self.looked.units {
            0 => Failure::stalled(seconds, reader.transport()),
            _ => Failure::no_key(u64::from(seconds)),
        }))
    }

    fn looked(mut self, failure: Option<Failure>) -> Looked {
        let r = &mut self.looked;
        // Between the first and the last unit lie one fewer intervals than units.
        if r.units > 1 && self.span_s > 0.0 {
            let share = (r.units - 1) as f32 / r.units as f32;
            r.unit_rate_hz = (r.units - 1) as f32 / self.span_s;
            r.kbit_s = self.bytes as f32 * share * 8.0 / 1000.0 / self.span_s;
        }
        if self.keys > 1 {
            r.key_interval_s = Some(self.key_span_s / (self.keys - 1) as f32);
        }
        r.failure = failure;
        self.looked
    }
}
