//! What a probe shows of itself, and how words of devices become ours.

use schemars::JsonSchema;
use serde::Serialize;
use url::Url;

use crate::{config::StreamKind, discover::onvif::DeviceInfo, types::Codec};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Step {
    pub text: String,
}

/// The device, as far as it told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DeviceView {
    #[serde(flatten)]
    pub info: DeviceInfo,
    /// Device clock minus ours; by ONVIF to about a second, by RTSP reports to some milliseconds.
    pub clock_skew_ms: Option<i64>,
}

/// One stream: what the device says of it, and once it was looked at what it really sends.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StreamView {
    pub name: String,
    pub kind: StreamKind,
    /// Without user and password; empty where the device gave none.
    pub url: String,
    /// Channel of the recorder, from 1.
    pub channel_no: u32,
    pub codec: Option<Codec>,
    pub width: u32,
    pub height: u32,
    pub fps: f32,
    pub kbit_s: f32,
    pub key_interval_s: Option<f32>,
    /// It was looked at: numbers are measured.
    pub measured: bool,
    /// There is a picture of it.
    pub picture: bool,
    pub error: Option<String>,
}

/// How far a probe is and what it found.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct ProbeView {
    pub done: bool,
    /// What is being done now.
    pub step: String,
    pub steps: Vec<Step>,
    pub device: Option<DeviceView>,
    pub streams: Vec<StreamView>,
    pub snapshot_url: Option<String>,
    /// There is at least one picture.
    pub picture: bool,
    /// Why there is none.
    pub error: Option<String>,
    /// What to do next, or better.
    pub advice: Option<String>,
}

/// A stream of which nothing is known yet.
pub fn stream(name: &str, kind: StreamKind, url: &str, channel_no: u32) -> StreamView {
    StreamView {
        name: name.into(),
        kind,
        url: url.into(),
        channel_no,
        codec: None,
        width: 0,
        height: 0,
        fps: 0.0,
        kbit_s: 0.0,
        key_interval_s: None,
        measured: false,
        picture: false,
        error: None,
    }
}

/// From the word that a device has for it.
pub fn codec_of(encoding: &str) -> Option<Codec> {
    match encoding.to_ascii_uppercase().as_str() {
        "H264" => Some(Codec::H264),
        "H265" | "HEVC" => Some(Codec::H265),
        "JPEG" => Some(Codec::Mjpeg),
        _ => None,
    }
}

/// Whether an address is that of a sub stream, by how makers write it.
pub fn kind_of(url: &Url) -> StreamKind {
    let text = format!("{}?{}", url.path(), url.query().unwrap_or_default()).to_ascii_lowercase();
    let signs = ["sub", "minor", "/stream2", "/video2", "inst=2", "/s1/", "media2", "/profile3/"];
    let hik = text.contains("/channels/") && text.split('?').next().is_some_and(|p| p.ends_with("02"));
    let dahua = text.contains("subtype=0");
    if !dahua && (hik || signs.iter().any(|s| text.contains(s))) { StreamKind::Sub } else { StreamKind::Main }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::{address::Host, brands};

    #[test]
    fn the_kind_of_a_stream_is_read_from_its_address() {
        let host = Host { name: "10.0.0.5".into(), ip: "10.0.0.5".parse().unwrap() };
        for id in
            ["hikvision", "dahua", "uniview", "uniview-recorder", "tp-link", "reolink", "hanwha", "bosch", "huawei"]
        {
            for kind in [StreamKind::Main, StreamKind::Sub] {
                let url = brands::find(id).unwrap().url(&host, 0, 1, kind).unwrap();
                assert_eq!(kind_of(&url), kind, "{url}");
            }
        }
    }
}
