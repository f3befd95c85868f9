//! A street with pedestrians as a camera shows it, and the same spoiled, each as a clip of its own.
#![allow(dead_code)]
#![allow(clippy::unwrap_used, clippy::expect_used)] // tests panic

use std::path::PathBuf;

use skyeye::simulate::ClipArg;

/// Between two key frames, as in the demo.
pub const KEY_MS: u64 = 2000;
/// How pictures are spoiled, each under the name of the condition that it is.
pub const SPOILED: [&str; 4] = ["frozen", "dark", "covered", "moved"];

pub struct Spoiled {
    dir: tempfile::TempDir,
}

impl Spoiled {
    /// `None`, and a line that says so, where the film is not there.
    pub fn make() -> Option<Self> {
        let source = super::support::vtest_avi()?;
        let dir = tempfile::tempdir().unwrap();
        let encode = "-an -c:v libx264 -preset ultrafast -tune zerolatency -qp 28 -g 20 -keyint_min 20 -sc_threshold 0 -bf 0 -pix_fmt yuv420p";
        // A camera that looks at six sevenths of what there is to see.
        let left = "crop=iw*0.85:ih:0:0,scale=704:576";
        let films = [
            ("street", left.to_owned()),
            ("dark", format!("{left},eq=brightness=-0.45:contrast=0.2")),
            ("covered", format!("{left},drawbox=x=0:y=0:w=iw*0.9:h=ih:color=gray:t=fill")),
            ("moved", "crop=iw*0.85:ih:iw*0.15:0,scale=704:576".to_owned()),
        ];
        let path = |name: &str| dir.path().join(format!("{name}.mkv"));
        for (name, filter) in &films {
            let (source, out) = (source.to_str().unwrap(), path(name));
            let mut args = vec!["-t", "20", "-i", source, "-vf", filter];
            args.extend(encode.split(' '));
            args.push(out.to_str().unwrap());
            super::support::ffmpeg(&args);
        }
        // One picture, encoded again and again, under a clock that goes on.
        let (street, still, out) = (path("street"), dir.path().join("still.png"), path("frozen"));
        let (street, still) = (street.to_str().unwrap(), still.to_str().unwrap());
        super::support::ffmpeg(&["-ss", "7", "-i", street, "-frames:v", "1", still]);
        let mut args = vec!["-loop", "1", "-framerate", "10", "-t", "20", "-i", still];
        args.extend(["-f", "lavfi", "-t", "20", "-i", "testsrc=size=160x40:rate=10"]);
        args.extend(["-filter_complex", "[0:v][1:v]overlay=16:16[v]", "-map", "[v]"]);
        args.extend(encode.split(' '));
        args.push(out.to_str().unwrap());
        super::support::ffmpeg(&args);
        Some(Self { dir })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(format!("{name}.mkv"))
    }

    /// For a farm, under its name.
    pub fn clip(&self, name: &str) -> ClipArg {
        ClipArg { name: Some(name.to_owned()), path: self.path(name) }
    }
}
