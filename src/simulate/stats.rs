//! What the farm counts of itself: the truth against which a gateway's own counters are held.
//!
//! All counters are relaxed atomics; a reader gets numbers, not a consistent cut. Nothing here decides anything.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;
use serde::Serialize;

/// Up to 64 buckets of the lateness of ticks, four to a doubling, from 64 µs.
const BUCKETS: usize = 64;

#[derive(Debug, Default)]
pub struct Counters {
    pub sessions_now: AtomicU32,
    pub sessions_total: AtomicU64,
    pub connections_total: AtomicU64,
    pub requests: AtomicU64,
    pub auth_refused: AtomicU64,
    pub not_found: AtomicU64,
    pub limit_refused: AtomicU64,
    pub transport_refused: AtomicU64,
    pub timed_out: AtomicU64,
    pub slow_dropped: AtomicU64,
    pub units: AtomicU64,
    pub units_skipped: AtomicU64,
    pub packets: AtomicU64,
    pub bytes: AtomicU64,
    pub udp_lost: AtomicU64,
    pub reports: AtomicU64,
    pub rtcp_received: AtomicU64,
    pub lateness: Lateness,
}

/// Of one host.
#[derive(Debug, Default)]
pub struct HostCounters {
    pub sessions_now: AtomicU32,
    pub connects: AtomicU64,
    /// Connections that do not play yet.
    pub connecting_now: AtomicU32,
    pub connecting_max: AtomicU32,
    pub sessions_max: AtomicU32,
    /// Most connections that came within one second.
    pub connects_s_max: AtomicU32,
    /// When those of the last second came.
    recent_us: Mutex<VecDeque<u64>>,
}

impl HostCounters {
    pub fn connecting(&self, now_us: u64) {
        self.connects.fetch_add(1, Relaxed);
        let mut recent = self.recent_us.lock();
        while recent.front().is_some_and(|at| now_us.saturating_sub(*at) >= 1_000_000) {
            recent.pop_front();
        }
        recent.push_back(now_us);
        self.connects_s_max.fetch_max(u32::try_from(recent.len()).unwrap_or(u32::MAX), Relaxed);
        let now = self.connecting_now.fetch_add(1, Relaxed) + 1;
        self.connecting_max.fetch_max(now, Relaxed);
    }
}

/// How late the clockwork was: from the moment a tick was due to the moment its last unit was handed to a socket.
#[derive(Debug)]
pub struct Lateness {
    buckets: [AtomicU64; BUCKETS],
    worst_us: AtomicU64,
    late: AtomicU64,
}

impl Default for Lateness {
    fn default() -> Self {
        Self {
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
            worst_us: AtomicU64::new(0),
            late: AtomicU64::new(0),
        }
    }
}

impl Lateness {
    pub fn record(&self, us: u64, late_above_us: u64) {
        let bucket = (us.max(1) as f64 / 64.0).log2().mul_add(4.0, 1.0).clamp(0.0, BUCKETS as f64 - 1.0) as usize;
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.worst_us.fetch_max(us, Relaxed);
        if us > late_above_us {
            self.late.fetch_add(1, Relaxed);
        }
    }

    /// Begins anew.
    pub fn reset(&self) {
        self.buckets.iter().for_each(|b| b.store(0, Relaxed));
        self.worst_us.store(0, Relaxed);
        self.late.store(0, Relaxed);
    }

    /// An upper bound of the given quantile, in microseconds.
    fn quantile(&self, q: f64) -> u64 {
        let counts: Vec<u64> = self.buckets.iter().map(|b| b.load(Relaxed)).collect();
        let wanted = (counts.iter().sum::<u64>() as f64 * q).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (index, count) in counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return ((64.0 * (index as f64 / 4.0).exp2()) as u64).min(self.worst_us.load(Relaxed));
            }
        }
        0
    }
}

/// The answer to `stats`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stats {
    pub channels: u32,
    pub uptime_s: u64,
    pub sessions_now: u32,
    pub sessions_total: u64,
    pub connections_total: u64,
    pub requests: u64,
    pub auth_refused: u64,
    pub not_found: u64,
    pub limit_refused: u64,
    pub transport_refused: u64,
    pub timed_out: u64,
    pub slow_dropped: u64,
    pub units: u64,
    pub units_skipped: u64,
    pub packets: u64,
    pub bytes: u64,
    pub udp_lost: u64,
    pub reports: u64,
    pub rtcp_received: u64,
    pub ticks: u64,
    pub late_ticks: u64,
    pub lateness_p99_us: u64,
    pub lateness_worst_us: u64,
    pub hosts: Vec<HostStats>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HostStats {
    pub host: u32,
    pub address: String,
    pub listening: bool,
    pub sessions_now: u32,
    pub sessions_max: u32,
    pub connects: u64,
    pub connecting_now: u32,
    pub connecting_max: u32,
    pub connects_s_max: u32,
}

impl Counters {
    pub fn read(&self, channels: u32, uptime_s: u64, hosts: Vec<HostStats>) -> Stats {
        Stats {
            channels,
            uptime_s,
            sessions_now: self.sessions_now.load(Relaxed),
            sessions_total: self.sessions_total.load(Relaxed),
            connections_total: self.connections_total.load(Relaxed),
            requests: self.requests.load(Relaxed),
            auth_refused: self.auth_refused.load(Relaxed),
            not_found: self.not_found.load(Relaxed),
            limit_refused: self.limit_refused.load(Relaxed),
            transport_refused: self.transport_refused.load(Relaxed),
            timed_out: self.timed_out.load(Relaxed),
            slow_dropped: self.slow_dropped.load(Relaxed),
            units: self.units.load(Relaxed),
            units_skipped: self.units_skipped.load(Relaxed),
            packets: self.packets.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            udp_lost: self.udp_lost.load(Relaxed),
            reports: self.reports.load(Relaxed),
            rtcp_received: self.rtcp_received.load(Relaxed),
            ticks: self.lateness.buckets.iter().map(|b| b.load(Relaxed)).sum(),
            late_ticks: self.lateness.late.load(Relaxed),
            lateness_p99_us: self.lateness.quantile(0.99),
            lateness_worst_us: self.lateness.worst_us.load(Relaxed),
            hosts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fullest_second_is_known() {
        let host = HostCounters::default();
        (0..30).for_each(|n| host.connecting(n * 100_000));
        assert_eq!(host.connects_s_max.load(Relaxed), 10);
        (0..15).for_each(|n| host.connecting(4_000_000 + n * 60_000));
        assert_eq!(host.connects_s_max.load(Relaxed), 15);
        assert_eq!((host.connects.load(Relaxed), host.connecting_max.load(Relaxed)), (45, 45));
    }

    #[test]
    fn quantiles_bound_what_was_recorded() {
        let lateness = Lateness::default();
        for us in 1..=1_000 {
            lateness.record(us, 900);
        }
        let p99 = lateness.quantile(0.99);
        assert!((990..=1_000).contains(&p99), "{p99}");
        let half = lateness.quantile(0.5);
        assert!((500..=600).contains(&half), "{half}");
        assert_eq!(lateness.late.load(Relaxed), 100);
        assert_eq!(Lateness::default().quantile(0.99), 0);
    }
}
