//! A thousand cameras of 512 kbit/s out of one `skyeye simulate`, read over TCP by bare sockets: how much of a core the
//! farm takes, how much memory, and that every camera really sends what it should meanwhile.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::support;

/// In the short form, which runs beside all other tests.
const FEW: usize = 250;
const CHANNELS: usize = 1_000;
const FPS: u64 = 15;
const KBIT_S: f64 = 512.0;
/// Of a core, for all channels of the long form together.
const MOST_CPU: f64 = 0.2;
const MOST_MEMORY_MIB: f64 = 256.0;
/// USER_HZ, which Linux shows to programs whatever it uses itself.
const TICKS_PER_S: f64 = 100.0;
const SOON: Duration = Duration::from_secs(20);

/// Twenty seconds of a street at 704x576, a key frame every two seconds, at a constant bit rate.
fn clip(dir: &Path) -> Option<PathBuf> {
    let fetched = support::root().join(".cache/footage/source/vtest.avi");
    let source = if fetched.exists() { fetched } else { support::vtest_avi()? };
    let path = dir.join("street.mp4");
    // The film has 10 pictures a second; played faster, so that no picture is there twice.
    support::ffmpeg(&[
        "-i",
        source.to_str().unwrap(),
        "-vf",
        "setpts=PTS*2/3,scale=704:576",
        "-r",
        "15",
        "-frames:v",
        "300",
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-b:v",
        "512k",
        "-minrate",
        "512k",
        "-maxrate",
        "512k",
        "-bufsize",
        "512k",
        "-x264-params",
        "nal-hrd=cbr:keyint=30:min-keyint=30:scenecut=0:bframes=0",
        "-pix_fmt",
        "yuv420p",
        "-an",
        path.to_str().unwrap(),
    ]);
    Some(path)
}

/// The program, ended with the test whatever happens.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // It is gone already after a good run.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Program {
    fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Seconds of CPU in user and kernel so far.
    fn cpu_s(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        // Behind the name, which may hold anything; utime and stime are fields 14 and 15.
        let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks = |field: usize| fields[field - 3].parse::<u64>().unwrap();
        (ticks(14) + ticks(15)) as f64 / TICKS_PER_S
    }

    /// A line of /proc/PID/status as a number: memory in KiB, threads.
    fn status(&self, name: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':')).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }
}

/// Sends a request and gives the answer's head; what follows it stays in the socket or is lost, which nobody minds.
async fn ask(socket: &mut TcpStream, request: &str) -> String {
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(timeout(SOON, socket.read_u8()).await.expect("an answer in time").unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("RTSP/1.0 200"), "{request}{head}");
    head
}

/// Plays a camera and counts its bytes until the socket ends.
async fn watch(address: String, url: String, read: Arc<AtomicU64>) {
    let mut socket = TcpStream::connect(&address).await.unwrap();
    let head = ask(
        &mut socket,
        &format!("SETUP {url}/trackID=1 RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n"),
    )
    .await;
    let session = head.lines().find_map(|l| l.strip_prefix("Session: ")).unwrap().split(';').next().unwrap();
    ask(&mut socket, &format!("PLAY {url} RTSP/1.0\r\nCSeq: 2\r\nSession: {session}\r\n\r\n")).await;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match socket.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(n) => read.fetch_add(n as u64, Relaxed),
        };
    }
}

/// Measures for half a minute, or in the short form for some seconds.
pub async fn run(long: bool) {
    let channels = if long { CHANNELS } else { FEW };
    let dir = tempfile::tempdir().unwrap();
    let Some(clip) = clip(dir.path()) else { return };
    let clip_bytes = std::fs::metadata(&clip).unwrap().len();
    support::allow_files(channels as u64 + 500);

    let mut program = Program(
        Command::new(env!("CARGO_BIN_EXE_skyeye"))
            .args(["simulate", "--json", "--listen", "127.0.0.1:0", "--session-timeout-s", "3600", "--clip"])
            .arg(&clip)
            .args(["--channels", &channels.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut out = BufReader::new(program.0.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let first = line.split_whitespace().find(|w| w.starts_with("rtsp://")).expect("the first camera's address");
    let base = first.strip_suffix("/1").unwrap();
    let address = base.trim_start_matches("rtsp://").split('/').next().unwrap().to_owned();

    let read: Vec<_> = (0..channels).map(|_| Arc::new(AtomicU64::new(0))).collect();
    let mut readers = Vec::new();
    for (n, read) in read.iter().enumerate() {
        readers.push(tokio::spawn(watch(address.clone(), format!("{base}/{}", n + 1), Arc::clone(read))));
        // A listening socket's queue holds some hundred connections.
        if n % 100 == 99 {
            sleep(Duration::from_millis(200)).await;
        }
    }
    let begin = Instant::now();
    while read.iter().any(|r| r.load(Relaxed) == 0) {
        assert!(begin.elapsed() < SOON && readers.iter().all(|r| !r.is_finished()), "not every camera sends");
        sleep(Duration::from_millis(100)).await;
    }
    // Past the first key frames, which every session gets at once.
    sleep(Duration::from_secs(2)).await;

    let window = Duration::from_secs(if long { 30 } else { 6 });
    let (cpu, before) = (program.cpu_s(), read.iter().map(|r| r.load(Relaxed)).collect::<Vec<_>>());
    let begin = Instant::now();
    sleep(window).await;
    let took = begin.elapsed().as_secs_f64();
    let cpu = program.cpu_s() - cpu;
    let rates: Vec<f64> =
        read.iter().zip(&before).map(|(r, b)| (r.load(Relaxed) - b) as f64 * 8.0 / 1000.0 / took).collect();
    let (memory, peak) = (program.status("VmRSS") as f64 / 1024.0, program.status("VmHWM") as f64 / 1024.0);
    let threads = program.status("Threads");
    assert!(readers.iter().all(|r| !r.is_finished()), "a session ended");

    kill_process(Pid::from_raw(program.pid() as i32).unwrap(), Signal::TERM).unwrap();
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert!(program.0.wait().unwrap().success());
    for reader in readers {
        timeout(SOON, reader).await.expect("the socket ends with the farm").unwrap();
    }
    let stats: serde_json::Value = serde_json::from_str(rest.lines().last().unwrap()).unwrap();

    let (share, mean) = (cpu / took, rates.iter().sum::<f64>() / channels as f64);
    let least = rates.iter().copied().fold(f64::MAX, f64::min);
    println!(
        "{channels} cameras, 704x576, {FPS} fps, key frame every 2 s, {mean:.0} kbit/s each (least {least:.0}), TCP, {}",
        if cfg!(debug_assertions) { "debug build" } else { "release build" }
    );
    println!(
        "farm: {share:.3} of a core ({cpu:.2} s in {took:.1} s), {memory:.0} MiB resident (peak {peak:.0}; the clip has \
         {:.1}), {threads} threads",
        clip_bytes as f64 / 1_048_576.0
    );
    println!(
        "pictures {}, skipped {}, sessions dropped as too slow {}, latest tick {:.0} ms late",
        stats["units"],
        stats["units_skipped"],
        stats["slow_dropped"],
        stats["lateness_worst_us"].as_f64().unwrap() / 1000.0
    );
    // Otherwise the figure would be that of a farm which does not work. RTP and interleaving add some per cent.
    assert!((KBIT_S * 0.95..KBIT_S * 1.1).contains(&mean), "{mean} kbit/s instead of {KBIT_S}");
    assert!(least > KBIT_S * 0.7, "a camera sent only {least} kbit/s");
    assert_eq!(stats["slow_dropped"], 0);
    // What a debug build beside all other tests takes says nothing; the long form is optimised and runs alone.
    if long {
        assert!(share < MOST_CPU, "{share} of a core, {MOST_CPU} allowed");
    }
    assert!(peak < MOST_MEMORY_MIB, "{peak} MiB, {MOST_MEMORY_MIB} allowed");
}
