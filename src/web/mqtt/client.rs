//! One console's connection: MQTT 3.1.1 packets in WebSocket frames, ended here.
//!
//! Clean sessions only, no retained messages, no QoS 2. Every wait is bounded: for CONNECT, for the next packet
//! (keepalive), for the client to read and to acknowledge. What a client sends is bounded in size and decoded by a
//! codec; what it may read is decided in `pump`, what it may command in `auth`.

use std::{collections::VecDeque, net::IpAddr, sync::Arc, time::Duration};

use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket};
use bytes::{Bytes, BytesMut};
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use parking_lot::RwLock;
use rumqttc::mqttbytes::{
    Error as CodecError, Protocol, QoS,
    v4::{
        ConnAck, Connect, ConnectReturnCode, Packet, PubAck, Publish, SubAck, Subscribe, SubscribeReasonCode, UnsubAck,
    },
};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

use super::{
    filter::{Filters, Site},
    pump::{Out, pump},
};
use crate::{
    types::{UserId, payload::CommandPayload},
    web::{
        AppState,
        auth::{ActProof, AuthError, Deed, Feed, Login, acted},
    },
};

/// Largest packet from a client.
pub const MAX_PACKET: usize = 16 << 10;
/// Messages that wait for a client.
const QUEUE: usize = 512;
/// QoS 1 messages without an acknowledgement.
const WINDOW: usize = 64;
/// A client that does not read or acknowledge for this long is let go.
const SLOW: Duration = Duration::from_secs(30);
/// From the upgrade to CONNECT.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// WebSocket pings find half-open connections where the client's own keepalive is long.
const PING_EVERY: Duration = Duration::from_secs(20);
const DEAD_AFTER: Duration = Duration::from_secs(60);
/// How often the login is looked up anew, besides being told at once of a logout.
const RECHECK: Duration = Duration::from_secs(10);
/// What is said then.
const OVER: &str = "the session has ended or its rights have changed";
const COMMAND_WITHIN: Duration = Duration::from_secs(10);

/// Why a connection ends; close codes of RFC 6455, 7.4.1.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The client said so or is gone.
    Left,
    GoingAway,
    Policy(&'static str),
    Protocol(String),
    /// Something below did not answer; the client may come again.
    Failed,
}

impl From<CodecError> for End {
    fn from(e: CodecError) -> Self {
        End::Protocol(e.to_string())
    }
}

pub struct Client {
    state: AppState,
    login: Arc<Login>,
    address: IpAddr,
    place: Feed,
    site: Site,
    sink: SplitSink<WebSocket, Frame>,
    filters: Arc<RwLock<Filters>>,
    /// Unacknowledged packet ids, oldest first, with the time of sending.
    unacked: VecDeque<(u16, Instant)>,
    last_id: u16,
    connected: bool,
    keepalive: Option<Duration>,
    last_packet: Instant,
    last_frame: Instant,
}

/// Serves a connection to its end.
pub async fn run(socket: WebSocket, state: AppState, login: Arc<Login>, address: IpAddr, place: Feed) {
    let (sink, stream) = socket.split();
    let (tx, rx) = mpsc::channel(QUEUE);
    let filters = Arc::new(RwLock::new(Filters::default()));
    let feed = state.ports().feed.subscribe();
    tokio::spawn(pump(feed, Arc::clone(&login), Arc::clone(&filters), tx));
    let now = Instant::now();
    let client = Client {
        site: Site::new(&state.site().site),
        login,
        address,
        place,
        sink,
        filters,
        unacked: VecDeque::new(),
        last_id: 0,
        connected: false,
        keepalive: None,
        last_packet: now,
        last_frame: now,
        state,
    };
    metrics::gauge!("skyeye_web_feeds").increment(1);
    client.serve(stream, rx).await;
    metrics::gauge!("skyeye_web_feeds").decrement(1);
}

impl Client {
    async fn serve(mut self, mut stream: SplitStream<WebSocket>, mut queue: mpsc::Receiver<Out>) {
        let begun = Instant::now();
        let mut inbox = BytesMut::new();
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        // Rights that changed between the upgrade and the place among the feeds are looked up at once.
        let (mut ping_at, mut recheck_at) = (begun + PING_EVERY, begun);
        let end = loop {
            let step = tokio::select! {
                () = self.place.ended() => Err(End::Policy(OVER)),
                () = self.state.closing().cancelled() => Err(End::GoingAway),
                frame = stream.next() => match frame {
                    Some(Ok(frame)) => self.frame(frame, &mut inbox).await,
                    Some(Err(e)) => Err(End::Protocol(e.to_string())),
                    None => Err(End::Left),
                },
                out = queue.recv(), if self.connected && self.unacked.len() < WINDOW => match out {
                    Some(out) => self.deliver(out).await,
                    None => Err(End::GoingAway),
                },
                _ = tick.tick() => {
                    let now = Instant::now();
                    let mut step = self.deadlines(now, begun);
                    if step.is_ok() && now >= ping_at {
                        ping_at = now + PING_EVERY;
                        step = self.send(Frame::Ping(Bytes::new())).await;
                    }
                    if step.is_ok() && now >= recheck_at {
                        recheck_at = now + RECHECK;
                        step = self.recheck().await;
                    }
                    step
                }
            };
            if let Err(end) = step {
                break end;
            }
        };
        self.close(end).await;
    }

    fn deadlines(&self, now: Instant, begun: Instant) -> Result<(), End> {
        if !self.connected && now - begun > CONNECT_WITHIN {
            return Err(End::Protocol("no CONNECT within 10 s".into()));
        }
        if self.keepalive.is_some_and(|k| now - self.last_packet > k + k / 2) {
            return Err(End::Protocol("no packet within one and a half keepalives".into()));
        }
        if now - self.last_frame > DEAD_AFTER {
            return Err(End::Left);
        }
        if self.unacked.front().is_some_and(|(_, sent)| now - *sent > SLOW) {
            return Err(End::Policy("no acknowledgement within 30 s"));
        }
        Ok(())
    }

    async fn recheck(&self) -> Result<(), End> {
        match self.state.auth().still_holds(&self.login).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(End::Policy(OVER)),
            Err(e) => {
                // A database that is busy for a moment ends no feed; the next look is soon.
                tracing::warn!("a feed's login could not be looked up: {e}");
                Ok(())
            }
        }
    }

    /// Sends or gives up: after a while, or at once when the login ends.
    async fn send(&mut self, frame: Frame) -> Result<(), End> {
        tokio::select! {
            sent = timeout(SLOW, self.sink.send(frame)) => match sent {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(End::Left),
                Err(_) => {
                    metrics::counter!("skyeye_web_feeds_let_go_total").increment(1);
                    Err(End::Policy("nothing was read for 30 s"))
                }
            },
            () = self.place.ended() => Err(End::Policy(OVER)),
            () = self.state.closing().cancelled() => Err(End::GoingAway),
        }
    }

    async fn packet_out(&mut self, packet: &Packet) -> Result<(), End> {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, usize::MAX)?;
        self.send(Frame::Binary(bytes.freeze())).await
    }

    async fn deliver(&mut self, out: Out) -> Result<(), End> {
        let (topic, payload, qos) = match out {
            Out::Message(message, qos) => (message.topic.clone(), message.payload.clone(), qos),
            Out::Lost(n) => {
                let topic = self.site.lost(self.login.user());
                let qos = self.filters.read().wanted(&topic).unwrap_or(QoS::AtMostOnce);
                (topic, Bytes::from(format!("{{\"lost\":{n}}}")), qos)
            }
        };
        let mut publish = Publish::from_bytes(topic, qos, payload);
        if qos == QoS::AtLeastOnce {
            publish.pkid = self.next_id();
            self.unacked.push_back((publish.pkid, Instant::now()));
        }
        self.packet_out(&Packet::Publish(publish)).await
    }

    /// 1 to 65535, none that is in use; there are never more than `WINDOW` of those.
    fn next_id(&mut self) -> u16 {
        loop {
            self.last_id = if self.last_id == u16::MAX { 1 } else { self.last_id + 1 };
            if !self.unacked.iter().any(|(id, _)| *id == self.last_id) {
                return self.last_id;
            }
        }
    }

    async fn frame(&mut self, frame: Frame, inbox: &mut BytesMut) -> Result<(), End> {
        self.last_frame = Instant::now();
        match frame {
            Frame::Binary(bytes) => inbox.extend_from_slice(&bytes),
            Frame::Ping(_) | Frame::Pong(_) => return Ok(()),
            Frame::Close(_) => return Err(End::Left),
            // MQTT 3.1.1, 6.0: only binary frames.
            Frame::Text(_) => return Err(End::Protocol("a text frame".into())),
        }
        // A frame may hold several packets or a part of one.
        loop {
            let packet = match Packet::read(inbox, MAX_PACKET) {
                Ok(packet) => packet,
                Err(CodecError::InsufficientBytes(_)) => return Ok(()),
                Err(e) => return Err(e.into()),
            };
            self.last_packet = Instant::now();
            self.packet(packet).await?;
        }
    }

    async fn packet(&mut self, packet: Packet) -> Result<(), End> {
        match (packet, self.connected) {
            (Packet::Connect(connect), false) => self.connect(connect).await,
            (_, false) => Err(End::Protocol("the first packet is not CONNECT".into())),
            (Packet::Subscribe(subscribe), true) => self.subscribe(subscribe).await,
            (Packet::Unsubscribe(unsubscribe), true) => {
                for topic in &unsubscribe.topics {
                    self.filters.write().remove(topic);
                }
                self.packet_out(&Packet::UnsubAck(UnsubAck::new(unsubscribe.pkid))).await
            }
            (Packet::PingReq, true) => self.packet_out(&Packet::PingResp).await,
            (Packet::PubAck(ack), true) => {
                self.unacked.retain(|(id, _)| *id != ack.pkid);
                Ok(())
            }
            (Packet::Publish(publish), true) => self.publish(publish).await,
            (Packet::Disconnect, true) => Err(End::Left),
            (_, true) => Err(End::Protocol("a packet that a client does not send here".into())),
        }
    }

    async fn connect(&mut self, connect: Connect) -> Result<(), End> {
        // User name and password are not looked at: the cookie of the upgrade says who this is.
        let code = if connect.protocol != Protocol::V4 {
            ConnectReturnCode::RefusedProtocolVersion
        } else if connect.last_will.is_some() {
            ConnectReturnCode::NotAuthorized
        } else {
            ConnectReturnCode::Success
        };
        self.packet_out(&Packet::ConnAck(ConnAck::new(code, false))).await?;
        if code != ConnectReturnCode::Success {
            return Err(End::Protocol(format!("CONNECT refused: {code:?}")));
        }
        self.keepalive = (connect.keep_alive > 0).then(|| Duration::from_secs(u64::from(connect.keep_alive)));
        self.connected = true;
        Ok(())
    }

    async fn subscribe(&mut self, subscribe: Subscribe) -> Result<(), End> {
        let codes = {
            let mut filters = self.filters.write();
            let granted = |f: rumqttc::mqttbytes::v4::SubscribeFilter| filters.add(&self.site, f.path, f.qos);
            subscribe
                .filters
                .into_iter()
                .map(granted)
                .map(|qos| qos.map_or(SubscribeReasonCode::Failure, SubscribeReasonCode::Success))
                .collect()
        };
        self.packet_out(&Packet::SubAck(SubAck::new(subscribe.pkid, codes))).await
    }

    /// Only commands under the login's own name; MQTT 3.1.1 knows no refusal but closing (3.3.5).
    async fn publish(&mut self, publish: Publish) -> Result<(), End> {
        let own = self.site.command(&publish.topic).filter(|(user, _)| user == self.login.user());
        let Some((user, request)) = own else {
            metrics::counter!("skyeye_web_refused_total", "why" => "publish").increment(1);
            return Err(End::Policy("publishing is allowed only to one's own commands"));
        };
        if publish.qos == QoS::ExactlyOnce {
            return Err(End::Protocol("QoS 2 is not served".into()));
        }
        match timeout(COMMAND_WITHIN, self.command(&user, request, &publish.payload)).await {
            Ok(Ok(())) => {}
            // Not acknowledged: the client sends it again after it has come back.
            Ok(Err(())) | Err(_) => return Err(End::Failed),
        }
        if publish.qos == QoS::AtLeastOnce {
            self.packet_out(&Packet::PubAck(PubAck::new(publish.pkid))).await?;
        }
        Ok(())
    }

    async fn command(&self, user: &UserId, request: &str, payload: &[u8]) -> Result<(), ()> {
        let command = match self.permitted(payload).await {
            Ok(command) => Ok(command),
            Err(AuthError::Invalid(sentence)) => Err(sentence),
            Err(e @ (AuthError::NotFound(_) | AuthError::Forbidden(_))) => Err(e.to_string()),
            Err(e) => {
                tracing::warn!("a command could not be checked: {e}");
                return Err(());
            }
        };
        let done = command.as_ref().ok().map(|(_, c)| (c.action, c.alert));
        let said = self.state.ports().commands.run(user, request, command).await.map_err(|e| {
            tracing::warn!("a command was not carried out: {e}");
        })?;
        if let Some((action, alert)) = done {
            self.state.auth().record(user, Deed::AlertAction, &acted(action, alert, said), self.address).await;
        }
        Ok(())
    }

    async fn permitted(&self, payload: &[u8]) -> Result<(ActProof, CommandPayload), AuthError> {
        let command: CommandPayload = serde_json::from_slice(payload)
            .map_err(|e| AuthError::Invalid(format!("the command does not fit its schema: {e}")))?;
        if command.schema != "skyeye.command" || command.version != 1 {
            return Err(AuthError::Invalid("the command must say schema skyeye.command, version 1".into()));
        }
        let proof = self.state.auth().act(&self.login, command.alert, command.action).await?;
        Ok((proof, command))
    }

    async fn close(mut self, end: End) {
        let (code, reason) = match &end {
            End::Left => (1000, String::new()),
            End::GoingAway => (1001, "the gateway stops".into()),
            End::Policy(why) => (1008, (*why).to_owned()),
            End::Protocol(why) => (1002, why.clone()),
            End::Failed => (1011, "try again".into()),
        };
        tracing::debug!(user = %self.login.user(), "a feed ended: {end:?}");
        // RFC 6455, 5.5: at most 123 bytes of reason.
        let reason: String = reason.chars().filter(char::is_ascii).take(120).collect();
        let frame = Frame::Close(Some(CloseFrame { code, reason: reason.into() }));
        // Best effort, and not for long: the other end may not read any more.
        let bye = async {
            self.sink.send(frame).await.ok();
            self.sink.close().await.ok();
        };
        timeout(Duration::from_secs(1), bye).await.ok();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Foreign bytes are a packet or an error, and reading always gets on: no panic, no standstill.
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0u8..16, flags in 0u8..16) {
            let framed = [&[kind << 4 | flags, bytes.len().min(127) as u8][..], &bytes[..]].concat();
            for bytes in [bytes, framed] {
                let mut inbox = BytesMut::from(&bytes[..]);
                loop {
                    let before = inbox.len();
                    match Packet::read(&mut inbox, MAX_PACKET) {
                        Ok(_) => prop_assert!(inbox.len() < before),
                        Err(_) => break,
                    }
                }
            }
        }
    }
}
