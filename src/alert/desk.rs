//! Positions: which one is responsible, how many rows it got, and whether it is flooded.
//!
//! Every alert has exactly one: that of the nearest area on its path that a position names, else the one that takes the
//! rest, else the first; a site without positions is one desk. Flood mode begins beyond `alert.flood_alerts` new rows in
//! ten minutes and ends when half as many are left. Pure, bounded.

use std::collections::{HashMap, VecDeque};

use crate::{
    config,
    types::{AlertId, AreaId, Mono, Now, PositionId, Wall},
};

/// The window of a flood.
pub const WINDOW_MS: u64 = 600_000;
/// Rows that a digest names.
const MAX_LEADS: usize = 256;

/// Ten minutes and more in which a position got too much.
#[derive(Debug, Clone)]
pub struct Flood {
    pub since: Wall,
    /// Rows since it began, and alerts that went under another row because of it.
    pub rows: u64,
    pub collapsed: u64,
    /// How many went under which row.
    pub leads: HashMap<AlertId, u64>,
}

#[derive(Debug)]
pub struct Desk {
    pub id: PositionId,
    pub escalate_to: Option<PositionId>,
    shown: VecDeque<Mono>,
    pub flood: Option<Flood>,
}

/// The positions of a site.
#[derive(Debug)]
pub struct Desks {
    list: Vec<Desk>,
    by_area: HashMap<AreaId, usize>,
    rest: usize,
    flood_alerts: usize,
}

/// The position of a site that names none.
#[allow(clippy::expect_used)] // literal
fn only() -> PositionId {
    PositionId::new("desk").expect("literal id")
}

impl Desks {
    pub fn new(positions: &[config::Position], flood_alerts: u32) -> Self {
        let desk = |id: PositionId, escalate_to| Desk { id, escalate_to, shown: VecDeque::new(), flood: None };
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

    /// A new row, or one that rose.
    pub fn shown(&mut self, at: usize, now: Now) {
        let limit = self.flood_alerts;
        let desk = &mut self.list[at];
        desk.forget(now.mono);
        // What is above counts the same; the queue need not grow with a storm.
        if desk.shown.len() > limit * 8 {
            desk.shown.pop_front();
        }
        desk.shown.push_back(now.mono);
        if desk.flood.is_none() && desk.shown.len() > limit {
            desk.flood = Some(Flood { since: now.wall, rows: 0, collapsed: 0, leads: HashMap::new() });
        }
        if let Some(flood) = &mut desk.flood {
            flood.rows += 1;
        }
    }

    pub fn is_flooded(&self, at: usize) -> bool {
        self.list[at].flood.is_some()
    }

    pub fn any_flooded(&self) -> bool {
        self.list.iter().any(|d| d.flood.is_some())
    }

    /// An alert went under another's row because of the flood.
    pub fn collapsed(&mut self, at: usize, lead: AlertId) {
        let Some(flood) = &mut self.list[at].flood else { return };
        flood.collapsed += 1;
        if flood.leads.len() < MAX_LEADS || flood.leads.contains_key(&lead) {
            *flood.leads.entry(lead).or_default() += 1;
        }
    }

    /// Floods that are over.
    pub fn ended(&mut self, now: Mono) -> Vec<Flood> {
        let half = self.flood_alerts / 2;
        let mut over = Vec::new();
        for desk in self.list.iter_mut().filter(|d| d.flood.is_some()) {
            desk.forget(now);
            if desk.shown.len() <= half {
                over.extend(desk.flood.take());
            }
        }
        over
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
            desks.shown(0, at(s));
        }
        assert!(desks.is_flooded(0), "the eleventh");
        let lead = AlertId::at(1);
        for _ in 0..300 {
            desks.collapsed(0, lead);
        }
        assert!(desks.ended(Mono(599_000)).is_empty());
        let over = desks.ended(Mono(606_000));
        assert_eq!((over.len(), over[0].collapsed, over[0].leads[&lead]), (1, 300, 300));
        assert!(!desks.any_flooded());
    }
}
