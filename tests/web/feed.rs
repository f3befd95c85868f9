//! The live feed over real sockets: MQTT packets in WebSocket frames, as a browser sends them.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::http::Method;
use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use rumqttc::mqttbytes::{
    Error as CodecError, QoS,
    v4::{
        ConnAck, Connect, ConnectReturnCode, Packet, PubAck, Publish, Subscribe, SubscribeFilter, SubscribeReasonCode,
    },
};
use serde_json::{Value, json};
use skyeye::{
    types::{AreaId, Message, Scope, UserId},
    web::{
        self, WebError,
        auth::{Areas, Role},
    },
};
use tokio::{
    net::{TcpSocket, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        self, Message as Frame,
        client::IntoClientRequest,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};
use tokio_util::sync::CancellationToken;

use super::support::{Gateway, PASSWORD, Session};

const PATIENCE: Duration = Duration::from_secs(5);

/// A gateway on a socket; ends with the test.
struct Served {
    g: Gateway,
    address: SocketAddr,
    cancel: CancellationToken,
    task: JoinHandle<Result<(), WebError>>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

async fn served() -> Served {
    let g = Gateway::new().await;
    let bound = web::bind(&g.config.web).unwrap();
    let (address, cancel) = (bound.address(), CancellationToken::new());
    let task = tokio::spawn(bound.serve(g.state.clone(), cancel.clone()));
    Served { g, address, cancel, task }
}

impl Served {
    /// Opens a WebSocket; headers of `None` are left out.
    async fn open(
        &self,
        session: Option<&Session>,
        origin: Option<&str>,
        protocol: Option<&str>,
    ) -> Result<Client, tungstenite::Error> {
        let cookie = session.map(|s| s.cookie.as_str());
        self.open_with(&[("cookie", cookie), ("origin", origin), ("sec-websocket-protocol", protocol)]).await
    }

    async fn open_with(&self, headers: &[(&'static str, Option<&str>)]) -> Result<Client, tungstenite::Error> {
        // A small window, so that a client that does not read is noticed soon.
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(8 << 10).unwrap();
        let stream = socket.connect(self.address).await.unwrap();
        let mut request = format!("ws://{}/mqtt", self.address).into_client_request().unwrap();
        for (name, value) in headers {
            if let Some(value) = value {
                request.headers_mut().insert(*name, value.parse().unwrap());
            }
        }
        let (socket, _) = client_async(request, stream).await?;
        Ok(Client { socket, inbox: BytesMut::new() })
    }

    async fn refused(&self, session: Option<&Session>, origin: Option<&str>, protocol: Option<&str>) -> u16 {
        match self.open(session, origin, protocol).await.err() {
            Some(tungstenite::Error::Http(response)) => response.status().as_u16(),
            other => panic!("{other:?}"),
        }
    }

    fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    async fn client(&self, session: &Session) -> Client {
        self.open(Some(session), Some(&self.origin()), Some("mqtt")).await.unwrap()
    }

    /// Connected and subscribed to these filters below the site.
    async fn subscribed(&self, session: &Session, filters: &[(&str, QoS)]) -> Client {
        let mut client = self.client(session).await;
        client.subscribe(filters).await;
        client
    }
}

struct Client {
    socket: WebSocketStream<TcpStream>,
    inbox: BytesMut,
}

impl Client {
    async fn subscribe(&mut self, filters: &[(&str, QoS)]) {
        self.connect().await;
        let filters = filters.iter().map(|(f, qos)| SubscribeFilter::new(format!("skyeye/v1/nb/{f}"), *qos));
        let mut subscribe = Subscribe::new_many(filters);
        subscribe.pkid = 1;
        self.send(Packet::Subscribe(subscribe)).await;
        match self.packet().await {
            Some(Packet::SubAck(ack)) => {
                assert!(!ack.return_codes.contains(&SubscribeReasonCode::Failure), "{ack:?}");
            }
            other => panic!("{other:?}"),
        }
    }

    async fn send(&mut self, packet: Packet) {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, usize::MAX).unwrap();
        self.socket.send(Frame::Binary(bytes.freeze())).await.unwrap();
    }

    async fn connect(&mut self) {
        let mut connect = Connect::new("console");
        connect.keep_alive = 30;
        self.send(Packet::Connect(connect)).await;
        let ack = ConnAck::new(ConnectReturnCode::Success, false);
        assert_eq!(self.packet().await, Some(Packet::ConnAck(ack)));
    }

    /// The next packet; `None` when the connection was closed.
    async fn packet(&mut self) -> Option<Packet> {
        loop {
            match Packet::read(&mut self.inbox, 1 << 20) {
                Ok(packet) => return Some(packet),
                Err(CodecError::InsufficientBytes(_)) => {}
                Err(e) => panic!("{e}"),
            }
            match timeout(PATIENCE, self.socket.next()).await.expect("nothing came") {
                Some(Ok(Frame::Binary(bytes))) => self.inbox.extend_from_slice(&bytes),
                Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => {}
                _ => return None,
            }
        }
    }

    async fn publish(&mut self) -> Publish {
        match self.packet().await {
            Some(Packet::Publish(publish)) => publish,
            other => panic!("{other:?}"),
        }
    }

    async fn nothing_comes(&mut self) {
        let more = timeout(Duration::from_millis(300), self.socket.next()).await;
        assert!(more.is_err(), "{more:?}");
    }

    async fn closed(mut self) -> Option<(u16, String)> {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("not closed") {
                Some(Ok(Frame::Close(frame))) => {
                    let CloseFrame { code, reason } =
                        frame.unwrap_or(CloseFrame { code: CloseCode::Away, reason: "".into() });
                    return Some((code.into(), reason.to_string()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }
}

fn state(topic: &str, scope: Scope, payload: impl Into<Bytes>) -> Arc<Message> {
    Arc::new(Message {
        topic: format!("skyeye/v1/nb/{topic}"),
        payload: payload.into(),
        retain: true,
        scope,
        cursor: None,
    })
}

#[tokio::test]
async fn only_a_login_on_the_gateways_own_page_gets_a_feed() {
    let s = served().await;
    let session = s.g.alice().await;
    let own = s.origin();
    assert_eq!(s.refused(None, Some(&own), Some("mqtt")).await, 401);
    for origin in [None, Some("http://evil.example"), Some("null"), Some("http://127.0.0.1")] {
        assert_eq!(s.refused(Some(&session), origin, Some("mqtt")).await, 403, "{origin:?}");
    }
    for protocol in [None, Some("mqttv3.1"), Some("chat")] {
        assert_eq!(s.refused(Some(&session), Some(&own), protocol).await, 400, "{protocol:?}");
    }
    s.client(&session).await.connect().await;
    s.open(Some(&session), Some("https://skyeye.example"), Some("mqtt")).await.expect("a configured origin");
}

#[tokio::test]
async fn a_committed_alert_arrives_once_and_is_acknowledged() {
    let s = served().await;
    let session = s.g.alice().await;
    let mut client = s.subscribed(&session, &[("alert/+", QoS::AtLeastOnce), ("#", QoS::AtMostOnce)]).await;
    let alert = s.g.world.open_alert("gate");
    let publish = client.publish().await;
    assert_eq!(publish.topic, format!("skyeye/v1/nb/alert/{}", alert.id));
    assert_eq!((publish.qos, publish.retain, publish.pkid > 0), (QoS::AtLeastOnce, false, true));
    let payload: Value = serde_json::from_slice(&publish.payload).unwrap();
    assert_eq!(payload["id"], json!(alert.id));
    client.send(Packet::PubAck(PubAck::new(publish.pkid))).await;
    client.nothing_comes().await;
    client.send(Packet::PingReq).await;
    assert_eq!(client.packet().await, Some(Packet::PingResp));

    let mut unsubscribe = rumqttc::mqttbytes::v4::Unsubscribe::new("skyeye/v1/nb/alert/+");
    unsubscribe.topics.push("skyeye/v1/nb/#".into());
    unsubscribe.pkid = 9;
    client.send(Packet::Unsubscribe(unsubscribe)).await;
    assert!(matches!(client.packet().await, Some(Packet::UnsubAck(ack)) if ack.pkid == 9));
    s.g.world.open_alert("gate");
    client.nothing_comes().await;
}

#[tokio::test]
async fn each_message_is_checked_against_the_login() {
    let s = served().await;
    s.g.add_user("nina", Areas::Subtrees(vec![AreaId::new("north").unwrap()])).await;
    let nina = s.g.login("nina", PASSWORD).await;
    let mut client = s.subscribed(&nina, &[("#", QoS::AtMostOnce)]).await;
    s.g.world.open_alert("yard");
    let alice = Scope::User(UserId::new("alice").unwrap());
    s.g.world.feed.send(state("result/alice/1", alice, "{}")).unwrap();
    s.g.world.feed.send(state("node/n1/status", Scope::Node, "{}")).unwrap();
    let seen = s.g.world.open_alert("gate");
    let topics = [client.publish().await.topic, client.publish().await.topic];
    assert_eq!(topics, ["skyeye/v1/nb/node/n1/status".to_owned(), format!("skyeye/v1/nb/alert/{}", seen.id)]);
    client.nothing_comes().await;
}

#[tokio::test]
async fn filters_beyond_the_site_are_refused_one_by_one() {
    let s = served().await;
    let mut client = s.client(&s.g.alice().await).await;
    client.connect().await;
    let filters = ["skyeye/v1/nb/alert/+", "#", "skyeye/v1/other/#", "+/v1/nb/#"];
    let mut subscribe = Subscribe::new_many(filters.map(|f| SubscribeFilter { path: f.into(), qos: QoS::ExactlyOnce }));
    subscribe.pkid = 7;
    client.send(Packet::Subscribe(subscribe)).await;
    let Some(Packet::SubAck(ack)) = client.packet().await else { panic!("no SUBACK") };
    let no = SubscribeReasonCode::Failure;
    assert_eq!((ack.pkid, ack.return_codes), (7, vec![SubscribeReasonCode::Success(QoS::AtLeastOnce), no, no, no]));
}

#[tokio::test]
async fn a_client_that_falls_behind_is_told_how_many_it_lost() {
    let s = served().await;
    let session = s.g.alice().await;
    let mut slow = s.subscribed(&session, &[("node/+/status", QoS::AtLeastOnce)]).await;
    let mut quick = s.subscribed(&session, &[("node/+/status", QoS::AtMostOnce)]).await;
    const SAID: u64 = 2000;
    for n in 0..SAID {
        s.g.world.feed.send(state("node/n1/status", Scope::Node, n.to_string())).unwrap();
        // The quick one reads along: the slow one costs it nothing.
        assert_eq!(quick.publish().await.payload, n.to_string());
    }
    // The slow one has acknowledged nothing; now it does, one by one.
    let (mut got, mut lost, mut last) = (0, 0, None);
    while got + lost < SAID {
        let publish = slow.publish().await;
        if publish.qos == QoS::AtLeastOnce {
            slow.send(Packet::PubAck(PubAck::new(publish.pkid))).await;
        }
        if publish.topic == "skyeye/v1/nb/result/alice/lost" {
            let payload: Value = serde_json::from_slice(&publish.payload).unwrap();
            lost += payload["lost"].as_u64().unwrap();
        } else {
            let n: u64 = String::from_utf8_lossy(&publish.payload).parse().unwrap();
            assert!(last.is_none_or(|l| n > l), "in order");
            last = Some(n);
            got += 1;
        }
    }
    assert_eq!(got + lost, SAID, "every message arrived or was counted");
    assert!(got >= 500 && lost >= 1000, "{got} {lost}");
    s.g.world.feed.send(state("node/n1/status", Scope::Node, "fresh")).unwrap();
    assert_eq!(slow.publish().await.payload, "fresh");
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_let_go_after_half_a_minute() {
    let s = served().await;
    let session = s.g.alice().await;
    let stuck = s.subscribed(&session, &[("node/+/status", QoS::AtMostOnce)]).await;
    assert_eq!(s.g.state.auth().feeds().count(), 1);
    // More than the sockets' buffers hold.
    for _ in 0..400 {
        s.g.world.feed.send(state("node/n1/status", Scope::Node, vec![b'x'; 64 << 10])).unwrap();
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(s.g.state.auth().feeds().count(), 1, "not at once");
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(34)).await;
    tokio::time::resume();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(s.g.state.auth().feeds().count(), 0);
    drop(stuck);
}

#[tokio::test]
async fn a_session_that_ends_takes_its_feeds_with_it() {
    let s = served().await;
    let (leaving, staying) = (s.g.alice().await, s.g.alice().await);
    let gone = s.subscribed(&leaving, &[("#", QoS::AtMostOnce)]).await;
    let mut kept = s.subscribed(&staying, &[("#", QoS::AtMostOnce)]).await;
    s.g.post(&leaving, "/api/v1/logout", json!({})).await;
    assert_eq!(gone.closed().await.unwrap().0, 1008);
    s.g.world.open_alert("gate");
    kept.publish().await;

    // A new password ends the other sessions too, wherever it was set.
    let body = json!({ "old": PASSWORD, "new": "another long one" });
    let third = s.g.alice().await;
    assert_eq!(s.g.post(&third, "/api/v1/password", body).await.status, 200);
    assert_eq!(kept.closed().await.unwrap().0, 1008);
}

#[tokio::test]
async fn rights_that_change_end_the_feeds_at_once() {
    let s = served().await;
    let alice = s.g.alice().await;
    s.g.add_user_as("li", Role::Operator, Areas::All).await;
    let li = s.g.login("li", PASSWORD).await;
    let change = async |body: Value| s.g.change(&alice, Method::PATCH, "/api/v1/users/li", body).await.status;
    // Looked up anew every ten seconds; this must not wait for that.
    for body in [json!({ "areas": ["north"] }), json!({ "role": "viewer" }), json!({ "disabled": true })] {
        let gone = s.subscribed(&li, &[("#", QoS::AtMostOnce)]).await;
        assert_eq!(change(body.clone()).await, 200);
        let begun = tokio::time::Instant::now();
        assert_eq!(gone.closed().await.unwrap().0, 1008, "{body}");
        assert!(begun.elapsed() < Duration::from_secs(2), "{body}");
    }
    assert_eq!(s.refused(Some(&li), Some(&s.origin()), Some("mqtt")).await, 401);

    // With the new areas the feed holds what they hold.
    change(json!({ "disabled": false })).await;
    let li = s.g.login("li", PASSWORD).await;
    let mut narrow = s.subscribed(&li, &[("alert/+", QoS::AtMostOnce)]).await;
    s.g.world.open_alert("yard");
    let near = s.g.world.open_alert("gate");
    assert_eq!(narrow.publish().await.topic, format!("skyeye/v1/nb/alert/{}", near.id));
    s.g.change(&alice, Method::DELETE, "/api/v1/users/li/sessions", Value::Null).await;
    assert_eq!(narrow.closed().await.unwrap().0, 1008);
}

#[tokio::test]
async fn a_token_has_a_feed_of_its_areas_until_it_is_revoked() {
    let s = served().await;
    let alice = s.g.alice().await;
    let token = format!("Bearer {}", s.g.token("desk", "read", Some(&["north"])).await);
    let reporter = format!("Bearer {}", s.g.token("patrol", "feedback", None).await);
    let open = async |token: &str, origin: Option<&str>| {
        s.open_with(&[("authorization", Some(token)), ("origin", origin), ("sec-websocket-protocol", Some("mqtt"))])
            .await
    };
    let status = |tried: Result<Client, tungstenite::Error>| match tried.err() {
        Some(tungstenite::Error::Http(response)) => response.status().as_u16(),
        other => panic!("{other:?}"),
    };
    assert_eq!(status(open(&reporter, None).await), 403, "who may see nothing gets no feed");
    assert_eq!(status(open(&token, Some("http://evil.example")).await), 403);
    let mut client = open(&token, None).await.unwrap();
    client.subscribe(&[("alert/+", QoS::AtMostOnce)]).await;
    s.g.world.open_alert("yard");
    let near = s.g.world.open_alert("gate");
    assert_eq!(client.publish().await.topic, format!("skyeye/v1/nb/alert/{}", near.id));
    s.g.change(&alice, Method::DELETE, "/api/v1/tokens/desk", Value::Null).await;
    assert_eq!(client.closed().await.unwrap().0, 1008);
    assert_eq!(status(open(&token, None).await), 401);
}

#[tokio::test]
async fn a_command_beyond_the_role_is_answered_by_who_may() {
    let s = served().await;
    s.g.add_user_as("vera", Role::Viewer, Areas::All).await;
    let vera = s.g.login("vera", PASSWORD).await;
    let alert = s.g.world.open_alert("gate").id;
    let mut client = s.subscribed(&vera, &[("result/vera/+", QoS::AtMostOnce)]).await;
    let body = json!({ "schema": "skyeye.command", "version": 1, "action": "acknowledge", "alert": alert });
    let publish = Publish::new("skyeye/v1/nb/command/vera/r1", QoS::AtMostOnce, body.to_string());
    client.send(Packet::Publish(publish)).await;
    let result: Value = serde_json::from_slice(&client.publish().await.payload).unwrap();
    let why = "this takes the role operator, supervisor or administrator; this login has the role viewer";
    assert_eq!((&result["ok"], &result["error"]), (&json!(false), &json!(why)));
    assert_eq!(s.g.world.alerts.lock().unwrap()[&alert].alert.owner, None);
}

#[tokio::test]
async fn a_command_is_carried_out_under_the_logins_name() {
    let s = served().await;
    let session = s.g.alice().await;
    let alert = s.g.world.open_alert("gate");
    let mut client = s.subscribed(&session, &[("result/alice/+", QoS::AtMostOnce)]).await;
    let command = |request: &str, body: Value| {
        let topic = format!("skyeye/v1/nb/command/alice/{request}");
        let mut publish = Publish::new(topic, QoS::AtLeastOnce, body.to_string());
        publish.pkid = 5;
        Packet::Publish(publish)
    };
    let body = |id| json!({ "schema": "skyeye.command", "version": 1, "action": "acknowledge", "alert": id, "rev": 1 });
    let mut result = async |request: &str, body: Value| -> Value {
        client.send(command(request, body)).await;
        let (mut acked, mut result) = (false, None);
        while !acked || result.is_none() {
            match client.packet().await {
                Some(Packet::PubAck(ack)) => acked = ack.pkid == 5,
                Some(Packet::Publish(p)) => {
                    assert_eq!(p.topic, format!("skyeye/v1/nb/result/alice/{request}"));
                    result = Some(serde_json::from_slice(&p.payload).unwrap());
                }
                other => panic!("{other:?}"),
            }
        }
        result.unwrap()
    };
    assert_eq!(result("r1", body(alert.id.to_string())).await["ok"], json!(true));
    assert_eq!(s.g.world.alerts.lock().unwrap()[&alert.id].alert.owner, Some(UserId::new("alice").unwrap()));
    let late = result("r2", body(alert.id.to_string())).await;
    assert_eq!((&late["ok"], &late["error"]), (&json!(false), &json!("alice has it")));
    let unknown = result("r3", body(uuid::Uuid::nil().to_string())).await;
    assert_eq!(unknown["error"], json!("no such alert"));
    let broken = result("r4", json!({ "action": "acknowledge" })).await;
    assert!(broken["error"].as_str().unwrap().contains("schema"), "{broken}");
    let deeds: Vec<_> = s.g.audited().await.into_iter().filter(|(_, a, _)| a == "alert_action").map(|d| d.2).collect();
    assert_eq!(deeds[0], format!("acknowledge {}", alert.id));
}

#[tokio::test]
async fn publishing_anything_else_ends_the_feed() {
    let s = served().await;
    let session = s.g.alice().await;
    for topic in ["command/bob/r1", "command/alice/lost", "alert/x", "channel/gate/event/presence", "node/n1/status"] {
        let mut client = s.client(&session).await;
        client.connect().await;
        client.send(Packet::Publish(Publish::new(format!("skyeye/v1/nb/{topic}"), QoS::AtMostOnce, "{}"))).await;
        assert_eq!(client.closed().await.unwrap().0, 1008, "{topic}");
    }
    assert!(s.g.world.changes.lock().unwrap().is_empty());
}

#[tokio::test]
async fn broken_packets_end_only_their_own_feed() {
    let s = served().await;
    let session = s.g.alice().await;
    let mut fine = s.subscribed(&session, &[("#", QoS::AtMostOnce)]).await;
    let too_large = {
        let mut bytes = BytesMut::new();
        let publish = Publish::new("skyeye/v1/nb/command/alice/r", QoS::AtMostOnce, vec![b'x'; 20_000]);
        Packet::Publish(publish).write(&mut bytes, usize::MAX).unwrap();
        bytes.to_vec()
    };
    let cases: [(&str, Frame); 8] = [
        ("a text frame", Frame::Text("hello".into())),
        ("not CONNECT first", Frame::Binary(Bytes::from_static(&[0xc0, 0]))),
        ("a length without end", Frame::Binary(Bytes::from_static(&[0x10, 0xff, 0xff, 0xff, 0xff, 0xff]))),
        ("a string past the packet", Frame::Binary(Bytes::from_static(&[0x10, 4, 0, 99, b'M', b'Q']))),
        ("another protocol", Frame::Binary(Bytes::from_static(b"\x10\x0c\x00\x04HTTP\x04\x02\x00\x3c\x00\x00"))),
        ("a short unsubscribe", Frame::Binary(Bytes::from_static(&[0xa2, 1, 0]))),
        ("over the limit", Frame::Binary(too_large.into())),
        ("far over the limit", Frame::Binary(vec![0x30; 200_000].into())),
    ];
    for (what, frame) in cases {
        let mut client = s.client(&session).await;
        client.socket.send(frame).await.ok();
        let code = client.closed().await.map(|c| c.0);
        assert!(code.is_none_or(|c| c == 1002 || c == 1009), "{what}: {code:?}");
    }
    // Cut into single bytes it is the same packet.
    let mut bytes = BytesMut::new();
    let mut client = s.client(&session).await;
    Packet::Connect(Connect::new("slow")).write(&mut bytes, usize::MAX).unwrap();
    for byte in bytes {
        client.socket.send(Frame::Binary(vec![byte].into())).await.unwrap();
    }
    assert!(matches!(client.packet().await, Some(Packet::ConnAck(_))));
    s.g.world.open_alert("gate");
    fine.publish().await;
}

#[tokio::test]
async fn keepalive_and_connect_have_their_time() {
    let s = served().await;
    let session = s.g.alice().await;
    let mut client = s.client(&session).await;
    let mut connect = Connect::new("console");
    connect.keep_alive = 1;
    client.send(Packet::Connect(connect)).await;
    assert!(matches!(client.packet().await, Some(Packet::ConnAck(_))));
    assert_eq!(client.closed().await.unwrap().0, 1002, "silent for more than one and a half seconds");
}

#[tokio::test]
async fn the_number_of_feeds_of_a_session_is_bounded() {
    let s = served().await;
    let session = s.g.alice().await;
    let mut open = Vec::new();
    for _ in 0..8 {
        open.push(s.client(&session).await);
    }
    let own = s.origin();
    assert_eq!(s.refused(Some(&session), Some(&own), Some("mqtt")).await, 429);
    s.client(&s.g.alice().await).await.connect().await;
    drop(open.pop());
    timeout(PATIENCE, async {
        while s.open(Some(&session), Some(&own), Some("mqtt")).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("a place that was left is free");
}

#[tokio::test]
async fn the_end_is_orderly_and_soon() {
    let mut s = served().await;
    let session = s.g.alice().await;
    let client = s.subscribed(&session, &[("#", QoS::AtMostOnce)]).await;
    s.cancel.cancel();
    assert_eq!(client.closed().await.unwrap(), (1001, "the gateway stops".into()));
    timeout(Duration::from_secs(10), &mut s.task).await.expect("within 10 s").unwrap().unwrap();
    assert!(TcpStream::connect(s.address).await.is_err(), "the port is free");
}
