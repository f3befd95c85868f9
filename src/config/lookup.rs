//! Questions to a configuration: which rules and which areas a channel has, what a password is.

use std::collections::BTreeMap;

use super::{Channel, Config, Credential, Rule, secret_file};
use crate::types::{AreaId, ConditionSet, Secret};

/// The area tree, read once for any number of questions.
pub struct AreaPaths<'a> {
    parents: BTreeMap<&'a AreaId, Option<&'a AreaId>>,
}

impl AreaPaths<'_> {
    /// Ids from the root of the area tree to the channel's area; empty for a channel on no area.
    pub fn of(&self, channel: &Channel) -> Vec<AreaId> {
        let mut path = Vec::new();
        let mut at = channel.area.as_ref();
        while let Some(id) = at {
            // `validate` refuses cycles; the bound keeps an unvalidated tree harmless.
            if path.len() >= 32 {
                break;
            }
            path.push(id.clone());
            at = self.parents.get(id).copied().flatten();
        }
        path.reverse();
        path
    }
}

impl Config {
    pub fn area_paths(&self) -> AreaPaths<'_> {
        AreaPaths { parents: self.area.iter().map(|a| (&a.id, a.parent.as_ref())).collect() }
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
            .filter(move |r| r.zones.is_empty() || r.zones.iter().any(|z| channel.zone.iter().any(|cz| cz.id == *z)))
    }
}

impl Channel {
    /// The name for people.
    pub fn display_name(&self) -> &str {
        if self.name.is_empty() { self.id.as_str() } else { &self.name }
    }
}

impl Credential {
    /// Reads the password, from the file where one is named.
    pub fn read_password(&self) -> std::io::Result<Secret> {
        match (&self.password_file, &self.password) {
            (Some(path), _) => secret_file::read(path),
            (None, Some(secret)) => Ok(secret.clone()),
            (None, None) => Ok(Secret::default()),
        }
    }
}
