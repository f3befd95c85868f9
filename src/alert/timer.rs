//! What happens to an alert by itself, and when. Pure: a queue in order of time; one timer of a kind an alert, so it is
//! bounded by the alerts that are held.

use std::collections::{BTreeSet, HashMap};

use super::{
    AlertBook, Told,
    evidence::{LONGEST_HOLD_MS, Nature, Steadiness, nature},
    hold::Watched,
    later, line, takes_events,
};
use crate::types::{
    AlertId, Mono, Now, Severity, Wall,
    alert::By,
    handling::{Because, Escalation, How},
    payload::{AlertAction, AlertState},
};

/// A row whose count alone changed is told of at most this often.
const TELL_MS: u64 = 10_000;
/// A flood is looked at so often in its window, and never more seldom than this.
const FLOOD_LOOKS: u64 = 20;
const FLOOD_MS: u64 = 30_000;
/// How much longer what is not one thing is held.
const HOLD_ON_MS: u64 = 2_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// It was held; now it has lasted.
    Lasted,
    /// It was never a row and is over.
    Close,
    /// Nobody took it.
    Due,
    /// It comes back from its shelf.
    Shelf,
    /// The row that it was counted under says nothing of it any more.
    Again,
    /// The number of what it stands for changed.
    Tell,
    /// A flood may be over; of no alert.
    Flood,
    /// What a flood came to was told long enough; of no alert.
    Digest,
}

#[derive(Debug, Default)]
pub struct Timers {
    queue: BTreeSet<(Mono, AlertId, Timer)>,
    of: HashMap<(AlertId, Timer), Mono>,
    count: HashMap<AlertId, u32>,
}

/// Floods are of no alert.
fn nobody() -> AlertId {
    AlertId(uuid::Uuid::nil())
}

impl Timers {
    /// Sets or moves a timer.
    pub fn set(&mut self, at: Mono, id: AlertId, timer: Timer) {
        self.clear(id, timer);
        self.queue.insert((at, id, timer));
        self.of.insert((id, timer), at);
        *self.count.entry(id).or_default() += 1;
    }
    pub fn set_once(&mut self, at: Mono, id: AlertId, timer: Timer) {
        if !self.of.contains_key(&(id, timer)) {
            self.set(at, id, timer);
        }
    }
    pub fn clear(&mut self, id: AlertId, timer: Timer) {
        if let Some(at) = self.of.remove(&(id, timer)) {
            self.queue.remove(&(at, id, timer));
            if let Some(n) = self.count.get_mut(&id) {
                *n -= 1;
                if *n == 0 {
                    self.count.remove(&id);
                }
            }
        }
    }
    pub fn has(&self, id: AlertId) -> bool {
        self.count.contains_key(&id)
    }
    pub fn at(&self, id: AlertId, timer: Timer) -> Option<Mono> {
        self.of.get(&(id, timer)).copied()
    }
    pub fn next(&self) -> Option<Mono> {
        self.queue.first().map(|(at, ..)| *at)
    }
    fn pop(&mut self, now: Mono) -> Option<(AlertId, Timer)> {
        let (at, id, timer) = *self.queue.first()?;
        if at > now {
            return None;
        }
        self.clear(id, timer);
        Some((id, timer))
    }
}

impl AlertBook {
    /// The timers that follow from an alert as it is.
    pub(super) fn set_timers(&mut self, id: AlertId, now: Now) {
        let Some(held) = self.held.get_mut(&id) else { return };
        let ms = |from: Wall, to: Wall| u64::try_from(to.0.saturating_sub(from.0)).unwrap_or(0);
        let a = &held.alert;
        let shelf = a.handling.shelved.as_ref().map(|s| (s.until, ms(s.at, s.until)));
        let due = a.escalates().map(|at| (at, self.priorities.due_ms(a.priority())));
        let armed = std::mem::replace(&mut held.armed, [shelf, due].map(|t| t.map(|(at, _)| at)));
        for ((timer, wanted), armed) in [(Timer::Shelf, shelf), (Timer::Due, due)].into_iter().zip(armed) {
            match wanted {
                // Once set it runs by the clock that never jumps.
                Some((at, _)) if armed == Some(at) && self.timers.at(id, timer).is_some() => {}
                // A clock that is years behind, as where it has no battery, makes nothing wait longer than it may.
                Some((at, most)) => self.timers.set(now.mono.plus_ms(ms(now.wall, at).min(most)), id, timer),
                None => self.timers.clear(id, timer),
            }
        }
        self.close_when_over(id);
    }

    /// What was never a row closes by itself when no event can join it any more.
    pub(super) fn close_when_over(&mut self, id: AlertId) {
        let Some(held) = self.held.get(&id) else { return };
        let a = &held.alert;
        let closes = self.cfg().auto_close
            && a.state == AlertState::New
            && !a.active()
            && a.handling.shelved.is_none()
            && matches!(a.handling.showing.how, How::Brief | How::Under)
            && a.priority() != Severity::Critical;
        let at = held.join_until.plus_ms(1);
        if closes {
            self.timers.set(at, id, Timer::Close);
        } else {
            self.timers.clear(id, Timer::Close);
        }
    }

    pub(super) fn flood_timer(&mut self, now: Mono) {
        if self.desks.any_flooded() {
            let look_ms = u64::from(self.cfg().flood_window_s) * 1000 / FLOOD_LOOKS;
            self.timers.set_once(now.plus_ms(look_ms.min(FLOOD_MS)), nobody(), Timer::Flood);
        }
    }

    /// Lets digests go that are old, and sees to the others.
    pub(super) fn digest_timer(&mut self, now: Now) {
        match self.desks.digests_end(now.wall) {
            Some(left_ms) => self.timers.set(now.mono.plus_ms(left_ms), nobody(), Timer::Digest),
            None => self.timers.clear(nobody(), Timer::Digest),
        }
    }

    /// Floods that were taken up may have been over for long.
    pub(super) fn look_at_floods(&mut self, now: Mono) {
        self.timers.set(now, nobody(), Timer::Flood);
    }

    /// A row stands for one more; told a little later, so that a storm under one row is not a storm of messages.
    pub(super) fn tell_later(&mut self, id: AlertId, now: Mono) {
        self.tells_at(id, now.plus_ms(TELL_MS));
    }

    pub(super) fn tells_at(&mut self, id: AlertId, at: Mono) {
        if let Some(held) = self.held.get_mut(&id) {
            held.untold = true;
            self.timers.set_once(at, id, Timer::Tell);
        }
    }

    pub(super) fn run_timers(&mut self, now: Now, told: &mut Told) {
        while let Some((id, timer)) = self.timers.pop(now.mono) {
            match timer {
                Timer::Lasted => self.lasted(id, now, told),
                Timer::Close => self.close_by_rule(id, now, told),
                Timer::Due => self.escalate(id, now, told),
                Timer::Shelf => self.shelf_ends(id, now, told),
                Timer::Again => self.judged_again(id, now, told),
                Timer::Tell => self.tell_number(id, told),
                Timer::Flood => self.flood_ends(now, told),
                Timer::Digest => self.digest_timer(now),
            }
            if self.held.contains_key(&id) {
                self.leaves_later(id, now.mono);
            }
        }
    }

    /// It was held and is still going on.
    fn lasted(&mut self, id: AlertId, now: Now, told: &mut Told) {
        let Some(held) = self.held.get(&id) else { return };
        let waits = held.alert.handling.showing.how == How::Held && takes_events(held.alert.state);
        let Some(watched) = held.watched.as_ref().filter(|_| waits) else { return };
        if !self.has_lasted(id, watched, now.mono.since_ms(watched.began), now) {
            self.timers.set(now.mono.plus_ms(HOLD_ON_MS), id, Timer::Lasted);
            return;
        }
        let steady = watched.steady.clone();
        self.proves(id, &steady, now, told);
        self.tell(id, "shown", None, now, told);
    }

    /// Many boxes that come and go are no one thing; in a storm there is no end to them.
    pub(super) fn has_lasted(&self, id: AlertId, watched: &Watched, lasted_ms: u64, now: Now) -> bool {
        let storms = || self.held.get(&id).is_some_and(|h| self.storms.at(&h.alert.area, now.mono));
        let storm = watched.because != Because::Chattering && storms();
        self.is_one_thing(id, &watched.steady) || (lasted_ms >= LONGEST_HOLD_MS && !storm)
    }

    /// What a rule has waited for was one thing for as long; else its tracks go on.
    fn is_one_thing(&self, id: AlertId, steady: &Steadiness) -> bool {
        steady.is_one_thing() || self.held.get(&id).is_some_and(|h| nature(&h.alert.kind) == Nature::Earned)
    }

    /// One thing that has lasted has proved itself; what only went on and on has not.
    pub(super) fn proves(&mut self, id: AlertId, steady: &Steadiness, now: Now, told: &mut Told) {
        let sure = self.is_one_thing(id, steady);
        if let Some(held) = self.held.get_mut(&id) {
            held.lasted = sure;
        }
        self.show(id, sure, now, told);
    }

    fn close_by_rule(&mut self, id: AlertId, now: Now, told: &mut Told) {
        let Some(held) = self.held.get(&id) else { return };
        if held.alert.active() || held.alert.state != AlertState::New || now.mono <= held.join_until {
            return self.close_when_over(id);
        }
        if self.act(id, &AlertAction::Close.into(), By::Gateway, None, now).is_ok()
            && let Some(held) = self.held.get(&id)
        {
            let note = Some("closed by rule: it is over and was never a row of its own".to_owned());
            told.push((id, Some(line(&held.alert, now, None, "closed", Some(AlertState::New), note))));
        }
    }

    /// Nobody took it in time: first the supervising position hears of it, then the people of the area. Where there is none
    /// above nobody hears of it, and it is overdue.
    fn escalate(&mut self, id: AlertId, now: Now, told: &mut Told) {
        let Some(held) = self.held.get_mut(&id) else { return };
        let a = &mut held.alert;
        let waits = a.state == AlertState::New && a.handling.showing.how == How::Row && a.handling.shelved.is_none();
        if !waits {
            return;
        }
        let level = a.handling.escalated.as_ref().map_or(1, |e| e.level.saturating_add(1));
        let to = self.desks.get(held.desk).escalate_to.clone();
        let next = (level < 2).then(|| later(now.wall, self.priorities.due_ms(a.priority())));
        a.handling.escalated = Some(Escalation { level, to, at: now.wall, next });
        self.tell(id, "escalated", None, now, told);
        self.set_timers(id, now);
    }

    fn shelf_ends(&mut self, id: AlertId, now: Now, told: &mut Told) {
        let Some(held) = self.held.get_mut(&id) else { return };
        if held.alert.handling.shelved.take().is_none() {
            return;
        }
        self.unshelved(id, now);
        self.tell(id, "unshelve", Some("its time on the shelf is over".into()), now, told);
    }

    fn tell_number(&mut self, id: AlertId, told: &mut Told) {
        let Some(held) = self.held.get_mut(&id).filter(|h| h.untold) else { return };
        held.untold = false;
        held.alert.rev += 1;
        told.push((id, None));
    }

    /// The digest of a flood stands in the history of each row that took others.
    fn flood_ends(&mut self, now: Now, told: &mut Told) {
        for flood in self.desks.ended(now) {
            let mut leads: Vec<_> = flood.leads.into_iter().map(|(id, lead)| (id, lead.under)).collect();
            leads.sort_unstable();
            for (id, under) in leads {
                let note = format!(
                    "the flood since {} is over: {under} of its {} folded alerts are under this row; {} rows were shown",
                    flood.since.to_rfc3339(),
                    flood.collapsed,
                    flood.rows
                );
                self.tell(id, "digest", Some(note), now, told);
            }
        }
        self.flood_timer(now.mono);
        self.digest_timer(now);
    }
}
