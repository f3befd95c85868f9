//! Runs `skyeye eval` and reads what it says.

use std::{path::PathBuf, process::Command};

use serde_json::Value;

use super::{onnxruntime, root, shared};

/// A folder with a configuration for it.
pub struct Place {
    pub dir: tempfile::TempDir,
    pub config: PathBuf,
}

impl Place {
    /// With YOLOX-Nano, and more keys of `[infer]`; `None`, and a line that says so, where it is not there.
    pub fn with_detector(more: &str) -> Option<Self> {
        let (runtime, models) = (onnxruntime()?, shared("models")?);
        Some(Self::new(&format!("runtime = {runtime:?}\nmodels_dir = {models:?}\nmodel = \"yolox-nano\"\n{more}")))
    }

    /// With these keys of `[infer]`: enough for what was detected before.
    pub fn new(infer: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("skyeye.toml");
        std::fs::write(&config, format!("[infer]\n{infer}\n")).unwrap();
        Self { dir, config }
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_skyeye"));
        command.arg("--config").arg(&self.config).args(args).current_dir(root());
        command
    }

    pub fn eval(&self, args: &[&str]) -> Value {
        let out = self.command(&["--json", "eval"]).args(args).output().unwrap();
        let (text, errors) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(out.status.success(), "eval {args:?}: {errors}");
        assert_eq!(text.lines().count(), 1, "nothing but the object: {text}");
        serde_json::from_str(&text).unwrap()
    }

    pub fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }
}

/// What `eval detections` with YOLOX-Nano found in each picture of `vtest.avi`, down to a score of 0.1, so that every look
/// rate is tried in a moment.
pub fn pedestrians() -> String {
    fixture("rules/pedestrians.csv")
}

pub fn fixture(name: &str) -> String {
    root().join("tests/fixtures").join(name).display().to_string()
}
