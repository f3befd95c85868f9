//! The configuration that a gateway runs on: the file, and what is stored.

use std::collections::HashSet;

use super::Snapshot;
use crate::config::{Config, Credential};

/// What came of putting file and inventory together.
#[derive(Debug, Clone)]
pub struct Merged {
    /// The file's channels, areas and credentials first, then those of the inventory.
    pub config: Config,
    /// Ids that stand in both, with what they are; the file wins.
    pub shadowed: Vec<String>,
    /// What does not fit together, a sentence each; nothing of it keeps a gateway from running.
    pub notes: Vec<String>,
}

/// Puts both together. A stored channel whose area is not there hangs on none; one whose credential is not there or cannot
/// be opened says so in its health, by the way of any other channel.
pub fn merged(file: Config, stored: &Snapshot) -> Merged {
    let mut config = file;
    let (mut shadowed, mut notes) = (Vec::new(), stored.broken.clone());
    let mut areas: HashSet<_> = config.area.iter().map(|a| a.id.clone()).collect();
    let of_file = areas.clone();
    areas.extend(stored.areas.iter().map(|a| a.value.id.clone()));
    for area in stored.areas.iter().map(|a| &a.value) {
        if of_file.contains(&area.id) {
            shadowed.push(format!("area {}", area.id));
            continue;
        }
        let mut area = area.clone();
        if let Some(parent) = area.parent.take_if(|p| !areas.contains(p)) {
            notes.push(format!(
                "the area above the inventory's area '{}' is gone: no area has the id '{parent}'",
                area.id
            ));
        }
        config.area.push(area);
    }
    let mut credentials: HashSet<_> = config.credential.iter().map(|c| c.id.clone()).collect();
    for credential in &stored.credentials {
        if !credentials.insert(credential.id.clone()) {
            shadowed.push(format!("credential {}", credential.id));
            continue;
        }
        let unreadable = credential.password.as_ref().err().cloned();
        if let Some(why) = &unreadable {
            notes.push(format!("the credential '{}' cannot be used: {why}", credential.id));
        }
        config.credential.push(Credential {
            id: credential.id.clone(),
            username: credential.username.clone(),
            password_file: None,
            password: credential.password.as_ref().ok().cloned(),
            unreadable,
        });
    }
    let mut channels: HashSet<_> = config.channel.iter().map(|c| c.id.clone()).collect();
    for channel in stored.channels.iter().map(|c| &c.value) {
        if !channels.insert(channel.id.clone()) {
            shadowed.push(format!("channel {}", channel.id));
            continue;
        }
        let mut channel = channel.clone();
        if let Some(area) = channel.area.take_if(|a| !areas.contains(a)) {
            notes.push(format!(
                "the area of the inventory's channel '{}' is gone: no area has the id '{area}'",
                channel.id
            ));
        }
        if let Some(id) = channel.credential.as_ref().filter(|c| !credentials.contains(*c)) {
            notes.push(format!("the inventory's channel '{}' names the credential '{id}', which is gone", channel.id));
        }
        config.channel.push(channel);
    }
    let mut timetables: HashSet<_> = config.timetable.iter().map(|t| t.id.clone()).collect();
    for table in stored.timetables.iter().map(|t| &t.value) {
        if timetables.insert(table.id.clone()) {
            config.timetable.push(table.clone());
        } else {
            shadowed.push(format!("timetable {}", table.id));
        }
    }
    let of_file_rules = config.rule.len();
    let mut rules: HashSet<_> = config.rule.iter().map(|r| r.id.clone()).collect();
    for rule in stored.rules.iter().map(|r| &r.value) {
        if rules.insert(rule.id.clone()) {
            config.rule.push(rule.clone());
        } else {
            shadowed.push(format!("rule {}", rule.id));
        }
    }
    // What the file names may have been in the inventory once: its own check leaves these to us.
    for (i, area) in config.area.iter().enumerate() {
        if let Some(parent) = area.parent.as_ref().filter(|p| !areas.contains(*p)) {
            notes.push(format!("area[{i}].parent: no area has the id '{parent}'"));
        }
    }
    for (i, channel) in config.channel.iter().enumerate() {
        if let Some(area) = channel.area.as_ref().filter(|a| !areas.contains(*a)) {
            notes.push(format!("channel[{i}].area: no area has the id '{area}'"));
        }
    }
    for (i, rule) in config.rule.iter().enumerate() {
        for name in rule.channels.iter().filter(|n| *n != "*" && !channels.contains(n.as_str())) {
            notes.push(match i < of_file_rules {
                true => format!("rule[{i}].channels: no channel has the id '{name}', so it is not watched"),
                false => format!("the inventory's rule '{}' names the channel '{name}', which is gone", rule.id),
            });
        }
        if let Some(id) = rule.timetable.as_ref().filter(|t| !timetables.contains(*t)) {
            notes.push(format!("the rule '{}' names the timetable '{id}', which is not there", rule.id));
        }
    }
    Merged { config, shadowed, notes }
}
