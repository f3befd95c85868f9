//! Decoding on GStreamer: from encoded pictures to frames, and from files to encoded pictures.

pub mod file;

use std::sync::OnceLock;

/// GStreamer could not be started.
#[derive(Debug, Clone, thiserror::Error)]
#[error("GStreamer cannot be started: {0}; install libgstreamer1.0-0 and gstreamer1.0-plugins-base, -good, -bad")]
pub struct InitError(String);

/// Starts GStreamer once for the process; every entry of this module calls it.
pub fn init() -> Result<(), InitError> {
    static INIT: OnceLock<Result<(), InitError>> = OnceLock::new();
    INIT.get_or_init(|| gstreamer::init().map_err(|e| InitError(e.to_string()))).clone()
}
