//! Keeps the setting up of sessions from becoming a storm: at one host so many at one time and so many a second, and at an
//! address that does not answer one in some seconds (`breaker`).
//!
//! Waiting is fair, first come first served, and bounded by the number of channels. Whoever waits for an address that does
//! not answer takes no place of the host's. Hosts and addresses are forgotten when nobody waits for them, so the maps do not
//! grow with what comes and goes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, gauge};
use parking_lot::Mutex;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

use super::Failure;
use super::breaker::{Breaker, State};
use crate::config;
use crate::types::ChannelId;

/// Hosts remembered before those without use are cleared out; addresses, too.
const SWEEP_AT: usize = 1024;

/// Shared by all channels.
pub struct Governor {
    per_host: usize,
    spacing: Duration,
    backoff_s: (u32, u32),
    hosts: Mutex<Kept<String, Host>>,
    circuits: Mutex<Kept<Address, Circuit>>,
}

/// Where a session is set up: a host and its port.
pub type Address = (String, u16);

/// What there is one of for each key, as long as somebody uses it.
struct Kept<K, V> {
    map: HashMap<K, Arc<V>>,
    sweep_at: usize,
}

struct Host {
    slots: Arc<Semaphore>,
    /// When the next connection may begin.
    next: Mutex<Option<Instant>>,
}

struct Circuit {
    breaker: Mutex<Breaker>,
    /// Everybody who waits is told when it closes.
    open: watch::Sender<bool>,
    /// Held by the one whose turn it is to try next, and while it tries: all others wait in line for it.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// The right to set up one session; ends when it is dropped. What came of it is told by `answered` or `failed`.
pub struct Permit {
    channel: ChannelId,
    circuit: Arc<Circuit>,
    probe: Option<Probe>,
    _slot: Option<OwnedSemaphorePermit>,
}

/// The one that tries at an address that did not answer.
struct Probe {
    circuit: Arc<Circuit>,
    _turn: OwnedMutexGuard<()>,
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.circuit.breaker.lock().abandoned(Instant::now());
    }
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self { map: HashMap::new(), sweep_at: SWEEP_AT }
    }
}

impl<K: std::hash::Hash + Eq + Clone, V> Kept<K, V> {
    fn get(&mut self, key: &K, fresh: impl FnOnce() -> V, in_use: impl Fn(&V) -> bool) -> Arc<V> {
        if let Some(found) = self.map.get(key) {
            return found.clone();
        }
        if self.map.len() >= self.sweep_at {
            self.map.retain(|_, v| Arc::strong_count(v) > 1 || in_use(v));
            self.sweep_at = (self.map.len() * 2).max(SWEEP_AT);
        }
        let made = Arc::new(fresh());
        self.map.insert(key.clone(), made.clone());
        made
    }
}

impl Governor {
    pub fn new(options: &config::Ingest) -> Self {
        Self {
            per_host: usize::try_from(options.connects_per_host).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS),
            spacing: Duration::from_secs(1) / options.connects_per_host_per_s.max(1),
            backoff_s: (options.backoff_min_s, options.backoff_max_s),
            hosts: Mutex::default(),
            circuits: Mutex::default(),
        }
    }

    /// Waits for a turn at an address. `held` is told why, once, if that does not answer at present.
    pub async fn turn(&self, to: &Address, channel: &ChannelId, mut held: impl FnMut(String)) -> Permit {
        let (host, circuit) = (self.host(&to.0), self.circuit(to));
        let mut told = false;
        loop {
            let probe = circuit.pass(|reason| {
                if !std::mem::replace(&mut told, true) {
                    held(format!(
                        "{}:{} does not answer ({reason}); one of its channels asks for all, at least every 15 s",
                        to.0, to.1
                    ));
                }
            });
            let probe = probe.await;
            // The semaphore is never closed; without a slot there is simply no limit.
            let slot = host.slots.clone().acquire_owned().await.ok();
            // It may have fallen while others stood before us: not everybody has to find out.
            if probe.is_none() && circuit.is_open() {
                continue;
            }
            let at = {
                let mut next = host.next.lock();
                let now = Instant::now();
                let at = next.map_or(now, |next| next.max(now));
                *next = Some(at + self.spacing);
                at
            };
            tokio::time::sleep_until(at).await;
            if probe.is_none() && circuit.is_open() {
                continue;
            }
            return Permit { channel: channel.clone(), circuit, probe, _slot: slot };
        }
    }

    fn host(&self, name: &String) -> Arc<Host> {
        let fresh = || Host { slots: Arc::new(Semaphore::new(self.per_host)), next: Mutex::new(None) };
        // All slots free and its spacing over: as good as new.
        let in_use = |h: &Host| {
            h.slots.available_permits() < self.per_host || h.next.lock().is_some_and(|next| next > Instant::now())
        };
        self.hosts.lock().get(name, fresh, in_use)
    }

    fn circuit(&self, to: &Address) -> Arc<Circuit> {
        let fresh = || Circuit {
            breaker: Mutex::new(Breaker::new(self.backoff_s.0, self.backoff_s.1)),
            open: watch::Sender::new(false),
            turn: Arc::default(),
        };
        // One that is open and that nobody wants any more may go: whoever comes finds out anew.
        self.circuits.lock().get(to, fresh, |_| false)
    }
}

impl Circuit {
    fn is_open(&self) -> bool {
        *self.open.borrow()
    }

    /// Waits until everybody may try (`None`), or until it is this one's turn to try for all.
    async fn pass(self: &Arc<Self>, mut held: impl FnMut(&str)) -> Option<Probe> {
        loop {
            if !self.is_open() {
                return None;
            }
            held(self.breaker.lock().reason());
            let turn = tokio::select! {
                biased;
                () = self.closed() => return None,
                turn = self.turn.clone().lock_owned() => turn,
            };
            let State::Open(at) = self.breaker.lock().state() else { continue };
            tokio::select! {
                biased;
                () = self.closed() => return None,
                () = tokio::time::sleep_until(at) => {}
            }
            if self.breaker.lock().probe(Instant::now()) {
                counter!("skyeye_ingest_breaker_changes_total", "to" => "half_open").increment(1);
                return Some(Probe { circuit: self.clone(), _turn: turn });
            }
        }
    }

    async fn closed(&self) {
        drop(self.open.subscribe().wait_for(|open| !open).await);
    }
}

impl Drop for Circuit {
    fn drop(&mut self) {
        if *self.open.borrow() {
            gauge!("skyeye_ingest_breakers_open").decrement(1.0);
        }
    }
}

impl Permit {
    /// The camera answered, were it with a refusal.
    pub fn answered(self) {
        let circuit = &self.circuit;
        let mut breaker = circuit.breaker.lock();
        if breaker.answered(Instant::now()) {
            counter!("skyeye_ingest_breaker_changes_total", "to" => "closed").increment(1);
            gauge!("skyeye_ingest_breakers_open").decrement(1.0);
            tracing::info!(channel = %self.channel, "its address answers again; all of its channels connect");
            // Under the lock: the breaker and what is told of it never differ.
            circuit.open.send_replace(false);
        }
    }

    /// No session came of it. True if others ask at this address from now on, so that no long wait is needed.
    pub fn failed(self, failure: &Failure) -> bool {
        if !failure.is_silence() {
            self.answered();
            return false;
        }
        let circuit = &self.circuit;
        let mut breaker = circuit.breaker.lock();
        let random = rand::random::<f64>();
        let opens = breaker.silent(&self.channel, self.probe.is_some(), &failure.reason, Instant::now(), random);
        if opens {
            counter!("skyeye_ingest_breaker_changes_total", "to" => "open").increment(1);
            gauge!("skyeye_ingest_breakers_open").increment(1.0);
            tracing::warn!(
                channel = %self.channel,
                "its address does not answer; one of its channels asks for all: {}",
                failure.reason
            );
            circuit.open.send_replace(true);
        }
        circuit.is_open()
    }
}

#[cfg(test)]
#[path = "governor_tests.rs"]
mod tests;
