//! Topic filters of one client: which it may set, and which message fits.
//!
//! Own matching instead of the codec's: that one slices the topic by bytes and would panic on a foreign character.

use rumqttc::mqttbytes::QoS;

use crate::types::{SiteId, UserId};

/// Filters a client may have, and how long one may be.
const MAX_FILTERS: usize = 64;
const MAX_FILTER_BYTES: usize = 256;

/// Topics of the site. Only what `web` itself says or reads is here; the contract stands in `publish::topic`, which
/// lies above this stage.
#[derive(Debug, Clone)]
pub struct Site {
    /// `skyeye/v1/{site}/`
    prefix: String,
}

impl Site {
    pub fn new(site: &SiteId) -> Self {
        Self { prefix: format!("skyeye/v1/{site}/") }
    }

    /// Where a client is told what it lost.
    pub fn lost(&self, user: &UserId) -> String {
        format!("{}result/{user}/lost", self.prefix)
    }

    /// User and request of a command's topic.
    pub fn command<'a>(&self, topic: &'a str) -> Option<(UserId, &'a str)> {
        let rest = topic.strip_prefix(&self.prefix)?.strip_prefix("command/")?;
        let (user, request) = rest.split_once('/')?;
        // A request is a topic level like every id; `lost` is taken.
        let good = UserId::new(request).is_ok() && request != "lost";
        good.then_some((UserId::new(user).ok()?, request))
    }

    /// Whether a client may subscribe to this: all levels above the site spelled out, wildcards whole levels.
    fn admits(&self, filter: &str) -> bool {
        let Some(rest) = filter.strip_prefix(&self.prefix) else { return false };
        if filter.len() > MAX_FILTER_BYTES || rest.is_empty() || rest.contains('\0') {
            return false;
        }
        let mut levels = rest.split('/').peekable();
        while let Some(level) = levels.next() {
            let wild = level.contains(['+', '#']);
            if wild && level.len() != 1 || level == "#" && levels.peek().is_some() {
                return false;
            }
        }
        true
    }
}

/// What a client has subscribed to.
#[derive(Debug, Default)]
pub struct Filters {
    set: Vec<(String, QoS)>,
}

impl Filters {
    /// Adds or replaces a filter; `None` if it is not allowed or there are too many.
    pub fn add(&mut self, site: &Site, filter: String, asked: QoS) -> Option<QoS> {
        if !site.admits(&filter) {
            return None;
        }
        let qos = if asked == QoS::AtMostOnce { QoS::AtMostOnce } else { QoS::AtLeastOnce };
        if let Some(old) = self.set.iter_mut().find(|(f, _)| *f == filter) {
            old.1 = qos;
        } else if self.set.len() < MAX_FILTERS {
            self.set.push((filter, qos));
        } else {
            return None;
        }
        Some(qos)
    }

    pub fn remove(&mut self, filter: &str) {
        self.set.retain(|(f, _)| f != filter);
    }

    /// The best granted QoS of the filters that fit; `None` if none does.
    pub fn wanted(&self, topic: &str) -> Option<QoS> {
        let mut best = None;
        for (_, qos) in self.set.iter().filter(|(f, _)| fits(f, topic)) {
            if *qos == QoS::AtLeastOnce {
                return Some(*qos);
            }
            best = Some(*qos);
        }
        best
    }
}

/// MQTT 3.1.1, 4.7: `+` is one level, `#` the rest and its parent.
fn fits(filter: &str, topic: &str) -> bool {
    let mut topics = topic.split('/');
    for level in filter.split('/') {
        match (level, topics.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (level, Some(t)) if level == t => {}
            _ => return false,
        }
    }
    topics.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        Site::new(&SiteId::new("nb").unwrap())
    }

    #[test]
    fn filters_stay_below_the_site() {
        let good = ["alert/+", "channel/+/event/+", "result/alice/+", "#", "channel/#", "node/n1/status"];
        for filter in good {
            assert!(site().admits(&format!("skyeye/v1/nb/{filter}")), "{filter}");
        }
        let bad = [
            "#",
            "+/v1/nb/#",
            "skyeye/v1/+/#",
            "skyeye/v1/other/alert/+",
            "skyeye/v1/nb",
            "skyeye/v1/nb/",
            "skyeye/v1/nb/alert#",
            "skyeye/v1/nb/#/x",
            "skyeye/v1/nb/a+/b",
            "skyeye/v1/nbx/#",
            "$SYS/#",
            "",
        ];
        for filter in bad {
            assert!(!site().admits(filter), "{filter} must be refused");
        }
        assert!(!site().admits(&format!("skyeye/v1/nb/{}", "x".repeat(300))));
    }

    #[test]
    fn matching_follows_the_standard() {
        for (filter, topic, want) in [
            ("a/+", "a/b", true),
            ("a/+", "a/b/c", false),
            ("a/+", "a", false),
            ("a/#", "a", true),
            ("a/#", "a/b/c", true),
            ("a/+/c", "a/b/c", true),
            ("a/b", "a/bc", false),
            ("a/#", "门/b", false),
        ] {
            assert_eq!(fits(filter, topic), want, "{filter} {topic}");
        }
    }

    #[test]
    fn the_best_of_overlapping_filters_counts_and_their_number_is_bounded() {
        let mut filters = Filters::default();
        assert_eq!(filters.add(&site(), "skyeye/v1/nb/#".into(), QoS::AtMostOnce), Some(QoS::AtMostOnce));
        assert_eq!(filters.add(&site(), "skyeye/v1/nb/alert/+".into(), QoS::ExactlyOnce), Some(QoS::AtLeastOnce));
        assert_eq!(filters.wanted("skyeye/v1/nb/alert/1"), Some(QoS::AtLeastOnce));
        assert_eq!(filters.wanted("skyeye/v1/nb/node/n/status"), Some(QoS::AtMostOnce));
        filters.remove("skyeye/v1/nb/#");
        assert_eq!(filters.wanted("skyeye/v1/nb/node/n/status"), None);
        for i in 0..100 {
            filters.add(&site(), format!("skyeye/v1/nb/x/{i}"), QoS::AtMostOnce);
        }
        assert_eq!(filters.set.len(), MAX_FILTERS);
    }

    #[test]
    fn a_command_names_its_author_and_request() {
        let (user, request) =
            site().command("skyeye/v1/nb/command/alice/r-1").map(|(u, r)| (u.to_string(), r)).unwrap();
        assert_eq!((user.as_str(), request), ("alice", "r-1"));
        for bad in [
            "skyeye/v1/nb/command/alice",
            "skyeye/v1/nb/command/alice/a/b",
            "skyeye/v1/nb/command/alice/lost",
            "skyeye/v1/nb/command/Alice/r",
            "skyeye/v1/nb/alert/alice/r",
            "skyeye/v1/x/command/alice/r",
        ] {
            assert!(site().command(bad).is_none(), "{bad}");
        }
    }
}
