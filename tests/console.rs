//! The console in Chromium on the real gateway and cameras of the farm: what an operator does and sees. The browser's
//! part is `console/e2e/run.mjs`; here stand the gateway, the cameras, and the comparison of the boxes with the truth.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used)] // tests read clocks and panic
#![allow(clippy::print_stdout)] // and say what they saw

mod support;
#[path = "support/gateway.rs"]
mod gateway;
#[path = "support/mqtt.rs"]
mod mqtt;

use std::path::Path;
use std::process::Command;

use gateway::{Footage, Gateway, channel, detector, rule};
use serde_json::Value;
use skyeye::simulate::{self, FarmOptions};
use skyeye::types::BBox;

const CHROMIUM: &str = "/usr/bin/chromium";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_sees_an_alert_with_its_boxes_and_acknowledges_it() {
    let e2e = support::root().join("console/e2e/run.mjs");
    if !Path::new(CHROMIUM).exists() || !support::root().join("console/node_modules/playwright-core").exists() {
        println!("skipped: Chromium or playwright-core is not there; `make test` brings both");
        return;
    }
    if !support::root().join("console/dist/index.html").exists() {
        println!("skipped: the console is not built; `make test` builds it");
        return;
    }
    let Some(infer) = detector() else { return };
    let Some(footage) = Footage::make(&["flash", "crowd"]) else { return };
    let clips = vec![footage.clip("flash"), footage.clip("crowd")];
    let farm = simulate::start(FarmOptions { clips, channels: 2, ..FarmOptions::default() }).await.unwrap();
    let maps = tempfile::tempdir().unwrap();
    let zone = "[[channel.zone]]\nid = \"yard\"\nname = \"场地 Yard\"\npolygon = [[0.0, 0.2], [1.0, 0.2], [1.0, 1.0], [0.0, 1.0]]\n";
    let rest = [
        "[ingest]\nallow_loopback = true\n[alert]\njoin_s = 1\nhealth = false\ndue_critical_s = 10\nflood_window_s = 45\n".to_owned(),
        positions(),
        ground(maps.path()),
        channel(
            "coming-and-going",
            &farm.named_url("flash"),
            &format!("name = \"<b>门</b> gate\"\nlat = 31.502\nlon = 121.004\n{zone}"),
        ),
        channel("square", &farm.named_url("crowd"), ""),
        rule("people", "[\"coming-and-going\"]", "zones = [\"yard\"]\nseverity = \"high\""),
        rule("crowd", "[\"square\"]", ""),
        "[[procedure]]\nid = \"gate\"\ntitle = \"门 Gate\"\nsteps = [\"看实时画面 Look\", \"电话 Call\"]\n".into(),
    ]
    .concat();
    let gateway = tokio::task::block_in_place(|| Gateway::start(&infer, &rest));
    let restart = Restart::new(&gateway);
    let first = std::fs::read_to_string(gateway.path("data/first-password")).unwrap();
    let shots = support::root().join("target/screenshots");
    let out = tokio::task::spawn_blocking({
        let (url, password) = (gateway.url(""), first.lines().next().unwrap().to_owned());
        let (command, shots) = (restart.command.clone(), shots.clone());
        move || {
            Command::new("node")
                .arg(&e2e)
                .env("SKYEYE_URL", url)
                .env("SKYEYE_PASSWORD", password)
                .env("SKYEYE_WAIT_S", "60")
                .env("SKYEYE_DUE_S", "10")
                .env("SKYEYE_CALM_AREA", "gate")
                .env("SKYEYE_FLOOD_AREA", "yard")
                .env("SKYEYE_FLOOD_S", "45")
                .env("SKYEYE_SHOTS", shots)
                .env("SKYEYE_RESTART_CMD", command)
                .output()
                .unwrap()
        }
    })
    .await
    .unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let summary: Value = serde_json::from_str(text.lines().last().unwrap_or_default()).unwrap_or_default();
    assert!(
        out.status.success() && summary["failed"] == 0,
        "{text}\n{}\n--- gateway\n{}",
        String::from_utf8_lossy(&out.stderr),
        gateway.log()
    );
    assert!(summary["passed"].as_u64() >= Some(9) && summary["skipped"] == 0, "{summary}");
    println!("{summary}\nscreenshots: {}", shots.display());
    boxes_stand_where_people_are(&summary["alert"]["boxes"]);
    drop(restart);
    farm.shutdown().await;
}

/// Desks of their own for the operator's shift and for the flood, beside the one that takes the rest, and one above them.
fn positions() -> String {
    let area = |id: &str, name: &str| format!("[[area]]\nid = {id:?}\nname = {name:?}\nkind = \"district\"\n");
    let position = |id: &str, name: &str, more: &str| format!("[[position]]\nid = {id:?}\nname = {name:?}\n{more}\n");
    [
        area("gate", "大门 Gate"),
        area("yard", "场地 Yard"),
        area("station", "站 Station"),
        position("desk", "值班台 Desk", ""),
        position("gates", "门卫 Gates", "areas = [\"gate\"]\nescalate_to = \"duty\""),
        position("yards", "场地 Yards", "areas = [\"yard\"]\nescalate_to = \"duty\""),
        position("duty", "带班 Duty", "areas = [\"station\"]"),
    ]
    .concat()
}

/// A `[map]` whose tiles lie under `dir`: one colour round the place where `e2e/map.mjs` puts its area.
fn ground(dir: &Path) -> String {
    const ZOOM: u8 = 12;
    let (lat, lon) = (31.5_f64.to_radians(), 121.002_f64);
    let n = f64::from(1_u32 << ZOOM);
    let (x, y) = ((lon / 360.0 + 0.5) * n, (0.5 - lat.tan().asinh() / std::f64::consts::TAU) * n);
    for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
        let column = dir.join(format!("{ZOOM}/{}", (x - 0.5) as u32 + dx));
        std::fs::create_dir_all(&column).unwrap();
        let tile = image::RgbImage::from_pixel(256, 256, image::Rgb([200, 214, 190]));
        tile.save(column.join(format!("{}.png", (y - 0.5) as u32 + dy))).unwrap();
    }
    format!("[map]\ntiles = {dir:?}\nattribution = \"© E2E\"\nmin_zoom = {ZOOM}\nmax_zoom = {ZOOM}\n")
}

/// Both films begin with PETS09-S2L1, whose people are annotated. The picture is one of its first two hundred frames.
fn boxes_stand_where_people_are(boxes: &Value) {
    let seen: Vec<BBox> = boxes
        .as_array()
        .expect("boxes")
        .iter()
        .map(|b| {
            let n = |k: &str| b[k].as_f64().unwrap() as f32;
            BBox { x: n("x"), y: n("y"), w: n("w"), h: n("h") }
        })
        .collect();
    assert!(!seen.is_empty(), "no box was drawn");
    let Some(truth) = support::shared("gt/PETS09-S2L1.txt") else {
        println!("skipped: the boxes are not compared, the ground truth is not there");
        return;
    };
    let rows: Vec<Vec<f32>> = std::fs::read_to_string(truth)
        .unwrap()
        .lines()
        .map(|l| l.split(',').map(|v| v.parse().unwrap()).collect())
        .collect();
    let hits = |frame: usize| {
        let people: Vec<BBox> = rows
            .iter()
            .filter(|r| r[0] as usize == frame)
            .map(|r| BBox { x: r[2] / 768.0, y: r[3] / 576.0, w: r[4] / 768.0, h: r[5] / 576.0 })
            .collect();
        seen.iter().filter(|s| people.iter().any(|p| p.iou(s) >= 0.5)).count()
    };
    let best = (1..=201).max_by_key(|f| hits(*f)).unwrap();
    println!("frame {best}: {} of {} boxes stand on annotated people", hits(best), seen.len());
    assert!(hits(best) * 2 > seen.len(), "only {} of {} boxes stand on people: {seen:?}", hits(best), seen.len());
}

/// A command for the browser's side that kills the gateway and starts it again.
struct Restart {
    command: String,
    pid_file: std::path::PathBuf,
}

impl Restart {
    fn new(gateway: &Gateway) -> Self {
        let (script, pid_file) = (gateway.path("restart.sh"), gateway.path("pid"));
        std::fs::write(&pid_file, gateway.pid().to_string()).unwrap();
        let text = format!(
            "kill -9 $(cat {pid:?})\nsleep 1\n{program:?} run --config {config:?} >>{log:?} 2>&1 </dev/null &\necho $! >{pid:?}\n",
            pid = pid_file,
            program = env!("CARGO_BIN_EXE_skyeye"),
            config = gateway.config_file(),
            log = gateway.path("log"),
        );
        std::fs::write(&script, text).unwrap();
        Self { command: format!("sh {script:?}"), pid_file }
    }

    fn stop(&self) {
        let pid = std::fs::read_to_string(&self.pid_file).unwrap_or_default();
        if let Some(pid) = pid.trim().parse().ok().and_then(rustix::process::Pid::from_raw) {
            // Gone already is as good.
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).ok();
        }
    }
}

impl Drop for Restart {
    fn drop(&mut self) {
        self.stop();
    }
}
