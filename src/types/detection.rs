//! What was seen in one frame, and over frames.

use std::sync::Arc;

use super::{BBox, ChannelId, ModelName, Mono, Now, Pace, Wall};

/// One box in one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// The model's label, e.g. `person`.
    pub label: Arc<str>,
    /// 0..1.
    pub score: f32,
    pub bbox: BBox,
}

/// Which weights looked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRef {
    pub name: ModelName,
    /// Lower-case hex.
    pub sha256: Arc<str>,
}

/// The outcome of looking at one sample.
#[derive(Debug, Clone)]
pub struct Look {
    pub channel: ChannelId,
    pub timeline_90k: i64,
    /// When the access unit was ingested.
    pub at: Mono,
    pub ingested: Wall,
    pub seen: Wall,
    pub camera_clock: bool,
    pub width: u32,
    pub height: u32,
    pub model: ModelRef,
    /// Looks a second that this channel gets at present.
    pub rate_hz: f32,
    /// How far apart its looks are, as the tracker found.
    pub pace: Pace,
}

impl Look {
    /// One at a picture of such a size, which was seen when it came.
    pub fn at(channel: ChannelId, model: ModelRef, (width, height): (u32, u32), now: Now) -> Self {
        Self {
            channel,
            timeline_90k: i64::try_from(now.mono.0.saturating_mul(90)).unwrap_or(i64::MAX),
            at: now.mono,
            ingested: now.wall,
            seen: now.wall,
            camera_clock: false,
            width,
            height,
            model,
            rate_hz: 1.0,
            pace: Pace::default(),
        }
    }
}

/// The same object over frames. Numbers count up per channel from 1 and are not reused within a process run.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    pub number: u64,
    pub label: Arc<str>,
    /// Of the detection in this look.
    pub score: f32,
    pub bbox: BBox,
    /// When it was first and last found.
    pub first: Mono,
    pub last: Mono,
    /// Looks in which it was found.
    pub looks: u32,
    /// Where it is going: picture widths and heights a second; zero while that is not known.
    pub velocity: (f32, f32),
    /// For how long it has stood still, up to `last`: some hundred ms are nothing, for that long everything does.
    pub still_ms: u64,
    /// Whether it is taken for an object. One strong detection is enough; what is weak, or looks like a double of another
    /// object's box, must be found again, and at another place: what never moved and is never sure may be a poster.
    pub confirmed: bool,
}
