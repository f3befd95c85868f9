//! Keeps the setting up of sessions from becoming a storm: at one host so many at one time and so many a second, at an
//! address that does not answer one in some seconds (`breaker`), and with a login that is refused one in some minutes
//! (`login`).
//!
//! Waiting is fair, first come first served, and bounded by the number of channels. Whoever waits for an address or a login
//! takes no place of the host's. Hosts, addresses and logins are forgotten when nobody waits for them, so the maps do not
//! grow with what comes and goes.

use std::collections::HashMap;
use std::sync::Arc;

use metrics::{counter, gauge};
use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

use super::breaker::{Breaker, State};
use super::login::{self, Login, Standing};
use super::pace::{Next, Pace};
use super::{ChannelSpec, Failure};
use crate::config::{self, validate};
use crate::types::{ChannelId, ChannelState};

/// Hosts remembered before those without use are cleared out; addresses and logins, too.
const SWEEP_AT: usize = 1024;

/// Shared by all channels.
pub struct Governor {
    per_host: usize,
    per_host_per_s: u32,
    backoff_s: (u32, u32),
    hosts: Mutex<Kept<String, Host>>,
    circuits: Mutex<Kept<Address, Circuit>>,
    logins: Mutex<Kept<login::Key, Login>>,
}

/// Who wants a session, and where.
#[derive(Debug, Clone)]
pub struct Applicant {
    pub channel: ChannelId,
    to: Address,
    login: Option<login::Key>,
}

impl Applicant {
    pub fn of(spec: &ChannelSpec) -> Self {
        let to = (spec.url.host_str().unwrap_or_default().to_owned(), validate::camera_port(&spec.url));
        let login = spec.credential.as_ref().map(|(user, password)| login::key(&to, user, password));
        Self { channel: spec.id.clone(), to, login }
    }
}

/// Why a channel is not let through, for its health.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub state: ChannelState,
    pub reason: String,
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
    /// Held by the one that begins next; all others wait in line for it.
    line: tokio::sync::Mutex<()>,
    pace: Mutex<Pace>,
    ended: Notify,
}

/// A connection from its begin until something came of it.
struct UnderWay(Arc<Host>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.pace.lock().ends(Instant::now());
        self.0.ended.notify_one();
    }
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
    login: Option<Arc<Login>>,
    probe: Option<Probe>,
    _alone: Option<OwnedMutexGuard<()>>,
    under_way: Option<UnderWay>,
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
            per_host_per_s: options.connects_per_host_per_s,
            backoff_s: (options.backoff_min_s, options.backoff_max_s),
            hosts: Mutex::default(),
            circuits: Mutex::default(),
            logins: Mutex::default(),
        }
    }

    /// Waits for a turn. `held` is told why, if it takes longer than others before it do.
    pub async fn turn(&self, of: &Applicant, mut held: impl FnMut(Held)) -> Permit {
        let (host, circuit) = (self.host(&of.to.0), self.circuit(&of.to));
        let login = of.login.as_ref().map(|key| self.login(key));
        let mut told = None;
        let mut tell = |state, reason: String| {
            if told.replace(state) != Some(state) {
                held(Held { state, reason });
            }
        };
        loop {
            if let Some(login) = &login {
                login.rest(|| tell(ChannelState::AuthFailed, Failure::login_refused_to_others())).await;
            }
            let probe = circuit
                .pass(|reason| tell(ChannelState::Unreachable, Failure::host_silent(&of.to.0, of.to.1, reason)))
                .await;
            let alone = match &login {
                Some(login) => login.alone().await,
                None => None,
            };
            // The host may have fallen, or refused the login, while others stood before us: not everybody has to find out.
            let vain = || {
                let refused = login.as_ref().is_some_and(|l| l.refused_until().is_some());
                refused || probe.is_none() && circuit.is_open()
            };
            if vain() {
                continue;
            }
            // The semaphore is never closed; without a slot there is simply no limit.
            let slot = host.slots.clone().acquire_owned().await.ok();
            if vain() {
                continue;
            }
            let under_way = host.begins(vain).await;
            if let Some(under_way) = under_way {
                return Permit {
                    channel: of.channel.clone(),
                    circuit,
                    login,
                    probe,
                    _alone: alone,
                    under_way: Some(under_way),
                    _slot: slot,
                };
            }
        }
    }

    fn host(&self, name: &String) -> Arc<Host> {
        let fresh = || Host {
            slots: Arc::new(Semaphore::new(self.per_host)),
            line: tokio::sync::Mutex::default(),
            pace: Mutex::new(Pace::new(self.per_host_per_s)),
            ended: Notify::new(),
        };
        let in_use = |h: &Host| h.slots.available_permits() < self.per_host || !h.pace.lock().is_idle(Instant::now());
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

    fn login(&self, key: &login::Key) -> Arc<Login> {
        self.logins.lock().get(key, Login::default, |login| login.refused_until().is_some())
    }
}

impl Host {
    /// Waits until one more connection may begin, and begins it unless that is in `vain` by then.
    async fn begins(self: &Arc<Self>, vain: impl Fn() -> bool) -> Option<UnderWay> {
        let _first = self.line.lock().await;
        loop {
            if vain() {
                return None;
            }
            let next = {
                let (mut pace, now) = (self.pace.lock(), Instant::now());
                let next = pace.next(now);
                if next == Next::Now {
                    pace.begins(now);
                }
                next
            };
            match next {
                Next::Now => return Some(UnderWay(self.clone())),
                Next::At(at) => tokio::time::sleep_until(at).await,
                // One that ended before is remembered by the notify: nothing is missed.
                Next::AfterOne => self.ended.notified().await,
            }
        }
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

    fn answers(&self, channel: &ChannelId) {
        let mut breaker = self.breaker.lock();
        if breaker.answered(Instant::now()) {
            counter!("skyeye_ingest_breaker_changes_total", "to" => "closed").increment(1);
            gauge!("skyeye_ingest_breakers_open").decrement(1.0);
            tracing::info!(%channel, "its address answers again; all of its channels connect");
            // Under the lock: the breaker and what is told of it never differ.
            self.open.send_replace(false);
        }
    }

    /// True if it is open from now on, or was.
    fn is_silent(&self, channel: &ChannelId, probe: bool, reason: &str) -> bool {
        let mut breaker = self.breaker.lock();
        if breaker.silent(channel, probe, reason, Instant::now(), rand::random()) {
            counter!("skyeye_ingest_breaker_changes_total", "to" => "open").increment(1);
            gauge!("skyeye_ingest_breakers_open").increment(1.0);
            tracing::warn!(%channel, "its address does not answer; one of its channels asks for all: {reason}");
            self.open.send_replace(true);
        }
        self.is_open()
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
    /// The connection is over and the same session needs another one: waits until that may begin.
    pub async fn another(&mut self) {
        let Some(over) = self.under_way.take() else { return };
        let host = over.0.clone();
        drop(over);
        self.under_way = host.begins(|| false).await;
    }

    /// A session stands; what is given back is kept as long as it does.
    pub fn answered(self) -> Option<Standing> {
        self.circuit.answers(&self.channel);
        self.login.as_ref().map(Login::stands)
    }

    /// No session came of it; `ran`: the channel had one before. True if others ask at this address from now on, so that no
    /// long wait is needed.
    pub fn failed(self, failure: &Failure, ran: bool) -> bool {
        if failure.is_silence() {
            return self.circuit.is_silent(&self.channel, self.probe.is_some(), &failure.reason);
        }
        // A refusal is an answer.
        self.circuit.answers(&self.channel);
        if let Some(login) = self.login.as_ref().filter(|_| failure.state == ChannelState::AuthFailed) {
            login.refuse(&self.channel, ran, rand::random());
        }
        false
    }
}

#[cfg(test)]
#[path = "governor_tests.rs"]
mod tests;
