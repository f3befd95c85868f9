//! Access units in, the newest frame out, synchronously, on the thread of the caller.
//!
//! In: an [`AccessUnit`] that is decodable alone. Out: a [`Frame`] that lends the decoder's planes, or a
//! [`DecodeError`] that says what was wrong. A [`KeyDecoder`] belongs to one worker thread and serves all its
//! channels one after the other: nothing of one unit reaches the next (the element is flushed after each, and a unit
//! without its own parameter sets is refused). A [`StreamDecoder`] belongs to one channel in focus or catch-up and decodes
//! its units one after the other. The size is read and bounded before a decoder sees the bytes.
//!
//! Neither starts a thread or a pipeline or holds more than one element a codec, and no input makes them panic: an
//! element that fails is thrown away and the next unit gets a new one.

mod allocator;
pub mod choice;
mod element;
pub mod file;
pub mod film;
pub(crate) mod header;
mod planes;
mod recovery;
mod stream;

use std::sync::OnceLock;

use bytes::Bytes;
use gstreamer as gst;

use crate::config::DecoderChoice;
use crate::types::{AccessUnit, Codec, Frame};
use element::Element;
use header::{Chroma, Header};

pub use header::picture_size;

pub use choice::{Decoder, Decoders, decoders};
pub use stream::StreamDecoder;

/// Bounds that hold before anything is allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Coded width times height of a picture.
    pub max_pixels: u64,
}

impl Default for DecodeLimits {
    /// 8K: about 53 MB a picture.
    fn default() -> Self {
        Self { max_pixels: 8192 * 4320 }
    }
}

/// Why a unit gave no frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("the {} unit gave no picture: the unit {reason}", codec.as_str())]
    NoPicture { codec: Codec, reason: &'static str },
    #[error(
        "a picture of {width} x {height} pixels is over the limit of {max_pixels}: lower the camera's resolution, use \
         its sub stream, or raise the limit"
    )]
    TooLarge { width: u32, height: u32, max_pixels: u64 },
    #[error("the picture is {what}, which cannot be read: set the camera to 8 bit 4:2:0")]
    Unsupported { what: String },
    #[error(
        "GStreamer element {element} is missing: install the Debian package {package} (then `gst-inspect-1.0 {element}` \
         shows it)"
    )]
    MissingElement { element: String, package: &'static str },
    #[error(transparent)]
    Start(#[from] InitError),
    #[error("the {} decoder failed ({reason}) and was replaced", codec.as_str())]
    Died { codec: Codec, reason: String },
}

impl DecodeError {
    /// One word for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoPicture { .. } => "no_picture",
            Self::TooLarge { .. } => "too_large",
            Self::Unsupported { .. } => "unsupported",
            Self::MissingElement { .. } => "missing_element",
            Self::Start(_) => "start",
            Self::Died { .. } => "died",
        }
    }
}

/// GStreamer could not be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("GStreamer cannot be started: {0}; install libgstreamer1.0-0 and gstreamer1.0-plugins-base, -good, -bad")]
pub struct InitError(String);

/// Starts GStreamer once for the process; every entry of this module calls it.
pub fn start() -> Result<(), InitError> {
    static START: OnceLock<Result<(), InitError>> = OnceLock::new();
    START
        .get_or_init(|| {
            allocator::give_pictures_back();
            gst::init().map_err(|e| InitError(e.to_string()))
        })
        .clone()
}

/// Starts GStreamer and checks that every software decoder is there.
pub fn init() -> Result<(), DecodeError> {
    decoders(DecoderChoice::Software).map(drop)
}

/// Lowers the calling thread's priority, so that the threads that read sockets come first on a full machine.
/// Returns false where the system refuses; the work goes on either way.
pub fn lower_thread_priority() -> bool {
    // On Linux the "process" of this call is the calling thread (setpriority(2), notes).
    rustix::process::setpriority_process(None, 10).is_ok()
}

/// Decodes key units; one a worker thread. An element a codec is made when first needed and then kept.
pub struct KeyDecoder {
    limits: DecodeLimits,
    choice: DecoderChoice,
    elements: [Option<Element>; element::Kind::ALL.len()],
}

impl KeyDecoder {
    /// On the processor.
    pub fn new(limits: DecodeLimits) -> Self {
        Self::with(limits, DecoderChoice::Software)
    }

    /// By what was chosen. A device that fails at a unit that software can decode is not asked again.
    pub fn with(limits: DecodeLimits, choice: DecoderChoice) -> Self {
        Self { limits, choice, elements: [const { None }; element::Kind::ALL.len()] }
    }

    /// The picture of a key unit.
    pub fn decode(&mut self, unit: &AccessUnit) -> Result<Frame, DecodeError> {
        let result = self.decode_inner(unit);
        match &result {
            Ok(_) => metrics::counter!("skyeye_decode_frames_total").increment(1),
            Err(e) => metrics::counter!("skyeye_decode_errors_total", "kind" => e.kind()).increment(1),
        }
        result
    }

    fn decode_inner(&mut self, unit: &AccessUnit) -> Result<Frame, DecodeError> {
        let codec = unit.codec;
        if !unit.key {
            return Err(DecodeError::NoPicture { codec, reason: "is not a key unit" });
        }
        let header = self.limits.header(unit)?;
        let kind = kind(codec, &header);
        let data = header
            .recovery
            .and_then(|n| recovery::renumbered(&unit.data, n, recovery::number(&unit.data, n)?))
            .map_or_else(|| unit.data.clone(), Bytes::from);
        let (result, hardware) = self.with_element(kind, data.clone(), header.colour)?;
        if result.is_ok() || !hardware {
            return result;
        }
        let choice = std::mem::replace(&mut self.choice, DecoderChoice::Software);
        if let Some(slot) = self.elements.get_mut(kind as usize) {
            *slot = None;
        }
        let (again, _) = self.with_element(kind, data, header.colour)?;
        match &result {
            Err(e) if again.is_ok() => given_up(codec, e),
            // The unit is at fault.
            _ => self.choice = choice,
        }
        again
    }

    /// Decodes with the kept element, made if need be; true if that is a device.
    fn with_element(
        &mut self,
        kind: element::Kind,
        data: Bytes,
        colour: Option<header::StreamColour>,
    ) -> Result<(Result<Frame, DecodeError>, bool), DecodeError> {
        let Some(slot) = self.elements.get_mut(kind as usize) else {
            return Err(DecodeError::Died { codec: kind.codec(), reason: "no slot for it".into() });
        };
        let element = match slot {
            Some(element) => element,
            None => {
                start()?;
                slot.insert(Element::new(kind, choice::element(self.choice, kind)?, self.limits)?)
            }
        };
        let (result, hardware) = (element.decode(data, colour), element.is_hardware());
        if element.is_dead() {
            *slot = None;
            metrics::counter!("skyeye_decode_replaced_total").increment(1);
        }
        Ok((result, hardware))
    }
}

fn given_up(codec: Codec, error: &DecodeError) {
    metrics::counter!("skyeye_decode_hardware_given_up_total").increment(1);
    tracing::warn!(codec = codec.as_str(), "a hardware decoder fails where software does not, which goes on: {error}");
}

fn kind(codec: Codec, header: &Header) -> element::Kind {
    match (codec, header.chroma) {
        (Codec::H264, _) => element::Kind::H264,
        (Codec::H265, _) => element::Kind::H265,
        (Codec::Mjpeg, Chroma::Other) => element::Kind::Jpeg,
        (Codec::Mjpeg, _) => element::Kind::Mjpeg,
    }
}

impl DecodeLimits {
    /// What a key unit announces, if it is within the bounds and can be read.
    fn header(self, unit: &AccessUnit) -> Result<Header, DecodeError> {
        let codec = unit.codec;
        let header = header::read(codec, &unit.data).map_err(|reason| DecodeError::NoPicture { codec, reason })?;
        self.check(header.width, header.height)?;
        if header.bit_depth > 12 || (codec == Codec::Mjpeg && header.bit_depth != 8) {
            return Err(DecodeError::Unsupported { what: format!("{} bit", header.bit_depth) });
        }
        Ok(header)
    }

    fn check(self, width: u32, height: u32) -> Result<(), DecodeError> {
        if width == 0 || height == 0 {
            return Err(DecodeError::Unsupported { what: "empty".into() });
        }
        if u64::from(width) * u64::from(height) > self.max_pixels {
            return Err(DecodeError::TooLarge { width, height, max_pixels: self.max_pixels });
        }
        Ok(())
    }
}
