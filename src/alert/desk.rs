//! Positions: which one is responsible, how many rows it got, and whether it is flooded.
//!
//! Every alert has exactly one: that of the nearest area on its path that a position names, else the one that takes the
//! rest, else the first; a site without positions is one desk. Flood mode begins beyond `alert.flood_alerts` new rows in
//! `alert.flood_window_s` and ends when half as many are left. How a desk stands outlives the process: it is given out when it
//! changed (`keeps`) and taken up again (`restore`). Pure, bounded.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::{
    config,
    types::{
        AlertId, AreaId, Mono, Now, Past, PositionId, Wall,
        position::{self, Came, Digest, FloodState, Lead, PositionState},
    },
};

/// Rows whose takings are counted, and those of them that the position's digest names.
const MAX_LEADS: usize = 256;
const MAX_NAMED: usize = 20;
/// What a flood came to is told for so long: three shifts, each of which hears of it.
const DIGEST_MS: u64 = 24 * 3_600_000;
/// Types that are counted one by one.
const MAX_KINDS: usize = 32;

/// A time in which a position got too much.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Flood {
    pub since: Wall,
    /// Rows since it began, and alerts that went under another row because of it.
    pub rows: u64,
    pub collapsed: u64,
    /// How many went under which row.
    pub leads: HashMap<AlertId, Lead>,
    /// How many of each type came.
    came: BTreeMap<String, u64>,
    /// It was over before it was taken up again.
    #[serde(skip)]
    over: Option<Wall>,
}

#[derive(Debug)]
pub struct Desk {
    pub id: PositionId,
    pub escalate_to: Option<PositionId>,
    /// The newest rows and rises of the window, oldest first; one more than a flood begins beyond is enough to tell when it
    /// begins and when it ends.
    shown: VecDeque<(Wall, Past)>,
    pub flood: Option<Flood>,
    digest: Option<Digest>,
    /// It stands otherwise than it was given out last.
    changed: bool,
}

/// A desk as it is kept; `F` and `D` are a flood and a digest, borrowed where they are written.
#[derive(Serialize, Deserialize)]
struct Kept<F, D> {
    shown: Vec<Wall>,
    flood: Option<F>,
    digest: Option<D>,
}

/// The positions of a site.
#[derive(Debug)]
pub struct Desks {
    list: Vec<Desk>,
    by_area: HashMap<AreaId, usize>,
    rest: usize,
    /// What takes the rest names no area, and answers for any.
    rest_is_any: bool,
    flood_alerts: usize,
    window_ms: u64,
    /// Something that is told of positions is other than it was told.
    news: bool,
}

/// The position of a site that names none.
#[allow(clippy::expect_used)] // literal
fn only() -> PositionId {
    PositionId::new("desk").expect("literal id")
}

impl Desks {
    pub fn new(positions: &[config::Position], cfg: &config::Alert) -> Self {
        let desk = |id: PositionId, escalate_to| Desk {
            id,
            escalate_to,
            shown: VecDeque::new(),
            flood: None,
            digest: None,
            changed: false,
        };
        let mut list: Vec<Desk> = positions.iter().map(|p| desk(p.id.clone(), p.escalate_to.clone())).collect();
        if list.is_empty() {
            list.push(desk(only(), None));
        }
        let areas = positions.iter().enumerate().flat_map(|(i, p)| p.areas.iter().map(move |a| (a.clone(), i)));
        Self {
            by_area: areas.collect(),
            rest: positions.iter().position(|p| p.areas.is_empty()).unwrap_or(0),
            rest_is_any: positions.is_empty() || positions.iter().any(|p| p.areas.is_empty()),
            list,
            flood_alerts: cfg.flood_alerts as usize,
            window_ms: u64::from(cfg.flood_window_s) * 1000,
            news: true,
        }
    }

    /// The responsible one.
    pub fn of(&self, area: &[AreaId]) -> usize {
        area.iter().rev().find_map(|a| self.by_area.get(a)).copied().unwrap_or(self.rest)
    }

    /// Whether the position answers for one of these areas, or for any.
    pub fn covers(&self, at: usize, area: &[AreaId]) -> bool {
        let rest = at == self.rest && self.rest_is_any;
        rest || at == self.of(area) || area.iter().any(|a| self.by_area.get(a) == Some(&at))
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
        desk.changed = true;
        desk.forget(self.window_ms, now.mono);
        if desk.shown.len() > limit {
            desk.shown.pop_front();
        }
        desk.shown.push_back((now.wall, now.mono.into()));
        if desk.flood.is_none() && desk.shown.len() > limit {
            desk.flood = Some(Flood::new(now.wall));
            // Another flood: what the last one came to is history.
            desk.digest = None;
            self.news = true;
        }
        let Some(flood) = &mut desk.flood else { return };
        flood.over = None;
        if let Some(kind) = kind {
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
        let desk = &mut self.list[at];
        let Some(flood) = &mut desk.flood else { return };
        flood.collapsed += 1;
        flood.came(kind);
        desk.changed = true;
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
            desk.forget(self.window_ms, now.mono);
            if desk.shown.len() <= half
                && let Some(flood) = desk.flood.take()
            {
                desk.digest = Some(flood.digest(flood.over.unwrap_or(now.wall)));
                desk.changed = true;
                over.push(flood);
                self.news = true;
            }
        }
        over
    }

    /// Digests that were told long enough go; in how many milliseconds the next one does.
    pub fn digests_end(&mut self, now: Wall) -> Option<u64> {
        let mut next: Option<u64> = None;
        for desk in &mut self.list {
            let Some(digest) = &desk.digest else { continue };
            let age = u64::try_from(now.0.saturating_sub(digest.until.0)).unwrap_or(0);
            if age < DIGEST_MS {
                next = Some(next.unwrap_or(u64::MAX).min(DIGEST_MS - age));
                continue;
            }
            desk.digest = None;
            desk.changed = true;
            self.news = true;
        }
        next
    }

    /// What is to be kept of the desks that stand otherwise than when this was asked last.
    pub fn keeps(&mut self) -> Vec<position::Kept> {
        let changed = self.list.iter_mut().filter_map(|d| std::mem::take(&mut d.changed).then_some(&*d));
        changed
            .map(|d| {
                let shown = d.shown.iter().map(|(at, _)| *at).collect();
                let kept = Kept { shown, flood: d.flood.as_ref(), digest: d.digest.as_ref() };
                // Only a map with keys that are no strings fails, and there is none.
                position::Kept { position: d.id.clone(), kept: serde_json::to_string(&kept).unwrap_or_default() }
            })
            .collect()
    }

    /// Takes up how a desk stood before; one that there is no more is let go. How long ago things were is known by the wall
    /// clock.
    pub fn restore(&mut self, kept: &position::Kept, now: Now) -> serde_json::Result<()> {
        let Some(at) = self.index(&kept.position) else { return Ok(()) };
        let was: Kept<Flood, Digest> = serde_json::from_str(&kept.kept)?;
        let (half, limit) = (self.flood_alerts / 2, self.flood_alerts);
        let desk = &mut self.list[at];
        (desk.flood, desk.digest) = (was.flood, was.digest);
        let newest = was.shown.len().saturating_sub(limit + 1);
        desk.shown = was.shown[newest..].iter().map(|at| (*at, Past::by_wall(*at, now))).collect();
        // When the last row too many left the window, or when there was none any more.
        let last = desk.shown.len().checked_sub(half + 1).and_then(|i| desk.shown.get(i));
        let over = match last {
            Some((at, _)) => Some(super::later(*at, self.window_ms)),
            None => desk.shown.back().map(|(at, _)| *at),
        };
        desk.forget(self.window_ms, now.mono);
        if let Some(flood) = &mut desk.flood {
            let over = over.unwrap_or(flood.since).max(flood.since).min(now.wall);
            flood.over = (desk.shown.len() <= half).then_some(over);
        }
        self.news = true;
        Ok(())
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
        Self { since, rows: 0, collapsed: 0, leads: HashMap::new(), came: BTreeMap::new(), over: None }
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
    fn forget(&mut self, window_ms: u64, now: Mono) {
        while self.shown.front().is_some_and(|(_, at)| at.ms(now) >= window_ms) {
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

    /// One desk that is flooded beyond so many rows in so many seconds.
    fn one(flood_alerts: u32, flood_window_s: u32) -> Desks {
        Desks::new(&[], &config::Alert { flood_alerts, flood_window_s, ..config::Alert::default() })
    }

    /// What another process makes of what was kept, beginning at this moment.
    fn anew(flood_alerts: u32, kept: &[position::Kept], now: Now) -> Desks {
        let mut desks = one(flood_alerts, 600);
        for kept in kept {
            desks.restore(kept, now).unwrap();
        }
        desks
    }

    #[test]
    fn every_alert_has_one_position_the_nearest() {
        let position = |id: &str, areas: &[&str]| config::Position {
            id: PositionId::new(id).unwrap(),
            name: String::new(),
            areas: areas.iter().map(|a| area(a)).collect(),
            escalate_to: None,
        };
        let positions = [position("all", &["city"]), position("school", &["school-1"]), position("rest", &[])];
        let desks = Desks::new(&positions, &config::Alert::default());
        let of = |path: &[&str]| {
            let path: Vec<AreaId> = path.iter().map(|a| area(a)).collect();
            desks.get(desks.of(&path)).id.to_string()
        };
        assert_eq!(of(&["city", "north"]), "all");
        assert_eq!(of(&["city", "school-1", "yard"]), "school");
        assert_eq!(of(&["village"]), "rest");
        assert_eq!(of(&[]), "rest");
        assert_eq!(one(10, 600).get(0).id.as_str(), "desk");
    }

    #[test]
    fn a_flood_begins_beyond_ten_and_ends_with_its_digest() {
        let mut desks = one(10, 600);
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
        let mut desks = one(2, 600);
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

    #[test]
    fn the_window_is_the_configured_one() {
        let mut desks = one(2, 30);
        for s in [0, 20, 40, 60, 80, 91] {
            desks.shown(0, Some("line"), at(s));
            assert!(!desks.is_flooded(0), "never three in half a minute");
        }
        desks.shown(0, Some("line"), at(92));
        assert!(desks.is_flooded(0));
        assert!(desks.ended(at(120)).is_empty(), "two are left, half of the limit is one");
        assert_eq!(desks.ended(at(121)).len(), 1);
    }

    #[test]
    fn a_storm_keeps_only_what_tells_when_it_ends() {
        let mut desks = one(10, 600);
        for s in 0..500 {
            desks.shown(0, Some("line"), at(s));
        }
        assert_eq!(desks.get(0).shown.len(), 11);
        assert!(desks.ended(at(494 + 599)).is_empty());
        assert_eq!(desks.ended(at(494 + 600)).len(), 1, "the sixth from the end was shown in second 494");
    }

    /// A flood of two beyond its limit of four, with what was kept of it.
    fn flood_of_six() -> (Vec<position::Kept>, AlertId) {
        let (mut desks, lead) = (one(4, 600), AlertId::at(1));
        for s in 0..6 {
            desks.shown(0, Some("line"), at(s));
        }
        desks.collapsed(0, row(lead), "intrusion");
        let kept = desks.keeps();
        assert!(desks.keeps().is_empty(), "it did not change again");
        (kept, lead)
    }

    #[test]
    fn another_process_goes_on_in_the_flood_and_its_digest_counts_all_of_it() {
        let (kept, lead) = flood_of_six();
        let before = Now { mono: Mono(5), ..at(300) };
        let mut desks = anew(4, &kept, before);
        let told = |d: &mut Desks| d.news().unwrap().remove(0);
        let flood = told(&mut desks).flood.unwrap();
        assert_eq!((flood.since, flood.rows, flood.collapsed), (Wall(4000), 2, 1));
        assert!(desks.keeps().is_empty(), "what was taken up is kept already");
        // 300 s later by its own clock, which began a moment before.
        let later = |s: u64| Now { mono: Mono((s - 300) * 1000 + 5), ..at(s) };
        desks.shown(0, Some("line"), later(310));
        desks.collapsed(0, row(lead), "intrusion");
        // Of the rows in seconds 1 to 5 and 310 half as many as the limit are left when that of second 4 goes.
        assert!(desks.ended(later(603)).is_empty());
        assert_eq!(desks.ended(later(604)).len(), 1);
        let digest = told(&mut desks).digest.unwrap();
        assert_eq!((digest.since, digest.until), (Wall(4000), Wall(604_000)));
        assert_eq!((digest.rows, digest.collapsed, digest.leads[0].under), (3, 2, 2));
        let kept = desks.keeps();
        let state = told(&mut anew(4, &kept, Now { mono: Mono(0), ..at(9000) }));
        assert_eq!((state.flood, state.digest), (None, Some(digest)), "a digest stays");
    }

    #[test]
    fn what_ended_while_nothing_ran_ended_then() {
        let (kept, _) = flood_of_six();
        let back = Now { mono: Mono(5), ..at(40_000) };
        let mut desks = anew(4, &kept, back);
        assert_eq!(desks.ended(back).len(), 1);
        let state = desks.news().unwrap().remove(0);
        assert!(state.flood.is_none());
        // Of six rows the fourth was the last too many.
        assert_eq!(state.digest.unwrap().until, Wall(3000 + 600_000));
    }

    #[test]
    fn rows_that_come_before_it_is_looked_at_let_it_go_on() {
        let (kept, _) = flood_of_six();
        let back = Now { mono: Mono(5), ..at(40_000) };
        let mut desks = anew(4, &kept, back);
        for _ in 0..3 {
            desks.shown(0, Some("line"), back);
        }
        assert!(desks.ended(back).is_empty());
        let later = Now { mono: Mono(600_005), ..at(40_600) };
        assert_eq!(desks.ended(later).len(), 1);
        let digest = desks.news().unwrap().remove(0).digest.unwrap();
        assert_eq!((digest.until, digest.rows), (Wall(40_600_000), 5));
    }

    #[test]
    fn rows_before_a_restart_count_towards_a_flood_after_it() {
        let mut desks = one(4, 600);
        for s in 0..4 {
            desks.shown(0, Some("line"), at(s));
        }
        let kept = desks.keeps();
        let mut desks = anew(4, &kept, Now { mono: Mono(5), ..at(60) });
        assert!(!desks.is_flooded(0));
        desks.shown(0, Some("line"), Now { mono: Mono(6), ..at(60) });
        assert!(desks.is_flooded(0));
    }

    #[test]
    fn what_cannot_be_read_and_whom_there_is_not_are_let_go() {
        let mut desks = one(4, 600);
        let kept = |position: &str, kept: &str| position::Kept {
            position: PositionId::new(position).unwrap(),
            kept: kept.to_owned(),
        };
        desks.restore(&kept("gone", "{"), at(0)).unwrap();
        desks.restore(&kept("desk", "{"), at(0)).unwrap_err();
        let odd = r#"{"shown":[],"flood":{"since":"1970-01-01T00:00:09.000Z","rows":3,"collapsed":0,"leads":{},"came":{}},"digest":null}"#;
        desks.restore(&kept("desk", odd), at(5)).unwrap();
        assert_eq!(desks.ended(at(5)).len(), 1, "a flood without a row is over");
    }
}
