//! The farm's hosts and channels: who listens where, what is played under which path, and what is broken on purpose.
//!
//! A host is one address with its own listener, session limit and UDP sockets, as a recorder would be; channels lie on
//! hosts in blocks. Stopping a host ends its listener and all its connections; its channels play on unseen, so that
//! time has passed when it comes back.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::auth::Gate;
use super::clip::Clip;
use super::fault::{Fault, FaultCell};
use super::onvif;
use super::options::{FarmOptions, Phase};
use super::pace::{Player, ticks_of_us};
use super::session::{Session, serve};
use super::stats::{Counters, HostCounters, HostStats, Stats};
use crate::types::Clock;

/// What all tasks of a farm share.
#[derive(Debug)]
pub struct Core {
    pub options: FarmOptions,
    /// Channel n is at n - 1; the named clips follow, on every host.
    pub channels: Vec<Channel>,
    pub hosts: Vec<Host>,
    pub counters: Counters,
    pub gate: Gate,
    pub pacers: Vec<mpsc::Sender<Player>>,
    pub clock: Clock,
    pub origin: Instant,
    /// Cancelled when the farm ends.
    pub ended: CancellationToken,
    /// Cancelled when a command asks for the end.
    pub quit: CancellationToken,
}

#[derive(Debug)]
pub struct Channel {
    pub number: u32,
    pub name: Option<String>,
    /// What it was made with: its timetable, and where `position` counts.
    pub clip: Arc<Clip>,
    /// What it shows now: the same, or what `play` put in its place.
    pub shown: ArcSwap<Clip>,
    /// Index of its host; None is on all of them.
    pub host: Option<usize>,
    /// How far into the loop it is when the farm starts.
    pub offset_90k: i64,
    pub fault: FaultCell,
    sessions: Mutex<Vec<Weak<Session>>>,
}

#[derive(Debug)]
pub struct Host {
    pub address: SocketAddr,
    pub counters: HostCounters,
    /// RTSP status to answer with; 0 is none.
    pub refuse: AtomicU16,
    pub stalled: AtomicBool,
    /// Where it answers ONVIF, once it did.
    pub onvif: Mutex<Option<SocketAddr>>,
    run: Mutex<Option<CancellationToken>>,
    udp: Mutex<Option<Arc<UdpPair>>>,
}

/// The sockets that all UDP sessions of a host share.
#[derive(Debug)]
pub struct UdpPair {
    pub rtp: Arc<UdpSocket>,
    pub rtcp: Arc<UdpSocket>,
    pub port: u16,
    /// By the client's RTCP address, so that receiver reports keep a session alive.
    sessions: Mutex<HashMap<SocketAddr, Weak<Session>>>,
}

impl Channel {
    pub fn new(number: u32, name: Option<String>, clip: Arc<Clip>, host: Option<usize>, phase: Phase) -> Self {
        // The golden ratio spreads any number of channels evenly, and the first n stay where they are when more come.
        let place = (f64::from(number.saturating_sub(1)) * 0.618_033_988_749_895).fract();
        let offset_90k = match phase {
            Phase::Spread => (place * clip.length_90k as f64) as i64,
            Phase::Same => 0,
        };
        let shown = ArcSwap::new(Arc::clone(&clip));
        Self {
            number,
            name,
            clip,
            shown,
            host,
            offset_90k,
            fault: FaultCell::default(),
            sessions: Mutex::new(Vec::new()),
        }
    }

    pub fn register(&self, session: &Arc<Session>) {
        let mut sessions = self.sessions.lock();
        sessions.retain(|s| s.strong_count() > 0);
        sessions.push(Arc::downgrade(session));
    }

    /// Ends the channel's sessions; says how many.
    pub fn drop_sessions(&self) -> usize {
        let sessions = std::mem::take(&mut *self.sessions.lock());
        let open: Vec<_> = sessions.iter().filter_map(Weak::upgrade).filter(|s| !s.closed()).collect();
        open.iter().for_each(|s| s.close());
        open.len()
    }
}

impl Core {
    /// Microseconds since the farm started.
    pub fn now_us(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    pub fn fault_of(&self, channel: usize, host: usize) -> Fault {
        let fault = self.channels.get(channel).map_or(Fault::None, |c| c.fault.get());
        let stalled = self.hosts.get(host).is_some_and(|h| h.stalled.load(Relaxed));
        if fault == Fault::None && stalled { Fault::Stall } else { fault }
    }

    /// Which loop a channel is in, and where in its clip, in milliseconds: what a session shows that joined at a key
    /// frame of the channel's own timetable.
    pub fn position(&self, channel: usize) -> (i64, i64) {
        let channel = &self.channels[channel];
        let at = ticks_of_us(self.now_us() as i64) + channel.offset_90k;
        (at.div_euclid(channel.clip.length_90k), at.rem_euclid(channel.clip.length_90k) / 90)
    }

    /// The channel under a path such as `/cam/7` or `/gate`, as seen on this host.
    pub fn find(&self, host: usize, path: &str) -> Option<usize> {
        let path = path.trim_matches('/');
        let path = path.strip_suffix(TRACK).map_or(path, |p| p.trim_end_matches('/'));
        let numbered = path.strip_prefix(self.options.path.trim_matches('/')).and_then(|p| p.strip_prefix('/'));
        let index = match numbered.and_then(|n| n.parse::<u32>().ok()) {
            Some(n) if (1..=self.options.channels).contains(&n) => n as usize - 1,
            Some(_) => return None,
            None => self.channels.iter().position(|c| c.name.as_deref() == Some(path))?,
        };
        self.channels[index].host.is_none_or(|h| h == host).then_some(index)
    }

    pub fn stats(&self) -> Stats {
        let host = |(index, host): (usize, &Host)| HostStats {
            host: index as u32 + 1,
            address: host.address.to_string(),
            listening: host.run.lock().is_some(),
            sessions_now: host.counters.sessions_now.load(Relaxed),
            sessions_max: host.counters.sessions_max.load(Relaxed),
            connects: host.counters.connects.load(Relaxed),
            connecting_now: host.counters.connecting_now.load(Relaxed),
            connecting_max: host.counters.connecting_max.load(Relaxed),
            connects_s_max: host.counters.connects_s_max.load(Relaxed),
        };
        let hosts = self.hosts.iter().enumerate().map(host).collect();
        self.counters.read(self.options.channels, self.now_us() / 1_000_000, hosts)
    }

    /// Listens on a host again, or for the first time with the listener that found its port.
    pub async fn start_host(self: &Arc<Self>, index: usize, listener: Option<TcpListener>) -> io::Result<bool> {
        let host = &self.hosts[index];
        if host.run.lock().is_some() {
            return Ok(false);
        }
        let listener = match listener {
            Some(listener) => listener,
            None => TcpListener::bind(host.address).await?,
        };
        let token = self.ended.child_token();
        if let Some(port) = self.options.onvif {
            let before = *host.onvif.lock();
            let at = before.unwrap_or_else(|| SocketAddr::new(host.address.ip(), port));
            let address = onvif::start(self, index, at, token.clone()).await?;
            *host.onvif.lock() = Some(address);
        }
        *host.run.lock() = Some(token.clone());
        tokio::spawn(accept(Arc::clone(self), index, listener, token));
        Ok(true)
    }

    /// Ends a host's listener and connections; says if it was listening.
    pub fn stop_host(&self, index: usize) -> bool {
        let host = &self.hosts[index];
        host.udp.lock().take();
        match host.run.lock().take() {
            Some(token) => {
                token.cancel();
                true
            }
            None => false,
        }
    }

    /// The host's UDP sockets; made when the first session wants them.
    pub async fn udp(self: &Arc<Self>, index: usize) -> io::Result<Arc<UdpPair>> {
        let host = &self.hosts[index];
        if let Some(pair) = &*host.udp.lock() {
            return Ok(Arc::clone(pair));
        }
        let pair = Arc::new(UdpPair::bind(host.address.ip()).await?);
        let token = host.run.lock().as_ref().map_or_else(CancellationToken::new, CancellationToken::child_token);
        let kept = Arc::clone(host.udp.lock().get_or_insert(pair));
        tokio::spawn(listen_udp(Arc::clone(self), Arc::clone(&kept), token));
        Ok(kept)
    }
}

/// The one track of every channel.
pub const TRACK: &str = "trackID=1";

impl Host {
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            counters: HostCounters::default(),
            refuse: AtomicU16::new(0),
            stalled: AtomicBool::new(false),
            onvif: Mutex::new(None),
            run: Mutex::new(None),
            udp: Mutex::new(None),
        }
    }
}

/// 127.1.0.1 and up, leaving out what looks like a network or broadcast address.
pub fn host_ip(index: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 1, (index / 250) as u8, (index % 250) as u8 + 1))
}

async fn accept(core: Arc<Core>, host: usize, listener: TcpListener, token: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            () = token.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    core.counters.connections_total.fetch_add(1, Relaxed);
                    tokio::spawn(serve(Arc::clone(&core), host, stream, peer, token.child_token()));
                }
                Err(error) => {
                    // Mostly out of file descriptors: others may close some.
                    tracing::warn!(%error, address = %core.hosts[host].address, "the farm cannot accept");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
    }
}

impl UdpPair {
    /// An even port and the odd one after it, as RTP wants.
    async fn bind(ip: IpAddr) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for _ in 0..100 {
            let rtp = UdpSocket::bind((ip, 0)).await?;
            let port = rtp.local_addr()?.port();
            if port % 2 != 0 || port == u16::MAX {
                continue;
            }
            match UdpSocket::bind((ip, port + 1)).await {
                Ok(rtcp) => {
                    let sessions = Mutex::new(HashMap::new());
                    return Ok(Self { rtp: Arc::new(rtp), rtcp: Arc::new(rtcp), port, sessions });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    pub fn register(&self, rtcp: SocketAddr, session: &Arc<Session>) {
        let mut sessions = self.sessions.lock();
        sessions.retain(|_, s| s.strong_count() > 0);
        sessions.insert(rtcp, Arc::downgrade(session));
    }
}

/// Takes receiver reports as signs of life; drops the rest.
async fn listen_udp(core: Arc<Core>, pair: Arc<UdpPair>, token: CancellationToken) {
    let (mut a, mut b) = ([0; 1_500], [0; 1_500]);
    loop {
        let from = tokio::select! {
            () = token.cancelled() => return,
            got = pair.rtcp.recv_from(&mut a) => got.ok().map(|(_, from)| from),
            _ = pair.rtp.recv_from(&mut b) => None,
        };
        let Some(from) = from else { continue };
        core.counters.rtcp_received.fetch_add(1, Relaxed);
        if let Some(session) = pair.sessions.lock().get(&from).and_then(Weak::upgrade) {
            session.alive(core.now_us());
        }
    }
}
