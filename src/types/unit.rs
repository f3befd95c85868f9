//! The access unit: one encoded picture as it came from the camera.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{ChannelId, Mono, Wall};

/// What a camera sends. In JSON and metrics: `h264`, `h265`, `mjpeg`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    H264,
    H265,
    Mjpeg,
}

impl Codec {
    pub fn as_str(self) -> &'static str {
        match self {
            Codec::H264 => "h264",
            Codec::H265 => "h265",
            Codec::Mjpeg => "mjpeg",
        }
    }
}

/// One encoded picture. H.264/H.265: Annex B with the parameter sets before each key frame, so that a key unit is
/// decodable alone; MJPEG: one JPEG file (every unit is a key unit). `data` owns its bytes and pins no larger buffer.
#[derive(Debug, Clone)]
pub struct AccessUnit {
    pub channel: ChannelId,
    pub codec: Codec,
    /// Decodable without any other unit.
    pub key: bool,
    pub data: Bytes,
    /// Presentation time on the channel's monotonic timeline, 90 kHz, continued over reconnects and wraps.
    pub timeline_90k: i64,
    /// When its last byte was read.
    pub ingested: Mono,
    pub ingested_wall: Wall,
    /// When the camera says it was taken (sender report); the ingest time where no report has come.
    pub seen: Wall,
    /// True if `seen` is the camera's own clock.
    pub camera_clock: bool,
    /// Counts sessions of this channel; a change means that the decoder must not assume continuity.
    pub session: u32,
}
