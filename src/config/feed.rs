//! Copies of what is published, for others: one area subtree for a broker's ACL, and Home Assistant's discovery.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Config, Problem};
use crate::types::{AreaId, FeedId};

/// Feeds at most: each fact is written once more for each that it belongs to.
const MAX_FEEDS: usize = 32;

/// A copy of what happens in some areas, under topics of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Feed {
    pub id: FeedId,
    /// These areas and all below.
    pub areas: Vec<AreaId>,
}

impl Feed {
    /// Whether what hangs on this path of areas belongs to it.
    pub fn holds(&self, path: &[AreaId]) -> bool {
        self.areas.iter().any(|a| path.contains(a))
    }
}

/// What Home Assistant finds by itself at the broker.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HomeAssistant {
    pub enabled: bool,
    /// First level of its topics, as it is set there.
    pub prefix: String,
}

impl Default for HomeAssistant {
    fn default() -> Self {
        Self { enabled: false, prefix: "homeassistant".into() }
    }
}

/// What is wrong with both.
pub fn problems(c: &Config) -> Vec<Problem> {
    let mut found = Vec::new();
    if c.feed.len() > MAX_FEEDS {
        found.push(Problem::new("feed", format!("are {}; a gateway has at most {MAX_FEEDS}", c.feed.len())));
    }
    let areas: BTreeSet<&AreaId> = c.area.iter().map(|a| &a.id).collect();
    let mut seen = BTreeSet::new();
    for (i, feed) in c.feed.iter().enumerate() {
        if !seen.insert(&feed.id) {
            let message = format!("'{}' is taken by another feed; ids are unique", feed.id);
            found.push(Problem::new(format!("feed[{i}].id"), message));
        }
        if feed.areas.is_empty() {
            found.push(Problem::new(format!("feed[{i}].areas"), "is empty; name one or more areas"));
        }
        for area in feed.areas.iter().filter(|a| !areas.contains(a)) {
            let message = format!("no area has the id '{area}'; add it or correct the name");
            found.push(Problem { elsewhere: true, ..Problem::new(format!("feed[{i}].areas"), message) });
        }
    }
    for (i, user) in c.publish.user.iter().enumerate() {
        for feed in user.feeds.iter().filter(|f| !seen.contains(f)) {
            let message = format!("no [[feed]] has the id '{feed}'; add it or correct the name");
            found.push(Problem::new(format!("publish.user[{i}].feeds"), message));
        }
    }
    let prefix = &c.homeassistant.prefix;
    let sign = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !(1..=64).contains(&prefix.len()) || !prefix.chars().all(sign) || prefix == "skyeye" {
        let message = "is no prefix: use 1 to 64 letters, digits, '_' and '-', and not \"skyeye\"";
        found.push(Problem::new("homeassistant.prefix", message));
    }
    found.extend(c.announced().sentence().map(|message| Problem::new("feed", message)));
    found
}

#[cfg(test)]
mod tests {
    use crate::config::parse;

    #[test]
    fn what_cannot_be_is_said() {
        let area = "[[area]]\nid = \"a\"\nname = \"A\"\nkind = \"grid\"\n";
        for (text, says) in [
            ("[[feed]]\nid = \"f\"\nareas = []", "is empty"),
            ("[[feed]]\nid = \"f\"\nareas = [\"x\"]", "no area has the id 'x'"),
            ("[[feed]]\nid = \"f\"\nareas = [\"a\"]\n[[feed]]\nid = \"f\"\nareas = [\"a\"]", "taken by another feed"),
            ("[[publish.user]]\nname = \"u\"\npassword_file = \"p\"\nfeeds = [\"f\"]", "no [[feed]] has the id 'f'"),
            ("[homeassistant]\nprefix = \"a/b\"", "is no prefix"),
            ("[homeassistant]\nprefix = \"skyeye\"", "is no prefix"),
        ] {
            let error = parse("t", &format!("{area}{text}\n")).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
        parse("t", &format!("{area}[[feed]]\nid = \"f\"\nareas = [\"a\"]\n[homeassistant]\nenabled = true\n")).unwrap();
    }
}
