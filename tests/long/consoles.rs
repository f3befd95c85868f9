//! Many consoles at one gateway: each has its live feed open as a browser has it, a desk acts on one alert after another,
//! and every console hears of each, in the order of the commits. Short: twenty consoles, and nothing said about time.
//!
//! The program runs as a process of its own. The alerts are written to its database before it starts; what is committed
//! while the consoles listen are the desk's acknowledgements, each an alert's new revision through the ledger. The time
//! of a commit is the one that the payload carries, the time of an arrival is read when the packet is there whole.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt as _, StreamExt as _};
use rumqttc::mqttbytes::v4::{ConnAck, Connect, ConnectReturnCode, Packet, PubAck, Subscribe, SubscribeFilter};
use rumqttc::mqttbytes::{Error as CodecError, QoS};
use serde_json::Value;
use skyeye::alert::AlertBook;
use skyeye::config;
use skyeye::outbox::{Ledger, LedgerOptions};
use skyeye::types::{Clock, EventEnd, NodeId, Phase, SiteId, Wall};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Message as Frame, client::IntoClientRequest as _};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::gateway::{Gateway, NODE, SITE};
use crate::history::{Dice, event, places};

/// Tabs of one login.
const FEEDS_PER_SESSION: usize = 8;
const ALERTS_S: usize = 10;
const MUST_MS: i64 = 500;
const PATIENCE: Duration = Duration::from_secs(30);
/// No detector is wanted: there is no camera.
const NO_MODEL: &str = "[infer]\nruntime = \"none.so\"\n";

fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// So many alerts that wait for a person, each of a channel of its own.
async fn seed(data_dir: &Path, alerts: usize) {
    let clock = Clock::start();
    let ledger = Ledger::open(LedgerOptions {
        data_dir: data_dir.to_owned(),
        site: SiteId::new(SITE).unwrap(),
        node: NodeId::new(NODE).unwrap(),
        outbox: config::Outbox::default(),
        store: config::Store::default(),
        feeds: Vec::new(),
        hold_acked_ms: 5000,
        retry_for: Duration::from_secs(30),
        clock,
        fold: Box::new(AlertBook::new(config::Alert::default())),
    })
    .await
    .unwrap();
    for (n, place) in places(&mut Dice(7)).iter().take(alerts).enumerate() {
        let mut fact = event(place, n as u64, clock);
        ledger.event(fact.clone()).await.unwrap();
        fact.event.phase = Phase::End;
        fact.event.end = Some(EventEnd::Cleared);
        ledger.event(fact).await.unwrap();
    }
    ledger.close().await;
}

/// One message as it came: the topic, the payload unread, and when.
struct Arrival {
    topic: String,
    payload: Bytes,
    at_ms: i64,
}

struct Console {
    socket: WebSocketStream<TcpStream>,
    inbox: BytesMut,
}

impl Console {
    /// With the subscriptions of the web console.
    async fn open(web: &str, cookie: &str) -> Self {
        let stream = TcpStream::connect(web.trim_start_matches("http://")).await.unwrap();
        let mut request = format!("ws://{}/mqtt", web.trim_start_matches("http://")).into_client_request().unwrap();
        for (name, value) in [("cookie", cookie), ("origin", web), ("sec-websocket-protocol", "mqtt")] {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let (socket, _) = client_async(request, stream).await.expect("the feed opens");
        let mut console = Self { socket, inbox: BytesMut::new() };
        let mut connect = Connect::new("console");
        connect.keep_alive = 60;
        console.send(Packet::Connect(connect)).await;
        let ack = ConnAck::new(ConnectReturnCode::Success, false);
        assert_eq!(timeout(PATIENCE, console.packet()).await.unwrap(), Packet::ConnAck(ack));
        let topics = ["alert/+", "channel/+/event/+", "channel/+/health", "node/+/status", "result/admin/+"];
        let filters = topics.map(|t| SubscribeFilter::new(format!("skyeye/v1/{SITE}/{t}"), QoS::AtLeastOnce));
        let mut subscribe = Subscribe::new_many(filters);
        subscribe.pkid = 1;
        console.send(Packet::Subscribe(subscribe)).await;
        assert!(matches!(timeout(PATIENCE, console.packet()).await.unwrap(), Packet::SubAck(_)));
        console
    }

    async fn send(&mut self, packet: Packet) {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, usize::MAX).unwrap();
        self.socket.send(Frame::Binary(bytes.freeze())).await.unwrap();
    }

    async fn packet(&mut self) -> Packet {
        loop {
            match Packet::read(&mut self.inbox, 1 << 20) {
                Ok(packet) => return packet,
                Err(CodecError::InsufficientBytes(_)) => {}
                Err(e) => panic!("{e}"),
            }
            match self.socket.next().await {
                Some(Ok(Frame::Binary(bytes))) => self.inbox.extend_from_slice(&bytes),
                Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => {}
                other => panic!("the feed ended: {other:?}"),
            }
        }
    }

    /// Listens and acknowledges until it is over.
    async fn listen(mut self, mut over: watch::Receiver<bool>) -> Vec<Arrival> {
        let mut came = Vec::new();
        loop {
            let packet = tokio::select! {
                packet = self.packet() => packet,
                _ = over.wait_for(|over| *over) => return came,
            };
            if let Packet::Publish(publish) = packet {
                let at_ms = now_ms();
                if publish.pkid > 0 {
                    self.send(Packet::PubAck(PubAck::new(publish.pkid))).await;
                }
                came.push(Arrival { topic: publish.topic, payload: publish.payload, at_ms });
            }
        }
    }
}

/// Everything that the gateway has committed about alerts after a cursor, as topic and cursor.
fn committed(gateway: &mut Gateway, mut after: i64) -> (Vec<(String, i64)>, i64) {
    let mut all = Vec::new();
    loop {
        let page = gateway.get(&format!("/api/v1/changes?after={after}&limit=1000"));
        for change in page["changes"].as_array().unwrap() {
            let topic = change["topic"].as_str().unwrap();
            if topic.contains("/alert/") && !change["payload"].is_null() {
                all.push((topic.to_owned(), change["payload"]["cursor"].as_i64().unwrap()));
            }
        }
        after = page["cursor"].as_i64().unwrap();
        if page["more"] == Value::Bool(false) {
            return (all, after);
        }
    }
}

fn share(sorted: &[i64], part: f64) -> i64 {
    sorted[((sorted.len() as f64 * part) as usize).min(sorted.len() - 1)]
}

fn told(sorted: &[i64]) -> String {
    let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|p| share(sorted, p));
    format!("p50 {p50} ms, p95 {p95} ms, p99 {p99} ms, at most {} ms", sorted.last().unwrap())
}

/// `judged`: whether the time that an alert takes must hold.
pub async fn run(consoles: usize, length: Duration, judged: bool) {
    let wanted = ALERTS_S * usize::try_from(length.as_secs()).unwrap();
    let mut gateway = tokio::task::block_in_place(|| Gateway::start(NO_MODEL, ""));
    tokio::task::block_in_place(|| gateway.terminate());
    seed(&gateway.path("data"), wanted).await;
    tokio::task::block_in_place(|| gateway.up());

    let web = gateway.url("");
    let sessions: Vec<String> = tokio::task::block_in_place(|| {
        (0..consoles.div_ceil(FEEDS_PER_SESSION)).map(|_| gateway.another_login()).collect()
    });
    let (over, is_over) = watch::channel(false);
    let mut open = Vec::new();
    for n in 0..consoles {
        open.push(Console::open(&web, &sessions[n / FEEDS_PER_SESSION]).await);
    }
    let feeds = tokio::task::block_in_place(|| gateway.metric("skyeye_web_feeds", ""));
    println!("{consoles} consoles of {} logins are open ({feeds} as the gateway counts them)", sessions.len());
    let listening: Vec<_> = open.into_iter().map(|c| tokio::spawn(c.listen(is_over.clone()))).collect();

    let (before, from) = tokio::task::block_in_place(|| committed(&mut gateway, 0));
    let alerts: BTreeSet<String> = before.into_iter().map(|(topic, _)| topic).collect();
    assert_eq!(alerts.len(), wanted, "the alerts are there");
    // The desk, at an even pace.
    let (cpu, began) = (gateway.cpu_s(), Instant::now());
    let mut gateway = tokio::task::spawn_blocking(move || {
        for (n, topic) in alerts.iter().enumerate() {
            let due = Duration::from_millis(1000 / ALERTS_S as u64) * u32::try_from(n).unwrap();
            std::thread::sleep(due.saturating_sub(began.elapsed()));
            let id = topic.rsplit('/').next().unwrap();
            let (status, answer) = gateway.ask("POST", &format!("/api/v1/alerts/{id}/acknowledge"), "{}");
            assert_eq!(status, 200, "{answer}");
        }
        gateway
    })
    .await
    .unwrap();
    let took = began.elapsed();
    let cores = (gateway.cpu_s() - cpu) / took.as_secs_f64();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (expected, _) = tokio::task::block_in_place(|| committed(&mut gateway, from));
    assert!(expected.len() >= wanted, "{} of {wanted} are committed", expected.len());
    over.send(true).unwrap();

    let (mut all_ms, mut worst) = (Vec::new(), Vec::new());
    for (n, listener) in listening.into_iter().enumerate() {
        let came = listener.await.unwrap();
        assert!(came.iter().all(|a| !a.topic.ends_with("/lost")), "console {n} is told that it lost some");
        let (mut got, mut ms) = (Vec::new(), Vec::new());
        for arrival in came.iter().filter(|a| a.topic.contains("/alert/") && !a.payload.is_empty()) {
            let payload: Value = serde_json::from_slice(&arrival.payload).unwrap();
            let cursor = payload["cursor"].as_i64().unwrap();
            // What was on its way before the desk began is not of this.
            if cursor > from {
                let at: Wall = serde_json::from_value(payload["committed"].clone()).unwrap();
                ms.push(arrival.at_ms - at.0);
                got.push((arrival.topic.clone(), cursor));
            }
        }
        assert_eq!(got, expected, "console {n} has them all, each once, in the order of the commits");
        ms.sort_unstable();
        worst.push(share(&ms, 0.99));
        all_ms.extend(ms);
    }
    all_ms.sort_unstable();
    println!(
        "{} alerts in {:.1} s, {:.1} a second; all {} arrivals in order, none lost; the gateway took {cores:.2} of a core",
        expected.len(),
        took.as_secs_f64(),
        expected.len() as f64 / took.as_secs_f64(),
        all_ms.len()
    );
    println!("from commit to arrival: {}", told(&all_ms));
    println!("p99 of the worst console: {} ms", worst.iter().max().unwrap());
    let p99 = share(&all_ms, 0.99);
    assert!(!judged || p99 <= MUST_MS, "p99 is {p99} ms, and {MUST_MS} ms is what it may take");
}
