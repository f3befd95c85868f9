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
mod desk;
mod evidence;
mod explain;
mod incident;
mod priority;
mod show;
mod source;
mod start;
mod state;
mod timer;

use std::collections::{HashMap, VecDeque, hash_map::Entry as Slot};

use self::{
    desk::Desks,
    evidence::Steadiness,
    explain::Outages,
    incident::{Incidents, Storms},
    priority::Priorities,
    source::Sources,
    timer::Timers,
};
pub use desk::DeskNow;
pub use state::possible;

use crate::{
    config::{self, Config},
    outbox::{self, Folded},
    types::{
        AlertId, ChannelId, EventId, Mono, Now, Phase, RuleId, UserId, Wall,
        alert::{ActRefused, Alert, AlertChange, AlertHistory, By, EventRefused, Learnt, Wish},
        handling::{Because, How},
        payload::{AlertState, EventPayload},
    },
};

/// Window of `alert.max_per_channel_per_min`.
const MINUTE_MS: u64 = 60_000;

/// An event whose alert waits to see whether it lasts.
struct Watched {
    event: EventId,
    began: Mono,
    steady: Steadiness,
    because: Because,
}

struct Held {
    alert: Alert,
    /// A new event of the dedupe key joins until then, though none is open.
    join_until: Mono,
    desk: usize,
    /// While it is held.
    watched: Option<Watched>,
    /// Changed since it was last told, in a number only.
    untold: bool,
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
    /// Shelved alerts by dedupe key: what they were shelved for stays with them.
    shelved: HashMap<String, AlertId>,
    open: HashMap<EventId, AlertId>,
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
    /// What the change under way taught of its source.
    learnt: Option<Learnt>,
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
            shelved: HashMap::new(),
            open: HashMap::new(),
            channels: HashMap::new(),
            leave: VecDeque::new(),
            sources: Sources::default(),
            outages: Outages::default(),
            incidents: Incidents::default(),
            storms: Storms::default(),
            desks: Desks::new(&setup.positions, setup.cfg.flood_alerts),
            priorities: Priorities::new(&setup.cfg, &setup.time_zone),
            timers: Timers::default(),
            learnt: None,
            setup,
        }
    }

    fn cfg(&self) -> &config::Alert {
        &self.setup.cfg
    }

    fn join_ms(&self) -> u64 {
        u64::from(self.cfg().join_s) * 1000
    }

    /// Takes up an alert that the store holds. `open`: its events that have not ended.
    pub fn admit(&mut self, mut alert: Alert, open: &[EventId], now: Now) {
        alert.open_events = u32::try_from(open.len()).unwrap_or(u32::MAX);
        // How long ago the last event ended is known by the wall clock only; a clock that was set back counts as now.
        let join_until = match alert.last_end {
            Some(end) => {
                let gone = u64::try_from(now.wall.0.saturating_sub(end.0)).unwrap_or(0);
                (gone <= self.join_ms()).then(|| now.mono.plus_ms(self.join_ms() - gone))
            }
            None => None,
        };
        for event in open {
            self.open.insert(*event, alert.id);
        }
        if !open.is_empty() || join_until.is_some() {
            self.by_key.entry(alert.dedupe_key.clone()).or_insert(alert.id);
        }
        let id = alert.id;
        let named = alert.handling.position.as_ref().and_then(|p| self.desks.index(p));
        let desk = named.unwrap_or_else(|| self.desks.of(&alert.area));
        if alert.handling.shelved.is_some() {
            self.shelved.insert(alert.dedupe_key.clone(), id);
        }
        let join_until = join_until.unwrap_or_default();
        self.held.insert(id, Held { alert, join_until, desk, watched: None, untold: false });
        self.set_timers(id, now);
        self.leave.push_back((now.mono.plus_ms(self.stay_ms()), id));
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
        self.sweep(now);
        let mut told = Told::new();
        let (id, history, limited) = match event.phase {
            Phase::Start if self.open.contains_key(&event.id) => return Err(EventRefused::AlreadyStarted),
            Phase::Start => self.start(event, channel_name, now, &mut told),
            Phase::Update | Phase::End => self.go_on(event, now, &mut told)?,
        };
        if let Some(health) = &event.health {
            self.outages.note(event, health, id, now.mono);
        }
        let alert = self.held.get(&id).ok_or(EventRefused::NotOpen)?.alert.clone();
        let learnt = self.learnt.take();
        Ok(Folded { own: AlertChange { alert, history, limited, learnt }, others: self.changes(told) })
    }

    /// What happens by itself: what was held lasts or does not, shelves end, nobody came, floods are over.
    pub fn tick(&mut self, now: Now) -> Vec<AlertChange> {
        self.sweep(now);
        let mut told = Told::new();
        self.run_timers(now, &mut told);
        self.changes(told)
    }

    /// When `tick` has something to do.
    pub fn next_tick(&self) -> Option<Mono> {
        self.timers.next()
    }

    /// The positions as they are.
    pub fn desks(&self, now: Mono) -> Vec<DeskNow> {
        self.desks.now(now)
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
        now: Now,
        told: &mut Told,
    ) -> Result<(AlertId, Option<AlertHistory>, bool), EventRefused> {
        let id = self.open.get(&event.id).copied().ok_or(EventRefused::NotOpen)?;
        if event.phase == Phase::End {
            self.open.remove(&event.id);
        }
        let held = self.held.get_mut(&id).ok_or(EventRefused::NotOpen)?;
        let alert = &mut held.alert;
        alert.rev += 1;
        if event.phase == Phase::Update {
            touch(alert, event);
            self.goes_on(id, event, now, told);
            return Ok((id, None, false));
        }
        alert.open_events = alert.open_events.saturating_sub(1);
        alert.last_end = Some(now.wall);
        alert.updated = event.times.seen;
        // The last counts.
        alert.details.clone_from(&event.details);
        if !event.media.is_empty() {
            alert.media.clone_from(&event.media);
        }
        self.ends(id, event, now, told);
        let (join_ms, cooldown_ms) = (self.join_ms(), u64::from(self.cfg().cooldown_s) * 1000);
        let leave = (now.mono.plus_ms(self.stay_ms()), id);
        let held = self.held.get_mut(&id).ok_or(EventRefused::NotOpen)?;
        let cools = held.alert.handling.showing.how != How::Row && held.alert.handling.chattering;
        held.join_until = now.mono.plus_ms(if cools { join_ms.max(cooldown_ms) } else { join_ms });
        if held.alert.open_events == 0 {
            self.leave.push_back(leave);
        }
        let history = line(&held.alert, now, None, "event", Some(held.alert.state), None);
        self.close_when_over(id);
        Ok((id, Some(history), false))
    }

    /// Takes up what was learnt of a source before.
    pub fn restore(&mut self, learnt: &Learnt, now: Now) {
        match serde_json::from_str(&learnt.kept) {
            Ok(kept) => self.sources.restore(&learnt.key, kept, now.mono),
            Err(_) => self.sources.forgotten += 1,
        }
    }

    fn learns(&mut self, key: &str) {
        let Some(source) = self.sources.get(key) else { return };
        let kept = serde_json::to_string(&source.kept()).unwrap_or_default();
        self.learnt = Some(Learnt { key: key.to_owned(), kept });
    }

    /// Does a new event of its dedupe key belong to this alert?
    fn joins(&self, id: AlertId, now: Now) -> bool {
        self.held.get(&id).is_some_and(|h| {
            takes_events(h.alert.state)
                && (h.alert.active() || (h.alert.last_end.is_some() && now.mono <= h.join_until))
        })
    }

    /// How long an alert without an open event stays in the book: for joining, and for the channel's rate.
    fn stay_ms(&self) -> u64 {
        self.join_ms().max(MINUTE_MS) + 1
    }

    /// Lets alerts go that no event and no timer can touch any more.
    pub fn sweep(&mut self, now: Now) {
        while let Some((at, id)) = self.leave.front().copied() {
            if at > now.mono {
                break;
            }
            self.leave.pop_front();
            // Newer activity has put it at the end of the queue again; a timer does when it is done.
            let timed = self.timers.has(id);
            let stays =
                |h: &Held| h.alert.active() || timed || (h.alert.last_end.is_some() && now.mono <= h.join_until);
            if let Slot::Occupied(slot) = self.held.entry(id)
                && !stays(slot.get())
            {
                let alert = slot.remove().alert;
                if self.by_key.get(&alert.dedupe_key) == Some(&id) {
                    self.by_key.remove(&alert.dedupe_key);
                }
                if let Slot::Occupied(mut channel) = self.channels.entry(alert.channel) {
                    let c = channel.get_mut();
                    c.latest = c.latest.filter(|l| *l != id);
                    c.latest_of_rule.retain(|_, l| *l != id);
                    c.opened.retain(|t| now.mono.since_ms(*t) < MINUTE_MS);
                    if c.opened.is_empty() && c.latest.is_none() && c.latest_of_rule.is_empty() {
                        channel.remove();
                    }
                }
            }
        }
    }
}

impl outbox::Fold for AlertBook {
    fn reset(&mut self) {
        let Setup { cfg, positions, time_zone } = &self.setup;
        let setup = Setup { cfg: cfg.clone(), positions: positions.clone(), time_zone: time_zone.clone() };
        // What was learnt of the sources is still true.
        let sources = std::mem::take(&mut self.sources);
        *self = AlertBook { sources, ..AlertBook::made(setup) };
    }
    fn admit(&mut self, alert: Alert, open: &[EventId], now: Now) {
        self.admit(alert, open, now);
    }
    fn holds(&self, alert: AlertId) -> bool {
        self.held.contains_key(&alert)
    }
    fn alert_of(&self, event: EventId) -> Option<AlertId> {
        self.open.get(&event).copied()
    }
    fn open_events(&self) -> usize {
        self.open.len()
    }
    fn on_event(&mut self, event: &EventPayload, channel_name: &str, now: Now) -> Result<Folded, EventRefused> {
        self.on_event(event, channel_name, now)
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
    fn tick(&mut self, now: Now) -> Vec<AlertChange> {
        self.tick(now)
    }
    fn next_tick(&self) -> Option<Mono> {
        self.next_tick()
    }
}

fn takes_events(state: AlertState) -> bool {
    !matches!(state, AlertState::Resolved | AlertState::Closed)
}

/// What the latest start or update tells of the alert.
fn touch(alert: &mut Alert, event: &EventPayload) {
    alert.severity = alert.severity.max(event.severity);
    alert.objects.clone_from(&event.objects);
    alert.health.clone_from(&event.health);
    alert.subjects.clone_from(&event.subjects);
    alert.details.clone_from(&event.details);
    if !event.media.is_empty() {
        alert.media.clone_from(&event.media);
    }
    alert.updated = event.times.seen;
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
