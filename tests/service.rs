//! The service under a real systemd: installed, started, killed, reloaded, stopped, refused with a broken configuration,
//! its journal read. tests/systemd.sh does it, in namespaces of its own, and says what it could not do.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)] // tests start processes and panic
#![allow(clippy::print_stdout)] // and say what they saw

mod support;

use std::process::Command;

#[test]
fn systemd_runs_it_as_a_service() {
    if support::onnxruntime().is_none() {
        return;
    }
    let out = Command::new("bash")
        .arg(support::root().join("tests/systemd.sh"))
        .arg(env!("CARGO_BIN_EXE_skyeye"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    println!("{text}");
    assert!(out.status.success(), "{text}{}", String::from_utf8_lossy(&out.stderr));
    let last = text.lines().last().unwrap_or_default();
    assert!(last.starts_with("skipped: ") || last.starts_with("systemd: "), "it ran to its end: {last:?}");
}
