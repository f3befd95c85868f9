//! A bare GStreamer decoder between two pads of our own: no pipeline, no thread, no delay.
//!
//! In: the bytes of units. Out: the newest picture. StreamStart, Caps and Segment are sent once; then each unit is
//! pushed. `drain` sends EOS, which makes the decoder hand out everything it holds back for reordering, and a flush,
//! which makes it forget: after every unit where each stands alone, else only to get at the very newest picture.
//! Everything happens inside `push` on the caller's thread; a picture that a newer one replaces was never mapped. After
//! a failure of the element itself `is_dead` is true and the owner drops it.

use std::sync::Arc;

use bytes::Bytes;
use gstreamer::{self as gst, prelude::*};
use gstreamer_video as video;
use parking_lot::Mutex;

use super::header::StreamColour;
use super::planes::{self, Colour};
use super::{DecodeError, DecodeLimits};
use crate::types::{Codec, Frame};

/// The elements in use; each value is an index into the owner's slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    H264,
    H265,
    /// libavcodec: hands out the JPEG's own planes.
    Mjpeg,
    /// libjpeg: resamples the rare samplings for which there is no planar format.
    Jpeg,
}

impl Kind {
    pub const ALL: [Kind; 4] = [Kind::H264, Kind::H265, Kind::Mjpeg, Kind::Jpeg];

    /// The element that decodes on the processor; always there.
    pub fn software(self) -> &'static str {
        match self {
            Kind::H264 => "avdec_h264",
            Kind::H265 => "avdec_h265",
            Kind::Mjpeg => "avdec_mjpeg",
            Kind::Jpeg => "jpegdec",
        }
    }
    pub fn codec(self) -> Codec {
        match self {
            Kind::H264 => Codec::H264,
            Kind::H265 => Codec::H265,
            Kind::Mjpeg | Kind::Jpeg => Codec::Mjpeg,
        }
    }
    fn caps(self) -> gst::Caps {
        let annex_b = |name: &str| {
            gst::Caps::builder(name).field("stream-format", "byte-stream").field("alignment", "au").build()
        };
        match self {
            Kind::H264 => annex_b("video/x-h264"),
            Kind::H265 => annex_b("video/x-h265"),
            Kind::Mjpeg | Kind::Jpeg => gst::Caps::builder("image/jpeg").field("parsed", true).build(),
        }
    }
    pub fn factory(element: &str) -> Result<gst::ElementFactory, DecodeError> {
        let package = if element == "jpegdec" { "gstreamer1.0-plugins-good" } else { "gstreamer1.0-libav" };
        gst::ElementFactory::find(element)
            .ok_or_else(|| DecodeError::MissingElement { element: element.into(), package })
    }
}

/// What the decoder handed to our sink pad during one push.
#[derive(Default)]
struct Caught {
    info: Option<(video::VideoInfo, Colour)>,
    picture: Option<gst::Buffer>,
    pictures: u32,
    refused: Option<DecodeError>,
}

/// The newest picture that the decoder handed out, still in its own memory.
pub struct Picture {
    buffer: gst::Buffer,
    info: video::VideoInfo,
    colour: Colour,
    /// The mark of the unit that it was decoded from; `None` if the decoder did not carry it along.
    pub mark: Option<u64>,
}

pub struct Element {
    kind: Kind,
    hardware: bool,
    limits: DecodeLimits,
    element: gst::Element,
    input: gst::Pad,
    _output: gst::Pad,
    caught: Arc<Mutex<Caught>>,
    pictures: u32,
    dead: bool,
}

impl Element {
    /// `name` is the GStreamer element.
    pub fn new(kind: Kind, name: &'static str, limits: DecodeLimits) -> Result<Self, DecodeError> {
        let died = |what: &str| DecodeError::Died { codec: kind.codec(), reason: what.to_owned() };
        let hardware = name != kind.software();
        let factory = Kind::factory(name)?;
        let element = factory.create().build().map_err(|_| died("it cannot be made"))?;
        if element.has_property("max-threads") {
            // One thread a worker: the pool is the parallelism, and frame threads would hold the picture back.
            element.set_property("max-threads", 1i32);
        }
        if element.has_property("qos") {
            element.set_property("qos", false);
        }
        if element.has_property("std-compliance") {
            // `auto` is strict where nobody says that the source is live, and strict means to hold back as many
            // pictures as the profile allows wherever the stream does not say that it needs fewer.
            element.set_property_from_str("std-compliance", "normal");
        }

        let caught = Arc::new(Mutex::new(Caught::default()));
        let input = gst::Pad::new(gst::PadDirection::Src);
        let output = sink_pad(&caught, limits, hardware).ok_or_else(|| died("its pad cannot be made"))?;
        let (Some(sink), Some(src)) = (element.static_pad("sink"), element.static_pad("src")) else {
            return Err(died("it has no pads"));
        };
        input.set_active(true).map_err(|_| died("its input cannot be activated"))?;
        output.set_active(true).map_err(|_| died("its output cannot be activated"))?;
        input.link(&sink).map_err(|_| died("its input cannot be linked"))?;
        src.link(&output).map_err(|_| died("its output cannot be linked"))?;
        let this = Self { kind, hardware, limits, element, input, _output: output, caught, pictures: 0, dead: false };
        this.element.set_state(gst::State::Playing).map_err(|_| died("it cannot be started"))?;
        let started = this.input.push_event(gst::event::StreamStart::new("key-units"))
            && this.input.push_event(gst::event::Caps::new(&kind.caps()))
            && this.input.push_event(segment());
        if started { Ok(this) } else { Err(died("it refuses its input format")) }
    }

    /// True if it decodes on a device, which may fail where software does not.
    pub fn is_hardware(&self) -> bool {
        self.hardware
    }

    /// True once the element must be replaced.
    pub fn is_dead(&self) -> bool {
        self.dead
    }

    /// The picture of a unit that stands alone; nothing of it stays behind.
    pub fn decode(&mut self, data: Bytes, said: Option<StreamColour>) -> Result<Frame, DecodeError> {
        let pushed = self.push(data, None);
        self.drain();
        let picture = self.take();
        pushed?;
        if self.pictures > 1 {
            metrics::counter!("skyeye_decode_extra_pictures_total").increment(u64::from(self.pictures) - 1);
        }
        match picture? {
            Some(picture) => self.frame(picture, said),
            None => Err(DecodeError::NoPicture { codec: self.kind.codec(), reason: "is damaged" }),
        }
    }

    /// Hands the decoder one unit. Its picture, which may come out now or later, carries the `mark`.
    pub fn push(&mut self, data: Bytes, mark: Option<u64>) -> Result<(), DecodeError> {
        // No copy: the buffer holds a reference to the unit's bytes.
        let mut buffer = gst::Buffer::from_slice(data);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::ZERO);
            if let Some(mark) = mark {
                gst::ReferenceTimestampMeta::add(buffer, mark_caps(), gst::ClockTime::from_nseconds(mark), None);
            }
        }
        let pushed = self.input.push(buffer);
        let refused = self.caught.lock().refused.take();
        if pushed.is_err() || refused.is_some() {
            // After a flow error the element's state is not to be trusted, whatever the reason.
            self.dead = true;
        }
        if let Some(refused) = refused {
            return Err(refused);
        }
        pushed
            .map(drop)
            .map_err(|flow| DecodeError::Died { codec: self.kind.codec(), reason: format!("flow {flow:?}") })
    }

    /// Makes the decoder hand out what it holds back, and forget everything: the next unit must be a key unit.
    pub fn drain(&mut self) {
        let reset = self.input.push_event(gst::event::Eos::new())
            && self.input.push_event(gst::event::FlushStart::new())
            && self.input.push_event(gst::event::FlushStop::new(true))
            && self.input.push_event(segment());
        if !reset {
            // Some elements answer EOS without any decoded picture with false: cheap to replace, wrong to trust.
            self.dead = true;
        }
    }

    /// The newest picture since the last call.
    pub fn take(&mut self) -> Result<Option<Picture>, DecodeError> {
        let (info, buffer, pictures, refused) = {
            let mut c = self.caught.lock();
            (c.info.clone(), c.picture.take(), std::mem::take(&mut c.pictures), c.refused.take())
        };
        self.pictures = pictures;
        if let Some(refused) = refused {
            self.dead = true;
            return Err(refused);
        }
        Ok(info.zip(buffer).map(|((info, colour), buffer)| {
            let mark = buffer.meta::<gst::ReferenceTimestampMeta>().map(|m| m.timestamp().nseconds());
            Picture { buffer, info, colour, mark }
        }))
    }

    /// Pictures that came out before the last `take`.
    pub fn pictures(&self) -> u32 {
        self.pictures
    }

    /// Maps a picture.
    pub fn frame(&self, picture: Picture, said: Option<StreamColour>) -> Result<Frame, DecodeError> {
        let Picture { buffer, info, colour, .. } = picture;
        self.limits.check(info.width(), info.height())?;
        let colour = said.map_or(colour, |said| Colour::of(said, &info));
        planes::frame(buffer, &info, colour)
    }
}

/// What our marks on buffers are known by.
fn mark_caps() -> &'static gst::Caps {
    static CAPS: std::sync::OnceLock<gst::Caps> = std::sync::OnceLock::new();
    CAPS.get_or_init(|| gst::Caps::new_empty_simple("timestamp/x-skyeye-unit"))
}

impl Drop for Element {
    fn drop(&mut self) {
        let stopped = self.element.set_state(gst::State::Null);
        if stopped.is_err() {
            tracing::warn!(element = ?self.kind, "a decoder did not stop cleanly");
        }
        // The pads refer to each other; without this neither would go.
        for pad in self.element.pads() {
            if let Some(peer) = pad.peer() {
                let unlinked =
                    if pad.direction() == gst::PadDirection::Src { pad.unlink(&peer) } else { peer.unlink(&pad) };
                if unlinked.is_err() {
                    tracing::warn!(element = ?self.kind, "a decoder's pad did not unlink");
                }
            }
        }
    }
}

fn segment() -> gst::Event {
    gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new())
}

/// The pad that catches pictures. It holds the caught data, never the element, so that nothing refers in a circle.
///
/// From a device it takes plain memory only, so that the element itself copies its picture there.
fn sink_pad(caught: &Arc<Mutex<Caught>>, limits: DecodeLimits, hardware: bool) -> Option<gst::Pad> {
    let caps = match hardware {
        true => gst::Caps::builder("video/x-raw").field("format", gst::List::new(["NV12", "I420"])).build(),
        false => gst::Caps::new_any(),
    };
    let template = gst::PadTemplate::new("sink", gst::PadDirection::Sink, gst::PadPresence::Always, &caps).ok()?;
    let (on_buffer, on_event) = (caught.clone(), caught.clone());
    let pad = gst::Pad::builder_from_template(&template)
        .chain_function(move |_, _, buffer| {
            let mut caught = on_buffer.lock();
            caught.pictures += 1;
            caught.picture = Some(buffer);
            Ok(gst::FlowSuccess::Ok)
        })
        .event_function(move |pad, parent, event| {
            if let gst::EventView::Caps(caps) = event.view() {
                let mut caught = on_event.lock();
                let read = read_caps(caps.caps(), limits);
                caught.info = read.as_ref().ok().cloned();
                if let Err(error) = read {
                    caught.refused = Some(error);
                    return false;
                }
            }
            gst::Pad::event_default(pad, parent, event)
        })
        .query_function(|pad, parent, query| {
            if let gst::QueryViewMut::Allocation(allocation) = query.view_mut() {
                // We read strides from the buffer, so the decoder may draw into padded buffers: this saves a copy.
                allocation.add_allocation_meta::<video::VideoMeta>(None);
                return true;
            }
            gst::Pad::query_default(pad, parent, query)
        })
        .build();
    Some(pad)
}

/// Refuses a picture before its buffers are allocated.
fn read_caps(caps: &gst::CapsRef, limits: DecodeLimits) -> Result<(video::VideoInfo, Colour), DecodeError> {
    let info = video::VideoInfo::from_caps(caps)
        .map_err(|_| DecodeError::Unsupported { what: format!("of the format {caps}") })?;
    limits.check(info.width(), info.height())?;
    planes::supported(info.format())?;
    let colour = Colour::read(caps, &info);
    Ok((info, colour))
}
