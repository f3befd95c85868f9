//! GStreamer's RTSP server as a child process, and the clips that it and the farm play.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// A running server; ends when dropped.
pub struct GstServer {
    child: Child,
    stdin: Option<ChildStdin>,
    pub port: u16,
}

impl GstServer {
    /// Starts a server of `NAME=CODEC:FILE`; `None`, and a line that says so, where GStreamer's server is missing.
    pub fn start(auth: Option<(&str, &str, &str)>, media: &[String]) -> Option<Self> {
        Self::start_on(0, auth, media)
    }

    pub fn start_on(port: u16, auth: Option<(&str, &str, &str)>, media: &[String]) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new("/usr/bin/python3");
        command.arg(super::root().join("tests/support/gst_rtsp_server.py")).args(["--port", &port.to_string()]);
        if let Some((scheme, user, password)) = auth {
            let file = dir.path().join("password");
            std::fs::write(&file, password).unwrap();
            command.args(["--auth", scheme, "--user", user, "--password-file"]).arg(file);
        }
        command.args(media).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let Ok(mut child) = command.spawn() else {
            println!("skipped: /usr/bin/python3 is not there");
            return None;
        };
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some(port) = line.trim().strip_prefix("port ").and_then(|p| p.parse().ok()) else {
            let mut error = String::new();
            child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
            child.wait().unwrap();
            assert!(
                error.contains("No module named 'gi'") || error.contains("Namespace GstRtspServer"),
                "GStreamer's RTSP server did not start: {error}"
            );
            println!("skipped: gir1.2-gst-rtsp-server-1.0 and python3-gi are not installed");
            return None;
        };
        let stdin = child.stdin.take();
        Some(Self { child, stdin, port })
    }

    pub fn url(&self, name: &str) -> String {
        format!("rtsp://127.0.0.1:{}/{name}", self.port)
    }
}

impl Drop for GstServer {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // Its sessions need no orderly end.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Twenty seconds of pedestrians in some codecs, 10 fps, a key frame each second, no B-frames.
pub struct Clips {
    dir: tempfile::TempDir,
}

impl Clips {
    /// `None`, and a line that says so, where footage or ffmpeg is missing.
    pub fn make(codecs: &[&str]) -> Option<Self> {
        let source = super::vtest_avi()?;
        if Command::new("ffmpeg").arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            println!("skipped: ffmpeg is not installed");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let source = source.to_str().unwrap();
        for (name, codec) in [
            ("h264", "-c:v libx264 -preset veryfast -tune zerolatency -crf 30 -g 10 -bf 0 -pix_fmt yuv420p"),
            ("h265", "-c:v libx265 -preset ultrafast -x265-params keyint=10:min-keyint=10:bframes=0:log-level=error"),
            ("mjpeg", "-c:v mjpeg -huffman default -pix_fmt yuvj420p -q:v 10"),
        ]
        .into_iter()
        .filter(|(name, _)| codecs.contains(name))
        {
            let out = dir.path().join(format!("{name}.mkv"));
            let mut args = vec!["-t", "20", "-i", source, "-an"];
            args.extend(codec.split(' '));
            args.push(out.to_str().unwrap());
            super::ffmpeg(&args);
        }
        Some(Self { dir })
    }

    pub fn path(&self, codec: &str) -> PathBuf {
        self.dir.path().join(format!("{codec}.mkv"))
    }

    /// `NAME=CODEC:FILE` for the server.
    pub fn media(&self, codec: &str) -> String {
        format!("{codec}={codec}:{}", Path::display(&self.path(codec)))
    }
}
