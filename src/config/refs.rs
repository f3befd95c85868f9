//! What a channel may name, by id: areas and credentials, read once for any number of questions.

use std::collections::HashSet;

use super::Config;
use crate::types::{AreaId, CredentialId};

/// The ids that are there.
#[derive(Debug, Clone, Default)]
pub struct Refs<'a> {
    pub areas: HashSet<&'a AreaId>,
    pub credentials: HashSet<&'a CredentialId>,
}

impl Config {
    /// What this configuration's channels may name.
    pub fn refs(&self) -> Refs<'_> {
        Refs {
            areas: self.area.iter().map(|a| &a.id).collect(),
            credentials: self.credential.iter().map(|c| &c.id).collect(),
        }
    }
}
