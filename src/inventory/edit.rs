//! An edit: what somebody wants to be so, turned into changes against a snapshot, checked, and written.

use std::collections::{BTreeMap, HashMap};

use super::{
    Change, Inventory, InventoryError, Kind, Refusal, Rev, Snapshot, Source, check, record, seal::Key, write::Meta,
};
use crate::config::{Area, Channel, Config, Rule, Timetable};
use crate::types::{AreaId, ChannelId, CredentialId, RuleId, Secret, TimetableId};

/// Another edit may come in between; after so many it is said.
pub(super) const TRIES: usize = 10;

/// One wish. Of several about one thing the last counts.
#[derive(Debug, Clone)]
pub enum Op {
    PutChannel(Box<Channel>),
    RemoveChannel(ChannelId),
    PutArea(Area),
    RemoveArea(AreaId),
    /// Without a password the one that is there stays.
    PutCredential {
        id: CredentialId,
        username: String,
        password: Option<Secret>,
    },
    RemoveCredential(CredentialId),
    PutRule(Box<Rule>),
    RemoveRule(RuleId),
    PutTimetable(Timetable),
    RemoveTimetable(TimetableId),
}

impl Op {
    /// What it is about.
    pub fn place(&self) -> (Kind, &str) {
        match self {
            Op::PutChannel(c) => (Kind::Channel, c.id.as_str()),
            Op::RemoveChannel(id) => (Kind::Channel, id.as_str()),
            Op::PutArea(a) => (Kind::Area, a.id.as_str()),
            Op::RemoveArea(id) => (Kind::Area, id.as_str()),
            Op::PutCredential { id, .. } | Op::RemoveCredential(id) => (Kind::Credential, id.as_str()),
            Op::PutRule(r) => (Kind::Rule, r.id.as_str()),
            Op::RemoveRule(id) => (Kind::Rule, id.as_str()),
            Op::PutTimetable(t) => (Kind::Timetable, t.id.as_str()),
            Op::RemoveTimetable(id) => (Kind::Timetable, id.as_str()),
        }
    }
}

/// What the caller knew when it decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Expect {
    #[default]
    Anything,
    /// None of the things that the edit touches was changed after this revision.
    Untouched(Rev),
    /// The whole inventory is at this revision.
    Exactly(Rev),
}

/// Wishes of one author that come true together or not at all.
#[derive(Debug, Clone)]
pub struct Edit {
    pub ops: Vec<Op>,
    pub author: String,
    pub source: Source,
    /// One line; empty: made from what changed.
    pub summary: String,
    pub expect: Expect,
}

/// What came of an edit.
#[derive(Debug, Clone)]
pub struct Done {
    /// The revision that it made; the present one where nothing differed.
    pub rev: Rev,
    pub changes: Vec<Change>,
}

impl Inventory {
    /// Makes an edit. `file` is the configuration file's own part, without the inventory.
    pub async fn edit(&self, file: &Config, edit: Edit) -> Result<Done, InventoryError> {
        for _ in 0..TRIES {
            let snapshot = self.snapshot().await?;
            expected(&snapshot, &edit)?;
            let changes = self.changes(&snapshot, &edit.ops).await?;
            if changes.is_empty() {
                return Ok(Done { rev: snapshot.rev, changes });
            }
            let refused = check::changes(&snapshot, file, &changes);
            if !refused.is_empty() {
                return Err(InventoryError::Refused(refused));
            }
            let meta =
                Meta { author: edit.author.clone(), source: edit.source, summary: edit.summary.clone(), undoes: None };
            if let Some(rev) = self.commit(snapshot.rev, &changes, &meta).await? {
                return Ok(Done { rev, changes });
            }
        }
        Err(InventoryError::Busy { wait_s: 0 })
    }

    /// What differs from the snapshot, passwords sealed.
    pub(super) async fn changes(&self, snapshot: &Snapshot, ops: &[Op]) -> Result<Vec<Change>, InventoryError> {
        let sealing = ops.iter().any(|op| matches!(op, Op::PutCredential { password: Some(_), .. }));
        let key = if sealing { Some(self.key(snapshot).await?) } else { None };
        compare(snapshot, ops, &mut |id, password| match &key {
            Some(key) => key.seal(id.as_str(), password).map_err(InventoryError::Key),
            None => Err(InventoryError::Key("there is no key".into())),
        })
    }

    /// The key to seal with; made where nothing has been sealed yet.
    pub(super) async fn key(&self, snapshot: &Snapshot) -> Result<Key, InventoryError> {
        let (path, may_make) = (self.key_file.clone(), snapshot.credentials.is_empty());
        let read = move || if may_make { Key::read_or_create(&path) } else { Key::read(&path) };
        let read = tokio::task::spawn_blocking(read).await;
        read.unwrap_or_else(|e| Err(format!("the key file could not be read: {e}"))).map_err(InventoryError::Key)
    }
}

type Seal<'a> = &'a mut dyn FnMut(&CredentialId, &Secret) -> Result<String, InventoryError>;

/// What differs from the snapshot, in the order of the wishes.
pub(super) fn compare(snapshot: &Snapshot, ops: &[Op], seal: Seal<'_>) -> Result<Vec<Change>, InventoryError> {
    let channels: BTreeMap<&str, &Channel> =
        snapshot.channels.iter().map(|c| (c.value.id.as_str(), &c.value)).collect();
    let areas: BTreeMap<&str, &Area> = snapshot.areas.iter().map(|a| (a.value.id.as_str(), &a.value)).collect();
    let channel = |id: &ChannelId| channels.get(id.as_str()).map(|c| record::channel_fields(c));
    let area = |id: &AreaId| areas.get(id.as_str()).map(|a| record::area_fields(a));
    let rule = |id: &RuleId| snapshot.rule(id.as_str()).map(|r| record::rule_fields(&r.value));
    let timetable = |id: &TimetableId| snapshot.timetable(id.as_str()).map(|t| record::timetable_fields(&t.value));
    let mut found: Vec<Change> = Vec::with_capacity(ops.len());
    let mut places: HashMap<(Kind, String), usize> = HashMap::new();
    for op in ops {
        let (kind, id, before, after) = match op {
            Op::PutChannel(c) => (Kind::Channel, c.id.as_str(), channel(&c.id), Some(record::channel_fields(c))),
            Op::RemoveChannel(id) => (Kind::Channel, id.as_str(), channel(id), None),
            Op::PutArea(a) => (Kind::Area, a.id.as_str(), area(&a.id), Some(record::area_fields(a))),
            Op::RemoveArea(id) => (Kind::Area, id.as_str(), area(id), None),
            Op::PutCredential { id, username, password } => {
                let before = snapshot.credential(id.as_str());
                let sealed = match (password, before) {
                    // Sealed anew it would look like another one.
                    (Some(new), Some(old)) if is(&old.password, new) => old.sealed.clone(),
                    (Some(new), _) if (1..=256).contains(&new.expose().len()) => seal(id, new)?,
                    (Some(_), _) => return Err(refused(id, "password", "is empty or over 256 bytes")),
                    (None, Some(old)) => old.sealed.clone(),
                    (None, None) => return Err(refused(id, "password", "is missing; a new credential needs one")),
                };
                let after = record::credential_fields(username, &sealed);
                (Kind::Credential, id.as_str(), before.map(|b| b.fields()), Some(after))
            }
            Op::RemoveCredential(id) => {
                (Kind::Credential, id.as_str(), snapshot.credential(id.as_str()).map(|b| b.fields()), None)
            }
            Op::PutRule(r) => (Kind::Rule, r.id.as_str(), rule(&r.id), Some(record::rule_fields(r))),
            Op::RemoveRule(id) => (Kind::Rule, id.as_str(), rule(id), None),
            Op::PutTimetable(t) => {
                (Kind::Timetable, t.id.as_str(), timetable(&t.id), Some(record::timetable_fields(t)))
            }
            Op::RemoveTimetable(id) => (Kind::Timetable, id.as_str(), timetable(id), None),
        };
        let place = (kind, id.to_owned());
        match places.get(&place) {
            Some(at) => found[*at].after = after,
            None if before.is_none() && after.is_none() => {
                return Err(InventoryError::NotFound(format!("the inventory has no {kind} '{id}'")));
            }
            None => {
                places.insert(place, found.len());
                found.push(Change { kind, id: id.to_owned(), before, after });
            }
        }
    }
    found.retain(|c| c.before != c.after);
    Ok(found)
}

fn is(old: &Result<Secret, String>, new: &Secret) -> bool {
    matches!(old, Ok(old) if old.expose() == new.expose())
}

fn refused(id: &CredentialId, field: &str, reason: &str) -> InventoryError {
    InventoryError::Refused(vec![Refusal {
        kind: Kind::Credential,
        id: id.to_string(),
        field: field.into(),
        reason: reason.into(),
    }])
}

fn expected(snapshot: &Snapshot, edit: &Edit) -> Result<(), InventoryError> {
    let conflict = |sentence: String| Err(InventoryError::Conflict { sentence, rev: snapshot.rev });
    match edit.expect {
        Expect::Anything => {}
        Expect::Exactly(rev) if rev != snapshot.rev => {
            return conflict(format!(
                "the inventory is at revision {} by now, and you knew {rev}; look at it again",
                snapshot.rev
            ));
        }
        Expect::Exactly(_) => {}
        Expect::Untouched(rev) => {
            for op in &edit.ops {
                let (kind, id) = op.place();
                let last = snapshot.rev_of(kind, id);
                if let Some(last) = last.filter(|last| *last > rev) {
                    return conflict(format!(
                        "the {kind} '{id}' was changed by revision {last}, and you knew {rev}; look at it again"
                    ));
                }
            }
        }
    }
    Ok(())
}
