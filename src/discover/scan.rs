//! Who is there: a network that is asked by multicast, or a list of addresses that are tried one by one.
//!
//! Each address of a list is asked by WS-Discovery and tried at the usual ports for ONVIF and RTSP, so many at one time
//! and each within its time. With a login every device is asked once who made it: one try, whatever it answers. The
//! view may be read while the work goes on.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use futures_util::StreamExt;
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::net::TcpStream;

use super::{
    Login,
    address::Host,
    onvif::{DEVICE_PATH, Device, OnvifError},
    rtsp,
    ws::{self, Heard},
};
use crate::types::{ChannelId, Clock};

/// Where ONVIF is looked for; 8000 is Reolink's, 2020 that of Tapo.
pub const ONVIF_PORTS: [u16; 4] = [80, 8000, 8080, 2020];
pub const RTSP_PORTS: [u16; 2] = [554, 8554];
/// Further ports of one list.
pub const MAX_PORTS: usize = 8;
/// Addresses that are tried at one time.
pub const AT_ONCE: usize = 64;
/// A port that does not answer a connect within this time is closed.
const CONNECT: Duration = Duration::from_millis(1500);
const ANSWER: Duration = Duration::from_secs(4);
/// Answers to multicast come spread over half a second, from slow devices later.
const LISTEN: Duration = Duration::from_secs(3);

/// Whom to ask.
#[derive(Debug, Clone)]
pub enum Whom {
    /// The networks of this machine, or only that of one of its addresses.
    Network { interface: Option<Ipv4Addr> },
    /// From `ranges::addresses`.
    List(Vec<IpAddr>),
}

#[derive(Debug, Clone)]
pub struct DiscoverAsk {
    pub whom: Whom,
    /// Tried for ONVIF and RTSP besides the usual ones, with a list.
    pub ports: Vec<u16>,
    pub login: Option<Login>,
    pub allow_loopback: bool,
    /// Where the network is asked; [`ws::GROUP`] and [`ws::PORT`] but for tests.
    pub group: SocketAddr,
}

/// A device at an address. Names are foreign text, made safe to show.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Found {
    pub address: String,
    /// The port of its ONVIF service, or of RTSP where there is no ONVIF.
    pub port: u16,
    pub onvif: bool,
    /// Address of its ONVIF device service.
    pub xaddr: Option<String>,
    pub rtsp_port: Option<u16>,
    pub name: String,
    pub manufacturer: String,
    pub model: String,
    pub hardware: String,
    pub location: String,
    /// Why it did not say who made it, if it was asked with a login.
    pub reason: Option<String>,
    /// Channels that are configured at this address already.
    pub known: Vec<ChannelId>,
}

/// How far it is, and what is there so far; in the order of addresses.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct DiscoverView {
    pub done: bool,
    /// Addresses that were asked, of how many. A network counts as one.
    pub asked: u32,
    pub of: u32,
    pub found: Vec<Found>,
    pub error: Option<String>,
}

#[derive(Debug, Default)]
struct State {
    found: BTreeMap<IpAddr, Found>,
    asked: u32,
    of: u32,
    done: bool,
    error: Option<String>,
}

/// One search, shared between the task that does it and those who watch.
#[derive(Debug, Default)]
pub struct DiscoverRun {
    state: Mutex<State>,
}

impl DiscoverRun {
    pub fn view(&self) -> DiscoverView {
        let state = self.state.lock();
        DiscoverView {
            done: state.done,
            asked: state.asked,
            of: state.of,
            found: state.found.values().cloned().collect(),
            error: state.error.clone(),
        }
    }

    /// Searches to the end.
    pub async fn run(&self, ask: DiscoverAsk, clock: Clock) {
        match &ask.whom {
            Whom::Network { interface } => {
                self.state.lock().of = 1;
                match ws::multicast(*interface, ask.group, LISTEN, ask.allow_loopback).await {
                    Ok(heard) => self.identify(heard, &ask, clock).await,
                    Err(why) => self.state.lock().error = Some(why),
                }
                self.state.lock().asked = 1;
            }
            Whom::List(list) => {
                self.state.lock().of = u32::try_from(list.len()).unwrap_or(u32::MAX);
                let heard = ws::unicast(list, ask.group.port(), LISTEN).await.unwrap_or_else(|e| {
                    tracing::debug!("a list cannot be asked by WS-Discovery: {e}");
                    Vec::new()
                });
                let heard: BTreeMap<IpAddr, Heard> = heard.into_iter().map(|h| (h.from, h)).collect();
                futures_util::stream::iter(list)
                    .for_each_concurrent(AT_ONCE, |ip| {
                        let (ask, heard) = (&ask, heard.get(ip));
                        async move {
                            let found = one(*ip, heard, ask, clock).await;
                            let mut state = self.state.lock();
                            state.asked += 1;
                            if let Some(found) = found {
                                state.found.insert(*ip, found);
                            }
                        }
                    })
                    .await;
            }
        }
        self.state.lock().done = true;
    }

    /// Those who answered the multicast: shown at once, then asked who made them.
    async fn identify(&self, heard: Vec<Heard>, ask: &DiscoverAsk, clock: Clock) {
        self.state.lock().found.extend(heard.iter().map(|h| (h.from, of_heard(h))));
        futures_util::stream::iter(heard)
            .for_each_concurrent(AT_ONCE, |h| async move {
                let mut found = of_heard(&h);
                if let Ok(device) = open(h.from, h.port, &h.path, ask, clock).await {
                    name(&device, ask, &mut found).await;
                    self.state.lock().found.insert(h.from, found);
                }
            })
            .await;
    }
}

fn of_heard(h: &Heard) -> Found {
    let host = Host { name: h.from.to_string(), ip: h.from };
    Found {
        address: h.from.to_string(),
        port: h.port,
        onvif: true,
        xaddr: Some(format!("http://{}:{}{}", host.in_url(), h.port, h.path)),
        name: h.name.clone(),
        hardware: h.hardware.clone(),
        location: h.location.clone(),
        ..Found::default()
    }
}

async fn open(ip: IpAddr, port: u16, path: &str, ask: &DiscoverAsk, clock: Clock) -> Result<Device, OnvifError> {
    let host = Host { name: ip.to_string(), ip };
    Device::open(host, port, path, ask.login.clone(), clock, ANSWER).await
}

/// Who made it; without a login many say so too.
async fn name(device: &Device, ask: &DiscoverAsk, found: &mut Found) {
    match device.information().await {
        Ok(info) => (found.manufacturer, found.model) = (info.manufacturer, info.model),
        Err(e) if ask.login.is_some() => found.reason = Some(e.to_string()),
        Err(_) => {}
    }
}

/// One address of a list; `None` where nobody is.
async fn one(ip: IpAddr, heard: Option<&Heard>, ask: &DiscoverAsk, clock: Clock) -> Option<Found> {
    let with = |usual: &[u16]| {
        let mut ports: Vec<u16> = usual.iter().chain(&ask.ports).copied().collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    };
    let devices = with(&ONVIF_PORTS).into_iter().map(|port| async move {
        if !is_open(SocketAddr::new(ip, port)).await {
            return None;
        }
        open(ip, port, DEVICE_PATH, ask, clock).await.ok()
    });
    let servers = with(&RTSP_PORTS).into_iter().map(|port| async move {
        if !is_open(SocketAddr::new(ip, port)).await {
            return None;
        }
        Some((port, rtsp::options(SocketAddr::new(ip, port), ANSWER).await?))
    });
    let heard_device = async {
        match heard {
            Some(h) => open(ip, h.port, &h.path, ask, clock).await.ok(),
            None => None,
        }
    };
    let (said, devices, servers) =
        tokio::join!(heard_device, futures_util::future::join_all(devices), futures_util::future::join_all(servers));
    let device = said.or_else(|| devices.into_iter().flatten().next());
    let server = servers.into_iter().flatten().next();
    if heard.is_none() && device.is_none() && server.is_none() {
        return None;
    }
    let mut found = heard.map(of_heard).unwrap_or_else(|| Found { address: ip.to_string(), ..Found::default() });
    if let Some(device) = &device {
        let url = device.url();
        found.onvif = true;
        found.port = url.port_or_known_default().unwrap_or(80);
        found.xaddr = Some(url.to_string());
        name(device, ask, &mut found).await;
    }
    if let Some((port, said)) = server {
        found.rtsp_port = Some(port);
        if !found.onvif {
            (found.port, found.hardware) = (port, said);
        }
    }
    Some(found)
}

async fn is_open(address: SocketAddr) -> bool {
    matches!(tokio::time::timeout(CONNECT, TcpStream::connect(address)).await, Ok(Ok(_)))
}
