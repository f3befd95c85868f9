//! The units of one session, as they come: retina's items made into what the rest of the house knows.
//!
//! A unit owns exactly its bytes. What is not a whole picture is told as damage, never as a unit.

use std::task::{Context, Poll};

use bytes::Bytes;
use retina::codec::{CodecItem, VideoFrame};
use retina::rtcp::TypedPacketRef;

use super::failure::{Reach, reach};
use super::picture::{begins_with_parameter_sets, glance};
use super::session::General;
use super::{Failure, Playing, VideoInfo};
use crate::config::Transport;
use crate::types::Mono;

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
    pub fn new(mut playing: Playing, max_unit_bytes: u32) -> Self {
        let max_unit_bytes = usize::try_from(max_unit_bytes).unwrap_or(usize::MAX);
        if let Playing::Direct(direct) = &mut playing {
            direct.set_max_bytes(max_unit_bytes);
        }
        Self { playing, max_unit_bytes }
    }

    pub fn video(&self) -> VideoInfo {
        self.playing.video()
    }

    pub fn transport(&self) -> Transport {
        self.playing.transport()
    }

    /// To be called about once a second: a camera ends a session whose client says nothing.
    pub fn keep_alive(&mut self, now: Mono) {
        // The general client does so by itself.
        if let Playing::Direct(direct) = &mut self.playing {
            direct.keep_alive(now);
        }
    }

    /// Waits for the next item. May be dropped between items without losing one.
    pub async fn next(&mut self) -> Received {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The same for a task that waits for something else beside it.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Received> {
        match &mut self.playing {
            Playing::Direct(direct) => direct.poll_next(cx),
            Playing::General(general) => general.poll_next(cx).map(|item| received(general, item, self.max_unit_bytes)),
        }
    }
}

fn received(general: &General, item: Option<Result<CodecItem, retina::Error>>, max: usize) -> Received {
    match item {
        None => Received::Ended(Failure::closed()),
        Some(Ok(CodecItem::VideoFrame(frame))) => unit(general, frame, max),
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

fn unit(general: &General, frame: VideoFrame, max: usize) -> Received {
    let lost = u64::from(frame.loss());
    let idr = frame.is_random_access_point();
    let rtp_90k = to_90k(&frame.timestamp());
    let new_parameters = frame.has_new_parameters();
    let mut data = frame.into_data();
    if data.len() > max {
        return Received::Damaged { reason: "oversized", lost };
    }
    let Some(glance) = glance(general.codec, &data).filter(|g| g.whole) else {
        return Received::Damaged { reason: "incomplete", lost };
    };
    let key = idr || glance.irap;
    if key && !idr {
        // retina takes IDR alone for key pictures, strips the parameter sets of all and gives them back to IDR.
        let Some(with_sets) = general.with_parameter_sets(&data) else {
            return Received::Damaged { reason: "incomplete", lost };
        };
        data = with_sets;
    }
    if key && !begins_with_parameter_sets(general.codec, &data) {
        // They stood neither in the description nor before the picture yet: nobody could decode it.
        return Received::Damaged { reason: "no_parameter_sets", lost };
    }
    // A unit may wait long in a ring: what it holds beyond its bytes would escape every bound.
    if data.capacity() > data.len() + data.len() / 8 {
        data.shrink_to_fit();
    }
    Received::Unit(Unit { key, data: data.into(), rtp_90k, lost, new_parameters })
}

fn to_90k(t: &retina::Timestamp) -> i64 {
    let rate = i128::from(t.clock_rate().get());
    if rate == 90_000 {
        return t.timestamp();
    }
    i64::try_from(i128::from(t.timestamp()) * 90_000 / rate).unwrap_or(i64::MAX)
}
