//! The decoder that a channel owns while it is in catch-up or focus, and how far it has come.
//!
//! Goes from the key unit of the present group of pictures to the newest unit, and on from there as units come, as long
//! as the pre-roll ring holds them without a hole; else it begins again at the key unit. It keeps no units of its own.
//! A decoder that is not used for a while is let go: it holds reference pictures, a few MiB a channel. How many are kept
//! at one time is bounded by their size; a channel beyond the bound begins at its key unit each time.
//!
//! A run is cut so that it holds its worker for some hundred milliseconds at most: what is left is decoded with the
//! channel's next sample, so that a camera with a key frame every minute costs itself time, and not the others. A
//! catch-up that is cut gives the picture that it came to, which is that of its unit and no older than it says. Where the
//! ring has no way to the present, or the decoder cannot be kept until its end, that is said (`Present::NoWay`).

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;

use crate::{
    config::DecoderChoice,
    decode::{DecodeError, DecodeLimits, StreamDecoder},
    media::{Media, ring},
    schedule::Tier,
    types::{AccessUnit, ChannelId, Frame, Mono},
};

/// Pixels that are decoded in one go: 100 to 200 ms of one core.
const RUN_PIXELS: u64 = 48 << 20;
/// Pixels of the pictures of all decoders that are kept between looks. A decoder holds up to sixteen pictures of its
/// stream, eight as a rule: 1.6 GB for 327 channels of D1, 64 of 1080p or 16 of 4K.
const KEPT_PIXELS: usize = 64 * 1920 * 1080;
/// Units whose pictures a decoder may hold back, and some more.
const MOST_HELD: usize = 32;
/// A decoder that is not used for this long is let go.
const IDLE_MS: u64 = 2_500;

/// One channel's place for a decoder.
#[derive(Default)]
pub struct Stream {
    open: Option<Open>,
}

struct Open {
    decoder: StreamDecoder,
    /// The latest unit that it was given: its place on the timeline, its session.
    at: Option<(i64, u32)>,
    used: Mono,
    /// The latest units without their data: with B-frames a picture comes out some units after its own.
    given: VecDeque<AccessUnit>,
    /// Counts it among those that are kept.
    _kept: Option<Kept>,
}

/// Counts the decoders that are kept, and their pixels.
#[derive(Default)]
pub struct Streams(Arc<Sums>);

#[derive(Default)]
struct Sums {
    kept: AtomicUsize,
    pixels: AtomicUsize,
}

struct Kept {
    sums: Arc<Sums>,
    pixels: usize,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.sums.kept.fetch_sub(1, Ordering::Relaxed);
        self.sums.pixels.fetch_sub(self.pixels, Ordering::Relaxed);
    }
}

impl Streams {
    /// Decoders kept at present.
    pub fn kept(&self) -> usize {
        self.0.kept.load(Ordering::Relaxed)
    }

    fn keep(&self, size: (u32, u32)) -> Option<Kept> {
        let pixels = usize::try_from(pixels(size)).ok()?;
        let sum = |held: usize| held.checked_add(pixels).filter(|sum| *sum <= KEPT_PIXELS);
        self.0.pixels.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum).ok()?;
        self.0.kept.fetch_add(1, Ordering::Relaxed);
        Some(Kept { sums: self.0.clone(), pixels })
    }
}

/// What came of it.
#[derive(Debug)]
pub enum Present {
    /// A picture, and the unit that it belongs to.
    Picture(Frame, AccessUnit),
    /// No picture this time: nothing new came, or the way is not done yet.
    NotYet,
    /// The present cannot be reached before the next key unit.
    NoWay,
}

/// What decoding to the present needs beside the channel's own decoder.
pub struct Decoding<'a> {
    pub media: &'a Media,
    pub streams: &'a Streams,
    pub limits: DecodeLimits,
    pub choice: DecoderChoice,
    /// Of the channel's pictures, in pixels; 0 where it is not known.
    pub size: (u32, u32),
}

impl Stream {
    /// Decodes to the present.
    pub fn present(
        &mut self,
        tier: Tier,
        decoding: &Decoding<'_>,
        channel: &ChannelId,
        now: Mono,
    ) -> Result<Present, DecodeError> {
        let going = self.open.take().filter(|o| o.decoder.goes_on());
        let after = going.as_ref().and_then(|o| o.at);
        let (going, mut units) = match after.and_then(|at| decoding.media.run(channel, Some(at))) {
            Some(units) => (going, units),
            None => match decoding.media.run(channel, None) {
                Some(units) => (None, units),
                None => return Ok(Present::NoWay),
            },
        };
        let most = most_units(decoding.size);
        let cut = units.len() > most;
        units.truncate(most);
        let Some(last) = units.last() else {
            self.open = going;
            return Ok(Present::NotYet);
        };
        let mut open = going.unwrap_or_else(|| Open {
            decoder: StreamDecoder::new(decoding.limits, decoding.choice),
            at: None,
            used: now,
            given: VecDeque::new(),
            _kept: None,
        });
        open.at = Some((last.timeline_90k, last.session));
        open.used = now;
        // A catch-up wants the very newest picture even where the decoder holds pictures back for their order; focus
        // would have to begin at the key unit again after that, and waits those few pictures instead.
        let frame = match tier {
            Tier::Focus => open.decoder.run(&units)?,
            _ if cut => open.decoder.run(&units)?,
            _ => open.decoder.run_to_present(&units)?,
        };
        for unit in &units {
            if open.given.len() == MOST_HELD {
                open.given.pop_front();
            }
            open.given.push_back(AccessUnit { data: Bytes::new(), ..unit.clone() });
        }
        let shown = open.decoder.shown();
        let unit = open.given.iter().rfind(|u| shown.is_none_or(|at| u.timeline_90k == at)).unwrap_or(last).clone();
        if open._kept.is_none() {
            open._kept = decoding.streams.keep(decoding.size);
        }
        if open._kept.is_some() {
            self.open = Some(open);
        }
        if cut {
            metrics::counter!("skyeye_node_runs_cut_total").increment(1);
            // Focus goes on with the next sample in a moment. A catch-up may have none: a channel recalled under
            // overload would be taken for looked at, time and again, and no picture of it ever be seen.
            if tier == Tier::Focus {
                return Ok(if self.open.is_some() { Present::NotYet } else { Present::NoWay });
            }
        }
        Ok(frame.map_or(Present::NotYet, |frame| Present::Picture(frame, unit)))
    }

    /// Lets the decoder go if it has not been used for a while.
    pub fn tidy(&mut self, now: Mono) {
        if self.open.as_ref().is_some_and(|o| now.since_ms(o.used) >= IDLE_MS) {
            self.open = None;
        }
    }
}

/// Of one picture; an unknown size counts as 1080p.
fn pixels((width, height): (u32, u32)) -> u64 {
    match u64::from(width) * u64::from(height) {
        0 => 1920 * 1080,
        pixels => pixels,
    }
}

/// How many units of a size are decoded in one go: fewer than the ring gives, so that what it cut is cut here.
fn most_units(size: (u32, u32)) -> usize {
    usize::try_from(RUN_PIXELS / pixels(size)).unwrap_or(usize::MAX).clamp(2, ring::MAX_RUN - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_bounded_by_its_pixels() {
        assert_eq!(most_units((704, 576)), 124, "eight seconds of D1");
        assert_eq!(most_units((1920, 1080)), 24);
        assert_eq!(most_units((3840, 2160)), 6);
        assert_eq!(most_units((0, 0)), most_units((1920, 1080)));
        assert_eq!(most_units((8192, 4320)), 2, "always forward");
        assert_eq!(most_units((160, 120)), ring::MAX_RUN - 1);
    }

    #[test]
    fn decoders_kept_are_counted_and_bounded_by_their_size() {
        let streams = Streams::default();
        for (size, most) in [((704, 576), 327), ((1920, 1080), 64), ((0, 0), 64), ((3840, 2160), 16)] {
            let kept: Vec<_> = (0..most + 3).map(|_| streams.keep(size)).collect();
            assert_eq!((kept.iter().flatten().count(), streams.kept()), (most, most), "{size:?}");
            drop(kept);
            assert_eq!(streams.kept(), 0);
        }
    }
}
