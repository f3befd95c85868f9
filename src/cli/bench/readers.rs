//! What the benches of reading measure: N sessions in a process of their own, read in one of three ways.
//!
//! `bare` speaks RTSP by hand and then reads the socket into one buffer a session and forgets it: the least that reading
//! can cost on this runtime. `retina` makes access units of it and drops them. `ours` is the whole gateway, from its
//! configuration to pre-roll and activity; without a detector nothing is looked at.
//!
//! The subject answers each line on its standard input with one JSON object, and ends when that is closed.

use std::{
    collections::HashMap,
    io::BufRead as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use futures_util::StreamExt as _;
use parking_lot::Mutex;
use retina::codec::{CodecItem, FrameFormat};
use serde::Deserialize;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Semaphore,
    time::{Instant, sleep},
};

use super::{
    Setting,
    child::{Cameras, Child, Scratch, Usage},
};
use crate::{config, ingest::descriptors, node::Node, types::ChannelState};

/// Sessions of the two simple readers that are set up at one time.
const AT_ONCE: usize = 32;
/// A session that is not set up within this time is tried again.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// A camera ends a session whose client has said nothing for a minute.
const ALIVE_EVERY: Duration = Duration::from_secs(20);
/// Read at once by the bare reader: what the standard library's buffered reader takes.
const BARE_BYTES: usize = 8 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Bare,
    Retina,
    Ours,
}

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::Bare, Kind::Retina, Kind::Ours];

    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Bare => "bare",
            Kind::Retina => "retina",
            Kind::Ours => "ours",
        }
    }
}

/// A reader as a process of its own.
#[derive(Debug, Clone, Args)]
pub struct ReadArgs {
    #[arg(long, value_enum)]
    kind: Kind,
    /// With `ours` the gateway's configuration, else one address a line
    #[arg(long)]
    file: std::path::PathBuf,
}

/// What a subject says of itself.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Said {
    /// Sessions that give pictures.
    pub up: u32,
    pub units: u64,
    #[serde(default)]
    pub lost_packets: u64,
    #[serde(default)]
    pub dropped_units: u64,
    #[serde(default)]
    pub reconnects: u64,
    /// Pre-roll held.
    #[serde(default)]
    pub ring_bytes: f64,
    #[serde(default)]
    pub looks: u64,
    #[serde(default)]
    pub threads: u32,
    #[serde(default)]
    pub ages_ms: Vec<u64>,
}

/// A running reader.
pub struct Reader {
    child: Child,
    _files: Scratch,
}

impl Reader {
    /// Starts a reader of the cameras 1 to `channels`. `config`: of `ours`, everything but the channels.
    pub fn start(kind: Kind, cameras: &Cameras, channels: u32, config: &str) -> anyhow::Result<Self> {
        let files = Scratch::new(kind.as_str())?;
        let file = files.path().join("input");
        let mut text = String::new();
        if kind == Kind::Ours {
            let data = files.path().join("data");
            text += &format!("[node]\ndata_dir = {data:?}\n[web]\nlisten = \"127.0.0.1:0\"\n{config}\n");
        }
        for n in 1..=channels {
            let url = cameras.url(n);
            text += &match kind {
                Kind::Ours => format!("[[channel]]\nid = \"c{n}\"\nurl = \"{url}\"\n"),
                _ => format!("{url}\n"),
            };
        }
        std::fs::write(&file, text)?;
        let args = ["bench", "subject", "read", "--kind", kind.as_str(), "--file"].map(str::to_owned);
        let args = args.into_iter().chain([file.display().to_string()]).collect::<Vec<_>>();
        let child = Child::start(&format!("the reader '{}'", kind.as_str()), &args)?;
        Ok(Self { child, _files: files })
    }

    pub fn ask(&mut self, what: &str) -> anyhow::Result<Said> {
        self.child.say(what)?;
        Ok(serde_json::from_value(self.child.object(Duration::from_secs(30))?)?)
    }

    pub fn usage(&self) -> anyhow::Result<Usage> {
        self.child.usage()
    }

    /// Waits until so many sessions give pictures.
    pub fn wait_up(&mut self, channels: u32, within: Duration) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            let up = self.ask("state")?.up;
            if up >= channels {
                return Ok(());
            }
            if began.elapsed() > within {
                bail!("only {up} of {channels} sessions give pictures after {} s", within.as_secs());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    pub fn end(self) -> anyhow::Result<()> {
        self.child.end(Duration::from_secs(20)).map(drop)
    }
}

/// A configuration that reads and looks at nothing, as fast as the cameras let themselves be connected.
pub const ONLY_READ: &str = "[ingest]\nallow_loopback = true\nconnects_per_host = 32\nconnects_per_host_per_s = 1000\n\
                             [infer]\nmodel = \"none\"\n[publish]\nlisten = \"127.0.0.1:0\"\n\
                             [[rule]]\nid = \"all\"\ntype = \"presence\"\nchannels = [\"*\"]\nlabels = [\"person\"]\n";

#[derive(Default)]
struct Counts {
    up: AtomicU64,
    units: AtomicU64,
    bytes: AtomicU64,
    failed: Mutex<Option<String>>,
}

/// Runs until standard input is closed.
pub fn subject(_setting: &Setting, args: &ReadArgs) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(&args.file)?;
    super::super::block_on(async {
        if args.kind == Kind::Ours {
            let config = config::parse("bench", &text).map_err(|e| anyhow::anyhow!("{e}"))?;
            let node = Arc::new(Node::start(config, args.file.clone(), false).await?);
            let asked = node.clone();
            answer(move |what| said(&asked, what)).await?;
            if let Some(node) = Arc::into_inner(node) {
                node.stop().await;
            }
            return Ok(());
        }
        let urls: Vec<String> = text.lines().map(str::to_owned).collect();
        drop(descriptors::raise(urls.len() as u64 + 1024));
        let (counts, slots) = (Arc::new(Counts::default()), Arc::new(Semaphore::new(AT_ONCE)));
        for url in urls {
            let (counts, slots) = (counts.clone(), slots.clone());
            let kind = args.kind;
            tokio::spawn(async move {
                let done = match kind {
                    Kind::Bare => bare(&url, &counts, &slots).await,
                    _ => retina(&url, &counts, &slots).await,
                };
                if let Err(e) = done {
                    *counts.failed.lock() = Some(format!("{url}: {e:#}"));
                }
            });
        }
        answer(move |_| {
            let count = |c: &AtomicU64| c.load(Relaxed);
            if let Some(failed) = counts.failed.lock().take() {
                eprintln!("a session failed: {failed}");
            }
            json!({ "up": count(&counts.up), "units": count(&counts.units), "bytes": count(&counts.bytes) })
        })
        .await
    })
}

/// Answers each line on standard input until it is closed.
async fn answer(state: impl Fn(&str) -> serde_json::Value + Send + 'static) -> anyhow::Result<()> {
    let done = tokio::task::spawn_blocking(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            println!("{}", state(&line));
        }
    });
    Ok(done.await?)
}

/// What the gateway says of itself; with `ages` how long ago each channel was looked at.
fn said(node: &Node, what: &str) -> serde_json::Value {
    let up = node.channels().iter().filter(|c| c.state() == ChannelState::Running).count();
    if what == "up" {
        return json!({ "up": up, "units": 0, "bytes": 0 });
    }
    let mut sums: HashMap<&str, f64> = HashMap::new();
    let metrics = node.metrics();
    for line in metrics.lines().filter(|l| !l.starts_with('#')) {
        if let Some((name, value)) = line.rsplit_once(' ') {
            *sums.entry(name.split('{').next().unwrap_or(name)).or_default() += value.parse().unwrap_or(0.0);
        }
    }
    let sum = |name: &str| sums.get(name).copied().unwrap_or(0.0);
    let threads = std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    json!({
        "up": up,
        "units": sum("skyeye_ingest_units_total") as u64,
        "bytes": sum("skyeye_ingest_bytes_total") as u64,
        "lost_packets": sum("skyeye_ingest_lost_packets_total") as u64,
        "dropped_units": sum("skyeye_ingest_dropped_units_total") as u64,
        "reconnects": sum("skyeye_ingest_reconnects_total") as u64,
        "ring_bytes": sum("skyeye_media_ring_bytes"),
        "looks": sum("skyeye_node_looks_total") as u64,
        "threads": threads,
        "ages_ms": if what == "ages" { node.look_ages_ms() } else { Vec::new() },
    })
}

async fn retina(url: &str, counts: &Counts, slots: &Semaphore) -> anyhow::Result<()> {
    use retina::client::{PlayOptions, Session, SessionOptions, SetupOptions, TcpTransportOptions, Transport};
    let slot = slots.acquire().await?;
    let mut session = Session::describe(url.parse()?, SessionOptions::default()).await?;
    let video = session.streams().iter().position(|s| s.media() == "video").context("no video")?;
    let tcp = Transport::Tcp(TcpTransportOptions::default());
    session.setup(video, SetupOptions::default().transport(tcp).frame_format(FrameFormat::SIMPLE)).await?;
    let mut demuxed = session.play(PlayOptions::default()).await?.demuxed()?;
    drop(slot);
    let mut first = true;
    while let Some(item) = demuxed.next().await {
        if let CodecItem::VideoFrame(frame) = item? {
            counts.units.fetch_add(1, Relaxed);
            counts.bytes.fetch_add(frame.data().len() as u64, Relaxed);
            if std::mem::take(&mut first) {
                counts.up.fetch_add(1, Relaxed);
            }
        }
    }
    bail!("closed")
}

async fn bare(url: &str, counts: &Counts, slots: &Semaphore) -> anyhow::Result<()> {
    let (base, session, socket) = {
        let _slot = slots.acquire().await?;
        let mut tries = 0;
        loop {
            // A farm that starts thousands of sessions may be late; one that hangs must not hold a place for ever.
            match tokio::time::timeout(HANDSHAKE, handshake(url)).await {
                Ok(done) => break done?,
                Err(_) if tries < 3 => tries += 1,
                Err(_) => bail!("no session within {} s", HANDSHAKE.as_secs()),
            }
        }
    };
    counts.up.fetch_add(1, Relaxed);
    let (mut read, mut write) = socket.into_split();
    let keep = format!("OPTIONS {base} RTSP/1.0\r\nCSeq: 99\r\n{session}\r\n");
    let alive = tokio::spawn(async move {
        loop {
            sleep(ALIVE_EVERY).await;
            if write.write_all(keep.as_bytes()).await.is_err() {
                return;
            }
        }
    });
    let mut buffer = vec![0; BARE_BYTES];
    loop {
        match read.read(&mut buffer).await {
            Ok(n) if n > 0 => {
                counts.bytes.fetch_add(n as u64, Relaxed);
            }
            _ => {
                alive.abort();
                bail!("closed")
            }
        }
    }
}

/// Address and session header for later requests, and the socket once it plays.
async fn handshake(url: &str) -> anyhow::Result<(String, String, TcpStream)> {
    let at: url::Url = url.parse()?;
    let host = at.host_str().context("no host")?;
    let mut socket = TcpStream::connect((host, at.port().unwrap_or(554))).await?;
    socket.set_nodelay(true)?;
    let mut dialogue = Dialogue { socket: &mut socket, held: Vec::new(), number: 0 };
    let (head, sdp) = dialogue.ask("DESCRIBE", url, "Accept: application/sdp\r\n").await?;
    let base = header(&head, "content-base").unwrap_or(url).trim_end_matches('/').to_owned();
    let video = sdp.split("m=video").nth(1).context("no video")?;
    let control = video.lines().find_map(|l| l.strip_prefix("a=control:")).unwrap_or("").trim();
    let track = if control.contains("://") { control.to_owned() } else { format!("{base}/{control}") };
    let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
    let (head, _) = dialogue.ask("SETUP", &track, transport).await?;
    let session = header(&head, "session").context("no session")?.split(';').next().unwrap_or("").trim().to_owned();
    let session = format!("Session: {session}\r\n");
    dialogue.ask("PLAY", &base, &session).await?;
    Ok((base, session, socket))
}

/// Requests and answers before the pictures come.
struct Dialogue<'a> {
    socket: &'a mut TcpStream,
    held: Vec<u8>,
    number: u32,
}

impl Dialogue<'_> {
    /// Head and body of a good answer.
    async fn ask(&mut self, method: &str, url: &str, headers: &str) -> anyhow::Result<(String, String)> {
        self.number += 1;
        let request = format!("{method} {url} RTSP/1.0\r\nCSeq: {}\r\n{headers}\r\n", self.number);
        self.socket.write_all(request.as_bytes()).await?;
        loop {
            if let Some(end) = self.held.windows(4).position(|w| w == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(self.held.get(..end).unwrap_or_default()).into_owned();
                let length = header(&head, "content-length").and_then(|l| l.trim().parse().ok()).unwrap_or(0);
                if let Some(body) = self.held.get(end + 4..end + 4 + length) {
                    let body = String::from_utf8_lossy(body).into_owned();
                    self.held.drain(..end + 4 + length);
                    if !head.starts_with("RTSP/1.0 200") {
                        bail!("{method} was answered: {}", head.lines().next().unwrap_or_default());
                    }
                    return Ok((head, body));
                }
            }
            if self.held.len() > 64 * 1024 || self.socket.read_buf(&mut self.held).await? == 0 {
                bail!("no answer to {method}");
            }
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let line = |l: &'a str| l.split_once(':').filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim());
    head.lines().find_map(line)
}
