//! The retained messages of the embedded broker: states and open alerts, the latest of each topic, in memory.
//!
//! The broker's library would write each into a file of its own and sync it before it takes the next message, which
//! held every event up behind the alert of the one before. They need no disk here: broker and gateway end together,
//! and at its first connect the gateway publishes all open alerts, out of the database, and all states anew. The
//! node's own status stays with the library, whose last will speaks on the same topic.
//!
//! In: what the gateway publishes as retained, and who subscribes. Out: what a new subscription is owed. A message is
//! noted before it is routed and handed out under one lock, so that nobody gets an older one behind a newer.

use std::collections::BTreeMap;

use bytes::Bytes;
use mqtt5::topic_matches_filter;
use parking_lot::Mutex;

/// Latest payload by topic; bounded by the states (`config::announced`) and the open alerts of the gateway, the only one that
/// publishes.
#[derive(Debug, Default)]
pub(super) struct Retained(Mutex<BTreeMap<String, Bytes>>);

impl Retained {
    /// Notes a retained message; an empty payload clears its topic.
    pub fn set(&self, topic: &str, payload: &Bytes) {
        let mut latest = self.0.lock();
        if payload.is_empty() {
            latest.remove(topic);
        } else {
            latest.insert(topic.to_owned(), payload.clone());
        }
        #[allow(clippy::cast_precision_loss)] // gauges are floating point
        metrics::gauge!("skyeye_publish_retained").set(latest.len() as f64);
    }

    /// Hands every message of a filter to `give`, which must not block.
    pub fn matching(&self, filter: &str, mut give: impl FnMut(&str, &Bytes)) {
        let latest = self.0.lock();
        for (topic, payload) in latest.iter().filter(|(topic, _)| topic_matches_filter(topic, filter)) {
            give(topic, payload);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(retained: &Retained, filter: &str) -> Vec<(String, String)> {
        let mut all = Vec::new();
        retained.matching(filter, |t, p| all.push((t.to_owned(), String::from_utf8_lossy(p).into_owned())));
        all
    }

    #[test]
    fn the_latest_of_a_topic_is_kept_until_it_is_cleared() {
        let retained = Retained::default();
        for (topic, payload) in
            [("s/alert/1", "a"), ("s/alert/2", "b"), ("s/alert/1", "c"), ("s/channel/x/health", "h")]
        {
            retained.set(topic, &Bytes::from(payload));
        }
        let pair = |t: &str, p: &str| (t.to_owned(), p.to_owned());
        assert_eq!(topics(&retained, "s/alert/+"), [pair("s/alert/1", "c"), pair("s/alert/2", "b")]);
        retained.set("s/alert/1", &Bytes::new());
        assert_eq!(topics(&retained, "s/#"), [pair("s/alert/2", "b"), pair("s/channel/x/health", "h")]);
        assert!(topics(&retained, "t/#").is_empty());
    }
}
