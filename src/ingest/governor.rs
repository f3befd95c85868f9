//! Keeps the setting up of sessions from becoming a storm: at one host so many at one time and so many a second.
//!
//! Waiting is fair, first come first served, and bounded by the number of channels. A host is forgotten when nobody
//! waits for it, so the map does not grow with addresses that come and go.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::config;

/// Hosts remembered before those without use are cleared out.
const SWEEP_AT: usize = 1024;

/// Shared by all channels.
pub struct Governor {
    per_host: usize,
    spacing: Duration,
    hosts: Mutex<Hosts>,
}

#[derive(Default)]
struct Hosts {
    map: HashMap<String, Arc<Host>>,
    sweep_at: usize,
}

struct Host {
    slots: Arc<Semaphore>,
    /// When the next connection may begin.
    next: Mutex<Option<Instant>>,
}

/// The right to set up one session; ends when it is dropped.
pub struct Permit {
    _slot: Option<OwnedSemaphorePermit>,
}

impl Governor {
    pub fn new(options: &config::Ingest) -> Self {
        Self {
            per_host: usize::try_from(options.connects_per_host).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS),
            spacing: Duration::from_secs(1) / options.connects_per_host_per_s.max(1),
            hosts: Mutex::new(Hosts { map: HashMap::new(), sweep_at: SWEEP_AT }),
        }
    }

    /// Waits for a turn at `host`.
    pub async fn turn(&self, host: &str) -> Permit {
        let host = self.host(host);
        // The semaphore is never closed; without a slot there is simply no limit.
        let slot = host.slots.clone().acquire_owned().await.ok();
        let at = {
            let mut next = host.next.lock();
            let now = Instant::now();
            let at = next.map_or(now, |next| next.max(now));
            *next = Some(at + self.spacing);
            at
        };
        tokio::time::sleep_until(at).await;
        Permit { _slot: slot }
    }

    fn host(&self, name: &str) -> Arc<Host> {
        let mut hosts = self.hosts.lock();
        if let Some(host) = hosts.map.get(name) {
            return host.clone();
        }
        if hosts.map.len() >= hosts.sweep_at {
            let now = Instant::now();
            // Held by us alone, all slots free and its spacing over: as good as new.
            hosts.map.retain(|_, h| {
                Arc::strong_count(h) > 1
                    || h.slots.available_permits() < self.per_host
                    || h.next.lock().is_some_and(|next| next > now)
            });
            hosts.sweep_at = (hosts.map.len() * 2).max(SWEEP_AT);
        }
        let host = Arc::new(Host { slots: Arc::new(Semaphore::new(self.per_host)), next: Mutex::new(None) });
        hosts.map.insert(name.to_owned(), host.clone());
        host
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn governor(per_host: u32, per_s: u32) -> Governor {
        Governor::new(&config::Ingest {
            connects_per_host: per_host,
            connects_per_host_per_s: per_s,
            ..Default::default()
        })
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_at_one_time_at_one_host() {
        let g = governor(2, 1000);
        let first = g.turn("a").await;
        let _second = g.turn("a").await;
        let wait = Duration::from_secs(5);
        assert!(tokio::time::timeout(wait, g.turn("a")).await.is_err());
        assert!(tokio::time::timeout(wait, g.turn("b")).await.is_ok(), "another host is not concerned");
        drop(first);
        assert!(tokio::time::timeout(wait, g.turn("a")).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_a_second() {
        let g = governor(100, 4);
        let begin = Instant::now();
        for _ in 0..9 {
            drop(g.turn("a").await);
        }
        assert_eq!(begin.elapsed().as_millis(), 2000);
    }

    #[tokio::test(start_paused = true)]
    async fn hosts_without_use_are_forgotten() {
        let g = governor(1, 1000);
        let _kept = g.turn("kept").await;
        for n in 0..5000 {
            drop(g.turn(&format!("h{n}")).await);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        let hosts = g.hosts.lock();
        assert!(hosts.map.len() <= SWEEP_AT + 1, "{}", hosts.map.len());
        assert!(hosts.map.contains_key("kept"));
    }
}
