//! RTSP over TCP with a way of our own for what nearly all cameras send: H.264 and H.265.
//!
//! In go an address that passed the policy and a credential; out come `Received` items as `Reader` gives them. Against
//! the general client it saves a system call, several clock reads and one ring a session: bytes are read once into a
//! buffer of the thread, packets are taken apart where they lie, and a unit is written once, in its exact size. A
//! session at rest holds next to nothing.
//!
//! What this way does not know (MJPEG, interleaved packetisation, a server that answers oddly) it says at the
//! description, before anything plays: `Opened::NotOurs`, and the general client takes over. It never writes to
//! another host than the one it was given, and never asks a second time with a password that was refused.

mod describe;
mod dialogue;
mod framing;
mod gather;
mod play;
mod wire;

pub use dialogue::Opened;
pub use play::Direct;

use super::{ChannelSpec, Failure};
use url::Url;

/// Sets up a session and plays it. `url` has the address that was checked as its host.
pub async fn open(spec: &ChannelSpec, url: &Url) -> Result<Opened, Failure> {
    dialogue::open(spec, url).await
}
