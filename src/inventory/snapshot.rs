//! All that the inventory holds at one revision.

use std::collections::HashSet;

use super::{
    Kind, Rev,
    record::{self, Fields},
};
use crate::config::{Area, Channel};
use crate::types::{CredentialId, Secret};

/// In the order in which things came in.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    pub rev: Rev,
    pub channels: Vec<Stored<Channel>>,
    pub areas: Vec<Stored<Area>>,
    pub credentials: Vec<StoredCredential>,
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
    pub fn credential(&self, id: &str) -> Option<&StoredCredential> {
        self.credentials.iter().find(|c| c.id.as_str() == id)
    }
}
