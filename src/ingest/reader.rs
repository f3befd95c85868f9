//! The units of one session, as they come: retina's items made into what the rest of the house knows.
//!
//! A unit owns exactly its bytes. What is not a whole picture is told as damage, never as a unit.

use std::task::{Context, Poll};

use bytes::Bytes;
use retina::codec::{CodecItem, VideoFrame};
use retina::rtcp::TypedPacketRef;

use super::failure::{Reach, reach};
use super::picture::{begins_with_parameter_sets, glance};
use super::{Failure, Playing, VideoInfo};

/// One item of a session.
#[derive(Debug)]
pub enum Received {
    Unit(Unit),
    /// A sender report: NTP time of a position in RTP time.
    Report {
        rtp_90k: i64,
        ntp: u64,
    },
    /// Something that is no picture; the session goes on. The word says what, for metrics.
    Damaged {
        reason: &'static str,
        lost: u64,
    },
    /// Nothing that concerns us.
    Other,
    Ended(Failure),
}

/// One encoded picture of a session.
#[derive(Debug)]
pub struct Unit {
    pub key: bool,
    pub data: Bytes,
    /// Unwrapped within the session.
    pub rtp_90k: i64,
    /// Packets lost since the unit before, as retina tells: a loss that runs over the border between two fragmented
    /// pictures is told only in part.
    pub lost: u64,
    /// Codec parameters are new with this unit.
    pub new_parameters: bool,
}

/// Reads one session.
pub struct Reader {
    playing: Playing,
    max_unit_bytes: usize,
}

impl Reader {
    pub fn new(playing: Playing, max_unit_bytes: u32) -> Self {
        Self { playing, max_unit_bytes: usize::try_from(max_unit_bytes).unwrap_or(usize::MAX) }
    }

    pub fn video(&self) -> VideoInfo {
        self.playing.video()
    }

    /// Waits for the next item. May be dropped between items without losing one.
    pub async fn next(&mut self) -> Received {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The same for a task that waits for something else beside it.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Received> {
        self.playing.poll_next(cx).map(|item| self.received(item))
    }

    fn received(&mut self, item: Option<Result<CodecItem, retina::Error>>) -> Received {
        match item {
            None => Received::Ended(Failure::closed()),
            Some(Ok(CodecItem::VideoFrame(frame))) => self.unit(frame),
            Some(Ok(CodecItem::Rtcp(packets))) => {
                let Some(rtp) = packets.rtp_timestamp() else { return Received::Other };
                for packet in packets.pkts() {
                    if let Ok(Some(TypedPacketRef::SenderReport(report))) = packet.as_typed() {
                        return Received::Report { rtp_90k: to_90k(&rtp), ntp: report.ntp_timestamp().0 };
                    }
                }
                Received::Other
            }
            Some(Ok(_)) => Received::Other,
            Some(Err(error)) => match reach(&error) {
                Reach::Packet => {
                    tracing::debug!(%error, "packet that is no part of a picture");
                    Received::Damaged { reason: "garbage", lost: 0 }
                }
                Reach::Session => Received::Ended(Failure::of_session(&error)),
            },
        }
    }

    fn unit(&self, frame: VideoFrame) -> Received {
        let lost = u64::from(frame.loss());
        let idr = frame.is_random_access_point();
        let rtp_90k = to_90k(&frame.timestamp());
        let new_parameters = frame.has_new_parameters();
        let mut data = frame.into_data();
        if data.len() > self.max_unit_bytes {
            return Received::Damaged { reason: "oversized", lost };
        }
        let Some(glance) = glance(self.playing.codec, &data).filter(|g| g.whole) else {
            return Received::Damaged { reason: "incomplete", lost };
        };
        let key = idr || glance.irap;
        if key && !idr {
            // retina takes IDR alone for key pictures, strips the parameter sets of all and gives them back to IDR.
            let Some(with_sets) = self.playing.with_parameter_sets(&data) else {
                return Received::Damaged { reason: "incomplete", lost };
            };
            data = with_sets;
        }
        if key && !begins_with_parameter_sets(self.playing.codec, &data) {
            // They stood neither in the description nor before the picture yet: nobody could decode it.
            return Received::Damaged { reason: "no_parameter_sets", lost };
        }
        // A unit may wait long in a ring: what it holds beyond its bytes would escape every bound.
        if data.capacity() > data.len() + data.len() / 8 {
            data.shrink_to_fit();
        }
        Received::Unit(Unit { key, data: data.into(), rtp_90k, lost, new_parameters })
    }
}

fn to_90k(t: &retina::Timestamp) -> i64 {
    let rate = i128::from(t.clock_rate().get());
    if rate == 90_000 {
        return t.timestamp();
    }
    i64::try_from(i128::from(t.timestamp()) * 90_000 / rate).unwrap_or(i64::MAX)
}
