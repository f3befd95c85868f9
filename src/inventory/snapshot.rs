//! All that the inventory holds at one revision.

use std::collections::HashSet;

use super::{
    Kind, Rev,
    record::{self, Fields},
};
use crate::config::{Area, Channel, Rule, Timetable};
use crate::types::{CredentialId, Secret};

/// In the order in which things came in.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    pub rev: Rev,
    pub channels: Vec<Stored<Channel>>,
    pub areas: Vec<Stored<Area>>,
    pub credentials: Vec<StoredCredential>,
    pub rules: Vec<Stored<Rule>>,
    pub timetables: Vec<Stored<Timetable>>,
    /// Records that cannot be read, one sentence each; the rest is good.
    pub broken: Vec<String>,
    /// Every id that was ever used, those of what is gone too.
    pub(super) used: HashSet<(Kind, String)>,
}

/// An object and the revision that changed it last.
#[derive(Debug, Clone)]
pub struct Stored<T> {
    pub value: T,
    pub rev: Rev,
}

/// A user name and a password, sealed at rest.
#[derive(Debug, Clone)]
pub struct StoredCredential {
    pub id: CredentialId,
    pub username: String,
    /// The sentence says why it cannot be opened.
    pub password: Result<Secret, String>,
    pub(super) sealed: String,
    pub rev: Rev,
}

impl StoredCredential {
    pub(super) fn fields(&self) -> Fields {
        record::credential_fields(&self.username, &self.sealed)
    }
}

impl Snapshot {
    pub fn channel(&self, id: &str) -> Option<&Stored<Channel>> {
        self.channels.iter().find(|c| c.value.id.as_str() == id)
    }
    pub fn area(&self, id: &str) -> Option<&Stored<Area>> {
        self.areas.iter().find(|a| a.value.id.as_str() == id)
    }
    pub fn rule(&self, id: &str) -> Option<&Stored<Rule>> {
        self.rules.iter().find(|r| r.value.id.as_str() == id)
    }
    pub fn timetable(&self, id: &str) -> Option<&Stored<Timetable>> {
        self.timetables.iter().find(|t| t.value.id.as_str() == id)
    }
    /// The revision that changed a thing last; none where it is not there.
    pub(super) fn rev_of(&self, kind: Kind, id: &str) -> Option<Rev> {
        match kind {
            Kind::Channel => self.channel(id).map(|s| s.rev),
            Kind::Area => self.area(id).map(|s| s.rev),
            Kind::Credential => self.credential(id).map(|s| s.rev),
            Kind::Rule => self.rule(id).map(|s| s.rev),
            Kind::Timetable => self.timetable(id).map(|s| s.rev),
        }
    }
    pub fn credential(&self, id: &str) -> Option<&StoredCredential> {
        self.credentials.iter().find(|c| c.id.as_str() == id)
    }
}
