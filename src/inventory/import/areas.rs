//! Rows of an area list. Those above come before those below, in whatever order the file has them.

use std::collections::{HashMap, HashSet};

use serde_json::json;

use super::{
    Import, MadeArea, Named, Plan, Planned,
    channels::{shift, shift_border},
    field::{self, Field, LEVELS},
    plan::Refusals,
    rows::{self, Content, Row},
    tree::Tree,
};
use crate::config::{
    Area, AreaKind, Config, Degrees,
    validate::{MAX_AREAS, too_many_areas},
};
use crate::inventory::{
    Change, Coordinates, InventoryError, Kind, Snapshot, check,
    edit::Op,
    ids::Ids,
    record::{self, Fields},
};
use crate::types::AreaId;

type Planning = (Plan, Vec<Op>, HashMap<String, u64>);

struct Planner<'a> {
    import: &'a Import,
    stored: HashMap<AreaId, &'a Area>,
    fixed: HashSet<&'a AreaId>,
    ids: Ids,
    tree: Tree,
    refused: Refusals,
    matched: HashMap<AreaId, u64>,
    drafts: Vec<(u64, Area, Option<Area>)>,
}

pub fn plan(snapshot: &Snapshot, file: &Config, import: &Import) -> Result<Planning, InventoryError> {
    let mut planner = Planner {
        import,
        stored: snapshot.areas.iter().map(|a| &a.value).chain(&file.area).map(|a| (a.id.clone(), a)).collect(),
        fixed: file.area.iter().map(|a| &a.id).collect(),
        ids: Ids::new(snapshot, file),
        tree: Tree::new(snapshot, file),
        refused: Refusals::default(),
        matched: HashMap::new(),
        drafts: Vec::new(),
    };
    let mut rows = Vec::new();
    let sheet = rows::read(import, &mut |row| rows.push(row))?;
    if let Some(first) = rows.get(MAX_AREAS) {
        let why = too_many_areas(rows.len());
        return Err(InventoryError::BadFile(format!("{}, row {}: {why}", import.filename, first.number)));
    }
    for row in &rows {
        if let Some(id) = row.said(Field::Id) {
            planner.ids.take(Kind::Area, id);
        }
    }
    rows.sort_by_key(|row| planner.depth(row));
    for mut row in rows {
        let draft = planner.row(&mut row);
        planner.refused.add(&mut row.refused);
        planner.drafts.extend(draft);
    }
    Ok(planner.finish(snapshot, sheet))
}

impl Planner<'_> {
    /// Where in the tree the row's area is, as far as the row itself tells.
    fn depth(&self, row: &Row) -> Option<AreaKind> {
        let kind = row.said(Field::Kind).and_then(|k| field::area_kind(k).ok());
        let stored = || AreaId::new(row.said(Field::Id)?).ok().and_then(|id| self.tree.kind(&id));
        kind.or_else(|| LEVELS.iter().rev().copied().find(|k| row.said(Field::Level(*k)).is_some())).or_else(stored)
    }

    fn row(&mut self, row: &mut Row) -> Option<(u64, Area, Option<Area>)> {
        let id = match row.said(Field::Id).map(AreaId::new) {
            Some(Ok(id)) => Some(id),
            None => None,
            Some(Err(_)) => {
                row.refuse(&[Field::Id], "is no id: use 1 to 64 of a-z, 0-9, '.', '_' and '-'");
                None
            }
        };
        if !row.refused.is_empty() {
            return None;
        }
        let (id, mut fields) = self.place(row, id)?;
        let before = self.stored.get(&id).map(|a| (*a).clone());
        if let Some(first) = self.matched.insert(id.clone(), row.number) {
            row.refuse(&[Field::Id, Field::Name], format!("is the area '{id}', as row {first} is already"));
            return None;
        }
        self.cells(row, &mut fields);
        let area = match record::object::<Area>(id.as_str(), &fields) {
            Ok(area) => area,
            Err(e) => {
                row.refuse(&[Field::People, Field::Name], e.to_string());
                return None;
            }
        };
        for (key, reason) in check::area(&area) {
            let field = match key.split_once('.') {
                Some((_, part)) => self.person(row, part),
                None => field::field_of(Kind::Area, &key).unwrap_or(Field::Name),
            };
            row.refuse(&[field], reason);
        }
        if before.as_ref().is_some_and(|b| self.fixed.contains(&b.id) && *b != area) {
            row.refuse(
                &[Field::Id, Field::Name],
                format!("is the area '{id}' of the configuration file; change it there"),
            );
        }
        if !row.refused.is_empty() {
            return None;
        }
        self.tree.want(&area.id);
        Some((row.number, area, before))
    }

    /// Which area the row is about, and its name, kind and parent.
    fn place(&mut self, row: &mut Row, id: Option<AreaId>) -> Option<(AreaId, Fields)> {
        let levels: Vec<(AreaKind, String)> =
            LEVELS.iter().filter_map(|k| Some((*k, row.said(Field::Level(*k))?.to_owned()))).collect();
        if levels.is_empty() {
            return self.place_by_parent(row, id);
        }
        let path: Vec<(AreaKind, &str)> = levels.iter().map(|(k, n)| (*k, n.as_str())).collect();
        let (last, above) = path.split_last()?;
        let named = (|| {
            if let Some(id) = id {
                let parent = self.tree.path(above, &mut self.ids)?;
                if !self.tree.knows(&id) {
                    self.tree.bring(id.clone(), last.1.to_owned(), last.0, parent.clone());
                }
                return Ok((id, parent));
            }
            let found = self.tree.path(&path, &mut self.ids)?;
            let found = found.ok_or((last.0, "is empty".to_owned()))?;
            let parent = match self.stored.get(&found) {
                Some(area) => area.parent.clone(),
                None => self.tree.parent(&found),
            };
            Ok((found, parent))
        })();
        match named {
            Ok((id, parent)) => {
                let mut fields = self.blank(&id);
                fields.insert("name".into(), json!(last.1));
                fields.insert("kind".into(), json!(last.0));
                fields.insert("parent".into(), json!(parent));
                Some((id, fields))
            }
            Err((kind, why)) => {
                row.refuse(&[Field::Level(kind)], why);
                None
            }
        }
    }

    fn place_by_parent(&mut self, row: &mut Row, id: Option<AreaId>) -> Option<(AreaId, Fields)> {
        let parent = match row.said(Field::Parent).map(|text| self.tree.find(text)) {
            None => None,
            Some(Ok(parent)) => Some(parent),
            Some(Err(why)) => {
                row.refuse(&[Field::Parent], why);
                return None;
            }
        };
        let kind = match row.said(Field::Kind).map(field::area_kind) {
            Some(Ok(kind)) => Some(kind),
            Some(Err(why)) => {
                row.refuse(&[Field::Kind], why);
                return None;
            }
            None => id.as_ref().and_then(|id| self.tree.kind(id)),
        };
        let Some(kind) = kind else {
            row.refuse(&[Field::Kind], "is missing: district, street, community, grid or micro-grid");
            return None;
        };
        let name = row.said(Field::Name).map(str::to_owned);
        let known = match (&id, &name) {
            (Some(id), _) => self.tree.knows(id).then(|| id.clone()),
            (None, Some(name)) => match self.tree.child(parent.as_ref(), kind, name) {
                Ok(found) => found,
                Err(why) => {
                    row.refuse(&[Field::Name], why);
                    return None;
                }
            },
            (None, None) => None,
        };
        let id = match (known, id, name) {
            (Some(known), ..) => known,
            (None, _, None) => {
                row.refuse(&[Field::Name], "is missing; a new area has a name");
                return None;
            }
            (None, id, Some(name)) => {
                let Some(id) = id.or_else(|| self.ids.area(&name, kind)) else {
                    row.refuse(&[Field::Name], "no id can be made of it");
                    return None;
                };
                self.tree.bring(id.clone(), name, kind, parent.clone());
                id
            }
        };
        let mut fields = self.blank(&id);
        fields.insert("kind".into(), json!(kind));
        if row.cell(Field::Parent).is_some() || !self.stored.contains_key(&id) {
            fields.insert("parent".into(), json!(parent));
        }
        if let Some(name) = row.text(Field::Name) {
            fields.insert("name".into(), json!(name));
        }
        Some((id, fields))
    }

    fn blank(&self, id: &AreaId) -> Fields {
        match self.stored.get(id) {
            Some(area) => record::area_fields(area),
            None => record::area_fields(&record::blank_area(id.clone(), String::new(), AreaKind::Grid, None)),
        }
    }

    fn cells(&self, row: &mut Row, fields: &mut Fields) {
        let mut wrong = Vec::new();
        // Columns of people are all of them: who has no column is not there any more.
        if row.cells.iter().any(|c| matches!(c.field, Field::Person(..))) {
            fields.insert("people".into(), json!([]));
        }
        for cell in &row.cells {
            let read = match (&cell.content, cell.field) {
                (Content::Text(text), Field::Lat | Field::Lon | Field::Person(..)) => {
                    field::set_field(fields, cell.field, text)
                }
                (Content::Nested(value), Field::People) => {
                    serde_json::from_value::<Vec<crate::config::Person>>(value.clone())
                        .map(|people| drop(fields.insert("people".into(), json!(people))))
                        .map_err(|e| e.to_string())
                }
                (Content::Nested(value), Field::Polygon) => {
                    // The library's sentence would repeat what was sent.
                    serde_json::from_value::<Vec<Degrees>>(value.clone())
                        .map(|border| drop(fields.insert("polygon".into(), json!(border))))
                        .map_err(|_| "is no list of points, each as [lat, lon]".to_owned())
                }
                _ => Ok(()),
            };
            if let Err(why) = read {
                wrong.push((cell.field, why));
            }
        }
        for (field, why) in wrong {
            row.refuse(&[field], why);
        }
        field::trim_people(fields);
        let given = row.said(Field::Lat).is_some() && row.said(Field::Lon).is_some();
        if self.import.coordinates == Coordinates::Gcj02 {
            if given {
                shift(fields);
            }
            if row.cell(Field::Polygon).is_some() {
                shift_border(fields);
            }
        }
    }

    /// The column that a sentence about people is about: the first of that part.
    fn person(&self, row: &Row, part: &str) -> Field {
        let of = |field: Field| field.name().split('_').next() == Some(if part == "name" { "person" } else { part });
        let person = |c: &&rows::Cell| matches!(c.field, Field::Person(..)) && of(c.field);
        let bad = row.cells.iter().filter(person).find(
            |c| matches!(&c.content, Content::Text(text) if check::formula(text.trim()).is_some() || text.len() > 200),
        );
        bad.or_else(|| row.cells.iter().find(person)).map_or(Field::People, |c| c.field)
    }

    fn finish(self, snapshot: &Snapshot, sheet: rows::Sheet) -> Planning {
        let (mut added, mut changed, mut unchanged) = (Vec::new(), Vec::new(), 0);
        let (mut puts, mut rows_of) = (Vec::new(), HashMap::new());
        let listed: HashSet<AreaId> = self.matched.keys().cloned().collect();
        for (row, area, before) in self.drafts {
            if before.as_ref() == Some(&area) {
                unchanged += 1;
                continue;
            }
            let change = Change {
                kind: Kind::Area,
                id: area.id.to_string(),
                before: before.as_ref().map(record::area_fields),
                after: Some(record::area_fields(&area)),
            };
            rows_of.insert(change.id.clone(), row);
            let planned = Planned { row, fields: change.fields(), id: change.id, name: area.name.clone() };
            if before.is_some() { &mut changed } else { &mut added }.push(planned);
            puts.push(Op::PutArea(area));
        }
        let gone: Vec<&Area> = snapshot.areas.iter().map(|a| &a.value).filter(|a| !listed.contains(&a.id)).collect();
        let missing = gone.len() as u64;
        let mut removed = Vec::new();
        if self.import.remove_missing {
            for area in gone {
                removed.push(Named { id: area.id.to_string(), name: area.name.clone() });
                puts.push(Op::RemoveArea(area.id.clone()));
            }
        }
        // Those that rows only name on their way down.
        let made: Vec<Area> = self.tree.made().into_iter().filter(|a| !listed.contains(&a.id)).collect();
        let (refused, notes) = self.refused.told();
        let plan = Plan {
            kind: Kind::Area,
            format: sheet.format,
            encoding: sheet.encoding,
            delimiter: sheet.delimiter,
            mapping: sheet.mapping,
            rows: sheet.rows,
            base_rev: snapshot.rev,
            unchanged,
            added,
            changed,
            removed,
            missing,
            areas_added: made
                .iter()
                .map(|a| MadeArea { id: a.id.clone(), name: a.name.clone(), kind: a.kind, parent: a.parent.clone() })
                .collect(),
            credentials_added: Vec::new(),
            refused,
            notes,
            applied: false,
            rev: None,
            blocked: false,
        };
        let ops = made.into_iter().map(Op::PutArea).chain(puts).collect();
        (plan, ops, rows_of)
    }
}
