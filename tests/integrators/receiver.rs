//! A receiver: an HTTP server that checks every signature by itself, keeps what it got, and answers as it is told.

use std::{collections::VecDeque, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use hmac::{Hmac, KeyInit, Mac};
use parking_lot::Mutex;
use serde_json::Value;
use skyeye::{
    config::{self, Webhook},
    hook::{Backoff, HookOptions, Hooks, Source},
    outbox::Ledger,
    types::{Clock, HookId, HookView, NodeId, SiteId},
};

pub use crate::mqtt::until;

pub const SECRET: &str = "a secret of the receiver";
pub const LONG: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
pub enum Answer {
    Status(u16),
    /// With `Retry-After`.
    Wait(u16, &'static str),
    Redirect(SocketAddr),
    /// Never.
    Hang,
    /// The connection breaks off.
    Reset,
    /// 200, and more bytes than anybody reads.
    Flood,
}

#[derive(Debug, Clone)]
pub struct Got {
    pub body: Value,
    pub raw: Vec<u8>,
    pub hook: String,
    pub delivery: String,
    /// Whether it was answered with 2xx.
    pub taken: bool,
}

impl Got {
    pub fn cursor(&self) -> i64 {
        self.body["cursor"].as_i64().unwrap()
    }
    pub fn attempt(&self) -> u64 {
        self.body["attempt"].as_u64().unwrap()
    }
}

/// What is refused, and with which status.
type Rule = Box<dyn FnMut(&Value) -> Option<u16> + Send>;

#[derive(Default)]
struct Inner {
    script: VecDeque<Answer>,
    rule: Option<Rule>,
    got: Vec<Got>,
}

#[derive(Clone)]
pub struct Receiver {
    pub addr: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

impl Receiver {
    pub async fn start() -> Self {
        let inner: Arc<Mutex<Inner>> = Arc::default();
        let router = Router::new().route("/in", post(take)).with_state(inner.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { addr, inner }
    }
    /// The next answers; after them 204.
    pub fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.inner.lock().script.extend(answers);
    }
    /// From here on each body is asked about first; what is not refused is answered by the script.
    pub fn refuse(&self, rule: impl FnMut(&Value) -> Option<u16> + Send + 'static) {
        self.inner.lock().rule = Some(Box::new(rule));
    }
    pub fn forget_script(&self) {
        self.inner.lock().script.clear();
    }
    pub fn got(&self) -> Vec<Got> {
        self.inner.lock().got.clone()
    }
    pub fn taken(&self) -> Vec<Got> {
        self.inner.lock().got.iter().filter(|g| g.taken).cloned().collect()
    }
    pub async fn has_taken(&self, count: usize) {
        until(&format!("{count} deliveries are taken"), LONG, || self.taken().len() >= count).await;
    }
    /// A `[[webhook]]` that delivers here.
    pub fn hook(&self, dir: &Path, id: &str, more: &str) -> Webhook {
        hook(dir, id, &format!("http://{}/in?token=canary", self.addr), more)
    }
}

pub fn hook(dir: &Path, id: &str, url: &str, more: &str) -> Webhook {
    let file = dir.join("receiver.secret");
    std::fs::write(&file, format!("{SECRET}\n")).unwrap();
    let area =
        |id: &str, parent: &str| format!("[[area]]\nid = \"{id}\"\nname = \"{id}\"\nkind = \"grid\"\n{parent}\n");
    let text = format!(
        "{}{}[[webhook]]\nid = \"{id}\"\nurl = \"{url}\"\nsecret_file = {file:?}\n{more}\n",
        area("town", ""),
        area("north", "parent = \"town\""),
    );
    config::parse("test", &text).unwrap().webhook.remove(0)
}

/// As an integrator checks it: time and bytes, against the secret that both know.
fn check(signature: &str, body: &[u8]) {
    let (t, v1) = signature.split_once(",v1=").unwrap();
    let t = t.strip_prefix("t=").unwrap();
    let now = Clock::start().wall().0 / 1000;
    assert!((now - t.parse::<i64>().unwrap()).abs() < 300, "signed at {t}, now is {now}");
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{t}.").as_bytes());
    mac.update(body);
    mac.verify_slice(&hex::decode(v1).unwrap()).expect("the signature is ours");
}

async fn take(State(inner): State<Arc<Mutex<Inner>>>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    check(&header("x-skyeye-signature"), &body);
    let value: Value = serde_json::from_slice(&body).unwrap();
    let answer = {
        let mut inner = inner.lock();
        let refused = inner.rule.as_mut().and_then(|rule| rule(&value)).map(Answer::Status);
        refused.or_else(|| inner.script.pop_front()).unwrap_or(Answer::Status(204))
    };
    let taken = matches!(answer, Answer::Status(200..=299) | Answer::Flood);
    inner.lock().got.push(Got {
        body: value,
        raw: body.to_vec(),
        hook: header("x-skyeye-hook"),
        delivery: header("x-skyeye-delivery"),
        taken,
    });
    let status = |status: u16| StatusCode::from_u16(status).unwrap();
    match answer {
        Answer::Status(s) => status(s).into_response(),
        Answer::Wait(s, after) => (status(s), [("retry-after", after)]).into_response(),
        Answer::Redirect(to) => (status(307), [("location", format!("http://{to}/in"))]).into_response(),
        Answer::Flood => vec![b'x'; 4 << 20].into_response(),
        Answer::Hang => std::future::pending().await,
        // Ends the connection's task without a word and without a line about a panic.
        Answer::Reset => std::panic::resume_unwind(Box::new("reset")),
    }
}

/// Receivers over this ledger, which do not wait long.
/// Of hooks in tests: short, so that they end.
pub const PATIENCE_MS: u64 = 150;

pub fn hooks(ledger: &Ledger) -> Hooks<Ledger> {
    hooks_with(ledger, PATIENCE_MS)
}

pub fn hooks_with(ledger: &Ledger, patience_ms: u64) -> Hooks<Ledger> {
    let options = HookOptions {
        site: SiteId::new("site").unwrap(),
        node: NodeId::new("node-1").unwrap(),
        clock: Clock::start(),
        backoff: Backoff { min_ms: 5, max_ms: 40, patience_ms },
    };
    Hooks::new(options, Arc::new(ledger.clone()))
}

/// Waits until these have a place: from then on they miss nothing.
pub async fn begun(ledger: &Ledger, ids: &[&str]) {
    for id in ids {
        let id: HookId = id.parse().unwrap();
        while ledger.place(&id).await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

pub fn view(hooks: &Hooks<Ledger>, id: &str) -> HookView {
    hooks.views().into_iter().find(|v| v.id.as_str() == id).unwrap()
}

/// Each delivery as it came first: in commit order, and again only with the id that it had.
pub fn assert_in_order(taken: &[Got]) -> Vec<i64> {
    let mut ids = std::collections::BTreeMap::new();
    let mut order: Vec<i64> = Vec::new();
    for got in taken {
        let id = ids.entry(got.cursor()).or_insert_with(|| got.delivery.clone());
        assert_eq!(*id, got.delivery, "the same fact under another id");
        if !order.contains(&got.cursor()) {
            assert!(order.last().is_none_or(|last| *last < got.cursor()), "{} after {order:?}", got.cursor());
            order.push(got.cursor());
        }
    }
    order
}
