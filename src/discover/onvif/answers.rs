//! Reading the answers of devices: pure, from a tree of elements to what it says. Makers leave out what they like;
//! only what names a thing (a token, an address) is needed.

use jiff::civil::DateTime;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    discover::{shown, xml::Element},
    types::Wall,
};

/// Profiles that are looked at; a recorder of 64 channels with two streams has as many.
const MAX_PROFILES: usize = 128;

/// Who made it; foreign text, made safe to show.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DeviceInfo {
    pub manufacturer: String,
    pub model: String,
    pub firmware: String,
    pub serial: String,
}

/// A media profile with video.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Profile {
    pub token: String,
    pub name: String,
    /// Groups the streams of one lens or recorder channel; empty where the device does not say.
    pub source: String,
    /// As the device writes it: `H264`, `H265`, `JPEG`, ...
    pub encoding: String,
    /// Pixels, 0 if not told.
    pub width: u32,
    pub height: u32,
    pub fps: f32,
    pub kbit_s: f32,
}

/// The device's UTC time, to the second.
pub fn utc(root: &Element) -> Option<Wall> {
    let at = root.find("UTCDateTime")?;
    let number = |path: &[&str]| at.text_at(path)?.parse::<i16>().ok();
    let small = |path: &[&str]| i8::try_from(number(path)?).ok();
    let time = DateTime::new(
        number(&["Date", "Year"])?,
        small(&["Date", "Month"])?,
        small(&["Date", "Day"])?,
        small(&["Time", "Hour"])?,
        small(&["Time", "Minute"])?,
        // A leap second is the last one twice.
        small(&["Time", "Second"])?.min(59),
        0,
    );
    let zoned = time.ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Wall(zoned.timestamp().as_millisecond()))
}

pub fn information(root: &Element) -> DeviceInfo {
    let of = |name: &str| root.find(name).map(|e| shown(e.text(), 80)).unwrap_or_default();
    DeviceInfo {
        manufacturer: of("Manufacturer"),
        model: of("Model"),
        firmware: of("FirmwareVersion"),
        serial: of("SerialNumber"),
    }
}

/// A namespace without the slash that some write behind it.
pub fn namespace(text: &str) -> &str {
    text.trim().trim_end_matches('/')
}

/// Namespaces and addresses of GetServices.
pub fn services(root: &Element) -> Vec<(String, String)> {
    root.all("Service")
        .iter()
        .filter_map(|s| Some((namespace(s.text_at(&["Namespace"])?).to_owned(), s.text_at(&["XAddr"])?.to_owned())))
        .collect()
}

/// The media service of GetCapabilities.
pub fn media_capability(root: &Element) -> Option<String> {
    let media = root.find("Capabilities")?.child("Media")?;
    media.text_at(&["XAddr"]).map(str::to_owned)
}

/// Profiles of Media (ver10) and Media2 (ver20); the latter has its configurations one level deeper under shorter names.
pub fn profiles(root: &Element) -> Vec<Profile> {
    root.all("Profiles").into_iter().filter_map(profile).take(MAX_PROFILES).collect()
}

fn profile(e: &Element) -> Option<Profile> {
    let token = e.attribute("token").filter(|t| !t.is_empty())?.to_owned();
    let within = e.child("Configurations").unwrap_or(e);
    let of = |names: [&str; 2]| names.iter().find_map(|n| within.child(n));
    let source = of(["VideoSourceConfiguration", "VideoSource"]);
    let encoder = of(["VideoEncoderConfiguration", "VideoEncoder"]);
    // A profile without any video is for sound or metadata.
    if source.is_none() && encoder.is_none() {
        return None;
    }
    let number = |path: &[&str]| encoder?.text_at(path)?.parse::<f32>().ok().filter(|n| n.is_finite() && *n >= 0.0);
    Some(Profile {
        name: e.text_at(&["Name"]).map(|n| shown(n, 64)).unwrap_or_default(),
        source: source.and_then(|s| s.text_at(&["SourceToken"])).unwrap_or_default().to_owned(),
        encoding: encoder.and_then(|v| v.text_at(&["Encoding"])).map(|t| shown(t, 16)).unwrap_or_default(),
        width: number(&["Resolution", "Width"]).unwrap_or(0.0) as u32,
        height: number(&["Resolution", "Height"]).unwrap_or(0.0) as u32,
        fps: number(&["RateControl", "FrameRateLimit"]).unwrap_or(0.0),
        kbit_s: number(&["RateControl", "BitrateLimit"]).unwrap_or(0.0),
        token,
    })
}

/// The profiles of each lens or recorder channel, the largest picture first: the first is the main stream, the others
/// are sub streams. Channels come in the device's order.
pub fn main_and_sub(profiles: &[Profile]) -> Vec<Vec<&Profile>> {
    let mut channels: Vec<Vec<&Profile>> = Vec::new();
    for profile in profiles {
        match channels.iter_mut().find(|c| c.first().is_some_and(|p| p.source == profile.source)) {
            Some(channel) => channel.push(profile),
            None => channels.push(vec![profile]),
        }
    }
    for channel in &mut channels {
        // Stable: of equal sizes the device's order tells.
        channel.sort_by_key(|p| std::cmp::Reverse(u64::from(p.width) * u64::from(p.height)));
    }
    channels
}
