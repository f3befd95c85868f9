//! Events become alerts, and alerts become the few rows that a person needs.
//!
//! In go events (start, update, end), people's actions and the time; out come alerts whole, after each change, with the
//! line for their history. Three questions are answered one after the other:
//!
//! - **Which alert?** An event joins the open alert of its dedupe key while that alert is active or its last event ended
//!   no longer ago than `alert.join_s`; a channel that opens too many has its further events join, counted (`start`).
//! - **Is it a row?** What is sure is one at once, what is not must last, what a source keeps repeating or a health alert
//!   explains is counted (`evidence`, `source`, `explain`); neighbours and floods fold rows (`incident`, `desk`, `show`).
//! - **Whose, and how urgent?** One responsible position, a priority, a due time, escalation (`desk`, `priority`, `timer`).
//!
//! Nothing is dropped: whatever becomes of it, an event has its alert, and the alert says how it is shown and why. Every
//! start and end finds its alert; an event that starts twice or ends without having started is refused.
//!
//! Pure: no I/O, no clock, no lock. The book holds only alerts that a coming event or a timer may still touch; the others
//! lie in the store, and the ledger brings one back (`admit`) when somebody acts on it.

mod act;
mod again;
mod carry;
mod desk;
mod evidence;
mod explain;
mod hold;
mod incident;
mod priority;
mod show;
mod source;
mod start;
mod state;
mod timer;

use std::collections::{HashMap, VecDeque};

use self::{
    carry::{ByKey, Carried},
    desk::Desks,
    evidence::Verdict,
    explain::Outages,
    hold::Held,
    incident::{Incidents, Storms},
    priority::Priorities,
    source::Sources,
    timer::Timers,
};
pub use state::possible;

use crate::{
    config::{self, Config},
    outbox::{self, Folded},
    types::{
        AlertId, ChannelId, EventEnd, EventId, Mono, Now, Phase, PositionId, RuleId, UserId, Wall,
        alert::{ActRefused, Alert, AlertChange, AlertHistory, By, EventRefused, Learnt, Wish},
        handling::How,
        payload::{AlertState, EventPayload},
        position::{self, PositionState},
    },
};

/// Window of `alert.max_per_channel_per_min`.
const MINUTE_MS: u64 = 60_000;

/// An event that has not ended.
#[derive(Debug, Clone, Copy)]
struct Open {
    alert: AlertId,
    /// How many happenings it told of; `None` while that is not known.
    happenings: Option<u32>,
    /// Since when.
    since: Mono,
}

#[derive(Default)]
struct Channel {
    /// When its alerts of the last minute were opened.
    opened: VecDeque<Mono>,
    latest: Option<AlertId>,
    latest_of_rule: HashMap<RuleId, AlertId>,
}

/// What the book is made with; what it has learnt is apart.
struct Setup {
    cfg: config::Alert,
    positions: Vec<config::Position>,
    time_zone: String,
}

/// The alerts that a coming event may touch, and which events are open.
pub struct AlertBook {
    setup: Setup,
    held: HashMap<AlertId, Held>,
    by_key: HashMap<String, AlertId>,
    /// Shelved alerts: what they were shelved for stays with them.
    shelves: ByKey,
    /// Alerts that had an event which was over too soon.
    briefs: ByKey,
    carried: Carried,
    open: HashMap<EventId, Open>,
    channels: HashMap<ChannelId, Channel>,
    /// When to look whether an alert can leave the book; in order of time.
    leave: VecDeque<(Mono, AlertId)>,
    sources: Sources,
    outages: Outages,
    incidents: Incidents,
    storms: Storms,
    desks: Desks,
    priorities: Priorities,
    timers: Timers,
    /// Alerts taken up that got another position.
    moved: usize,
    /// What the change under way taught of its source.
    learnt: Option<Learnt>,
    /// When the event under way was.
    at: Mono,
}

/// A change on its way out: the alert, and what its history says of it.
type Told = Vec<(AlertId, Option<AlertHistory>)>;

impl AlertBook {
    /// For one desk, times in UTC.
    pub fn new(cfg: config::Alert) -> Self {
        Self::made(Setup { cfg, positions: Vec::new(), time_zone: "UTC".into() })
    }

    /// With the positions and the time zone of a site.
    pub fn of(config: &Config) -> Self {
        Self::made(Setup {
            cfg: config.alert.clone(),
            positions: config.position.clone(),
            time_zone: config.node.time_zone.clone(),
        })
    }

    fn made(setup: Setup) -> Self {
        Self {
            held: HashMap::new(),
            by_key: HashMap::new(),
            shelves: ByKey::default(),
            briefs: ByKey::default(),
            carried: Carried::default(),
            open: HashMap::new(),
            channels: HashMap::new(),
            leave: VecDeque::new(),
            sources: Sources::default(),
            outages: Outages::default(),
            incidents: Incidents::new(&setup.cfg),
            storms: Storms::default(),
            desks: Desks::new(&setup.positions, &setup.cfg),
            priorities: Priorities::new(&setup.cfg, &setup.time_zone),
            timers: Timers::default(),
            moved: 0,
            learnt: None,
            at: Mono::default(),
            setup,
        }
    }

    fn cfg(&self) -> &config::Alert {
        &self.setup.cfg
    }

    fn join_ms(&self) -> u64 {
        u64::from(self.cfg().join_s) * 1000
    }

    pub fn get(&self, id: AlertId) -> Option<&Alert> {
        self.held.get(&id).map(|h| &h.alert)
    }
    pub fn len(&self) -> usize {
        self.held.len()
    }
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The alert that the event belongs to, after it, and others that it changed. Only the fact's own fields are read, not
    /// its order.
    pub fn on_event(&mut self, event: &EventPayload, channel_name: &str, now: Now) -> Result<Folded, EventRefused> {
        self.on_late_event(event, channel_name, now.mono, now)
    }

    /// The same of an event that was at `at` and comes only now. How long it lasts is measured by that: its end may wait
    /// right behind its start.
    fn on_late_event(
        &mut self,
        event: &EventPayload,
        channel_name: &str,
        at: Mono,
        now: Now,
    ) -> Result<Folded, EventRefused> {
        self.at = at.min(now.mono);
        self.sweep(now);
        let mut told = Told::new();
        let (id, history, limited) = match event.phase {
            Phase::Start if self.open.contains_key(&event.id) => return Err(EventRefused::AlreadyStarted),
            Phase::Start => self.start(event, channel_name, now, &mut told),
            Phase::Update | Phase::End => self.go_on(event, channel_name, now, &mut told)?,
        };
        if let Some(health) = &event.health {
            let desk = self.held.get(&id).map_or(0, |h| h.desk);
            self.outages.note(event, health, (id, desk), now.mono);
        }
        if event.phase == Phase::End && (self.outages.end(event.id, now.mono) || event.health.is_some()) {
            self.explains_no_more(id, now.mono);
        }
        let alert = self.held.get(&id).ok_or(EventRefused::NotOpen)?.alert.clone();
        let learnt = self.learnt.take();
        Ok(Folded { own: AlertChange { alert, history, limited, learnt }, others: self.changes(told) })
    }

    /// What happens by itself: what was held lasts or does not, shelves end, nobody came, floods are over.
    pub fn tick(&mut self, now: Now) -> Vec<AlertChange> {
        self.at = now.mono;
        self.sweep(now);
        let mut told = Told::new();
        self.run_timers(now, &mut told);
        self.changes(told)
    }

    /// When `tick` has something to do.
    pub fn next_tick(&self) -> Option<Mono> {
        self.timers.next()
    }

    /// The alerts as they are now; one that changed twice is told twice, in order.
    fn changes(&self, told: Told) -> Vec<AlertChange> {
        let change = |(id, history): (AlertId, Option<AlertHistory>)| {
            let mut alert = self.held.get(&id)?.alert.clone();
            // The last of several changes carries the alert's own rev.
            alert.rev = history.as_ref().map_or(alert.rev, |h| h.rev);
            Some(AlertChange { alert, history, limited: false, learnt: None })
        };
        told.into_iter().filter_map(change).collect()
    }

    /// Another change of an alert that is held, with its line.
    fn tell(&mut self, id: AlertId, action: &str, note: Option<String>, now: Now, told: &mut Told) {
        let Some(held) = self.held.get_mut(&id) else { return };
        held.untold = false;
        held.alert.rev += 1;
        told.push((id, Some(line(&held.alert, now, None, action, Some(held.alert.state), note))));
    }

    fn go_on(
        &mut self,
        event: &EventPayload,
        channel_name: &str,
        now: Now,
        told: &mut Told,
    ) -> Result<(AlertId, Option<AlertHistory>, bool), EventRefused> {
        let open = self.open.get_mut(&event.id).ok_or(EventRefused::NotOpen)?;
        let id = open.alert;
        let told_of = event.details.as_ref().and_then(|d| d.happenings);
        let more = told_of > open.happenings && open.happenings.is_some();
        let lasts_ms = self.at.since_ms(open.since);
        open.happenings = open.happenings.max(told_of);
        if event.phase == Phase::End {
            self.open.remove(&event.id);
        } else if more {
            return Ok(self.happens_again(id, event, channel_name, now, told));
        } else if self.outlasts_its_shelf(id, event, lasts_ms, now) || self.comes_true_too_late(id, event, now) {
            return Ok(self.goes_its_own_way(id, event, channel_name, Verdict::Row, now, told));
        }
        let held = self.held.get_mut(&id).ok_or(EventRefused::NotOpen)?;
        let alert = &mut held.alert;
        alert.rev += 1;
        if event.phase == Phase::Update {
            touch(alert, event);
            self.goes_on(id, event, now, told);
            return Ok((id, None, false));
        }
        alert.updated = event.times.seen;
        if !only_counts(alert, event) {
            // The last counts.
            alert.details.clone_from(&event.details);
            if !event.media.is_empty() {
                alert.media.clone_from(&event.media);
            }
        }
        self.lets_go(id, now);
        if event.end == Some(EventEnd::Interrupted) {
            self.carries(id, now.mono.plus_ms(self.join_ms()), now.mono);
        }
        self.ends(id, event, now, told);
        let history = self.held.get(&id).map(|h| line(&h.alert, now, None, "event", Some(h.alert.state), None));
        self.close_when_over(id);
        Ok((id, history, false))
    }

    /// How long after the end of its last event an alert takes another.
    fn takes_for_ms(&self, alert: &Alert) -> u64 {
        let (join_ms, cooldown_ms) = (self.join_ms(), u64::from(self.cfg().cooldown_s) * 1000);
        let cools = if alert.handling.showing.how == How::Row {
            // Who crosses a line is where the line is: what comes again is counted with the row that is there.
            evidence::nature(&alert.kind) == evidence::Nature::Moment
        } else {
            alert.handling.chattering
        };
        if cools { join_ms.max(cooldown_ms) } else { join_ms }
    }

    /// One event less of an alert is open.
    fn lets_go(&mut self, id: AlertId, now: Now) {
        let Some(join_ms) = self.held.get(&id).map(|h| self.takes_for_ms(&h.alert)) else { return };
        let Some(held) = self.held.get_mut(&id) else { return };
        let alert = &mut held.alert;
        alert.open_events = alert.open_events.saturating_sub(1);
        alert.last_end = Some(now.wall);
        held.join_until = now.mono.plus_ms(join_ms);
        if alert.open_events == 0 {
            self.leaves_later(id, now.mono);
        }
    }

    /// Takes up what was learnt of a source before.
    pub fn restore(&mut self, learnt: &Learnt, now: Now) {
        match serde_json::from_str(&learnt.kept) {
            Ok(kept) => self.sources.restore(&learnt.key, kept, now),
            Err(_) => self.sources.forgotten += 1,
        }
    }

    /// Takes up how a position stood before; whether its flood is over is looked at at once.
    pub fn restore_position(&mut self, kept: &position::Kept, now: Now) -> serde_json::Result<()> {
        self.desks.restore(kept, now)?;
        if self.desks.any_flooded() {
            self.look_at_floods(now.mono);
        }
        self.digest_timer(now);
        Ok(())
    }

    fn learns(&mut self, key: &str, now: Now) {
        let Some(source) = self.sources.get(key) else { return };
        let kept = serde_json::to_string(&source.kept(now)).unwrap_or_default();
        self.learnt = Some(Learnt { key: key.to_owned(), kept });
    }
}

impl outbox::Fold for AlertBook {
    fn reset(&mut self) {
        let Setup { cfg, positions, time_zone } = &self.setup;
        let setup = Setup { cfg: cfg.clone(), positions: positions.clone(), time_zone: time_zone.clone() };
        // What was learnt of the sources is still true, but for what was learnt of facts that are not written: a disk that
        // fails for a while would make a source chatter by one event that is tried again and again.
        let mut sources = std::mem::take(&mut self.sources);
        sources.unlearn();
        *self = AlertBook { sources, ..AlertBook::made(setup) };
    }
    fn written(&mut self) {
        self.sources.written();
    }
    fn admit(&mut self, alert: Alert, open: &[EventId], now: Now) {
        self.admit(alert, open, now);
    }
    fn remembers_ms(&self) -> u64 {
        let c = self.cfg();
        let windows = [c.join_s, c.cooldown_s, c.flood_window_s, c.incident_s, c.neighbour_s];
        let longest = windows.into_iter().max().unwrap_or(0);
        // A flood that goes on has its digest told to the rows that it began with.
        (u64::from(longest) * 1000).max(3_600_000)
    }
    fn positions(&self) -> Vec<PositionId> {
        self.desks.ids()
    }
    fn holds(&self, alert: AlertId) -> bool {
        self.held.contains_key(&alert)
    }
    fn alert_of(&self, event: EventId) -> Option<AlertId> {
        self.open.get(&event).map(|o| o.alert)
    }
    fn open_events(&self) -> usize {
        self.open.len()
    }
    fn on_event(
        &mut self,
        event: &EventPayload,
        channel_name: &str,
        at: Mono,
        now: Now,
    ) -> Result<Folded, EventRefused> {
        self.on_late_event(event, channel_name, at, now)
    }
    fn act(
        &mut self,
        alert: AlertId,
        wish: &Wish,
        by: By<'_>,
        rev: Option<u64>,
        now: Now,
    ) -> Result<Option<AlertChange>, ActRefused> {
        self.act(alert, wish, by, rev, now)
    }
    fn restore(&mut self, learnt: &Learnt, now: Now) {
        self.restore(learnt, now);
    }
    fn restore_position(&mut self, kept: &position::Kept, now: Now) -> serde_json::Result<()> {
        self.restore_position(kept, now)
    }
    fn tick(&mut self, now: Now) -> Vec<AlertChange> {
        self.tick(now)
    }
    fn next_tick(&self) -> Option<Mono> {
        self.next_tick()
    }
    fn news(&mut self) -> Option<Vec<PositionState>> {
        self.desks.news()
    }
    fn keeps(&mut self) -> Vec<position::Kept> {
        self.desks.keeps()
    }
}

fn takes_events(state: AlertState) -> bool {
    !matches!(state, AlertState::Resolved | AlertState::Closed)
}

/// Whether an event is in the alert of another source, because of its channel's rate, and leaves what that says as it is: a
/// row that a person reads, and whatever tells of a picture that is gone.
fn only_counts(alert: &Alert, event: &EventPayload) -> bool {
    let row = alert.handling.showing.how == How::Row;
    alert.dedupe_key != event.dedupe_key && (row || alert.health.is_some() != event.health.is_some())
}

/// What the latest start or update tells of the alert.
fn touch(alert: &mut Alert, event: &EventPayload) {
    alert.severity = alert.severity.max(event.severity);
    alert.updated = event.times.seen;
    if only_counts(alert, event) {
        return;
    }
    alert.objects.clone_from(&event.objects);
    alert.health.clone_from(&event.health);
    alert.subjects.clone_from(&event.subjects);
    alert.details.clone_from(&event.details);
    if !event.media.is_empty() {
        alert.media.clone_from(&event.media);
    }
}

fn line(
    alert: &Alert,
    now: Now,
    author: Option<UserId>,
    action: &str,
    from: Option<AlertState>,
    note: Option<String>,
) -> AlertHistory {
    AlertHistory { rev: alert.rev, at: now.wall, author, action: action.into(), from, to: alert.state, note }
}

/// So many milliseconds later.
fn later(at: Wall, ms: u64) -> Wall {
    Wall(at.0.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests;
