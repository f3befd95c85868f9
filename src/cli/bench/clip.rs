//! The film that the cameras of a bench play, and its access units.
//!
//! The usual clip is the fetched footage, encoded once as a camera encodes its sub stream: every figure of
//! benches/README.md speaks of that clip. It lies in `.cache/bench`, named by what it was made of.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use crate::{
    decode::file::{FileUnits, read_access_units},
    types::{AccessUnit, ChannelId, Mono, Wall},
};

/// What `make demo` fetched.
const FETCHED: &str = ".cache/footage/vtest.h264.mp4";
pub const CACHE: &str = ".cache/bench";

/// How a camera encodes.
#[derive(Debug, Clone)]
pub struct Spec {
    pub width: u32,
    pub height: u32,
    pub fps: u32,
    pub kbit_s: u32,
    pub key_s: u32,
    /// A filter of ffmpeg that comes first.
    pub crop: Option<&'static str>,
    /// Further arguments of ffmpeg, e.g. `-x264-params nal-hrd=cbr`.
    pub more: Vec<String>,
}

impl Default for Spec {
    fn default() -> Self {
        Self { width: 704, height: 576, fps: 15, kbit_s: 512, key_s: 2, crop: None, more: Vec::new() }
    }
}

/// The fetched footage, encoded.
pub fn usual(spec: &Spec) -> anyhow::Result<PathBuf> {
    let source = Path::new(FETCHED);
    if !source.is_file() {
        bail!("{FETCHED} is not there: run `make demo`, which fetches it, or name a film with --clip");
    }
    encoded(source, spec)
}

/// The fetched footage, cut to a part of the picture that people walk into and leave again, five times in eighty
/// seconds: the whole picture is never empty.
pub fn visits(spec: &Spec) -> anyhow::Result<PathBuf> {
    usual(&Spec { crop: Some("crop=256:210:352:352"), ..spec.clone() })
}

/// A film encoded as a camera would, from the cache where it is there.
pub fn encoded(source: &Path, spec: &Spec) -> anyhow::Result<PathBuf> {
    let Spec { width, height, fps, kbit_s, key_s, crop, more } = spec;
    let group = (fps * key_s).to_string();
    let rate = format!("{kbit_s}k");
    let crop_first = crop.map_or(String::new(), |c| format!("{c},"));
    let filter = format!("{crop_first}scale={width}:{height},fps={fps},setsar=1");
    let burst = format!("{}k", kbit_s * 2);
    let mut arguments = vec!["-vf", &filter, "-pix_fmt", "yuv420p"];
    arguments.extend(["-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-threads", "1"]);
    arguments.extend(["-g", &group, "-keyint_min", &group, "-sc_threshold", "0"]);
    arguments.extend(["-b:v", &rate, "-maxrate", &rate, "-bufsize", &burst]);
    arguments.extend(more.iter().map(String::as_str));
    made(source, &format!("{width}x{height}-{fps}fps-{kbit_s}k-{key_s}s"), &format!("{crop:?} {more:?}"), &arguments)
}

/// A film with nothing but key frames, nearly without loss: all of its pictures, in their order, for judging models.
pub fn key_frames_only(source: &Path) -> anyhow::Result<PathBuf> {
    let arguments = ["-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "veryfast", "-crf", "10", "-g", "1"];
    let all = ["-fps_mode", "passthrough", "-threads", "1"];
    made(source, "key-frames", "", &[&arguments[..], &all[..]].concat())
}

/// What ffmpeg makes of a film, from the cache where it is there.
#[allow(clippy::disallowed_methods)] // a bench, not the gateway; the arguments are ours
fn made(source: &Path, how: &str, more: &str, arguments: &[&str]) -> anyhow::Result<PathBuf> {
    let of = std::fs::metadata(source).with_context(|| format!("{} is not there", source.display()))?;
    let mark = hex::encode(&Sha256::digest(format!("{} {} {more}", source.display(), of.len()))[..4]);
    let stem = source.file_stem().unwrap_or_default().to_string_lossy();
    let stem = stem.split('.').next().unwrap_or("clip");
    let cache = Path::new(CACHE);
    let path = cache.join(format!("{stem}-{how}-{mark}.mp4"));
    if path.is_file() {
        return Ok(path);
    }
    std::fs::create_dir_all(cache).with_context(|| format!("{CACHE} cannot be made"))?;
    // Under another name until it is whole.
    let part = path.with_extension(format!("{}.mp4", std::process::id()));
    let status = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-y", "-i"])
        .arg(source)
        .arg("-an")
        .args(arguments)
        .arg(&part)
        .stdout(Stdio::null())
        .status()
        .context("ffmpeg cannot be started: install the package ffmpeg")?;
    if !status.success() {
        drop(std::fs::remove_file(&part));
        bail!("ffmpeg could not encode {}: {status}", source.display());
    }
    std::fs::rename(&part, &path).with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(path)
}

/// The encoded pictures of a film.
pub fn units(path: &Path) -> anyhow::Result<FileUnits> {
    Ok(read_access_units(path)?)
}

/// The film's key units as a channel would send them.
pub fn key_units(film: &FileUnits, channel: &ChannelId) -> Vec<AccessUnit> {
    access_units(film, channel).into_iter().filter(|u| u.key).collect()
}

/// All of the film's units in decode order, as a channel would send them.
pub fn access_units(film: &FileUnits, channel: &ChannelId) -> Vec<AccessUnit> {
    let unit = |u: &crate::decode::file::FileUnit| AccessUnit {
        channel: channel.clone(),
        codec: film.codec,
        key: u.key,
        data: u.data.clone(),
        timeline_90k: u.pts_90k,
        ingested: Mono(0),
        ingested_wall: Wall(0),
        seen: Wall(0),
        camera_clock: false,
        session: 1,
    };
    film.units.iter().map(unit).collect()
}
