//! The other end of a bench: an MQTT subscriber with QoS 1 that notes when each message was in its hand.
//!
//! It lives in the process that measures, so that its work is not counted as the gateway's. What is received is only
//! kept; it is read as JSON after the run, so that reading does not slow the receiving.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, bail};
use bytes::Bytes;
use parking_lot::Mutex;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use crate::types::payload::EventPayload;

/// Site, user and password of every bench; broker and gateway are on loopback and end with the bench.
pub const SITE: &str = "bench";
pub const USER: &str = "bench";
pub const PASSWORD: &str = "password-of-one-bench";

/// A message and when it was in our hand.
#[derive(Debug, Clone)]
pub struct Got {
    pub topic: String,
    pub payload: Bytes,
    /// Milliseconds since 1970 with fractions.
    pub at_ms: f64,
}

pub struct Subscriber {
    got: Arc<Mutex<Vec<Got>>>,
    count: Arc<AtomicU64>,
    broken: Arc<Mutex<Option<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Milliseconds since 1970 with fractions; the gateway's payloads speak of the same clock.
#[allow(clippy::disallowed_methods)] // a bench compares clocks of two processes
pub fn wall_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1000.0
}

impl Subscriber {
    /// Connects and subscribes; comes back when the broker granted it.
    pub async fn start(addr: SocketAddr, filter: &str) -> anyhow::Result<Self> {
        let mut options = MqttOptions::new("bench-subscriber", addr.ip().to_string(), addr.port());
        options
            .set_clean_session(true)
            .set_keep_alive(Duration::from_secs(30))
            .set_max_packet_size(1 << 20, 1 << 20)
            .set_credentials(USER, PASSWORD);
        let (client, mut events) = AsyncClient::new(options, 256);
        events.network_options.set_tcp_nodelay(true);
        let got = Arc::new(Mutex::new(Vec::new()));
        let (count, broken) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(None)));
        let (granted_tx, mut granted) = watch::channel(false);
        client.try_subscribe(filter, QoS::AtLeastOnce)?;
        let task = tokio::spawn({
            let (got, count, broken) = (got.clone(), count.clone(), broken.clone());
            async move {
                // The client goes with the task: without one the library ends the connection.
                let _client = client;
                loop {
                    match events.poll().await {
                        Ok(Event::Incoming(Packet::Publish(p))) => {
                            let at_ms = wall_ms();
                            got.lock().push(Got { topic: p.topic, payload: p.payload, at_ms });
                            count.fetch_add(1, Ordering::Relaxed);
                        }
                        Ok(Event::Incoming(Packet::SubAck(_))) => drop(granted_tx.send_replace(true)),
                        Ok(_) => {}
                        Err(e) => {
                            *broken.lock() = Some(e.to_string());
                            return;
                        }
                    }
                }
            }
        });
        let subscriber = Self { got, count, broken, task };
        let answered = timeout(Duration::from_secs(10), granted.wait_for(|g| *g)).await;
        if answered.is_err() || subscriber.broken.lock().is_some() {
            bail!("the broker at {addr} takes no subscription: {:?}", subscriber.broken.lock());
        }
        Ok(subscriber)
    }

    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Takes what came so far.
    pub fn take(&self) -> anyhow::Result<Vec<Got>> {
        if let Some(why) = self.broken.lock().as_ref() {
            bail!("the subscriber lost its connection: {why}");
        }
        Ok(std::mem::take(&mut *self.got.lock()))
    }
}

/// The event messages among them, read, each with the time at which it was in our hand.
pub fn events(got: &[Got]) -> anyhow::Result<Vec<(EventPayload, f64)>> {
    let events = got.iter().filter(|g| g.topic.contains("/event/"));
    events
        .map(|g| {
            let event = serde_json::from_slice(&g.payload).with_context(|| format!("a payload on {}", g.topic))?;
            Ok((event, g.at_ms))
        })
        .collect()
}
