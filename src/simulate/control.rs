//! Commands to a running farm: one line in, one line out, over a loopback socket or from a test.
//!
//! The answer is `ok`, `ok` with a number or JSON, or `error` with a sentence. A command changes what the farm shows;
//! it never changes what the farm is (channels, clips, addresses).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::fault::Fault;
use super::server::Core;

const USAGE: &str = "stats | calm | position N | play N CLIP | play N own | stop-host H | start-host H | stall N | stall host H | drip N | garbage N \
                     [payload|ssrc|channel|raw] | refuse CODE H | drop N | resume [N | host H] | quit";
const MAX_LINE_BYTES: u64 = 1_024;

/// Which channels or hosts a fault is meant for, as indices.
enum Target {
    All,
    Channel(usize),
    Host(usize),
}

/// Obeys one line and answers with one.
pub async fn command(core: &Arc<Core>, line: &str) -> String {
    match obey(core, line).await {
        Ok(answer) if answer.is_empty() => "ok".into(),
        Ok(answer) => answer,
        Err(error) => format!("error {error}"),
    }
}

async fn obey(core: &Arc<Core>, line: &str) -> Result<String, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match *words.as_slice() {
        ["stats"] => serde_json::to_string(&core.stats()).map_err(|e| e.to_string()),
        // Lateness counts from here: what happened while everybody connected is told apart.
        ["calm"] => {
            core.counters.lateness.reset();
            Ok(String::new())
        }
        ["quit"] => {
            core.quit.cancel();
            Ok(String::new())
        }
        ["position", n] => {
            let (loops, ms) = core.position(channel(core, n)?);
            Ok(format!("ok {loops} {ms}"))
        }
        // Sessions change over at the next key frame, as if the camera were turned, covered or stuck.
        ["play", n, clip] => {
            let shows = &core.channels[channel(core, n)?];
            let clip = if clip == "own" { &shows.clip } else { &core.channels[channel(core, clip)?].clip };
            if clip.codec != shows.clip.codec {
                return Err(format!(
                    "channel {n} sends {}, and the clip is {}; its clients were promised the former",
                    shows.clip.codec.as_str(),
                    clip.codec.as_str()
                ));
            }
            shows.shown.store(Arc::clone(clip));
            Ok(String::new())
        }
        ["stop-host", h] => {
            let index = host(core, h)?;
            core.stop_host(index).then(String::new).ok_or(format!("host {h} is stopped already"))
        }
        ["start-host", h] => match core.start_host(host(core, h)?, None).await {
            Ok(true) => Ok(String::new()),
            Ok(false) => Err(format!("host {h} is listening already")),
            Err(e) => Err(format!("host {h} cannot listen: {e}")),
        },
        ["refuse", code, h] => {
            let code = match code {
                "none" => 0,
                code => {
                    code.parse().ok().filter(|c| (400..600).contains(c)).ok_or("refuse with a code of 400 to 599")?
                }
            };
            core.hosts[host(core, h)?].refuse.store(code, Relaxed);
            Ok(String::new())
        }
        ["stall", ref target @ ..] if !target.is_empty() => {
            match self::target(core, target)? {
                Target::All => core.hosts.iter().for_each(|h| h.stalled.store(true, Relaxed)),
                Target::Host(h) => core.hosts[h].stalled.store(true, Relaxed),
                Target::Channel(c) => core.channels[c].fault.set(Fault::Stall),
            }
            Ok(String::new())
        }
        ["drip", n] => set(core, n, Fault::Drip),
        ["garbage", n] => set(core, n, Fault::GarbagePayload),
        ["garbage", n, kind] => {
            set(core, n, Fault::garbage(Some(kind)).ok_or("garbage is payload, ssrc, channel or raw")?)
        }
        ["drop", n] => Ok(format!("ok {}", core.channels[channel(core, n)?].drop_sessions())),
        ["resume", ref target @ ..] => {
            let calm = |h: usize| {
                core.hosts[h].stalled.store(false, Relaxed);
                core.hosts[h].refuse.store(0, Relaxed);
            };
            match self::target(core, target)? {
                Target::All => {
                    (0..core.hosts.len()).for_each(calm);
                    core.channels.iter().for_each(|c| c.fault.set(Fault::None));
                }
                Target::Host(h) => calm(h),
                Target::Channel(c) => core.channels[c].fault.set(Fault::None),
            }
            Ok(String::new())
        }
        _ => Err(format!("unknown command; one of: {USAGE}")),
    }
}

fn set(core: &Core, n: &str, fault: Fault) -> Result<String, String> {
    core.channels[channel(core, n)?].fault.set(fault);
    Ok(String::new())
}

fn target(core: &Core, words: &[&str]) -> Result<Target, String> {
    match *words {
        [] | ["all"] => Ok(Target::All),
        ["host", h] => Ok(Target::Host(host(core, h)?)),
        [n] => Ok(Target::Channel(channel(core, n)?)),
        _ => Err("name a channel N, host H, or all".into()),
    }
}

fn host(core: &Core, word: &str) -> Result<usize, String> {
    let count = core.hosts.len();
    word.parse::<usize>()
        .ok()
        .filter(|h| (1..=count).contains(h))
        .map(|h| h - 1)
        .ok_or_else(|| format!("{word:?} is not a host; they are 1 to {count}"))
}

/// By number, or by the name of a named clip.
fn channel(core: &Core, word: &str) -> Result<usize, String> {
    let numbered = word.parse::<u32>().ok();
    core.channels
        .iter()
        .position(|c| Some(c.number) == numbered || c.name.as_deref() == Some(word))
        .ok_or_else(|| format!("{word:?} is not a channel; they are 1 to {}", core.options.channels))
}

/// Listens for commands until the farm ends.
pub async fn listen(core: Arc<Core>, listener: TcpListener) {
    loop {
        tokio::select! {
            () = core.ended.cancelled() => return,
            accepted = listener.accept() => {
                if let Ok((stream, peer)) = accepted {
                    tokio::spawn(converse(Arc::clone(&core), stream, peer));
                }
            }
        }
    }
}

async fn converse(core: Arc<Core>, mut stream: TcpStream, peer: SocketAddr) {
    let (read, mut write) = stream.split();
    let mut lines = BufReader::new(read);
    let mut line = String::new();
    loop {
        line.clear();
        let mut bounded = (&mut lines).take(MAX_LINE_BYTES);
        let got = tokio::select! {
            () = core.ended.cancelled() => return,
            got = bounded.read_line(&mut line) => got,
        };
        if !matches!(got, Ok(1..)) {
            return;
        }
        tracing::debug!(%peer, line = line.trim(), "command");
        let answer = command(&core, &line).await + "\n";
        if write.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
