//! Whether changes may be made: each changed thing by the rules of the configuration, and all together by what hangs on
//! what. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    Change, Kind, Refusal, Snapshot, Stored, merged,
    record::{self, USERNAME},
};
use crate::config::{
    Area, Channel, Config, Problem, Refs, Rule, Timetable, timetable::Hours, validate, validate::MAX_AREAS,
};
use crate::types::{AreaId, ChannelId, CredentialId, RuleId, TimetableId};

/// Channels of one inventory.
const MAX_CHANNELS: usize = 100_000;

/// How a spreadsheet knows a formula. Such text never gets in, so that an export needs no escaping.
pub fn formula(text: &str) -> Option<String> {
    let bad = text.starts_with(['=', '+', '-', '@']) && text.chars().count() > 1;
    bad.then(|| "begins like a formula (= + - @); write it otherwise".to_owned())
}

/// A telephone number may begin with a plus, if it is nothing but a number.
fn telephone(text: &str) -> bool {
    text.strip_prefix('+')
        .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-' | '(' | ')')))
}

/// What is wrong with a channel by itself: (key, sentence).
pub fn channel(channel: &Channel, refs: &Refs<'_>, allow_loopback: bool) -> Vec<(String, String)> {
    let mut found: Vec<_> =
        validate::channel(channel, refs, allow_loopback).into_iter().map(|p| (p.key, p.message)).collect();
    let texts = [("name", &channel.name), ("external_id", &channel.external_id)].into_iter();
    for (key, text) in texts.chain(channel.tags.iter().map(|t| ("tags", t))) {
        found.extend(formula(text).map(|why| (key.to_owned(), why)));
    }
    found
}

/// What is wrong with an area by itself: (key, sentence).
pub fn area(area: &Area) -> Vec<(String, String)> {
    let mut found: Vec<_> = validate::area(area).into_iter().map(|p| (p.key, p.message)).collect();
    if area.name.is_empty() {
        found.push(("name".into(), "is empty; an area has a name".into()));
    }
    found.extend(formula(&area.name).map(|why| ("name".to_owned(), why)));
    for p in &area.people {
        for (key, text) in [("people.name", &p.name), ("people.role", &p.role), ("people.email", &p.email)] {
            found.extend(formula(text).map(|why| (key.to_owned(), why)));
        }
        if !telephone(&p.phone) {
            found.extend(formula(&p.phone).map(|why| ("people.phone".to_owned(), why)));
        }
    }
    found
}

/// The things as they are after the changes, those of the file included.
struct After {
    areas: BTreeMap<AreaId, Option<AreaId>>,
    credentials: HashSet<CredentialId>,
    /// Channel: area, credential, external number.
    channels: HashMap<ChannelId, (Option<AreaId>, Option<CredentialId>, String)>,
}

impl After {
    fn new(snapshot: &Snapshot, file: &Config, changed: &Changed) -> Self {
        let mut areas: BTreeMap<_, _> =
            snapshot.areas.iter().map(|a| (a.value.id.clone(), a.value.parent.clone())).collect();
        for (id, area) in &changed.areas {
            match area {
                Some(area) => areas.insert(id.clone(), area.parent.clone()),
                None => areas.remove(id),
            };
        }
        areas.extend(file.area.iter().map(|a| (a.id.clone(), a.parent.clone())));
        let mut credentials: HashSet<_> = snapshot.credentials.iter().map(|c| c.id.clone()).collect();
        for (id, is) in &changed.credentials {
            if *is {
                credentials.insert(id.clone());
            } else {
                credentials.remove(id);
            }
        }
        credentials.extend(file.credential.iter().map(|c| c.id.clone()));
        let short = |c: &Channel| (c.id.clone(), (c.area.clone(), c.credential.clone(), c.external_id.clone()));
        let mut channels: HashMap<_, _> = snapshot.channels.iter().map(|c| short(&c.value)).collect();
        for (id, channel) in &changed.channels {
            match channel {
                Some(channel) => channels.extend([short(channel)]),
                None => drop(channels.remove(id)),
            }
        }
        channels.extend(file.channel.iter().map(short));
        After { areas, credentials, channels }
    }
}

/// The changed things, read.
#[derive(Default)]
struct Changed {
    channels: Vec<(ChannelId, Option<Channel>)>,
    areas: Vec<(AreaId, Option<Area>)>,
    credentials: Vec<(CredentialId, bool)>,
    rules: Vec<(RuleId, Option<Rule>)>,
    timetables: Vec<(TimetableId, Option<Timetable>)>,
}

/// What the changes may not do; empty: they may be made.
pub fn changes(snapshot: &Snapshot, file: &Config, changes: &[Change]) -> Vec<Refusal> {
    let mut refused = Vec::new();
    let changed = read(changes, &mut refused);
    let after = After::new(snapshot, file, &changed);
    fixed(file, &changed, &mut refused);
    let mut refuse = |kind, id: &str, field: &str, reason: String| {
        refused.push(Refusal { kind, id: id.to_owned(), field: field.to_owned(), reason });
    };
    if after.channels.len() > MAX_CHANNELS {
        refuse(Kind::Channel, "", "", format!("would be {} channels; at most {MAX_CHANNELS}", after.channels.len()));
    }
    if after.areas.len() > MAX_AREAS {
        let before: HashSet<_> = snapshot.areas.iter().map(|a| &a.value.id).collect();
        // What was taken in before there was a bound may be changed, and become less.
        if changed.areas.iter().any(|(id, area)| area.is_some() && !before.contains(id)) {
            refuse(Kind::Area, "", "", validate::too_many_areas(after.areas.len()));
        }
    }
    let refs = Refs { areas: after.areas.keys().collect(), credentials: after.credentials.iter().collect() };
    let mut numbers: HashMap<&str, Vec<&ChannelId>> = HashMap::new();
    for (id, (_, _, number)) in after.channels.iter().filter(|(_, c)| !c.2.is_empty()) {
        numbers.entry(number).or_default().push(id);
    }
    for (id, one) in changed.channels.iter().filter_map(|(id, c)| Some((id, c.as_ref()?))) {
        for (key, reason) in channel(one, &refs, file.ingest.allow_loopback) {
            refuse(Kind::Channel, id.as_str(), &key, reason);
        }
        if let Some(other) = numbers.get(one.external_id.as_str()).and_then(|ids| ids.iter().find(|o| **o != id)) {
            refuse(Kind::Channel, id.as_str(), "external_id", format!("is that of the channel '{other}' already"));
        }
    }
    for (id, one) in changed.areas.iter().filter_map(|(id, a)| Some((id, a.as_ref()?))) {
        for (key, reason) in area(one) {
            refuse(Kind::Area, id.as_str(), &key, reason);
        }
        if let Err(reason) = parents(id, one, &after.areas) {
            refuse(Kind::Area, id.as_str(), "parent", reason);
        }
    }
    hanging(&changed, &after, &mut refuse);
    rules(snapshot, file, &changed, &mut refuse);
    refused
}

fn read(changes: &[Change], refused: &mut Vec<Refusal>) -> Changed {
    let mut changed = Changed::default();
    for change in changes {
        let mut refuse = |field: &str, reason: String| {
            refused.push(Refusal { kind: change.kind, id: change.id.clone(), field: field.into(), reason });
        };
        match change.kind {
            Kind::Channel => {
                let object = change.after.as_ref().map(|f| record::object::<Channel>(&change.id, f)).transpose();
                match (ChannelId::new(&change.id), object) {
                    (Ok(id), Ok(object)) => changed.channels.push((id, object)),
                    (Err(e), _) => refuse("id", e.to_string()),
                    (_, Err(e)) => refuse("", e.to_string()),
                }
            }
            Kind::Area => {
                let object = change.after.as_ref().map(|f| record::object::<Area>(&change.id, f)).transpose();
                match (AreaId::new(&change.id), object) {
                    (Ok(id), Ok(object)) => changed.areas.push((id, object)),
                    (Err(e), _) => refuse("id", e.to_string()),
                    (_, Err(e)) => refuse("", e.to_string()),
                }
            }
            Kind::Rule => {
                let object = change.after.as_ref().map(|f| record::object::<Rule>(&change.id, f)).transpose();
                match (RuleId::new(&change.id), object) {
                    (Ok(id), Ok(object)) => changed.rules.push((id, object)),
                    (Err(e), _) => refuse("id", e.to_string()),
                    (_, Err(e)) => refuse("", e.to_string()),
                }
            }
            Kind::Timetable => {
                let object = change.after.as_ref().map(|f| record::object::<Timetable>(&change.id, f)).transpose();
                match (TimetableId::new(&change.id), object) {
                    (Ok(id), Ok(object)) => changed.timetables.push((id, object)),
                    (Err(e), _) => refuse("id", e.to_string()),
                    (_, Err(e)) => refuse("", e.to_string()),
                }
            }
            Kind::Credential => match CredentialId::new(&change.id) {
                Ok(id) => {
                    if let Some(after) = &change.after {
                        let name = after.get(USERNAME).and_then(|v| v.as_str()).unwrap_or_default();
                        if !(1..=128).contains(&name.len()) || name.chars().any(char::is_control) {
                            refuse("username", "must have 1 to 128 characters and no control characters".into());
                        }
                    }
                    changed.credentials.push((id, change.after.is_some()));
                }
                Err(e) => refuse("id", e.to_string()),
            },
        }
    }
    changed
}

/// What stands in the file is changed there.
fn fixed(file: &Config, changed: &Changed, refused: &mut Vec<Refusal>) {
    let channels: HashSet<_> = file.channel.iter().map(|c| &c.id).collect();
    let areas: HashSet<_> = file.area.iter().map(|a| &a.id).collect();
    let credentials: HashSet<_> = file.credential.iter().map(|c| &c.id).collect();
    let of_channels =
        changed.channels.iter().filter(|(id, _)| channels.contains(id)).map(|(id, _)| (Kind::Channel, id.to_string()));
    let of_areas =
        changed.areas.iter().filter(|(id, _)| areas.contains(id)).map(|(id, _)| (Kind::Area, id.to_string()));
    let of_credentials = changed
        .credentials
        .iter()
        .filter(|(id, _)| credentials.contains(id))
        .map(|(id, _)| (Kind::Credential, id.to_string()));
    let rules: HashSet<_> = file.rule.iter().map(|r| &r.id).collect();
    let timetables: HashSet<_> = file.timetable.iter().map(|t| &t.id).collect();
    let of_rules =
        changed.rules.iter().filter(|(id, _)| rules.contains(id)).map(|(id, _)| (Kind::Rule, id.to_string()));
    let of_timetables = changed
        .timetables
        .iter()
        .filter(|(id, _)| timetables.contains(id))
        .map(|(id, _)| (Kind::Timetable, id.to_string()));
    for (kind, id) in of_channels.chain(of_areas).chain(of_credentials).chain(of_rules).chain(of_timetables) {
        let reason = "stands in the configuration file; change it there".to_owned();
        refused.push(Refusal { kind, id, field: String::new(), reason });
    }
}

fn parents(id: &AreaId, area: &Area, areas: &BTreeMap<AreaId, Option<AreaId>>) -> Result<(), String> {
    let mut at = area.parent.as_ref();
    let mut steps = 0;
    while let Some(parent) = at {
        if parent == id {
            return Err("the parents form a circle; one area must have no parent".into());
        }
        let Some(next) = areas.get(parent) else { return Err(format!("no area has the id '{parent}'")) };
        steps += 1;
        if steps > 16 {
            return Err("is more than 16 areas deep; the tree has at most five levels".into());
        }
        at = next.as_ref();
    }
    Ok(())
}

/// Nothing goes that others hang on.
fn hanging(changed: &Changed, after: &After, refuse: &mut impl FnMut(Kind, &str, &str, String)) {
    let gone: Vec<_> = changed.areas.iter().filter(|(id, a)| a.is_none() && !after.areas.contains_key(id)).collect();
    if !gone.is_empty() {
        let (mut below, mut on): (HashMap<&AreaId, usize>, HashMap<&AreaId, usize>) = Default::default();
        after.areas.values().flatten().for_each(|p| *below.entry(p).or_default() += 1);
        after.channels.values().filter_map(|c| c.0.as_ref()).for_each(|a| *on.entry(a).or_default() += 1);
        for (id, _) in gone {
            let (areas, channels) = (below.get(id).copied().unwrap_or(0), on.get(id).copied().unwrap_or(0));
            if areas + channels > 0 {
                let reason = format!("{areas} areas and {channels} channels hang on it; move or remove them first");
                refuse(Kind::Area, id.as_str(), "", reason);
            }
        }
    }
    for (id, _) in changed.credentials.iter().filter(|(id, is)| !is && !after.credentials.contains(id)) {
        let used = after.channels.values().filter(|c| c.1.as_ref() == Some(id)).count();
        if used > 0 {
            refuse(Kind::Credential, id.as_str(), "", format!("{used} channels use it; give them another one first"));
        }
    }
}

/// Rules and timetables stored beside those of the file.
const MAX_RULES: usize = 2000;

/// Each changed rule and timetable against all that there would be; nothing goes that a rule names.
fn rules(snapshot: &Snapshot, file: &Config, changed: &Changed, refuse: &mut impl FnMut(Kind, &str, &str, String)) {
    let areas_gone = changed.areas.iter().any(|(_, a)| a.is_none());
    if changed.rules.is_empty() && changed.timetables.is_empty() && !areas_gone {
        return;
    }
    let config = merged(file.clone(), &after(snapshot, changed)).config;
    if config.rule.len() > MAX_RULES {
        refuse(Kind::Rule, "", "", format!("would be {} rules; at most {MAX_RULES}", config.rule.len()));
    }
    let refs = config.rule_refs();
    for (id, rule) in changed.rules.iter().filter_map(|(id, r)| Some((id, r.as_ref()?))) {
        // What was wrong before is not this edit's fault: a rule that names a camera which has gone could never be changed
        // again, and not be disarmed either.
        let before = snapshot.rule(id.as_str()).map(|r| validate::rule(&r.value, &refs)).unwrap_or_default();
        let new = |p: &Problem| before.iter().all(|old| old.message != p.message);
        for problem in validate::rule(rule, &refs).into_iter().filter(new) {
            refuse(Kind::Rule, id.as_str(), &problem.key, problem.message);
        }
    }
    for (id, table) in changed.timetables.iter().filter_map(|(id, t)| Some((id, t.as_ref()?))) {
        for problem in Hours::read(table, &config.node.time_zone).err().unwrap_or_default() {
            refuse(Kind::Timetable, id.as_str(), &problem.key, problem.message);
        }
        if let Some(why) = formula(&table.name) {
            refuse(Kind::Timetable, id.as_str(), "name", why);
        }
    }
    let there: HashSet<_> = config.timetable.iter().map(|t| &t.id).collect();
    for (id, _) in changed.timetables.iter().filter(|(id, t)| t.is_none() && !there.contains(id)) {
        let by = config.rule.iter().filter(|r| r.timetable.as_ref() == Some(id)).count();
        if by > 0 {
            refuse(Kind::Timetable, id.as_str(), "", format!("{by} rules go by it; give them another one first"));
        }
    }
    let there: HashSet<_> = config.area.iter().map(|a| &a.id).collect();
    for (id, _) in changed.areas.iter().filter(|(id, a)| a.is_none() && !there.contains(id)) {
        let by = config.rule.iter().filter(|r| r.areas.contains(id)).count();
        if by > 0 {
            refuse(Kind::Area, id.as_str(), "", format!("{by} rules are for it; give them other areas first"));
        }
    }
}

/// The inventory with the changes made.
fn after(snapshot: &Snapshot, changed: &Changed) -> Snapshot {
    fn put<T: Clone, I: PartialEq>(all: &mut Vec<Stored<T>>, changed: &[(I, Option<T>)], id: impl Fn(&T) -> &I) {
        for (of, value) in changed {
            all.retain(|s| id(&s.value) != of);
            all.extend(value.clone().map(|value| Stored { value, rev: 0 }));
        }
    }
    let mut after = snapshot.clone();
    put(&mut after.areas, &changed.areas, |a| &a.id);
    put(&mut after.timetables, &changed.timetables, |t| &t.id);
    put(&mut after.rules, &changed.rules, |r| &r.id);
    // An import changes thousands of them.
    let of: HashMap<_, _> = changed.channels.iter().map(|(id, c)| (id, c)).collect();
    after.channels.retain(|c| !of.contains_key(&c.value.id));
    after.channels.extend(of.into_values().flatten().map(|c| Stored { value: c.clone(), rev: 0 }));
    after
}
