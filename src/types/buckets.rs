//! Token buckets by key: how often somebody may fail a login, send a command or ask for a picture.
//!
//! Pure: time is an argument. The number of keys is bounded; when all are taken the fullest bucket, which is the one
//! that has been left alone longest, makes room.

use std::{collections::HashMap, hash::Hash};

use super::Mono;

#[derive(Debug)]
pub struct Buckets<K> {
    burst: f64,
    per_s: f64,
    max_keys: usize,
    keys: HashMap<K, (f64, Mono)>,
}

impl<K: Eq + Hash + Clone> Buckets<K> {
    /// `burst` at once, then `per_s` a second.
    pub fn new(burst: u32, per_s: f64, max_keys: usize) -> Self {
        Self { burst: f64::from(burst), per_s, max_keys: max_keys.max(1), keys: HashMap::new() }
    }

    fn level(&self, (tokens, at): (f64, Mono), now: Mono) -> f64 {
        (tokens + now.since_ms(at) as f64 / 1000.0 * self.per_s).min(self.burst)
    }

    /// Whether a token is left; takes none.
    pub fn allows(&self, key: &K, now: Mono) -> bool {
        self.keys.get(key).is_none_or(|slot| self.level(*slot, now) >= 1.0)
    }

    /// Takes a token; false if none was left.
    pub fn take(&mut self, key: &K, now: Mono) -> bool {
        if !self.keys.contains_key(key) && self.keys.len() >= self.max_keys {
            self.make_room(now);
        }
        let level = self.keys.get(key).map_or(self.burst, |slot| self.level(*slot, now));
        let granted = level >= 1.0;
        self.keys.insert(key.clone(), (if granted { level - 1.0 } else { level }, now));
        granted
    }

    fn make_room(&mut self, now: Mono) {
        let (burst, per_s) = (self.burst, self.per_s);
        let level = |slot: &(f64, Mono)| (slot.0 + now.since_ms(slot.1) as f64 / 1000.0 * per_s).min(burst);
        self.keys.retain(|_, slot| level(slot) < burst);
        if self.keys.len() >= self.max_keys
            && let Some(key) =
                self.keys.iter().max_by(|a, b| level(a.1).total_cmp(&level(b.1))).map(|(key, _)| key.clone())
        {
            self.keys.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let mut buckets = Buckets::new(3, 0.5, 8);
        let t = |s: u64| Mono(s * 1000);
        assert_eq!((0..5).filter(|_| buckets.take(&"a", t(0))).count(), 3);
        assert!(!buckets.allows(&"a", t(1)));
        assert!(buckets.allows(&"b", t(1)), "keys do not share");
        assert!(buckets.take(&"a", t(2)));
        assert!(!buckets.take(&"a", t(3)));
        assert_eq!((0..9).filter(|_| buckets.take(&"a", t(1000))).count(), 3, "it fills to the burst only");
    }

    #[test]
    fn keys_are_bounded_and_the_worst_stays() {
        let mut buckets = Buckets::new(2, 0.001, 3);
        for _ in 0..2 {
            buckets.take(&0, Mono(0));
        }
        for key in 1..100 {
            buckets.take(&key, Mono(0));
            assert!(buckets.keys.len() <= 3);
        }
        assert!(!buckets.allows(&0, Mono(0)), "an exhausted key is not forgotten to make room");
    }
}
