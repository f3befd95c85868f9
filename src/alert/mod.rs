//! Events become alerts: what an operator handles is a happening, not each of its flickers.
//!
//! In go events (start, update, end) and people's actions, each with the time as an argument; out comes the alert
//! whole, after the change, with the line for its history. An event joins the open alert of its dedupe key while that
//! alert is active or its last event ended no longer ago than `alert.join_s`; a channel that opens too many alerts has
//! its further events join its latest alert of the same rule, counted. Every start and end finds its alert: nothing is
//! dropped here, and an event that starts twice or ends without having started is refused.
//!
//! Pure: no I/O, no clock, no lock. The book holds only alerts that a coming event may still touch; the others lie in
//! the store, and the ledger brings one back (`admit`) when somebody acts on it.

mod state;

use std::collections::{HashMap, VecDeque, hash_map::Entry as Slot};

pub use state::possible;

use crate::{
    config, outbox,
    types::{
        AlertId, ChannelId, EventId, Mono, Now, Phase, RuleId, UserId,
        alert::{ActRefused, Alert, AlertChange, AlertHistory, By, EventRefused, MAX_NOTE},
        payload::{AlertAction, AlertState, EventPayload},
    },
};

/// Window of `alert.max_per_channel_per_min`.
const MINUTE_MS: u64 = 60_000;
struct Held {
    alert: Alert,
    /// A new event of the dedupe key joins until then, though none is open.
    join_until: Mono,
}

#[derive(Default)]
struct Channel {
    /// When its alerts of the last minute were opened.
    opened: VecDeque<Mono>,
    latest: Option<AlertId>,
    latest_of_rule: HashMap<RuleId, AlertId>,
}

/// The alerts that a coming event may touch, and which events are open.
pub struct AlertBook {
    cfg: config::Alert,
    held: HashMap<AlertId, Held>,
    by_key: HashMap<String, AlertId>,
    open: HashMap<EventId, AlertId>,
    channels: HashMap<ChannelId, Channel>,
    /// When to look whether an alert can leave the book; in order of time.
    leave: VecDeque<(Mono, AlertId)>,
}

impl AlertBook {
    pub fn new(cfg: config::Alert) -> Self {
        Self {
            cfg,
            held: HashMap::new(),
            by_key: HashMap::new(),
            open: HashMap::new(),
            channels: HashMap::new(),
            leave: VecDeque::new(),
        }
    }

    fn join_ms(&self) -> u64 {
        u64::from(self.cfg.join_s) * 1000
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
        let join_until = join_until.unwrap_or_default();
        self.held.insert(id, Held { alert, join_until });
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

    /// The alert that the event belongs to, after it. Only the fact's own fields are read, not its order.
    pub fn on_event(
        &mut self,
        event: &EventPayload,
        channel_name: &str,
        now: Now,
    ) -> Result<AlertChange, EventRefused> {
        self.sweep(now);
        match event.phase {
            Phase::Start if self.open.contains_key(&event.id) => Err(EventRefused::AlreadyStarted),
            Phase::Start => Ok(self.start(event, channel_name, now)),
            Phase::Update | Phase::End => self.go_on(event, now),
        }
    }

    fn start(&mut self, event: &EventPayload, channel_name: &str, now: Now) -> AlertChange {
        let same = self.by_key.get(&event.dedupe_key).copied().filter(|id| self.joins(*id, now));
        let limited = if same.is_none() { self.over_the_limit(event, now) } else { None };
        let (id, is_limited) = match (same, limited) {
            (Some(id), _) => (id, false),
            (None, Some(id)) => (id, true),
            (None, None) => return self.open_alert(event, channel_name, now),
        };
        self.open.insert(event.id, id);
        let Some(held) = self.held.get_mut(&id) else { return self.open_alert(event, channel_name, now) };
        let alert = &mut held.alert;
        alert.rev += 1;
        alert.events += 1;
        alert.open_events += 1;
        alert.limited += u64::from(is_limited);
        alert.last_event = event.id;
        touch(alert, event);
        let history = Some(line(alert, now, None, "event", Some(alert.state), None));
        AlertChange { alert: alert.clone(), history, limited: is_limited }
    }

    fn open_alert(&mut self, event: &EventPayload, channel_name: &str, now: Now) -> AlertChange {
        let id = AlertId::at(now.wall.0);
        let alert = Alert {
            id,
            rev: 1,
            channel: event.channel.clone(),
            channel_name: channel_name.to_owned(),
            area: event.area.clone(),
            kind: event.kind.clone(),
            state: AlertState::New,
            severity: event.severity,
            rule: event.rule.clone(),
            zone: event.zone.clone(),
            dedupe_key: event.dedupe_key.clone(),
            incident: event.incident,
            first_event: event.id,
            last_event: event.id,
            events: 1,
            opened: event.times.seen,
            updated: event.times.seen,
            owner: None,
            objects: event.objects.clone(),
            media: event.media.clone(),
            health: event.health.clone(),
            subjects: event.subjects.clone(),
            details: event.details.clone(),
            open_events: 1,
            last_end: None,
            limited: 0,
        };
        self.open.insert(event.id, id);
        self.by_key.insert(event.dedupe_key.clone(), id);
        let channel = self.channels.entry(event.channel.clone()).or_default();
        channel.opened.push_back(now.mono);
        channel.latest = Some(id);
        channel.latest_of_rule.insert(event.rule.id.clone(), id);
        let history = Some(line(&alert, now, None, "opened", None, None));
        self.held.insert(id, Held { alert: alert.clone(), join_until: Mono::default() });
        AlertChange { alert, history, limited: false }
    }

    fn go_on(&mut self, event: &EventPayload, now: Now) -> Result<AlertChange, EventRefused> {
        let id = self.open.get(&event.id).copied().ok_or(EventRefused::NotOpen)?;
        let join_until = now.mono.plus_ms(self.join_ms());
        let leave = (now.mono.plus_ms(self.stay_ms()), id);
        let held = self.held.get_mut(&id).ok_or(EventRefused::NotOpen)?;
        let alert = &mut held.alert;
        alert.rev += 1;
        let mut history = None;
        if event.phase == Phase::End {
            self.open.remove(&event.id);
            alert.open_events = alert.open_events.saturating_sub(1);
            alert.last_end = Some(now.wall);
            alert.updated = event.times.seen;
            // The last counts.
            alert.details.clone_from(&event.details);
            if !event.media.is_empty() {
                alert.media.clone_from(&event.media);
            }
            held.join_until = join_until;
            if alert.open_events == 0 {
                self.leave.push_back(leave);
            }
            history = Some(line(alert, now, None, "event", Some(alert.state), None));
        } else {
            touch(alert, event);
        }
        Ok(AlertChange { alert: alert.clone(), history, limited: false })
    }

    /// Does a new event of its dedupe key belong to this alert?
    fn joins(&self, id: AlertId, now: Now) -> bool {
        self.held.get(&id).is_some_and(|h| {
            takes_events(h.alert.state)
                && (h.alert.active() || (h.alert.last_end.is_some() && now.mono <= h.join_until))
        })
    }

    /// The alert that takes the event because its channel opened too many in the last minute.
    fn over_the_limit(&mut self, event: &EventPayload, now: Now) -> Option<AlertId> {
        let channel = self.channels.get_mut(&event.channel)?;
        while channel.opened.front().is_some_and(|t| now.mono.since_ms(*t) >= MINUTE_MS) {
            channel.opened.pop_front();
        }
        if channel.opened.len() < self.cfg.max_per_channel_per_min as usize {
            return None;
        }
        // All of them may be resolved by now: then a new alert is the only way not to lose the event.
        [channel.latest_of_rule.get(&event.rule.id).copied(), channel.latest]
            .into_iter()
            .flatten()
            .find(|id| self.held.get(id).is_some_and(|h| takes_events(h.alert.state)))
    }

    /// A person's action, or the gateway's own. `Ok(None)`: it is so already, by the same author.
    pub fn act(
        &mut self,
        id: AlertId,
        action: AlertAction,
        by: By<'_>,
        rev: Option<u64>,
        note: Option<String>,
        now: Now,
    ) -> Result<Option<AlertChange>, ActRefused> {
        let alert = &mut self.held.get_mut(&id).ok_or(ActRefused::Absent)?.alert;
        if let Some(n) = note.as_ref().map(|n| n.chars().count()).filter(|n| *n > MAX_NOTE) {
            return Err(ActRefused::Note(n));
        }
        let taken = matches!(alert.state, AlertState::Acknowledged | AlertState::Dispatched);
        if action == AlertAction::Acknowledge
            && taken
            && let (Some(owner), By::User(author)) = (&alert.owner, by)
        {
            if owner != author {
                return Err(ActRefused::Taken { owner: owner.clone() });
            }
            if alert.state == AlertState::Acknowledged {
                return Ok(None);
            }
        }
        if let Some(seen) = rev
            && seen != alert.rev
        {
            return Err(ActRefused::Rev { seen, now: alert.rev });
        }
        let from = alert.state;
        let Some(to) = state::next(from, action, by) else {
            let names: Vec<_> = possible(from).iter().map(|a| a.as_str()).collect();
            let possible = if names.is_empty() { "nothing, it is final".into() } else { names.join(", ") };
            return Err(ActRefused::State { state: from, action, possible });
        };
        alert.rev += 1;
        alert.state = to;
        match action {
            AlertAction::Acknowledge => alert.owner = by.user(),
            AlertAction::Release => alert.owner = None,
            AlertAction::Dispatch | AlertAction::Resolve | AlertAction::Close => {}
        }
        let history = Some(line(alert, now, by.user(), action.as_str(), Some(from), note));
        Ok(Some(AlertChange { alert: alert.clone(), history, limited: false }))
    }

    /// How long an alert without an open event stays in the book: for joining, and for the channel's rate.
    fn stay_ms(&self) -> u64 {
        self.join_ms().max(MINUTE_MS) + 1
    }

    /// Lets alerts go that no event can touch any more.
    pub fn sweep(&mut self, now: Now) {
        while let Some((at, id)) = self.leave.front().copied() {
            if at > now.mono {
                break;
            }
            self.leave.pop_front();
            // Newer activity has put it at the end of the queue again.
            let stays = |h: &Held| h.alert.active() || (h.alert.last_end.is_some() && now.mono <= h.join_until);
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
        *self = AlertBook::new(self.cfg.clone());
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
    fn on_event(&mut self, event: &EventPayload, channel_name: &str, now: Now) -> Result<AlertChange, EventRefused> {
        self.on_event(event, channel_name, now)
    }
    fn act(
        &mut self,
        alert: AlertId,
        action: AlertAction,
        by: By<'_>,
        rev: Option<u64>,
        note: Option<String>,
        now: Now,
    ) -> Result<Option<AlertChange>, ActRefused> {
        self.act(alert, action, by, rev, note, now)
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

#[cfg(test)]
mod tests;
