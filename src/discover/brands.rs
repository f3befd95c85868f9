//! The stream paths of common makers, for what has no ONVIF or keeps it off. Data: `brands.toml`, built in.
//!
//! A path holds `{channel}`: the channel number, from 1. Where a maker counts from 0 it stands as `{channel-1}`, with
//! two digits as `{channel:02}`. The table is knowledge of the public, with its source; what a device really gives is
//! told by a probe.

use std::sync::OnceLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::address::Host;
use crate::config::StreamKind;

/// A maker, or one of its families of devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Brand {
    pub id: String,
    /// In Latin and, where it has one, Chinese letters.
    pub name: String,
    /// Other names under which it is sold or written, lower case.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Paths of the main and the sub stream.
    pub main: String,
    pub sub: String,
    /// The RTSP port.
    #[serde(default = "rtsp_port")]
    pub port: u16,
    /// What to know and to set on the device.
    pub note: String,
    /// Where the paths are from.
    pub source: String,
    /// The user of a device as it is delivered; never a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_user: Option<String>,
}

fn rtsp_port() -> u16 {
    554
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    brand: Vec<Brand>,
}

/// All brands, in the order of the table.
pub fn all() -> &'static [Brand] {
    static TABLE: OnceLock<Vec<Brand>> = OnceLock::new();
    // A table that cannot be read is caught by the tests; there is none at run time.
    TABLE.get_or_init(|| toml::from_str::<Table>(include_str!("brands.toml")).map(|t| t.brand).unwrap_or_default())
}

/// By id, name or alias; of a longer text (a device's "manufacturer") by the alias that stands in it.
pub fn find(text: &str) -> Option<&'static Brand> {
    let text = text.trim().to_lowercase();
    let words = |b: &Brand| {
        let name = b.name.to_lowercase();
        let word = |w: &&str| w.chars().all(|c| c.is_alphabetic() || c == '-');
        name.split(' ').filter(word).map(str::to_owned).chain(b.aliases.iter().cloned()).collect::<Vec<_>>()
    };
    let exact = |b: &&Brand| b.id == text || b.name.to_lowercase() == text || words(b).contains(&text);
    // Two Chinese letters name a maker, three Latin ones may stand in any word.
    let within = |b: &&Brand| words(b).iter().any(|w| w.len() > 3 && text.contains(w.as_str()));
    if text.is_empty() {
        return None;
    }
    all().iter().find(exact).or_else(|| all().iter().find(within))
}

/// The address of a stream where a list names the maker; `port` 0 is the brand's own. A list that numbers channels is one
/// of recorders, which some makers address otherwise than their cameras. The error follows the name.
pub fn url(brand: &str, host: &str, port: u16, channel: Option<u32>, stream: StreamKind) -> Result<String, String> {
    let recorder = |b: &Brand| all().iter().find(|r| r.id.strip_suffix("-recorder") == Some(&b.id));
    let found = find(brand).map(|b| channel.and_then(|_| recorder(b)).unwrap_or(b));
    let channel = channel.unwrap_or(1);
    let found = found.ok_or_else(|| {
        let known: Vec<_> = all().iter().map(|b| b.id.as_str()).collect();
        format!("is no maker whose addresses are known ({}); give the address itself in a column url", known.join(", "))
    })?;
    let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
    let port = match if port == 0 { found.port } else { port } {
        554 => String::new(),
        port => format!(":{port}"),
    };
    Ok(format!("rtsp://{host}{port}{}", found.path(channel, stream)))
}

impl Brand {
    /// The path of a stream of a channel, from 1.
    pub fn path(&self, channel: u32, stream: StreamKind) -> String {
        let path = match stream {
            StreamKind::Main => &self.main,
            StreamKind::Sub => &self.sub,
        };
        path.replace("{channel-1}", &channel.saturating_sub(1).to_string())
            .replace("{channel:02}", &format!("{channel:02}"))
            .replace("{channel}", &channel.to_string())
    }

    /// The address of a stream; `port` 0 is the brand's own.
    pub fn url(&self, host: &Host, port: u16, channel: u32, stream: StreamKind) -> Option<Url> {
        let port = if port == 0 { self.port } else { port };
        Url::parse(&format!("rtsp://{}:{port}{}", host.in_url(), self.path(channel, stream))).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::validate;

    #[test]
    fn the_table_is_whole() {
        let table: Table = toml::from_str(include_str!("brands.toml")).unwrap();
        let ids: BTreeSet<_> = table.brand.iter().map(|b| b.id.clone()).collect();
        assert_eq!(ids.len(), table.brand.len(), "ids are unique");
        for wanted in [
            "hikvision",
            "dahua",
            "uniview",
            "uniview-recorder",
            "axis",
            "tp-link",
            "tapo",
            "reolink",
            "hanwha",
            "bosch",
            "tiandy",
            "kedacom",
            "huawei",
        ] {
            assert!(ids.contains(wanted), "{wanted}");
        }
        for b in &table.brand {
            for path in [&b.main, &b.sub] {
                assert!(path.starts_with('/') && !path.contains("://"), "{}: {path}", b.id);
            }
            assert!(!b.note.is_empty() && !b.source.is_empty(), "{}", b.id);
            assert!(b.aliases.iter().all(|a| *a == a.to_lowercase()), "{}", b.id);
        }
    }

    #[test]
    fn every_brand_gives_addresses_that_a_channel_may_have() {
        let host = Host { name: "10.0.0.5".into(), ip: "10.0.0.5".parse().unwrap() };
        for b in all() {
            for (channel, stream) in [(1, StreamKind::Main), (16, StreamKind::Sub)] {
                let url = b.url(&host, 0, channel, stream).unwrap();
                validate::camera_address(url.as_str(), false).unwrap();
                assert!(!url.as_str().contains(['{', '}']) && !url.as_str().contains("%7B"), "{url}");
            }
        }
    }

    #[test]
    fn brands_are_found_by_their_many_names() {
        for (text, id) in [
            ("hikvision", "hikvision"),
            ("海康", "hikvision"),
            ("Hangzhou Hikvision Digital Technology", "hikvision"),
            ("大华", "dahua"),
            ("Amcrest", "dahua"),
            ("宇视", "uniview"),
            ("天地伟业", "tiandy"),
            ("科达", "kedacom"),
            ("AXIS Communications AB", "axis"),
            ("TP-Link", "tp-link"),
            ("Hanwha Vision", "hanwha"),
        ] {
            assert_eq!(find(text).map(|b| b.id.as_str()), Some(id), "{text}");
        }
        assert_eq!(find("").map(|b| &b.id), None);
        assert_eq!(find("nobody knows").map(|b| &b.id), None);
    }

    #[test]
    fn a_list_that_numbers_channels_is_one_of_recorders() {
        let of = |brand, channel| url(brand, "10.0.0.1", 0, channel, StreamKind::Sub).unwrap();
        assert_eq!(of("宇视", None), "rtsp://10.0.0.1/media/video2");
        assert_eq!(of("宇视", Some(3)), "rtsp://10.0.0.1/unicast/c3/s1/live");
        assert_eq!(of("海康", Some(1)), "rtsp://10.0.0.1/Streaming/Channels/102");
        assert!(url("nobody", "10.0.0.1", 0, None, StreamKind::Sub).unwrap_err().contains("hikvision"));
    }

    #[test]
    fn channels_are_counted_as_the_maker_does() {
        let path = |id: &str, n, s| find(id).unwrap().path(n, s);
        assert_eq!(path("hikvision", 12, StreamKind::Sub), "/Streaming/Channels/1202");
        assert_eq!(path("dahua", 3, StreamKind::Main), "/cam/realmonitor?channel=3&subtype=0");
        assert_eq!(path("reolink", 2, StreamKind::Sub), "/Preview_02_sub");
        assert_eq!(path("hanwha-recorder", 1, StreamKind::Main), "/LiveChannel/0/media.smp/profile=1");
    }
}
