//! An hour of the demo as it ships: its four cameras over RTSP before the whole gateway, in real time. Nothing is wrong with
//! them, and nothing may be said to be.

use std::time::{Duration, Instant};

use skyeye::simulate::{self, ClipArg, FarmOptions};

use crate::gateway::{Gateway, channel, detector, rule};
use crate::scenario::until;
use crate::support;

/// Path, film of the demo, transport.
const CAMERAS: [(&str, &str, &str); 4] = [
    ("vtest", "vtest.h264.mp4", "tcp"),
    ("vtest-h265", "vtest.h265.mp4", "tcp"),
    ("vtest-mjpeg", "vtest.mjpeg.avi", "udp"),
    ("motorway", "motorway.h264.mp4", "tcp"),
];

pub async fn run(length: Duration) {
    let Some(infer) = detector() else { return };
    let dir = support::root().join(".cache/footage");
    let clips: Vec<_> =
        CAMERAS.iter().map(|(name, file, _)| ClipArg { name: Some((*name).into()), path: dir.join(file) }).collect();
    if let Some(missing) = clips.iter().find(|c| !c.path.exists()) {
        println!("skipped: {} is not there", missing.path.display());
        return;
    }
    let farm = simulate::start(FarmOptions { clips, ..FarmOptions::default() }).await.unwrap();
    let mut rest = "[ingest]\nallow_loopback = true\n[alert]\nhealth = true\n".to_owned();
    for (name, _, transport) in CAMERAS {
        rest += &channel(name, &farm.named_url(name), &format!("transport = \"{transport}\""));
    }
    rest += &rule("people", "[\"*\"]", "");
    let mut g = tokio::task::block_in_place(|| Gateway::start(&infer, &rest));
    let running = |g: &mut Gateway| CAMERAS.iter().all(|(name, ..)| g.health(name)["state"] == "running");
    until("all run", 30, || running(&mut g)).await;
    let began = Instant::now();
    let mut seen = 0;
    while began.elapsed() < length {
        for (name, ..) in CAMERAS {
            let health = tokio::task::block_in_place(|| g.health(name));
            let at = began.elapsed().as_secs();
            assert_eq!(health["state"], "running", "{name} after {at} s: {health}");
            let none = health["conditions"].as_array().is_none_or(Vec::is_empty);
            assert!(none, "{name} after {at} s: {}", health["conditions"]);
            seen += 1;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let alerts = tokio::task::block_in_place(|| g.get("/api/v1/alerts?state=all&limit=500"))["alerts"].clone();
    let of_health = alerts.as_array().unwrap().iter().filter(|a| !a["health"].is_null()).count();
    let looks = g.metric("skyeye_node_looks_total", "");
    println!(
        "{} cameras of the demo for {} s: {looks} looks, health asked {seen} times, no condition, {of_health} health alerts",
        CAMERAS.len(),
        length.as_secs()
    );
    assert_eq!(of_health, 0, "{alerts}");
    assert!(looks > length.as_secs_f64() / 8.0 * CAMERAS.len() as f64 * 0.8, "they were looked at");
    drop(g);
    farm.shutdown().await;
}
