//! What stands at an address, before a channel is made of it: discovery, ONVIF, brands and the probe.
//!
//! In go addresses, a login and what the caller wants to know; out come devices and streams with the sentences that
//! an integrator needs. `ws` asks a network who is there (WS-Discovery), `scan` asks a list of addresses, `onvif` asks
//! one device for its streams, `brands` knows the paths of makers without ONVIF, and `probe` puts them together step
//! by step until there is a picture. What a stream really sends is told by a [`Streams`], which the node gives: this
//! module knows no RTSP sessions and no decoders.
//!
//! Nobody is asked unless somebody wants it, nothing is saved, and no device is believed: every address that is
//! dialled passes the address policy of cameras, addresses that a device gives are rewritten to the one that was
//! asked, no redirect is followed, answers are bounded in bytes, depth and time, and a password is sent only as a
//! digest. No password stands in a result, a sentence or a log.

pub mod address;
pub mod brands;
mod http;
pub mod onvif;
pub mod probe;
pub mod ranges;
mod rtsp;
pub mod scan;
pub mod soap;
pub mod ws;
pub mod xml;

pub use probe::{ProbeAsk, ProbeRun, ProbeView, StreamAsk, StreamSeen, Streams};
pub use scan::{DiscoverAsk, DiscoverRun, DiscoverView, Found};

use crate::types::Secret;

/// A user name and password at a device.
#[derive(Debug, Clone)]
pub struct Login {
    pub user: String,
    pub password: Secret,
}

/// A foreign text made safe to show: one line of at most `most` characters without control characters.
fn shown(text: &str, most: usize) -> String {
    text.split_whitespace()
        .flat_map(|word| [" ", word])
        .skip(1)
        .flat_map(str::chars)
        .filter(|c| !c.is_control())
        .take(most)
        .collect()
}
