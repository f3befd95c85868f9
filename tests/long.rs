//! The runs of more than a minute: `make long` does them all, with SKYEYE_LONG=1 and the optimised program, and keeps
//! their results beside tests/long/run.sh. In `make test` those with a short form do that, the others are skipped.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used)] // tests read clocks and panic
#![allow(clippy::print_stdout)] // and say what they measured

#[path = "long/consoles.rs"]
mod consoles;
#[path = "long/demo_hour.rs"]
mod demo_hour;
#[path = "long/farm.rs"]
mod farm_run;
#[path = "long/full_desk.rs"]
mod full_desk;
#[path = "long/history.rs"]
mod history;
#[path = "long/power_cut.rs"]
mod power_cut;
#[path = "support/district.rs"]
mod district;
mod support;
#[path = "support/gateway.rs"]
mod gateway;
#[path = "support/histories.rs"]
mod histories;
#[path = "support/mqtt.rs"]
mod mqtt;
#[path = "support/scenario.rs"]
mod scenario;
#[path = "support/one_change.rs"]
mod one_change;
#[path = "support/spoil.rs"]
mod spoil;
#[path = "long/still.rs"]
mod still;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gateway::{Gateway, PROGRAM, Schemas, assert_same, assert_whole, channel, detector, read, stories_of_changes};
use mqtt::Subscriber;
use scenario::{desk, everything, until};
use serde_json::Value;
use skyeye::simulate::{self, ClipArg, FarmOptions};

fn is_long() -> bool {
    std::env::var_os("SKYEYE_LONG").is_some_and(|v| v == "1")
}

fn skipped() -> bool {
    if !is_long() {
        println!("skipped: a run of more than a minute; `make long` does it (SKYEYE_LONG=1)");
    }
    !is_long()
}

/// A district's cameras come by one list and run; one of them changes, and no other loses an access unit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_a_district_changes() {
    if skipped() {
        return;
    }
    one_change::one_change(district_channels(), 40).await;
}

/// All recorders of a district fall at one time and come back: all channels are up within a minute, no recorder is asked
/// more than the governor allows, and there is one alert a recorder.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_district_falls_and_comes_back() {
    if skipped() {
        return;
    }
    power_cut::run(district_channels(), 40).await;
}

/// An hour of the demo, in real time: nothing is said to be wrong with its cameras.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_hour_of_the_demo() {
    if skipped() {
        return;
    }
    demo_hour::run(Duration::from_secs(3600)).await;
}

/// Ten million alerts: by time and area, channel, state and result, or two characters, the first page and the hundredth
/// take under 200 ms while 200 events a second are written. SKYEYE_ALERTS takes another number, to try it with.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_million_alerts() {
    if skipped() {
        return;
    }
    let rows = std::env::var("SKYEYE_ALERTS").map_or(10_000_000, |n| n.parse().expect("SKYEYE_ALERTS is a number"));
    history::run(rows, 40).await;
}

/// Two hundred consoles for half a minute: every alert reaches each of them, in order, within half a second in 99 of 100
/// (short: twenty consoles for five seconds; all arrive, in order).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_consoles() {
    if is_long() {
        consoles::run(200, Duration::from_secs(30), true).await;
    } else {
        consoles::run(20, Duration::from_secs(5), false).await;
    }
}

/// An hour at a desk with ten thousand open alerts and fifty more a second, in Chromium: a key is painted within a tenth of a
/// second, memory stays, and the first row is there within a second and a half. SKYEYE_DESK_S takes another length.
#[test]
fn an_hour_at_a_full_desk() {
    if skipped() {
        return;
    }
    let length = std::env::var("SKYEYE_DESK_S").map_or(3600, |n| n.parse().expect("SKYEYE_DESK_S is a number"));
    full_desk::run(Duration::from_secs(length));
}

/// SKYEYE_DISTRICT takes another number, to try a test with.
fn district_channels() -> u32 {
    std::env::var("SKYEYE_DISTRICT").map_or(6314, |n| n.parse().expect("SKYEYE_DISTRICT is a number"))
}

/// One loop of `footage/one-by-one-person.mp4`, over TCP and over UDP: the six visits that tests/visits.rs tells of.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn six_visits_over_rtsp() {
    const VISITS: usize = 6;
    if skipped() {
        return;
    }
    let (Some(infer), Some(film)) = (detector(), support::shared("footage/one-by-one-person.mp4")) else { return };
    let clips = vec![ClipArg { name: Some("hall".into()), path: film }];
    let farm = simulate::start(FarmOptions { clips, ..FarmOptions::default() }).await.unwrap();
    // Every threshold is the one that ships.
    let rest = [
        "[ingest]\nallow_loopback = true\n".to_owned(),
        channel("tcp", &farm.named_url("hall"), ""),
        channel("udp", &farm.named_url("hall"), "transport = \"udp\""),
        "[[rule]]\nid = \"people\"\ntype = \"presence\"\nchannels = [\"*\"]\nlabels = [\"person\"]\n".into(),
    ];
    let mut gateway = tokio::task::block_in_place(|| Gateway::start(&infer, &rest.concat()));
    let subscriber = Subscriber::start(gateway.broker(), desk("s", false), &[&everything()]).await;
    until("both run", 5, || ["tcp", "udp"].iter().all(|id| gateway.health(id)["state"] == "running")).await;
    let (loops, ms) = farm.position(2).unwrap();
    assert!(loops == 0 && ms < 5500, "it looks before the first visit, not {ms} ms into the film");
    // The last visit is over at 136 s and cleared within 2.5 s and two looks; the next loop's first begins at 6 s.
    until("one loop is over", 180, || farm.position(2).unwrap() >= (1, 4500)).await;

    let came = read(&subscriber.got());
    Schemas::published().check(&came);
    let changes = tokio::task::block_in_place(|| gateway.changes());
    assert_same(&changes, &came);
    let stories = stories_of_changes(&changes);
    assert_whole(&stories);
    for id in ["tcp", "udp"] {
        let of: Vec<_> = stories.values().filter(|s| s.channel == id).collect();
        println!("{id}: {} starts, {} ends", of.len(), of.iter().filter(|s| !s.is_open()).count());
        assert_eq!(of.len(), VISITS, "{of:?}");
        assert!(of.iter().all(|s| s.ends == ["cleared"]), "{of:?}");
    }
    drop(gateway);
    farm.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn mosquitto_away_for_a_minute_loses_nothing() {
    if !skipped() {
        scenario::mosquitto_away(Duration::from_secs(60)).await;
    }
}

/// The camera farm as a process of its own, so that its memory and threads are not those of the test.
struct FarmProcess {
    child: Child,
    control: SocketAddr,
    urls: Vec<String>,
}

impl FarmProcess {
    const HOSTS: usize = 10;

    fn start(clip: &Path, channels: usize) -> Self {
        let (port, control) = (gateway::port(), SocketAddr::from(([127, 0, 0, 1], gateway::port())));
        let mut child = Command::new(PROGRAM)
            .args(["simulate", "--clip", clip.to_str().unwrap(), "--channels", &channels.to_string()])
            .args(["--hosts", &Self::HOSTS.to_string(), "--listen", &format!("127.0.0.1:{port}")])
            .args(["--control", &control.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("channels on"), "the farm does not start: {line:?}");
        let per_host = channels.div_ceil(Self::HOSTS);
        let urls = (0..channels).map(|n| format!("rtsp://127.1.0.{}:{port}/cam/{}", n / per_host + 1, n + 1)).collect();
        Self { child, control, urls }
    }

    fn stats(&self) -> Value {
        let mut stream = TcpStream::connect(self.control).unwrap();
        stream.write_all(b"stats\n").unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"))
    }
}

impl Drop for FarmProcess {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values[values.len() / 2]
}

/// Memory and threads of a gateway over a while.
struct Window {
    /// Resident, without the pre-roll, whose size hangs on the footage and is bounded by itself.
    own_kib: Vec<u64>,
    preroll_kib: u64,
    threads: Vec<u64>,
}

impl Window {
    fn measure(gateway: &Gateway, length: Duration) -> Self {
        let (mut own_kib, mut threads, mut preroll_kib) = (Vec::new(), Vec::new(), 0);
        let began = Instant::now();
        while began.elapsed() < length {
            preroll_kib = (gateway.metric("skyeye_media_ring_bytes", "") / 1024.0) as u64;
            own_kib.push(gateway.proc_status("VmRSS").saturating_sub(preroll_kib));
            threads.push(gateway.proc_status("Threads"));
            std::thread::sleep(Duration::from_secs(1));
        }
        Self { own_kib, preroll_kib, threads }
    }

    /// Medians of the first and the last third.
    fn ends(&self) -> (u64, u64) {
        let third = (self.own_kib.len() / 3).max(1);
        let last = self.own_kib.len() - third;
        (median(self.own_kib[..third].to_vec()), median(self.own_kib[last..].to_vec()))
    }

    fn grows(&self) -> bool {
        let (first, last) = self.ends();
        last > first + first / 20 + (8 << 10)
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mib = |kib: u64| kib as f64 / 1024.0;
        let (first, last) = self.ends();
        write!(
            f,
            "{:.1} MiB resident beside {:.1} MiB of pre-roll in the first third, {:.1} in the last, {:.1} at most; {} to {} \
             threads",
            mib(first),
            mib(self.preroll_kib),
            mib(last),
            mib(*self.own_kib.iter().max().unwrap()),
            self.threads.iter().min().unwrap(),
            self.threads.iter().max().unwrap()
        )
    }
}

fn until_looked_at(gateway: &Gateway, looks: usize, within: Duration) {
    let began = Instant::now();
    while gateway.metric("skyeye_node_looks_total", "") < looks as f64 {
        assert!(began.elapsed() < within, "not {looks} looks within {within:?}");
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// Twenty seconds of pedestrians at 384 kbit/s, a key frame every two seconds.
fn street(dir: &Path) -> Option<std::path::PathBuf> {
    let source = support::vtest_avi()?;
    let out = dir.join("street.mkv");
    let mut args = vec!["-t", "20", "-i", source.to_str().unwrap(), "-an"];
    args.extend("-c:v libx264 -preset veryfast -tune zerolatency -b:v 384k -maxrate 384k -bufsize 384k".split(' '));
    args.extend("-g 20 -keyint_min 20 -sc_threshold 0 -bf 0 -pix_fmt yuv420p".split(' '));
    args.push(out.to_str().unwrap());
    support::ffmpeg(&args);
    Some(out)
}

/// A hundred channels for ten minutes (short: one): memory flat, threads constant, no channel lost, and every sample that
/// was not looked at is counted.
#[test]
fn a_hundred_channels() {
    const CHANNELS: usize = 100;
    let dir = tempfile::tempdir().unwrap();
    let (Some(infer), Some(clip)) = (detector(), street(dir.path())) else { return };
    // The short form runs the unoptimised program beside other tests: it looks less often.
    let (length, warm_up, sample) = if is_long() {
        (Duration::from_secs(600), Duration::from_secs(60), "")
    } else {
        (Duration::from_secs(40), Duration::from_secs(12), "[sample]\npatrol_interval_ms = 8000\n")
    };
    let farm = FarmProcess::start(&clip, CHANNELS);
    let mut rest = format!("[ingest]\nallow_loopback = true\n{sample}");
    for (n, url) in farm.urls.iter().enumerate() {
        rest += &channel(&format!("c{n}"), url, "");
    }
    rest += &gateway::rule("people", "[\"*\"]", "");
    let mut gateway = Gateway::start(&infer, &rest);
    let began = Instant::now();
    let states = |gateway: &mut Gateway| {
        let list = gateway.get("/api/v1/channels")["channels"].as_array().unwrap().clone();
        list.into_iter().map(|c| c["health"].clone()).collect::<Vec<_>>()
    };
    while !states(&mut gateway).iter().all(|h| h["state"] == "running") {
        assert!(began.elapsed() < Duration::from_secs(30), "not all channels run: {:?}", states(&mut gateway));
        std::thread::sleep(Duration::from_millis(200));
    }
    println!("{CHANNELS} channels run after {:.1} s", began.elapsed().as_secs_f32());
    std::thread::sleep(warm_up);

    // Each decoder and model has worked when every channel was looked at; beside other work that takes its time.
    until_looked_at(&gateway, 2 * CHANNELS, Duration::from_secs(120));
    let threads_before = gateway.threads();
    // What grows for good grows in every window. What grows once, late, because the machine had other things to do, was
    // warming up.
    let mut windows = vec![Window::measure(&gateway, length)];
    while windows.last().is_some_and(Window::grows) && windows.len() < 3 {
        windows.push(Window::measure(&gateway, length));
    }

    let health = states(&mut gateway);
    for h in &health {
        assert_eq!((&h["state"], &h["sessions"], &h["lost_packets"]), (&"running".into(), &1.into(), &0.into()), "{h}");
    }
    let stats = farm.stats();
    assert_eq!((&stats["sessions_now"], &stats["sessions_total"]), (&CHANNELS.into(), &CHANNELS.into()), "{stats}");
    assert_eq!((&stats["slow_dropped"], &stats["timed_out"]), (&0.into(), &0.into()), "{stats}");

    for window in &windows {
        println!("over {} s: {window}", length.as_secs());
    }
    println!("{:.2} of a core", gateway.cpu_s() / began.elapsed().as_secs_f64());
    assert!(windows.iter().any(|w| !w.grows()), "memory grows: {:?}", windows.last().unwrap().own_kib);
    let threads: Vec<u64> = windows.iter().flat_map(|w| w.threads.clone()).collect();
    let (fewest_threads, most_threads) = (threads.iter().min().unwrap(), threads.iter().max().unwrap());
    let threads_after = gateway.threads();
    println!("threads: {threads_after:?}");
    // The runtime's threads for files are as many as ever had work at once; all others are there from the start.
    let lasting = |all: &BTreeMap<String, usize>| {
        all.iter().filter(|(name, _)| *name != "tokio-rt-worker").map(|(n, c)| (n.clone(), *c)).collect::<Vec<_>>()
    };
    assert_eq!(lasting(&threads_before), lasting(&threads_after), "no thread comes or goes");
    assert!(most_threads - fewest_threads <= 8, "threads become more: {threads:?}");

    let get = |name: &str| gateway.metric(name, "");
    let (units, dropped_units) = (get("skyeye_ingest_units_total"), get("skyeye_ingest_dropped_units_total"));
    let (offered, taken) = (get("skyeye_schedule_offered_samples_total"), get("skyeye_schedule_taken_samples_total"));
    let (dropped, looks) = (get("skyeye_schedule_dropped_samples_total"), get("skyeye_node_looks_total"));
    let failed = get("skyeye_decode_errors_total") + get("skyeye_infer_errors_total");
    let sent = stats["units"].as_f64().unwrap();
    println!(
        "{sent} pictures sent, {units} read, {dropped_units:.0} dropped; {offered} samples, {taken} taken, {dropped} \
         dropped; {looks} looks, {failed:.0} failed"
    );
    // The numbers are not of one moment: a second's pictures may lie between them.
    assert!((sent - units - dropped_units).abs() <= 10.0 * CHANNELS as f64, "pictures are lost and not counted");
    // One sample a channel may wait, and each worker may have one in hand.
    let (waiting, in_hand) = (offered - taken - dropped, taken - looks - failed);
    assert!((0.0..=CHANNELS as f64).contains(&waiting), "{waiting} samples are neither taken nor counted as dropped");
    assert!((0.0..=16.0).contains(&in_hand), "{in_hand} samples were taken and came to nothing");
    assert!(looks > 0.0 && failed == 0.0);
    let report = gateway.store_check();
    assert_eq!(report["alerts"], CHANNELS, "one alert a channel, however often it was looked at: {report}");
}

/// 6,314 channels of 256 kbit/s and 10 fps over 40 hosts for ten minutes, with patrol of all at the rate that is left
/// over: none is lost and none is behind. Its short form stands in tests/bench.rs.
#[test]
fn district() {
    if skipped() {
        return;
    }
    let Some(infer) = detector() else { return };
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("skyeye.toml");
    std::fs::write(&config, infer).unwrap();
    let run =
        Command::new(PROGRAM).arg("--config").arg(&config).args(["--json", "bench", "district"]).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let text = String::from_utf8_lossy(&run.stdout);
    let report: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    println!("{report:#}");
    assert_eq!(report["least_up"], report["channels"], "a channel was down");
    for none in ["lost_packets", "dropped_units", "reconnects", "sessions_dropped_by_farm", "units_skipped_by_farm"] {
        assert_eq!(report[none], 0, "{none}");
    }
    assert!(report["looks_s"].as_f64().unwrap() > 0.0);
}

/// A thousand cameras out of one `skyeye simulate` (short: 250): what they cost the machine that plays them.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn farm() {
    farm_run::run(is_long()).await;
}

/// An hour of the demo's footage before the real detector of conditions, at the demo's looks and in simulated time: it
/// finds nothing, and finds what is spoiled in between. Short: five minutes of each film.
#[test]
fn no_condition_where_nothing_is_wrong() {
    still::run(is_long());
}

/// A day of 6,314 channels before the schedule, in simulated time: bursts and hanging workers every hour, a power cut
/// at four, and ten minutes of a model that takes a second at noon. tests/simulation.rs has ten minutes of the same.
#[test]
fn schedule_day() {
    const HOUR: u64 = 3600;
    if skipped() {
        return;
    }
    let script = district::Script {
        channels: 6314,
        workers: 4,
        seed: 24,
        rare: 30,
        never: 6,
        large: 60,
        focus: 60,
        bursts: (0..24).map(|h| h * HOUR + 600).collect(),
        stalls: (0..24).flat_map(|h| [h * HOUR + 1800, h * HOUR + 1802]).collect(),
        power_cut: Some(4 * HOUR),
        slow: Some((12 * HOUR, 12 * HOUR + 600)),
        ..district::Script::default()
    };
    let mut d = district::District::new(script);
    for hour in 0..24 {
        let (mut missed, mut stretch) = (0, 1.0f32);
        d.run((hour + 1) * HOUR, |d, s, told| {
            let late = d.cameras.iter().filter(|c| s * 1000 - c.last > district::FLOOR_MS).count();
            assert_eq!(told.missed, late, "health says what is, at {s} s");
            // The first minute: nobody was looked at yet. Those without key frames are always missed.
            let troubled = (12 * HOUR..12 * HOUR + 720).contains(&s);
            assert!(troubled || told.late == 0 && told.missed <= 6, "at {s} s: {told:?}");
            (missed, stretch) = (missed.max(told.missed), stretch.max(told.stretch));
        });
        let seen = d.measure();
        println!(
            "hour {hour:2}: {:.1} looks/s, workers used {:.3}, latest sample {} ms, oldest age {} ms, at most {missed} \
             channels beyond their floor, floors stretched {stretch:.1}x at most",
            seen.rate_hz(),
            seen.utilisation(4),
            seen.latest_ms,
            seen.oldest_ms
        );
        assert!(seen.latest_ms <= 300 && seen.utilisation(4) >= 0.95, "{seen:?}");
    }
    let (drops, pending) = (d.schedule.drops(), d.schedule.pending() as u64);
    assert_eq!(d.offered, d.taken + pending + drops.replaced + drops.expired + drops.unknown);
    println!("{} offered, {} looks, {drops:?}, digest {:016x}", d.offered, d.taken, d.digest);
}

/// A hundred thousand random track histories through every rule: each start has exactly one end, none overlaps itself, and
/// the same looks give the same bytes.
#[test]
fn histories_of_tracks() {
    use proptest::prelude::*;
    use proptest::strategy::ValueTree as _;
    if !is_long() {
        println!("skipped: `make long` does it; tests/rules.rs does the same with fewer");
        return;
    }
    let configs: Vec<_> = (0..3).map(histories::configuration).collect();
    let (mut looks, mut events) = (0u64, 0u64);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..100_000 {
        let history = histories::history().new_tree(&mut runner).unwrap().current();
        looks += history.len() as u64;
        events += histories::events(&configs, &history).len() as u64;
        histories::check(&configs, &history).unwrap();
    }
    println!("100,000 histories with {looks} steps gave {events} starts, updates and ends");
}
