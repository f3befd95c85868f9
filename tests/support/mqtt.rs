//! MQTT parts for tests: a real Mosquitto, a subscriber, a proxy that can play dead, and an outbox in memory.
#![allow(dead_code)]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::let_underscore_must_use)] // tests may read clocks, and panic
#![allow(clippy::print_stdout)] // and say what they skip

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use parking_lot::Mutex;
use rumqttc::{AsyncClient, ConnectionError, Event, MqttOptions, Packet, QoS, SubscribeReasonCode};
use skyeye::{
    publish::{OpenAlerts, Row, Source, SourceError},
    types::Message,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::{Notify, watch},
};

pub const MOSQUITTO: &str = "/usr/sbin/mosquitto";

/// Waits until something is so, or fails saying what was waited for.
pub async fn until(what: &str, limit: Duration, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A port of this machine that was free a moment ago.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Debian's Mosquitto on loopback, open to everybody.
pub struct Mosquitto {
    child: tokio::process::Child,
    pub addr: SocketAddr,
}

impl Mosquitto {
    /// `None`, and a line that says so, where Mosquitto is not installed. Persistent if `dir` keeps a store.
    pub async fn start(port: u16, dir: &Path, persistent: bool) -> Option<Self> {
        if !Path::new(MOSQUITTO).exists() {
            println!("skipped: {MOSQUITTO} is not installed");
            return None;
        }
        let file = dir.join("mosquitto.conf");
        let store = if persistent {
            format!(
                "persistence true\npersistence_location {}/\nautosave_interval 1\nautosave_on_changes true\n",
                dir.display()
            )
        } else {
            "persistence false\n".to_owned()
        };
        std::fs::write(
            &file,
            format!("listener {port} 127.0.0.1\nallow_anonymous true\nuser root\nlog_type error\n{store}"),
        )
        .unwrap();
        let child = tokio::process::Command::new(MOSQUITTO).arg("-c").arg(&file).kill_on_drop(true).spawn().unwrap();
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        until("Mosquitto listens", Duration::from_secs(10), || std::net::TcpStream::connect(addr).is_ok()).await;
        Some(Self { child, addr })
    }
    /// kill -9
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
    /// An orderly stop, as a service manager does it: Mosquitto writes its store.
    pub async fn stop(mut self) {
        let pid = rustix::process::Pid::from_raw(self.child.id().unwrap().cast_signed()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().await.unwrap();
    }
}

/// What a subscriber got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Got {
    pub topic: String,
    pub payload: String,
    pub retain: bool,
}

/// A client of the broker that keeps everything it gets.
pub struct Subscriber {
    pub client: AsyncClient,
    got: Arc<Mutex<Vec<Got>>>,
    refused: Arc<AtomicUsize>,
    granted: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

pub struct Login<'a> {
    pub id: &'a str,
    pub user: &'a str,
    pub password: &'a str,
    /// A session that outlives the connection.
    pub keep: bool,
}

pub fn options(addr: SocketAddr, login: &Login<'_>) -> MqttOptions {
    let mut options = MqttOptions::new(login.id, addr.ip().to_string(), addr.port());
    options.set_clean_session(!login.keep).set_keep_alive(Duration::from_secs(5)).set_max_packet_size(1 << 20, 1 << 20);
    if !login.user.is_empty() {
        options.set_credentials(login.user, login.password);
    }
    options
}

/// The broker's answer to a CONNECT.
pub async fn connect(addr: SocketAddr, login: Login<'_>) -> Result<bool, ConnectionError> {
    let (_client, mut events) = AsyncClient::new(options(addr, &login), 16);
    match events.poll().await? {
        Event::Incoming(Packet::ConnAck(ack)) => Ok(ack.session_present),
        other => panic!("not a CONNACK: {other:?}"),
    }
}

impl Subscriber {
    /// Connects, subscribes at every connect, and reconnects for ever.
    pub async fn start(addr: SocketAddr, login: Login<'_>, filters: &[&str]) -> Self {
        let (client, mut events) = AsyncClient::new(options(addr, &login), 64);
        let got = Arc::new(Mutex::new(Vec::new()));
        let (granted, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let filters: Vec<String> = filters.iter().map(|f| (*f).to_owned()).collect();
        let wanted = filters.len();
        let task = {
            let (client, got, granted, refused) = (client.clone(), got.clone(), granted.clone(), refused.clone());
            tokio::spawn(async move {
                loop {
                    match events.poll().await {
                        Ok(Event::Incoming(Packet::ConnAck(_))) => {
                            for filter in &filters {
                                client.try_subscribe(filter, QoS::AtLeastOnce).unwrap();
                            }
                        }
                        Ok(Event::Incoming(Packet::SubAck(ack))) => {
                            let fine = !ack.return_codes.contains(&SubscribeReasonCode::Failure);
                            let count = if fine { &granted } else { &refused };
                            count.fetch_add(1, Ordering::SeqCst);
                        }
                        Ok(Event::Incoming(Packet::Publish(p))) => got.lock().push(Got {
                            topic: p.topic,
                            payload: String::from_utf8_lossy(&p.payload).into_owned(),
                            retain: p.retain,
                        }),
                        Ok(_) => {}
                        Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                    }
                }
            })
        };
        let subscriber = Self { client, got, refused, granted, task };
        until("subscriptions are answered", Duration::from_secs(10), || subscriber.answers() >= wanted).await;
        subscriber
    }
    pub fn answers(&self) -> usize {
        self.granted() + self.refused()
    }
    pub fn granted(&self) -> usize {
        self.granted.load(Ordering::SeqCst)
    }
    pub fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }
    pub fn got(&self) -> Vec<Got> {
        self.got.lock().clone()
    }
    /// Payloads of topics with this part in them, in the order in which they came.
    pub fn payloads(&self, part: &str) -> Vec<String> {
        self.got.lock().iter().filter(|g| g.topic.contains(part)).map(|g| g.payload.clone()).collect()
    }
    /// Cuts the connection without a word.
    pub async fn vanish(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

/// Passes bytes between publisher and broker, plays dead, or refuses.
pub struct Proxy {
    pub addr: SocketAddr,
    frozen: Arc<AtomicBool>,
    open: Arc<AtomicBool>,
    cut: Arc<Notify>,
}

impl Proxy {
    pub async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (frozen, open) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(true)));
        let cut = Arc::new(Notify::new());
        let (f, o, c) = (frozen.clone(), open.clone(), cut.clone());
        tokio::spawn(async move {
            loop {
                let Ok((mut from, _)) = listener.accept().await else { break };
                if !o.load(Ordering::SeqCst) {
                    continue;
                }
                let (frozen, cut) = (f.clone(), c.clone());
                tokio::spawn(async move {
                    let Ok(mut onward) = TcpStream::connect(to).await else { return };
                    let stop = async {
                        while !frozen.load(Ordering::SeqCst) {
                            tokio::time::sleep(Duration::from_millis(10)).await;
                        }
                    };
                    tokio::select! {
                        _ = copy_bidirectional(&mut from, &mut onward) => return,
                        () = stop => {}
                        () = cut.notified() => return,
                    }
                    // Half-open: the sockets stand, nothing moves.
                    tokio::time::sleep(Duration::from_secs(120)).await;
                    drop((from, onward));
                });
            }
        });
        Self { addr, frozen, open, cut }
    }
    pub fn freeze(&self, frozen: bool) {
        self.frozen.store(frozen, Ordering::SeqCst);
    }
    /// Lets nobody through, and cuts those who are.
    pub fn close(&self, closed: bool) {
        self.open.store(!closed, Ordering::SeqCst);
        if closed {
            self.cut.notify_waiters();
        }
    }
}

/// Open alerts in a page.
const PAGE: usize = 10;

/// An outbox in memory, with the ledger's behaviour as `Source` describes it.
pub struct Outbox {
    inner: Mutex<Inner>,
    newest: watch::Sender<i64>,
    /// Once: a row is committed after the next answer was read and before it is given.
    late: AtomicBool,
}

#[derive(Default)]
struct Inner {
    next: i64,
    rows: BTreeMap<i64, Row>,
    acked: Vec<i64>,
    open: Vec<Message>,
}

impl Outbox {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { inner: Mutex::default(), newest: watch::channel(0).0, late: AtomicBool::new(false) })
    }
    /// Commits a row; gives its cursor, which is also `%` in the payload.
    pub fn commit(&self, topic: &str, payload: &str, retain: bool) -> i64 {
        let mut inner = self.inner.lock();
        inner.next += 1;
        let cursor = inner.next;
        let payload = Bytes::from(payload.replace('%', &cursor.to_string()));
        inner.rows.insert(cursor, Row { cursor, topic: topic.to_owned(), payload, retain });
        drop(inner);
        self.newest.send_replace(cursor);
        cursor
    }
    /// `count` events over five channels, with the cursor as payload.
    pub fn commit_events(&self, site: &str, count: usize) -> Vec<i64> {
        (0..count)
            .map(|i| self.commit(&format!("skyeye/v1/{site}/channel/c{}/event/presence", i % 5), "%", false))
            .collect()
    }
    /// The next answer that holds something is overtaken by a commit.
    pub fn commit_late(&self) {
        self.late.store(true, Ordering::SeqCst);
    }
    pub fn set_open_alerts(&self, open: Vec<Message>) {
        self.inner.lock().open = open;
    }
    pub fn pending_count(&self) -> usize {
        self.inner.lock().rows.len()
    }
    pub fn acked_in_order(&self) -> Vec<i64> {
        self.inner.lock().acked.clone()
    }
}

impl Source for Outbox {
    async fn pending(&self, after: i64, limit: usize) -> Result<Vec<Row>, SourceError> {
        let rows: Vec<Row> =
            self.inner.lock().rows.values().filter(|r| r.cursor > after).take(limit).cloned().collect();
        if !rows.is_empty() && self.late.swap(false, Ordering::SeqCst) {
            self.commit("skyeye/v1/nb/channel/c1/event/presence", "%", false);
            // Long enough for whoever asked to hear of the commit before the answer.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(rows)
    }
    async fn acked(&self, cursors: Vec<i64>) -> Result<(), SourceError> {
        let mut inner = self.inner.lock();
        for cursor in &cursors {
            inner.rows.remove(cursor);
        }
        inner.acked.extend(cursors);
        Ok(())
    }
    fn wake(&self) -> watch::Receiver<i64> {
        self.newest.subscribe()
    }
    async fn open_alerts(&self, behind: i64) -> Result<OpenAlerts, SourceError> {
        let inner = self.inner.lock();
        let at = usize::try_from(behind).unwrap_or(0);
        let messages: Vec<Message> = inner.open.iter().skip(at).take(PAGE).cloned().collect();
        let next = (messages.len() == PAGE).then_some((at + PAGE) as i64);
        Ok(OpenAlerts { messages, next })
    }
}

/// Cursors as they came, checked: all there, in order for their channel, and again only whole from an earlier one on.
pub fn assert_complete_and_in_order(got: &[Got], expected: &[i64]) {
    let mut latest: BTreeMap<&str, i64> = BTreeMap::new();
    let mut seen = std::collections::BTreeSet::new();
    for message in got {
        let cursor: i64 = message.payload.parse().unwrap();
        let channel = message.topic.as_str();
        if seen.insert(cursor) {
            let before = latest.insert(channel, cursor).unwrap_or(0);
            assert!(before < cursor, "{cursor} came after {before} on {channel}");
        }
    }
    let missing: Vec<_> = expected.iter().filter(|c| !seen.contains(c)).collect();
    assert!(missing.is_empty(), "{} of {} are missing: {missing:?}", missing.len(), expected.len());
}
