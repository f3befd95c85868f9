//! The one place that builds and reads MQTT topics.
//!
//! In go typed ids, out come topic names and filters below `skyeye/v1/{site}/`. Every level is an immutable id of the
//! alphabet `[a-z0-9._-]{1,64}`, so no name typed by a person ever becomes part of a topic and no wildcard can be
//! smuggled in. Nothing else in the program may format a topic.

use crate::types::{AlertId, ChannelId, FeedId, NodeId, SiteId, UserId};

/// Topics of one site. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    /// `skyeye/v1/{site}`
    root: String,
}

impl Topics {
    pub fn new(site: &SiteId) -> Self {
        Self { root: format!("skyeye/v1/{site}") }
    }
    /// Retained: online or offline; the last will goes here too.
    pub fn status(&self, node: &NodeId) -> String {
        format!("{}/node/{node}/status", self.root)
    }
    /// Retained state of one channel.
    pub fn health(&self, channel: &ChannelId) -> String {
        format!("{}/channel/{channel}/health", self.root)
    }
    /// Facts of one channel; `kind` is the event's type, e.g. `presence`.
    pub fn event(&self, channel: &ChannelId, kind: &str) -> String {
        format!("{}/channel/{channel}/event/{kind}", self.root)
    }
    /// Retained until the alert is closed.
    pub fn alert(&self, alert: AlertId) -> String {
        format!("{}/alert/{alert}", self.root)
    }
    pub fn command(&self, user: &UserId, request: &str) -> String {
        format!("{}/command/{user}/{request}", self.root)
    }
    pub fn result(&self, user: &UserId, request: &str) -> String {
        format!("{}/result/{user}/{request}", self.root)
    }
    /// What all copies for feeds begin with.
    pub fn feeds(&self) -> String {
        format!("{}/feed/", self.root)
    }
    /// The copy of a topic of this site for a feed.
    pub fn copy(&self, feed: &FeedId, topic: &str) -> Option<String> {
        Some(format!("{}/feed/{feed}/{}", self.root, self.within(topic)?))
    }
    /// False for what only the broker is told: copies, and what stands outside the site's topics.
    pub fn is_for_all(&self, topic: &str) -> bool {
        self.within(topic).is_some_and(|rest| !rest.starts_with("feed/"))
    }
    /// What the gateway subscribes to.
    pub fn command_filter(&self) -> String {
        format!("{}/command/+/+", self.root)
    }
    /// Everything of the site.
    pub fn all_filter(&self) -> String {
        format!("{}/#", self.root)
    }
    /// Whether a topic or filter stands below this site, all levels of the prefix being spelled out.
    pub fn within<'a>(&self, topic: &'a str) -> Option<&'a str> {
        topic.strip_prefix(self.root.as_str())?.strip_prefix('/')
    }
    /// Author and request of a command's topic; `None` for any other topic and for levels that are no ids.
    pub fn parse_command(&self, topic: &str) -> Option<(UserId, String)> {
        match self.private(topic)? {
            Private { kind: PrivateKind::Command, user, request } => Some((user, request)),
            Private { kind: PrivateKind::Result, .. } => None,
        }
    }
    /// Commands and results concern one user only.
    pub fn private(&self, topic: &str) -> Option<Private> {
        let mut levels = self.within(topic)?.split('/');
        let kind = match levels.next()? {
            "command" => PrivateKind::Command,
            "result" => PrivateKind::Result,
            _ => return None,
        };
        let user = UserId::new(levels.next()?).ok()?;
        let request = request_id(levels.next()?)?;
        levels.next().is_none().then_some(Private { kind, user, request })
    }
    /// Whether a topic is about a node itself.
    pub fn is_node(&self, topic: &str) -> bool {
        self.within(topic).is_some_and(|rest| rest.starts_with("node/"))
    }
    /// Whether a topic lies in the two private subtrees, well formed or not.
    pub fn is_private(&self, topic: &str) -> bool {
        self.within(topic).is_some_and(|rest| matches!(rest.split('/').next(), Some("command" | "result")))
    }
}

/// A command's or result's topic taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Private {
    pub kind: PrivateKind,
    pub user: UserId,
    pub request: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrivateKind {
    Command,
    Result,
}

/// A request id has the alphabet of every other level.
fn request_id(text: &str) -> Option<String> {
    // The same check as for the typed ids; a request is chosen by a client and kept only as text.
    UserId::new(text).ok().map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics() -> Topics {
        Topics::new(&SiteId::new("nb").unwrap())
    }

    #[test]
    fn topics_follow_the_contract() {
        let t = topics();
        let channel = ChannelId::new("gate-1").unwrap();
        let alice = UserId::new("alice").unwrap();
        assert_eq!(t.status(&NodeId::new("n1").unwrap()), "skyeye/v1/nb/node/n1/status");
        assert_eq!(t.health(&channel), "skyeye/v1/nb/channel/gate-1/health");
        assert_eq!(t.event(&channel, "presence"), "skyeye/v1/nb/channel/gate-1/event/presence");
        assert_eq!(t.command(&alice, "r1"), "skyeye/v1/nb/command/alice/r1");
        assert_eq!(t.result(&alice, "r1"), "skyeye/v1/nb/result/alice/r1");
        let north = FeedId::new("north").unwrap();
        let copy = t.copy(&north, &t.event(&channel, "presence"));
        assert_eq!(copy.as_deref(), Some("skyeye/v1/nb/feed/north/channel/gate-1/event/presence"));
        assert!(copy.unwrap().starts_with(&t.feeds()) && t.copy(&north, "skyeye/v1/other/alert/x").is_none());
        let alert = AlertId::at(1_795_335_330_123);
        assert_eq!(t.alert(alert), format!("skyeye/v1/nb/alert/{alert}"));
    }

    #[test]
    fn only_a_well_formed_command_is_one() {
        let t = topics();
        let alice = UserId::new("alice").unwrap();
        assert_eq!(t.parse_command("skyeye/v1/nb/command/alice/r-1"), Some((alice, "r-1".into())));
        for bad in [
            "skyeye/v1/nb/result/alice/r-1",
            "skyeye/v1/nb/command/alice",
            "skyeye/v1/nb/command/alice/r/1",
            "skyeye/v1/nb/command/Alice/r",
            "skyeye/v1/nb/command/alice/",
            "skyeye/v1/nb/command/alice/+",
            "skyeye/v1/other/command/alice/r",
            "skyeye/v1/nbx/command/alice/r",
        ] {
            assert_eq!(t.parse_command(bad), None, "{bad}");
        }
        assert!(t.is_private("skyeye/v1/nb/result/x/y/z"));
        assert!(!t.is_private("skyeye/v1/nb/alert/x"));
    }

    #[test]
    fn a_neighbouring_site_is_not_within() {
        assert_eq!(topics().within("skyeye/v1/nb/#"), Some("#"));
        for other in ["skyeye/v1/nb2/alert", "skyeye/v1/+/alert", "skyeye/v1/nb", "skyeye/#", "#"] {
            assert_eq!(topics().within(other), None, "{other}");
        }
    }
}
