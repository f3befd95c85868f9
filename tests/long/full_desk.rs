//! The console with ten thousand open alerts and fifty more a second, in Chromium: `console/e2e/load.mjs` measures and judges;
//! here it is only started, for as long as is wanted.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support;

const CHROMIUM: &str = "/usr/bin/chromium";

pub fn run(length: Duration) {
    let console = support::root().join("console");
    for needed in [Path::new(CHROMIUM), &console.join("node_modules/playwright-core"), &console.join("dist/index.html")]
    {
        if !needed.exists() {
            println!("skipped: {} is not there", needed.display());
            return;
        }
    }
    let minutes = (length.as_secs_f64() / 60.0).to_string();
    let out = Command::new("node").arg(console.join("e2e/load.mjs")).args(["--minutes", &minutes]).output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    println!("{text}");
    let last: Value = serde_json::from_str(text.lines().last().unwrap_or_default()).unwrap_or_default();
    assert!(out.status.success() && last["failed"] == 0, "{}", String::from_utf8_lossy(&out.stderr));
}
