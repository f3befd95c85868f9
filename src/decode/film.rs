//! The pictures of a film on disk, frame for frame: for judging what the gateway finds in footage.
//!
//! Anything that GStreamer's `decodebin` opens goes in; out come the pictures of its first video stream in their order,
//! none dropped and none repeated, each in planes like a camera's. Blocking, one picture in hand and a few waiting. Cameras
//! are not decoded this way: it takes threads, and a pipeline a film.

use std::path::{Path, PathBuf};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video as video;

use super::{
    DecodeLimits,
    file::{FileError, STALL, element},
    planes::{self, Colour},
};
use crate::types::Frame;

/// Pictures that wait for us.
const WAITING: u32 = 4;
/// How often a film that gives nothing is asked why.
const STEP: gst::ClockTime = gst::ClockTime::from_mseconds(100);
/// What is taken where neither the film nor its pictures say how fast it is.
const USUAL_FPS: f64 = 25.0;

/// A film that is being read.
#[derive(Debug)]
pub struct Film {
    path: PathBuf,
    pipeline: gst::Pipeline,
    sink: gst_app::AppSink,
    limits: DecodeLimits,
    fps: Option<f64>,
    /// Read ahead to know the rate.
    ahead: Vec<gst::Sample>,
    any: bool,
}

impl Film {
    pub fn open(path: &Path, limits: DecodeLimits) -> Result<Self, FileError> {
        super::start()?;
        std::fs::File::open(path).map_err(|source| FileError::Unreadable { path: path.into(), source })?;
        let Some(location) = path.to_str() else {
            return Err(FileError::Broken { path: path.into(), message: "its name is not UTF-8; rename it".into() });
        };
        let broken = |message: String| FileError::Broken { path: path.into(), message };
        let pipeline = gst::Pipeline::new();
        let (source, bin, convert) = (element("filesrc")?, element("decodebin")?, element("videoconvert")?);
        source.set_property("location", location);
        // Converted only where it is in none of these already.
        let formats = gst::List::new(["I420", "NV12", "Y42B", "Y444", "GRAY8"]);
        let caps = gst::Caps::builder("video/x-raw").field("format", formats).build();
        let sink = gst_app::AppSink::builder().caps(&caps).max_buffers(WAITING).sync(false).build();
        let parts = [&source, &bin, &convert, sink.upcast_ref()];
        pipeline.add_many(parts).map_err(|e| broken(e.to_string()))?;
        source.link(&bin).and_then(|()| convert.link(&sink)).map_err(|e| broken(e.to_string()))?;
        let weak = convert.downgrade();
        bin.connect_pad_added(move |bin, pad| {
            let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
            let is_video = caps.structure(0).is_some_and(|s| s.name().starts_with("video/x-raw"));
            let input =
                weak.upgrade().and_then(|c| c.static_pad("sink")).filter(|input| is_video && !input.is_linked());
            let done = match input {
                Some(input) => pad.link(&input).is_ok(),
                None => blind(bin, pad).is_some(),
            };
            if !done {
                tracing::warn!(pad = %pad.name(), "a stream of the film could not be attached");
            }
        });
        // A film without pictures ends at once.
        let weak = convert.downgrade();
        bin.connect_no_more_pads(move |_| {
            let input = weak.upgrade().and_then(|c| c.static_pad("sink")).filter(|input| !input.is_linked());
            if input.is_some_and(|input| !input.send_event(gst::event::Eos::new())) {
                tracing::debug!("the end of a film without pictures could not be told");
            }
        });
        let mut film = Self { path: path.into(), pipeline, sink, limits, fps: None, ahead: Vec::new(), any: false };
        let started = film.pipeline.set_state(gst::State::Playing);
        started.map_err(|_| {
            film.broken("cannot be opened: it is no film, or the plug-in for its format is missing".into())
        })?;
        film.fps = Some(film.rate()?);
        Ok(film)
    }

    /// Pictures a second.
    pub fn fps(&self) -> f64 {
        self.fps.unwrap_or(USUAL_FPS)
    }

    /// The next picture; `None` at the end.
    pub fn picture(&mut self) -> Result<Option<Frame>, FileError> {
        let sample = if self.ahead.is_empty() { self.pull()? } else { Some(self.ahead.remove(0)) };
        let Some(sample) = sample else {
            if self.any {
                return Ok(None);
            }
            return Err(FileError::NoVideo { path: self.path.clone(), found: "no picture".into() });
        };
        self.any = true;
        let broken = |message: String| FileError::Broken { path: self.path.clone(), message };
        let (Some(caps), Some(buffer)) = (sample.caps(), sample.buffer_owned()) else {
            return Err(broken("a picture without a format".into()));
        };
        let info = video::VideoInfo::from_caps(caps).map_err(|e| broken(e.to_string()))?;
        self.limits.check(info.width(), info.height()).map_err(|e| broken(e.to_string()))?;
        let frame = planes::frame(buffer, &info, Colour::read(caps, &info)).map_err(|e| broken(e.to_string()))?;
        Ok(Some(frame))
    }

    /// What the film says of its rate, or what the times of its first pictures make of it.
    fn rate(&mut self) -> Result<f64, FileError> {
        while self.ahead.len() < 2 {
            let Some(sample) = self.pull()? else { break };
            self.ahead.push(sample);
        }
        let said = self.ahead.first().and_then(|s| s.caps()?.structure(0)?.get::<gst::Fraction>("framerate").ok());
        if let Some(rate) = said.filter(|r| r.numer() > 0 && r.denom() > 0) {
            return Ok(f64::from(rate.numer()) / f64::from(rate.denom()));
        }
        let times: Vec<_> = self.ahead.iter().filter_map(|s| s.buffer()?.pts()).collect();
        let apart = match times.as_slice() {
            [a, b] if b > a => (*b - *a).nseconds() as f64 / 1e9,
            _ => 1.0 / USUAL_FPS,
        };
        Ok(1.0 / apart.clamp(0.001, 3600.0))
    }

    fn pull(&mut self) -> Result<Option<gst::Sample>, FileError> {
        for _ in 0..STALL.mseconds() / STEP.mseconds() {
            if let Some(sample) = self.sink.try_pull_sample(STEP) {
                return Ok(Some(sample));
            }
            // A film that breaks in the middle says so on the bus, after what could still be read.
            let failed = self.pipeline.bus().and_then(|b| b.pop_filtered(&[gst::MessageType::Error]));
            if let Some(gst::MessageView::Error(e)) = failed.as_ref().map(|m| m.view()) {
                return Err(self.broken(e.error().to_string()));
            }
            if self.sink.is_eos() {
                return Ok(None);
            }
        }
        Err(self.broken("gave nothing for 10 s".into()))
    }

    fn broken(&self, message: String) -> FileError {
        FileError::Broken { path: self.path.clone(), message }
    }
}

/// Hangs a sink that takes everything on a pad that nobody reads, so that the demuxer never waits for it.
fn blind(bin: &gst::Element, pad: &gst::Pad) -> Option<()> {
    let pipeline = bin.parent()?.downcast::<gst::Bin>().ok()?;
    let sink = element("fakesink").ok()?;
    sink.set_property("sync", false);
    sink.set_property("async", false);
    pipeline.add(&sink).ok()?;
    sink.sync_state_with_parent().ok()?;
    pad.link(&sink.static_pad("sink")?).ok().map(drop)
}

impl Drop for Film {
    fn drop(&mut self) {
        // An element that is dropped while it runs aborts the process.
        if self.pipeline.set_state(gst::State::Null).is_err() {
            tracing::warn!(path = %self.path.display(), "the pipeline of a film did not stop cleanly");
        }
    }
}
