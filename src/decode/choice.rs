//! Which decoder elements are used, and why not others.
//!
//! In: the configured choice, and GStreamer's registry. Out: one [`Decoder`] a codec, with what was passed over. A
//! hardware element is taken only if it is there and gives the same picture as software of a key unit that lies here;
//! it has ten seconds for that. Where none does, software decodes, whatever the configuration says, and the reason
//! is told. Probed once a process and choice.
//!
//! The hardware's way is untested until a run on such a machine is shown: none was at hand.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::Bytes;
use gstreamer as gst;
use parking_lot::Mutex;

use super::element::{Element, Kind};
use super::{DecodeError, DecodeLimits, start};
use crate::config::DecoderChoice;
use crate::types::{Codec, Frame};

/// A driver that hangs must not keep the gateway from starting.
const PROBE: Duration = Duration::from_secs(10);
/// Mean difference of luma from software's. The standards prescribe every bit of H.264 and H.265, not of JPEG.
const SAME: f64 = 2.0;

/// What decodes a codec.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Decoder {
    pub codec: Codec,
    /// The GStreamer element.
    pub element: &'static str,
    pub hardware: bool,
    /// Elements that the configuration would have preferred.
    pub passed_over: Vec<PassedOver>,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PassedOver {
    pub element: &'static str,
    /// "no plugin or no device for it", or what went wrong.
    pub why: String,
}

/// As people read it: `h264 avdec_h264 (software; vah264dec: no plugin or no device for it)`.
impl std::fmt::Display for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let by = if self.hardware { "hardware" } else { "software" };
        write!(f, "{} {} ({by}", self.codec.as_str(), self.element)?;
        for group in self.passed_over.chunk_by(|a, b| a.why == b.why) {
            let names: Vec<_> = group.iter().map(|p| p.element).collect();
            write!(f, "; {}: {}", names.join(", "), group.first().map_or("", |p| p.why.as_str()))?;
        }
        f.write_str(")")
    }
}

/// The decoders of all codecs.
pub type Decoders = Arc<[Decoder; 3]>;

/// What decodes under this choice; probes when first asked.
pub fn decoders(choice: DecoderChoice) -> Result<Decoders, DecodeError> {
    static FOUND: Mutex<Vec<(DecoderChoice, Decoders)>> = Mutex::new(Vec::new());
    start()?;
    let mut found = FOUND.lock();
    if let Some((_, decoders)) = found.iter().find(|(c, _)| *c == choice) {
        return Ok(decoders.clone());
    }
    Kind::ALL.into_iter().try_for_each(|kind| Kind::factory(kind.software()).map(drop))?;
    let decoders = Arc::new([Kind::H264, Kind::H265, Kind::Mjpeg].map(|kind| choose(kind, candidates(choice, kind))));
    found.push((choice, decoders.clone()));
    Ok(decoders)
}

/// The element for a kind of stream.
pub(super) fn element(choice: DecoderChoice, kind: Kind) -> Result<&'static str, DecodeError> {
    if kind == Kind::Jpeg || choice == DecoderChoice::Software {
        return Ok(kind.software());
    }
    let decoders = decoders(choice)?;
    Ok(decoders.iter().find(|d| d.codec == kind.codec()).map_or(kind.software(), |d| d.element))
}

/// Hardware elements in the order in which they are tried.
fn candidates(choice: DecoderChoice, kind: Kind) -> Vec<&'static str> {
    let (va, nvdec, v4l2): (&[_], &[_], &[_]) = match kind {
        Kind::H264 => (&["vah264dec"], &["nvh264dec"], &["v4l2slh264dec", "v4l2h264dec"]),
        Kind::H265 => (&["vah265dec"], &["nvh265dec"], &["v4l2slh265dec", "v4l2h265dec"]),
        Kind::Mjpeg => (&["vajpegdec"], &["nvjpegdec"], &["v4l2jpegdec"]),
        Kind::Jpeg => (&[], &[], &[]),
    };
    match choice {
        DecoderChoice::Auto => [va, nvdec, v4l2].concat(),
        DecoderChoice::Software => Vec::new(),
        DecoderChoice::Va => va.to_vec(),
        DecoderChoice::Nvdec => nvdec.to_vec(),
        DecoderChoice::V4l2 => v4l2.to_vec(),
    }
}

fn choose(kind: Kind, candidates: Vec<&'static str>) -> Decoder {
    let mut passed_over = Vec::new();
    for element in candidates {
        let works = match gst::ElementFactory::find(element) {
            None => Err("no plugin or no device for it".to_owned()),
            Some(_) => probe(kind, element),
        };
        match works {
            Ok(()) => return Decoder { codec: kind.codec(), element, hardware: true, passed_over },
            Err(why) => passed_over.push(PassedOver { element, why }),
        }
    }
    Decoder { codec: kind.codec(), element: kind.software(), hardware: false, passed_over }
}

fn probe(kind: Kind, element: &'static str) -> Result<(), String> {
    let (tx, rx) = mpsc::sync_channel(1);
    let tried = std::thread::Builder::new().name("decoder-probe".into()).spawn(move || {
        // Nobody listens any more where it took too long.
        drop(tx.send(compare(kind, element)));
    });
    tried.map_err(|e| e.to_string())?;
    rx.recv_timeout(PROBE).unwrap_or_else(|_| Err(format!("no picture within {} s", PROBE.as_secs())))
}

/// Twice, since the second picture shows whether it can be emptied and filled again.
fn compare(kind: Kind, element: &'static str) -> Result<(), String> {
    let luma = |element: &'static str| -> Result<Vec<u8>, String> {
        let mut decoder = Element::new(kind, element, DecodeLimits::default()).map_err(|e| e.to_string())?;
        decoder.decode(key_unit(kind), None).map_err(|e| e.to_string())?;
        decoder.decode(key_unit(kind), None).map(|frame| luma(&frame)).map_err(|e| e.to_string())
    };
    let (got, wanted) = (luma(element)?, luma(kind.software())?);
    if got.len() != wanted.len() {
        return Err(format!("a picture of {} pixels instead of {}", got.len(), wanted.len()));
    }
    let apart: u64 = got.iter().zip(&wanted).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    let mean = apart as f64 / wanted.len().max(1) as f64;
    if mean <= SAME { Ok(()) } else { Err(format!("its picture differs from software's by {mean:.1} on average")) }
}

/// A test picture of 192 x 160 pixels, large enough for every hardware decoder.
fn key_unit(kind: Kind) -> Bytes {
    Bytes::from_static(match kind {
        Kind::H264 => include_bytes!("probe/key.h264"),
        Kind::H265 => include_bytes!("probe/key.h265"),
        Kind::Mjpeg | Kind::Jpeg => include_bytes!("probe/key.mjpeg"),
    })
}

fn luma(frame: &Frame) -> Vec<u8> {
    let (data, stride) = frame.planes.plane(0);
    let rows = data.chunks(stride.max(1)).take(frame.height as usize);
    rows.flat_map(|row| row.iter().take(frame.width as usize)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_passed_over_with_its_name() {
        start().unwrap();
        let decoder = choose(Kind::H264, vec!["no264dec", "nor264dec"]);
        assert_eq!(
            decoder.to_string(),
            "h264 avdec_h264 (software; no264dec, nor264dec: no plugin or no device for it)"
        );
        // An element that is there and decodes something else.
        let decoder = choose(Kind::H264, vec!["jpegdec"]);
        assert_eq!((decoder.element, decoder.hardware), ("avdec_h264", false));
        assert_ne!(decoder.passed_over[0].why, "no plugin or no device for it");
    }

    #[test]
    fn the_probe_takes_an_element_that_gives_the_same_picture() {
        start().unwrap();
        for kind in Kind::ALL {
            assert_eq!(compare(kind, kind.software()), Ok(()), "{kind:?}");
        }
        // libjpeg in the place of hardware: another decoder of the same codec.
        let decoder = choose(Kind::Mjpeg, vec!["jpegdec"]);
        assert_eq!(decoder.to_string(), "mjpeg jpegdec (hardware)");
    }

    #[test]
    fn every_choice_ends_with_a_decoder_for_every_codec() {
        for choice in
            [DecoderChoice::Auto, DecoderChoice::Software, DecoderChoice::Va, DecoderChoice::Nvdec, DecoderChoice::V4l2]
        {
            let decoders = decoders(choice).unwrap();
            assert_eq!(decoders.iter().map(|d| d.codec).collect::<Vec<_>>(), [Codec::H264, Codec::H265, Codec::Mjpeg]);
            for d in decoders.iter().filter(|d| !d.hardware) {
                assert_eq!(d.passed_over.is_empty(), choice == DecoderChoice::Software, "{d}");
            }
        }
    }
}
