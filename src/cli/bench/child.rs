//! Child processes of a bench: the camera farm, the gateway, a measured part; and what the kernel says they cost.
//!
//! All are this very program, started anew, so that CPU and memory of the one that measures are never counted. They
//! speak lines: standard output comes to us, standard input is theirs. A child ends when its `Child` is dropped.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
    time::Duration,
};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};
use serde_json::Value;

use crate::simulate::host_ip;

/// Lines of a child that wait to be read.
const LINES: usize = 100_000;
/// USER_HZ is 100 on every Linux that this runs on.
const TICKS_PER_S: f64 = 100.0;

/// A process that a bench started.
pub struct Child {
    process: std::process::Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    what: String,
}

impl Child {
    /// Starts this program with other arguments. `nice` puts it behind the measured one.
    pub fn start(what: &str, args: &[String]) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("where is this program?")?;
        Self::start_program(what, &program, args)
    }

    #[allow(clippy::disallowed_methods)] // a bench, not the gateway: it starts this program and tools named here
    fn start_program(what: &str, program: &Path, args: &[String]) -> anyhow::Result<Self> {
        let mut process = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .with_context(|| format!("{what} cannot be started"))?;
        let stdin = process.stdin.take();
        let stdout = process.stdout.take().context("a child without standard output")?;
        let (tx, lines) = sync_channel(LINES);
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if tx.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { process, stdin, lines, what: what.to_owned() })
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// An error if it has ended.
    pub fn alive(&mut self) -> anyhow::Result<()> {
        match self.process.try_wait()? {
            Some(status) => bail!("{} ended early: {status}", self.what),
            None => Ok(()),
        }
    }

    /// The next line that it says.
    pub fn line(&mut self, within: Duration) -> anyhow::Result<String> {
        match self.lines.recv_timeout(within) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Timeout) => bail!("{} said nothing for {} s", self.what, within.as_secs()),
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.process.wait().context("a child that is gone")?;
                bail!("{} ended early: {status}", self.what)
            }
        }
    }

    /// The next line, as JSON.
    pub fn object(&mut self, within: Duration) -> anyhow::Result<Value> {
        let line = self.line(within)?;
        serde_json::from_str(&line).with_context(|| format!("{} said: {line}", self.what))
    }

    /// Says a line to it.
    pub fn say(&mut self, line: &str) -> anyhow::Result<()> {
        let stdin = self.stdin.as_mut().with_context(|| format!("{} is told nothing any more", self.what))?;
        writeln!(stdin, "{line}").and_then(|()| stdin.flush()).with_context(|| format!("{} is gone", self.what))
    }

    pub fn usage(&self) -> anyhow::Result<Usage> {
        Usage::of(self.pid())
    }

    /// Ends it in order: standard input is closed and SIGTERM sent. Gives what it said last.
    pub fn end(mut self, within: Duration) -> anyhow::Result<Option<String>> {
        self.stdin = None;
        if let Some(pid) = i32::try_from(self.pid()).ok().and_then(Pid::from_raw) {
            // It may have ended already.
            kill_process(pid, Signal::TERM).ok();
        }
        let mut last = None;
        loop {
            match self.lines.recv_timeout(within) {
                Ok(line) => last = Some(line),
                Err(RecvTimeoutError::Disconnected) => return Ok(last),
                Err(RecvTimeoutError::Timeout) => bail!("{} does not end", self.what),
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Ended already, or it ends now.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A child of a bench that was killed ends too.
pub fn end_with_parent() {
    set_parent_process_death_signal(Some(Signal::KILL)).ok();
}

/// What a process has used so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Processor time in user and kernel, seconds.
    pub cpu_s: f64,
    /// Resident memory, KiB.
    pub rss_kib: f64,
    /// Largest resident memory so far, KiB.
    pub peak_kib: f64,
}

impl Usage {
    pub fn of(pid: u32) -> anyhow::Result<Self> {
        let read = |file: &str| {
            let path = format!("/proc/{pid}/{file}");
            std::fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))
        };
        // The name may hold blanks; utime and stime are the 12th and 13th field behind it.
        let stat = read("stat")?;
        let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let ticks = |n: usize| fields.get(n).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
        let status = read("status")?;
        let kib = |name: &str| {
            let line = status.lines().find_map(|l| l.strip_prefix(name)).unwrap_or("");
            line.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0.0)
        };
        Ok(Self { cpu_s: (ticks(11) + ticks(12)) / TICKS_PER_S, rss_kib: kib("VmRSS:"), peak_kib: kib("VmHWM:") })
    }

    pub fn own() -> anyhow::Result<Self> {
        Self::of(std::process::id())
    }
}

/// Processor seconds of the calling thread; other work on the machine does not count.
pub fn thread_cpu_s() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

/// The cameras: our own farm as a process of its own, or somebody else's.
pub struct Cameras {
    farm: Option<Child>,
    pub control: Option<SocketAddr>,
    /// `rtsp://HOST:PORT/PATH/{n}`
    template: String,
    /// Of our farm only; addresses of several hosts follow no template.
    /// Of our own farm only.
    pub channels: u32,
    /// Addresses over which our own farm spreads them.
    hosts: u32,
}

impl Cameras {
    /// `more`: further arguments of `skyeye simulate`.
    pub fn start(url: Option<&str>, clip: &Path, channels: u32, more: &[&str]) -> anyhow::Result<Self> {
        if let Some(template) = url {
            if !template.contains("{n}") {
                bail!("--url wants rtsp://HOST:PORT/PATH/{{n}}, with {{n}} where the camera's number stands");
            }
            return Ok(Self { farm: None, control: None, template: template.to_owned(), channels, hosts: 1 });
        }
        let mut args: Vec<String> = ["simulate", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--json"]
            .iter()
            .chain(more)
            .map(|a| (*a).to_owned())
            .collect();
        args.extend(["--channels".to_owned(), channels.to_string(), "--clip".to_owned(), clip.display().to_string()]);
        let mut farm = Child::start("the camera farm", &args)?;
        let line = farm.line(Duration::from_secs(30))?;
        let (first, control, hosts) =
            farm_line(&line).with_context(|| format!("what the camera farm said is not understood: {line}"))?;
        let template = first.strip_suffix("/1").map(|f| format!("{f}/{{n}}")).context("the first camera is not 1")?;
        Ok(Self { farm: Some(farm), control, template, channels, hosts })
    }

    /// Address of camera `n`, from 1.
    pub fn url(&self, n: u32) -> String {
        let url = self.template.replace("{n}", &n.to_string());
        if self.hosts < 2 {
            return url;
        }
        let host = n.saturating_sub(1) / self.channels.div_ceil(self.hosts).max(1);
        url.replacen(&host_ip(0).to_string(), &host_ip(host).to_string(), 1)
    }

    pub fn usage(&self) -> Option<Usage> {
        self.farm.as_ref().and_then(|f| f.usage().ok())
    }

    /// A command to our own farm, e.g. `stats`, and its answer.
    pub fn ask(&self, command: &str) -> anyhow::Result<String> {
        let address = self.control.context("only our own farm takes commands")?;
        let mut socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        socket.write_all(format!("{command}\n").as_bytes())?;
        let mut answer = String::new();
        BufReader::new(socket).read_line(&mut answer)?;
        Ok(answer.trim().to_owned())
    }

    pub fn stats(&self) -> Option<Value> {
        serde_json::from_str(&self.ask("stats").ok()?).ok()
    }
}

/// First address, control address and number of hosts of the farm's line.
fn farm_line(line: &str) -> Option<(String, Option<SocketAddr>, u32)> {
    let first = line.split_whitespace().find(|w| w.starts_with("rtsp://"))?;
    let control = line.rsplit_once("commands on ").and_then(|(_, a)| a.trim().parse().ok());
    let hosts = line.split_once(" on ").and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
    Some((first.to_owned(), control, hosts.unwrap_or(1)))
}

/// Loopback ports that are free now.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A folder that goes away with its owner.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(name: &str) -> anyhow::Result<Self> {
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let path = std::env::temp_dir().join(format!("skyeye-bench-{name}-{unique}"));
        std::fs::create_dir_all(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Self(path))
    }
    /// On the disk of the working directory, beside the cache: a temporary folder may be memory, which syncs for nothing.
    pub fn on_disk(name: &str) -> anyhow::Result<Self> {
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let path = std::path::absolute(super::clip::CACHE)?.join(format!("scratch-{name}-{unique}"));
        std::fs::create_dir_all(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Self(path))
    }
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_farms_line_is_understood() {
        let line = "40 channels on 1 host: rtsp://127.0.0.1:41234/cam/1 to rtsp://127.0.0.1:41234/cam/40; commands on 127.0.0.1:8600";
        let (first, control, hosts) = farm_line(line).unwrap();
        assert_eq!((first.as_str(), control.unwrap().port(), hosts), ("rtsp://127.0.0.1:41234/cam/1", 8600, 1));
    }

    #[test]
    fn what_this_process_uses_is_known() {
        let before = Usage::own().unwrap();
        let cpu = thread_cpu_s();
        let mut sum = 0u64;
        for i in 0..30_000_000u64 {
            sum = std::hint::black_box(sum.wrapping_add(i * i));
        }
        assert!(sum > 0 && before.rss_kib > 1000.0 && before.peak_kib >= before.rss_kib);
        assert!(thread_cpu_s() >= cpu && Usage::own().unwrap().cpu_s >= before.cpu_s);
    }
}
