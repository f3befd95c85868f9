//! Limits: how often a password may be tried. (How often something dear may be asked for: `types::Buckets`.)
//!
//! Pure: time is an argument, memory is bounded. A try is counted when it begins, not when it has failed, so that many
//! tries at once are many tries. A right password forgets the account's failures.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
};

use crate::types::Mono;

/// Keys kept; above it the one quiet for longest is forgotten.
const MAX_KEYS: usize = 4096;
/// Failures are forgotten after this long without a further one.
const FORGET_MS: u64 = 60 * 60 * 1000;

/// A caller's address as far as limits go: an IPv6 network hands out whole /64s, so that one caller has 2^64 addresses.
pub fn address_key(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => {
            let s = v6.segments();
            IpAddr::V6(Ipv6Addr::new(s[0], s[1], s[2], s[3], 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

/// From how many failures on one has to wait, and how long at most.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    pub free: u32,
    pub max_wait_ms: u64,
}

#[derive(Debug, Clone, Copy)]
struct Tries {
    failures: u32,
    last: Mono,
    /// Refused until then.
    until: Mono,
}

/// Failures by key, with a wait that doubles: 1 s, 2 s, 4 s, ...
#[derive(Debug)]
pub struct Tally<K> {
    policy: Policy,
    tries: HashMap<K, Tries>,
}

impl<K: Hash + Eq + Clone> Tally<K> {
    pub fn new(policy: Policy) -> Self {
        Self { policy, tries: HashMap::new() }
    }

    /// Milliseconds that the key still has to wait; 0: may try.
    pub fn wait_ms(&self, key: &K, now: Mono) -> u64 {
        self.tries.get(key).map_or(0, |t| t.until.since_ms(now))
    }

    /// Counts a try as failed for the time being.
    pub fn begin(&mut self, key: K, now: Mono) {
        if self.tries.len() >= MAX_KEYS && !self.tries.contains_key(&key) {
            self.make_room(now);
        }
        let tries = self.tries.entry(key).or_insert(Tries { failures: 0, last: now, until: now });
        if now.since_ms(tries.last) > FORGET_MS {
            tries.failures = 0;
        }
        tries.failures = tries.failures.saturating_add(1);
        tries.last = now;
        if let Some(over) = tries.failures.checked_sub(self.policy.free) {
            let wait = 1000u64.saturating_mul(1 << over.min(20)).min(self.policy.max_wait_ms);
            tries.until = now.plus_ms(wait);
        }
    }

    /// The try was right: forgets all failures of the key.
    pub fn forget(&mut self, key: &K) {
        self.tries.remove(key);
    }

    /// The try was right: takes this one back, keeps the others.
    pub fn take_back(&mut self, key: &K) {
        if let Some(tries) = self.tries.get_mut(key) {
            tries.failures = tries.failures.saturating_sub(1);
            if tries.failures < self.policy.free {
                tries.until = tries.last;
            }
        }
    }

    fn make_room(&mut self, now: Mono) {
        self.tries.retain(|_, t| now.since_ms(t.last) <= FORGET_MS);
        if self.tries.len() >= MAX_KEYS
            && let Some(key) = self.tries.iter().min_by_key(|(_, t)| t.last).map(|(k, _)| k.clone())
        {
            self.tries.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally() -> Tally<u32> {
        Tally::new(Policy { free: 5, max_wait_ms: 60_000 })
    }

    #[test]
    fn the_wait_grows_from_the_fifth_failure_and_has_an_end() {
        let mut t = tally();
        let mut now = Mono(0);
        for _ in 0..4 {
            t.begin(1, now);
            assert_eq!(t.wait_ms(&1, now), 0);
        }
        let mut waits = Vec::new();
        for _ in 0..9 {
            t.begin(1, now);
            let wait = t.wait_ms(&1, now);
            waits.push(wait);
            now = now.plus_ms(wait);
            assert_eq!(t.wait_ms(&1, now), 0, "over when it is over");
        }
        assert_eq!(waits, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
        assert_eq!(t.wait_ms(&2, now), 0, "another key is not touched");
        t.forget(&1);
        t.begin(1, now);
        assert_eq!(t.wait_ms(&1, now), 0, "a right password starts anew");
    }

    #[test]
    fn failures_are_forgotten_after_an_hour() {
        let mut t = tally();
        for _ in 0..20 {
            t.begin(1, Mono(0));
        }
        let later = Mono(FORGET_MS + 1);
        t.begin(1, later);
        assert_eq!(t.wait_ms(&1, later), 0);
    }

    #[test]
    fn memory_is_bounded_and_the_quietest_goes_first() {
        let mut t = tally();
        for key in 0..(MAX_KEYS as u32 + 100) {
            t.begin(key, Mono(u64::from(key)));
        }
        assert_eq!(t.tries.len(), MAX_KEYS);
        assert!(!t.tries.contains_key(&0) && t.tries.contains_key(&(MAX_KEYS as u32 + 99)));
    }

    #[test]
    fn an_ipv6_caller_is_its_network() {
        let a = address_key("2001:db8:1:2:3::4".parse().unwrap());
        assert_eq!(a, address_key("2001:db8:1:2:ffff::1".parse().unwrap()));
        assert_ne!(a, address_key("2001:db8:1:3::4".parse().unwrap()));
        assert_eq!(address_key("::ffff:10.0.0.1".parse().unwrap()), "10.0.0.1".parse::<IpAddr>().unwrap());
    }
}
