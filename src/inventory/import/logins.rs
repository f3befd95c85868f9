//! User names and passwords of rows: each pair is one credential, that which is there already or a new one.

use std::collections::{HashMap, HashSet};

use crate::config::Config;
use crate::inventory::{Snapshot, edit::Op, ids::Ids};
use crate::types::{CredentialId, Secret};

/// Pairs and their credentials. Passwords stay in here and in the edit.
pub struct Logins {
    known: HashSet<CredentialId>,
    pairs: HashMap<(String, String), Vec<CredentialId>>,
    made: Vec<(CredentialId, String, Secret)>,
    wanted: HashSet<CredentialId>,
}

impl Logins {
    /// Reads the password files that the configuration names.
    pub fn new(snapshot: &Snapshot, file: &Config) -> Self {
        let mut logins =
            Logins { known: HashSet::new(), pairs: HashMap::new(), made: Vec::new(), wanted: HashSet::new() };
        for c in &file.credential {
            // One that cannot be read is nobody's pair.
            if let Ok(password) = c.read_password() {
                logins.add(&c.username, &password, &c.id);
            }
            logins.known.insert(c.id.clone());
        }
        for c in &snapshot.credentials {
            if let Ok(password) = &c.password {
                logins.add(&c.username, password, &c.id);
            }
            logins.known.insert(c.id.clone());
        }
        logins
    }

    fn add(&mut self, username: &str, password: &Secret, id: &CredentialId) {
        let pair = (username.to_owned(), password.expose().to_owned());
        self.pairs.entry(pair).or_default().push(id.clone());
    }

    pub fn knows(&self, id: &CredentialId) -> bool {
        self.known.contains(id)
    }

    /// The credential of a pair; of several the one that the channel has.
    pub fn of(
        &mut self,
        username: &str,
        password: &str,
        has: Option<&CredentialId>,
        ids: &mut Ids,
    ) -> Option<CredentialId> {
        let known = self.pairs.get(&(username.to_owned(), password.to_owned()));
        if let Some(found) = known.and_then(|k| k.iter().find(|id| Some(*id) == has).or(k.first())) {
            return Some(found.clone());
        }
        let id = ids.credential(username)?;
        let password = Secret::new(password);
        self.add(username, &password, &id);
        self.made.push((id.clone(), username.to_owned(), password));
        Some(id)
    }

    /// A good row wants the credential.
    pub fn want(&mut self, id: &CredentialId) {
        self.wanted.insert(id.clone());
    }

    /// What was made and is wanted.
    pub fn made(self) -> Vec<(CredentialId, String, Op)> {
        let wanted = self.wanted;
        self.made
            .into_iter()
            .filter(|(id, ..)| wanted.contains(id))
            .map(|(id, username, password)| {
                let op = Op::PutCredential { id: id.clone(), username: username.clone(), password: Some(password) };
                (id, username, op)
            })
            .collect()
    }
}
