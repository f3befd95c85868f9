//! The area tree while a file is read: found by id, by name or by a path of names, and added to where a row wants more.

use std::collections::{HashMap, HashSet};

use super::field::LEVELS;
use crate::config::{Area, AreaKind, Config};
use crate::inventory::{Snapshot, check, ids::Ids, record::blank_area};
use crate::types::AreaId;

struct Node {
    name: String,
    kind: AreaKind,
    parent: Option<AreaId>,
}

/// Areas of file and inventory, and those that this import makes.
pub struct Tree {
    nodes: HashMap<AreaId, Node>,
    by_name: HashMap<(AreaKind, String), Vec<AreaId>>,
    /// In the order in which they were made.
    made: Vec<AreaId>,
    /// Of these, the ones that a good row wants, with all above them.
    wanted: HashSet<AreaId>,
}

impl Tree {
    pub fn new(snapshot: &Snapshot, file: &Config) -> Self {
        let mut tree =
            Tree { nodes: HashMap::new(), by_name: HashMap::new(), made: Vec::new(), wanted: HashSet::new() };
        for area in file.area.iter().chain(snapshot.areas.iter().map(|a| &a.value)) {
            if !tree.nodes.contains_key(&area.id) {
                tree.add(area.id.clone(), area.name.clone(), area.kind, area.parent.clone());
            }
        }
        tree
    }

    fn add(&mut self, id: AreaId, name: String, kind: AreaKind, parent: Option<AreaId>) {
        self.by_name.entry((kind, name.clone())).or_default().push(id.clone());
        self.nodes.insert(id, Node { name, kind, parent });
    }

    /// An area that a row of an area list brings, under the id that it has there.
    pub fn bring(&mut self, id: AreaId, name: String, kind: AreaKind, parent: Option<AreaId>) {
        self.made.push(id.clone());
        self.add(id, name, kind, parent);
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
        let named: Vec<&AreaId> =
            LEVELS.iter().filter_map(|kind| self.by_name.get(&(*kind, text.to_owned()))).flatten().collect();
        match named.as_slice() {
            [one] => Ok((*one).clone()),
            [] => Err("is neither the id nor the name of an area; add the area first, or give columns street, community, grid …".into()),
            many => Err(format!("is the name of {} areas ({}); give the id", many.len(), some(many))),
        }
    }

    fn below(&self, id: &AreaId, above: &AreaId) -> bool {
        let mut at = self.nodes.get(id).and_then(|n| n.parent.as_ref());
        for _ in 0..32 {
            match at {
                Some(parent) if parent == above => return true,
                Some(parent) => at = self.nodes.get(parent).and_then(|n| n.parent.as_ref()),
                None => return false,
            }
        }
        false
    }

    /// The area of this name and kind below another, or anywhere.
    pub fn child(&self, above: Option<&AreaId>, kind: AreaKind, name: &str) -> Result<Option<AreaId>, String> {
        let named = self.by_name.get(&(kind, name.to_owned())).map(Vec::as_slice).unwrap_or_default();
        let parent = |id: &AreaId| self.nodes.get(id).and_then(|n| n.parent.as_ref());
        if let Some(direct) = named.iter().find(|id| parent(id) == above) {
            return Ok(Some(direct.clone()));
        }
        let fitting: Vec<&AreaId> = named.iter().filter(|id| above.is_none_or(|above| self.below(id, above))).collect();
        match fitting.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some((*one).clone())),
            many => Err(format!("is the name of {} areas ({}); say what is above it", many.len(), some(many))),
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
        let mut roots =
            self.nodes.iter().filter(|(id, n)| n.parent.is_none() && n.kind < kind && !self.made.contains(id));
        match (roots.next(), roots.next()) {
            (Some((id, _)), None) => Some(id.clone()),
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
    let head = ids.iter().take(3).map(|id| id.as_str()).collect::<Vec<_>>().join(", ");
    if ids.len() > 3 { format!("{head}, …") } else { head }
}
