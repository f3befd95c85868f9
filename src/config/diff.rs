//! What differs between two configurations, field by field, so that a change touches only what it names.
//!
//! Takes the one that runs and the one that shall run; gives changes by kind, id and field, a sentence about them for the
//! log and the record of who did what, and the channels that changed rules concern. It names fields, never values: a
//! value may be a secret. Linear in the size of both; meant for tens of thousands of channels.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::Serialize;
use serde_json::Value;

use super::{Area, Channel, Config, Credential, Feed, Procedure, Rule, RuleIndex, Timetable, Webhook};
use crate::types::ChannelId;

/// What a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Channel,
    Area,
    Credential,
    Timetable,
    Rule,
    Webhook,
    Feed,
    Procedure,
    /// One of the tables in brackets, `[ingest]` for instance.
    Section,
}

impl Kind {
    fn name(self, many: bool) -> &'static str {
        match (self, many) {
            (Kind::Channel, false) => "channel",
            (Kind::Channel, true) => "channels",
            (Kind::Area, false) => "area",
            (Kind::Area, true) => "areas",
            (Kind::Credential, false) => "credential",
            (Kind::Credential, true) => "credentials",
            (Kind::Timetable, false) => "timetable",
            (Kind::Timetable, true) => "timetables",
            (Kind::Rule, false) => "rule",
            (Kind::Rule, true) => "rules",
            (Kind::Webhook, false) => "webhook",
            (Kind::Webhook, true) => "webhooks",
            (Kind::Feed, false) => "feed",
            (Kind::Feed, true) => "feeds",
            (Kind::Procedure, false) => "procedure",
            (Kind::Procedure, true) => "procedures",
            (Kind::Section, false) => "section",
            (Kind::Section, true) => "sections",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    Added,
    Changed,
    Removed,
}

/// One thing that is new, other or gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub kind: Kind,
    pub id: String,
    pub op: Op,
    /// The keys that differ, of a change only.
    pub fields: Vec<String>,
}

/// All that differs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Diff {
    pub changes: Vec<Change>,
}

/// Channels, as few or as all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Concerned {
    All,
    These(HashSet<String>),
}

impl Concerned {
    pub fn holds(&self, id: &ChannelId) -> bool {
        match self {
            Concerned::All => true,
            Concerned::These(ids) => ids.contains(id.as_str()),
        }
    }
}

impl Diff {
    pub fn between(old: &Config, new: &Config) -> Diff {
        let mut changes = Vec::new();
        pairs(Kind::Area, &old.area, &new.area, &mut changes);
        pairs(Kind::Credential, &old.credential, &new.credential, &mut changes);
        pairs(Kind::Channel, &old.channel, &new.channel, &mut changes);
        pairs(Kind::Timetable, &old.timetable, &new.timetable, &mut changes);
        pairs(Kind::Rule, &old.rule, &new.rule, &mut changes);
        pairs(Kind::Procedure, &old.procedure, &new.procedure, &mut changes);
        let change = |id: &str| Change { kind: Kind::Section, id: id.to_owned(), op: Op::Changed, fields: Vec::new() };
        pairs(Kind::Webhook, &old.webhook, &new.webhook, &mut changes);
        pairs(Kind::Feed, &old.feed, &new.feed, &mut changes);
        changes.extend(Sections::of(old).changed(new).into_iter().map(change));
        // Taken over at once, so it is none of the sections that wait for a restart.
        if old.homeassistant != new.homeassistant {
            changes.push(change("homeassistant"));
        }
        Diff { changes }
    }

    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Changes of one kind.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(move |c| c.kind == kind)
    }

    /// Channels that a new, other or removed rule is or was for, rules under a timetable that changed among them.
    pub fn under_changed_rules(&self, old: &Config, new: &Config) -> Concerned {
        let ids = |kind| self.of(kind).map(|c| c.id.as_str()).collect::<HashSet<&str>>();
        let (rules, timetables) = (ids(Kind::Rule), ids(Kind::Timetable));
        // Times are in the node's zone where a timetable names none.
        let zone = old.node.time_zone != new.node.time_zone;
        let changed = |r: &&Rule| {
            let hours = r.timetable.as_ref().is_some_and(|t| zone || timetables.contains(t.as_str()));
            hours || rules.contains(r.id.as_str())
        };
        let mut ids = HashSet::new();
        for config in [old, new] {
            let rules: Vec<&Rule> = config.rule.iter().filter(changed).collect();
            if rules.iter().any(|r| r.channels.iter().any(|c| c == "*")) {
                return Concerned::All;
            }
            if rules.is_empty() {
                continue;
            }
            let index = RuleIndex::new(config, rules.into_iter());
            let under = config.channel.iter().filter(|c| !index.chosen(c).is_empty());
            ids.extend(under.map(|c| c.id.as_str().to_owned()));
        }
        Concerned::These(ids)
    }

    /// One line for people: `2 channels changed (name, url): gate-1, gate-2; 1 area added: north`. At most `most` ids of
    /// each kind are named.
    pub fn summary(&self, most: usize) -> String {
        if self.is_empty() {
            return "nothing changed".to_owned();
        }
        let mut groups: BTreeMap<(Kind, Op), Vec<&Change>> = BTreeMap::new();
        for change in &self.changes {
            groups.entry((change.kind, change.op)).or_default().push(change);
        }
        let told = groups.into_iter().map(|((kind, op), changes)| {
            let ids: Vec<&str> = changes.iter().map(|c| c.id.as_str()).collect();
            let fields: BTreeSet<&str> = changes.iter().flat_map(|c| c.fields.iter().map(String::as_str)).collect();
            let op = match op {
                Op::Added => "added",
                Op::Changed => "changed",
                Op::Removed => "removed",
            };
            let fields = if fields.is_empty() {
                String::new()
            } else {
                format!(" ({})", fields.into_iter().collect::<Vec<_>>().join(", "))
            };
            let more = if ids.len() > most { ", …" } else { "" };
            let named = ids.iter().take(most).copied().collect::<Vec<_>>().join(", ");
            format!("{} {} {op}{fields}: {named}{more}", ids.len(), kind.name(ids.len() != 1))
        });
        told.collect::<Vec<_>>().join("; ")
    }
}

/// Something with an id whose fields can be compared.
trait Item {
    fn id(&self) -> &str;
    fn same(&self, other: &Self) -> bool;
    /// Keys of what differs.
    fn differing(&self, other: &Self) -> Vec<String>;
}

macro_rules! serialised {
    ($($type:ty),*) => {$(
        impl Item for $type {
            fn id(&self) -> &str {
                self.id.as_str()
            }
            fn same(&self, other: &Self) -> bool {
                self == other
            }
            fn differing(&self, other: &Self) -> Vec<String> {
                let (Ok(Value::Object(old)), Ok(Value::Object(new))) =
                    (serde_json::to_value(self), serde_json::to_value(other))
                else {
                    return Vec::new();
                };
                new.iter().filter(|(key, value)| old.get(*key) != Some(value)).map(|(key, _)| key.clone()).collect()
            }
        }
    )*};
}

serialised!(Area, Channel, Procedure, Rule, Timetable, Webhook, Feed);

impl Item for Credential {
    fn id(&self) -> &str {
        self.id.as_str()
    }
    fn same(&self, other: &Self) -> bool {
        self.differing(other).is_empty()
    }
    fn differing(&self, other: &Self) -> Vec<String> {
        let password = |c: &Self| c.password.as_ref().map(|p| p.expose().to_owned());
        let mut fields = Vec::new();
        for (key, changed) in [
            ("username", self.username != other.username),
            ("password_file", self.password_file != other.password_file),
            ("password", password(self) != password(other) || self.unreadable != other.unreadable),
        ] {
            if changed {
                fields.push(key.to_owned());
            }
        }
        fields
    }
}

fn pairs<T: Item>(kind: Kind, old: &[T], new: &[T], changes: &mut Vec<Change>) {
    let before: HashMap<&str, &T> = old.iter().map(|o| (o.id(), o)).collect();
    let change = |id: &str, op, fields| Change { kind, id: id.to_owned(), op, fields };
    for item in new {
        match before.get(item.id()) {
            None => changes.push(change(item.id(), Op::Added, Vec::new())),
            Some(o) if o.same(item) => {}
            Some(o) => changes.push(change(item.id(), Op::Changed, o.differing(item))),
        }
    }
    let after: HashSet<&str> = new.iter().map(Item::id).collect();
    changes.extend(old.iter().filter(|o| !after.contains(o.id())).map(|o| change(o.id(), Op::Removed, Vec::new())));
}

/// The tables that stages are made with, to be compared later: a stage takes another one over only at a restart.
#[derive(Debug, Clone)]
pub struct Sections(Vec<(&'static str, String)>);

impl Sections {
    pub fn of(config: &Config) -> Sections {
        macro_rules! told {
            ($($section:ident),*) => {{
                // Named one by one, so that a new one does not compile until it stands here.
                let Config {
                    $($section,)*
                    area: _, credential: _, channel: _, timetable: _, rule: _, webhook: _, feed: _, homeassistant: _,
                    procedure: _,
                } = config;
                vec![$((stringify!($section), format!("{:?}", $section))),*]
            }};
        }
        Sections(told!(
            node, ingest, media, sample, schedule, decode, infer, track, alert, evidence, outbox, publish, web, map,
            store, telemetry, condition, position
        ))
    }

    /// Names of the tables that are others in `new`.
    pub fn changed(&self, new: &Config) -> Vec<&'static str> {
        let new = Sections::of(new);
        self.0.iter().zip(new.0).filter(|(old, new)| old.1 != new.1).map(|(old, _)| old.0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    const OLD: &str = r#"
[[area]]
id = "north"
name = "North"
kind = "street"
[[credential]]
id = "cam"
username = "root"
password = "canary-one"
[[channel]]
id = "a"
url = "rtsp://10.0.0.1/"
credential = "cam"
[[channel]]
id = "b"
url = "rtsp://10.0.0.2/"
[[rule]]
id = "people"
type = "presence"
channels = ["a"]
"#;

    fn diff(change: impl Fn(String) -> String) -> (Diff, Config, Config) {
        let (old, new) = (parse("old", OLD).unwrap(), parse("new", &change(OLD.to_owned())).unwrap());
        (Diff::between(&old, &new), old, new)
    }

    #[test]
    fn equal_is_empty() {
        let (d, ..) = diff(|t| format!("{t}\n# a comment\n"));
        assert!(d.is_empty(), "{d:?}");
        assert_eq!(d.summary(3), "nothing changed");
    }

    #[test]
    fn what_was_put_back_waits_for_no_restart() {
        let other = format!("[web]\nlisten = \"127.0.0.1:9090\"\n{OLD}");
        let (old, new) = (parse("old", OLD).unwrap(), parse("new", &other).unwrap());
        let begun = Sections::of(&old);
        assert_eq!(begun.changed(&new), ["web"]);
        assert!(begun.changed(&old).is_empty());
        assert_eq!(Diff::between(&new, &old).of(Kind::Section).count(), 1, "a change it is nevertheless");
    }

    #[test]
    fn a_change_names_its_fields_and_nothing_else() {
        let (d, ..) = diff(|t| t.replace("rtsp://10.0.0.2/\"", "rtsp://10.0.0.3/\"\nname = \"Gate\"\nweight = 2.0"));
        let mut fields = d.changes[0].fields.clone();
        fields.sort();
        assert_eq!((d.changes.len(), d.changes[0].id.as_str(), d.changes[0].op), (1, "b", Op::Changed));
        assert_eq!(fields, ["name", "url", "weight"]);
        assert_eq!(d.summary(3), "1 channel changed (name, url, weight): b");
    }

    #[test]
    fn a_password_is_named_and_never_told() {
        let (d, ..) = diff(|t| t.replace("canary-one", "canary-two"));
        assert_eq!(d.summary(3), "1 credential changed (password): cam");
        assert!(!format!("{d:?}").contains("canary"));
    }

    #[test]
    fn added_and_removed_are_told_in_one_line() {
        let (d, ..) = diff(|t| {
            t.replace("id = \"b\"", "id = \"c\"")
                .replace("[[credential]]", "[ingest]\nbackoff_max_s = 9\n[[credential]]")
        });
        assert_eq!(d.summary(3), "1 channel added: c; 1 channel removed: b; 1 section changed: ingest");
    }

    #[test]
    fn only_channels_of_changed_rules_are_concerned() {
        let (d, old, new) = diff(|t| t.replace("channels = [\"a\"]", "channels = [\"b\"]"));
        let concerned = d.under_changed_rules(&old, &new);
        assert_eq!(concerned, Concerned::These(HashSet::from(["a".to_owned(), "b".to_owned()])));
        let (d, old, new) = diff(|t| t.replace("channels = [\"a\"]", "channels = [\"*\"]"));
        assert_eq!(d.under_changed_rules(&old, &new), Concerned::All);
        let (d, old, new) = diff(|t| t.replace("North", "The north"));
        assert_eq!(d.under_changed_rules(&old, &new), Concerned::These(HashSet::new()), "an area is no rule");
    }

    #[test]
    fn a_procedure_needs_no_restart() {
        let more = "[[procedure]]\nid = \"fire\"\ntitle = \"Fire\"\nsteps = [\"Call\"]\n";
        let (d, old, new) = diff(|t| t + more);
        assert_eq!(d.summary(3), "1 procedure added: fire");
        assert!(Sections::of(&old).changed(&new).is_empty());
    }

    #[test]
    fn many_ids_are_cut() {
        let more: String =
            (0..9).map(|i| format!("[[channel]]\nid = \"x{i}\"\nurl = \"rtsp://10.0.1.{i}/\"\n")).collect();
        let (d, ..) = diff(|t| t + &more);
        assert_eq!(d.summary(2), "9 channels added: x0, x1, …");
    }
}
