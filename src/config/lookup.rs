//! Questions to a configuration: which rules and which areas a channel has, what a password is.

use std::collections::HashMap;

use super::{Area, Channel, Config, Credential, Rule, secret_file};
use crate::types::{AreaId, ConditionSet, Secret};

/// The area tree, read once for any number of questions.
pub struct AreaPaths<'a> {
    areas: HashMap<&'a AreaId, &'a Area>,
}

impl AreaPaths<'_> {
    /// The name for people; the id where the tree has no such area.
    pub fn name<'b>(&'b self, id: &'b AreaId) -> &'b str {
        self.areas.get(id).map_or(id.as_str(), |a| &a.name)
    }

    /// Ids from the root of the area tree to the channel's area; empty for a channel on no area.
    pub fn of(&self, channel: &Channel) -> Vec<AreaId> {
        self.up_from(channel.area.as_ref())
    }

    /// Ids from the root of the area tree to an area, itself the last; empty where the tree has no such area.
    pub fn to(&self, area: &AreaId) -> Vec<AreaId> {
        self.up_from(self.areas.get(area).map(|a| &a.id))
    }

    fn up_from(&self, area: Option<&AreaId>) -> Vec<AreaId> {
        let (mut path, mut at) = (Vec::new(), area);
        while let Some(id) = at {
            // `validate` refuses cycles; the bound keeps an unvalidated tree harmless.
            if path.len() >= 32 {
                break;
            }
            path.push(id.clone());
            at = self.areas.get(id).and_then(|a| a.parent.as_ref());
        }
        path.reverse();
        path
    }
}

/// The rules by the channels that they name, read once for any number of questions.
pub struct RuleIndex<'a> {
    of_all: Vec<(usize, &'a Rule)>,
    by_channel: HashMap<&'a str, Vec<(usize, &'a Rule)>>,
}

impl<'a> RuleIndex<'a> {
    /// As `Config::rules_of`, in the order of the configuration.
    pub fn of(&self, channel: &Channel) -> Vec<&'a Rule> {
        let named = self.by_channel.get(channel.id.as_str()).into_iter().flatten();
        let mut rules: Vec<_> = self.of_all.iter().chain(named).filter(|(_, r)| r.fits(channel)).collect();
        rules.sort_by_key(|(at, _)| *at);
        rules.into_iter().map(|(_, rule)| *rule).collect()
    }
}

impl Rule {
    /// True if the rule has a place on the channel's picture.
    fn fits(&self, channel: &Channel) -> bool {
        self.zones.is_empty() || self.zones.iter().any(|z| channel.zone.iter().any(|cz| cz.id == *z))
    }
}

impl Config {
    pub fn rule_index(&self) -> RuleIndex<'_> {
        let mut index = RuleIndex { of_all: Vec::new(), by_channel: HashMap::new() };
        for (at, rule) in self.rule.iter().enumerate().filter(|(_, r)| r.enabled) {
            if rule.channels.iter().any(|c| c == "*") {
                index.of_all.push((at, rule));
                continue;
            }
            for id in &rule.channels {
                let rules = index.by_channel.entry(id).or_default();
                // A rule that names a channel twice is one rule.
                if rules.last().is_none_or(|(last, _)| *last != at) {
                    rules.push((at, rule));
                }
            }
        }
        index
    }

    pub fn area_paths(&self) -> AreaPaths<'_> {
        AreaPaths { areas: self.area.iter().map(|a| (&a.id, a)).collect() }
    }

    /// Of one channel; whoever asks for many reads the tree once with `area_paths`.
    pub fn area_path(&self, channel: &Channel) -> Vec<AreaId> {
        self.area_paths().of(channel)
    }

    /// Conditions that are not looked for on a channel.
    pub fn ignored_conditions(&self, channel: &Channel) -> ConditionSet {
        self.condition.off.iter().chain(&channel.ignore_conditions).copied().collect()
    }

    /// The rules that apply to a channel.
    pub fn rules_of<'a>(&'a self, channel: &'a Channel) -> impl Iterator<Item = &'a Rule> {
        self.rule
            .iter()
            .filter(move |r| r.enabled && r.channels.iter().any(|c| c == "*" || c == channel.id.as_str()))
            .filter(move |r| r.fits(channel))
    }
}

impl Channel {
    /// The name for people.
    pub fn display_name(&self) -> &str {
        if self.name.is_empty() { self.id.as_str() } else { &self.name }
    }

    /// The host of its address: channels of one recorder share it.
    pub fn host(&self) -> Option<String> {
        url::Url::parse(&self.url).ok()?.host_str().map(str::to_owned)
    }
}

impl Credential {
    /// Reads the password, from the file where one is named.
    pub fn read_password(&self) -> std::io::Result<Secret> {
        if let Some(why) = &self.unreadable {
            return Err(std::io::Error::other(why.clone()));
        }
        match (&self.password_file, &self.password) {
            (Some(path), _) => secret_file::read(path),
            (None, Some(secret)) => Ok(secret.clone()),
            (None, None) => Ok(Secret::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{config::parse, types::AreaId};

    #[test]
    fn the_index_knows_the_same_rules() {
        let zone = "[[channel.zone]]\nid = \"z\"\npolygon = [[0, 0], [1, 0], [1, 1]]\n";
        let rule = |id: &str, channels: &str, more: &str| {
            format!("[[rule]]\nid = \"{id}\"\ntype = \"presence\"\nchannels = {channels}\n{more}\n")
        };
        let text = [
            "[[channel]]\nid = \"a\"\nurl = \"rtsp://10.0.0.1/\"\n".to_owned() + zone,
            "[[channel]]\nid = \"b\"\nurl = \"rtsp://10.0.0.2/\"\n".into(),
            rule("r1", "[\"b\", \"a\", \"b\"]", ""),
            rule("r2", "[\"*\"]", "zones = [\"z\"]"),
            rule("r3", "[\"a\"]", "enabled = false"),
            rule("r4", "[\"*\", \"a\"]", ""),
        ];
        let config = parse("t", &text.concat()).unwrap();
        let index = config.rule_index();
        for (channel, want) in config.channel.iter().zip([vec!["r1", "r2", "r4"], vec!["r1", "r4"]]) {
            let ids: Vec<_> = index.of(channel).into_iter().map(|r| r.id.to_string()).collect();
            assert_eq!(ids, want);
            assert_eq!(ids, config.rules_of(channel).map(|r| r.id.to_string()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_path_to_an_area_ends_with_it() {
        let area =
            |id: &str, more: &str| format!("[[area]]\nid = \"{id}\"\nname = \"{id}\"\nkind = \"grid\"\n{more}\n");
        let config = parse("t", &(area("top", "") + &area("low", "parent = \"top\""))).unwrap();
        let paths = config.area_paths();
        let id = |text: &str| AreaId::new(text).unwrap();
        assert_eq!(paths.to(&id("low")), [id("top"), id("low")]);
        assert!(paths.to(&id("none")).is_empty());
    }
}
