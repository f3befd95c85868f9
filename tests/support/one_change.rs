//! Cameras of the farm behind a gateway that is configured by its inventory, and one channel among them that changes.
#![allow(dead_code)]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used)] // tests read clocks and panic
#![allow(clippy::print_stdout)] // and say what they saw

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use skyeye::simulate::{self, Farm, FarmOptions};

use crate::gateway::Gateway;
use crate::scenario::wait_for;

/// Pictures a second of each camera.
const FPS: u64 = 10;
/// No detector is wanted: nothing is looked at. Cameras connect as fast as they can: that is not what is tried.
const NO_MODEL: &str = "[infer]\nruntime = \"none.so\"\n[ingest]\nallow_loopback = true\nstall_deadline_s = 120\n\
                        connects_per_host = 50\nconnects_per_host_per_s = 500\n";

/// Cameras that show a test picture of 256 kbit/s; on `hosts` addresses, or 0: on one.
pub async fn farm(dir: &tempfile::TempDir, channels: u32, hosts: u32) -> Farm {
    super::support::allow_files(u64::from(channels) + 500);
    let clip = dir.path().join("clip.mkv");
    let args = "-f lavfi -i testsrc=size=352x288:rate=10 -t 8 -c:v libx264 -preset veryfast -tune zerolatency -g 20 -bf 0 \
                -b:v 256k -minrate 256k -maxrate 256k -bufsize 256k -x264-params nal-hrd=cbr -pix_fmt yuv420p";
    let mut args: Vec<_> = args.split_whitespace().collect();
    args.push(clip.to_str().unwrap());
    super::support::ffmpeg(&args);
    simulate::start(FarmOptions { clips: vec![clip.into()], channels, hosts, ..FarmOptions::default() }).await.unwrap()
}

pub fn start(rest: &str) -> Gateway {
    start_with(NO_MODEL, rest)
}

/// `sections` come before all others.
pub fn start_with(sections: &str, rest: &str) -> Gateway {
    tokio::task::block_in_place(|| Gateway::start(sections, rest))
}

/// A blocking call to the gateway.
pub fn ask(g: &mut Gateway, method: &str, path: &str, body: impl Into<Vec<u8>>) -> (u16, Value) {
    tokio::task::block_in_place(|| g.ask(method, path, body))
}

pub fn channels(g: &mut Gateway) -> Vec<Value> {
    tokio::task::block_in_place(|| g.get("/api/v1/channels"))["channels"].as_array().unwrap().clone()
}

/// Of each channel: how many sessions it began, and how many packets it knows to be lost.
pub fn sessions(g: &mut Gateway) -> Vec<(String, u64, u64)> {
    let of = |c: &Value| {
        let health = &c["health"];
        let number = |key: &str| health[key].as_u64().unwrap();
        (c["id"].as_str().unwrap().to_owned(), number("sessions"), number("lost_packets"))
    };
    channels(g).iter().map(of).collect()
}

pub async fn all_running(g: &mut Gateway, n: u64) {
    wait_for(&format!("{n} channels run"), 120, || {
        let counts = tokio::task::block_in_place(|| g.get("/api/v1/node"))["channels"].clone();
        let all: u64 = counts.as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
        (all == n && counts["running"] == json!(n)).then_some(())
    })
    .await;
}

/// A list of channels in CSV: one a camera of the farm.
pub fn list(farm: &Farm, n: std::ops::RangeInclusive<u32>) -> String {
    let rows = n.map(|i| format!("cam-{i:04},Camera {i},{}\r\n", farm.url(i)));
    format!("id,name,url\r\n{}", rows.collect::<String>())
}

/// What a list would change.
pub fn plan(g: &mut Gateway, csv: &str) -> Value {
    let (status, plan) = ask(g, "POST", "/api/v1/inventory/import?kind=channels&filename=l.csv", csv);
    assert_eq!((status, &plan["applied"]), (200, &json!(false)), "{plan}");
    plan
}

/// Rows added, changed, removed, refused.
fn counts(plan: &Value) -> [usize; 4] {
    ["added", "changed", "removed", "refused"].map(|list| plan[list].as_array().unwrap().len())
}

pub fn import(g: &mut Gateway, csv: &str) -> Value {
    let (status, plan) = ask(g, "POST", "/api/v1/inventory/import?kind=channels&filename=l.csv&apply=true", csv);
    assert_eq!((status, &plan["applied"]), (200, &json!(true)), "{plan}");
    plan
}

/// So many cameras come by a list and run; one of them gets another name, then another address. The others lose no access
/// unit: counted at the farm and by the gateway, and by the numbers of the packets.
pub async fn one_change(cameras: u32, hosts: u32) {
    let dir = tempfile::tempdir().unwrap();
    let farm = farm(&dir, cameras, hosts).await;
    let mut g = start("[[area]]\nid = \"north\"\nname = \"North\"\nkind = \"street\"\n");
    let csv = list(&farm, 1..=cameras);
    let began = Instant::now();
    let plan = plan(&mut g, &csv);
    let planned = began.elapsed();
    assert_eq!(counts(&plan), [cameras as usize, 0, 0, 0], "added, changed, removed, refused");
    assert!(channels(&mut g).is_empty(), "a plan changes nothing");
    let began = Instant::now();
    import(&mut g, &csv);
    let in_force = began.elapsed();
    let began_to_show = Instant::now();
    assert_eq!(channels(&mut g).len(), cameras as usize);
    let shown = began_to_show.elapsed();
    all_running(&mut g, cameras.into()).await;
    let running = began.elapsed();
    // The same list with one row that is another: that is all that differs.
    let began = Instant::now();
    let plan = self::plan(&mut g, &csv.replace("Camera 5,", "Bridge,"));
    let planned_again = began.elapsed();
    assert_eq!(counts(&plan), [0, 1, 0, 0]);
    assert_eq!(plan["unchanged"], json!(cameras - 1));

    // What a session does not hang on.
    let path = "/api/v1/channels/cam-0003";
    let edit = json!({ "name": "Gate", "area": "north", "weight": 2.0, "tags": ["school"], "external_id": "440305" });
    let began = Instant::now();
    let (status, answer) = ask(&mut g, "PATCH", path, edit.to_string());
    let renamed = began.elapsed();
    assert_eq!((status, &answer["name"], &answer["area"]), (200, &json!("Gate"), &json!(["north"])), "{answer}");
    // What one hangs on: another camera's address.
    let before = farm.stats().sessions_total;
    let began = Instant::now();
    let (status, answer) = ask(&mut g, "PATCH", "/api/v1/channels/cam-0007", json!({ "url": farm.url(1) }).to_string());
    let edited = began.elapsed();
    assert_eq!(status, 200, "{answer}");
    let health = |g: &mut Gateway, id: &str| tokio::task::block_in_place(|| g.health(id));
    wait_for("cam-0007 has another session", 30, || (health(&mut g, "cam-0007")["sessions"] == 2).then_some(())).await;
    all_running(&mut g, cameras.into()).await;
    tokio::time::sleep(Duration::from_secs(3)).await;

    for (id, sessions, lost) in sessions(&mut g) {
        assert_eq!((sessions, lost), (if id == "cam-0007" { 2 } else { 1 }, 0), "{id}");
    }
    assert_eq!(farm.stats().sessions_total - before, 1, "the farm counts one session more");

    // Every unit that was sent came, but for what was on its way to the one that changed.
    assert_eq!(farm.command("stall all").await, "ok");
    let missing = wait_for("what was sent has come", 60, || {
        let came =
            g.metric("skyeye_ingest_units_total", "") + g.metric("skyeye_ingest_dropped_units_total", "before_key");
        Some(farm.stats().units.saturating_sub(came as u64)).filter(|n| *n <= FPS)
    })
    .await;
    let sent = farm.stats().units;
    assert!(sent > u64::from(cameras) * FPS, "the test shows nothing");
    println!(
        "{cameras} cameras on {hosts} hosts: the list's difference told after {planned:?} (of a list with one row changed: \
         {planned_again:?}), imported and in force after {in_force:?}, listed in {shown:?}, all running after {running:?}, \
         another name in force after {renamed:?}, another address after {edited:?}; {sent} units sent, {missing} of them on their way to the channel that changed, \
         none lost on the others"
    );
    println!(
        "the gateway: {:.0} MiB resident, {:.0} s of a core so far",
        g.proc_status("VmRSS") as f64 / 1024.0,
        g.cpu_s()
    );
    drop(g);
    farm.shutdown().await;
}
