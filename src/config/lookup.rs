//! Questions to a configuration: which rules and which areas a channel has, what a password is.

use std::collections::HashMap;

use super::{Area, Channel, Config, Credential, Rule, secret_file};
use crate::types::{AreaId, Secret};

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
        let mut path = Vec::new();
        let mut at = channel.area.as_ref();
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

impl Config {
    pub fn area_paths(&self) -> AreaPaths<'_> {
        AreaPaths { areas: self.area.iter().map(|a| (&a.id, a)).collect() }
    }

    /// Of one channel; whoever asks for many reads the tree once with `area_paths`.
    pub fn area_path(&self, channel: &Channel) -> Vec<AreaId> {
        self.area_paths().of(channel)
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
