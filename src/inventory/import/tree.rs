//! The area tree while a file is read: found by id, by name or by a path of names, and added to where a row wants more.

use std::collections::{HashMap, HashSet};

use super::field::LEVELS;
use crate::config::{Area, AreaKind, Config};
use crate::inventory::{Snapshot, check, ids::Ids, record::blank_area};
use crate::types::AreaId;

/// Ids that a sentence names.
const SOME: usize = 3;
/// The tree is far flatter; a ring of parents must not hang an import.
const MAX_DEPTH: usize = 32;

struct Node {
    name: String,
    kind: AreaKind,
    parent: Option<AreaId>,
}

/// Areas of file and inventory, and those that this import makes.
pub struct Tree {
    nodes: HashMap<AreaId, Node>,
    by_name: HashMap<(AreaKind, String), Vec<AreaId>>,
    /// The same by what is right above, and by all that is above: a row must not look through all areas.
    direct: HashMap<(Option<AreaId>, AreaKind, String), AreaId>,
    under: HashMap<(AreaId, AreaKind, String), Vec<AreaId>>,
    /// Areas that were there before and have none above.
    roots: Vec<(AreaKind, AreaId)>,
    /// In the order in which they were made.
    made: Vec<AreaId>,
    /// Of these, the ones that a good row wants, with all above them.
    wanted: HashSet<AreaId>,
}

impl Tree {
    pub fn new(snapshot: &Snapshot, file: &Config) -> Self {
        let mut tree = Tree {
            nodes: HashMap::new(),
            by_name: HashMap::new(),
            direct: HashMap::new(),
            under: HashMap::new(),
            roots: Vec::new(),
            made: Vec::new(),
            wanted: HashSet::new(),
        };
        let mut ids = Vec::new();
        for area in file.area.iter().chain(snapshot.areas.iter().map(|a| &a.value)) {
            if !tree.nodes.contains_key(&area.id) {
                tree.add(area.id.clone(), area.name.clone(), area.kind, area.parent.clone());
                ids.push(area.id.clone());
            }
        }
        tree.roots =
            tree.nodes.iter().filter(|(_, n)| n.parent.is_none()).map(|(id, n)| (n.kind, id.clone())).collect();
        // Only now is what is above known of all.
        ids.iter().for_each(|id| tree.index(id));
        tree
    }

    fn add(&mut self, id: AreaId, name: String, kind: AreaKind, parent: Option<AreaId>) {
        self.by_name.entry((kind, name.clone())).or_default().push(id.clone());
        self.nodes.insert(id, Node { name, kind, parent });
    }

    /// Makes an area found by what is above it.
    fn index(&mut self, id: &AreaId) {
        let Some(Node { name, kind, parent }) = self.nodes.get(id) else { return };
        self.direct.entry((parent.clone(), *kind, name.clone())).or_insert_with(|| id.clone());
        let mut at = parent.as_ref();
        for _ in 0..MAX_DEPTH {
            let Some(above) = at else { return };
            self.under.entry((above.clone(), *kind, name.clone())).or_default().push(id.clone());
            at = self.nodes.get(above).and_then(|n| n.parent.as_ref());
        }
    }

    /// An area that a row of an area list brings, under the id that it has there.
    pub fn bring(&mut self, id: AreaId, name: String, kind: AreaKind, parent: Option<AreaId>) {
        self.made.push(id.clone());
        self.add(id.clone(), name, kind, parent);
        self.index(&id);
    }

    pub fn knows(&self, id: &AreaId) -> bool {
        self.nodes.contains_key(id)
    }

    pub fn parent(&self, id: &AreaId) -> Option<AreaId> {
        self.nodes.get(id).and_then(|n| n.parent.clone())
    }

    pub fn kind(&self, id: &AreaId) -> Option<AreaKind> {
        self.nodes.get(id).map(|n| n.kind)
    }

    /// By id, or by a name that only one area has. The error is a sentence.
    pub fn find(&self, text: &str) -> Result<AreaId, String> {
        if let Some(id) = AreaId::new(text).ok().filter(|id| self.nodes.contains_key(id)) {
            return Ok(id);
        }
        let named = || LEVELS.iter().filter_map(|kind| self.by_name.get(&(*kind, text.to_owned())));
        let first: Vec<&AreaId> = named().flatten().take(SOME + 1).collect();
        match first.as_slice() {
            [one] => Ok((*one).clone()),
            [] => Err("is neither the id nor the name of an area; add the area first, or give columns street, community, grid …".into()),
            many => {
                let count: usize = named().map(Vec::len).sum();
                Err(format!("is the name of {count} areas ({}); give the id", some(many)))
            }
        }
    }

    /// The area of this name and kind below another, or anywhere.
    pub fn child(&self, above: Option<&AreaId>, kind: AreaKind, name: &str) -> Result<Option<AreaId>, String> {
        if let Some(direct) = self.direct.get(&(above.cloned(), kind, name.to_owned())) {
            return Ok(Some(direct.clone()));
        }
        let fitting = match above {
            Some(above) => self.under.get(&(above.clone(), kind, name.to_owned())),
            None => self.by_name.get(&(kind, name.to_owned())),
        };
        match fitting.map(Vec::as_slice).unwrap_or_default() {
            [] => Ok(None),
            [one] => Ok(Some(one.clone())),
            many => {
                let first: Vec<&AreaId> = many.iter().take(SOME + 1).collect();
                Err(format!("is the name of {} areas ({}); say what is above it", many.len(), some(&first)))
            }
        }
    }

    /// The area at the end of a path of names, highest first; what is not there is made.
    pub fn path(&mut self, levels: &[(AreaKind, &str)], ids: &mut Ids) -> Result<Option<AreaId>, (AreaKind, String)> {
        let mut at: Option<AreaId> = None;
        for (kind, name) in levels {
            let found = self.child(at.as_ref(), *kind, name).map_err(|why| (*kind, why))?;
            at = Some(match found {
                Some(id) => id,
                None => self.make(at.clone(), *kind, name, ids).map_err(|why| (*kind, why))?,
            });
        }
        Ok(at)
    }

    fn make(&mut self, above: Option<AreaId>, kind: AreaKind, name: &str, ids: &mut Ids) -> Result<AreaId, String> {
        let id = ids.area(name, kind).ok_or("no id can be made of it")?;
        let parent = above.or_else(|| self.only_root(kind));
        if let Some((_, why)) =
            check::area(&blank_area(id.clone(), name.to_owned(), kind, parent.clone())).into_iter().next()
        {
            return Err(why);
        }
        self.bring(id.clone(), name.to_owned(), kind, parent);
        Ok(id)
    }

    /// Where nothing is said of what is above, and there was one root only of a higher kind, it hangs there. What other
    /// rows make does not count: it would hang on the order of rows.
    fn only_root(&self, kind: AreaKind) -> Option<AreaId> {
        let mut roots = self.roots.iter().filter(|(k, _)| *k < kind);
        match (roots.next(), roots.next()) {
            (Some((_, id)), None) => Some(id.clone()),
            _ => None,
        }
    }

    /// A good row wants the area.
    pub fn want(&mut self, id: &AreaId) {
        let mut at = Some(id.clone());
        while let Some(id) = at {
            if !self.wanted.insert(id.clone()) {
                return;
            }
            at = self.nodes.get(&id).and_then(|n| n.parent.clone());
        }
    }

    /// What was made and is wanted, those above before those below.
    pub fn made(&self) -> Vec<Area> {
        let made = self.made.iter().filter(|id| self.wanted.contains(*id));
        made.filter_map(|id| {
            let node = self.nodes.get(id)?;
            Some(blank_area(id.clone(), node.name.clone(), node.kind, node.parent.clone()))
        })
        .collect()
    }
}

fn some(ids: &[&AreaId]) -> String {
    let head = ids.iter().take(SOME).map(|id| id.as_str()).collect::<Vec<_>>().join(", ");
    if ids.len() > SOME { format!("{head}, …") } else { head }
}
