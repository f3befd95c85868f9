//! Plays a day to the alert book and writes down what came before whom.
//!
//! What counts is what a person is told: a new row, a row that rises in priority, a row that comes back from its shelf. A
//! true happening is suppressed if its responsible position, which is looked up here and not believed, got neither a row of
//! its own nor a rise of the row it went under within a minute of its begin.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    operator::People,
    script::{DAY, HOUR, Item, MINUTE, SECOND, What},
};
use crate::{
    alert::AlertBook,
    config::{Config, Position},
    types::{
        AlertId, AreaId, Mono, Now, Phase, PositionId, Severity, Wall,
        alert::{Alert, By, Wish},
        handling::How,
        payload::{AlertAction, AlertState, EventPayload},
    },
};

/// Within which a person must have been told.
const TOLD_MS: u64 = 60 * SECOND;
/// The measure is its own, whatever window the gateway is configured with.
const WINDOW_MS: u64 = 10 * MINUTE;
/// No shorter day is judged.
const SHORTEST: u64 = HOUR;
/// More than this in a window is a flood.
const FLOOD: u64 = 10;

/// What of an alert a position sees.
#[derive(Debug, Clone)]
struct Row {
    position: Option<PositionId>,
    priority: Severity,
    since: Wall,
    raised: Option<Wall>,
    waits: bool,
}

/// A true happening on its way.
#[derive(Debug)]
struct Happening {
    at_ms: u64,
    area: Vec<AreaId>,
    alerts: HashSet<AlertId>,
    critical: bool,
}

/// A position was told of something.
#[derive(Debug)]
struct Told {
    at_ms: u64,
    alert: AlertId,
    position: Option<PositionId>,
}

/// What came of a day.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    pub events: u64,
    pub alerts: u64,
    pub days: f64,
    /// What each position was told: new rows, rises and returns.
    pub per_position: BTreeMap<String, u64>,
    pub rows: u64,
    pub raised: u64,
    /// The same by type of rule and zone, and how much of it was of something true.
    pub of_source: BTreeMap<String, u64>,
    pub of_truth: u64,
    pub windows: u64,
    pub flooded: u64,
    pub happenings: u64,
    /// Names of true happenings that nobody was told of in time.
    pub suppressed: Vec<String>,
    /// Until the burglary stood at the top of its position's rows.
    pub burglary_s: Option<f64>,
    /// Rows by priority, low to critical.
    pub mix: [u64; 4],
    pub chattering: u64,
    pub explained: u64,
    pub brief: u64,
    pub shelved: u64,
    /// Alerts that somebody took and finished.
    pub handled: u64,
    /// Alerts without exactly one known position; events that the book refused.
    pub homeless: u64,
    pub refused: u64,
}

impl Outcome {
    pub fn worst(&self) -> (String, f64) {
        let most = self.per_position.iter().max_by_key(|(_, n)| **n);
        most.map_or_else(Default::default, |(id, n)| (id.clone(), *n as f64 / self.days))
    }
    pub fn per_position_day(&self) -> f64 {
        let sum: u64 = self.per_position.values().sum();
        sum as f64 / self.per_position.len().max(1) as f64 / self.days
    }
    pub fn flood_share(&self) -> f64 {
        self.flooded as f64 / self.windows.max(1) as f64
    }
}

/// How a day is judged.
pub struct Score<'a> {
    book: AlertBook,
    by_area: HashMap<&'a AreaId, &'a PositionId>,
    rest: Option<&'a PositionId>,
    /// Of the first item, and the wall clock then.
    zero: (u64, Wall),
    day_from: u64,
    rows: HashMap<AlertId, Row>,
    /// Which row an alert went under, and when.
    under: HashMap<AlertId, (AlertId, u64)>,
    latest: HashMap<String, AlertId>,
    told: Vec<Told>,
    happenings: BTreeMap<String, Happening>,
    burglary: Option<(u64, Option<u64>)>,
    seen: HashSet<AlertId>,
    chattering: HashSet<String>,
    brief: HashSet<AlertId>,
    explained: HashSet<AlertId>,
    /// Alerts that something true belongs to.
    truths: HashSet<AlertId>,
    out: Outcome,
    people: People,
}

impl<'a> Score<'a> {
    pub fn new(config: &'a Config, positions: &'a [Position], zero: (u64, Wall)) -> anyhow::Result<Self> {
        let areas = positions.iter().flat_map(|p| p.areas.iter().map(move |a| (a, &p.id)));
        Ok(Self {
            book: AlertBook::of(config),
            by_area: areas.collect(),
            rest: positions.iter().find(|p| p.areas.is_empty()).or(positions.first()).map(|p| &p.id),
            zero,
            day_from: zero.0,
            rows: HashMap::new(),
            under: HashMap::new(),
            latest: HashMap::new(),
            told: Vec::new(),
            happenings: BTreeMap::new(),
            burglary: None,
            seen: HashSet::new(),
            chattering: HashSet::new(),
            brief: HashSet::new(),
            explained: HashSet::new(),
            out: Outcome {
                per_position: positions.iter().map(|p| (p.id.to_string(), 0)).collect(),
                ..Outcome::default()
            },
            truths: HashSet::new(),
            people: People::new()?,
        })
    }

    fn now(&self, at_ms: u64) -> Now {
        let gone = at_ms.saturating_sub(self.zero.0);
        Now { mono: Mono(gone), wall: Wall(self.zero.1.0 + i64::try_from(gone).unwrap_or(0)) }
    }

    /// Everything up to this moment that happens by itself, or by the people at the positions.
    fn advance(&mut self, to_ms: u64) {
        loop {
            let own = self.book.next_tick().map(|due| self.zero.0 + due.0);
            let step = self.people.next();
            let Some(at_ms) = own.into_iter().chain(step).min().filter(|at| *at <= to_ms) else { return };
            let now = self.now(at_ms);
            if own == Some(at_ms) {
                for change in self.book.tick(now) {
                    self.see(&change.alert, at_ms);
                }
            }
            if step == Some(at_ms)
                && let Some((id, wish)) = self.people.step(at_ms, |id| self.truths.contains(&id))
            {
                self.out.handled += u64::from(wish.action == AlertAction::Resolve);
                self.acts(id, &wish, at_ms);
            }
        }
    }

    fn acts(&mut self, id: AlertId, wish: &Wish, at_ms: u64) -> bool {
        let user = self.people.user.clone();
        let Ok(Some(change)) = self.book.act(id, wish, By::User(&user), None, self.now(at_ms)) else { return false };
        self.see(&change.alert, at_ms);
        true
    }

    pub fn play(&mut self, items: &[Item]) {
        for item in items {
            self.advance(item.at_ms);
            match &item.what {
                What::Event { event, truth } => self.event(event, truth.as_deref(), item.at_ms),
                What::Shelve { key, minutes } => self.shelve(key, *minutes, item.at_ms),
            }
        }
    }

    fn event(&mut self, event: &EventPayload, truth: Option<&str>, at_ms: u64) {
        let start = event.phase == Phase::Start;
        self.out.events += u64::from(start);
        let folded = match self.book.on_event(event, event.channel.as_str(), self.now(at_ms)) {
            Ok(folded) => folded,
            Err(_) => {
                self.out.refused += 1;
                return;
            }
        };
        let id = folded.own.alert.id;
        if start {
            self.latest.insert(event.dedupe_key.clone(), id);
        }
        if let Some(truth) = truth.filter(|_| start) {
            let happening = self.happenings.entry(truth.to_owned()).or_insert_with(|| Happening {
                at_ms,
                area: event.area.clone(),
                alerts: HashSet::new(),
                critical: false,
            });
            happening.alerts.insert(id);
            self.truths.insert(id);
            happening.critical |= event.severity == Severity::Critical;
            if self.burglary.is_none() && truth.starts_with(super::truth::BURGLARY) {
                self.burglary = Some((at_ms, None));
            }
        }
        self.see(&folded.own.alert, at_ms);
        for change in &folded.others {
            self.see(&change.alert, at_ms);
        }
    }

    /// An operator shelves what the source last said.
    fn shelve(&mut self, key: &str, minutes: u32, at_ms: u64) {
        let Some(id) = self.latest.get(key).copied() else { return };
        let note = Some("a tree in the wind".to_owned());
        let wish = Wish { note, minutes: Some(minutes), ..AlertAction::Shelve.into() };
        self.out.shelved += u64::from(self.acts(id, &wish, at_ms));
    }

    /// A position looks at an alert as it is now.
    fn see(&mut self, a: &Alert, at_ms: u64) {
        let h = &a.handling;
        if self.seen.insert(a.id) {
            self.out.alerts += 1;
            let known = h.position.as_ref().is_some_and(|p| self.out.per_position.contains_key(p.as_str()));
            self.out.homeless += u64::from(!known);
        }
        if h.chattering {
            self.chattering.insert(a.dedupe_key.clone());
        }
        match h.showing.how {
            How::Row => {}
            How::Under => {
                if h.showing.because == Some(crate::types::handling::Because::Explained) {
                    self.explained.insert(a.id);
                }
                if let Some(row) = h.showing.row {
                    self.under.entry(a.id).or_insert((row, at_ms));
                }
                return;
            }
            How::Brief => {
                self.brief.insert(a.id);
                return;
            }
            How::Held => return,
        }
        let Some(since) = h.showing.since else { return };
        let before = self.rows.get(&a.id);
        let new = before.is_none_or(|r| r.since != since);
        let rises = !new && before.is_some_and(|r| r.raised != h.showing.raised && a.priority() > r.priority);
        if new || rises {
            self.told.push(Told { at_ms, alert: a.id, position: h.position.clone() });
            self.out.rows += u64::from(new);
            self.out.raised += u64::from(rises);
            let rule = a.dedupe_key.split_once('/').map_or(a.kind.as_str(), |(_, rule)| rule);
            *self.out.of_source.entry(rule.to_owned()).or_default() += 1;
            if let Some(position) = &h.position {
                self.people.told(position, a.id, a.priority(), at_ms);
            }
        }
        let waits = a.state == AlertState::New && h.shelved.is_none();
        let row = Row { position: h.position.clone(), priority: a.priority(), since, raised: h.showing.raised, waits };
        self.rows.insert(a.id, row);
        self.look_for_the_burglar(at_ms);
    }

    /// Is it the first of its position's rows, by priority and then the newest?
    fn look_for_the_burglar(&mut self, at_ms: u64) {
        let Some((_, None)) = self.burglary else { return };
        let Some(of) = self.happenings.iter().find(|(name, _)| name.starts_with(super::truth::BURGLARY)) else {
            return;
        };
        let own = &of.1.alerts;
        let mine = self.rows.iter().filter(|(id, r)| own.contains(*id) && r.waits).map(|(_, r)| r);
        let Some(best) = mine.max_by_key(|r| (r.priority, r.since)) else { return };
        let above =
            |r: &Row| r.waits && r.position == best.position && (r.priority, r.since) > (best.priority, best.since);
        if !self.rows.values().any(above)
            && let Some((_, top)) = &mut self.burglary
        {
            *top = Some(at_ms);
        }
    }

    fn responsible(&self, area: &[AreaId]) -> Option<&PositionId> {
        area.iter().rev().find_map(|a| self.by_area.get(a)).copied().or(self.rest)
    }

    /// What came of it, `until_ms` being the end of the day.
    pub fn finish(mut self, until_ms: u64) -> anyhow::Result<Outcome> {
        self.advance(until_ms + 2 * MINUTE);
        self.judge(until_ms)
    }

    /// What came of the day that ends now; what is learnt, open and on its way goes on into the next.
    pub fn next_day(&mut self, until_ms: u64) -> anyhow::Result<Outcome> {
        self.advance(until_ms);
        let outcome = self.judge(until_ms)?;
        self.day_from = until_ms;
        let per_position = self.out.per_position.keys().map(|id| (id.clone(), 0)).collect();
        self.out = Outcome { per_position, ..Outcome::default() };
        self.told.clear();
        self.happenings.clear();
        self.chattering.clear();
        self.brief.clear();
        self.explained.clear();
        Ok(outcome)
    }

    fn judge(&mut self, until_ms: u64) -> anyhow::Result<Outcome> {
        let length = until_ms.saturating_sub(self.day_from);
        if length < SHORTEST {
            anyhow::bail!("the day lasts for {} s; from less than an hour no day's figure follows", length / SECOND);
        }
        self.out.days = length as f64 / DAY as f64;
        let windows = length.div_ceil(WINDOW_MS);
        self.out.windows = windows * self.out.per_position.len() as u64;
        let mut per_window: HashMap<(&str, u64), u64> = HashMap::new();
        for told in &self.told {
            let Some(position) = &told.position else { continue };
            let window = (told.at_ms - self.day_from) / WINDOW_MS;
            *per_window.entry((position.as_str(), window)).or_default() += 1;
            *self.out.per_position.entry(position.to_string()).or_default() += 1;
        }
        self.out.flooded = per_window.values().filter(|n| **n > FLOOD).count() as u64;
        let morning = self.now(self.day_from).wall;
        for row in self.rows.values().filter(|r| r.since >= morning) {
            self.out.mix[row.priority as usize] += 1;
        }
        let mut suppressed = Vec::new();
        for (name, h) in &self.happenings {
            let position = self.responsible(&h.area);
            let in_time = h.at_ms..=h.at_ms + TOLD_MS;
            let was_told = |t: &Told| {
                in_time.contains(&t.at_ms)
                    && t.position.as_ref() == position
                    && h.alerts
                        .iter()
                        .any(|a| *a == t.alert || self.under.get(a).is_some_and(|(row, _)| *row == t.alert))
            };
            if !self.told.iter().any(was_told) {
                suppressed.push(name.clone());
            }
        }
        self.out.of_truth = self.told.iter().filter(|t| self.truths.contains(&t.alert)).count() as u64;
        self.out.happenings = self.happenings.len() as u64;
        self.out.suppressed = suppressed;
        self.out.burglary_s = self.burglary.and_then(|(from, top)| Some((top? - from) as f64 / 1000.0));
        self.out.chattering = self.chattering.len() as u64;
        self.out.brief = self.brief.len() as u64;
        self.out.explained = self.explained.len() as u64;
        Ok(self.out.clone())
    }
}
