//! Access units of a file on disk: the camera farm's and the tests' way to real encoded pictures.
//!
//! Anything that GStreamer can demux goes in (MP4, MKV, AVI, raw H.264/H.265, MJPEG); out come the encoded pictures of
//! its first video stream in decode order, nothing decoded. H.264/H.265 leave as Annex B with the parameter sets
//! before each key frame, MJPEG as one JPEG file a unit. Blocking: call it from `spawn_blocking` or a thread.
//!
//! It never builds a pipeline from a string, and it holds at most `MAX_BYTES` of a file.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};

use bytes::Bytes;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::header;
use crate::types::Codec;

/// More than any clip a farm should loop; a wrong file must not eat the machine.
const MAX_BYTES: usize = 1 << 30;
/// With no byte for this long the file is taken as broken rather than slow.
pub(super) const STALL: gst::ClockTime = gst::ClockTime::from_seconds(10);

/// The encoded pictures of one file.
#[derive(Debug, Clone)]
pub struct FileUnits {
    pub codec: Codec,
    pub width: u32,
    pub height: u32,
    /// In decode order.
    pub units: Vec<FileUnit>,
}

/// One encoded picture of a file.
#[derive(Debug, Clone)]
pub struct FileUnit {
    pub data: Bytes,
    /// Presentation time; the first key frame of the file is not necessarily at 0.
    pub pts_90k: i64,
    pub duration_90k: u32,
    pub key: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("{path}: cannot be read: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{path}: holds no H.264, H.265 or MJPEG video ({found})")]
    NoVideo { path: PathBuf, found: String },
    #[error("{path}: {message}")]
    Broken { path: PathBuf, message: String },
    #[error("{path}: more than {MAX_BYTES} bytes of video; cut the clip shorter")]
    TooLarge { path: PathBuf },
    #[error(transparent)]
    Gst(#[from] super::InitError),
    #[error("GStreamer lacks the element {0}; install gstreamer1.0-plugins-base, -good and -bad")]
    MissingElement(&'static str),
}

pub(super) fn element(factory: &'static str) -> Result<gst::Element, FileError> {
    gst::ElementFactory::make(factory).build().map_err(|_| FileError::MissingElement(factory))
}

/// The caps that the farm and the decoders want, and the parser that makes them.
fn wanted(caps: &gst::CapsRef) -> Option<(Codec, &'static str, gst::Caps)> {
    match caps.structure(0)?.name().as_str() {
        "video/x-h264" => Some((Codec::H264, "h264parse", byte_stream("video/x-h264"))),
        "video/x-h265" => Some((Codec::H265, "h265parse", byte_stream("video/x-h265"))),
        "image/jpeg" => Some((Codec::Mjpeg, "jpegparse", gst::Caps::builder("image/jpeg").build())),
        _ => None,
    }
}

fn byte_stream(name: &'static str) -> gst::Caps {
    gst::Caps::builder(name).field("stream-format", "byte-stream").field("alignment", "au").build()
}

/// Reads all encoded pictures of the file's first video stream.
pub fn read_access_units(path: &Path) -> Result<FileUnits, FileError> {
    super::start()?;
    // A plain sentence about a missing file beats GStreamer's.
    std::fs::File::open(path).map_err(|source| FileError::Unreadable { path: path.into(), source })?;
    let Some(location) = path.to_str() else {
        return Err(FileError::Broken { path: path.into(), message: "its name is not UTF-8; rename it".into() });
    };
    let pipeline = gst::Pipeline::new();
    let result = run(&pipeline, path, location);
    // An element that is dropped while it runs aborts the process.
    if pipeline.set_state(gst::State::Null).is_err() {
        tracing::warn!(path = %path.display(), "the demuxing pipeline did not stop cleanly");
    }
    result
}

fn run(pipeline: &gst::Pipeline, path: &Path, location: &str) -> Result<FileUnits, FileError> {
    let broken = |message: String| FileError::Broken { path: path.into(), message };
    let source = element("filesrc")?;
    source.set_property("location", location);
    let demux = element("parsebin")?;
    pipeline.add_many([&source, &demux]).map_err(|e| broken(e.to_string()))?;
    source.link(&demux).map_err(|e| broken(e.to_string()))?;

    let (found_tx, found_rx) = sync_channel(1);
    let weak = pipeline.downgrade();
    demux.connect_pad_added(move |_, pad| {
        let Some(pipeline) = weak.upgrade() else { return };
        if let Err(error) = attach(&pipeline, pad, &found_tx) {
            tracing::warn!(%error, pad = %pad.name(), "a stream of the file could not be attached");
        }
    });
    pipeline.set_state(gst::State::Playing).map_err(|_| broken(bus_error(pipeline, "cannot be started")))?;

    // The pads appear while the file is read; the bus tells of their absence.
    let bus = pipeline.bus().ok_or_else(|| broken("has no bus".into()))?;
    let (codec, sink) = loop {
        if let Ok(found) = found_rx.try_recv() {
            break found;
        }
        match bus
            .timed_pop_filtered(gst::ClockTime::from_mseconds(5), &[gst::MessageType::Error, gst::MessageType::Eos])
        {
            Some(message) => match message.view() {
                gst::MessageView::Error(e) => {
                    return Err(FileError::NoVideo { path: path.into(), found: e.error().to_string() });
                }
                _ => return Err(FileError::NoVideo { path: path.into(), found: "it ended without any".into() }),
            },
            None => continue,
        }
    };
    drain(pipeline, path, codec, &sink)
}

/// Hangs a parser and a sink on the first stream that we can use, and a blind sink on every other, so that the
/// demuxer never waits for them.
fn attach(
    pipeline: &gst::Pipeline,
    pad: &gst::Pad,
    found: &SyncSender<(Codec, gst_app::AppSink)>,
) -> Result<(), Box<dyn std::error::Error>> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let taken = pipeline.by_name("units").is_some();
    let Some((codec, parser, caps)) = wanted(&caps).filter(|_| !taken) else {
        let blind = element("fakesink")?;
        blind.set_property("sync", false);
        blind.set_property("async", false);
        pipeline.add(&blind)?;
        blind.sync_state_with_parent()?;
        pad.link(&blind.static_pad("sink").ok_or("fakesink without a pad")?)?;
        return Ok(());
    };
    let parser = element(parser)?;
    if parser.has_property("config-interval") {
        parser.set_property("config-interval", -1i32); // parameter sets before every key frame
    }
    let sink = gst_app::AppSink::builder().name("units").caps(&caps).max_buffers(64).sync(false).build();
    pipeline.add_many([&parser, sink.upcast_ref()])?;
    parser.link(&sink)?;
    sink.sync_state_with_parent()?;
    parser.sync_state_with_parent()?;
    pad.link(&parser.static_pad("sink").ok_or("a parser without a pad")?)?;
    found.try_send((codec, sink))?;
    Ok(())
}

fn drain(pipeline: &gst::Pipeline, path: &Path, codec: Codec, sink: &gst_app::AppSink) -> Result<FileUnits, FileError> {
    let broken = |message: String| FileError::Broken { path: path.into(), message };
    let mut raw: Vec<RawUnit> = Vec::new();
    let (mut width, mut height, mut rate, mut bytes) = (0u32, 0u32, None, 0usize);
    let mut sets = Vec::new();
    loop {
        let Some(sample) = sink.try_pull_sample(STALL) else {
            if sink.is_eos() {
                break;
            }
            return Err(broken(bus_error(pipeline, "gave nothing for 10 s")));
        };
        if let Some(s) = sample.caps().and_then(|c| c.structure(0)) {
            width = s.get::<i32>("width").ok().and_then(|v| u32::try_from(v).ok()).unwrap_or(width);
            height = s.get::<i32>("height").ok().and_then(|v| u32::try_from(v).ok()).unwrap_or(height);
            rate = s.get::<gst::Fraction>("framerate").ok().or(rate);
        }
        let Some(buffer) = sample.buffer() else { continue };
        let map = buffer.map_readable().map_err(|e| broken(e.to_string()))?;
        bytes += map.len();
        if bytes > MAX_BYTES {
            return Err(FileError::TooLarge { path: path.into() });
        }
        let key = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
        let mut data = Bytes::copy_from_slice(&map);
        if key && codec != Codec::Mjpeg {
            // The parser repeats them before IDR pictures only, not before the recovery points of an open GOP.
            let own = header::parameter_sets(codec, &data);
            if own.is_empty() {
                data = [sets.as_slice(), &data].concat().into();
            } else {
                sets = own;
            }
        }
        raw.push(RawUnit {
            data,
            pts: buffer.pts().map(ticks),
            dts: buffer.dts().map(ticks),
            duration: buffer.duration().map(ticks),
            key,
        });
    }
    // A file that breaks in the middle says so on the bus, after what could still be read.
    if let Some(message) = pipeline.bus().and_then(|b| b.pop_filtered(&[gst::MessageType::Error]))
        && let gst::MessageView::Error(e) = message.view()
    {
        return Err(broken(format!("breaks off after {} pictures: {}", raw.len(), e.error())));
    }
    if raw.is_empty() {
        return Err(FileError::NoVideo { path: path.into(), found: "a video stream without a picture".into() });
    }
    Ok(FileUnits { codec, width, height, units: timed(raw, rate) })
}

struct RawUnit {
    data: Bytes,
    pts: Option<i64>,
    dts: Option<i64>,
    duration: Option<i64>,
    key: bool,
}

fn ticks(time: gst::ClockTime) -> i64 {
    let ns = u128::from(time.nseconds());
    i64::try_from((ns * 9 + 50_000) / 100_000).unwrap_or(i64::MAX)
}

/// Gives every unit a presentation time. Raw streams and AVI carry none or only decode times: there the frame rate
/// counts (25 fps if the file does not say).
fn timed(raw: Vec<RawUnit>, rate: Option<gst::Fraction>) -> Vec<FileUnit> {
    let step = match rate {
        Some(r) if r.numer() > 0 && r.denom() > 0 => {
            (90_000.0 * f64::from(r.denom()) / f64::from(r.numer())).clamp(1.0, 900_000.0)
        }
        _ => 3_600.0,
    };
    let whole_pts = raw.iter().all(|u| u.pts.is_some());
    let whole_dts = raw.iter().all(|u| u.dts.is_some());
    raw.into_iter()
        .enumerate()
        .map(|(index, unit)| {
            let counted = (index as f64 * step).round() as i64;
            let pts = if whole_pts {
                unit.pts
            } else if whole_dts {
                unit.dts
            } else {
                None
            };
            FileUnit {
                data: unit.data,
                pts_90k: pts.unwrap_or(counted),
                duration_90k: unit
                    .duration
                    .and_then(|d| u32::try_from(d).ok())
                    .filter(|d| *d > 0)
                    .unwrap_or(step.round() as u32),
                key: unit.key,
            }
        })
        .collect()
}

fn bus_error(pipeline: &gst::Pipeline, otherwise: &str) -> String {
    let message = pipeline.bus().and_then(|b| b.pop_filtered(&[gst::MessageType::Error]));
    match message.as_ref().map(|m| m.view()) {
        Some(gst::MessageView::Error(e)) => e.error().to_string(),
        _ => otherwise.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::print_stdout)] // a skipped test says so
mod tests {
    use super::*;

    fn footage(name: &str) -> Option<PathBuf> {
        let shared = std::env::var_os("SKYEYE_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
        Some(shared.join("footage").join(name)).filter(|p| p.exists())
    }

    #[test]
    fn a_film_gives_all_its_pictures_with_times_and_parameter_sets() {
        let Some(path) = footage("one-by-one-person.mp4") else {
            println!("skipped: no footage");
            return;
        };
        let file = read_access_units(&path).unwrap();
        assert_eq!((file.codec, file.width, file.height), (Codec::H264, 768, 432));
        assert_eq!(file.units.len(), 1_394, "139.4 s at 10 fps");
        assert_eq!(file.units.iter().filter(|u| u.key).count(), 140, "one a second");
        let mut times: Vec<i64> = file.units.iter().map(|u| u.pts_90k).collect();
        times.sort_unstable();
        assert!(times.windows(2).all(|w| w[1] - w[0] == 9_000), "10 fps without a gap");
        for unit in file.units.iter().filter(|u| u.key) {
            assert!(unit.data.windows(5).any(|w| w[..4] == [0, 0, 0, 1] && w[4] & 31 == 7), "SPS before a key frame");
        }
    }

    #[test]
    fn what_is_no_film_is_refused_with_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notes.mp4");
        std::fs::write(&path, b"this is a text and not a film at all, whatever its name says").unwrap();
        let text = read_access_units(&path).unwrap_err().to_string();
        assert!(text.contains("notes.mp4"), "{text}");
        let text = read_access_units(&dir.path().join("absent.mp4")).unwrap_err().to_string();
        assert!(text.contains("absent.mp4") && text.contains("No such file"), "{text}");
    }
}
