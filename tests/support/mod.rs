//! What several test binaries need: where test data and tools lie. Each binary uses a part.
#![allow(dead_code)]
#![allow(clippy::disallowed_methods)] // tests may start ffmpeg and read clocks
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // and panic, and say what they skip

pub mod eval;
pub mod gst_server;
pub mod lossy;
pub mod onvif;
pub mod pull;

use std::path::{Path, PathBuf};

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file or folder of the shared test data; `None`, and a line that says so, where it is not there.
pub fn shared(name: &str) -> Option<PathBuf> {
    let base = std::env::var_os("SKYEYE_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    existing(base.join(name))
}

/// The ONNX Runtime library: `SKYEYE_ORT`, or where set-up puts it.
pub fn onnxruntime() -> Option<PathBuf> {
    let path = std::env::var_os("SKYEYE_ORT")
        .map_or_else(|| root().join(".cache/onnxruntime/libonnxruntime.so"), PathBuf::from);
    existing(path)
}

/// Pedestrians, 768x576, 10 fps, 795 frames: PETS09-S2L1 view 1, from the Debian package opencv-doc.
pub fn vtest_avi() -> Option<PathBuf> {
    let fetched = root().join(".cache/footage/source/vtest.avi");
    let installed = "/usr/share/doc/opencv-doc/examples/data/vtest.avi".into();
    existing(if fetched.exists() { fetched } else { installed })
}

fn existing(path: PathBuf) -> Option<PathBuf> {
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}

/// Runs ffmpeg, which the tests' set-up installs, and returns its standard output.
pub fn ffmpeg(args: &[&str]) -> Vec<u8> {
    let out = std::process::Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-y"])
        .args(args)
        .output()
        .expect("ffmpeg must be installed");
    assert!(out.status.success(), "ffmpeg {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

/// Lower-case hex.
pub fn sha256(path: &Path) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(std::fs::read(path).expect("a file of the test")))
}

/// Raises the limit of open files where it is lower: a farm in the test's own process has a socket a camera.
pub fn allow_files(wanted: u64) {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    assert!(limit.maximum.is_none_or(|most| most >= wanted), "{wanted} open files must be allowed: ulimit -Hn");
    limit.current = Some(limit.current.map_or(wanted, |now| now.max(wanted)));
    setrlimit(Resource::Nofile, limit).unwrap();
}
