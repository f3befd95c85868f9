//! Sets up one RTSP session: resolve, check the address, then in our own way (`direct`) or, where that does not know what
//! the camera sends, by the general client: DESCRIBE, choose the video, SETUP, PLAY.
//!
//! A name is resolved once a try, and the session goes to the very address that passed the address policy: the host of
//! the URL is replaced by it, so that nothing resolves again behind our back. Of several media only one video is set
//! up. The camera's time is bounded (`Patience`).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::StreamExt;
use retina::client::{
    Credentials, Demuxed, Described, InitialSequenceNumberPolicy, InitialTimestampPolicy, PlayOptions, Session,
    SessionGroup, SessionOptions, SetupOptions, TcpTransportOptions, TeardownPolicy, UdpTransportOptions,
    UnassignedChannelDataPolicy, UnknownRtcpSsrcPolicy,
};
use retina::codec::{CodecItem, FrameFormat, ParametersRef, VideoParameters};
use url::{Host, Url};

use super::direct::{self, Direct, Opened};
use super::governor::Permit;
use super::{ChannelSpec, Failure, Patience, USER_AGENT};
use crate::config::{Transport, validate};
use crate::types::{ChannelState, Codec};

/// Sessions of one channel whose TEARDOWN may be under way at one time.
const MAX_TEARDOWNS: usize = 2;

/// What is known of the video; sizes are 0 until its parameter sets have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoInfo {
    pub codec: Codec,
    pub width: u32,
    pub height: u32,
}

/// A session that plays.
pub enum Playing {
    /// In our own way: H.264 and H.265 over TCP.
    Direct(Box<Direct>),
    /// By the general client: everything else.
    General(Box<General>),
}

/// A session of the general client.
pub struct General {
    demuxed: Demuxed,
    stream: usize,
    pub(super) codec: Codec,
    udp: bool,
}

impl Playing {
    /// How the pictures travel.
    pub fn transport(&self) -> Transport {
        match self {
            Playing::General(general) if general.udp => Transport::Udp,
            _ => Transport::Tcp,
        }
    }

    /// For metrics.
    pub fn way(&self) -> &'static str {
        match self {
            Playing::Direct(_) => "direct",
            Playing::General(_) => "general",
        }
    }

    pub fn video(&self) -> VideoInfo {
        match self {
            Playing::Direct(direct) => direct.video(),
            Playing::General(general) => general.video(),
        }
    }
}

impl General {
    /// What comes next; `None` once the camera closed the session.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<CodecItem, retina::Error>>> {
        self.demuxed.poll_next_unpin(cx)
    }

    fn parameters(&self) -> Option<&VideoParameters> {
        match self.demuxed.streams().get(self.stream)?.parameters()? {
            ParametersRef::Video(v) => Some(v),
            _ => None,
        }
    }

    pub fn video(&self) -> VideoInfo {
        let (width, height) = self.parameters().map_or((0, 0), VideoParameters::pixel_dimensions);
        VideoInfo { codec: self.codec, width, height }
    }

    /// A unit with the stream's parameter sets before it, Annex B; `None` while there are none.
    pub(super) fn with_parameter_sets(&self, data: &[u8]) -> Option<Vec<u8>> {
        // With `FrameFormat::SIMPLE` the extra data are the sets with start codes.
        let sets = self.parameters()?.extra_data();
        sets.starts_with(&[0, 0, 0, 1]).then(|| [sets, data].concat())
    }
}

/// Sets up a session and plays it. `group` is the channel's own, over all its sessions. It is begun under `permit`, and each
/// further connection that it takes waits for its own time; without one (a person waits for a look) nothing is waited for.
pub async fn open(
    spec: &ChannelSpec,
    allow_loopback: bool,
    group: &Arc<SessionGroup>,
    patience: &mut Patience,
    mut permit: Option<&mut Permit>,
) -> Result<Playing, Failure> {
    let url = patience.with(checked_url(&spec.url, allow_loopback)).await?;
    if spec.transport == Transport::Udp {
        return general(spec, &url, group, true, patience, permit).await;
    }
    match by_tcp(spec, &url, group, patience, permit.as_deref_mut()).await {
        // What is asked for next is new to the camera, and TCP is asked for again in the next session: nothing has to
        // be remembered, and a camera that learns TCP is read over it.
        Err(refused) if refused.kind == "transport" && spec.transport == Transport::Auto && url.scheme() == "rtsp" => {
            tracing::debug!(channel = %spec.id, "refuses TCP; over UDP");
            another(permit.as_deref_mut()).await;
            general(spec, &url, group, true, patience, permit).await
        }
        opened => opened,
    }
}

async fn another(permit: Option<&mut Permit>) {
    if let Some(permit) = permit {
        permit.another().await;
    }
}

async fn by_tcp(
    spec: &ChannelSpec,
    url: &Url,
    group: &Arc<SessionGroup>,
    patience: &mut Patience,
    mut permit: Option<&mut Permit>,
) -> Result<Playing, Failure> {
    match patience.with(direct::open(spec, url)).await? {
        Opened::Playing(direct) => return Ok(Playing::Direct(direct)),
        Opened::NotOurs(why) if url.scheme() == "rtsps" => return Err(Failure::not_over_tls(why)),
        Opened::NotOurs(why) => tracing::debug!(channel = %spec.id, "by the general client: {why}"),
    }
    another(permit.as_deref_mut()).await;
    general(spec, url, group, false, patience, permit).await
}

async fn general(
    spec: &ChannelSpec,
    url: &Url,
    group: &Arc<SessionGroup>,
    udp: bool,
    patience: &mut Patience,
    permit: Option<&mut Permit>,
) -> Result<Playing, Failure> {
    let polite = group.stale_sessions().num_sessions < MAX_TEARDOWNS;
    let mut session = patience.with(describe(url, spec, group, polite)).await?;
    if polite && !teardown_is_safe(&session, url, udp) {
        // First: many a camera takes one connection at a time, and the wait may be long.
        drop(session);
        another(permit).await;
        session = patience.with(describe(url, spec, group, false)).await?;
    }
    patience.with(play(session, udp)).await
}

async fn play(mut session: Session<Described>, udp: bool) -> Result<Playing, Failure> {
    let (stream, codec) = choose(&session)?;
    let transport = if udp {
        retina::client::Transport::Udp(UdpTransportOptions::default())
    } else {
        retina::client::Transport::Tcp(TcpTransportOptions::default())
    };
    let setup = SetupOptions::default().transport(transport).frame_format(FrameFormat::SIMPLE);
    session.setup(stream, setup).await.map_err(|e| Failure::of_setup(&e))?;
    let play = PlayOptions::default()
        .initial_timestamp(InitialTimestampPolicy::Permissive)
        .initial_seq(InitialSequenceNumberPolicy::Ignore)
        // Some cameras use another SSRC in reports than in packets; with one stream there is no doubt whose they are.
        .unknown_rtcp_ssrc(UnknownRtcpSsrcPolicy::ProcessPackets);
    let session = session.play(play).await.map_err(|e| Failure::of_setup(&e))?;
    let demuxed = session.demuxed().map_err(|e| Failure::of_setup(&e))?;
    Ok(Playing::General(Box::new(General { demuxed, stream, codec, udp })))
}

async fn describe(
    url: &Url,
    spec: &ChannelSpec,
    group: &Arc<SessionGroup>,
    polite: bool,
) -> Result<Session<Described>, Failure> {
    let creds = spec
        .credential
        .as_ref()
        .map(|(user, password)| Credentials { username: user.clone(), password: password.expose().to_owned() });
    let options = SessionOptions::default()
        .creds(creds)
        .user_agent(USER_AGENT.to_owned())
        .unassigned_channel_data(UnassignedChannelDataPolicy::Ignore)
        .session_group(group.clone())
        .teardown(if polite { TeardownPolicy::Auto } else { TeardownPolicy::Never });
    Session::describe(url.clone(), options).await.map_err(|e| Failure::of_setup(&e))
}

/// Whether the library's TEARDOWN may be let loose. Over UDP (and for one old server over TCP) it repeats on fresh
/// connections to an address that the camera itself gave in `Content-Base`: only the address that passed the policy
/// is acceptable there. The base shows in the control address of a medium, where that is relative.
fn teardown_is_safe(session: &Session<Described>, url: &Url, udp: bool) -> bool {
    let repeats = udp || session.tool().is_some_and(|t| t.has_live555_tcp_bug());
    let absolute = session
        .sdp()
        .split(|b| *b == b'\n')
        .any(|line| line.strip_prefix(b"a=control:").is_some_and(|c| c.windows(3).any(|w| w == b"://")));
    // As text: the same address is a name in a parsed URL and a number in one whose host was set.
    let same = |control: &Url| control.host_str() == url.host_str() && control.port() == url.port();
    !repeats || (!absolute && session.streams().iter().filter_map(|s| s.control()).any(same))
}

/// The first video whose codec is known.
fn choose(session: &Session<Described>) -> Result<(usize, Codec), Failure> {
    let mut others = Vec::new();
    for (i, stream) in session.streams().iter().enumerate() {
        if stream.media() != "video" && stream.media() != "image" {
            continue;
        }
        match stream.encoding_name() {
            "h264" => return Ok((i, Codec::H264)),
            "h265" => return Ok((i, Codec::H265)),
            "jpeg" => return Ok((i, Codec::Mjpeg)),
            other => others.push(other.chars().filter(|c| c.is_ascii_graphic()).take(32).collect::<String>()),
        }
    }
    Err(if others.is_empty() {
        Failure::new(ChannelState::Misconfigured, "no_video", "offers no video; choose another stream of the camera")
    } else {
        Failure::new(
            ChannelState::Misconfigured,
            "codec",
            format!("sends {}; set the stream to H.264, H.265 or MJPEG", others.join(", ")),
        )
    })
}

/// The URL with its host replaced by an address that the policy allows.
async fn checked_url(url: &Url, allow_loopback: bool) -> Result<Url, Failure> {
    let refused =
        |why: String| Failure::new(ChannelState::Misconfigured, "address", format!("the camera's address {why}"));
    let host = url.host_str().unwrap_or_default();
    let literal: Option<IpAddr> = match url.host() {
        None => return Err(refused("names no host".into())),
        Some(Host::Ipv4(ip)) => Some(ip.into()),
        Some(Host::Ipv6(ip)) => Some(ip.into()),
        Some(Host::Domain(name)) => name.parse().ok(),
    };
    let mut checked = url.clone();
    let ip = match literal {
        Some(ip) => validate::address_allowed(ip, allow_loopback).map(|()| ip).map_err(refused)?,
        None => {
            let found = tokio::net::lookup_host((host, validate::camera_port(url))).await.map_err(|_| {
                Failure::new(
                    ChannelState::Unreachable,
                    "resolve",
                    "its name has no address; correct the name or use the IP address",
                )
            })?;
            first_allowed(found, allow_loopback).map_err(refused)?
        }
    };
    checked.set_ip_host(ip).map_err(|()| refused("cannot be used".into()))?;
    Ok(checked)
}

fn first_allowed(found: impl Iterator<Item = SocketAddr>, allow_loopback: bool) -> Result<IpAddr, String> {
    let mut why = "has no address".to_owned();
    for address in found {
        match validate::address_allowed(address.ip(), allow_loopback) {
            Ok(()) => return Ok(address.ip()),
            Err(e) => why = e,
        }
    }
    Err(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(url: &str, allow_loopback: bool) -> Result<String, String> {
        checked_url(&Url::parse(url).unwrap(), allow_loopback).await.map(Into::into).map_err(|f| f.reason)
    }

    #[tokio::test]
    async fn the_session_goes_to_the_address_that_was_checked() {
        assert_eq!(check("rtsp://10.1.2.3:8554/a?b=c", false).await.unwrap(), "rtsp://10.1.2.3:8554/a?b=c");
        assert_eq!(check("rtsp://[fd00::5]/a", false).await.unwrap(), "rtsp://[fd00::5]/a");
        let local = check("rtsp://localhost/a", true).await.unwrap();
        assert!(local == "rtsp://127.0.0.1/a" || local == "rtsp://[::1]/a", "{local}");
    }

    #[tokio::test]
    async fn what_resolves_to_a_forbidden_address_is_refused() {
        // The last two are spellings of 127.0.0.1 that only a resolver understands.
        for url in [
            "rtsp://localhost/",
            "rtsp://127.0.0.1/",
            "rtsp://[::ffff:127.0.0.1]/",
            "rtsp://0x7f.1/",
            "rtsp://2130706433/",
        ] {
            assert!(check(url, false).await.unwrap_err().contains("loopback"), "{url}");
        }
        assert!(check("rtsp://169.254.1.1/", true).await.unwrap_err().contains("link-local"));
    }
}
