//! One client's RTSP dialogue: from the connection to PLAY and to its end.
//!
//! In come requests (and receiver reports), out go answers over the connection's outlet; a granted PLAY becomes a
//! player of the clockwork. Foreign bytes all along: nothing here panics, buffers are bounded, and a client that says
//! nothing for the session timeout is let go.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rtsp_types::headers::{
    ALLOW, AUTHORIZATION, CONTENT_BASE, CONTENT_TYPE, CSEQ, PUBLIC, RANGE, RTP_INFO, SERVER, SESSION, TRANSPORT,
    WWW_AUTHENTICATE,
};
use rtsp_types::{Message, Method, ParseError, Request, Response, ResponseBuilder, StatusCode, Version};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::outlet::{Outlet, Sent};
use super::pace::{Player, Route};
use super::server::{Core, TRACK};
use super::transport::{self, Asked};

/// No request is larger.
const MAX_REQUEST_BYTES: usize = 64 * 1024;
const METHODS: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER, SET_PARAMETER";

/// A session that SETUP granted; it holds one place on its host until dropped.
#[derive(Debug)]
pub struct Session {
    pub id: String,
    /// Index into the farm's channels.
    pub channel: usize,
    pub host: usize,
    pub outlet: Arc<Outlet>,
    closed: AtomicBool,
    token: CancellationToken,
    last_seen_us: AtomicU64,
    core: Arc<Core>,
}

impl Session {
    /// None if the host grants no more.
    fn grant(core: &Arc<Core>, host: usize, channel: usize, outlet: &Arc<Outlet>) -> Option<Arc<Self>> {
        let limit = core.options.sessions_per_host;
        let counters = &core.hosts[host].counters;
        let taken =
            counters.sessions_now.fetch_update(Relaxed, Relaxed, |now| (limit == 0 || now < limit).then_some(now + 1));
        counters.sessions_max.fetch_max(taken.ok()? + 1, Relaxed);
        core.counters.sessions_now.fetch_add(1, Relaxed);
        core.counters.sessions_total.fetch_add(1, Relaxed);
        let session = Arc::new(Self {
            id: hex::encode_upper(rand::random::<[u8; 8]>()),
            channel,
            host,
            outlet: Arc::clone(outlet),
            closed: AtomicBool::new(false),
            token: CancellationToken::new(),
            last_seen_us: AtomicU64::new(core.now_us()),
            core: Arc::clone(core),
        });
        core.channels[channel].register(&session);
        Some(session)
    }

    pub fn alive(&self, now_us: u64) {
        self.last_seen_us.store(now_us, Relaxed);
    }
    pub fn closed(&self) -> bool {
        self.closed.load(Relaxed)
    }
    /// Ends the session and, where it still stands, the connection.
    pub fn close(&self) {
        self.release();
        self.token.cancel();
    }
    /// Gives the place on the host back; once.
    fn release(&self) {
        if !self.closed.swap(true, Relaxed) {
            self.core.hosts[self.host].counters.sessions_now.fetch_sub(1, Relaxed);
            self.core.counters.sessions_now.fetch_sub(1, Relaxed);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.release();
    }
}

/// A connection that does not play yet, in its host's count.
struct Connecting<'a> {
    core: &'a Core,
    host: usize,
    counted: bool,
}

impl Connecting<'_> {
    fn over(&mut self) {
        if std::mem::take(&mut self.counted) {
            self.core.hosts[self.host].counters.connecting_now.fetch_sub(1, Relaxed);
        }
    }
}

impl Drop for Connecting<'_> {
    fn drop(&mut self) {
        self.over();
    }
}

struct Dialogue {
    core: Arc<Core>,
    host: usize,
    peer: SocketAddr,
    outlet: Arc<Outlet>,
    session: Option<Arc<Session>>,
    route: Option<(Route, u32)>,
    playing: bool,
}

/// An answer without its CSeq, and what follows it.
struct Reply {
    head: ResponseBuilder,
    body: Vec<u8>,
    then: Then,
}

impl From<ResponseBuilder> for Reply {
    fn from(head: ResponseBuilder) -> Self {
        Self { head, body: Vec::new(), then: Then::Go }
    }
}

enum Then {
    Go,
    Play(Box<Player>),
    End,
}

/// Serves one connection to its end.
pub async fn serve(core: Arc<Core>, host: usize, stream: TcpStream, peer: SocketAddr, token: CancellationToken) {
    if stream.set_nodelay(true).is_err() {
        return; // gone already
    }
    core.hosts[host].counters.connecting(core.now_us());
    let mut connecting = Connecting { core: &core, host, counted: true };
    let stream = Arc::new(stream);
    let outlet = Arc::new(Outlet::new(Arc::clone(&stream)));
    let mut dialogue = Dialogue {
        core: Arc::clone(&core),
        host,
        peer,
        outlet: Arc::clone(&outlet),
        session: None,
        route: None,
        playing: false,
    };
    let timeout_us = core.options.session_timeout_s * 1_000_000;
    let born_us = core.now_us();
    let mut input = Vec::new();
    loop {
        if dialogue.playing {
            connecting.over();
        }
        let session = dialogue.session.clone();
        let seen_us = session.as_ref().map_or(born_us, |s| s.last_seen_us.load(Relaxed));
        let left_us = (seen_us + timeout_us).saturating_sub(core.now_us());
        tokio::select! {
            () = token.cancelled() => break,
            () = async { if let Some(s) = &session { s.token.cancelled().await } }, if session.is_some() => break,
            () = tokio::time::sleep(Duration::from_micros(left_us)) => {
                // Reports over UDP may have moved the end meanwhile.
                let seen_us = session.as_ref().map_or(born_us, |s| s.last_seen_us.load(Relaxed));
                if seen_us + timeout_us <= core.now_us() {
                    core.counters.timed_out.fetch_add(1, Relaxed);
                    break;
                }
            }
            ready = stream.readable() => {
                if ready.is_err() || !read(&stream, &mut input) || !dialogue.take(&stream, &mut input).await {
                    break;
                }
            }
        }
    }
    if let Some(session) = dialogue.session.take() {
        session.close();
    }
    outlet.close();
}

/// False when the client is gone.
fn read(stream: &TcpStream, input: &mut Vec<u8>) -> bool {
    let mut chunk = [0; 4_096];
    loop {
        match stream.try_read(&mut chunk) {
            Ok(0) => return false,
            Ok(n) => input.extend_from_slice(&chunk[..n]),
            Err(e) => return e.kind() == std::io::ErrorKind::WouldBlock,
        }
        if input.len() > MAX_REQUEST_BYTES {
            return true;
        }
    }
}

impl Dialogue {
    /// Answers every whole message in `input`; false ends the connection.
    async fn take(&mut self, stream: &TcpStream, input: &mut Vec<u8>) -> bool {
        if let Some(session) = &self.session {
            session.alive(self.core.now_us());
        }
        loop {
            let (message, used) = match Message::<Vec<u8>>::parse(input.as_slice()) {
                Ok(parsed) => parsed,
                Err(ParseError::Incomplete(_)) => return input.len() <= MAX_REQUEST_BYTES,
                Err(ParseError::Error) => {
                    self.answer(stream, status(StatusCode::BadRequest).build(Vec::new())).await;
                    return false;
                }
            };
            input.drain(..used);
            let request = match message {
                Message::Request(request) => request,
                Message::Data(_) => {
                    self.core.counters.rtcp_received.fetch_add(1, Relaxed);
                    continue;
                }
                Message::Response(_) => continue,
            };
            self.core.counters.requests.fetch_add(1, Relaxed);
            let reply = self.handle(&request).await;
            let mut answer = reply.head.build(reply.body);
            if let Some(cseq) = request.header(&CSEQ) {
                answer.insert_header(CSEQ, cseq.as_str());
            }
            if !self.answer(stream, answer).await {
                return false;
            }
            match reply.then {
                Then::Go => {}
                Then::End => return false,
                // After the answer, so that no packet comes before it.
                Then::Play(player) => {
                    self.playing = true;
                    let shard = player.shard() % self.core.pacers.len().max(1);
                    let Some(pacer) = self.core.pacers.get(shard) else { return false };
                    if pacer.send(*player).await.is_err() {
                        return false;
                    }
                }
            }
        }
    }

    /// False if the client does not take it. While nothing plays, nobody else would flush.
    async fn answer(&self, stream: &TcpStream, answer: Response<Vec<u8>>) -> bool {
        let mut bytes = Vec::new();
        if answer.write(&mut bytes).is_err() {
            return false;
        }
        let flushed = async {
            let mut sent = self.outlet.send(&bytes);
            while sent == Sent::Queued && !self.playing {
                if stream.writable().await.is_err() {
                    return Sent::Closed;
                }
                sent = self.outlet.flush();
            }
            sent
        };
        match tokio::time::timeout(Duration::from_secs(10), flushed).await {
            Ok(sent) => matches!(sent, Sent::All | Sent::Queued),
            Err(_) => false,
        }
    }

    async fn handle(&mut self, request: &Request<Vec<u8>>) -> Reply {
        let refuse = self.core.hosts[self.host].refuse.load(Relaxed);
        let method = request.method();
        if *method == Method::Options {
            return ok().header(PUBLIC, METHODS).into();
        }
        if refuse != 0 && matches!(method, Method::Describe | Method::Setup | Method::Play) {
            return match StatusCode::from(refuse) {
                StatusCode::Unauthorized => self.unauthorized().into(),
                other => status(other).into(),
            };
        }
        let given = request.header(&AUTHORIZATION).map(|v| v.as_str());
        if !self.core.gate.allows(method.into(), given) {
            return self.unauthorized().into();
        }
        match method {
            Method::Describe => self.describe(request),
            Method::Setup => self.setup(request).await.into(),
            Method::Play => self.play(request),
            Method::Teardown => Reply { then: Then::End, ..self.in_session(request).into() },
            Method::GetParameter | Method::SetParameter => self.in_session(request).into(),
            _ => status(StatusCode::MethodNotAllowed).header(ALLOW, METHODS).into(),
        }
    }

    fn unauthorized(&self) -> ResponseBuilder {
        self.core.counters.auth_refused.fetch_add(1, Relaxed);
        status(StatusCode::Unauthorized).header(WWW_AUTHENTICATE, self.core.gate.challenge())
    }

    /// The channel that a request's URL means.
    fn channel(&self, request: &Request<Vec<u8>>) -> Option<usize> {
        let found = self.core.find(self.host, request.request_uri()?.path());
        if found.is_none() {
            self.core.counters.not_found.fetch_add(1, Relaxed);
        }
        found
    }

    fn describe(&self, request: &Request<Vec<u8>>) -> Reply {
        let channel = self.channel(request).and_then(|index| self.core.channels.get(index));
        let (Some(channel), Some(url)) = (channel, request.request_uri()) else {
            return status(StatusCode::NotFound).into();
        };
        let name = channel.name.clone().unwrap_or_else(|| format!("camera {}", channel.number));
        let sdp = format!(
            "v=0\r\no=- {number} 1 IN IP4 {ip}\r\ns={name}\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\n\
             a=range:npt=now-\r\n{media}a=control:{TRACK}\r\n",
            number = channel.number,
            ip = self.core.hosts[self.host].address.ip(),
            media = channel.clip.sdp_media,
        );
        let base = format!("{}/", url.as_str().trim_end_matches('/'));
        let head = ok().header(CONTENT_TYPE, "application/sdp").header(CONTENT_BASE, base);
        Reply { body: sdp.into_bytes(), ..head.into() }
    }

    async fn setup(&mut self, request: &Request<Vec<u8>>) -> ResponseBuilder {
        let Some(channel) = self.channel(request) else { return status(StatusCode::NotFound) };
        if self.playing {
            return status(StatusCode::MethodNotValidInThisState);
        }
        let asked = request.header(&TRANSPORT).and_then(|v| transport::choose(v.as_str(), self.core.options.transport));
        let Some(asked) = asked else {
            self.core.counters.transport_refused.fetch_add(1, Relaxed);
            return status(StatusCode::UnsupportedTransport);
        };
        let udp = match asked {
            Asked::Tcp { .. } => None,
            Asked::Udp { .. } => match self.core.udp(self.host).await {
                Ok(pair) => Some(pair),
                Err(error) => {
                    tracing::warn!(%error, "the farm has no UDP port to give");
                    return status(StatusCode::InternalServerError);
                }
            },
        };
        // A second SETUP before PLAY changes the transport.
        let session = match self.session.take().filter(|s| s.channel == channel && !s.closed()) {
            Some(session) => session,
            None => match Session::grant(&self.core, self.host, channel, &self.outlet) {
                Some(session) => session,
                None => {
                    self.core.counters.limit_refused.fetch_add(1, Relaxed);
                    return status(StatusCode::NotEnoughBandwidth);
                }
            },
        };
        let ssrc = rand::random::<u32>();
        let (route, transport) = match (asked, udp) {
            (Asked::Udp { rtp, rtcp }, Some(pair)) => {
                let to = |port| SocketAddr::new(self.peer.ip(), port);
                pair.register(to(rtcp), &session);
                let text = format!(
                    "RTP/AVP;unicast;client_port={rtp}-{rtcp};server_port={}-{};ssrc={ssrc:08X}",
                    pair.port,
                    pair.port + 1
                );
                let (socket, rtcp_socket) = (Arc::clone(&pair.rtp), Arc::clone(&pair.rtcp));
                (Route::Udp { socket, rtcp_socket, rtp: to(rtp), rtcp: to(rtcp) }, text)
            }
            (Asked::Tcp { rtp, rtcp }, _) => {
                (Route::Tcp { rtp, rtcp }, format!("RTP/AVP/TCP;unicast;interleaved={rtp}-{rtcp};ssrc={ssrc:08X}"))
            }
            (Asked::Udp { .. }, None) => return status(StatusCode::InternalServerError),
        };
        let answer = ok().header(SESSION, self.session_header(&session)).header(TRANSPORT, transport);
        self.route = Some((route, ssrc));
        self.session = Some(session);
        answer
    }

    fn play(&mut self, request: &Request<Vec<u8>>) -> Reply {
        let (Some(session), Some((route, ssrc))) = (self.mine(request), self.route.clone()) else {
            return status(StatusCode::SessionNotFound).into();
        };
        let answer = ok().header(SESSION, self.session_header(&session)).header(RANGE, "npt=now-");
        if self.playing {
            return answer.into();
        }
        let Some(channel) = self.core.channels.get(session.channel) else {
            return status(StatusCode::NotFound).into();
        };
        let player = Player::new(&self.core, session, channel.shown.load_full(), channel.offset_90k, route, ssrc);
        let start = player.start();
        let url = request.request_uri().map(|u| u.as_str().trim_end_matches('/').to_owned()).unwrap_or_default();
        let track = if url.ends_with(TRACK) { url } else { format!("{url}/{TRACK}") };
        let info = format!("url={track};seq={};rtptime={}", start.seq, start.rtptime);
        Reply { then: Then::Play(Box::new(player)), ..answer.header(RTP_INFO, info).into() }
    }

    fn in_session(&self, request: &Request<Vec<u8>>) -> ResponseBuilder {
        // Without a Session header it is a keepalive of the connection; cameras answer that too.
        match (request.header(&SESSION), self.mine(request)) {
            (Some(_), None) => status(StatusCode::SessionNotFound),
            (_, Some(session)) => ok().header(SESSION, self.session_header(&session)),
            (None, None) => ok(),
        }
    }

    /// This connection's session, if the request names it.
    fn mine(&self, request: &Request<Vec<u8>>) -> Option<Arc<Session>> {
        let named = request.header(&SESSION)?.as_str().split(';').next()?.trim();
        self.session.clone().filter(|s| s.id == named && !s.closed())
    }

    fn session_header(&self, session: &Session) -> String {
        format!("{};timeout={}", session.id, self.core.options.session_timeout_s)
    }
}

fn status(code: StatusCode) -> ResponseBuilder {
    Response::builder(Version::V1_0, code).header(SERVER, "skyeye camera farm")
}

fn ok() -> ResponseBuilder {
    // As every camera writes it; the crate says "Ok".
    status(StatusCode::Ok).reason_phrase("OK")
}
