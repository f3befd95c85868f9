//! Positions: which one is responsible, how many rows it got, and whether it is flooded.
//!
//! Every alert has exactly one: that of the nearest area on its path that a position names, else the one that takes the
//! rest, else the first; a site without positions is one desk. Flood mode begins beyond `alert.flood_alerts` new rows in
//! ten minutes and ends when half as many are left. Pure, bounded.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::{
    config,
    types::{
        AlertId, AreaId, Mono, Now, PositionId, Wall,
        position::{Came, Digest, FloodState, Lead, PositionState},
    },
};

/// The window of a flood.
pub const WINDOW_MS: u64 = 600_000;
/// Rows whose takings are counted, and those of them that the position's digest names.
const MAX_LEADS: usize = 256;
const MAX_NAMED: usize = 20;
/// Types that are counted one by one.
const MAX_KINDS: usize = 32;

/// Ten minutes and more in which a position got too much.
#[derive(Debug, Clone)]
pub struct Flood {
    pub since: Wall,
    /// Rows since it began, and alerts that went under another row because of it.
    pub rows: u64,
    pub collapsed: u64,
    /// How many went under which row.
    pub leads: HashMap<AlertId, Lead>,
    /// How many of each type came.
    came: BTreeMap<String, u64>,
}

#[derive(Debug)]
pub struct Desk {
    pub id: PositionId,
    pub escalate_to: Option<PositionId>,
    shown: VecDeque<Mono>,
    pub flood: Option<Flood>,
    digest: Option<Digest>,
}

/// The positions of a site.
#[derive(Debug)]
pub struct Desks {
    list: Vec<Desk>,
    by_area: HashMap<AreaId, usize>,
    rest: usize,
    flood_alerts: usize,
    /// Something that is told of positions is other than it was told.
    news: bool,
}

/// The position of a site that names none.
#[allow(clippy::expect_used)] // literal
fn only() -> PositionId {
    PositionId::new("desk").expect("literal id")
}

impl Desks {
    pub fn new(positions: &[config::Position], flood_alerts: u32) -> Self {
        let desk =
            |id: PositionId, escalate_to| Desk { id, escalate_to, shown: VecDeque::new(), flood: None, digest: None };
        let mut list: Vec<Desk> = positions.iter().map(|p| desk(p.id.clone(), p.escalate_to.clone())).collect();
        if list.is_empty() {
            list.push(desk(only(), None));
        }
        let areas = positions.iter().enumerate().flat_map(|(i, p)| p.areas.iter().map(move |a| (a.clone(), i)));
        Self {
            by_area: areas.collect(),
            rest: positions.iter().position(|p| p.areas.is_empty()).unwrap_or(0),
            list,
            flood_alerts: flood_alerts as usize,
            news: true,
        }
    }

    /// The responsible one.
    pub fn of(&self, area: &[AreaId]) -> usize {
        area.iter().rev().find_map(|a| self.by_area.get(a)).copied().unwrap_or(self.rest)
    }

    pub fn index(&self, id: &PositionId) -> Option<usize> {
        self.list.iter().position(|d| d.id == *id)
    }

    pub fn ids(&self) -> Vec<PositionId> {
        self.list.iter().map(|d| d.id.clone()).collect()
    }

    pub fn get(&self, at: usize) -> &Desk {
        &self.list[at]
    }

    /// A row of a type, or with `None` one that rose.
    pub fn shown(&mut self, at: usize, kind: Option<&str>, now: Now) {
        let limit = self.flood_alerts;
        let desk = &mut self.list[at];
        desk.forget(now.mono);
        // What is above counts the same; the queue need not grow with a storm.
        if desk.shown.len() > limit * 8 {
            desk.shown.pop_front();
        }
        desk.shown.push_back(now.mono);
        if desk.flood.is_none() && desk.shown.len() > limit {
            desk.flood = Some(Flood::new(now.wall));
            // Another flood: what the last one came to is history.
            desk.digest = None;
            self.news = true;
        }
        if let (Some(flood), Some(kind)) = (&mut desk.flood, kind) {
            flood.rows += 1;
            flood.came(kind);
            self.news = true;
        }
    }

    pub fn is_flooded(&self, at: usize) -> bool {
        self.list[at].flood.is_some()
    }

    pub fn any_flooded(&self) -> bool {
        self.list.iter().any(|d| d.flood.is_some())
    }

    /// An alert of a type went under another's row because of the flood; `lead.under` is counted here.
    pub fn collapsed(&mut self, at: usize, lead: Lead, kind: &str) {
        let Some(flood) = &mut self.list[at].flood else { return };
        flood.collapsed += 1;
        flood.came(kind);
        self.news = true;
        if flood.leads.len() < MAX_LEADS || flood.leads.contains_key(&lead.alert) {
            flood.leads.entry(lead.alert).or_insert(lead).under += 1;
        }
    }

    /// Floods that are over.
    pub fn ended(&mut self, now: Now) -> Vec<Flood> {
        let half = self.flood_alerts / 2;
        let mut over = Vec::new();
        for desk in self.list.iter_mut().filter(|d| d.flood.is_some()) {
            desk.forget(now.mono);
            if desk.shown.len() <= half
                && let Some(flood) = desk.flood.take()
            {
                desk.digest = Some(flood.digest(now.wall));
                over.push(flood);
                self.news = true;
            }
        }
        over
    }

    /// How every position stands, where that is other than it was told last.
    pub fn news(&mut self) -> Option<Vec<PositionState>> {
        let state = |d: &Desk| PositionState {
            id: d.id.clone(),
            flood: d.flood.as_ref().map(|f| FloodState { since: f.since, rows: f.rows, collapsed: f.collapsed }),
            digest: d.digest.clone(),
        };
        std::mem::take(&mut self.news).then(|| self.list.iter().map(state).collect())
    }
}

impl Flood {
    fn new(since: Wall) -> Self {
        Self { since, rows: 0, collapsed: 0, leads: HashMap::new(), came: BTreeMap::new() }
    }

    fn came(&mut self, kind: &str) {
        let known = self.came.contains_key(kind) || self.came.len() < MAX_KINDS;
        *self.came.entry(if known { kind } else { "" }.to_owned()).or_default() += 1;
    }

    fn digest(&self, until: Wall) -> Digest {
        let mut came: Vec<Came> = self.came.iter().map(|(k, n)| Came { kind: k.clone(), count: *n }).collect();
        came.sort_by_key(|c| std::cmp::Reverse(c.count));
        let mut leads: Vec<Lead> = self.leads.values().cloned().collect();
        leads.sort_by_key(|l| (std::cmp::Reverse(l.under), l.alert));
        leads.truncate(MAX_NAMED);
        Digest { since: self.since, until, rows: self.rows, collapsed: self.collapsed, came, leads }
    }
}

impl Desk {
    fn forget(&mut self, now: Mono) {
        while self.shown.front().is_some_and(|t| now.since_ms(*t) >= WINDOW_MS) {
            self.shown.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::ChannelId;

    fn area(id: &str) -> AreaId {
        AreaId::new(id).unwrap()
    }

    fn at(s: u64) -> Now {
        Now { mono: Mono(s * 1000), wall: Wall(s as i64 * 1000) }
    }

    #[test]
    fn every_alert_has_one_position_the_nearest() {
        let position = |id: &str, areas: &[&str]| config::Position {
            id: PositionId::new(id).unwrap(),
            name: String::new(),
            areas: areas.iter().map(|a| area(a)).collect(),
            escalate_to: None,
        };
        let desks =
            Desks::new(&[position("all", &["city"]), position("school", &["school-1"]), position("rest", &[])], 10);
        let of = |path: &[&str]| {
            let path: Vec<AreaId> = path.iter().map(|a| area(a)).collect();
            desks.get(desks.of(&path)).id.to_string()
        };
        assert_eq!(of(&["city", "north"]), "all");
        assert_eq!(of(&["city", "school-1", "yard"]), "school");
        assert_eq!(of(&["village"]), "rest");
        assert_eq!(of(&[]), "rest");
        assert_eq!(Desks::new(&[], 10).get(0).id.as_str(), "desk");
    }

    #[test]
    fn a_flood_begins_beyond_ten_and_ends_with_its_digest() {
        let mut desks = Desks::new(&[], 10);
        for s in 0..11 {
            assert!(!desks.is_flooded(0));
            desks.shown(0, Some("line"), at(s));
        }
        assert!(desks.is_flooded(0), "the eleventh");
        let lead = AlertId::at(1);
        for _ in 0..300 {
            desks.collapsed(0, row(lead), "intrusion");
        }
        assert!(desks.ended(at(599)).is_empty());
        let over = desks.ended(at(606));
        assert_eq!((over.len(), over[0].collapsed, over[0].leads[&lead].under), (1, 300, 300));
        assert!(!desks.any_flooded());
    }

    fn row(alert: AlertId) -> Lead {
        let channel = ChannelId::new("gate").unwrap();
        Lead { alert, kind: "line".into(), channel, channel_name: "Gate".into(), area: vec![], under: 0 }
    }

    #[test]
    fn what_is_told_of_a_position_is_told_when_it_changes() {
        let mut desks = Desks::new(&[], 2);
        let now = |d: &mut Desks| d.news().map(|mut all| all.remove(0));
        assert!(now(&mut desks).unwrap().flood.is_none(), "the first time");
        desks.shown(0, Some("line"), at(0));
        assert!(now(&mut desks).is_none(), "no flood, no news");
        desks.shown(0, Some("line"), at(1));
        desks.shown(0, Some("line"), at(2));
        desks.shown(0, None, at(3));
        let (few, many) = (AlertId::at(1), AlertId::at(2));
        for lead in [many, few, many] {
            desks.collapsed(0, row(lead), "intrusion");
        }
        let flood = now(&mut desks).unwrap().flood.unwrap();
        assert_eq!((flood.since, flood.rows, flood.collapsed), (Wall(2000), 1, 3), "what rose is no other row");
        desks.ended(at(700));
        let state = now(&mut desks).unwrap();
        let digest = state.digest.unwrap();
        assert!(state.flood.is_none() && digest.until == Wall(700_000));
        let came: Vec<_> = digest.came.iter().map(|c| (c.kind.as_str(), c.count)).collect();
        assert_eq!(came, [("intrusion", 3), ("line", 1)]);
        let leads: Vec<_> = digest.leads.iter().map(|l| (l.alert, l.under)).collect();
        assert_eq!(leads, [(many, 2), (few, 1)]);
        for s in 800..803 {
            desks.shown(0, Some("line"), at(s));
        }
        assert!(now(&mut desks).unwrap().digest.is_none(), "another flood");
    }
}
