//! Rows that belong together: alerts of one area or one recorder within one time are an incident.
//!
//! An incident is a name that rows share; it takes none of them away. Two cases fold an alert under a row: the same kind
//! of thing from a neighbouring channel within seconds, which is one happening seen twice, and a flood. Also here: storms,
//! many channels of an area that are unsure at once. Pure, bounded: the rows of the last minutes.

use std::collections::{HashMap, VecDeque};

use crate::{
    config,
    types::{AlertId, AreaId, ChannelId, IncidentId, Mono, Past, alert::Alert, fact::Object},
};

/// Rows remembered.
const MAX_ROWS: usize = 2048;
/// So many channels of one area unsure within five minutes are a storm.
const STORM_CHANNELS: usize = 8;
const STORM_MS: u64 = 300_000;
/// Areas in which unsure channels are remembered.
const MAX_AREAS: usize = 10_000;
/// Levels of the tree above a channel in which a storm is looked for; never the root.
const STORM_LEVELS: usize = 3;

/// A row as it was shown.
#[derive(Debug, Clone)]
pub struct Shown {
    pub alert: AlertId,
    pub incident: IncidentId,
    pub channel: ChannelId,
    pub area: Option<AreaId>,
    pub recorder: Option<String>,
    pub kind: String,
    pub class: Option<String>,
    pub at: Past,
    pub last: Past,
}

/// What is asked about.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub channel: &'a ChannelId,
    pub area: &'a [AreaId],
    pub recorder: Option<&'a str>,
    pub kind: &'a str,
    pub class: Option<&'a str>,
}

impl Shown {
    pub fn of(a: &Alert, incident: IncidentId, at: Past) -> Self {
        Self {
            alert: a.id,
            incident,
            channel: a.channel.clone(),
            area: a.area.last().cloned(),
            recorder: a.handling.recorder.clone(),
            kind: a.kind.clone(),
            class: class(&a.objects).map(str::to_owned),
            at,
            last: at,
        }
    }

    fn same_place(&self, a: &Asked<'_>) -> bool {
        self.channel == *a.channel
            || (self.area.is_some() && self.area.as_ref() == a.area.last())
            || (self.recorder.is_some() && self.recorder.as_deref() == a.recorder)
    }
}

/// The class of an event's objects: the label of the surest.
pub fn class(objects: &[Object]) -> Option<&str> {
    objects.iter().max_by(|a, b| a.score.total_cmp(&b.score)).map(|o| o.label.as_str())
}

/// The rows of the last minutes, newest last.
#[derive(Debug)]
pub struct Incidents {
    rows: VecDeque<Shown>,
    flood_ms: u64,
    /// What is older is asked for by nobody.
    keep_ms: u64,
}

impl Incidents {
    pub fn new(cfg: &config::Alert) -> Self {
        let longest = cfg.flood_window_s.max(cfg.incident_s).max(cfg.neighbour_s);
        let ms = |s: u32| u64::from(s) * 1000;
        Self { rows: VecDeque::new(), flood_ms: ms(cfg.flood_window_s), keep_ms: ms(longest) }
    }

    /// The incident of an alert that is about to be a row: of the same place, class and time, else a new one.
    pub fn of(&mut self, a: &Asked<'_>, within_ms: u64, now: Mono) -> Option<IncidentId> {
        let row = self.rows.iter_mut().rev().find(|r| {
            r.last.ms(now) <= within_ms && r.same_place(a) && (r.class.as_deref() == a.class || a.class.is_none())
        })?;
        row.last = now.into();
        Some(row.incident)
    }

    /// The row of a neighbouring channel that shows the same happening.
    pub fn neighbour(&self, a: &Asked<'_>, within_ms: u64, now: Mono) -> Option<AlertId> {
        let row = self.rows.iter().rev().find(|r| {
            r.at.ms(now) <= within_ms
                && r.channel != *a.channel
                && r.kind == a.kind
                && a.class.is_some()
                && r.class.as_deref() == a.class
                && r.same_place(a)
        })?;
        Some(row.alert)
    }

    /// The row that takes an alert while its position is flooded: of its incident, its area or its recorder.
    pub fn collapses(&self, a: &Asked<'_>, now: Mono) -> Option<(AlertId, bool)> {
        let recent = || self.rows.iter().rev().filter(|r| r.last.ms(now) <= self.flood_ms && r.same_place(a));
        let same_kind = recent().find(|r| r.kind == a.kind);
        same_kind.or_else(|| recent().next()).map(|r| (r.alert, r.kind == a.kind))
    }

    pub fn show(&mut self, row: Shown, now: Mono) {
        while self.rows.len() >= MAX_ROWS || self.rows.front().is_some_and(|r| r.last.ms(now) > self.keep_ms) {
            self.rows.pop_front();
        }
        self.rows.push_back(row);
    }

    /// Takes up a row that was shown before, in the order of time.
    pub fn restore(&mut self, row: Shown, now: Mono) {
        let age = row.at.ms(now);
        if age > self.keep_ms || self.rows.len() >= MAX_ROWS || self.rows.iter().any(|r| r.alert == row.alert) {
            return;
        }
        self.rows.insert(self.rows.partition_point(|r| r.at.ms(now) >= age), row);
    }

    /// A person finished it: nothing goes under it any more.
    pub fn forget(&mut self, alert: AlertId) {
        self.rows.retain(|r| r.alert != alert);
    }
}

/// Where many channels are unsure at once.
#[derive(Debug, Default)]
pub struct Storms {
    unsure: HashMap<AreaId, VecDeque<(Mono, ChannelId)>>,
}

fn near(path: &[AreaId]) -> impl Iterator<Item = &AreaId> {
    path.iter().skip(usize::from(path.len() > 1)).rev().take(STORM_LEVELS)
}

impl Storms {
    /// A channel saw something that it is not sure of.
    pub fn unsure(&mut self, channel: &ChannelId, area: &[AreaId], now: Mono) {
        for area in near(area) {
            if self.unsure.len() >= MAX_AREAS && !self.unsure.contains_key(area) {
                self.unsure.retain(|_, list| list.back().is_some_and(|(at, _)| now.since_ms(*at) <= STORM_MS));
                if self.unsure.len() >= MAX_AREAS {
                    return;
                }
            }
            let list = self.unsure.entry(area.clone()).or_default();
            list.retain(|(at, c)| now.since_ms(*at) <= STORM_MS && c != channel);
            if list.len() >= STORM_CHANNELS * 2 {
                list.pop_front();
            }
            list.push_back((now, channel.clone()));
        }
    }

    /// Whether a channel stands in a storm.
    pub fn at(&self, area: &[AreaId], now: Mono) -> bool {
        near(area).any(|a| {
            let fresh = |list: &VecDeque<(Mono, ChannelId)>| {
                list.iter().filter(|(at, _)| now.since_ms(*at) <= STORM_MS).count() >= STORM_CHANNELS
            };
            self.unsure.get(a).is_some_and(fresh)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(id: &str) -> ChannelId {
        ChannelId::new(id).unwrap()
    }

    fn shown(alert: AlertId, incident: IncidentId, channel: &ChannelId, area: &AreaId, at: Mono) -> Shown {
        Shown {
            alert,
            incident,
            channel: channel.clone(),
            area: Some(area.clone()),
            recorder: None,
            kind: "intrusion".into(),
            class: Some("person".into()),
            at: at.into(),
            last: at.into(),
        }
    }

    #[test]
    fn neighbours_are_one_happening_and_other_kinds_are_not() {
        let yard = [AreaId::new("yard").unwrap()];
        let (a, b) = (channel("a"), channel("b"));
        let asked = |channel, kind| Asked { channel, area: &yard, recorder: None, kind, class: Some("person") };
        let mut incidents = Incidents::new(&config::Alert::default());
        assert!(incidents.of(&asked(&a, "intrusion"), 300_000, Mono(0)).is_none());
        let (alert, incident) = (AlertId::at(1), IncidentId::at(1));
        incidents.show(shown(alert, incident, &a, &yard[0], Mono(0)), Mono(0));
        assert_eq!(incidents.neighbour(&asked(&b, "intrusion"), 20_000, Mono(5_000)), Some(alert));
        assert_eq!(incidents.neighbour(&asked(&b, "line"), 20_000, Mono(5_000)), None, "another kind is a row");
        assert_eq!(incidents.neighbour(&asked(&a, "intrusion"), 20_000, Mono(5_000)), None, "the same channel is");
        assert_eq!(incidents.neighbour(&asked(&b, "intrusion"), 20_000, Mono(25_000)), None, "and what comes later");
        assert_eq!(incidents.of(&asked(&b, "line"), 300_000, Mono(200_000)), Some(incident));
        assert_eq!(incidents.collapses(&asked(&b, "line"), Mono(200_000)), Some((alert, false)));
        let elsewhere = Asked { area: &[], ..asked(&b, "intrusion") };
        assert_eq!(incidents.of(&elsewhere, 300_000, Mono(200_000)), None);
        incidents.forget(alert);
        assert_eq!(incidents.collapses(&asked(&b, "intrusion"), Mono(1)), None);
    }

    #[test]
    fn a_short_window_of_a_flood_shortens_no_incident() {
        let yard = [AreaId::new("yard").unwrap()];
        let a = channel("a");
        let asked = Asked { channel: &a, area: &yard, recorder: None, kind: "intrusion", class: Some("person") };
        let mut incidents = Incidents::new(&config::Alert { flood_window_s: 20, ..config::Alert::default() });
        let (first, incident) = (AlertId::at(1), IncidentId::at(1));
        incidents.show(shown(first, incident, &a, &yard[0], Mono(0)), Mono(0));
        let other = AreaId::new("gate").unwrap();
        incidents.show(shown(AlertId::at(2), IncidentId::at(2), &a, &other, Mono(60_000)), Mono(60_000));
        assert_eq!(incidents.collapses(&Asked { channel: &channel("b"), ..asked }, Mono(21_000)), None);
        assert_eq!(incidents.of(&Asked { channel: &channel("b"), ..asked }, 300_000, Mono(299_000)), Some(incident));
    }

    #[test]
    fn rows_from_before_are_taken_up_with_their_age_and_in_their_order() {
        let yard = [AreaId::new("yard").unwrap()];
        let a = channel("a");
        let asked =
            Asked { channel: &channel("b"), area: &yard, recorder: None, kind: "intrusion", class: Some("person") };
        let now = crate::types::Now { mono: Mono(1000), wall: crate::types::Wall(1_000_000_000) };
        let ago = |s: i64| Past::by_wall(crate::types::Wall(now.wall.0 - s * 1000), now);
        let mut incidents = Incidents::new(&config::Alert::default());
        let [hundred, thirty, old] = [100, 30, 500].map(|s| (AlertId::at(s), s));
        for (alert, s) in [hundred, thirty, old, (AlertId::at(700), 700)] {
            let row = shown(alert, IncidentId::at(s), &a, &yard[0], Mono(0));
            incidents.restore(Shown { at: ago(s), last: ago(s), ..row }, now.mono);
        }
        assert_eq!(incidents.neighbour(&asked, 20_000, now.mono), None, "half a minute ago is no second ago");
        for (alert, s) in [thirty, hundred, old] {
            assert_eq!(incidents.collapses(&asked, now.mono), Some((alert, true)), "{s}: the newest that is left");
            incidents.forget(alert);
        }
        assert_eq!(incidents.collapses(&asked, now.mono), None, "what is older than all windows is not taken up");
    }

    #[test]
    fn a_storm_is_many_channels_of_one_area() {
        let path = [AreaId::new("city").unwrap(), AreaId::new("yard").unwrap()];
        let mut storms = Storms::default();
        for n in 0..20 {
            storms.unsure(&channel("a"), &path, Mono(n));
        }
        assert!(!storms.at(&path, Mono(20)), "one channel is no storm");
        for n in 0..STORM_CHANNELS {
            storms.unsure(&channel(&format!("c{n}")), &path, Mono(20));
        }
        assert!(storms.at(&path, Mono(1000)) && !storms.at(&[], Mono(1000)));
        assert!(!storms.at(&path, Mono(STORM_MS + 1000)));
    }
}
