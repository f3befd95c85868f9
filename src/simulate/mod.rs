//! The camera farm: an RTSP server of our own that plays files as any number of cameras.
//!
//! It is the demo's source, the tests' oracle and the load generator, so it is light (clips are packetised once,
//! sessions share the bytes, one clockwork serves hundreds of them) and says the truth about itself (`Stats`). In go
//! clips and `FarmOptions`; out come `rtsp://HOST:PORT/cam/{n}`, over TCP and UDP, with cameras' clocks, logins,
//! limits and faults, and on request each host as an ONVIF device. It is no part of the gateway's way of the data and never speaks to a real camera.

pub mod auth;
mod clip;
mod control;
mod fault;
mod onvif;
pub mod options;
mod outlet;
mod pace;
pub mod packetise;
mod rtcp;
mod server;
mod session;
pub mod stats;
mod transport;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use self::auth::AuthScheme;
use self::auth::Gate;
use self::clip::Clip;
pub use self::clip::ClipError;
pub use self::options::{ClipArg, FarmOptions, Phase, Transports};
pub use self::server::host_ip;
use self::server::{Channel, Core, Host};
pub use self::stats::{HostStats, Stats};
use crate::types::Clock;

/// Sessions for one clockwork.
const CHANNELS_PER_PACER: usize = 500;
/// Players that wait for their clockwork's next tick; a PLAY beyond waits too.
const ARRIVALS: usize = 1_024;

#[derive(Debug, thiserror::Error)]
pub enum FarmError {
    #[error(transparent)]
    Clip(#[from] ClipError),
    #[error("no clip given; a farm needs at least one file to play")]
    NoClip,
    #[error("two clips are called {0:?}; names must differ")]
    SameName(String),
    #[error("cannot listen on {address}: {source}; choose another port, or port 0 for a free one")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("commands are taken on loopback addresses only, and {0} is none; use 127.0.0.1:PORT")]
    OpenControl(SocketAddr),
}

/// A running farm. Ends when dropped, or in order by `shutdown`.
#[derive(Debug)]
pub struct Farm {
    core: Arc<Core>,
    control: Option<SocketAddr>,
}

/// Reads the clips, listens, and plays until told to end.
pub async fn start(options: FarmOptions) -> Result<Farm, FarmError> {
    if options.clips.is_empty() {
        return Err(FarmError::NoClip);
    }
    if let Some(address) = options.control.filter(|a| !a.ip().is_loopback()) {
        return Err(FarmError::OpenControl(address));
    }
    let clips = load(&options).await?;
    let listeners = listen(&options).await?;
    let control = match options.control {
        Some(address) => {
            Some(TcpListener::bind(address).await.map_err(|source| FarmError::Listen { address, source })?)
        }
        None => None,
    };
    let control_address = control.as_ref().and_then(|c| c.local_addr().ok());

    let channels = channels(&options, &clips, listeners.len());
    let mut arrivals = Vec::new();
    let pacers = (0..channels.len().div_ceil(CHANNELS_PER_PACER).clamp(1, 64)).map(|_| {
        let (tx, rx) = mpsc::channel(ARRIVALS);
        arrivals.push(rx);
        tx
    });
    let core = Arc::new(Core {
        pacers: pacers.collect(),
        channels,
        hosts: listeners.iter().map(|(address, _)| Host::new(*address)).collect(),
        counters: stats::Counters::default(),
        gate: Gate::new(options.auth, &options.user, &options.password),
        clock: Clock::start(),
        origin: Instant::now(),
        ended: CancellationToken::new(),
        quit: CancellationToken::new(),
        options,
    });
    let count = arrivals.len() as u64;
    for (index, rx) in arrivals.into_iter().enumerate() {
        tokio::spawn(pace::run(Arc::clone(&core), rx, index as u64 * pace::TICK_US / count));
    }
    for (index, (address, listener)) in listeners.into_iter().enumerate() {
        core.start_host(index, Some(listener)).await.map_err(|source| FarmError::Listen { address, source })?;
    }
    if let Some(listener) = control {
        tokio::spawn(control::listen(Arc::clone(&core), listener));
    }
    Ok(Farm { core, control: control_address })
}

async fn load(options: &FarmOptions) -> Result<Vec<Arc<Clip>>, FarmError> {
    let mut names: Vec<&str> = options.clips.iter().filter_map(|c| c.name.as_deref()).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|w| w[0] == w[1]) {
        return Err(FarmError::SameName(twice[0].to_owned()));
    }
    let mut clips = Vec::new();
    for clip in &options.clips {
        let path = clip.path.clone();
        let loaded = tokio::task::spawn_blocking(move || Clip::load(&path)).await;
        // Only a runtime that shuts down cancels it; a panic goes on here.
        let clip = loaded.unwrap_or_else(|e| std::panic::resume_unwind(Box::new(e.to_string())))?;
        tracing::info!(
            codec = clip.codec.as_str(),
            width = clip.width,
            height = clip.height,
            units = clip.units.len(),
            bytes = clip.bytes(),
            bits_per_s = clip.bits_per_s(),
            "clip loaded"
        );
        clips.push(Arc::new(clip));
    }
    Ok(clips)
}

fn channels(options: &FarmOptions, clips: &[Arc<Clip>], hosts: usize) -> Vec<Channel> {
    let per_host = (options.channels as usize).div_ceil(hosts.max(1)).max(1);
    let numbered = (0..options.channels).map(|n| {
        let clip = &clips[n as usize % clips.len()];
        Channel::new(n + 1, None, Arc::clone(clip), Some(n as usize / per_host), options.phase)
    });
    let named = options.clips.iter().zip(clips).filter_map(|(arg, clip)| Some((arg.name.clone()?, clip)));
    let named = named
        .zip(options.channels + 1..)
        .map(|((name, clip), number)| Channel::new(number, Some(name), Arc::clone(clip), None, Phase::Same));
    numbered.chain(named).collect()
}

/// One listener a host; with a free port asked for, one that is free on all of them.
async fn listen(options: &FarmOptions) -> Result<Vec<(SocketAddr, TcpListener)>, FarmError> {
    let mut ips: Vec<_> = (0..options.hosts).map(host_ip).collect();
    if ips.is_empty() {
        ips.push(options.listen.ip());
    }
    let mut tries = if options.listen.port() == 0 { 20 } else { 1 };
    'again: loop {
        tries -= 1;
        let mut listeners: Vec<(SocketAddr, TcpListener)> = Vec::new();
        for ip in &ips {
            let port = listeners.first().map_or(options.listen.port(), |(first, _)| first.port());
            let address = SocketAddr::new(*ip, port);
            let bound = match TcpListener::bind(address).await {
                Ok(listener) => listener.local_addr().map(|at| (at, listener)),
                Err(e) => Err(e),
            };
            match bound {
                Ok(bound) => listeners.push(bound),
                Err(_) if tries > 0 => continue 'again,
                Err(source) => return Err(FarmError::Listen { address, source }),
            }
        }
        return Ok(listeners);
    }
}

impl Farm {
    /// The address of channel `n`, from 1, without a login.
    pub fn url(&self, n: u32) -> String {
        let host = self.core.channels.iter().find(|c| c.number == n).and_then(|c| c.host).unwrap_or(0);
        format!("rtsp://{}/{}/{n}", self.addr(host as u32 + 1), self.core.options.path.trim_matches('/'))
    }

    /// The address of a named clip.
    pub fn named_url(&self, name: &str) -> String {
        format!("rtsp://{}/{name}", self.addr(1))
    }

    /// Where a host listens, from 1; the first for a number that is none.
    pub fn addr(&self, host: u32) -> SocketAddr {
        let index = (host as usize).saturating_sub(1);
        self.core.hosts.get(index).or(self.core.hosts.first()).map_or(self.core.options.listen, |h| h.address)
    }

    /// Where a host answers ONVIF, from 1, if the farm does.
    pub fn onvif_addr(&self, host: u32) -> Option<SocketAddr> {
        let index = (host as usize).saturating_sub(1);
        *self.core.hosts.get(index)?.onvif.lock()
    }

    pub fn hosts(&self) -> u32 {
        self.core.hosts.len() as u32
    }

    pub fn channels(&self) -> u32 {
        self.core.options.channels
    }

    /// Where commands are taken, if they are.
    pub fn control_addr(&self) -> Option<SocketAddr> {
        self.control
    }

    /// What channel `n` shows now: loops since the start, and milliseconds in the clip. A clip whose key frames lie
    /// more than two seconds apart may be shown later than this by up to their distance.
    pub fn position(&self, n: u32) -> Option<(i64, i64)> {
        let index = self.core.channels.iter().position(|c| c.number == n)?;
        Some(self.core.position(index))
    }

    /// Obeys one line of the control protocol and gives its answer.
    pub async fn command(&self, line: &str) -> String {
        control::command(&self.core, line).await
    }

    pub fn stats(&self) -> Stats {
        self.core.stats()
    }

    /// Comes back when a `quit` command has come.
    pub async fn quit(&self) {
        self.core.quit.cancelled().await;
    }

    /// Ends every listener and session, and waits until the sessions are gone.
    pub async fn shutdown(self) {
        self.core.ended.cancel();
        for _ in 0..100 {
            if self.core.stats().sessions_now == 0 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        self.core.ended.cancel();
    }
}
