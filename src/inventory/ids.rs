//! Ids for what comes without one: from what it is called elsewhere, else from its name, else from its host. An id that
//! was ever used is never made again.

use std::collections::{HashMap, HashSet};

use super::{Kind, Snapshot};
use crate::config::{AreaKind, Channel, Config, RuleKind};
use crate::types::{AreaId, ChannelId, CredentialId, RuleId, TimetableId};

/// Longest head of a made id, so that there is room for a number behind.
const MAX_HEAD: usize = 56;

/// All ids that are taken, and the next number behind each head.
pub struct Ids {
    taken: HashSet<(Kind, String)>,
    next: HashMap<(Kind, String), u32>,
}

impl Ids {
    pub fn new(snapshot: &Snapshot, file: &Config) -> Self {
        let mut taken = snapshot.used.clone();
        taken.extend(file.channel.iter().map(|c| (Kind::Channel, c.id.to_string())));
        taken.extend(file.area.iter().map(|a| (Kind::Area, a.id.to_string())));
        taken.extend(file.credential.iter().map(|c| (Kind::Credential, c.id.to_string())));
        taken.extend(file.rule.iter().map(|r| (Kind::Rule, r.id.to_string())));
        taken.extend(file.timetable.iter().map(|t| (Kind::Timetable, t.id.to_string())));
        Self { taken, next: HashMap::new() }
    }

    /// An id that somebody chose is not made for another.
    pub fn take(&mut self, kind: Kind, id: &str) {
        self.taken.insert((kind, id.to_owned()));
    }

    /// The external number where it is one; else the letters of the name; else the host.
    pub fn channel(&mut self, channel: &Channel) -> Option<ChannelId> {
        let mut head = slug(&channel.external_id);
        if head.is_empty() {
            head = slug(&channel.name);
        }
        // A number alone, as of "1号门", would tell nothing.
        if head.len() < 3 || !head.bytes().any(|b| b.is_ascii_alphabetic()) && channel.external_id.is_empty() {
            let host = url::Url::parse(&channel.url).ok().and_then(|u| u.host_str().map(slug)).unwrap_or_default();
            head = format!("cam-{}", host.replace('.', "-"));
        }
        ChannelId::new(&self.free(Kind::Channel, &head)).ok()
    }

    pub fn area(&mut self, name: &str, kind: AreaKind) -> Option<AreaId> {
        let word = match kind {
            AreaKind::District => "district",
            AreaKind::Street => "street",
            AreaKind::Community => "community",
            AreaKind::Grid => "grid",
            AreaKind::MicroGrid => "micro-grid",
        };
        let slug = slug(name);
        let head = if slug.bytes().any(|b| b.is_ascii_alphabetic()) { slug } else { format!("{word}-1") };
        AreaId::new(&self.free(Kind::Area, &head)).ok()
    }

    pub fn credential(&mut self, username: &str) -> Option<CredentialId> {
        let slug = slug(username);
        let head = if slug.is_empty() { "login".to_owned() } else { format!("login-{slug}") };
        CredentialId::new(&self.free(Kind::Credential, &head)).ok()
    }

    pub fn rule(&mut self, kind: RuleKind) -> Option<RuleId> {
        RuleId::new(&self.free(Kind::Rule, &format!("{}-1", kind.as_str()))).ok()
    }

    pub fn timetable(&mut self, name: &str) -> Option<TimetableId> {
        let slug = slug(name);
        let head = if slug.bytes().any(|b| b.is_ascii_alphabetic()) { slug } else { "hours-1".to_owned() };
        TimetableId::new(&self.free(Kind::Timetable, &head)).ok()
    }

    /// The head, or the head with a number behind; taken from now on.
    fn free(&mut self, kind: Kind, head: &str) -> String {
        // "street-1" goes on as "street-2", not as "street-1-2".
        let (stem, first) = match head.rsplit_once('-').map(|(stem, n)| (stem, n.parse::<u32>())) {
            Some((stem, Ok(1))) => (stem, 2),
            _ => (head, 2),
        };
        if self.taken.insert((kind, head.to_owned())) {
            return head.to_owned();
        }
        let next = self.next.entry((kind, stem.to_owned())).or_insert(first);
        loop {
            let id = format!("{stem}-{next}");
            *next = next.saturating_add(1);
            if self.taken.insert((kind, id.clone())) {
                return id;
            }
        }
    }
}

/// What of a text may stand in an id; everything else becomes one hyphen.
fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9' | '.' | '_') => slug.push(c),
            _ if slug.ends_with('-') || slug.is_empty() => {}
            _ => slug.push('-'),
        }
        if slug.len() >= MAX_HEAD {
            break;
        }
    }
    slug.trim_matches(['-', '.', '_']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::record::blank_channel;

    fn ids() -> Ids {
        Ids::new(&Snapshot::default(), &Config::default())
    }

    #[test]
    fn an_id_is_made_of_the_number_then_the_name_then_the_host() {
        let channel = |external: &str, name: &str| Channel {
            external_id: external.into(),
            name: name.into(),
            url: "rtsp://10.1.2.3/x".into(),
            ..blank_channel()
        };
        let mut ids = ids();
        let mut made = |external: &str, name: &str| ids.channel(&channel(external, name)).unwrap().to_string();
        assert_eq!(made("44030500001320000001", "North Gate"), "44030500001320000001");
        assert_eq!(made("", "North Gate #2"), "north-gate-2");
        assert_eq!(made("", "North Gate #2"), "north-gate-2-2");
        assert_eq!(made("", "1号门"), "cam-10-1-2-3");
        assert_eq!(made("", "人民路口"), "cam-10-1-2-3-2");
        assert_eq!(made("44030500001320000001", ""), "44030500001320000001-2");
        assert_eq!(made("", &"x".repeat(200)).len(), MAX_HEAD);
    }

    #[test]
    fn an_id_that_was_used_is_not_made_again() {
        let mut snapshot = Snapshot::default();
        snapshot.used.insert((Kind::Area, "street-1".into()));
        let mut ids = Ids::new(&snapshot, &Config::default());
        assert_eq!(ids.area("东街", AreaKind::Street).unwrap().as_str(), "street-2");
        assert_eq!(ids.area("西街", AreaKind::Street).unwrap().as_str(), "street-3");
        assert_eq!(ids.area("East Street", AreaKind::Street).unwrap().as_str(), "east-street");
    }
}
