//! Questions to a configuration: which rules and which areas a channel has, what a password is.

use std::{borrow::Cow, collections::HashMap};

use super::{Area, Channel, Config, Credential, Rule, secret_file};
use crate::types::{AreaId, ConditionSet, LineId, Secret, ZoneId};

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
    areas: AreaPaths<'a>,
    /// For all channels, or by tag and area.
    templates: Vec<(usize, &'a Rule)>,
    by_channel: HashMap<&'a str, Vec<(usize, &'a Rule)>>,
}

impl<'a> RuleIndex<'a> {
    /// An index of some of the rules of `config`.
    pub(super) fn new(config: &'a Config, rules: impl Iterator<Item = &'a Rule>) -> Self {
        let (mut templates, mut by_channel) = (Vec::new(), HashMap::<_, Vec<_>>::new());
        for (at, rule) in rules.enumerate() {
            if rule.is_template() {
                templates.push((at, rule));
                continue;
            }
            for id in &rule.channels {
                let rules = by_channel.entry(id.as_str()).or_default();
                // A rule that names a channel twice is one rule.
                if rules.last().is_none_or(|(last, _)| *last != at) {
                    rules.push((at, rule));
                }
            }
        }
        Self { areas: config.area_paths(), templates, by_channel }
    }

    /// As `Config::rules_of`, in the order of the configuration.
    pub fn of(&self, channel: &Channel) -> Vec<Cow<'a, Rule>> {
        self.chosen(channel).into_iter().filter_map(|r| r.in_force(channel)).collect()
    }

    /// The rules that are for a channel, whether or not they are in force there.
    pub fn chosen(&self, channel: &Channel) -> Vec<&'a Rule> {
        let named = self.by_channel.get(channel.id.as_str()).into_iter().flatten();
        let by_area = self.templates.iter().any(|(_, r)| !r.areas.is_empty());
        let area = if by_area { self.areas.of(channel) } else { Vec::new() };
        let mut rules: Vec<_> = self.templates.iter().chain(named).filter(|(_, r)| r.chooses(channel, &area)).collect();
        rules.sort_by_key(|(at, _)| *at);
        rules.into_iter().map(|(_, rule)| *rule).collect()
    }
}

impl Rule {
    /// The rule as it is for a channel that it is for; `None` where it is switched off or has no place on the picture.
    fn in_force(&self, channel: &Channel) -> Option<Cow<'_, Rule>> {
        Some(self.on(&channel.id)).filter(|r| r.enabled && r.fits(channel))
    }

    /// True if the rule has a place on the channel's picture.
    pub fn fits(&self, channel: &Channel) -> bool {
        let zone = |z: &ZoneId| channel.zone.iter().any(|of| of.id == *z);
        let line = |l: &LineId| channel.line.iter().any(|of| of.id == *l);
        self.watches_whole_picture()
            || self.kind.takes_zones() && self.zones.iter().any(zone)
            || self.kind.takes_lines() && self.lines.iter().any(line)
    }

    /// True if it names no place.
    pub fn watches_whole_picture(&self) -> bool {
        self.zones.is_empty() && self.lines.is_empty() && self.kind.takes_zones()
    }

    /// True if it is for more channels than it names.
    fn is_template(&self) -> bool {
        !self.tags.is_empty() || !self.areas.is_empty() || self.channels.iter().any(|c| c == "*")
    }

    /// True if it is for the channel; `area` are the areas from the root to the channel's.
    fn chooses(&self, channel: &Channel, area: &[AreaId]) -> bool {
        if self.except.contains(&channel.id) {
            return false;
        }
        let named = self.channels.iter().any(|c| c == "*" || c == channel.id.as_str());
        let tag = self.tags.is_empty() || self.tags.iter().any(|t| channel.tags.contains(t));
        let under = self.areas.is_empty() || self.areas.iter().any(|a| area.contains(a));
        named || (!(self.tags.is_empty() && self.areas.is_empty()) && tag && under)
    }
}

impl Config {
    pub fn rule_index(&self) -> RuleIndex<'_> {
        RuleIndex::new(self, self.rule.iter())
    }

    /// The rules that apply to a channel, as they are for it.
    pub fn rules_of<'a>(&'a self, channel: &'a Channel) -> impl Iterator<Item = Cow<'a, Rule>> {
        let by_area = self.rule.iter().any(|r| !r.areas.is_empty());
        let area = if by_area { self.area_path(channel) } else { Vec::new() };
        self.rule.iter().filter(move |r| r.chooses(channel, &area)).filter_map(|r| r.in_force(channel))
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
    fn a_template_is_for_tags_and_areas_but_for_what_it_leaves_out() {
        let area = |id: &str, more: &str| format!("[[area]]\nid = \"{id}\"\nname = \"x\"\nkind = \"grid\"\n{more}\n");
        let channel =
            |id: &str, more: &str| format!("[[channel]]\nid = \"{id}\"\nurl = \"rtsp://10.0.0.1/\"\n{more}\n");
        let rule = |id: &str, more: &str| format!("[[rule]]\nid = \"{id}\"\ntype = \"presence\"\n{more}\n");
        let text = [
            area("north", "") + &area("low", "parent = \"north\"") + &area("south", ""),
            channel("a", "area = \"low\"\ntags = [\"gate\"]"),
            channel("b", "area = \"north\""),
            channel("c", "area = \"south\"\ntags = [\"gate\"]"),
            rule("by-area", "areas = [\"north\"]"),
            rule("by-tag", "tags = [\"gate\"]\nexcept = [\"c\"]"),
            rule("by-both", "tags = [\"gate\"]\nareas = [\"north\"]\nchannels = [\"b\"]"),
            rule(
                "step",
                "channels = [\"*\"]\nenabled = false\n[[rule.for]]\nchannel = \"b\"\nenabled = true\nmin_score = 0.8",
            ),
        ];
        let config = parse("t", &text.concat()).unwrap();
        let index = config.rule_index();
        let of = |n: usize| {
            let rules: Vec<_> = config.rules_of(&config.channel[n]).map(|r| r.into_owned()).collect();
            assert_eq!(rules, index.of(&config.channel[n]).into_iter().map(|r| r.into_owned()).collect::<Vec<_>>());
            rules.into_iter().map(|r| format!("{} {}", r.id, r.min_score)).collect::<Vec<_>>()
        };
        assert_eq!(of(0), ["by-area 0.5", "by-tag 0.5", "by-both 0.5"]);
        assert_eq!(of(1), ["by-area 0.5", "by-both 0.5", "step 0.8"]);
        assert!(of(2).is_empty());
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
